//! Finds the token of a request in its headers, and tokens in the URL, where they must not be.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use super::AuthError;

/// The query parameters in which clients send tokens.
const TOKEN_PARAMETERS: [&str; 5] = ["token", "access_token", "auth", "authorization", "jwt"];

/// The token of the `Authorization` header; none without the header. A header of another scheme than `Bearer` gives an
/// empty token, which is refused as missing, because its client meant to authenticate.
pub fn authorization(headers: &HeaderMap) -> Result<Option<String>, AuthError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (line, None) => Ok(line.map(bearer)),
        // A proxy before the host could use the one line and the host the other.
        (_, Some(_)) => Err(AuthError::Malformed("there is more than one `Authorization` header".to_owned())),
    }
}

fn bearer(header: &HeaderValue) -> String {
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") { token.trim().to_owned() } else { String::new() }
}

/// Whether the query has a token parameter. Logs and browser histories keep URLs.
pub fn is_token_in_url(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| TOKEN_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
}
