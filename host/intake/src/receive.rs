//! The entrance for all triggers: makes inputs of what a trigger has read, by the plugin that the business's bundle
//! names or by the trigger's own mapping, or refuses it with a reason that the trigger passes on.

use signalbox_executor::{
    DecideError, EventCall, HandleError, Handled, HandlerEvent, NewInput, NodeFailure, Rejection, Reply,
};
use signalbox_graph::{FailureKind, Inputs};
use signalbox_model::{AgentInput, ReplySlot, Source, Timestamp};
use signalbox_store::AcceptedInput;
use thiserror::Error;

use crate::{Intake, IntakeError, check};

/// An event, as its trigger read it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where the event comes from.
    pub origin: InputOrigin,
    /// The entry of the bundle's `[inputs]` that reads it.
    pub entry: InputEntry,
    /// The input's id when the trigger's own mapping makes the input; none derives the id in the same way as for inputs
    /// that a handler makes.
    pub mapped_input_id: Option<String>,
    /// The event's id for the handler: the same at every redelivery, and unique among the host's events. The handler's
    /// random numbers and idempotency keys derive from it.
    pub handler_event_id: String,
    /// The content: given to the handler, or else to the trigger's own mapping.
    pub event: HandlerEvent,
}

/// The origin of an arrival.
#[derive(Clone, Debug)]
pub struct InputOrigin {
    /// The trigger.
    pub source: Source,
    /// The scope in which the sender's event ids are unique, for example `wh/<business>/<hook>`.
    pub scope: String,
    /// The sender's own id of the event, the same at every redelivery.
    pub event_id: String,
    /// The business it is for.
    pub business_id: String,
    /// The user whose inputs they are, unless the handler or the mapping names another.
    pub user_id: Option<String>,
    /// The sender's permissions in the business.
    pub permissions: Vec<String>,
    /// The correlation id of its log lines.
    pub correlation_id: String,
    /// SHA-256 of the event as its sender sent it. It distinguishes a redelivery from another event under the same id.
    pub fingerprint: Option<String>,
    /// Where answers go.
    pub reply: ReplySlot,
}

/// An entry of a bundle's `[inputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputEntry {
    /// `[inputs.websocket]`
    Websocket,
    /// `[inputs.api]`
    Api,
    /// `[inputs.webhook.NAME]`
    Webhook(String),
    /// `[inputs.cron.NAME]`. Ticks that are left after the entry was removed are mapped by the trigger.
    Cron(String),
    /// The entry of `[inputs.kafka]` that has this topic.
    Kafka(String),
    /// No entry: a plugin made the schedule that ticked.
    Undeclared,
}

/// The inputs of an arrival, before they are stored.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The inputs to decide.
    pub inputs: Vec<AcceptedInput>,
    /// The handler's immediate reply to the sender.
    pub reply: Option<Reply>,
}

/// An arrival, after the bundle was asked which handler reads it.
#[derive(Debug)]
pub enum Routed {
    /// No handler reads it; these are its inputs.
    Mapped(Received),
    /// A handler has to read it.
    Handler(Box<HandlerTask>),
}

/// An arrival that its handler has to read.
#[derive(Debug)]
pub struct HandlerTask {
    handler: String,
    event_id: String,
    origin: InputOrigin,
    event: HandlerEvent,
}

/// Why an arrival gave no inputs.
#[derive(Clone, Debug, Error)]
pub enum ReceiveError {
    /// The business's bundle has no such entry.
    #[error("this business takes nothing this way: its bundle has no {}", .0.section())]
    NotOffered(InputEntry),
    /// Nothing decides for the business here, or its handler did not accept the arrival.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The content of an input is refused.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<DecideError> for ReceiveError {
    fn from(error: DecideError) -> Self {
        Self::Handle(error.into())
    }
}

impl InputEntry {
    /// The handler of the entry, which may have none; the outer option is none when there is no such entry.
    fn handler(&self, inputs: &Inputs) -> Option<Option<String>> {
        match self {
            Self::Websocket => Some(inputs.websocket.as_ref()?.handler.clone()),
            Self::Api => Some(inputs.api.as_ref()?.handler.clone()),
            Self::Webhook(name) => Some(inputs.webhook.get(name)?.handler.clone()),
            Self::Cron(name) => Some(inputs.cron.get(name).and_then(|cron| cron.handler.clone())),
            Self::Kafka(topic) => Some(inputs.kafka.values().find(|input| input.topic == *topic)?.handler.clone()),
            Self::Undeclared => Some(None),
        }
    }

    /// The entry's header in a manifest.
    fn section(&self) -> String {
        match self {
            Self::Websocket => "[inputs.websocket]".to_owned(),
            Self::Api => "[inputs.api]".to_owned(),
            Self::Webhook(name) => format!("[inputs.webhook.{name}]"),
            Self::Cron(name) => format!("[inputs.cron.{name}]"),
            Self::Kafka(topic) => format!("[inputs.kafka.…] with topic = \"{topic}\""),
            Self::Undeclared => "such entry".to_owned(),
        }
    }
}

impl Intake {
    /// Makes inputs of an arrival, by the handler that the business's bundle names for it, or else by `mapping`. Stores
    /// nothing. The same arrival gives the same ids again.
    pub async fn receive<E: From<ReceiveError>>(
        &self,
        arrival: Arrival,
        mapping: impl FnOnce(HandlerEvent) -> Result<NewInput, E>,
    ) -> Result<Received, E> {
        match self.route(arrival, mapping)? {
            Routed::Mapped(received) => Ok(received),
            Routed::Handler(task) => Ok(self.run_handler(task).await?),
        }
    }

    /// The first half of [`Intake::receive`], which does not wait: for triggers that keep the order of arrivals without
    /// a handler.
    pub fn route<E: From<ReceiveError>>(
        &self,
        arrival: Arrival,
        mapping: impl FnOnce(HandlerEvent) -> Result<NewInput, E>,
    ) -> Result<Routed, E> {
        let Arrival { origin, entry, mapped_input_id, handler_event_id: event_id, event } = arrival;
        let (_, inputs) = self.inputs(&origin.business_id).map_err(ReceiveError::from)?;
        let Some(handler) = entry.handler(&inputs) else { return Err(ReceiveError::NotOffered(entry).into()) };
        if let Some(handler) = handler {
            return Ok(Routed::Handler(Box::new(HandlerTask { handler, event_id, origin, event })));
        }
        let new = mapping(event)?;
        // The API and the WebSocket have checked what their sender wrote before a handler may see it. The check is
        // repeated here, because webhooks and schedules have no check of their own, and because composing a text, which
        // follows the first check, can make it longer.
        check::limits(&new.content, self.config()).map_err(ReceiveError::from)?;
        let mut input = origin.input(0, new, self.shared.clock.now());
        if let Some(id) = mapped_input_id {
            input.input.id = id;
        }
        Ok(Routed::Mapped(Received { inputs: vec![input], reply: None }))
    }

    /// The second half of [`Intake::receive`].
    pub async fn run_handler(&self, task: Box<HandlerTask>) -> Result<Received, ReceiveError> {
        let HandlerTask { handler, event_id, origin, event } = *task;
        let call = EventCall {
            business_id: origin.business_id.clone(),
            handler,
            event_id,
            correlation_id: origin.correlation_id.clone(),
            event,
        };
        let Handled { inputs, reply } = self.shared.decide.handle(call).await?;
        for new in &inputs {
            check::limits(&new.content, self.config()).map_err(beyond_limits)?;
        }
        let now = self.shared.clock.now();
        let inputs = inputs.into_iter().enumerate().map(|(index, new)| origin.input(index, new, now)).collect();
        Ok(Received { inputs, reply })
    }
}

impl InputOrigin {
    /// Gives an input its id, its sender's rights and its time.
    pub(crate) fn input(&self, index: usize, new: NewInput, now: Timestamp) -> AcceptedInput {
        let part = new.id.unwrap_or_else(|| index.to_string());
        AcceptedInput {
            input: AgentInput {
                id: signalbox_model::input_id(&self.scope, &format!("{}/{part}", self.event_id)),
                source: self.source,
                user_id: new.user_id.or_else(|| self.user_id.clone()),
                business_id: self.business_id.clone(),
                location_id: new.location_id,
                input_type: new.input_type,
                content: new.content.composed(),
                timestamp: now,
                correlation_id: Some(self.correlation_id.clone()),
            },
            permissions: self.permissions.clone(),
            reply: self.reply.clone(),
            accepted_at: now,
            fingerprint: self.fingerprint.clone(),
        }
    }
}

/// The error when the handler made an input larger than inputs may be; the sender is not at fault.
fn beyond_limits(error: IntakeError) -> HandleError {
    let message = format!("an input of the handler is not accepted: {error}");
    Rejection::Broken(NodeFailure { kind: FailureKind::Fatal, message }).into()
}
