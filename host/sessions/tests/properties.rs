//! Properties of outboxes and the registry that hold for every order of events.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;
use signalbox_model::{BusinessAccess, UserAccess};
use signalbox_sessions::{CloseCode, Encoded, Outbox, Pushed, Session, Sessions};

const LIMIT: usize = 2_000;

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    PushUnimportant(usize),
    Pop,
    Close(CloseCode),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..900_usize).prop_map(Step::Push),
        4 => (0..900_usize).prop_map(Step::PushUnimportant),
        6 => Just(Step::Pop),
        1 => prop::sample::select(vec![CloseCode::Restart, CloseCode::Abuse, CloseCode::SlowConsumer]).prop_map(Step::Close),
    ]
}

fn access(user: usize, businesses: u8) -> UserAccess {
    let seen = (0..3).filter(|business| businesses & (1 << business) != 0);
    let businesses =
        seen.map(|business| (format!("b{business}"), BusinessAccess::default())).collect::<BTreeMap<_, _>>();
    UserAccess { user_id: format!("u{user}"), businesses }
}

fn frames(outbox: &Outbox) -> usize {
    std::iter::from_fn(|| outbox.pop()).count()
}

#[derive(Clone, Debug)]
enum Move {
    Join { user: usize, businesses: u8 },
    Refresh { at: usize, businesses: u8 },
    Leave { at: usize },
    Send { user: usize, business: u8 },
    Broadcast { business: u8 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0..4_usize, 0..8_u8).prop_map(|(user, businesses)| Move::Join { user, businesses }),
        2 => (0..16_usize, 0..8_u8).prop_map(|(at, businesses)| Move::Refresh { at, businesses }),
        2 => (0..16_usize).prop_map(|at| Move::Leave { at }),
        2 => (0..4_usize, 0..3_u8).prop_map(|(user, business)| Move::Send { user, business }),
        2 => (0..3_u8).prop_map(|business| Move::Broadcast { business }),
    ];
    prop::collection::vec(one, 1..80)
}

proptest! {
    /// An outbox holds no more than its limit. It gives the frames that it took in order, once, and before the close;
    /// it reports the frames that it did not take; after a close it takes none.
    #[test]
    fn an_outbox_gives_what_it_took_in_order_and_holds_no_more_than_its_limit(steps in prop::collection::vec(step(), 1..200)) {
        let outbox = Outbox::new(LIMIT);
        let (mut held, mut number, mut closed) = (VecDeque::new(), 0_usize, None);
        for step in steps {
            let (pushed, text) = match step {
                Step::Push(length) | Step::PushUnimportant(length) => {
                    number += 1;
                    let text = format!("{number}:{}", "x".repeat(length));
                    let frame = Encoded::text(text.clone());
                    let important = matches!(step, Step::Push(_));
                    (if important { outbox.push(frame) } else { outbox.push_unimportant(frame) }, text)
                }
                Step::Pop => {
                    let popped = outbox.pop().map(|frame| String::from_utf8(frame.into_bytes().to_vec()).unwrap());
                    prop_assert_eq!(popped, held.pop_front());
                    continue;
                }
                Step::Close(code) => {
                    outbox.close(code.into());
                    if *closed.get_or_insert(code) == CloseCode::SlowConsumer { held.clear(); }
                    continue;
                }
            };
            match pushed {
                Pushed::Queued => { prop_assert!(closed.is_none()); held.push_back(text); }
                Pushed::Dropped | Pushed::Repeated => prop_assert!(matches!(step, Step::PushUnimportant(_))),
                Pushed::Closed => if closed.is_none() { closed = Some(CloseCode::SlowConsumer); held.clear(); },
            }
            prop_assert!(outbox.bytes() <= LIMIT);
            prop_assert_eq!(outbox.close_requested().map(|close| close.code), closed);
        }
        prop_assert_eq!(frames(&outbox), held.len());
        prop_assert_eq!(outbox.bytes(), 0);
    }

    /// Whatever connections come, change and go: a user has no more connections than allowed, a frame reaches exactly
    /// the connections that may see its business by their newest token, and a closed connection leaves nothing in the
    /// registry.
    #[test]
    fn a_frame_reaches_exactly_those_who_may_see_its_business_now(moves in moves()) {
        const PER_USER: usize = 2;
        let sessions = Sessions::new(PER_USER);
        let mut here: Vec<(usize, u8, Arc<Outbox>, Session)> = Vec::new();
        for one in moves {
            match one {
                Move::Join { user, businesses } => {
                    let outbox = Arc::new(Outbox::new(1 << 20));
                    let before = here.iter().filter(|(own, ..)| *own == user).count();
                    match sessions.register(access(user, businesses), outbox.clone()) {
                        Ok(session) => { prop_assert!(before < PER_USER); here.push((user, businesses, outbox, session)); }
                        Err(full) => prop_assert_eq!((before, full.limit), (PER_USER, PER_USER)),
                    }
                }
                Move::Refresh { at, businesses } if !here.is_empty() => {
                    let at = at % here.len();
                    here[at].1 = businesses;
                    here[at].3.refresh(access(here[at].0, businesses));
                }
                Move::Leave { at } if !here.is_empty() => drop(here.swap_remove(at % here.len())),
                Move::Send { user, business } => {
                    let sent = sessions.send_to_user(&format!("b{business}"), &format!("u{user}"), &Encoded::text("x".to_owned()));
                    let mut reached = 0;
                    for (own, businesses, outbox, _) in &here {
                        let expected = usize::from(*own == user && businesses & (1 << business) != 0);
                        prop_assert_eq!(frames(outbox), expected);
                        reached += expected;
                    }
                    prop_assert_eq!(sent, reached);
                }
                Move::Broadcast { business } => {
                    let sent = sessions.broadcast(&format!("b{business}"), &Encoded::text("x".to_owned()), |_| true);
                    let mut reached = 0;
                    for (_, businesses, outbox, _) in &here {
                        let expected = usize::from(businesses & (1 << business) != 0);
                        prop_assert_eq!(frames(outbox), expected);
                        reached += expected;
                    }
                    prop_assert_eq!(sent, reached);
                }
                Move::Refresh { .. } | Move::Leave { .. } => {}
            }
            prop_assert_eq!(sessions.count(), here.len());
        }
        here.clear();
        prop_assert_eq!(sessions.count(), 0);
        prop_assert_eq!((0..4).map(|user| sessions.count_of(&format!("u{user}"))).sum::<usize>(), 0);
    }
}
