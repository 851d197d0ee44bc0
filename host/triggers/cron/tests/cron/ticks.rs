use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use signalbox_model::{HumanDuration, InputType, Source, fire_input_id};
use signalbox_store::ScheduleTiming;
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, at};

#[tokio::test]
async fn a_tick_is_an_input_with_payload_schedule_and_nominal_time() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    let payload = json!({"for": "today"}).as_object().cloned();
    cluster.hourly(|schedule| schedule.payload = payload.clone()).await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    assert!(host.started().is_empty(), "it is not time yet");
    cluster.move_to("2026-06-01T10:00:03Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T10:00:00Z"]);
    let input = host.decider.started()[0].clone();
    assert_eq!(input.id, fire_input_id("roma", "hourly", at("2026-06-01T10:00:00Z")));
    assert_eq!((input.source, input.input_type), (Source::Cron, InputType::ScheduledTask));
    assert_eq!(input.content.data, payload);
    assert_eq!(input.content.metadata.unwrap()["schedule"], "hourly");
    let last = cluster.schedule("hourly").await.unwrap().last.unwrap();
    assert_eq!((last.nominal, last.fired_at), (at("2026-06-01T10:00:00Z"), at("2026-06-01T10:00:03Z")));
    host.scheduler.run_due().await;
    assert_eq!(host.started().len(), 1, "a tick fires once");
}

#[tokio::test]
async fn two_schedulers_on_one_store_never_fire_a_tick_twice() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let (mut one, mut other) = (cluster.host(), cluster.host());
    tokio::join!(one.scheduler.run_due(), other.scheduler.run_due());
    for hour in 10..20 {
        cluster.move_to(&format!("2026-06-01T{hour}:00:00Z"));
        tokio::join!(one.scheduler.run_due(), other.scheduler.run_due());
        let id = fire_input_id("roma", "hourly", cluster.now());
        one.decided(&cluster.store, &id).await;
    }
    let mut ticks = one.started();
    ticks.extend(other.started());
    ticks.sort();
    let expected: Vec<_> = (10..20).map(|hour| format!("2026-06-01T{hour}:00:00Z")).collect();
    assert_eq!(ticks, expected);
    // A tick fired by both hosts would still be one input, so the decisions alone would not show it.
    let fired = "signalbox_cron_ticks_total{result=\"fired\"} 10";
    assert!(metrics.render().lines().any(|line| line == fired), "{}", metrics.render());
}

#[tokio::test]
async fn a_tick_whose_claimer_died_is_fired_by_another_under_the_same_id() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    cluster.move_to("2026-06-01T10:00:00Z");
    let fire = cluster.claimed_by_the_dead("hourly", "2026-06-01T10:00:00Z").await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    assert!(host.started().is_empty(), "it may still be alive");
    cluster.move_to("2026-06-01T10:01:05Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T10:00:00Z"]);
    assert_eq!(host.decider.started()[0].id, fire.input_id());
    assert!(cluster.store.unfinished_fires(at("2027-01-01T00:00:00Z"), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn ticks_that_are_left_to_another_host_hide_none_that_this_one_can_fire() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    // More ticks than one query reads, of a business that only another host serves; their leases expire before roma's.
    for number in 0..120 {
        let name = format!("elsewhere-{number}");
        let hourly = ScheduleTiming::Expression("0 * * * *".to_owned());
        cluster.put(&name, hourly, |schedule| schedule.business_id = "napoli".to_owned()).await;
        cluster.claimed_of("napoli", &name, "2026-06-01T10:00:00Z").await;
    }
    cluster.move_to("2026-06-01T10:00:01Z");
    cluster.claimed_by_the_dead("hourly", "2026-06-01T10:00:00Z").await;
    cluster.move_to("2026-06-01T10:01:05Z");
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-06-01T10:00:00Z"]);
    assert_eq!(host.decider.started()[0].business_id, "roma");
}

#[tokio::test]
async fn a_tick_whose_claimer_died_after_its_input_was_accepted_is_not_decided_again() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let mut first = cluster.host();
    first.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    first.scheduler.run_due().await;
    let fire = cluster.claimed_by_the_dead("hourly", "2026-06-01T10:00:01Z").await;
    // The dead host has stored the input under the tick's id, and the input was decided.
    let mut input = first.decider.started()[0].clone();
    input.id = fire.input_id();
    let accepted = signalbox_store::AcceptedInput {
        accepted_at: input.timestamp,
        input,
        permissions: vec![],
        reply: signalbox_model::ReplySlot::None,
        fingerprint: None,
    };
    first.intake.accept(accepted).await.unwrap();
    first.decided(&cluster.store, &fire.input_id()).await;
    cluster.move_to("2026-06-01T10:02:00Z");
    let mut second = cluster.host();
    second.scheduler.run_due().await;
    assert!(second.started().is_empty());
    assert!(cluster.store.unfinished_fires(at("2027-01-01T00:00:00Z"), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_one_time_schedule_is_removed_after_its_tick_and_one_in_the_past_ticks_at_once() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.put("soon", ScheduleTiming::At(at("2026-06-01T09:31:00Z")), |_| {}).await;
    cluster.put("past", ScheduleTiming::At(at("2026-05-01T00:00:00Z")), |_| {}).await;
    let mut host = cluster.host();
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(1).await, ["2026-05-01T00:00:00Z"]);
    assert!(cluster.schedule("past").await.is_none());
    assert!(cluster.schedule("soon").await.is_some());
    cluster.move_to("2026-06-01T09:31:00Z");
    host.scheduler.run_due().await;
    assert_eq!(host.ticks(2).await[1], "2026-06-01T09:31:00Z");
    assert!(cluster.schedule("soon").await.is_none());
}

#[tokio::test]
async fn a_daily_tick_comes_once_a_day_across_both_changes_of_the_clock() {
    // In Bucharest 03:30 does not exist on 29 March and comes twice on 25 October 2026.
    for (start, days, expected) in [
        ("2026-03-27T22:00:00Z", 3, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("2026-10-23T21:00:00Z", 3, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
    ] {
        let cluster = Cluster::at(start).await;
        let daily = ScheduleTiming::Expression("30 3 * * *".to_owned());
        cluster.put("daily", daily, |schedule| schedule.timezone = "Europe/Bucharest".to_owned()).await;
        let mut host = cluster.host();
        for _ in 0..days * 24 * 2 {
            host.scheduler.run_due().await;
            cluster.time.send_modify(|now| *now = now.checked_add(std::time::Duration::from_secs(1_800)).unwrap());
        }
        assert_eq!(host.ticks(days).await, expected);
    }
}

#[tokio::test]
async fn jitter_moves_every_tick_of_a_schedule_by_the_same_time() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|schedule| schedule.jitter = HumanDuration::secs(600)).await;
    let mut host = cluster.host();
    let mut fired = Vec::new();
    for _ in 0..180 {
        host.scheduler.run_due().await;
        let last = cluster.schedule("hourly").await.unwrap().last;
        fired.extend(last.map(|last| (last.nominal, last.fired_at.duration_since(last.nominal))));
        cluster.time.send_modify(|now| *now = now.checked_add(std::time::Duration::from_secs(60)).unwrap());
    }
    fired.dedup();
    assert_eq!(fired.len(), 3);
    assert!(fired.iter().all(|(_, late)| *late == fired[0].1 && late.as_secs() <= 660), "{fired:?}");
}

#[tokio::test]
async fn the_loop_sleeps_until_the_next_tick_and_ends_with_what_it_claimed_accepted() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let host = cluster.host();
    let stop = CancellationToken::new();
    let running = tokio::spawn(host.scheduler.run(stop.clone()));
    let decider = host.decider;
    for hour in 10..13 {
        cluster.move_to(&format!("2026-06-01T{hour}:00:00Z"));
        let id = fire_input_id("roma", "hourly", cluster.now());
        let wait = async {
            while cluster.store.input_state("roma", &id).await.unwrap().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
    assert!(cluster.store.unfinished_fires(at("2027-01-01T00:00:00Z"), 10).await.unwrap().is_empty());
    cluster.move_to("2026-06-01T13:00:00Z");
    assert!(decider.started().len() <= 3, "after the stop nothing is claimed");
}
