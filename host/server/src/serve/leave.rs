//! Shuts down in the opposite order of starting: nothing new is accepted, running work ends, decided effects are
//! delivered, then the rest ends.

use std::process::ExitCode;
use std::time::Duration;

use signalbox_intake::Intake;
use signalbox_trigger_kafka::KafkaConsumer;
use signalbox_trigger_websocket::WebSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::shutdown::{self, Request, Signals};

/// The parts that have to end.
pub struct Running {
    /// Coordinators' connections.
    pub websocket: WebSocket,
    /// The reader of Kafka, if it runs.
    pub kafka: Option<KafkaConsumer>,
    /// Fires schedules until `leaving` is cancelled, and ends once the ticks that it has claimed are accepted.
    pub scheduler: JoinHandle<()>,
    /// Inputs that are being decided.
    pub intake: Intake,
    /// Cancelled first: `/readyz` answers 503, and nothing new is taken up.
    pub leaving: CancellationToken,
    /// Cancelled once nothing more can be decided: remaining effects are delivered and the other tasks end.
    pub gone: CancellationToken,
    /// The tasks that end when `gone` is cancelled.
    pub tasks: Vec<JoinHandle<()>>,
}

/// Keeps serving while `/readyz` answers 503, so that load balancers stop sending; a further signal ends the wait.
pub async fn serve_on(delay: Duration, signals: &mut Signals) {
    if delay.is_zero() {
        return;
    }
    tracing::info!(?delay, "not ready any more: serving on until balancers have noticed");
    let again = async { while signals.next().await == Request::Reload {} };
    if timeout(delay, again).await.is_ok() {
        tracing::info!("one more signal: no longer waiting for balancers");
    }
}

/// Ends everything within the deadline; the exit code says whether any work was left.
pub async fn in_order(deadline: Duration, running: Running) -> ExitCode {
    let until = Instant::now() + deadline;
    tracing::info!(deadline = ?deadline, "leaving: no new work, running decisions finish");
    running.leaving.cancel();
    // The scheduler ends while inputs are still accepted, so that no tick is half fired; another host takes up ticks
    // that cannot end in time.
    let ticking = timeout_at(until, running.scheduler).await.is_err();
    let left = until.saturating_duration_since(Instant::now());
    let kafka = async {
        match running.kafka {
            Some(kafka) => kafka.leave(left).await,
            None => 0,
        }
    };
    // Kafka and the WebSockets end while inputs are still decided, so that running work is finished and committed.
    let (records, sockets) = tokio::join!(kafka, running.websocket.drain(left));
    let inputs = running.intake.drain(until.saturating_duration_since(Instant::now())).await;
    running.gone.cancel();
    let mut late = usize::from(ticking);
    for task in running.tasks {
        if timeout_at(until, task).await.is_err() {
            late += 1;
        }
    }
    if records + sockets + inputs + late == 0 {
        tracing::info!("left with everything finished");
        return shutdown::DONE;
    }
    tracing::warn!(
        records,
        sockets,
        inputs,
        tasks = late,
        "the shutdown deadline has passed; what was acknowledged is decided and delivered at the next start"
    );
    ExitCode::from(shutdown::UNFINISHED)
}
