//! Limits the connections in total and of each client. When a limit is reached, an idle connection is closed for a new
//! one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signalbox_limits::{ConcurrencyLimit, ConcurrencyPermit, LimitReached};
use tokio_util::sync::CancellationToken;

use crate::client_network::client_network;

/// The limits of all connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct ConnectionLimit {
    permits: ConcurrencyLimit<IpAddr>,
    idle: Arc<Mutex<IdleConnections>>,
}

/// Counts one connection against the limits until it is dropped.
pub(super) type ConnectionPermit = ConcurrencyPermit<IpAddr>;

/// Identifies an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdleTicket(u64);

/// Connections that wait for their next request, by ticket: the longest idle one first.
#[derive(Default)]
struct IdleConnections {
    next: u64,
    connections: BTreeMap<u64, IdleConnection>,
}

struct IdleConnection {
    client: IpAddr,
    permit: ConnectionPermit,
    shutdown: CancellationToken,
}

impl ConnectionLimit {
    /// At most `max_total` connections, and `max_per_client` of one client.
    pub fn new(max_total: usize, max_per_client: usize) -> Self {
        Self { permits: ConcurrencyLimit::new(max_total, max_per_client), idle: Arc::default() }
    }

    /// The permit for a new connection. When a limit is reached, the longest idle connection is shut down and the new
    /// one gets its permit: an idle connection of the same client when the client's limit is reached, of any client
    /// when the total is.
    pub fn acquire(&self, address: IpAddr) -> Result<ConnectionPermit, LimitReached> {
        let client = client_network(address);
        let limit = match self.permits.try_acquire(client) {
            Ok(permit) => return Ok(permit),
            Err(limit) => limit,
        };
        match limit {
            LimitReached::Key => self.close_idle(|idle| idle.client == client).ok_or(limit),
            LimitReached::Total => self.close_idle(|_| true).ok_or(limit)?.transfer(client),
        }
    }

    /// Keeps the permit of a connection that has become idle. `shutdown` is cancelled when a new connection gets it.
    pub fn keep_idle(&self, address: IpAddr, permit: ConnectionPermit, shutdown: CancellationToken) -> IdleTicket {
        let mut idle = self.idle();
        let ticket = idle.next;
        idle.next += 1;
        idle.connections.insert(ticket, IdleConnection { client: client_network(address), permit, shutdown });
        IdleTicket(ticket)
    }

    /// Returns the permit of a connection that is not idle any more; none when a new connection has it.
    pub fn resume(&self, ticket: IdleTicket) -> Option<ConnectionPermit> {
        self.idle().connections.remove(&ticket.0).map(|idle| idle.permit)
    }

    fn close_idle(&self, matches: impl Fn(&IdleConnection) -> bool) -> Option<ConnectionPermit> {
        let mut idle = self.idle();
        let oldest = idle.connections.iter().find(|(_, connection)| matches(connection)).map(|(ticket, _)| *ticket)?;
        let connection = idle.connections.remove(&oldest)?;
        drop(idle);
        connection.shutdown.cancel();
        Some(connection.permit)
    }

    fn idle(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    fn acquire(limit: &ConnectionLimit, address: &str) -> Result<ConnectionPermit, LimitReached> {
        limit.acquire(address.parse().unwrap())
    }

    fn keep_idle(limit: &ConnectionLimit, address: &str, permit: ConnectionPermit) -> (IdleTicket, CancellationToken) {
        let end = CancellationToken::new();
        (limit.keep_idle(address.parse().unwrap(), permit, end.clone()), end)
    }

    #[test]
    fn an_idle_connection_is_closed_for_a_new_one_and_a_busy_one_is_not() {
        let limit = ConnectionLimit::new(2, 2);
        let (first, _busy) = (acquire(&limit, ONE).unwrap(), acquire(&limit, ONE).unwrap());
        assert_eq!(acquire(&limit, OTHER).err(), Some(LimitReached::Total));
        let (ticket, end) = keep_idle(&limit, ONE, first);
        let new_permit = acquire(&limit, OTHER).unwrap();
        assert!(end.is_cancelled() && limit.resume(ticket).is_none(), "the new connection has its permit");
        assert_eq!(acquire(&limit, OTHER).err(), Some(LimitReached::Total));
        drop(new_permit);
        let again = acquire(&limit, OTHER).unwrap();
        let (ticket, end) = keep_idle(&limit, OTHER, again);
        assert!(limit.resume(ticket).is_some() && !end.is_cancelled());
    }

    #[test]
    fn at_a_clients_limit_its_own_longest_idle_connection_is_closed_first() {
        let limit = ConnectionLimit::new(9, 2);
        let others = acquire(&limit, OTHER).unwrap();
        let (_, untouched) = keep_idle(&limit, OTHER, others);
        let (first, second) = (acquire(&limit, ONE).unwrap(), acquire(&limit, ONE).unwrap());
        let (_, newer) = keep_idle(&limit, ONE, second);
        let (_, newest) = keep_idle(&limit, ONE, first);
        let _third = acquire(&limit, ONE).unwrap();
        assert!(newer.is_cancelled() && !newest.is_cancelled() && !untouched.is_cancelled());
        let _fourth = acquire(&limit, ONE).unwrap();
        assert!(newest.is_cancelled() && !untouched.is_cancelled());
        assert_eq!(acquire(&limit, ONE).err(), Some(LimitReached::Key));
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let limit = ConnectionLimit::new(9, 2);
        let _pair = (acquire(&limit, "2001:db8::1").unwrap(), acquire(&limit, "2001:db8::ffff:2").unwrap());
        assert_eq!(acquire(&limit, "2001:db8::3").err(), Some(LimitReached::Key));
        assert!(acquire(&limit, "2001:db8:0:1::3").is_ok(), "another network");
    }
}
