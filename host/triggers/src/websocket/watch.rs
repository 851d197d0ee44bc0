use std::sync::Arc;

use signalbox_executor::{Decided, NodeEvent};
use signalbox_sessions::{AckState, Encoded, Outbox, ServerFrame, count_answers, response_frames};
use tokio::sync::mpsc;

use super::error_frame::ErrorFrame;
use super::protocol::Event;
use crate::{IntakeError, Receipt, Watcher};

/// Brings back to one connection what becomes of one of its messages.
pub(super) struct MessageWatcher {
    pub outbox: Arc<Outbox>,
    pub notes: mpsc::Sender<Box<Event>>,
    pub user_id: String,
    pub business_id: String,
    pub message_id: String,
    pub progress: bool,
}

impl MessageWatcher {
    fn acknowledge(&self, receipt: &Receipt, correlation_id: &str, state: AckState, answers: Option<u32>) {
        self.outbox.push(Encoded::json(&ServerFrame::Ack {
            message_id: self.message_id.clone(),
            input_id: receipt.input_id.clone(),
            decision_id: receipt.decision_id.clone(),
            correlation_id: correlation_id.to_owned(),
            state,
            answers,
        }));
    }

    /// The answers of a decision that was made before, for the connection that asks again.
    fn answer_again(&self, decided: &Decided) {
        let record = &decided.record;
        for (recipient, frame) in response_frames(&record.decision, &record.output, &record.reply, &record.cursor()) {
            if recipient == self.user_id {
                self.outbox.push(Encoded::json(&frame));
            }
        }
    }
}

impl Watcher for MessageWatcher {
    fn node(&self, event: &NodeEvent) {
        if self.progress {
            // A client that reads slowly can do without progress, but not without its answer.
            self.outbox.push_unimportant(Encoded::json(&ServerFrame::Progress {
                message_id: self.message_id.clone(),
                decision_id: event.decision_id.to_string(),
                node: event.node.to_string(),
                step: event.step,
                attempt: event.attempt,
                phase: event.phase.as_str().to_owned(),
            }));
        }
    }

    fn accepted(&self, receipt: &Receipt) {
        self.acknowledge(receipt, &receipt.correlation_id, AckState::Accepted, None);
    }

    fn finished(&self, receipt: &Receipt, result: Result<&Decided, &IntakeError>) {
        let error = match result {
            Ok(decided) => {
                let record = &decided.record;
                let first = record.decision.context.input.correlation_id.as_deref();
                let state = if decided.duplicate { AckState::Duplicate } else { AckState::Decided };
                let answers = count_answers(&record.decision, &record.output, &self.user_id);
                self.acknowledge(receipt, first.unwrap_or(&receipt.correlation_id), state, Some(answers));
                if decided.duplicate {
                    self.answer_again(decided);
                }
                None
            }
            Err(error) => {
                let frame = ErrorFrame::from(error).for_message(Some(&self.message_id));
                let frame = frame.with("decisionId", receipt.decision_id.as_str());
                Some(Box::new(frame.correlated(&receipt.correlation_id)))
            }
        };
        // There is a place for every message in flight, so this fails only when the connection is gone.
        let _ = self.notes.try_send(Box::new(Event::Finished { business_id: self.business_id.clone(), error }));
    }
}
