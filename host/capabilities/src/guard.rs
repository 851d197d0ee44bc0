//! Around every capability call: the call limit, the deadline, the journal, the metrics.
//!
//! The grant is checked inside the guarded call, so that a refused call is journaled like any other.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use signalbox_store::EffectKind;

use crate::journal::{self, Answer, JournalEntry};
use crate::{Calls, metrics};

/// No capability call waits longer than this for its backend, whatever the decision has left.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// A capability's WIT error.
pub(crate) trait CapabilityError: Serialize {
    /// No answer came within the deadline.
    fn timeout() -> Self;
}

/// The WIT error of a capability that asks for effects.
pub(crate) trait EffectError: Serialize {
    /// The call is not allowed here; says why.
    fn denied(reason: String) -> Self;
}

/// Which function of which capability.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub capability: &'static str,
    pub name: &'static str,
    /// How long this function may wait when the decision has the time.
    pub patience: Duration,
}

impl Function {
    pub(crate) const fn new(capability: &'static str, name: &'static str) -> Self {
        Self { capability, name, patience: LONGEST_CALL }
    }

    pub(crate) const fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl Calls {
    /// Runs a call that asks a backend. `key` is the idempotency key of this very call: made of decision, node and call
    /// number, so it is the same when the decision is repeated.
    pub(crate) async fn guard<Q, R, E, F>(
        &mut self,
        function: Function,
        request: Q,
        run: impl FnOnce(Q, String) -> F,
    ) -> wasmtime::Result<Result<R, E>>
    where
        Q: Serialize,
        R: Serialize,
        E: CapabilityError,
        F: Future<Output = Result<R, E>> + Send,
    {
        let number = self.count_call()?;
        let written = journal::to_value(&request);
        let key = format!("{}/{}/{number}", self.scope.decision_id, self.node);
        let started = Instant::now();
        let patience = tokio::time::Instant::now() + function.patience;
        let answer = tokio::time::timeout_at(self.scope.deadline.min(patience), run(request, key))
            .await
            .unwrap_or_else(|_| Err(E::timeout()));
        self.note(function, number, written, &answer, started.elapsed());
        Ok(answer)
    }

    /// Checks a call that asks for an effect, and keeps the effect until the decision is stored.
    pub(crate) fn guard_effect<Q: Serialize, E: EffectError>(
        &mut self,
        function: Function,
        request: Q,
        check: impl FnOnce(&Calls, Q) -> Result<EffectKind, E>,
    ) -> wasmtime::Result<Result<(), E>> {
        let number = self.count_call()?;
        let written = journal::to_value(&request);
        let started = Instant::now();
        let answer = self.effect(function).and_then(|()| check(self, request)).map(|effect| self.keep(effect));
        self.note(function, number, written, &answer, started.elapsed());
        Ok(answer)
    }

    /// Refuses an effect where there is no decision that it can join.
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

    fn note<R: Serialize, E: Serialize>(
        &mut self,
        function: Function,
        call: u32,
        request: Value,
        answer: &Result<R, E>,
        took: Duration,
    ) {
        let answer = match answer {
            Ok(value) => Answer::Ok(journal::to_value(value)),
            Err(error) => Answer::Err(journal::to_value(error)),
        };
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

/// `ok`, or the name of the error's case: a string, or the only key of an object.
fn outcome(answer: &Answer) -> String {
    match answer {
        Answer::Ok(_) => "ok".to_owned(),
        Answer::Err(Value::String(case)) => case.clone(),
        Answer::Err(Value::Object(case)) => case.keys().next().cloned().unwrap_or_else(|| "error".to_owned()),
        Answer::Err(_) => "error".to_owned(),
    }
}
