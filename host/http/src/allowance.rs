//! What a connection may still send. HTTP has limits of its own; a WebSocket's message ends when its sender says so,
//! and pieces without a byte in them would never reach the limit of its size.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that may still be read from one connection; without a limit until somebody sets one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Allowance(Arc<AtomicU64>);

/// Why nothing more is read.
#[derive(Debug, Error)]
#[error("the client sent more than it may without ending a message")]
pub struct UsedUp;

const UNLIMITED: u64 = u64::MAX;

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(UNLIMITED)))
    }
}

impl Allowance {
    /// From now on so many bytes, whatever was left.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Some bytes more, but not more than `most`.
    pub fn add(&self, bytes: u64, most: u64) {
        let more = |left: u64| Some(left.saturating_add(bytes).min(most));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    fn use_up(&self, bytes: u64) -> Result<(), UsedUp> {
        let less = |left: u64| if left == UNLIMITED { Some(UNLIMITED) } else { left.checked_sub(bytes) };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).map(drop).map_err(|_| UsedUp)
    }
}

/// A stream that is read no further than its allowance says.
pub(super) struct Allowed<S> {
    stream: S,
    allowance: Allowance,
}

impl<S> Allowed<S> {
    pub fn new(stream: S, allowance: Allowance) -> Self {
        Self { stream, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Allowed<S> {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(task, buffer))?;
        let read = (buffer.filled().len() - before) as u64;
        Poll::Ready(self.allowance.use_up(read).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Allowed<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_stream_is_read_as_far_as_is_allowed_and_on_when_more_is() {
        let allowance = Allowance::default();
        let mut stream = Allowed::new([1_u8; 64].as_slice(), allowance.clone());
        let mut piece = [0; 8];
        stream.read_exact(&mut piece).await.unwrap();
        allowance.set(8);
        stream.read_exact(&mut piece).await.unwrap();
        let error = stream.read_exact(&mut piece).await.unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<UsedUp>()), "{error}");
        allowance.add(100, 9);
        stream.read_exact(&mut piece).await.unwrap();
        assert!(stream.read_exact(&mut piece).await.is_err());
    }
}
