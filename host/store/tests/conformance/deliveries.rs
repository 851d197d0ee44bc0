use signalbox_store::{Claim, Delivery, DeliveryAnswer, SignatureUse, Store, StoreError};

use crate::samples::{minute, unique};

pub async fn a_delivery_is_open_until_it_is_answered_and_then_answered_the_same(store: &Store) {
    let delivery = delivery(&unique("business"), "abc");
    assert_eq!(store.claim_delivery(&delivery).await.unwrap(), Claim::Open);
    assert_eq!(store.claim_delivery(&delivery).await.unwrap(), Claim::Open);
    let answer =
        DeliveryAnswer { status: 202, content_type: "application/json".to_owned(), body: br#"{"a":1}"#.to_vec() };
    store.answer_delivery(&delivery, &answer).await.unwrap();
    let later = Delivery { received_at: minute(9), ..delivery };
    assert_eq!(store.claim_delivery(&later).await.unwrap(), Claim::Answered(answer));
}

pub async fn an_empty_answer_is_an_answer(store: &Store) {
    let delivery = delivery(&unique("business"), "abc");
    store.claim_delivery(&delivery).await.unwrap();
    let answer = DeliveryAnswer { status: 200, content_type: "text/plain".to_owned(), body: Vec::new() };
    store.answer_delivery(&delivery, &answer).await.unwrap();
    assert_eq!(store.claim_delivery(&delivery).await.unwrap(), Claim::Answered(answer));
}

pub async fn another_body_under_the_id_of_a_delivery_is_a_conflict(store: &Store) {
    let first = delivery(&unique("business"), "abc");
    store.claim_delivery(&first).await.unwrap();
    let other = Delivery { fingerprint: "def".to_owned(), ..first.clone() };
    assert_eq!(store.claim_delivery(&other).await.unwrap(), Claim::Conflict);
    assert_eq!(store.claim_delivery(&first).await.unwrap(), Claim::Open);
    let elsewhere = Delivery { business_id: unique("business"), ..other };
    assert_eq!(store.claim_delivery(&elsewhere).await.unwrap(), Claim::Open);
}

pub async fn a_delivery_is_never_taken_for_a_pending_input(store: &Store) {
    let delivery = delivery(&unique("business"), "abc");
    store.claim_delivery(&delivery).await.unwrap();
    let pending = store.pending_inputs(100).await.unwrap();
    assert!(pending.iter().all(|accepted| accepted.input.business_id != delivery.business_id));
}

pub async fn answering_a_delivery_that_never_came_names_it(store: &Store) {
    let answer = DeliveryAnswer { status: 200, content_type: "text/plain".to_owned(), body: Vec::new() };
    let error = store.answer_delivery(&delivery(&unique("business"), "abc"), &answer).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("dlv_1")), "{error}");
}

pub async fn a_signature_counts_where_it_was_shown_first_and_nowhere_else(store: &Store) {
    let first = SignatureUse { id: unique("sig"), address: "roma/orders".to_owned(), received_at: minute(1) };
    let elsewhere = SignatureUse { address: "napoli/orders".to_owned(), ..first.clone() };
    assert!(store.claim_signature(&first).await.unwrap());
    assert!(!store.claim_signature(&elsewhere).await.unwrap());
    assert!(store.claim_signature(&first).await.unwrap(), "a repetition is no other place");
    let pending = store.pending_inputs(100).await.unwrap();
    assert!(pending.iter().all(|accepted| !accepted.input.id.contains(&first.id)));
}

fn delivery(business_id: &str, fingerprint: &str) -> Delivery {
    Delivery {
        business_id: business_id.to_owned(),
        id: "dlv_1".to_owned(),
        fingerprint: fingerprint.to_owned(),
        received_at: minute(1),
    }
}
