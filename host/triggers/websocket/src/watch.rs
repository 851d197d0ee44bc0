//! Returns to one connection what becomes of one of its messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signalbox_executor::{Decided, NodeEvent};
use signalbox_intake::{IntakeError, Receipt, Watcher};
use signalbox_model::ResponseContent;
use signalbox_sessions::{AckState, Encoded, OtherInput, Outbox, ServerFrame, count_answers, response_frames};
use signalbox_store::DecisionRecord;
use tokio::sync::mpsc;

use crate::error_frame::ErrorFrame;
use crate::protocol::Event;

/// A message, and the connection that it came from.
pub(super) struct MessageSender {
    pub outbox: Arc<Outbox>,
    pub events: mpsc::Sender<Box<Event>>,
    pub user_id: String,
    pub business_id: String,
    pub message_id: String,
    pub progress: bool,
}

impl MessageSender {
    /// The handler took the message, and there is nothing to decide.
    pub fn handled(&self, input_id: String, correlation_id: String, reply: Option<ResponseContent>) {
        let ack = ServerFrame::Ack {
            message_id: self.message_id.clone(),
            input_id,
            decision_id: None,
            others: Vec::new(),
            correlation_id,
            state: AckState::Handled,
            reply,
            answers: Some(0),
        };
        self.end_with(vec![ack], None);
    }

    /// The message is not decided, or not yet.
    pub fn refused(&self, error: ErrorFrame) {
        self.end(Some(self.rejected(error)));
    }

    /// Counts a message that is refused, and names it in the error.
    fn rejected(&self, error: ErrorFrame) -> Box<ErrorFrame> {
        ::metrics::counter!(signalbox_intake::MESSAGES, "source" => "websocket", "result" => "rejected").increment(1);
        Box::new(error.for_message(Some(&self.message_id)).with_excerpt("businessId", &self.business_id))
    }

    fn end(&self, error: Option<Box<ErrorFrame>>) {
        // The channel has room for every message in flight, so this fails only when the connection is gone.
        let _ = self.events.try_send(Box::new(Event::Finished { business_id: self.business_id.clone(), error }));
    }

    /// Ends the message with these frames. The connection is told before the client can have read the frames, so that
    /// it accepts the client's next message.
    fn end_with(&self, frames: Vec<ServerFrame>, error: Option<Box<ErrorFrame>>) {
        self.outbox.push_after(frames.iter().map(Encoded::of), || self.end(error));
    }
}

/// The inputs that a message became: one, or those that its handler made. They are acknowledged together, because a
/// client that got an acknowledgement does not send the message again.
pub(super) struct MessageInputs {
    sender: MessageSender,
    /// Sent with the first acknowledgement.
    reply: Option<ResponseContent>,
    progress: Mutex<MessageProgress>,
}

#[derive(Default)]
struct MessageProgress {
    /// The receipt of each input, once it is known.
    receipts: Vec<Option<Receipt>>,
    stored: usize,
    finished: usize,
    duplicates: usize,
    answers: u32,
    /// Answers that were given before, for a connection that sends the message again.
    duplicate_records: Vec<Arc<DecisionRecord>>,
    acknowledged: bool,
    error: Option<Box<ErrorFrame>>,
}

/// Watches one of the inputs.
pub(super) struct InputWatcher {
    inputs: Arc<MessageInputs>,
    index: usize,
    stored: AtomicBool,
}

impl MessageInputs {
    /// A watcher for each of `count` inputs, of which there is at least one.
    pub fn watchers(sender: MessageSender, reply: Option<ResponseContent>, count: usize) -> Vec<Arc<InputWatcher>> {
        let progress = MessageProgress { receipts: vec![None; count], ..MessageProgress::default() };
        let inputs = Arc::new(Self { sender, reply, progress: Mutex::new(progress) });
        let watcher = |index| Arc::new(InputWatcher { inputs: inputs.clone(), index, stored: AtomicBool::new(false) });
        (0..count).map(watcher).collect()
    }

    fn change(&self, change: impl FnOnce(&mut MessageProgress)) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut progress);
        let count = progress.receipts.len();
        let is_decided = progress.finished == count && progress.error.is_none();
        let ack = if is_decided {
            let state = if progress.duplicates == count { AckState::Duplicate } else { AckState::Decided };
            let answers = progress.answers;
            self.acknowledgement(&mut progress, state, Some(answers))
        } else if progress.stored == count && !progress.acknowledged {
            self.acknowledgement(&mut progress, AckState::Accepted, None)
        } else {
            None
        };
        if progress.finished < count {
            if let Some(ack) = ack {
                self.sender.outbox.push(Encoded::json(&ack));
            }
            return;
        }
        let duplicate_records = std::mem::take(&mut progress.duplicate_records);
        let answers = duplicate_records.iter().flat_map(|record| self.repeated_answers(record));
        self.sender.end_with(ack.into_iter().chain(answers).collect(), progress.error.take());
    }

    fn acknowledgement(
        &self,
        progress: &mut MessageProgress,
        state: AckState,
        answers: Option<u32>,
    ) -> Option<ServerFrame> {
        let reply = self.reply.clone().filter(|_| !progress.acknowledged);
        progress.acknowledged = true;
        let mut receipts = progress.receipts.iter().flatten();
        let first = receipts.next()?;
        let other = |receipt: &Receipt| OtherInput {
            input_id: receipt.input_id.clone(),
            decision_id: receipt.decision_id.clone(),
        };
        Some(ServerFrame::Ack {
            message_id: self.sender.message_id.clone(),
            input_id: first.input_id.clone(),
            decision_id: Some(first.decision_id.clone()),
            others: receipts.map(other).collect(),
            correlation_id: first.correlation_id.clone(),
            state,
            reply,
            answers,
        })
    }

    /// The replies to the sender that a decision made.
    fn repeated_answers(&self, record: &DecisionRecord) -> Vec<ServerFrame> {
        let frames = response_frames(&record.decision, &record.output, &record.reply, &record.cursor()).into_iter();
        frames.filter(|(recipient, _)| *recipient == self.sender.user_id).map(|(_, frame)| frame).collect()
    }
}

impl InputWatcher {
    /// The input is refused without a try to decide it.
    pub fn refused(&self, error: &IntakeError) {
        let frame = self.inputs.sender.rejected(ErrorFrame::from(error));
        self.inputs.change(|progress| {
            progress.finished += 1;
            progress.error.get_or_insert(frame);
        });
    }

    /// 1 when this is the first report that the input is stored, else 0.
    fn newly_stored(&self) -> usize {
        usize::from(!self.stored.swap(true, Ordering::Relaxed))
    }
}

impl MessageProgress {
    fn receipt(&mut self, index: usize, receipt: Receipt) {
        if let Some(place) = self.receipts.get_mut(index) {
            *place = Some(receipt);
        }
    }
}

impl Watcher for InputWatcher {
    fn node(&self, event: &NodeEvent) {
        let sender = &self.inputs.sender;
        if sender.progress {
            // A client that reads slowly can miss progress frames, but not its answer.
            sender.outbox.push_unimportant(Encoded::json(&ServerFrame::Progress {
                message_id: sender.message_id.clone(),
                decision_id: event.decision_id.to_string(),
                node: event.node.to_string(),
                step: event.step,
                attempt: event.attempt,
                phase: event.phase.as_str().to_owned(),
            }));
        }
    }

    fn accepted(&self, receipt: &Receipt) {
        let stored = self.newly_stored();
        self.inputs.change(|progress| {
            progress.receipt(self.index, receipt.clone());
            progress.stored += stored;
        });
    }

    fn finished(&self, receipt: &Receipt, result: Result<&Decided, &IntakeError>) {
        let sender = &self.inputs.sender;
        match result {
            Ok(decided) => {
                let (record, stored) = (&decided.record, self.newly_stored());
                // A message that is sent again is answered under the correlation id that it had first.
                let first = record.decision.context.input.correlation_id.clone();
                let correlation_id = first.unwrap_or_else(|| receipt.correlation_id.clone());
                let answers = count_answers(&record.decision, &record.output, &sender.user_id);
                self.inputs.change(|progress| {
                    progress.receipt(self.index, Receipt { correlation_id, ..receipt.clone() });
                    progress.stored += stored;
                    progress.finished += 1;
                    progress.answers += answers;
                    if decided.duplicate {
                        progress.duplicates += 1;
                        progress.duplicate_records.push(record.clone());
                    }
                });
            }
            Err(error) => {
                let frame = ErrorFrame::from(error).for_message(Some(&sender.message_id));
                let frame = frame.with("decisionId", receipt.decision_id.as_str());
                let frame = frame.correlated(&receipt.correlation_id);
                self.inputs.change(|progress| {
                    progress.finished += 1;
                    progress.error.get_or_insert_with(|| Box::new(frame));
                });
            }
        }
    }
}
