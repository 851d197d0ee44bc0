use signalbox_model::{CatchUp, HumanDuration, Overlap};
use signalbox_store::{Backend, Config, Fire, ScheduleDefinition, ScheduleSource, ScheduleTiming, Store};

use super::program::Program;

/// The store of a program, held open by this process.
struct Open {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Open {
    fn new(program: &Program) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let path = program.path(".signalbox/store.db");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let store = runtime.block_on(Store::open(Config::new(Backend::Embedded { path: Some(path) }))).unwrap();
        Self { runtime, store }
    }

    fn put(&self, name: &str, expression: &str) {
        let definition = ScheduleDefinition {
            business_id: "roma".to_owned(),
            name: name.to_owned(),
            timing: ScheduleTiming::Expression(expression.to_owned()),
            timezone: "Europe/Bucharest".to_owned(),
            payload: None,
            overlap: Overlap::default(),
            catch_up: CatchUp::default(),
            jitter: HumanDuration::millis(0),
            source: ScheduleSource::Bundle { hook: name.to_owned() },
        };
        self.runtime.block_on(self.store.put_schedule(&definition, jiff::Timestamp::now())).unwrap();
    }

    fn unfinished(&self) -> Vec<Fire> {
        self.runtime.block_on(self.store.unfinished_fires(jiff::Timestamp::now(), 10)).unwrap()
    }
}

#[test]
fn schedules_are_listed_paused_and_resumed_beside_a_process_that_has_the_store_open() {
    let program = Program::new("");
    let open = Open::new(&program);
    assert!(program.run(&["cron", "list"]).out.contains("no schedules"));
    open.put("bundle/daily", "0 8 * * *");
    let paused = program.run(&["cron", "pause", "roma", "bundle/daily", "--json"]).json();
    assert_eq!((&paused["paused"], &paused["next"]), (&true.into(), &serde_json::Value::Null));
    let table = program.run(&["cron", "list", "--business", "roma"]).out;
    assert!(table.contains("bundle/daily") && table.contains("0 8 * * *") && table.contains("paused"), "{table}");
    program.run(&["cron", "resume", "roma", "bundle/daily"]);
    let list = program.run(&["cron", "list", "--json"]).json();
    assert_eq!((&list[0]["name"], &list[0]["paused"]), (&"bundle/daily".into(), &false.into()));
    let next = list[0]["next"].as_str().unwrap();
    assert!(next.ends_with("T06:00:00Z") || next.ends_with("T05:00:00Z"), "08:00 in Bucharest, not {next}");
    let ticks = list[0]["nextTicks"].as_array().unwrap();
    assert_eq!(ticks.len(), 3);
    for tick in ticks {
        let tick = tick.as_str().unwrap();
        assert!(tick.ends_with("T08:00:00+02:00") || tick.ends_with("T08:00:00+03:00"), "on its own clock, not {tick}");
    }
    let table = program.run(&["cron", "list"]).out;
    assert!(table.contains("T08:00:00+0") && table.contains("then ") && table.contains("Europe/Bucharest"), "{table}");
}

#[test]
fn a_tick_that_is_asked_for_is_there_for_the_next_host_that_looks() {
    let program = Program::new("");
    let open = Open::new(&program);
    open.put("bundle/daily", "0 8 * * *");
    let ran = program.run(&["cron", "run", "roma", "bundle/daily", "--json"]).json();
    let fires = open.unfinished();
    assert_eq!(fires.len(), 1);
    assert_eq!(ran["inputId"], fires[0].input_id());
    let decision = signalbox_model::decision_id("roma", &fires[0].input_id());
    assert_eq!(ran["decisionId"], decision);
}

#[test]
fn a_schedule_that_is_not_there_is_refused_with_those_that_are() {
    let program = Program::new("");
    let open = Open::new(&program);
    program.run(&["cron", "run", "roma", "daily"]).refused(&["roma has none", "bundle"]);
    open.put("bundle/daily", "0 8 * * *");
    for command in ["run", "pause", "resume"] {
        program.run(&["cron", command, "roma", "daily"]).refused(&["no schedule daily", "bundle/daily"]);
    }
}

#[test]
fn a_name_that_no_schedule_can_have_is_refused_as_such() {
    let program = Program::new("");
    let _open = Open::new(&program);
    for name in ["", &"x".repeat(60_000)] {
        for command in ["run", "pause", "resume"] {
            program.run(&["cron", command, "roma", name]).refused(&["NAME has to have 1 to 256 bytes"]);
            program.run(&["cron", command, name, "daily"]).refused(&["BUSINESS has to have 1 to 256 bytes"]);
        }
    }
}
