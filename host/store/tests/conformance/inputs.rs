use signalbox_store::{Accepted, AcceptedInput, AcceptedInputState, Delivery, Store, StoreError};

use crate::samples::{accepted, minute, unique};

pub async fn an_input_is_accepted_once(store: &Store) {
    let business = unique("business");
    let first = accepted(&business, "in-1", minute(1));
    assert_eq!(store.accept_input(&first).await.unwrap(), Accepted::New);
    let mut second = accepted(&business, "in-1", minute(2));
    second.permissions = vec!["other".to_owned()];
    assert_eq!(store.accept_input(&second).await.unwrap(), Accepted::Duplicate);
    assert_eq!(pending(store, &business).await, [first]);
}

pub async fn of_many_concurrent_acceptances_exactly_one_is_new(store: &Store) {
    let business = unique("business");
    let accepting = (0..24).map(|_| {
        let (store, input) = (store.clone(), accepted(&business, "in-1", minute(1)));
        tokio::spawn(async move { store.accept_input(&input).await.unwrap() })
    });
    let mut new = 0;
    for answer in accepting.collect::<Vec<_>>() {
        new += u32::from(answer.await.unwrap() == Accepted::New);
    }
    assert_eq!(new, 1);
}

pub async fn a_finished_input_is_no_longer_pending_and_still_known(store: &Store) {
    let business = unique("business");
    let input = accepted(&business, "in-1", minute(1));
    store.accept_input(&input).await.unwrap();
    store.finish_input("in-1", &business).await.unwrap();
    assert!(pending(store, &business).await.is_empty());
    assert_eq!(store.accept_input(&input).await.unwrap(), Accepted::Duplicate);
    assert!(pending(store, &business).await.is_empty());
    store.finish_input("in-1", &business).await.unwrap();
}

pub async fn pending_inputs_come_oldest_first(store: &Store) {
    let business = unique("business");
    for n in [3, 1, 4, 2, 5] {
        store.accept_input(&accepted(&business, &format!("in-{n}"), minute(n))).await.unwrap();
    }
    let ids: Vec<_> = pending(store, &business).await.into_iter().map(|accepted| accepted.input.id).collect();
    assert_eq!(ids, ["in-1", "in-2", "in-3", "in-4", "in-5"]);
}

pub async fn pending_inputs_that_are_left_alone_hide_no_others(store: &Store) {
    let business = unique("business");
    for n in 1..=5 {
        store.accept_input(&accepted(&business, &format!("in-{n}"), minute(n))).await.unwrap();
    }
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.pending_inputs_after(cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        let own = page.items.into_iter().filter(|pending| pending.accepted.input.business_id == business);
        ids.extend(own.map(|pending| pending.accepted.input.id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids, ["in-1", "in-2", "in-3", "in-4", "in-5"]);
}

pub async fn pending_inputs_with_the_same_id_and_time_hide_none_of_another_business(store: &Store) {
    let businesses: Vec<_> = (0..5).map(|_| unique("business")).collect();
    for business in &businesses {
        store.accept_input(&accepted(business, "in-1", minute(1))).await.unwrap();
    }
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.pending_inputs_after(cursor.as_deref(), 1).await.unwrap();
        found.extend(page.items.into_iter().map(|pending| pending.accepted.input.business_id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    for business in businesses {
        assert_eq!(found.iter().filter(|other| **other == business).count(), 1, "{business} in {found:?}");
    }
}

pub async fn finishing_what_was_never_accepted_names_it(store: &Store) {
    let business = unique("business");
    let error = store.finish_input("in-9", &business).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("in-9")), "{error}");
    assert_eq!(store.accept_input(&accepted(&business, "in-9", minute(1))).await.unwrap(), Accepted::New);
}

pub async fn the_same_input_id_of_two_businesses_is_two_inputs(store: &Store) {
    for business in [unique("business"), unique("business")] {
        let input = accepted(&business, "in-1", minute(1));
        assert_eq!(store.accept_input(&input).await.unwrap(), Accepted::New);
        assert_eq!(pending(store, &business).await, [input]);
    }
}

pub async fn the_same_body_again_is_a_duplicate_and_another_is_a_conflict(store: &Store) {
    let business = unique("business");
    let with = |fingerprint: Option<&str>| AcceptedInput {
        fingerprint: fingerprint.map(str::to_owned),
        ..accepted(&business, "in-1", minute(1))
    };
    assert_eq!(store.accept_input(&with(Some("aa"))).await.unwrap(), Accepted::New);
    assert_eq!(store.accept_input(&with(Some("aa"))).await.unwrap(), Accepted::Duplicate);
    for other in [with(Some("bb")), with(None)] {
        assert_eq!(store.accept_input(&other).await.unwrap(), Accepted::Conflict);
    }
    store.finish_input("in-1", &business).await.unwrap();
    assert_eq!(store.accept_input(&with(Some("aa"))).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.accept_input(&with(Some("bb"))).await.unwrap(), Accepted::Conflict);
    let known = store.input_state(&business, "in-1").await.unwrap().unwrap();
    assert_eq!(known.accepted, with(Some("aa")));
}

pub async fn an_inputs_state_tells_whether_it_is_finished(store: &Store) {
    let business = unique("business");
    assert_eq!(store.input_state(&business, "in-1").await.unwrap(), None);
    let input = accepted(&business, "in-1", minute(1));
    store.accept_input(&input).await.unwrap();
    let open = AcceptedInputState { accepted: input.clone(), finished_at: None };
    assert_eq!(store.input_state(&business, "in-1").await.unwrap(), Some(open));
    assert_eq!(store.input_state(&unique("business"), "in-1").await.unwrap(), None);
    store.finish_input("in-1", &business).await.unwrap();
    let finished = store.input_state(&business, "in-1").await.unwrap().unwrap();
    assert_eq!(finished.accepted, input);
    assert!(finished.finished_at.is_some());
    store.finish_input("in-1", &business).await.unwrap();
    let again = store.input_state(&business, "in-1").await.unwrap().unwrap();
    assert_eq!(again, finished, "the first time counts");
}

pub async fn attempts_at_an_input_are_counted_until_one_ends(store: &Store) {
    let business = unique("business");
    store.accept_input(&accepted(&business, "in-1", minute(1))).await.unwrap();
    assert_eq!(attempts(store, &business).await, [0], "as in items of earlier versions, nothing is counted at first");
    for attempt in 1..4 {
        assert_eq!(store.begin_attempt("in-1", &business).await.unwrap(), Some(attempt));
        assert_eq!(attempts(store, &business).await, [attempt]);
        assert_eq!(store.attempts_at_input("in-1", &business).await.unwrap(), attempt);
    }
    store.end_attempts("in-1", &business).await.unwrap();
    assert_eq!(attempts(store, &business).await, [0]);
    assert_eq!(store.begin_attempt("in-1", &business).await.unwrap(), Some(1));
    store.finish_input("in-1", &business).await.unwrap();
    assert_eq!(store.begin_attempt("in-1", &business).await.unwrap(), None, "it is finished");
    assert_eq!(store.begin_attempt("in-2", &business).await.unwrap(), None, "it was never accepted");
    for id in ["in-1", "in-2"] {
        assert_eq!(store.attempts_at_input(id, &business).await.unwrap(), 0);
    }
    store.end_attempts("in-2", &business).await.unwrap();
    assert_eq!(store.input_state(&business, "in-2").await.unwrap(), None);
}

async fn attempts(store: &Store, business_id: &str) -> Vec<u32> {
    let all = store.inputs_to_recover(100).await.unwrap();
    let own = all.into_iter().filter(|pending| pending.accepted.input.business_id == business_id);
    own.map(|pending| pending.attempts).collect()
}

pub async fn a_delivery_of_a_webhook_is_no_input(store: &Store) {
    let delivery = Delivery {
        business_id: unique("business"),
        id: "dlv_1".to_owned(),
        fingerprint: "aa".to_owned(),
        received_at: minute(1),
    };
    store.claim_delivery(&delivery).await.unwrap();
    assert_eq!(store.input_state(&delivery.business_id, "dlv_1").await.unwrap(), None);
}

/// The pending inputs of one business, because other tests may share the tables.
async fn pending(store: &Store, business_id: &str) -> Vec<AcceptedInput> {
    let all = store.pending_inputs(100).await.unwrap();
    all.into_iter().filter(|accepted| accepted.input.business_id == business_id).collect()
}
