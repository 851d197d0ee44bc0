use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::visible::{is_hidden, name_of_hidden};

/// Where the host reads a secret: `{ env = "NAME" }` or `{ file = "path" }`. The configuration never holds the secret
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecretReference {
    /// The environment variable of the host with this name.
    Env(String),
    /// The file at this path. White space around the text of the file is not part of the secret.
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

/// Why a text is not valid as a secret, key or token. It reveals nothing of the text but the invalid character.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretTextError {
    /// The text is empty or only white space.
    #[error("is empty")]
    Empty,
    /// The text is in UTF-16, as editors and shells of Windows save it.
    #[error("is text in UTF-16; save it as UTF-8")]
    Utf16,
    /// The text has another encoding, or is binary.
    #[error("is no text in UTF-8; save it as UTF-8")]
    NoText,
    /// The text has an invisible character, which the peer's secret would not have.
    #[error("has a {} as its character {place}; type or copy it anew without that", name_of_hidden(*.character))]
    Hidden {
        /// The character.
        character: char,
        /// Its position, counted from 1 after leading white space.
        place: usize,
    },
}

/// The text of a secret, key or token; every part of the host that reads one uses this rule. A leading byte order mark,
/// and white space around the text, come from editors and are removed. The remaining text must not have any invisible
/// character: no control or format character, and no space but the ordinary one. Line breaks are allowed, because keys
/// in PEM have lines.
pub fn secret_text(bytes: &[u8]) -> Result<&str, SecretTextError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        _ if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => return Err(SecretTextError::Utf16),
        Ok(text) => text,
        Err(_) => return Err(SecretTextError::NoText),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() {
        return Err(SecretTextError::Empty);
    }
    let has_lines = text.starts_with("-----BEGIN ");
    let is_wrong = |character: char| match character {
        '\n' | '\r' => !has_lines,
        ' ' => false,
        _ => is_hidden(character) || character.is_whitespace() || character == char::REPLACEMENT_CHARACTER,
    };
    match text.chars().enumerate().find(|(_, character)| is_wrong(*character)) {
        Some((before, character)) => Err(SecretTextError::Hidden { character, place: before + 1 }),
        None => Ok(text),
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

    #[test]
    fn what_an_editor_puts_around_a_secret_is_no_part_of_it() {
        for text in ["s3cret pass", "s3cret pass\n", "\u{feff}s3cret pass\r\n", " \t s3cret pass \n\n"] {
            assert_eq!(secret_text(text.as_bytes()), Ok("s3cret pass"), "{text:?}");
        }
        assert_eq!(secret_text("pässwörd".as_bytes()), Ok("pässwörd"));
        let pem = "-----BEGIN PUBLIC KEY-----\r\nMCow\r\n-----END PUBLIC KEY-----";
        assert_eq!(secret_text(format!("\u{feff}{pem}\r\n").as_bytes()), Ok(pem));
    }

    #[test]
    fn nothing_that_cannot_be_seen_becomes_part_of_a_secret() {
        for hidden in [
            '\u{feff}',
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
            '\u{ad}',
            '\u{202e}',
            '\u{2066}',
            '\u{e0041}',
            '\u{fe0f}',
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\t',
            '\n',
            '\r',
            '\u{a0}',
            '\u{2003}',
            '\u{3000}',
            '\u{2028}',
            '\u{fffd}',
        ] {
            let (inside, number) = (format!("s3{hidden}cret\n"), format!("U+{:04X}", u32::from(hidden)));
            let error = secret_text(inside.as_bytes()).unwrap_err();
            assert_eq!(error, SecretTextError::Hidden { character: hidden, place: 3 });
            assert!(error.to_string().contains(&number) && !error.to_string().contains("cret"), "{error}");
            let trimmed = matches!(hidden, '\t' | '\n' | '\r');
            assert_eq!(secret_text(format!("s3cret{hidden}").as_bytes()).is_ok(), trimmed, "{hidden:?}");
        }
        assert!(secret_text("\u{feff}\u{feff}s3cret".as_bytes()).is_err());
        assert!(secret_text("-----BEGIN PUBLIC KEY-----\nMC\u{200b}ow".as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_text_says_how_to_save_it() {
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("s3cret".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(secret_text(&utf16), Err(SecretTextError::Utf16));
        assert_eq!(secret_text(b"s3cr\xe9t"), Err(SecretTextError::NoText));
        for nothing in ["", "\n", "\u{feff}", " \r\n"] {
            assert_eq!(secret_text(nothing.as_bytes()), Err(SecretTextError::Empty), "{nothing:?}");
        }
    }
}
