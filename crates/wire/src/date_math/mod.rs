//! Dates as people write them into questions: `2025-06-15`, `now-1h`, `2025-06-15||+1M/d`.
//!
//! Contract: a text names an interval, from its first to its last nanosecond, so that every kind of bound falls out of
//! it: `gte` and `lt` ask its first, `gt` and `lte` its last one. `2025-06-15` is a day, `now/d` is today, `now-1h` an
//! instant. Rounding and dates without a zone go by the clock's zone, also over changes of its offset. Instants outside
//! of what can be stored are moved to the nearest that can. Elasticsearch's date maths and formats.

mod format;

use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};
use lingshao_model::log::LogTime;

pub use format::{DateFormats, FormatError};

/// What `now` is, and where.
#[derive(Clone, Debug)]
pub struct Clock<'a> {
    /// The instant of the question.
    pub now: LogTime,
    /// Where its days begin.
    pub zone: &'a TimeZone,
}

/// Why a text names no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// In none of the formats.
    #[error("failed to parse date field [{text}] with format [{formats}]")]
    Unreadable {
        /// What was written.
        text: String,
        /// Formats that were tried.
        formats: String,
    },
    /// What stands behind `now` or `||`.
    #[error("`{maths}` is no date math: write steps such as `-1h`, `+2d`, `/d` (units y M w d h m s)")]
    Maths {
        /// What was written there.
        maths: String,
    },
}

/// The first and the last nanosecond that `text` names.
pub fn read(text: &str, formats: &DateFormats, clock: &Clock<'_>) -> Result<(LogTime, LogTime), DateError> {
    if let Some(maths) = maths_behind_now(text) {
        return Ok((steps(maths, clock.now, clock, false)?, steps(maths, clock.now, clock, true)?));
    }
    let (date, maths) = text.split_once("||").unwrap_or((text, ""));
    let (first, last) = formats
        .interval(date, clock.zone)
        .ok_or_else(|| DateError::Unreadable { text: text.to_owned(), formats: formats.to_string() })?;
    // Maths begins at the first instant, whatever the precision of the date.
    match maths {
        "" => Ok((first, last)),
        maths => Ok((steps(maths, first, clock, false)?, steps(maths, first, clock, true)?)),
    }
}

/// Reads `Asia/Shanghai`, `Z`, `UTC`, `+08:00`, `+0800`, `+8`.
pub fn zone(text: &str) -> Option<TimeZone> {
    if matches!(text, "Z" | "z" | "UTC" | "GMT") {
        return Some(TimeZone::UTC);
    }
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    if let Some(digits) = text.strip_prefix(['+', '-']) {
        let padded = (digits.len() == 1).then(|| format!("{}0{digits}", &text[..1]));
        return format::offset(padded.as_deref().unwrap_or(text)).map(TimeZone::fixed);
    }
    TimeZone::get(text).ok()
}

/// The steps behind `now`, if the text is such; `nowhere` is a word.
fn maths_behind_now(text: &str) -> Option<&str> {
    let maths = text.strip_prefix("now")?;
    (maths.is_empty() || maths.starts_with(['+', '-', '/'])).then_some(maths)
}

/// Does the steps one after the other; rounding up leads to the last nanosecond of the unit.
fn steps(maths: &str, start: LogTime, clock: &Clock<'_>, up: bool) -> Result<LogTime, DateError> {
    let wrong = || DateError::Maths { maths: maths.to_owned() };
    let mut time = zoned(start, clock.zone);
    let mut rest = maths;
    while let Some(operator) = rest.chars().next() {
        let (number, unit, behind) = step(&rest[operator.len_utf8()..]).ok_or_else(wrong)?;
        time = match (operator, number) {
            ('/', None) => rounded(&time, unit, up),
            ('+', number) => time.checked_add(span(unit, number.unwrap_or(1)).ok_or_else(wrong)?).ok(),
            ('-', number) => time.checked_sub(span(unit, number.unwrap_or(1)).ok_or_else(wrong)?).ok(),
            _ => None,
        }
        .ok_or_else(wrong)?;
        rest = behind;
    }
    Ok(log_time(time.timestamp()))
}

/// A number, if there is one, a unit, and what follows.
fn step(text: &str) -> Option<(Option<i64>, char, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = match digits {
        0 => None,
        _ => Some(text[..digits].parse().ok()?),
    };
    let mut behind = text[digits..].chars();
    let unit = behind.next()?;
    Some((number, unit, behind.as_str()))
}

fn span(unit: char, number: i64) -> Option<Span> {
    let none = Span::new();
    match unit {
        'y' => none.try_years(number),
        'M' => none.try_months(number),
        'w' => none.try_weeks(number),
        'd' => none.try_days(number),
        'h' | 'H' => none.try_hours(number),
        'm' => none.try_minutes(number),
        's' => none.try_seconds(number),
        _ => return None,
    }
    .ok()
}

fn rounded(time: &Zoned, unit: char, up: bool) -> Option<Zoned> {
    let day = || time.start_of_day().ok();
    let first = match unit {
        'y' => time.first_of_year().ok()?.start_of_day().ok()?,
        'M' => time.first_of_month().ok()?.start_of_day().ok()?,
        'w' => {
            let days = time.weekday().since(Weekday::Monday);
            day()?.checked_sub(Span::new().days(days)).ok()?
        }
        'd' => day()?,
        'h' | 'H' => time.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?,
        'm' => time.with().second(0).subsec_nanosecond(0).build().ok()?,
        's' => time.with().subsec_nanosecond(0).build().ok()?,
        _ => return None,
    };
    match up {
        false => Some(first),
        true => first.checked_add(span(unit, 1)?).ok()?.checked_sub(Span::new().nanoseconds(1)).ok(),
    }
}

fn zoned(time: LogTime, zone: &TimeZone) -> Zoned {
    // Every 64-bit nanosecond lies within the years that a `Timestamp` takes.
    Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default().to_zoned(zone.clone())
}

fn log_time(time: Timestamp) -> LogTime {
    let nanos = time.as_nanosecond().clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    LogTime(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn fixed(seconds: i32) -> Option<Offset> {
    Offset::from_seconds(seconds).ok()
}

#[cfg(test)]
mod tests;
