use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How a [`Receiver`] behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// It answers every call with 200.
    #[default]
    Takes,
    /// It answers every call with this status.
    Answers(u16),
    /// It takes connections and never answers.
    Hangs,
    /// It takes no connections.
    Refuses,
    /// It closes connections as soon as it has accepted them.
    Resets,
    /// It answers with bytes that are no HTTP.
    Garbage,
    /// It takes the call and closes the connection without an answer.
    LosesAnswers,
}

/// A call that a [`Receiver`] has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The header `idempotency-key`.
    pub key: String,
    /// The body.
    pub body: Value,
}

/// An external service that decisions call. It ends when this value is dropped.
#[derive(Debug)]
pub struct Receiver {
    authority: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    reception: watch::Sender<Reception>,
    received: Mutex<Vec<Received>>,
}

/// Closes the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct AnswerLost;

impl Receiver {
    /// A service that takes every call.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { reception: watch::Sender::default(), received: Mutex::default() });
        let serving = tokio::spawn(serve(listener, address, shared.clone()));
        Ok(Self { authority: address.to_string(), shared, serving })
    }

    /// The URL that decisions call.
    pub fn url(&self) -> String {
        format!("http://{}/orders", self.authority)
    }

    /// The configuration with which a host calls it: whole TOML sections.
    pub fn config(&self) -> String {
        format!(
            "[egress]\nallow-plain-http = true\nprivate-networks = [\"127.0.0.0/8\"]\n\
             [delivery.external-calls.receivers.orders]\nhosts = [\"{}\"]\n",
            self.authority
        )
    }

    /// Makes it behave in this way from now on.
    pub fn set(&self, reception: Reception) {
        self.shared.reception.send_replace(reception);
    }

    /// Every call that it has taken, in order. A call that it answered with an error is none of them.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut reception = shared.reception.subscribe();
    loop {
        tokio::select! {
            () = becomes(&mut reception, true) => {
                drop(listener);
                becomes(&mut reception, false).await;
                listener = match TcpListener::bind(address).await {
                    Ok(listener) => listener,
                    // Another program has taken the port; the calls then never arrive, which the test notices.
                    Err(_) => return,
                };
            }
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Waits until the receiver refuses connections, or no longer does.
async fn becomes(reception: &mut watch::Receiver<Reception>, refuses: bool) {
    // The sender lives as long as the task that waits.
    let _ = reception.wait_for(|reception| (*reception == Reception::Refuses) == refuses).await;
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    let now = *shared.reception.borrow();
    match now {
        Reception::Resets => return,
        Reception::Garbage => {
            // The host may have closed the connection meanwhile.
            let _ = stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
            return;
        }
        _ => {}
    }
    let mut changed = shared.reception.subscribe();
    let service = service_fn(|request| receive(request, shared.clone()));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is a connection that was closed early, by the host or by this receiver.
        _ = serving => {}
        // A kept connection must not go on in the old way.
        _ = changed.wait_for(|other| *other != now) => {}
    }
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, AnswerLost> {
    let now = *shared.reception.borrow();
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(|_| AnswerLost)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let take = || shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(Received { key, body });
    match now {
        Reception::Takes => {
            take();
            Ok(Response::new(Full::default()))
        }
        Reception::LosesAnswers => {
            take();
            Err(AnswerLost)
        }
        Reception::Answers(status) => {
            let mut answer = Response::new(Full::from("the receiver was told to answer so"));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok(answer)
        }
        Reception::Hangs | Reception::Refuses | Reception::Resets | Reception::Garbage => std::future::pending().await,
    }
}
