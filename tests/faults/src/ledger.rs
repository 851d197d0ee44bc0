//! What was sent, what was acknowledged, and what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// How an order reaches a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Websocket,
    Api,
    Webhook,
    Kafka,
}

/// Whether a person has to release an order's effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    AtOnce,
    /// A reviewer approves it.
    AfterReview,
    /// No reviewer ever looks at it, so nothing of it may leave.
    Never,
}

/// An input with an effect for each target.
#[derive(Clone, Debug)]
pub struct Order {
    pub name: String,
    pub way: Way,
    pub release: Release,
    /// The round in which it was sent first.
    pub round: usize,
    /// The id of its input, once a host has acknowledged it.
    pub input: Option<String>,
    /// Where its review is sent, once it was listed.
    pub review: Option<String>,
    /// Whether a host has acknowledged its approval.
    pub is_approved: bool,
}

impl Order {
    /// The data of the input, as the bundle `probes/effects` reads it.
    pub fn data(&self, receiver: &str) -> Value {
        json!({ "order": self.name, "receiver": receiver, "review": self.release != Release::AtOnce })
    }

    fn is_to_be_approved(&self) -> bool {
        self.release == Release::AfterReview && !self.is_approved
    }
}

/// All orders of a world.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<String, Order>>);

impl Ledger {
    pub fn add(&self, order: Order) {
        self.lock().insert(order.name.clone(), order);
    }

    pub fn acknowledge(&self, name: &str, input: &str) {
        if let Some(order) = self.lock().get_mut(name) {
            order.input = Some(input.to_owned());
        }
    }

    pub fn approve(&self, name: &str) {
        if let Some(order) = self.lock().get_mut(name) {
            order.is_approved = true;
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.lock().values().filter(|order| order.input.is_some()).count()
    }

    /// Orders that no host has acknowledged.
    pub fn open(&self) -> Vec<Order> {
        self.lock().values().filter(|order| order.input.is_none()).cloned().collect()
    }

    /// Orders that are not acknowledged, or whose approval is not.
    pub fn unfinished(&self) -> Vec<Order> {
        self.lock().values().filter(|order| order.input.is_none() || order.is_to_be_approved()).cloned().collect()
    }

    /// Whether acknowledged orders wait for the reviewer.
    pub fn has_reviews(&self) -> bool {
        self.lock().values().any(|order| order.input.is_some() && order.is_to_be_approved())
    }

    /// Notes where an order's review is sent, when it is to have one.
    pub fn list_review(&self, name: &str, review: &str) {
        if let Some(order) = self.lock().get_mut(name) {
            order.review = Some(review.to_owned());
        }
    }

    /// The orders whose approval is to be sent, again where no answer came, and where to.
    pub fn approvals(&self) -> Vec<(String, String)> {
        let orders = self.lock();
        let approvals = orders.values().filter(|order| order.is_to_be_approved());
        approvals.filter_map(|order| Some((order.name.clone(), order.review.clone()?))).collect()
    }

    pub fn all(&self) -> Vec<Order> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The effects that a target has seen: by kind and order, how often under which key.
#[derive(Clone, Debug, Default)]
pub struct Arrived(BTreeMap<(&'static str, String), BTreeMap<String, usize>>);

impl Arrived {
    pub fn note(&mut self, kind: &'static str, order: &str, key: &str) {
        *self.0.entry((kind, order.to_owned())).or_default().entry(key.to_owned()).or_default() += 1;
    }

    fn keys(&self, kind: &'static str, order: &str) -> Option<&BTreeMap<String, usize>> {
        self.0.get(&(kind, order.to_owned()))
    }
}

/// What went in and what came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs that a host acknowledged.
    pub acknowledged: usize,
    /// Decisions in the store.
    pub decisions: usize,
    /// Effects that arrived, each counted once.
    pub effects: usize,
    /// Further deliveries of these effects under the same keys.
    pub duplicates: usize,
    /// Acknowledged inputs without a decision, and effects of acknowledged inputs that did not arrive.
    pub lost: usize,
    /// Effects that arrived under two keys, inputs with two decisions, and effects that left without their review.
    pub doubled: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.decisions += other.decisions;
        self.effects += other.effects;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, decisions, effects, duplicates, lost, doubled } = self;
        write!(
            f,
            "{acknowledged} inputs acknowledged, {decisions} decisions, {effects} effects, {duplicates} duplicates, \
             {lost} lost, {doubled} under two keys"
        )
    }
}

/// Counts the orders, and describes each thing that is wrong. `decided` are the inputs of all decisions, `kinds` the
/// effects that each order has.
pub fn count(orders: &[Order], decided: &[String], arrived: &Arrived, kinds: &[&'static str]) -> (Counts, Vec<String>) {
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    counts.decisions = decided.len();
    let mut keys = BTreeSet::new();
    for order in orders {
        let Order { name, way, round, release, .. } = order;
        let told = |what: String| format!("{name} ({way:?}, round {round}, {release:?}): {what}");
        if let Some(input) = &order.input {
            counts.acknowledged += 1;
            match decided.iter().filter(|decided| *decided == input).count() {
                1 => {}
                0 => {
                    counts.lost += 1;
                    wrong.push(told(format!("its input {input} was acknowledged and is not decided")));
                }
                many => {
                    counts.doubled += many - 1;
                    wrong.push(told(format!("its input {input} has {many} decisions")));
                }
            }
        }
        let must_arrive = order.input.is_some() && (order.release == Release::AtOnce || order.is_approved);
        for kind in kinds {
            let found = arrived.keys(kind, name);
            let Some(found) = found else {
                if must_arrive {
                    counts.lost += 1;
                    wrong.push(told(format!("its {kind} did not arrive")));
                }
                continue;
            };
            counts.effects += 1;
            counts.duplicates += found.values().sum::<usize>() - found.len();
            if order.release == Release::Never {
                counts.doubled += 1;
                wrong.push(told(format!("its {kind} left without a review")));
            }
            if found.len() > 1 {
                counts.doubled += found.len() - 1;
                wrong.push(told(format!("its {kind} arrived under the keys {:?}", found.keys())));
            }
            for key in found.keys() {
                if !keys.insert(key.clone()) {
                    counts.doubled += 1;
                    wrong.push(told(format!("the key {key} of its {kind} is another effect's too")));
                }
            }
        }
    }
    (counts, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(name: &str, release: Release, input: Option<&str>) -> Order {
        let input = input.map(str::to_owned);
        Order { name: name.to_owned(), way: Way::Api, release, round: 1, input, review: None, is_approved: false }
    }

    #[test]
    fn what_is_lost_doubled_or_left_without_review_is_counted_and_told() {
        let orders = [
            order("fine", Release::AtOnce, Some("in-1")),
            order("lost", Release::AtOnce, Some("in-2")),
            order("doubled", Release::AtOnce, Some("in-3")),
            order("unreviewed", Release::Never, Some("in-4")),
            order("unacknowledged", Release::AtOnce, None),
        ];
        let mut arrived = Arrived::default();
        for (name, key) in [("fine", "a"), ("fine", "a"), ("doubled", "b"), ("doubled", "c"), ("unreviewed", "d")] {
            arrived.note("call", name, key);
        }
        let decided = ["in-1", "in-3", "in-3", "in-4"].map(str::to_owned);
        let (counts, wrong) = count(&orders, &decided, &arrived, &["call"]);
        let expected = Counts { acknowledged: 4, decisions: 4, effects: 3, duplicates: 1, lost: 2, doubled: 3 };
        assert_eq!(counts, expected, "{wrong:?}");
        assert_eq!(wrong.len(), 5, "{wrong:?}");
    }
}
