//! Where templates are rendered: at once when it is little work, as nearly always, and else on a thread that may be
//! kept.

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use signalbox_capabilities::rag::{RenderSteps, Template, TemplateError};
use signalbox_model::{JsonObject, MessageModel};
use tokio::sync::Semaphore;

/// A longer template is not read on a thread of the runtime, in bytes.
const LONGEST_READ_AT_ONCE: usize = 1024;

/// A message model and its template, which is read when it is first used and then kept with the model.
#[derive(Clone)]
pub(super) struct Prepared {
    inner: Arc<Inner>,
}

struct Inner {
    model: Arc<MessageModel>,
    template: OnceLock<Result<Template, TemplateError>>,
}

impl Borrow<MessageModel> for Prepared {
    fn borrow(&self) -> &MessageModel {
        &self.inner.model
    }
}

impl Prepared {
    pub fn new(model: MessageModel) -> Self {
        Self { inner: Arc::new(Inner { model: Arc::new(model), template: OnceLock::new() }) }
    }

    pub fn model(&self) -> &Arc<MessageModel> {
        &self.inner.model
    }

    /// Whether it is little work to have the template.
    fn is_at_hand(&self) -> bool {
        self.inner.template.get().is_some() || self.inner.model.message_template.len() <= LONGEST_READ_AT_ONCE
    }

    fn render(&self, data: Option<&JsonObject>, work: RenderSteps) -> Result<String, TemplateError> {
        let first = |errors: Vec<TemplateError>| errors.into_iter().next().unwrap_or(TemplateError::TooMuch);
        let template = self.inner.template.get_or_init(|| Template::read(&self.inner.model).map_err(first));
        let empty = JsonObject::new();
        template.as_ref().map_err(Clone::clone)?.render(data.unwrap_or(&empty), work)
    }
}

/// Renders, and sees to it that no message keeps others waiting.
pub(super) struct Rendering {
    /// Long renderings leave cores to everybody else, however many there are.
    long: Semaphore,
}

impl Rendering {
    pub fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { long: Semaphore::new((cores / 2).max(1)) }
    }

    /// A message, and its parameters again. What is done for it depends on nothing but model and parameters.
    pub async fn words(
        &self,
        prepared: Prepared,
        data: Option<JsonObject>,
    ) -> (Result<String, TemplateError>, Option<JsonObject>) {
        if prepared.is_at_hand() {
            match prepared.render(data.as_ref(), RenderSteps::BRIEF) {
                Err(TemplateError::TooMuch) => {}
                done => return (done, data),
            }
        }
        let _turn = self.long.acquire().await;
        let rendering = tokio::task::spawn_blocking(move || {
            let text = prepared.render(data.as_ref(), RenderSteps::FULL);
            (text, data)
        });
        let lost = |_| {
            let reason = "its rendering ended before it was done".to_owned();
            (Err(TemplateError::Render { reason, line: 1 }), None)
        };
        rendering.await.unwrap_or_else(lost)
    }
}
