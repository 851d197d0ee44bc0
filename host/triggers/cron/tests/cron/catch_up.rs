use signalbox_model::CatchUp;
use signalbox_store::ScheduleTiming;
use signalbox_tests_decider::ScriptedDecider;

use super::cluster::{Cluster, at};

/// The ticks that the second host fires, when the first fired 10:00 and no host ran until 14:30.
async fn after_downtime(catch_up: CatchUp) -> (Cluster, Vec<String>) {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|schedule| schedule.catch_up = catch_up).await;
    let mut first = cluster.host();
    first.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    first.scheduler.run_due().await;
    assert_eq!(first.ticks(1).await.len(), 1);
    drop(first);
    cluster.move_to("2026-06-01T14:30:00Z");
    let mut second = cluster.host();
    second.scheduler.run_due().await;
    // The next regular tick shows that all missed ones were made up for.
    cluster.move_to("2026-06-01T15:00:00Z");
    second.scheduler.run_due().await;
    second.until(|decider| decider.started().iter().any(|input| input.timestamp == at("2026-06-01T15:00:00Z"))).await;
    let mut ticks = second.started();
    ticks.sort();
    assert_eq!(ticks.pop().as_deref(), Some("2026-06-01T15:00:00Z"));
    (cluster, ticks)
}

#[tokio::test]
async fn after_downtime_none_the_last_or_all_missed_ticks_are_caught_up() {
    let (cluster, ticks) = after_downtime(CatchUp::None).await;
    assert!(ticks.is_empty());
    assert_eq!(cluster.schedule("hourly").await.unwrap().handled_until, Some(at("2026-06-01T15:00:00Z")));
    let (_, ticks) = after_downtime(CatchUp::Last).await;
    assert_eq!(ticks, ["2026-06-01T14:00:00Z"]);
    let (_, ticks) = after_downtime(CatchUp::All { limit: 10 }).await;
    let all = ["2026-06-01T11:00:00Z", "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z", "2026-06-01T14:00:00Z"];
    assert_eq!(ticks, all);
    let (_, ticks) = after_downtime(CatchUp::All { limit: 2 }).await;
    assert_eq!(ticks, all[2..], "of more than the bound, the newest");
}

#[tokio::test]
async fn missed_ticks_are_caught_up_by_one_host_of_many() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|schedule| schedule.catch_up = CatchUp::All { limit: 10 }).await;
    cluster.move_to("2026-06-01T14:30:00Z");
    let (mut one, mut other) = (cluster.host(), cluster.host());
    tokio::join!(one.scheduler.run_due(), other.scheduler.run_due());
    let ticked = |decider: &ScriptedDecider| decider.started().len();
    one.until(|decider| ticked(decider) + ticked(&other.decider) >= 5).await;
    let mut ticks = one.started();
    ticks.extend(other.started());
    ticks.sort();
    let expected: Vec<_> = (10..15).map(|hour| format!("2026-06-01T{hour}:00:00Z")).collect();
    assert_eq!(ticks, expected);
}

#[tokio::test]
async fn ticks_missed_longer_ago_than_the_limit_are_not_caught_up() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.put("yearly", ScheduleTiming::Expression("0 10 1 6 *".to_owned()), |_| {}).await;
    cluster.put("once", ScheduleTiming::At(at("2026-06-01T10:00:00Z")), |_| {}).await;
    cluster.hourly(|schedule| schedule.catch_up = CatchUp::All { limit: 1_000 }).await;
    cluster.move_to("2026-06-05T10:30:00Z");
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    let ticks = host.ticks(24).await;
    assert_eq!(ticks.len(), 24);
    assert_eq!(ticks.iter().min().map(String::as_str), Some("2026-06-04T11:00:00Z"));
    assert_eq!(cluster.schedule("yearly").await.unwrap().handled_until, Some(at("2026-06-01T10:00:00Z")));
    assert!(cluster.schedule("once").await.is_none(), "one that ticks once and is too late is forgotten");
}
