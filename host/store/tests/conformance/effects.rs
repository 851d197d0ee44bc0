use signalbox_model::Timestamp;
use signalbox_store::{
    DecisionRecord, DeliveredTo, Effect, EffectState, EffectUpdate, Handover, OpenEffects, QueuedEffects, Store,
    StoreError,
};

use crate::samples::{action, kafka_record, minute, record, unique, with_effects};

pub async fn a_decision_without_effects_is_never_pending(store: &Store) {
    let business = unique("business");
    store.commit_decision(&record(&business, "in-1", minute(1))).await.unwrap();
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
    assert!(waiting(store, &business).await.is_empty());
}

pub async fn delivered_effects_leave_the_pending_decisions(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a", "b"]).await;
    assert_eq!(pending(store, &business, minute(30)).await, [record.decision.id.as_str()]);
    let after = update(store, &record, "a", delivered()).await;
    assert_eq!((&after.effects[0].state, after.effects[0].attempts), (&delivered(), 1));
    assert_eq!((&after.effects[1].state, after.effects[1].attempts), (&EffectState::Pending, 0));
    assert_eq!(pending(store, &business, minute(30)).await, [record.decision.id.as_str()]);
    let after = update(store, &record, "b", delivered()).await;
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
    assert_eq!(store.decision(&record.decision.id, &business).await.unwrap(), Some(after));
}

pub async fn withheld_effects_are_pending_once_they_are_released(store: &Store) {
    let business = unique("business");
    let record = with_effects(
        record(&business, "in-1", minute(1)),
        vec![Effect::withheld("a", action("a", None)), Effect::withheld("b", action("b", None))],
    );
    store.commit_decision(&record).await.unwrap();
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
    let after = update(store, &record, "a", EffectState::Pending).await;
    assert_eq!(after.effects[0].attempts, 0);
    assert_eq!(pending(store, &business, minute(30)).await, [record.decision.id.as_str()]);
    update(store, &record, "a", delivered()).await;
    update(store, &record, "b", EffectState::Dropped { reason: "refused by ana".to_owned() }).await;
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn an_effect_is_pending_when_its_time_has_come(store: &Store) {
    let business = unique("business");
    let record = with_effects(
        record(&business, "in-1", minute(1)),
        vec![Effect::pending("a", action("a", Some(minute(20)))), Effect::pending("b", kafka_record(b"x"))],
    );
    store.commit_decision(&record).await.unwrap();
    let id = [record.decision.id.clone()];
    assert_eq!(pending(store, &business, minute(1)).await, id);
    let again = EffectState::Waiting { reason: "no answer".to_owned(), until: Some(minute(10)) };
    let after = update(store, &record, "b", again).await;
    assert_eq!(after.effects[1].attempts, 1);
    assert!(pending(store, &business, minute(9)).await.is_empty());
    assert_eq!(pending(store, &business, minute(10)).await, id);
    let after = update(store, &record, "b", delivered()).await;
    assert_eq!(after.effects[1].attempts, 2);
    assert!(pending(store, &business, minute(19)).await.is_empty());
    assert_eq!(pending(store, &business, minute(20)).await, id);
}

pub async fn effects_waiting_for_a_person_are_listed_apart(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a"]).await;
    update(store, &record, "a", EffectState::Waiting { reason: "no Kafka is configured".to_owned(), until: None })
        .await;
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
    assert_eq!(waiting(store, &business).await, [record.decision.id.as_str()]);
    update(store, &record, "a", EffectState::Pending).await;
    assert!(waiting(store, &business).await.is_empty());
    assert_eq!(pending(store, &business, minute(30)).await, [record.decision.id.as_str()]);
}

pub async fn a_final_state_is_never_undone(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a"]).await;
    let first = update(store, &record, "a", delivered()).await;
    for state in [
        EffectState::Pending,
        EffectState::delivered(minute(59)),
        EffectState::Waiting { reason: "late".to_owned(), until: Some(minute(2)) },
        EffectState::Dropped { reason: "late".to_owned() },
    ] {
        assert_eq!(update(store, &record, "a", state).await, first);
    }
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn a_message_in_the_mailbox_is_due_at_its_time_and_stays_resumable_whatever_becomes_of_it(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a", "b"]).await;
    let kept = EffectState::Kept { at: minute(2), until: minute(50) };
    for name in ["a", "b"] {
        update(store, &record, name, kept.clone()).await;
    }
    assert!(pending(store, &business, minute(49)).await.is_empty());
    assert_eq!(pending(store, &business, minute(50)).await, [record.decision.id.as_str()]);
    let refused = EffectState::DeadLetter { at: minute(51), reason: "no such topic".to_owned() };
    let after = update(store, &record, "a", refused).await;
    assert!(after.effects.iter().all(|effect| effect.is_resumable() && effect.kept_since == Some(minute(2))));
    assert_eq!((after.effects[0].attempts, after.effects[1].attempts), (1, 0), "to be kept is no attempt");
    // A connection took both; only that of the second is news.
    let effect_ids = ["a", "b", "unknown"].map(str::to_owned).to_vec();
    let (decision_id, business_id) = (record.decision.id.clone(), business.clone());
    let handover = Handover { business_id, decision_id, effect_ids, at: minute(52) };
    let taken = store.note_handover(&handover).await.unwrap();
    assert_eq!(taken.effects[0], after.effects[0]);
    let to = Some(DeliveredTo::Connection);
    assert_eq!(taken.effects[1].state, EffectState::Delivered { at: minute(52), to });
    assert_eq!(store.note_handover(&handover).await.unwrap(), taken);
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn concurrent_updates_of_different_effects_all_hold(store: &Store) {
    let business = unique("business");
    let names = ["a", "b", "c", "d"];
    let record = committed(store, &business, &names).await;
    let updates = names.map(|name| {
        let (store, record) = (store.clone(), record.clone());
        tokio::spawn(async move { update(&store, &record, name, delivered()).await })
    });
    for update in updates {
        update.await.unwrap();
    }
    let after = store.decision(&record.decision.id, &business).await.unwrap().unwrap();
    assert!(after.effects.iter().all(|effect| effect.state == delivered() && effect.attempts == 1), "{after:?}");
    assert!(pending(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn an_update_of_what_is_not_there_names_it(store: &Store) {
    let business = unique("business");
    let record = committed(store, &business, &["a"]).await;
    let updates = [EffectUpdate { effect_id: "zz".to_owned(), state: EffectState::Pending }];
    let error = store.update_effects(&record.decision.id, &business, &updates).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("zz")), "{error}");
    let error = store.update_effects("dec_none", &business, &updates).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("dec_none")), "{error}");
}

pub async fn pending_decisions_come_longest_due_first(store: &Store) {
    let business = unique("business");
    let mut expected = Vec::new();
    for n in [3, 1, 4, 2] {
        let effects = vec![Effect::pending("a", action("a", None))];
        let record = with_effects(record(&business, &format!("in-{n}"), minute(n)), effects);
        store.commit_decision(&record).await.unwrap();
        expected.push((n, record.decision.id));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(pending(store, &business, minute(30)).await, expected);
    assert_eq!(pending(store, &business, minute(2)).await, expected[..2]);
}

fn delivered() -> EffectState {
    EffectState::delivered(minute(40))
}

pub async fn open_effects_of_a_business_are_listed_page_by_page_whatever_their_state(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    let states = [
        EffectState::Pending,
        EffectState::Waiting { reason: "no answer".to_owned(), until: Some(minute(50)) },
        EffectState::HeldBack { target: "kafka".to_owned(), reason: "the brokers are away".to_owned() },
        EffectState::Waiting { reason: "no Kafka is configured".to_owned(), until: None },
        EffectState::DeadLetter { at: minute(9), reason: "too large".to_owned() },
        EffectState::DeadLetter { at: minute(9), reason: "refused".to_owned() },
        EffectState::Delivered { at: minute(9), to: None },
        EffectState::Dropped { reason: "cancelled".to_owned() },
    ];
    let mut expected = Vec::new();
    for (n, state) in states.iter().enumerate() {
        for business in [&business, &other] {
            let effects = vec![Effect::pending("a", action("a", None))];
            let record =
                with_effects(record(business, &format!("in-{n}"), minute(u32::try_from(n).unwrap() + 1)), effects);
            store.commit_decision(&record).await.unwrap();
            update(store, &record, "a", state.clone()).await;
            if *business == other || n >= 6 {
                continue;
            }
            expected.push(record.decision.id);
        }
    }
    let open = OpenEffects { business_id: &business, targets: &["http", "kafka"] };
    for limit in [1, 2, 3, 100] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let page = store.open_effects(&open, cursor.as_deref(), limit).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            assert!(!page.items.is_empty() || page.cursor.is_none(), "only the last page may be empty");
            found.extend(page.items.into_iter().map(|record| record.decision.id));
            pages += 1;
            assert!(pages < 20);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{limit} a page");
    }
    let first = store.open_effects(&open, None, 1).await.unwrap().cursor.unwrap();
    let elsewhere = OpenEffects { business_id: &other, ..open };
    let refused = store.open_effects(&elsewhere, Some(&first), 1).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
}

pub async fn backlogs_are_counted_by_what_is_left_to_do(store: &Store) {
    let before = store.effect_backlogs(&["kafka"], minute(30), 1_000).await.unwrap();
    for (n, state) in [
        EffectState::Pending,
        EffectState::Waiting { reason: "no answer".to_owned(), until: Some(minute(40)) },
        EffectState::Waiting { reason: "not configured".to_owned(), until: None },
        EffectState::HeldBack { target: "kafka".to_owned(), reason: "away".to_owned() },
        EffectState::DeadLetter { at: minute(9), reason: "refused".to_owned() },
    ]
    .into_iter()
    .enumerate()
    {
        let business = unique("business");
        let effects = vec![Effect::pending("a", action("a", None))];
        let record = with_effects(record(&business, &format!("in-{n}"), minute(1)), effects);
        store.commit_decision(&record).await.unwrap();
        update(store, &record, "a", state).await;
    }
    let after = store.effect_backlogs(&["kafka"], minute(30), 1_000).await.unwrap();
    // Other tests may use the same tables at the same time, so each list has at least what this one has added.
    for (before, after) in [
        (before.due, after.due),
        (before.later, after.later),
        (before.waiting, after.waiting),
        (before.held_back[0], after.held_back[0]),
        (before.dead_letters, after.dead_letters),
    ] {
        assert!(after.decisions > before.decisions, "{before:?} {after:?}");
        assert!(after.oldest.is_some());
    }
    assert!(after.due.oldest.unwrap() <= minute(1), "{after:?}");
    let bounded = store.effect_backlogs(&["kafka"], minute(30), 1).await.unwrap();
    assert_eq!((bounded.waiting.decisions, bounded.dead_letters.decisions), (1, 1));
}

async fn committed(store: &Store, business_id: &str, effects: &[&str]) -> DecisionRecord {
    let effects = effects.iter().map(|id| Effect::pending(*id, action(id, None))).collect();
    let record = with_effects(record(business_id, "in-1", minute(1)), effects);
    store.commit_decision(&record).await.unwrap();
    record
}

async fn update(store: &Store, record: &DecisionRecord, effect_id: &str, state: EffectState) -> DecisionRecord {
    let updates = [EffectUpdate { effect_id: effect_id.to_owned(), state }];
    store.update_effects(&record.decision.id, &record.decision.business_id, &updates).await.unwrap()
}

/// The pending decisions of one business, because other tests may share the tables.
async fn pending(store: &Store, business_id: &str, now: Timestamp) -> Vec<String> {
    of(business_id, store.pending_decisions(now, 100).await.unwrap())
}

async fn waiting(store: &Store, business_id: &str) -> Vec<String> {
    of(business_id, store.queued_effects(&QueuedEffects::Waiting, None, 100).await.unwrap().items)
}

fn of(business_id: &str, records: Vec<DecisionRecord>) -> Vec<String> {
    let own = records.into_iter().filter(|record| record.decision.business_id == business_id);
    own.map(|record| record.decision.id).collect()
}
