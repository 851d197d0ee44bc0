//! Renders the text of responses from the nearest message model and the response's data, and that of notifications.

mod notification;
mod template;

use std::sync::Arc;

use moka::future::Cache;
use signalbox_capabilities::rag::{ModelQuery, nearest};
use signalbox_model::{AgentInput, BusinessInfo, JsonObject, MessageModel, ResponseContent, ResponseTarget, Timestamp};
use signalbox_sandbox::NewResponse;
use signalbox_store::{Store, StoreError};
use tokio::sync::mpsc;

use crate::config::ExecutorConfig;
use template::{Prepared, Rendering};

/// The models of how many decision codes are cached.
const MOST_CODES: u64 = 10_000;
/// How many uses may wait to be counted. Further uses are not counted, because the count is not worth delaying a
/// decision.
const MOST_USES: usize = 4_096;

/// A response with its text and recipient.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub target: ResponseTarget,
    pub recipient: String,
    pub content: ResponseContent,
    /// The model that was used; its use is counted when the decision is stored.
    pub model: Option<Arc<MessageModel>>,
}

/// Renders responses, and counts the uses of message models.
pub(crate) struct Renderer {
    store: Store,
    rendering: Rendering,
    models: Cache<String, Arc<Vec<Prepared>>>,
    uses: mpsc::Sender<Arc<MessageModel>>,
}

/// The recipient of a response when the input has no user.
const SERVICE: &str = "service";

impl Renderer {
    pub fn new(store: Store, config: &ExecutorConfig, clock: fn() -> Timestamp) -> Self {
        let (uses, waiting) = mpsc::channel(MOST_USES);
        tokio::spawn(count_uses(store.clone(), waiting, clock));
        let models = Cache::builder().max_capacity(MOST_CODES).time_to_live(config.message_model_lifetime.0).build();
        Self { store, rendering: Rendering::new(), models, uses }
    }

    /// The response with its text. The error says what the author of the plugin or of the model has to mend.
    pub async fn render(
        &self,
        response: NewResponse,
        input: &AgentInput,
        business: &BusinessInfo,
    ) -> Result<Rendered, String> {
        let recipient = response.recipient.or_else(|| input.user_id.clone()).unwrap_or_else(|| SERVICE.to_owned());
        let Some(code) = response.template else {
            let content = ResponseContent { text: response.text, data: response.data, template: None };
            return Ok(Rendered { target: response.target, recipient, content, model: None });
        };
        let locale = response.locale.as_deref();
        let prepared = self.nearest(&code, locale, input, business).await?;
        let prepared = prepared.ok_or_else(|| missing(&code, locale, business))?;
        let (text, data, model) = self.words(&code, prepared, response.data).await?;
        let content = ResponseContent { text: Some(text), data, template: Some(code) };
        Ok(Rendered { target: response.target, recipient, content, model: Some(model) })
    }

    /// The message model of a code that is the nearest to the business, the input's place and the language.
    async fn nearest(
        &self,
        code: &str,
        locale: Option<&str>,
        input: &AgentInput,
        business: &BusinessInfo,
    ) -> Result<Option<Prepared>, String> {
        let models = self.models(code).await.map_err(|error| format!("message model {code}: {error}"))?;
        Ok(nearest(&models, &ModelQuery::of(business, input.location_id.as_deref(), None, locale)).cloned())
    }

    /// A text by a message model, the parameters again, and the model.
    async fn words(
        &self,
        code: &str,
        prepared: Prepared,
        data: Option<JsonObject>,
    ) -> Result<(String, Option<JsonObject>, Arc<MessageModel>), String> {
        let model = prepared.model().clone();
        let (text, data) = self.rendering.words(prepared, data).await;
        let text = text.map_err(|error| format!("message model {code} {}: {error}", model.version))?;
        Ok((text, data, model))
    }

    async fn models(&self, code: &str) -> Result<Arc<Vec<Prepared>>, StoreError> {
        if let Some(models) = self.models.get(code).await {
            return Ok(models);
        }
        let load = async {
            let models = self.store.message_models(code).await?;
            Ok(Arc::new(models.into_iter().map(Prepared::new).collect::<Vec<_>>()))
        };
        // On the heap, because most nodes do not need this future, and the enclosing future is moved a few times.
        Box::pin(self.models.try_get_with_by_ref(code, load)).await.map_err(|error| StoreError::clone(&error))
    }

    /// Queues the use of a model to be counted later.
    pub fn count(&self, model: Arc<MessageModel>) {
        // When the queue is full the use is not counted: the count is statistics for people and need not be exact.
        drop(self.uses.try_send(model));
    }
}

fn missing(code: &str, locale: Option<&str>, business: &BusinessInfo) -> String {
    let locale = locale.unwrap_or(&business.locale);
    format!("there is no message model {code} for {} in {locale}", business.business_type)
}

/// The task that counts: it takes the queued uses, and adds each model's uses with one write.
async fn count_uses(store: Store, mut waiting: mpsc::Receiver<Arc<MessageModel>>, clock: fn() -> Timestamp) {
    let mut uses = Vec::with_capacity(256);
    while waiting.recv_many(&mut uses, 256).await > 0 {
        while let Some(model) = uses.pop() {
            let before = uses.len();
            uses.retain(|other| !same(other, &model));
            let count = (before - uses.len() + 1) as u64;
            if let Err(error) = store.count_usage(&model, count, clock()).await {
                tracing::debug!(code = model.decision_code, %error, "cannot count the use of a message model");
            }
        }
    }
}

fn same(one: &MessageModel, other: &MessageModel) -> bool {
    one.decision_code == other.decision_code
        && one.version == other.version
        && one.business_type == other.business_type
        && one.location_context == other.location_context
        && one.locale == other.locale
}
