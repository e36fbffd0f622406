//! What Grafana's Elasticsearch data source sends (`pkg/tsdb/elasticsearch`), and what it reads of the answers.

use lingshao_model::log::{
    AggregationResult, Bucket, BucketKey, Buckets, ExtendedStats, LogFound, LogTime, Number, SortValue,
};

use super::tests::{hit, order, read_with};
use super::*;
use crate::es::notation::{show, show_aggregations};

const RANGE: &str = "@timestamp [@2022-11-14T10:40:37.218Z..2022-11-14T10:40:37.218999999Z TO \
                     @2022-11-14T10:43:45.668Z..2022-11-14T10:43:45.668999999Z]";

/// A panel's body: the time range, what stands in the query box, and the rest.
fn body(lucene: &str, rest: &str) -> String {
    let range =
        r#"{"range":{"@timestamp":{"format":"epoch_millis","gte":1668422437218,"lte":1668422625668}}}"#;
    let filter = match lucene {
        "" => range.to_owned(),
        text => format!(r#"[{range},{{"query_string":{{"analyze_wildcard":true,"query":"{text}"}}}}]"#),
    };
    format!(r#"{{"query":{{"bool":{{"filter":{filter}}}}},{rest}}}"#)
}

#[track_caller]
fn check(lucene: &str, rest: &str, query: &str, expected: &str) {
    let asked = read_with(&body(lucene, rest), &[]).unwrap().search(vec!["shop".to_owned()]);
    assert_eq!(show(&asked.query), query);
    let shown =
        format!("size {} by [{}] {}", asked.size, order(&asked), show_aggregations(&asked.aggregations));
    assert_eq!(shown, expected);
}

#[test]
fn panels_are_asked() {
    check(
        "level:ERROR",
        r#""size":0,"aggs":{"2":{"date_histogram":{"extended_bounds":{"max":1668422625668,"min":1668422437218},"field":"@timestamp","fixed_interval":"1m","format":"epoch_millis","min_doc_count":0}}}"#,
        &format!(r#"({RANGE} AND level:phrase "ERROR")"#),
        "size 0 by [] 2: dates @timestamp each Fixed(60000000000) in UTC offset 0 min 0 by key asc \
         from 2022-11-14T10:40:37.218Z to 2022-11-14T10:43:45.668Z",
    );
    check(
        "",
        r#""size":0,"aggs":{"4":{"terms":{"field":"path","order":{"1[95.0]":"desc"},"size":10,"min_doc_count":1,"missing":"-"},
            "aggs":{"1":{"percentiles":{"field":"process_time","percents":["95","99"]}},
            "2":{"date_histogram":{"calendar_interval":"1w","field":"@timestamp","format":"epoch_millis","min_doc_count":0,"time_zone":"Asia/Shanghai"},
            "aggs":{"1":{"percentiles":{"field":"process_time","percents":["95","99"]}},"3":{"extended_stats":{"field":"process_time","missing":null,"sigma":2}},
            "5":{"derivative":{"buckets_path":"_count"}},"6":{"moving_fn":{"buckets_path":"5","script":"MovingFunctions.unweightedAvg(values)","window":5}},
            "7":{"bucket_script":{"buckets_path":{"var1":"3.std_deviation","var2":"_count"},"script":"params.var1 / params.var2"}}}}}}}"#,
        RANGE,
        "size 0 by [] 4: terms path or \"-\" size 10 min 1 by 1.95.0 desc \
         { 1: percentiles process_time [95.0, 99.0]; \
         2: dates @timestamp each Calendar(Week) in Asia/Shanghai offset 0 min 0 by key asc \
         { 1: percentiles process_time [95.0, 99.0]; 3: stats process_time } }",
    );
    check(
        "",
        r#""size":0,"aggs":{"3":{"filters":{"filters":{"bad":{"query_string":{"query":"status_code:500","analyze_wildcard":true}},"*":{"query_string":{"query":"*","analyze_wildcard":true}}}},
            "aggs":{"2":{"histogram":{"field":"process_time","interval":0.5,"min_doc_count":0}}}}}"#,
        RANGE,
        "size 0 by [] 3: filters [bad=status_code:phrase \"500\", *=ALL] other None \
         { 2: Histogram { source: ValueSource { field: \"process_time\", missing: None }, interval: 0.5, offset: 0.0, min_count: 0, extended_bounds: None, order: [Key { descending: false }] } }",
    );
}

const LOGS: &str = r#""docvalue_fields":["@timestamp"],"script_fields":{},"size":500,
    "sort":[{"@timestamp":{"order":"desc","unmapped_type":"boolean"}},{"_doc":{"order":"desc"}}],
    "highlight":{"pre_tags":["@HIGHLIGHT@"],"post_tags":["@/HIGHLIGHT@"],"fragment_size":2147483647,"fields":{"*":{}}},
    "fields":[{"field":"@timestamp","format":"strict_date_optional_time_nanos"}]"#;

#[test]
fn log_lines_are_asked() {
    check("支付", LOGS, &format!(r#"({RANGE} AND *?:any "支付")"#), "size 500 by [TIME desc, ARRIVAL desc] ");
    let next = format!(r#"{LOGS},"search_after":[1668422625668,41]"#);
    let asked = read_with(&body("", &next), &[]).unwrap().search(Vec::new());
    let number = |number| SortValue::Number(Number::Int(number));
    assert_eq!(asked.after, Some(vec![number(1_668_422_625_668_000_000), number(41)]));
}

#[test]
fn log_lines_are_answered_with_marks_and_a_place_to_go_on_from() {
    let request = read_with(&body("支付", LOGS), &[]).unwrap();
    let number = |number| SortValue::Number(Number::Int(number));
    let hits = vec![hit(vec![number(1_749_947_400_123_000_000), number(41)])];
    let found = LogFound { total: 1, hits, ..LogFound::default() };
    let json: serde_json::Value =
        serde_json::from_slice(&render(found, &request, &Answer::default())).unwrap();
    let hit = &json["hits"]["hits"][0];
    assert_eq!(hit["sort"], serde_json::json!([1_749_947_400_123_u64, 41]));
    assert_eq!(hit["highlight"], serde_json::json!({"message": ["@HIGHLIGHT@支付@/HIGHLIGHT@失败"]}));
    assert!(hit["fields"]["@timestamp"][0].as_str().unwrap().starts_with("2025-06-15T00:30:00.123"), "{hit}");
    assert_eq!(hit["_source"]["http"]["path"], "/api");
}

#[test]
fn panels_are_answered() {
    let request = read_with(
        &body("", r#""size":0,"aggs":{"2":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m","format":"epoch_millis","min_doc_count":0},"aggs":{"1":{"avg":{"field":"n"}}}}}"#),
        &[],
    )
    .unwrap();
    let stats = |count: u64, sum: f64| {
        AggregationResult::Stats(ExtendedStats {
            count,
            sum,
            min: 0.0,
            max: 0.0,
            sum_of_squares: 0.0,
            times: false,
        })
    };
    let bucket = |at: i64, count: u64, sum: f64| Bucket {
        keys: vec![BucketKey::Time(LogTime::from_millis(at))],
        count,
        inner: vec![stats(count, sum)],
    };
    let buckets = vec![bucket(1_668_422_400_000, 2, 5.0), bucket(1_668_422_460_000, 0, 0.0)];
    let aggregations = vec![AggregationResult::Buckets(Buckets { buckets, ..Buckets::default() })];
    let found = LogFound { total: 2, aggregations, ..LogFound::default() };
    let json = String::from_utf8(render(found, &request, &Answer::default())).unwrap();
    assert!(
        json.ends_with(r#""hits":{"total":{"value":2,"relation":"eq"},"max_score":null,"hits":[]},"aggregations":{"2":{"buckets":[{"key_as_string":"1668422400000","key":1668422400000,"doc_count":2,"1":{"value":2.5}},{"key_as_string":"1668422460000","key":1668422460000,"doc_count":0,"1":{"value":null}}]}}}"#),
        "{json}"
    );
}
