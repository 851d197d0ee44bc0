//! Reads the parts of a request, within limits.

use std::error::Error as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::{Path, Query};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::de::DeserializeOwned;
use signalbox_http::{BodyReadError, read_body};
use signalbox_model::strict_json::{self, BodyError};
use signalbox_model::{ErrorCode, HumanDuration};

use crate::api_error::ApiError;
use crate::{Api, ApiConfig};

/// The header that names a request, so that it can be repeated without being done twice.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header with the caller's preferences, RFC 7240.
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The header that says which preferences were applied.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The names in the path. A name that is not valid text leads to "not found".
pub(super) struct PathNames<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for PathNames<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let found = Path::<T>::from_request_parts(parts, api).await;
        found.map(|Path(names)| Self(names)).map_err(|_| ApiError::not_found("address"))
    }
}

/// The parameters of the query; unknown parameters are refused.
pub(super) struct Parameters<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, api).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => {
                // The rejection's own text is about the host; its cause says what is wrong in the query.
                let reason = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
                let detail = format!("the query is not as documented: {reason}");
                Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidQuery, detail))
            }
        }
    }
}

/// The whole body, if its media type is JSON and it keeps the limits.
pub(super) async fn body(headers: &HeaderMap, body: Body, config: &ApiConfig) -> Result<Bytes, ApiError> {
    let mut types = headers.get_all(CONTENT_TYPE).iter().peekable();
    if types.peek().is_none() || !types.all(|value| is_json(value.as_bytes())) {
        let detail = "send the body as JSON, with `Content-Type: application/json`";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::ContentType, detail));
    }
    read_body(headers, body, config.body_size, config.body_timeout).await.map_err(|error| {
        let (status, code) = match error {
            BodyReadError::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::ContentEncoding),
            BodyReadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge),
            BodyReadError::Incomplete => (StatusCode::BAD_REQUEST, ErrorCode::BodyIncomplete),
            BodyReadError::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BodyTimeout),
        };
        ApiError::new(status, code, error.to_string())
    })
}

/// Reads the body as `T`; at the paths in `objects` the JSON must have objects.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8], objects: &[impl AsRef<str>]) -> Result<T, ApiError> {
    strict_json::read(bytes, objects).map_err(|error| match error {
        BodyError::Syntax(reason) => {
            ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::NotJson, format!("the body is not sound JSON: {reason}"))
        }
        BodyError::Shape(reason) => {
            let detail = format!("the body is not as documented: {reason}");
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidField, detail)
        }
    })
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
}

/// The caller's idempotency key: quoted, as draft-ietf-httpapi-idempotency-key defines it, or bare, as most clients
/// send it.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let refused = |detail: &str| ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidIdempotencyKey, detail);
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("there is more than one `Idempotency-Key`"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if fits { Ok(Some(key.to_owned())) } else { Err(refused("a key is 1 to 128 visible ASCII characters")) }
}

/// How long the caller wants to wait for the decision: the parameter `wait`, else the preference; none means no
/// waiting.
pub(super) fn wait(parameter: Option<&str>, headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    if let Some(text) = parameter {
        let seconds = text.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()));
        let written = || text.parse::<HumanDuration>().ok().map(|duration| duration.0);
        return match seconds.or_else(written) {
            Some(wait) => Ok(Some(wait).filter(|wait| !wait.is_zero())),
            None => {
                let detail = "`wait` is a number of seconds, or a length of time such as `10s` or `500ms`";
                Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidQuery, detail))
            }
        };
    }
    // A preference that cannot be read is ignored, RFC 7240.
    let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
    let mut preferences = lines.flat_map(|line| line.split([',', ';'])).map(str::trim);
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("wait") { value.parse::<u32>().ok() } else { None }
    });
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())).filter(|wait| !wait.is_zero()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn an_idempotency_key_is_accepted_quoted_or_bare_and_only_once() {
        let key = |values: &[&str]| {
            idempotency_key(&headers(IDEMPOTENCY_KEY, values)).map_err(|refusal| refusal.0.code().as_str())
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["\"8e03978e\""]), Ok(Some("8e03978e".to_owned())));
        assert_eq!(key(&["8e03978e"]), Ok(Some("8e03978e".to_owned())));
        let long = "x".repeat(129);
        let bad: [&[&str]; 6] = [&["a", "a"], &[""], &["\"\""], &["a b"], &["a\"b"], &[&long]];
        for values in bad {
            assert_eq!(key(values), Err("invalid_idempotency_key"), "{values:?}");
        }
    }

    #[test]
    fn the_wait_time_is_read_from_the_parameter_and_the_prefer_header() {
        let parameter = |text: &str| wait(Some(text), &HeaderMap::new()).map_err(|refusal| refusal.0.code().as_str());
        assert_eq!(parameter("10"), Ok(Some(Duration::from_secs(10))));
        assert_eq!(parameter("500ms"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(parameter("0"), Ok(None));
        for text in ["", "-1s", "soon", "99999999999999999999"] {
            assert_eq!(parameter(text), Err("invalid_query"), "{text}");
        }
        let preference = |values: &[&str]| wait(None, &headers(PREFER, values)).unwrap();
        assert_eq!(preference(&[]), None);
        assert_eq!(preference(&["respond-async, wait=10"]), Some(Duration::from_secs(10)));
        assert_eq!(preference(&["handling=strict", "Wait = \"3\""]), Some(Duration::from_secs(3)));
        assert_eq!(preference(&["wait=soon"]), None);
        let both = wait(Some("2s"), &headers(PREFER, &["wait=9"])).unwrap();
        assert_eq!(both, Some(Duration::from_secs(2)), "what is in the address wins");
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for text in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for text in ["text/plain", "application/jsonp", "", "application/x-www-form-urlencoded"] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }
}
