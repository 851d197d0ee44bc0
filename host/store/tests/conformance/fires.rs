use signalbox_model::{Timestamp, fire_input_id};
use signalbox_store::{Fire, FireClaim, FireEnd, FireRecord, Schedule, ScheduleDefinition, Store, StoreError};

use crate::samples::{minute, unique};
use crate::schedules::{definition, put};

pub async fn a_tick_is_claimed_once(store: &Store) {
    let schedule = put(store, &unique("business"), "daily", minute(1)).await;
    let first = fire(&schedule, minute(8), "host-1");
    assert_eq!(store.claim_fire(&first).await.unwrap(), FireClaim::Won);
    assert_eq!(store.claim_fire(&fire(&schedule, minute(8), "host-2")).await.unwrap(), FireClaim::Lost);
    assert_eq!(store.claim_fire(&first).await.unwrap(), FireClaim::Lost, "its own, but a second time");
    assert_eq!(store.claim_fire(&fire(&schedule, minute(9), "host-2")).await.unwrap(), FireClaim::Won);
    let other = put(store, &unique("business"), "daily", minute(1)).await;
    assert_eq!(store.claim_fire(&fire(&other, minute(8), "host-2")).await.unwrap(), FireClaim::Won);
}

pub async fn of_many_concurrent_claims_exactly_one_wins(store: &Store) {
    let schedule = put(store, &unique("business"), "daily", minute(1)).await;
    let claiming = (0..12).map(|n| {
        let (store, fire) = (store.clone(), fire(&schedule, minute(8), &format!("host-{n}")));
        tokio::spawn(async move { store.claim_fire(&fire).await.unwrap() })
    });
    let mut won = 0;
    for claim in claiming.collect::<Vec<_>>() {
        match claim.await.unwrap() {
            FireClaim::Won => won += 1,
            FireClaim::Lost => {}
            FireClaim::Stale => panic!("nothing has changed"),
        }
    }
    assert_eq!(won, 1);
}

pub async fn a_claim_by_an_outdated_definition_is_stale(store: &Store) {
    let business = unique("business");
    let first = put(store, &business, "daily", minute(1)).await;
    let paused = store.pause_schedule(&business, "daily", minute(2)).await.unwrap();
    assert_eq!(store.claim_fire(&fire(&first, minute(8), "host")).await.unwrap(), FireClaim::Stale);
    assert_eq!(store.claim_fire(&fire(&paused, minute(8), "host")).await.unwrap(), FireClaim::Won);
    assert_eq!(store.claim_fire(&fire(&first, minute(8), "host")).await.unwrap(), FireClaim::Lost);
    store.cancel_schedule(&business, "daily", minute(3)).await.unwrap();
    for known in [&first, &paused, &Schedule { generation: 3, ..paused.clone() }] {
        assert_eq!(store.claim_fire(&fire(known, minute(9), "host")).await.unwrap(), FireClaim::Stale);
    }
    let again = put(store, &business, "daily", minute(4)).await;
    assert_eq!(store.claim_fire(&fire(&first, minute(9), "host")).await.unwrap(), FireClaim::Stale);
    assert_eq!(store.claim_fire(&fire(&again, minute(9), "host")).await.unwrap(), FireClaim::Won);
}

pub async fn a_finished_tick_is_the_schedules_last_and_stays_claimed(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    let fire = claimed(store, &schedule, minute(8)).await;
    for _ in 0..2 {
        store.finish_fire(&fire, FireEnd::Fired { at: minute(9) }).await.unwrap();
        let record = FireRecord {
            nominal: minute(8),
            fired_at: minute(9),
            input_id: fire_input_id(&business, "daily", minute(8)),
        };
        let expected = Schedule { last: Some(record), handled_until: Some(minute(8)), ..schedule.clone() };
        assert_eq!(read(store, &schedule).await, expected);
    }
    assert_eq!(store.claim_fire(&fire).await.unwrap(), FireClaim::Lost);
    assert!(unfinished(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn a_tick_that_was_left_out_is_handled_and_is_not_the_last(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    let (first, second) = (claimed(store, &schedule, minute(8)).await, claimed(store, &schedule, minute(10)).await);
    store.finish_fire(&second, FireEnd::Skipped).await.unwrap();
    let after = read(store, &schedule).await;
    assert_eq!((after.last, after.handled_until), (None, Some(minute(10))));
    store.finish_fire(&first, FireEnd::Fired { at: minute(11) }).await.unwrap();
    let after = read(store, &schedule).await;
    assert_eq!(after.last.map(|last| last.nominal), Some(minute(8)));
    assert_eq!(after.handled_until, Some(minute(10)));
    assert!(unfinished(store, &business, Timestamp::MAX).await.is_empty());
}

pub async fn an_older_tick_that_ends_later_is_not_the_last(store: &Store) {
    let schedule = put(store, &unique("business"), "daily", minute(1)).await;
    let (first, second) = (claimed(store, &schedule, minute(8)).await, claimed(store, &schedule, minute(10)).await);
    store.finish_fire(&second, FireEnd::Fired { at: minute(11) }).await.unwrap();
    store.finish_fire(&first, FireEnd::Fired { at: minute(12) }).await.unwrap();
    let after = read(store, &schedule).await;
    assert_eq!(after.last.map(|last| last.nominal), Some(minute(10)));
    assert_eq!(after.handled_until, Some(minute(10)));
}

pub async fn the_past_of_a_schedule_outlives_its_definition_and_ends_with_it(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    let fire = claimed(store, &schedule, minute(8)).await;
    store.finish_fire(&fire, FireEnd::Fired { at: minute(9) }).await.unwrap();
    let changed = ScheduleDefinition { timezone: "UTC".to_owned(), ..definition(&business, "daily") };
    store.put_schedule(&changed, minute(10)).await.unwrap();
    let after = read(store, &schedule).await;
    assert!(after.last.is_some() && after.handled_until == Some(minute(8)));
    store.cancel_schedule(&business, "daily", minute(11)).await.unwrap();
    // The process that lost the tick may still finish it, which changes nothing.
    store.finish_fire(&fire, FireEnd::Fired { at: minute(12) }).await.unwrap();
    assert_eq!(store.schedule(&business, "daily").await.unwrap(), None);
    let again = put(store, &business, "daily", minute(13)).await;
    assert_eq!((again.last, again.handled_until), (None, None));
}

pub async fn a_tick_whose_owner_died_is_taken_over_once(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    let fire = claimed(store, &schedule, minute(8)).await;
    assert!(unfinished(store, &business, minute(29)).await.is_empty());
    assert_eq!(unfinished(store, &business, minute(30)).await, std::slice::from_ref(&fire));
    let reclaiming = (0..8).map(|n| {
        let (store, fire) = (store.clone(), fire.clone());
        tokio::spawn(async move { store.reclaim_fire(&fire, &format!("heir-{n}"), minute(40)).await.unwrap() })
    });
    let mut heirs = Vec::new();
    for answer in reclaiming.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            (FireClaim::Won, taken) => heirs.push(taken),
            (claim, _) => assert_eq!(claim, FireClaim::Lost),
        }
    }
    let [heir] = heirs.as_slice() else { panic!("{} took over", heirs.len()) };
    assert!(unfinished(store, &business, minute(39)).await.is_empty());
    assert_eq!(unfinished(store, &business, minute(40)).await, std::slice::from_ref(heir));
    store.finish_fire(heir, FireEnd::Fired { at: minute(41) }).await.unwrap();
    assert!(unfinished(store, &business, Timestamp::MAX).await.is_empty());
    let (claim, _) = store.reclaim_fire(heir, "too late", minute(50)).await.unwrap();
    assert_eq!(claim, FireClaim::Lost, "it is finished");
}

pub async fn unfinished_ticks_come_longest_over_first(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    for n in [23, 21, 24, 22] {
        let fire = Fire { lease_until: minute(n), ..fire(&schedule, minute(n), "host") };
        assert_eq!(store.claim_fire(&fire).await.unwrap(), FireClaim::Won);
    }
    let leases = unfinished(store, &business, minute(23)).await.into_iter().map(|fire| fire.lease_until);
    assert_eq!(leases.collect::<Vec<_>>(), [21, 22, 23].map(minute));
    assert!(matches!(store.unfinished_fires(minute(1), 0).await, Err(StoreError::Invalid(_))));
    for fire in unfinished(store, &business, minute(30)).await {
        store.finish_fire(&fire, FireEnd::Skipped).await.unwrap();
    }
}

pub async fn unfinished_ticks_that_are_left_alone_hide_no_others(store: &Store) {
    let business = unique("business");
    let schedule = put(store, &business, "daily", minute(1)).await;
    for n in 1..=7 {
        claimed(store, &schedule, minute(n)).await;
    }
    let (mut nominal, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.unfinished_fires_after(minute(30), cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        nominal.extend(page.items.into_iter().filter(|fire| fire.business_id == business).map(|fire| fire.nominal));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    nominal.sort();
    assert_eq!(nominal, [1, 2, 3, 4, 5, 6, 7].map(minute));
    for fire in unfinished(store, &business, minute(30)).await {
        store.finish_fire(&fire, FireEnd::Skipped).await.unwrap();
    }
}

pub async fn finishing_a_tick_that_nobody_claimed_names_it(store: &Store) {
    let schedule = put(store, &unique("business"), "daily", minute(1)).await;
    let error = store.finish_fire(&fire(&schedule, minute(8), "host"), FireEnd::Skipped).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("daily")), "{error}");
}

pub fn fire(schedule: &Schedule, nominal: Timestamp, owner: &str) -> Fire {
    Fire {
        business_id: schedule.definition.business_id.clone(),
        name: schedule.definition.name.clone(),
        nominal,
        generation: schedule.generation,
        owner: owner.to_owned(),
        lease_until: minute(30),
    }
}

async fn claimed(store: &Store, schedule: &Schedule, nominal: Timestamp) -> Fire {
    let fire = fire(schedule, nominal, "host-1");
    assert_eq!(store.claim_fire(&fire).await.unwrap(), FireClaim::Won);
    fire
}

async fn read(store: &Store, schedule: &Schedule) -> Schedule {
    store.schedule(&schedule.definition.business_id, &schedule.definition.name).await.unwrap().unwrap()
}

/// The unfinished ticks of one business, because other tests may share the tables.
async fn unfinished(store: &Store, business: &str, now: Timestamp) -> Vec<Fire> {
    let all = store.unfinished_fires(now, 100).await.unwrap();
    all.into_iter().filter(|fire| fire.business_id == business).collect()
}
