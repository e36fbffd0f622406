//! Instants as texts of RFC 3339: `2015-07-01T20:10:51.781Z`.

use lingshao_model::Timestamp;
use lingshao_model::log::{date_of, days_from_epoch};

const DAY_MILLIS: i64 = 86_400_000;

/// Reads an instant with a four-digit year and `Z` or an offset; what is finer than a millisecond is cut.
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [year, month, day] = three(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = three(clock, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (millis, zone) = fraction(rest)?;
    let offset_minutes = zone_minutes(zone)?;
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(Timestamp(days_from_epoch(year, month, day) * DAY_MILLIS + seconds * 1000 + millis))
}

/// Writes an instant in UTC, with milliseconds when there are any. Years beyond 9999 get more digits, years before
/// 0 a sign; such texts are for people, `parse` does not take them.
pub fn format(t: Timestamp) -> String {
    let (days, millis) = (t.0.div_euclid(DAY_MILLIS), t.0.rem_euclid(DAY_MILLIS));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    let fraction = if millis % 1000 == 0 { String::new() } else { format!(".{:03}", millis % 1000) };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Three numbers of fixed lengths.
fn three(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        *number = digits(parts.next()?).filter(|(_, found)| *found == length)?.0;
    }
    parts.next().is_none().then_some(numbers)
}

/// A number made of digits alone, and how many.
fn digits(text: &str) -> Option<(i64, usize)> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(|number| (number, text.len()))
}

/// Milliseconds of a fraction, if one stands there, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let digit =
        |index: usize| rest.as_bytes()[..length].get(index).map_or(0, |digit| i64::from(digit - b'0'));
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), &rest[length..]))
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let fits = hours.1 == 2 && minutes.1 == 2 && hours.0 <= 24 && minutes.0 < 60;
    fits.then(|| sign * (hours.0 * 60 + minutes.0))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text).map(|t| t.0), expected, "{text}");
    }

    #[test]
    fn instants_are_read() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781));
        check("2015-07-02T04:10:51.781999999+08:00", Some(1_435_781_451_781));
        check("2015-07-01T12:10:51.7-08:00", Some(1_435_781_451_700));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000));
        check("0000-01-01T00:00:00Z", Some(-62_167_219_200_000));
        for text in [
            "",
            "2015-07-01",
            "2015-07-01T20:10:51",
            "2015-07-01 20:10:51Z",
            "2015-7-01T20:10:51Z",
            "2015-13-01T20:10:51Z",
            "2015-02-29T20:10:51Z",
            "1900-02-29T20:10:51Z",
            "2015-07-01T24:10:51Z",
            "2015-07-01T20:10:60Z",
            "2015-07-01T20:10:51.Z",
            "2015-07-01T20:10:51+0800",
            "2015-07-01T20:10:51+08:60",
            "2015-07-01T20:10:51-5555555555555555555:54",
            "+015-07-01T20:10:51Z",
            "2015-07-01T20:10:51Zx",
            "年2015-07-01T20:10:51Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn instants_are_written() {
        assert_eq!(format(Timestamp(1_435_781_451_781)), "2015-07-01T20:10:51.781Z");
        assert_eq!(format(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(format(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(format(Timestamp::MIN), "-292275055-05-16T16:47:04.192Z");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in -62_167_219_200_000i64..253_402_300_800_000) {
            prop_assert_eq!(parse(&format(Timestamp(millis))), Some(Timestamp(millis)));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
        }
    }
}
