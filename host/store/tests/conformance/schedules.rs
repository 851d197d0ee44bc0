use serde_json::json;
use signalbox_model::{CatchUp, HumanDuration, Overlap, Timestamp};
use signalbox_store::{Put, Schedule, ScheduleDefinition, ScheduleSource, ScheduleTiming, Store, StoreError};

use crate::samples::{minute, object, unique};

pub async fn a_schedule_is_put_once_and_read_back(store: &Store) {
    let business = unique("business");
    let definition = definition(&business, "daily");
    assert_eq!(store.put_schedule(&definition, minute(1)).await.unwrap(), Put::Created);
    let expected = Schedule {
        definition: definition.clone(),
        paused: false,
        generation: 1,
        created_at: minute(1),
        updated_at: minute(1),
        last: None,
        handled_until: None,
    };
    assert_eq!(read(store, &definition).await, expected);
    assert_eq!(store.put_schedule(&definition, minute(2)).await.unwrap(), Put::Unchanged);
    assert_eq!(read(store, &definition).await, expected);
    assert_eq!(store.schedule(&unique("business"), "daily").await.unwrap(), None);
}

pub async fn every_kind_of_schedule_is_read_back(store: &Store) {
    let business = unique("business");
    let plain = definition(&business, "plain");
    let rich = ScheduleDefinition {
        timing: ScheduleTiming::At(minute(40)),
        payload: Some(object(json!({ "report": "daily", "deep": { "er": [1, null] } }))),
        overlap: Overlap::Allow,
        catch_up: CatchUp::All { limit: 7 },
        jitter: HumanDuration::millis(1_500),
        source: ScheduleSource::Plugin { decision_id: "dec_1".to_owned() },
        ..definition(&business, "rich")
    };
    let none = ScheduleDefinition { overlap: Overlap::Queue, catch_up: CatchUp::None, ..definition(&business, "none") };
    for definition in [&plain, &rich, &none] {
        store.put_schedule(definition, minute(1)).await.unwrap();
        assert_eq!(&read(store, definition).await.definition, definition);
    }
}

pub async fn a_new_definition_keeps_the_pause_and_raises_the_generation(store: &Store) {
    let business = unique("business");
    let mut definition = definition(&business, "daily");
    store.put_schedule(&definition, minute(1)).await.unwrap();
    store.pause_schedule(&business, "daily", minute(2)).await.unwrap();
    definition.timing = ScheduleTiming::Expression("0 9 * * *".to_owned());
    assert_eq!(store.put_schedule(&definition, minute(3)).await.unwrap(), Put::Replaced);
    let after = read(store, &definition).await;
    assert_eq!(after.definition, definition);
    assert_eq!((after.paused, after.generation), (true, 3));
    assert_eq!((after.created_at, after.updated_at), (minute(1), minute(3)));
}

pub async fn a_schedule_is_paused_and_resumed(store: &Store) {
    let business = unique("business");
    let definition = definition(&business, "daily");
    store.put_schedule(&definition, minute(1)).await.unwrap();
    let paused = store.pause_schedule(&business, "daily", minute(2)).await.unwrap();
    assert_eq!((paused.paused, paused.generation, paused.updated_at), (true, 2, minute(2)));
    assert_eq!(read(store, &definition).await, paused);
    assert_eq!(store.pause_schedule(&business, "daily", minute(3)).await.unwrap(), paused);
    let resumed = store.resume_schedule(&business, "daily", minute(4)).await.unwrap();
    assert_eq!((resumed.paused, resumed.generation, resumed.updated_at), (false, 3, minute(4)));
    assert_eq!(read(store, &definition).await, resumed);
    let error = store.pause_schedule(&business, "weekly", minute(5)).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotFound { what, .. } if what.contains("weekly")), "{error}");
}

pub async fn a_cancelled_schedule_is_gone_and_can_be_made_again(store: &Store) {
    let business = unique("business");
    let definition = definition(&business, "daily");
    store.put_schedule(&definition, minute(1)).await.unwrap();
    assert!(store.cancel_schedule(&business, "daily", minute(2)).await.unwrap());
    assert!(!store.cancel_schedule(&business, "daily", minute(2)).await.unwrap());
    assert_eq!(store.schedule(&business, "daily").await.unwrap(), None);
    assert!(store.schedules(&business).await.unwrap().is_empty());
    assert!(all(store, &business, 100).await.is_empty());
    let error = store.resume_schedule(&business, "daily", minute(3)).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    assert_eq!(store.put_schedule(&definition, minute(4)).await.unwrap(), Put::Created);
    let again = read(store, &definition).await;
    assert_eq!(again.created_at, minute(4));
    assert!(again.generation > 1, "what knew the first does not know the second");
}

pub async fn what_was_asked_for_earlier_never_undoes_what_was_asked_for_later(store: &Store) {
    let business = unique("business");
    let first = definition(&business, "daily");
    let second = ScheduleDefinition { timezone: "UTC".to_owned(), ..first.clone() };
    store.put_schedule(&second, minute(5)).await.unwrap();
    assert_eq!(store.put_schedule(&first, minute(4)).await.unwrap(), Put::Unchanged);
    assert!(!store.cancel_schedule(&business, "daily", minute(4)).await.unwrap());
    assert_eq!(read(store, &second).await.definition, second);
    // A pause is no definition: a definition from before the pause still counts.
    store.pause_schedule(&business, "daily", minute(9)).await.unwrap();
    assert_eq!(store.put_schedule(&first, minute(6)).await.unwrap(), Put::Replaced);
    assert!(store.cancel_schedule(&business, "daily", minute(7)).await.unwrap());
    assert_eq!(store.put_schedule(&first, minute(6)).await.unwrap(), Put::Unchanged);
    assert_eq!(store.schedule(&business, "daily").await.unwrap(), None);
    // The cancellation may also arrive before the schedule that it cancels.
    let late = definition(&business, "late");
    assert!(!store.cancel_schedule(&business, "late", minute(2)).await.unwrap());
    assert_eq!(store.put_schedule(&late, minute(1)).await.unwrap(), Put::Unchanged);
    assert_eq!(store.schedule(&business, "late").await.unwrap(), None);
    assert_eq!(store.put_schedule(&late, minute(3)).await.unwrap(), Put::Created);
}

pub async fn concurrent_changes_of_one_schedule_all_count(store: &Store) {
    let business = unique("business");
    let changing = (0..6_u32).map(|n| {
        let (store, mut definition) = (store.clone(), definition(&business, "daily"));
        definition.timing = ScheduleTiming::Expression(format!("{n} 8 * * *"));
        tokio::spawn(async move { store.put_schedule(&definition, minute(1)).await.unwrap() })
    });
    let mut created = 0;
    for put in changing.collect::<Vec<_>>() {
        let put = put.await.unwrap();
        assert_ne!(put, Put::Unchanged);
        created += u32::from(put == Put::Created);
    }
    assert_eq!((created, read(store, &definition(&business, "daily")).await.generation), (1, 6));
}

pub async fn a_businesss_schedules_are_listed_by_name(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    for name in ["weekly", "daily", "a#b", "ă"] {
        store.put_schedule(&definition(&business, name), minute(1)).await.unwrap();
    }
    store.put_schedule(&definition(&other, "theirs"), minute(1)).await.unwrap();
    store.cancel_schedule(&business, "daily", minute(2)).await.unwrap();
    let found = store.schedules(&business).await.unwrap();
    let names: Vec<_> = found.iter().map(|schedule| schedule.definition.name.as_str()).collect();
    assert_eq!(names, ["a#b", "weekly", "ă"]);
}

pub async fn all_schedules_are_listed_once_page_by_page(store: &Store) {
    let (business, other) = (unique("business"), unique("business"));
    for n in 0..5 {
        store.put_schedule(&definition(&business, &format!("s{n}")), minute(1)).await.unwrap();
        store.put_schedule(&definition(&other, &format!("s{n}")), minute(1)).await.unwrap();
    }
    store.cancel_schedule(&business, "s2", minute(2)).await.unwrap();
    assert_eq!(all(store, &business, 3).await, ["s0", "s1", "s3", "s4"]);
    assert_eq!(all(store, &other, 100).await, ["s0", "s1", "s2", "s3", "s4"]);
    assert!(matches!(store.all_schedules(None, 0).await, Err(StoreError::Invalid(_))));
    assert!(matches!(store.all_schedules(Some("no cursor"), 10).await, Err(StoreError::Invalid(_))));
}

pub async fn a_schedule_without_a_proper_name_is_refused(store: &Store) {
    let business = unique("business");
    let long = "n".repeat(257);
    for (business, name) in [(business.as_str(), ""), (business.as_str(), long.as_str()), ("", "daily")] {
        let put = store.put_schedule(&definition(business, name), minute(1)).await;
        assert!(matches!(put, Err(StoreError::Invalid(_))), "{put:?}");
        let cancelled = store.cancel_schedule(business, name, minute(1)).await;
        assert!(matches!(cancelled, Err(StoreError::Invalid(_))), "{cancelled:?}");
    }
    let longest = definition(&business, &"ă".repeat(128));
    assert_eq!(store.put_schedule(&longest, minute(1)).await.unwrap(), Put::Created);
    assert_eq!(all(store, &business, 100).await, [longest.name]);
}

pub fn definition(business: &str, name: &str) -> ScheduleDefinition {
    ScheduleDefinition {
        business_id: business.to_owned(),
        name: name.to_owned(),
        timing: ScheduleTiming::Expression("0 8 * * *".to_owned()),
        timezone: "Europe/Bucharest".to_owned(),
        payload: None,
        overlap: Overlap::Skip,
        catch_up: CatchUp::Last,
        jitter: HumanDuration::secs(30),
        source: ScheduleSource::Bundle { hook: name.to_owned() },
    }
}

/// The schedule after one definition, stored at one moment.
pub async fn put(store: &Store, business: &str, name: &str, at: Timestamp) -> Schedule {
    let definition = definition(business, name);
    store.put_schedule(&definition, at).await.unwrap();
    read(store, &definition).await
}

async fn read(store: &Store, definition: &ScheduleDefinition) -> Schedule {
    store.schedule(&definition.business_id, &definition.name).await.unwrap().unwrap()
}

/// The names of one business's schedules in the list of all schedules; other tests may share the tables.
async fn all(store: &Store, business: &str, limit: u32) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.all_schedules(cursor.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        let own = page.items.into_iter().filter(|schedule| schedule.definition.business_id == business);
        names.extend(own.map(|schedule| schedule.definition.name));
        if page.cursor.is_none() {
            return names;
        }
        cursor = page.cursor;
    }
}
