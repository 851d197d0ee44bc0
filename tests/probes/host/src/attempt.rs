//! One hostile attempt: how it is run, and what shows that it was stopped.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use signalbox_executor::HandlerEvent;
use signalbox_model::Outcome;

use crate::arena::Arena;
use crate::loading::{Loading, refusal};
use crate::world::World;

/// One hostile attempt.
pub struct Attempt {
    /// Unique, and passed to guests that choose their behaviour by it.
    pub name: Cow<'static, str>,
    /// What the guest tries, in words.
    pub tries: &'static str,
    /// A part of the error's reason that shows what stopped the attempt.
    pub word: &'static str,
    /// The longest time that the attempt may run.
    pub deadline: Duration,
    /// The memory that one run may take, in MiB.
    pub memory: u64,
    /// How the attempt is run.
    pub way: Way,
}

/// The ways to run an attempt.
pub enum Way {
    /// A message to a business chooses the guest; its decision fails, and its reason contains the word.
    Message {
        /// The business whose graph has the guest.
        business: &'static str,
    },
    /// The same, but the guest answers, and its answer shows that the attempt failed.
    Harmless {
        /// Whether the answer shows it.
        shows: fn(&Value) -> bool,
    },
    /// A guest makes calls, and each must have the expected outcome.
    Calls {
        /// The business with the guest.
        business: &'static str,
        /// The calls, which may name the arena's server.
        calls: fn(&str) -> Vec<Value>,
        /// Whether an outcome is the expected one.
        shows: fn(&Value) -> bool,
    },
    /// An event for an input handler, which fails with the word.
    Event,
    /// A component that is refused with the word before any of its code runs.
    Load(fn() -> Result<Loading>),
    /// Any other attempt; returns the error's text.
    Other(for<'a> fn(&'a Arena) -> BoxFuture<'a, Result<String>>),
}

/// How an attempt ended.
pub enum Ended {
    /// It was stopped, with this error.
    Stopped(String),
    /// It was not stopped as it must be.
    Loose(String),
}

impl Attempt {
    /// Runs the attempt once and checks how it ended.
    pub async fn run(&self, arena: &Arena) -> Result<Ended> {
        let Self { name, word, .. } = self;
        let words = match &self.way {
            Way::Message { business } => {
                let (outcome, reason) = arena.world.ask(business, name).await?;
                if outcome != Outcome::Failed {
                    return Ok(Ended::Loose(format!("the decision is {outcome:?}: {reason}")));
                }
                reason
            }
            Way::Harmless { shows } => {
                let answer = arena.world.answer("failures", name).await?;
                let result = answer.get("result").cloned().unwrap_or_default();
                return Ok(if shows(&result) {
                    Ended::Stopped((*word).to_owned())
                } else {
                    Ended::Loose(format!("the guest answered {result}"))
                });
            }
            Way::Calls { business, calls, shows } => {
                let calls = calls(&arena.server.uri());
                let results = arena.world.calls_at(business, None, json!(calls)).await?;
                ensure!(results.len() == calls.len(), "an outcome for each call");
                for (call, result) in calls.iter().zip(&results) {
                    if !shows(result) {
                        return Ok(Ended::Loose(format!("{call} came to {result}")));
                    }
                }
                return Ok(Ended::Stopped((*word).to_owned()));
            }
            Way::Event => {
                let behaviour = name.strip_prefix("handler-").unwrap_or(name);
                let event = HandlerEvent::Webhook {
                    hook: behaviour.to_owned(),
                    delivery_id: "msg_1".to_owned(),
                    headers: Vec::new(),
                    body: b"{}".to_vec(),
                };
                match arena.world.handle_at("handler", behaviour, event).await {
                    Err(error) => error.to_string(),
                    Ok(handled) => return Ok(Ended::Loose(format!("the event was handled: {handled:?}"))),
                }
            }
            Way::Load(make) => {
                let loaded = arena.loading(name, *make).await?;
                refusal(&loaded.sandbox, loaded.bundle.path()).await?
            }
            Way::Other(other) => other(arena).await?,
        };
        // With many copies a guest may meet its deadline before its own limit.
        let in_time = words.contains("gave no answer within") || words.contains("no instance was free");
        Ok(if words.to_lowercase().contains(word) || in_time { Ended::Stopped(words) } else { Ended::Loose(words) })
    }

    /// The guard that stops it, in words.
    pub fn guard(&self) -> &'static str {
        match self.word {
            "cpu" => "the budget of computing time",
            "memory" if matches!(self.way, Way::Load(_)) => "the pool's limits, before it runs",
            "memory" => "the limit of all memories and tables together",
            "stack" => "the limit of the stack",
            "fuel" => "the limit of what one call hands over",
            "host calls" => "the limit of host calls",
            "table" | "handle" => "the limit of handles",
            "time" => "the deadline on the clock",
            "out of bounds" | "not aligned" | "discriminant" | "utf-8" | "beyond end of memory" => {
                "checks of all that is read from a guest"
            }
            "cannot leave component instance" => "the component model's own rules",
            "unreachable" | "divide by zero" | "trapped" | "panics" => "the trap: the instance is dropped",
            word => word,
        }
    }
}

/// The value at a path; null when there is none.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

/// Many decisions at the same time, each with a request to a server that does not answer.
pub(crate) fn connections(arena: &Arena) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let call =
            json!({"call": "send", "method": "GET", "url": format!("{}/slow", arena.server.uri()), "timeout": 1_000});
        let one = || async {
            let results = arena.world.calls_at("http", None, json!([call.clone()])).await?;
            results.into_iter().next().context("one call was made")
        };
        let mut refused = None;
        for result in join_all((0..3 * crate::arena::REQUESTS).map(|_| one())).await {
            let result = result?;
            match at(&result, "/error").as_str() {
                Some("Timeout") => {}
                Some("Unavailable") => refused = at(&result, "/text").as_str().map(str::to_owned),
                _ => bail!("a request came to {result}"),
            }
        }
        refused.context("every request left")
    })
}

/// One business tries to read another's rows.
pub(crate) fn rows(arena: &Arena) -> BoxFuture<'_, Result<String>> {
    Box::pin(async move {
        let key =
            |partition: &str, sort: &str| json!({"call": "get", "table": "rows", "partition": partition, "sort": sort});
        let put = json!({"call": "put", "table": "rows", "partition": "p", "sort": "s", "item": {"secret": 1}});
        let written = arena.world.calls_at("rows", None, json!([put, key("p", "s")])).await?;
        let read = written.last().is_some_and(|read| *at(read, "/ok/item/secret") == 1);
        ensure!(read, "the owner reads its row: {written:?}");
        let mut calls = Vec::new();
        for partition in [
            "p",
            "rows/p",
            "../rows/p",
            "rows#p",
            "rows|probe|rows|p",
            "rows\0p",
            "rows\u{1f}p",
            "#rows",
            "%72ows/p",
            "*",
            "p\n",
        ] {
            calls.push(key(partition, "s"));
            calls.push(json!({"call": "query", "table": "rows", "partition": partition}));
        }
        for table in ["rows/../rows", "../rows", "rows#rows", "ROWS", "*", ""] {
            calls.push(json!({"call": "query", "table": table, "partition": "p"}));
        }
        for result in arena.world.calls_at("rows-thief", None, json!(calls)).await? {
            ensure!(!result.to_string().contains("secret"), "another's row was read: {result}");
        }
        Ok("keys are made of business, plugin and table by the host".to_owned())
    })
}

/// More methods of [`World`] for attempts.
impl World {
    /// The `data` of the answer to a message.
    async fn answer(&self, business: &str, text: &str) -> Result<Value> {
        let id = self.next_id();
        let record = self.decide(&id, business, None, json!({ "text": text })).await?;
        ensure!(record.decision.outcome == Outcome::Decided, "{}", record.decision.reasoning);
        let data = record.output.responses.first().and_then(|response| response.content.data.clone());
        Ok(data.map_or(Value::Null, Value::Object))
    }
}
