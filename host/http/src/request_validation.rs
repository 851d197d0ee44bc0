//! Refuses requests that a proxy before the host could read differently than the host does.

use std::net::Ipv6Addr;

use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, Request, StatusCode, Version};
use signalbox_model::ErrorCode;
use thiserror::Error;

use crate::metrics::HTTP_MALFORMED;
use crate::problem::ProblemResponse;

/// Headers that have one value and so one line, RFC 9110, 5.5. Several `Authorization` lines are refused where tokens
/// are read, and several `Content-Length` lines by hyper.
const SINGLETON_HEADERS: [HeaderName; 5] =
    [CONTENT_TYPE, ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];

/// Why a request is refused before a handler sees it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum MalformedRequest {
    /// An HTTP/1.1 request without `Host`, RFC 9112, 3.2.
    #[error("HTTP/1.1 requests name the host they are for in a `Host` header, RFC 9112, 3.2")]
    MissingHost,
    /// More than one `Host`, RFC 9112, 3.2.
    #[error("there is more than one `Host` header")]
    MultipleHosts,
    /// A `Host` of another syntax, RFC 9112, 3.2.
    #[error("the `Host` header is no host name or address with an optional port")]
    InvalidHost,
    /// A header with one value on several lines, RFC 9110, 5.3.
    #[error("the header `{0}` is there more than once; it has one value, RFC 9110, 5.3")]
    RepeatedHeader(HeaderName),
    /// Another transfer coding than `chunked`, RFC 9112, 6.1.
    #[error("the body has a transfer coding that is not supported; send it as it is, or chunked")]
    UnsupportedTransferCoding,
    /// Both `Content-Length` and `Transfer-Encoding`, RFC 9112, 6.1.
    #[error(
        "the request says with `Content-Length` and with `Transfer-Encoding` how long its body is; send one of them, \
         RFC 9112, 6.1"
    )]
    ConflictingLengths,
}

impl MalformedRequest {
    /// A stable name for programs.
    fn code(&self) -> ErrorCode {
        match self {
            Self::MissingHost => ErrorCode::HostMissing,
            Self::MultipleHosts | Self::RepeatedHeader(_) => ErrorCode::HeaderRepeated,
            Self::InvalidHost => ErrorCode::HostMalformed,
            Self::UnsupportedTransferCoding => ErrorCode::TransferEncoding,
            Self::ConflictingLengths => ErrorCode::BodyLengthAmbiguous,
        }
    }

    fn status(&self) -> StatusCode {
        if *self == Self::UnsupportedTransferCoding { StatusCode::NOT_IMPLEMENTED } else { StatusCode::BAD_REQUEST }
    }

    /// The response, with the correlation id of the log line.
    pub fn into_response(self) -> Response {
        let correlation_id = signalbox_model::correlation_id();
        ::metrics::counter!(HTTP_MALFORMED, "reason" => self.code().as_str()).increment(1);
        tracing::info!(correlation_id, reason = self.code().as_str(), "refused a malformed request: {self}");
        ProblemResponse::new(self.status(), self.code(), self.to_string()).correlated(&correlation_id).into_response()
    }
}

/// Validates the head of a request. `is_ambiguous` says that a request of the connection had both `Content-Length` and
/// `Transfer-Encoding`, which the headers do not show, because hyper removes `Content-Length`.
pub(super) fn validate<B>(request: &Request<B>, is_ambiguous: bool) -> Result<(), MalformedRequest> {
    let headers = request.headers();
    if is_ambiguous && headers.contains_key(TRANSFER_ENCODING) {
        return Err(MalformedRequest::ConflictingLengths);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(MalformedRequest::MultipleHosts),
        // `Host` came with HTTP/1.1, and health checks over HTTP/1.0 have none.
        (None, _) if request.version() >= Version::HTTP_11 => return Err(MalformedRequest::MissingHost),
        (None, _) => {}
        (Some(host), None) if is_valid_host(host.as_bytes()) => {}
        (Some(_), None) => return Err(MalformedRequest::InvalidHost),
    }
    if let Some(name) = SINGLETON_HEADERS.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err(MalformedRequest::RepeatedHeader(name));
    }
    if headers.contains_key(TRANSFER_ENCODING) && !is_only_chunked(headers) {
        return Err(MalformedRequest::UnsupportedTransferCoding);
    }
    Ok(())
}

/// Whether a value is a host with an optional port. An empty value is valid: a client sends it when the target has no
/// host, RFC 9112, 3.2. Characters that RFC 3986 allows in a name but that no host has, such as a comma, are refused.
fn is_valid_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("", port),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port =
        |port: &str| port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TRANSFER_ENCODING).iter().map(|line| line.as_bytes());
    let mut codings = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(version: Version, headers: &[(&'static str, &'static str)]) -> Result<(), &'static str> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        validate(&request, false).map_err(|malformed| malformed.code().as_str())
    }

    #[test]
    fn a_request_has_one_valid_host_header_which_only_http_1_0_may_omit() {
        let one = |host| validated(Version::HTTP_11, &[("host", host)]);
        for host in
            ["signalbox", "signalbox:8080", "127.0.0.1", "[::1]:8080", "[::1]", "a.example.com.", "a_b", "a:", ""]
        {
            assert_eq!(one(host), Ok(()), "{host}");
        }
        for host in [
            "a b",
            "user@signalbox",
            "signalbox/path",
            "a,b",
            "http://signalbox",
            "a:port",
            "a:70000",
            "[a]",
            "[::1",
            "[::1]x",
            "a:1:2",
        ] {
            assert_eq!(one(host), Err("host_malformed"), "{host}");
        }
        assert_eq!(validated(Version::HTTP_11, &[]), Err("host_missing"));
        assert_eq!(validated(Version::HTTP_10, &[]), Ok(()));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            for second in ["a", "b", ""] {
                assert_eq!(validated(version, &[("host", "a"), ("host", second)]), Err("header_repeated"));
            }
        }
    }

    #[test]
    fn a_singleton_header_is_refused_on_a_second_line() {
        for name in ["content-type", "origin", "sec-websocket-key", "sec-websocket-version"] {
            let headers = [("host", "a"), (name, "x"), (name, "x")];
            assert_eq!(validated(Version::HTTP_11, &headers), Err("header_repeated"), "{name}");
        }
        let lists = [("host", "a"), ("connection", "a"), ("connection", "b"), ("accept", "a"), ("accept", "b")];
        assert_eq!(validated(Version::HTTP_11, &lists), Ok(()));
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        let with_codings = |lines: &[&'static str]| {
            let mut headers = vec![("host", "a")];
            headers.extend(lines.iter().map(|line| ("transfer-encoding", *line)));
            validated(Version::HTTP_11, &headers)
        };
        assert_eq!(with_codings(&["chunked"]), Ok(()));
        assert_eq!(with_codings(&["Chunked "]), Ok(()));
        for lines in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked", "chunked"], &["chunked, identity"]] {
            assert_eq!(with_codings(lines), Err("transfer_encoding"), "{lines:?}");
        }
    }
}
