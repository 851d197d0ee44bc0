//! Takes a message from its frame to its decision: directly, or through the handler that the business's bundle names.

use std::sync::Arc;
use std::time::Duration;

use signalbox_executor::{DecideError, HandleError, HandlerEvent, NewInput, Rejection, Reply};
use signalbox_intake::{HandlerTask, InputOrigin, IntakeError, Message, ReceiveError, Received, Routed};
use signalbox_model::{ErrorCode, ErrorType, InputType, ResponseContent, UserAccess};
use signalbox_store::AcceptedInput;
use tracing::Instrument as _;

use crate::Shared;
use crate::error_frame::ErrorFrame;
use crate::watch::{MessageInputs, MessageSender};

/// When a client is told to send a message again that its handler could not take.
const HANDLER_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Has a message decided; its sender gets the result.
pub(super) fn decide(shared: &Arc<Shared>, access: &UserAccess, message: Message, sender: MessageSender) {
    let arrival = match shared.intake.check_message(access, message) {
        Ok(arrival) => arrival,
        Err(error) => return sender.refused(ErrorFrame::from(&error)),
    };
    let InputOrigin { event_id, correlation_id, .. } = arrival.origin.clone();
    let task = match shared.intake.route(arrival, mapping) {
        // Without another task, so that messages without a handler are decided in the order in which they came.
        Ok(Routed::Mapped(Received { inputs, reply })) => {
            return submit(shared, inputs, sender, reply.map(content));
        }
        Ok(Routed::Handler(task)) => task,
        Err(error) => return sender.refused(ErrorFrame::from(&error)),
    };
    let handling = {
        let shared = shared.clone();
        async move { handle(&shared, task, event_id, correlation_id, sender).await }
    };
    // On a task of its own, because the connection goes on meanwhile.
    shared.tasks.spawn(handling.in_current_span());
}

async fn handle(
    shared: &Shared,
    task: Box<HandlerTask>,
    event_id: String,
    correlation_id: String,
    sender: MessageSender,
) {
    let Received { inputs, reply } = match shared.intake.run_handler(task).await {
        Ok(received) => received,
        Err(error) => {
            if let ReceiveError::Handle(HandleError::Rejected(Rejection::Broken(failure))) = &error {
                tracing::error!(correlation_id, reason = failure.message, "the handler of messages is broken");
            }
            return sender.refused(ErrorFrame::from(&error).correlated(&correlation_id));
        }
    };
    let reply = reply.map(content);
    if inputs.is_empty() {
        return sender.handled(event_id, correlation_id, reply);
    }
    submit(shared, inputs, sender, reply);
}

/// Without a handler a message is one input.
fn mapping(event: HandlerEvent) -> Result<NewInput, ReceiveError> {
    let HandlerEvent::Websocket { user_id, location_id, content } = event else {
        return Err(DecideError::Internal("what arrived is no message".to_owned()).into());
    };
    Ok(NewInput { id: None, input_type: InputType::UserMessage, user_id: Some(user_id), location_id, content })
}

fn submit(shared: &Shared, inputs: Vec<AcceptedInput>, sender: MessageSender, reply: Option<ResponseContent>) {
    let watchers = MessageInputs::watchers(sender, reply, inputs.len());
    for (input, watcher) in inputs.into_iter().zip(watchers) {
        if let Err(error) = shared.intake.submit(input, watcher.clone()) {
            watcher.refused(&error);
        }
    }
}

/// A handler's reply as the content of a frame: a JSON object as data, anything else as text.
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

impl From<&ReceiveError> for ErrorFrame {
    fn from(error: &ReceiveError) -> Self {
        match error {
            ReceiveError::NotOffered(_) => {
                let message = "this business takes no messages: its bundle has no [inputs.websocket]";
                Self::new(ErrorType::ValidationError, ErrorCode::WebsocketNotOffered, message)
            }
            ReceiveError::Handle(error) => error.into(),
            ReceiveError::Intake(error) => error.into(),
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
            // The text of a broken plugin is for its author, in the log.
            HandleError::Rejected(Rejection::Broken(_)) => {
                "the business's handler failed; the operator finds why under the correlation id".to_owned()
            }
            error => error.to_string(),
        };
        let frame = Self::new(error_type, error.code(), message);
        if error.retryable() { frame.retry_after(HANDLER_RETRY_AFTER) } else { frame }
    }
}
