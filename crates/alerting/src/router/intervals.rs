//! Times in the week and year (`alertmanager` `timeinterval`), in local time, daylight saving included.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lingshao_model::{TimeInterval, TimeSpan, Timestamp};

/// The named intervals of a routing.
#[derive(Debug)]
pub(super) struct Intervals(Vec<Interval>);

#[derive(Debug)]
struct Interval {
    name: String,
    spans: Vec<(TimeSpan, TimeZone)>,
}

impl Intervals {
    pub(super) fn new(intervals: &[TimeInterval]) -> Intervals {
        let interval = |interval: &TimeInterval| Interval {
            name: interval.name.clone(),
            spans: interval.spans.iter().map(|span| (span.clone(), zone(span))).collect(),
        };
        Intervals(intervals.iter().map(interval).collect())
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.0.iter().position(|own| own.name == name).and_then(|at| u32::try_from(at).ok())
    }

    pub(super) fn name(&self, at: u32) -> &str {
        &self.0[at as usize].name
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether an instant lies in one.
    pub(super) fn contains(&self, at: u32, now: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(now.0) else {
            return false; // Beyond the year 9999 nothing is planned.
        };
        self.0[at as usize].spans.iter().any(|(span, zone)| span_contains(span, zone.to_datetime(instant)))
    }
}

/// A name that is not known cannot come from a checked file; it counts as UTC.
fn zone(span: &TimeSpan) -> TimeZone {
    span.location.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

fn span_contains(span: &TimeSpan, local: DateTime) -> bool {
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let weekday = local.weekday().to_sunday_zero_offset();
    let days = local.days_in_month();
    let day_holds = |(first, last): &(i8, i8)| {
        let day = |day: i8| if day < 0 { days + day + 1 } else { day };
        // A range that begins behind the end of a short month is not there; its end may lie behind.
        day(*first) <= days && (day(*first)..=day(*last)).contains(&local.day())
    };
    any(&span.times, |(first, end)| (i32::from(*first)..i32::from(*end)).contains(&minute))
        && any(&span.days_of_month, day_holds)
        && any(&span.months, |(first, last)| {
            (i32::from(*first)..=i32::from(*last)).contains(&i32::from(local.month()))
        })
        && any(&span.weekdays, |(first, last)| {
            (i32::from(*first)..=i32::from(*last)).contains(&i32::from(weekday))
        })
        && any(&span.years, |(first, last)| (*first..=*last).contains(&local.year()))
}

/// Whether one of them holds; nothing said is no condition.
fn any<T>(ranges: &[T], holds: impl Fn(&T) -> bool) -> bool {
    ranges.is_empty() || ranges.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an instant (RFC 3339) lies in a span.
    #[track_caller]
    fn check(span: TimeSpan, instant: &str, expected: bool) {
        let now = Timestamp(instant.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let intervals = Intervals::new(&[TimeInterval { name: "own".to_owned(), spans: vec![span] }]);
        let at = intervals.find("own").unwrap();
        assert_eq!(intervals.contains(at, now), expected, "{instant}");
    }

    fn span() -> TimeSpan {
        TimeSpan::default()
    }

    #[test]
    fn nothing_said_is_always() {
        check(span(), "2026-02-28T12:00:00Z", true);
    }

    #[test]
    fn times_exclude_their_end() {
        let office = || TimeSpan { times: vec![(9 * 60, 17 * 60)], ..span() };
        check(office(), "2026-02-28T08:59:59Z", false);
        check(office(), "2026-02-28T09:00:00Z", true);
        check(office(), "2026-02-28T16:59:59Z", true);
        check(office(), "2026-02-28T17:00:00Z", false);
        let evening = TimeSpan { times: vec![(0, 60), (22 * 60, 24 * 60)], ..span() };
        check(evening, "2026-02-28T23:59:59Z", true);
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let both =
            || TimeSpan { weekdays: vec![(1, 5)], months: vec![(2, 2)], years: vec![(2026, 2026)], ..span() };
        check(both(), "2026-02-27T12:00:00Z", true); // A Friday.
        check(both(), "2026-02-28T12:00:00Z", false);
        check(both(), "2026-03-06T12:00:00Z", false);
        check(both(), "2027-02-26T12:00:00Z", false);
        check(TimeSpan { weekdays: vec![(0, 0)], ..span() }, "2026-03-01T12:00:00Z", true); // A Sunday.
    }

    #[test]
    fn negative_days_count_from_the_end_of_the_month() {
        let last = |first: i8, last: i8| TimeSpan { days_of_month: vec![(first, last)], ..span() };
        check(last(-1, -1), "2026-02-28T12:00:00Z", true);
        check(last(-1, -1), "2028-02-28T12:00:00Z", false); // A leap year.
        check(last(-1, -1), "2028-02-29T12:00:00Z", true);
        check(last(-3, -1), "2026-04-28T12:00:00Z", true);
        check(last(-3, -1), "2026-04-27T12:00:00Z", false);
        check(last(1, -2), "2026-04-29T12:00:00Z", true);
        check(last(1, -2), "2026-04-30T12:00:00Z", false);
        check(last(31, 31), "2026-04-30T12:00:00Z", false); // April has none.
        check(last(28, 31), "2026-02-28T12:00:00Z", true);
        check(last(-31, -30), "2026-02-01T12:00:00Z", false);
        check(last(-31, -28), "2026-02-01T12:00:00Z", true);
    }

    #[test]
    fn local_time_counts_and_daylight_saving_moves_it() {
        let at = |zone: &str| TimeSpan {
            times: vec![(9 * 60, 10 * 60)],
            location: Some(zone.to_owned()),
            ..span()
        };
        check(at("Asia/Shanghai"), "2026-07-01T01:30:00Z", true);
        check(at("Asia/Shanghai"), "2026-01-01T01:30:00Z", true);
        check(at("Europe/Berlin"), "2026-01-15T08:30:00Z", true);
        check(at("Europe/Berlin"), "2026-07-15T08:30:00Z", false);
        check(at("Europe/Berlin"), "2026-07-15T07:30:00Z", true);
        // The month of the change: its last day is the 31st, though it has 743 hours (0.25 takes the 30th).
        let last =
            TimeSpan { days_of_month: vec![(-1, -1)], location: Some("Europe/Berlin".to_owned()), ..span() };
        check(last, "2026-03-31T12:00:00Z", true);
    }
}
