//! Versions of message models in one canonical spelling.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The canonical spelling of a version: numbers without leading zeros, and no `.0` at the end, so that `1`, `01` and
/// `1.0` are all `1`. A text that is not a version, as an earlier release may have stored it, is not changed.
pub fn canonical_version(version: &str) -> Cow<'_, str> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !version.split('.').all(is_number) {
        return Cow::Borrowed(version);
    }
    let mut parts: Vec<&str> = version.split('.').map(|part| part.trim_start_matches('0')).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let parts: Vec<&str> = parts.into_iter().map(|part| if part.is_empty() { "0" } else { part }).collect();
    let canonical = parts.join(".");
    if canonical == version { Cow::Borrowed(version) } else { Cow::Owned(canonical) }
}

/// Whether two spellings are the same version.
pub fn same_version(one: &str, other: &str) -> bool {
    one == other || canonical_version(one) == canonical_version(other)
}

/// Compares versions number by number, so that `1.10` is newer than `1.9`. Of two spellings of the same version the
/// canonical one counts as newer, because an earlier release has stored the other.
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    let parts = |version: &str| -> Vec<(u64, String)> {
        version.split('.').map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    let (canonical, other_canonical) = (canonical_version(one), canonical_version(other));
    let newer = parts(&canonical).cmp(&parts(&other_canonical));
    let spelling = || (canonical == one).cmp(&(other_canonical == other)).then_with(|| one.cmp(other));
    newer.then_with(spelling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_version_has_the_same_canonical_one() {
        for (spellings, canonical) in [
            (vec!["1", "01", "1.0", "001.00.0"], "1"),
            (vec!["1.10", "01.010", "1.10.0"], "1.10"),
            (vec!["0", "00", "0.0"], "0"),
            (vec!["0.1", "00.01"], "0.1"),
            (vec!["1.0.1", "1.00.1"], "1.0.1"),
        ] {
            for spelling in spellings {
                assert_eq!(canonical_version(spelling), canonical, "{spelling}");
                assert!(same_version(spelling, canonical), "{spelling}");
            }
        }
        for other in ["", "new", "1.", ".1", "1a", "+1", "1#a"] {
            assert_eq!(canonical_version(other), other, "what is no version stays");
        }
    }

    #[test]
    fn a_stored_old_spelling_is_older_than_the_canonical_one_and_newer_than_an_earlier_version() {
        let mut versions = ["1.0.0", "2.0", "1", "01", "0.9", "2", "1.10", "1.9"];
        versions.sort_by(|one, other| compare_versions(one, other));
        assert_eq!(versions, ["0.9", "01", "1.0.0", "1", "1.9", "1.10", "2.0", "2"]);
    }
}
