//! One connection, from its first byte until it ends or becomes something else than HTTP.

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

use crate::allowance::{Allowance, Allowed};
use crate::body::{AnswerBody, Lent};
use crate::message;
use crate::progress::{ConnectionProgress, Overdue};
use crate::stream::Observed;

/// What the requests of one connection have in common.
struct Requests {
    router: Router,
    peer: SocketAddr,
    allowance: Allowance,
    progress: Arc<ConnectionProgress>,
    /// Cancelled when clients should come back on other connections.
    leaving: CancellationToken,
}

/// Serves HTTP/1.1 until the client ends, the time of something is over, or the connection is told to end.
pub(super) async fn serve(
    builder: http1::Builder,
    stream: TimeoutStream<tokio::net::TcpStream>,
    router: Router,
    peer: SocketAddr,
    progress: Arc<ConnectionProgress>,
    leaving: CancellationToken,
) {
    // Answers are small and waited for; holding them back to fill packets only delays them.
    let _ = stream.get_ref().set_nodelay(true);
    let allowance = Allowance::default();
    let stream = Observed::new(Allowed::new(Box::pin(stream), allowance.clone()), progress.clone());
    let requests = Arc::new(Requests { router, peer, allowance, progress: progress.clone(), leaving });
    let service = service_fn(move |request| {
        requests.progress.asked();
        let requests = requests.clone();
        async move { Ok::<_, Infallible>(requests.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut end = std::pin::pin!(progress.end().cancelled());
    let mut alarm = std::pin::pin!(tokio::time::sleep_until(Instant::now()));
    let mut ending = false;
    // None is a client that took too long.
    let result = poll_fn(|task| {
        if !ending && end.as_mut().poll(task).is_ready() {
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(task) {
                return Poll::Ready(Some(result));
            }
            let Some((deadline, overdue)) = progress.deadline() else { return Poll::Pending };
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            std::task::ready!(alarm.as_mut().poll(task));
            if ending || overdue == Overdue::Head {
                return Poll::Ready(None);
            }
            ending = true;
            progress.ending();
            connection.as_mut().graceful_shutdown();
        }
    })
    .await;
    progress.over();
    match result {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        None => tracing::debug!("a connection was cut off, because the head of a request did not come in time"),
    }
}

impl Requests {
    async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let waits_for_continue = request.headers().contains_key(EXPECT);
        let (mut parts, body) = request.into_parts();
        let (lent, rest) = Lent::new(body);
        parts.extensions.insert(ConnectInfo(self.peer));
        parts.extensions.insert(self.allowance.clone());
        let request = Request::from_parts(parts, lent);
        let mut response = match message::check(&request, self.progress.is_ambiguous()) {
            Ok(()) => {
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
            Err(malformed) => {
                drop(request);
                let mut response = malformed.into_response();
                close(response.headers_mut());
                response
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response.map(|body| AnswerBody::new(body, None));
        }
        if self.leaving.is_cancelled() {
            close(response.headers_mut());
        }
        // Whoever closes the connection anyway has no use for the rest, except that the answer must not get lost.
        let is_read = if closes(response.headers()) { rest.was_read() } else { rest.is_read(waits_for_continue).await };
        if !is_read {
            close(response.headers_mut());
            self.progress.answered_unread();
        }
        response.map(|body| AnswerBody::new(body, Some(self.progress.clone())))
    }
}

fn closes(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Says that this is the connection's last answer, beside what else it says of the connection.
fn close(headers: &mut HeaderMap) {
    if !closes(headers) {
        headers.append(CONNECTION, HeaderValue::from_static("close"));
    }
}
