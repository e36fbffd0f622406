//! The order of hits, and the values that it is made by.
//!
//! Times are milliseconds, as Elasticsearch keeps them, where they are whole ones. The record's own time has
//! nanoseconds: where it has more than milliseconds to tell, it is written out as text, so that `search_after` goes on
//! behind exactly this record.

use jiff::tz::TimeZone;
use lingshao_model::log::{FieldKind, LogTime, Missing, Number, SortField, SortKey, SortOrder, SortValue};

use crate::date_math::DateFormats;
use crate::es::EsError;
use crate::es::body::{Body, did_you_mean, token};
use crate::es::dates;
use crate::es::params::shorten;
use crate::json::{Node, Value};

/// Most keys: each is kept for every hit.
const KEYS_MAX: usize = 32;

/// A key, and how its values are shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sort {
    pub(super) key: SortKey,
    shown: Shown,
}

/// How a key's values are written and read.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Plain,
    Millis { exact: bool },
    Nanos,
    Text(DateFormats),
    Score,
}

/// `sort` of a body: a name, an object, or a list of them.
pub(super) fn read(body: &Body<'_>, node: &Node) -> Result<Vec<Sort>, EsError> {
    let mut sorts = Vec::new();
    match &node.value {
        Value::Array(items) => {
            for item in items {
                add(body, item, &mut sorts)?;
            }
        }
        _ => add(body, node, &mut sorts)?,
    }
    if sorts.len() > KEYS_MAX {
        return Err(body.error(node, format!("[sort] has more than {KEYS_MAX} keys")));
    }
    Ok(sorts)
}

fn add(body: &Body<'_>, node: &Node, sorts: &mut Vec<Sort>) -> Result<(), EsError> {
    match &node.value {
        Value::String(name) => sorts.push(by_name(body, name, None)?),
        Value::Object(members) => {
            for (name, value) in members {
                sorts.push(by_member(body, name, value)?);
            }
        }
        _ => {
            let reason = format!(
                "malformed sort format, within the sort array, an object, or an actual string are allowed, but found {}",
                token(node)
            );
            return Err(EsError::argument(reason));
        }
    }
    Ok(())
}

/// `sort=a:desc,b` of a URL.
pub(super) fn read_list(body: &Body<'_>, items: &[String]) -> Result<Vec<Sort>, EsError> {
    let one = |item: &String| match item.rsplit_once(':') {
        Some((name, order)) => by_name(body, name, Some(read_order(order)?)),
        None => by_name(body, item, None),
    };
    items.iter().take(KEYS_MAX).map(one).collect()
}

fn by_name(body: &Body<'_>, name: &str, order: Option<SortOrder>) -> Result<Sort, EsError> {
    if matches!(name, "_script" | "_geo_distance" | "_geoDistance") {
        return Err(EsError::argument(format!("sorting by [{name}] is not supported")));
    }
    let (field, shown) = match name {
        "_score" => (SortField::Score, Shown::Score),
        "_doc" | "_shard_doc" => (SortField::Arrival, Shown::Plain),
        _ if dates::is_time(name) => (SortField::Time, Shown::Millis { exact: true }),
        _ => {
            let is_date = body.kind(name) == Some(FieldKind::Date);
            let shown = if is_date { Shown::Millis { exact: false } } else { Shown::Plain };
            (SortField::Field(name.to_owned()), shown)
        }
    };
    let usual = if field == SortField::Score { SortOrder::Descending } else { SortOrder::Ascending };
    let key = SortKey { field, order: order.unwrap_or(usual), missing: Missing::Last };
    Ok(Sort { key, shown })
}

fn by_member(body: &Body<'_>, name: &str, node: &Node) -> Result<Sort, EsError> {
    let mut sort = by_name(body, name, None)?;
    let Value::Object(members) = &node.value else {
        sort.key.order = read_order(&body.scalar(node, "sort")?)?;
        return Ok(sort);
    };
    let (mut missing, mut mode) = (None, None);
    for (option, value) in members {
        match option.as_str() {
            "order" | "reverse" => sort.key.order = read_order(&body.scalar(value, "order")?)?,
            "missing" => missing = Some(value),
            "mode" => mode = Some(body.scalar(value, "mode")?),
            "format" => sort.shown = Shown::Text(dates::formats(&body.scalar(value, "format")?)?),
            "numeric_type" => sort.number_kind(&body.scalar(value, "numeric_type")?)?,
            "unmapped_type" | "nested" | "nested_path" | "nested_filter" => {}
            _ => {
                let known = ["order", "missing", "mode", "format", "numeric_type", "unmapped_type", "nested"];
                let reason = format!("[field_sort] unknown field [{option}]{}", did_you_mean(option, &known));
                return Err(body.content_error(value, &reason));
            }
        }
    }
    if let Some(mode) = mode {
        sort.check_mode(&mode)?;
    }
    if let Some(missing) = missing {
        sort.key.missing = match missing.text() {
            Some("_last") => Missing::Last,
            Some("_first") => Missing::First,
            _ => Missing::Value(sort.read_value(body, missing)?),
        };
    }
    Ok(sort)
}

fn read_order(text: &str) -> Result<SortOrder, EsError> {
    match text.to_ascii_lowercase().as_str() {
        "asc" => Ok(SortOrder::Ascending),
        "desc" => Ok(SortOrder::Descending),
        _ => {
            let name = shorten(text).to_ascii_uppercase();
            Err(EsError::argument(format!("No enum constant org.elasticsearch.search.sort.SortOrder.{name}")))
        }
    }
}

/// `search_after`, one value a key; with one more, its arrival number.
pub(super) fn read_after(
    body: &Body<'_>,
    node: &Node,
    sorts: &[Sort],
    more: bool,
) -> Result<Vec<SortValue>, EsError> {
    let Value::Array(values) = &node.value else {
        return Err(body.error(
            node,
            format!(
                "Expected [START_ARRAY] in [search_after] but found [{}] inside search_after",
                token(node)
            ),
        ));
    };
    if sorts.is_empty() && !more {
        return Err(EsError::shard_argument("Sort must contain at least one field."));
    }
    if values.len() != sorts.len() && !(more && values.len() == sorts.len() + 1) {
        let reason = format!(
            "search_after has {} value(s) but sort has {}.",
            values.len(),
            sorts.len() + usize::from(more)
        );
        return Err(EsError::shard_argument(reason));
    }
    let of_key = |(number, value): (usize, &Node)| match sorts.get(number) {
        Some(sort) => sort.read_value(body, value),
        None => plain_value(body, value),
    };
    values.iter().enumerate().map(of_key).collect()
}

fn plain_value(body: &Body<'_>, node: &Node) -> Result<SortValue, EsError> {
    Ok(match &node.value {
        Value::Null => SortValue::Null,
        Value::Bool(value) => SortValue::Number(Number::Int(i64::from(*value))),
        Value::Number(text) => Number::read(text).map_or(SortValue::Null, SortValue::Number),
        Value::String(text) => SortValue::Text(text.clone()),
        _ => {
            let reason = format!(
                "Expected [VALUE_STRING] or [VALUE_NUMBER] or [VALUE_BOOLEAN] or [VALUE_NULL] but found [{}] inside search_after.",
                token(node)
            );
            return Err(body.error(node, reason));
        }
    })
}

impl Sort {
    fn number_kind(&mut self, kind: &str) -> Result<(), EsError> {
        match kind {
            "date_nanos" => self.shown = Shown::Nanos,
            "date" => self.shown = Shown::Millis { exact: false },
            "long" | "double" => {}
            _ => {
                let reason = format!(
                    "invalid value for [numeric_type], must be [long, double, date, date_nanos], got {}",
                    shorten(kind)
                );
                return Err(EsError::argument(reason));
            }
        }
        Ok(())
    }

    /// Of several values, the lowest counts when ascending, the highest when descending.
    fn check_mode(&self, mode: &str) -> Result<(), EsError> {
        match (mode, self.key.order) {
            ("min", SortOrder::Ascending) | ("max", SortOrder::Descending) => Ok(()),
            ("min" | "max" | "avg" | "sum" | "median", _) => Err(EsError::argument(format!(
                "sort mode [{mode}] is not supported; leave it out: ascending takes the lowest value of a record, descending the highest"
            ))),
            _ => Err(EsError::argument(format!("Unknown SortMode [{}]", shorten(mode)))),
        }
    }

    fn read_value(&self, body: &Body<'_>, node: &Node) -> Result<SortValue, EsError> {
        let value = plain_value(body, node)?;
        let is_time = matches!(self.shown, Shown::Millis { .. } | Shown::Nanos | Shown::Text(_))
            || self.key.field == SortField::Time;
        Ok(match value {
            SortValue::Number(number) if matches!(self.shown, Shown::Millis { .. } | Shown::Text(_)) => {
                let nanos = match number {
                    Number::Int(millis) => millis.saturating_mul(1_000_000),
                    Number::Float(millis) => (millis * 1e6) as i64,
                };
                SortValue::Number(Number::Int(nanos))
            }
            SortValue::Text(text) if is_time => {
                let format = match &self.shown {
                    Shown::Text(formats) => Some(formats.to_string()),
                    _ => None,
                };
                match dates::instants(body, "@timestamp", &text, format.as_deref(), None)? {
                    Some((first, _)) => SortValue::Number(Number::Int(first.0)),
                    None => {
                        let reason = format!(
                            "failed to parse date field [{}] in search_after; give the sort values of a hit",
                            shorten(&text)
                        );
                        return Err(EsError::new(400, "parse_exception", reason).of_shards());
                    }
                }
            }
            value => value,
        })
    }

    /// Appends a hit's value.
    pub(super) fn write_value(&self, value: &SortValue, out: &mut Vec<u8>) {
        let time = |number: &Number| match number {
            Number::Int(nanos) => LogTime(*nanos),
            Number::Float(nanos) => LogTime(*nanos as i64),
        };
        match (&self.shown, value) {
            (Shown::Score, _) => out.extend_from_slice(b"1.0"),
            (Shown::Millis { exact: true }, SortValue::Number(number)) if time(number).0 % 1_000_000 != 0 => {
                json(out, &time(number).to_string());
            }
            (Shown::Millis { .. }, SortValue::Number(number)) => json(out, &time(number).as_millis()),
            (Shown::Text(format), SortValue::Number(number)) => {
                json(out, &format.write(time(number), &TimeZone::UTC));
            }
            _ => write_plain(value, out),
        }
    }
}

/// Appends a value as it is.
pub(super) fn write_plain(value: &SortValue, out: &mut Vec<u8>) {
    match value {
        SortValue::Null => out.extend_from_slice(b"null"),
        SortValue::Number(Number::Int(number)) => json(out, number),
        SortValue::Number(Number::Float(number)) => json(out, number),
        SortValue::Text(text) => json(out, text),
    }
}

fn json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("texts and numbers are always JSON, and a Vec takes every byte");
}
