//! Finds requests with both `Content-Length` and `Transfer-Encoding` in the bytes of a connection.
//!
//! hyper reads the body of such a request by `Transfer-Encoding` and removes `Content-Length` before a handler sees the
//! headers. A proxy before the host may have gone by `Content-Length`, and then the two see different requests: request
//! smuggling, RFC 9112, 6.1 and 11.2.

/// The header names with their colon; hyper refuses a name with a space before its colon.
const CONTENT_LENGTH: &[u8] = b"content-length:";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";

/// How a request line ends. The bytes before it, such as the end of the body before, are not looked at.
const REQUEST_LINE_END: &[u8] = b" HTTP/1.1";

/// How many bytes are kept of the start and of the end of a line.
const LINE_START_BYTES: usize = TRANSFER_ENCODING.len();
const LINE_END_BYTES: usize = REQUEST_LINE_END.len();

/// Scans the lines of a connection. It does not know where bodies begin and end, so it takes lines of a body that look
/// like a request head for one. The error is on the safe side: a later request with a chunked body on the same
/// connection is refused, and no ambiguous request passes.
#[derive(Debug, Default)]
pub(super) struct SmugglingDetector {
    line_start: [u8; LINE_START_BYTES],
    line_end: [u8; LINE_END_BYTES],
    /// The bytes of the current line so far, without its line feed.
    line_length: usize,
    in_head: bool,
    has_content_length: bool,
    has_transfer_encoding: bool,
}

impl SmugglingDetector {
    /// Scans the next bytes; true when a request head in them has both headers.
    pub fn scan(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.split_last() {
                Some((b'\n', rest)) => {
                    self.push(rest);
                    found |= self.finish_line();
                }
                _ => self.push(line),
            }
        }
        found
    }

    fn push(&mut self, part: &[u8]) {
        if let Some(free) = self.line_start.get_mut(self.line_length.min(LINE_START_BYTES)..) {
            free.iter_mut().zip(part).for_each(|(kept, byte)| *kept = *byte);
        }
        self.line_length = self.line_length.saturating_add(part.len());
        // One byte more than is kept, because a carriage return is left out.
        for byte in part.iter().skip(part.len().saturating_sub(LINE_END_BYTES + 1)).filter(|byte| **byte != b'\r') {
            self.line_end.rotate_left(1);
            if let Some(last) = self.line_end.last_mut() {
                *last = *byte;
            }
        }
    }

    fn finish_line(&mut self) -> bool {
        let start = self.line_start.get(..self.line_length.min(LINE_START_BYTES)).unwrap_or_default();
        let is = |name: &[u8]| start.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let is_empty = matches!(start, [] | [b'\r']);
        let (is_content_length, is_transfer_encoding) = (is(CONTENT_LENGTH), is(TRANSFER_ENCODING));
        if self.line_end == REQUEST_LINE_END {
            (self.in_head, self.has_content_length, self.has_transfer_encoding) = (true, false, false);
        } else if is_empty {
            self.in_head = false;
        } else if self.in_head {
            self.has_content_length |= is_content_length;
            self.has_transfer_encoding |= is_transfer_encoding;
        }
        (self.line_length, self.line_end) = (0, [0; LINE_END_BYTES]);
        self.in_head && self.has_content_length && self.has_transfer_encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(bytes: &str, chunk_size: usize) -> bool {
        let mut detector = SmugglingDetector::default();
        bytes.as_bytes().chunks(chunk_size).any(|chunk| detector.scan(chunk))
    }

    #[test]
    fn a_head_with_both_headers_is_found_in_reads_of_every_size() {
        let both = [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\nCONTENT-LENGTH:5\r\n\r\n",
            "\r\nPOST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 5\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}!POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: \
             chunked\r\n\r\n",
        ];
        let unambiguous = [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nContent-Length: 5\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nX: Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ];
        for chunk_size in 1..200 {
            for head in both {
                assert!(is_found(head, chunk_size), "in reads of {chunk_size} bytes: {head}");
            }
            for head in unambiguous {
                assert!(!is_found(head, chunk_size), "in reads of {chunk_size} bytes: {head}");
            }
        }
    }
}
