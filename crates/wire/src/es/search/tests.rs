use std::sync::Arc;

use lingshao_model::log::{LogField, LogFound, LogHit, LogRecord, LogTime, LogValue, Number, SortValue};

use super::*;
use crate::es::notation::show;
use crate::es::query::tests::mapping;
use crate::es::{Context, EsError, UrlParams};

pub(super) fn read_with(text: &str, pairs: &[(&str, &str)]) -> Result<SearchRequest, EsError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mapping = mapping();
    let now = LogTime::parse("2025-06-15T12:30:00Z", 0).unwrap();
    let context = Context { now, time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
    read(text.as_bytes(), &UrlParams::new("/shop/_search", pairs), &context)
}

fn search(text: &str) -> LogSearch {
    read_with(text, &[]).unwrap().search(vec!["shop".to_owned()])
}

/// `@timestamp desc, _doc asc`
pub(super) fn order(search: &LogSearch) -> String {
    let one = |key: &SortKey| {
        let field = match &key.field {
            SortField::Time => "TIME",
            SortField::Arrival => "ARRIVAL",
            SortField::Score => "SCORE",
            SortField::Field(name) => name,
        };
        let order = if key.order == SortOrder::Ascending { "asc" } else { "desc" };
        match &key.missing {
            lingshao_model::log::Missing::Last => format!("{field} {order}"),
            missing => format!("{field} {order} missing {missing:?}"),
        }
    };
    search.sort.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check_order(sort: &str, expected: &str) {
    assert_eq!(order(&search(&format!(r#"{{"sort": {sort}}}"#))), expected, "{sort}");
}

#[track_caller]
fn refused(text: &str, reason: &str) {
    assert_eq!(read_with(text, &[]).unwrap_err().reason, reason, "{text}");
}

#[test]
fn an_empty_body_asks_for_the_first_ten() {
    for text in ["", "{}", "  "] {
        let asked = search(text);
        assert_eq!((asked.from, asked.size, asked.total), (0, 10, TotalWanted::UpTo(10_000)));
        assert_eq!((show(&asked.query).as_str(), order(&asked).as_str()), ("ALL", ""));
    }
}

#[test]
fn orders_are_read_in_all_their_forms() {
    check_order(r#""a""#, "a asc");
    check_order(r#"["a", {"b": "desc"}, "_score", "_doc"]"#, "a asc, b desc, SCORE desc, ARRIVAL asc");
    check_order(r#"{"a": {"order": "desc"}, "_doc": {"order": "desc"}}"#, "a desc, ARRIVAL desc");
    check_order(r#"{"@timestamp": {"order": "desc", "unmapped_type": "boolean"}}"#, "TIME desc");
    check_order(r#"[{"a": {}}]"#, "a asc");
    check_order(r#"{"a": {"missing": "_first", "mode": "min"}}"#, "a asc missing First");
    check_order(r#"{"a": {"missing": 5}}"#, "a asc missing Value(Number(Int(5)))");
    check_order(r#"{"created": {"missing": 5}}"#, "created asc missing Value(Number(Int(5000000)))");
    let asked = read_with("", &[("sort", "a:desc,timestamp")]).unwrap().search(Vec::new());
    assert_eq!(order(&asked), "a desc, TIME asc");
    refused(r#"{"sort": {"a": "up"}}"#, "No enum constant org.elasticsearch.search.sort.SortOrder.UP");
    refused(
        r#"{"sort": {"a": {"ordr": "asc"}}}"#,
        "[1:25] [field_sort] unknown field [ordr] did you mean [order]?",
    );
    refused(r#"{"sort": {"_script": {}}}"#, "sorting by [_script] is not supported");
    refused(
        r#"{"sort": 5}"#,
        "malformed sort format, within the sort array, an object, or an actual string are allowed, but found VALUE_NUMBER",
    );
}

#[test]
fn a_search_goes_on_behind_a_hit() {
    let asked = search(r#"{"search_after": [1749947400123, 7, "x"], "sort": ["@timestamp", "_doc", "a"]}"#);
    let time = LogTime::from_millis(1_749_947_400_123);
    let number = |number| SortValue::Number(Number::Int(number));
    assert_eq!(asked.after, Some(vec![number(time.0), number(7), SortValue::Text("x".to_owned())]));
    let asked = search(r#"{"search_after": ["2025-06-15T00:30:00.123456Z"], "sort": "@timestamp"}"#);
    assert_eq!(asked.after, Some(vec![number(time.0 + 456_000)]));
    refused(r#"{"search_after": [1], "sort": ["a", "b"]}"#, "search_after has 1 value(s) but sort has 2.");
    refused(r#"{"search_after": [1]}"#, "Sort must contain at least one field.");
    refused(
        r#"{"search_after": [1], "sort": "a", "from": 1}"#,
        "Validation Failed: 1: `from` parameter must be set to 0 when `search_after` is used;",
    );
}

#[test]
fn a_point_in_time_brings_a_tie_breaker() {
    let request = read_with(r#"{"pit": {"id": "p", "keep_alive": "1m"}, "sort": ["a"]}"#, &[]).unwrap();
    assert_eq!(request.pit, Some(Pit { id: "p".to_owned(), keep_alive: Some(60_000) }));
    assert_eq!(order(&request.search(Vec::new())), "a asc, ARRIVAL asc");
    assert_eq!(order(&search(r#"{"pit": {"id": "p"}, "sort": ["_shard_doc"]}"#)), "ARRIVAL asc");
}

#[test]
fn parameters_win_over_the_body() {
    let pairs = [("size", "3"), ("from", "2"), ("track_total_hits", "true"), ("scroll", "1m")];
    let error = read_with(r#"{"size": 50}"#, &pairs).unwrap_err();
    assert_eq!(error.reason, "Validation Failed: 1: using [from] is not allowed in a scroll context;");
    let asked = read_with(r#"{"size": 50}"#, &pairs[..3]).unwrap().search(Vec::new());
    assert_eq!((asked.size, asked.from, asked.total), (3, 2, TotalWanted::Exact));
    assert_eq!(search(r#"{"track_total_hits": false}"#).total, TotalWanted::Nothing);
    assert_eq!(search(r#"{"track_total_hits": 5}"#).total, TotalWanted::UpTo(5));
}

#[test]
fn a_text_in_the_url_wins_over_the_query() {
    let body = r#"{"query": {"term": {"a": "b"}}}"#;
    let pairs = [("q", "level:ERROR x"), ("df", "m"), ("default_operator", "and")];
    let asked = read_with(body, &pairs).unwrap();
    assert_eq!(show(&asked.query), r#"(level:phrase "ERROR" AND m:phrase "x")"#);
}

#[test]
fn departures_from_lucene_are_told() {
    let asked = read_with(
        r#"{"query": {"query_string": {"query": "path:/api/v1/payments/* AND status_code:500"}}}"#,
        &[],
    );
    assert_eq!(
        asked.unwrap().departures(),
        ["[/api/v1/payments/*] was read as a path; Lucene would read the slashes as regular expressions"]
    );
}

#[test]
fn what_elasticsearch_refuses_is_refused_with_its_words() {
    refused(r#"{"foo": {}}"#, "Unknown key for a START_OBJECT in [foo].");
    refused(r#"{"foo": 1}"#, "Unknown key for a VALUE_NUMBER in [foo].");
    refused(r#"{"knn": {}}"#, "[knn] is not supported: leave it out of the search");
    refused(
        r#"{"script_fields": {"a": {}}}"#,
        "[script_fields] is not supported: leave it out of the search",
    );
    refused(r#"{"size": -1}"#, "[size] parameter cannot be negative, found [-1]");
    refused("[]", "Expected [START_OBJECT] but found [START_ARRAY]");
    refused(
        r#"{"from": 9995}"#,
        "Result window is too large, from + size must be less than or equal to: [10000] but was [10005]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
    );
    refused(r#"{"_source": {"x": []}}"#, "Unknown key for a START_ARRAY in [x].");
    refused("{", "[1:2] not JSON: a key in quotes is expected here");
    assert_eq!(read_with(&" ".repeat(2 << 20), &[]).unwrap_err().status, 413);
}

/// A record of the shop with a field that the sender's JSON alone gives back.
pub(super) fn hit(sort: Vec<SortValue>) -> LogHit {
    let text = |name: &str, text: &str| LogField {
        name: Arc::from(name),
        value: LogValue::Text(text.to_owned()),
        listed: false,
    };
    let record = LogRecord {
        index: Arc::from("shop"),
        id: "i1".to_owned(),
        seq: 41,
        time: LogTime::parse("2025-06-15T00:30:00.123Z", 0).unwrap(),
        arrived: LogTime(0),
        level: None,
        fields: vec![
            text("message", "支付失败"),
            text("http.path", "/api"),
            text("created", "2025-06-15T08:30:00+08:00"),
        ],
        source: None,
    };
    LogHit { record, sort }
}

#[track_caller]
fn check_answer(text: &str, hits: Vec<LogHit>, expected: &str) {
    let request = read_with(text, &[]).unwrap();
    let found = LogFound { total: 12, more: false, hits, ..LogFound::default() };
    let answer = Answer { took: 5, shards: Shards { total: 1, failed: 0 }, ..Answer::default() };
    let json = String::from_utf8(render(found, &request, &answer)).unwrap();
    let start =
        r#"{"took":5,"timed_out":false,"_shards":{"failed":0,"skipped":0,"successful":1,"total":1},"hits":"#;
    assert_eq!(json.strip_prefix(start), Some(expected), "{json}");
}

#[test]
fn answers_have_the_shape_that_clients_read() {
    let all = r#"{"message":"支付失败","http":{"path":"/api"},"created":"2025-06-15T08:30:00+08:00"}"#;
    check_answer(
        "{}",
        vec![hit(Vec::new())],
        &format!(
            r#"{{"total":{{"value":12,"relation":"eq"}},"max_score":1.0,"hits":[{{"_index":"shop","_id":"i1","_score":1.0,"_source":{all}}}]}}}}"#
        ),
    );
    check_answer(r#"{"size": 0, "track_total_hits": false}"#, Vec::new(), r#"{"max_score":null,"hits":[]}}"#);
    check_answer(
        r#"{"_source": ["http"], "fields": [{"field": "created", "format": "epoch_millis"}], "docvalue_fields": ["@timestamp", "http.*"]}"#,
        vec![hit(Vec::new())],
        r#"{"total":{"value":12,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"shop","_id":"i1","_score":1.0,"_source":{"http":{"path":"/api"}},"fields":{"created":["1749947400000"],"@timestamp":["2025-06-15T00:30:00.123Z"],"http.path":["/api"]}}]}}"#,
    );
    check_answer(
        r#"{"_source": false, "version": true, "seq_no_primary_term": true}"#,
        vec![hit(Vec::new())],
        r#"{"total":{"value":12,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"shop","_id":"i1","_version":1,"_seq_no":41,"_primary_term":1,"_score":1.0}]}}"#,
    );
}

#[track_caller]
fn check_sort_values(sort: &str, values: Vec<SortValue>, expected: &str) {
    let text = format!(r#"{{"_source": false, "track_total_hits": false, "sort": {sort}}}"#);
    let expected = format!(
        r#"{{"max_score":null,"hits":[{{"_index":"shop","_id":"i1","_score":null,"sort":{expected}}}]}}}}"#
    );
    check_answer(&text, vec![hit(values)], &expected);
}

#[test]
fn sort_values_can_be_given_back() {
    let time = LogTime::from_millis(1_749_947_400_123).0;
    let number = |number| SortValue::Number(Number::Int(number));
    check_sort_values(r#""@timestamp""#, vec![number(time)], "[1749947400123]");
    check_sort_values(r#""@timestamp""#, vec![number(time + 456)], r#"["2025-06-15T00:30:00.123000456Z"]"#);
    check_sort_values(r#""created""#, vec![number(time + 456)], "[1749947400123]");
    check_sort_values(
        r#"{"created": {"numeric_type": "date_nanos"}}"#,
        vec![number(time + 456)],
        "[1749947400123000456]",
    );
    check_sort_values(r#"{"@timestamp": {"format": "yyyy-MM-dd"}}"#, vec![number(time)], r#"["2025-06-15"]"#);
    check_sort_values(
        r#"["a", "b", "_doc"]"#,
        vec![SortValue::Text("x".to_owned()), SortValue::Null, number(41)],
        r#"["x",null,41]"#,
    );
}

const MUTATED: [&str; 3] = [
    r#"{"query":{"bool":{"filter":[{"range":{"@timestamp":{"format":"epoch_millis","gte":1668422437218,"lte":"now/d"}}},{"query_string":{"query":"level:ERROR AND path:/api/*"}}],"should":[{"match":{"m":{"query":"支付 failed","fuzziness":"AUTO","minimum_should_match":"2<75%"}}},{"terms":{"f":["a",1]}},{"regexp":{"f":"a.*"}},{"simple_query_string":{"query":"a +(b|c) \"d e\"~2 f*"}}]}}}"#,
    r#"{"sort":[{"@timestamp":{"order":"desc","format":"yyyy-MM-dd"}},"_doc"],"search_after":["2025-06-15",5],"highlight":{"fields":{"*":{"number_of_fragments":0}}},"_source":{"includes":["a.*"]},"fields":[{"field":"created","format":"epoch_millis"}],"pit":{"id":"x","keep_alive":"1m"},"track_total_hits":5}"#,
    r#"{"aggs":{"h":{"date_histogram":{"field":"t","fixed_interval":"1m","time_zone":"+08:00","extended_bounds":{"min":0,"max":"now"}},"aggs":{"p":{"percentiles":{"field":"n"}},"m":{"moving_fn":{"buckets_path":"p[50]","window":5,"script":"MovingFunctions.ewma(values, 0.3)"}},"c":{"bucket_script":{"buckets_path":{"a":"p.50"},"script":"params.a > 1 ? Math.abs(params.a) : 0"}}}},"x":{"max_bucket":{"buckets_path":"h>p.50"}},"t":{"terms":{"field":"l","order":{"_key":"asc"},"include":"a.*"}},"k":{"composite":{"sources":[{"a":{"terms":{"field":"a"}}}],"after":{"a":"x"}}}}}"#,
];

proptest::proptest! {
    /// Whatever becomes of a body, it is taken and can be answered, or refused with a client's status.
    #[test]
    fn no_body_is_too_strange(
        seed in 0..MUTATED.len(),
        edits in proptest::collection::vec((0.0..1.0_f64, 0..12_usize, "[{}\\[\\]:,\"\\\\0-9a-z支*?~^. -]{0,6}"), 1..4),
    ) {
        let mut text: Vec<char> = MUTATED[seed].chars().collect();
        for (place, removed, inserted) in edits {
            let start = (place * text.len() as f64) as usize;
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        match read_with(&text, &[]) {
            Ok(request) => {
                let _search = request.search(Vec::new());
                let json = render(LogFound { hits: vec![hit(Vec::new())], ..LogFound::default() }, &request, &Answer::default());
                proptest::prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok(), "{text}");
            }
            Err(error) => proptest::prop_assert!((400..500).contains(&error.status), "{text}: {error}"),
        }
    }
}
