//! Instants and spans in milliseconds, and Prometheus' way to write a span (`1h30m`).

use std::fmt;
use std::ops::{Add, Neg, Sub};

/// Milliseconds since 1970-01-01 UTC. Arithmetic saturates: an edge checks ranges, engines cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A signed span in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeDelta(pub i64);

impl Timestamp {
    /// The earliest instant that can be expressed.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest instant that can be expressed.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From seconds since the epoch, rounded to the millisecond; `None` for NaN and what does not fit.
    pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
        float_to_millis(seconds * 1000.0).map(Timestamp)
    }

    /// Seconds since the epoch.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl TimeDelta {
    /// No time at all.
    pub const ZERO: TimeDelta = TimeDelta(0);

    /// A span of whole seconds.
    pub const fn from_secs(seconds: i64) -> TimeDelta {
        TimeDelta(seconds * 1000)
    }

    /// From seconds, rounded to the millisecond; `None` for NaN and what does not fit.
    pub fn from_seconds(seconds: f64) -> Option<TimeDelta> {
        float_to_millis(seconds * 1000.0).map(TimeDelta)
    }

    /// The span in seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Reads Prometheus' notation: one or more of `y w d h m s ms` in that order, or `0`
    /// (prometheus/common `model.ParseDuration`). No sign, no blanks, no fractions.
    pub fn parse(text: &str) -> Result<TimeDelta, DurationError> {
        parse_duration(text)
    }
}

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("empty duration string")]
    Empty,
    /// Not digits followed by one of the units, each unit once, large before small.
    #[error("not a valid duration string; write it like 15s, 5m or 1h30m")]
    Malformed,
    /// More milliseconds than an `i64` holds.
    #[error("duration out of range")]
    OutOfRange,
}

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

fn parse_duration(text: &str) -> Result<TimeDelta, DurationError> {
    match text {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(TimeDelta::ZERO),
        _ => {}
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Malformed);
        }
        let number: i64 = rest[..digits].parse().map_err(|_| DurationError::OutOfRange)?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..letters]);
        let unit = unit.filter(|unit| *unit >= next_unit).ok_or(DurationError::Malformed)?;
        let span = number.checked_mul(UNITS[unit].1).ok_or(DurationError::OutOfRange)?;
        total = total.checked_add(span).ok_or(DurationError::OutOfRange)?;
        next_unit = unit + 1;
        rest = &rest[letters..];
    }
    Ok(TimeDelta(total))
}

fn float_to_millis(millis: f64) -> Option<i64> {
    // i64::MAX as f64 rounds up to 2^63, which does not fit: hence the strict comparison.
    let rounded = millis.round();
    (rounded >= i64::MIN as f64 && rounded < i64::MAX as f64).then_some(rounded as i64)
}

/// Prometheus' canonical form: `1h30m`, `0s`, with years and weeks only when they divide the span.
impl fmt::Display for TimeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (index, (name, millis)) in UNITS.iter().enumerate() {
            let millis = millis.unsigned_abs();
            let only_when_exact = index < 2;
            if rest < millis || (only_when_exact && !rest.is_multiple_of(millis)) {
                continue;
            }
            write!(f, "{}{name}", rest / millis)?;
            rest %= millis;
        }
        Ok(())
    }
}

impl Add<TimeDelta> for Timestamp {
    type Output = Timestamp;
    fn add(self, delta: TimeDelta) -> Timestamp {
        Timestamp(self.0.saturating_add(delta.0))
    }
}

impl Sub<TimeDelta> for Timestamp {
    type Output = Timestamp;
    fn sub(self, delta: TimeDelta) -> Timestamp {
        Timestamp(self.0.saturating_sub(delta.0))
    }
}

impl Sub for Timestamp {
    type Output = TimeDelta;
    fn sub(self, other: Timestamp) -> TimeDelta {
        TimeDelta(self.0.saturating_sub(other.0))
    }
}

impl Neg for TimeDelta {
    type Output = TimeDelta;
    fn neg(self) -> TimeDelta {
        TimeDelta(self.0.saturating_neg())
    }
}

impl From<std::time::Duration> for TimeDelta {
    fn from(duration: std::time::Duration) -> TimeDelta {
        TimeDelta(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, DurationError>) {
        assert_eq!(TimeDelta::parse(text), expected.map(TimeDelta));
    }

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        check("0", Ok(0));
        check("15s", Ok(15_000));
        check("1h30m", Ok(5_400_000));
        check("1y2w3d4h5m6s7ms", Ok(((((365 + 14 + 3) * 24 + 4) * 60 + 5) * 60 + 6) * 1000 + 7));
        check("", Err(DurationError::Empty));
        check("1", Err(DurationError::Malformed));
        check("m", Err(DurationError::Malformed));
        check("1m1h", Err(DurationError::Malformed));
        check("1m1m", Err(DurationError::Malformed));
        check("-1m", Err(DurationError::Malformed));
        check("1.5h", Err(DurationError::Malformed));
        check("99999999999y", Err(DurationError::OutOfRange));
        check("99999999999999999999s", Err(DurationError::OutOfRange));
    }

    #[test]
    fn durations_are_written_as_prometheus_writes_them() {
        let written = |millis| TimeDelta(millis).to_string();
        assert_eq!(written(0), "0s");
        assert_eq!(written(5_400_000), "1h30m");
        assert_eq!(written(90_000), "1m30s");
        assert_eq!(written(86_400_000), "1d");
        assert_eq!(written(86_400_000 + 3_600_000), "1d1h");
        assert_eq!(written(8 * 86_400_000), "8d");
        assert_eq!(written(14 * 86_400_000), "2w");
        assert_eq!(written(324), "324ms");
        assert_eq!(written(-60_000), "-1m");
    }

    #[test]
    fn seconds_that_do_not_fit_are_refused() {
        assert_eq!(Timestamp::from_seconds(1.0004), Some(Timestamp(1000)));
        assert_eq!(Timestamp::from_seconds(f64::NAN), None);
        assert_eq!(Timestamp::from_seconds(1e300), None);
    }
}
