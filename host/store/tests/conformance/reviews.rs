use serde_json::json;
use signalbox_model::{
    ActionType, AgentAction, Outcome, Priority, Resolution, Review, ReviewVerdict, Source, Timestamp, action_id,
};
use signalbox_store::{
    Committed, DecisionRecord, Effect, EffectKind, EffectState, EffectUpdate, Resolved, ReviewDecision, Store,
    StoreError,
};

use crate::samples::{action, kafka_record, minute, noise, object, record, unique, with_effects};

pub async fn a_decision_under_review_is_read_back_and_listed_for_its_business(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, Some(minute(30))).await;
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(record.clone()));
    assert_eq!(listed(store, &business).await, [record]);
    assert!(listed(store, &unique("business")).await.is_empty());
}

pub async fn an_approval_lets_what_was_withheld_leave(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    assert!(pending(store, &business).await.is_empty());
    let approval = by("ana", ReviewVerdict::Approve);
    let after = done(resolve(store, &record, &approval).await);
    assert_eq!(after.decision.outcome, Outcome::Approved);
    assert!(after.effects.iter().all(|effect| effect.state == EffectState::Pending), "{:?}", after.effects);
    assert_eq!(after.review, Some(resolved(&record, &approval)));
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(after));
    assert_eq!(pending(store, &business).await, [record.decision.id]);
    assert!(listed(store, &business).await.is_empty());
}

pub async fn a_rejection_drops_what_was_withheld_and_says_why(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let mut rejection = by("ana", ReviewVerdict::Reject);
    rejection.note = Some("no such dose".to_owned());
    let after = done(resolve(store, &record, &rejection).await);
    assert_eq!(after.decision.outcome, Outcome::Rejected);
    let dropped = EffectState::Dropped { reason: "rejected by ana: no such dose".to_owned() };
    assert!(after.effects.iter().all(|effect| effect.state == dropped), "{:?}", after.effects);
    assert!(pending(store, &business).await.is_empty());
    assert!(listed(store, &business).await.is_empty());
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(after));
}

pub async fn what_leaves_at_once_is_not_held_up_by_a_review(store: &Store) {
    let business = unique("business");
    let news = EffectKind::Notification {
        user_id: None,
        location_id: None,
        permission: Some("review".to_owned()),
        wider: signalbox_store::Wider::default(),
        content: object(json!({ "text": "please look" })),
    };
    let effects = vec![Effect::pending("news", news), Effect::withheld("a", action("a", None))];
    let record = commit(store, under_review(&business, 1, None, effects)).await;
    assert_eq!(pending(store, &business).await, [record.decision.id.as_str()]);
    let delivered = EffectState::delivered(minute(2));
    let updates = [EffectUpdate { effect_id: "news".to_owned(), state: delivered.clone() }];
    store.update_effects(&record.decision.id, &business, &updates).await.unwrap();
    assert_eq!(listed(store, &business).await.len(), 1, "a delivery ends no review");
    let after = done(resolve(store, &record, &by("ana", ReviewVerdict::Reject)).await);
    assert_eq!(after.effects[0].state, delivered);
    assert!(matches!(after.effects[1].state, EffectState::Dropped { .. }));
}

pub async fn an_edit_sends_other_actions_under_the_same_ids(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let [first, second, _] = [0, 1, 2].map(|n: usize| record.effects[n].id.clone());
    let mut edit = by("ana", ReviewVerdict::Edit);
    edit.actions = Some(vec![other_action("changed")]);
    let after = done(resolve(store, &record, &edit).await);
    assert_eq!(after.decision.outcome, Outcome::Edited);
    assert_eq!(after.effects.len(), 3);
    let changed = AgentAction { id: first.clone(), ..other_action("changed") };
    assert_eq!(after.effects[0], Effect::pending(first, EffectKind::Action(changed)));
    assert_eq!(after.effects[1].id, second);
    assert_eq!(after.effects[1].state, EffectState::Dropped { reason: "left out by ana".to_owned() });
    assert_eq!(after.effects[2], Effect { state: EffectState::Pending, ..record.effects[2].clone() });
    assert_eq!(after.output, record.output, "what was proposed stays on record");
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(after));
}

pub async fn an_edit_with_more_actions_gives_no_id_twice(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let mut edit = by("ana", ReviewVerdict::Edit);
    edit.actions = Some(["a", "b", "c", "d"].map(other_action).to_vec());
    let after = done(resolve(store, &record, &edit).await);
    let ids: Vec<_> = after.effects.iter().map(|effect| effect.id.clone()).collect();
    let expected: Vec<_> = (0..5).map(|n| action_id(&record.decision.id, n)).collect();
    assert_eq!(ids, expected);
    let actions: Vec<_> = after.effects.iter().filter_map(action_of).collect();
    let targets: Vec<_> = actions.iter().map(|action| action.target.as_str()).collect();
    assert_eq!(targets, ["a", "b", "c", "d"]);
    let own = |effect: &Effect| action_of(effect).is_none_or(|action| action.id == effect.id);
    assert!(after.effects.iter().all(|effect| effect.state == EffectState::Pending && own(effect)));
}

pub async fn actions_come_with_an_edit_and_only_then(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let mut approval = by("ana", ReviewVerdict::Approve);
    approval.actions = Some(Vec::new());
    for malformed in [approval, by("ana", ReviewVerdict::Edit)] {
        let answer = store.resolve_review(&record.decision.id, &business, &malformed).await;
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{answer:?}");
    }
    assert_eq!(listed(store, &business).await, [record]);
}

pub async fn the_same_input_again_is_answered_as_the_first_time_and_others_learn_who_was_first(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let approval = by("ana", ReviewVerdict::Approve);
    let first = done(resolve(store, &record, &approval).await);
    assert_eq!(done(resolve(store, &record, &approval).await), first);
    for late in [by("bob", ReviewVerdict::Reject), by("cai", ReviewVerdict::Approve)] {
        assert_eq!(resolve(store, &record, &late).await, Resolved::AlreadyResolved(Box::new(first.clone())));
    }
    let delivered = EffectState::delivered(minute(3));
    let updates = [EffectUpdate { effect_id: first.effects[0].id.clone(), state: delivered }];
    let later = store.update_effects(&record.decision.id, &business, &updates).await.unwrap();
    assert_eq!(later.review, first.review);
    assert_eq!(done(resolve(store, &record, &approval).await), later);
}

pub async fn of_many_concurrent_reviewers_exactly_one_wins(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, None).await;
    let resolving = (0..12).map(|n| {
        let (store, record) = (store.clone(), record.clone());
        let verdict = if n % 2 == 0 { ReviewVerdict::Approve } else { ReviewVerdict::Reject };
        tokio::spawn(async move { resolve(&store, &record, &by(&format!("user-{n}"), verdict)).await })
    });
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for answer in resolving.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Resolved::Done(record) => won.push(record),
            Resolved::AlreadyResolved(record) => lost.push(record),
            Resolved::NotUnderReview => panic!("it is under review"),
        }
    }
    let [winner] = won.as_slice() else { panic!("{} reviewers won", won.len()) };
    assert!(lost.len() == 11 && lost.iter().all(|seen| seen == winner));
    let approved = winner.decision.outcome == Outcome::Approved;
    assert!(winner.effects.iter().all(|effect| (effect.state == EffectState::Pending) == approved));
}

pub async fn what_never_waited_for_a_person_is_not_under_review(store: &Store) {
    let business = unique("business");
    let record = commit(store, record(&business, "in-1", minute(1))).await;
    let approval = by("ana", ReviewVerdict::Approve);
    assert_eq!(resolve(store, &record, &approval).await, Resolved::NotUnderReview);
    assert!(listed(store, &business).await.is_empty());
    let error = store.resolve_review("dec_none", &business, &approval).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("dec_none")), "{error}");
}

pub async fn a_review_that_nobody_took_expires_once_its_time_is_over(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, Some(minute(30))).await;
    let forever = waiting(store, &business, 2, None).await;
    let early = resolve_expiry(store, &record, minute(29)).await;
    assert!(matches!(early, Err(StoreError::Invalid(_))), "{early:?}");
    assert!(expired(store, &business, minute(29)).await.is_empty());
    assert_eq!(expired(store, &business, minute(30)).await, [record.decision.id.as_str()]);
    let after = done(resolve_expiry(store, &record, minute(31)).await.unwrap());
    assert_eq!(after.decision.outcome, Outcome::Rejected);
    let resolution = after.review.clone().and_then(|review| review.resolution).unwrap();
    assert_eq!((resolution.by.as_str(), resolution.verdict), (Resolution::EXPIRY, ReviewVerdict::Expire));
    assert!(after.effects.iter().all(|effect| matches!(effect.state, EffectState::Dropped { .. })));
    assert_eq!(done(resolve_expiry(store, &record, minute(32)).await.unwrap()), after);
    assert!(expired(store, &business, Timestamp::MAX).await.is_empty());
    assert_eq!(listed(store, &business).await, [forever]);
}

pub async fn whoever_comes_after_the_expiry_is_too_late(store: &Store) {
    let business = unique("business");
    let record = waiting(store, &business, 1, Some(minute(30))).await;
    let approval = ReviewDecision { at: minute(30), ..by("ana", ReviewVerdict::Approve) };
    let Resolved::AlreadyResolved(after) = resolve(store, &record, &approval).await else { panic!("not too late") };
    assert_eq!(after.decision.outcome, Outcome::Rejected);
    assert!(pending(store, &business).await.is_empty());
    assert_eq!(resolve(store, &record, &approval).await, Resolved::AlreadyResolved(after.clone()));
    assert_eq!(done(resolve_expiry(store, &record, minute(40)).await.unwrap()), *after);
}

pub async fn expired_reviews_come_longest_over_first(store: &Store) {
    let business = unique("business");
    let mut expected = Vec::new();
    for n in [13, 11, 14, 12] {
        expected.push((n, waiting(store, &business, n - 10, Some(minute(n))).await.decision.id));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(expired(store, &business, minute(20)).await, expected);
    assert_eq!(expired(store, &business, minute(12)).await, expected[..2]);
    for id in expected {
        store.resolve_review(&id, &business, &ReviewDecision::expiry(&id, minute(20))).await.unwrap();
    }
}

pub async fn reviews_are_listed_oldest_first_page_by_page(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    for n in [4, 1, 5, 3, 2] {
        waiting(store, &business, n, Some(minute(50 - n))).await;
    }
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.pending_reviews(&business, cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|record| record.decision.created_at));
        if page.cursor.is_none() {
            break;
        }
        cursor = page.cursor;
    }
    assert_eq!(seen, [1, 2, 3, 4, 5].map(minute));
    let theirs = store.pending_reviews(&other, cursor.as_deref(), 2).await;
    assert!(matches!(theirs, Err(StoreError::Invalid(_))), "{theirs:?}");
    assert!(matches!(store.pending_reviews(&business, None, 0).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.expired_reviews(minute(1), 101).await, Err(StoreError::Invalid(_))));
}

pub async fn a_review_without_a_request_on_record_can_be_resolved(store: &Store) {
    let business = unique("business");
    let mut old = under_review(&business, 1, None, vec![Effect::withheld("a", action("a", None))]);
    old.review = None;
    let old = commit(store, old).await;
    assert_eq!(listed(store, &business).await, std::slice::from_ref(&old));
    let approval = by("ana", ReviewVerdict::Approve);
    let after = done(resolve(store, &old, &approval).await);
    assert_eq!(after.review.map(|review| review.requested_at), Some(old.decision.created_at));
}

pub async fn a_decision_as_large_as_one_may_be_can_be_reviewed_and_delivered(store: &Store) {
    let business = unique("business");
    let effects = vec![Effect::withheld("a", action("a", None))];
    let mut largest = under_review(&business, 1, None, effects);
    // Just below the limit of a commit. The text does not compress, and is stored compressed nevertheless.
    for kilobytes in (300..=500).rev() {
        largest.decision.context.input.content.text = Some(noise(kilobytes * 1024));
        match store.commit_decision(&largest).await {
            Ok(committed) => {
                assert_eq!(committed, Committed::New);
                break;
            }
            Err(error) => assert!(matches!(error, StoreError::TooLarge { .. }), "{error}"),
        }
    }
    let mut approval = by("ana", ReviewVerdict::Approve);
    approval.note = Some("n".repeat(2_000));
    let approved = done(resolve(store, &largest, &approval).await);
    let state = EffectState::Waiting { reason: "r".repeat(2_000), until: Some(minute(40)) };
    let updates = [EffectUpdate { effect_id: "a".to_owned(), state: state.clone() }];
    let after = store.update_effects(&approved.decision.id, &business, &updates).await.unwrap();
    assert_eq!(after.effects[0].state, state);
    let state = EffectState::delivered(minute(41));
    let updates = [EffectUpdate { effect_id: "a".to_owned(), state }];
    store.update_effects(&approved.decision.id, &business, &updates).await.unwrap();
}

pub fn by(user: &str, verdict: ReviewVerdict) -> ReviewDecision {
    ReviewDecision {
        by: user.to_owned(),
        at: minute(20),
        verdict,
        source: Some(Source::ExternalApi),
        note: None,
        input_id: format!("in-review-{user}"),
        fingerprint: Some("aa".to_owned()),
        actions: None,
    }
}

pub fn under_review(business: &str, n: u32, expires_at: Option<Timestamp>, effects: Vec<Effect>) -> DecisionRecord {
    let mut record = with_effects(record(business, &format!("in-{n}"), minute(n)), effects);
    record.decision.outcome = Outcome::ReviewPending;
    record.review = Some(Review { requested_at: minute(n), expires_at, resolution: None });
    record
}

fn resolved(record: &DecisionRecord, decided: &ReviewDecision) -> Review {
    let resolution = Resolution {
        by: decided.by.clone(),
        at: decided.at,
        verdict: decided.verdict,
        source: decided.source,
        note: decided.note.clone(),
        input_id: decided.input_id.clone(),
        fingerprint: decided.fingerprint.clone(),
    };
    Review { resolution: Some(resolution), ..record.review.clone().unwrap() }
}

fn other_action(target: &str) -> AgentAction {
    AgentAction {
        id: "whatever the reviewer sent".to_owned(),
        action_type: ActionType::ExternalCall,
        target: target.to_owned(),
        payload: object(json!({ "seats": 2 })),
        priority: Priority::Low,
        execute_at: None,
        retry_policy: None,
    }
}

fn action_of(effect: &Effect) -> Option<&AgentAction> {
    match &effect.kind {
        EffectKind::Action(action) => Some(action),
        _ => None,
    }
}

/// A decision with two actions and a Kafka record that wait for a person.
async fn waiting(store: &Store, business: &str, n: u32, expires_at: Option<Timestamp>) -> DecisionRecord {
    let decision_id = signalbox_model::decision_id(business, &format!("in-{n}"));
    let [first, second, third] = [0, 1, 2].map(|n| action_id(&decision_id, n));
    let effects = vec![
        Effect::withheld(first.clone(), action(&first, None)),
        Effect::withheld(second.clone(), action(&second, None)),
        Effect::withheld(third, kafka_record(b"x")),
    ];
    commit(store, under_review(business, n, expires_at, effects)).await
}

async fn commit(store: &Store, record: DecisionRecord) -> DecisionRecord {
    assert_eq!(store.commit_decision(&record).await.unwrap(), Committed::New);
    record
}

async fn resolve(store: &Store, record: &DecisionRecord, decided: &ReviewDecision) -> Resolved {
    store.resolve_review(&record.decision.id, &record.decision.business_id, decided).await.unwrap()
}

async fn resolve_expiry(store: &Store, record: &DecisionRecord, at: Timestamp) -> Result<Resolved, StoreError> {
    let decision = &record.decision;
    store.resolve_review(&decision.id, &decision.business_id, &ReviewDecision::expiry(&decision.id, at)).await
}

fn done(resolved: Resolved) -> DecisionRecord {
    match resolved {
        Resolved::Done(record) => *record,
        other => panic!("{other:?}"),
    }
}

async fn listed(store: &Store, business: &str) -> Vec<DecisionRecord> {
    store.pending_reviews(business, None, 100).await.unwrap().items
}

/// The expired reviews of one business, because other tests may share the tables.
async fn expired(store: &Store, business: &str, now: Timestamp) -> Vec<String> {
    own(business, store.expired_reviews(now, 100).await.unwrap())
}

async fn pending(store: &Store, business: &str) -> Vec<String> {
    own(business, store.pending_decisions(Timestamp::MAX, 100).await.unwrap())
}

fn own(business: &str, records: Vec<DecisionRecord>) -> Vec<String> {
    let own = records.into_iter().filter(|record| record.decision.business_id == business);
    own.map(|record| record.decision.id).collect()
}
