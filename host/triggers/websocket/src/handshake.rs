use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use jiff::Timestamp;
use signalbox_http::{AuthError, BrowserOrigin, authorization, is_token_in_url};
use signalbox_model::{ErrorCode, ErrorType};

use crate::error_frame::ErrorFrame;
use crate::{SUBPROTOCOL, upgrade};

/// The client's token, as the upgrade request presents it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PresentedToken {
    /// None when the token comes in the first frame.
    pub token: Option<String>,
}

/// Why the request does not become a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HandshakeError {
    /// The method is not GET.
    Method,
    /// The request is not an upgrade request.
    NoWebSocket(&'static str),
    /// The upgrade names another version of WebSocket, or none.
    Version,
    /// The handshake's key is not valid.
    Key,
    /// The upgrade request has a body.
    Body,
    /// The client does not ask for the subprotocol.
    Subprotocol,
    /// The URL holds a token.
    TokenInUrl,
    /// A header with a token that is malformed or ambiguous.
    Token(AuthError),
    /// The request has two different tokens.
    TokensDiffer,
    /// A browser page of an origin that is not allowed.
    Origin(String),
    /// Too many connections.
    Full,
    /// Too many connections that have not authenticated.
    Unauthenticated,
    /// The host is going away.
    Draining,
}

/// Reads the request; its mistakes are answered before there is a WebSocket.
pub(super) fn read(
    uri: &Uri,
    headers: &HeaderMap,
    allowed_origins: &[BrowserOrigin],
) -> Result<PresentedToken, HandshakeError> {
    if is_token_in_url(uri) {
        return Err(HandshakeError::TokenInUrl);
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !allowed_origins.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes())
    {
        return Err(HandshakeError::Origin(String::from_utf8_lossy(origin.as_bytes()).into_owned()));
    }
    let protocols = protocols(headers);
    if !protocols.contains(&SUBPROTOCOL) {
        return Err(HandshakeError::Subprotocol);
    }
    Ok(PresentedToken { token: token(headers, &protocols)? })
}

/// The token of the header or of a subprotocol. Two different ones are refused, because the host cannot know which user
/// is meant.
fn token(headers: &HeaderMap, protocols: &[&str]) -> Result<Option<String>, HandshakeError> {
    let in_header = authorization(headers).map_err(HandshakeError::Token)?;
    let mut in_protocols = protocols.iter().filter_map(|protocol| protocol.strip_prefix("bearer."));
    let Some(in_protocol) = in_protocols.next() else { return Ok(in_header) };
    // A header of another scheme is for a proxy before the host and holds no token for this host.
    let differs = |header: &String| !header.is_empty() && header != in_protocol;
    if in_protocols.any(|other| other != in_protocol) || in_header.as_ref().is_some_and(differs) {
        return Err(HandshakeError::TokensDiffer);
    }
    Ok(Some(in_protocol.to_owned()))
}

fn protocols(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

impl HandshakeError {
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Method => ErrorCode::MethodNotAllowed,
            Self::NoWebSocket(_) => ErrorCode::NoWebsocket,
            Self::Version => ErrorCode::WebsocketVersion,
            Self::Key => ErrorCode::WebsocketKey,
            Self::Body => ErrorCode::UpgradeWithBody,
            Self::Subprotocol => ErrorCode::SubprotocolRequired,
            Self::TokenInUrl => ErrorCode::TokenInUrl,
            Self::Token(error) => error.code(),
            Self::TokensDiffer => ErrorCode::TokensDiffer,
            Self::Origin(_) => ErrorCode::OriginNotAllowed,
            Self::Full => ErrorCode::TooManyConnections,
            Self::Unauthenticated => ErrorCode::TooManyUnauthenticated,
            Self::Draining => ErrorCode::Draining,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoWebSocket(_) | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Body | Self::Subprotocol | Self::TokenInUrl | Self::Token(_) | Self::TokensDiffer => {
                StatusCode::BAD_REQUEST
            }
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Full | Self::Unauthenticated | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub fn message(&self) -> String {
        match self {
            Self::Method => {
                "a WebSocket is asked for with GET, RFC 6455, 4.1; send `GET` with `Upgrade: websocket`".to_owned()
            }
            Self::NoWebSocket(problem) => format!("this address speaks WebSocket only: {problem}"),
            Self::Version => "this address speaks version 13 of WebSocket only, RFC 6455".to_owned(),
            Self::Key => "`Sec-WebSocket-Key` has to be 16 random bytes in Base64, RFC 6455, 4.1".to_owned(),
            Self::Body => "a request that asks for a WebSocket has no body".to_owned(),
            Self::Subprotocol => format!("ask for the subprotocol {SUBPROTOCOL} in Sec-WebSocket-Protocol"),
            Self::TokenInUrl => AuthError::InUrl.to_string(),
            Self::Token(error) => error.to_string(),
            Self::TokensDiffer => {
                "the request carries different tokens, in the `Authorization` header and in subprotocols; send one"
                    .to_owned()
            }
            Self::Origin(origin) => format!(
                "pages of {origin} may not connect; the operator allows origins under [websocket] allowed-origins"
            ),
            Self::Full => "there are too many connections; try again in a moment".to_owned(),
            Self::Unauthenticated => {
                "too many connections are about to authenticate; try again in a moment, with the token in a header"
                    .to_owned()
            }
            Self::Draining => "the host is going away; try again in a moment".to_owned(),
        }
    }

    fn error_type(&self) -> ErrorType {
        match self {
            Self::Method | Self::NoWebSocket(_) | Self::Version | Self::Key | Self::Body | Self::Subprotocol => {
                ErrorType::ValidationError
            }
            Self::TokenInUrl | Self::Token(_) | Self::TokensDiffer | Self::Origin(_) => ErrorType::AuthFailed,
            Self::Full | Self::Unauthenticated => ErrorType::RateLimitExceeded,
            Self::Draining => ErrorType::ProcessingError,
        }
    }
}

impl HandshakeError {
    /// The refusal as HTTP; the log knows it under the same correlation id.
    pub fn into_response(self, correlation_id: &str) -> Response {
        let again = matches!(self, Self::Full | Self::Unauthenticated | Self::Draining);
        let frame = ErrorFrame::new(self.error_type(), self.code(), self.message())
            .with("retryable", again)
            .correlated(correlation_id);
        let mut response = (self.status(), Json(frame.into_response(Timestamp::now()))).into_response();
        match response.status() {
            StatusCode::UPGRADE_REQUIRED => upgrade::set_upgrade_headers(response.headers_mut()),
            StatusCode::METHOD_NOT_ALLOWED => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        if again {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &str)]) -> Result<Option<String>, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let origins = ["https://console.example.com".parse().unwrap()];
        read(&uri.parse().unwrap(), &map, &origins)
            .map(|presented| presented.token)
            .map_err(|refusal| refusal.code().as_str())
    }

    const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "signalbox.v1");

    #[test]
    fn a_token_is_found_in_header_and_subprotocol_and_nowhere_else() {
        type Case<'a> = (&'a [(&'static str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 6] = [
            (&[PROTOCOL], None),
            (&[PROTOCOL, ("authorization", "Bearer a.b.c")], Some("a.b.c")),
            (&[PROTOCOL, ("authorization", "bearer  a.b.c ")], Some("a.b.c")),
            (&[PROTOCOL, ("authorization", "Basic abc")], Some("")),
            (&[("sec-websocket-protocol", "signalbox.v1, bearer.a.b.c")], Some("a.b.c")),
            (&[("sec-websocket-protocol", "bearer.a.b.c"), PROTOCOL], Some("a.b.c")),
        ];
        for (headers, token) in cases {
            assert_eq!(request("/ws", headers), Ok(token.map(str::to_owned)), "{headers:?}");
        }
    }

    #[test]
    fn two_different_tokens_are_refused_and_the_same_one_twice_is_one() {
        let both =
            |header, protocols| request("/ws", &[("authorization", header), ("sec-websocket-protocol", protocols)]);
        let taken = |token: &str| Ok(Some(token.to_owned()));
        assert_eq!(both("Bearer a.b.c", "signalbox.v1, bearer.a.b.c"), taken("a.b.c"));
        assert_eq!(both("Bearer a.b.c", "signalbox.v1, bearer.x.y.z"), Err("tokens_differ"));
        assert_eq!(both("Basic YW5hOnB3", "signalbox.v1, bearer.x.y.z"), taken("x.y.z"), "a proxy's own password");
        let protocols = |list| request("/ws", &[("sec-websocket-protocol", list)]);
        assert_eq!(protocols("bearer.a.b.c, signalbox.v1, bearer.a.b.c"), taken("a.b.c"));
        assert_eq!(protocols("bearer.a.b.c, signalbox.v1, bearer.x.y.z"), Err("tokens_differ"));
        let twice = [PROTOCOL, ("authorization", "Bearer a.b.c"), ("authorization", "Bearer a.b.c")];
        assert_eq!(request("/ws", &twice), Err("token_malformed"), "a header has one line");
    }

    #[test]
    fn a_token_in_the_url_is_refused_under_every_usual_name() {
        for uri in ["/ws?token=a", "/ws?x=1&access_token=a", "/ws?Token=a", "/ws?%74oken=a", "/ws?jwt", "/ws?auth=a"] {
            assert_eq!(request(uri, &[PROTOCOL]), Err("token_in_url"), "{uri}");
        }
        assert_eq!(request("/ws?tokens=3", &[PROTOCOL]), Ok(None));
    }

    #[test]
    fn a_browser_page_of_another_origin_is_refused() {
        let from = |origin| request("/ws", &[PROTOCOL, ("origin", origin)]);
        assert_eq!(from("https://console.example.com"), Ok(None));
        for origin in ["https://evil.example.com", "http://console.example.com", "null", ""] {
            assert_eq!(from(origin), Err("origin_not_allowed"), "{origin}");
        }
    }

    #[test]
    fn a_client_of_another_protocol_is_refused() {
        assert_eq!(request("/ws", &[]), Err("subprotocol_required"));
        assert_eq!(
            request("/ws", &[("sec-websocket-protocol", "signalbox.v2, graphql-ws")]),
            Err("subprotocol_required")
        );
    }
}
