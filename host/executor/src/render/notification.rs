//! The words of notifications that name a message model.

use std::sync::Arc;

use serde_json::{Map, Value};
use signalbox_model::{AgentInput, BusinessInfo, JsonObject, MessageModel};

use super::{Renderer, missing};

/// The words that a notification has besides its text, and the message model of each: the template's code with this at
/// its end. A model that does not exist leaves the word out.
const OTHER_WORDS: [(&str, &[&str]); 2] = [(".subject", &["subject"]), (".email", &["email", "text"])];

impl Renderer {
    /// Puts the words into a notification whose payload names a message model as its `template`, with the model's
    /// parameters in `data` and, if it is not the business's, the language in `locale`. Says which models were used.
    ///
    /// The words are stored with the decision, so they are the same in every channel and every attempt.
    pub async fn render_notification(
        &self,
        payload: &mut JsonObject,
        input: &AgentInput,
        business: &BusinessInfo,
    ) -> Result<Vec<Arc<MessageModel>>, String> {
        let Some(code) = payload.get("template").and_then(Value::as_str).map(str::to_owned) else {
            return Ok(Vec::new());
        };
        let locale = payload.get("locale").and_then(Value::as_str).map(str::to_owned);
        let locale = locale.as_deref();
        let data = match payload.get("data") {
            Some(Value::Object(data)) => Some(data.clone()),
            None | Some(Value::Null) => None,
            Some(_) => return Err(format!("the notification by message model {code} has `data` that is no object")),
        };
        let prepared = self.nearest(&code, locale, input, business).await?;
        let prepared = prepared.ok_or_else(|| missing(&code, locale, business))?;
        let (text, mut data, model) = self.words(&code, prepared, data).await?;
        payload.insert("text".to_owned(), text.into());
        let mut models = vec![model];
        for (end, path) in OTHER_WORDS {
            let code = format!("{code}{end}");
            if let Some(prepared) = self.nearest(&code, locale, input, business).await? {
                let (text, again, model) = self.words(&code, prepared, data).await?;
                data = again;
                put(payload, path, text);
                models.push(model);
            }
        }
        Ok(models)
    }
}

/// Puts a text where a path of keys leads. A value on the way that is no object is replaced.
fn put(object: &mut JsonObject, path: &[&str], text: String) {
    match path {
        [] => {}
        [key] => {
            object.insert((*key).to_owned(), text.into());
        }
        [key, rest @ ..] => {
            let below = object.entry(*key).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                put(below, rest, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signalbox_model::Timestamp;
    use signalbox_store::{Config, Store};

    use super::*;
    use crate::ExecutorConfig;

    async fn renderer(models: &[(&str, &str, &str)]) -> Renderer {
        let store = Store::open(Config::memory()).await.unwrap();
        for (code, locale, template) in models {
            let model = json!({
                "decisionCode": code, "version": "1", "locale": locale, "messageTemplate": template,
                "parameters": ["table"], "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
            });
            store.put_message_model(&serde_json::from_value(model).unwrap()).await.unwrap();
        }
        Renderer::new(store, &ExecutorConfig::default(), Timestamp::now)
    }

    async fn rendered(renderer: &Renderer, payload: Value) -> Result<(Value, usize), String> {
        let input = json!({
            "id": "in_1", "source": "websocket", "businessId": "roma", "type": "user_message", "content": {},
            "timestamp": "2026-01-01T00:00:00Z"
        });
        let business = json!({"businessId": "roma", "name": "Roma", "type": "restaurant", "locale": "ro"});
        let (input, business) = (serde_json::from_value(input).unwrap(), serde_json::from_value(business).unwrap());
        let mut payload = payload.as_object().unwrap().clone();
        let models = renderer.render_notification(&mut payload, &input, &business).await?;
        Ok((Value::Object(payload), models.len()))
    }

    #[tokio::test]
    async fn the_words_of_a_notification_are_those_of_its_message_models_in_the_language_that_is_asked_for() {
        let renderer = renderer(&[
            ("booking.notice", "ro", "Masa {{ table }} e rezervată"),
            ("booking.notice", "en", "Table {{ table }} is booked"),
            ("booking.notice.subject", "ro", "Masa {{ table }}"),
            ("booking.notice.email", "ro", "Bună ziua, masa {{ table }} e rezervată."),
        ])
        .await;
        let payload = json!({"template": "booking.notice", "data": {"table": 7}, "email": {"subject": "own"}});
        let (payload, models) = rendered(&renderer, payload).await.unwrap();
        assert_eq!((&payload["text"], &payload["subject"]), (&json!("Masa 7 e rezervată"), &json!("Masa 7")));
        assert_eq!(payload["email"], json!({"subject": "own", "text": "Bună ziua, masa 7 e rezervată."}));
        assert_eq!(models, 3, "each use is counted");
        let payload = json!({"template": "booking.notice", "data": {"table": 7}, "locale": "en"});
        assert_eq!(rendered(&renderer, payload).await.unwrap().0["text"], "Table 7 is booked");
    }

    #[tokio::test]
    async fn a_notification_without_a_template_stays_as_it_is_and_one_whose_model_is_missing_fails_its_node() {
        let renderer = renderer(&[("booking.notice", "ro", "Masa {{ table }}")]).await;
        let plain = json!({"text": "Table 7", "data": 7});
        assert_eq!(rendered(&renderer, plain.clone()).await.unwrap(), (plain, 0));
        let missing = rendered(&renderer, json!({"template": "booking.notcie"})).await.unwrap_err();
        assert!(missing.contains("no message model booking.notcie for restaurant in ro"), "{missing}");
        let wrong = rendered(&renderer, json!({"template": "booking.notice", "data": 7})).await.unwrap_err();
        assert!(wrong.contains("`data` that is no object"), "{wrong}");
        let lacking = rendered(&renderer, json!({"template": "booking.notice", "data": {}})).await.unwrap_err();
        assert!(lacking.contains("booking.notice 1") && lacking.contains("table"), "{lacking}");
    }
}
