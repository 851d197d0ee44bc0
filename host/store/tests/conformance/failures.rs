use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use signalbox_model::ReviewVerdict;
use signalbox_store::{
    Accepted, Backend, Committed, Config, Effect, EffectState, EffectUpdate, FireClaim, Put, Resolved, RowCondition,
    Store, StoreError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::backends;
use crate::fires::fire;
use crate::reviews::{by, under_review};
use crate::samples::{accepted, action, at, minute, record, row_key, scope, with_effects, with_session};
use crate::schedules::definition;

/// What the proxy before the database does with a request.
#[derive(Clone)]
enum Mode {
    /// It passes request and answer.
    Pass,
    /// It answers this itself.
    Answer(u16, &'static str),
    /// It answers this to every update itself.
    AnswerUpdates(u16, &'static str),
    /// It does not answer.
    Silence,
    /// It passes the request, and drops the answer to the request with this number, counted from now; it passes all
    /// others.
    LoseAnswer(u32),
}

struct Faulty {
    store: Store,
    mode: watch::Sender<Mode>,
    requests: Arc<AtomicU32>,
}

impl Faulty {
    fn set(&self, mode: Mode) {
        self.requests.store(0, Ordering::SeqCst);
        self.mode.send_replace(mode);
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn faulty() -> Faulty {
    let Backend::Endpoint { url, region, .. } = backends::serve().await else { panic!("no endpoint") };
    let upstream = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mode = watch::Sender::new(Mode::Pass);
    let requests = Arc::new(AtomicU32::new(0));
    let (modes, count) = (mode.clone(), requests.clone());
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(client, upstream.clone(), modes.clone(), count.clone()));
        }
    });
    let store = Store::open(Config::new(Backend::Endpoint { url, region, access_key: None, secret: None }));
    Faulty { store: store.await.unwrap(), mode, requests }
}

async fn connection(mut client: TcpStream, upstream: String, mode: watch::Sender<Mode>, count: Arc<AtomicU32>) {
    let mut server = TcpStream::connect(upstream).await.unwrap();
    while let Some(request) = message(&mut client).await {
        count.fetch_add(1, Ordering::SeqCst);
        let now = mode.borrow().clone();
        let is_update = String::from_utf8_lossy(&request).to_lowercase().contains("dynamodb_20120810.updateitem");
        match now {
            Mode::AnswerUpdates(status, body) if is_update => answer(&mut client, status, body).await,
            Mode::Pass | Mode::AnswerUpdates(..) => {
                server.write_all(&request).await.unwrap();
                let answer = message(&mut server).await.unwrap();
                client.write_all(&answer).await.unwrap();
            }
            Mode::Answer(status, body) => answer(&mut client, status, body).await,
            Mode::Silence => std::future::pending().await,
            Mode::LoseAnswer(number) => {
                server.write_all(&request).await.unwrap();
                let answer = message(&mut server).await.unwrap();
                if count.load(Ordering::SeqCst) == number {
                    return;
                }
                client.write_all(&answer).await.unwrap();
            }
        }
    }
}

async fn answer(client: &mut TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} Fault\r\ncontent-type: application/x-amz-json-1.0\r\n");
    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    client.write_all(answer.as_bytes()).await.unwrap();
}

/// One HTTP request or answer with its body; none when the peer has closed the connection.
pub async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|length| bytes.len() < length) {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let (None, Some(head)) = (wanted, head) {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            wanted = Some(head + 4 + length.map_or(0, |length| length.trim().parse().unwrap()));
        }
    }
    Some(bytes)
}

#[tokio::test]
async fn a_throttled_call_is_tried_again_and_then_says_so() {
    let faulty = faulty().await;
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;
    faulty.set(Mode::Answer(400, throttled));
    let error = faulty.store.decision("dec_1", "business").await.unwrap_err();
    let table = "signalbox-decisions".to_owned();
    assert_eq!(error, StoreError::Throttled { table, operation: "GetItem" });
    assert!(error.retryable());
    assert_eq!(faulty.requests(), 3);
}

#[tokio::test]
async fn a_failing_server_is_tried_again_and_then_unavailable() {
    let faulty = faulty().await;
    faulty.set(Mode::Answer(500, r#"{"__type":"InternalServerError","message":"sorry"}"#));
    let error = faulty.store.decision("dec_1", "business").await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable { reason, .. } if reason.contains("sorry")), "{error:?}");
    assert!(error.retryable());
    assert_eq!(faulty.requests(), 3);
    faulty.set(Mode::Pass);
    faulty.store.decision("dec_1", "business").await.unwrap();
}

#[tokio::test]
async fn a_call_without_permission_is_denied_at_once() {
    let faulty = faulty().await;
    let denied = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not yours"}"#;
    faulty.set(Mode::Answer(400, denied));
    let error = faulty.store.decision("dec_1", "business").await.unwrap_err();
    assert!(matches!(&error, StoreError::Denied { reason, .. } if reason.contains("not yours")), "{error:?}");
    assert!(!error.retryable());
    assert_eq!(faulty.requests(), 1);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_error_without_a_dump() {
    let faulty = faulty().await;
    for answer in [Mode::Answer(200, "<html>"), Mode::Answer(400, "<html>"), Mode::Answer(302, "")] {
        faulty.set(answer);
        let error = faulty.store.decision("dec_1", "business").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("GetItem") && text.contains("signalbox-decisions"), "{text}");
        assert!(text.len() < 300 && !text.contains("SdkError") && !text.contains("Response"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_timeout() {
    let faulty = faulty().await;
    faulty.set(Mode::Silence);
    // From here on the clock jumps to the next deadline as soon as no task can run.
    tokio::time::pause();
    let error = faulty.store.decision("dec_1", "business").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { operation: "GetItem", .. }), "{error:?}");
    assert!(error.retryable());
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_however_often_it_is_tried() {
    let faulty = faulty().await;
    faulty.set(Mode::Silence);
    tokio::time::pause();
    let record = record("business", "in-1", minute(1));
    let call = tokio::time::timeout(Duration::from_secs(6), faulty.store.commit_decision(&record)).await;
    assert!(matches!(call, Ok(Err(StoreError::Timeout { .. }))), "{call:?}");
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_new_all_the_same() {
    let faulty = faulty().await;
    let alone = record("business", "in-1", minute(1));
    let with_session = with_session(record("business", "in-2", minute(1)), json!({}), at("2999-01-01T00:00:00Z"));
    for record in [alone, with_session] {
        faulty.set(Mode::LoseAnswer(1));
        assert_eq!(faulty.store.commit_decision(&record).await.unwrap(), Committed::New);
        assert_eq!(faulty.requests(), 2);
        let again = faulty.store.commit_decision(&record).await.unwrap();
        assert_eq!(again, Committed::Duplicate(Box::new(record)));
    }
}

#[tokio::test]
async fn an_accepted_input_whose_answer_was_lost_is_new_all_the_same() {
    let faulty = faulty().await;
    let input = accepted("business", "in-1", minute(1));
    faulty.set(Mode::LoseAnswer(1));
    assert_eq!(faulty.store.accept_input(&input).await.unwrap(), Accepted::New);
    assert_eq!(faulty.store.accept_input(&input).await.unwrap(), Accepted::Duplicate);
}

#[tokio::test]
async fn a_row_whose_answer_was_lost_is_written_once() {
    let faulty = faulty().await;
    let (scope, key) = (scope("business"), row_key("p", "s"));
    // The first request reads the row, the second writes it.
    for lost in [1, 2] {
        faulty.set(Mode::LoseAnswer(lost));
        let condition = if lost == 1 { RowCondition::Absent } else { RowCondition::Version(1) };
        let written = faulty.store.put_row(&scope, &key, "{}", condition, &format!("call-{lost}")).await;
        assert_eq!(written.unwrap(), u64::from(lost));
    }
    assert_eq!(faulty.store.row(&scope, &key).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn an_update_of_effects_whose_answer_was_lost_counts_once() {
    let faulty = faulty().await;
    let effects = vec![Effect::pending("a", action("a", None))];
    let record = with_effects(record("business", "in-1", minute(1)), effects);
    faulty.store.commit_decision(&record).await.unwrap();
    // The first request reads the decision, the second writes its effects.
    faulty.set(Mode::LoseAnswer(2));
    let state = EffectState::delivered(minute(2));
    let updates = [EffectUpdate { effect_id: "a".to_owned(), state: state.clone() }];
    let after = faulty.store.update_effects(&record.decision.id, "business", &updates).await.unwrap();
    assert_eq!((&after.effects[0].state, after.effects[0].attempts), (&state, 1));
}

#[tokio::test]
async fn a_review_whose_answer_was_lost_is_the_reviewers_own() {
    let faulty = faulty().await;
    let record = under_review("business", 1, None, vec![Effect::withheld("a", action("a", None))]);
    faulty.store.commit_decision(&record).await.unwrap();
    // The first request reads the decision, the second ends its review.
    faulty.set(Mode::LoseAnswer(2));
    let approval = by("ana", ReviewVerdict::Approve);
    let resolved = faulty.store.resolve_review(&record.decision.id, "business", &approval).await.unwrap();
    assert!(matches!(resolved, Resolved::Done(_)), "{resolved:?}");
    let late = by("bob", ReviewVerdict::Reject);
    let resolved = faulty.store.resolve_review(&record.decision.id, "business", &late).await.unwrap();
    assert!(matches!(resolved, Resolved::AlreadyResolved(_)), "{resolved:?}");
}

#[tokio::test]
async fn a_decision_is_read_once_for_its_review_and_again_only_when_it_has_changed() {
    let faulty = faulty().await;
    let approval = by("ana", ReviewVerdict::Approve);
    for is_changed in [false, true] {
        let effects = vec![Effect::pending("a", action("a", None)), Effect::withheld("b", action("b", None))];
        let record = under_review("business", 1 + u32::from(is_changed), None, effects);
        let (id, delivered) = (&record.decision.id, EffectState::delivered(minute(2)));
        faulty.store.commit_decision(&record).await.unwrap();
        faulty.set(Mode::Pass);
        let read = faulty.store.read_decision(id, "business").await.unwrap().unwrap();
        if is_changed {
            let updates = [EffectUpdate { effect_id: "a".to_owned(), state: delivered.clone() }];
            faulty.store.update_effects(id, "business", &updates).await.unwrap();
            faulty.set(Mode::Pass);
        }
        let resolved = faulty.store.resolve_review_as_read(read, &approval).await.unwrap();
        let Resolved::Done(after) = resolved else { panic!("{resolved:?}") };
        assert_eq!(after.effects[1].state, EffectState::Pending);
        // Without a change the two requests are the reading and the writing. With one they are the refused writing,
        // the second reading and the second writing.
        assert_eq!(faulty.requests(), if is_changed { 3 } else { 2 });
        assert_eq!(after.effects[0].state == delivered, is_changed, "a change in between is not lost");
        assert_eq!(faulty.store.decision(id, "business").await.unwrap(), Some(*after));
    }
}

#[tokio::test]
async fn a_schedule_whose_answer_was_lost_is_created_and_cancelled_all_the_same() {
    let faulty = faulty().await;
    let definition = definition("business", "daily");
    // The first request reads the schedule, the second writes it.
    faulty.set(Mode::LoseAnswer(2));
    assert_eq!(faulty.store.put_schedule(&definition, minute(1)).await.unwrap(), Put::Created);
    faulty.set(Mode::LoseAnswer(2));
    let paused = faulty.store.pause_schedule("business", "daily", minute(2)).await.unwrap();
    assert_eq!((paused.paused, paused.generation), (true, 2));
    faulty.set(Mode::LoseAnswer(2));
    assert!(faulty.store.cancel_schedule("business", "daily", minute(3)).await.unwrap());
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_won_all_the_same() {
    let faulty = faulty().await;
    let definition = definition("business", "daily");
    faulty.store.put_schedule(&definition, minute(1)).await.unwrap();
    let schedule = faulty.store.schedule("business", "daily").await.unwrap().unwrap();
    let fire = fire(&schedule, minute(8), "host-1");
    faulty.set(Mode::LoseAnswer(1));
    assert_eq!(faulty.store.claim_fire(&fire).await.unwrap(), FireClaim::Won);
    faulty.set(Mode::LoseAnswer(1));
    let (claim, taken) = faulty.store.reclaim_fire(&fire, "host-2", minute(40)).await.unwrap();
    assert_eq!((claim, taken.owner.as_str()), (FireClaim::Won, "host-2"));
    assert_eq!(faulty.store.claim_fire(&fire).await.unwrap(), FireClaim::Lost);
}

#[tokio::test]
async fn a_change_that_others_keep_from_being_written_is_given_up_by_name() {
    let faulty = faulty().await;
    let record = with_effects(record("business", "in-1", minute(1)), vec![Effect::pending("a", action("a", None))]);
    faulty.store.commit_decision(&record).await.unwrap();
    let schedule = definition("business", "daily");
    faulty.store.put_schedule(&schedule, minute(1)).await.unwrap();
    // As if another writer wrote between each read and write.
    let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    faulty.set(Mode::AnswerUpdates(400, refused));
    let dropped = EffectState::Dropped { reason: "no".to_owned() };
    let update = EffectUpdate { effect_id: "a".to_owned(), state: dropped };
    let effects = faulty.store.update_effects(&record.decision.id, "business", &[update]).await.unwrap_err();
    let paused = faulty.store.pause_schedule("business", "daily", minute(2)).await.unwrap_err();
    for (error, name) in [(effects, record.decision.id.as_str()), (paused, "daily")] {
        assert!(matches!(&error, StoreError::Contended { what, .. } if what.contains(name)), "{error:?}");
        assert!(error.retryable() && error.code() == "store_contended");
    }
}

#[tokio::test]
async fn moments_cost_no_calls_but_the_first() {
    let faulty = faulty().await;
    faulty.set(Mode::Pass);
    for _ in 0..1_000 {
        faulty.store.moment().await.unwrap();
    }
    assert!(faulty.requests() < 10, "{} calls", faulty.requests());
}

#[tokio::test]
async fn a_store_that_takes_no_writes_fails_its_check_and_is_told_of_until_a_write_succeeds() {
    let faulty = faulty().await;
    faulty.store.check().await.unwrap();
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;
    faulty.set(Mode::Answer(400, throttled));
    let error = faulty.store.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Throttled { operation: "UpdateItem", .. }), "{error:?}");
    let record = record("business", "in-1", minute(1));
    for _ in 0..3 {
        assert_eq!(faulty.store.keeps_failing(), None);
        faulty.store.commit_decision(&record).await.unwrap_err();
    }
    // One table may be throttled while the check, which uses another table, succeeds.
    faulty.set(Mode::Pass);
    faulty.store.check().await.unwrap();
    assert!(faulty.store.keeps_failing().unwrap().contains("3 writes in a row"));
    faulty.store.failing().await;
    faulty.store.commit_decision(&record).await.unwrap();
    assert_eq!(faulty.store.keeps_failing(), None);
}
