//! Decides where a template is rendered: on the runtime's thread when that is little work, which is the rule, and
//! otherwise on a blocking thread.

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use signalbox_capabilities::rag::{RenderSteps, Template, TemplateError};
use signalbox_model::{JsonObject, MessageModel};
use tokio::sync::Semaphore;

/// A template of more bytes than this is not parsed on a thread of the runtime.
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

    /// Whether the template is parsed already, or quickly parsed.
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

/// Renders messages without keeping a thread of the runtime for long.
pub(super) struct Rendering {
    /// Bounds the long renderings at a time, so that they leave cores to other work.
    long: Semaphore,
}

impl Rendering {
    pub fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { long: Semaphore::new((cores / 2).max(1)) }
    }

    /// A message, and its parameters again. The work depends on nothing but model and parameters.
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
