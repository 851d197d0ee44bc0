//! Misbehaves in the way that `behaviour` in its configuration says, to show that the host stops it.
#![allow(clippy::panic, clippy::print_stdout, reason = "misbehaving is what this guest is for")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use signalbox_sdk::prelude::*;

/// Would count up if an instance were used again.
static RUNS: AtomicU64 = AtomicU64::new(0);

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    match config::get::<String>("behaviour")?.unwrap_or_default().as_str() {
        "echo" => answer(json!(context.text()?)),
        "moody" => match context.text()? {
            "moody panic" => panic!("the probe panics, as it was told"),
            text => answer(json!(text)),
        },
        "keep-state" => answer(json!(RUNS.fetch_add(1, Ordering::Relaxed))),
        "measure-time" => answer(json!(measure_time())),
        "log-injection" => {
            info!("one line\r\n{{\"level\":\"ERROR\",\"message\":\"forged\"}}\n\u{1b}[2Jgone");
            answer(json!("logged"))
        }
        "wide-json" => Ok(raw(format!("[{}0]", "0,".repeat(200_000)))),
        "panic" => panic!("the probe panics, as it was told"),
        "spin" => spin(),
        "allocate" => allocate(),
        "recurse" => answer(json!(recurse(1))),
        "log-flood" => {
            for line in 0..500_u32 {
                info!("line {line} of a flood");
            }
            answer(json!("flooded"))
        }
        "stdout-flood" => {
            for line in 0..10_000_u32 {
                println!("line {line} of a flood, and then some more to fill what there is to fill");
            }
            answer(json!("flooded"))
        }
        "undeclared-channel" => Ok(Step::new().update("nobody-declared-this", &1)?),
        "undeclared-goto" => Ok(Step::new().goto("echo")),
        "nan-confidence" => Ok(Step::new().decide(Verdict::new("probe.sure", "probe").confidence(f64::NAN))),
        "bad-json" => Ok(raw("{\"open\": ".to_owned())),
        "deep-json" => Ok(raw(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))),
        "huge-update" => Ok(raw(format!("\"{}\"", "x".repeat(1024 * 1024)))),
        "say-much" => Ok(say(25)),
        "say-too-much" => Ok(say(50)),
        "read-env" => answer(json!(std::env::vars().collect::<Vec<_>>())),
        "read-file" => answer(json!(["/", "/etc/passwd", "."].map(read))),
        "wall-clock" => answer(json!([unix_millis(), context.now()?.unix_millis()])),
        "random" => answer(json!(RandomState::new().build_hasher().finish().to_string())),
        "many-host-calls" => {
            for _ in 0..100_000_u32 {
                config::get::<String>("behaviour")?;
            }
            answer(json!("called"))
        }
        "sleep" => {
            std::thread::sleep(Duration::from_secs(3_600));
            answer(json!("slept"))
        }
        "nap" => {
            std::thread::sleep(Duration::from_millis(400));
            answer(json!(context.text()?))
        }
        "review" => {
            let verdict = Verdict::new("probe.waits", "probe").reasoning("a person has to look").needs_review();
            let news = Action::notify("business", json!({ "news": context.text()? }));
            Ok(Step::new().reply("somebody will look").act(news).decide(verdict))
        }
        "words" => words(context),
        "invalid" => Err(Failure::invalid("the probe finds the input invalid")),
        "retry" => Err(Failure::retry("the probe wants to be run again")),
        other => Err(Failure::fatal(format!("there is no behaviour `{other}`"))),
    }
}

fn answer(result: Value) -> Result<Step, Failure> {
    let verdict = Verdict::new("probe.answered", "probe").reasoning("the probe did as it was told");
    let text = result.as_str().unwrap_or("done").to_owned();
    let mut response = Response::text(text);
    response.data = Some(json!({ "result": &result }));
    Ok(Step::new().update("result", &result)?.respond(response).decide(verdict))
}

/// Answers with a message model's text, as the input's data asks.
fn words(context: &Context) -> Result<Step, Failure> {
    let Some(data) = &context.input.content.data else { return Err(Failure::invalid("the input has no data")) };
    let code = data.get::<String>("code")?.unwrap_or_default();
    let mut response = Response::template(code, data.get::<Value>("data")?.unwrap_or_default());
    response.locale = data.get::<String>("locale")?;
    Ok(Step::new().respond(response).decide(Verdict::new("probe.worded", "probe")))
}

/// A value for the channel that the SDK itself would never write.
fn raw(text: String) -> Step {
    let mut step = Step::new();
    step.updates.push(("result".to_owned(), text));
    step
}

/// A step with this many actions of 30 KB, which compression shrinks by no more than a quarter.
fn say(actions: u32) -> Step {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut chance: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut letter = || {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        LETTERS.get(usize::try_from(chance % 64).unwrap_or_default()).copied().map_or('-', char::from)
    };
    let verdict = Verdict::new("probe.said", "probe").reasoning("it says much");
    (0..actions).fold(Step::new().decide(verdict), |step, _| {
        let text: String = (0..30_000).map(|_| letter()).collect();
        step.act(Action::notify("business", json!({ "text": text })))
    })
}

fn spin() -> Result<Step, Failure> {
    let mut turns = 0_u64;
    loop {
        // `black_box` keeps the compiler from removing the loop.
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn allocate() -> Result<Step, Failure> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; 1024 * 1024]));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == 0 { 0 } else { recurse(depth + 1) + frame.iter().sum::<u64>() }
}

fn read(path: &str) -> Value {
    match std::fs::read_dir(path).map(|entries| entries.count()) {
        Ok(entries) => json!({ "entries": entries }),
        Err(_) => match std::fs::read_to_string(path) {
            Ok(text) => json!({ "text": text }),
            Err(error) => json!({ "refused": error.to_string() }),
        },
    }
}

/// How long a fixed amount of work takes, in nanoseconds.
fn measure_time() -> u64 {
    let started = Instant::now();
    for turn in 0..1_000_000_u64 {
        std::hint::black_box(turn);
    }
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
