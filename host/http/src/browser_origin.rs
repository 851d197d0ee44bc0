//! Origins of web pages, as browsers send them in the `Origin` header.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;
use url::Url;

/// The origin of a web page, serialized as browsers serialize it in the `Origin` header (RFC 6454, 6.2), so that
/// origins are compared byte by byte. Another form of the same origin would never match, so parsing refuses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct BrowserOrigin(String);

/// Why a text is not an origin that browsers send.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OriginError {
    /// The text means an origin, but browsers serialize it differently.
    #[error("`{text}` can never match, because browsers send this origin as `{canonical}`; write it like that")]
    NotCanonical {
        /// The text as written.
        text: String,
        /// The origin as browsers send it.
        canonical: String,
    },
    /// The text has a wildcard.
    #[error("`{0}` can never match: there are no wildcards; list every origin, such as `https://console.example.com`")]
    Wildcard(String),
    /// `null`, which browsers send for pages without an origin.
    #[error(
        "`null` is what browsers send for files and sandboxed frames of anybody, so it cannot be allowed; serve the page \
         from an origin such as `https://console.example.com`"
    )]
    Null,
    /// The text is not an origin of web pages.
    #[error(
        "`{0}` is no origin of a web page; write a scheme, a host and perhaps a port, `https://console.example.com`"
    )]
    NotAnOrigin(String),
}

impl BrowserOrigin {
    /// The origin as browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BrowserOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('*') {
            return Err(OriginError::Wildcard(text.to_owned()));
        }
        if text.trim().eq_ignore_ascii_case("null") {
            return Err(OriginError::Null);
        }
        let canonical = canonical_origin(text.trim()).ok_or_else(|| OriginError::NotAnOrigin(text.to_owned()))?;
        if canonical == text {
            Ok(Self(canonical))
        } else {
            Err(OriginError::NotCanonical { text: text.to_owned(), canonical })
        }
    }
}

/// The origin that the text means, as browsers serialize it; none when it means no origin.
fn canonical_origin(text: &str) -> Option<String> {
    if !text.contains("://") {
        // A host without a scheme. The text after a `:` has to be a port; otherwise the text is another kind of URL.
        let host = Url::parse(&format!("https://{text}")).ok().filter(|url| url.host_str().is_some())?;
        let name = host.host_str().unwrap_or_default();
        let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        let scheme = if is_local { "http" } else { "https" };
        return canonical_origin(&format!("{scheme}://{text}"));
    }
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let scheme = match url.scheme() {
        // The page that opens a WebSocket was loaded over HTTP.
        "wss" => "https",
        "ws" => "http",
        "ftp" | "file" => return None,
        scheme => scheme,
    };
    // The parser removes the default ports of the schemes that it knows, and browser extensions have no ports.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

impl fmt::Display for BrowserOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BrowserOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_as_browsers_send_it_is_accepted_unchanged() {
        for text in [
            "https://console.example.com",
            "http://localhost:5173",
            "https://console.example.com:8443",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "https://example.com:80",
            "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
            "capacitor://localhost",
            "tauri://localhost",
        ] {
            assert_eq!(text.parse::<BrowserOrigin>().map(|origin| origin.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_origin_in_another_form_is_refused_with_the_form_that_browsers_send() {
        for (text, canonical) in [
            ("https://c.example.com/", "https://c.example.com"),
            ("https://c.example.com/console", "https://c.example.com"),
            ("https://c.example.com?x=1", "https://c.example.com"),
            ("https://c.example.com#top", "https://c.example.com"),
            ("https://c.example.com:443", "https://c.example.com"),
            ("http://c.example.com:80", "http://c.example.com"),
            ("https://c.example.com:", "https://c.example.com"),
            ("https://C.Example.com", "https://c.example.com"),
            ("HTTPS://c.example.com", "https://c.example.com"),
            ("https://ana:pw@c.example.com", "https://c.example.com"),
            (" https://c.example.com", "https://c.example.com"),
            ("https://c.example.com ", "https://c.example.com"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://127.1", "https://127.0.0.1"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("wss://c.example.com/ws", "https://c.example.com"),
            ("ws://localhost:8080", "http://localhost:8080"),
            ("c.example.com", "https://c.example.com"),
            ("c.example.com:8443", "https://c.example.com:8443"),
            ("c.example.com/", "https://c.example.com"),
            ("localhost:3000", "http://localhost:3000"),
            (
                "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb/",
                "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
            ),
        ] {
            let error = text.parse::<BrowserOrigin>().unwrap_err();
            assert_eq!(error, OriginError::NotCanonical { text: text.to_owned(), canonical: canonical.to_owned() });
            assert!(error.to_string().contains(&format!("`{canonical}`")), "{error}");
            canonical.parse::<BrowserOrigin>().unwrap();
        }
    }

    #[test]
    fn text_that_is_not_an_origin_is_refused_with_the_reason() {
        for text in ["*", "https://*.example.com", "https://*"] {
            assert_eq!(text.parse::<BrowserOrigin>(), Err(OriginError::Wildcard(text.to_owned())));
        }
        for text in ["null", "NULL", " null "] {
            assert_eq!(text.parse::<BrowserOrigin>(), Err(OriginError::Null));
        }
        for text in
            ["", " ", "https://", "file:///home/ana/page.html", "ftp://c.example.com", "https://a b", "mailto:a b"]
        {
            assert_eq!(text.parse::<BrowserOrigin>(), Err(OriginError::NotAnOrigin(text.to_owned())));
        }
    }
}
