use serde_json::json;
use signalbox_store::Store;

use crate::samples::{at, minute, object, record, unique, with_session};

const PAST: &str = "2001-01-01T00:00:00Z";
const LATER: &str = "2999-01-01T00:00:00Z";

pub async fn a_session_is_what_the_last_decision_left(store: &Store) {
    let business = unique("business");
    assert_eq!(store.session(&business, "user-1").await.unwrap(), None);
    for turn in 1..=3 {
        let record = record(&business, &format!("in-{turn}"), minute(turn));
        store.commit_decision(&with_session(record, json!({ "turn": turn }), at(LATER))).await.unwrap();
        assert_eq!(store.session(&business, "user-1").await.unwrap(), Some(object(json!({ "turn": turn }))));
    }
    store.commit_decision(&record(&business, "in-9", minute(9))).await.unwrap();
    assert_eq!(store.session(&business, "user-1").await.unwrap(), Some(object(json!({ "turn": 3 }))));
}

pub async fn an_expired_session_is_not_returned(store: &Store) {
    let business = unique("business");
    let record = with_session(record(&business, "in-1", minute(1)), json!({ "turn": 1 }), at(PAST));
    store.commit_decision(&record).await.unwrap();
    assert_eq!(store.session(&business, "user-1").await.unwrap(), None);
}

pub async fn sessions_of_other_users_and_businesses_stay_apart(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    let mut record = with_session(record(&business, "in-1", minute(1)), json!({ "turn": 1 }), at(LATER));
    if let Some(session) = &mut record.session {
        session.user_id = "user#1\0ă".to_owned();
    }
    store.commit_decision(&record).await.unwrap();
    assert_eq!(store.session(&business, "user#1\0ă").await.unwrap(), Some(object(json!({ "turn": 1 }))));
    for (business, user) in [(&business, "user"), (&business, "user#1"), (&other, "user#1\0ă")] {
        assert_eq!(store.session(business, user).await.unwrap(), None);
    }
}
