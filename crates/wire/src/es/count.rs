//! `_count`, and the query of other calls that take nothing else.

use lingshao_model::log::LogQuery;

use super::body::{Body, Context};
use super::params::shorten;
use super::search::Shards;
use super::{EsError, UrlParams, query};

/// Parameters of `_count`.
pub const PARAMETERS: &[&str] = &[
    "allow_no_indices",
    "analyze_wildcard",
    "analyzer",
    "default_operator",
    "df",
    "expand_wildcards",
    "ignore_throttled",
    "ignore_unavailable",
    "lenient",
    "min_score",
    "preference",
    "q",
    "routing",
    "terminate_after",
];

/// Reads what is counted.
pub fn read(bytes: &[u8], params: &UrlParams, context: &Context<'_>) -> Result<LogQuery, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let mut found = LogQuery::All;
    for (name, value) in body.object(&root, "count")? {
        match name.as_str() {
            "query" => found = query::read(&body, value, 0)?,
            _ => return Err(body.error(value, format!("request does not support [{}]", shorten(name)))),
        }
    }
    Ok(query::of_url(&body, params)?.unwrap_or(found))
}

/// `{"count": 5, "_shards": {…}}`
pub fn render(count: u64, shards: Shards) -> Vec<u8> {
    let mut out = format!("{{\"count\":{count},\"_shards\":").into_bytes();
    shards.write(&mut out);
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::{LogTime, Mapping};

    use super::*;
    use crate::es::notation::show;

    #[test]
    fn only_a_query_is_counted() {
        let mapping = Mapping::default();
        let context = Context { now: LogTime(0), time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
        let read = |text: &str, pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            read(text.as_bytes(), &UrlParams::new("/_count", pairs), &context).map(|query| show(&query))
        };
        assert_eq!(read("", &[]).as_deref(), Ok("ALL"));
        assert_eq!(read(r#"{"query": {"term": {"a": 1}}}"#, &[]).as_deref(), Ok(r#"a="1""#));
        assert_eq!(read("", &[("q", "a:b")]).as_deref(), Ok(r#"a:phrase "b""#));
        assert_eq!(read(r#"{"size": 1}"#, &[]).unwrap_err().reason, "request does not support [size]");
        assert_eq!(
            render(5, Shards { total: 2, failed: 0 }),
            br#"{"count":5,"_shards":{"failed":0,"skipped":0,"successful":2,"total":2}}"#
        );
    }
}
