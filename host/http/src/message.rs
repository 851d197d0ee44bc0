//! What makes a request ambiguous, so that a proxy before the host and the host might read two different ones.

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

/// Headers that mean one thing and so stand in one line. More `Authorization` lines than one are a matter of whoever
/// reads tokens, more `Content-Length` lines one of the library.
const SINGLE: [HeaderName; 5] =
    [CONTENT_TYPE, ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];

/// Why a request is not looked at any further.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Malformed {
    /// RFC 9112, 3.2.
    #[error("HTTP/1.1 requests name the host they are for in a `Host` header, RFC 9112, 3.2")]
    NoHost,
    /// The same.
    #[error("there is more than one `Host` header")]
    Hosts,
    /// The same.
    #[error("the `Host` header is no host name or address with an optional port")]
    BadHost,
    /// RFC 9110, 5.3.
    #[error("the header `{0}` is there more than once; it has one value, RFC 9110, 5.3")]
    Repeated(HeaderName),
    /// RFC 9112, 6.1: bodies come as they are or in chunks.
    #[error("the body has a transfer coding that is not supported; send it as it is, or chunked")]
    Coding,
    /// RFC 9112, 6.1.
    #[error(
        "the request says with `Content-Length` and with `Transfer-Encoding` how long its body is; send one of them, \
         RFC 9112, 6.1"
    )]
    Lengths,
}

impl Malformed {
    /// A stable name for programs.
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoHost => ErrorCode::HostMissing,
            Self::Hosts | Self::Repeated(_) => ErrorCode::HeaderRepeated,
            Self::BadHost => ErrorCode::HostMalformed,
            Self::Coding => ErrorCode::TransferEncoding,
            Self::Lengths => ErrorCode::BodyLengthAmbiguous,
        }
    }

    fn status(&self) -> StatusCode {
        if *self == Self::Coding { StatusCode::NOT_IMPLEMENTED } else { StatusCode::BAD_REQUEST }
    }

    /// The answer; the log knows it under the same correlation id.
    pub fn into_response(self) -> Response {
        let correlation_id = signalbox_model::correlation_id();
        ::metrics::counter!(HTTP_MALFORMED, "reason" => self.code().as_str()).increment(1);
        tracing::info!(correlation_id, reason = self.code().as_str(), "refused a malformed request: {self}");
        ProblemResponse::new(self.status(), self.code(), self.to_string()).correlated(&correlation_id).into_response()
    }
}

/// Looks at the head of a request. Whether one on its connection has two lengths only the bytes tell.
pub(super) fn check<B>(request: &Request<B>, has_two_lengths: bool) -> Result<(), Malformed> {
    let headers = request.headers();
    if has_two_lengths && headers.contains_key(TRANSFER_ENCODING) {
        return Err(Malformed::Lengths);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Malformed::Hosts),
        // HTTP/1.0 knew no hosts, and its health checks still name none.
        (None, _) if request.version() >= Version::HTTP_11 => return Err(Malformed::NoHost),
        (None, _) => {}
        (Some(host), None) if is_host(host.as_bytes()) => {}
        (Some(_), None) => return Err(Malformed::BadHost),
    }
    if let Some(name) = SINGLE.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err(Malformed::Repeated(name));
    }
    if headers.contains_key(TRANSFER_ENCODING) && !is_only_chunked(headers) {
        return Err(Malformed::Coding);
    }
    Ok(())
}

/// A host and perhaps a port. Empty is a client that has no name for the host, RFC 9112, 3.2. Characters that a name
/// might have and no host has, such as the comma that joins two, are none.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("", port),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port =
        |port: &str| port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte));
    named && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TRANSFER_ENCODING).iter().map(|line| line.as_bytes());
    let mut codings = lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, headers: &[(&'static str, &'static str)]) -> Result<(), &'static str> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        check(&request, false).map_err(|malformed| malformed.code().as_str())
    }

    #[test]
    fn a_request_names_one_host_as_its_version_has_it() {
        let one = |host| checked(Version::HTTP_11, &[("host", host)]);
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
        assert_eq!(checked(Version::HTTP_11, &[]), Err("host_missing"));
        assert_eq!(checked(Version::HTTP_10, &[]), Ok(()));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            for second in ["a", "b", ""] {
                assert_eq!(checked(version, &[("host", "a"), ("host", second)]), Err("header_repeated"));
            }
        }
    }

    #[test]
    fn a_header_that_means_one_thing_stands_in_one_line() {
        for name in ["content-type", "origin", "sec-websocket-key", "sec-websocket-version"] {
            let headers = [("host", "a"), (name, "x"), (name, "x")];
            assert_eq!(checked(Version::HTTP_11, &headers), Err("header_repeated"), "{name}");
        }
        let lists = [("host", "a"), ("connection", "a"), ("connection", "b"), ("accept", "a"), ("accept", "b")];
        assert_eq!(checked(Version::HTTP_11, &lists), Ok(()));
    }

    #[test]
    fn a_body_comes_as_it_is_or_in_chunks() {
        let coded = |lines: &[&'static str]| {
            let mut headers = vec![("host", "a")];
            headers.extend(lines.iter().map(|line| ("transfer-encoding", *line)));
            checked(Version::HTTP_11, &headers)
        };
        assert_eq!(coded(&["chunked"]), Ok(()));
        assert_eq!(coded(&["Chunked "]), Ok(()));
        for lines in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked", "chunked"], &["chunked, identity"]] {
            assert_eq!(coded(lines), Err("transfer_encoding"), "{lines:?}");
        }
    }
}
