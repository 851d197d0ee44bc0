use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::DEADLINE;
use crate::store_server::config;

/// The answer of DynamoDB to a request beyond the table's capacity.
const THROTTLED: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#;

/// What a [`StoreProxy`] does to the requests that pass it. The shares are between 0 and 1 and are decided for each
/// request by a seeded generator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreFaults {
    /// Connections are refused, and existing ones closed.
    pub is_down: bool,
    /// The share of requests that are answered with a `ThrottlingException` and not passed on.
    pub throttled: f64,
    /// The share of requests that are passed on and whose answers are lost with their connections.
    pub unanswered: f64,
    /// How long each answer takes in addition.
    pub delay: Duration,
}

/// Counts of a [`StoreProxy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCalls {
    /// Requests that were answered by the store.
    pub answered: u64,
    /// Requests that the proxy answered with a `ThrottlingException`.
    pub throttled: u64,
    /// Requests whose answers were lost.
    pub unanswered: u64,
}

/// A proxy in front of a server that speaks DynamoDB, which makes the store as bad as a test asks for. It ends when
/// this value is dropped.
#[derive(Debug)]
pub struct StoreProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    faults: watch::Sender<StoreFaults>,
    chance: Mutex<StdRng>,
    calls: Mutex<StoreCalls>,
}

/// Closes the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct AnswerLost;

impl StoreProxy {
    /// A proxy without faults in front of the server at `upstream`, an URL.
    pub async fn start(upstream: &str, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            client: reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?,
            faults: watch::Sender::new(StoreFaults::default()),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            calls: Mutex::default(),
        });
        let serving = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { address, shared, serving })
    }

    /// Its address, `http://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys of `[store]` for hosts that use the store through the proxy.
    pub fn config(&self) -> String {
        config(&self.url())
    }

    /// Makes the store fail in this way from now on.
    pub fn set(&self, faults: StoreFaults) {
        self.shared.faults.send_replace(faults);
    }

    /// What has become of the requests so far.
    pub fn calls(&self) -> StoreCalls {
        *self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StoreProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted && !shared.faults.borrow().is_down {
                    connections.spawn(connection(stream, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let mut faults = shared.faults.subscribe();
    let service = service_fn(|request| pass(request, shared.clone()));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is a connection that was closed early, by the host or by a fault.
        _ = serving => {}
        _ = faults.wait_for(|faults| faults.is_down) => {}
    }
}

async fn pass(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let faults = *shared.faults.borrow();
    let chance: f64 = shared.chance.lock().unwrap_or_else(PoisonError::into_inner).random();
    let count = |count: fn(&mut StoreCalls)| count(&mut shared.calls.lock().unwrap_or_else(PoisonError::into_inner));
    tokio::time::sleep(faults.delay).await;
    if chance < faults.throttled {
        count(|calls| calls.throttled += 1);
        return Ok(answer(StatusCode::BAD_REQUEST, Bytes::from_static(THROTTLED.as_bytes())));
    }
    let (status, body) = forward(request, &shared).await.map_err(|_| AnswerLost)?;
    if chance < faults.throttled + faults.unanswered {
        count(|calls| calls.unanswered += 1);
        return Err(AnswerLost);
    }
    count(|calls| calls.answered += 1);
    Ok(answer(status, body))
}

async fn forward(request: Request<Incoming>, shared: &Shared) -> Result<(StatusCode, Bytes)> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.context("the request breaks off")?.to_bytes();
    let forwarded = shared.client.post(&shared.upstream).headers(head.headers).body(body).send().await?;
    Ok((forwarded.status(), forwarded.bytes().await?))
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/x-amz-json-1.0");
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    answer
}
