use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::json;
use signalbox_model::Timestamp;
use signalbox_store::{DecisionRecord, DeliveredTo, EffectState};

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
    assert_eq!(ids(&["--business", "roma", "--state", "dead-letter"]), [dead.effects[0].id.clone()]);
    assert_eq!(ids(&["--business", "roma"]).len(), 2);
    assert_eq!(ids(&["--business", "roma", "--limit", "1"]).len(), 1);
}

#[test]
fn one_effect_is_shown_with_its_target_state_attempts_and_content() {
    let program = Program::new("");
    let (_open, [dead, _]) = open_effects(&program);
    let arguments = ["effects", "show", &dead.decision.id, &dead.effects[0].id, "--business", "roma"];
    let shown = program.run(&arguments).out;
    for part in
        [dead.effects[0].id.as_str(), "booking", "dead letter since", "410 Gone\\u{1b}", "attempts    0", "content"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    let json = program.run(&[arguments.as_slice(), &["--json"]].concat()).json();
    assert_eq!(json["effect"]["id"], dead.effects[0].id.as_str());
}

#[test]
fn an_operator_sees_which_messages_are_in_the_mailbox_and_who_or_what_has_those_that_were_delivered() {
    let program = Program::new("");
    let open = Open::new(&program);
    let records = [record("dec_1", 1, "kept"), record("dec_2", 2, "connection"), record("dec_3", 3, "topic")];
    let at = Timestamp::UNIX_EPOCH;
    let delivered = |to| EffectState::Delivered { at, to: Some(to) };
    let states = [
        EffectState::Kept { at, until: Timestamp::MAX },
        delivered(DeliveredTo::Connection),
        delivered(DeliveredTo::FallbackTopic),
    ];
    let shown = ["in the mailbox since 1970-01-01", "handed to a connection at", "sent to the fallback topic"];
    for ((record, state), shown) in records.iter().zip(states).zip(shown) {
        open.commit(record);
        open.update(record, state);
        let out = program.run(&["decisions", "show", &record.decision.id, "--business", "roma"]).out;
        assert!(out.contains(shown), "{shown} is missing in {out}");
    }
    let all = program.run(&["effects", "list"]).out;
    assert!(all.contains("no effect waits"), "{all}");
    let kept = program.run(&["effects", "list", "--state", "kept"]).out;
    assert!(kept.contains("dec_1") && !kept.contains("dec_2"), "{kept}");
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

fn line(id: &str, extra: &serde_json::Value) -> String {
    let mut line = json!({
        "writtenAt": "2026-12-01T11:00:00.123456Z", "topic": "signalbox.resource-actions", "key": "roma",
        "headers": [["signalbox-idempotency-key", id]],
    });
    line.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    format!("{line}\n")
}

#[test]
fn the_sinks_records_are_shown_readably_and_to_programs_as_they_are() {
    let program = Program::new("");
    let json = line("act_1", &json!({"value": {"id": "act_1", "note": "\u{202e}mirrored"}}));
    let raw = line("act_2", &json!({"valueBase64": "/wA=", "ofANewerVersion": 1}));
    program.write(".signalbox/effects.jsonl", &format!("{json}{{\"writtenAt\":\n{raw}{{\"cut off"));
    let shown = program.run(&["effects", "tail"]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    for part in [
        "2026-12-01 11:00:00 UTC  signalbox.resource-actions  key roma",
        "  signalbox-idempotency-key: act_1",
        "\"note\": \"\\u202emirrored\"",
        "base64: /wA=",
    ] {
        assert!(shown.out.contains(part), "{part} is missing in\n{}", shown.out);
    }
    assert!(shown.err.contains("no record"), "a line that is none is told: {}", shown.err);
    let told = program.run(&["effects", "tail", "--json"]);
    assert_eq!(told.out.lines().count(), 2, "{}", told.out);
}

#[test]
fn records_are_followed_as_they_are_written() {
    let program = Program::new("");
    let mut command = program.command(&["effects", "tail", "--follow", "--json"]);
    let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    program.write(".signalbox/effects.jsonl", &line("act_1", &json!({"value": 1})));
    assert!(lines.next().unwrap().unwrap().contains("act_1"));
    let path = program.path(".signalbox/effects.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(line("act_2", &json!({"value": 2})).as_bytes()).unwrap();
    assert!(lines.next().unwrap().unwrap().contains("act_2"));
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn without_a_sink_the_command_says_where_effects_go() {
    let program = Program::new("");
    program.run(&["effects", "tail"]).refused(&["there is no development sink", ".signalbox/effects.jsonl"]);
    program.run(&["effects", "tail", "--set", "kafka.brokers=[\"b:1\"]"]).refused(&["leave by Kafka"]);
    program.run(&["effects", "tail", "--set", "store.backend=dynamodb"]).refused(&["effects wait for [kafka] brokers"]);
    program.run(&["effects", "tail", "--set", "store.backend=memory"]).refused(&["development-sink"]);
}
