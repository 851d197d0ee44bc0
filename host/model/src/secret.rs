use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a secret is found. Configuration never holds a secret's value: `{ env = "NAME" }` or `{ file = "path" }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecretReference {
    /// In an environment variable of the host.
    Env(String),
    /// In a file; white space around it is no part of the secret.
    File(PathBuf),
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_and_never_written_down() {
        let reference: SecretReference = serde_json::from_str(r#"{"env":"TOKEN_SECRET"}"#).unwrap();
        assert_eq!(reference.to_string(), "environment variable TOKEN_SECRET");
        assert!(serde_json::from_str::<SecretReference>(r#""s3cret""#).is_err());
        assert!(serde_json::from_str::<SecretReference>(r#"{"value":"s3cret"}"#).is_err());
    }
}
