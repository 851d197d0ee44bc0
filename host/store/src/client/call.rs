use std::error::Error;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::DynoxideError;

use super::{CALL_DEADLINE, Store};
use crate::embedded::{DatabaseOperation, Embedded};

mod items;
mod queries;
mod transactions;

/// The result of a call.
type Answered<C> = Result<<C as Call>::Output, SdkError<<C as Call>::Error, HttpResponse>>;

/// A call to DynamoDB. The SDK sends it to a server. The database in this process is called without the SDK, whose
/// signing, retries and HTTP cost several times as much as the database itself. In both cases the input with its
/// expressions and the output are the same.
pub(crate) trait Call: Sized + Send {
    type Output: Send;
    type Error: Error + ProvideErrorMetadata + Send + Sync + 'static;
    /// The input as a type of the database in this process.
    type Request: DatabaseOperation;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send;
    fn request(self) -> Result<Self::Request, Unsendable>;
    fn output(response: <Self::Request as DatabaseOperation>::Response) -> Result<Self::Output, Unsendable>;
    fn error(error: DynoxideError, meta: ErrorMetadata) -> Self::Error;
}

/// A call without a required field, or with one that the database in this process does not have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error(transparent)]
    Incomplete(#[from] BuildError),
    #[error(transparent)]
    Unknown(#[from] DynoxideError),
}

impl Store {
    /// Sends a call to the server or to the database in this process.
    pub(crate) async fn send<C: Call>(&self, call: C) -> Answered<C> {
        let answered = self.ask(call).await;
        self.outcomes().note(C::Request::WRITES, &answered);
        answered
    }

    /// Like [`Store::send`], for calls that do not count in the store's health.
    pub(crate) async fn ask<C: Call>(&self, call: C) -> Answered<C> {
        match &self.inner.embedded {
            Some(embedded) => ask(embedded, call).await,
            // Boxed, because the SDK's future takes many kilobytes, which would be part of every future that may await
            // a call, and be moved with it.
            None => Box::pin(call.send(&self.inner.client)).await,
        }
    }
}

async fn ask<C: Call>(embedded: &Embedded, call: C) -> Answered<C> {
    let request = call.request().map_err(SdkError::construction_failure)?;
    match tokio::time::timeout(CALL_DEADLINE, embedded.ask(request)).await {
        Ok(Ok(Ok(response))) => C::output(response).map_err(SdkError::construction_failure),
        Ok(Ok(Err(error))) => Err(refused::<C>(error)),
        Ok(Err(stopped)) => Err(SdkError::dispatch_failure(
            aws_smithy_runtime_api::client::result::ConnectorError::other(stopped.into(), None),
        )),
        Err(elapsed) => Err(SdkError::timeout_error(elapsed)),
    }
}

/// The error as the SDK reports a refusal of a service.
fn refused<C: Call>(error: DynoxideError) -> SdkError<C::Error, HttpResponse> {
    let code = error.error_type().rsplit('#').next().unwrap_or_default();
    let meta = ErrorMetadata::builder().code(code).message(error.to_string()).build();
    match StatusCode::try_from(error.status_code()) {
        Ok(status) => SdkError::service_error(C::error(error, meta), HttpResponse::new(status, SdkBody::empty())),
        Err(no_status) => SdkError::construction_failure(no_status),
    }
}
