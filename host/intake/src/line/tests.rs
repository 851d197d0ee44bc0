use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds =
    Bounds { in_flight: 4, in_flight_per_business: 3, in_flight_per_user: 2, waiting: 8, waiting_per_business: 5 };

fn who(business: &str, user: Option<&str>) -> Who {
    Who { business: business.into(), user: user.map(Arc::from) }
}

fn second(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A line in which one business has taken all the room, with so many more of it waiting.
fn flooded(bounds: Bounds, more: usize) -> Line<String> {
    let mut line = Line::new(bounds);
    for _ in 0..bounds.in_flight {
        assert!(line.take(&who("flood", None)));
    }
    for number in 0..more {
        queue(&mut line, "flood", &format!("flood {number}")).unwrap();
    }
    line
}

fn queue(line: &mut Line<String>, business: &str, tell: &str) -> Result<Option<String>, Full> {
    let who = who(business, None);
    assert!(!line.take(&who), "there is no room for {business}");
    line.wait(who, Lane::Business(business.into()), tell.to_owned()).map(|waiting| waiting.displaced)
}

fn served(line: &mut Line<String>, business: &str) -> Vec<String> {
    line.release(&who(business, None), second(1)).into_iter().map(|(_, tell)| tell).collect()
}

#[test]
fn no_business_or_user_takes_the_room_of_another() {
    let mut line = Line::<()>::new(BOUNDS);
    let (ana, dan) = (who("loud", Some("ana")), who("loud", Some("dan")));
    assert!(line.take(&ana) && line.take(&ana));
    assert!(!line.take(&ana) && !line.take(&who("other", Some("ana"))), "ana has her share, wherever it is");
    assert!(line.take(&dan));
    assert!(!line.take(&dan), "the business has its share");
    assert!(line.take(&who("quiet", Some("dan"))));
    assert!(!line.take(&who("third", None)), "all the room is taken");
    line.release(&ana, second(1));
    assert!(line.take(&who("third", None)));
}

#[test]
fn whoever_is_idle_costs_nothing() {
    let mut line = flooded(BOUNDS_OF_ONE, 3);
    for _ in 0..4 {
        served(&mut line, "flood");
    }
    assert_eq!((line.in_flight, line.waiting), (0, 0));
    assert!(line.businesses.is_empty() && line.users.is_empty() && line.queues.is_empty() && line.turns.is_empty());
}

const BOUNDS_OF_ONE: Bounds =
    Bounds { in_flight: 1, in_flight_per_business: 9, in_flight_per_user: 9, waiting: 8, waiting_per_business: 5 };

proptest! {
    #[test]
    fn every_business_has_its_turn_in_one_round_however_many_one_sends(
        flood in 1_usize..60, others in 1_usize..20, room in 1_usize..8,
    ) {
        let bounds = Bounds {
            in_flight: room, in_flight_per_business: 100, in_flight_per_user: 1, waiting: 100, waiting_per_business: 60,
        };
        let mut line = flooded(bounds, flood);
        for other in 0..others {
            queue(&mut line, &format!("other {other}"), &format!("other {other}")).unwrap();
        }
        let mut in_flight = vec!["flood".to_owned(); room];
        let mut round = Vec::new();
        // One turn of the flooding business, and one of each other.
        for _ in 0..=others {
            let told = served(&mut line, &in_flight.remove(0));
            prop_assert_eq!(told.len(), 1);
            in_flight.push(if told[0].starts_with("flood") { "flood".to_owned() } else { told[0].clone() });
            round.extend(told);
        }
        for other in 0..others {
            let name = format!("other {other}");
            prop_assert!(round.contains(&name), "{} is not in {:?}", name, round);
        }
    }
}

#[test]
fn within_a_business_who_came_first_goes_first() {
    let mut line = flooded(BOUNDS_OF_ONE, 3);
    queue(&mut line, "other", "other").unwrap();
    let order: Vec<_> = ["flood", "flood", "other", "flood"].iter().flat_map(|of| served(&mut line, of)).collect();
    assert_eq!(order, ["flood 0", "other", "flood 1", "flood 2"]);
}

#[test]
fn a_user_who_has_the_users_share_holds_nobody_up() {
    let mut line = Line::<&str>::new(Bounds { in_flight: 3, ..BOUNDS });
    let (ana, dan) = (who("b", Some("ana")), who("b", Some("dan")));
    assert!(line.take(&ana) && line.take(&ana) && line.take(&dan));
    for (who, tell) in [(&ana, "ana"), (&dan, "dan")] {
        assert!(!line.take(who));
        line.wait(who.clone(), Lane::Business(who.business.clone()), tell).unwrap();
    }
    let told = |served: Vec<(Who, &'static str)>| served.into_iter().map(|(_, tell)| tell).collect::<Vec<_>>();
    assert_eq!(told(line.release(&dan, second(1))), ["dan"], "ana is first, and has two in flight");
    assert_eq!(told(line.release(&ana, second(2))), ["ana"]);
}

#[test]
fn when_the_line_is_full_the_newest_of_the_longest_queue_leaves_it() {
    let bounds = Bounds { waiting: 6, ..BOUNDS_OF_ONE };
    let mut line = flooded(bounds, 5);
    assert_eq!(queue(&mut line, "flood", "more"), Err(Full::Business), "its own queue is full");
    assert_eq!(queue(&mut line, "a", "a 0"), Ok(None));
    assert_eq!(queue(&mut line, "b", "b 0"), Ok(Some("flood 4".to_owned())));
    assert_eq!(queue(&mut line, "a", "a 1"), Ok(Some("flood 3".to_owned())));
    assert_eq!(queue(&mut line, "flood", "more"), Err(Full::Line), "it would be that newest one itself");
    assert_eq!(queue(&mut line, "a", "a 2"), Err(Full::Line), "as long as the longest is not short");
    let order: Vec<_> =
        ["flood", "flood", "a", "b", "flood", "a"].iter().flat_map(|of| served(&mut line, of)).collect();
    assert_eq!(order, ["flood 0", "a 0", "b 0", "flood 1", "a 1", "flood 2"]);
}

#[test]
fn what_is_stored_has_its_turn_like_a_business_and_is_never_sent_away() {
    let mut line = flooded(BOUNDS_OF_ONE, 5);
    for number in 0..20 {
        line.wait(who("flood", None), Lane::Stored, format!("stored {number}")).unwrap();
    }
    let order: Vec<_> = (0..8).flat_map(|_| served(&mut line, "flood")).collect();
    let expected = ["flood 0", "stored 0", "flood 1", "stored 1", "flood 2", "stored 2", "flood 3", "stored 3"];
    assert_eq!(order, expected);
}

#[test]
fn how_long_the_line_takes_follows_from_its_length_and_its_pace() {
    let mut line = flooded(BOUNDS_OF_ONE, 5);
    assert_eq!(line.empties_in(), None, "nobody knows how fast it moves");
    for now in [2, 4, 6] {
        line.release(&who("flood", None), second(now));
    }
    assert_eq!(line.empties_in(), Some(second(6)), "two who wait and a newcomer, two seconds each");
}

/// What may happen to the line.
#[derive(Clone, Debug)]
enum Step {
    Enter { business: usize, user: Option<usize>, stored: bool },
    Release(prop::sample::Index),
    Leave(prop::sample::Index),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let enter = (0..4_usize, prop::option::of(0..3_usize), prop::bool::weighted(0.1));
    prop_oneof![
        12 => enter.prop_map(|(business, user, stored)| Step::Enter { business, user, stored }),
        8 => any::<prop::sample::Index>().prop_map(Step::Release),
        3 => any::<prop::sample::Index>().prop_map(Step::Leave),
        1 => Just(Step::Close),
    ]
}

/// What the test knows: who is in, and who waits, each under its number.
#[derive(Default)]
struct Known {
    inside: Vec<Who>,
    waiting: Vec<(u64, Who, Ticket)>,
}

impl Known {
    fn tell_served(&mut self, served: Vec<(Who, u64)>) -> Result<(), TestCaseError> {
        for (who, number) in served {
            let index = self.waiting.iter().position(|(waiting, _, _)| *waiting == number);
            let index = index.ok_or_else(|| TestCaseError::fail(format!("{number} did not wait")))?;
            prop_assert_eq!(&self.waiting.remove(index).1, &who);
            self.inside.push(who);
        }
        Ok(())
    }

    /// Everything that holds between any two steps.
    fn check(&self, line: &Line<u64>) -> Result<(), TestCaseError> {
        let mut businesses = HashMap::<_, usize>::new();
        let mut users = HashMap::<_, usize>::new();
        for who in &self.inside {
            *businesses.entry(who.business.clone()).or_default() += 1;
            if let Some(user) = &who.user {
                *users.entry(user.clone()).or_default() += 1;
            }
        }
        prop_assert_eq!(line.in_flight, self.inside.len(), "no room is lost or made up");
        prop_assert_eq!(&line.businesses, &businesses);
        prop_assert_eq!(&line.users, &users);
        prop_assert!(line.in_flight <= BOUNDS.in_flight);
        prop_assert!(businesses.values().all(|count| *count <= BOUNDS.in_flight_per_business));
        prop_assert!(users.values().all(|count| *count <= BOUNDS.in_flight_per_user));
        let stands = |lane: &Lane| self.waiting.iter().filter(|(_, _, ticket)| ticket.lane == *lane).count();
        prop_assert_eq!(line.waiting, self.waiting.len() - stands(&Lane::Stored));
        prop_assert!(line.waiting <= BOUNDS.waiting);
        for (lane, queue) in &line.queues {
            prop_assert!(!queue.is_empty() && queue.len() == stands(lane));
            prop_assert!(*lane == Lane::Stored || queue.len() <= BOUNDS.waiting_per_business);
            prop_assert_eq!(line.turns.iter().filter(|turn| *turn == lane).count(), 1);
        }
        prop_assert_eq!(line.turns.len(), line.queues.len());
        prop_assert!(self.waiting.iter().all(|(_, who, _)| !line.has_room(who)), "nobody waits who could go");
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_room_is_lost_in_any_order_of_coming_going_giving_up_and_closing(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut line = Line::<u64>::new(BOUNDS);
        let mut known = Known::default();
        let mut closed = false;
        for (number, step) in (0_u64..).zip(steps) {
            match step {
                Step::Enter { business, user, stored } => {
                    let user = user.map(|user| format!("user {user}"));
                    let who = who(&format!("business {business}"), user.as_deref());
                    if line.take(&who) {
                        prop_assert!(!closed);
                        known.inside.push(who);
                    } else {
                        let lane = if stored { Lane::Stored } else { Lane::Business(who.business.clone()) };
                        match line.wait(who.clone(), lane, number) {
                            Ok(Waiting { ticket, displaced }) => {
                                known.waiting.push((number, who, ticket));
                                if let Some(displaced) = displaced {
                                    let before = known.waiting.len();
                                    known.waiting.retain(|(waiting, _, _)| *waiting != displaced);
                                    prop_assert_eq!(known.waiting.len(), before - 1);
                                }
                            }
                            Err(full) => prop_assert_eq!(full == Full::Closed, closed),
                        }
                    }
                }
                Step::Release(index) if !known.inside.is_empty() => {
                    let who = known.inside.swap_remove(index.index(known.inside.len()));
                    known.tell_served(line.release(&who, second(number)))?;
                }
                Step::Leave(index) if !known.waiting.is_empty() => {
                    let (_, _, ticket) = known.waiting.swap_remove(index.index(known.waiting.len()));
                    prop_assert!(line.leave(&ticket));
                    prop_assert!(!line.leave(&ticket), "nobody leaves twice");
                }
                Step::Close => {
                    closed = true;
                    let mut told = line.close();
                    told.sort_unstable();
                    let mut waited: Vec<_> = known.waiting.drain(..).map(|(number, _, _)| number).collect();
                    waited.sort_unstable();
                    prop_assert_eq!(told, waited, "everybody is told");
                }
                Step::Release(_) | Step::Leave(_) => {}
            }
            known.check(&line)?;
        }
        while let Some(who) = known.inside.pop() {
            known.tell_served(line.release(&who, second(1)))?;
        }
        prop_assert!(known.waiting.is_empty(), "everybody who waits gets room in the end");
        known.check(&line)?;
    }
}
