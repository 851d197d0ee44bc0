use std::time::Duration;

use signalbox_executor::{Handled, HandlerEvent, NewInput, Rejection};
use signalbox_graph::CronInput;
use signalbox_intake::IntakeConfig;
use signalbox_model::{Content, InputType, JsonObject, fire_input_id};

use super::cluster::{Cluster, Host, at, declared};

fn handled(texts: &[&str]) -> Handled {
    let input = |text: &&str| NewInput {
        id: None,
        input_type: InputType::ScheduledTask,
        user_id: None,
        location_id: None,
        content: Content {
            text: Some((*text).to_owned()),
            data: None,
            metadata: Some(JsonObject::from_iter([("nominal".to_owned(), "by the handler".into())])),
        },
    };
    Handled { inputs: texts.iter().map(input).collect(), reply: None }
}

async fn host_with_handler(cluster: &Cluster) -> Host {
    let mut host = cluster.host();
    host.declare(&[("report", CronInput { handler: Some("reporter".to_owned()), ..declared("0 * * * *") })]);
    host.scheduler.run_due().await;
    cluster.move_to("2026-06-01T10:00:00Z");
    host
}

#[tokio::test]
async fn a_handler_makes_the_inputs_of_a_tick() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    let mut host = host_with_handler(&cluster).await;
    host.decider.set_handler(|call| {
        assert_eq!(call.handler, "reporter");
        let HandlerEvent::Cron { schedule, nominal, .. } = &call.event else { panic!("{:?}", call.event) };
        assert_eq!((schedule.as_str(), *nominal), ("report", at("2026-06-01T10:00:00Z")));
        Ok(handled(&["one", "two"]))
    });
    host.scheduler.run_due().await;
    host.until(|decider| decider.started().len() == 2).await;
    let started = host.decider.started();
    let mut texts: Vec<_> = started.iter().filter_map(|input| input.content.text.clone()).collect();
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
    let id = fire_input_id("roma", "bundle/report", at("2026-06-01T10:00:00Z"));
    assert!(started.iter().any(|input| input.id == id), "the first has the tick's own id");
}

#[tokio::test]
async fn a_tick_that_its_handler_refuses_ends_and_one_that_it_cannot_handle_now_is_retried() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    let mut host = host_with_handler(&cluster).await;
    host.decider.set_handler(|_| Err(Rejection::Unavailable("later".to_owned()).into()));
    host.scheduler.run_due().await;
    assert!(cluster.schedule("bundle/report").await.unwrap().handled_until.is_none(), "it is not over");
    host.decider.set_handler(|_| Ok(handled(&["now"])));
    cluster.move_to("2026-06-01T10:00:05Z");
    host.scheduler.run_due().await;
    host.until(|decider| decider.started().len() == 1).await;
    let first = fire_input_id("roma", "bundle/report", at("2026-06-01T10:00:00Z"));
    host.decided(&cluster.store, &first).await;

    host.decider.set_handler(|_| Err(Rejection::Invalid("never".to_owned()).into()));
    cluster.move_to("2026-06-01T11:00:00Z");
    host.scheduler.run_due().await;
    let schedule = cluster.schedule("bundle/report").await.unwrap();
    assert_eq!(schedule.handled_until, Some(at("2026-06-01T11:00:00Z")));
    assert_eq!(schedule.last.unwrap().nominal, at("2026-06-01T10:00:00Z"));
    assert_eq!(host.started().len(), 1);
}

#[tokio::test]
async fn a_draining_host_releases_the_claim_of_a_tick_at_once() {
    let cluster = Cluster::at("2026-06-01T09:30:00Z").await;
    cluster.hourly(|_| {}).await;
    let mut leaving = cluster.host_with(IntakeConfig::default());
    leaving.scheduler.run_due().await;
    leaving.intake.drain(Duration::ZERO).await;
    cluster.move_to("2026-06-01T10:00:00Z");
    leaving.scheduler.run_due().await;
    assert!(leaving.started().is_empty());
    let mut staying = cluster.host();
    staying.scheduler.run_due().await;
    assert_eq!(staying.ticks(1).await, ["2026-06-01T10:00:00Z"]);
}
