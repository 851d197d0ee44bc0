//! Signals. SIGTERM shuts down in order; SIGINT does so without a time in which only `/readyz` says no; each further
//! signal skips the wait that the one before began. SIGHUP reads again.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Everything ended as it should.
pub const DONE: ExitCode = ExitCode::SUCCESS;
/// The host could not start, or a command failed; the reason is on standard error.
pub const FAILED: ExitCode = ExitCode::FAILURE;
/// The shutdown deadline passed with work unfinished; inputs that were acknowledged are decided after the next start.
pub const UNFINISHED: u8 = 3;
/// One more signal ended the process at once.
pub const INTERRUPTED: i32 = 130;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Shut down in order, after the load balancers had time to stop sending.
    Leave,
    /// Shut down in order at once: a person at a terminal waits for it.
    LeaveNow,
    /// Read again the parts that can change.
    Reload,
}

/// The signals that this process receives.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on signals no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next request.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Leave,
            _ = self.interrupt.recv() => Request::LeaveNow,
            _ = self.hangup.recv() => Request::Reload,
        }
    }

    /// Ends the process at the next request to leave.
    pub fn end_at_next(mut self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            while self.next().await == Request::Reload {}
            tracing::warn!("one more signal: leaving at once; what was acknowledged is decided at the next start");
            std::process::exit(INTERRUPTED);
        })
    }
}
