//! Leaving, in the opposite order of starting: nothing new, what runs ends, what was decided goes out, then the rest.

use std::process::ExitCode;
use std::time::Duration;

use signalbox_intake::Intake;
use signalbox_trigger_kafka::KafkaConsumer;
use signalbox_trigger_websocket::WebSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::shutdown::{self, Request, Signals};

/// What has to end.
pub struct Running {
    /// Coordinators' connections.
    pub websocket: WebSocket,
    /// Reads Kafka, if anything is to be read.
    pub kafka: Option<KafkaConsumer>,
    /// Fires schedules until `leaving` says so, and ends once what it has claimed is accepted.
    pub scheduler: JoinHandle<()>,
    /// Inputs that are being decided.
    pub intake: Intake,
    /// Cancelled first: readiness goes, and nothing new is taken up.
    pub leaving: CancellationToken,
    /// Cancelled once nothing more can be decided: what is left is delivered and the rest ends.
    pub gone: CancellationToken,
    /// What ends when `gone` says so.
    pub tasks: Vec<JoinHandle<()>>,
}

/// Goes on as ever while `/readyz` says otherwise, until balancers have seen it; one more signal ends the wait.
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

/// Ends everything within the deadline; the exit code says whether anything was left.
pub async fn in_order(deadline: Duration, running: Running) -> ExitCode {
    let until = Instant::now() + deadline;
    tracing::info!(deadline = ?deadline, "leaving: no new work, running decisions finish");
    running.leaving.cancel();
    // While inputs are still accepted, so that no tick is left half fired; what cannot end in time is another host's.
    let ticking = timeout_at(until, running.scheduler).await.is_err();
    let left = until.saturating_duration_since(Instant::now());
    let kafka = async {
        match running.kafka {
            Some(kafka) => kafka.leave(left).await,
            None => 0,
        }
    };
    // While inputs are still decided, so that what runs is finished and committed.
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
