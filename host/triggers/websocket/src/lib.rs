//! The protocol `signalbox.v1` over WebSocket: `docs/guide/websocket.md` is its description for clients.
//!
//! The path of a connection: [`upgrade`] and [`handshake`] check the request, and [`frame_validator`] checks the bytes.
//! [`connection`] owns the socket and asks [`protocol`] what to do about each event. [`message`] has messages decided,
//! [`watch`] returns the results to the client, and [`resume`] replays what a client has missed.

mod config;
mod connection;
mod error_frame;
mod frame_validator;
mod handshake;
mod incoming_message;
mod message;
mod metrics;
mod protocol;
mod resume;
mod review;
mod upgrade;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::request::Parts;
use signalbox_delivery::Audience;
use signalbox_http::{ReadBudget, Verifier, client_network};
use signalbox_intake::Intake;
use signalbox_limits::{ConcurrencyLimit, ConcurrencyPermit, RateLimiter};
use signalbox_model::Clock;
use signalbox_sessions::{ClientLimits, Sessions};
use signalbox_store::Store;
use tokio::sync::watch as watch_channel;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig as WireConfig;
use tokio_util::task::TaskTracker;

use crate::metrics::{REFUSED, SOCKETS};
use connection::ConnectionTask;
use handshake::{HandshakeError, PresentedToken};
use protocol::Rules;
use upgrade::Upgrade;

pub use config::WebSocketConfig;
pub use metrics::describe_metrics;

/// The path of the WebSocket.
pub const PATH: &str = "/ws";

/// The subprotocol that every client has to ask for.
pub const SUBPROTOCOL: &str = "signalbox.v1";

/// The average time between the closes of a drain, when the deadline allows it.
const DRAIN_CLOSE_INTERVAL: Duration = Duration::from_millis(10);

/// The WebSocket endpoint. Cheap to clone.
#[derive(Clone)]
pub struct WebSocket {
    shared: Arc<Shared>,
}

struct Shared {
    config: WebSocketConfig,
    rules: Rules,
    verifier: Arc<Verifier>,
    intake: Intake,
    audience: Arc<dyn Audience>,
    sessions: Sessions,
    store: Store,
    clock: Clock,
    rate_limiter: RateLimiter<String>,
    sockets: AtomicUsize,
    /// Counts connections that have not authenticated, by client address, so that no client can take all of them.
    unauthenticated: ConcurrencyLimit<Option<IpAddr>>,
    tasks: TaskTracker,
    /// How long the drain may take, once one has begun.
    draining: watch_channel::Sender<Option<Duration>>,
}

impl WebSocket {
    /// The endpoint, which is reachable once its router is served.
    pub fn new(
        config: WebSocketConfig,
        verifier: Arc<Verifier>,
        intake: Intake,
        sessions: Sessions,
        store: Store,
        clock: Clock,
    ) -> Self {
        let shared = Shared {
            rules: rules(&config, &intake),
            audience: Arc::new(intake.audience()),
            rate_limiter: RateLimiter::new(config.frames_per_second, config.burst),
            sockets: AtomicUsize::new(0),
            unauthenticated: ConcurrencyLimit::new(config.max_unauthenticated, config.max_unauthenticated.div_ceil(2)),
            tasks: TaskTracker::new(),
            draining: watch_channel::Sender::new(None),
            config,
            verifier,
            intake,
            sessions,
            store,
            clock,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The route of the endpoint.
    pub fn router(&self) -> Router {
        Router::new().route(PATH, get(handle_upgrade).fallback(refuse_method)).with_state(self.shared.clone())
    }

    /// How many sockets are open, authenticated or not.
    pub fn sockets(&self) -> usize {
        self.shared.sockets.load(Ordering::Relaxed)
    }

    /// Accepts no more connections, tells every client when to reconnect, lets running decisions finish, and closes the
    /// connections spread over time. Returns when all sockets are gone, or at the deadline, how many are left.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.shared.draining.send_replace(Some(deadline));
        self.shared.tasks.close();
        // Connections close a little before the deadline, so that their close frames are still written.
        let _ = tokio::time::timeout(deadline, self.shared.tasks.wait()).await;
        self.sockets()
    }
}

/// The limits that a new connection counts against.
struct SocketPermits {
    socket: Socket,
    unauthenticated: UnauthenticatedPermit,
}

/// The permit of a connection until it is authenticated.
type UnauthenticatedPermit = ConcurrencyPermit<Option<IpAddr>>;

/// Counts a socket for as long as it exists.
struct Socket(Arc<Shared>);

impl Socket {
    fn open(shared: &Arc<Shared>) -> Option<Self> {
        let limit = shared.config.max_connections;
        let before = shared
            .sockets
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < limit).then_some(count + 1));
        before.ok()?;
        ::metrics::gauge!(SOCKETS).increment(1);
        Some(Self(shared.clone()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
        ::metrics::gauge!(SOCKETS).decrement(1);
    }
}

impl Shared {
    /// The shorter of the two, because few connections need not be spread over the whole time.
    fn drain_spread(&self) -> Duration {
        let needed = DRAIN_CLOSE_INTERVAL
            .saturating_mul(u32::try_from(self.sockets.load(Ordering::Relaxed)).unwrap_or(u32::MAX));
        self.config.drain_spread.0.min(needed)
    }

    /// How long the user has to wait; none when the frame is within the rate.
    fn throttle(&self, user_id: &str) -> Option<Duration> {
        self.rate_limiter.check(&user_id.to_owned()).err()
    }
}

async fn handle_upgrade(
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    read_budget: Option<Extension<ReadBudget>>,
    request: Request,
) -> Response {
    let read_budget = read_budget.map(|Extension(read_budget)| read_budget).unwrap_or_default();
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    match admit(&shared, &uri, &mut request.into_parts().0, peer) {
        Ok((upgrade, presented, permits)) => accept(shared, upgrade, presented, permits, read_budget),
        Err(refusal) => refuse(refusal),
    }
}

/// With another method than GET no upgrade is possible, so the answer is 405 and not 426, before any other check.
async fn refuse_method() -> Response {
    refuse(HandshakeError::Method)
}

fn refuse(refusal: HandshakeError) -> Response {
    ::metrics::counter!(REFUSED, "reason" => refusal.code().as_str()).increment(1);
    let correlation_id = signalbox_model::correlation_id();
    tracing::info!(correlation_id, reason = refusal.code().as_str(), "refused a WebSocket upgrade");
    refusal.into_response(&correlation_id)
}

fn admit(
    shared: &Arc<Shared>,
    uri: &http::Uri,
    request: &mut Parts,
    peer: Option<SocketAddr>,
) -> Result<(Upgrade, PresentedToken, SocketPermits), HandshakeError> {
    if shared.draining.borrow().is_some() {
        return Err(HandshakeError::Draining);
    }
    let upgrade = upgrade::read(request)?;
    let presented = handshake::read(uri, &request.headers, &shared.config.allowed_origins)?;
    let socket = Socket::open(shared).ok_or(HandshakeError::Full)?;
    let client = peer.map(|peer| client_network(peer.ip()));
    let unauthenticated = shared.unauthenticated.try_acquire(client).map_err(|_| HandshakeError::Unauthenticated)?;
    Ok((upgrade, presented, SocketPermits { socket, unauthenticated }))
}

fn accept(
    shared: Arc<Shared>,
    upgrade: Upgrade,
    presented: PresentedToken,
    permits: SocketPermits,
    read_budget: ReadBudget,
) -> Response {
    let message_size = usize::try_from(shared.config.message_size.0).unwrap_or(usize::MAX);
    let outbox_size = usize::try_from(shared.config.outbox_size.0).unwrap_or(usize::MAX);
    let config = WireConfig::default()
        .max_message_size(Some(message_size))
        .max_frame_size(Some(message_size))
        // Small buffers: with the library's defaults, 10,000 idle connections would take more than a gigabyte.
        .read_buffer_size(2 * 1024)
        .write_buffer_size(2 * 1024)
        .max_write_buffer_size(outbox_size.saturating_add(4 * 1024));
    let tasks = shared.tasks.clone();
    let counted = tasks.token();
    let response = upgrade.response();
    tokio::spawn(async move {
        let SocketPermits { socket, unauthenticated } = permits;
        let Some(mut stream) = upgrade.stream(config).await else { return };
        let mut connection = ConnectionTask::new(shared, unauthenticated, read_budget);
        connection.run(&mut stream, presented.token).await;
        drop(connection);
        drop((socket, counted));
    });
    response
}

fn rules(config: &WebSocketConfig, intake: &Intake) -> Rules {
    let count = |value: NonZeroU32| value.get();
    Rules {
        auth_timeout: config.auth_timeout.0,
        expiry_notice: config.expiry_notice.0,
        ping_interval: config.ping_interval.0,
        pong_timeout: config.pong_timeout.0,
        in_flight: config.in_flight,
        max_errors: config.max_errors,
        error_window: config.error_window.0,
        max_pings: config.max_pings,
        limits: ClientLimits {
            message_bytes: config.message_size.0,
            text_bytes: intake.config().text_size.0,
            json_depth: intake.config().json_depth,
            in_flight: u32::try_from(config.in_flight).unwrap_or(u32::MAX),
            frames_per_second: count(config.frames_per_second),
            burst: count(config.burst),
        },
    }
}
