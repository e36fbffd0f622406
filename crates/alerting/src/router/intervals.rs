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
