//! A JSON body while it is read: what all readers of its parts need.

use std::cell::{Cell, RefCell};

use jiff::tz::TimeZone;
use lingshao_model::log::{FieldKind, LogTime, Mapping};

use super::EsError;
use super::params::shorten;
use crate::json::{Node, Value};
use crate::yaml::nearest;

/// Largest body of one search. Elasticsearch has no bound of its own but that of HTTP (100 MB); a `terms` query of
/// 65,536 ids has 2 MB, a board's panel 2 kB.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Levels of JSON: four for each level of `bool`, and what stands around them.
const JSON_DEPTH_MAX: usize = 4 * QUERY_DEPTH_MAX + 16;
/// Deepest nesting of queries (Elasticsearch: 30); reading recurses.
pub const QUERY_DEPTH_MAX: usize = 32;
/// Most clauses of one search (Elasticsearch: 1,024 as well): each costs a look at every record.
pub const CLAUSES_MAX: usize = 1024;

/// Most notes of one search: each is a line of the answer's head.
const DEPARTURES_MAX: usize = 8;

/// What a request is read against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// `now` of date maths.
    pub now: LogTime,
    /// Of dates that name no zone, and of rounding. Elasticsearch's own is UTC.
    pub time_zone: &'c TimeZone,
    /// What the indices asked say of their fields, merged.
    pub mapping: &'c Mapping,
}

/// A body, its text for places in messages, and what has been counted so far.
pub(crate) struct Body<'b> {
    pub(crate) text: &'b str,
    pub(crate) context: &'b Context<'b>,
    clauses: Cell<usize>,
    departures: RefCell<Vec<String>>,
}

impl<'b> Body<'b> {
    /// Reads the text; an empty one is an empty object.
    pub(crate) fn parse(bytes: &'b [u8], context: &'b Context<'b>) -> Result<(Body<'b>, Node), EsError> {
        if bytes.len() > BODY_BYTES_MAX {
            let reason =
                format!("the body has {} bytes, more than {BODY_BYTES_MAX}; split the request", bytes.len());
            return Err(EsError::new(413, "content_too_long_exception", reason));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| EsError::new(400, "json_parse_exception", format!("Invalid UTF-8: {error}")))?;
        let root = match text.trim().is_empty() {
            true => Node { start: 0, end: 0, value: Value::Object(Vec::new()) },
            false => Node::parse_within(text, JSON_DEPTH_MAX).map_err(|error| {
                let reason = format!("[{}:{}] {}", error.at.line, error.at.column, error.message);
                EsError { at: Some(error.at), ..EsError::new(400, "x_content_parse_exception", reason) }
            })?,
        };
        Ok((Body { text, context, clauses: Cell::new(0), departures: RefCell::default() }, root))
    }

    /// A `parsing_exception` at a value.
    pub(crate) fn error(&self, node: &Node, reason: impl Into<String>) -> EsError {
        EsError::parsing(node.position(self.text), reason)
    }

    /// An `x_content_parse_exception` at a value, as the object parsers of Elasticsearch say it.
    pub(crate) fn content_error(&self, node: &Node, reason: &str) -> EsError {
        let at = node.position(self.text);
        let reason = format!("[{}:{}] {reason}", at.line, at.column);
        EsError { at: None, ..EsError::new(400, "x_content_parse_exception", reason) }
    }

    /// Counts a clause.
    pub(crate) fn clause(&self) -> Result<(), EsError> {
        self.clauses.set(self.clauses.get() + 1);
        if self.clauses.get() > CLAUSES_MAX {
            let reason =
                format!("Query contains too many nested clauses; maxClauseCount is set to {CLAUSES_MAX}");
            return Err(EsError::new(400, "too_many_nested_clauses", reason).of_shards());
        }
        Ok(())
    }

    /// Notes where a query is read otherwise than Elasticsearch would.
    pub(crate) fn departs(&self, what: String) {
        let mut departures = self.departures.borrow_mut();
        if departures.len() < DEPARTURES_MAX && !departures.contains(&what) {
            departures.push(what);
        }
    }

    /// What was noted.
    pub(crate) fn departures(self) -> Vec<String> {
        self.departures.into_inner()
    }

    /// Members of an object.
    pub(crate) fn object<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [(String, Node)], EsError> {
        match &node.value {
            Value::Object(members) => Ok(members),
            _ => Err(self.error(node, format!("[{what}] expected an object, but found {}", token(node)))),
        }
    }

    /// A text, or a number or a boolean as it is written.
    pub(crate) fn scalar(&self, node: &Node, what: &str) -> Result<String, EsError> {
        match &node.value {
            Value::String(text) | Value::Number(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
            _ => Err(self.error(node, format!("[{what}] expected a value, but found {}", token(node)))),
        }
    }

    /// `true`, `false`, also as texts.
    pub(crate) fn flag(&self, node: &Node, what: &str) -> Result<bool, EsError> {
        match (&node.value, node.text()) {
            (Value::Bool(value), _) => Ok(*value),
            (_, Some("true")) => Ok(true),
            (_, Some("false" | "")) => Ok(false),
            _ => Err(self.error(
                node,
                format!("[{what}] Failed to parse value as only [true] or [false] are allowed."),
            )),
        }
    }

    /// A whole number, also as a text or with a fraction of 0.
    pub(crate) fn integer(&self, node: &Node, what: &str) -> Result<i64, EsError> {
        let text = self.scalar(node, what)?;
        let number = text.parse().ok().or_else(|| {
            let float: f64 = text.parse().ok()?;
            // Beyond 2^53 a float is no whole number that somebody meant.
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        });
        number.ok_or_else(|| self.error(node, format!("[{what}] For input string: \"{}\"", shorten(&text))))
    }

    /// A whole number from 0 on.
    pub(crate) fn count(&self, node: &Node, what: &str) -> Result<usize, EsError> {
        let number = self.integer(node, what)?;
        usize::try_from(number)
            .map_err(|_| self.error(node, format!("[{what}] parameter cannot be negative, found [{number}]")))
    }

    /// A number.
    pub(crate) fn number(&self, node: &Node, what: &str) -> Result<f64, EsError> {
        let text = self.scalar(node, what)?;
        text.parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.error(node, format!("[{what}] For input string: \"{}\"", shorten(&text))))
    }

    /// One text, or several.
    pub(crate) fn texts(&self, node: &Node, what: &str) -> Result<Vec<String>, EsError> {
        match &node.value {
            Value::Array(items) => items.iter().map(|item| self.scalar(item, what)).collect(),
            _ => Ok(vec![self.scalar(node, what)?]),
        }
    }

    /// What a field is described as.
    pub(crate) fn kind(&self, field: &str) -> Option<FieldKind> {
        self.context.mapping.fields.get(field).map(|field| field.kind)
    }
}

/// What Jackson calls the value, as Elasticsearch's messages do.
pub(crate) fn token(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "VALUE_NULL",
        Value::Bool(_) => "VALUE_BOOLEAN",
        Value::Number(_) => "VALUE_NUMBER",
        Value::String(_) => "VALUE_STRING",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

/// ` did you mean [x]?`, or nothing.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!(" did you mean [{meant}]?"),
        None => String::new(),
    }
}
