use serde::Serialize;

use crate::bindings::decision_node::exports::signalbox::agent::node as wire;
use crate::{Action, Failure, JsonError, Response, Verdict};

/// The result of one run of a node. Everything in it is optional; an empty step only moves the graph on.
///
/// ```
/// use signalbox_sdk::prelude::*;
///
/// fn confirm() -> Result<Step, Failure> {
///     Ok(Step::new()
///         .update("booking", &json!({ "table": 7 }))?
///         .reply_template("booking.confirmed", json!({ "guests": 4 }))
///         .decide(Verdict::new("booking.confirmed", "booking").confidence(0.9).reasoning("a table for 4 was free")))
/// }
/// # assert_eq!(confirm().unwrap().responses.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Channel name and its new value as JSON text.
    pub updates: Vec<(String, String)>,
    /// What was decided.
    pub decision: Option<Verdict>,
    /// The effects of the decision.
    pub actions: Vec<Action>,
    /// The replies.
    pub responses: Vec<Response>,
    /// Nodes to run next instead of the node's edges.
    pub goto: Vec<String>,
}

impl Step {
    /// An empty step.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a channel that the node declares in `writes`.
    pub fn update<T: Serialize + ?Sized>(mut self, channel: &str, value: &T) -> Result<Self, JsonError> {
        self.updates.push((channel.to_owned(), crate::json::encode(channel, value)?));
        Ok(self)
    }

    /// Decides. The last verdict on the decision's path wins.
    pub fn decide(mut self, verdict: Verdict) -> Self {
        self.decision = Some(verdict);
        self
    }

    /// Answers the sender with the node's own text.
    pub fn reply(self, text: impl Into<String>) -> Self {
        self.respond(Response::text(text))
    }

    /// Answers the sender with the message model of a decision code; `data` holds its parameters.
    pub fn reply_template(self, decision_code: &str, data: serde_json::Value) -> Self {
        self.respond(Response::template(decision_code, data))
    }

    /// Adds a response.
    pub fn respond(mut self, response: Response) -> Self {
        self.responses.push(response);
        self
    }

    /// Adds an effect, which is delivered once the decision is stored.
    pub fn act(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Runs a node next instead of the node's edges; it must be among the node's `targets`. `end` ends this branch.
    pub fn goto(mut self, node: &str) -> Self {
        self.goto.push(node.to_owned());
        self
    }

    pub(crate) fn into_wire(self) -> Result<wire::Step, Failure> {
        Ok(wire::Step {
            updates: self.updates,
            decision: self.decision.map(Verdict::into_wire).transpose()?,
            actions: self.actions.into_iter().map(Action::into_wire).collect::<Result<_, _>>()?,
            responses: self.responses.into_iter().map(Response::into_wire).collect::<Result<_, _>>()?,
            goto: self.goto,
        })
    }
}
