use signalbox_model::Overlap;

use super::world::{World, at};

async fn slow_hourly(overlap: Overlap) -> (World, super::world::Host) {
    let world = World::at("2026-06-01T09:30:00Z").await;
    world.hourly(|schedule| schedule.overlap = overlap).await;
    let mut host = world.host();
    host.slow_down();
    host.scheduler.run_due().await;
    world.move_to("2026-06-01T10:00:00Z");
    host.scheduler.run_due().await;
    host.ticks(1).await;
    world.move_to("2026-06-01T11:00:00Z");
    host.scheduler.run_due().await;
    (world, host)
}

#[tokio::test]
async fn skip_leaves_a_tick_out_while_the_last_is_being_decided() {
    let (world, mut host) = slow_hourly(Overlap::Skip).await;
    let schedule = world.schedule("hourly").await.unwrap();
    assert_eq!(schedule.handled_until, Some(at("2026-06-01T11:00:00Z")));
    assert_eq!(schedule.last.unwrap().nominal, at("2026-06-01T10:00:00Z"));
    // What was left out does not hide that the one before it still runs.
    world.move_to("2026-06-01T12:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.begun().len(), 1);
    host.let_through(&world.store).await;
    world.move_to("2026-06-01T13:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(2).await, ["2026-06-01T10:00:00Z", "2026-06-01T13:00:00Z"]);
}

#[tokio::test]
async fn queue_lets_ticks_wait_and_fires_them_in_order_one_at_a_time() {
    let (world, mut host) = slow_hourly(Overlap::Queue).await;
    world.move_to("2026-06-01T12:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.begun().len(), 1);
    for count in 2..4 {
        host.let_through(&world.store).await;
        world.time.send_modify(|now| *now = now.checked_add(std::time::Duration::from_secs(2)).unwrap());
        host.scheduler.run_due().await;
        assert_eq!(host.ticks(count).await.len(), count);
    }
    assert_eq!(host.begun(), ["2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", "2026-06-01T12:00:00Z"]);
}

#[tokio::test]
async fn allow_decides_ticks_side_by_side() {
    let (_world, host) = slow_hourly(Overlap::Allow).await;
    assert_eq!(host.ticks(2).await, ["2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"]);
}

#[tokio::test]
async fn another_host_sees_that_the_last_tick_is_still_being_decided() {
    let (world, _host) = slow_hourly(Overlap::Skip).await;
    let mut other = world.host();
    other.scheduler.run_due().await;
    world.move_to("2026-06-01T12:00:00Z");
    other.scheduler.run_due().await;
    assert!(other.begun().is_empty());
    assert_eq!(world.schedule("hourly").await.unwrap().handled_until, Some(at("2026-06-01T12:00:00Z")));
}
