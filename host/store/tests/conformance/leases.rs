//! Which host attempts effects, and what is left for the others and for operators.

use std::time::Duration;

use signalbox_model::Timestamp;
use signalbox_store::{
    DecisionRecord, Effect, EffectCommand, EffectCommanded, EffectState, EffectUpdate, QueuedEffects, Store,
};

use crate::samples::{action, minute, record, unique, with_effects};

/// A decision of the first minute with these effects, which are due.
async fn committed(store: &Store, business_id: &str, effects: &[&str]) -> DecisionRecord {
    let effects = effects.iter().map(|id| Effect::pending(*id, action(id, None))).collect();
    let record = with_effects(record(business_id, "in-1", minute(1)), effects);
    store.commit_decision(&record).await.unwrap();
    record
}

async fn claim(store: &Store, record: &DecisionRecord, now: Timestamp) -> Option<DecisionRecord> {
    store.claim_effects(&record.decision.id, &record.decision.business_id, now).await.unwrap()
}

fn update(effect_id: &str, state: EffectState) -> EffectUpdate {
    EffectUpdate { effect_id: effect_id.to_owned(), state }
}

async fn report(store: &Store, claimed: &DecisionRecord, updates: &[EffectUpdate], done: bool) -> DecisionRecord {
    let (id, business_id) = (&claimed.decision.id, &claimed.decision.business_id);
    store.report_effects(id, business_id, claimed.lease.as_ref().unwrap(), updates, done).await.unwrap()
}

/// Whether the decision is found at `now`; other tests may share the tables.
async fn is_pending(store: &Store, record: &DecisionRecord, now: Timestamp) -> bool {
    let pending = store.pending_decisions(now, 100).await.unwrap();
    pending.iter().any(|found| found.decision.id == record.decision.id)
}

async fn is_queued(store: &Store, record: &DecisionRecord, list: &QueuedEffects) -> bool {
    let page = store.queued_effects(list, None, 100).await.unwrap();
    page.items.iter().any(|found| found.decision.id == record.decision.id)
}

fn held_back(target: &str) -> EffectState {
    EffectState::HeldBack { target: target.to_owned(), reason: "connection refused".to_owned() }
}

fn delivered() -> EffectState {
    EffectState::delivered(minute(2))
}

fn dead() -> EffectState {
    EffectState::DeadLetter { at: minute(2), reason: "410 Gone".to_owned() }
}

pub async fn a_leased_decision_is_found_by_no_other_host_until_the_lease_ends(store: &Store) {
    let record = committed(store, &unique("business"), &["a"]).await;
    assert!(is_pending(store, &record, minute(2)).await);
    let claimed = claim(store, &record, minute(2)).await.expect("nobody had it");
    let lease = claimed.lease.clone().unwrap();
    assert_eq!(lease.holder, store.instance());
    assert_eq!(lease.until, minute(2) + Duration::from_secs(30));
    assert!(!is_pending(store, &record, minute(2) + Duration::from_secs(29)).await);
    assert_eq!(claim(store, &record, minute(2) + Duration::from_secs(29)).await, None);
    assert!(is_pending(store, &record, lease.until).await);
    assert!(claim(store, &record, lease.until).await.is_some());
}

pub async fn of_many_hosts_exactly_one_gets_a_lease(store: &Store) {
    let record = committed(store, &unique("business"), &["a"]).await;
    let claims = (0..16).map(|_| {
        let (store, record) = (store.clone(), record.clone());
        tokio::spawn(async move { claim(&store, &record, minute(2)).await.is_some() })
    });
    let mut winners = 0;
    for claim in claims.collect::<Vec<_>>() {
        winners += usize::from(claim.await.unwrap());
    }
    assert_eq!(winners, 1);
}

pub async fn a_host_that_has_lost_its_lease_can_say_only_what_is_final(store: &Store) {
    let record = committed(store, &unique("business"), &["a", "b"]).await;
    let slow = claim(store, &record, minute(2)).await.unwrap();
    let quick = claim(store, &record, minute(3)).await.expect("the first lease has ended");
    let again = EffectState::Waiting { reason: "503".to_owned(), until: Some(minute(9)) };
    let after = report(store, &slow, &[update("a", again), update("b", delivered())], true).await;
    assert_eq!((&after.effects[0].state, &after.effects[1].state), (&EffectState::Pending, &delivered()));
    assert_eq!(after.lease, quick.lease, "the lease is the other host's");
}

pub async fn a_report_ends_the_lease_when_it_is_the_last_one(store: &Store) {
    let record = committed(store, &unique("business"), &["a", "b"]).await;
    let claimed = claim(store, &record, minute(2)).await.unwrap();
    let after = report(store, &claimed, &[update("a", delivered())], false).await;
    assert_eq!(after.lease, claimed.lease);
    let again = EffectState::Waiting { reason: "503".to_owned(), until: Some(minute(4)) };
    let after = report(store, &claimed, &[update("b", again)], true).await;
    assert_eq!((after.lease, after.effects[1].attempts), (None, 1));
    assert!(!is_pending(store, &record, minute(3)).await);
    assert!(is_pending(store, &record, minute(4)).await);
}

pub async fn what_is_held_back_is_listed_for_its_target_and_its_attempts_are_not_counted(store: &Store) {
    let record = committed(store, &unique("business"), &["a"]).await;
    let kafka = QueuedEffects::HeldBack { target: "kafka".to_owned() };
    let claimed = claim(store, &record, minute(2)).await.unwrap();
    let after = report(store, &claimed, &[update("a", held_back("kafka"))], true).await;
    assert_eq!(after.effects[0].attempts, 0);
    assert!(is_queued(store, &record, &kafka).await);
    assert!(!is_queued(store, &record, &QueuedEffects::HeldBack { target: "http".to_owned() }).await);
    assert!(!is_pending(store, &record, Timestamp::MAX).await);
    let claimed = claim(store, &record, minute(3)).await.expect("a held back decision can be leased");
    assert!(!is_queued(store, &record, &kafka).await);
    let after = report(store, &claimed, &[update("a", delivered())], true).await;
    assert_eq!(after.effects[0].attempts, 1);
    assert!(!is_queued(store, &record, &kafka).await && !is_pending(store, &record, Timestamp::MAX).await);
}

pub async fn held_back_effects_are_looked_at_before_a_later_effect_of_their_decision(store: &Store) {
    let far = Timestamp::now() + Duration::from_secs(86_400);
    let effects = vec![Effect::pending("a", action("a", None)), Effect::pending("b", action("b", Some(far)))];
    let record = with_effects(record(&unique("business"), "in-1", minute(1)), effects);
    store.commit_decision(&record).await.unwrap();
    let claimed = claim(store, &record, minute(2)).await.unwrap();
    report(store, &claimed, &[update("a", held_back("kafka"))], true).await;
    assert!(!is_pending(store, &record, Timestamp::now()).await);
    assert!(is_pending(store, &record, Timestamp::now() + Duration::from_secs(120)).await);
}

pub async fn a_dead_letter_is_listed_until_an_operator_has_it_attempted_again_or_cancels_it(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a"]).await;
    let id = &record.decision.id;
    let claimed = claim(store, &record, minute(2)).await.unwrap();
    report(store, &claimed, &[update("a", dead())], true).await;
    assert!(is_queued(store, &record, &QueuedEffects::DeadLetters).await);
    assert!(!is_pending(store, &record, Timestamp::MAX).await);
    let retry = EffectCommand::Retry;
    let done = store.command_effect(id, &business, "a", &retry, minute(3)).await.unwrap();
    let EffectCommanded::Done(after) = done else { panic!("{done:?}") };
    assert_eq!((&after.effects[0].state, after.effects[0].attempts), (&EffectState::Pending, 0));
    assert!(is_pending(store, &record, minute(3)).await);
    let refused = store.command_effect(id, &business, "a", &retry, minute(3)).await.unwrap();
    assert_eq!(refused, EffectCommanded::NotPossible(EffectState::Pending));
    let claimed = claim(store, &record, minute(4)).await.unwrap();
    report(store, &claimed, &[update("a", dead())], true).await;
    let cancel = EffectCommand::Cancel { reason: "cancelled by ana".to_owned() };
    store.command_effect(id, &business, "a", &cancel, minute(5)).await.unwrap();
    assert!(!is_queued(store, &record, &QueuedEffects::DeadLetters).await);
    let after = store.decision(id, &business).await.unwrap().unwrap();
    assert_eq!(after.effects[0].state, EffectState::Dropped { reason: "cancelled by ana".to_owned() });
}

pub async fn no_command_changes_an_effect_that_a_host_is_attempting(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a"]).await;
    let claimed = claim(store, &record, minute(2)).await.unwrap();
    let until = claimed.lease.as_ref().unwrap().until;
    let cancel = EffectCommand::Cancel { reason: "no longer wanted".to_owned() };
    let refused = store.command_effect(&record.decision.id, &business, "a", &cancel, minute(2)).await.unwrap();
    assert_eq!(refused, EffectCommanded::InDelivery { until });
    let after = report(store, &claimed, &[update("a", delivered())], true).await;
    assert_eq!(after.effects[0].state, delivered());
}

pub async fn effects_are_added_under_a_lease_each_once_and_by_no_host_that_has_lost_it(store: &Store) {
    let record = committed(store, &unique("business"), &["a"]).await;
    let (id, business_id) = (&record.decision.id, &record.decision.business_id);
    let lost = claim(store, &record, minute(2)).await.unwrap().lease.unwrap();
    let held = claim(store, &record, minute(3)).await.unwrap().lease.unwrap();
    let added = |id: &str| Effect::pending(id, action(id, None));
    let ids = |record: &DecisionRecord| record.effects.iter().map(|effect| effect.id.clone()).collect::<Vec<_>>();
    let unchanged = store.add_effects(id, business_id, &lost, &[added("late")]).await.unwrap();
    assert_eq!((ids(&unchanged), unchanged.lease.as_ref()), (vec!["a".to_owned()], Some(&held)));
    let both = [added("a.owner"), added("a.kitchen"), added("a.owner")];
    let after = store.add_effects(id, business_id, &held, &both).await.unwrap();
    assert_eq!(ids(&after), ["a", "a.owner", "a.kitchen"]);
    store.add_effects(id, business_id, &held, &both).await.unwrap();
    let stored = store.decision(id, business_id).await.unwrap().unwrap();
    assert_eq!((ids(&stored), stored.lease.as_ref()), (ids(&after), Some(&held)), "the lease goes on");
    // The host reports what it attempted, and what it did not attempt is found by the next one.
    let reports = [update("a", delivered()), update("a.owner", delivered())];
    store.report_effects(id, business_id, &held, &reports, true).await.unwrap();
    assert!(is_pending(store, &record, minute(4)).await);
}
