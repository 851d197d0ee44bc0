//! Opens references to secrets, once, at start.

use secrecy::SecretString;
use signalbox_model::SecretReference;
use thiserror::Error;

/// A secret that cannot be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is not there, or not text.
    #[error("`{key}` refers to environment variable {name}, which is not set; set it before the start")]
    Variable {
        /// The configuration key.
        key: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("`{key}` refers to file {path}, which cannot be read: {reason}")]
    File {
        /// The configuration key.
        key: String,
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is nothing in it.
    #[error("`{key}` refers to {reference}, which is empty")]
    Empty {
        /// The configuration key.
        key: String,
        /// Where it should be.
        reference: String,
    },
}

/// The secret that configuration key `key` refers to. White space around it is no part of it: files end in newlines.
pub fn open(key: &str, reference: &SecretReference) -> Result<SecretString, SecretError> {
    let key = key.to_owned();
    let text = match reference {
        SecretReference::Env(name) => {
            std::env::var(name).map_err(|_| SecretError::Variable { key: key.clone(), name: name.clone() })?
        }
        SecretReference::File(path) => std::fs::read_to_string(path).map_err(|error| SecretError::File {
            key: key.clone(),
            path: path.display().to_string(),
            reason: error.to_string(),
        })?,
    };
    match text.trim() {
        "" => Err(SecretError::Empty { key, reference: reference.to_string() }),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_missing_secret_names_its_key_and_where_it_should_be() {
        let reference = SecretReference::Env("SIGNALBOX_NO_SUCH_SECRET".to_owned());
        let error = open("auth.secret", &reference).unwrap_err().to_string();
        assert!(error.contains("auth.secret") && error.contains("SIGNALBOX_NO_SUCH_SECRET"), "{error}");
    }

    #[test]
    fn a_secret_in_a_file_ends_before_its_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = open("auth.secret", &SecretReference::File(path.clone())).unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
        assert!(!format!("{secret:?}").contains("s3cret"));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(open("auth.secret", &SecretReference::File(path)), Err(SecretError::Empty { .. })));
    }
}
