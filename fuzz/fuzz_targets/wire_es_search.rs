//! A search: what is taken can be asked and answered, whatever the storage finds, and what is refused is refused with a
//! JSON body and a client's status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::{
    Aggregation, AggregationKind, AggregationResult, Bucket, BucketKey, Buckets, ExtendedStats, LogFound, LogTime,
    Mapping, Number,
};
use lingshao_wire::date_math;
use lingshao_wire::es::search::{Answer, read, render};
use lingshao_wire::es::{Context, UrlParams, finish};
use lingshao_wire::json::Node;

fuzz_target!(|bytes: &[u8]| {
    let zone = date_math::zone("Asia/Shanghai").expect("a known zone");
    let mapping = Mapping::default();
    let now = LogTime::from_millis(1_750_000_000_123);
    let context = Context { now, time_zone: &zone, mapping: &mapping };
    // What stands behind a line break is `q`.
    let (body, text) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], std::str::from_utf8(&bytes[at + 1..]).ok()),
        None => (bytes, None),
    };
    let pairs = text.map(|text| ("q".to_owned(), text.to_owned())).into_iter().collect();
    let json = match read(body, &UrlParams::new("/_search", pairs), &context) {
        Ok(request) => {
            let search = request.search(vec!["shop".to_owned()]);
            let aggregations = search.aggregations.iter().map(result).collect();
            render(LogFound { aggregations, ..LogFound::default() }, &request, &Answer::default())
        }
        Err(error) => {
            assert!((400..500).contains(&error.status));
            error.render()
        }
    };
    let shown = std::str::from_utf8(&json).expect("an answer is text");
    Node::parse_within(shown, 256).expect("an answer is JSON");
    let params = UrlParams::new("", vec![("pretty".to_owned(), String::new())]);
    let pretty = finish(json, &params);
    Node::parse_within(std::str::from_utf8(&pretty).expect("text"), 256).expect("an indented answer is JSON");
});

/// Something that the storage could have answered.
fn result(aggregation: &Aggregation) -> AggregationResult {
    let inner = || aggregation.inner.iter().map(result).collect();
    let bucket = |keys: Vec<BucketKey>| Bucket { keys, count: 2, inner: inner() };
    let buckets = |buckets| AggregationResult::Buckets(Buckets { buckets, others: 1, error: 0 });
    let time = |at| BucketKey::Time(LogTime::from_millis(at));
    match &aggregation.kind {
        AggregationKind::Terms { .. } => buckets(vec![
            bucket(vec![BucketKey::Text("a".to_owned())]),
            bucket(vec![BucketKey::Number(Number::Float(0.5))]),
            bucket(vec![BucketKey::Null]),
        ]),
        AggregationKind::DateHistogram { .. } => buckets((0..3).map(|at| bucket(vec![time(60_000 * at)])).collect()),
        AggregationKind::Histogram { .. } => {
            buckets((0..3).map(|at| bucket(vec![BucketKey::Number(Number::Int(at))])).collect())
        }
        AggregationKind::Range { .. } | AggregationKind::DateRange { .. } | AggregationKind::Filters { .. } => {
            buckets((0..2).map(|at| bucket(vec![BucketKey::Place(at)])).collect())
        }
        AggregationKind::Filter(_) | AggregationKind::Missing { .. } | AggregationKind::Global => {
            buckets(vec![bucket(Vec::new())])
        }
        AggregationKind::Composite { sources, .. } => buckets(vec![bucket(sources.iter().map(|_| time(0)).collect())]),
        AggregationKind::Cardinality(_) | AggregationKind::ValueCount(_) => AggregationResult::Count(3),
        AggregationKind::Percentiles { percents, .. } => {
            AggregationResult::Percentiles(percents.iter().map(|percent| (*percent, Some(1.5))).collect())
        }
        AggregationKind::Stats(_) => AggregationResult::Stats(ExtendedStats {
            count: 2,
            sum: 3.0,
            min: 1.0,
            max: 2.0,
            sum_of_squares: 5.0,
            times: false,
        }),
        AggregationKind::TopHits { .. } => AggregationResult::Hits(0, Vec::new()),
    }
}
