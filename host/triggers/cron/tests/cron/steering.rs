use std::sync::atomic::Ordering;

use signalbox_model::CatchUp;
use signalbox_store::ScheduleSource;

use super::world::{World, at, declared};

#[tokio::test]
async fn a_paused_schedule_does_not_tick_and_its_resumption_makes_up_for_nothing() {
    let world = World::at("2026-06-01T09:30:00Z").await;
    world.hourly(|schedule| schedule.catch_up = CatchUp::All { limit: 10 }).await;
    let mut host = world.host();
    host.scheduler.run_due().await;
    // The host has not read it again: its claim finds out.
    world.store.pause_schedule("roma", "hourly", world.now()).await.unwrap();
    for hour in 10..13 {
        world.move_to(&format!("2026-06-01T{hour}:00:00Z"));
        host.scheduler.run_due().await;
    }
    world.move_to("2026-06-01T12:30:00Z");
    world.store.resume_schedule("roma", "hourly", world.now()).await.unwrap();
    host.scheduler.changes().tell("roma");
    host.scheduler.run_due().await;
    world.move_to("2026-06-01T13:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T13:00:00Z"]);
}

#[tokio::test]
async fn a_cancelled_or_replaced_schedule_does_not_tick_as_it_was() {
    let world = World::at("2026-06-01T09:30:00Z").await;
    world.hourly(|_| {}).await;
    let mut host = world.host();
    host.scheduler.run_due().await;
    world.move_to("2026-06-01T09:40:00Z");
    let later = signalbox_store::ScheduleTiming::Expression("30 * * * *".to_owned());
    world.put("hourly", later, |_| {}).await;
    world.move_to("2026-06-01T10:00:00Z");
    host.scheduler.run_due().await;
    world.move_to("2026-06-01T10:30:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T10:30:00Z"]);
    world.store.cancel_schedule("roma", "hourly", world.now()).await.unwrap();
    world.move_to("2026-06-01T11:30:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.begun().len(), 1);
}

#[tokio::test]
async fn what_a_bundle_declares_is_in_force_until_it_no_longer_declares_it() {
    let world = World::at("2026-06-01T04:00:00Z").await;
    let mut host = world.host();
    let bucharest = declared("0 8 * * *");
    host.desk.declare(&[("daily", bucharest.clone()), ("old", declared("0 9 * * *"))]);
    host.scheduler.run_due().await;
    let daily = world.schedule("bundle/daily").await.unwrap();
    assert_eq!(daily.definition.timezone, "Europe/Bucharest", "the business's own");
    assert_eq!(daily.definition.source, ScheduleSource::Bundle { hook: "daily".to_owned() });
    world.move_to("2026-06-01T05:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T05:00:00Z"]);
    let input = host.desk.begun.lock().unwrap()[0].clone();
    assert_eq!(input.content.metadata.unwrap()["schedule"], "daily", "the bundle's own name for it");

    // The same again changes nothing, and a host that starts with another bundle writes what that one declares.
    let generation = world.schedule("bundle/daily").await.unwrap().generation;
    world.hourly(|_| {}).await;
    let mut next = world.host();
    next.desk.declare(&[("daily", bucharest)]);
    next.scheduler.run_due().await;
    assert_eq!(world.schedule("bundle/daily").await.unwrap().generation, generation);
    assert!(world.schedule("bundle/old").await.is_none());
    assert!(world.schedule("hourly").await.is_some(), "plugins' schedules are not the bundle's");
}

#[tokio::test]
async fn a_tick_asked_for_by_the_command_line_fires_at_a_running_host_even_when_paused() {
    let world = World::at("2026-06-01T09:30:00Z").await;
    world.hourly(|_| {}).await;
    let mut host = world.host();
    host.scheduler.run_due().await;
    world.store.pause_schedule("roma", "hourly", world.now()).await.unwrap();
    let mut fire = world.claimed_by_the_dead("hourly", "2026-06-01T09:30:00Z").await;
    fire.lease_until = world.now();
    world.move_to("2026-06-01T09:31:30Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T09:30:00Z"]);
}

#[tokio::test]
async fn a_host_without_the_bundle_leaves_ticks_to_one_that_has_it() {
    let world = World::at("2026-06-01T09:30:00Z").await;
    world.hourly(|_| {}).await;
    let (mut without, mut with) = (world.host(), world.host());
    without.desk.deployed.store(false, Ordering::SeqCst);
    without.scheduler.run_due().await;
    with.scheduler.run_due().await;
    world.claimed_by_the_dead("hourly", "2026-06-01T09:00:00Z").await;
    world.move_to("2026-06-01T10:00:00Z");
    without.scheduler.run_due().await;
    assert!(without.begun().is_empty());
    assert!(world.schedule("hourly").await.unwrap().handled_until.is_none(), "it claimed nothing");
    with.scheduler.run_due().await;
    let mut ticks = with.ticks(2).await;
    ticks.sort();
    assert_eq!(ticks, ["2026-06-01T09:00:00Z", "2026-06-01T10:00:00Z"]);
    assert_eq!(world.schedule("hourly").await.unwrap().last.unwrap().nominal, at("2026-06-01T10:00:00Z"));
}
