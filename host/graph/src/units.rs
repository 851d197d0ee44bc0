//! Durations and sizes as a manifest writes them: `"200ms"`, `"20s"`, `"5min"`; `"64KiB"`, `"32MiB"`.

use std::time::Duration;

/// Reads a duration: a whole number and one of `ms`, `s`, `min`, `h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text, "a duration", "\"200ms\", \"20s\" or \"5min\"")?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        other => {
            return Err(format!("{} is no unit of time; use `ms`, `s`, `min` or `h`", named(other)));
        }
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(|| format!("`{text}` is too long"))
}

/// Reads a size in bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text, "a size", "\"64KiB\" or \"32MiB\"")?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "KB" | "kB" | "MB" | "GB" | "K" | "M" | "G" | "k" => {
            return Err(format!("`{unit}` may mean two things; use `KiB`, `MiB` or `GiB` (1 KiB is 1,024 bytes)"));
        }
        other => {
            return Err(format!("{} is no unit of size; use `B`, `KiB`, `MiB` or `GiB`", named(other)));
        }
    };
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
}

/// Writes a duration the way [`duration`] reads it, in the largest unit that keeps it whole.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0ms".to_owned(),
        _ if millis.is_multiple_of(60_000) => format!("{}min", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

/// Writes a size the way [`bytes`] reads it, in the largest unit that keeps it whole.
pub fn show_bytes(bytes: u64) -> String {
    match bytes {
        0 => "0B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

fn named(unit: &str) -> String {
    if unit.is_empty() { "a number alone".to_owned() } else { format!("`{unit}`") }
}

fn split<'a>(text: &'a str, what: &str, examples: &str) -> Result<(u64, &'a str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number = number
        .parse()
        .map_err(|_| format!("`{text}` is not {what}; write a whole number and a unit, for example {examples}"))?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_back_as_they_are_shown() {
        for text in ["200ms", "20s", "5min", "90s", "0ms"] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Ok(text));
        }
        for text in ["32MiB", "64KiB", "100B", "0B"] {
            assert_eq!(bytes(text).map(show_bytes).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_wrong_unit_says_which_units_there_are() {
        assert!(duration("20").unwrap_err().contains("use `ms`, `s`, `min` or `h`"));
        assert!(duration("20 years").unwrap_err().contains("`years` is no unit of time"));
        assert!(duration("soon").unwrap_err().contains("for example \"200ms\""));
        assert!(bytes("32MB").unwrap_err().contains("`KiB`, `MiB` or `GiB`"));
        assert!(bytes("-1MiB").unwrap_err().contains("not a size"));
    }

    #[test]
    fn a_number_beyond_all_bounds_is_an_error() {
        assert!(duration("18446744073709551615h").is_err());
        assert!(bytes("18446744073709551615GiB").is_err());
        assert!(bytes("99999999999999999999B").is_err());
    }
}
