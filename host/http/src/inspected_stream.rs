//! A stream with an inspector, which sees every byte that is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sees the bytes that are read from an [`InspectedStream`], and decides how many of them its reader gets.
pub trait StreamInspector {
    /// Called before each read. An error is the result of the read, and the stream is not read.
    fn before_read(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called with the bytes of each read, of which there is at least one. Returns how many of them the reader gets,
    /// counted from the first. An error is the result of the read, and the bytes are dropped.
    fn inspect(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Polled once the stream has been shut down for writing; the shutdown is complete when this is ready.
    fn poll_linger<S: AsyncRead + Unpin>(&mut self, _stream: &mut S, _task: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// A stream whose reads are seen by an inspector. Writes go to the stream unchanged.
pub struct InspectedStream<S, I> {
    stream: S,
    inspector: I,
    is_shut_down: bool,
}

impl<S, I: StreamInspector> InspectedStream<S, I> {
    /// Has `inspector` see what is read from `stream`.
    pub fn new(stream: S, inspector: I) -> Self {
        Self { stream, inspector, is_shut_down: false }
    }
}

impl<S: AsyncRead + Unpin, I: StreamInspector + Unpin> AsyncRead for InspectedStream<S, I> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.inspector.before_read()?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(task, buffer))?;
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let inspected = this.inspector.inspect(bytes);
        let passed = inspected.as_ref().map_or(0, |passed| bytes.len().min(*passed));
        buffer.set_filled(before + passed);
        Poll::Ready(inspected.map(drop))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, I: StreamInspector + Unpin> AsyncWrite for InspectedStream<S, I> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_shut_down {
            ready!(Pin::new(&mut this.stream).poll_shutdown(task))?;
            this.is_shut_down = true;
        }
        this.inspector.poll_linger(&mut this.stream, task).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
