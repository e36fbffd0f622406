//! `fields`, `docvalue_fields` and `stored_fields`: values beside `_source`, always lists.

use jiff::tz::TimeZone;
use lingshao_model::log::{FieldKind, LogRecord, LogTime, LogValue};

use crate::date_math::DateFormats;
use crate::es::EsError;
use crate::es::body::{Body, did_you_mean};
use crate::es::dates;
use crate::es::glob;
use crate::json::{Node, Value};
use crate::log_json;

/// Most patterns: each is tried on every field of every hit (Elasticsearch allows 100 `docvalue_fields`).
const FIELDS_MAX: usize = 100;

/// A pattern of names, and how times are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldWanted {
    pattern: String,
    /// `None`: values are shown as they are.
    format: Option<DateFormats>,
}

/// Reads a list of names or of `{"field": …, "format": …}`.
pub(super) fn read(body: &Body<'_>, node: &Node, what: &str) -> Result<Vec<FieldWanted>, EsError> {
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.len() > FIELDS_MAX {
        return Err(EsError::shard_argument(format!(
            "Trying to retrieve too many {what}. Must be less than or equal to: [{FIELDS_MAX}] but was [{}].",
            items.len()
        )));
    }
    items.iter().map(|item| one(body, item, what)).collect()
}

fn one(body: &Body<'_>, node: &Node, what: &str) -> Result<FieldWanted, EsError> {
    let (mut pattern, mut format) = (None, None);
    match &node.value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "field" => pattern = Some(body.scalar(value, what)?),
                    "format" if body.scalar(value, what)? == "use_field_mapping" => {}
                    "format" => format = Some(dates::formats(&body.scalar(value, what)?)?),
                    "include_unmapped" => drop(body.flag(value, what)?),
                    _ => {
                        let meant = did_you_mean(name, &["field", "format", "include_unmapped"]);
                        let reason = format!("[field_and_format] unknown field [{name}]{meant}");
                        return Err(body.content_error(value, &reason));
                    }
                }
            }
        }
        _ => pattern = Some(body.scalar(node, what)?),
    }
    let pattern = pattern.ok_or_else(|| body.content_error(node, "Required [field]"))?;
    let is_date = dates::is_time(&pattern) || body.kind(&pattern) == Some(FieldKind::Date);
    let format = format.or_else(|| is_date.then(DateFormats::iso));
    Ok(FieldWanted { pattern, format })
}

/// Appends the members of a hit's `fields`, with braces; nothing when there are none.
pub(super) fn write(wanted: &[FieldWanted], record: &LogRecord, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut done: Vec<&str> = Vec::new();
    for wanted in wanted {
        for field in &record.fields {
            if !done.contains(&&*field.name) && glob::matches(&wanted.pattern, &field.name) {
                let values = record.fields.iter().filter(|other| other.name == field.name);
                let mut values =
                    values.map(|other| &other.value).filter(|value| **value != LogValue::Null).peekable();
                if values.peek().is_some() {
                    begin(&field.name, done.is_empty(), out);
                    wanted.write(values, out);
                    done.push(&field.name);
                }
            }
        }
        // A record without such a field of its own has a time all the same.
        if dates::is_time(&wanted.pattern)
            && record.value(&wanted.pattern).is_none()
            && !done.contains(&&*wanted.pattern)
        {
            begin(&wanted.pattern, done.is_empty(), out);
            let format = wanted.format.clone().unwrap_or_else(DateFormats::iso);
            string(out, &[format.write(record.time, &TimeZone::UTC)]);
            done.push(&wanted.pattern);
        }
    }
    if out.len() > start {
        out.push(b'}');
    }
    out.len() > start
}

fn begin(name: &str, is_first: bool, out: &mut Vec<u8>) {
    out.push(if is_first { b'{' } else { b',' });
    string(out, name);
    out.push(b':');
}

fn string<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts are always JSON, and a Vec takes every byte");
}

impl FieldWanted {
    fn write<'v>(&self, values: impl Iterator<Item = &'v LogValue<String>>, out: &mut Vec<u8>) {
        for (number, value) in values.enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            match self.format.as_ref().zip(instant(value)) {
                Some((format, time)) => string(out, &format.write(time, &TimeZone::UTC)),
                None => log_json::value(value, out),
            }
        }
        out.push(b']');
    }
}

fn instant(value: &LogValue<String>) -> Option<LogTime> {
    match value {
        LogValue::Text(text) => LogTime::parse(text, 0),
        LogValue::Int(number) => LogTime::from_integer(*number),
        LogValue::Float(number) => LogTime::from_number(*number),
        _ => None,
    }
}
