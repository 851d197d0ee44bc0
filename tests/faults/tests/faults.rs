//! Every fault once, on real hosts. Needs the host's binary and the bundles that `cargo xtask build-plugins --probes`
//! assembles; `cargo xtask test` builds both.
#![allow(clippy::print_stdout, reason = "a test that fails shows what the run has counted")]

use anyhow::{Context, Result, ensure};
use signalbox_tests_faults::faults::{FAULTS, named};
use signalbox_tests_faults::{crashes, seed};

#[tokio::test]
async fn fifty_kills_at_any_stage_lose_nothing_acknowledged_and_double_no_effect() -> Result<()> {
    let crashes = crashes::run(50, seed()).await?;
    for (stage, rounds) in &crashes.stages {
        println!("{}: {rounds:?}", stage.name());
    }
    ensure!(crashes.rounds() == 50 && crashes.counts.lost + crashes.counts.doubled == 0, "{}", crashes.counts);
    Ok(())
}

/// Causes a fault of the list, and checks that it has lost and doubled nothing.
async fn cause(name: &str) -> Result<()> {
    let report = (named(name).with_context(|| format!("no fault is called `{name}`"))?.cause)(seed()).await?;
    println!("{report}");
    ensure!(report.counts.lost + report.counts.doubled == 0, "{}", report.counts);
    ensure!(!report.seen.is_empty(), "the operator sees nothing");
    Ok(())
}

/// A test for each fault. One that is missing here is found by the test below.
macro_rules! tests {
    ($(fn $test:ident: $name:literal,)*) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            cause($name).await
        })*

        #[test]
        fn every_fault_has_a_test() {
            let tested = [$($name),*];
            assert_eq!(FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>(), tested);
        }
    };
}

tests! {
    fn with_kafka_down_effects_are_held_back_and_leave_when_it_is_back: "Kafka down",
    fn with_kafka_slow_every_effect_arrives: "Kafka slow",
    fn errors_of_brokers_lose_and_double_no_effect: "Kafka erroring",
    fn while_leaders_move_every_effect_arrives: "Kafka leaders moving",
    fn a_message_that_is_too_large_is_a_dead_letter_that_an_operator_sends_again: "message too large",
    fn an_unknown_topic_makes_dead_letters_that_an_operator_sends_again: "topic unknown",
    fn a_forbidden_topic_makes_dead_letters_that_an_operator_sends_again: "topic forbidden",
    fn a_store_that_throttles_a_third_of_all_calls_loses_and_doubles_nothing: "store throttled",
    fn with_the_store_down_the_host_is_not_ready_and_loses_nothing: "store down",
    fn with_a_slow_store_nothing_is_lost_or_doubled: "store slow",
    fn a_store_that_loses_its_answers_loses_and_doubles_nothing: "store's answers lost",
    fn a_service_that_hangs_is_called_again_until_it_answers: "HTTP target hangs",
    fn a_service_that_refuses_connections_is_called_again_until_it_answers: "HTTP target refuses",
    fn a_service_that_resets_connections_is_called_again_until_it_answers: "HTTP target resets",
    fn a_service_that_answers_garbage_is_called_again_until_it_answers: "HTTP target answers garbage",
    fn a_service_whose_answers_are_lost_is_called_again_under_the_same_key: "HTTP target's answers lost",
    fn a_service_that_is_unavailable_is_called_again_until_it_answers: "HTTP target answers 503",
    fn a_full_disk_loses_nothing_acknowledged_and_is_told_of: "disk full",
    fn sigterm_at_full_load_ends_in_time_and_loses_nothing_acknowledged: "SIGTERM at full load",
}
