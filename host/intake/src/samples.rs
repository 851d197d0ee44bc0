//! One sample of every error, for tests of how errors are reported.

use std::time::Duration;

use signalbox_executor::{AccessError, DecideError};
use signalbox_store::StoreError;

use crate::{IntakeError, RateScope};

/// The errors of the store.
pub fn of_store() -> Vec<StoreError> {
    let (table, operation) = (|| "inputs".to_owned(), "PutItem");
    let reason = || "the reason".to_owned();
    vec![
        StoreError::MissingTables(vec![table()]),
        StoreError::WrongTable { table: table(), problem: reason() },
        StoreError::Open { path: "store.db".to_owned(), reason: reason() },
        StoreError::Config(reason()),
        StoreError::Invalid(reason()),
        StoreError::TooLarge { what: "an input".to_owned(), table: table(), size: 2, limit: 1 },
        StoreError::ConditionFailed { table: table(), operation },
        StoreError::NotFound { what: "an input".to_owned(), table: table() },
        StoreError::Throttled { table: table(), operation },
        StoreError::Unavailable { table: table(), operation, reason: reason() },
        StoreError::Timeout { table: table(), operation },
        StoreError::Denied { table: table(), operation, reason: reason() },
        StoreError::Refused { table: table(), operation, reason: reason() },
        StoreError::Unreadable { what: "an input".to_owned(), table: table(), reason: reason() },
    ]
}

/// The reasons why an input is not decided.
pub fn of_intake() -> Vec<IntakeError> {
    let (name, second) = (|| "trattoria".to_owned(), Duration::from_secs(1));
    let mut all = vec![
        IntakeError::MessageId,
        IntakeError::Empty,
        IntakeError::TextTooLong { found: 2, limit: 1 },
        IntakeError::TooDeep { field: "data", limit: 32 },
        IntakeError::Access(AccessError::NoAccess(name())),
        IntakeError::Access(AccessError::NotLoaded(name())),
        IntakeError::Access(AccessError::MissingPermission { business: name(), permission: "message".to_owned() }),
        IntakeError::IdReused,
        IntakeError::Busy { retry_after: second },
        IntakeError::RateLimited { scope: RateScope::User, retry_after: second },
        IntakeError::RateLimited { scope: RateScope::Business, retry_after: second },
        IntakeError::Draining,
        IntakeError::Decide(DecideError::UnknownBusiness(name())),
        IntakeError::Decide(DecideError::NoBundle { business_type: name() }),
        IntakeError::Decide(DecideError::BusinessNotLoaded(name())),
        IntakeError::Decide(DecideError::NotLoaded { business_type: name() }),
        IntakeError::Decide(DecideError::Busy { retry_after: second }),
        IntakeError::Decide(DecideError::Internal(name())),
    ];
    all.extend(of_store().into_iter().map(|error| IntakeError::Decide(error.into())));
    all.extend(of_store().into_iter().map(|error| IntakeError::Delayed(error.into())));
    all
}

/// Whether the words of an error ask the reader to try again.
pub fn asks_to_retry(words: &str) -> bool {
    words.contains("come back")
        || words.split(|character: char| !character.is_alphanumeric()).any(|word| ["again", "later"].contains(&word))
}
