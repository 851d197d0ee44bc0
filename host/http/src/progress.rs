//! How far a connection is with its requests: decides how long it is borne, and whether its permit may be given away.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection_limit::{ConnectionLimit, ConnectionPermit, IdleTicket};

/// Shared by those who see parts of it: the stream sees bytes come, the service sees requests and answers, and whoever
/// drives the connection sees the time.
pub(super) struct ConnectionProgress {
    limit: ConnectionLimit,
    address: IpAddr,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Cancelled when the connection is to end after the request under way.
    end: CancellationToken,
    /// Whether the next byte makes a difference; asked for every read, so that most reads take no lock.
    awaits_byte: AtomicBool,
    /// Until the connection is over, or no longer one of HTTP.
    is_http: AtomicBool,
    /// Whether the head of a request says in two ways how long its body is.
    is_ambiguous: AtomicBool,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    permit: Option<ConnectionPermit>,
    /// Whether the latest answer was given before its request was read to the end.
    unread: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The head of a request is awaited, or comes in.
    Head { since: Instant, begun: bool },
    /// A request is being answered.
    Serving,
    /// The last request is answered, and nothing of the next has come. Whose permit is kept has a ticket for it.
    Idle { since: Instant, ticket: Option<IdleTicket> },
    /// The connection is over, or no longer one of HTTP.
    Over,
}

/// What has taken too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request: there is nothing to wait for.
    Head,
    /// The next request: the connection may end in peace.
    Idle,
}

impl ConnectionProgress {
    /// Of a connection that was accepted just now.
    pub fn new(
        limit: ConnectionLimit,
        permit: ConnectionPermit,
        address: IpAddr,
        header_timeout: Duration,
        idle_timeout: Duration,
        end: CancellationToken,
    ) -> Arc<Self> {
        let stage = Stage::Head { since: Instant::now(), begun: false };
        let state = Mutex::new(State { stage, permit: Some(permit), unread: false });
        Arc::new(Self {
            limit,
            address,
            header_timeout,
            idle_timeout,
            end,
            awaits_byte: AtomicBool::new(true),
            is_http: AtomicBool::new(true),
            is_ambiguous: AtomicBool::new(false),
            state,
        })
    }

    /// Cancelled when the connection is to end.
    pub fn end(&self) -> &CancellationToken {
        &self.end
    }

    /// Bytes have come. Empty lines between requests begin none, RFC 9112, 2.2.
    pub fn heard(&self, bytes: &[u8]) {
        if !self.awaits_byte.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        match state.stage {
            Stage::Head { since, .. } => state.stage = Stage::Head { since, begun: true },
            Stage::Idle { .. } if bytes.iter().all(|byte| b"\r\n".contains(byte)) => return,
            Stage::Idle { .. } => {
                self.claim(&mut state);
                state.stage = Stage::Head { since: Instant::now(), begun: true };
            }
            Stage::Serving | Stage::Over => {}
        }
        self.awaits_byte.store(false, Ordering::Relaxed);
    }

    /// Whether the bytes that come are those of HTTP.
    pub fn is_http(&self) -> bool {
        self.is_http.load(Ordering::Relaxed)
    }

    /// The head of a request says in two ways how long its body is.
    pub fn found_ambiguous(&self) {
        self.is_ambiguous.store(true, Ordering::Relaxed);
    }

    /// Whether one did since the connection began.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.load(Ordering::Relaxed)
    }

    /// The head of a request is complete.
    pub fn asked(&self) {
        let mut state = self.state();
        self.claim(&mut state);
        state.stage = Stage::Serving;
        state.unread = false;
        self.awaits_byte.store(false, Ordering::Relaxed);
    }

    /// The answer is given although the request has not been read to its end, so that the connection has to end with
    /// it.
    pub fn answered_unread(&self) {
        self.state().unread = true;
    }

    /// The answer has been handed over to be written.
    pub fn answered(&self) {
        let mut state = self.state();
        if state.stage != Stage::Serving {
            return;
        }
        let ticket = state.permit.take().map(|permit| self.limit.keep_idle(self.address, permit, self.end.clone()));
        state.stage = Stage::Idle { since: Instant::now(), ticket };
        self.awaits_byte.store(true, Ordering::Relaxed);
    }

    /// From now on the connection has as long to end as the head of a request has to come.
    pub fn ending(&self) {
        let mut state = self.state();
        self.claim(&mut state);
        state.stage = Stage::Head { since: Instant::now(), begun: false };
        self.awaits_byte.store(true, Ordering::Relaxed);
    }

    /// The connection is over, or no longer one of HTTP; its permit is free.
    pub fn over(&self) {
        let mut state = self.state();
        self.claim(&mut state);
        state.permit = None;
        state.stage = Stage::Over;
        self.awaits_byte.store(false, Ordering::Relaxed);
        self.is_http.store(false, Ordering::Relaxed);
    }

    /// Until when the client has to do something, and what it is late with then.
    pub fn deadline(&self) -> Option<(Instant, Overdue)> {
        let (since, time, overdue) = match self.state().stage {
            Stage::Head { since, .. } => (since, self.header_timeout, Overdue::Head),
            Stage::Idle { since, .. } => (since, self.idle_timeout, Overdue::Idle),
            Stage::Serving | Stage::Over => return None,
        };
        // So far away that it cannot be told is as good as never.
        since.checked_add(time).map(|deadline| (deadline, overdue))
    }

    /// Whether the client may still be sending what nobody reads.
    pub fn may_be_sending(&self) -> bool {
        let state = self.state();
        state.unread || matches!(state.stage, Stage::Head { begun: true, .. })
    }

    fn claim(&self, state: &mut State) {
        if let Stage::Idle { ticket: Some(ticket), .. } = state.stage {
            // Without its permit the connection has been told to end, and does so after this request.
            state.permit = self.limit.resume(ticket);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "192.0.2.1";

    fn progress(limit: &ConnectionLimit) -> Arc<ConnectionProgress> {
        let address: IpAddr = ADDRESS.parse().unwrap();
        let permit = limit.acquire(address).unwrap();
        let (head, idle) = (Duration::from_secs(10), Duration::from_secs(600));
        ConnectionProgress::new(limit.clone(), permit, address, head, idle, CancellationToken::new())
    }

    fn late_with(progress: &ConnectionProgress) -> Option<Overdue> {
        progress.deadline().map(|(_, overdue)| overdue)
    }

    #[tokio::test]
    async fn a_request_is_awaited_longer_than_its_head_may_take() {
        let limit = ConnectionLimit::new(1, 1);
        let progress = progress(&limit);
        assert_eq!(late_with(&progress), Some(Overdue::Head), "before the first request");
        assert!(!progress.may_be_sending());
        progress.heard(b"G");
        assert!(progress.may_be_sending());
        progress.asked();
        assert_eq!(late_with(&progress), None);
        progress.answered();
        assert_eq!(late_with(&progress), Some(Overdue::Idle));
        let idle = progress.deadline().unwrap().0;
        progress.heard(b"G");
        let (head, overdue) = progress.deadline().unwrap();
        assert!(overdue == Overdue::Head && head < idle, "the first byte begins the head");
        progress.heard(b"G");
        assert_eq!(progress.deadline().unwrap().0, head, "more bytes do not prolong it");
    }

    #[tokio::test]
    async fn an_empty_line_between_requests_leaves_a_connection_idle_and_its_place_to_be_given_away() {
        let limit = ConnectionLimit::new(1, 1);
        let progress = progress(&limit);
        progress.asked();
        progress.answered();
        let idle = progress.deadline().unwrap();
        for empty in [&b"\r\n"[..], b"\r", b"\n", b"\r\n\r\n"] {
            progress.heard(empty);
            assert_eq!(progress.deadline(), Some(idle), "{empty:?}");
        }
        progress.heard(b"\r\nGET");
        assert_eq!(late_with(&progress), Some(Overdue::Head), "a request has begun");
        progress.asked();
        progress.answered();
        progress.heard(b"\r\n");
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_ok(), "it is idle for a newcomer too");
    }

    #[tokio::test]
    async fn an_idle_connection_whose_permit_was_given_away_is_told_to_end_and_frees_nothing_of_others() {
        let limit = ConnectionLimit::new(1, 1);
        let progress = progress(&limit);
        progress.asked();
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_err(), "whoever is being answered keeps the permit");
        progress.answered();
        let newcomer = limit.acquire(ADDRESS.parse().unwrap()).unwrap();
        assert!(progress.end().is_cancelled());
        progress.asked();
        progress.answered();
        progress.over();
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_err(), "the newcomer's permit");
        drop(newcomer);
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_ok());
    }
}
