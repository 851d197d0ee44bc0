//! What is done to tables, which is rare: the SDK sends it as if over HTTP, and the database reads its JSON.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Embedded, Operation};

/// Every request of the SDK names its operation in this header, after this prefix.
const TARGET: (&str, &str) = ("x-amz-target", "DynamoDB_20120810.");

impl HttpClient for Embedded {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Embedded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let database = self.clone();
        HttpConnectorFuture::new(async move { answer(&database, &request).await })
    }
}

async fn answer(database: &Embedded, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get(TARGET.0).unwrap_or_default();
    let operation = target.strip_prefix(TARGET.1).unwrap_or(target).to_owned();
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streamed request".into()))?.to_vec();
    let answered = database.ask(Json { operation, body }).await;
    let (status, body) = match answered.map_err(|stopped| ConnectorError::other(stopped.into(), None))? {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    };
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// An operation as it stands in a request of the SDK.
struct Json {
    operation: String,
    body: Vec<u8>,
}

impl Operation for Json {
    type Response = String;
    const WRITES: bool = true;

    fn run(self, database: &Database) -> dynoxide::Result<String> {
        run(database, &self.operation, &self.body)
    }
}

fn run(database: &Database, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
    match operation {
        "CreateTable" => one(body, |request| database.create_table(request)),
        "UpdateTable" => one(body, |request| database.update_table(request)),
        "DescribeTable" => one(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => one(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => one(body, |request| database.describe_time_to_live(request)),
        other => Err(DynoxideError::UnsupportedCapability(format!("the embedded store does not know {other}"))),
    }
}

fn one<Q: DeserializeOwned, R: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<R>,
) -> dynoxide::Result<String> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    serde_json::to_string(&operation(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
