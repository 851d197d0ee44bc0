//! One HTTP/1.1 connection, from its first byte until it is closed or upgraded.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::extract::ConnectInfo;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::body::{RequestBody, ResponseBody};
use crate::connection_inspector::ConnectionInspector;
use crate::connection_state::{ConnectionState, TimeoutKind};
use crate::inspected_stream::InspectedStream;
use crate::read_budget::ReadBudget;
use crate::request_validation::validate;

/// Handles the requests of one connection.
struct RequestService {
    router: Router,
    peer: SocketAddr,
    read_budget: ReadBudget,
    state: Arc<ConnectionState>,
    /// Cancelled when responses have to say `Connection: close`.
    drain: CancellationToken,
}

/// Serves HTTP/1.1 until the client closes the connection, a timeout passes, or the connection is told to shut down.
pub(super) async fn serve(
    builder: http1::Builder,
    stream: TimeoutStream<tokio::net::TcpStream>,
    router: Router,
    peer: SocketAddr,
    state: Arc<ConnectionState>,
    drain: CancellationToken,
) {
    // Clients wait for each response, and Nagle's algorithm would delay the last packet of one.
    let _ = stream.get_ref().set_nodelay(true);
    let read_budget = ReadBudget::default();
    let stream = InspectedStream::new(Box::pin(stream), read_budget.clone());
    let stream = InspectedStream::new(stream, ConnectionInspector::new(state.clone()));
    let requests = Arc::new(RequestService { router, peer, read_budget, state: state.clone(), drain });
    let service = service_fn(move |request| {
        requests.state.on_request_head();
        let requests = requests.clone();
        async move { Ok::<_, Infallible>(requests.handle(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut shutdown = std::pin::pin!(state.shutdown_token().cancelled());
    let mut timer = std::pin::pin!(tokio::time::sleep_until(Instant::now()));
    let mut is_shutting_down = false;
    // None when a timeout passed.
    let result = poll_fn(|task| {
        if !is_shutting_down && shutdown.as_mut().poll(task).is_ready() {
            is_shutting_down = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(task) {
                return Poll::Ready(Some(result));
            }
            let Some((deadline, timeout)) = state.deadline() else { return Poll::Pending };
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            std::task::ready!(timer.as_mut().poll(task));
            if is_shutting_down || timeout == TimeoutKind::RequestHead {
                return Poll::Ready(None);
            }
            is_shutting_down = true;
            state.on_shutdown();
            connection.as_mut().graceful_shutdown();
        }
    })
    .await;
    state.on_end();
    match result {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        None => tracing::debug!("a connection was cut off, because the head of a request did not come in time"),
    }
}

impl RequestService {
    async fn handle(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let expects_continue = request.headers().contains_key(EXPECT);
        let (mut parts, body) = request.into_parts();
        let (body, unread) = RequestBody::new(body);
        parts.extensions.insert(ConnectInfo(self.peer));
        parts.extensions.insert(self.read_budget.clone());
        let request = Request::from_parts(parts, body);
        let mut response = match validate(&request, self.state.is_ambiguous()) {
            Ok(()) => {
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
            Err(malformed) => {
                drop(request);
                let mut response = malformed.into_response();
                set_connection_close(response.headers_mut());
                response
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response.map(|body| ResponseBody::new(body, None));
        }
        if self.drain.is_cancelled() {
            set_connection_close(response.headers_mut());
        }
        // On a connection that closes after this response, the rest of the body is left to the lingering close.
        let is_read = if has_connection_close(response.headers()) {
            unread.was_read_by_handler()
        } else {
            unread.discard(expects_continue).await
        };
        if !is_read {
            set_connection_close(response.headers_mut());
            self.state.on_body_left_unread();
        }
        response.map(|body| ResponseBody::new(body, Some(self.state.clone())))
    }
}

fn has_connection_close(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Adds `Connection: close`, and keeps other options of the header.
fn set_connection_close(headers: &mut HeaderMap) {
    if !has_connection_close(headers) {
        headers.append(CONNECTION, HeaderValue::from_static("close"));
    }
}
