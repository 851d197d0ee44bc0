use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A length of time as people write it in configuration and bundles: `200ms`, `5s`, `2m 30s`, `1h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// An amount of bytes as people write it: `900`, `64KiB`, `32MiB`, `1GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanSize(pub u64);

/// A length of time or a size that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error("`{0}` is not a length of time; write a number and a unit, for example `200ms`, `5s`, `2m` or `1h`")]
    Duration(String),
    /// Not a size.
    #[error("`{0}` is not a size; write a number and a unit, for example `64KiB` or `32MiB`")]
    Size(String),
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
        // Spans know days, which are 24 hours here: no configuration means calendar days.
        let unreadable = || UnitError::Duration(text.to_owned());
        let span: jiff::Span = text.trim().parse().map_err(|_| unreadable())?;
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| unreadable())?;
        Duration::try_from(duration).map(Self).map_err(|_| unreadable())
    }
}

impl FromStr for HumanSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.parse::<bytesize::ByteSize>().map(|size| Self(size.as_u64())).map_err(|_| UnitError::Size(text.to_owned()))
    }
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
            "pattern": "^\\s*[0-9]",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["200ms", "5s", "2m 30s", "1h", "7d"] {
            let read: HumanDuration = text.parse().unwrap();
            assert_eq!(read.to_string().parse::<HumanDuration>().unwrap(), read, "{text} -> {read}");
        }
        for text in ["900B", "64KiB", "32MiB", "1GB", "0B"] {
            let read: HumanSize = text.parse().unwrap();
            assert_eq!(read.to_string().parse::<HumanSize>().unwrap(), read, "{text} -> {read}");
        }
        assert_eq!("32MiB".parse::<HumanSize>().unwrap(), HumanSize(32 << 20));
        assert_eq!("1d".parse::<HumanDuration>().unwrap(), HumanDuration::secs(86_400));
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in ["", "5", "fast", "-3s", "1 month"] {
            let error = text.parse::<HumanDuration>().unwrap_err().to_string();
            assert!(error.contains("for example"), "{error}");
        }
        assert!("many".parse::<HumanSize>().unwrap_err().to_string().contains("for example"));
    }
}
