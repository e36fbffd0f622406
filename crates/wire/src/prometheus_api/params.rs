//! Parameters of the API, read and refused as Prometheus does.

use std::borrow::Cow;

use lingshao_model::{TimeDelta, Timestamp};

use crate::{number, rfc3339};

/// A parameter that cannot be used; the text is Prometheus' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid parameter {name:?}: {what}")]
pub struct ParameterError {
    /// Its name.
    pub name: String,
    /// What is wrong with its value.
    pub what: String,
}

impl ParameterError {
    /// For a parameter that the caller reads itself.
    pub fn new(name: &str, what: impl Into<String>) -> ParameterError {
        ParameterError { name: name.to_owned(), what: what.into() }
    }
}

/// An instant: seconds since the epoch, with fraction, or RFC 3339.
pub fn time(name: &str, text: &str) -> Result<Timestamp, ParameterError> {
    // Prometheus' own bounds, which it prints and its clients send back (`web/api/v1/api.go`).
    match text {
        "-292273086-05-16T16:47:06Z" => return Ok(Timestamp::MIN),
        "292277025-08-18T07:12:54.999999999Z" => return Ok(Timestamp::MAX),
        _ => {}
    }
    let parsed = match number::parse_float(text) {
        Some(seconds) => seconds_to_timestamp(seconds),
        None => rfc3339::parse(text),
    };
    parsed.ok_or_else(|| {
        ParameterError::new(name, format!("cannot parse {:?} to a valid timestamp", shorten(text)))
    })
}

/// Whole seconds and rounded milliseconds apart, as Prometheus does: exact where their product is not.
fn seconds_to_timestamp(seconds: f64) -> Option<Timestamp> {
    let whole = seconds.trunc();
    let limit = (i64::MAX / 1000) as f64;
    let fits = whole.abs() < limit; // Also false for NaN.
    fits.then(|| Timestamp(whole as i64 * 1000 + ((seconds - whole) * 1000.0).round() as i64))
}

/// A span: seconds, with fraction, or Prometheus' notation.
pub fn duration(name: &str, text: &str) -> Result<TimeDelta, ParameterError> {
    let cannot = |why: &str| {
        ParameterError::new(name, format!("cannot parse {:?} to a valid duration{why}", shorten(text)))
    };
    match number::parse_float(text) {
        Some(seconds) => TimeDelta::from_seconds(seconds).ok_or_else(|| cannot(". It overflows int64")),
        None => TimeDelta::parse(text).map_err(|_| cannot("")),
    }
}

/// Most results wanted; `None`: all. Zero means all, too.
pub fn limit(name: &str, text: &str) -> Result<Option<usize>, ParameterError> {
    let number: i64 = text.parse().map_err(|_| {
        ParameterError::new(name, format!("cannot parse {:?} to a whole number", shorten(text)))
    })?;
    match usize::try_from(number) {
        Ok(0) => Ok(None),
        Ok(limit) => Ok(Some(limit)),
        Err(_) => Err(ParameterError::new(name, "limit must be non-negative")),
    }
}

/// Instants of a range query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: Timestamp,
    /// None is later.
    pub end: Timestamp,
    /// Between two; at least a millisecond.
    pub step: TimeDelta,
}

/// The three parameters of a range query; a missing one is the empty text.
pub fn range(start: &str, end: &str, step: &str) -> Result<Range, ParameterError> {
    let range = Range { start: time("start", start)?, end: time("end", end)?, step: duration("step", step)? };
    if range.end < range.start {
        return Err(ParameterError::new("end", "end timestamp must not be before start time"));
    }
    if range.step <= TimeDelta::ZERO {
        let what = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ParameterError::new("step", what));
    }
    Ok(range)
}

/// A label's name as it stands in a path: `U__http_2e_host` is `http.host`; what is not written so stays as it is
/// (prometheus/common `model.UnescapeName`).
pub fn unescape_name(name: &str) -> Cow<'_, str> {
    match name.strip_prefix("U__").and_then(unescape) {
        Some(plain) => Cow::Owned(plain),
        None => Cow::Borrowed(name),
    }
}

fn unescape(mut rest: &str) -> Option<String> {
    const HEX_DIGITS_MAX: usize = 5; // As many as Prometheus' own reader takes.
    let mut plain = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('_') {
        plain.push_str(before);
        let (code, after) = after.split_once('_')?;
        if code.is_empty() {
            plain.push('_');
        } else if code.len() <= HEX_DIGITS_MAX && code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            plain.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        } else {
            return None;
        }
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

/// A value from outside is quoted back only so far.
fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
