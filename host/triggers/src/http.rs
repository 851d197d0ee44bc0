//! Accepts TCP connections and serves HTTP/1.1 on them, with the limits that `axum::serve` does not set: how long
//! headers may take, how large they may be, how many connections there may be, and how long nothing of an answer may be
//! read.

mod addresses;
mod allowance;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::metrics::{HTTP_CONNECTIONS, HTTP_REFUSED};
use allowance::Allowed;

pub(crate) use addresses::{Addresses, Place};
pub(crate) use allowance::{Allowance, UsedUp};

/// `[http]`: connections until they become WebSockets; those have limits of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Connections at a time that are no WebSockets; more are closed at once.
    pub max_connections: usize,
    /// Those of them that come from one address, or one /64 of IPv6; more are closed at once. Everybody behind a proxy
    /// has the proxy's address.
    pub connections_per_address: usize,
    /// How long a client may take to send the headers of a request, also the first.
    pub header_timeout: HumanDuration,
    /// The most headers of a request.
    pub max_headers: usize,
    /// The most bytes that all headers of a request may have.
    pub header_size: HumanSize,
    /// How long a client may read nothing of what it is sent, WebSockets included, before its connection is cut.
    pub write_timeout: HumanDuration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_connections: 2_000,
            connections_per_address: 1_000,
            header_timeout: HumanDuration::secs(10),
            max_headers: 64,
            header_size: HumanSize(32 * 1024),
            write_timeout: HumanDuration::secs(30),
        }
    }
}

/// How long after a failed accept the next is tried: mostly there are no file descriptors left, and some come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` until `stop`, and then until the requests under way are answered; each request carries its peer as
/// [`ConnectInfo`]. Upgraded connections go on: whoever upgraded them ends them.
pub async fn serve_http(config: HttpConfig, listener: TcpListener, router: Router, stop: CancellationToken) {
    // HTTP/1.1 only: the builder that also guesses HTTP/2 waits for its first bytes without a deadline.
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout.0)
        .max_headers(config.max_headers)
        // The library's least.
        .max_buf_size(usize::try_from(config.header_size.0).unwrap_or(usize::MAX).max(8 * 1024));
    let places = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
    let addresses = Addresses::new(config.connections_per_address);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            ::metrics::counter!(HTTP_REFUSED, "reason" => "all").increment(1);
            continue;
        };
        let Some(of_address) = addresses.take(peer.ip()) else {
            ::metrics::counter!(HTTP_REFUSED, "reason" => "address").increment(1);
            continue;
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(config.write_timeout.0));
        let serve = serve_one(builder.clone(), stream, peer, router.clone(), stop.clone());
        connections.spawn(async move {
            ::metrics::gauge!(HTTP_CONNECTIONS).increment(1);
            serve.await;
            ::metrics::gauge!(HTTP_CONNECTIONS).decrement(1);
            drop((place, of_address));
        });
    }
    connections.close();
    connections.wait().await;
}

async fn serve_one(
    builder: http1::Builder,
    stream: TimeoutStream<TcpStream>,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    // Answers are small and waited for; holding them back to fill packets only delays them.
    let _ = stream.get_ref().set_nodelay(true);
    let allowance = Allowance::default();
    let stream = Box::pin(stream);
    let stream = Allowed::new(stream, allowance.clone());
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(allowance.clone());
        request
    });
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection.with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
