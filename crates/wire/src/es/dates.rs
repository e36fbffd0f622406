//! Instants in requests: understood by what the field is described as, by a format, or by the text alone.

use jiff::tz::TimeZone;
use lingshao_model::log::{FieldKind, FieldSelection, LogTime, QueryValue};

use super::EsError;
use super::body::Body;
use super::params::shorten;
use crate::date_math::{self, Clock, DateFormats};

const MILLI: i64 = 1_000_000;

/// Names that ask a record's own time.
pub(crate) fn is_time(field: &str) -> bool {
    matches!(field, "@timestamp" | "timestamp" | "_time" | "ts")
}

/// A value of a query on these fields, with the time that it names.
pub(crate) fn value(body: &Body<'_>, fields: &FieldSelection, text: &str) -> QueryValue {
    let value = QueryValue::new(text);
    let field = match fields {
        FieldSelection::One(field) => field.as_str(),
        _ => "",
    };
    match instants(body, field, text, None, None) {
        Ok(Some((first, last))) => value.with_time(first, last),
        _ => value,
    }
}

/// The first and the last nanosecond of what a text names, if it is a time for this field; `None` for other values.
/// A text that is no time is an error only where a format is given or the field holds nothing but times. Fields that are
/// described as dates have milliseconds, as in Elasticsearch; all others are compared exactly.
pub(crate) fn instants(
    body: &Body<'_>,
    field: &str,
    text: &str,
    format: Option<&str>,
    zone: Option<&str>,
) -> Result<Option<(LogTime, LogTime)>, EsError> {
    let own_zone = zone.map(read_zone).transpose()?;
    let zone = own_zone.as_ref().unwrap_or(body.context.time_zone);
    let clock = Clock { now: body.context.now, zone };
    let kind = body.kind(field);
    let formats = match (format, kind) {
        (Some(format), _) => formats(format)?,
        (None, Some(FieldKind::Date)) => DateFormats::elasticsearch(),
        (None, Some(_)) => return Ok(None),
        (None, None) => return guessed(field, text, &clock),
    };
    let found = date_math::read(text, &formats, &clock).map_err(|error| unreadable(&error))?;
    Ok(Some(if kind == Some(FieldKind::Date) { whole_millis(found) } else { found }))
}

/// Of a field that nobody described: numbers of as many digits as our time has, and dates.
fn guessed(field: &str, text: &str, clock: &Clock<'_>) -> Result<Option<(LogTime, LogTime)>, EsError> {
    if let Ok(number) = text.parse::<i64>() {
        let length = match text.len() {
            10 => 1000 * MILLI,
            13 => MILLI,
            16 => 1000,
            19 => 1,
            _ => return Ok(None),
        };
        return Ok(
            LogTime::from_integer(number).map(|first| (first, LogTime(first.0.saturating_add(length - 1))))
        );
    }
    match date_math::read(text, &DateFormats::iso(), clock) {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_time(field) => Err(unreadable(&error)),
        Err(_) => Ok(None),
    }
}

fn whole_millis((first, last): (LogTime, LogTime)) -> (LogTime, LogTime) {
    let floor = |time: LogTime| time.0 - time.0.rem_euclid(MILLI);
    (LogTime(floor(first)), LogTime(floor(last).saturating_add(MILLI - 1)))
}

fn unreadable(error: &date_math::DateError) -> EsError {
    EsError::new(400, "parse_exception", error.to_string()).of_shards()
}

/// Names and patterns of formats.
pub(crate) fn formats(text: &str) -> Result<DateFormats, EsError> {
    DateFormats::read(text)
        .map_err(|error| EsError::argument(format!("Invalid format: [{}]: {error}", shorten(text))))
}

/// `Asia/Shanghai`, `+08:00`, `UTC`.
pub(crate) fn read_zone(text: &str) -> Result<TimeZone, EsError> {
    date_math::zone(text).ok_or_else(|| EsError::argument(format!("Unknown time-zone ID: {}", shorten(text))))
}
