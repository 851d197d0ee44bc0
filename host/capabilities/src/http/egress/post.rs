//! Requests that the host itself sends, under the same rules for URLs and addresses as requests of plugins.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use signalbox_bindings::signalbox::http::http::Error;

use super::{Egress, LARGEST_BODY, causes, private_address};

/// As many bytes of an answer's body are read. A connection is used again only when its answer was read to the end.
const READ_OF_ANSWER: usize = 64 * 1024;
/// How long the body of an answer may take. The answer's status is known by then.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer to a `POST` of the host.
#[derive(Debug)]
pub struct PostAnswer {
    /// The status. Redirects are not followed.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body, at most 64 KiB; less when the rest did not come in time or the connection broke.
    pub beginning: Vec<u8>,
}

/// Why a `POST` of the host has no answer. The text holds neither the URL nor a header nor the body of the request.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The operator's rules or the limits forbid the request.
    #[error("{0}")]
    Forbidden(String),
    /// The name could not be resolved, the connection failed, or the answer is no HTTP.
    #[error("{0}")]
    Unanswered(String),
}

impl Egress {
    /// Sends a `POST` of the host. The caller allows the URL's host, sets all headers but `user-agent`, and enforces
    /// the deadline. Such requests do not count as requests of plugins.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Vec<u8>) -> Result<PostAnswer, PostError> {
        let url = self.check_url(url).map_err(forbidden)?;
        self.check_literal_address(&url).map_err(|error| opened_by_operator(forbidden(error)))?;
        if body.len() > LARGEST_BODY {
            let reason = format!("the body has {} bytes; at most {LARGEST_BODY} leave", body.len());
            return Err(PostError::Forbidden(reason));
        }
        let mut response =
            self.client.post(url).headers(headers).body(body).send().await.map_err(|error| unanswered(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok(PostAnswer { status, headers, beginning: beginning(response).await })
    }
}

/// The body's beginning. An error in it is none of the request: the receiver has answered.
async fn beginning(mut response: reqwest::Response) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while read.len() < READ_OF_ANSWER
            && let Ok(Some(chunk)) = response.chunk().await
        {
            read.extend(chunk.iter().take(READ_OF_ANSWER - read.len()));
        }
    };
    // Whether it ended or its time was over, what was read is kept.
    let _ = tokio::time::timeout(BODY_TIMEOUT, reading).await;
    read
}

fn forbidden(error: Error) -> PostError {
    match error {
        Error::Denied(reason) | Error::Invalid(reason) => PostError::Forbidden(reason),
        other => PostError::Unanswered(format!("{other:?}")),
    }
}

/// A private address, which the operator may have meant.
fn opened_by_operator(private: impl std::fmt::Display) -> PostError {
    PostError::Forbidden(format!("{private}; if that is meant, add it to egress.private-networks"))
}

fn unanswered(error: &reqwest::Error) -> PostError {
    if let Some(private) = private_address(error) {
        return opened_by_operator(private);
    }
    if error.is_timeout() {
        return PostError::Unanswered("no connection was made in time".to_owned());
    }
    // The outer errors say only that the request failed.
    PostError::Unanswered(causes(error).last().map(ToString::to_string).unwrap_or_default())
}
