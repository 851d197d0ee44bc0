use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{Store, failure};
use crate::StoreError;
use crate::item::AttributeMap;

/// The result of one attempt of a transaction.
pub(crate) enum Transacted {
    /// All parts were written.
    Written,
    /// Nothing was written, because conditions do not hold. Says for each part, in order, whether its own condition
    /// holds.
    Refused(Vec<Part>),
    /// Nothing was written, because another transaction is writing one of the items; another attempt may succeed.
    Conflict,
}

/// The result of one part of a refused transaction.
pub(crate) enum Part {
    /// Its condition does not hold; with the existing item, when the store returned it.
    Refused(Option<AttributeMap>),
    /// Its condition holds.
    Fits,
}

impl Store {
    /// Writes all parts or none; `table` is the table that errors name.
    pub(crate) async fn transact(&self, table: &str, parts: Vec<TransactWriteItem>) -> Result<Transacted, StoreError> {
        const OPERATION: &str = "TransactWriteItems";
        let call = TransactWriteItemsInput::builder().set_transact_items(Some(parts));
        let error = match self.send(call).await {
            Ok(_) => return Ok(Transacted::Written),
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_canceled_exception() => error,
            Err(error) => return Err(failure(OPERATION, table, error)),
        };
        let TransactWriteItemsError::TransactionCanceledException(canceled) = error.err() else {
            return Ok(Transacted::Conflict);
        };
        let reasons = canceled.cancellation_reasons();
        let refused = |code: Option<&str>| code == Some("ConditionalCheckFailed");
        if reasons.iter().any(|reason| refused(reason.code())) {
            let part = |reason: &aws_sdk_dynamodb::types::CancellationReason| match refused(reason.code()) {
                true => Part::Refused(reason.item.clone().filter(|item| !item.is_empty())),
                false => Part::Fits,
            };
            return Ok(Transacted::Refused(reasons.iter().map(part).collect()));
        }
        match reasons.iter().find_map(|reason| reason.code().filter(|code| *code != "None")) {
            Some("TransactionConflict") => Ok(Transacted::Conflict),
            Some("ThrottlingError" | "ProvisionedThroughputExceeded") => {
                Err(StoreError::Throttled { table: table.to_owned(), operation: OPERATION })
            }
            _ => Err(failure(OPERATION, table, SdkError::ServiceError(error))),
        }
    }
}
