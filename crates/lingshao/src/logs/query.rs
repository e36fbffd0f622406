//! The text of the log page's box, the command line's and the log rules'.

use anyhow::anyhow;
use lingshao_model::log::{LogQuery, LogTime};
use lingshao_wire::date_math::{self, Clock};
use lingshao_wire::lucene::{self, Options};
use serde_json::{Map, Value, json};

use crate::clock::now;

/// A query, and what its author may want to know.
#[derive(Debug)]
pub(crate) struct ParsedQuery {
    /// Which records.
    pub(crate) query: LogQuery,
    /// In the order of the text.
    pub(crate) notices: Vec<Notice>,
}

/// Something worth knowing about a place of a query.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    code: &'static str,
    message: String,
    start: usize,
    end: usize,
    arguments: Value,
}

/// What is wrong with a query.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct QueryFault {
    /// A name that stays, for whoever has words of his own.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) message: String,
    /// Bytes of the text.
    pub(crate) start: usize,
    /// Bytes of the text.
    pub(crate) end: usize,
    /// What the words need.
    pub(crate) arguments: Value,
}

impl Notice {
    /// As the page gets it.
    pub(crate) fn to_json(&self) -> Value {
        let Notice { code, message, start, end, arguments } = self;
        json!({ "code": code, "message": message, "start": start, "end": end, "arguments": arguments })
    }
}

/// Reads a text as of this moment.
pub(crate) fn parse_query(text: &str, time_zone: &str) -> anyhow::Result<LogQuery> {
    let parsed = parse_query_at(text, LogTime::from(now()), time_zone);
    parsed.map(|parsed| parsed.query).map_err(|fault| {
        let place = text.get(fault.start..).unwrap_or("");
        anyhow!("`{text}`: {} (at `{place}`)", fault.message)
    })
}

/// Reads a text as of some moment.
pub(crate) fn parse_query_at(text: &str, at: LogTime, time_zone: &str) -> Result<ParsedQuery, QueryFault> {
    let zone = date_math::zone(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let options = Options::search_box(Clock { now: at, zone: &zone });
    let parsed = lucene::parse(text, &options).map_err(|error| QueryFault {
        code: error.message.code(),
        message: error.message.to_string(),
        start: error.start,
        end: error.end,
        arguments: object(error.message.arguments()),
    })?;
    // Departures are for those who know what Lucene would do: the API's clients.
    let notices = parsed.hints.into_iter().map(|hint| Notice {
        code: hint.kind.code(),
        message: hint.kind.to_string(),
        start: hint.start,
        end: hint.end,
        arguments: object(hint.kind.arguments()),
    });
    Ok(ParsedQuery { notices: notices.collect(), query: parsed.query })
}

fn object(arguments: Vec<(&'static str, String)>) -> Value {
    let pairs = arguments.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
