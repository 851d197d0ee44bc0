//! Whether the store works, judged by a probe and by all other calls.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::sync::Notify;

use crate::timeline::SYNC_EVERY;
use crate::{Store, StoreError};

/// After this many failures in a row the store counts as failing.
const IN_A_ROW: u32 = 3;
/// When no call has failed for this long, the failures count as over. Without this, a host that is not ready, and so
/// gets no calls, would never be ready again.
const OVER: Duration = Duration::from_secs(10);
/// The check interval of the embedded store, whose check costs little.
const EMBEDDED_EVERY: Duration = Duration::from_secs(2);

/// The results of the latest calls.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    writes: Mutex<Row>,
    reads: Mutex<Row>,
    failing: Notify,
}

/// Failures since the last success.
#[derive(Debug, Default)]
struct Row {
    failures: u32,
    last: Option<(Instant, String)>,
}

impl Outcomes {
    /// Notes the result of a call. An error that is the caller's own fault counts as a success of the store.
    pub(crate) fn note<R, E>(&self, writes: bool, answered: &Result<R, SdkError<E, HttpResponse>>)
    where
        E: ProvideErrorMetadata,
    {
        let row = if writes { &self.writes } else { &self.reads };
        let trouble = match answered {
            Ok(_) => None,
            Err(error) => trouble(error),
        };
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            None => *row = Row::default(),
            Some(trouble) => {
                row.failures = row.failures.saturating_add(1);
                row.last = Some((Instant::now(), trouble));
                drop(row);
                self.failing.notify_one();
            }
        }
    }

    fn keeps_failing(&self) -> Option<String> {
        [(&self.writes, "writes"), (&self.reads, "reads")].into_iter().find_map(|(row, what)| {
            let row = row.lock().unwrap_or_else(PoisonError::into_inner);
            let (at, reason) = row.last.as_ref().filter(|(at, _)| row.failures >= IN_A_ROW && at.elapsed() < OVER)?;
            Some(format!(
                "{} {what} in a row have failed, the last {} s ago: {reason}",
                row.failures,
                at.elapsed().as_secs()
            ))
        })
    }
}

/// What is wrong with the store, when the error of a call shows that something is.
fn trouble<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let service = match error {
        SdkError::ServiceError(service) => service,
        SdkError::ConstructionFailure(_) => return None,
        SdkError::TimeoutError(_) => return Some("no answer came within the deadline".to_owned()),
        SdkError::DispatchFailure(_) => return Some("it cannot be reached".to_owned()),
        _ => return Some("its answers make no sense".to_owned()),
    };
    let code = service.err().code().unwrap_or_default();
    let of_the_store = match code {
        "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" | "Throttling" => {
            true
        }
        "ResourceNotFoundException" | "AccessDeniedException" | "UnrecognizedClientException" => true,
        "ExpiredTokenException" | "InvalidSignatureException" | "KMSAccessDeniedException" => true,
        "TransactionConflictException" | "TransactionInProgressException" | "ReplicatedWriteConflictException" => false,
        _ => service.raw().status().as_u16() >= 500,
    };
    of_the_store.then(|| match service.err().message() {
        Some(message) => format!("{message} ({code})"),
        None => code.to_owned(),
    })
}

impl Store {
    /// Checks that the store accepts writes, by a small write to the item that also holds the order of decisions.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.say_where_we_stand().await
    }

    /// How often [`Store::check`] is to be called. In AWS each check costs one write unit.
    pub fn check_interval(&self) -> Duration {
        if self.is_embedded() { EMBEDDED_EVERY } else { SYNC_EVERY }
    }

    /// Why calls keep failing although [`Store::check`] may succeed: one table may be throttled, or only small writes
    /// may still find room.
    pub fn keeps_failing(&self) -> Option<String> {
        self.outcomes().keeps_failing()
    }

    /// Returns once a call has failed because of the store.
    pub async fn failing(&self) {
        self.outcomes().failing.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::put_item::PutItemError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[allow(clippy::result_large_err, reason = "the SDK's own error, as a call gives it")]
    fn answered(status: u16, code: &str) -> Result<(), SdkError<PutItemError, HttpResponse>> {
        let error = PutItemError::generic(ErrorMetadata::builder().code(code).message("why").build());
        let raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        Err(SdkError::service_error(error, raw))
    }

    #[test]
    fn writes_that_fail_in_a_row_are_told_until_one_succeeds_whatever_reads_do() {
        let outcomes = Outcomes::default();
        for failure in [("ThrottlingException", 400), ("InternalServerError", 500), ("AccessDeniedException", 400)] {
            assert_eq!(outcomes.keeps_failing(), None);
            outcomes.note(true, &answered(failure.1, failure.0));
        }
        let ok: Result<(), SdkError<PutItemError, HttpResponse>> = Ok(());
        outcomes.note(false, &ok);
        let told = outcomes.keeps_failing().unwrap();
        assert!(told.contains("3 writes") && told.contains("why (AccessDeniedException)"), "{told}");
        outcomes.note(true, &ok);
        assert_eq!(outcomes.keeps_failing(), None);
    }

    #[test]
    fn what_a_caller_is_to_blame_for_says_nothing_of_the_store() {
        let outcomes = Outcomes::default();
        for code in ["ValidationException", "ConditionalCheckFailedException", "TransactionConflictException"] {
            for _ in 0..5 {
                outcomes.note(true, &answered(400, code));
            }
            assert_eq!(outcomes.keeps_failing(), None, "{code}");
        }
    }
}
