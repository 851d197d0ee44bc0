use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::IN_FLIGHT;

/// How much may be decided at once, in all and for each business.
#[derive(Debug)]
pub(super) struct Permits {
    taken: Mutex<Taken>,
    limit: usize,
    per_business: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    businesses: HashMap<String, usize>,
}

/// Room for one decision; dropping it gives the room back.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    business_id: String,
}

impl Permits {
    pub fn new(limit: usize, per_business: usize) -> Self {
        Self { taken: Mutex::default(), limit, per_business }
    }

    pub fn acquire(self: &Arc<Self>, business_id: &str) -> Option<Permit> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_business = taken.businesses.get(business_id).copied().unwrap_or_default();
        if taken.all >= self.limit || of_business >= self.per_business {
            return None;
        }
        taken.all += 1;
        taken.businesses.insert(business_id.to_owned(), of_business + 1);
        ::metrics::gauge!(IN_FLIGHT).increment(1);
        Some(Permit { permits: self.clone(), business_id: business_id.to_owned() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let left = taken.businesses.get(&self.business_id).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.businesses.remove(&self.business_id);
        } else {
            taken.businesses.insert(self.business_id.clone(), left);
        }
        ::metrics::gauge!(IN_FLIGHT).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_business_takes_the_room_of_another() {
        let permits = Arc::new(Permits::new(3, 2));
        let held: Vec<_> = (0..2).map(|_| permits.acquire("loud").unwrap()).collect();
        assert!(permits.acquire("loud").is_none());
        let quiet = permits.acquire("quiet").unwrap();
        assert!(permits.acquire("third").is_none(), "all the room is taken");
        drop(quiet);
        assert!(permits.acquire("third").is_some());
        drop(held);
        assert!(permits.taken.lock().unwrap().businesses.is_empty(), "idle businesses cost nothing");
    }
}
