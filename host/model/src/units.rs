use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::excerpt::{LONGEST_PLACE, excerpt};

/// A length of time as people write it in configuration and bundles: `200ms`, `5s`, `2m 30s`, `5min`, `1h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// An amount of bytes as people write it: `900B`, `64KiB`, `32MiB`.
///
/// A number alone is refused, because its writer may have meant any unit, and so are `MB` and its like, which mean a
/// thousand to some and 1,024 to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanSize(pub u64);

/// A length of time or a size that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error(
        "`{text}` is not a length of time{why}; write a number and a unit, `ms`, `s`, `min`, `h` or `d`, for example \
         `200ms`, `5s`, `2m 30s` or `1h`"
    )]
    Duration {
        /// What was written.
        text: String,
        /// What is wrong with it, after a colon; empty when nothing more is known.
        why: String,
    },
    /// Not a size.
    #[error(
        "`{text}` is not a size{why}; write a number and a unit, `B`, `KiB`, `MiB` or `GiB` (1 KiB is 1,024 bytes), for \
         example `64KiB` or `32MiB`"
    )]
    Size {
        /// What was written.
        text: String,
        /// What is wrong with it, after a colon; empty when nothing more is known.
        why: String,
    },
}

impl HumanDuration {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl FromStr for HumanDuration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        read_duration(text).map(Self).ok_or_else(|| {
            let is_unit = |word: &str| read_duration(&format!("1{word}")).is_some();
            UnitError::Duration {
                text: excerpt(text, LONGEST_PLACE).into_owned(),
                why: why_unreadable(text, is_unit, "time", "too long"),
            }
        })
    }
}

impl FromStr for HumanSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        read_size(text).map(Self).ok_or_else(|| {
            let is_unit = |word: &str| read_size(&format!("1{word}")).is_some();
            let why = match words(text).find(|word| is_decimal_unit(word)) {
                Some(word) if begins_with_number(text) => format!(": `{word}` may mean two things"),
                _ => why_unreadable(text, is_unit, "size", "too large"),
            };
            UnitError::Size { text: excerpt(text, LONGEST_PLACE).into_owned(), why }
        })
    }
}

fn read_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    // A span has days of 24 hours here, because a configuration never means calendar days.
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

fn read_size(text: &str) -> Option<u64> {
    if is_number(text) || words(text).any(is_decimal_unit) {
        return None;
    }
    // A number beyond the range is read as the largest number.
    text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64()).filter(|size| *size < u64::MAX)
}

/// Whether some people read this unit as 1,000 and others as 1,024.
fn is_decimal_unit(word: &str) -> bool {
    ["k", "m", "g", "t", "p", "e", "kb", "mb", "gb", "tb", "pb", "eb"]
        .iter()
        .any(|unit| word.eq_ignore_ascii_case(unit))
}

/// What is wrong with a length of time or a size, after a colon; empty when nothing more is known.
fn why_unreadable(text: &str, is_unit: impl Fn(&str) -> bool, of: &str, too_much: &str) -> String {
    if is_number(text) {
        return ": a number alone has no unit".to_owned();
    }
    if !begins_with_number(text) {
        return String::new();
    }
    if let Some(word) = words(text).find(|word| !is_unit(word)) {
        return format!(": `{}` is no unit of {of} here", excerpt(word, LONGEST_PLACE));
    }
    let number = text.trim_end_matches(char::is_alphabetic).trim_end();
    if is_number(number) { format!(": it is {too_much}") } else { String::new() }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphabetic()).filter(|word| !word.is_empty())
}

fn is_number(text: &str) -> bool {
    begins_with_number(text) && text.chars().all(|character| character.is_ascii_digit() || character == '.')
}

fn begins_with_number(text: &str) -> bool {
    text.starts_with(|character: char| character.is_ascii_digit())
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::SignedDuration::try_from(self.0) {
            Ok(duration) => write!(f, "{duration:#}"),
            Err(_) => write!(f, "{}s", self.0.as_secs()),
        }
    }
}

impl fmt::Display for HumanSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [("GiB", 30u32), ("MiB", 20), ("KiB", 10)]
            .into_iter()
            .find(|(_, shift)| self.0 != 0 && self.0.trailing_zeros() >= *shift);
        match unit {
            Some((name, shift)) => write!(f, "{}{name}", self.0 >> shift),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for HumanSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for HumanSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for HumanDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time, for example 200ms, 5s, 2m 30s, 1h or 7d.",
            "pattern": "^\\s*[0-9]",
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for HumanSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An amount of bytes, for example 900B, 64KiB or 32MiB.",
            "pattern": "^\\s*[0-9.]+\\s*(?:[KMGTPEkmgtpe][Ii])?[Bb]\\s*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Result<HumanDuration, String> {
        text.parse().map_err(|error: UnitError| error.to_string())
    }

    fn size(text: &str) -> Result<HumanSize, String> {
        text.parse().map_err(|error: UnitError| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["0ms", "200ms", "5s", "90s", "2m 30s", "5min", "1h", "7d"] {
            let read = duration(text).unwrap();
            assert_eq!(duration(&read.to_string()), Ok(read), "{text} -> {read}");
        }
        for text in ["900B", "64KiB", "32MiB", "1GiB", "0B"] {
            let read = size(text).unwrap();
            assert_eq!((size(&read.to_string()), read.to_string().as_str()), (Ok(read), text));
        }
        assert_eq!(size(" 32 MiB "), Ok(HumanSize(32 << 20)));
        assert_eq!(duration("5min"), Ok(HumanDuration::secs(300)));
        assert_eq!(duration("1d"), Ok(HumanDuration::secs(86_400)));
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in ["", "5", "fast", "-3s", "1 month"] {
            let error = duration(text).unwrap_err();
            assert!(error.contains("for example"), "{error}");
        }
        for text in ["", "5", "many", "-1MiB"] {
            let error = size(text).unwrap_err();
            assert!(error.contains("not a size") && error.contains("for example"), "{error}");
        }
    }

    #[test]
    fn a_wrong_unit_is_named_with_the_units_that_there_are() {
        for (text, why) in [
            ("20", ": a number alone has no unit;"),
            ("20 years", ": `years` is no unit of time here;"),
            ("2h 3parsecs", ": `parsecs` is no unit of time here;"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(why) && error.contains("`ms`, `s`, `min`, `h` or `d`"), "{error}");
        }
        for (text, why) in [("20", ": a number alone has no unit;"), ("20 pages", ": `pages` is no unit of size here;")]
        {
            let error = size(text).unwrap_err();
            assert!(error.contains(why) && error.contains("`B`, `KiB`, `MiB` or `GiB`"), "{error}");
        }
    }

    #[test]
    fn a_unit_of_size_that_may_mean_two_things_is_refused() {
        for text in ["32MB", "1GB", "10 kB", "5k", "7 T"] {
            let error = size(text).unwrap_err();
            assert!(error.contains("may mean two things") && error.contains("`KiB`, `MiB` or `GiB`"), "{error}");
        }
    }

    #[test]
    fn a_number_beyond_all_bounds_is_refused_as_such() {
        for text in ["18446744073709551615h", "99999999999999999999ms"] {
            let error = duration(text).unwrap_err();
            assert!(error.contains("it is too long"), "{error}");
        }
        for text in ["18446744073709551615GiB", "99999999999999999999B"] {
            let error = size(text).unwrap_err();
            assert!(error.contains("it is too large"), "{error}");
        }
    }

    #[test]
    fn an_error_repeats_only_a_part_of_a_long_text() {
        assert!(duration(&"9".repeat(10_000)).unwrap_err().len() < 500);
        assert!(size(&"x".repeat(10_000)).unwrap_err().len() < 500);
        assert!(size(&format!("1{}", "x".repeat(10_000))).unwrap_err().len() < 1_000);
    }
}
