//! Wrappers of request and response bodies: they discard what a handler leaves unread of a request, and report when a
//! response is complete.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use crate::connection_state::ConnectionState;

/// How much of an unread request body is read and dropped, so that its connection can take the next request. The
/// connection of a request with more is closed, which costs less than reading it.
const MAX_DISCARDED_BYTES: u64 = 256 * 1024;

/// How long discarding an unread request body may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// A request's body, for the handler. When it is dropped, the inner body goes back to the [`UnreadBody`].
pub(super) struct RequestBody<B> {
    /// None only while it is dropped.
    body: Option<B>,
    /// Whether the handler has begun to read.
    is_polled: bool,
    unread: UnreadBody<B>,
}

/// What a handler has left of a request's body; empty until the handler drops its [`RequestBody`].
pub(super) struct UnreadBody<B>(Arc<Mutex<Option<DroppedBody<B>>>>);

struct DroppedBody<B> {
    body: B,
    is_polled: bool,
}

impl<B> Clone for UnreadBody<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Body<Data = Bytes> + Unpin> RequestBody<B> {
    pub fn new(body: B) -> (Self, UnreadBody<B>) {
        let unread = UnreadBody(Arc::default());
        (Self { body: Some(body), is_polled: false, unread: unread.clone() }, unread)
    }
}

impl<B: Body<Data = Bytes> + Unpin> UnreadBody<B> {
    /// Reads the rest of the body and drops it. False when the body has not been read to its end: it is too large or
    /// too slow, the handler still reads it, or its client waits for `100 Continue` (RFC 9110, 10.1.1), which it does
    /// not get any more.
    pub async fn discard(&self, expects_continue: bool) -> bool {
        // A body that is not here is still read while the response is written.
        let Some(DroppedBody { mut body, is_polled }) = self.take() else { return false };
        if body.is_end_stream() {
            return true;
        }
        if (expects_continue && !is_polled) || body.size_hint().lower() > MAX_DISCARDED_BYTES {
            return false;
        }
        let discarding = async {
            let mut discarded = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                discarded += frame.data_ref().map_or(0, |data| data.len() as u64);
                if discarded > MAX_DISCARDED_BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(DISCARD_TIMEOUT, discarding).await.unwrap_or(false)
    }

    /// Whether the handler has read the body to its end.
    pub fn was_read_by_handler(&self) -> bool {
        self.take().is_some_and(|dropped| dropped.body.is_end_stream())
    }

    fn take(&self) -> Option<DroppedBody<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            let dropped = DroppedBody { body, is_polled: self.is_polled };
            *self.unread.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(dropped);
        }
    }
}

impl<B: Body + Unpin> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        this.is_polled = true;
        this.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(task))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// A response's body. hyper drops it once all of it is in the write buffer, and then the connection waits for the next
/// request.
pub(super) struct ResponseBody {
    body: axum::body::Body,
    connection: Option<Arc<ConnectionState>>,
}

impl ResponseBody {
    /// `connection` is none for the response to an upgrade, which no request follows.
    pub fn new(body: axum::body::Body, connection: Option<Arc<ConnectionState>>) -> Self {
        Self { body, connection }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.on_response_complete();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn full(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![0; bytes]))
    }

    #[tokio::test]
    async fn an_unread_body_is_discarded_up_to_a_size() {
        let cases = [(0, false, true), (1, false, true), (300 * 1024, false, false), (1, true, false)];
        for (bytes, expects_continue, discarded) in cases {
            let (body, unread) = RequestBody::new(full(bytes));
            drop(body);
            assert_eq!(unread.discard(expects_continue).await, discarded, "{bytes} {expects_continue}");
        }
        let (body, unread) = RequestBody::new(full(5));
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 5);
        assert!(unread.was_read_by_handler());
        let (_body, unread) = RequestBody::new(full(5));
        assert!(!unread.discard(false).await, "the handler still has the body");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_or_does_not_arrive_is_not_waited_for() {
        let chunk = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; 64 * 1024])));
        let (body, unread) = RequestBody::new(StreamBody::new(futures_util::stream::repeat_with(chunk)));
        drop(body);
        assert!(!unread.discard(false).await, "without an end");
        type Never = futures_util::stream::Pending<Result<Frame<Bytes>, std::io::Error>>;
        let never: Never = futures_util::stream::pending();
        let (body, unread) = RequestBody::new(StreamBody::new(never));
        drop(body);
        assert!(!unread.discard(false).await, "without a byte");
    }
}
