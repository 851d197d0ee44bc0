//! Rendering of message models: the nearest model is used, within limits, and never with a parameter missing.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_model::{MessageModel, Outcome};
use signalbox_store::DecisionRecord;

use super::world::World;

fn model(code: &str, template: &str, variant: &Value) -> Result<MessageModel> {
    let mut model = json!({
        "decisionCode": code, "version": "1", "messageTemplate": template, "parameters": ["name"],
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
    });
    if let (Some(model), Some(variant)) = (model.as_object_mut(), variant.as_object()) {
        model.extend(variant.clone());
    }
    Ok(serde_json::from_value(model)?)
}

/// The decision of a node that answers with a decision code's message.
async fn words(world: &World, location: Option<&str>, words: &Value) -> Result<Arc<DecisionRecord>> {
    world.decide(&world.next_id(), "alpha", location, json!({"text": "words", "data": words})).await
}

fn text(record: &DecisionRecord) -> &str {
    assert_eq!(record.decision.outcome, Outcome::Decided, "{:?}", record.decision.reasoning);
    let response = record.output.responses.first();
    response.and_then(|response| response.content.text.as_deref()).unwrap_or_default()
}

#[tokio::test]
async fn the_nearest_model_for_place_language_type_and_version_gives_the_words() -> Result<()> {
    let world = World::start("failures").await?;
    for (template, variant) in [
        ("any {{ name }}", json!({})),
        ("old type {{ name }}", json!({"businessType": "probe-failures", "version": "0.9"})),
        ("type {{ name }}", json!({"businessType": "probe-failures", "version": "0.10"})),
        ("other type {{ name }}", json!({"businessType": "clinic", "version": "9"})),
        ("ro {{ name }}", json!({"locale": "ro"})),
        ("north {{ name }}", json!({"locationContext": "north"})),
        ("south {{ name }}", json!({"locationContext": "south", "version": "9"})),
    ] {
        world.store.put_message_model(&model("greeting", template, &variant)?).await?;
    }
    let ask = |locale: Value| json!({"code": "greeting", "locale": locale, "data": {"name": "Ana"}});
    assert_eq!(text(&*words(&world, None, &ask(Value::Null)).await?), "type Ana");
    assert_eq!(text(&*words(&world, None, &ask(json!("ro-RO"))).await?), "ro Ana");
    assert_eq!(text(&*words(&world, Some("north"), &ask(json!("ro"))).await?), "north Ana");
    Ok(())
}

#[tokio::test]
async fn a_missing_parameter_fails_the_decision_and_is_named() -> Result<()> {
    let world = World::start("failures").await?;
    world.store.put_message_model(&model("greeting", "Hi {{ name }}", &json!({}))?).await?;
    let record = words(&world, None, &json!({"code": "greeting", "data": {"nmae": "Ana"}})).await?;
    assert_eq!(record.decision.outcome, Outcome::Failed);
    let told = &record.decision.reasoning;
    assert!(told.contains("greeting 1") && told.contains("the parameter `name` is missing"), "{told}");
    let record = words(&world, None, &json!({"code": "farewell", "data": {}})).await?;
    assert!(record.decision.reasoning.contains("no message model farewell"), "{}", record.decision.reasoning);
    Ok(())
}

#[tokio::test]
async fn a_template_that_works_or_talks_without_end_fails_its_decision_alone() -> Result<()> {
    let world = World::start("failures").await?;
    let spin = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}";
    let long = "{% for a in range(2000) %}{{ name }}{{ name }}{% endfor %}";
    // A comparison of two values that share their parts, and an allocation of all memory. Both once stopped a whole
    // host.
    let shared = "{% set ns = namespace(x=[1],y=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x,ns.x] %}\
                  {% set ns.y = [ns.y,ns.y] %}{% endfor %}{{ ns.x == ns.y }}";
    let doubled = "{% set x = [x,x] %}{% set y = [y,y] %}".repeat(100);
    let doubled = format!("{{% set x = [1] %}}{{% set y = [1] %}}{doubled}{{{{ x == y }}}}");
    let memory = "{{ (['a'*90000]*90000)|join|length }}";
    let deep = format!("{{{{ {}1 }}}}", "-".repeat(16_000));
    let hostile = [
        ("spin", spin, "too much work"),
        ("long", long, "message of over"),
        ("shared", shared, "no function `namespace`"),
        ("doubled", &doubled, "too much work"),
        ("memory", memory, "too much work"),
        ("deep", &deep, "more than 100 times in a row"),
    ];
    for (code, template, _) in hostile {
        world.store.put_message_model(&model(code, template, &json!({}))?).await?;
    }
    world.store.put_message_model(&model("greeting", "Hi {{ name }}", &json!({}))?).await?;
    for (code, _, told) in hostile {
        let record = words(&world, None, &json!({"code": code, "data": {"name": "Ana Maria"}})).await?;
        assert_eq!(record.decision.outcome, Outcome::Failed, "{code}");
        assert!(record.decision.reasoning.contains(told), "{code}: {}", record.decision.reasoning);
    }
    let record = words(&world, None, &json!({"code": "greeting", "data": {"name": "Ana"}})).await?;
    assert_eq!(text(&record), "Hi Ana");
    Ok(())
}
