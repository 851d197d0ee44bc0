//! Runs input handlers, which turn an event into inputs.

use std::sync::Arc;
use std::time::Duration;

use signalbox_bindings::exports::signalbox::agent::handler as wit;
use signalbox_bindings::signalbox::agent::types as wit_types;
use signalbox_capabilities::{CallRecord, CallScope};
use signalbox_model::{Content, InputType, JsonObject, Timestamp};
use wasmtime::Store;

use crate::Sandbox;
use crate::generation::{Export, Plugin};
use crate::guest::Guest;
use crate::instance::{CallReport, NodeFailure};

/// The most inputs of one event.
const MOST_INPUTS: usize = 1_000;
/// The longest id that a handler may give an input, and the longest name of a user or location.
const LONGEST_ID: usize = 256;
/// The largest immediate reply, in bytes.
const LARGEST_REPLY: usize = 64 * 1024;
/// The longest text of an input, in bytes.
const LONGEST_TEXT: usize = 256 * 1024;

/// An event from a trigger, as a handler gets it.
#[derive(Clone, Debug)]
pub enum HandlerEvent {
    /// A message of a coordinator.
    Websocket {
        /// The sender.
        user_id: String,
        /// The location that it is about.
        location_id: Option<String>,
        /// The content.
        content: Content,
    },
    /// A webhook whose signature was verified.
    Webhook {
        /// Name of the hook in the bundle.
        hook: String,
        /// The sender's id of the delivery.
        delivery_id: String,
        /// The headers, with names in lower case, without those that carry secrets.
        headers: Vec<(String, String)>,
        /// The verified bytes.
        body: Vec<u8>,
    },
    /// A tick of a schedule.
    Cron {
        /// Name of the schedule.
        schedule: String,
        /// The nominal time of the tick.
        nominal: Timestamp,
        /// The schedule's payload.
        payload: Option<JsonObject>,
    },
    /// A Kafka record.
    Kafka {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset in the partition.
        offset: i64,
        /// Its key.
        key: Option<Vec<u8>>,
        /// Its headers.
        headers: Vec<(String, Vec<u8>)>,
        /// Its value; none is a tombstone.
        value: Option<Vec<u8>>,
        /// When it was written.
        timestamp: Option<Timestamp>,
    },
    /// A request to the API.
    Api {
        /// The sender.
        user_id: Option<String>,
        /// The location that it is about.
        location_id: Option<String>,
        /// The content.
        content: Content,
    },
}

/// The arguments of a handler's run.
pub struct HandlerCall<'a> {
    /// The plugin to run.
    pub plugin: &'a Arc<Plugin>,
    /// The scope of the run; its decision id is the event's own id.
    pub scope: Arc<CallScope>,
    /// The handler's name, for journal and logs.
    pub name: Arc<str>,
    /// The event.
    pub event: HandlerEvent,
}

/// The result of a handler's run.
#[derive(Debug)]
pub struct HandlerRun {
    /// The inputs, or why there are none.
    pub outcome: Result<Handled, Rejection>,
    /// The capability calls of the run.
    pub record: CallRecord,
    /// The duration.
    pub took: Duration,
}

/// The output of a handler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Handled {
    /// Zero or more inputs.
    pub inputs: Vec<NewInput>,
    /// The immediate reply to the sender.
    pub reply: Option<Reply>,
}

/// An input from a handler.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInput {
    /// Unique within the event; none numbers the inputs in order.
    pub id: Option<String>,
    /// The type of the input.
    pub input_type: InputType,
    /// The sender.
    pub user_id: Option<String>,
    /// The location that it is about.
    pub location_id: Option<String>,
    /// The content.
    pub content: Content,
}

/// An immediate reply to the sender of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Why an event gave no input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The event is malformed; sending it again does not help.
    #[error("{0}")]
    Invalid(String),
    /// The sender may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// A failure that may pass.
    #[error("{0}")]
    Unavailable(String),
    /// The handler is broken: it trapped, ran out of time or returned an invalid input.
    #[error("the handler failed: {}", .0.message)]
    Broken(NodeFailure),
}

impl Sandbox {
    /// Runs a handler once. The call itself never fails: a failure of the guest is the run's outcome.
    pub async fn run_handler(&self, call: HandlerCall<'_>) -> HandlerRun {
        let HandlerCall { plugin, scope, name, event } = call;
        let prepared = match self.inner.prepare(plugin, &scope, &name, 1, plugin.limits.time).await {
            Ok(prepared) => prepared,
            Err((failure, CallReport { record, took })) => {
                // The lack of a free instance is not the handler's fault, and its reason is not for the sender.
                tracing::warn!(handler = &*name, reason = failure.message, "a handler cannot run now");
                let told = "it cannot be handled right now; send it again in a moment".to_owned();
                return HandlerRun { outcome: Err(Rejection::Unavailable(told)), record, took };
            }
        };
        let event = to_wit(event);
        let (answer, CallReport { record, took }) = prepared
            .run(&self.inner.scheduler, move |store, plugin| {
                Box::pin(async move { handle(store, plugin, &event).await })
            })
            .await;
        let outcome = match answer {
            Ok(Ok(handled)) => from_wit(handled)
                .map_err(|message| Rejection::Broken(NodeFailure::new(signalbox_graph::FailureKind::Fatal, message))),
            Ok(Err(wit::Rejection::Invalid(reason))) => Err(Rejection::Invalid(reason)),
            Ok(Err(wit::Rejection::Forbidden(reason))) => Err(Rejection::Forbidden(reason)),
            Ok(Err(wit::Rejection::Unavailable(reason))) => Err(Rejection::Unavailable(reason)),
            Err(failure) => Err(Rejection::Broken(failure)),
        };
        HandlerRun { outcome, record, took }
    }
}

async fn handle(
    store: &mut Store<Guest>,
    plugin: &Plugin,
    event: &wit::Event,
) -> wasmtime::Result<Result<wit::Handled, wit::Rejection>> {
    let Export::Handler(indices) = &plugin.export else {
        wasmtime::bail!("plugin {} is a decision node, not an input handler", plugin.policy.name);
    };
    let instance = plugin.pre.instantiate_async(&mut *store).await?;
    let handler = indices.load(&mut *store, &instance)?;
    handler.call_handle(&mut *store, event).await
}

fn to_wit(event: HandlerEvent) -> wit::Event {
    match event {
        HandlerEvent::Websocket { user_id, location_id, content } => {
            wit::Event::Websocket(wit::Message { user_id, location_id, content: content_to_wit(&content) })
        }
        HandlerEvent::Webhook { hook, delivery_id, headers, body } => {
            wit::Event::Webhook(wit::WebhookRequest { hook, delivery_id, headers, body })
        }
        HandlerEvent::Cron { schedule, nominal, payload } => wit::Event::Cron(wit::Tick {
            schedule,
            nominal: nominal.to_string(),
            payload: payload.as_ref().map(to_text),
        }),
        HandlerEvent::Kafka { topic, partition, offset, key, headers, value, timestamp } => {
            wit::Event::Kafka(wit::Entry {
                topic,
                partition,
                offset,
                key,
                headers,
                value,
                timestamp: timestamp.map(|at| at.to_string()),
            })
        }
        HandlerEvent::Api { user_id, location_id, content } => {
            wit::Event::Api(wit::ApiRequest { user_id, location_id, content: content_to_wit(&content) })
        }
    }
}

fn content_to_wit(content: &Content) -> wit_types::Content {
    wit_types::Content {
        text: content.text.clone(),
        data: content.data.as_ref().map(to_text),
        metadata: content.metadata.as_ref().map(to_text),
    }
}

fn to_text(object: &JsonObject) -> String {
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}

/// Checks the output of a handler. The error describes the handler's mistake, for its author.
fn from_wit(handled: wit::Handled) -> Result<Handled, String> {
    if handled.inputs.len() > MOST_INPUTS {
        return Err(format!("gave {} inputs; an event may become {MOST_INPUTS}", handled.inputs.len()));
    }
    let inputs: Vec<NewInput> = handled.inputs.into_iter().map(input).collect::<Result<_, _>>()?;
    let mut ids: Vec<&str> = inputs.iter().filter_map(|input| input.id.as_deref()).collect();
    ids.sort_unstable();
    if let Some([twice, _]) = ids.array_windows().find(|[one, next]| one == next) {
        return Err(format!("gave two inputs with the id `{}`", twice.escape_debug()));
    }
    let reply = handled.reply.map(reply).transpose()?;
    Ok(Handled { inputs, reply })
}

fn input(input: wit::NewInput) -> Result<NewInput, String> {
    for (what, text) in [("id", &input.id), ("user id", &input.user_id), ("location id", &input.location_id)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > LONGEST_ID) {
            return Err(format!("gave an input whose {what} has not 1 to {LONGEST_ID} bytes"));
        }
    }
    let wit_types::Content { text, data, metadata } = input.content;
    if text.is_none() && data.is_none() && metadata.is_none() {
        return Err("gave an input without text, data and metadata".to_owned());
    }
    if text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
        return Err(format!("gave an input with a text of over {LONGEST_TEXT} bytes"));
    }
    let object = |what: &str, text: Option<String>| {
        text.map(|text| {
            let json = signalbox_graph::Json::parse(text).map_err(|error| format!("gave {what} that is {error}"))?;
            json.value().as_object().cloned().ok_or_else(|| format!("gave {what} that is no JSON object"))
        })
        .transpose()
    };
    Ok(NewInput {
        id: input.id,
        input_type: match input.input_type {
            wit_types::InputType::UserMessage => InputType::UserMessage,
            wit_types::InputType::ScheduledTask => InputType::ScheduledTask,
            wit_types::InputType::Webhook => InputType::Webhook,
            wit_types::InputType::ApiRequest => InputType::ApiRequest,
            wit_types::InputType::KafkaRecord => InputType::KafkaRecord,
            // A review is a person's verdict on a decision, so a handler cannot make one.
            wit_types::InputType::Review => {
                return Err("gave an input of type review, which only people give".to_owned());
            }
        },
        user_id: input.user_id,
        location_id: input.location_id,
        content: Content { text, data: object("content data", data)?, metadata: object("content metadata", metadata)? },
    })
}

fn reply(reply: wit::Reply) -> Result<Reply, String> {
    if reply.body.len() > LARGEST_REPLY {
        return Err(format!("gave a reply of {} bytes; at most {LARGEST_REPLY} are sent", reply.body.len()));
    }
    let sound = reply.content_type.len() <= 128
        && reply.content_type.contains('/')
        && reply.content_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !sound {
        return Err("gave a reply whose content type is none".to_owned());
    }
    Ok(Reply { content_type: reply.content_type, body: reply.body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_input(id: Option<&str>, data: Option<&str>) -> wit::NewInput {
        wit::NewInput {
            id: id.map(str::to_owned),
            input_type: wit_types::InputType::Webhook,
            user_id: None,
            location_id: None,
            content: wit_types::Content { text: None, data: data.map(str::to_owned), metadata: None },
        }
    }

    fn handled(inputs: Vec<wit::NewInput>) -> Result<Handled, String> {
        from_wit(wit::Handled { inputs, reply: None })
    }

    #[test]
    fn inputs_that_cannot_be_told_apart_are_refused() {
        let twice = vec![new_input(Some("a"), Some("{}")), new_input(Some("a"), Some("{}"))];
        assert!(handled(twice).unwrap_err().contains("`a`"));
        assert_eq!(handled(vec![new_input(None, Some("{}")), new_input(None, Some("{}"))]).unwrap().inputs.len(), 2);
    }

    #[test]
    fn an_input_that_says_nothing_or_nonsense_is_refused() {
        assert!(handled(vec![new_input(None, None)]).is_err());
        assert!(handled(vec![new_input(None, Some("[1]"))]).unwrap_err().contains("no JSON object"));
        assert!(handled(vec![new_input(Some(""), Some("{}"))]).is_err());
        let review = wit::NewInput { input_type: wit_types::InputType::Review, ..new_input(None, Some("{}")) };
        assert!(handled(vec![review]).unwrap_err().contains("only people"));
    }

    #[test]
    fn zero_inputs_are_a_fine_answer() {
        assert_eq!(handled(Vec::new()).unwrap(), Handled::default());
    }
}
