mod properties;

use std::collections::BTreeMap;

use jiff::Timestamp;
use signalbox_model::{BusinessAccess, Content, UserAccess};
use signalbox_sessions::{AuthFrame, FrameError, PingFrame, ResumeFrame};

use super::*;

const IN_FLIGHT: usize = 3;
const START: i64 = 1_800_000_000;

fn rules() -> Rules {
    Rules {
        auth_timeout: Duration::from_secs(5),
        expiry_notice: Duration::from_secs(60),
        ping_interval: Duration::from_secs(25),
        pong_timeout: Duration::from_secs(10),
        in_flight: IN_FLIGHT,
        max_errors: 5,
        error_window: Duration::from_secs(10),
        max_pings: 20,
        limits: ClientLimits {
            message_bytes: 65_536,
            text_bytes: 16_384,
            json_depth: 32,
            in_flight: IN_FLIGHT as u32,
            frames_per_second: 20,
            burst: 40,
        },
    }
}

fn at(millis: u64) -> ConnectionTime {
    let elapsed = Duration::from_millis(millis);
    ConnectionTime { elapsed, wall: Timestamp::from_second(START).unwrap().checked_add(elapsed).unwrap() }
}

fn verified(user: &str, seconds: i64) -> VerifiedToken {
    let businesses = BTreeMap::from([("b0".to_owned(), BusinessAccess::default())]);
    VerifiedToken {
        access: UserAccess { user_id: user.to_owned(), businesses },
        expires_at: Timestamp::from_second(START + seconds).unwrap(),
        token_id: None,
    }
}

fn message(id: &str, business: &str) -> Event {
    let content = Content { text: Some("hi".to_owned()), ..Content::default() };
    let frame = MessageFrame {
        id: id.to_owned(),
        business_id: business.to_owned(),
        location_id: None,
        content,
        progress: None,
    };
    Event::Frame { frame: ClientFrame::Message(frame), throttled: None }
}

fn frame(frame: ClientFrame) -> Event {
    Event::Frame { frame, throttled: None }
}

fn finished(business: &str) -> Event {
    Event::Finished { business_id: business.to_owned(), error: None }
}

/// A connection of ana whose token holds for `seconds`.
fn open(seconds: i64) -> Protocol {
    let mut protocol = Protocol::new(rules(), "con_1".to_owned());
    let auth = protocol.on(frame(ClientFrame::Auth(AuthFrame { token: "t".to_owned() })), at(0));
    assert_eq!(auth, [Action::Verify("t".to_owned())]);
    let verified = verified("ana", seconds);
    assert_eq!(protocol.on(Event::Verified(Ok(verified.clone())), at(0)), [Action::Join(verified.clone())]);
    let welcome = protocol.on(Event::Joined(verified), at(0));
    assert!(matches!(&welcome[..], [Action::Send(ServerFrame::Welcome { user_id, .. })] if user_id == "ana"));
    protocol
}

fn error_code(action: &Action) -> Option<(String, Option<String>)> {
    let Action::Send(ServerFrame::Error(error)) = action else { return None };
    let details = error.details.as_ref().unwrap();
    let text = |name: &str| details.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Some((text("code").unwrap(), text("messageId")))
}

fn code_of(actions: &[Action]) -> Option<String> {
    actions.iter().find_map(error_code).map(|(code, _)| code)
}

fn closed_with(actions: &[Action]) -> Option<CloseCode> {
    actions.iter().find_map(|action| match action {
        Action::Close(close) => Some(close.code),
        _ => None,
    })
}

#[test]
fn nothing_is_done_before_authentication() {
    let strangers = [
        message("m", "b0"),
        frame(ClientFrame::Ping(PingFrame::default())),
        frame(ClientFrame::Resume(ResumeFrame { business_id: "b0".to_owned(), cursor: None })),
        frame(ClientFrame::Refresh(AuthFrame { token: "t".to_owned() })),
    ];
    for event in strangers {
        let mut protocol = Protocol::new(rules(), "con_1".to_owned());
        let actions = protocol.on(event, at(0));
        assert_eq!(code_of(&actions).as_deref(), Some("not_authenticated"));
        assert_eq!(closed_with(&actions), Some(CloseCode::AuthFailed));
    }
}

#[test]
fn a_connection_that_does_not_authenticate_in_time_is_closed() {
    let mut protocol = Protocol::new(rules(), "con_1".to_owned());
    assert_eq!(protocol.wake_in(at(1_000)), Some(Duration::from_secs(4)));
    assert!(protocol.on(Event::Tick, at(4_999)).is_empty());
    assert_eq!(closed_with(&protocol.on(Event::Tick, at(5_000))), Some(CloseCode::AuthTimeout));
    assert_eq!(protocol.wake_in(at(5_000)), None);
}

#[test]
fn an_invalid_token_closes_with_the_close_code_of_its_error() {
    let expired = AuthError::Expired { at: Timestamp::UNIX_EPOCH };
    for (error, code) in [
        (AuthError::Signature, CloseCode::AuthFailed),
        (expired, CloseCode::TokenExpired),
        (AuthError::KeysUnavailable, CloseCode::Internal),
    ] {
        let mut protocol = Protocol::new(rules(), "con_1".to_owned());
        let actions = protocol.on(Event::Verified(Err(error.clone())), at(0));
        assert_eq!(code_of(&actions).as_deref(), Some(error.code().as_str()));
        assert_eq!(closed_with(&actions), Some(code));
    }
}

#[test]
fn an_expiring_token_gets_one_notice_and_then_closes() {
    let mut protocol = open(100);
    assert!(protocol.on(Event::DataReceived, at(24_000)).is_empty());
    protocol.on(Event::Tick, at(39_000));
    protocol.on(Event::DataReceived, at(39_500));
    assert_eq!(protocol.wake_in(at(39_900)), Some(Duration::from_millis(100)));
    let actions = protocol.on(Event::Tick, at(40_000));
    assert!(matches!(actions[..], [Action::Send(ServerFrame::TokenExpiring { .. })]));
    assert!(protocol.on(Event::Tick, at(40_001)).is_empty(), "once");
    let actions = protocol.on(message("late", "b0"), at(100_000));
    assert_eq!(closed_with(&actions), Some(CloseCode::TokenExpired));
    assert!(!actions.iter().any(|action| matches!(action, Action::Decide(_))), "nothing is decided after expiry");
}

#[test]
fn a_refresh_extends_the_session_and_a_failed_one_leaves_it_unchanged() {
    let mut protocol = open(100);
    let refresh = protocol.on(frame(ClientFrame::Refresh(AuthFrame { token: "new".to_owned() })), at(1));
    assert_eq!(refresh, [Action::Verify("new".to_owned())]);
    let failed = protocol.on(Event::Verified(Err(AuthError::Signature)), at(2));
    assert_eq!((code_of(&failed).as_deref(), closed_with(&failed)), (Some("token_signature"), None));
    let longer = verified("ana", 1_000);
    let actions = protocol.on(Event::Verified(Ok(longer.clone())), at(3));
    assert_eq!(actions[0], Action::Refresh(longer));
    assert!(matches!(actions[1], Action::Send(ServerFrame::Refreshed { .. })));
    protocol.on(Event::DataReceived, at(100_001));
    assert_eq!(closed_with(&protocol.on(Event::DataReceived, at(100_001))), None);
}

#[test]
fn a_refresh_with_the_token_of_another_user_closes() {
    let mut protocol = open(100);
    let actions = protocol.on(Event::Verified(Ok(verified("dan", 1_000))), at(1));
    assert_eq!(closed_with(&actions), Some(CloseCode::Forbidden));
    assert!(!actions.iter().any(|action| matches!(action, Action::Refresh(_))));
}

#[test]
fn a_client_that_does_not_answer_pings_is_disconnected() {
    let mut protocol = open(10_000);
    assert_eq!(protocol.on(Event::Tick, at(25_000)), [Action::Ping]);
    assert!(protocol.on(Event::Tick, at(34_999)).is_empty());
    assert_eq!(closed_with(&protocol.on(Event::Tick, at(35_000))), Some(CloseCode::HeartbeatMissed));
    let mut protocol = open(10_000);
    protocol.on(Event::Tick, at(25_000));
    protocol.on(Event::DataReceived, at(30_000));
    assert_eq!(protocol.on(Event::Tick, at(50_000)), [Action::Ping]);
}

#[test]
fn errors_are_tolerated_up_to_a_limit_per_window() {
    let mut protocol = open(10_000);
    let garbage = || Event::InvalidFrame(FrameError::NoType);
    for second in 0..30 {
        // Five mistakes in ten seconds are tolerated for ever.
        assert_eq!(closed_with(&protocol.on(garbage(), at(second * 2_100))), None, "{second}");
        protocol.on(Event::DataReceived, at(second * 2_100));
    }
    let mut protocol = open(10_000);
    for _ in 0..5 {
        assert_eq!(closed_with(&protocol.on(garbage(), at(10))), None);
    }
    assert_eq!(closed_with(&protocol.on(garbage(), at(11))), Some(CloseCode::Abuse));
}

#[test]
fn errors_of_the_host_do_not_count_as_abuse() {
    let mut protocol = open(10_000);
    for attempt in 0..50 {
        protocol.on(message(&format!("m{attempt}"), "b0"), at(attempt));
        let error =
            Box::new(ErrorFrame::from(&signalbox_intake::IntakeError::Busy { retry_after: Duration::from_secs(1) }));
        let actions = protocol.on(Event::Finished { business_id: "b0".to_owned(), error: Some(error) }, at(attempt));
        assert_eq!(closed_with(&actions), None);
    }
}

#[test]
fn a_client_that_receives_the_end_of_a_resume_may_send_the_next() {
    let resume = || frame(ClientFrame::Resume(ResumeFrame { business_id: "b0".to_owned(), cursor: None }));
    let ended = || ServerFrame::Resumed { business_id: "b0".to_owned(), recovered: true, count: 0, cursor: None };
    let refused = || Box::new(ErrorFrame::new(ErrorType::ValidationError, ErrorCode::InvalidCursor, "no"));
    let mut protocol = open(10_000);
    assert!(matches!(protocol.on(resume(), at(0))[..], [Action::Resume(_)]));
    assert_eq!(code_of(&protocol.on(resume(), at(1))).as_deref(), Some("resume_running"));
    // The frame that tells of the end leaves with the event that makes room for the next message, never before.
    assert_eq!(protocol.on(Event::Resumed(Ok(Some(Box::new(ended())))), at(2)), [Action::Send(ended())]);
    assert!(matches!(protocol.on(resume(), at(2))[..], [Action::Resume(_)]));
    assert_eq!(code_of(&protocol.on(Event::Resumed(Err(refused())), at(3))).as_deref(), Some("invalid_cursor"));
    assert!(matches!(protocol.on(resume(), at(3))[..], [Action::Resume(_)]));
}

#[test]
fn a_client_that_receives_the_end_of_a_review_may_send_the_next() {
    let mut protocol = open(10_000);
    let review = |number: usize| {
        frame(ClientFrame::Review(signalbox_sessions::ReviewFrame {
            id: format!("r{number}"),
            business_id: "b0".to_owned(),
            decision_id: "dec_1".to_owned(),
            verdict: signalbox_model::ReviewChoice::Approve,
            note: None,
            actions: None,
        }))
    };
    for number in 0..IN_FLIGHT {
        assert!(matches!(protocol.on(review(number), at(0))[..], [Action::Review(_)]));
    }
    assert_eq!(code_of(&protocol.on(review(IN_FLIGHT), at(1))).as_deref(), Some("too_many_in_flight"));
    let ack = ServerFrame::Pong { id: Some("stands for an ack".to_owned()), server_time: at(0).wall };
    assert_eq!(protocol.on(Event::Reviewed(Ok(Box::new(ack.clone()))), at(2)), [Action::Send(ack)]);
    assert!(matches!(protocol.on(review(IN_FLIGHT), at(2))[..], [Action::Review(_)]));
}

#[test]
fn a_protocol_violation_closes_with_its_standard_code() {
    for (code, name) in [
        (CloseCode::Binary, "binary_frame"),
        (CloseCode::InvalidText, "invalid_utf8"),
        (CloseCode::TooLarge, "message_too_large"),
        (CloseCode::ProtocolError, "websocket_violation"),
    ] {
        let actions = open(100).on(Event::ProtocolViolation(code), at(0));
        assert_eq!((code_of(&actions).as_deref(), closed_with(&actions)), (Some(name), Some(code)));
    }
}

#[test]
fn a_drain_waits_for_messages_in_flight_until_its_deadline() {
    let drain = || Event::Drain {
        reconnect_in: Duration::from_secs(1),
        close_in: Duration::from_secs(2),
        give_up_in: Duration::from_secs(9),
    };
    let mut idle = open(10_000);
    let actions = idle.on(drain(), at(0));
    assert!(matches!(actions[..], [Action::Send(ServerFrame::Reconnect { after_ms: 1_000, .. })]));
    assert_eq!(idle.wake_in(at(0)), Some(Duration::from_secs(2)));
    assert_eq!(closed_with(&idle.on(Event::Tick, at(1_999))), None);
    assert_eq!(closed_with(&idle.on(Event::Tick, at(2_000))), Some(CloseCode::Restart));

    let mut busy = open(10_000);
    busy.on(message("m", "b0"), at(0));
    busy.on(drain(), at(0));
    let refused = busy.on(message("n", "b0"), at(1));
    assert_eq!(refused.iter().find_map(error_code), Some(("draining".to_owned(), Some("n".to_owned()))));
    assert_eq!(closed_with(&busy.on(Event::Tick, at(3_000))), None, "a message is being decided");
    assert_eq!(closed_with(&busy.on(finished("b0"), at(3_001))), Some(CloseCode::Restart));

    let mut stuck = open(10_000);
    stuck.on(message("m", "b0"), at(0));
    stuck.on(drain(), at(0));
    assert_eq!(closed_with(&stuck.on(Event::Tick, at(9_000))), Some(CloseCode::Restart));
}

#[test]
fn pings_are_accepted_at_a_normal_rate_and_a_flood_closes() {
    let mut protocol = open(10_000);
    for second in 0..100 {
        assert_eq!(closed_with(&protocol.on(Event::ControlFrame, at(second * 1_000))), None, "{second}");
    }
    let mut protocol = open(10_000);
    for _ in 0..20 {
        assert_eq!(protocol.on(Event::ControlFrame, at(5)), []);
    }
    let actions = protocol.on(Event::ControlFrame, at(6));
    assert_eq!((code_of(&actions).as_deref(), closed_with(&actions)), (Some("too_many_pings"), Some(CloseCode::Abuse)));
}

#[test]
fn a_refused_token_closes_with_the_close_code_of_its_reason() {
    let cases = [
        (AuthError::Expired { at: Timestamp::UNIX_EPOCH }, CloseCode::TokenExpired),
        (AuthError::KeysUnavailable, CloseCode::Internal),
        (AuthError::Missing, CloseCode::AuthFailed),
        (AuthError::InUrl, CloseCode::AuthFailed),
    ];
    for (error, code) in cases {
        assert_eq!(close_code(&error), code, "{error}");
    }
}
