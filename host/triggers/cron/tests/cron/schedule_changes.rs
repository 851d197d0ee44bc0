use signalbox_model::CatchUp;
use signalbox_store::ScheduleSource;

use super::cluster::{Cluster, at, declared};

#[tokio::test]
async fn a_paused_schedule_does_not_tick_and_its_resumption_makes_up_for_nothing() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|schedule| schedule.catch_up = CatchUp::All { limit: 10 }).await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    // The host has not read the schedule again: its claim shows the pause.
    cluster.store.pause_schedule("roma", "hourly", cluster.now()).await.unwrap();
    for hour in 10..13 {
        cluster.move_to(&format!("2026-06-01T{hour}:00:00Z"));
        host.scheduler.run_due().await;
    }
    cluster.move_to("2026-06-01T12:30:00Z");
    cluster.store.resume_schedule("roma", "hourly", cluster.now()).await.unwrap();
    host.scheduler.changes().notify("roma");
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T13:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T13:00:00Z"]);
}

#[tokio::test]
async fn a_cancelled_or_replaced_schedule_does_not_tick_by_its_old_definition() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T09:40:00Z");
    let later = signalbox_store::ScheduleTiming::Expression("30 * * * *".to_owned());
    cluster.put("hourly", later, |_| {}).await;
    cluster.move_to("2026-06-01T10:00:00Z");
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:30:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T10:30:00Z"]);
    cluster.store.cancel_schedule("roma", "hourly", cluster.now()).await.unwrap();
    cluster.move_to("2026-06-01T11:30:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.started().len(), 1);
}

#[tokio::test]
async fn schedules_of_a_bundle_exist_as_long_as_it_declares_them() {
    let cluster = Cluster::at("2026-06-01T04:00:00Z").await;
    let mut host = cluster.host();
    let bucharest = declared("0 8 * * *");
    host.declare(&[("daily", bucharest.clone()), ("old", declared("0 9 * * *"))]);
    host.scheduler.run_due().await;
    let daily = cluster.schedule("bundle/daily").await.unwrap();
    assert_eq!(daily.definition.timezone, "Europe/Bucharest", "the business's own");
    assert_eq!(daily.definition.source, ScheduleSource::Bundle { hook: "daily".to_owned() });
    cluster.move_to("2026-06-01T05:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T05:00:00Z"]);
    let input = host.decider.started()[0].clone();
    assert_eq!(input.content.metadata.unwrap()["schedule"], "daily", "the bundle's own name for it");

    // The same bundle again changes nothing; a host with another bundle writes the schedules that it declares.
    let generation = cluster.schedule("bundle/daily").await.unwrap().generation;
    cluster.hourly(|_| {}).await;
    let mut next = cluster.host();
    next.declare(&[("daily", bucharest)]);
    next.scheduler.run_due().await;
    assert_eq!(cluster.schedule("bundle/daily").await.unwrap().generation, generation);
    assert!(cluster.schedule("bundle/old").await.is_none());
    assert!(cluster.schedule("hourly").await.is_some(), "plugins' schedules are not the bundle's");
}

#[tokio::test]
async fn a_tick_asked_for_by_the_command_line_fires_at_a_running_host_even_when_paused() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    cluster.store.pause_schedule("roma", "hourly", cluster.now()).await.unwrap();
    let mut fire = cluster.claimed_by_the_dead("hourly", "2026-06-01T09:30:00Z").await;
    fire.lease_until = cluster.now();
    cluster.move_to("2026-06-01T09:31:30Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T09:30:00Z"]);
}

#[tokio::test]
async fn a_host_without_the_bundle_leaves_ticks_to_one_that_has_it() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let (mut without, mut with) = (cluster.host(), cluster.host());
    without.decider.undeploy("roma");
    without.scheduler.run_due().await;
    with.scheduler.run_due().await;
    cluster.claimed_by_the_dead("hourly", "2026-06-01T09:00:00Z").await;
    cluster.move_to("2026-06-01T10:00:00Z");
    without.scheduler.run_due().await;
    assert!(without.started().is_empty());
    assert!(cluster.schedule("hourly").await.unwrap().handled_until.is_none(), "it claimed nothing");
    with.scheduler.run_due().await;
    let mut ticks = with.ticks(2).await;
    ticks.sort();
    assert_eq!(ticks, ["2026-06-01T09:00:00Z", "2026-06-01T10:00:00Z"]);
    assert_eq!(cluster.schedule("hourly").await.unwrap().last.unwrap().nominal, at("2026-06-01T10:00:00Z"));
}
