//! What all questions have in common: a query, a time, indices.

use lingshao_model::log::{Bound, FieldSelection, FieldTest, LogQuery, LogTime, QueryValue, Test};
use lingshao_wire::date_math::{self, Clock, DateFormats};
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;
use crate::app::App;
use crate::clock::now;
use crate::elasticsearch::names::Known;
use crate::logs::query::{Notice, parse_query_at};

/// Which records.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    query: String,
    /// Milliseconds since the epoch, or date maths.
    from: Option<Value>,
    to: Option<Value>,
    index: Option<String>,
}

/// The same, understood.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) query: LogQuery,
    pub(super) from: LogTime,
    /// Included.
    pub(super) to: LogTime,
    pub(super) indices: Vec<String>,
    pub(super) notices: Vec<Notice>,
}

impl Which {
    pub(super) fn new(query: &str, from: Option<&str>, to: Option<&str>, index: Option<&str>) -> Which {
        let time = |text: Option<&str>| text.map(|text| Value::String(text.to_owned()));
        Which { query: query.to_owned(), from: time(from), to: time(to), index: index.map(str::to_owned) }
    }

    pub(super) fn resolve(&self, app: &App) -> Result<Scope, Refusal> {
        let time_zone = app.live().time_zone.clone();
        let at = LogTime::from(now());
        let parsed = parse_query_at(&self.query, at, &time_zone).map_err(Refusal::Query)?;
        let query = app.logs.settings().masked(parsed.query);
        let bound = |value: &Option<Value>, name, default, last: bool| match value {
            None | Some(Value::Null) => Ok(default),
            Some(value) => {
                instant(value, name, at, &time_zone).map(|(from, to)| if last { to } else { from })
            }
        };
        let from = bound(&self.from, "from", LogTime::MIN, false)?;
        let to = bound(&self.to, "to", LogTime::MAX, true)?;
        if to < from {
            return Err(Refusal::Parameter("`to` lies before `from`".to_owned()));
        }
        let names = self.index.as_deref().unwrap_or("");
        let indices = Known::now(app).resolve_text(names).map_err(|_| Refusal::NoIndex(names.to_owned()))?;
        Ok(Scope { query, from, to, indices, notices: parsed.notices })
    }
}

impl Scope {
    /// The query within the time.
    pub(super) fn whole_query(&self) -> LogQuery {
        within(self.query.clone(), self.from, self.to)
    }
}

/// A query and a time, both included.
pub(super) fn within(query: LogQuery, from: LogTime, to: LogTime) -> LogQuery {
    let bound = |time: LogTime, open| match time == open {
        true => Bound::Open,
        false => Bound::Included(QueryValue::new(&time.to_string()).with_time(time, time)),
    };
    let (lower, upper) = (bound(from, LogTime::MIN), bound(to, LogTime::MAX));
    if lower == Bound::Open && upper == Bound::Open {
        return query;
    }
    let test = Test::Range { lower, upper };
    let time = FieldTest { fields: FieldSelection::One("_time".to_owned()), test, lenient: true };
    LogQuery::And(vec![LogQuery::Field(Box::new(time)), query])
}

/// The first and last nanosecond of what somebody calls a time.
fn instant(value: &Value, name: &str, at: LogTime, time_zone: &str) -> Result<(LogTime, LogTime), Refusal> {
    let wrong = |why: String| Refusal::Parameter(format!("`{name}`: {why}"));
    let text = match value {
        Value::Number(number) => match number.as_i64() {
            Some(millis) => {
                let first = LogTime::from_millis(millis);
                return Ok((first, LogTime(first.0.saturating_add(999_999))));
            }
            None => return Err(wrong(format!("`{number}` is no number of milliseconds"))),
        },
        Value::String(text) => text,
        other => return Err(wrong(format!("`{other}` is no time"))),
    };
    let zone = date_math::zone(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let clock = Clock { now: at, zone: &zone };
    date_math::read(text, &DateFormats::elasticsearch(), &clock).map_err(|error| wrong(error.to_string()))
}
