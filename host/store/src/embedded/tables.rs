//! Operations on tables, which are rare: the SDK sends them as if over HTTP, and the database reads their JSON.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{DatabaseOperation, Embedded};

/// The header in which every request of the SDK names its operation, and the prefix of the name.
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

/// An operation from a request of the SDK.
struct Json {
    operation: String,
    body: Vec<u8>,
}

impl DatabaseOperation for Json {
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
        "DescribeTable" => one(body, |request| describe(database, &request)),
        "UpdateTimeToLive" => one(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => one(body, |request| database.describe_time_to_live(request)),
        other => Err(DynoxideError::UnsupportedCapability(format!("the embedded store does not know {other}"))),
    }
}

/// The description of a table that the store asks for when it is opened. Dynoxide's own answer adds up the sizes of all
/// items of the table and of its indexes, which took longer than a call's deadline with a hundred thousand items.
fn describe(database: &Database, request: &DescribeTableRequest) -> dynoxide::Result<Value> {
    let name = &request.table_name;
    let table = database.get_table_metadata(name)?;
    let table = table.ok_or_else(|| DynoxideError::ResourceNotFoundException(format!("there is no table {name}")))?;
    let mut indexes = table.gsi_definitions.as_deref().map(read).transpose()?.unwrap_or_default();
    for index in indexes.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        // A new index is filled before the next call is answered, so it is always active.
        index.insert("IndexStatus".to_owned(), json!("ACTIVE"));
    }
    Ok(json!({ "Table": {
        "TableName": table.table_name,
        "TableStatus": table.table_status,
        "KeySchema": read(&table.key_schema)?,
        "GlobalSecondaryIndexes": indexes,
    } }))
}

fn read(text: &str) -> dynoxide::Result<Value> {
    serde_json::from_str(text).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn one<Q: DeserializeOwned, R: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<R>,
) -> dynoxide::Result<String> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    serde_json::to_string(&operation(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_described_without_a_look_at_its_items() {
        let database = Database::memory().unwrap();
        let spec = serde_json::to_value(&crate::tables("t-")[0]).unwrap();
        run(&database, "CreateTable", spec["CreateTable"].to_string().as_bytes()).unwrap();

        let asked = json!({ "TableName": "t-decisions" }).to_string();
        let told: Value = serde_json::from_str(&run(&database, "DescribeTable", asked.as_bytes()).unwrap()).unwrap();
        let own: Value = serde_json::to_value(
            database.describe_table(serde_json::from_str(&asked).unwrap()).expect("the database's own answer"),
        )
        .unwrap();
        for same in ["TableName", "TableStatus", "KeySchema"] {
            assert_eq!(told["Table"][same], own["Table"][same], "{same}");
        }
        let indexes = |told: &Value| told["Table"]["GlobalSecondaryIndexes"].as_array().unwrap().clone();
        for (index, own) in indexes(&told).iter().zip(indexes(&own)) {
            for same in ["IndexName", "IndexStatus", "KeySchema"] {
                assert_eq!(index[same], own[same], "{same}");
            }
            assert_eq!(index.get("ItemCount"), None);
        }
        assert_eq!(indexes(&told).len(), 6);
        assert_eq!(told["Table"].get("ItemCount"), None);

        let asked = json!({ "TableName": "t-nothing" }).to_string();
        let error = run(&database, "DescribeTable", asked.as_bytes()).unwrap_err();
        assert!(matches!(error, DynoxideError::ResourceNotFoundException(_)), "{error}");
    }
}
