//! What a value can be understood as: beside a text, a number, an address, a time.

use lingshao_model::log::{LogTime, QueryValue};

use super::clause::{Parser, Target};
use super::{Dialect, Message, QueryError};
use crate::date_math::{self, DateFormats};

/// Names that ask the record's time.
const TIME_FIELDS: [&str; 4] = ["timestamp", "@timestamp", "_time", "ts"];

impl Parser<'_, '_> {
    /// A value of a field, in every way in which it can be understood. A field that is the record's time takes nothing
    /// but times.
    pub(super) fn value(
        &self,
        target: &Target,
        text: &str,
        is_bound: bool,
        start: usize,
        end: usize,
    ) -> Result<QueryValue, QueryError> {
        let value = QueryValue::new(text);
        let is_time = target.name.as_deref().is_some_and(|name| TIME_FIELDS.contains(&name));
        let time = match is_time {
            true => self.date(text).or_else(|| number(text)),
            false if is_bound || (target.name.is_some() && looks_like_date(text)) => self.bound_time(text),
            false => None,
        };
        match time {
            Some((first, last)) => Ok(value.with_time(first, last)),
            None if is_time && (self.options.dialect == Dialect::Box || !self.options.lenient) => {
                Err(QueryError { start, end, message: Message::NotATime { text: text.to_owned() } })
            }
            None => Ok(value),
        }
    }

    /// Of a field that may hold anything, a number is a time too if it has as many digits as a year or as today's
    /// milliseconds.
    fn bound_time(&self, text: &str) -> Option<(LogTime, LogTime)> {
        match (text.bytes().all(|byte| byte.is_ascii_digit()), text.len()) {
            (true, 13) => number(text),
            (true, 4) | (false, _) => self.date(text),
            (true, _) => None,
        }
    }

    fn date(&self, text: &str) -> Option<(LogTime, LogTime)> {
        date_math::read(text, &DateFormats::iso(), &self.options.clock).ok()
    }
}

/// Seconds to nanoseconds since 1970, told apart by their size.
fn number(text: &str) -> Option<(LogTime, LogTime)> {
    let first = LogTime::from_integer(text.parse().ok()?)?;
    let width = match text.len() {
        ..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1000,
        _ => 1,
    };
    Some((first, LogTime(first.0.saturating_add(width - 1))))
}

/// Whether it is worth asking: `2025-06…`, `now-…`, `now/…`.
fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_date = matches!(bytes, [a, b, c, d, b'-' | b'/', e, ..]
        if [a, b, c, d, e].iter().all(|digit| digit.is_ascii_digit()));
    is_date || text.strip_prefix("now").is_some_and(|maths| maths.starts_with(['+', '-', '/']))
}
