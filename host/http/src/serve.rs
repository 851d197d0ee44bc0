//! Accepts TCP connections and serves HTTP/1.1 on them, with limits that `axum::serve` does not have: timeouts for
//! headers, idle connections and writes, the size of headers, and the number of connections.

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
use crate::connection_state::ConnectionState;
use crate::metrics::{HTTP_CONNECTIONS, HTTP_REFUSED};

/// `[http]`: limits of HTTP connections. A connection that has become a WebSocket is limited by `[websocket]` instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The most HTTP connections at the same time, WebSockets not counted. At the limit, the host closes the connection
    /// that has been idle longest to accept a new one. If no connection is idle, the host closes the new one at once.
    pub max_connections: usize,
    /// The most HTTP connections at the same time from one IPv4 address or one IPv6 /64 network, WebSockets not
    /// counted. At the limit, the host closes the connection of this address that has been idle longest to accept a new
    /// one. If none of them is idle, the host closes the new one at once. All clients that connect through one proxy
    /// have the address of the proxy.
    pub connections_per_address: usize,
    /// How long a client may take to send the headers of a request. For the first request of a connection the time
    /// begins when the client connects, for every further request with its first byte.
    pub header_timeout: HumanDuration,
    /// How long the host keeps a connection open that waits for its next request. It must be longer than the idle
    /// timeout of a load balancer in front of the host: then the balancer closes idle connections, and never sends a
    /// request on a connection that the host is closing.
    pub idle_timeout: HumanDuration,
    /// The most headers of one request.
    pub max_headers: usize,
    /// The most bytes of all headers of one request together. A size below 8 KiB counts as 8 KiB.
    pub header_size: HumanSize,
    /// How long a client may read none of the data that the host sends before the host closes the connection. The
    /// timeout applies to WebSockets too.
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

/// The pause after a failed accept. Accepting mostly fails because the process has no file descriptors left, and
/// connections that close meanwhile release some.
const ACCEPT_ERROR_BACKOFF: Duration = Duration::from_millis(50);

/// The two steps of a listener's shutdown.
#[derive(Clone, Debug, Default)]
pub struct HttpShutdown {
    /// Once cancelled, every response says `Connection: close`, so that clients and balancers send their next request
    /// to another host.
    pub drain: CancellationToken,
    /// Once cancelled, no connection is accepted, and each open one closes after the request that it is handling.
    pub stop: CancellationToken,
}

impl From<CancellationToken> for HttpShutdown {
    /// A shutdown without draining.
    fn from(stop: CancellationToken) -> Self {
        Self { drain: CancellationToken::new(), stop }
    }
}

/// Serves `router` until `shutdown.stop` is cancelled and the requests in flight are answered. The extensions of each
/// request have its peer as [`axum::extract::ConnectInfo`] and the [`ReadBudget`](crate::ReadBudget) of its connection.
/// Upgraded connections stay open; the code that upgraded them closes them.
pub async fn serve_http(config: HttpConfig, listener: TcpListener, router: Router, shutdown: impl Into<HttpShutdown>) {
    let shutdown = shutdown.into();
    // HTTP/1.1 only: hyper-util's builder that also detects HTTP/2 waits for the first bytes without a timeout. hyper's
    // own header timeout also runs while a connection is idle, so `ConnectionState` keeps the header timeout.
    let mut builder = http1::Builder::new();
    builder
        .max_headers(config.max_headers)
        // hyper panics below 8 KiB.
        .max_buf_size(usize::try_from(config.header_size.0).unwrap_or(usize::MAX).max(8 * 1024));
    let limit = ConnectionLimit::new(config.max_connections, config.connections_per_address);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_ERROR_BACKOFF).await;
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
        let (header_timeout, idle_timeout) = (config.header_timeout.0, config.idle_timeout.0);
        let stop = shutdown.stop.child_token();
        let state = ConnectionState::new(limit.clone(), permit, peer.ip(), header_timeout, idle_timeout, stop);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(config.write_timeout.0));
        let drain = shutdown.drain.clone();
        let serve = connection::serve(builder.clone(), stream, router.clone(), peer, state, drain);
        connections.spawn(async move {
            ::metrics::gauge!(HTTP_CONNECTIONS).increment(1);
            serve.await;
            ::metrics::gauge!(HTTP_CONNECTIONS).decrement(1);
        });
    }
    // Clients must not wait in the backlog of a listener that accepts no more connections.
    drop(listener);
    connections.close();
    connections.wait().await;
}
