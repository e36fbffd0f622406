//! Values of numbers and durations, as Go's `strconv` and Prometheus' `model.ParseDuration` read them.

use lingshao_model::{DurationError, TimeDelta};

use crate::quote::go_quote;

/// `12`, `0x1F`, `010` (octal, as in Go), `1_000`, `1e3`, `.5`, `Inf`
pub(super) fn number(text: &str) -> Result<f64, String> {
    if let Some(value) = integer(text) {
        return Ok(value as f64);
    }
    let failed = |reason: &str| {
        format!("error parsing number: strconv.ParseFloat: parsing {}: {reason}", go_quote(text))
    };
    let is_named = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match text.replace('_', "").parse::<f64>() {
        Ok(value) if value.is_infinite() && !is_named => Err(failed("value out of range")),
        Ok(value) => Ok(value),
        Err(_) => Err(failed("invalid syntax")),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    i64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Seconds of `1h30m`.
pub(super) fn duration_seconds(text: &str) -> Result<f64, String> {
    // Prometheus counts durations in nanoseconds.
    const MILLIS_MAX: i64 = i64::MAX / 1_000_000;
    match TimeDelta::parse(text) {
        Ok(span) if span.0 <= MILLIS_MAX => Ok(span.as_seconds()),
        Ok(_) | Err(DurationError::OutOfRange) => Err("duration out of range".to_owned()),
        Err(_) => Err(format!("not a valid duration string: {}", go_quote(text))),
    }
}
