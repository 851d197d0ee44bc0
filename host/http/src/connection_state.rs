//! How far a connection is with its requests. Its timeout follows from that, and whether a new connection may take its
//! permit.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection_limit::{ConnectionLimit, ConnectionPermit, IdleTicket};

/// Shared by the stream, which reports the bytes that are read, the service, which reports requests and responses, and
/// the connection's task, which keeps the timeouts.
pub(super) struct ConnectionState {
    limit: ConnectionLimit,
    address: IpAddr,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Cancelled when the connection has to close after the request that it is handling.
    shutdown: CancellationToken,
    /// Whether the next byte changes the phase. It is asked at every read, so that most reads take no lock.
    awaits_first_byte: AtomicBool,
    /// Until the connection is closed or upgraded.
    is_http: AtomicBool,
    /// Whether a request of the connection had both `Content-Length` and `Transfer-Encoding`.
    is_ambiguous: AtomicBool,
    locked: Mutex<LockedState>,
}

struct LockedState {
    phase: RequestPhase,
    permit: Option<ConnectionPermit>,
    /// Whether the latest response was sent before the body of its request was read to the end.
    has_unread_body: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestPhase {
    /// The head of a request is awaited or being read.
    ReadingHead { since: Instant, has_begun: bool },
    /// A request is being handled.
    Handling,
    /// The last response is complete, and no byte of the next request has come. The ticket is for the connection's
    /// permit, if it had one.
    Idle { since: Instant, ticket: Option<IdleTicket> },
    /// The connection is closed or upgraded.
    Ended,
}

/// What a timeout limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeoutKind {
    /// The time for the head of a request. When it has passed, the connection is dropped.
    RequestHead,
    /// The time between two requests. When it has passed, the connection is shut down gracefully.
    Idle,
}

impl ConnectionState {
    /// The state of a connection that has just been accepted.
    pub fn new(
        limit: ConnectionLimit,
        permit: ConnectionPermit,
        address: IpAddr,
        header_timeout: Duration,
        idle_timeout: Duration,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let phase = RequestPhase::ReadingHead { since: Instant::now(), has_begun: false };
        let locked = Mutex::new(LockedState { phase, permit: Some(permit), has_unread_body: false });
        Arc::new(Self {
            limit,
            address,
            header_timeout,
            idle_timeout,
            shutdown,
            awaits_first_byte: AtomicBool::new(true),
            is_http: AtomicBool::new(true),
            is_ambiguous: AtomicBool::new(false),
            locked,
        })
    }

    /// Cancelled when the connection has to close after the request that it is handling.
    pub fn shutdown_token(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Bytes were read. Empty lines before a request are not part of it, RFC 9112, 2.2.
    pub fn on_bytes_read(&self, bytes: &[u8]) {
        if !self.awaits_first_byte.load(Ordering::Relaxed) {
            return;
        }
        let mut locked = self.lock();
        match locked.phase {
            RequestPhase::ReadingHead { since, .. } => {
                locked.phase = RequestPhase::ReadingHead { since, has_begun: true };
            }
            RequestPhase::Idle { .. } if bytes.iter().all(|byte| b"\r\n".contains(byte)) => return,
            RequestPhase::Idle { .. } => {
                self.resume_permit(&mut locked);
                locked.phase = RequestPhase::ReadingHead { since: Instant::now(), has_begun: true };
            }
            RequestPhase::Handling | RequestPhase::Ended => {}
        }
        self.awaits_first_byte.store(false, Ordering::Relaxed);
    }

    /// Whether the bytes of the connection are still HTTP.
    pub fn is_http(&self) -> bool {
        self.is_http.load(Ordering::Relaxed)
    }

    /// A request has both `Content-Length` and `Transfer-Encoding`.
    pub fn set_ambiguous(&self) {
        self.is_ambiguous.store(true, Ordering::Relaxed);
    }

    /// Whether a request of the connection had both `Content-Length` and `Transfer-Encoding`.
    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.load(Ordering::Relaxed)
    }

    /// The head of a request is complete.
    pub fn on_request_head(&self) {
        let mut locked = self.lock();
        self.resume_permit(&mut locked);
        locked.phase = RequestPhase::Handling;
        locked.has_unread_body = false;
        self.awaits_first_byte.store(false, Ordering::Relaxed);
    }

    /// The body of the request is not read to its end, so the connection has to close after the response.
    pub fn on_body_left_unread(&self) {
        self.lock().has_unread_body = true;
    }

    /// The response is complete in the write buffer.
    pub fn on_response_complete(&self) {
        let mut locked = self.lock();
        if locked.phase != RequestPhase::Handling {
            return;
        }
        let keep = |permit| self.limit.keep_idle(self.address, permit, self.shutdown.clone());
        let ticket = locked.permit.take().map(keep);
        locked.phase = RequestPhase::Idle { since: Instant::now(), ticket };
        self.awaits_first_byte.store(true, Ordering::Relaxed);
    }

    /// The idle connection is shut down; the header timeout limits how long that may take.
    pub fn on_shutdown(&self) {
        let mut locked = self.lock();
        self.resume_permit(&mut locked);
        locked.phase = RequestPhase::ReadingHead { since: Instant::now(), has_begun: false };
        self.awaits_first_byte.store(true, Ordering::Relaxed);
    }

    /// The connection is closed or upgraded; its permit is released.
    pub fn on_end(&self) {
        let mut locked = self.lock();
        self.resume_permit(&mut locked);
        locked.permit = None;
        locked.phase = RequestPhase::Ended;
        self.awaits_first_byte.store(false, Ordering::Relaxed);
        self.is_http.store(false, Ordering::Relaxed);
    }

    /// When the current timeout passes, and what it limits; none while there is no timeout.
    pub fn deadline(&self) -> Option<(Instant, TimeoutKind)> {
        let (since, timeout, kind) = match self.lock().phase {
            RequestPhase::ReadingHead { since, .. } => (since, self.header_timeout, TimeoutKind::RequestHead),
            RequestPhase::Idle { since, .. } => (since, self.idle_timeout, TimeoutKind::Idle),
            RequestPhase::Handling | RequestPhase::Ended => return None,
        };
        // A deadline that the clock cannot represent never passes.
        since.checked_add(timeout).map(|deadline| (deadline, kind))
    }

    /// Whether the client may still be sending a request that the host does not read.
    pub fn client_may_be_sending(&self) -> bool {
        let locked = self.lock();
        locked.has_unread_body || matches!(locked.phase, RequestPhase::ReadingHead { has_begun: true, .. })
    }

    /// Takes the permit of an idle connection back, unless a new connection has it.
    fn resume_permit(&self, locked: &mut LockedState) {
        if let RequestPhase::Idle { ticket: Some(ticket), .. } = locked.phase {
            // A connection without its permit has been told to shut down, and does so after this request.
            locked.permit = self.limit.resume(ticket);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LockedState> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "192.0.2.1";

    fn connection(limit: &ConnectionLimit) -> Arc<ConnectionState> {
        let address: IpAddr = ADDRESS.parse().unwrap();
        let permit = limit.acquire(address).unwrap();
        let (header_timeout, idle_timeout) = (Duration::from_secs(10), Duration::from_secs(600));
        let shutdown = CancellationToken::new();
        ConnectionState::new(limit.clone(), permit, address, header_timeout, idle_timeout, shutdown)
    }

    fn timeout(connection: &ConnectionState) -> Option<TimeoutKind> {
        connection.deadline().map(|(_, kind)| kind)
    }

    #[tokio::test]
    async fn the_idle_timeout_holds_between_requests_and_the_header_timeout_from_the_first_byte() {
        let limit = ConnectionLimit::new(1, 1);
        let connection = connection(&limit);
        assert_eq!(timeout(&connection), Some(TimeoutKind::RequestHead), "before the first request");
        assert!(!connection.client_may_be_sending());
        connection.on_bytes_read(b"G");
        assert!(connection.client_may_be_sending());
        connection.on_request_head();
        assert_eq!(timeout(&connection), None);
        connection.on_response_complete();
        assert_eq!(timeout(&connection), Some(TimeoutKind::Idle));
        let idle = connection.deadline().unwrap().0;
        connection.on_bytes_read(b"G");
        let (head, kind) = connection.deadline().unwrap();
        assert!(kind == TimeoutKind::RequestHead && head < idle, "the first byte begins the head");
        connection.on_bytes_read(b"G");
        assert_eq!(connection.deadline().unwrap().0, head, "more bytes do not extend the timeout");
    }

    #[tokio::test]
    async fn an_empty_line_between_requests_leaves_a_connection_idle_and_its_permit_to_a_new_one() {
        let limit = ConnectionLimit::new(1, 1);
        let connection = connection(&limit);
        connection.on_request_head();
        connection.on_response_complete();
        let idle = connection.deadline().unwrap();
        for empty in [&b"\r\n"[..], b"\r", b"\n", b"\r\n\r\n"] {
            connection.on_bytes_read(empty);
            assert_eq!(connection.deadline(), Some(idle), "{empty:?}");
        }
        connection.on_bytes_read(b"\r\nGET");
        assert_eq!(timeout(&connection), Some(TimeoutKind::RequestHead), "a request has begun");
        connection.on_request_head();
        connection.on_response_complete();
        connection.on_bytes_read(b"\r\n");
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_ok(), "a new connection gets the permit of the idle one");
    }

    #[tokio::test]
    async fn an_idle_connection_that_lost_its_permit_is_shut_down_and_releases_no_other_permit() {
        let limit = ConnectionLimit::new(1, 1);
        let connection = connection(&limit);
        connection.on_request_head();
        assert!(
            limit.acquire(ADDRESS.parse().unwrap()).is_err(),
            "a connection that handles a request keeps its permit"
        );
        connection.on_response_complete();
        let new_permit = limit.acquire(ADDRESS.parse().unwrap()).unwrap();
        assert!(connection.shutdown_token().is_cancelled());
        connection.on_request_head();
        connection.on_response_complete();
        connection.on_end();
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_err(), "the new connection has the permit");
        drop(new_permit);
        assert!(limit.acquire(ADDRESS.parse().unwrap()).is_ok());
    }
}
