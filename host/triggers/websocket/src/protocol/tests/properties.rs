//! Properties of the state machine for every behaviour of a client, every answer about its token, and every order in
//! which the host's own work ends.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use signalbox_model::ReviewChoice;
use signalbox_sessions::{PingFrame, ReviewFrame};

use super::*;

/// What a client or the host may do next.
#[derive(Clone, Debug)]
enum Step {
    Auth,
    Refresh,
    Message { business: u8, throttled: bool },
    Review,
    Resume,
    Ping,
    Garbage,
    Control,
    ProtocolViolation(CloseCode),
    Finish { business: u8, with_error: bool },
    Reviewed,
    Resumed,
    Drain,
    Wait(u32),
}

/// The host's answer when the state machine asks about a token.
#[derive(Clone, Debug)]
enum Answer {
    SameUser,
    OtherUser,
    InvalidToken,
    TooManyConnections,
}

fn steps() -> impl Strategy<Value = Vec<(Step, Answer)>> {
    let violations = [CloseCode::Binary, CloseCode::InvalidText, CloseCode::TooLarge, CloseCode::ProtocolError];
    let step = prop_oneof![
        2 => Just(Step::Auth),
        2 => Just(Step::Refresh),
        16 => (0..3_u8, prop::bool::weighted(0.1))
            .prop_map(|(business, throttled)| Step::Message { business, throttled }),
        4 => Just(Step::Review),
        2 => Just(Step::Resume),
        2 => Just(Step::Ping),
        2 => Just(Step::Garbage),
        3 => Just(Step::Control),
        1 => prop::sample::select(violations.to_vec()).prop_map(Step::ProtocolViolation),
        16 => (0..3_u8, prop::bool::weighted(0.2))
            .prop_map(|(business, with_error)| Step::Finish { business, with_error }),
        4 => Just(Step::Reviewed),
        2 => Just(Step::Resumed),
        1 => Just(Step::Drain),
        8 => (0..8_000_u32).prop_map(Step::Wait),
    ];
    let answer = prop_oneof![
        20 => Just(Answer::SameUser),
        1 => Just(Answer::OtherUser),
        1 => Just(Answer::InvalidToken),
        1 => Just(Answer::TooManyConnections),
    ];
    // Most sequences begin as clients do, because a client that does not is closed at once.
    let begin = prop_oneof![9 => Just(vec![(Step::Auth, Answer::SameUser)]), 1 => Just(Vec::new())];
    let rest = prop::collection::vec((step, answer), 0..150);
    (begin, rest).prop_map(|(mut begin, rest)| {
        begin.extend(rest);
        begin
    })
}

/// The state machine with the events that it was given and the work that it has asked for.
struct ProtocolDriver {
    protocol: Protocol,
    now: u64,
    sent: usize,
    joined: bool,
    closed: bool,
    /// Each business's message that is being decided.
    running: BTreeMap<String, String>,
    /// The messages that were neither decided nor refused yet, in the order in which they came.
    waiting: BTreeMap<String, VecDeque<String>>,
    reviews: usize,
    resuming: bool,
    /// Every id that was begun or refused, which must happen once each.
    settled: BTreeSet<String>,
    reconnects: usize,
    errors: VecDeque<u64>,
}

impl ProtocolDriver {
    fn new() -> Self {
        Self {
            protocol: Protocol::new(rules(), "con_1".to_owned()),
            now: 0,
            sent: 0,
            joined: false,
            closed: false,
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
            reviews: 0,
            resuming: false,
            settled: BTreeSet::new(),
            reconnects: 0,
            errors: VecDeque::new(),
        }
    }

    /// The event of a step, if it can happen: only work that was begun can end.
    fn event(&mut self, step: Step) -> Option<Event> {
        let mut next = |prefix: &str| {
            self.sent += 1;
            format!("{prefix}{}", self.sent)
        };
        Some(match step {
            Step::Auth => frame(ClientFrame::Auth(AuthFrame { token: "t".to_owned() })),
            Step::Refresh => frame(ClientFrame::Refresh(AuthFrame { token: "t".to_owned() })),
            Step::Message { business, throttled } => {
                let (id, business) = (next("m"), format!("b{business}"));
                let Event::Frame { frame, .. } = message(&id, &business) else { unreachable!() };
                self.waiting.entry(business).or_default().push_back(id);
                Event::Frame { frame, throttled: throttled.then_some(Duration::from_millis(50)) }
            }
            Step::Review => frame(ClientFrame::Review(ReviewFrame {
                id: next("r"),
                business_id: "b0".to_owned(),
                decision_id: "dec_1".to_owned(),
                verdict: ReviewChoice::Approve,
                note: None,
                actions: None,
            })),
            Step::Resume => frame(ClientFrame::Resume(ResumeFrame { business_id: "b0".to_owned(), cursor: None })),
            Step::Ping => frame(ClientFrame::Ping(PingFrame { id: Some(next("p")) })),
            Step::Garbage => Event::InvalidFrame(FrameError::NoType),
            Step::Control => Event::ControlFrame,
            Step::ProtocolViolation(code) => Event::ProtocolViolation(code),
            Step::Finish { business, with_error } => {
                let business_id = format!("b{business}");
                self.running.remove(&business_id)?;
                let error = with_error.then(|| Box::new(ErrorFrame::from(&signalbox_intake::IntakeError::Draining)));
                Event::Finished { business_id, error }
            }
            Step::Reviewed => {
                self.reviews = self.reviews.checked_sub(1)?;
                Event::Reviewed(Ok(Box::new(ServerFrame::Pong { id: None, server_time: at(0).wall })))
            }
            Step::Resumed => {
                std::mem::take(&mut self.resuming).then_some(())?;
                Event::Resumed(Ok(None))
            }
            Step::Drain => Event::Drain {
                reconnect_in: Duration::from_secs(1),
                close_in: Duration::from_secs(2),
                give_up_in: Duration::from_secs(20),
            },
            Step::Wait(millis) => {
                self.now += u64::from(millis);
                Event::Tick
            }
        })
    }

    /// Gives the state machine an event and performs its actions as a connection does: questions are answered first.
    fn apply(&mut self, event: Event, answer: &Answer) {
        let pinged = match &event {
            Event::Frame { frame: ClientFrame::Ping(ping), .. } => ping.id.clone(),
            _ => None,
        };
        let actions = self.protocol.on(event, at(self.now));
        assert!(!self.closed || actions.is_empty(), "{actions:?} after the close");
        let mut follow_up = Vec::new();
        let mut pongs = 0;
        for action in actions {
            assert!(!self.closed, "{action:?} behind the close");
            if let Some((_, Some(id))) = error_code(&action) {
                self.settle(&id);
                self.waiting.values_mut().for_each(|queue| queue.retain(|waiting| *waiting != id));
            }
            match action {
                Action::Close(_) => self.closed = true,
                Action::Verify(_) => follow_up.push(Event::Verified(match answer {
                    Answer::OtherUser if self.joined => Ok(verified("dan", 1_000)),
                    Answer::InvalidToken => Err(AuthError::Signature),
                    _ => Ok(verified("ana", 400 + self.now as i64 / 1_000)),
                })),
                Action::Join(verified) => {
                    assert!(!self.joined, "joined twice");
                    follow_up.push(match answer {
                        Answer::TooManyConnections => Event::TooManyConnections { limit: 1 },
                        _ => Event::Joined(verified),
                    });
                }
                Action::Send(ServerFrame::Welcome { .. }) => {
                    assert!(!std::mem::replace(&mut self.joined, true), "welcome twice");
                }
                Action::Send(ServerFrame::Error(_)) => self.errors.push_back(self.now),
                Action::Send(ServerFrame::Reconnect { .. }) => self.reconnects += 1,
                Action::Send(ServerFrame::Pong { id, .. }) => {
                    assert_eq!(id, pinged, "a pong for nobody");
                    pongs += 1;
                }
                Action::Send(_) | Action::Refresh(_) | Action::Ping => assert!(self.joined, "before the welcome"),
                Action::Decide(message) => {
                    self.settle(&message.id);
                    let queue = self.waiting.entry(message.business_id.clone()).or_default();
                    assert_eq!(queue.pop_front().as_ref(), Some(&message.id), "out of order: {queue:?}");
                    let before = self.running.insert(message.business_id, message.id);
                    assert_eq!(before, None, "two of one business at once");
                }
                Action::Review(review) => {
                    self.settle(&review.id);
                    self.reviews += 1;
                }
                Action::Resume(_) => assert!(!std::mem::replace(&mut self.resuming, true), "two resumes at once"),
            }
        }
        assert!(pongs <= 1, "{pongs} pongs for a ping");
        for event in follow_up {
            self.apply(event, answer);
        }
    }

    fn settle(&mut self, id: &str) {
        assert!(self.joined || self.closed || id.is_empty(), "{id} before the welcome");
        assert!(self.settled.insert(id.to_owned()), "{id} is begun or refused twice");
    }

    fn check_invariants(&self) {
        if self.closed {
            assert_eq!(self.protocol.wake_in(at(self.now)), None, "a closed connection wakes");
            return;
        }
        assert!(self.protocol.wake_in(at(self.now)).is_some(), "it would sleep for ever");
        let waiting = self.waiting.values().map(VecDeque::len).sum::<usize>();
        assert!(self.running.len() + waiting + self.reviews <= IN_FLIGHT, "more in flight than allowed");
        for (business, queue) in &self.waiting {
            assert!(queue.is_empty() || self.running.contains_key(business), "{queue:?} waits for nothing");
        }
        assert!(self.reconnects <= 1, "told to reconnect twice");
        assert!(self.now < 5_000 || self.joined, "a stranger may stay");
    }
}

proptest! {
    /// Whatever a client sends, authenticated or not: nothing is done before authentication; messages of one business
    /// are decided one at a time and in order; never are more in flight than allowed; every message and review is begun
    /// or refused by name, exactly once; a close is the last action; and the machine always says when to wake.
    #[test]
    fn messages_of_a_business_stay_in_order_and_within_limits_for_all_event_sequences(steps in steps()) {
        let mut driver = ProtocolDriver::new();
        for (step, answer) in steps {
            let Some(event) = driver.event(step) else { continue };
            driver.apply(event, &answer);
            driver.check_invariants();
        }
        // All begun work ends, and then every waiting message has its turn.
        while !driver.closed && let Some(business_id) = driver.running.keys().next().cloned() {
            driver.running.remove(&business_id);
            driver.apply(Event::Finished { business_id, error: None }, &Answer::SameUser);
            driver.check_invariants();
        }
        prop_assert!(driver.closed || driver.waiting.values().all(VecDeque::is_empty), "{:?}", driver.waiting);
    }

    /// A client that is silent is pinged, and closed when it stays silent; a client that answers is not closed, however
    /// long it takes.
    #[test]
    fn a_silent_connection_is_closed_and_pongs_keep_it_open(waits in prop::collection::vec(1..12_000_u64, 1..200), answers in any::<bool>()) {
        let mut protocol = open(1_000_000);
        let (mut now, mut pinged_at) = (0, None);
        for wait in waits {
            now += wait;
            for action in protocol.on(Event::Tick, at(now)) {
                match action {
                    Action::Ping => pinged_at = Some(now),
                    Action::Close(close) => {
                        prop_assert_eq!(close.code, CloseCode::HeartbeatMissed);
                        let pinged = pinged_at.expect("nobody is closed who was not asked");
                        prop_assert!(!answers && now >= pinged + 10_000, "pinged at {}, closed at {}", pinged, now);
                        return Ok(());
                    }
                    _ => {}
                }
            }
            if answers && pinged_at.take().is_some() {
                prop_assert_eq!(protocol.on(Event::ControlFrame, at(now)), []);
            }
            // The check runs at each step only, so a close may come later by the longest step.
            prop_assert!(answers || now < 25_000 + 10_000 + 2 * 12_000, "silent for {} ms", now);
        }
    }
}
