use std::time::Duration;

use serde_json::json;
use signalbox_model::ReplySlot;
use signalbox_store::{Committed, DecisionQuery, DecisionRecord, Effect, Order, Store, StoreError};

use crate::samples::{action, at, kafka_record, minute, noise, object, record, unique, with_effects, with_session};

const LATER: &str = "2999-01-01T00:00:00Z";

pub async fn a_committed_decision_is_read_back_as_it_was(store: &Store) {
    let business = unique("business");
    let record = with_session(record(&business, "in-1", minute(1)), json!({ "turns": 1 }), at(LATER));
    let record = with_effects(
        record,
        vec![
            Effect::pending("act_1", action("act_1", Some(minute(9)))),
            Effect::withheld("kafka_1", kafka_record(&[0, 159, 146, 150, 255])),
        ],
    );
    assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::New);
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(record));
}

pub async fn a_second_commit_answers_the_first_record(store: &Store) {
    let business = unique("business");
    let first =
        with_effects(record(&business, "in-1", minute(1)), vec![Effect::pending("act_1", action("act_1", None))]);
    let mut second = record(&business, "in-1", minute(2));
    second.decision.decision_code = "booking.refused".to_owned();
    second.reply = ReplySlot::None;
    assert_eq!(store.commit_decision(&first).await.unwrap(), Committed::New);
    let duplicate = store.commit_decision(&second).await.unwrap();
    assert_eq!(duplicate, Committed::Duplicate(Box::new(first.clone())));
    assert_eq!(store.decision(&first.decision.id, &business).await.unwrap(), Some(first.clone()));
    assert_eq!(listed(store, &business).await, [first.decision.id]);
}

pub async fn a_second_commit_with_a_session_answers_the_first_record_and_leaves_the_session(store: &Store) {
    let business = unique("business");
    let first = with_session(record(&business, "in-1", minute(1)), json!({ "turns": 1 }), at(LATER));
    let second = with_session(record(&business, "in-1", minute(2)), json!({ "turns": 2 }), at(LATER));
    assert_eq!(store.commit_decision(&first).await.unwrap(), Committed::New);
    assert_eq!(store.commit_decision(&second).await.unwrap(), Committed::Duplicate(Box::new(first)));
    assert_eq!(store.session(&business, "user-1").await.unwrap(), Some(object(json!({ "turns": 1 }))));
}

pub async fn of_many_concurrent_commits_exactly_one_is_new(store: &Store) {
    let business = unique("business");
    let commits = (0..24_u32).map(|n| {
        let (store, business) = (store.clone(), business.clone());
        tokio::spawn(async move {
            let mut record = record(&business, "in-1", minute(1));
            record.decision.reasoning = format!("by task {n}");
            let committed = store.commit_decision(&record).await.unwrap();
            (record, committed)
        })
    });
    let mut written = Vec::new();
    let mut answered = Vec::new();
    for commit in commits.collect::<Vec<_>>() {
        let (record, committed) = commit.await.unwrap();
        match committed {
            Committed::New => written.push(record),
            Committed::Duplicate(first) => answered.push(*first),
        }
    }
    let [winner] = written.as_slice() else { panic!("{} commits were new", written.len()) };
    assert_eq!(answered.len(), 23);
    assert!(answered.iter().all(|first| first == winner));
}

pub async fn commits_that_wait_together_are_each_answered_for_themselves(store: &Store) {
    let business = unique("business");
    let old = record(&business, "in-old", minute(1));
    assert_eq!(store.commit_decision(&old).await.unwrap(), Committed::New);
    let commits = (0..30_u32).map(|n| {
        let (store, business) = (store.clone(), business.clone());
        tokio::spawn(async move {
            // Some inputs were decided before, and some decisions update their conversation.
            let input = if n % 7 == 3 { "in-old".to_owned() } else { format!("in-{n}") };
            let mut record = record(&business, &input, minute(2));
            if n % 3 == 0 {
                record = with_session(record, json!({ "turn": n }), at(LATER));
            }
            (n, store.commit_decision(&record).await.unwrap(), record)
        })
    });
    for commit in commits.collect::<Vec<_>>() {
        let (n, committed, record) = commit.await.unwrap();
        if n % 7 == 3 {
            assert_eq!(committed, Committed::Duplicate(Box::new(old.clone())), "commit {n}");
        } else {
            assert_eq!(committed, Committed::New, "commit {n}");
            assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(record), "commit {n}");
        }
    }
}

pub async fn concurrent_decisions_of_one_conversation_all_commit(store: &Store) {
    let business = unique("business");
    let commits = (0..6_u32).map(|n| {
        let (store, business) = (store.clone(), business.clone());
        tokio::spawn(async move {
            let record = record(&business, &format!("in-{n}"), minute(n));
            store.commit_decision(&with_session(record, json!({ "turn": n }), at(LATER))).await.unwrap()
        })
    });
    for commit in commits.collect::<Vec<_>>() {
        assert_eq!(commit.await.unwrap(), Committed::New);
    }
    assert_eq!(listed(store, &business).await.len(), 6);
    assert!(store.session(&business, "user-1").await.unwrap().is_some());
}

pub async fn a_decision_is_not_found_under_another_business(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    let record = record(&business, "in-1", minute(1));
    store.commit_decision(&record).await.unwrap();
    assert_eq!(store.decision(&record.decision.id, &other).await.unwrap(), None);
    assert!(listed(store, &other).await.is_empty());
}

pub async fn a_large_decision_is_compressed_and_read_back(store: &Store) {
    let business = unique("business");
    let mut record = record(&business, "in-1", minute(1));
    record.decision.context.input.content.text = Some("la mulți ani ".repeat(100_000));
    let record = with_effects(record, vec![Effect::pending("k", kafka_record(&vec![7; 256 * 1024]))]);
    assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::New);
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(record));
}

pub async fn a_decision_too_large_for_an_item_is_refused_by_name(store: &Store) {
    let business = unique("business");
    let mut record = record(&business, "in-1", minute(1));
    record.decision.context.input.content.text = Some(noise(900_000));
    let error = store.commit_decision(&record).await.unwrap_err();
    assert!(matches!(&error, StoreError::TooLarge { what, .. } if what.contains(&record.decision.id)), "{error}");
    assert!(!error.retryable());
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), None);
}

pub async fn decisions_are_listed_by_time_in_both_orders_page_by_page(store: &Store) {
    let business = unique("business");
    let ids = commit_minutes(store, &business, &[5, 1, 3, 2, 4]).await;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut query = query(&business, order);
        query.limit = 2;
        let mut seen = Vec::new();
        loop {
            let page = store.decisions(&query).await.unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items.into_iter().map(|record| record.decision.id));
            match (page.cursor, order) {
                (None, _) => break,
                (cursor, Order::OldestFirst) => query.after = cursor,
                (cursor, Order::NewestFirst) => query.before = cursor,
            }
        }
        let mut expected = [1, 3, 2, 4, 0].map(|n: usize| ids[n].clone());
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{order:?}");
    }
}

pub async fn a_range_between_two_cursors_leaves_both_out(store: &Store) {
    let business = unique("business");
    let ids = commit_minutes(store, &business, &[1, 2, 3, 4]).await;
    let all = store.decisions(&query(&business, Order::OldestFirst)).await.unwrap();
    assert_eq!(all.cursor, None);
    let between = DecisionQuery {
        after: Some(all.items[0].cursor()),
        before: Some(all.items[3].cursor()),
        ..query(&business, Order::OldestFirst)
    };
    let found = store.decisions(&between).await.unwrap();
    let found: Vec<_> = found.items.into_iter().map(|record| record.decision.id).collect();
    assert_eq!(found, ids[1..3]);
    let nothing =
        DecisionQuery { after: between.before, before: between.after, ..query(&business, Order::OldestFirst) };
    assert!(store.decisions(&nothing).await.unwrap().items.is_empty());
}

pub async fn a_cursor_of_another_business_is_refused(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    commit_minutes(store, &business, &[1]).await;
    let found = store.decisions(&query(&business, Order::OldestFirst)).await.unwrap();
    let cursor = found.items[0].cursor();
    let theirs = DecisionQuery { after: Some(cursor.clone()), ..query(&other, Order::OldestFirst) };
    assert!(matches!(store.decisions(&theirs).await, Err(StoreError::Invalid(_))));
    let since = store.decisions_since(&other, Some(&cursor), Duration::ZERO, 10).await;
    assert!(matches!(since, Err(StoreError::Invalid(_))));
    let since = store.decisions_since(&business, Some("no cursor"), Duration::ZERO, 10).await;
    assert!(matches!(since, Err(StoreError::Invalid(_))));
}

pub async fn a_limit_out_of_range_is_refused(store: &Store) {
    for limit in [0, 101, u32::MAX] {
        let query = DecisionQuery { limit, ..query("business", Order::OldestFirst) };
        assert!(matches!(store.decisions(&query).await, Err(StoreError::Invalid(_))));
        assert!(matches!(store.pending_decisions(minute(1), limit).await, Err(StoreError::Invalid(_))));
        assert!(matches!(store.pending_inputs(limit).await, Err(StoreError::Invalid(_))));
        assert!(matches!(store.similar_decisions("t", "c", limit).await, Err(StoreError::Invalid(_))));
    }
}

pub async fn a_resume_continues_after_the_cursor_and_the_overlap_looks_back(store: &Store) {
    let business = unique("business");
    let ids = commit_minutes(store, &business, &[1, 2, 3, 4, 5]).await;
    let since = async |cursor: Option<&str>, overlap, limit| {
        let page = store.decisions_since(&business, cursor, overlap, limit).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|record| record.decision.id.clone()).collect();
        (found, page.cursor)
    };
    let third = store.decision(&ids[2], &business).await.unwrap().unwrap().cursor();
    assert_eq!(since(Some(&third), Duration::ZERO, 10).await, (ids[3..].to_vec(), None));
    assert_eq!(since(Some(&third), Duration::from_secs(60), 10).await, (ids[1..].to_vec(), None));
    let (first, more) = since(None, Duration::from_secs(60), 2).await;
    assert_eq!(first, ids[..2]);
    let (second, more) = since(more.as_deref(), Duration::ZERO, 2).await;
    assert_eq!(second, ids[2..4]);
    assert_eq!(since(more.as_deref(), Duration::ZERO, 2).await, (ids[4..].to_vec(), None));
    assert_eq!(since(Some(&third), Duration::MAX, 10).await, (ids, None));
}

pub async fn similar_decisions_are_of_the_same_type_and_code_newest_first(store: &Store) {
    let (business, other, kind) = (unique("business"), unique("business"), unique("type"));
    let mut expected = Vec::new();
    for (n, business, code, business_type) in [
        (1, &business, "booking.confirmed", kind.as_str()),
        (2, &other, "booking.confirmed", kind.as_str()),
        (3, &business, "booking.refused", kind.as_str()),
        (4, &business, "booking.confirmed", "another-type"),
        (5, &business, "booking.confirmed", kind.as_str()),
    ] {
        let mut record = record(business, &format!("in-{n}"), minute(n));
        record.decision.decision_code = code.to_owned();
        record.decision.business_type = business_type.to_owned();
        store.commit_decision(&record).await.unwrap();
        if [1, 2, 5].contains(&n) {
            expected.insert(0, record.decision);
        }
    }
    assert_eq!(store.similar_decisions(&kind, "booking.confirmed", 20).await.unwrap(), expected);
    expected.truncate(2);
    assert_eq!(store.similar_decisions(&kind, "booking.confirmed", 2).await.unwrap(), expected);
    assert!(store.similar_decisions(&kind, "nothing", 20).await.unwrap().is_empty());
}

pub async fn decisions_with_odd_names_stay_apart(store: &Store) {
    let kind = unique("type");
    let pairs = [
        (kind.clone(), "a#b".to_owned()),
        (format!("{kind}#a"), "b".to_owned()),
        (kind.clone(), "a#b#\0".to_owned()),
        (format!("{kind}#ă"), "\u{10FFFF}".to_owned()),
    ];
    for (n, (business_type, code)) in pairs.iter().enumerate() {
        let mut record = record(&unique("business"), &format!("in-{n}"), minute(1));
        record.decision.business_type.clone_from(business_type);
        record.decision.decision_code.clone_from(code);
        store.commit_decision(&record).await.unwrap();
    }
    for (business_type, code) in &pairs {
        let found = store.similar_decisions(business_type, code, 10).await.unwrap();
        assert_eq!(found.len(), 1, "{business_type:?} {code:?}");
        assert_eq!(&found[0].decision_code, code);
    }
}

fn query(business_id: &str, order: Order) -> DecisionQuery {
    DecisionQuery { business_id: business_id.to_owned(), before: None, after: None, limit: 100, order }
}

async fn listed(store: &Store, business_id: &str) -> Vec<String> {
    let page = store.decisions(&query(business_id, Order::OldestFirst)).await.unwrap();
    page.items.into_iter().map(|record: DecisionRecord| record.decision.id).collect()
}

/// Commits one decision for each minute and returns their ids in the same order.
async fn commit_minutes(store: &Store, business_id: &str, minutes: &[u32]) -> Vec<String> {
    let mut ids = Vec::new();
    for n in minutes {
        let record = record(business_id, &format!("in-{n}"), minute(*n));
        assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::New);
        ids.push(record.decision.id);
    }
    ids
}
