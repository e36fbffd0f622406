//! One record and what stands in it.

use std::sync::Arc;

use super::{Level, LogTime};

/// A value, with borrowed or owned text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LogValue<T> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number without a fraction.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(T),
}

impl LogValue<&str> {
    /// The same, with a text of its own.
    pub fn to_owned(self) -> LogValue<String> {
        match self {
            LogValue::Null => LogValue::Null,
            LogValue::Bool(value) => LogValue::Bool(value),
            LogValue::Int(value) => LogValue::Int(value),
            LogValue::Float(value) => LogValue::Float(value),
            LogValue::Text(text) => LogValue::Text(text.to_owned()),
        }
    }
}

/// A field of a record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct LogField {
    /// Names of nested objects are joined by dots: `error.type`.
    pub name: Arc<str>,
    /// Its value.
    pub value: LogValue<String>,
    /// Whether it stood in an array; fields of one name that stand in arrays are that array's items, in order.
    pub listed: bool,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Where it belongs.
    pub index: Arc<str>,
    /// Unique in its index: the sender's, or made from `seq`.
    pub id: String,
    /// Its number among all records that ever arrived here, in the order of arrival: unique, ascending, never reused.
    pub seq: u64,
    /// When it happened.
    pub time: LogTime,
    /// When we took it.
    pub arrived: LogTime,
    /// As the plan counts it, if the record says.
    pub level: Option<Level>,
    /// In the order of the sender where the storage kept it, else by name.
    pub fields: Vec<LogField>,
    /// The sender's own JSON, where `fields` would not give it back: objects inside of arrays, empty objects, names with
    /// dots of their own, numbers of more than 64 bits.
    pub source: Option<String>,
}

impl LogRecord {
    /// The first value of a field.
    pub fn value(&self, name: &str) -> Option<&LogValue<String>> {
        self.fields.iter().find(|field| &*field.name == name).map(|field| &field.value)
    }

    /// The first value of a field, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            LogValue::Text(text) => Some(text),
            _ => None,
        }
    }
}
