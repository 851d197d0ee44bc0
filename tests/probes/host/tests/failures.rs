//! Guests that misbehave: each gives a failed decision that is recorded with its path, and has no other effect.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_model::{HumanDuration, Outcome};
use signalbox_store::DecisionRecord;

use super::world::{World, captured};

/// Why no decision came out, from the record.
fn failure(record: &Arc<DecisionRecord>) -> &str {
    assert_eq!(record.decision.outcome, Outcome::Failed, "{:?}", record.decision.reasoning);
    assert!(record.output.responses.is_empty() && record.effects.is_empty(), "a failed decision causes nothing");
    assert!(!record.output.metadata.path.is_empty(), "a failed decision has its path");
    &record.decision.reasoning
}

/// The guest's answer; null when there is none.
fn result(record: &Arc<DecisionRecord>) -> Value {
    assert_eq!(record.decision.outcome, Outcome::Decided, "{:?}", record.decision.reasoning);
    let data = record.output.responses.first().and_then(|response| response.content.data.as_ref());
    data.and_then(|data| data.get("result")).cloned().unwrap_or_default()
}

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("failures").await?;
    let record = world.say("hello").await?;
    assert_eq!(result(&record), json!("hello"));
    Ok(())
}

#[tokio::test]
async fn whatever_a_guest_does_its_decision_fails_and_the_next_one_is_made() -> Result<()> {
    let world = World::start("failures").await?;
    for behaviour in [
        "panic",
        "spin",
        "allocate",
        "recurse",
        "sleep",
        "many-host-calls",
        "undeclared-channel",
        "undeclared-goto",
        "nan-confidence",
        "bad-json",
        "deep-json",
        "huge-update",
        "say-much",
        "say-too-much",
        "wide-json",
        "invalid",
        "retry",
    ] {
        let record = world.say(behaviour).await?;
        assert!(!failure(&record).is_empty(), "{behaviour} gives a reason");
        let next = world.say("still there").await?;
        assert_eq!(result(&next), json!("still there"), "after {behaviour}");
    }
    Ok(())
}

#[tokio::test]
async fn each_failure_names_what_happened() -> Result<()> {
    let world = World::start("failures").await?;
    for (behaviour, word) in [
        ("spin", "cpu"),
        ("allocate", "memory"),
        ("many-host-calls", "host calls"),
        ("undeclared-channel", "nobody-declared-this"),
        ("undeclared-goto", "echo"),
        ("nan-confidence", "confidence"),
        ("bad-json", "result"),
        ("deep-json", "result"),
        ("huge-update", "result"),
        ("say-much", "too large to keep"),
        ("say-too-much", "node `say-too-much` makes what this decision says and causes"),
        ("wide-json", "result"),
        ("panic", "the probe panics, as it was told"),
        ("sleep", "time"),
        ("invalid", "the probe finds the input invalid"),
    ] {
        let record = world.say(behaviour).await?;
        let told = failure(&record);
        assert!(told.to_lowercase().contains(word), "{behaviour}: `{word}` is missing in {told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_has_no_environment_and_no_files() -> Result<()> {
    let world = World::start("failures").await?;
    assert_eq!(result(&world.say("read-env").await?), json!([]));
    for read in result(&world.say("read-file").await?).as_array().expect("one answer per path") {
        assert!(read.get("refused").is_some(), "{read}");
    }
    Ok(())
}

#[tokio::test]
async fn the_wall_clock_stands_at_the_decisions_start() -> Result<()> {
    let world = World::start("failures").await?;
    let times = result(&world.say("wall-clock").await?);
    assert_eq!(times[0], times[1], "the guest's clock and the context's `now`");
    Ok(())
}

#[tokio::test]
async fn chance_is_the_same_for_the_same_decision_and_different_for_others() -> Result<()> {
    let (world, twin) = (World::start("failures").await?, World::start("failures").await?);
    let first = result(&world.say_as("m-1", "random").await?);
    let again = result(&twin.say_as("m-1", "random").await?);
    let other = result(&world.say_as("m-2", "random").await?);
    assert_eq!(first, again, "the same decision, made again elsewhere");
    assert_ne!(first, other);
    Ok(())
}

#[tokio::test]
async fn floods_of_lines_are_cut() -> Result<()> {
    let world = World::start("failures").await?;
    for behaviour in ["log-flood", "stdout-flood"] {
        let (record, lines) = captured(world.say(behaviour)).await;
        record?;
        let written = lines.iter().filter(|line| line.to_string().contains("of a flood")).count();
        assert!((1..=64).contains(&written), "{behaviour}: {written} lines");
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_that_wants_to_be_run_again_is_run_as_often_as_declared() -> Result<()> {
    let world = World::start("failures").await?;
    let record = world.say("retry").await?;
    let attempts: Vec<u32> = record.output.metadata.path.iter().map(|step| step.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(failure(&record).contains("the probe wants to be run again"));
    Ok(())
}

#[tokio::test]
async fn spinning_guests_leave_room_for_others() -> Result<()> {
    let world = World::start("failures").await?;
    let (one, other, neighbour) = tokio::join!(world.say("spin"), world.say("spin"), world.say("hello"));
    failure(&one?);
    failure(&other?);
    assert_eq!(result(&neighbour?), json!("hello"));
    Ok(())
}

#[tokio::test]
async fn nothing_is_kept_between_runs() -> Result<()> {
    let world = World::start("failures").await?;
    for _ in 0..3 {
        assert_eq!(result(&world.say("keep-state").await?), json!(0));
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_that_measures_time_learns_nothing_of_the_host() -> Result<()> {
    let world = World::start("failures").await?;
    let first = result(&world.say("measure-time").await?);
    assert_eq!(first, json!(1_000), "one step of a clock that only counts how often it was read");
    assert_eq!(result(&world.say("measure-time").await?), first);
    Ok(())
}

#[tokio::test]
async fn a_guest_cannot_forge_a_log_line() -> Result<()> {
    let world = World::start("failures").await?;
    let (record, lines) = captured(world.say("log-injection")).await;
    record?;
    let of_guest: Vec<&Value> = lines.iter().filter(|line| line.to_string().contains("forged")).collect();
    let [line] = of_guest.as_slice() else { panic!("{of_guest:?}") };
    assert_eq!(line["level"], "INFO", "{line}");
    Ok(())
}

/// A world whose breakers open after two traps, for `cool_down`.
async fn breaking(cool_down: HumanDuration) -> Result<World> {
    World::with("failures", |options| {
        options.sandbox.breaker_traps = 2;
        options.sandbox.breaker_window = HumanDuration::secs(3_600);
        options.sandbox.breaker_cool_down = cool_down;
    })
    .await
}

#[tokio::test]
async fn a_plugin_that_keeps_trapping_is_refused_for_that_business_alone() -> Result<()> {
    let world = breaking(HumanDuration::secs(3_600)).await?;
    let (refused, lines) = captured(async {
        for _ in 0..2 {
            assert!(failure(&world.say("moody panic").await?).contains("panics"));
        }
        world.say("moody hello").await
    })
    .await;
    let refused = refused?;
    assert!(failure(&refused).contains("was not run: it trapped 2 times"), "{}", failure(&refused));
    let errors: Vec<&Value> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((&error["fields"]["plugin"], &error["fields"]["business_id"]), (&json!("moody"), &json!("alpha")));

    let elsewhere = world.decide("in_beta", "beta", None, json!({"text": "moody hello"})).await?;
    assert_eq!(result(&elsewhere), json!("moody hello"), "another business");
    assert_eq!(result(&world.say("hello").await?), json!("hello"), "another plugin");
    world.publish("failures", ("version = \"1.0.0\"", "version = \"1.0.1\"")).await?;
    assert_eq!(result(&world.say("moody hello").await?), json!("moody hello"), "another generation");
    Ok(())
}

#[tokio::test]
async fn a_breaker_that_has_cooled_down_closes_with_the_first_answer() -> Result<()> {
    let world = breaking(HumanDuration::millis(0)).await?;
    for text in ["moody panic", "moody panic", "moody panic"] {
        assert!(failure(&world.say(text).await?).contains("panics"), "each is let through: the third on trial");
    }
    for _ in 0..2 {
        assert_eq!(result(&world.say("moody hello").await?), json!("moody hello"));
    }
    assert!(failure(&world.say("moody panic").await?).contains("panics"));
    assert_eq!(result(&world.say("moody hello").await?), json!("moody hello"), "one trap does not open it again");
    Ok(())
}
