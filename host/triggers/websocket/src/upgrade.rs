//! The opening handshake, RFC 6455, 4.2: checks the request and answers it.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use signalbox_http::InspectedStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::SUBPROTOCOL;
use crate::frame_validator::FrameValidator;
use crate::handshake::HandshakeError;

/// A WebSocket on the server's side.
pub(super) type SocketStream = WebSocketStream<InspectedStream<TokioIo<hyper::upgrade::Upgraded>, FrameValidator>>;

/// The only version of the WebSocket protocol.
const VERSION: &str = "13";

/// The bytes of a key.
const KEY_BYTES: usize = 16;

/// Accepts the RFC's own example, whose last character has unused bits that are not zero.
const KEY_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A request that may become a WebSocket.
pub(super) struct Upgrade {
    accept_key: String,
    pending: OnUpgrade,
}

/// Reads the request; the connection can be taken over once.
pub(super) fn read(parts: &mut Parts) -> Result<Upgrade, HandshakeError> {
    let no_websocket = |problem: &'static str| Err(HandshakeError::NoWebSocket(problem));
    if parts.method != Method::GET {
        return no_websocket("the request is no GET");
    }
    if !lists(&parts.headers, CONNECTION, "upgrade") {
        return no_websocket("`Connection` does not list `Upgrade`");
    }
    if !lists(&parts.headers, UPGRADE, "websocket") {
        return no_websocket("`Upgrade` does not list `websocket`");
    }
    let value = |name: HeaderName| parts.headers.get(name).map(|value| value.as_bytes().trim_ascii());
    if value(SEC_WEBSOCKET_VERSION) != Some(VERSION.as_bytes()) {
        return Err(HandshakeError::Version);
    }
    let key = value(SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
    if KEY_ENCODING.decode(key).ok().is_none_or(|nonce| nonce.len() != KEY_BYTES) {
        return Err(HandshakeError::Key);
    }
    // Frames follow the request's head, not a body.
    if parts.headers.contains_key(TRANSFER_ENCODING) || value(CONTENT_LENGTH).is_some_and(|length| length != b"0") {
        return Err(HandshakeError::Body);
    }
    let accept_key = derive_accept_key(key);
    match parts.extensions.remove::<OnUpgrade>() {
        Some(pending) => Ok(Upgrade { accept_key, pending }),
        None => no_websocket("the request is not HTTP/1.1"),
    }
}

/// Adds to a refusal the headers that say what to ask for, RFC 9110, 15.5.22, and RFC 6455, 4.4.
pub(super) fn set_upgrade_headers(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
}

impl Upgrade {
    /// The answer that makes the connection a WebSocket with the subprotocol; extensions in the request are declined.
    pub fn response(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        if let Ok(accept) = HeaderValue::from_str(&self.accept_key) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    /// The WebSocket, once the answer has been written; none when the client has gone meanwhile.
    pub async fn stream(self, config: WebSocketConfig) -> Option<SocketStream> {
        let upgraded = self.pending.await.ok()?;
        let stream = InspectedStream::new(TokioIo::new(upgraded), FrameValidator::new());
        Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }
}

/// Whether a header, which may be spread over several lines (RFC 9110, 5.3), lists a word, in any case.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut words = lines.flat_map(|line| line.split(|byte| *byte == b','));
    words.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// The code of the refusal when these headers replace those of the same name. A request in a test cannot be taken
    /// over, which is the last check.
    fn refused(instead: &[(&'static str, &str)]) -> (&'static str, String) {
        let mut request = Request::new(());
        let kept = GOOD.iter().filter(|(name, _)| !instead.iter().any(|(other, _)| other == name));
        for (name, value) in kept.chain(instead) {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let refusal = read(&mut request.into_parts().0).err().unwrap();
        (refusal.code().as_str(), refusal.message())
    }

    fn passes(instead: &[(&'static str, &str)]) -> bool {
        refused(instead).1.contains("HTTP/1.1")
    }

    #[test]
    fn lists_of_options_may_be_split_over_lines_and_stand_in_any_case() {
        assert!(passes(&[]));
        for lines in
            [&["keep-alive", "Upgrade"][..], &["UPGRADE, keep-alive"], &["keep-alive ,upgrade"], &["", "upgrade"]]
        {
            let lines: Vec<_> = lines.iter().map(|line| ("connection", *line)).collect();
            assert!(passes(&lines), "{lines:?}");
        }
        assert!(passes(&[("upgrade", "h2c"), ("upgrade", "WebSocket")]));
        assert!(passes(&[("upgrade", "h2c, websocket")]));
        for line in ["keep-alive", "upgraded", "no-upgrade", "up grade", "\"upgrade\""] {
            assert_eq!(refused(&[("connection", line)]).0, "no_websocket", "{line}");
        }
        for line in ["h2c", "websocket2", "websocket/13"] {
            assert_eq!(refused(&[("upgrade", line)]).0, "no_websocket", "{line}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_and_the_version_is_13() {
        assert!(passes(&[("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEC==")]), "the example of RFC 6455, 4.1");
        assert!(passes(&[("sec-websocket-key", "  dGhlIHNhbXBsZSBub25jZQ== ")]));
        for key in
            ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ===", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "!"]
        {
            assert_eq!(refused(&[("sec-websocket-key", key)]).0, "websocket_key", "{key}");
        }
        for version in ["8", "12", "14", "13.0", "13, 8", ""] {
            assert_eq!(refused(&[("sec-websocket-version", version)]).0, "websocket_version", "{version}");
        }
        assert_eq!(refused(&[("content-length", "5")]).0, "upgrade_with_body");
        assert_eq!(refused(&[("transfer-encoding", "chunked")]).0, "upgrade_with_body");
        assert!(passes(&[("content-length", "0")]));
    }
}
