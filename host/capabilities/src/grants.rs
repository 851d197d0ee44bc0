use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::http::HttpGrant;

/// A capability that needs a grant. `log` and `config` need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Facts about the business.
    Business,
    /// Resources that other services own.
    Resources,
    /// Message models and past decisions.
    Rag,
    /// The plugin's own rows.
    Dynamodb,
    /// Requests to other services.
    Http,
    /// Records for Kafka topics.
    Kafka,
    /// Messages to connected people.
    Websocket,
    /// Schedules.
    Cron,
    /// Language models.
    Llm,
}

impl Capability {
    /// Every capability, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Business,
        Self::Resources,
        Self::Rag,
        Self::Dynamodb,
        Self::Http,
        Self::Kafka,
        Self::Websocket,
        Self::Cron,
        Self::Llm,
    ];

    /// The name of the WIT package and of the key under `grants`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Resources => "resources",
            Self::Rag => "rag",
            Self::Dynamodb => "dynamodb",
            Self::Http => "http",
            Self::Kafka => "kafka",
            Self::Websocket => "websocket",
            Self::Cron => "cron",
            Self::Llm => "llm",
        }
    }

    /// The capability with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }

    /// An example of a grant, for messages.
    pub fn example(self) -> &'static str {
        match self {
            Self::Business => r#"business = ["read"]"#,
            Self::Resources => r#"resources = ["read"]"#,
            Self::Rag => r#"rag = ["read"]"#,
            Self::Dynamodb => r#"dynamodb = ["reservations"]"#,
            Self::Http => r#"http = ["https://api.example.com/"]"#,
            Self::Kafka => r#"kafka = ["orders"]"#,
            Self::Websocket => r#"websocket = ["send"]"#,
            Self::Cron => r#"cron = ["schedule"]"#,
            Self::Llm => r#"llm = ["default"]"#,
        }
    }

    /// The words that a grant may have; none when the author chooses names.
    fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Business | Self::Rag => Some(&["read"]),
            Self::Resources => Some(&["read", "execute"]),
            Self::Websocket => Some(&crate::websocket::WORDS),
            Self::Cron => Some(&["read", "schedule"]),
            Self::Dynamodb | Self::Http | Self::Kafka | Self::Llm => None,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A grant that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantError {
    /// There is no such capability.
    #[error("there is no capability `{name}`; capabilities that need a grant are {}", names())]
    UnknownCapability {
        /// What was written.
        name: String,
    },
    /// The capability has no such word.
    #[error("`{word}` is no grant of {capability}; write for example `{}`", .capability.example())]
    UnknownWord {
        /// The capability.
        capability: Capability,
        /// What was written.
        word: String,
    },
    /// A name or URL that cannot be granted.
    #[error("`{word}` cannot be granted for {capability}: {reason}; write for example `{}`", .capability.example())]
    Malformed {
        /// The capability.
        capability: Capability,
        /// What was written.
        word: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The grant is empty.
    #[error("the grant of {capability} is empty; remove it, or write for example `{}`", .capability.example())]
    Empty {
        /// The capability.
        capability: Capability,
    },
}

fn names() -> String {
    Capability::ALL.map(Capability::as_str).join(", ")
}

/// The capabilities that one plugin may use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    words: BTreeMap<Capability, Vec<String>>,
    http: Vec<HttpGrant>,
}

impl Grants {
    /// Reads `[plugins.<name>] grants`, and finds everything that is wrong with it.
    pub fn parse(written: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<GrantError>> {
        let mut grants = Self::default();
        let mut errors = Vec::new();
        for (name, words) in written {
            let Some(capability) = Capability::from_name(name) else {
                errors.push(GrantError::UnknownCapability { name: name.clone() });
                continue;
            };
            if words.is_empty() {
                errors.push(GrantError::Empty { capability });
            }
            for word in words {
                if let Err(error) = grants.add(capability, word) {
                    errors.push(error);
                }
            }
        }
        if errors.is_empty() { Ok(grants) } else { Err(errors) }
    }

    fn add(&mut self, capability: Capability, word: &str) -> Result<(), GrantError> {
        let malformed = |reason: String| GrantError::Malformed { capability, word: word.to_owned(), reason };
        match (capability, capability.words()) {
            (_, Some(known)) if !known.contains(&word) => {
                return Err(GrantError::UnknownWord { capability, word: word.to_owned() });
            }
            (Capability::Http, _) => self.http.push(HttpGrant::parse(word).map_err(malformed)?),
            (Capability::Dynamodb, _) => check_name(word.strip_suffix(":read").unwrap_or(word)).map_err(malformed)?,
            (Capability::Kafka | Capability::Llm, _) => check_name(word).map_err(malformed)?,
            _ => {}
        }
        self.words.entry(capability).or_default().push(word.to_owned());
        Ok(())
    }

    /// Whether anything of the capability is granted.
    pub fn covers(&self, capability: Capability) -> bool {
        self.words.contains_key(&capability)
    }

    /// Whether exactly this word or name is granted.
    pub fn allows(&self, capability: Capability, word: &str) -> bool {
        self.words.get(&capability).is_some_and(|words| words.iter().any(|granted| granted == word))
    }

    /// Whether a table may be read.
    pub fn reads_table(&self, table: &str) -> bool {
        self.writes_table(table) || self.allows(Capability::Dynamodb, &format!("{table}:read"))
    }

    /// Whether a table may be written.
    pub fn writes_table(&self, table: &str) -> bool {
        self.allows(Capability::Dynamodb, table)
    }

    /// The grants of outgoing requests.
    pub fn http(&self) -> &[HttpGrant] {
        &self.http
    }
}

/// Checks a name of a table, topic or model: letters, digits, `-`, `_` and `.`, at most 64.
fn check_name(name: &str) -> Result<(), String> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if fits { Ok(()) } else { Err("a name has 1 to 64 letters, digits, `-`, `_` or `.`".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(capability: &str, words: &[&str]) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(capability.to_owned(), words.iter().map(|word| (*word).to_owned()).collect())])
    }

    #[test]
    fn every_wrong_grant_is_named() {
        let mut all = written("rag", &["write"]);
        all.extend(written("lllm", &["default"]));
        all.extend(written("dynamodb", &["a table", "orders"]));
        all.extend(written("http", &["ftp://x"]));
        all.extend(written("kafka", &[]));
        let errors = Grants::parse(&all).unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:?}");
    }

    #[test]
    fn read_only_tables_cannot_be_written() {
        let grants = Grants::parse(&written("dynamodb", &["orders:read", "stock"])).unwrap();
        assert!(grants.reads_table("orders") && !grants.writes_table("orders"));
        assert!(grants.reads_table("stock") && grants.writes_table("stock"));
        assert!(!grants.reads_table("orders:read") || !grants.writes_table("other"));
    }

    #[test]
    fn the_examples_in_messages_are_valid_grants() {
        for capability in Capability::ALL {
            let (name, words) = capability.example().split_once(" = ").unwrap();
            let words: Vec<String> = serde_json::from_str(words).unwrap();
            Grants::parse(&BTreeMap::from([(name.to_owned(), words)])).unwrap();
        }
    }
}
