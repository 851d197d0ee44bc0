use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const LIMITS: AdmissionLimits = AdmissionLimits {
    in_flight: 4,
    in_flight_per_business: 3,
    in_flight_per_user: 2,
    waiting: 8,
    waiting_per_business: 5,
};

fn requester(business: &str, user: Option<&str>) -> Requester {
    Requester { business: business.into(), user: user.map(Arc::from) }
}

fn second(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Admission in which one business has taken all the room and `more` of its inputs wait.
fn flooded(limits: AdmissionLimits, more: usize) -> AdmissionState<String> {
    let mut state = AdmissionState::new(limits);
    for _ in 0..limits.in_flight {
        assert!(state.try_admit(&requester("flood", None)));
    }
    for number in 0..more {
        queue(&mut state, "flood", &format!("flood {number}")).unwrap();
    }
    state
}

fn queue(state: &mut AdmissionState<String>, business: &str, waiter: &str) -> Result<Option<String>, NotQueued> {
    let requester = requester(business, None);
    assert!(!state.try_admit(&requester), "there is no room for {business}");
    state.enqueue(requester, false, waiter.to_owned()).map(|pushed| pushed.evicted)
}

fn served(state: &mut AdmissionState<String>, business: &str) -> Vec<String> {
    state.release(&requester(business, None), second(1)).into_iter().map(|(_, waiter)| waiter).collect()
}

#[test]
fn no_business_or_user_takes_the_permits_of_another() {
    let mut state = AdmissionState::<()>::new(LIMITS);
    let (ana, dan) = (requester("loud", Some("ana")), requester("loud", Some("dan")));
    assert!(state.try_admit(&ana) && state.try_admit(&ana));
    assert!(
        !state.try_admit(&ana) && !state.try_admit(&requester("other", Some("ana"))),
        "ana has her share, wherever it is"
    );
    assert!(state.try_admit(&dan));
    assert!(!state.try_admit(&dan), "the business has its share");
    assert!(state.try_admit(&requester("quiet", Some("dan"))));
    assert!(!state.try_admit(&requester("third", None)), "all the room is taken");
    state.release(&ana, second(1));
    assert!(state.try_admit(&requester("third", None)));
}

#[test]
fn idle_keys_take_no_memory() {
    let mut state = flooded(LIMITS_OF_ONE, 3);
    for _ in 0..4 {
        served(&mut state, "flood");
    }
    assert_eq!((state.businesses.total(), state.businesses.keys(), state.users.keys()), (0, 0, 0));
    assert_eq!((state.waiters.bounded_len(), state.waiters.keys()), (0, 0));
}

const LIMITS_OF_ONE: AdmissionLimits = AdmissionLimits {
    in_flight: 1,
    in_flight_per_business: 9,
    in_flight_per_user: 9,
    waiting: 8,
    waiting_per_business: 5,
};

#[test]
fn a_user_at_its_limit_does_not_delay_other_users() {
    let mut state = AdmissionState::<&str>::new(AdmissionLimits { in_flight: 3, ..LIMITS });
    let (ana, dan) = (requester("b", Some("ana")), requester("b", Some("dan")));
    assert!(state.try_admit(&ana) && state.try_admit(&ana) && state.try_admit(&dan));
    for (requester, waiter) in [(&ana, "ana"), (&dan, "dan")] {
        assert!(!state.try_admit(requester));
        state.enqueue(requester.clone(), false, waiter).unwrap();
    }
    let names =
        |served: Vec<(Requester, &'static str)>| served.into_iter().map(|(_, waiter)| waiter).collect::<Vec<_>>();
    assert_eq!(names(state.release(&dan, second(1))), ["dan"], "ana is first, and has two in flight");
    assert_eq!(names(state.release(&ana, second(2))), ["ana"]);
}

#[test]
fn stored_inputs_take_turns_like_a_business_and_are_never_refused() {
    let mut state = flooded(LIMITS_OF_ONE, 5);
    for number in 0..20 {
        state.enqueue(requester("flood", None), true, format!("stored {number}")).unwrap();
    }
    let order: Vec<_> = (0..8).flat_map(|_| served(&mut state, "flood")).collect();
    let expected = ["flood 0", "stored 0", "flood 1", "stored 1", "flood 2", "stored 2", "flood 3", "stored 3"];
    assert_eq!(order, expected);
}

#[test]
fn how_long_the_queue_takes_to_empty_follows_from_its_length_and_its_rate() {
    let mut state = flooded(LIMITS_OF_ONE, 5);
    assert_eq!(state.drain_time(), None, "no waiter has been served yet");
    for now in [2, 4, 6] {
        state.release(&requester("flood", None), second(now));
    }
    assert_eq!(state.drain_time(), Some(second(6)), "two who wait and a newcomer, two seconds each");
}

/// The steps of a random run.
#[derive(Clone, Debug)]
enum Step {
    Arrive { business: usize, user: Option<usize>, stored: bool },
    Release(prop::sample::Index),
    Cancel(prop::sample::Index),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let enter = (0..4_usize, prop::option::of(0..3_usize), prop::bool::weighted(0.1));
    prop_oneof![
        12 => enter.prop_map(|(business, user, stored)| Step::Arrive { business, user, stored }),
        8 => any::<prop::sample::Index>().prop_map(Step::Release),
        3 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => Just(Step::Close),
    ]
}

/// The state that the test expects: which inputs are in flight and which wait, each with its number.
#[derive(Default)]
struct ExpectedState {
    in_flight: Vec<Requester>,
    waiting: Vec<(u64, Requester, QueueTicket<QueueKey>)>,
}

impl ExpectedState {
    fn admit_served(&mut self, served: Vec<(Requester, u64)>) -> Result<(), TestCaseError> {
        for (requester, number) in served {
            let index = self.waiting.iter().position(|(waiting, _, _)| *waiting == number);
            let index = index.ok_or_else(|| TestCaseError::fail(format!("{number} did not wait")))?;
            prop_assert_eq!(&self.waiting.remove(index).1, &requester);
            self.in_flight.push(requester);
        }
        Ok(())
    }

    /// The invariants that hold between any two steps.
    fn check(&self, state: &AdmissionState<u64>) -> Result<(), TestCaseError> {
        let mut businesses = HashMap::<_, usize>::new();
        let mut users = HashMap::<_, usize>::new();
        for requester in &self.in_flight {
            *businesses.entry(requester.business.clone()).or_default() += 1;
            if let Some(user) = &requester.user {
                *users.entry(user.clone()).or_default() += 1;
            }
        }
        prop_assert_eq!(state.businesses.total(), self.in_flight.len(), "no room is lost or made up");
        prop_assert!(businesses.iter().all(|(business, count)| state.businesses.count(business) == *count));
        prop_assert!(users.iter().all(|(user, count)| state.users.count(user) == *count));
        prop_assert_eq!((state.businesses.keys(), state.users.keys()), (businesses.len(), users.len()));
        prop_assert!(self.in_flight.len() <= LIMITS.in_flight);
        prop_assert!(businesses.values().all(|count| *count <= LIMITS.in_flight_per_business));
        prop_assert!(users.values().all(|count| *count <= LIMITS.in_flight_per_user));
        let bounded = |waiting: &&(u64, Requester, QueueTicket<QueueKey>)| *waiting.2.key() != QueueKey::Stored;
        prop_assert_eq!(state.waiters.bounded_len(), self.waiting.iter().filter(bounded).count());
        prop_assert_eq!(state.waiters.is_empty(), self.waiting.is_empty());
        let has_room = |Requester { business, user }: &Requester| {
            state.businesses.has_room(business) && user.as_ref().is_none_or(|user| state.users.has_room(user))
        };
        prop_assert!(
            !self.waiting.iter().any(|(_, requester, _)| has_room(requester)),
            "no input waits while there is room for it"
        );
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_permit_is_lost_in_any_order_of_arrivals_releases_cancellations_and_closing(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut state = AdmissionState::<u64>::new(LIMITS);
        let mut expected_state = ExpectedState::default();
        let mut closed = false;
        for (number, step) in (0_u64..).zip(steps) {
            match step {
                Step::Arrive { business, user, stored } => {
                    let user = user.map(|user| format!("user {user}"));
                    let requester = requester(&format!("business {business}"), user.as_deref());
                    if state.try_admit(&requester) {
                        prop_assert!(!closed);
                        expected_state.in_flight.push(requester);
                    } else {
                        match state.enqueue(requester.clone(), stored, number) {
                            Ok(PushedItem { ticket, evicted }) => {
                                expected_state.waiting.push((number, requester, ticket));
                                if let Some(evicted) = evicted {
                                    let before = expected_state.waiting.len();
                                    expected_state.waiting.retain(|(waiting, _, _)| *waiting != evicted);
                                    prop_assert_eq!(expected_state.waiting.len(), before - 1);
                                }
                            }
                            Err(reason) => prop_assert_eq!(reason == NotQueued::Closed, closed),
                        }
                    }
                }
                Step::Release(index) if !expected_state.in_flight.is_empty() => {
                    let requester = expected_state.in_flight.swap_remove(index.index(expected_state.in_flight.len()));
                    expected_state.admit_served(state.release(&requester, second(number)))?;
                }
                Step::Cancel(index) if !expected_state.waiting.is_empty() => {
                    let (_, _, ticket) = expected_state.waiting.swap_remove(index.index(expected_state.waiting.len()));
                    prop_assert!(state.remove_waiter(&ticket));
                    prop_assert!(!state.remove_waiter(&ticket), "a waiter is removed once");
                }
                Step::Close => {
                    closed = true;
                    let mut closed_waiters = state.close();
                    closed_waiters.sort_unstable();
                    let mut waited: Vec<_> = expected_state.waiting.drain(..).map(|(number, _, _)| number).collect();
                    waited.sort_unstable();
                    prop_assert_eq!(closed_waiters, waited, "every waiter gets the error");
                }
                Step::Release(_) | Step::Cancel(_) => {}
            }
            expected_state.check(&state)?;
        }
        while let Some(requester) = expected_state.in_flight.pop() {
            expected_state.admit_served(state.release(&requester, second(1)))?;
        }
        prop_assert!(expected_state.waiting.is_empty(), "every waiter gets room in the end");
        expected_state.check(&state)?;
    }
}
