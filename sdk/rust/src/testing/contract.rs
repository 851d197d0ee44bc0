//! The imports of a component, answered from memory: the same names and types as the generated ones.

use crate::testing::current;

/// The next injected error, else go on.
macro_rules! fail_if_told {
    ($memory:expr, $capability:ident) => {
        if let Some(error) = $memory.failures.$capability.pop_front() {
            return Err(error);
        }
    };
}

pub(crate) mod log {
    use super::current;
    use crate::bindings::capabilities::signalbox::log::log::Level;
    use crate::testing::LogLine;

    pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
        let line = LogLine { level, message: message.to_owned(), fields: fields.to_vec() };
        current().0.borrow_mut().log_lines.push(line);
    }
}

pub(crate) mod config {
    use super::current;

    pub fn get(path: &str) -> Option<String> {
        crate::Json::from_text(all()).get::<serde_json::Value>(path).ok().flatten().map(|value| value.to_string())
    }

    pub fn all() -> String {
        current().0.borrow().config.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string)
    }
}

pub(crate) mod business {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::agent::types::{BusinessInfo, Location};
    pub use crate::bindings::capabilities::signalbox::business::business::Error;
    use crate::{Business, Context};

    pub fn get_info() -> Result<BusinessInfo, Error> {
        let context = running("get-info", "")?;
        let Business { id, name, business_type, locale, timezone, settings, locations } = context.business;
        Ok(BusinessInfo {
            id,
            name,
            business_type,
            locale,
            timezone,
            settings: settings.as_str().to_owned(),
            locations: locations.into_iter().map(wire_location).collect(),
        })
    }

    pub fn get_location(id: &str) -> Result<Option<Location>, Error> {
        let context = running("get-location", id)?;
        Ok(context.business.locations.into_iter().find(|location| location.id == id).map(wire_location))
    }

    pub fn get_setting(path: &str) -> Result<Option<String>, Error> {
        let context = running("get-setting", path)?;
        let value =
            context.setting::<serde_json::Value>(path).map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(value.map(|value| value.to_string()))
    }

    /// The directory of a test is the context of the node that is running.
    fn running(function: &'static str, subject: &str) -> Result<Context, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("business", function, subject);
        fail_if_told!(memory, business);
        memory.context.clone().ok_or(Error::NotConfigured)
    }

    fn wire_location(location: crate::Location) -> Location {
        Location {
            id: location.id,
            name: location.name,
            timezone: location.timezone,
            settings: location.settings.as_str().to_owned(),
        }
    }
}

pub(crate) mod resources {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::resources::resources::{Error, Filter, ResourceState};
    use serde_json::{Map, Value};

    pub fn get(resource_type: &str, id: &str) -> Result<Option<ResourceState>, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("resources", "get", format!("{resource_type}/{id}"));
        fail_if_told!(memory, resources);
        if !memory.granted("resources", "read") {
            return Err(Error::Denied("the grant `read` is missing".to_owned()));
        }
        Ok(memory.resources.get(&(resource_type.to_owned(), id.to_owned())).cloned())
    }

    pub fn find(resource_type: &str, filter: &Filter) -> Result<Vec<ResourceState>, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("resources", "find", resource_type);
        fail_if_told!(memory, resources);
        if !memory.granted("resources", "read") {
            return Err(Error::Denied("the grant `read` is missing".to_owned()));
        }
        let limit = filter.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Error::Invalid(format!("the limit {limit} is not from 1 to 100")));
        }
        let matching = memory.resources.values().filter(|resource| {
            let attributes = attributes(&resource.attributes);
            let at_place = filter
                .location_id
                .as_ref()
                .is_none_or(|place| attributes.get("locationId").and_then(Value::as_str) == Some(place));
            resource.resource_type == resource_type
                && at_place
                && filter
                    .equals
                    .iter()
                    .all(|(name, wanted)| attributes.get(name) == serde_json::from_str::<Value>(wanted).ok().as_ref())
        });
        Ok(matching.take(limit as usize).cloned().collect())
    }

    pub fn execute_action(
        resource_type: &str,
        id: &str,
        action: &str,
        payload: &str,
        version: Option<u64>,
    ) -> Result<ResourceState, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("resources", "execute-action", format!("{resource_type}/{id} {action}"));
        fail_if_told!(memory, resources);
        if !memory.granted("resources", "execute") {
            return Err(Error::Denied("the grant `execute` is missing".to_owned()));
        }
        let Some(resource) = memory.resources.get_mut(&(resource_type.to_owned(), id.to_owned())) else {
            return Err(Error::Refused(format!("there is no {resource_type} `{id}`")));
        };
        if version.is_some_and(|seen| seen != resource.version) {
            return Err(Error::Conflict(format!("{resource_type} `{id}` is at version {}", resource.version)));
        }
        let mut merged = attributes(&resource.attributes);
        merged.extend(attributes(payload));
        resource.attributes = Value::Object(merged).to_string();
        resource.version += 1;
        Ok(resource.clone())
    }

    fn attributes(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap_or_default()
    }
}

pub(crate) mod rag {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::rag::rag::{Error, MessageModel, PastDecision, RagContext};

    pub fn get_message_model(
        decision_code: &str,
        version: Option<&str>,
        locale: Option<&str>,
    ) -> Result<Option<MessageModel>, Error> {
        let mut models = models("get-message-model", decision_code)?;
        models.retain(|model| version.is_none_or(|version| model.version == version));
        let rank = |model: &MessageModel| match (model.locale.as_deref(), locale) {
            (Some(of_model), Some(wanted)) if of_model == wanted => 3,
            (Some(of_model), Some(wanted)) if language(of_model) == language(wanted) => 2,
            (None, _) => 1,
            _ => 0,
        };
        models.retain(|model| locale.is_none() || rank(model) > 0);
        Ok(models.into_iter().max_by_key(rank))
    }

    pub fn list_message_model_versions(decision_code: &str) -> Result<Vec<MessageModel>, Error> {
        models("list-message-model-versions", decision_code)
    }

    pub fn find_similar_decisions(decision_code: &str, limit: u32) -> Result<Vec<PastDecision>, Error> {
        if !(1..=20).contains(&limit) {
            return Err(Error::Invalid(format!("the limit {limit} is not from 1 to 20")));
        }
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("rag", "find-similar-decisions", decision_code);
        fail_if_told!(memory, rag);
        let newest_first = memory.past_decisions.iter().rev();
        let similar = newest_first.filter(|decision| decision.decision_code == decision_code);
        Ok(similar.take(limit as usize).cloned().collect())
    }

    pub fn get_context(decision_code: &str) -> Result<RagContext, Error> {
        let message_model = get_message_model(decision_code, None, None)?;
        let similar_decisions = find_similar_decisions(decision_code, 5)?;
        let model_weight = if message_model.is_some() { 0.5 } else { 0.0 };
        Ok(RagContext {
            decision_code: decision_code.to_owned(),
            confidence: model_weight + 0.1 * similar_decisions.len() as f64,
            message_model,
            similar_decisions,
            business_context: "{}".to_owned(),
        })
    }

    fn models(function: &'static str, decision_code: &str) -> Result<Vec<MessageModel>, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("rag", function, decision_code);
        fail_if_told!(memory, rag);
        Ok(memory.message_models.iter().filter(|model| model.decision_code == decision_code).cloned().collect())
    }

    fn language(locale: &str) -> &str {
        locale.split('-').next().unwrap_or(locale)
    }
}

pub(crate) mod dynamodb {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::dynamodb::dynamodb::{Condition, Error, Key, Page, Range, Row};
    use crate::testing::memory::Memory;

    pub fn get(table: &str, key: &Key) -> Result<Option<Row>, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        begin(&mut memory, "get", table, format!("{table}/{}/{}", key.partition, key.sort), false)?;
        memory.rows.get(table, key)
    }

    pub fn query(table: &str, partition: &str, range: &Range) -> Result<Page, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        begin(&mut memory, "query", table, format!("{table}/{partition}"), false)?;
        memory.rows.query(table, partition, range)
    }

    pub fn put(table: &str, key: &Key, item: &str, condition: Condition) -> Result<u64, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        begin(&mut memory, "put", table, format!("{table}/{}/{}", key.partition, key.sort), true)?;
        let writer = memory.next_write_key();
        memory.rows.put(table, key, item, condition, writer)
    }

    pub fn delete(table: &str, key: &Key, condition: Condition) -> Result<bool, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        begin(&mut memory, "delete", table, format!("{table}/{}/{}", key.partition, key.sort), true)?;
        let writer = memory.next_write_key();
        memory.rows.delete(table, key, condition, writer)
    }

    fn begin(
        memory: &mut Memory,
        function: &'static str,
        table: &str,
        subject: String,
        writes: bool,
    ) -> Result<(), Error> {
        memory.note("dynamodb", function, subject);
        fail_if_told!(memory, dynamodb);
        let reads_granted = !writes && memory.granted("dynamodb", &format!("{table}:read"));
        if memory.granted("dynamodb", table) || reads_granted {
            Ok(())
        } else {
            Err(Error::Denied(format!("the grant does not name the table `{table}`")))
        }
    }
}

pub(crate) mod http {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::http::http::{Error, Request, Response};

    pub fn send(request: &Request) -> Result<Response, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("http", "send", format!("{:?} {}", request.method, request.url));
        fail_if_told!(memory, http);
        memory
            .http_responses
            .iter()
            .find(|(method, url, _)| *method == request.method && *url == request.url)
            .map(|(_, _, response)| response.clone())
            .ok_or_else(|| Error::Unavailable(format!("the test gave no response for {}", request.url)))
    }
}

pub(crate) mod kafka {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::kafka::kafka::{Entry, Error};
    use crate::testing::Effect;

    pub fn publish(entry: &Entry) -> Result<(), Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("kafka", "publish", &entry.topic);
        fail_if_told!(memory, kafka);
        if !memory.granted("kafka", &entry.topic) {
            return Err(Error::Denied(format!("the grant does not name the topic `{}`", entry.topic)));
        }
        let Entry { topic, key, value, .. } = entry.clone();
        memory.effects.push(Effect::Kafka { topic, key, value });
        Ok(())
    }
}

pub(crate) mod websocket {
    use super::current;
    use crate::Json;
    pub use crate::bindings::capabilities::signalbox::websocket::websocket::{Audience, Error};
    use crate::testing::Effect;

    pub fn send(user_id: &str, content: &str) -> Result<(), Error> {
        let effect = Effect::Send { user_id: user_id.to_owned(), content: Json::from_text(content) };
        add("send", user_id.to_owned(), content, effect)
    }

    pub fn broadcast(audience: &Audience, content: &str) -> Result<(), Error> {
        let effect = Effect::Broadcast { audience: audience.clone(), content: Json::from_text(content) };
        add("broadcast", audience.permission.clone().unwrap_or_default(), content, effect)
    }

    fn add(function: &'static str, subject: String, content: &str, effect: Effect) -> Result<(), Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("websocket", function, subject);
        fail_if_told!(memory, websocket);
        if !memory.granted("websocket", function) {
            return Err(Error::Denied(format!("the grant `{function}` is missing")));
        }
        if !content.starts_with('{') {
            return Err(Error::Invalid("the content is not a JSON object".to_owned()));
        }
        memory.effects.push(effect);
        Ok(())
    }
}

pub(crate) mod cron {
    use super::current;
    use crate::Json;
    pub use crate::bindings::capabilities::signalbox::cron::cron::{Error, ScheduleRequest, ScheduleStatus};
    use crate::testing::Effect;

    pub fn schedule(request: &ScheduleRequest) -> Result<(), Error> {
        let ScheduleRequest { name, timing, payload, .. } = request.clone();
        let subject = name.clone();
        add("schedule", subject, Effect::Schedule { name, timing, payload: payload.map(Json::from_text) })
    }

    pub fn cancel(name: &str) -> Result<(), Error> {
        add("cancel", name.to_owned(), Effect::Cancel { name: name.to_owned() })
    }

    pub fn status(name: &str) -> Result<Option<ScheduleStatus>, Error> {
        Ok(read("status", name)?.into_iter().find(|status| status.name == name))
    }

    pub fn list() -> Result<Vec<ScheduleStatus>, Error> {
        let mut all = read("list", "")?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    fn add(function: &'static str, subject: String, effect: Effect) -> Result<(), Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("cron", function, subject);
        fail_if_told!(memory, cron);
        if !memory.granted("cron", "schedule") {
            return Err(Error::Denied("the grant `schedule` is missing".to_owned()));
        }
        memory.effects.push(effect);
        Ok(())
    }

    fn read(function: &'static str, subject: &str) -> Result<Vec<ScheduleStatus>, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("cron", function, subject);
        fail_if_told!(memory, cron);
        if !memory.granted("cron", "read") && !memory.granted("cron", "schedule") {
            return Err(Error::Denied("the grant `read` is missing".to_owned()));
        }
        Ok(memory.schedules.clone())
    }
}

pub(crate) mod llm {
    use super::current;
    pub use crate::bindings::capabilities::signalbox::llm::llm::{Completion, Error, FinishReason, Message, Request};

    pub fn complete(request: &Request) -> Result<Completion, Error> {
        let host = current();
        let mut memory = host.0.borrow_mut();
        memory.note("llm", "complete", &request.model);
        if !memory.granted("llm", &request.model) {
            return Err(Error::Denied(format!("the grant does not name the model `{}`", request.model)));
        }
        let last_one_stays = memory.llm_answers.len() == 1;
        let answer = match memory.llm_answers.front().cloned() {
            Some(answer) => answer,
            None => return Err(Error::NotConfigured),
        };
        if !last_one_stays {
            memory.llm_answers.pop_front();
        }
        let text = answer?;
        if request.response_schema.is_some() && serde_json::from_str::<serde_json::Value>(&text).is_err() {
            return Err(Error::MalformedAnswer("the answer is not JSON".to_owned()));
        }
        let sent: usize = request.messages.iter().map(|message| message.content.len()).sum();
        Ok(Completion {
            finish_reason: FinishReason::Stop,
            input_tokens: u32::try_from(sent / 4).unwrap_or(u32::MAX),
            output_tokens: u32::try_from(text.len() / 4).unwrap_or(u32::MAX),
            model: request.model.clone(),
            text,
        })
    }
}
