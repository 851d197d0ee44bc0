//! The bytes of a connection: notes when they come, and lets go of the connection so that the last answer arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::heads::Heads;
use crate::progress::ConnectionProgress;

/// How long a client that is still sending may pause, and how long it may go on at all, before its connection is
/// dropped.
const PAUSE: Duration = Duration::from_secs(2);
const AT_MOST: Duration = Duration::from_secs(5);

/// The most bytes that are read for nobody.
const MOST_BYTES: usize = 16 << 20;

/// Read at a time.
const PIECE: usize = 8 * 1024;

/// A stream whose connection has a progress. When it is shut down, it first says that nothing more comes, and then
/// reads what the client was sending: a socket that is dropped with unread bytes is reset, and the reset overtakes the
/// answer.
pub(super) struct Observed<S> {
    stream: S,
    progress: Arc<ConnectionProgress>,
    heads: Heads,
    farewell: Option<Farewell>,
}

/// What is left to do after the last byte was written.
struct Farewell {
    /// None reads only what is there already.
    patience: Option<Patience>,
    left: usize,
}

struct Patience {
    pause: Pin<Box<Sleep>>,
    until: Instant,
}

impl<S> Observed<S> {
    pub fn new(stream: S, progress: Arc<ConnectionProgress>) -> Self {
        Self { stream, progress, heads: Heads::default(), farewell: None }
    }
}

impl Farewell {
    fn begin(waits: bool) -> Self {
        let until = Instant::now() + AT_MOST;
        let patience = waits.then(|| Patience { pause: Box::pin(sleep(PAUSE)), until });
        Self { patience, left: MOST_BYTES }
    }

    /// Reads until the client has ended too, or has had enough time.
    fn poll(&mut self, stream: Pin<&mut impl AsyncRead>, task: &mut Context<'_>) -> Poll<()> {
        let mut stream = stream;
        let mut piece = [0; PIECE];
        loop {
            let mut buffer = ReadBuf::new(&mut piece);
            match stream.as_mut().poll_read(task, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let Some(left) = self.left.checked_sub(buffer.filled().len()) else { return Poll::Ready(()) };
                    self.left = left;
                    if let Some(patience) = &mut self.patience {
                        let pause_ends = (Instant::now() + PAUSE).min(patience.until);
                        patience.pause.as_mut().reset(pause_ends);
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    return match &mut self.patience {
                        Some(patience) => patience.pause.as_mut().poll(task),
                        None => Poll::Ready(()),
                    };
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(task, buffer))?;
        let Self { progress, heads, .. } = &mut *self;
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() {
            progress.heard(bytes);
            if progress.is_http() && heads.follow(bytes) {
                progress.found_ambiguous();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let farewell = match &mut this.farewell {
            Some(farewell) => farewell,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(task))?;
                this.farewell.insert(Farewell::begin(this.progress.may_be_sending()))
            }
        };
        farewell.poll(Pin::new(&mut this.stream), task).map(Ok)
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
