//! JSON Schemas (2020-12) of every model in requests and answers.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};
use signalbox_delivery::{FallbackRecord, ResourceActionRecord};
use signalbox_model::{
    AgentAction, AgentContext, AgentInput, AgentOutput, AgentResponse, BusinessInfo, Content, DecisionModel,
    MessageModel, RagContext, Review, WebSocketErrorResponse,
};
use signalbox_sessions::{ClientFrame, ServerFrame};
use signalbox_trigger_api::{
    Decision, DecisionPage, EffectPage, InputRequest, InputStatus, PendingReview, ProblemDetails, ReviewInput,
    ReviewPage,
};

use super::portable::{never_null, portable};

/// Called for each type, with the name that the type has in documents.
type Visit<'a> = &'a mut dyn FnMut(&'static str, fn(&mut SchemaGenerator) -> Value);

/// The models of requests: optional properties are not required.
fn entering(visit: Visit<'_>) {
    visit("AgentInput", subschema::<AgentInput>);
    visit("BusinessInfo", subschema::<BusinessInfo>);
    visit("ClientFrame", subschema::<ClientFrame>);
    visit("Content", subschema::<Content>);
    visit("InputRequest", subschema::<InputRequest>);
    visit("MessageModel", subschema::<MessageModel>);
    visit("ReviewInput", subschema::<ReviewInput>);
}

/// The models of answers: properties that are always present are required.
fn leaving(visit: Visit<'_>) {
    visit("AgentAction", subschema::<AgentAction>);
    visit("AgentContext", subschema::<AgentContext>);
    visit("AgentOutput", subschema::<AgentOutput>);
    visit("AgentResponse", subschema::<AgentResponse>);
    visit("Decision", subschema::<Decision>);
    visit("DecisionModel", subschema::<DecisionModel>);
    visit("DecisionPage", subschema::<DecisionPage>);
    visit("EffectPage", subschema::<EffectPage>);
    visit("FallbackRecord", subschema::<FallbackRecord>);
    visit("InputStatus", subschema::<InputStatus>);
    visit("PendingReview", subschema::<PendingReview>);
    visit("Problem", subschema::<ProblemDetails>);
    visit("RagContext", subschema::<RagContext>);
    visit("ResourceActionRecord", subschema::<ResourceActionRecord>);
    visit("Review", subschema::<Review>);
    visit("ReviewPage", subschema::<ReviewPage>);
    visit("ServerFrame", subschema::<ServerFrame>);
    visit("WebSocketErrorResponse", subschema::<WebSocketErrorResponse>);
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with_transform(portable)
}

fn subschema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.root_schema_for::<T>().to_value()
}

/// Every schema by name, each self-contained.
pub(super) fn all() -> BTreeMap<&'static str, Value> {
    let mut found = BTreeMap::new();
    entering(&mut |name, schema| {
        found.insert(name, schema(&mut settings().for_deserialize().into_generator()));
    });
    leaving(&mut |name, schema| {
        found.insert(name, schema(&mut settings().with_transform(never_null).for_serialize().into_generator()));
    });
    found
}

/// The schemas of two lists of types in one place, `#/components/schemas`, with all schemas that they refer to. Each
/// has its name as its title, because generators take class names from titles.
pub(super) fn components(entering: &[Reference], leaving: &[Reference]) -> Map<String, Value> {
    let mut found = Map::new();
    for (types, settings) in
        [(leaving, settings().with_transform(never_null).for_serialize()), (entering, settings().for_deserialize())]
    {
        let mut generator = settings
            .with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
            .into_generator();
        for refer in types {
            refer(&mut generator);
        }
        for (name, mut schema) in generator.take_definitions(true) {
            if let Some(schema) = schema.as_object_mut() {
                schema.entry("title").or_insert_with(|| name.clone().into());
            }
            found.insert(name, schema);
        }
    }
    found
}

/// Adds a type to a generator.
pub(super) type Reference = fn(&mut SchemaGenerator);

/// A [`Reference`] to a type.
pub(super) fn refer<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_a_valid_schema_under_its_own_name() {
        let all = all();
        assert_eq!(all.len(), 25);
        for (name, schema) in all {
            jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(schema["title"], name);
        }
    }
}
