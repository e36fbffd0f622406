//! The shop's calendar: days of Shanghai, which has had no summer time since 1991 and so is UTC+8.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::{Offset, TimeZone};

pub(crate) const DAY_MS: i64 = 86_400_000;
const SHANGHAI_MS: i64 = 8 * 3_600_000;

/// A moment in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

/// A day of Shanghai, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i64);

impl Moment {
    pub(crate) fn day(self) -> Day {
        Day((self.0 + SHANGHAI_MS).div_euclid(DAY_MS))
    }

    /// Hours since midnight.
    pub(crate) fn hour(self) -> f64 {
        (self.0 + SHANGHAI_MS).rem_euclid(DAY_MS) as f64 / 3_600_000.0
    }

    pub(crate) fn plus(self, duration: Duration) -> Moment {
        Moment(self.0 + duration.as_millis() as i64)
    }

    pub(crate) fn minus(self, duration: Duration) -> Moment {
        Moment(self.0 - duration.as_millis() as i64)
    }

    /// As DATETIME columns have it: `2026-03-01 20:30:00`, without a zone.
    pub(crate) fn datetime(self) -> String {
        let shanghai = TimeZone::fixed(Offset::constant(8));
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default().to_zoned(shanghai);
        time.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

impl Day {
    pub(crate) fn begin(self) -> Moment {
        Moment(self.0 * DAY_MS - SHANGHAI_MS)
    }

    pub(crate) fn is_weekend(self) -> bool {
        // 1970-01-01 was a Thursday.
        matches!((self.0 + 3).rem_euclid(7), 5 | 6)
    }
}

/// The shop's clock: the machine's, or one that was set differently at the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    offset_ms: i64,
}

impl Clock {
    /// A clock that shows `start` now.
    #[cfg(test)]
    pub(crate) fn starting_at(start: Moment) -> Clock {
        Clock { offset_ms: start.0 - Clock::default().now().0 }
    }

    pub(crate) fn now(self) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(since.as_millis() as i64 + self.offset_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_shanghai() {
        let late = Moment(1_772_380_799_000); // 2026-03-01T15:59:59Z
        assert_eq!(late.datetime(), "2026-03-01 23:59:59");
        let next = Moment(late.0 + 1_000);
        assert_eq!((next.day().0 - late.day().0, next.hour()), (1, 0.0));
        assert_eq!(next.day().begin(), next);
        assert!(late.day().is_weekend() && !next.day().is_weekend(), "2026-03-01 is a Sunday");
    }
}
