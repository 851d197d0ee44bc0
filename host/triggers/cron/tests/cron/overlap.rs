use signalbox_model::Overlap;

use super::cluster::{Cluster, at};

async fn slow_hourly(overlap: Overlap) -> (Cluster, super::cluster::Host) {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|schedule| schedule.overlap = overlap).await;
    let mut host = cluster.host();
    host.decider.hold("roma");
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    host.scheduler.run_due().await;
    host.ticks(1).await;
    cluster.move_to("2026-06-01T11:00:00Z");
    host.scheduler.run_due().await;
    (cluster, host)
}

#[tokio::test]
async fn skip_leaves_a_tick_out_while_the_last_is_being_decided() {
    let (cluster, mut host) = slow_hourly(Overlap::Skip).await;
    let schedule = cluster.schedule("hourly").await.unwrap();
    assert_eq!(schedule.handled_until, Some(at("2026-06-01T11:00:00Z")));
    assert_eq!(schedule.last.unwrap().nominal, at("2026-06-01T10:00:00Z"));
    // A tick that was left out does not hide that the one before it still runs.
    cluster.move_to("2026-06-01T12:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.started().len(), 1);
    host.let_through(&cluster.store).await;
    cluster.move_to("2026-06-01T13:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(2).await, ["2026-06-01T10:00:00Z", "2026-06-01T13:00:00Z"]);
}

#[tokio::test]
async fn queue_lets_ticks_wait_and_fires_them_in_order_one_at_a_time() {
    let (cluster, mut host) = slow_hourly(Overlap::Queue).await;
    cluster.move_to("2026-06-01T12:00:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.started().len(), 1);
    for count in 2..4 {
        host.let_through(&cluster.store).await;
        cluster.time.send_modify(|now| *now = now.checked_add(std::time::Duration::from_secs(2)).unwrap());
        host.scheduler.run_due().await;
        assert_eq!(host.ticks(count).await.len(), count);
    }
    assert_eq!(host.started(), ["2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z", "2026-06-01T12:00:00Z"]);
}

#[tokio::test]
async fn allow_decides_ticks_side_by_side() {
    let (_world, host) = slow_hourly(Overlap::Allow).await;
    assert_eq!(host.ticks(2).await, ["2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"]);
}

#[tokio::test]
async fn another_host_sees_that_the_last_tick_is_still_being_decided() {
    let (cluster, _host) = slow_hourly(Overlap::Skip).await;
    let mut other = cluster.host();
    other.scheduler.run_due().await;
    cluster.move_to("2026-06-01T12:00:00Z");
    other.scheduler.run_due().await;
    assert!(other.started().is_empty());
    assert_eq!(cluster.schedule("hourly").await.unwrap().handled_until, Some(at("2026-06-01T12:00:00Z")));
}
