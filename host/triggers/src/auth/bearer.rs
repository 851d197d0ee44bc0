//! Where in a request a token stands, and where it must not.

use http::{HeaderValue, Uri};

/// Names under which clients put tokens into URLs.
const TOKEN_PARAMETERS: [&str; 5] = ["token", "access_token", "auth", "authorization", "jwt"];

/// The token of a header; a header of another scheme is an empty token, which is refused as missing, because whoever
/// sends the header means it.
pub(crate) fn bearer(header: &HeaderValue) -> String {
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") { token.trim().to_owned() } else { String::new() }
}

/// Whether the address carries a token, where logs and browser histories keep it.
pub(crate) fn is_token_in_url(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| TOKEN_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()))
}
