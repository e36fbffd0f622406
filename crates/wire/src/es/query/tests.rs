use lingshao_model::log::{FieldKind, FieldMapping, LogTime, Mapping};

use super::*;
use crate::es::Context;
use crate::es::notation::show;

/// An index of which `created` is a date.
pub(crate) fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let created = FieldMapping { kind: FieldKind::Date, values_of: None, parameters: "{}".to_owned() };
    mapping.fields.insert("created".to_owned(), created);
    mapping
}

fn read_text(text: &str) -> Result<LogQuery, EsError> {
    let mapping = mapping();
    let now = LogTime::parse("2025-06-15T12:30:00Z", 0).unwrap();
    let context = Context { now, time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
    let (body, root) = Body::parse(text.as_bytes(), &context)?;
    read(&body, &root, 0)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let read = read_text(text).map(|query| show(&query));
    assert_eq!(read.as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, kind: &str, reason: &str) {
    let error = read_text(text).unwrap_err();
    assert_eq!((error.kind, error.reason.as_str()), (kind, reason), "{text}");
}

#[test]
fn all_and_none() {
    check(r#"{"match_all": {}}"#, "ALL");
    check(r#"{"match_all": {"boost": 1.2}}"#, "ALL");
    check(r#"{"match_none": {}}"#, "NOTHING");
}

#[test]
fn words_are_asked_by_match() {
    check(r#"{"match": {"m": "a b"}}"#, r#"m:any "a b""#);
    check(r#"{"match": {"m": 5}}"#, r#"m:any "5""#);
    check(r#"{"match": {"m": {"query": "a b", "operator": "AND"}}}"#, r#"m:all "a b""#);
    check(r#"{"match": {"m": {"query": "a b c", "minimum_should_match": "75%"}}}"#, r#"m:2 of "a b c""#);
    check(r#"{"match": {"m": {"query": "a b c", "minimum_should_match": 1}}}"#, r#"m:any "a b c""#);
    check(r#"{"match": {"m": {"query": ",", "zero_terms_query": "all"}}}"#, r#"m:any "," or wordless"#);
    check(r#"{"match": {"m": {"query": "a", "lenient": true, "boost": 2, "_name": "x"}}}"#, r#"m?:any "a""#);
    check(
        r#"{"match": {"m": {"query": "Payment ok", "fuzziness": "AUTO", "prefix_length": 1}}}"#,
        r#"(m≈"payment"~2 prefix 1 OR m≈"ok"~0 prefix 1)"#,
    );
    check(r#"{"match": {"m": {"query": "abcd", "fuzziness": 1}}}"#, r#"m≈"abcd"~1 prefix 0"#);
    check(r#"{"match_phrase": {"m": "a b"}}"#, r#"m:phrase "a b""#);
    check(r#"{"match_phrase": {"m": {"query": "a b", "slop": 2}}}"#, r#"m:phrase~2 "a b""#);
    check(r#"{"match_phrase_prefix": {"m": {"query": "a b", "max_expansions": 9}}}"#, r#"m:phrase "a b"*"#);
    check(r#"{"match_bool_prefix": {"m": "a b"}}"#, r#"m:any "a b"*"#);
    check(r#"{"match_bool_prefix": {"m": {"query": "a b", "operator": "and"}}}"#, r#"m:all "a b"*"#);
    check(
        r#"{"match": {"created": "2025-06-15T00:30:00Z"}}"#,
        "created:any @2025-06-15T00:30:00.000Z..2025-06-15T00:30:00.999999999Z",
    );
}

#[test]
fn words_are_asked_of_several_fields() {
    check(r#"{"multi_match": {"query": "a b", "fields": ["x^3", "y.*"]}}"#, r#"x|y.*:any "a b""#);
    check(r#"{"multi_match": {"query": "a", "fields": "x"}}"#, r#"x:any "a""#);
    check(r#"{"multi_match": {"query": "a"}}"#, r#"*:any "a""#);
    check(
        r#"{"multi_match": {"query": "a b", "type": "phrase", "slop": 1, "fields": ["x"]}}"#,
        r#"x:phrase~1 "a b""#,
    );
    check(
        r#"{"multi_match": {"query": "a b", "type": "phrase_prefix", "fields": ["x"]}}"#,
        r#"x:phrase "a b"*"#,
    );
    check(r#"{"multi_match": {"query": "a b", "type": "bool_prefix", "fields": ["x"]}}"#, r#"x:any "a b"*"#);
    check(
        r#"{"multi_match": {"query": "a b", "type": "most_fields", "operator": "and", "fields": ["x", "y"]}}"#,
        r#"x|y:all "a b""#,
    );
    check(
        r#"{"multi_match": {"query": "a b", "type": "cross_fields", "operator": "and", "fields": ["x", "y"]}}"#,
        r#"(x|y:any "a" AND x|y:any "b")"#,
    );
    check(
        r#"{"combined_fields": {"query": "a b c", "minimum_should_match": 2, "fields": ["x", "y"]}}"#,
        r#"2 of (x|y:any "a", x|y:any "b", x|y:any "c")"#,
    );
}

#[test]
fn values_are_asked_as_they_stand() {
    check(r#"{"term": {"f": "A b"}}"#, r#"f="A b""#);
    check(r#"{"term": {"f": {"value": "A", "case_insensitive": true, "boost": 1}}}"#, r#"f="A"i"#);
    check(r#"{"term": {"f": {"value": 500}}}"#, r#"f="500""#);
    check(r#"{"term": {"f": true}}"#, r#"f="true""#);
    check(r#"{"terms": {"f": ["a", 1], "boost": 1}}"#, r#"f=["a","1"]"#);
    check(r#"{"prefix": {"f": "ab"}}"#, r#"f^"ab""#);
    check(r#"{"prefix": {"f": {"value": "Ab", "case_insensitive": true}}}"#, r#"f^"Ab"i"#);
    check(r#"{"wildcard": {"f": {"wildcard": "a*b?"}}}"#, r#"f~"a*b?""#);
    check(
        r#"{"wildcard": {"f": {"value": "a*", "rewrite": "constant_score", "case_insensitive": true}}}"#,
        r#"f~"a*"i"#,
    );
    check(r#"{"fuzzy": {"f": {"value": "ki", "fuzziness": "AUTO:1,9"}}}"#, r#"f≈"ki"~1 prefix 0"#);
    check(r#"{"exists": {"field": "a"}}"#, "a|a.* exists");
    check(r#"{"ids": {"values": ["1", 2]}}"#, r#"ids ["1", "2"]"#);
}

#[test]
fn ranges_have_ends() {
    check(r#"{"range": {"n": {"gte": 10, "lt": 20.5}}}"#, r#"n ["10" TO "20.5"}"#);
    check(r#"{"range": {"n": {"gt": "a"}}}"#, r#"n {"a" TO *]"#);
    check(r#"{"range": {"n": {"from": 1, "to": 2, "include_upper": false}}}"#, r#"n ["1" TO "2"}"#);
    check(r#"{"range": {"n": {"gte": null, "lte": 5}}}"#, r#"n [* TO "5"]"#);
    check(r#"{"range": {"n": {}}}"#, "n exists");
    check(
        r#"{"range": {"t": {"gte": 1668422437218, "lte": 1668422625668, "format": "epoch_millis"}}}"#,
        "t [@2022-11-14T10:40:37.218Z..2022-11-14T10:40:37.218999999Z TO \
         @2022-11-14T10:43:45.668Z..2022-11-14T10:43:45.668999999Z]",
    );
    check(
        r#"{"range": {"@timestamp": {"gt": "2025-06-15T00:30:00.001999Z"}}}"#,
        "@timestamp {@2025-06-15T00:30:00.001999Z..2025-06-15T00:30:00.001999999Z TO *]",
    );
    check(
        r#"{"range": {"created": {"gte": "2025-06-15T00:30:00.001999Z"}}}"#,
        "created [@2025-06-15T00:30:00.001Z..2025-06-15T00:30:00.001999999Z TO *]",
    );
}

#[test]
fn clauses_are_joined() {
    let (a, b, c) = (r#"{"term": {"f": "a"}}"#, r#"{"term": {"f": "b"}}"#, r#"{"term": {"f": "c"}}"#);
    check(r#"{"bool": {}}"#, "ALL");
    check(r#"{"bool": {"must": []}}"#, "ALL");
    check(
        &format!(r#"{{"bool": {{"must": {a}, "filter": [{b}], "must_not": {c}}}}}"#),
        r#"(f="a" AND f="b" AND NOT f="c")"#,
    );
    check(&format!(r#"{{"bool": {{"must_not": {a}}}}}"#), r#"NOT f="a""#);
    check(&format!(r#"{{"bool": {{"should": [{a}, {b}]}}}}"#), r#"(f="a" OR f="b")"#);
    check(
        &format!(r#"{{"bool": {{"should": [{a}, {b}], "minimum_should_match": 0}}}}"#),
        r#"(f="a" OR f="b")"#,
    );
    check(&format!(r#"{{"bool": {{"must": {c}, "should": [{a}, {b}]}}}}"#), r#"f="c""#);
    check(
        &format!(r#"{{"bool": {{"must": {c}, "should": [{a}, {b}], "minimum_should_match": 1}}}}"#),
        r#"(f="c" AND (f="a" OR f="b"))"#,
    );
    check(
        &format!(r#"{{"bool": {{"should": [{a}, {b}, {c}], "minimum_should_match": -1}}}}"#),
        r#"2 of (f="a", f="b", f="c")"#,
    );
    check(
        &format!(r#"{{"bool": {{"should": [{a}, {b}], "minimum_should_match": "100%"}}}}"#),
        r#"(f="a" AND f="b")"#,
    );
    check(&format!(r#"{{"bool": {{"should": [{a}, {b}], "minimum_should_match": 3}}}}"#), "NOTHING");
    check(
        r#"{"bool": {"should": {"match_none": {}}, "must_not": {"match_none": {}}}}"#,
        "(NOTHING AND NOT NOTHING)",
    );
    check(&format!(r#"{{"constant_score": {{"filter": {a}, "boost": 2}}}}"#), r#"f="a""#);
    check(&format!(r#"{{"nested": {{"path": "o", "query": {a}, "score_mode": "avg"}}}}"#), r#"f="a""#);
    check(
        &format!(r#"{{"boosting": {{"positive": {a}, "negative": {b}, "negative_boost": 0.5}}}}"#),
        r#"f="a""#,
    );
    check(&format!(r#"{{"dis_max": {{"queries": [{a}, {b}], "tie_breaker": 0.7}}}}"#), r#"(f="a" OR f="b")"#);
}

#[test]
fn what_elasticsearch_refuses_is_refused_with_its_words() {
    refused(r#"{"mtch": {}}"#, "parsing_exception", "unknown query [mtch] did you mean [match]?");
    refused(r#"{"more_like_this": {}}"#, "parsing_exception", "unknown query [more_like_this]");
    refused(r#"{"script_score": {}}"#, "parsing_exception", "unknown query [script_score]");
    refused("{}", "illegal_argument_exception", "query malformed, empty clause found");
    refused("[]", "parsing_exception", "[_na] query malformed, must start with start_object");
    refused(
        r#"{"match": 5}"#,
        "parsing_exception",
        "[match] query malformed, no start_object after query name",
    );
    refused(
        r#"{"match_all": {}, "x": {}}"#,
        "parsing_exception",
        "[match_all] malformed query, expected [END_OBJECT] but found [FIELD_NAME]",
    );
    refused(
        r#"{"match": {"m": {"query": "a", "colour": 1}}}"#,
        "parsing_exception",
        "[match] query does not support [colour]",
    );
    refused(
        r#"{"match": {"a": "x", "b": "y"}}"#,
        "parsing_exception",
        "[match] query doesn't support multiple fields, found [a] and [b]",
    );
    refused(
        r#"{"match": {"a": ["x"]}}"#,
        "parsing_exception",
        "[match] unknown token [START_ARRAY] after [a]",
    );
    refused(r#"{"match": {"a": {}}}"#, "parsing_exception", "No text specified for text query");
    refused(
        r#"{"term": {"a": ["x"]}}"#,
        "parsing_exception",
        "[term] query does not support array of values",
    );
    refused(
        r#"{"term": {"a": {"value": 1, "x": 2}}}"#,
        "parsing_exception",
        "[term] query does not support [x]",
    );
    refused(r#"{"exists": {"x": "y"}}"#, "parsing_exception", "[exists] query does not support [x]");
    refused(
        r#"{"range": {"a": {"gte": 1, "x": 2}}}"#,
        "parsing_exception",
        "[range] query does not support [x]",
    );
    refused(
        r#"{"bool": {"musst": []}}"#,
        "x_content_parse_exception",
        "[1:20] [bool] unknown field [musst] did you mean [must]?",
    );
    refused(
        r#"{"bool": {"must": "x"}}"#,
        "parsing_exception",
        "[bool] query malformed, clauses expected, but found VALUE_STRING",
    );
    refused(
        r#"{"match_phrase": {"m": {"query": "a", "analyzer": "ik"}}}"#,
        "query_shard_exception",
        "analyzer [ik] not found",
    );
    refused(
        r#"{"match": {"m": {"query": "a", "fuzziness": 3}}}"#,
        "illegal_argument_exception",
        "Invalid fuzziness value: 3",
    );
    refused(
        r#"{"multi_match": {"query": "a", "type": "x"}}"#,
        "parse_exception",
        "failed to parse [multi_match] query type [x]. unknown type, expected one of best_fields, most_fields, cross_fields, phrase, phrase_prefix, bool_prefix",
    );
    let deep = format!("{}{}{}", r#"{"bool":{"must":"#.repeat(33), r#"{"match_all":{}}"#, "}}".repeat(33));
    refused(
        &deep,
        "illegal_argument_exception",
        "The nested depth of the query exceeds the maximum nested depth for queries set in [32]",
    );
    let wide = format!(r#"{{"bool":{{"should":[{}]}}}}"#, vec![r#"{"match_all":{}}"#; 1024].join(","));
    refused(
        &wide,
        "too_many_nested_clauses",
        "Query contains too many nested clauses; maxClauseCount is set to 1024",
    );
}

#[test]
fn places_are_told() {
    let error = read_text("{\n  \"bool\": {\"must\": {\"mach\": {}}}\n}").unwrap_err();
    let at = error.at.unwrap();
    assert_eq!((at.line, at.column), (2, 20));
    assert_eq!(error.caused_by.unwrap().reason, "[2:20] unknown field [mach] did you mean [match]?");
}

#[test]
fn texts_are_read_by_lucenes_rules() {
    let both = r#"(type:phrase "PushEvent" AND actor.login:phrase "jadonk")"#;
    check(r#"{"query_string": {"query": "type:PushEvent AND actor.login:jadonk"}}"#, both);
    check(
        r#"{"query_string": {"query": "a b", "fields": ["x"], "default_operator": "AND"}}"#,
        r#"x:all "a b""#,
    );
    check(
        r#"{"query_string": {"query": "a", "default_field": "x", "analyze_wildcard": true}}"#,
        r#"x:phrase "a""#,
    );
    check(r#"{"query_string": {"query": "*"}}"#, "ALL");
    check(r#"{"query_string": {"query": "actor.id:x", "lenient": true}}"#, r#"actor.id?:phrase "x""#);
    check(r#"{"query_string": {"query": ">=10791466", "default_field": "n"}}"#, r#"n ["10791466" TO *]"#);
    check(
        r#"{"query_string": {"query": "a b c", "fields": ["x"], "minimum_should_match": 2}}"#,
        r#"2 of (x:phrase "a", x:phrase "b", x:phrase "c")"#,
    );
    refused(
        r#"{"query_string": {"query": "a", "fields": "x"}}"#,
        "parsing_exception",
        "[query_string] query does not support [fields]",
    );
    refused(
        r#"{"query_string": {"query": "a", "fields": ["x"], "default_field": "y"}}"#,
        "illegal_argument_exception",
        "addition of [fields] to [default_field] is not allowed: name the fields in one of them",
    );
    refused(
        r#"{"query_string": {"query": "a OR"}}"#,
        "query_shard_exception",
        "Failed to parse query [a OR]",
    );
    refused(r#"{"query_string": {}}"#, "parsing_exception", "[query_string] must be provided with a [query]");
}

#[track_caller]
fn check_simple(text: &str, expected: &str) {
    check(&format!(r#"{{"simple_query_string": {{"query": {text:?}, "fields": ["m"]}}}}"#), expected);
}

#[test]
fn simple_texts_are_never_an_error() {
    check_simple("a b", r#"(m:any "a" OR m:any "b")"#);
    check_simple("a + b | c", r#"((m:any "a" AND m:any "b") OR m:any "c")"#);
    check_simple("a -b", r#"(m:any "a" OR NOT m:any "b")"#);
    check_simple("a +(b | c)", r#"(m:any "a" AND (m:any "b" OR m:any "c"))"#);
    check_simple("\"a b\"~3", r#"m:phrase~3 "a b""#);
    check_simple("Pay* word~1 x~", r#"(m^"pay"i OR m≈"word"~1 prefix 0 OR m≈"x"~2 prefix 0)"#);
    check_simple("foo-bar \\-x", r#"(m:any "foo-bar" OR m:any "-x")"#);
    check_simple("(a", r#"m:any "a""#);
    check_simple("a) \"b", r#"(m:any "a" OR m:any "b")"#);
    check_simple("+ | - ()", "NOTHING");
    check_simple("", "NOTHING");
    check(r#"{"simple_query_string": {"query": "a b"}}"#, r#"(*?:any "a" OR *?:any "b")"#);
    check(
        r#"{"simple_query_string": {"query": "a + b*", "fields": ["m"], "flags": "OR"}}"#,
        r#"m:any "a + b*""#,
    );
    check(
        r#"{"simple_query_string": {"query": "a b c", "fields": ["m"], "minimum_should_match": "-1"}}"#,
        r#"2 of (m:any "a", m:any "b", m:any "c")"#,
    );
    check(
        r#"{"simple_query_string": {"query": "a b", "fields": ["m"], "default_operator": "and"}}"#,
        r#"(m:all "a" AND m:all "b")"#,
    );
}

#[test]
fn expressions_are_lucenes() {
    check(r#"{"regexp": {"f": "a.*"}}"#, "f/(?s)^(?:a.*)$/");
    check(
        r#"{"regexp": {"f": {"value": "a", "flags": "ALL", "case_insensitive": true, "max_determinized_states": 10}}}"#,
        "f/(?s)^(?:a)$/i",
    );
    assert_eq!(read_text(r#"{"regexp": {"f": "["}}"#).unwrap_err().status, 400);
}
