//! Reads whole request bodies within a size limit and a timeout.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use signalbox_model::{HumanDuration, HumanSize};
use thiserror::Error;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyReadError {
    /// The body has a content coding, such as compression.
    #[error("send the body as it is, without `Content-Encoding`")]
    Encoded,
    /// The body is larger than it may be.
    #[error("the body is larger than {limit}; send less, or a reference to the data")]
    TooLarge {
        /// The size limit.
        limit: HumanSize,
    },
    /// The body did not end before the timeout.
    #[error("the body did not arrive within {limit}")]
    TooSlow {
        /// The timeout.
        limit: HumanDuration,
    },
    /// The connection ended before the body did.
    #[error("the body ended before it was complete")]
    Incomplete,
}

/// Reads a whole body of at most `max_size` bytes within `timeout`. A body whose `Content-Length` is larger is refused
/// without being read.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    max_size: HumanSize,
    timeout: HumanDuration,
) -> Result<Bytes, BodyReadError> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(BodyReadError::Encoded);
    }
    let content_length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if content_length.is_some_and(|length| length > max_size.0) {
        return Err(BodyReadError::TooLarge { limit: max_size });
    }
    let limited = Limited::new(body, usize::try_from(max_size.0).unwrap_or(usize::MAX));
    match tokio::time::timeout(timeout.0, limited.collect()).await {
        Err(_) => Err(BodyReadError::TooSlow { limit: timeout }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyReadError::TooLarge { limit: max_size }),
        Ok(Err(_)) => Err(BodyReadError::Incomplete),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn read(headers: &[(&'static str, &'static str)], body: Body) -> Result<Bytes, BodyReadError> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        read_body(&headers, body, HumanSize(4), HumanDuration::secs(1)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_or_refused_with_the_limit_that_it_exceeds() {
        assert_eq!(read(&[], Body::from("1234")).await.unwrap(), "1234");
        assert_eq!(read(&[("content-encoding", "identity")], Body::from("1")).await.unwrap(), "1");
        assert_eq!(read(&[("content-encoding", "gzip")], Body::from("1")).await, Err(BodyReadError::Encoded));
        let too_large = Err(BodyReadError::TooLarge { limit: HumanSize(4) });
        assert_eq!(read(&[], Body::from("12345")).await, too_large);
        let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(&[("content-length", "5")], never()).await, too_large, "no byte of the body is awaited");
        assert_eq!(read(&[], never()).await, Err(BodyReadError::TooSlow { limit: HumanDuration::secs(1) }));
        let broken = stream::iter([Ok(Bytes::from("1")), Err(std::io::Error::other("reset"))]);
        assert_eq!(read(&[], Body::from_stream(broken)).await, Err(BodyReadError::Incomplete));
    }
}
