use proptest::prelude::*;

use super::*;

fn order(queue: &mut FairQueue<&'static str, String>) -> Vec<String> {
    std::iter::from_fn(|| queue.pop().map(|(_, item)| item)).collect()
}

fn push(
    queue: &mut FairQueue<&'static str, String>,
    key: &'static str,
    item: &str,
) -> Result<Option<String>, QueueFull> {
    queue.try_push(key, item.to_owned()).map(|pushed| pushed.evicted)
}

fn flooded(max_total: usize, max_per_key: usize, items: usize) -> FairQueue<&'static str, String> {
    let mut queue = FairQueue::new(max_total, max_per_key);
    for number in 0..items {
        push(&mut queue, "flood", &format!("flood {number}")).unwrap();
    }
    queue
}

#[test]
fn items_of_one_key_leave_in_the_order_in_which_they_came() {
    let mut queue = flooded(8, 5, 3);
    push(&mut queue, "other", "other").unwrap();
    assert_eq!(order(&mut queue), ["flood 0", "other", "flood 1", "flood 2"]);
}

#[test]
fn in_a_full_queue_the_newest_item_of_the_longest_queue_is_evicted() {
    let mut queue = flooded(6, 5, 5);
    assert_eq!(push(&mut queue, "flood", "more"), Err(QueueFull::Key), "its own queue is full");
    assert_eq!(push(&mut queue, "a", "a 0"), Ok(None));
    assert_eq!(push(&mut queue, "b", "b 0"), Ok(Some("flood 4".to_owned())));
    assert_eq!(push(&mut queue, "a", "a 1"), Ok(Some("flood 3".to_owned())));
    assert_eq!(push(&mut queue, "flood", "more"), Err(QueueFull::Total), "it would be that newest one itself");
    assert_eq!(push(&mut queue, "a", "a 2"), Err(QueueFull::Total), "a queue as long as the longest is not short");
    assert_eq!(order(&mut queue), ["flood 0", "a 0", "b 0", "flood 1", "a 1", "flood 2"]);
}

#[test]
fn what_is_exempt_has_its_turn_like_any_key_and_is_never_evicted() {
    let mut queue = flooded(5, 5, 5);
    for number in 0..20 {
        queue.push_exempt("exempt", format!("exempt {number}"));
    }
    queue.push_exempt("flood", "flood, exempt".to_owned());
    assert_eq!(push(&mut queue, "a", "a"), Ok(Some("flood 4".to_owned())), "the newest one that is not exempt");
    assert_eq!(queue.bounded_len(), 5);
    let first: Vec<_> = order(&mut queue).into_iter().take(6).collect();
    assert_eq!(first, ["flood 0", "exempt 0", "a", "flood 1", "exempt 1", "flood 2"]);
}

#[test]
fn who_is_passed_over_keeps_its_place() {
    let mut queue = flooded(8, 5, 2);
    push(&mut queue, "other", "other").unwrap();
    assert_eq!(queue.pop_key_where(|key| *key != "flood"), Some(("other", "other".to_owned())));
    assert_eq!(queue.pop_where(|_, item| item == "flood 1"), Some(("flood", "flood 1".to_owned())));
    assert_eq!(queue.pop_where(|_, _| false), None);
    assert_eq!(order(&mut queue), ["flood 0"]);
}

proptest! {
    #[test]
    fn every_key_has_its_turn_in_one_round_however_many_items_one_has(flood in 1_usize..60, others in 1_usize..20) {
        let mut queue = FairQueue::new(100, 60);
        for number in 0..flood {
            queue.try_push(0, number).unwrap();
        }
        for key in 1..=others {
            queue.try_push(key, 0).unwrap();
        }
        let mut round: Vec<_> = (0..=others).filter_map(|_| queue.pop()).map(|(key, _)| key).collect();
        round.sort_unstable();
        prop_assert_eq!(round, Vec::from_iter(0..=others));
    }
}

/// What may happen to the queue. Keys are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Push { key: u8, is_exempt: bool },
    Pop,
    PopKeysBut(u8),
    PopItemsFrom(prop::sample::Index),
    Remove(prop::sample::Index),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        12 => (0..4_u8, prop::bool::weighted(0.1)).prop_map(|(key, is_exempt)| Step::Push { key, is_exempt }),
        4 => Just(Step::Pop),
        3 => (0..4_u8).prop_map(Step::PopKeysBut),
        3 => index().prop_map(Step::PopItemsFrom),
        3 => index().prop_map(Step::Remove),
        1 => Just(Step::Drain),
    ]
}

const MAX_TOTAL: usize = 8;
const MAX_PER_KEY: usize = 5;

/// Everything that is in the queue, in the order in which it came.
#[derive(Default)]
struct Model {
    items: Vec<(u8, u64, bool, QueueTicket<u8>)>,
}

impl Model {
    fn of_key(&self, key: u8) -> usize {
        self.items.iter().filter(|(other, _, is_exempt, _)| *other == key && !is_exempt).count()
    }

    fn take(&mut self, item: u64) -> Result<u8, TestCaseError> {
        let index = self.items.iter().position(|(_, other, _, _)| *other == item);
        let index = index.ok_or_else(|| TestCaseError::fail(format!("{item} is not in the queue")))?;
        Ok(self.items.remove(index).0)
    }

    /// Takes out what was popped: of its key, nothing that was eligible came before it.
    fn popped(&mut self, popped: Option<(u8, u64)>, eligible: impl Fn(u8, u64) -> bool) -> Result<(), TestCaseError> {
        let first_of = |key: u8| self.items.iter().find(|(other, item, _, _)| *other == key && eligible(key, *item));
        match popped {
            Some((key, item)) => {
                prop_assert_eq!(first_of(key).map(|(_, first, _, _)| *first), Some(item));
                self.take(item).map(drop)
            }
            None => {
                prop_assert!((0..4).all(|key| first_of(key).is_none()), "something was eligible");
                Ok(())
            }
        }
    }

    fn check(&self, queue: &FairQueue<u8, u64>) -> Result<(), TestCaseError> {
        prop_assert_eq!(queue.bounded_len(), (0..4).map(|key| self.of_key(key)).sum::<usize>());
        prop_assert!(queue.bounded_len() <= MAX_TOTAL);
        prop_assert_eq!(queue.is_empty(), self.items.is_empty());
        for (key, of_key) in &queue.queues {
            prop_assert!(!of_key.items.is_empty(), "an empty queue takes no memory");
            prop_assert_eq!(of_key.bounded, self.of_key(*key));
            prop_assert!(of_key.bounded <= MAX_PER_KEY);
            prop_assert_eq!(queue.rotation.iter().filter(|other| *other == key).count(), 1, "one turn in a round");
        }
        prop_assert_eq!(queue.rotation.len(), queue.keys());
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_item_is_lost_and_the_bounds_hold_in_any_order_of_pushes_and_pops(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut queue = FairQueue::new(MAX_TOTAL, MAX_PER_KEY);
        let mut model = Model::default();
        for (number, step) in (0_u64..).zip(steps) {
            match step {
                Step::Push { key, is_exempt: true } => {
                    let ticket = queue.push_exempt(key, number);
                    model.items.push((key, number, true, ticket));
                }
                Step::Push { key, is_exempt: false } => match queue.try_push(key, number) {
                    Ok(PushedItem { ticket, evicted }) => {
                        prop_assert_eq!(evicted.is_some(), (0..4).map(|key| model.of_key(key)).sum::<usize>() == MAX_TOTAL);
                        if let Some(evicted) = evicted {
                            let longest = (0..4).map(|key| model.of_key(key)).max();
                            let evicted_of = model.take(evicted)?;
                            prop_assert_eq!(Some(model.of_key(evicted_of) + 1), longest);
                            prop_assert!(model.of_key(evicted_of) > model.of_key(key), "the shorter queue gets the room");
                        }
                        model.items.push((key, number, false, ticket));
                    }
                    Err(QueueFull::Key) => prop_assert_eq!(model.of_key(key), MAX_PER_KEY),
                    Err(QueueFull::Total) => {
                        prop_assert!((0..4).all(|other| model.of_key(other) <= model.of_key(key) + 1));
                    }
                },
                Step::Pop => model.popped(queue.pop(), |_, _| true)?,
                Step::PopKeysBut(but) => model.popped(queue.pop_key_where(|key| *key != but), |key, _| key != but)?,
                Step::PopItemsFrom(from) => {
                    let from = from.index(number as usize + 1) as u64;
                    model.popped(queue.pop_where(|_, item| *item >= from), |_, item| item >= from)?;
                }
                Step::Remove(index) if !model.items.is_empty() => {
                    let (_, item, _, ticket) = model.items.remove(index.index(model.items.len()));
                    prop_assert_eq!(queue.remove(&ticket), Some(item));
                    prop_assert_eq!(queue.remove(&ticket), None, "nothing leaves twice");
                }
                Step::Remove(_) => {}
                Step::Drain => {
                    let mut drained: Vec<_> = queue.drain().collect();
                    drained.sort_unstable_by_key(|(_, item)| *item);
                    let known: Vec<_> = model.items.drain(..).map(|(key, item, _, _)| (key, item)).collect();
                    prop_assert_eq!(drained, known);
                }
            }
            model.check(&queue)?;
        }
    }
}
