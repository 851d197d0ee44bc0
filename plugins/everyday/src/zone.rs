//! Clocks that change for summer time.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// Whether the clocks of a time zone ever show a moment: when clocks are put forward, they skip an hour. A moment that
/// they show twice counts as shown. In an unknown time zone every moment counts as shown.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is the host's: a plugin has no system, and its zones are in itself"
)]
pub fn shows(zone: &str, moment: DateTime) -> bool {
    let Ok(zone) = TimeZone::get(zone) else { return true };
    !matches!(zone.to_ambiguous_timestamp(moment).offset(), AmbiguousOffset::Gap { .. })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_hour_that_clocks_skip_is_never_shown_and_the_one_that_comes_twice_is() {
        let bucharest =
            |month, day, hour, minute| shows("Europe/Bucharest", date(2027, month, day).at(hour, minute, 0, 0));
        assert!(bucharest(3, 28, 2, 59));
        assert!(!bucharest(3, 28, 3, 0) && !bucharest(3, 28, 3, 30));
        assert!(bucharest(3, 28, 4, 0));
        assert!(bucharest(10, 31, 3, 30), "twice");
        assert!(!shows("Europe/London", date(2027, 3, 28).at(1, 30, 0, 0)), "an hour of its own in every zone");
        assert!(shows("UTC", date(2027, 3, 28).at(3, 30, 0, 0)));
        assert!(shows("Nowhere/Else", date(2027, 3, 28).at(3, 30, 0, 0)));
    }
}
