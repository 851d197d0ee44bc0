//! Reads a delivery: what of it reaches the host, and how long that may take.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::refusal::Refusal;

/// What the name of a header contains that no handler needs to see: it proves who somebody is.
const SECRET_MARKS: [&str; 8] =
    ["authorization", "cookie", "signature", "token", "secret", "api-key", "apikey", "password"];

/// The body as it was sent. What is too large is refused before it is read, where it says so itself.
pub(super) async fn body(headers: &HeaderMap, body: Body, limit: u64, time: Duration) -> Result<Bytes, Refusal> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::Encoded);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match tokio::time::timeout(time, limited.collect()).await {
        Err(_) => Err(Refusal::TooSlow { limit: time }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Ok(Err(_)) => Err(Refusal::Broken),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

/// The headers that a handler is given: those that are text and no secret.
pub(super) fn for_handler(headers: &HeaderMap) -> Vec<(String, String)> {
    let open = headers.iter().filter(|(name, _)| !is_secret(name));
    open.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

fn is_secret(name: &HeaderName) -> bool {
    SECRET_MARKS.iter().any(|mark| name.as_str().contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proves_who_somebody_is_reaches_no_handler() {
        let secret = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "webhook-signature",
            "stripe-signature",
            "x-hub-signature",
            "x-hub-signature-256",
            "x-gitlab-token",
            "x-api-key",
        ];
        let open = ["content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-github-event"];
        let mut headers = HeaderMap::new();
        for name in secret.into_iter().chain(open) {
            headers.append(HeaderName::from_static(name), "value".parse().unwrap());
        }
        let mut names: Vec<String> = for_handler(&headers).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, open);
    }
}
