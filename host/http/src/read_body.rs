//! The one reader of requests' bodies: whole, as they were sent, within a size and a time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use signalbox_model::{HumanDuration, HumanSize};
use thiserror::Error;

/// Why a body was not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyReadError {
    /// The body is compressed or otherwise changed on its way.
    #[error("send the body as it is, without `Content-Encoding`")]
    Encoded,
    /// The body is larger than it may be.
    #[error("the body is larger than {limit}; send less, or a reference to the data")]
    TooLarge {
        /// The most that is read.
        limit: HumanSize,
    },
    /// The body did not end in time.
    #[error("the body did not arrive within {limit}")]
    TooSlow {
        /// The longest that is waited.
        limit: HumanDuration,
    },
    /// The connection ended before the body did.
    #[error("the body ended before it was complete")]
    Incomplete,
}

/// Reads a whole body of at most `size` bytes within `time`. One that says itself that it is larger is refused unread.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    size: HumanSize,
    time: HumanDuration,
) -> Result<Bytes, BodyReadError> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(BodyReadError::Encoded);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > size.0) {
        return Err(BodyReadError::TooLarge { limit: size });
    }
    let limited = Limited::new(body, usize::try_from(size.0).unwrap_or(usize::MAX));
    let time_limit: Duration = time.0;
    match tokio::time::timeout(time_limit, limited.collect()).await {
        Err(_) => Err(BodyReadError::TooSlow { limit: time }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyReadError::TooLarge { limit: size }),
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
    async fn a_body_is_read_whole_or_refused_with_the_limit_that_it_breaks() {
        assert_eq!(read(&[], Body::from("1234")).await.unwrap(), "1234");
        assert_eq!(read(&[("content-encoding", "identity")], Body::from("1")).await.unwrap(), "1");
        assert_eq!(read(&[("content-encoding", "gzip")], Body::from("1")).await, Err(BodyReadError::Encoded));
        let too_large = Err(BodyReadError::TooLarge { limit: HumanSize(4) });
        assert_eq!(read(&[], Body::from("12345")).await, too_large);
        let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(&[("content-length", "5")], never()).await, too_large, "nothing of it is awaited");
        assert_eq!(read(&[], never()).await, Err(BodyReadError::TooSlow { limit: HumanDuration::secs(1) }));
        let broken = stream::iter([Ok(Bytes::from("1")), Err(std::io::Error::other("reset"))]);
        assert_eq!(read(&[], Body::from_stream(broken)).await, Err(BodyReadError::Incomplete));
    }
}
