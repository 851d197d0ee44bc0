//! The lingering close of a connection: after the last response, what the client is still sending is read and dropped.
//! A socket that is closed with unread bytes in its receive buffer is reset, and the reset can reach the client before
//! the response does.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may send nothing before the connection is dropped.
const LINGER_IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the whole lingering close may take.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes that are read and dropped.
const MAX_LINGER_BYTES: usize = 16 << 20;

/// The most bytes of one read.
const READ_CHUNK: usize = 8 * 1024;

/// A lingering close under way; it begins once the connection has been shut down for writing.
pub(super) struct LingeringClose {
    /// None reads only what has arrived already.
    timeouts: Option<LingerTimeouts>,
    remaining_bytes: usize,
}

struct LingerTimeouts {
    idle: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl LingeringClose {
    /// `waits` is for a client that may still be sending; for any other only what has arrived already is read.
    pub fn begin(waits: bool) -> Self {
        let deadline = Instant::now() + LINGER_TIMEOUT;
        let timeouts = waits.then(|| LingerTimeouts { idle: Box::pin(sleep(LINGER_IDLE_TIMEOUT)), deadline });
        Self { timeouts, remaining_bytes: MAX_LINGER_BYTES }
    }

    /// Reads until the client has shut down its side too, or until a limit is reached.
    pub fn poll(&mut self, stream: &mut (impl AsyncRead + Unpin), task: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [0; READ_CHUNK];
        loop {
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *stream).poll_read(task, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let Some(remaining) = self.remaining_bytes.checked_sub(buffer.filled().len()) else {
                        return Poll::Ready(());
                    };
                    self.remaining_bytes = remaining;
                    if let Some(LingerTimeouts { idle, deadline }) = &mut self.timeouts {
                        idle.as_mut().reset((Instant::now() + LINGER_IDLE_TIMEOUT).min(*deadline));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    return match &mut self.timeouts {
                        Some(timeouts) => timeouts.idle.as_mut().poll(task),
                        None => Poll::Ready(()),
                    };
                }
            }
        }
    }
}
