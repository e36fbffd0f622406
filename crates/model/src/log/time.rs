//! Instants of log records, and the ways in which producers write them.

use std::fmt;

use crate::Timestamp;

const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970-01-01 UTC: the years 1677 to 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogTime(pub i64);

impl LogTime {
    /// The earliest instant that can be expressed.
    pub const MIN: LogTime = LogTime(i64::MIN);
    /// The latest instant that can be expressed.
    pub const MAX: LogTime = LogTime(i64::MAX);

    /// Milliseconds since the epoch, saturating.
    pub const fn from_millis(millis: i64) -> LogTime {
        LogTime(millis.saturating_mul(MILLI))
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(MILLI)
    }

    /// Days since the epoch in UTC: the number of the folder that keeps it.
    pub const fn day(self) -> i32 {
        // Quotients of 64-bit nanoseconds lie within ± 106,752.
        self.0.div_euclid(DAY_SECONDS * SECOND) as i32
    }

    /// Reads a number since the epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by its size;
    /// `None` for what lies before 1973 in all of them, and for NaN.
    pub fn from_number(number: f64) -> Option<LogTime> {
        let scale = match number {
            number if !(1e8..1e19).contains(&number) => return None,
            number if number < 1e11 => 1e9,
            number if number < 1e14 => 1e6,
            number if number < 1e17 => 1e3,
            _ => 1.0,
        };
        let nanos = number * scale;
        (nanos < i64::MAX as f64).then_some(LogTime(nanos as i64))
    }

    /// The same for a number that a float would round.
    pub fn from_integer(number: i64) -> Option<LogTime> {
        let scale = match number {
            ..100_000_000 => return None,
            100_000_000..100_000_000_000 => SECOND,
            100_000_000_000..100_000_000_000_000 => MILLI,
            100_000_000_000_000..100_000_000_000_000_000 => 1000,
            _ => 1,
        };
        number.checked_mul(scale).map(LogTime)
    }

    /// Reads `2025-06-15T08:30:00.123456789+08:00` and its neighbours: a blank or `t` for the `T`; a comma for the
    /// point (Python's logging); `Z`, `+08:00`, `+0800`, `+08`, a blank before the zone, or none, which is taken as
    /// `offset_seconds` east of UTC; seconds and the fraction may be missing; slashes in the date. A date alone is not
    /// an instant.
    pub fn parse(text: &str, offset_seconds: i32) -> Option<LogTime> {
        let bytes = text.as_bytes();
        let date = bytes.get(..10)?;
        if !matches!((date[4], date[7]), (b'-', b'-') | (b'/', b'/')) {
            return None;
        }
        let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
        if !matches!(bytes.get(10)?, b'T' | b't' | b' ') || !(1..=12).contains(&month) {
            return None;
        }
        if !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        let clock = bytes.get(11..16)?;
        let (hour, minute) = (number(&clock[..2])?, number(&clock[3..])?);
        let mut rest = &bytes[16..];
        let second = match rest {
            [b':', tens, ones, tail @ ..] => {
                rest = tail;
                number(&[*tens, *ones])?
            }
            _ => 0,
        };
        if clock[2] != b':' || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let nanos = fraction(&mut rest)?;
        let offset = zone(rest, offset_seconds)?;
        let seconds = days_from_epoch(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
        (seconds - offset).checked_mul(SECOND)?.checked_add(nanos).map(LogTime)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then_some(number * 10 + i64::from(digit))
    })
}

/// Takes a fraction off the front; digits beyond the ninth are cut.
fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let [b'.' | b',', tail @ ..] = *rest else { return Some(0) };
    let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kept = &tail[..length.min(9)];
    *rest = &tail[length..];
    (length > 0).then(|| number(kept).unwrap_or(0) * 10_i64.pow(9 - kept.len() as u32))
}

fn zone(text: &[u8], default: i32) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, digits) = match text {
        [] => return Some(i64::from(default)),
        b"Z" | b"z" | b"UTC" => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [_, _] => (number(digits)?, 0),
        [_, _, b':', minutes @ ..] if minutes.len() == 2 => (number(&digits[..2])?, number(minutes)?),
        [_, _, minutes @ ..] if minutes.len() == 2 => (number(&digits[..2])?, number(minutes)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days between 1970-01-01 and a date of the Gregorian calendar. Howard Hinnant's `days_from_civil`: years begin in March,
/// so that the leap day is a year's last.
pub fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_epoch`]: year, month, day.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// `2025-06-15T00:30:00.123Z`: UTC, with milliseconds, or as many digits more as there is to tell.
impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (year, month, day) = date_of(seconds.div_euclid(DAY_SECONDS));
        let clock = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        match nanos {
            nanos if nanos % MILLI == 0 => write!(f, "{:03}Z", nanos / MILLI),
            nanos if nanos % 1000 == 0 => write!(f, "{:06}Z", nanos / 1000),
            nanos => write!(f, "{nanos:09}Z"),
        }
    }
}

impl From<Timestamp> for LogTime {
    fn from(time: Timestamp) -> LogTime {
        LogTime::from_millis(time.0)
    }
}

impl From<LogTime> for Timestamp {
    fn from(time: LogTime) -> Timestamp {
        Timestamp(time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = LogTime::parse(text, 8 * 3600).map(|time| time.to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }

    #[test]
    fn instants_are_read_as_producers_write_them() {
        check("2025-06-15T08:30:00.123Z", Some("2025-06-15T08:30:00.123Z"));
        check("2025-06-15T08:30:00+08:00", Some("2025-06-15T00:30:00.000Z"));
        check("2025-06-15T08:30:00.123456789-0930", Some("2025-06-15T18:00:00.123456789Z"));
        check("2025-06-15 08:30:00,123", Some("2025-06-15T00:30:00.123Z"));
        check("2025/06/15 08:30:00", Some("2025-06-15T00:30:00.000Z"));
        check("2025-06-15T08:30Z", Some("2025-06-15T08:30:00.000Z"));
        check("2025-06-15 08:30:00 +0000", Some("2025-06-15T08:30:00.000Z"));
        check("2024-02-29T00:00:00.1234567891Z", Some("2024-02-29T00:00:00.123456789Z"));
        check("1969-12-31T23:59:59.999Z", Some("1969-12-31T23:59:59.999Z"));
        for bad in [
            "",
            "2025-06-15",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-06-15T24:00:00Z",
            "2025-06-15T08:30:00.Z",
            "2025-06-15T08:30:00+8",
            "2025-06-15T08:30:00 CST",
            "支付2025-06-15T08:30",
            "9999-06-15T08:30:00Z",
            "2025-06-15T08-30-00Z",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn numbers_are_told_apart_by_their_size() {
        let read = |number| LogTime::from_number(number).map(|time| time.to_string());
        let expected = Some("2025-06-15T00:30:00.000Z".to_owned());
        assert_eq!(read(1_749_947_400.0), expected);
        assert_eq!(read(1_749_947_400e3), expected);
        assert_eq!(read(1_749_947_400e6), expected);
        assert_eq!(read(1_749_947_400e9), expected);
        assert_eq!(read(200.0), None);
        assert_eq!(read(f64::NAN), None);
        assert_eq!(
            LogTime::from_integer(1_749_947_400_123_456_789),
            Some(LogTime(1_749_947_400_123_456_789))
        );
        assert_eq!(LogTime::from_integer(12_345), None);
    }

    #[test]
    fn days_count_from_the_epoch_in_both_directions() {
        assert_eq!(LogTime(0).day(), 0);
        assert_eq!(LogTime(-1).day(), -1);
        assert_eq!(LogTime::parse("2025-06-15T00:00:00Z", 0).map(LogTime::day), Some(20_254));
    }
}
