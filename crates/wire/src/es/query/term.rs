//! Queries whose value is compared as it stands.

use lingshao_model::log::{Bound, Case, FieldSelection, FieldTest, LogQuery, QueryValue, Test};

use super::full_text::{edits, one_field};
use super::no_more;
use crate::es::EsError;
use crate::es::body::{Body, token};
use crate::es::dates;
use crate::es::params::shorten;
use crate::json::{Node, Value};

/// Most values of one `terms` (Elasticsearch: `index.max_terms_count`, the same): they are hashed once per search.
const TERMS_MAX: usize = 65_536;

fn field_query(field: &str, test: Test) -> LogQuery {
    let fields = FieldSelection::One(field.to_owned());
    LogQuery::Field(Box::new(FieldTest { fields, test, lenient: false }))
}

/// A query of one field with a value and options.
struct OneValue<'n> {
    field: &'n str,
    text: String,
    case: Case,
}

/// Reads `{"FIELD": VALUE}` or `{"FIELD": {KEY: VALUE, …}}`; other members go to `option`, which says whether it knows them.
fn one_value<'n>(
    body: &Body<'_>,
    node: &'n Node,
    query: &str,
    keys: &[&str],
    mut option: impl FnMut(&str, &Node) -> Result<bool, EsError>,
) -> Result<OneValue<'n>, EsError> {
    let (field, inner) = one_field(body, node, query)?;
    let (mut text, mut case) = (None, Case::Exact);
    match &inner.value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    key if keys.contains(&key) => text = Some(body.scalar(value, query)?),
                    "case_insensitive" if body.flag(value, name)? => case = Case::Fold,
                    "case_insensitive" => case = Case::Exact,
                    "rewrite" => drop(body.scalar(value, name)?),
                    _ if option(name, value)? => {}
                    _ => no_more(body, value, query, name)?,
                }
            }
        }
        Value::Array(_) => {
            return Err(body.error(inner, format!("[{query}] query does not support array of values")));
        }
        Value::Null => return Err(EsError::argument("value cannot be null")),
        _ => text = Some(body.scalar(inner, query)?),
    }
    let text = text.ok_or_else(|| EsError::argument("value cannot be null"))?;
    Ok(OneValue { field, text, case })
}

fn nothing_else(_name: &str, _value: &Node) -> Result<bool, EsError> {
    Ok(false)
}

/// `term`
pub(super) fn term(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let OneValue { field, text, case } = one_value(body, node, "term", &["value", "term"], nothing_else)?;
    let fields = FieldSelection::One(field.to_owned());
    let value = dates::value(body, &fields, &text);
    Ok(field_query(field, Test::Is { value, case }))
}

/// `terms`
pub(super) fn terms(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut found = None;
    for (name, value) in body.object(node, "terms")? {
        match (&value.value, name.as_str()) {
            (Value::Array(items), _) if found.is_none() => found = Some((name, items)),
            (Value::Array(_), _) => {
                return Err(body.error(value, "[terms] query does not support multiple fields"));
            }
            (Value::Object(_), _) => {
                let reason =
                    "[terms] a lookup of terms in another document is not supported; give the values";
                return Err(body.error(value, reason));
            }
            _ => no_more(body, value, "terms", name)?,
        }
    }
    let Some((field, items)) = found else {
        return Err(body.error(node, "[terms] query requires a field name, followed by array of terms or a document lookup specification"));
    };
    if items.len() > TERMS_MAX {
        let reason = format!(
            "The number of terms [{}] used in the Terms Query request has exceeded the allowed maximum of [{TERMS_MAX}].",
            items.len()
        );
        return Err(EsError::shard_argument(reason));
    }
    let fields = FieldSelection::One(field.clone());
    let values: Result<Vec<QueryValue>, EsError> =
        items.iter().map(|item| Ok(dates::value(body, &fields, &body.scalar(item, "terms")?))).collect();
    Ok(field_query(field, Test::IsAny { values: values?, case: Case::Exact }))
}

/// `prefix`
pub(super) fn prefix(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let OneValue { field, text, case } = one_value(body, node, "prefix", &["value", "prefix"], nothing_else)?;
    Ok(field_query(field, Test::Prefix { text, case }))
}

/// `wildcard`
pub(super) fn wildcard(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let keys = ["value", "wildcard"];
    let OneValue { field, text, case } = one_value(body, node, "wildcard", &keys, nothing_else)?;
    Ok(field_query(field, Test::Wildcard { pattern: text, case }))
}

/// `regexp`
pub(super) fn regexp(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let option = |name: &str, value: &Node| match name {
        "flags" => body.scalar(value, "regexp").map(|_| true),
        "flags_value" | "max_determinized_states" => body.integer(value, "regexp").map(|_| true),
        _ => Ok(false),
    };
    let OneValue { field, text, case } = one_value(body, node, "regexp", &["value"], option)?;
    Ok(field_query(field, Test::Regex { pattern: super::regex(&text)?, case }))
}

/// `fuzzy`
pub(super) fn fuzzy(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut fuzziness = "AUTO".to_owned();
    let mut prefix = 0;
    let option = |name: &str, value: &Node| {
        match name {
            "fuzziness" => fuzziness = body.scalar(value, name)?,
            "prefix_length" => prefix = body.count(value, name)?,
            "max_expansions" => drop(body.count(value, name)?),
            "transpositions" => drop(body.flag(value, name)?),
            _ => return Ok(false),
        }
        Ok(true)
    };
    let OneValue { field, text, .. } = one_value(body, node, "fuzzy", &["value", "term"], option)?;
    let edits = edits(&fuzziness, &text)?;
    Ok(field_query(field, Test::Fuzzy { text, edits, prefix }))
}

/// `exists`: of an object, any field inside.
pub(super) fn exists(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut field = None;
    for (name, value) in body.object(node, "exists")? {
        match name.as_str() {
            "field" => field = Some(body.scalar(value, "exists")?),
            _ => no_more(body, value, "exists", name)?,
        }
    }
    let field = field.ok_or_else(|| body.error(node, "[exists] must be provided with a [field]"))?;
    let inside = format!("{field}.*");
    let fields = FieldSelection::Several(vec![field, inside]);
    Ok(LogQuery::Field(Box::new(FieldTest { fields, test: Test::Exists, lenient: false })))
}

/// `ids`
pub(super) fn ids(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut ids = None;
    for (name, value) in body.object(node, "ids")? {
        match name.as_str() {
            "values" => ids = Some(body.texts(value, "ids")?),
            "type" => {}
            _ => no_more(body, value, "ids", name)?,
        }
    }
    let ids = ids.ok_or_else(|| body.content_error(node, "[ids] requires [values]"))?;
    if ids.len() > TERMS_MAX {
        return Err(EsError::shard_argument(format!("[ids] more than {TERMS_MAX} values")));
    }
    Ok(LogQuery::Ids(ids))
}

/// Ends of a range as they are given.
#[derive(Default)]
struct Ends<'n> {
    lower: Option<(&'n Node, bool)>,
    upper: Option<(&'n Node, bool)>,
    format: Option<String>,
    zone: Option<String>,
}

/// `range`
pub(super) fn range(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let (field, inner) = one_field(body, node, "range")?;
    if !matches!(inner.value, Value::Object(_)) {
        return Err(body.error(inner, "[range] query malformed, no start_object after query name"));
    }
    let ends = ends(body, inner)?;
    let bound = |end: Option<(&Node, bool)>| match end {
        None => Ok(Bound::Open),
        Some((node, included)) => {
            let text = body.scalar(node, "range")?;
            let value = range_value(body, field, &text, ends.format.as_deref(), ends.zone.as_deref())?;
            Ok(if included { Bound::Included(value) } else { Bound::Excluded(value) })
        }
    };
    let (lower, upper) = (bound(ends.lower)?, bound(ends.upper)?);
    if lower == Bound::Open && upper == Bound::Open {
        return Ok(field_query(field, Test::Exists));
    }
    Ok(field_query(field, Test::Range { lower, upper }))
}

fn ends<'n>(body: &Body<'_>, node: &'n Node) -> Result<Ends<'n>, EsError> {
    let mut ends = Ends::default();
    let (mut with_lower, mut with_upper) = (true, true);
    for (name, value) in body.object(node, "range")? {
        let end = |included: bool| (!matches!(value.value, Value::Null)).then_some((value, included));
        match name.as_str() {
            "gte" | "from" => ends.lower = end(true),
            "gt" => ends.lower = end(false),
            "lte" | "to" => ends.upper = end(true),
            "lt" => ends.upper = end(false),
            "include_lower" => with_lower = body.flag(value, name)?,
            "include_upper" => with_upper = body.flag(value, name)?,
            "format" => ends.format = Some(body.scalar(value, name)?),
            "time_zone" => ends.zone = Some(body.scalar(value, name)?),
            "relation" => relation(body, value)?,
            _ if matches!(value.value, Value::Object(_) | Value::Array(_)) => {
                return Err(body.error(
                    value,
                    format!("[range] query does not support [{}] for [{name}]", token(value)),
                ));
            }
            _ => no_more(body, value, "range", name)?,
        }
    }
    ends.lower = ends.lower.map(|(node, included)| (node, included && with_lower));
    ends.upper = ends.upper.map(|(node, included)| (node, included && with_upper));
    Ok(ends)
}

/// Values are points, so all relations are the same.
fn relation(body: &Body<'_>, node: &Node) -> Result<(), EsError> {
    let text = body.scalar(node, "relation")?;
    match text.to_ascii_lowercase().as_str() {
        "intersects" | "within" | "contains" => Ok(()),
        _ => Err(EsError::argument(format!("{} is not a valid relation", shorten(&text)))),
    }
}

/// One end of a range, as a time where the field, the format or the text says so.
fn range_value(
    body: &Body<'_>,
    field: &str,
    text: &str,
    format: Option<&str>,
    zone: Option<&str>,
) -> Result<QueryValue, EsError> {
    let value = QueryValue::new(text);
    Ok(match dates::instants(body, field, text, format, zone)? {
        Some((first, last)) => value.with_time(first, last),
        None => value,
    })
}
