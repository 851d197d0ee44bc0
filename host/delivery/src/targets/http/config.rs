use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use signalbox_model::SecretReference;
use url::{Host, Url};

/// `[delivery.external-calls]`: where external calls of decisions may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ExternalCallConfig {
    /// The services that decisions may call, by a name that the operator chooses. A call to any other host is refused.
    pub receivers: BTreeMap<String, ReceiverConfig>,
}

/// `[delivery.external-calls.receivers.<name>]`: a service that decisions may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Its hosts, for example `crm.example`, `*.partner.example` or `crm.example:8443`. Without a port only the usual
    /// one is meant.
    pub hosts: Vec<HostPattern>,
    /// Reference to the key with which calls are signed as Standard Webhooks, `whsec_` and Base64.
    #[serde(default)]
    pub signing_secret: Option<SecretReference>,
    /// Reference to the value of the header `authorization`, for example `Bearer` and a token.
    #[serde(default)]
    pub authorization: Option<SecretReference>,
}

/// A host, or with `*.` before it all hosts below it at any depth, and not the host itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    is_below: bool,
    /// As a URL has it: in lower case, and international names in Punycode.
    host: String,
    /// None is the usual port of the URL's scheme.
    port: Option<u16>,
}

impl HostPattern {
    /// Whether the pattern means the host and port of a URL.
    pub fn matches(&self, url: &Url) -> bool {
        let is_host = match url.host() {
            Some(Host::Domain(name)) if self.is_below => {
                let before = name.strip_suffix(self.host.as_str()).and_then(|before| before.strip_suffix('.'));
                before.is_some_and(|before| !before.is_empty())
            }
            _ => !self.is_below && url.host_str() == Some(self.host.as_str()),
        };
        let is_port = match self.port {
            Some(port) => url.port_or_known_default() == Some(port),
            None => url.port().is_none(),
        };
        is_host && is_port
    }

    /// Of two patterns that mean the same URL, the one with the greater precision counts.
    pub(super) fn precision(&self) -> (bool, usize, bool) {
        (!self.is_below, self.host.len(), self.port.is_some())
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no host; write for example `crm.example`, `*.partner.example` or `crm.example:8443`")
        };
        let (is_below, host) = text.strip_prefix("*.").map_or((false, text), |host| (true, host));
        let is_more = |character: char| character.is_whitespace() || "/\\?#@*%".contains(character);
        if host.contains(is_more) {
            return Err(wrong());
        }
        // A URL does not keep the usual port of its scheme, so the port is read with two schemes.
        let read = |scheme: &str| Url::parse(&format!("{scheme}://{host}")).map_err(|_| wrong());
        let (https, http) = (read("https")?, read("http")?);
        match https.host() {
            Some(Host::Domain(_)) => {}
            Some(_) if !is_below => {}
            _ => return Err(wrong()),
        }
        let port = https.port().or_else(|| http.port());
        Ok(Self { is_below, host: https.host_str().ok_or_else(wrong)?.to_owned(), port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.is_below { "*." } else { "" };
        write!(f, "{below}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl schemars::JsonSchema for HostPattern {
    fn schema_name() -> Cow<'static, str> {
        "HostPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A host, for example crm.example or crm.example:8443, or all hosts below one, for example *.partner.example.",
        })
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_pattern_means_its_host_at_the_usual_port_and_nothing_that_looks_like_it() {
        for url in ["https://crm.example/a?b", "https://CRM.example:443", "http://crm.example:80"] {
            assert!(matches("Crm.example", url), "{url}");
        }
        for url in [
            "https://crm.example:8443",
            "http://crm.example:443",
            "https://a.crm.example",
            "https://acrm.example",
            "https://crm.example.evil.example",
            "https://crm.example@evil.example",
            "https://crm.example.",
        ] {
            assert!(!matches("crm.example", url), "{url}");
        }
        assert!(matches("köln.example", "https://xn--kln-sna.example/"));
        assert!(matches("[::1]", "https://[0:0::1]/") && matches("127.0.0.1", "https://0x7f.1/"));
    }

    #[test]
    fn a_pattern_with_a_port_means_that_port_only() {
        assert!(matches("crm.example:8443", "https://crm.example:8443/"));
        assert!(!matches("crm.example:8443", "https://crm.example/"));
        assert!(
            matches("crm.example:443", "https://crm.example/") && !matches("crm.example:443", "http://crm.example/")
        );
        assert!(matches("crm.example:80", "http://crm.example/") && !matches("crm.example:80", "https://crm.example/"));
    }

    #[test]
    fn a_star_means_the_hosts_below_and_not_the_host_itself() {
        assert!(matches("*.partner.example", "https://a.partner.example"));
        assert!(matches("*.partner.example", "https://a.b.partner.example"));
        for url in ["https://partner.example", "https://evilpartner.example", "https://.partner.example"] {
            assert!(!matches("*.partner.example", url), "{url}");
        }
        assert!(matches("*.partner.example:8443", "https://a.partner.example:8443"));
    }

    #[test]
    fn what_is_no_host_is_refused_and_shown_as_it_was_written() {
        for text in [
            "",
            "*",
            "*.",
            "*.*.example",
            "a.*.example",
            "https://crm.example",
            "crm.example/v1",
            "u@crm.example",
            "crm.example:port",
            "*.127.0.0.1",
            "*.[::1]",
            "crm example",
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        for text in ["crm.example", "*.partner.example:8443", "[::1]:8080"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }
}
