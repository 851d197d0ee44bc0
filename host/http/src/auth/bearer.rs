//! Where in a request a token stands, and where it must not.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use super::AuthError;

/// Names under which clients put tokens into URLs.
const TOKEN_PARAMETERS: [&str; 5] = ["token", "access_token", "auth", "authorization", "jwt"];

/// The token of the `Authorization` header, if there is such a header; of another scheme than `Bearer` it is an empty
/// token, which is refused as missing, because whoever sends the header means it.
pub fn authorization(headers: &HeaderMap) -> Result<Option<String>, AuthError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (line, None) => Ok(line.map(bearer)),
        // Two readers might take two different ones.
        (_, Some(_)) => Err(AuthError::Malformed("there is more than one `Authorization` header".to_owned())),
    }
}

fn bearer(header: &HeaderValue) -> String {
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") { token.trim().to_owned() } else { String::new() }
}

/// Whether the address carries a token, where logs and browser histories keep it.
pub fn is_token_in_url(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| TOKEN_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
}
