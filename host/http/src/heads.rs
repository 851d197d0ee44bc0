//! What the bytes of a connection say that the library does not tell: a request that says in two ways how long its body
//! is.
//!
//! Of a request with `Transfer-Encoding` and `Content-Length` the library takes the first and leaves out the second, so
//! that nobody sees any more that a proxy before the host may have gone by the other one, RFC 9112, 6.1.

/// The names, with the colon that follows them at once: a name with a space before its colon is refused by the library.
const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";
/// How a request's first line ends. What stands before it, such as the end of an earlier body, makes no difference.
const FIRST_LINE: &[u8] = b" HTTP/1.1";

/// As many bytes as are needed of the begin and of the end of a line.
const BEGIN: usize = CODING.len();
const END: usize = FIRST_LINE.len();

/// Follows the lines of a connection. Where bodies begin and end is left to the library, so lines of a body that look
/// like a head count as one: then a request in chunks on the same connection is refused, and none slips through.
#[derive(Debug, Default)]
pub(super) struct Heads {
    begin: [u8; BEGIN],
    end: [u8; END],
    /// How long the line is so far, its end not counted.
    length: usize,
    in_head: bool,
    has_length: bool,
    has_coding: bool,
}

impl Heads {
    /// Takes what was read; true when a head has both headers.
    pub fn follow(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.split_last() {
                Some((b'\n', rest)) => {
                    self.take(rest);
                    found |= self.ends_line();
                }
                _ => self.take(line),
            }
        }
        found
    }

    fn take(&mut self, part: &[u8]) {
        if let Some(free) = self.begin.get_mut(self.length.min(BEGIN)..) {
            free.iter_mut().zip(part).for_each(|(kept, byte)| *kept = *byte);
        }
        self.length = self.length.saturating_add(part.len());
        for byte in part.iter().skip(part.len().saturating_sub(END + 1)).filter(|byte| **byte != b'\r') {
            self.end.rotate_left(1);
            if let Some(last) = self.end.last_mut() {
                *last = *byte;
            }
        }
    }

    fn ends_line(&mut self) -> bool {
        let begin = self.begin.get(..self.length.min(BEGIN)).unwrap_or_default();
        let is = |name: &[u8]| begin.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        let (is_empty, is_length, is_coding) = (matches!(begin, [] | [b'\r']), is(LENGTH), is(CODING));
        if self.end == FIRST_LINE {
            (self.in_head, self.has_length, self.has_coding) = (true, false, false);
        } else if is_empty {
            self.in_head = false;
        } else if self.in_head {
            self.has_length |= is_length;
            self.has_coding |= is_coding;
        }
        (self.length, self.end) = (0, [0; END]);
        self.in_head && self.has_length && self.has_coding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &str, piece: usize) -> bool {
        let mut heads = Heads::default();
        bytes.as_bytes().chunks(piece).any(|piece| heads.follow(piece))
    }

    #[test]
    fn a_head_with_both_headers_is_found_however_its_bytes_come() {
        let both = [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\nCONTENT-LENGTH:5\r\n\r\n",
            "\r\nPOST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 5\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}!POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: \
             chunked\r\n\r\n",
        ];
        let fine = [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nContent-Length: 5\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nX: Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ];
        for piece in 1..200 {
            for head in both {
                assert!(found(head, piece), "in pieces of {piece}: {head}");
            }
            for head in fine {
                assert!(!found(head, piece), "in pieces of {piece}: {head}");
            }
        }
    }
}
