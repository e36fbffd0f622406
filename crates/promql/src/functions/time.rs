//! Calendar arithmetic in UTC, over seconds since the epoch.

use crate::catalog::FunctionId;

const DAY_SECONDS: i128 = 86_400;

/// A date of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i128,
    /// From one.
    month: u32,
    /// From one.
    day: u32,
}

/// The calendar functions; `None` for all others. They take seconds since the epoch as the vector's value.
pub(crate) fn calendar(function: FunctionId) -> Option<fn(f64) -> f64> {
    Some(match function {
        FunctionId::Minute => |t| (seconds(t).rem_euclid(3600) / 60) as f64,
        FunctionId::Hour => |t| (seconds(t).rem_euclid(DAY_SECONDS) / 3600) as f64,
        FunctionId::DayOfWeek => |t| (days(t) + 4).rem_euclid(7) as f64,
        FunctionId::DayOfMonth => |t| f64::from(date(days(t)).day),
        FunctionId::DayOfYear => |t| {
            let days = days(t);
            (days - days_from_epoch(date(days).year, 1, 1) + 1) as f64
        },
        FunctionId::DaysInMonth => |t| {
            let Date { year, month, .. } = date(days(t));
            f64::from(days_in_month(year, month))
        },
        FunctionId::Month => |t| f64::from(date(days(t)).month),
        FunctionId::Year => |t| date(days(t)).year as f64,
        _ => return None,
    })
}

/// Go's conversion: towards zero, and what does not fit becomes the smallest integer, which Go's calendar then
/// takes for 2^63 seconds after the epoch.
fn seconds(value: f64) -> i128 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN };
    let whole = i128::from(whole);
    if whole < days_from_epoch(-292_277_022_399, 1, 1) * DAY_SECONDS { whole + (1 << 64) } else { whole }
}

fn days(value: f64) -> i128 {
    seconds(value).div_euclid(DAY_SECONDS)
}

/// Days since the epoch to a date: counted in eras of 400 years that begin in March.
fn date(days: i128) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
    let month = (if march_month < 10 { march_month + 3 } else { march_month - 9 }) as u32;
    Date { year: year_of_era + era * 400 + i128::from(month <= 2), month, day }
}

fn days_from_epoch(year: i128, month: u32, day: u32) -> i128 {
    let year = year - i128::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = i128::from((month + 9) % 12);
    let day_of_year = (153 * march_month + 2) / 5 + i128::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in_month(year: i128, month: u32) -> u32 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (days_from_epoch(next_year, next_month, 1) - days_from_epoch(year, month, 1)) as u32
}

/// `2006-01-02T15:04:05Z`.
pub(crate) fn rfc3339(unix_seconds: i64) -> String {
    let total = i128::from(unix_seconds);
    let Date { year, month, day } = date(total.div_euclid(DAY_SECONDS));
    let rest = total.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(function: FunctionId, at: f64, expected: f64) {
        assert_eq!(calendar(function).unwrap()(at), expected);
    }

    #[test]
    fn dates_are_utc() {
        use FunctionId as F;
        check(F::Year, 1_136_239_445.0, 2006.0);
        check(F::Month, 1_136_239_445.0, 1.0);
        check(F::DayOfMonth, 1_136_239_445.0, 2.0);
        check(F::DayOfWeek, 1_136_239_445.0, 1.0);
        check(F::Hour, 1_136_239_445.0, 22.0);
        check(F::Minute, 1_136_239_445.0, 4.0);
        check(F::Year, 1_230_767_999.0, 2008.0);
        check(F::DayOfYear, 1_483_191_420.0, 366.0);
        check(F::DaysInMonth, 1_454_284_800.0, 29.0);
        check(F::DaysInMonth, 1_485_907_200.0, 28.0);
        check(F::DayOfWeek, 0.0, 4.0);
        check(F::Hour, -1.0, 23.0);
        check(F::Year, -1.0, 1969.0);
        check(F::Year, f64::NAN, 292_277_026_596.0);
    }

    #[test]
    fn instants_are_written_for_people() {
        assert_eq!(rfc3339(1_735_084_800), "2024-12-25T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
    }
}
