//! The numbers of a report: medians of rounds, with units that are easy to read.

use std::time::Duration;

/// The rounds of every comparison; the things that are compared take turns within each round.
pub const ROUNDS: usize = 5;

/// The median; 0 of an empty list.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(half), half.checked_sub(1).and_then(|before| sorted.get(before))) {
        (0, Some(upper), Some(lower)) => f64::midpoint(*lower, *upper),
        (_, Some(middle), _) => *middle,
        _ => 0.0,
    }
}

/// Microseconds with only the significant digits.
pub fn micros(value: f64) -> String {
    format!("{} µs", short(value))
}

/// Microseconds or milliseconds, whichever reads better.
pub fn time(micros: f64) -> String {
    match micros {
        ..1_000.0 => format!("{} µs", short(micros)),
        ..1_000_000.0 => format!("{} ms", short(micros / 1_000.0)),
        _ => format!("{} s", short(micros / 1_000_000.0)),
    }
}

/// A rate per second.
pub fn rate(value: f64) -> String {
    format!("{}/s", grouped(value))
}

/// Bytes as KiB.
pub fn kib(bytes: f64) -> String {
    format!("{} KiB", short(bytes / 1_024.0))
}

/// A whole number with its thousands separated.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::with_capacity(1 + digits.len() + digits.len() / 3);
    if value <= -0.5 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio as "so many times".
pub fn times(ratio: f64) -> String {
    format!("{}x", short(ratio))
}

pub fn short(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

/// A duration in microseconds.
pub fn in_micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn numbers_read_naturally() {
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(grouped(999.0), "999");
        assert_eq!(grouped(-245.2), "-245");
        assert_eq!(time(1_500.0), "1.50 ms");
        assert_eq!(micros(45.25), "45.2 µs");
    }
}
