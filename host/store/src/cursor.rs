use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// How many bytes of the list's digest a cursor holds: enough to detect a cursor of another list.
const TAG_BYTES: usize = 8;

/// The longest position in bytes: one less than the longest sort key of DynamoDB, because one byte is added to it.
const LONGEST_POSITION: usize = 1_023;

/// A cursor to `position` in the list with the name `list`, given in parts.
pub(crate) fn seal(list: &[&str], position: &str) -> String {
    let mut bytes = tag(list);
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position of a cursor of this list; refuses the cursors of other lists.
pub(crate) fn open(list: &[&str], cursor: &str) -> Result<String, StoreError> {
    let malformed = || StoreError::Invalid("the cursor is malformed; pass one exactly as it was returned".to_owned());
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
    let (found, position) = bytes.split_at_checked(TAG_BYTES).ok_or_else(malformed)?;
    if found != tag(list) {
        return Err(StoreError::Invalid(
            "the cursor belongs to another list; pass it with the query that returned it".to_owned(),
        ));
    }
    // A client can forge a cursor, so its position may be anything.
    if position.is_empty() || position.len() > LONGEST_POSITION {
        return Err(malformed());
    }
    String::from_utf8(position.to_vec()).map_err(|_| malformed())
}

fn tag(list: &[&str]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in list {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().take(TAG_BYTES).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_in_its_own_list() {
        let cursor = seal(&["rows", "a"], "position");
        assert_eq!(open(&["rows", "a"], &cursor).unwrap(), "position");
        assert!(matches!(open(&["rows", "b"], &cursor), Err(StoreError::Invalid(_))));
        assert!(matches!(open(&["rows"], &cursor), Err(StoreError::Invalid(_))));
    }

    #[test]
    fn a_cursor_that_points_at_what_can_be_no_key_is_refused() {
        for position in ["", &"x".repeat(LONGEST_POSITION + 1), &"x".repeat(60_000)] {
            let refused = open(&["rows"], &seal(&["rows"], position));
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{} bytes", position.len());
        }
        assert!(open(&["rows"], &seal(&["rows"], &"x".repeat(LONGEST_POSITION))).is_ok());
    }

    #[test]
    fn text_that_is_no_cursor_is_refused() {
        for text in ["", "a", "????", "AAAA", "\0"] {
            assert!(matches!(open(&["rows"], text), Err(StoreError::Invalid(_))), "{text:?}");
        }
    }
}
