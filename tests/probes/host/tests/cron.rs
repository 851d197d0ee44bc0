use anyhow::Result;
use serde_json::json;
use signalbox_model::{CatchUp, HumanDuration, Overlap};
use signalbox_store::{EffectKind, ScheduleDefinition, ScheduleSource, ScheduleTiming};

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("cron").await?;
    let decision = world
        .decide_calls(
            "alpha",
            None,
            json!([
                {"call": "schedule", "name": "daily", "expression": "0 8 * * *"},
                {"call": "cancel", "name": "weekly"},
                {"call": "status", "name": "daily"},
                {"call": "list"},
            ]),
        )
        .await?;
    let results = World::results(&decision)?;
    assert!(results.iter().all(|result| result.get("error").is_none()), "{results:?}");
    assert!(results[2]["ok"].is_null(), "nothing is in force before the decision is stored and delivered");
    let effects: Vec<_> = decision.effects.iter().map(|effect| &effect.kind).collect();
    let timing = ScheduleTiming::Expression("0 8 * * *".to_owned());
    let daily = EffectKind::Schedule { name: "daily".to_owned(), timing, timezone: None, payload: None };
    assert_eq!(effects, [&daily, &EffectKind::CancelSchedule { name: "weekly".to_owned() }]);
    Ok(())
}

#[tokio::test]
async fn what_never_ticks_or_belongs_to_the_bundle_is_refused_at_the_call() -> Result<()> {
    let world = World::start("cron").await?;
    let decision = world
        .decide_calls(
            "alpha",
            None,
            json!([
                {"call": "schedule", "name": "never", "expression": "0 0 30 2 *"},
                {"call": "schedule", "name": "seconds", "expression": "* * * * * *"},
                {"call": "schedule", "name": "", "expression": "0 8 * * *"},
                {"call": "schedule", "name": "two words", "expression": "0 8 * * *"},
                {"call": "schedule", "name": "bundle/daily", "expression": "0 8 * * *"},
                {"call": "cancel", "name": "bundle/daily"},
            ]),
        )
        .await?;
    for result in World::results(&decision)? {
        assert!(result["error"].to_string().contains("Invalid"), "{result}");
        assert_eq!(result["retryable"], false, "{result}");
    }
    assert!(decision.effects.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_plugin_sees_the_schedules_of_its_own_business_only() -> Result<()> {
    let world = World::start("cron").await?;
    for business in ["alpha", "beta"] {
        let definition = ScheduleDefinition {
            business_id: business.to_owned(),
            name: format!("of-{business}"),
            timing: ScheduleTiming::Expression("0 8 * * *".to_owned()),
            timezone: "Europe/Bucharest".to_owned(),
            payload: None,
            overlap: Overlap::default(),
            catch_up: CatchUp::default(),
            jitter: HumanDuration::millis(0),
            source: ScheduleSource::Plugin { decision_id: "dec_1".to_owned() },
        };
        world.store.put_schedule(&definition, jiff::Timestamp::now()).await?;
    }
    let calls = json!([
        {"call": "list"},
        {"call": "status", "name": "of-alpha"},
        {"call": "status", "name": "of-beta"},
    ]);
    let results = world.calls(calls).await?;
    let list = results[0].to_string();
    assert!(list.contains("of-alpha") && !list.contains("of-beta"), "{list}");
    let status = results[1].to_string();
    assert!(status.contains("Europe/Bucharest") && status.contains("T0") && status.contains(":00:00Z"), "{status}");
    assert!(!results[2].to_string().contains("of-beta"), "{}", results[2]);
    Ok(())
}

#[tokio::test]
async fn one_decision_cannot_make_schedules_without_end_and_hears_which_limit_is_in_the_way() -> Result<()> {
    let world = World::start("cron").await?;
    let schedule = |name: String| json!({"call": "schedule", "name": name, "expression": "0 8 * * *"});
    let calls = json!((0..50).map(|number| schedule(format!("s{number}"))).collect::<Vec<_>>());
    let decision = world.decide_calls("alpha", None, calls).await?;
    let results = World::results(&decision)?;
    assert!(results[..20].iter().all(|result| result.get("error").is_none()), "{results:?}");
    for refused in &results[20..] {
        assert_eq!((&refused["error"], &refused["retryable"]), (&json!("LimitReached"), &json!(false)), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("made 20 schedules") && said.contains("cron.schedules-per-decision"), "{said}");
    }
    assert_eq!(decision.effects.len(), 20, "what was refused leaves nothing");
    Ok(())
}

#[tokio::test]
async fn a_business_has_a_limit_of_schedules_and_a_least_interval() -> Result<()> {
    let world = World::with("cron", |options| options.schedules.per_business = 2).await?;
    let calls = json!([
        {"call": "schedule", "name": "a", "expression": "0 8 * * *"},
        {"call": "schedule", "name": "each-minute", "expression": "* * * * *"},
        {"call": "schedule", "name": "b", "expression": "*/5 * * * *"},
        {"call": "schedule", "name": "c", "expression": "0 9 * * *"},
        {"call": "schedule", "name": "a", "expression": "0 10 * * *"},
        {"call": "cancel", "name": "b"},
        {"call": "schedule", "name": "c", "expression": "0 9 * * *"},
    ]);
    let decision = world.decide_calls("alpha", None, calls).await?;
    let results = World::results(&decision)?;
    let errors: Vec<_> = results.iter().map(|result| result["error"].as_str().unwrap_or("none").to_owned()).collect();
    assert_eq!(errors, ["none", "TooOften", "none", "LimitReached", "none", "none", "none"], "{results:?}");
    assert!(results[1].to_string().contains("cron.least-interval"), "{}", results[1]);
    assert!(results[3].to_string().contains("cron.schedules-per-business"), "{}", results[3]);
    Ok(())
}
