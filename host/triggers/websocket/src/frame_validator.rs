//! Checks rules of RFC 6455 that tungstenite does not check: a payload length is written in as few bytes as possible
//! (5.2), and a close may have any code that is registered and not reserved (7.4).

use std::io;

use signalbox_http::StreamInspector;
use thiserror::Error;

/// The close code "bad gateway", which was registered after tungstenite's list of codes was written.
const BAD_GATEWAY: u16 = 1014;

/// The longest payload of a control frame, RFC 6455, 5.5.
const MAX_CONTROL_PAYLOAD_BYTES: usize = 125;

/// The longest head of a frame.
const MAX_HEAD_BYTES: usize = 14;

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;

/// Why reading ends before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum FrameViolation {
    /// The payload length is written in more bytes than it needs, or has its most significant bit set.
    #[error("the length of a frame is not written as briefly as it can be")]
    NonMinimalLength,
    /// The client closes with a valid code that tungstenite would refuse.
    #[error("the client closed with code {0}")]
    UnsupportedCloseCode(u16),
}

/// Parses the frames that are read from the stream below a WebSocket. Before a frame that must not reach tungstenite,
/// reading ends with a [`FrameViolation`].
pub(super) struct FrameValidator {
    position: FramePosition,
    violation: Option<FrameViolation>,
}

/// Where in a frame the next byte is.
enum FramePosition {
    Head {
        bytes: [u8; MAX_HEAD_BYTES],
        length: usize,
    },
    Payload {
        remaining: u64,
    },
    /// In the payload of a close frame, which is kept until it is complete.
    Close {
        mask: [u8; 4],
        payload: Vec<u8>,
        length: usize,
    },
}

impl FramePosition {
    const START: Self = Self::Head { bytes: [0; MAX_HEAD_BYTES], length: 0 };
}

impl FrameValidator {
    pub fn new() -> Self {
        Self { position: FramePosition::START, violation: None }
    }

    /// Parses more bytes. An error has the number of bytes before the frame with the violation.
    fn parse(&mut self, bytes: &[u8]) -> Result<(), (usize, FrameViolation)> {
        let (mut parsed, mut frame_start) = (0, 0);
        while let Some(rest) = bytes.get(parsed..).filter(|rest| !rest.is_empty()) {
            match &mut self.position {
                FramePosition::Head { bytes: head, length } => {
                    if *length == 0 {
                        frame_start = parsed;
                    }
                    if let (Some(free), Some(byte)) = (head.get_mut(*length), rest.first()) {
                        *free = *byte;
                    }
                    *length += 1;
                    parsed += 1;
                    match parse_head(head, *length) {
                        Ok(Some(next)) => self.position = next,
                        Ok(None) => {}
                        Err(violation) => return Err((frame_start, violation)),
                    }
                }
                FramePosition::Payload { remaining } => {
                    let taken = (*remaining).min(rest.len() as u64);
                    *remaining -= taken;
                    parsed += usize::try_from(taken).unwrap_or(rest.len());
                    if *remaining == 0 {
                        self.position = FramePosition::START;
                    }
                }
                FramePosition::Close { mask, payload, length } => {
                    let taken = length.saturating_sub(payload.len()).min(rest.len());
                    payload.extend(rest.iter().take(taken));
                    parsed += taken;
                    if payload.len() == *length {
                        if close_code(payload, *mask) == Some(BAD_GATEWAY) {
                            return Err((frame_start, FrameViolation::UnsupportedCloseCode(BAD_GATEWAY)));
                        }
                        self.position = FramePosition::START;
                    }
                }
            }
        }
        Ok(())
    }
}

impl StreamInspector for FrameValidator {
    fn before_read(&mut self) -> io::Result<()> {
        self.violation.map_or(Ok(()), |violation| Err(io::Error::other(violation)))
    }

    fn inspect(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Err((valid, violation)) = self.parse(bytes) else { return Ok(bytes.len()) };
        self.violation = Some(violation);
        // The bytes before the frame are delivered before the error is reported.
        if valid == 0 { Err(io::Error::other(violation)) } else { Ok(valid) }
    }
}

/// What follows the first `read` bytes of a head; none while the head is not complete.
fn parse_head(head: &[u8; MAX_HEAD_BYTES], read: usize) -> Result<Option<FramePosition>, FrameViolation> {
    let [first, second, extended @ ..] = *head;
    if read < 2 {
        return Ok(None);
    }
    let (length_bytes, min_length) = match second & 0x7f {
        126 => (2, 126),
        127 => (8, 1 << 16),
        _ => (0, 0),
    };
    let is_masked = second & 0x80 != 0;
    let mask_bytes = if is_masked { 4 } else { 0 };
    if read < 2 + length_bytes {
        return Ok(None);
    }
    let length = match length_bytes {
        0 => u64::from(second & 0x7f),
        _ => extended.iter().take(length_bytes).fold(0, |length: u64, byte| (length << 8) | u64::from(*byte)),
    };
    // The most significant bit of a length is always 0.
    if length < min_length || length > i64::MAX as u64 {
        return Err(FrameViolation::NonMinimalLength);
    }
    if read < 2 + length_bytes + mask_bytes {
        return Ok(None);
    }
    let length_as_size = usize::try_from(length).unwrap_or(usize::MAX);
    // tungstenite finds every other violation in a close frame.
    let next = match length {
        0 => FramePosition::START,
        _ if first == 0x80 | CLOSE && is_masked && length_as_size <= MAX_CONTROL_PAYLOAD_BYTES => {
            let [a, b, c, d, ..] = extended;
            FramePosition::Close {
                mask: [a, b, c, d],
                payload: Vec::with_capacity(length_as_size),
                length: length_as_size,
            }
        }
        remaining => FramePosition::Payload { remaining },
    };
    Ok(Some(next))
}

/// The code of a close frame; none when its reason is not UTF-8.
fn close_code(payload: &[u8], mask: [u8; 4]) -> Option<u16> {
    let unmasked: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let (code, reason) = unmasked.split_first_chunk()?;
    std::str::from_utf8(reason).ok()?;
    Some(u16::from_be_bytes(*code))
}

#[cfg(test)]
mod tests {
    use signalbox_http::InspectedStream;
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

    /// Reads bytes in chunks of one size; returns what passes, and the violation that ends it.
    async fn read(bytes: &[u8], chunk_size: usize) -> (Vec<u8>, Option<FrameViolation>) {
        let mut stream = InspectedStream::new(bytes, FrameValidator::new());
        let (mut all, mut buffer) = (Vec::new(), vec![0; chunk_size]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return (all, None),
                Ok(read) => all.extend(&buffer[..read]),
                Err(error) => return (all, error.get_ref().and_then(|inner| inner.downcast_ref()).copied()),
            }
        }
    }

    #[tokio::test]
    async fn valid_frames_pass_unchanged() {
        let lengths = [0, 1, 125, 126, 127, 0xffff, 0x1_0000];
        let mut bytes: Vec<u8> = lengths.iter().flat_map(|length| text(&vec![7; *length])).collect();
        bytes.extend(frame(0x89, &[4], b"ping"));
        bytes.extend(close(1000, b"bye"));
        for chunk_size in [1, 2, 7, 1000, bytes.len()] {
            assert_eq!(read(&bytes, chunk_size).await, (bytes.clone(), None), "in chunks of {chunk_size}");
        }
    }

    #[tokio::test]
    async fn a_length_in_more_bytes_than_it_needs_ends_reading_after_the_frames_before_it() {
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
            for chunk_size in [1, 3, 64 * 1024 * 2] {
                let (passed, error) = read(&[good.clone(), bad.clone()].concat(), chunk_size).await;
                assert_eq!(error, Some(FrameViolation::NonMinimalLength), "{:?} in chunks of {chunk_size}", &bad[..10]);
                assert!(passed.starts_with(&good) && passed.len() < good.len() + 14, "no whole frame passes");
            }
        }
    }

    #[tokio::test]
    async fn a_close_with_code_1014_is_reported_and_every_other_passes() {
        let good = text(b"good");
        for chunk_size in [1, 5, 1000] {
            for reason in [&b""[..], b"upstream", &[b'x'; 123]] {
                let (passed, error) = read(&[good.clone(), close(1014, reason)].concat(), chunk_size).await;
                assert_eq!(error, Some(FrameViolation::UnsupportedCloseCode(1014)));
                assert!(passed.len() < good.len() + close(1014, reason).len(), "the close frame does not pass whole");
            }
            for code in [0, 999, 1000, 1004, 1005, 1006, 1013, 1015, 2999, 3000, 4999, 5000] {
                assert_eq!(read(&close(code, b""), chunk_size).await, (close(code, b""), None));
            }
            let no_text = close(1014, &[0xc3, 0x28]);
            assert_eq!(read(&no_text, chunk_size).await, (no_text, None), "tungstenite refuses it with 1007");
        }
    }
}
