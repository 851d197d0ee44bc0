//! DynamoDB without a server: what the SDK would send over HTTP is answered by Dynoxide in this process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

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
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Calls that may wait for the database; more wait for a place, up to their deadline.
const QUEUE: usize = 1024;

/// How often expired items are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);

/// Every request of the SDK names its operation in this header, after this prefix.
const TARGET: (&str, &str) = ("x-amz-target", "DynamoDB_20120810.");

/// The HTTP client that the SDK is given: it hands each request to the thread that owns the database.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedClient {
    calls: mpsc::Sender<Call>,
}

/// A request on its way to the database.
#[derive(Debug)]
struct Call {
    operation: String,
    body: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

/// What the database says, as it would over HTTP.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

impl EmbeddedClient {
    /// Opens or creates the database in a file, or in memory. SQLite blocks, so the database has a thread to itself that
    /// ends when the last client is gone.
    pub(crate) async fn open(path: Option<&Path>) -> Result<Self, StoreError> {
        let shown = path.map_or_else(|| "in memory".to_owned(), |path| path.display().to_string());
        let failed = move |reason: String| StoreError::Open { path: shown, reason };
        let path = path.map(Path::to_owned);
        let opened = tokio::task::spawn_blocking(move || open_database(path.as_deref())).await;
        let database = match opened {
            Ok(Ok(database)) => database,
            Ok(Err(reason)) => return Err(failed(reason)),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (calls, queue) = mpsc::channel(QUEUE);
        let serving = thread::Builder::new().name("store".to_owned()).spawn(move || serve(&database, queue));
        serving.map_err(|error| failed(error.to_string()))?;
        Ok(Self { calls })
    }
}

fn open_database(path: Option<&Path>) -> Result<Database, String> {
    let Some(path) = path else {
        return Database::memory().map_err(|error| error.to_string());
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("its folder cannot be made: {error}"))?;
    }
    let name = path.to_str().ok_or("its path is not UTF-8")?;
    Database::new(name).map_err(|error| error.to_string())
}

/// Answers calls, one after another, until the last client is gone.
fn serve(database: &Database, mut queue: mpsc::Receiver<Call>) {
    let (stop, stopped) = std_mpsc::channel();
    let sweeping = database.clone();
    let sweeper = thread::Builder::new().name("store-sweep".to_owned()).spawn(move || sweep(&sweeping, &stopped));
    if let Err(error) = &sweeper {
        tracing::warn!(%error, "expired items of the embedded store will not be deleted");
    }
    while let Some(call) = queue.blocking_recv() {
        // A caller whose deadline has passed is gone; its write must not happen after it was told of the timeout.
        if call.answer.is_closed() {
            continue;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| run(database, &call.operation, &call.body)));
        let answer = answer.unwrap_or_else(|_| {
            tracing::error!(operation = call.operation, "the embedded store panicked; restart the host");
            refusal(&DynoxideError::InternalServerError("the embedded store panicked".to_owned()))
        });
        // The caller may have gone in the meantime.
        let _ = call.answer.send(answer);
    }
    drop(stop);
    if let Ok(sweeper) = sweeper {
        let _ = sweeper.join();
    }
}

/// Deletes expired items now and then, until the serving thread drops its end.
fn sweep(database: &Database, stopped: &std_mpsc::Receiver<()>) {
    while let Err(std_mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(SWEEP_EVERY) {
        match database.sweep_ttl() {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "deleted expired items"),
            Err(error) => tracing::warn!(%error, "expired items could not be deleted"),
        }
    }
}

impl HttpClient for EmbeddedClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for EmbeddedClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let calls = self.calls.clone();
        HttpConnectorFuture::new(async move { answer(&calls, &request).await })
    }
}

async fn answer(calls: &mpsc::Sender<Call>, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get(TARGET.0).unwrap_or_default();
    let operation = target.strip_prefix(TARGET.1).unwrap_or(target).to_owned();
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streamed request".into()))?.to_vec();
    let (answer, answered) = oneshot::channel();
    let gone = || ConnectorError::other("the embedded store has stopped; restart the host".into(), None);
    calls.send(Call { operation, body, answer }).await.map_err(|_| gone())?;
    let Answer { status, body } = answered.await.map_err(|_| gone())?;
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
    Ok(HttpResponse::new(status, SdkBody::from(body)))
}

/// Every operation that the store uses.
fn run(database: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "PutItem" => one(body, |request| database.put_item(request)),
        "GetItem" => one(body, |request| database.get_item(request)),
        "UpdateItem" => one(body, |request| database.update_item(request)),
        "Query" => one(body, |request| database.query(request)),
        "BatchGetItem" => one(body, |request| database.batch_get_item(request)),
        "TransactWriteItems" => one(body, |request| database.transact_write_items(request)),
        "CreateTable" => one(body, |request| database.create_table(request)),
        "DescribeTable" => one(body, |request| database.describe_table(request)),
        "UpdateTimeToLive" => one(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => one(body, |request| database.describe_time_to_live(request)),
        other => refusal(&DynoxideError::UnsupportedCapability(format!("the embedded store does not know {other}"))),
    }
}

fn one<Q: DeserializeOwned, R: Serialize>(body: &[u8], operation: impl FnOnce(Q) -> dynoxide::Result<R>) -> Answer {
    let answered = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))
        .and_then(operation)
        .and_then(|response| {
            serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
        });
    match answered {
        Ok(body) => Answer { status: 200, body },
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &DynoxideError) -> Answer {
    Answer { status: error.status_code(), body: error.to_json() }
}
