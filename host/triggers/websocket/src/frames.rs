//! Checks rules of RFC 6455 that the library does not check: a length is written in as few bytes as it needs (5.2), and
//! a close may have any code that is registered and not reserved (7.4).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The code for a gateway whose upstream answered badly, registered after the library's list was written.
const BAD_GATEWAY: u16 = 1014;

/// The longest payload of a control frame, RFC 6455, 5.5.
const CONTROL_BYTES: usize = 125;

/// The longest head of a frame.
const HEAD_BYTES: usize = 14;

const CLOSE: u8 = 0x8;

/// Why a frame does not reach the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum FrameViolation {
    /// The length is written in more bytes than it needs, or has its first bit set.
    #[error("the length of a frame is not written as briefly as it can be")]
    Length,
    /// The client closes, with a code that the library would refuse.
    #[error("the client closed with code {0}")]
    Closed(u16),
}

/// The stream below a WebSocket. It passes all bytes on and follows the frames in them; before a frame that must not
/// reach the library, reading ends in a [`FrameViolation`].
pub(super) struct Frames<S> {
    stream: S,
    at: At,
    ended: Option<FrameViolation>,
}

/// Where in a frame the stream is.
enum At {
    Head {
        bytes: [u8; HEAD_BYTES],
        have: usize,
    },
    Payload {
        left: u64,
    },
    /// In a close frame, which is held back until it is complete.
    Close {
        mask: [u8; 4],
        payload: Vec<u8>,
        length: usize,
    },
}

impl At {
    const START: Self = Self::Head { bytes: [0; HEAD_BYTES], have: 0 };
}

impl<S> Frames<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, at: At::START, ended: None }
    }

    /// Follows more bytes; an error says how many of them may pass before the frame that must not.
    fn follow(&mut self, bytes: &[u8]) -> Result<(), (usize, FrameViolation)> {
        let (mut position, mut frame_began) = (0, 0);
        while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
            match &mut self.at {
                At::Head { bytes: head, have } => {
                    if *have == 0 {
                        frame_began = position;
                    }
                    if let (Some(place), Some(byte)) = (head.get_mut(*have), rest.first()) {
                        *place = *byte;
                    }
                    *have += 1;
                    position += 1;
                    match after_head(head, *have) {
                        Ok(Some(next)) => self.at = next,
                        Ok(None) => {}
                        Err(error) => return Err((frame_began, error)),
                    }
                }
                At::Payload { left } => {
                    let taken = (*left).min(rest.len() as u64);
                    *left -= taken;
                    position += usize::try_from(taken).unwrap_or(rest.len());
                    if *left == 0 {
                        self.at = At::START;
                    }
                }
                At::Close { mask, payload, length } => {
                    let wanted = length.saturating_sub(payload.len()).min(rest.len());
                    payload.extend(rest.iter().take(wanted));
                    position += wanted;
                    if payload.len() == *length {
                        if code(payload, *mask) == Some(BAD_GATEWAY) {
                            return Err((frame_began, FrameViolation::Closed(BAD_GATEWAY)));
                        }
                        self.at = At::START;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What follows a head, once the head is complete.
fn after_head(head: &[u8; HEAD_BYTES], have: usize) -> Result<Option<At>, FrameViolation> {
    let [first, second, extended @ ..] = *head;
    if have < 2 {
        return Ok(None);
    }
    let (length_bytes, least) = match second & 0x7f {
        126 => (2, 126),
        127 => (8, 1 << 16),
        _ => (0, 0),
    };
    let is_masked = second & 0x80 != 0;
    let mask_bytes = if is_masked { 4 } else { 0 };
    if have < 2 + length_bytes {
        return Ok(None);
    }
    let length = match length_bytes {
        0 => u64::from(second & 0x7f),
        _ => extended.iter().take(length_bytes).fold(0, |length: u64, byte| (length << 8) | u64::from(*byte)),
    };
    // The first bit of a long length is always 0.
    if length < least || length > i64::MAX as u64 {
        return Err(FrameViolation::Length);
    }
    if have < 2 + length_bytes + mask_bytes {
        return Ok(None);
    }
    let length_as_size = usize::try_from(length).unwrap_or(usize::MAX);
    // The library finds every other mistake in a close.
    let next = match length {
        0 => At::START,
        _ if first == 0x80 | CLOSE && is_masked && length_as_size <= CONTROL_BYTES => {
            let [a, b, c, d, ..] = extended;
            At::Close { mask: [a, b, c, d], payload: Vec::with_capacity(length_as_size), length: length_as_size }
        }
        left => At::Payload { left },
    };
    Ok(Some(next))
}

/// The code of a close whose reason is valid text.
fn code(payload: &[u8], mask: [u8; 4]) -> Option<u16> {
    let open: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let (code, reason) = open.split_first_chunk()?;
    std::str::from_utf8(reason).ok()?;
    Some(u16::from_be_bytes(*code))
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(error) = this.ended {
            return Poll::Ready(Err(io::Error::other(error)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(task, buffer))?;
        let followed = this.follow(buffer.filled().get(before..).unwrap_or_default());
        if let Err((good, error)) = followed {
            this.ended = Some(error);
            // The bytes before the frame are delivered before the error is reported.
            buffer.set_filled(before + good);
            if good == 0 {
                return Poll::Ready(Err(io::Error::other(error)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
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

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let mut frame = vec![first, 0x80 | length[0]];
        frame.extend(&length[1..]);
        frame.extend(MASK);
        frame.extend(masked);
        frame
    }

    fn text(payload: &[u8]) -> Vec<u8> {
        match payload.len() {
            length @ 0..=125 => frame(0x81, &[length as u8], payload),
            length @ 126..=0xffff => frame(0x81, &[&[126][..], &(length as u16).to_be_bytes()].concat(), payload),
            length => frame(0x81, &[&[127][..], &(length as u64).to_be_bytes()].concat(), payload),
        }
    }

    fn close(code: u16, reason: &[u8]) -> Vec<u8> {
        let payload = [&code.to_be_bytes()[..], reason].concat();
        frame(0x88, &[payload.len() as u8], &payload)
    }

    /// Reads bytes that arrive in pieces of one size; returns what passes, and the error that ends it.
    async fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<FrameViolation>) {
        let mut stream = Frames::new(bytes);
        let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return (all, None),
                Ok(read) => all.extend(&buffer[..read]),
                Err(error) => return (all, error.get_ref().and_then(|inner| inner.downcast_ref()).copied()),
            }
        }
    }

    #[tokio::test]
    async fn frames_that_keep_the_rules_pass_as_they_are() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000];
        let mut bytes: Vec<u8> = lengths.iter().flat_map(|length| text(&vec![7; *length])).collect();
        bytes.extend(frame(0x89, &[4], b"ping"));
        bytes.extend(close(1000, b"bye"));
        for piece in [1, 2, 7, 1000, bytes.len()] {
            assert_eq!(read(&bytes, piece).await, (bytes.clone(), None), "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_length_in_more_bytes_than_it_needs_ends_reading_behind_what_was_good() {
        let good = text(b"good");
        let long = [
            frame(0x81, &[126, 0, 5], b"hello"),
            frame(0x81, &[126, 0, 125], &[0; 125]),
            frame(0x82, &[127, 0, 0, 0, 0, 0, 0, 0, 5], b"hello"),
            frame(0x80, &[127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], &[0; 0xffff]),
            frame(0x89, &[126, 0, 0], b""),
            frame(0x81, &[127, 0x80, 0, 0, 0, 0, 0, 0, 0], b""),
        ];
        for bad in long {
            for piece in [1, 3, 64 * 1024 * 2] {
                let (passed, error) = read(&[good.clone(), bad.clone()].concat(), piece).await;
                assert_eq!(error, Some(FrameViolation::Length), "{:?} in pieces of {piece}", &bad[..10]);
                assert!(passed.starts_with(&good) && passed.len() < good.len() + 14, "no whole frame passes");
            }
        }
    }

    #[tokio::test]
    async fn a_close_for_a_bad_gateway_is_told_and_every_other_is_the_librarys() {
        let good = text(b"good");
        for piece in [1, 5, 1000] {
            for reason in [&b""[..], b"upstream", &[b'x'; 123]] {
                let (passed, error) = read(&[good.clone(), close(1014, reason)].concat(), piece).await;
                assert_eq!(error, Some(FrameViolation::Closed(1014)));
                assert!(passed.len() < good.len() + close(1014, reason).len(), "the last byte is kept back");
            }
            for code in [0, 999, 1000, 1004, 1005, 1006, 1013, 1015, 2999, 3000, 4999, 5000] {
                assert_eq!(read(&close(code, b""), piece).await, (close(code, b""), None));
            }
            let no_text = close(1014, &[0xc3, 0x28]);
            assert_eq!(read(&no_text, piece).await, (no_text, None), "the library refuses it with 1007");
        }
    }
}
