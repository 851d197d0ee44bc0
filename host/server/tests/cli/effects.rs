use signalbox_model::Timestamp;
use signalbox_store::{DecisionRecord, EffectState};

use super::decisions::{Open, record};
use super::program::Program;

/// Two decisions, each with one resource action: one that was given up, and one that Kafka holds back.
fn open_effects(program: &Program) -> (Open, [DecisionRecord; 2]) {
    let open = Open::new(program);
    let (dead, held_back) = (record("dec_1", 1, "a table for two"), record("dec_2", 2, "a table for four"));
    for record in [&dead, &held_back] {
        open.commit(record);
    }
    open.update(&dead, EffectState::DeadLetter { at: Timestamp::UNIX_EPOCH, reason: "410 Gone\u{1b}[31m".to_owned() });
    let reason = "no broker answers".to_owned();
    open.update(&held_back, EffectState::HeldBack { target: "kafka".to_owned(), reason });
    (open, [dead, held_back])
}

#[test]
fn effects_that_do_not_leave_are_listed_by_state_and_target_with_their_reasons() {
    let program = Program::new("");
    let (_open, [dead, held_back]) = open_effects(&program);
    let all = program.run(&["effects", "list"]).out;
    for part in
        ["dec_1", "dec_2", "booking", "dead letter since", "410 Gone\\u{1b}", "held back until the target kafka"]
    {
        assert!(all.contains(part), "{part} is missing in {all}");
    }
    let ids = |arguments: &[&str]| -> Vec<String> {
        let listed = program.run(&[&["effects", "list", "--json"], arguments].concat()).json();
        listed.as_array().unwrap().iter().map(|one| one["effect"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--state", "dead-letter"]), [dead.effects[0].id.clone()]);
    assert_eq!(ids(&["--target", "kafka"]), [held_back.effects[0].id.clone()]);
    assert!(ids(&["--target", "http"]).is_empty() && ids(&["--business", "napoli"]).is_empty());
    assert!(ids(&["--state", "due"]).is_empty());
}

#[test]
fn an_operator_has_a_dead_letter_attempted_again_and_cancels_what_is_not_wanted_any_more() {
    let program = Program::new("");
    let (_open, [dead, held_back]) = open_effects(&program);
    let name = |record: &DecisionRecord| [record.decision.id.clone(), record.effects[0].id.clone()];
    let run = |command: &str, record: &DecisionRecord, more: &[&str]| {
        let [decision, effect] = name(record);
        let arguments = ["effects", command, &decision, &effect, "--business", "roma"];
        program.run(&[arguments.as_slice(), more].concat())
    };
    assert!(run("retry", &dead, &[]).out.contains("attempts it again"));
    run("retry", &dead, &[]).refused(&["the effect is pending", "only a dead letter"]);
    run("cancel", &held_back, &["--reason", "booked by phone"]);
    let shown = program.run(&["decisions", "show", "dec_2", "--business", "roma"]).out;
    assert!(shown.contains("dropped: cancelled by an operator: booked by phone"), "{shown}");
    run("cancel", &held_back, &[]).refused(&["cannot be cancelled"]);
    let unknown = ["effects", "retry", "dec_2", "act_none", "--business", "roma"];
    program.run(&unknown).refused(&["has no effect `act_none`", "signalbox decisions show dec_2"]);
}
