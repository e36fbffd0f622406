use lingshao_model::log::{AggregationResult, Bucket, BucketKey, Buckets, ExtendedStats, LogTime, Number};

use super::outcome::Got;
use super::*;
use crate::es::body::Body;
use crate::es::notation::show_aggregations;
use crate::es::query::tests::mapping;
use crate::es::{Context, EsError};

fn read_text(text: &str) -> Result<Vec<Asked>, EsError> {
    let mapping = mapping();
    let now = LogTime::parse("2025-06-15T12:30:00Z", 0).unwrap();
    let context = Context { now, time_zone: &TimeZone::UTC, mapping: &mapping };
    let (body, root) = Body::parse(text.as_bytes(), &context)?;
    read(&body, &root)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let text = format!(r#"{{"x": {text}}}"#);
    let asked = read_text(&text).map(|asked| show_aggregations(&questions(&asked)));
    assert_eq!(asked.as_deref().map(|shown| shown.strip_prefix("x: ").unwrap()), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, reason: &str) {
    assert_eq!(read_text(text).unwrap_err().reason, reason, "{text}");
}

#[test]
fn terms_are_asked() {
    check(r#"{"terms": {"field": "a"}}"#, "terms a size 10 min 1 by count desc");
    check(
        r#"{"terms": {"field": "a", "size": 5, "min_doc_count": 0, "missing": "none", "order": {"_key": "asc"}, "shard_size": 9, "execution_hint": "map"}}"#,
        r#"terms a or "none" size 5 min 0 by key asc"#,
    );
    check(
        r#"{"terms": {"field": "a", "order": [{"1": "desc"}, {"2[99.0]": "asc"}, {"3.sum_of_squares": "desc"}]},
            "aggs": {"1": {"avg": {"field": "t"}}, "2": {"percentiles": {"field": "t"}}, "3": {"extended_stats": {"field": "t"}}}}"#,
        "terms a size 10 min 1 by 1.avg desc, 2.99.0 asc, 3.sum_of_squares desc \
         { 1: stats t; 2: percentiles t [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0]; 3: stats t }",
    );
    check(
        r#"{"terms": {"field": "a", "include": ["x"], "exclude": "y.*"}}"#,
        r#"terms a size 10 min 1 by count desc TermsSelection { include: None, exclude: Some("(?s)^(?:y.*)$"), only: Some(["x"]), never: [] }"#,
    );
}

#[test]
fn spans_of_time_are_asked() {
    check(
        r#"{"date_histogram": {"field": "t", "fixed_interval": "30s", "min_doc_count": 0, "format": "epoch_millis",
            "extended_bounds": {"min": 1668422437218, "max": 1668422625668}}}"#,
        "dates t each Fixed(30000000000) in UTC offset 0 min 0 by key asc from 2022-11-14T10:40:37.218Z to 2022-11-14T10:43:45.668Z",
    );
    check(
        r#"{"date_histogram": {"field": "t", "calendar_interval": "1d", "time_zone": "Asia/Shanghai", "offset": "+6h", "order": {"_key": "desc"}}}"#,
        "dates t each Calendar(Day) in Asia/Shanghai offset 21600000000000 min 0 by key desc",
    );
    check(
        r#"{"date_histogram": {"field": "t", "interval": "month", "hard_bounds": {"min": "2025-06", "max": "now/d"}}}"#,
        "dates t each Calendar(Month) in UTC offset 0 min 0 by key asc within 2025-06-01T00:00:00.000Z to 2025-06-15T00:00:00.000Z",
    );
    check(
        r#"{"date_histogram": {"field": "t", "interval": "2d"}}"#,
        "dates t each Fixed(172800000000000) in UTC offset 0 min 0 by key asc",
    );
}

#[test]
fn figures_are_asked() {
    for figure in ["avg", "sum", "min", "max", "stats", "extended_stats"] {
        check(&format!(r#"{{"{figure}": {{"field": "n", "missing": 0}}}}"#), r#"stats n or "0""#);
    }
    check(r#"{"value_count": {"field": "n"}}"#, "count n");
    check(r#"{"cardinality": {"field": "n", "precision_threshold": 100}}"#, "cardinality n");
    check(
        r#"{"percentiles": {"field": "n", "percents": [99, 50.5], "tdigest": {"compression": 200}}}"#,
        "percentiles n [50.5, 99.0]",
    );
    check(
        r#"{"nested": {"path": "o"}, "aggs": {"y": {"max": {"field": "o.n"}}}}"#,
        "filter ALL { y: stats o.n }",
    );
    check(
        r#"{"filters": {"filters": {"bad": {"term": {"level": "ERROR"}}, "all": {"match_all": {}}}, "other_bucket": true}}"#,
        r#"filters [bad=level="ERROR", all=ALL] other Some("_other_")"#,
    );
    check(r#"{"filters": {"filters": [{"match_all": {}}]}}"#, "filters [0=ALL] other None");
    check(r#"{"filter": {"exists": {"field": "a"}}}"#, "filter a|a.* exists");
}

#[test]
fn what_elasticsearch_refuses_is_refused_with_its_words() {
    refused(r#"{"x": {"termz": {}}}"#, "Unknown aggregation type [termz] did you mean [terms]?");
    refused(r#"{"x": {}}"#, "Missing definition for aggregation [x]");
    refused(
        r#"{"x": {"avg": {"field": "a"}, "sum": {"field": "a"}}}"#,
        "Found two aggregation type definitions in [x]: [avg] and [sum]",
    );
    refused(
        r#"{"x>y": {"avg": {"field": "a"}}}"#,
        "Invalid aggregation name [x>y]. Aggregation names can contain any character except '[', ']', and '>'",
    );
    refused(r#"{"x": {"avg": {}}}"#, "Required one of fields [field, script], but none were specified. ");
    refused(
        r#"{"x": {"avg": {"field": "a"}, "aggs": {"y": {"avg": {"field": "a"}}}}}"#,
        "Aggregator [x] of type [avg] cannot accept sub-aggregations",
    );
    refused(
        r#"{"x": {"terms": {"field": "a", "sise": 1}}}"#,
        "[1:40] [terms] unknown field [sise] did you mean [size]?",
    );
    refused(
        r#"{"x": {"terms": {"field": "a", "size": 70000}}}"#,
        "Trying to create too many buckets. Must be less than or equal to: [65536] but was [70000]. This limit can be set by changing the [search.max_buckets] cluster level setting.",
    );
    refused(
        r#"{"x": {"date_histogram": {"field": "t", "calendar_interval": "2d"}}}"#,
        "The supplied interval [2d] could not be parsed as a calendar interval.",
    );
    refused(
        r#"{"x": {"date_histogram": {"field": "t"}}}"#,
        "Invalid interval specified, must be non-null and non-empty",
    );
    refused(
        r#"{"x": {"date_histogram": {"field": "t", "fixed_interval": "0s"}}}"#,
        "Zero or negative time interval not supported",
    );
    refused(
        r#"{"x": {"terms": {"field": "a", "order": {"y.std_deviation": "asc"}}, "aggs": {"y": {"extended_stats": {"field": "n"}}}}}"#,
        "Invalid aggregator order path [y.std_deviation]: buckets are ordered by a count, sum, min, max, avg or percentile",
    );
    refused(
        r#"{"x": {"terms": {"field": "a", "order": {"y": "asc"}}}}"#,
        "Invalid aggregator order path [y]. The provided aggregation [y] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets.",
    );
    refused(
        r#"{"x": {"avg_bucket": {"buckets_path": "h>v"}}}"#,
        "Validation Failed: 1: No aggregation found for path [h>v];",
    );
    refused(
        r#"{"x": {"derivative": {"buckets_path": "v"}}}"#,
        "Validation Failed: 1: aggregation [x] must be declared inside of another aggregation;",
    );
    assert!(
        read_text(r#"{"x": {"geohash_grid": {"field": "a"}}}"#)
            .unwrap_err()
            .reason
            .starts_with("aggregation type [geohash_grid] is not supported; use one of avg,")
    );
    let deep = format!("{}{}", r#"{"x":{"global":{},"aggs":"#.repeat(9), "{}".to_owned() + &"}}".repeat(9));
    refused(&deep, "aggregations are nested deeper than 8 levels");
}

fn bucket(key: BucketKey, count: u64, inner: Vec<AggregationResult>) -> Bucket {
    Bucket { keys: vec![key], count, inner }
}

fn buckets(buckets: Vec<Bucket>) -> AggregationResult {
    AggregationResult::Buckets(Buckets { buckets, others: 0, error: 0 })
}

fn stats(values: &[f64]) -> AggregationResult {
    AggregationResult::Stats(ExtendedStats {
        count: values.len() as u64,
        sum: values.iter().sum(),
        min: values.iter().copied().fold(f64::INFINITY, f64::min),
        max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        sum_of_squares: values.iter().map(|value| value * value).sum(),
        times: false,
    })
}

fn text(text: &str) -> BucketKey {
    BucketKey::Text(text.to_owned())
}

/// The buckets of a histogram with a step of one minute, with what stands inside.
fn minutes(inner: Vec<(u64, Vec<AggregationResult>)>) -> AggregationResult {
    let minute = |(at, (count, inner)): (usize, (u64, Vec<AggregationResult>))| {
        bucket(BucketKey::Time(LogTime::from_millis(60_000 * at as i64)), count, inner)
    };
    buckets(inner.into_iter().enumerate().map(minute).collect())
}

fn answer(text: &str, typed: bool, results: &[AggregationResult]) -> String {
    let asked = read_text(text).unwrap();
    let got: Vec<Got> = outcomes(&asked, results.to_vec());
    let mut out = Vec::new();
    render(&asked, &got, typed, &mut out);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check_answer(text: &str, result: AggregationResult, expected: &str) {
    let asked = format!(r#"{{"x": {text}}}"#);
    assert_eq!(answer(&asked, false, &[result]), format!(r#"{{"x":{expected}}}"#), "{text}");
}

#[test]
fn terms_are_shown_by_their_kind() {
    check_answer(
        r#"{"terms": {"field": "a"}, "meta": {"k": [1]}}"#,
        AggregationResult::Buckets(Buckets {
            buckets: vec![
                bucket(text("支付"), 3, Vec::new()),
                bucket(BucketKey::Number(Number::Int(5)), 2, Vec::new()),
                bucket(BucketKey::Number(Number::Float(2.0)), 2, Vec::new()),
                bucket(BucketKey::Bool(true), 1, Vec::new()),
                bucket(BucketKey::Time(LogTime::from_millis(1_422_748_800_000)), 1, Vec::new()),
            ],
            others: 9,
            error: 0,
        }),
        r#"{"meta":{"k": [1]},"doc_count_error_upper_bound":0,"sum_other_doc_count":9,"buckets":[{"key":"支付","doc_count":3},{"key":5,"doc_count":2},{"key":2.0,"doc_count":2},{"key":1,"key_as_string":"true","doc_count":1},{"key":1422748800000,"key_as_string":"2015-02-01T00:00:00.000Z","doc_count":1}]}"#,
    );
}

#[test]
fn histograms_are_shown_with_their_keys() {
    let time = BucketKey::Time(LogTime::from_millis(1_422_720_000_000));
    check_answer(
        r#"{"date_histogram": {"field": "t", "fixed_interval": "1h", "time_zone": "+08:00"}}"#,
        buckets(vec![bucket(time.clone(), 3, Vec::new())]),
        r#"{"buckets":[{"key_as_string":"2015-02-01T00:00:00.000+08:00","key":1422720000000,"doc_count":3}]}"#,
    );
    check_answer(
        r#"{"date_histogram": {"field": "t", "fixed_interval": "1h", "format": "epoch_millis", "keyed": true}}"#,
        buckets(vec![bucket(time, 3, Vec::new())]),
        r#"{"buckets":{"1422720000000":{"key_as_string":"1422720000000","key":1422720000000,"doc_count":3}}}"#,
    );
    check_answer(
        r#"{"histogram": {"field": "n", "interval": 50, "keyed": true}}"#,
        buckets(vec![bucket(BucketKey::Number(Number::Int(50)), 3, Vec::new())]),
        r#"{"buckets":{"50.0":{"key":50.0,"doc_count":3}}}"#,
    );
}

#[test]
fn ranges_are_shown_with_their_ends() {
    let places = |count: usize| {
        buckets((0..count).map(|at| bucket(BucketKey::Place(at), at as u64, Vec::new())).collect())
    };
    check_answer(
        r#"{"range": {"field": "n", "ranges": [{"from": 10, "to": 20}, {"to": 10}, {"from": 20, "key": "slow"}]}}"#,
        places(3),
        r#"{"buckets":[{"key":"*-10.0","to":10.0,"doc_count":0},{"key":"10.0-20.0","from":10.0,"to":20.0,"doc_count":1},{"key":"slow","from":20.0,"doc_count":2}]}"#,
    );
    check_answer(
        r#"{"date_range": {"field": "t", "format": "yyyy-MM-dd", "ranges": [{"from": "2015-02-01", "to": "2015-02-01||+1d"}], "keyed": true}}"#,
        places(1),
        r#"{"buckets":{"2015-02-01-2015-02-02":{"from":1422748800000.0,"from_as_string":"2015-02-01","to":1422835200000.0,"to_as_string":"2015-02-02","doc_count":0}}}"#,
    );
    check_answer(
        r#"{"filters": {"filters": {"a": {"match_all": {}}}, "other_bucket_key": "rest"}}"#,
        places(2),
        r#"{"buckets":{"a":{"doc_count":0},"rest":{"doc_count":1}}}"#,
    );
    check_answer(
        r#"{"filters": {"filters": [{"match_all": {}}, {"match_none": {}}]}}"#,
        places(2),
        r#"{"buckets":[{"doc_count":0},{"doc_count":1}]}"#,
    );
}

#[test]
fn figures_are_shown() {
    check_answer(r#"{"avg": {"field": "n"}}"#, stats(&[1.0, 2.0]), r#"{"value":1.5}"#);
    check_answer(r#"{"avg": {"field": "n"}}"#, stats(&[]), r#"{"value":null}"#);
    check_answer(r#"{"sum": {"field": "n"}}"#, stats(&[]), r#"{"value":0.0}"#);
    check_answer(r#"{"max": {"field": "n"}}"#, stats(&[]), r#"{"value":null}"#);
    check_answer(r#"{"cardinality": {"field": "n"}}"#, AggregationResult::Count(7), r#"{"value":7}"#);
    check_answer(
        r#"{"max": {"field": "t"}}"#,
        AggregationResult::Stats(ExtendedStats {
            count: 1,
            sum: 0.0,
            min: 0.0,
            max: 1_422_748_800_000.0,
            sum_of_squares: 0.0,
            times: true,
        }),
        r#"{"value":1422748800000.0,"value_as_string":"2015-02-01T00:00:00.000Z"}"#,
    );
    check_answer(
        r#"{"stats": {"field": "n"}}"#,
        stats(&[]),
        r#"{"count":0,"min":null,"max":null,"avg":null,"sum":0.0}"#,
    );
    check_answer(
        r#"{"extended_stats": {"field": "n", "sigma": 3}}"#,
        stats(&[50.0, 100.0]),
        r#"{"count":2,"min":50.0,"max":100.0,"avg":75.0,"sum":150.0,"sum_of_squares":12500.0,"variance":625.0,"variance_population":625.0,"variance_sampling":1250.0,"std_deviation":25.0,"std_deviation_population":25.0,"std_deviation_sampling":35.35533905932738,"std_deviation_bounds":{"upper":150.0,"lower":0.0,"upper_population":150.0,"lower_population":0.0,"upper_sampling":181.06601717798213,"lower_sampling":-31.066017177982133}}"#,
    );
    let percentiles = AggregationResult::Percentiles(vec![(50.0, Some(2.5)), (99.9, None)]);
    check_answer(
        r#"{"percentiles": {"field": "n"}}"#,
        percentiles.clone(),
        r#"{"values":{"50.0":2.5,"99.9":null}}"#,
    );
    check_answer(
        r#"{"percentiles": {"field": "n", "keyed": false}}"#,
        percentiles,
        r#"{"values":[{"key":50.0,"value":2.5},{"key":99.9,"value":null}]}"#,
    );
}

#[test]
fn buckets_hold_what_is_inside() {
    let inner = buckets(vec![bucket(text("a"), 2, vec![stats(&[1.0])])]);
    let one = AggregationResult::Buckets(Buckets {
        buckets: vec![Bucket { keys: Vec::new(), count: 4, inner: vec![inner] }],
        ..Buckets::default()
    });
    check_answer(
        r#"{"filter": {"match_all": {}}, "aggs": {"y": {"terms": {"field": "a"}, "aggs": {"z": {"min": {"field": "n"}}}}}}"#,
        one,
        r#"{"doc_count":4,"y":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"a","doc_count":2,"z":{"value":1.0}}]}}"#,
    );
}

#[test]
fn combinations_go_on_behind_the_last_one() {
    let asked = r#"{"composite": {"size": 2, "sources": [{"d": {"date_histogram": {"field": "t", "calendar_interval": "1d"}}}, {"l": {"terms": {"field": "level", "order": "desc", "missing_bucket": true}}}]}}"#;
    let keys = vec![BucketKey::Time(LogTime::from_millis(1_422_748_800_000)), BucketKey::Null];
    check_answer(
        asked,
        buckets(vec![Bucket { keys, count: 3, inner: Vec::new() }]),
        r#"{"after_key":{"d":1422748800000,"l":null},"buckets":[{"key":{"d":1422748800000,"l":null},"doc_count":3}]}"#,
    );
    let next = r#"{"x": {"composite": {"after": {"d": 1422748800000, "l": "ERROR"}, "sources": [{"d": {"date_histogram": {"field": "t", "fixed_interval": "1h"}}}, {"l": {"terms": {"field": "level"}}}]}}}"#;
    let asked = questions(&read_text(next).unwrap());
    let AggregationKind::Composite { after, size, .. } = &asked[0].kind else { panic!("{asked:?}") };
    let expected = vec![BucketKey::Time(LogTime::from_millis(1_422_748_800_000)), text("ERROR")];
    assert_eq!((after, *size), (&Some(expected), 10));
}

#[test]
fn keys_carry_types_where_asked() {
    let results = vec![
        buckets(vec![bucket(BucketKey::Number(Number::Int(1)), 1, vec![stats(&[1.0])])]),
        buckets(Vec::new()),
    ];
    let json = answer(
        r#"{"a": {"terms": {"field": "n"}, "aggs": {"m": {"max": {"field": "n"}}}}, "b": {"terms": {"field": "s"}}}"#,
        true,
        &results,
    );
    let expected = r#"{"lterms#a":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":1,"doc_count":1,"max#m":{"value":1.0}}]},"sterms#b":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[]}}"#;
    assert_eq!(json, expected);
}

/// What a pipeline aggregation gives for buckets with these sums, `None` where it gives nothing.
fn over_minutes(pipeline: &str, sums: &[f64]) -> Vec<Option<String>> {
    let asked = format!(
        r#"{{"h": {{"date_histogram": {{"field": "t", "fixed_interval": "1m"}}, "aggs": {{"s": {{"sum": {{"field": "n"}}}}, "p": {pipeline}}}}}}}"#
    );
    let inner =
        sums.iter().map(|sum| if sum.is_nan() { (0, vec![stats(&[])]) } else { (1, vec![stats(&[*sum])]) });
    let json = answer(&asked, false, &[minutes(inner.collect())]);
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let value = |bucket: &serde_json::Value| bucket.get("p").map(|p| p["value"].to_string());
    read["h"]["buckets"].as_array().unwrap().iter().map(value).collect()
}

#[track_caller]
fn check_pipeline(pipeline: &str, sums: &[f64], expected: &[&str]) {
    let values: Vec<String> = over_minutes(pipeline, sums)
        .into_iter()
        .map(|value| value.unwrap_or_else(|| "-".to_owned()))
        .collect();
    assert_eq!(values, expected, "{pipeline}");
}

#[test]
fn pipelines_are_computed_over_neighbours() {
    let nan = f64::NAN;
    check_pipeline(r#"{"derivative": {"buckets_path": "s"}}"#, &[1.0, 4.0, 2.0], &["-", "3.0", "-2.0"]);
    check_pipeline(r#"{"derivative": {"buckets_path": "s"}}"#, &[1.0, nan, 2.0], &["-", "null", "null"]);
    check_pipeline(
        r#"{"derivative": {"buckets_path": "s", "gap_policy": "insert_zeros"}}"#,
        &[1.0, nan],
        &["-", "-1.0"],
    );
    check_pipeline(r#"{"derivative": {"buckets_path": "_count"}}"#, &[1.0, nan], &["-", "-1.0"]);
    check_pipeline(r#"{"cumulative_sum": {"buckets_path": "s"}}"#, &[1.0, nan, 2.0], &["1.0", "1.0", "3.0"]);
    check_pipeline(
        r#"{"serial_diff": {"buckets_path": "s", "lag": 2}}"#,
        &[1.0, 4.0, 9.0],
        &["-", "-", "8.0"],
    );
    let moving = |script: &str| {
        format!(
            r#"{{"moving_fn": {{"buckets_path": "s", "window": 2, "script": "MovingFunctions.{script}"}}}}"#
        )
    };
    let sums = [1.0, 3.0, nan, 8.0];
    check_pipeline(&moving("unweightedAvg(values)"), &sums, &["null", "1.0", "-", "2.0"]);
    check_pipeline(&moving("sum(values)"), &sums, &["0.0", "1.0", "-", "4.0"]);
    check_pipeline(&moving("linearWeightedAvg(values)"), &sums, &["null", "0.5", "-", "1.75"]);
    check_pipeline(&moving("ewma(values, 0.5)"), &sums, &["null", "1.0", "-", "2.0"]);
    check_pipeline(
        &moving("stdDev(values, MovingFunctions.unweightedAvg(values))"),
        &sums,
        &["null", "0.0", "-", "1.0"],
    );
    check_pipeline(&moving("holt(values, 0.5, 0.5)"), &sums, &["null", "1.0", "-", "2.0"]);
    check_pipeline(
        r#"{"moving_fn": {"buckets_path": "s", "window": 2, "shift": 1, "script": "MovingFunctions.max(values)"}}"#,
        &sums,
        &["1.0", "3.0", "-", "8.0"],
    );
    check_pipeline(
        r#"{"bucket_script": {"buckets_path": {"a": "s", "b": "_count"}, "script": {"source": "params.a / params.b * params.k", "params": {"k": 100}}}}"#,
        &[2.0, nan],
        &["200.0", "-"],
    );
    check_pipeline(
        r#"{"bucket_selector": {"buckets_path": {"a": "s"}, "script": "params.a > 1"}}"#,
        &[1.0, 2.0, 3.0],
        &["-", "-"],
    );
}

#[test]
fn a_slope_is_told_by_unit() {
    let asked = r#"{"h": {"date_histogram": {"field": "t", "fixed_interval": "1m"}, "aggs": {"d": {"derivative": {"buckets_path": "_count", "unit": "1s"}}}}}"#;
    let json = answer(asked, false, &[minutes(vec![(1, Vec::new()), (61, Vec::new())])]);
    assert!(json.ends_with(r#""doc_count":61,"d":{"value":60.0,"normalized_value":1.0}}]}}"#), "{json}");
}

#[test]
fn rates_are_told_by_the_length_of_the_bucket() {
    let asked = |interval: &str, rate: &str| {
        format!(
            r#"{{"h": {{"date_histogram": {{"field": "t", {interval}, "time_zone": "Asia/Shanghai"}}, "aggs": {{"r": {{"rate": {rate}}}}}}}}}"#
        )
    };
    let june = || BucketKey::Time(LogTime::parse("2025-06-01T00:00:00+08:00", 0).unwrap());
    let check = |interval: &str, rate: &str, inner: AggregationResult, expected: &str| {
        let json = answer(&asked(interval, rate), false, &[buckets(vec![bucket(june(), 60, vec![inner])])]);
        assert!(json.ends_with(&format!(r#""r":{{"value":{expected}}}}}]}}}}"#)), "{rate}: {json}");
    };
    check(r#""fixed_interval": "1m""#, r#"{"unit": "second"}"#, AggregationResult::Count(0), "1.0");
    check(r#""fixed_interval": "1m""#, r#"{"unit": "hour", "field": "n"}"#, stats(&[1.0, 2.0]), "180.0");
    check(
        r#""fixed_interval": "1m""#,
        r#"{"unit": "second", "field": "n", "mode": "value_count"}"#,
        AggregationResult::Count(30),
        "0.5",
    );
    check(r#""calendar_interval": "month""#, r#"{"unit": "day"}"#, AggregationResult::Count(0), "2.0");
    check(r#""calendar_interval": "year""#, r#"{"unit": "month"}"#, AggregationResult::Count(0), "5.0");
    check(r#""fixed_interval": "1d""#, r#"{"unit": "month"}"#, AggregationResult::Count(0), "null");
    assert!(
        read_text(r#"{"r": {"rate": {"unit": "second"}}}"#)
            .unwrap_err()
            .reason
            .starts_with("The rate aggregation can only")
    );
}

#[test]
fn buckets_are_sorted_and_cut() {
    let asked = r#"{"h": {"terms": {"field": "a"}, "aggs": {"s": {"sum": {"field": "n"}}, "p": {"bucket_sort": {"sort": [{"s": {"order": "desc"}}], "from": 1, "size": 1}}}}}"#;
    let result = buckets(
        [("a", 1.0), ("b", 9.0), ("c", 5.0)]
            .map(|(key, sum)| bucket(text(key), 1, vec![stats(&[sum])]))
            .into(),
    );
    assert_eq!(
        answer(asked, false, &[result]),
        r#"{"h":{"doc_count_error_upper_bound":0,"sum_other_doc_count":0,"buckets":[{"key":"c","doc_count":1,"s":{"value":5.0}}]}}"#
    );
}

#[test]
fn pipelines_are_computed_over_the_buckets_beside() {
    let kinds = [
        ("avg_bucket", r#"{"value":2.0}"#),
        ("sum_bucket", r#"{"value":4.0}"#),
        ("max_bucket", r#"{"value":3.0,"keys":["1970-01-01T00:02:00.000Z"]}"#),
        ("min_bucket", r#"{"value":1.0,"keys":["1970-01-01T00:00:00.000Z"]}"#),
        ("stats_bucket", r#"{"count":2,"min":1.0,"max":3.0,"avg":2.0,"sum":4.0}"#),
        (
            "percentiles_bucket",
            r#"{"values":{"1.0":1.0,"5.0":1.0,"25.0":1.0,"50.0":3.0,"75.0":3.0,"95.0":3.0,"99.0":3.0}}"#,
        ),
    ];
    for (kind, expected) in kinds {
        let asked = format!(
            r#"{{"h": {{"date_histogram": {{"field": "t", "fixed_interval": "1m"}}, "aggs": {{"s": {{"sum": {{"field": "n"}}}}}}}}, "p": {{"{kind}": {{"buckets_path": "h>s"}}}}}}"#
        );
        let results =
            vec![minutes(vec![(1, vec![stats(&[1.0])]), (0, vec![stats(&[])]), (1, vec![stats(&[3.0])])])];
        let json = answer(&asked, false, &results);
        assert!(json.ends_with(&format!(r#","p":{expected}}}"#)), "{kind}: {json}");
    }
}

#[test]
fn pipelines_may_look_at_each_other() {
    let asked = r#"{"h": {"date_histogram": {"field": "t", "fixed_interval": "1m"}, "aggs": {
        "twice": {"bucket_script": {"buckets_path": {"a": "sum"}, "script": "params.a * 2"}},
        "sum": {"cumulative_sum": {"buckets_path": "_count"}}}}}"#;
    let json = answer(asked, false, &[minutes(vec![(1, Vec::new()), (2, Vec::new())])]);
    assert!(json.ends_with(r#""doc_count":2,"twice":{"value":6.0},"sum":{"value":3.0}}]}}"#), "{json}");
}
