use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::StoreError;

/// The meaning of a failed call in plain words, without the SDK's dump of request and response.
pub(crate) fn failure<E>(operation: &'static str, table: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let table = table.to_owned();
    match &error {
        SdkError::TimeoutError(_) => StoreError::Timeout { table, operation },
        SdkError::DispatchFailure(dispatch) => {
            let reason = dispatch.as_connector_error().map_or_else(String::new, |error| root(error));
            if dispatch.is_timeout() {
                StoreError::Timeout { table, operation }
            } else if dispatch.is_io() || dispatch.as_connector_error().is_none() {
                StoreError::Unavailable { table, operation, reason }
            } else if reason.contains("redential") {
                // The SDK reports missing credentials as a failure to send, without a type of their own.
                StoreError::Denied { table, operation, reason }
            } else {
                StoreError::Unavailable { table, operation, reason }
            }
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let message = service.err().message().unwrap_or("no reason was given");
            answered(operation, table, status, service.err().code().unwrap_or_default(), message)
        }
        SdkError::ResponseError(response) => {
            let reason = format!("its answer makes no sense (HTTP {})", response.raw().status().as_u16());
            StoreError::Unavailable { table, operation, reason }
        }
        other => StoreError::Refused { table, operation, reason: root(other) },
    }
}

fn answered(operation: &'static str, table: String, status: u16, code: &str, message: &str) -> StoreError {
    let reason = format!("{message} ({code})");
    match code {
        "ConditionalCheckFailedException" => StoreError::ConditionFailed { table, operation },
        "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" | "Throttling" => {
            StoreError::Throttled { table, operation }
        }
        "TransactionConflictException" | "TransactionInProgressException" | "ReplicatedWriteConflictException" => {
            let reason = "another write to the same item is under way".to_owned();
            StoreError::Unavailable { table, operation, reason }
        }
        "ResourceNotFoundException" => StoreError::MissingTables(vec![table]),
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "ExpiredTokenException"
        | "ExpiredToken" => StoreError::Denied { table, operation, reason },
        _ if status >= 500 => StoreError::Unavailable { table, operation, reason },
        _ => StoreError::Refused { table, operation, reason },
    }
}

/// The innermost reason, which is the most specific one, on one line.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
