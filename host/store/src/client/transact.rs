use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{Store, failure};
use crate::StoreError;
use crate::item::AttributeMap;

/// How one try of a transaction ended.
pub(crate) enum Transacted {
    /// All of it happened.
    Written,
    /// Nothing happened, because conditions do not hold: for each part in order, whether its own does.
    Refused(Vec<Part>),
    /// Nothing happened, because another transaction was at one of the items; another try may help.
    Conflict,
}

/// One part of a transaction that was refused.
pub(crate) enum Part {
    /// Its condition does not hold; with the item that is there, when the store gave it along.
    Refused(Option<AttributeMap>),
    /// Nothing is wrong with it.
    Fits,
}

impl Store {
    /// Writes all or nothing; `table` is the one that errors name.
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
