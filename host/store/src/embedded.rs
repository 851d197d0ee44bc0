//! DynamoDB without a server: what the SDK would send over HTTP is answered by Dynoxide in this process.
//!
//! Dynoxide commits every write to SQLite's write-ahead log. SQLite itself would sync the log after every one of them,
//! which makes a write as slow as the disk; instead, the calls that wait at the same moment are run together, the log is
//! synced once, and only then are they answered. So what was answered outlives `kill -9` and power loss all the same.

use std::fs::{File, OpenOptions};
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

/// Calls that are answered after one sync of the log.
const BATCH: usize = 64;

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
            Ok(Ok(opened)) => opened,
            Ok(Err(reason)) => return Err(failed(reason)),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (calls, queue) = mpsc::channel(QUEUE);
        let serving = thread::Builder::new().name("store".to_owned()).spawn(move || serve(&database, queue));
        serving.map_err(|error| failed(error.to_string()))?;
        Ok(Self { calls })
    }
}

/// The database, and the log to sync before answers.
struct Opened {
    database: Database,
    /// None when there is no file, or when SQLite syncs the log itself.
    log: Option<File>,
}

fn open_database(path: Option<&Path>) -> Result<Opened, String> {
    let Some(path) = path else {
        return Ok(Opened { database: Database::memory().map_err(|error| error.to_string())?, log: None });
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("its folder cannot be made: {error}"))?;
    }
    let name = path.to_str().ok_or("its path is not UTF-8")?;
    let database = Database::new(name).map_err(|error| error.to_string())?;
    // SQLite puts the log beside the file itself, not beside a link to it.
    let log = path.canonicalize().map(|path| format!("{}-wal", path.display()));
    let log = match log.and_then(|log| OpenOptions::new().write(true).open(log)) {
        Ok(log) => {
            // Sets `synchronous=NORMAL`: the log is synced by us, and by SQLite before it moves the log into the file.
            database.disable_bulk_loading().map_err(|error| error.to_string())?;
            Some(log)
        }
        Err(error) => {
            tracing::warn!(%error, "the embedded store syncs after every write, which is slow");
            None
        }
    };
    Ok(Opened { database, log })
}

/// Answers calls until the last client is gone: all that wait are run one after another, then their writes are synced,
/// then they are answered.
fn serve(opened: &Opened, mut queue: mpsc::Receiver<Call>) {
    let (stop, stopped) = std_mpsc::channel();
    let sweeping = opened.database.clone();
    let sweeper = thread::Builder::new().name("store-sweep".to_owned()).spawn(move || sweep(&sweeping, &stopped));
    if let Err(error) = &sweeper {
        tracing::warn!(%error, "expired items of the embedded store will not be deleted");
    }
    let mut calls = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut calls, BATCH) > 0 {
        let mut wrote = false;
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls.drain(..) {
            // A caller whose deadline has passed is gone; its write must not happen after it was told of the timeout.
            if call.answer.is_closed() {
                continue;
            }
            wrote |= writes(&call.operation);
            answers.push((run_caught(&opened.database, &call), call.answer));
        }
        let synced = match &opened.log {
            Some(log) if wrote => log.sync_data(),
            _ => Ok(()),
        };
        if let Err(error) = &synced {
            tracing::error!(%error, "the embedded store cannot sync its log; what it writes may be lost");
        }
        for (answer, to) in answers {
            let answer = if synced.is_ok() { answer } else { failed("the embedded store cannot sync its log") };
            // The caller may have gone in the meantime.
            let _ = to.send(answer);
        }
    }
    drop(stop);
    if let Ok(sweeper) = sweeper {
        let _ = sweeper.join();
    }
}

/// Whether an operation may change what is stored.
fn writes(operation: &str) -> bool {
    !(operation.starts_with("Describe") || matches!(operation, "GetItem" | "BatchGetItem" | "Query"))
}

fn run_caught(database: &Database, call: &Call) -> Answer {
    catch_unwind(AssertUnwindSafe(|| run(database, &call.operation, &call.body))).unwrap_or_else(|_| {
        tracing::error!(operation = call.operation, "the embedded store panicked; restart the host");
        failed("the embedded store panicked")
    })
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
        "UpdateTable" => one(body, |request| database.update_table(request)),
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

fn failed(reason: &str) -> Answer {
    refusal(&DynoxideError::InternalServerError(reason.to_owned()))
}

fn refusal(error: &DynoxideError) -> Answer {
    Answer { status: error.status_code(), body: error.to_json() }
}
