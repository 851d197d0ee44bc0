use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use signalbox_model::{MessageModel, Timestamp};
use signalbox_store::{Backend, Committed, Config, DecisionRecord, EffectState, EffectUpdate, Store};

use super::program::Program;

#[test]
fn a_store_that_is_not_there_is_not_taken_for_an_empty_one() {
    let program = Program::new("");
    program.run(&["decisions", "list"]).refused(&["there is no store at", ".signalbox/store.db", "signalbox serve"]);
    assert!(!program.path(".signalbox").exists());
}

#[test]
fn a_store_in_memory_has_nothing_to_show() {
    let program = Program::new("[store]\nbackend = 'memory'\n");
    program.run(&["decisions", "show", "dec_1"]).refused(&["in memory"]);
}

#[test]
fn what_can_be_no_decisions_id_is_refused_as_such() {
    let program = Program::new("");
    let _open = Open::new(&program);
    for id in ["", "dec 1", &"x".repeat(60_000)] {
        let told = program.run(&["decisions", "show", id, "--business", "roma"]);
        told.refused(&["is no decision's id", "signalbox decisions list"]);
    }
}

#[test]
fn decisions_are_listed_newest_first_and_shown_with_their_story_and_journal() {
    let program = Program::new("");
    let open = Open::new(&program);
    open.commit(&record("dec_1", 1, "o masă pentru 4\u{1b}[31m"));
    open.commit(&record("dec_2", 2, "what is on the menu?"));
    open.commit(&record("dec_0", 0, "\u{202e}unem\u{2066} \u{200b}\u{e0041}\u{9b}2J"));
    let call = br#"[{"node":"classify","attempt":1,"call":1,"capability":"llm","function":"complete",
        "request":{"model":"default"},"answer":{"err":"not-configured"},"micros":1500}]"#;
    open.journal("jrn_dec_1", call);

    let list = program.run(&["decisions", "list", "--business", "roma", "--json"]).json();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|record| &record["decision"]["id"]).collect();
    assert_eq!(ids, ["dec_2", "dec_1", "dec_0"]);
    let table = program.run(&["decisions", "list", "--business", "roma"]).out;
    assert!(table.contains("booking.confirmed") && table.contains("what is on the menu?"), "{table}");
    let shown = program.run(&["decisions", "show", "dec_0", "--business", "roma"]).out;
    let json = program.run(&["decisions", "show", "dec_0", "--business", "roma", "--json"]).out;
    let listed = program.run(&["decisions", "list", "--business", "roma", "--json"]).out;
    for said in [&table, &shown, &json, &listed] {
        let hidden = said.chars().find(|character| *character != '\n' && signalbox_model::is_hidden(*character));
        assert_eq!(hidden, None, "what a guest wrote reaches the terminal as it is: {said}");
    }
    assert!(table.contains("\\u{202e}unem") && json.contains("\\u202eunem"), "{table}{json}");

    let story = program.run(&["decisions", "show", "dec_1", "--business", "roma", "--journal"]).out;
    for part in [
        "classify",
        "1.500 ms",
        "booking.confirmed",
        "Vă așteptăm",
        "waiting: no Kafka cluster",
        "classify calls llm.complete",
        "error    \"not-configured\"",
        "2026-11-23 18:00:01 UTC",
    ] {
        assert!(story.contains(part), "{part} is missing in\n{story}");
    }
    let shown = program.run(&["decisions", "show", "dec_1", "--business", "roma", "--journal", "--json"]).json();
    assert_eq!(shown["journal"][0]["capability"], "llm");
    program.run(&["decisions", "show", "dec_3", "--business", "roma"]).refused(&["no decision dec_3 in roma"]);
}

#[test]
fn decisions_are_listed_by_code_outcome_user_effects_and_time() {
    let program = Program::new("");
    let open = Open::new(&program);
    for second in 1..=3 {
        open.commit(&record(&format!("dec_{second}"), second, "hello"));
    }
    let mut failed = record("dec_4", 4, "hello");
    failed.decision.outcome = signalbox_model::Outcome::Failed;
    failed.decision.decision_code = "processing_error".to_owned();
    failed.decision.context.input.user_id = Some("ion".to_owned());
    failed.effects.clear();
    open.commit(&failed);
    let listed = |filter: &[&str]| {
        let arguments = [&["decisions", "list", "--business", "roma", "--json"], filter].concat();
        let list = program.run(&arguments).json();
        let ids = list.as_array().unwrap().iter().map(|record| record["decision"]["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed(&["--outcome", "failed"]), ["dec_4"]);
    assert_eq!(listed(&["--code", "booking."]), ["dec_3", "dec_2", "dec_1"]);
    assert_eq!(listed(&["--code", "booking.", "--limit", "1"]), ["dec_3"]);
    assert_eq!(listed(&["--user", "ana", "--user", "ion", "--since", "2026-11-23T18:00:03Z"]), ["dec_4", "dec_3"]);
    assert_eq!(listed(&["--effects", "waiting", "--since", "2026-11-23T18:00:02Z"]), ["dec_3", "dec_2"]);
    assert!(listed(&["--effects", "delivered"]).is_empty());
    let none = program.run(&["decisions", "list", "--business", "roma", "--outcome", "rejected"]).out;
    assert_eq!(none, "no decision is as the options say\n");
    program.run(&["decisions", "list", "--since", "yesterday"]).refused(&["`yesterday`", "2026-11-30"]);
    let table = program.run(&["decisions", "list", "--business", "roma"]).out;
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
    assert!(table.contains("2026-11-23 18:00:03  dec_3"), "{table}");
}

#[test]
fn without_a_business_named_all_of_the_directory_are_looked_at() {
    let program = Program::new("");
    program.write("business/roma.toml", "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\n");
    Open::new(&program).commit(&record("dec_1", 1, "hello"));
    assert_eq!(program.run(&["decisions", "show", "dec_1", "--json"]).json()["decision"]["businessId"], "roma");
}

#[test]
fn new_decisions_are_followed_while_another_process_has_the_store_open() {
    let program = Program::new("");
    let open = Open::new(&program);
    open.commit(&record("dec_1", 1, "first"));
    let arguments = ["decisions", "tail", "--business", "roma", "--last", "1", "--every-ms", "100", "--json"];
    let mut tail = program.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["decision"]["id"].clone();
    assert_eq!(next(), "dec_1");
    open.commit(&record("dec_2", 2, "second"));
    assert_eq!(next(), "dec_2");
    open.commit(&record("dec_3", 3, "third"));
    assert_eq!(next(), "dec_3");
    assert!(Command::new("kill").args(["-INT", &tail.id().to_string()]).status().unwrap().success());
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}

/// The store of a program, open in this process as in a running host.
pub struct Open {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Open {
    pub fn new(program: &Program) -> Self {
        let path = program.path(".signalbox/store.db");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = runtime.block_on(Store::open(Config::new(Backend::Embedded { path: Some(path) }))).unwrap();
        Self { runtime, store }
    }

    pub fn commit(&self, record: &DecisionRecord) {
        assert_eq!(self.runtime.block_on(self.store.commit_decision(record)).unwrap(), Committed::New);
    }

    /// Gives the decision's first effect a state.
    pub fn update(&self, record: &DecisionRecord, state: EffectState) {
        let update = EffectUpdate { effect_id: record.effects[0].id.clone(), state };
        let decision = &record.decision;
        self.runtime.block_on(self.store.update_effects(&decision.id, &decision.business_id, &[update])).unwrap();
    }

    pub fn store_model(&self, model: &MessageModel) {
        self.runtime.block_on(self.store.put_message_model(model)).unwrap();
    }

    pub fn count_usage(&self, model: &MessageModel, n: u64, at: Timestamp) {
        self.runtime.block_on(self.store.count_usage(model, n, at)).unwrap();
    }

    fn journal(&self, id: &str, bytes: &[u8]) {
        self.runtime.block_on(self.store.put_journal(id, bytes)).unwrap();
    }
}

pub fn record(id: &str, second: u32, text: &str) -> DecisionRecord {
    let moment = format!("2026-11-23T18:00:{second:02}Z");
    let action = json!({
        "id": format!("act_{id}"), "type": "resource_action", "target": "booking", "payload": {}, "priority": "medium",
    });
    let record = json!({
        "decision": {
            "id": id, "businessId": "roma", "decisionCode": "booking.confirmed", "decisionType": "booking",
            "context": {
                "input": {
                    "id": format!("in_{id}"), "source": "websocket", "userId": "ana", "businessId": "roma",
                    "type": "user_message", "content": { "text": text }, "timestamp": moment,
                },
                "businessInfo": { "businessId": "roma", "name": "Roma", "type": "restaurant" },
            },
            "reasoning": "there is a table", "confidence": 0.9, "outcome": "decided", "businessType": "restaurant",
            "createdAt": moment,
        },
        "output": {
            "id": id, "inputId": format!("in_{id}"), "decisionCode": "booking.confirmed", "decisionType": "booking",
            "confidence": 0.9, "reasoning": "there is a table", "actions": [action], "requiresHumanReview": false,
            "responses": [{
                "id": format!("rsp_{id}"), "target": "websocket", "recipient": "ana",
                "content": { "text": "Vă așteptăm" }, "timestamp": moment,
            }],
            "processingTime": 12,
            "metadata": {
                "generation": "sha256:00", "bundleVersion": "1.0.0", "journalId": format!("jrn_{id}"),
                "path": [{ "node": "classify", "step": 1, "attempt": 1, "micros": 1_500, "result": "done" }],
            },
        },
        "reply": { "kind": "none" },
        "effects": [{
            "id": format!("act_{id}"), "kind": { "action": action },
            "state": { "is": "waiting", "reason": "no Kafka cluster is configured" },
        }],
    });
    serde_json::from_value(record).unwrap()
}
