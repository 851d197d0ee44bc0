//! Many schedules of one business do not keep those of others from firing, and count against the rate like people's
//! messages.

use signalbox_intake::IntakeConfig;
use signalbox_store::ScheduleTiming;
use std::num::NonZeroU32;

use super::cluster::{Cluster, at, declared};

fn hourly() -> ScheduleTiming {
    ScheduleTiming::Expression("0 * * * *".to_owned())
}

#[tokio::test]
async fn a_business_with_many_schedules_does_not_keep_anothers_from_ticking() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    // One decision per business at a time, and none ends: all but one of the ticks wait for room for as long as the
    // clock stands.
    let mut host = cluster.host_with(IntakeConfig { in_flight_per_business: 1, ..IntakeConfig::default() });
    host.decider.hold("roma");
    for number in 0..100 {
        cluster.put(&format!("flood-{number}"), hourly(), |_| {}).await;
    }
    let later = ScheduleTiming::Expression("30 * * * *".to_owned());
    cluster.put("neighbour", later, |schedule| schedule.business_id = "milano".to_owned()).await;
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    let running = tokio::spawn(host.scheduler.run(tokio_util::sync::CancellationToken::new()));
    let decider = host.decider.clone();
    let started = async |business: &str| {
        let wait = async {
            while !decider.started().iter().any(|input| input.business_id == business) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("it never ticked");
    };
    started("roma").await;
    // By then all ticks that fire at the same time have started; none of them can end.
    let all_claimed = async {
        while cluster.store.unfinished_fires(at("2026-06-01T12:00:00Z"), 100).await.unwrap().len() < 7 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), all_claimed).await.expect("they are never claimed");
    cluster.move_to("2026-06-01T10:30:00Z");
    started("milano").await;
    running.abort();
}

#[tokio::test]
async fn the_ticks_of_plugins_schedules_count_against_their_businesss_rate_and_those_of_bundles_do_not() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    let one = NonZeroU32::MIN;
    let burst = NonZeroU32::new(3).unwrap();
    let slow = IntakeConfig { rate_per_business: one, burst_per_business: burst, ..IntakeConfig::default() };
    let mut host = cluster.host_with(slow);
    for number in 0..10 {
        cluster.put(&format!("plugin-{number}"), hourly(), |_| {}).await;
    }
    let hooks: Vec<String> = (0..10).map(|number| format!("hook-{number}")).collect();
    let hooks: Vec<_> = hooks.iter().map(|hook| (hook.as_str(), declared("0 * * * *"))).collect();
    host.declare(&hooks);
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    host.scheduler.run_due().await;
    let ticked = |host: &super::cluster::Host, of: &str| {
        let started = host.decider.started();
        let named = started.iter().filter_map(|input| input.content.metadata.as_ref()?.get("schedule")?.as_str());
        named.filter(|name| name.starts_with(of)).count()
    };
    host.until(|decider| decider.started().len() >= 13).await;
    assert_eq!(ticked(&host, "hook-"), 10);
    // The rate uses the machine's own clock: the burst, and one more for each second that the test took.
    let early = ticked(&host, "plugin-");
    assert!((3..10).contains(&early), "{early}");
    // A tick that had to wait fires later, and none is lost.
    let wait = async {
        while ticked(&host, "plugin-") < 10 {
            cluster.time.send_modify(|now| *now = now.checked_add(std::time::Duration::from_millis(500)).unwrap());
            host.scheduler.run_due().await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("a tick was lost");
}
