//! Beginnings of spans of time.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use lingshao_model::log::{CalendarUnit, Interval};

use crate::error::SearchError;

const SECOND: i64 = 1_000_000_000;

/// Cuts time into spans, as they begin in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Rounding {
    interval: Interval,
    zone: TimeZone,
    offset: i64,
    /// The span that was last asked for: most records follow each other.
    last: (i64, i64),
}

impl Rounding {
    pub(crate) fn new(interval: Interval, zone: &str, offset: i64) -> Result<Rounding, SearchError> {
        let zone = time_zone(zone).ok_or_else(|| SearchError::TimeZone(zone.to_owned()))?;
        Ok(Rounding { interval, zone, offset, last: (i64::MAX, i64::MIN) })
    }

    /// Where the span of an instant begins.
    #[inline]
    pub(crate) fn begin(&mut self, time: i64) -> i64 {
        if self.last.0 <= time && time < self.last.1 {
            return self.last.0;
        }
        let begin = self.compute(time.saturating_sub(self.offset)).saturating_add(self.offset);
        self.last = (begin, self.next(begin));
        begin
    }

    /// Where the next span begins.
    pub(crate) fn next(&self, begin: i64) -> i64 {
        let own = begin.saturating_sub(self.offset);
        let next = match self.interval {
            Interval::Fixed(length) => {
                // When clocks are set, a span may be longer or shorter; its neighbour tells.
                let next = own.saturating_add(length);
                let rounded = self.compute(next);
                if rounded > own { rounded } else { next }
            }
            Interval::Calendar(unit) => self.calendar_next(own, unit).unwrap_or(i64::MAX),
        };
        next.saturating_add(self.offset)
    }

    fn compute(&self, time: i64) -> i64 {
        match self.interval {
            Interval::Fixed(length) => {
                let length = length.max(1);
                let shift = self.utc_offset(time);
                let local = time.saturating_add(shift);
                let begin = local.div_euclid(length).saturating_mul(length);
                begin.saturating_sub(self.utc_offset(begin.saturating_sub(shift)))
            }
            Interval::Calendar(unit) => self.calendar_begin(time, unit).unwrap_or(time),
        }
    }

    fn utc_offset(&self, time: i64) -> i64 {
        let seconds = Timestamp::from_second(time.div_euclid(SECOND));
        seconds.map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()) * SECOND)
    }

    fn zoned(&self, time: i64) -> Option<Zoned> {
        Some(Timestamp::from_nanosecond(i128::from(time)).ok()?.to_zoned(self.zone.clone()))
    }

    fn calendar_begin(&self, time: i64, unit: CalendarUnit) -> Option<i64> {
        let minutes = |length: i64| {
            let shift = self.utc_offset(time);
            Some(time.checked_add(shift)?.div_euclid(length) * length - shift)
        };
        let zoned = self.zoned(time)?;
        let date = zoned.date();
        let first = match unit {
            CalendarUnit::Minute => return minutes(60 * SECOND),
            CalendarUnit::Hour => return minutes(3_600 * SECOND),
            CalendarUnit::Day => date,
            CalendarUnit::Week => {
                date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok()?
            }
            CalendarUnit::Month => date.first_of_month(),
            CalendarUnit::Quarter => {
                let month = (date.month() - 1) / 3 * 3 + 1;
                date.with().month(month).day(1).build().ok()?
            }
            CalendarUnit::Year => date.first_of_year(),
        };
        let begin = self.zone.to_ambiguous_zoned(first.to_datetime(jiff::civil::Time::midnight()));
        i64::try_from(begin.compatible().ok()?.timestamp().as_nanosecond()).ok()
    }

    fn calendar_next(&self, begin: i64, unit: CalendarUnit) -> Option<i64> {
        let span = match unit {
            CalendarUnit::Minute => return begin.checked_add(60 * SECOND),
            CalendarUnit::Hour => return begin.checked_add(3_600 * SECOND),
            CalendarUnit::Day => 1.day(),
            CalendarUnit::Week => 1.week(),
            CalendarUnit::Month => 1.month(),
            CalendarUnit::Quarter => 3.months(),
            CalendarUnit::Year => 1.year(),
        };
        let date = self.zoned(begin)?.date().checked_add(span).ok()?;
        let next = self.zone.to_ambiguous_zoned(date.to_datetime(jiff::civil::Time::midnight()));
        i64::try_from(next.compatible().ok()?.timestamp().as_nanosecond()).ok()
    }
}

fn time_zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name == "Z" {
        return Some(TimeZone::UTC);
    }
    if let Some(sign) = name.strip_prefix('+').map(|_| 1).or_else(|| name.strip_prefix('-').map(|_| -1)) {
        let digits: String = name[1..].chars().filter(|letter| *letter != ':').collect();
        let digits = if digits.len() <= 2 { format!("{digits:0>2}00") } else { format!("{digits:0>4}") };
        let (hours, minutes): (i32, i32) = (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?);
        let seconds = (minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))?;
        return Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    TimeZone::get(name).ok()
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::LogTime;

    use super::*;

    #[track_caller]
    fn check(interval: Interval, zone: &str, time: &str, begin: &str, next: &str) {
        let time = LogTime::parse(time, 0).unwrap().0;
        let mut rounding = Rounding::new(interval, zone, 0).unwrap();
        let found = rounding.begin(time);
        let again = rounding.begin(time);
        assert_eq!(found, again, "the remembered span");
        let texts = (LogTime(found).to_string(), LogTime(rounding.next(found)).to_string());
        assert_eq!((texts.0.as_str(), texts.1.as_str()), (begin, next));
    }

    #[test]
    fn days_begin_at_midnight_of_the_zone() {
        let day = Interval::Calendar(CalendarUnit::Day);
        check(
            day,
            "Asia/Shanghai",
            "2025-06-15T08:30:00Z",
            "2025-06-14T16:00:00.000Z",
            "2025-06-15T16:00:00.000Z",
        );
        check(day, "+08:00", "2025-06-15T08:30:00Z", "2025-06-14T16:00:00.000Z", "2025-06-15T16:00:00.000Z");
        check(day, "", "2025-06-15T08:30:00Z", "2025-06-15T00:00:00.000Z", "2025-06-16T00:00:00.000Z");
        // Clocks go back: a day of 25 hours.
        check(
            day,
            "Europe/Berlin",
            "2025-10-26T12:00:00Z",
            "2025-10-25T22:00:00.000Z",
            "2025-10-26T23:00:00.000Z",
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_quarters_in_their_first_month() {
        let unit = |unit| Interval::Calendar(unit);
        check(
            unit(CalendarUnit::Week),
            "",
            "2025-06-15T08:30:00Z",
            "2025-06-09T00:00:00.000Z",
            "2025-06-16T00:00:00.000Z",
        );
        check(
            unit(CalendarUnit::Month),
            "",
            "2025-06-15T08:30:00Z",
            "2025-06-01T00:00:00.000Z",
            "2025-07-01T00:00:00.000Z",
        );
        check(
            unit(CalendarUnit::Quarter),
            "",
            "2025-06-15T08:30:00Z",
            "2025-04-01T00:00:00.000Z",
            "2025-07-01T00:00:00.000Z",
        );
        check(
            unit(CalendarUnit::Year),
            "",
            "2025-06-15T08:30:00Z",
            "2025-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.000Z",
        );
    }

    #[test]
    fn fixed_spans_count_from_the_epoch_in_local_time() {
        let fixed = |minutes: i64| Interval::Fixed(minutes * 60 * SECOND);
        check(fixed(1), "", "2025-06-15T08:30:30Z", "2025-06-15T08:30:00.000Z", "2025-06-15T08:31:00.000Z");
        check(
            fixed(1_440),
            "+08:00",
            "2025-06-15T08:30:00Z",
            "2025-06-14T16:00:00.000Z",
            "2025-06-15T16:00:00.000Z",
        );
        check(
            fixed(60),
            "-0330",
            "2025-06-15T08:20:00Z",
            "2025-06-15T07:30:00.000Z",
            "2025-06-15T08:30:00.000Z",
        );
        check(fixed(1), "", "1969-12-31T23:59:30Z", "1969-12-31T23:59:00.000Z", "1970-01-01T00:00:00.000Z");
        assert!(Rounding::new(fixed(1), "Mars/Olympus", 0).is_err());
    }
}
