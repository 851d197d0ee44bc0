//! Reads what people write by hand more strictly than what is stored. Both have the same types, but a misspelt key of a
//! person is an error, while an unknown key in a stored record comes from a newer version.

use serde::{Deserialize, Deserializer};

use crate::{ActionType, AgentInput, Content, InputType, JsonObject, Priority, RetryPolicy, Source, Timestamp};

/// A value that a person has written in a file, a request or a frame. Unknown fields and variants are errors.
#[derive(Clone, Debug, PartialEq)]
pub struct HandWritten<T>(pub T);

/// Reads a field that a person has written; for `deserialize_with`.
pub fn written<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    HandWritten<T>: Deserialize<'de>,
{
    <HandWritten<T> as Deserialize>::deserialize(deserializer).map(|HandWritten(value)| value)
}

impl<'de> Deserialize<'de> for HandWritten<Option<RetryPolicy>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value: Option<HandWritten<RetryPolicy>> = Option::deserialize(deserializer)?;
        Ok(Self(value.map(|HandWritten(value)| value)))
    }
}

/// Reads each of these types by a strict copy of it, whose completeness the compiler checks.
macro_rules! read_by {
    ($($double:ident => $read:ty),+ $(,)?) => {
        $(impl<'de> Deserialize<'de> for HandWritten<$read> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $double::deserialize(deserializer).map(Self)
            }
        })+
    };
}

read_by! {
    WrittenInput => AgentInput,
    WrittenSource => Source,
    WrittenInputType => InputType,
    WrittenContent => Content,
    WrittenRetryPolicy => RetryPolicy,
    WrittenActionType => ActionType,
    WrittenPriority => Priority,
}

#[derive(Deserialize)]
#[serde(remote = "AgentInput", rename_all = "camelCase", deny_unknown_fields)]
struct WrittenInput {
    id: String,
    #[serde(deserialize_with = "written")]
    source: Source,
    #[serde(default)]
    user_id: Option<String>,
    business_id: String,
    #[serde(default)]
    location_id: Option<String>,
    #[serde(rename = "type", deserialize_with = "written")]
    input_type: InputType,
    #[serde(deserialize_with = "written")]
    content: Content,
    timestamp: Timestamp,
    #[serde(default)]
    correlation_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(remote = "Source", rename_all = "snake_case")]
enum WrittenSource {
    Websocket,
    Cron,
    ExternalApi,
    Kafka,
}

#[derive(Deserialize)]
#[serde(remote = "InputType", rename_all = "snake_case")]
enum WrittenInputType {
    UserMessage,
    ScheduledTask,
    Webhook,
    ApiRequest,
    Review,
    KafkaRecord,
}

#[derive(Deserialize)]
#[serde(remote = "Content", rename_all = "camelCase", deny_unknown_fields)]
struct WrittenContent {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    data: Option<JsonObject>,
    #[serde(default)]
    metadata: Option<JsonObject>,
}

#[derive(Deserialize)]
#[serde(remote = "RetryPolicy", rename_all = "camelCase", deny_unknown_fields)]
struct WrittenRetryPolicy {
    max_attempts: u32,
    initial_interval: u64,
    backoff_factor: f64,
    max_interval: u64,
    #[serde(default)]
    jitter: bool,
}

#[derive(Deserialize)]
#[serde(remote = "ActionType", rename_all = "snake_case")]
enum WrittenActionType {
    ResourceAction,
    Notification,
    ExternalCall,
}

#[derive(Deserialize)]
#[serde(remote = "Priority", rename_all = "snake_case")]
enum WrittenPriority {
    Low,
    Medium,
    High,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;
    use crate::{BusinessAccess, EditedAction, InputType, Source};

    #[test]
    fn a_key_or_a_variant_that_there_is_not_is_refused_in_what_people_write_and_taken_from_the_store() {
        fn cases<T>(value: Value) -> (Result<T, String>, Result<T, String>)
        where
            T: DeserializeOwned,
            HandWritten<T>: DeserializeOwned,
        {
            let stored = serde_json::from_value(value.clone()).map_err(|error| error.to_string());
            let strict = serde_json::from_value::<HandWritten<T>>(value).map_err(|error| error.to_string());
            (strict.map(|HandWritten(value)| value), stored)
        }
        let (strict, lenient) = cases::<Content>(json!({"text": "a", "txet": "b"}));
        assert!(strict.unwrap_err().contains("unknown field `txet`, expected one of `text`"));
        assert_eq!(lenient.unwrap().text.as_deref(), Some("a"));
        let input = |key: &str, value: Value| {
            let mut input = json!({
                "id": "in-1", "source": "kafka", "businessId": "b", "type": "webhook", "content": {"text": "a"},
                "timestamp": "2026-11-23T17:00:00Z",
            });
            input[key] = value;
            cases::<AgentInput>(input)
        };
        assert_eq!(input("id", json!("in-2")).0.unwrap().id, "in-2");
        for (key, value) in [
            ("source", json!("pigeon")),
            ("type", json!("pigeon")),
            ("content", json!({"pigeon": 1})),
            ("pigeon", json!(1)),
        ] {
            let (strict, lenient) = input(key, value);
            assert!(strict.unwrap_err().contains("`pigeon`"), "{key}");
            assert_eq!(lenient.unwrap().is_known(), !matches!(key, "source" | "type"), "{key}");
        }
        let (strict, lenient) = cases::<ActionType>(json!("carrier_pigeon"));
        assert!(strict.unwrap_err().contains("unknown variant `carrier_pigeon`, expected one of `resource_action`"));
        assert_eq!(serde_json::to_value(lenient.unwrap()).unwrap(), "carrier_pigeon");
        let (strict, lenient) = cases::<Option<RetryPolicy>>(json!({
            "maxAttempts": 1, "initialInterval": 1, "backoffFactor": 1.0, "maxInterval": 1, "shuffle": true
        }));
        assert!(strict.unwrap_err().contains("unknown field `shuffle`"));
        assert!(lenient.unwrap().is_some());
    }

    #[test]
    fn an_edited_action_is_read_strictly_to_its_depth() {
        let action = |key: &str, value: Value| {
            let mut action = json!({"type": "external_call", "target": "t", "payload": {}});
            action[key] = value;
            serde_json::from_value::<EditedAction>(action).map_err(|error| error.to_string())
        };
        assert_eq!(action("priority", json!("low")).unwrap().priority, Priority::Low);
        assert!(action("priority", json!("urgent")).unwrap_err().contains("unknown variant `urgent`"));
        assert!(action("type", json!("pigeon")).unwrap_err().contains("unknown variant `pigeon`"));
        assert!(action("colour", json!(1)).unwrap_err().contains("unknown field `colour`"));
        let retry = json!({"maxAttempts": 1, "initialInterval": 1, "backoffFactor": 1.0, "maxInterval": 1});
        assert!(action("retryPolicy", retry).unwrap().retry_policy.is_some());
        assert!(action("retryPolicy", json!({"maxAttempts": 1, "tries": 2})).unwrap_err().contains("`tries`"));
    }

    #[test]
    fn a_variant_of_a_newer_version_is_carried_as_it_is() {
        let source: Source = serde_json::from_value(json!("carrier_pigeon")).unwrap();
        assert_ne!(source, Source::Kafka);
        assert_eq!(serde_json::to_value(source).unwrap(), "carrier_pigeon");
        let known: InputType = serde_json::from_value(json!("kafka_record")).unwrap();
        assert_eq!(known, InputType::KafkaRecord);
        for unreadable in
            [json!("x".repeat(49)), json!("ș"), json!("a b"), json!("\u{1b}[2J"), json!(""), json!(7), json!({"a": 1})]
        {
            assert!(serde_json::from_value::<Source>(unreadable).is_err());
        }
    }

    #[test]
    fn what_an_issuer_says_besides_in_a_token_is_passed_over() {
        let access = json!({"roles": ["doctor"], "locations": ["north"], "since": "2026-01-01"});
        let access: BusinessAccess = serde_json::from_value(access).unwrap();
        assert_eq!(access.roles, ["doctor"]);
    }
}
