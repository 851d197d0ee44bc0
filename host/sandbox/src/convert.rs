//! Checks what guests return, and converts it to the host's own types.

use signalbox_bindings::exports::signalbox::agent::node::Step;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_graph::Json;
use signalbox_model::{ActionType, JsonObject, Priority, ResponseTarget, RetryPolicy, Timestamp};

/// The most actions, and the most responses, of one step.
const MOST_PER_STEP: usize = 100;
const LONGEST_REASONING: usize = 4_096;
const LONGEST_TEXT: usize = 16 * 1024;
const LARGEST_PAYLOAD: usize = 64 * 1024;
const LONGEST_NAME: usize = 256;

/// The step of one run of a node.
#[derive(Debug)]
pub struct NodeStep {
    /// Channel and new value.
    pub updates: Vec<(String, Json)>,
    /// Nodes to run next instead of the node's edges.
    pub goto: Vec<String>,
    /// The decision, if the node made one.
    pub verdict: Option<Verdict>,
    /// The actions of the decision.
    pub actions: Vec<NewAction>,
    /// The responses of the decision.
    pub responses: Vec<NewResponse>,
}

/// A decision of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In the bundle's vocabulary.
    pub code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasoning: String,
    /// Whether the actions wait for a person's review.
    pub requires_human_review: bool,
    /// Further data that the author wants to keep.
    pub metadata: Option<JsonObject>,
}

/// An action that has no id yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAction {
    /// The kind of action.
    pub action_type: ActionType,
    /// The receiver: a resource type, an audience, or a URL.
    pub target: String,
    /// The content.
    pub payload: JsonObject,
    /// Which of two waiting actions goes first.
    pub priority: Priority,
    /// The earliest time of delivery.
    pub execute_at: Option<Timestamp>,
    /// None takes the host's default.
    pub retry_policy: Option<RetryPolicy>,
}

/// A response that has no id, recipient or rendered words yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewResponse {
    /// How the response is delivered.
    pub target: ResponseTarget,
    /// None is the sender of the input.
    pub recipient: Option<String>,
    /// The text, when the node wrote it.
    pub text: Option<String>,
    /// Structured data, and the template's parameters.
    pub data: Option<JsonObject>,
    /// The decision code of a message model.
    pub template: Option<String>,
    /// The language to answer in.
    pub locale: Option<String>,
}

/// Checks a step. The error describes the plugin's mistake, for its author.
pub(crate) fn step(step: Step) -> Result<NodeStep, String> {
    let Step { updates, decision, actions, responses, goto } = step;
    if actions.len() > MOST_PER_STEP {
        return Err(format!("gave {} actions; a step may give {MOST_PER_STEP}", actions.len()));
    }
    if responses.len() > MOST_PER_STEP {
        return Err(format!("gave {} responses; a step may give {MOST_PER_STEP}", responses.len()));
    }
    let updates = updates
        .into_iter()
        .map(|(channel, value)| match Json::parse(value) {
            Ok(value) => Ok((channel, value)),
            Err(error) => Err(format!("gave channel `{}` a value that is {error}", channel.escape_debug())),
        })
        .collect::<Result<_, _>>()?;
    Ok(NodeStep {
        updates,
        goto,
        verdict: decision.map(verdict).transpose()?,
        actions: actions.into_iter().map(action).collect::<Result<_, _>>()?,
        responses: responses.into_iter().map(response).collect::<Result<_, _>>()?,
    })
}

fn verdict(verdict: wit::Verdict) -> Result<Verdict, String> {
    check_code("decision code", &verdict.code)?;
    check_code("decision type", &verdict.decision_type)?;
    if !(0.0..=1.0).contains(&verdict.confidence) {
        return Err(format!("gave the confidence {}; it is a number from 0 to 1", verdict.confidence));
    }
    if verdict.reasoning.len() > LONGEST_REASONING {
        return Err(format!(
            "gave a reasoning of {} bytes; at most {LONGEST_REASONING} are kept",
            verdict.reasoning.len()
        ));
    }
    Ok(Verdict {
        code: verdict.code,
        decision_type: verdict.decision_type,
        confidence: verdict.confidence,
        reasoning: verdict.reasoning,
        requires_human_review: verdict.requires_human_review,
        metadata: verdict.metadata.map(|text| object("the verdict's metadata", &text)).transpose()?,
    })
}

fn action(action: wit::Action) -> Result<NewAction, String> {
    if action.target.is_empty() || action.target.len() > LONGEST_NAME * 8 {
        return Err(format!("gave an action with a target of {} bytes", action.target.len()));
    }
    let execute_at = action
        .execute_at
        .map(|text| {
            text.parse::<Timestamp>().map_err(|_| {
                format!("gave an action with execute-at `{}`, which is no ISO 8601 moment in UTC", text.escape_debug())
            })
        })
        .transpose()?;
    Ok(NewAction {
        action_type: match action.action_type {
            wit::ActionType::ResourceAction => ActionType::ResourceAction,
            wit::ActionType::Notification => ActionType::Notification,
            wit::ActionType::ExternalCall => ActionType::ExternalCall,
        },
        target: action.target,
        payload: object("an action's payload", &action.payload)?,
        priority: match action.priority {
            wit::Priority::Low => Priority::Low,
            wit::Priority::Medium => Priority::Medium,
            wit::Priority::High => Priority::High,
        },
        execute_at,
        retry_policy: action.retry_policy.map(retry_policy).transpose()?,
    })
}

fn retry_policy(policy: wit::RetryPolicy) -> Result<RetryPolicy, String> {
    let sound = (1..=100).contains(&policy.max_attempts) && (1.0..=100.0).contains(&policy.backoff_factor);
    if !sound {
        return Err("gave a retry policy without 1 to 100 attempts and a backoff factor from 1 to 100".to_owned());
    }
    Ok(RetryPolicy {
        max_attempts: policy.max_attempts,
        initial_interval: policy.initial_interval,
        backoff_factor: policy.backoff_factor,
        max_interval: policy.max_interval,
        jitter: policy.jitter,
    })
}

fn response(response: wit::Response) -> Result<NewResponse, String> {
    if response.text.is_none() && response.template.is_none() && response.data.is_none() {
        return Err("gave a response without text, template and data".to_owned());
    }
    if response.text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
        return Err(format!("gave a response of over {LONGEST_TEXT} bytes"));
    }
    if let Some(template) = &response.template {
        check_code("response's template", template)?;
    }
    if response.recipient.as_ref().is_some_and(|id| id.is_empty() || id.len() > LONGEST_NAME) {
        return Err(format!("gave a response whose recipient has not 1 to {LONGEST_NAME} bytes"));
    }
    Ok(NewResponse {
        target: match response.target {
            wit::ResponseTarget::Websocket => ResponseTarget::Websocket,
            wit::ResponseTarget::Api => ResponseTarget::Api,
            wit::ResponseTarget::Notification => ResponseTarget::Notification,
        },
        recipient: response.recipient,
        text: response.text,
        data: response.data.map(|text| object("a response's data", &text)).transpose()?,
        template: response.template,
        locale: response.locale,
    })
}

fn check_code(what: &str, code: &str) -> Result<(), String> {
    let fits = !code.is_empty()
        && code.len() <= 128
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if fits {
        return Ok(());
    }
    let start: String = code.chars().take(64).collect();
    Err(format!("gave the {what} `{}`; it has 1 to 128 letters, digits, `.`, `-` or `_`", start.escape_debug()))
}

fn object(what: &str, text: &str) -> Result<JsonObject, String> {
    if text.len() > LARGEST_PAYLOAD {
        return Err(format!("gave {what} of {} bytes; at most {LARGEST_PAYLOAD} are taken", text.len()));
    }
    serde_json::from_str(text).map_err(|error| format!("gave {what} that is no JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wit_verdict(code: &str, confidence: f64) -> wit::Verdict {
        wit::Verdict {
            code: code.to_owned(),
            decision_type: "test".to_owned(),
            confidence,
            reasoning: String::new(),
            requires_human_review: false,
            metadata: None,
        }
    }

    #[test]
    fn a_confidence_that_is_no_probability_is_refused_and_not_clamped() {
        for confidence in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
            assert!(verdict(wit_verdict("a", confidence)).unwrap_err().contains("confidence"));
        }
        assert_eq!(verdict(wit_verdict("a", 1.0)).unwrap().confidence, 1.0);
    }

    #[test]
    fn codes_that_could_confuse_a_key_or_a_log_are_refused() {
        for code in ["", "a#b", "a b", "a\nb", &"a".repeat(129)] {
            assert!(verdict(wit_verdict(code, 0.5)).is_err(), "{code:?}");
        }
    }

    #[test]
    fn a_million_actions_are_refused_before_they_are_read() {
        let action = wit::Action {
            action_type: wit::ActionType::Notification,
            target: "business".to_owned(),
            payload: "not json".to_owned(),
            priority: wit::Priority::Low,
            execute_at: None,
            retry_policy: None,
        };
        let given =
            Step { updates: vec![], decision: None, actions: vec![action; 101], responses: vec![], goto: vec![] };
        assert!(step(given).unwrap_err().contains("101 actions"));
    }

    #[test]
    fn an_actions_payload_moment_and_retry_policy_are_bounded() {
        let given = |payload: &str, execute_at: Option<&str>, max_attempts: u32| {
            let retry_policy = wit::RetryPolicy {
                max_attempts,
                initial_interval: 100,
                backoff_factor: 2.0,
                max_interval: 1_000,
                jitter: true,
            };
            action(wit::Action {
                action_type: wit::ActionType::ExternalCall,
                target: "https://crm.example".to_owned(),
                payload: payload.to_owned(),
                priority: wit::Priority::High,
                execute_at: execute_at.map(str::to_owned),
                retry_policy: Some(retry_policy),
            })
        };
        let largest = format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST_PAYLOAD - 8));
        assert!(given(&largest, Some("2026-01-01T12:00:00Z"), 100).is_ok());
        assert!(given(&format!("{largest} "), None, 1).is_err_and(|error| error.contains("65537 bytes")));
        assert!(given("[1]", None, 1).is_err_and(|error| error.contains("no JSON object")));
        assert!(given("{}", Some("tomorrow"), 1).is_err_and(|error| error.contains("execute-at `tomorrow`")));
        for attempts in [0, 101] {
            assert!(given("{}", None, attempts).is_err_and(|error| error.contains("retry policy")));
        }
    }
}
