//! Opens references to secrets, once, at start.

use secrecy::{ExposeSecret as _, SecretString};
use signalbox_model::{SecretReference, SecretTextError, secret_text};
use thiserror::Error;

/// The largest file that is read as a secret, in bytes; keys in PEM have a few thousand.
const LARGEST_FILE: u64 = 64 * 1024;

/// Why a secret cannot be opened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is not there.
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
    /// The secret is empty.
    #[error("`{key}` refers to {reference}, which is empty")]
    Empty {
        /// The configuration key.
        key: String,
        /// Where it should be.
        reference: String,
    },
    /// The text cannot be a secret.
    #[error("`{key}` refers to {reference}, which {problem}")]
    Malformed {
        /// The configuration key.
        key: String,
        /// Where it is.
        reference: String,
        /// What is wrong with it.
        problem: SecretTextError,
    },
    /// The secret is so short that it could be guessed.
    #[error(
        "`{key}` refers to {reference}, which has {length} bytes; take at least {least}, for example those that \
         `openssl rand -base64 32` prints"
    )]
    Short {
        /// The configuration key.
        key: String,
        /// Where it is.
        reference: String,
        /// How many bytes the secret has.
        length: usize,
        /// How many bytes it needs at least.
        least: usize,
    },
}

/// Opens the secret that configuration key `key` refers to, and checks it with [`secret_text`].
pub fn open(key: &str, reference: &SecretReference) -> Result<SecretString, SecretError> {
    let key = key.to_owned();
    let bytes = match reference {
        SecretReference::Env(name) => std::env::var_os(name)
            .ok_or_else(|| SecretError::Variable { key: key.clone(), name: name.clone() })?
            .into_encoded_bytes(),
        SecretReference::File(path) => read(path).map_err(|error| SecretError::File {
            key: key.clone(),
            path: path.display().to_string(),
            reason: error.to_string(),
        })?,
    };
    match secret_text(&bytes) {
        Ok(secret) => Ok(SecretString::from(secret.to_owned())),
        Err(SecretTextError::Empty) => Err(SecretError::Empty { key, reference: reference.to_string() }),
        Err(problem) => Err(SecretError::Malformed { key, reference: reference.to_string(), problem }),
    }
}

/// The same for a secret that an attacker may try to guess.
pub fn open_long(key: &str, reference: &SecretReference, least: usize) -> Result<SecretString, SecretError> {
    let secret = open(key, reference)?;
    match secret.expose_secret().len() {
        length if length < least => {
            Err(SecretError::Short { key: key.to_owned(), reference: reference.to_string(), length, least })
        }
        _ => Ok(secret),
    }
}

/// A token that was given to a command, checked with [`secret_text`].
pub fn given_token(text: &str) -> anyhow::Result<&str> {
    use anyhow::Context as _;
    secret_text(text.as_bytes()).map_err(|error| anyhow::anyhow!("it {error}")).context("the token given is none")
}

fn read(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::other(format!("it has more than {LARGEST_FILE} bytes, which no secret has")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(bytes: &[u8]) -> Result<String, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        open("auth.secret", &SecretReference::File(path)).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn a_missing_secret_names_its_key_and_where_it_should_be() {
        let reference = SecretReference::Env("SIGNALBOX_NO_SUCH_SECRET".to_owned());
        let error = open("auth.secret", &reference).unwrap_err().to_string();
        assert!(error.contains("auth.secret") && error.contains("SIGNALBOX_NO_SUCH_SECRET"), "{error}");
    }

    #[test]
    fn a_secret_in_a_file_ends_before_its_newline() {
        assert_eq!(from_file(b"s3cret\n").unwrap(), "s3cret");
        assert_eq!(from_file(b"\xef\xbb\xbfs3cret\r\n").unwrap(), "s3cret");
        assert!(matches!(from_file(b"\n"), Err(SecretError::Empty { .. })));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = open("auth.secret", &SecretReference::File(path)).unwrap();
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn an_invisible_character_in_a_secret_is_named_with_its_file_and_place() {
        let error = from_file("s3\u{200b}cret\n".as_bytes()).unwrap_err().to_string();
        for part in ["auth.secret", "file ", "zero-width space U+200B", "character 3"] {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
        assert!(!error.contains("cret\n") && !error.contains("s3\u{200b}"), "{error}");
    }

    #[test]
    fn a_file_without_an_end_is_no_secret() {
        let error = open("auth.secret", &SecretReference::File("/dev/zero".into())).unwrap_err().to_string();
        assert!(error.contains("more than 65536 bytes"), "{error}");
    }
}
