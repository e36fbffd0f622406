//! A record as the JSON that it was, by the simplest code that can do it.

use lingshao_model::log::{BatchRecord, LogValue};
use serde_json::{Map, Value};

/// The sender's own JSON if the record has it, else its fields, put together at their dots.
pub(crate) fn rebuild(record: BatchRecord<'_>) -> Value {
    if let Some(source) = record.source() {
        return serde_json::from_str(source).expect("a source is JSON");
    }
    let mut root = Value::Object(Map::new());
    for field in record.fields() {
        let mut place = &mut root;
        let mut parts = field.name.split('.').peekable();
        while let Some(part) = parts.next() {
            let is_array = field.listed && parts.peek().is_none();
            let new = if is_array { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
            let object = place.as_object_mut().expect("a name is either a value's or an object's");
            place = object.entry(part).or_insert(new);
        }
        let value = value(field.value);
        match place {
            Value::Array(items) => items.push(value),
            place => *place = value,
        }
    }
    root
}

fn value(value: LogValue<&str>) -> Value {
    match value {
        LogValue::Null => Value::Null,
        LogValue::Bool(value) => value.into(),
        LogValue::Int(value) => value.into(),
        LogValue::Float(value) => value.into(),
        LogValue::Text(text) => text.into(),
    }
}

/// Whether two trees are the same, but for the last bit of a float.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            match (one.as_f64(), other.as_f64()) {
                (Some(one), Some(other)) => {
                    one.to_bits() == other.to_bits() || (one - other).abs() <= one.abs() * f64::EPSILON
                }
                _ => false,
            }
        }
        (one, other) => one == other,
    }
}
