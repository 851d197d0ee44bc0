//! A message's way from its frame to whoever decides: as it is, or through the handler that the business's bundle names.

use std::sync::Arc;
use std::time::Duration;

use signalbox_executor::{Event, EventCall, HandleError, Handled, Rejection, Reply};
use signalbox_model::{ErrorType, ResponseContent, Source, UserAccess};
use signalbox_store::AcceptedInput;
use tracing::Instrument as _;

use crate::Shared;
use crate::error_frame::ErrorFrame;
use crate::watch::{Inputs, Sender};
use signalbox_intake::{IntakeError, Message, Origin};

/// When a message is to be sent again that its handler could not take now.
const HANDLER_PAUSE: Duration = Duration::from_secs(1);

/// Has a message decided; its sender hears what becomes of it.
pub(super) fn decide(shared: &Arc<Shared>, access: &UserAccess, message: Message, sender: Sender) {
    let accepted = match shared.intake.check(access, message) {
        Ok(accepted) => accepted,
        Err(error) => return sender.refused(ErrorFrame::from(&error)),
    };
    // Where nothing is deployed, deciding says so.
    let Some((_, inputs)) = shared.intake.decide().inputs(&accepted.input.business_id) else {
        return submit(shared, vec![accepted], sender, None);
    };
    let Some(offered) = &inputs.websocket else { return sender.refused(not_offered()) };
    let Some(handler) = offered.handler.clone() else { return submit(shared, vec![accepted], sender, None) };
    let handling = {
        let shared = shared.clone();
        async move { handle(&shared, handler, accepted, sender).await }
    };
    // On a task of its own, because the connection goes on meanwhile.
    shared.tasks.spawn(handling.in_current_span());
}

async fn handle(shared: &Shared, handler: String, accepted: AcceptedInput, sender: Sender) {
    let input = accepted.input;
    let correlation_id = input.correlation_id.unwrap_or_default();
    let call = EventCall {
        business_id: input.business_id.clone(),
        handler,
        event_id: input.id.clone(),
        correlation_id: correlation_id.clone(),
        event: Event::Websocket {
            user_id: sender.user_id.clone(),
            location_id: input.location_id,
            content: input.content,
        },
    };
    let Handled { inputs, reply } = match shared.intake.decide().handle(call).await {
        Ok(handled) => handled,
        Err(error) => {
            if let HandleError::Rejected(Rejection::Broken(failure)) = &error {
                tracing::error!(correlation_id, reason = failure.message, "the handler of messages is broken");
            }
            return sender.refused(ErrorFrame::from(&error).correlated(&correlation_id));
        }
    };
    let reply = reply.map(content);
    if inputs.is_empty() {
        return sender.handled(input.id, correlation_id, reply);
    }
    let origin = Origin {
        source: Source::Websocket,
        scope: format!("wsh/{}", sender.user_id),
        event_id: input.id,
        business_id: input.business_id,
        permissions: accepted.permissions,
        correlation_id,
        fingerprint: None,
    };
    let inputs = inputs.into_iter().enumerate().map(|(index, mut new)| {
        new.user_id.get_or_insert_with(|| sender.user_id.clone());
        AcceptedInput { reply: accepted.reply.clone(), ..shared.intake.new_input(&origin, index, new) }
    });
    submit(shared, inputs.collect(), sender, reply);
}

fn submit(shared: &Shared, inputs: Vec<AcceptedInput>, sender: Sender, reply: Option<ResponseContent>) {
    let watchers = Inputs::watchers(sender, reply, inputs.len());
    for (input, watcher) in inputs.into_iter().zip(watchers) {
        if let Err(error) = shared.intake.submit(input, watcher.clone()) {
            watcher.refused(&error);
        }
    }
}

fn not_offered() -> ErrorFrame {
    let message = "this business takes no messages: its bundle has no [inputs.websocket]";
    ErrorFrame::new(ErrorType::ValidationError, "websocket_not_offered", message)
}

/// What a handler says at once, as the content of a frame: a JSON object as data, anything else as text.
fn content(reply: Reply) -> ResponseContent {
    let is_json = reply.content_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    match serde_json::from_slice(&reply.body).ok().filter(|_| is_json) {
        Some(data) => ResponseContent { data: Some(data), ..ResponseContent::default() },
        None => {
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            ResponseContent { text: Some(text), ..ResponseContent::default() }
        }
    }
}

impl From<&HandleError> for ErrorFrame {
    fn from(error: &HandleError) -> Self {
        let error_type = match error {
            HandleError::Rejected(Rejection::Invalid(_)) => ErrorType::ValidationError,
            HandleError::Rejected(Rejection::Forbidden(_)) => ErrorType::AuthFailed,
            HandleError::Rejected(Rejection::Unavailable(_)) => ErrorType::ProcessingError,
            HandleError::Rejected(Rejection::Broken(_)) => ErrorType::InternalError,
            HandleError::Decide(error) => return Self::from(&IntakeError::Decide(error.clone())),
        };
        let message = match error {
            // What a broken plugin says is for its author, in the log.
            HandleError::Rejected(Rejection::Broken(_)) => {
                "the business's handler failed; the operator finds why under the correlation id".to_owned()
            }
            error => error.to_string(),
        };
        let frame = Self::new(error_type, error.code(), message);
        if error.retryable() { frame.retry_after(HANDLER_PAUSE) } else { frame }
    }
}
