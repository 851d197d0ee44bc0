use reqwest::Method;
use serde_json::{Value, json};

use signalbox_server::documents::routes;
use signalbox_tests_decider::api::{Host, ana, token};

/// As https://spec.openapis.org/oas/3.1/schema publishes it (Apache-2.0).
const OPENAPI_SCHEMA: &str = include_str!("../fixtures/openapi-3.1.schema.json");

async fn start() -> Host {
    Host::with(|settings| settings.documents = routes()).await
}

async fn document(host: &Host, path: &str) -> Value {
    let response = host.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path} is open to all");
    response.json().await.unwrap()
}

/// Every object in a document, with the reference to it.
fn walk<'a>(value: &'a Value, pointer: &str, visit: &mut dyn FnMut(&str, &'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(pointer, object);
            for (key, child) in object {
                walk(child, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), visit);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{pointer}/{index}"), visit));
        }
        _ => {}
    }
}

fn assert_references_lead_somewhere(document: &Value) {
    let mut count = 0;
    walk(document, "", &mut |pointer, object| {
        let Some(reference) = object.get("$ref").and_then(Value::as_str) else { return };
        let target = reference.strip_prefix('#').unwrap_or_else(|| panic!("{pointer} leads outside: {reference}"));
        assert!(document.pointer(target).is_some(), "{pointer} leads to {reference}, which is not there");
        count += 1;
    });
    assert!(count > 10, "the document has references");
}

/// The schema of a component, able to find the others.
fn component(document: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

fn assert_valid(validator: &jsonschema::Validator, instance: &Value, what: &str) {
    let errors: Vec<String> =
        validator.iter_errors(instance).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{instance:#}");
}

#[tokio::test]
async fn the_openapi_document_is_valid_and_names_every_operation() {
    let host = start().await;
    let openapi = document(&host, "/openapi.json").await;
    let schema: Value = serde_json::from_str(OPENAPI_SCHEMA).unwrap();
    assert_valid(&jsonschema::validator_for(&schema).unwrap(), &openapi, "/openapi.json");
    assert_references_lead_somewhere(&openapi);
    let mut operations = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty() && operation["responses"].get("401").is_some(), "{method} {path}");
            let takes_a_body = method == "post";
            assert_eq!(
                operation["requestBody"]["required"].as_bool().unwrap_or(false),
                takes_a_body,
                "{method} {path}"
            );
            operations.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    for operation in ["createInput", "getInput", "listDecisions", "getDecision", "listReviews", "reviewDecision"] {
        assert!(operations.iter().any(|known| known == operation), "{operation} is not in {operations:?}");
    }
}

#[tokio::test]
async fn every_example_is_as_its_schema_says() {
    let host = start().await;
    let openapi = document(&host, "/openapi.json").await;
    let mut count = 0;
    walk(&openapi, "", &mut |pointer, media| {
        let Some(reference) = media.get("schema").and_then(|schema| schema.get("$ref")).and_then(Value::as_str) else {
            return;
        };
        let validator = component(&openapi, reference.rsplit('/').next().unwrap());
        let several = media.get("examples").and_then(Value::as_object);
        let examples = several.into_iter().flat_map(|examples| examples.values()).map(|example| &example["value"]);
        for example in media.get("example").into_iter().chain(examples) {
            assert_valid(&validator, example, pointer);
            count += 1;
        }
    });
    assert!(count >= 20, "only {count} examples");
}

#[tokio::test]
async fn answers_are_as_the_document_says() {
    let host = start().await;
    let openapi = document(&host, "/openapi.json").await;
    let manager = token("mia", &[("trattoria", "manager")]);
    let (_, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "a"}})).await;
    assert_valid(&component(&openapi, "Decision"), &decision, "a decision");
    let (_, failed) = host.ask(&ana(), "trattoria", &json!({"locationId": "bar", "content": {"text": "fail"}})).await;
    assert_valid(&component(&openapi, "Decision"), &failed, "a failed decision");
    let (_, accepted) = host.create_input("b").await;
    assert_valid(&component(&openapi, "InputStatus"), &accepted, "an accepted input");
    let decided = host.decided(accepted["href"].as_str().unwrap()).await;
    assert_valid(&component(&openapi, "InputStatus"), &decided, "a decided input");
    let (_, page) = host.get(&manager, "/v1/businesses/trattoria/decisions?limit=2").await;
    assert_valid(&component(&openapi, "DecisionPage"), &page, "a page");
    let (_, page) = host.get(&manager, "/v1/businesses/trattoria/effects").await;
    assert_valid(&component(&openapi, "EffectPage"), &page, "a page of effects");
    let (_, problem) = host.get(&manager, "/v1/businesses/nowhere/decisions").await;
    assert_valid(&component(&openapi, "Problem"), &problem, "a problem");
    let reviewer = token("rex", &[("trattoria", "reviewer")]);
    host.ask(&ana(), "trattoria", &json!({"content": {"text": "review"}})).await;
    let (_, page) = host.get(&reviewer, "/v1/businesses/trattoria/reviews").await;
    assert_valid(&component(&openapi, "ReviewPage"), &page, "what waits for a person");
    for (verdict, schema) in [("approve", "Decision"), ("reject", "Problem")] {
        let review = host.request(Method::POST, page["items"][0]["href"].as_str().unwrap());
        let review = review.bearer_auth(&reviewer).json(&json!({ "verdict": verdict }));
        let answer: Value = review.send().await.unwrap().json().await.unwrap();
        assert_valid(&component(&openapi, schema), &answer, verdict);
        assert_eq!(answer.pointer("/resolution/by").is_some(), schema == "Problem", "{answer}");
    }
}

#[tokio::test]
async fn the_asyncapi_document_has_a_message_for_every_frame() {
    let host = start().await;
    let asyncapi = document(&host, "/asyncapi.json").await;
    assert_eq!(asyncapi["asyncapi"], "3.0.0");
    assert_references_lead_somewhere(&asyncapi);
    let names: Vec<&String> = asyncapi["components"]["messages"].as_object().unwrap().keys().collect();
    for name in [
        "client.auth",
        "client.message",
        "client.ping",
        "client.refresh",
        "client.resume",
        "server.ack",
        "server.error",
        "server.notification",
        "server.pong",
        "server.progress",
        "server.reconnect",
        "server.refreshed",
        "server.response",
        "server.resumed",
        "server.tokenExpiring",
        "server.welcome",
        "kafka.deadLetter",
        "kafka.fallback",
        "kafka.input",
        "kafka.publishedRecord",
        "kafka.resourceAction",
    ] {
        assert!(names.iter().any(|known| *known == name), "{name} is not in {names:?}");
    }
}

/// openapi-generator makes a class of each constant, openapi-typescript takes a property with a default as always
/// present, and Modelina names a schema without a title `AnonymousSchema`: seen with all three on these documents.
#[tokio::test]
async fn client_generators_find_enums_titles_and_nothing_that_they_stumble_over() {
    let host = start().await;
    for path in ["/openapi.json", "/asyncapi.json"] {
        let document = document(&host, path).await;
        walk(&document["components"]["schemas"], "", &mut |pointer, schema| {
            assert!(!schema.contains_key("default"), "{path}{pointer} has a default");
            let alternatives = ["oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array());
            for alternatives in alternatives {
                let plain = |part: &Value| part.get("const").is_some() || part["type"] == "null";
                assert!(!alternatives.iter().all(plain), "{path}{pointer} is an enum in disguise");
                assert!(
                    !alternatives.iter().any(|part| part["type"] == "null"),
                    "{path}{pointer} is null or something"
                );
            }
        });
        let mut titles = std::collections::BTreeSet::new();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let title = schema["title"].as_str().unwrap_or_else(|| panic!("{path}: {name} has no title"));
            assert!(titles.insert(title.to_owned()), "{path}: two schemas have the title {title}");
        }
    }
    let asyncapi = document(&host, "/asyncapi.json").await;
    for (name, message) in asyncapi["components"]["messages"].as_object().unwrap() {
        let payload = &message["payload"];
        let referred = payload["$ref"].as_str().and_then(|target| asyncapi.pointer(target.trim_start_matches('#')));
        assert!(referred.unwrap_or(payload)["title"].is_string(), "the payload of {name} has no title");
    }
    let message = &asyncapi["components"]["schemas"]["ClientMessageFrame"];
    assert_eq!(message["properties"]["type"]["const"], "message");
    assert!(message["properties"]["content"].is_object() && message.get("$ref").is_none(), "{message}");
}

#[tokio::test]
async fn the_asyncapi_document_describes_records_that_go_in_dead_letters_and_what_leaves() {
    let host = start().await;
    let asyncapi = document(&host, "/asyncapi.json").await;
    let input = json!({
        "id": "i-1", "source": "kafka", "businessId": "trattoria", "type": "api_request",
        "content": {"text": "a table"}, "timestamp": "2026-11-23T08:00:00Z"
    });
    let payload = asyncapi["components"]["messages"]["kafka.input"]["payload"]["$ref"].as_str().unwrap();
    let validator = component(&asyncapi, payload.rsplit('/').next().unwrap());
    assert_valid(&validator, &input, "an input");
    assert!(!validator.is_valid(&json!({"id": "i-1"})));
    for message in ["deadLetter", "fallback", "publishedRecord", "resourceAction"] {
        let headers = &asyncapi["components"]["messages"][format!("kafka.{message}")]["headers"];
        for name in headers["required"].as_array().unwrap() {
            assert!(headers["properties"][name.as_str().unwrap()]["description"].is_string(), "{name} is described");
        }
    }
    let mut action = json!({
        "id": "act_1", "type": "resource_action", "target": "table", "payload": {"table": 7}, "priority": "high",
        "decision": {"id": "dec_1", "code": "BOOK", "type": "booking", "confidence": 0.75}, "businessId": "trattoria",
        "businessType": "restaurant", "createdAt": "2026-11-23T08:00:00Z"
    });
    let payload = asyncapi["components"]["messages"]["kafka.resourceAction"]["payload"]["$ref"].as_str().unwrap();
    let validator = component(&asyncapi, payload.rsplit('/').next().unwrap());
    assert_valid(&validator, &action, "a resource action");
    action.as_object_mut().unwrap().remove("decision");
    assert!(!validator.is_valid(&action));
    let response = json!({
        "id": "rsp_1", "type": "response", "userId": "ana", "content": {"text": "done"},
        "decision": {"id": "dec_1", "code": "BOOK", "type": "booking", "confidence": 0.75}, "businessId": "trattoria",
        "businessType": "restaurant", "createdAt": "2026-11-23T08:00:00Z"
    });
    assert_valid(&component(&asyncapi, "FallbackRecord"), &response, "a message to people");
    const CHANNELS: [&str; 6] = [
        "kafkaDeadLetters",
        "kafkaFallback",
        "kafkaInputs",
        "kafkaPublishedRecords",
        "kafkaResourceActions",
        "websocket",
    ];
    let channels = asyncapi["channels"].as_object().unwrap();
    assert_eq!(channels.keys().collect::<Vec<_>>(), CHANNELS);
}

#[tokio::test]
async fn every_model_has_its_schema_and_frames_keep_theirs() {
    let host = start().await;
    let list = document(&host, "/schemas").await;
    for entry in list["schemas"].as_array().unwrap() {
        let schema = document(&host, entry["href"].as_str().unwrap()).await;
        assert_eq!(schema["title"], entry["name"]);
    }
    let client = jsonschema::validator_for(&document(&host, "/schemas/ClientFrame.json").await).unwrap();
    let message = json!({"type": "message", "id": "m", "businessId": "b", "content": {"text": "hi"}});
    assert_valid(&client, &message, "a message");
    assert!(!client.is_valid(&json!({"type": "message", "id": "m", "content": {"text": "hi"}})));
    let server = jsonschema::validator_for(&document(&host, "/schemas/ServerFrame.json").await).unwrap();
    let error =
        json!({"type": "error", "errorType": "auth_failed", "message": "no", "timestamp": "2026-11-23T08:00:00Z"});
    assert_valid(&server, &error, "an error");
    for (method, path, status, code) in [
        (Method::GET, "/schemas/Nothing.json", 404, "not_found"),
        (Method::POST, "/openapi.json", 405, "method_not_allowed"),
    ] {
        let refused = host.request(method, path).send().await.unwrap();
        assert_eq!(refused.status(), status, "{path}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["code"], code, "{path}");
    }
}
