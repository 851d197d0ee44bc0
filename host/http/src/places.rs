//! Who may have a connection: so many in all, so many of one address, and idle ones make room for new ones.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::addresses::{Addresses, Place, whole};

/// The places of all connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    addresses: Addresses,
    idle: Arc<Mutex<Idle>>,
}

/// What one connection takes up; free again when this goes.
pub(super) struct Held {
    all: OwnedSemaphorePermit,
    _of_address: Place,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are as many connections as there may be, and none of them is idle.
    All,
    /// The same for those of the address.
    Address,
}

/// Names a connection that is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Connections that wait for their next request, the longest idle one first.
#[derive(Default)]
struct Idle {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    address: IpAddr,
    held: Held,
    end: CancellationToken,
}

impl Places {
    pub fn new(all: usize, of_one_address: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
            addresses: Addresses::new(of_one_address),
            idle: Arc::default(),
        }
    }

    /// A place for a new connection. When there is none left, the longest idle connection gives up its own and is told to
    /// end: the newcomer's address pays for itself, and for others only when all places are taken.
    pub fn take(&self, address: IpAddr) -> Result<Held, Full> {
        let Some(of_address) = self.addresses.take(address) else {
            let address = whole(address);
            return self.close_idle(|waiting| waiting.address == address).ok_or(Full::Address);
        };
        let free = self.all.clone().try_acquire_owned().ok();
        let all = free.or_else(|| self.close_idle(|_| true).map(|held| held.all)).ok_or(Full::All)?;
        Ok(Held { all, _of_address: of_address })
    }

    /// Keeps the place of a connection that is idle from now on; whoever needs it more cancels `end`.
    pub fn keep(&self, address: IpAddr, held: Held, end: CancellationToken) -> Ticket {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = idle.next;
        idle.next += 1;
        idle.waiting.insert(ticket, Waiting { address: whole(address), held, end });
        Ticket(ticket)
    }

    /// The place of a connection that is idle no more; none when it was given away meanwhile.
    pub fn claim(&self, ticket: Ticket) -> Option<Held> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.waiting.remove(&ticket.0).map(|waiting| waiting.held)
    }

    fn close_idle(&self, fits: impl Fn(&Waiting) -> bool) -> Option<Held> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = idle.waiting.iter().find(|(_, waiting)| fits(waiting)).map(|(ticket, _)| *ticket)?;
        let waiting = idle.waiting.remove(&oldest)?;
        drop(idle);
        waiting.end.cancel();
        Some(waiting.held)
    }
}

impl Full {
    /// In metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Address => "address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";

    fn take(places: &Places, address: &str) -> Result<Held, Full> {
        places.take(address.parse().unwrap())
    }

    fn keep(places: &Places, address: &str, held: Held) -> (Ticket, CancellationToken) {
        let end = CancellationToken::new();
        (places.keep(address.parse().unwrap(), held, end.clone()), end)
    }

    #[test]
    fn an_idle_connection_makes_room_and_a_busy_one_never_does() {
        let places = Places::new(2, 2);
        let (first, _busy) = (take(&places, ONE).unwrap(), take(&places, ONE).unwrap());
        assert_eq!(take(&places, OTHER).err(), Some(Full::All));
        let (ticket, end) = keep(&places, ONE, first);
        let newcomer = take(&places, OTHER).unwrap();
        assert!(end.is_cancelled() && places.claim(ticket).is_none(), "its place is somebody else's now");
        assert_eq!(take(&places, OTHER).err(), Some(Full::All));
        drop(newcomer);
        let again = take(&places, OTHER).unwrap();
        let (ticket, end) = keep(&places, OTHER, again);
        assert!(places.claim(ticket).is_some() && !end.is_cancelled());
    }

    #[test]
    fn an_address_with_all_its_places_closes_its_own_idle_connection_and_the_longest_idle_one_first() {
        let places = Places::new(9, 2);
        let others = take(&places, OTHER).unwrap();
        let (_, untouched) = keep(&places, OTHER, others);
        let (first, second) = (take(&places, ONE).unwrap(), take(&places, ONE).unwrap());
        let (_, newer) = keep(&places, ONE, second);
        let (_, newest) = keep(&places, ONE, first);
        let _third = take(&places, ONE).unwrap();
        assert!(newer.is_cancelled() && !newest.is_cancelled() && !untouched.is_cancelled());
        let _fourth = take(&places, ONE).unwrap();
        assert!(newest.is_cancelled() && !untouched.is_cancelled());
        assert_eq!(take(&places, ONE).err(), Some(Full::Address));
    }
}
