//! Schedules that decisions ask for.

use std::sync::Arc;

use signalbox_delivery::Relay;
use signalbox_model::JsonObject;
use signalbox_sessions::Sessions;
use signalbox_store::{EffectKind, EffectState, ScheduleTiming};
use tokio_util::sync::CancellationToken;

use super::{Reviewers, World, decision, delivered, memory, only_queue};

#[tokio::test]
async fn a_schedule_that_a_decision_asks_for_is_in_the_store_and_the_scheduler_hears_of_it() {
    let store = memory().await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (relay, task) = Relay::new(only_queue(), store.clone(), Sessions::new(10), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = task.when_schedules_change(move |business| tell.send(business.to_owned()).unwrap());
    let world = World {
        store: store.clone(),
        sessions: Sessions::new(10),
        relay,
        stop: stop.clone(),
        task: tokio::spawn(task.run(stop)),
    };
    let schedule = |name: &str, expression: &str| EffectKind::Schedule {
        name: name.to_owned(),
        timing: ScheduleTiming::Expression(expression.to_owned()),
        timezone: None,
        payload: Some(JsonObject::new()),
    };
    let cancel = |name: &str| EffectKind::CancelSchedule { name: name.to_owned() };
    // In their order: what is made and cancelled by one decision is not there, what is made twice is the second.
    let kinds = vec![
        schedule("daily", "0 8 * * *"),
        schedule("gone", "0 8 * * *"),
        cancel("gone"),
        schedule("daily", "0 9 * * *"),
    ];
    let record = decision("d1", kinds);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    world.settled(&record, delivered).await;
    assert_eq!(told.recv().await.as_deref(), Some("trattoria"));
    let schedules = store.schedules("trattoria").await.unwrap();
    assert_eq!(schedules.len(), 1);
    let definition = &schedules[0].definition;
    assert_eq!(definition.name, "daily");
    assert_eq!(definition.timing, ScheduleTiming::Expression("0 9 * * *".to_owned()));
    assert_eq!(definition.timezone, record.decision.context.business_info.timezone, "the business's own zone");
    world.end().await;
}

#[tokio::test]
async fn a_business_gets_no_more_schedules_than_it_may_have_and_keeps_those_that_it_has() {
    let store = memory().await;
    let (relay, task) = Relay::new(only_queue(), store.clone(), Sessions::new(10), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = tokio::spawn(task.limit_schedules(2).run(stop.clone()));
    let world = World { store: store.clone(), sessions: Sessions::new(10), relay, stop, task };
    let schedule = |name: &str, expression: &str| EffectKind::Schedule {
        name: name.to_owned(),
        timing: ScheduleTiming::Expression(expression.to_owned()),
        timezone: None,
        payload: None,
    };
    let asked = vec![
        schedule("a", "0 8 * * *"),
        schedule("b", "0 8 * * *"),
        schedule("c", "0 8 * * *"),
        schedule("a", "0 9 * * *"),
    ];
    let record = decision("d1", asked);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, EffectState::is_final).await;
    let EffectState::DeadLetter { reason, .. } = &after.effects[2].state else { panic!("{:?}", after.effects) };
    assert!(reason.contains("cron.schedules-per-business") && reason.contains("`c`"), "{reason}");
    assert!([0, 1, 3].iter().all(|index| delivered(&after.effects[*index].state)), "{:?}", after.effects);
    let names: Vec<_> = store.schedules("trattoria").await.unwrap().into_iter().map(|s| s.definition.name).collect();
    assert_eq!(names, ["a", "b"]);
    world.end().await;
}
