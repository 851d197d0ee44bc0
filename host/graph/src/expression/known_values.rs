//! Comparisons with texts that only a few values can equal: a misspelt one would never hold, and nobody would be told.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use signalbox_model::{InputType, Source};

use crate::reader::suggestion;

/// A text, and what it is compared with.
pub(super) enum Compared<'p> {
    /// A field of the input.
    Field {
        /// Its name.
        field: &'p str,
        /// The text.
        text: &'p str,
    },
    /// One of the sender's permissions.
    Permission(&'p str),
    /// A variable, which may stand for a permission.
    Variable {
        /// Its name.
        name: &'p str,
        /// The text.
        text: &'p str,
    },
}

/// What a call compares with texts: `input.type == "review"`, `input.source in ["cron", "kafka"]`, `"review" in permissions`.
pub(super) fn compared(call: &CallExpr) -> Vec<Compared<'_>> {
    let [one, other] = call.args.as_slice() else { return Vec::new() };
    match call.func_name.as_str() {
        "_==_" | "_!=_" => {
            [(one, other), (other, one)].into_iter().filter_map(|(what, text)| subject(what, text_of(text)?)).collect()
        }
        "@in" => match (&one.expr, &other.expr) {
            (_, Expr::List(list)) => {
                list.elements.iter().filter_map(|element| subject(one, text_of(element)?)).collect()
            }
            (_, Expr::Ident(name)) if name == "permissions" => {
                text_of(one).map(Compared::Permission).into_iter().collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Message and way out when the field of the input can never have this value.
pub(super) fn refuse(field: &str, text: &str) -> Option<(String, String)> {
    let values: &[&str] = match field {
        "type" => &INPUT_TYPES,
        "source" => &SOURCES,
        _ => return None,
    };
    if values.contains(&text) {
        return None;
    }
    // People write what the guides call the trigger.
    let help = match (field, text) {
        ("source", "web" | "socket" | "ws" | "chat") => "did you mean `websocket`?".to_owned(),
        ("source", "webhook" | "api" | "http") => {
            "did you mean `external_api`? webhooks and the API have it".to_owned()
        }
        ("source", "schedule" | "timer") => "did you mean `cron`?".to_owned(),
        ("type", "message" | "chat" | "text") => "did you mean `user_message`?".to_owned(),
        ("type", "api" | "request") => "did you mean `api_request`?".to_owned(),
        ("type", "kafka" | "record" | "entry") => "did you mean `kafka_record`?".to_owned(),
        ("type", "cron" | "schedule" | "scheduled" | "tick" | "task") => "did you mean `scheduled_task`?".to_owned(),
        _ => suggestion(text, &format!("values of `input.{field}`"), values.iter().copied()),
    };
    Some((format!("`input.{field}` is never `{text}`"), help))
}

fn subject<'p>(what: &'p IdedExpr, text: &'p str) -> Option<Compared<'p>> {
    match &what.expr {
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(name) if name == "input" => Some(Compared::Field { field: &select.field, text }),
            _ => None,
        },
        Expr::Ident(name) => Some(Compared::Variable { name, text }),
        _ => None,
    }
}

fn text_of(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// What `input.type` may be.
pub(super) const INPUT_TYPES: [&str; 6] = [
    type_name(InputType::UserMessage),
    type_name(InputType::ScheduledTask),
    type_name(InputType::Webhook),
    type_name(InputType::ApiRequest),
    type_name(InputType::Review),
    type_name(InputType::KafkaRecord),
];

/// What `input.source` may be.
pub(super) const SOURCES: [&str; 4] = [
    source_name(Source::Websocket),
    source_name(Source::Cron),
    source_name(Source::ExternalApi),
    source_name(Source::Kafka),
];

/// Without a wildcard: a new type of input has to be named here before it compiles.
const fn type_name(input_type: InputType) -> &'static str {
    match input_type {
        InputType::UserMessage => "user_message",
        InputType::ScheduledTask => "scheduled_task",
        InputType::Webhook => "webhook",
        InputType::ApiRequest => "api_request",
        InputType::Review => "review",
        InputType::KafkaRecord => "kafka_record",
    }
}

const fn source_name(source: Source) -> &'static str {
    match source {
        Source::Websocket => "websocket",
        Source::Cron => "cron",
        Source::ExternalApi => "external_api",
        Source::Kafka => "kafka",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_values_are_those_that_inputs_have() {
        let types = [
            InputType::UserMessage,
            InputType::ScheduledTask,
            InputType::Webhook,
            InputType::ApiRequest,
            InputType::Review,
            InputType::KafkaRecord,
        ];
        for (known, value) in INPUT_TYPES.iter().zip(types) {
            assert_eq!(serde_json::to_value(value).unwrap(), *known);
        }
        let sources = [Source::Websocket, Source::Cron, Source::ExternalApi, Source::Kafka];
        for (known, value) in SOURCES.iter().zip(sources) {
            assert_eq!(serde_json::to_value(value).unwrap(), *known);
        }
    }
}
