//! The guard around every capability call: call limit, deadline, journal and metrics.
//!
//! The grant is checked inside the guarded call, so that a refused call is journaled like any other.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use signalbox_store::EffectKind;

use crate::answers::{NoRoom, Room, weight};
use crate::calls::LimitExceeded;
use crate::journal::{self, Answer, JournalEntry};
use crate::{Calls, metrics};

/// The longest time that a capability call waits for its backend, even when the decision has more time left.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// The WIT error of a capability.
pub(crate) trait CapabilityError: Serialize + Sized {
    /// No answer came within the deadline.
    fn timeout() -> Self;

    /// The decision has used its share of answers; `reason` says which limit is reached.
    fn exhausted(reason: String) -> Self;

    /// There is no answer at the moment; `reason` says why.
    fn unavailable(reason: String) -> Self;

    /// There is no room for the answer.
    fn no_room(why: NoRoom) -> Self {
        if why.may_pass() { Self::unavailable(why.to_string()) } else { Self::exhausted(why.to_string()) }
    }
}

/// The WIT error of a capability whose calls are effects.
pub(crate) trait EffectError: Serialize {
    /// The call is not allowed here; `reason` says why.
    fn denied(reason: String) -> Self;
}

/// A function of a capability.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub capability: &'static str,
    pub name: &'static str,
    /// How long this function may wait if the decision has the time.
    pub patience: Duration,
    /// The most bytes of an answer.
    pub answer: usize,
}

/// The data with which a call is run.
pub(crate) struct Asked {
    /// The idempotency key of this call. It derives from decision, node and call number, so it is the same when the
    /// decision is repeated.
    pub key: String,
    /// The most bytes of the answer.
    pub bytes: usize,
}

/// The most bytes of an answer that is a number, a word, or a short list of them.
pub(crate) const SMALL_ANSWER: usize = 16 << 10;

/// The most bytes of an answer that is one document.
const DOCUMENT: usize = 320 << 10;

impl Function {
    pub(crate) const fn new(capability: &'static str, name: &'static str) -> Self {
        Self { capability, name, patience: LONGEST_CALL, answer: DOCUMENT }
    }

    pub(crate) const fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) const fn answers(self, answer: usize) -> Self {
        Self { answer, ..self }
    }
}

impl Calls {
    /// Runs a call that asks a backend, once there is room for its answer.
    pub(crate) async fn guard<Q, R, E, F>(
        &mut self,
        function: Function,
        request: Q,
        run: impl FnOnce(Q, Asked) -> F + Send,
    ) -> wasmtime::Result<Result<R, E>>
    where
        Q: Serialize + Send,
        R: Serialize,
        E: CapabilityError,
        F: Future<Output = Result<R, E>> + Send,
    {
        let number = self.count_call()?;
        let written = self.written(&request)?;
        let key = format!("{}/{}/{number}", self.scope.decision_id, self.node);
        let started = Instant::now();
        let patience = tokio::time::Instant::now() + function.patience;
        let answers = self.answers().clone();
        let asking = async {
            let room = answers.room(function.answer).await.map_err(E::no_room)?;
            Ok::<(R, Room), E>((run(request, Asked { key, bytes: room.bytes() }).await?, room))
        };
        let answer = tokio::time::timeout_at(self.scope.deadline.min(patience), asking)
            .await
            .unwrap_or_else(|_| Err(E::timeout()));
        let (answer, kept) = match answer {
            Ok((answer, room)) => {
                let kept = journal::to_value(&answer);
                match room.keep(weight(&kept)) {
                    Ok(()) => (Ok(answer), Answer::Ok(kept)),
                    Err(why) => refused(E::no_room(why)),
                }
            }
            Err(error) => refused(error),
        };
        if let Answer::Err(told) = &kept {
            // When there is no room for the error either, the next call ends the plugin's run.
            self.answers().keep(weight(told));
        }
        self.note(function, number, written, kept, started.elapsed());
        Ok(answer)
    }

    /// The request for the journal. It counts against the room of the decision, whatever the result of the call is.
    fn written<Q: Serialize>(&self, request: &Q) -> Result<Value, LimitExceeded> {
        let written = journal::to_value(request);
        let answers = self.answers();
        if answers.keep(weight(&written)) { Ok(written) } else { Err(LimitExceeded::Journal(answers.per_decision())) }
    }

    /// Checks a call that requests an effect, and keeps the effect until the decision is stored.
    pub(crate) fn guard_effect<Q: Serialize, E: EffectError>(
        &mut self,
        function: Function,
        request: Q,
        check: impl FnOnce(&Calls, Q) -> Result<EffectKind, E>,
    ) -> wasmtime::Result<Result<(), E>> {
        let number = self.count_call()?;
        let written = self.written(&request)?;
        let started = Instant::now();
        let answer = self.effect(function).and_then(|()| check(self, request)).map(|effect| self.keep(effect));
        let (answer, kept) = match answer {
            Ok(()) => (Ok(()), Answer::Ok(Value::Null)),
            Err(error) => refused(error),
        };
        self.note(function, number, written, kept, started.elapsed());
        Ok(answer)
    }

    /// Refuses an effect when there is no decision with which it could be stored.
    pub(crate) fn effect<E: EffectError>(&self, function: Function) -> Result<(), E> {
        if self.scope.takes_effects {
            return Ok(());
        }
        let Function { capability, name, .. } = function;
        let reason = format!("{capability}.{name} joins a decision, and an input handler makes none; give an input");
        Err(E::denied(reason))
    }

    /// Keeps an effect until the decision is stored.
    pub(crate) fn keep(&mut self, effect: EffectKind) {
        self.record.effects.push(effect);
    }

    fn note(&mut self, function: Function, call: u32, request: Value, answer: Answer, took: Duration) {
        metrics::call(function.capability, function.name, outcome(&answer), took);
        if let Answer::Err(error) = &answer {
            tracing::debug!(
                plugin = %self.policy.name,
                node = %self.node,
                capability = function.capability,
                function = function.name,
                error = %error,
                "capability call failed"
            );
        }
        self.record.journal.push(JournalEntry {
            node: self.node.to_string(),
            attempt: self.attempt,
            call,
            capability: function.capability.to_owned(),
            function: function.name.to_owned(),
            request,
            answer,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        });
    }
}

fn refused<R, E: Serialize>(error: E) -> (Result<R, E>, Answer) {
    let kept = Answer::Err(journal::to_value(&error));
    (Err(error), kept)
}

/// `ok`, or the name of the error's case, which is a string or the only key of an object.
fn outcome(answer: &Answer) -> String {
    match answer {
        Answer::Ok(_) => "ok".to_owned(),
        Answer::Err(Value::String(case)) => case.clone(),
        Answer::Err(Value::Object(case)) => case.keys().next().cloned().unwrap_or_else(|| "error".to_owned()),
        Answer::Err(_) => "error".to_owned(),
    }
}
