use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsInputBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use dynoxide::DynoxideError;
use dynoxide::actions::transact_write_items::{
    TransactConditionCheck, TransactPut, TransactUpdate, TransactWriteItem as EmbeddedPart, TransactWriteItemsRequest,
    TransactWriteItemsResponse,
};

use super::{Answered, Call, Unsendable};
use crate::embedded::{inward_item, outward_item};

impl Call for TransactWriteItemsInputBuilder {
    type Output = TransactWriteItemsOutput;
    type Error = TransactWriteItemsError;
    type Request = TransactWriteItemsRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<TransactWriteItemsRequest, Unsendable> {
        let input = self.build()?;
        let parts = input.transact_items.unwrap_or_default().into_iter();
        let transact_items = parts.map(part).collect::<Result<_, _>>()?;
        let client_request_token = input.client_request_token;
        Ok(TransactWriteItemsRequest { transact_items, client_request_token, ..TransactWriteItemsRequest::default() })
    }

    fn output(_: TransactWriteItemsResponse) -> Result<TransactWriteItemsOutput, Unsendable> {
        Ok(TransactWriteItemsOutput::builder().build())
    }

    fn error(error: DynoxideError, meta: ErrorMetadata) -> TransactWriteItemsError {
        let DynoxideError::TransactionCanceledException(message, reasons) = error else {
            return TransactWriteItemsError::generic(meta);
        };
        let reasons = reasons.into_iter().map(|reason| {
            CancellationReason::builder()
                .code(reason.code)
                .set_message(reason.message)
                .set_item(reason.item.map(outward_item))
                .build()
        });
        let canceled = TransactionCanceledException::builder().message(message);
        let canceled = canceled.set_cancellation_reasons(Some(reasons.collect())).meta(meta).build();
        TransactWriteItemsError::TransactionCanceledException(canceled)
    }
}

fn part(part: TransactWriteItem) -> Result<EmbeddedPart, DynoxideError> {
    match part {
        TransactWriteItem { put: Some(put), .. } => {
            Ok(EmbeddedPart { put: Some(transact_put(put)?), ..EmbeddedPart::default() })
        }
        TransactWriteItem { condition_check: Some(check), .. } => {
            Ok(EmbeddedPart { condition_check: Some(transact_check(check)?), ..EmbeddedPart::default() })
        }
        TransactWriteItem { update: Some(update), .. } => {
            Ok(EmbeddedPart { update: Some(transact_update(update)?), ..EmbeddedPart::default() })
        }
        _ => Err(DynoxideError::UnsupportedCapability("a transaction that deletes".to_owned())),
    }
}

fn transact_put(put: Put) -> Result<TransactPut, DynoxideError> {
    Ok(TransactPut {
        table_name: put.table_name,
        item: inward_item(put.item)?,
        condition_expression: put.condition_expression,
        expression_attribute_names: put.expression_attribute_names,
        expression_attribute_values: put.expression_attribute_values.map(inward_item).transpose()?,
        return_values_on_condition_check_failure: wanted(put.return_values_on_condition_check_failure.as_ref()),
    })
}

fn transact_update(update: Update) -> Result<TransactUpdate, DynoxideError> {
    Ok(TransactUpdate {
        table_name: update.table_name,
        key: inward_item(update.key)?,
        update_expression: update.update_expression,
        condition_expression: update.condition_expression,
        expression_attribute_names: update.expression_attribute_names,
        expression_attribute_values: update.expression_attribute_values.map(inward_item).transpose()?,
        return_values_on_condition_check_failure: wanted(update.return_values_on_condition_check_failure.as_ref()),
    })
}

fn transact_check(check: ConditionCheck) -> Result<TransactConditionCheck, DynoxideError> {
    Ok(TransactConditionCheck {
        table_name: check.table_name,
        key: inward_item(check.key)?,
        condition_expression: check.condition_expression,
        expression_attribute_names: check.expression_attribute_names,
        expression_attribute_values: check.expression_attribute_values.map(inward_item).transpose()?,
        return_values_on_condition_check_failure: wanted(check.return_values_on_condition_check_failure.as_ref()),
    })
}

fn wanted(on_failure: Option<&ReturnValuesOnConditionCheckFailure>) -> Option<String> {
    on_failure.map(|wanted| wanted.as_str().to_owned())
}
