//! Chooses the headers of a delivery that its handler gets.

use http::{HeaderMap, HeaderName};

/// Parts of the names of headers that carry credentials or signatures, which no handler needs.
const SECRET_MARKS: [&str; 8] =
    ["authorization", "cookie", "signature", "token", "secret", "api-key", "apikey", "password"];

/// The headers for a handler: those that are text and hold no secret.
pub(super) fn of(headers: &HeaderMap) -> Vec<(String, String)> {
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
    fn headers_with_credentials_reach_no_handler() {
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
        let mut names: Vec<String> = of(&headers).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, open);
    }
}
