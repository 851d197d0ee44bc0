//! Time zones by name, from a database that is a part of the program, so that all commands accept the same names on
//! every machine.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The time zone with this IANA name; none when there is no such zone.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    BUNDLED.get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The names of all time zones.
pub fn time_zone_names() -> impl Iterator<Item = String> {
    BUNDLED.available().map(|name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_of_the_bundled_database_is_found_and_nothing_else_is() {
        let names: Vec<String> = time_zone_names().collect();
        assert!(names.len() > 400, "{}", names.len());
        for name in names.iter().map(String::as_str).chain(["UTC", "Europe/Bucharest", "America/New_York"]) {
            assert!(time_zone(name).is_some(), "{name}");
        }
        for name in ["", "Local", "Europe/Bucarest", "Etc/Unknown", "../../etc/passwd", "EST5EDT,M3.2.0,M11.1.0"] {
            assert!(time_zone(name).is_none(), "{name}");
        }
    }
}
