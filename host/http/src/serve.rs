//! Accepts TCP connections and serves HTTP/1.1 on them, with the limits that `axum::serve` does not set: how long
//! headers may take, how long a connection may be idle, how large headers may be, how many connections there may be,
//! and how long nothing of an answer may be read.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use serde::{Deserialize, Serialize};
use signalbox_limits::LimitReached;
use signalbox_model::{HumanDuration, HumanSize};
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection;
use crate::connection_limit::ConnectionLimit;
use crate::metrics::{HTTP_CONNECTIONS, HTTP_REFUSED};
use crate::progress::ConnectionProgress;

/// `[http]`: connections until they become WebSockets; those have limits of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Connections at a time that are no WebSockets. When there are as many, a new one takes the place of the longest
    /// idle one; without an idle one it is closed at once.
    pub max_connections: usize,
    /// Those of them that come from one address, or one /64 of IPv6; further ones are treated alike. Everybody behind a
    /// proxy has the proxy's address.
    pub connections_per_address: usize,
    /// How long a client may take to send the headers of a request: of the first since it connected, of every other
    /// since its first byte.
    pub header_timeout: HumanDuration,
    /// How long a connection may wait for its next request. Longer than the idle timeout of a balancer before the host,
    /// so that it is the balancer that ends idle connections, and never sends a request on one that is just ending.
    pub idle_timeout: HumanDuration,
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
            idle_timeout: HumanDuration::secs(90),
            max_headers: 64,
            header_size: HumanSize(32 * 1024),
            write_timeout: HumanDuration::secs(30),
        }
    }
}

/// How long after a failed accept the next is tried: mostly there are no file descriptors left, and some come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// When a listener is to end.
#[derive(Clone, Debug, Default)]
pub struct HttpEnding {
    /// From then on every answer is the last of its connection, so that clients and balancers go elsewhere with the
    /// next.
    pub leaving: CancellationToken,
    /// From then on no connection is accepted, and those that there are end with the request under way.
    pub stop: CancellationToken,
}

impl From<CancellationToken> for HttpEnding {
    /// Without a time of leaving.
    fn from(stop: CancellationToken) -> Self {
        Self { leaving: CancellationToken::new(), stop }
    }
}

/// Serves `router` until it is to stop, and then until the requests under way are answered; each request carries its
/// peer as [`axum::extract::ConnectInfo`]. Upgraded connections go on: whoever upgraded them ends them.
pub async fn serve_http(config: HttpConfig, listener: TcpListener, router: Router, ending: impl Into<HttpEnding>) {
    let ending = ending.into();
    // HTTP/1.1 only: the builder that also guesses HTTP/2 waits for its first bytes without a deadline. The library's
    // limit on the time for headers also runs while a connection is idle, so that time is kept by ourselves.
    let mut builder = http1::Builder::new();
    builder
        .max_headers(config.max_headers)
        // The library's least.
        .max_buf_size(usize::try_from(config.header_size.0).unwrap_or(usize::MAX).max(8 * 1024));
    let limit = ConnectionLimit::new(config.max_connections, config.connections_per_address);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = ending.stop.cancelled() => break,
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
        let permit = match limit.acquire(peer.ip()) {
            Ok(permit) => permit,
            Err(reached) => {
                let reason = match reached {
                    LimitReached::Key => "address",
                    LimitReached::Total => "all",
                };
                ::metrics::counter!(HTTP_REFUSED, "reason" => reason).increment(1);
                continue;
            }
        };
        let (head, idle) = (config.header_timeout.0, config.idle_timeout.0);
        let progress = ConnectionProgress::new(limit.clone(), permit, peer.ip(), head, idle, ending.stop.child_token());
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(config.write_timeout.0));
        let leaving = ending.leaving.clone();
        let serve = connection::serve(builder.clone(), stream, router.clone(), peer, progress, leaving);
        connections.spawn(async move {
            ::metrics::gauge!(HTTP_CONNECTIONS).increment(1);
            serve.await;
            ::metrics::gauge!(HTTP_CONNECTIONS).decrement(1);
        });
    }
    // Nobody is to wait in the backlog of a listener that accepts nothing.
    drop(listener);
    connections.close();
    connections.wait().await;
}
