//! The query DSL, read into the one tree.
//!
//! What only matters for scores (`boost`, `tie_breaker`, …) is accepted and forgotten: logs are ordered by time. Objects
//! are flattened, so `nested` is its inner query: conditions on two fields of an array's item may hold in two items.

mod full_text;
mod minimum;
mod simple;
mod strings;
mod term;
#[cfg(test)]
pub(crate) mod tests;

use lingshao_model::log::LogQuery;

pub(crate) use full_text::words;
pub(crate) use strings::of_url;

use super::EsError;
use super::body::{Body, QUERY_DEPTH_MAX, did_you_mean, token};
use super::params::shorten;
use crate::json::{Node, Value};
use crate::lucene;

/// Names of queries, for messages.
const NAMES: &[&str] = &[
    "bool",
    "boosting",
    "combined_fields",
    "constant_score",
    "dis_max",
    "exists",
    "fuzzy",
    "ids",
    "match",
    "match_all",
    "match_bool_prefix",
    "match_none",
    "match_phrase",
    "match_phrase_prefix",
    "multi_match",
    "nested",
    "prefix",
    "query_string",
    "range",
    "regexp",
    "simple_query_string",
    "term",
    "terms",
    "wildcard",
];

/// Reads one query.
pub(crate) fn read(body: &Body<'_>, node: &Node, depth: usize) -> Result<LogQuery, EsError> {
    if depth > QUERY_DEPTH_MAX {
        let reason = format!(
            "The nested depth of the query exceeds the maximum nested depth for queries set in [{QUERY_DEPTH_MAX}]"
        );
        return Err(EsError::argument(reason));
    }
    body.clause()?;
    let (name, inner) = only_member(body, node)?;
    match name {
        "match_all" => only_common(body, inner, name).map(|()| LogQuery::All),
        "match_none" => only_common(body, inner, name).map(|()| LogQuery::Nothing),
        "bool" => boolean(body, inner, depth),
        "constant_score" => wrapped(body, inner, "constant_score", "filter", &[], depth),
        "nested" => {
            let also = ["path", "score_mode", "ignore_unmapped", "inner_hits"];
            wrapped(body, inner, "nested", "query", &also, depth)
        }
        "boosting" => boosting(body, inner, depth),
        "dis_max" => dis_max(body, inner, depth),
        "match" => full_text::plain(body, inner),
        "match_phrase" => full_text::phrase(body, inner, false),
        "match_phrase_prefix" => full_text::phrase(body, inner, true),
        "match_bool_prefix" => full_text::bool_prefix(body, inner),
        "multi_match" => full_text::multi(body, inner),
        "combined_fields" => full_text::combined(body, inner),
        "query_string" => strings::query_string(body, inner),
        "simple_query_string" => strings::simple_query_string(body, inner),
        "term" => term::term(body, inner),
        "terms" => term::terms(body, inner),
        "range" => term::range(body, inner),
        "prefix" => term::prefix(body, inner),
        "wildcard" => term::wildcard(body, inner),
        "regexp" => term::regexp(body, inner),
        "fuzzy" => term::fuzzy(body, inner),
        "exists" => term::exists(body, inner),
        "ids" => term::ids(body, inner),
        _ => Err(unknown(body, node, name)),
    }
}

/// The only member of a query object: its name and what belongs to it.
fn only_member<'n>(body: &Body<'_>, node: &'n Node) -> Result<(&'n str, &'n Node), EsError> {
    let Value::Object(members) = &node.value else {
        return Err(body.error(node, "[_na] query malformed, must start with start_object"));
    };
    let Some((name, inner)) = members.first() else {
        return Err(EsError::argument("query malformed, empty clause found"));
    };
    if let Some((_, second)) = members.get(1) {
        let reason = format!("[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]");
        return Err(body.error(second, reason));
    }
    if !matches!(inner.value, Value::Object(_)) {
        return Err(body.error(inner, format!("[{name}] query malformed, no start_object after query name")));
    }
    Ok((name, inner))
}

fn unknown(body: &Body<'_>, node: &Node, name: &str) -> EsError {
    let at = node.position(body.text);
    let meant = did_you_mean(name, NAMES);
    let cause = EsError::new(
        400,
        "named_object_not_found_exception",
        format!("[{}:{}] unknown field [{name}]{meant}", at.line, at.column),
    );
    body.error(node, format!("unknown query [{name}]{meant}")).because(cause)
}

/// Refuses what a query does not know; `boost` and `_name` stand everywhere.
fn no_more(body: &Body<'_>, node: &Node, query: &str, name: &str) -> Result<(), EsError> {
    match name {
        "boost" => body.number(node, "boost").map(|_| ()),
        "_name" => body.scalar(node, "_name").map(|_| ()),
        _ => Err(body.error(node, format!("[{query}] query does not support [{name}]"))),
    }
}

fn only_common(body: &Body<'_>, node: &Node, query: &str) -> Result<(), EsError> {
    let members = body.object(node, query)?;
    members.iter().try_for_each(|(name, value)| match name.as_str() {
        "boost" | "_name" => no_more(body, value, query, name),
        _ => Err(body.content_error(value, &format!("[{query}] unknown field [{name}]"))),
    })
}

/// A query that stands under one key of another one.
fn wrapped(
    body: &Body<'_>,
    node: &Node,
    query: &str,
    key: &str,
    also: &[&str],
    depth: usize,
) -> Result<LogQuery, EsError> {
    let mut inner = None;
    for (name, value) in body.object(node, query)? {
        match name.as_str() {
            name if name == key => inner = Some(read(body, value, depth + 1)?),
            name if also.contains(&name) => {}
            _ => no_more(body, value, query, name)?,
        }
    }
    inner.ok_or_else(|| body.error(node, format!("[{query}] requires a '{key}' element")))
}

/// Records that it moves down are found all the same.
fn boosting(body: &Body<'_>, node: &Node, depth: usize) -> Result<LogQuery, EsError> {
    let mut positive = None;
    let mut has_negative = false;
    for (name, value) in body.object(node, "boosting")? {
        match name.as_str() {
            "positive" => positive = Some(read(body, value, depth + 1)?),
            "negative" => {
                read(body, value, depth + 1)?;
                has_negative = true;
            }
            "negative_boost" => drop(body.number(value, "negative_boost")?),
            _ => no_more(body, value, "boosting", name)?,
        }
    }
    match positive {
        Some(query) if has_negative => Ok(query),
        Some(_) => Err(body.error(node, "[boosting] query requires 'negative' query to be set'")),
        None => Err(body.error(node, "[boosting] query requires 'positive' query to be set'")),
    }
}

fn dis_max(body: &Body<'_>, node: &Node, depth: usize) -> Result<LogQuery, EsError> {
    let mut queries = None;
    for (name, value) in body.object(node, "dis_max")? {
        match name.as_str() {
            "queries" => queries = Some(clauses(body, value, "dis_max", depth)?),
            "tie_breaker" => drop(body.number(value, "tie_breaker")?),
            _ => no_more(body, value, "dis_max", name)?,
        }
    }
    queries
        .map(any)
        .ok_or_else(|| body.error(node, "[dis_max] requires 'queries' field with at least one clause"))
}

/// One clause, or several in a list.
fn clauses(body: &Body<'_>, node: &Node, query: &str, depth: usize) -> Result<Vec<LogQuery>, EsError> {
    match &node.value {
        Value::Array(items) => items.iter().map(|item| read(body, item, depth + 1)).collect(),
        Value::Object(_) => Ok(vec![read(body, node, depth + 1)?]),
        _ => Err(body
            .error(node, format!("[{query}] query malformed, clauses expected, but found {}", token(node)))),
    }
}

fn boolean(body: &Body<'_>, node: &Node, depth: usize) -> Result<LogQuery, EsError> {
    let (mut required, mut optional, mut forbidden) = (Vec::new(), Vec::new(), Vec::new());
    let mut minimum = None;
    for (name, value) in body.object(node, "bool")? {
        match name.as_str() {
            "must" | "filter" => required.extend(clauses(body, value, "bool", depth)?),
            "should" => optional.extend(clauses(body, value, "bool", depth)?),
            "must_not" | "mustNot" => forbidden.extend(clauses(body, value, "bool", depth)?),
            "minimum_should_match" => minimum = Some(body.scalar(value, "minimum_should_match")?),
            "adjust_pure_negative" => drop(body.flag(value, "adjust_pure_negative")?),
            "boost" | "_name" => no_more(body, value, "bool", name)?,
            _ => {
                let known = ["must", "filter", "should", "must_not", "minimum_should_match", "boost"];
                let reason = format!("[bool] unknown field [{name}]{}", did_you_mean(name, &known));
                return Err(body.content_error(value, &reason));
            }
        }
    }
    let minimum = minimum.map_or(Ok(0), |text| minimum::needed(&text, optional.len()))?;
    // A query of nothing but `should` needs one of them, also with a minimum of 0.
    let at_least = if required.is_empty() && !optional.is_empty() { minimum.max(1) } else { minimum };
    if at_least > 0 {
        required.push(some(optional, at_least));
    }
    required.extend(forbidden.into_iter().map(|query| LogQuery::Not(Box::new(query))));
    Ok(all(required))
}

/// Lucene's expression as one of the `regex` crate.
pub(crate) fn regex(pattern: &str) -> Result<String, EsError> {
    lucene::regex_to_rust(pattern)
        .map_err(|error| EsError::shard_argument(format!("[{}]: {error}", shorten(pattern))))
}

/// All of them.
pub(crate) fn all(mut queries: Vec<LogQuery>) -> LogQuery {
    match queries.len() {
        0 => LogQuery::All,
        1 => queries.remove(0),
        _ => LogQuery::And(queries),
    }
}

/// Any of them.
pub(crate) fn any(mut queries: Vec<LogQuery>) -> LogQuery {
    match queries.len() {
        0 => LogQuery::Nothing,
        1 => queries.remove(0),
        _ => LogQuery::Or(queries),
    }
}

/// At least so many of them.
fn some(queries: Vec<LogQuery>, min: usize) -> LogQuery {
    match min {
        0 => LogQuery::All,
        1 => any(queries),
        _ if min > queries.len() => LogQuery::Nothing,
        _ if min == queries.len() => all(queries),
        _ => LogQuery::AtLeast { min, of: queries },
    }
}
