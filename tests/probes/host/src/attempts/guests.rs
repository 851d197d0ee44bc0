//! Attempts of guests that are built with the SDK.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use crate::attempt::{Attempt, Way, at, connections, rows};

/// Every spelling of this machine's address, of private networks, and of the clouds' metadata services.
pub const PRIVATE: [&str; 31] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
];

/// The default of `limits.time`.
const USUAL: Duration = Duration::from_secs(5);
/// For guests that compute, also on a busy machine.
const LONG: Duration = Duration::from_secs(10);
/// For a guest that sleeps.
const SHORT: Duration = Duration::from_secs(2);

pub(super) fn attempts() -> Vec<Attempt> {
    let attempt = |name: &'static str, tries, word, deadline, way| Attempt {
        name: Cow::Borrowed(name),
        tries,
        word,
        deadline,
        memory: 32,
        way,
    };
    let fails =
        |name, tries, word, deadline| attempt(name, tries, word, deadline, Way::Message { business: "failures" });
    let shows = |name, tries, word, shows| attempt(name, tries, word, USUAL, Way::Harmless { shows });
    let event = |name, tries, word, deadline| attempt(name, tries, word, deadline, Way::Event);
    let denied = |name, tries, calls| {
        let way = Way::Calls { business: "http", calls, shows: is_denied };
        attempt(name, tries, "the guard against private addresses", USUAL, way)
    };
    vec![
        fails("panic", "panic", "panics", USUAL),
        fails("spin", "compute without end", "cpu", LONG),
        fails("allocate", "allocate without end", "memory", USUAL),
        fails("recurse", "recurse without end, with its stack in its memory", "trapped", USUAL),
        fails("sleep", "sleep for an hour", "time", SHORT),
        fails("many-host-calls", "ask for its configuration 100,000 times", "host calls", USUAL),
        fails("undeclared-channel", "write a channel that it did not declare", "nobody-declared-this", USUAL),
        fails("undeclared-goto", "go to a node that it did not declare", "echo", USUAL),
        fails("nan-confidence", "be sure to a degree that is no number", "confidence", USUAL),
        fails("bad-json", "give JSON that is none", "result", USUAL),
        fails("deep-json", "give JSON 10,000 levels deep", "result", USUAL),
        fails("wide-json", "give JSON with 200,000 elements", "result", USUAL),
        fails("huge-update", "give a value of 1 MiB", "result", USUAL),
        shows("log-flood", "log 500 lines", "the limit of log lines; the rest is counted", |told| told == "flooded"),
        shows("stdout-flood", "print 10,000 lines", "the limit of log bytes; the rest is counted", |told| {
            told == "flooded"
        }),
        shows("log-injection", "forge a log line", "lines are escaped, and under the plugin's name", |told| {
            told == "logged"
        }),
        shows("keep-state", "keep something for its next run", "an instance for each call", |told| told == 0),
        shows("measure-time", "measure how long it takes", "a clock that counts how often it is read", |told| {
            told == 1_000
        }),
        shows("read-env", "read the host's environment", "an environment without anything", |told| *told == json!([])),
        shows("read-file", "read the host's files", "no file is open to it", |told| {
            told.as_array().is_some_and(|reads| reads.iter().all(|read| read.get("refused").is_some()))
        }),
        event("handler-panic", "panic as an input handler", "panics", USUAL),
        event("handler-spin", "compute without end as an input handler", "cpu", LONG),
        event("handler-allocate", "allocate without end as an input handler", "memory", USUAL),
        event("handler-many-inputs", "make 1,001 inputs of one event", "1000", USUAL),
        event("handler-review", "approve decisions in a person's place", "only people", USUAL),
        event("handler-huge-reply", "reply with 1 MiB", "reply", USUAL),
        event("handler-no-media-type", "put a header into a reply", "content type", USUAL),
        event("handler-effect", "cause something where nothing is decided", "denied", USUAL),
        denied("http-private", "reach this machine, its neighbours and the cloud's metadata by 31 spellings", |_| {
            PRIVATE.iter().map(|host| get(&format!("http://{host}/"))).collect()
        }),
        denied("http-changing-name", "reach them by a name whose address changes", |_| {
            vec![get("http://changing.example/"); 8]
        }),
        attempt("http-redirect", "be redirected to the cloud's metadata", "redirects are not followed", USUAL, {
            Way::Calls {
                business: "http",
                calls: |server| vec![get(&format!("{server}/moved"))],
                shows: |result| *at(result, "/ok/status") == 302,
            }
        }),
        attempt("http-connections", "hold more connections than it may", "under way", USUAL, Way::Other(connections)),
        attempt(
            "others-rows",
            "read another business's rows by crafted keys",
            "keys are made",
            USUAL,
            Way::Other(rows),
        ),
    ]
}

fn is_denied(result: &Value) -> bool {
    let granted = !at(result, "/text").to_string().contains("no grant");
    *at(result, "/error") == "Denied" && *at(result, "/retryable") == false && granted
}

fn get(url: &str) -> Value {
    json!({"call": "send", "method": "GET", "url": url, "timeout": 5_000})
}
