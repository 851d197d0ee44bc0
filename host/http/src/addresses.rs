//! How many connections come from where.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections by address. Cheap to clone.
#[derive(Clone)]
pub struct Addresses {
    limit: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place; it is free again when this goes.
pub struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// At most `limit` connections from one address.
    pub fn new(limit: usize) -> Self {
        Self { limit, counts: Arc::default() }
    }

    /// A place for one more connection of an address; none when it has as many as it may.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let address = whole(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.limit {
            if *count == 0 {
                counts.remove(&address);
            }
            return None;
        }
        *count += 1;
        Some(Place { addresses: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, because whoever has one has all the others behind it.
pub(super) fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_leaves_those_of_others() {
        let addresses = Addresses::new(2);
        let take = |address: &str| addresses.take(address.parse().unwrap());
        let (first, _second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        let _pair = (take("2001:db8::1"), take("2001:db8::ffff:2"));
        assert!(take("2001:db8::3").is_none(), "the same network");
        assert!(take("2001:db8:0:1::3").is_some(), "another one");
    }

    #[test]
    fn nothing_is_remembered_of_those_who_have_gone() {
        let addresses = Addresses::new(1);
        drop(addresses.take("192.0.2.1".parse().unwrap()));
        let none = Addresses::new(0);
        assert!(none.take("192.0.2.1".parse().unwrap()).is_none());
        for addresses in [addresses, none] {
            assert!(addresses.counts.lock().unwrap().is_empty());
        }
    }
}
