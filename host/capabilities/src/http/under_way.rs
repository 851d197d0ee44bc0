//! How many requests are under way, so that no business holds every connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts requests, together and of each business.
#[derive(Clone)]
pub(super) struct UnderWay {
    most: usize,
    most_of_one: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    /// Only businesses with a request under way.
    of_one: HashMap<String, usize>,
}

/// One request, until it is dropped.
pub(super) struct Begun {
    counts: Arc<Mutex<Counts>>,
    business: String,
}

impl UnderWay {
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, counts: Arc::default() }
    }

    /// Counts a request, or says why it may not leave now.
    pub fn begin(&self, business: &str) -> Result<Begun, String> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = counts.of_one.get(business).copied().unwrap_or_default();
        if of_one >= self.most_of_one {
            return Err(format!("business {business} has {of_one} requests under way, as many as one may have"));
        }
        if counts.all >= self.most {
            return Err(format!("{} requests are under way, as many as the host sends at a time", counts.all));
        }
        counts.all += 1;
        *counts.of_one.entry(business.to_owned()).or_default() += 1;
        Ok(Begun { counts: self.counts.clone(), business: business.to_owned() })
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_one) = counts.of_one.get_mut(&self.business) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                counts.of_one.remove(&self.business);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_that_holds_its_requests_is_refused_and_another_is_not() {
        let under_way = UnderWay::new(3, 2);
        let held = [under_way.begin("one").unwrap(), under_way.begin("one").unwrap()];
        assert!(under_way.begin("one").err().unwrap().contains("business one has 2 requests under way"));
        let other = under_way.begin("other").unwrap();
        assert!(under_way.begin("third").err().unwrap().contains("3 requests are under way"));
        drop((held, other));
        under_way.begin("one").unwrap();
        assert!(under_way.counts.lock().unwrap().of_one.is_empty(), "nothing is kept of who has none");
    }
}
