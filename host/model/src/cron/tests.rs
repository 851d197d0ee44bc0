use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> CronExpression {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The first ticks after a moment, on the clock of the zone and with its distance from UTC.
fn ticks(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let (expression, zone) = (parse(expression), crate::time_zone(zone).unwrap());
    let mut last = at(after);
    (0..count)
        .map(|_| {
            last = expression.next_after(last, &zone).unwrap();
            last.to_zoned(zone.clone()).strftime("%m-%dT%H:%M%:z").to_string()
        })
        .collect()
}

#[test]
fn a_day_of_the_month_and_one_of_the_week_are_enough_each_and_a_step_counts_as_given() {
    let days = |expression: &str| -> Vec<String> {
        // 1 June 2026 is a Monday.
        let found = ticks(expression, "UTC", "2026-05-31T12:00:00Z", 6);
        found.into_iter().map(|tick| tick.get(3..5).unwrap().to_owned()).collect()
    };
    // Every 13th and every Friday, as POSIX has it.
    assert_eq!(days("0 8 13 * FRI"), ["05", "12", "13", "19", "26", "03"]);
    // `*/2` is not `*`: every odd day, and every Monday as well. Vixie's cron would take only odd Mondays.
    assert_eq!(days("0 8 */2 * MON"), ["01", "03", "05", "07", "08", "09"]);
    assert_eq!(days("0 8 10 * */2"), ["02", "04", "06", "07", "09", "10"]);
    // A `*` does not restrict the days.
    assert_eq!(days("0 8 * * MON"), ["01", "08", "15", "22", "29", "06"]);
    assert_eq!(days("0 8 */2 * *"), ["01", "03", "05", "07", "09", "11"]);
}

#[test]
fn a_fixed_time_in_a_gap_ticks_once_right_after_it() {
    // 03:00 to 04:00 is missing in Bucharest on 29 March 2026, 02:00 to 03:00 in New York on 8 March.
    let bucharest = ticks("30 3 * * *", "Europe/Bucharest", "2026-03-28T12:00:00Z", 2);
    assert_eq!(bucharest, ["03-29T04:00+03:00", "03-30T03:30+03:00"]);
    let new_york = ticks("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2);
    assert_eq!(new_york, ["03-08T03:00-04:00", "03-09T02:30-04:00"]);
}

#[test]
fn a_fixed_time_in_an_overlap_ticks_once_at_the_earlier_of_the_two() {
    // 03:00 to 04:00 comes twice in Bucharest on 25 October 2026, 01:00 to 02:00 in New York on 1 November.
    let bucharest = ticks("30 3 * * *", "Europe/Bucharest", "2026-10-24T12:00:00Z", 2);
    assert_eq!(bucharest, ["10-25T03:30+03:00", "10-26T03:30+02:00"]);
    let new_york = ticks("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
    assert_eq!(new_york, ["11-01T01:30-04:00", "11-02T01:30-05:00"]);
}

#[test]
fn other_expressions_leave_out_a_gap_and_tick_in_both_halves_of_an_overlap() {
    let gap = ticks("*/30 * * * *", "Europe/Bucharest", "2026-03-29T00:15:00Z", 3);
    assert_eq!(gap, ["03-29T02:30+02:00", "03-29T04:00+03:00", "03-29T04:30+03:00"]);
    let overlap = ticks("*/30 * * * *", "Europe/Bucharest", "2026-10-24T23:45:00Z", 5);
    let halves = ["10-25T03:00+03:00", "10-25T03:30+03:00", "10-25T03:00+02:00", "10-25T03:30+02:00"];
    assert_eq!(overlap[..4], halves);
    assert_eq!(overlap[4], "10-25T04:00+02:00");
    let gap = ticks("0 * * * *", "America/New_York", "2026-03-08T06:30:00Z", 2);
    assert_eq!(gap, ["03-08T03:00-04:00", "03-08T04:00-04:00"]);
    let overlap = ticks("0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", 3);
    assert_eq!(overlap, ["11-01T01:00-04:00", "11-01T01:00-05:00", "11-01T02:00-05:00"]);
}

#[test]
fn a_day_that_a_zone_left_out_stops_no_schedule() {
    // Samoa had no 30 December 2011.
    assert_eq!(ticks("0 10 * * *", "Pacific/Apia", "2011-12-29T21:00:00Z", 1), ["12-31T10:00+14:00"]);
}

#[test]
fn days_of_month_and_of_week_add_up_as_in_every_cron() {
    let days = ticks("0 8 13 * FRI", "UTC", "2026-11-10T00:00:00Z", 4);
    assert_eq!(days, ["11-13T08:00+00:00", "11-20T08:00+00:00", "11-27T08:00+00:00", "12-04T08:00+00:00"]);
    assert_eq!(ticks("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["02-29T00:00+00:00"]);
    assert_eq!(ticks("0 0 * * 7", "UTC", "2026-11-23T00:00:00Z", 1), ["11-29T00:00+00:00"]);
}

#[test]
fn what_never_ticks_or_is_no_expression_is_refused_with_its_reason() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * 31 FEB *"] {
        assert_eq!(never.parse::<CronExpression>(), Err(CronError::Never(never.to_owned())));
    }
    for fields in ["", "* * * *", "* * * * * *", "0 0 1 1 * 2030 x", "@daily"] {
        assert!(matches!(fields.parse::<CronExpression>(), Err(CronError::Fields { .. })), "{fields}");
    }
    let wrong = [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5/10 * * * *",
        "-1 * * * *",
        "+5 * * * *",
        "22-2 * * * *",
        "1,,2 * * * *",
        "L * * * *",
        "* * L * *",
        "* * * * MON#2",
        "a * * * *",
        "* * 15W * *",
        "*/61 * * * *",
        "99999999999 * * * *",
        "١ * * * *",
        "* * ? * *",
        "* * * * +MON",
    ];
    for wrong in wrong {
        assert!(matches!(wrong.parse::<CronExpression>(), Err(CronError::Field { .. })), "{wrong}");
    }
}

#[test]
fn blanks_and_case_do_not_matter() {
    assert_eq!(parse("  0   8 * * mon-Fri ").as_str(), "0 8 * * mon-Fri");
    assert_eq!(ticks("0 8 * jan sun", "UTC", "2026-11-23T00:00:00Z", 1), ["01-03T08:00+00:00"]);
}

fn expression() -> impl Strategy<Value = String> {
    let field = |lowest: u32, highest: u32| {
        prop_oneof![
            Just("*".to_owned()),
            (lowest..=highest).prop_map(|value| value.to_string()),
            (1..=highest).prop_map(|step| format!("*/{step}")),
            (lowest..=highest, lowest..=highest).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        ]
    };
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let names: Vec<_> = crate::time_zone_names().collect();
    prop::sample::select(names).prop_filter_map("no zone", |name| crate::time_zone(&name))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// In every zone the next tick is in the future and on a full minute, and no tick lies between a moment and its
    /// next tick.
    #[test]
    fn the_next_tick_always_lies_ahead(
        text in expression(),
        zone in zone(),
        second in 946_684_800_i64..4_102_444_800,
        nanosecond in 0..1_000_000_000,
    ) {
        let Ok(expression) = text.parse::<CronExpression>() else { return Ok(()) };
        let from = Timestamp::new(second, nanosecond).unwrap();
        let mut last = from;
        for _ in 0..5 {
            let next = expression.next_after(last, &zone).unwrap();
            prop_assert!(next > last, "{text}: {next} does not follow {last}");
            prop_assert_eq!(next.subsec_nanosecond(), 0);
            let between = Timestamp::from_nanosecond((last.as_nanosecond() + next.as_nanosecond()) / 2).unwrap();
            if between > last && between < next {
                prop_assert_eq!(expression.next_after(between, &zone), Some(next), "{} in {:?}", text, zone);
            }
            last = next;
        }
    }
}

#[test]
fn the_least_interval_is_that_of_the_closest_ticks() {
    let cases = [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        // From the last minute of an hour to the first of the next.
        ("*/7 * * * *", 4),
        ("0,59 5,6 * * *", 1),
        ("0,59 5,7 * * *", 59),
        ("0-4/2 8 * * *", 2),
        ("30 * * * *", 60),
        ("0 8,12-18/3 * * *", 180),
        // Over midnight.
        ("50 23 * * *", 1_440),
        ("10,50 0,23 * * *", 20),
        ("0 8 1 1 *", 1_440),
        ("07 08 * * MON-FRI", 1_440),
    ];
    for (text, minutes) in cases {
        let expression = parse(text);
        assert_eq!(expression.least_interval(), Duration::from_secs(minutes * 60), "{text}");
    }
}
