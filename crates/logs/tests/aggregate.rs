//! Every kind of aggregation over the same few records, in memory and in a part, in two indices.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, SimDisk};
use lingshao_logs::{Options, SearchError, SearchLimits, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{
    Aggregation, AggregationKind, AggregationResult, Bucket, BucketKey, BucketOrder, CalendarUnit, Case,
    CompositeSource, CompositeSourceKind, FieldKind, FieldMapping, FieldSelection, FieldTest, Interval,
    Level, LogBatch, LogQuery, LogSearch, LogTime, LogValue, Mapping, Number, QueryValue, RangeSpec,
    TermsSelection, Test, TotalWanted, ValueSource,
};

const HOUR: i64 = 3_600_000_000_000;
/// 2025-06-15T15:06:40Z.
const NOW: LogTime = LogTime(1_750_000_000_000_000_000);

/// Path, status, seconds, hours ago, level.
const ROWS: [(&str, i64, f64, i64, Level); 6] = [
    ("/pay", 200, 0.5, 0, Level::Info),
    ("/pay", 500, 4.0, 0, Level::Error),
    ("/cart", 200, 0.25, 1, Level::Info),
    ("/pay", 200, 1.5, 1, Level::Warning),
    ("/home", 304, 0.125, 3, Level::Info),
    ("/cart", 500, 2.0, 25, Level::Error),
];

fn store() -> Store {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
    let store = Store::open(disk, Path::new("/logs"), Options::default(), NOW).unwrap().0;
    let field = FieldMapping { kind: FieldKind::Text, values_of: None, parameters: String::new() };
    store.create_index("words", Mapping { fields: [("path".to_owned(), field)].into() }, "", NOW).unwrap();
    for (nth, (path, status, seconds, hours, level)) in ROWS.into_iter().enumerate() {
        let mut batch = LogBatch::default();
        for index in ["shop", "words"] {
            let mut record = batch.begin(index);
            record.time(LogTime(NOW.0 - hours * HOUR));
            record.level(level);
            record.field("path", LogValue::Text(path), false);
            record.field("status", LogValue::Int(status), false);
            record.field("seconds", LogValue::Float(seconds), false);
            if status == 500 {
                record.field("error", LogValue::Text("timeout"), false);
            }
            record.finish();
        }
        store.append(&batch, NOW).unwrap();
        if nth == 2 {
            store.seal(NOW).unwrap();
        }
    }
    store
}

fn source(field: &str) -> ValueSource {
    ValueSource { field: field.to_owned(), missing: None }
}

fn node(name: &str, kind: AggregationKind, inner: Vec<Aggregation>) -> Aggregation {
    Aggregation { name: name.to_owned(), kind, inner }
}

fn terms(field: &str, order: BucketOrder, inner: Vec<Aggregation>) -> Aggregation {
    let selection = TermsSelection::default();
    let kind = AggregationKind::Terms {
        source: source(field),
        size: 2,
        order: vec![order],
        min_count: 1,
        selection,
    };
    node("terms", kind, inner)
}

fn ask(index: &str, query: LogQuery, kind: Aggregation) -> Result<AggregationResult, SearchError> {
    let search = LogSearch {
        total: TotalWanted::Exact,
        aggregations: vec![kind],
        ..LogSearch::new(vec![index.to_owned()], query, 0)
    };
    let found = store().snapshot().search(&search, &SearchLimits::default(), &Cancel::default())?;
    assert_eq!(found.damage, Vec::<String>::new());
    Ok(found.aggregations.into_iter().next().unwrap())
}

/// Buckets as `key count figures…`, and what is beyond them.
#[track_caller]
fn check(query: LogQuery, kind: Aggregation, expected: &str) {
    check_index("shop", query, kind, expected);
}

#[track_caller]
fn check_index(index: &str, query: LogQuery, kind: Aggregation, expected: &str) {
    assert_eq!(show(&ask(index, query, kind).unwrap()), expected);
}

fn show(result: &AggregationResult) -> String {
    match result {
        AggregationResult::Buckets(buckets) => {
            let all: Vec<String> = buckets.buckets.iter().map(show_bucket).collect();
            let others = if buckets.others > 0 { format!(" +{}", buckets.others) } else { String::new() };
            format!("[{}]{others}", all.join(", "))
        }
        AggregationResult::Count(count) => count.to_string(),
        AggregationResult::Percentiles(all) => {
            format!("{:?}", all.iter().map(|(_, value)| *value).collect::<Vec<_>>())
        }
        AggregationResult::Stats(stats) => {
            format!("{} {} {} {}", stats.count, stats.sum, stats.min, stats.max)
        }
        AggregationResult::Hits(count, hits) => {
            format!("{count}: {:?}", hits.iter().map(|hit| hit.record.seq).collect::<Vec<_>>())
        }
    }
}

fn show_bucket(bucket: &Bucket) -> String {
    let key = |key: &BucketKey| match key {
        BucketKey::Null => "null".to_owned(),
        BucketKey::Text(text) => text.clone(),
        BucketKey::Number(Number::Int(value)) => value.to_string(),
        BucketKey::Number(Number::Float(value)) => format!("{value:?}"),
        BucketKey::Bool(value) => value.to_string(),
        BucketKey::Time(time) => time.to_string()[5..16].to_owned(),
        BucketKey::Place(place) => format!("#{place}"),
    };
    let keys: Vec<String> = bucket.keys.iter().map(key).collect();
    let inner: String = bucket.inner.iter().map(|inner| format!(" {}", show(inner))).collect();
    format!("{} {}{inner}", keys.join("/"), bucket.count)
}

fn count(descending: bool) -> BucketOrder {
    BucketOrder::Count { descending }
}

fn failed() -> LogQuery {
    let test = Test::Is { value: QueryValue::new("500"), case: Case::Exact };
    LogQuery::Field(Box::new(FieldTest {
        fields: FieldSelection::One("status".to_owned()),
        test,
        lenient: true,
    }))
}

#[test]
fn terms_are_whole_values_words_numbers_and_levels() {
    check(LogQuery::All, terms("path", count(true), vec![]), "[/pay 3, /cart 2] +1");
    check(LogQuery::All, terms("path.keyword", count(false), vec![]), "[/home 1, /cart 2] +3");
    check(LogQuery::All, terms("status", BucketOrder::Key { descending: true }, vec![]), "[500 2, 304 1] +3");
    check(LogQuery::All, terms("level", count(true), vec![]), "[INFO 3, ERROR 2] +1");
    check(failed(), terms("path", count(true), vec![]), "[/cart 1, /pay 1]");
    check_index("words", LogQuery::All, terms("path", count(true), vec![]), "[pay 3, cart 2] +1");
}

#[test]
fn terms_are_ordered_by_figures_inside_and_selected() {
    let stats = node("took", AggregationKind::Stats(source("seconds")), vec![]);
    let (path, property) = (vec!["took".to_owned()], "max".to_owned());
    let order = BucketOrder::Inner { path, property, descending: true };
    check(LogQuery::All, terms("path", order, vec![stats]), "[/pay 3 3 6 0.5 4, /cart 2 2 2.25 0.25 2] +1");
    let selection = TermsSelection {
        include: Some("/.*a.*".to_owned()),
        never: vec!["/pay".to_owned()],
        ..Default::default()
    };
    let kind = AggregationKind::Terms {
        source: source("path"),
        size: 9,
        order: vec![count(true)],
        min_count: 1,
        selection,
    };
    check(LogQuery::All, node("terms", kind, vec![]), "[/cart 2]");
    let selection = TermsSelection::default();
    let missing = ValueSource { field: "error".to_owned(), missing: Some("none".to_owned()) };
    let kind = AggregationKind::Terms {
        source: missing,
        size: 9,
        order: vec![count(true)],
        min_count: 1,
        selection: selection.clone(),
    };
    check(LogQuery::All, node("terms", kind, vec![]), "[none 4, timeout 2]");
    let kind = AggregationKind::Terms {
        source: source("path"),
        size: 9,
        order: vec![count(true)],
        min_count: 0,
        selection,
    };
    check(failed(), node("terms", kind, vec![]), "[/cart 1, /pay 1, /home 0]");
}

fn dates(interval: Interval, min_count: u64, bounds: Option<(LogTime, LogTime)>) -> Aggregation {
    let kind = AggregationKind::DateHistogram {
        source: source("@timestamp"),
        interval,
        time_zone: "Asia/Shanghai".to_owned(),
        offset: 0,
        min_count,
        extended_bounds: bounds,
        hard_bounds: None,
        order: vec![BucketOrder::Key { descending: false }],
    };
    node("dates", kind, vec![node("took", AggregationKind::ValueCount(source("error")), vec![])])
}

#[test]
fn dates_are_cut_by_the_calendar_and_gaps_are_filled() {
    let day = Interval::Calendar(CalendarUnit::Day);
    check(LogQuery::All, dates(day, 1, None), "[06-13T16:00 1 1, 06-14T16:00 5 1]");
    let hour = Interval::Fixed(HOUR);
    check(failed(), dates(hour, 1, None), "[06-14T14:00 1 1, 06-15T15:00 1 1]");
    let recent = Some((LogTime(NOW.0 - 3 * HOUR), LogTime(NOW.0 + HOUR)));
    let query = LogQuery::And(vec![failed(), LogQuery::Not(Box::new(path("/cart")))]);
    let filled = "[06-15T12:00 0 0, 06-15T13:00 0 0, 06-15T14:00 0 0, 06-15T15:00 1 1, 06-15T16:00 0 0]";
    check(query, dates(hour, 0, recent), filled);
    let error = ask("shop", LogQuery::All, dates(Interval::Fixed(1_000_000), 0, None)).unwrap_err();
    assert!(matches!(error, SearchError::TooManyBuckets { buckets_max: 65_536 }), "{error}");
}

fn path(text: &str) -> LogQuery {
    let test = Test::Is { value: QueryValue::new(text), case: Case::Exact };
    LogQuery::Field(Box::new(FieldTest {
        fields: FieldSelection::One("path".to_owned()),
        test,
        lenient: true,
    }))
}

#[test]
fn numbers_ranges_and_queries_make_buckets() {
    let kind = AggregationKind::Histogram {
        source: source("seconds"),
        interval: 1.0,
        offset: 0.0,
        min_count: 0,
        extended_bounds: Some((0.0, 5.0)),
        order: vec![BucketOrder::Key { descending: false }],
    };
    check(LogQuery::All, node("h", kind, vec![]), "[0.0 3, 1.0 1, 2.0 1, 3.0 0, 4.0 1, 5.0 0]");
    let range = |from, to| RangeSpec { key: None, from, to };
    let ranges = vec![range(None, Some(1.0)), range(Some(0.5), None), range(Some(9.0), None)];
    check(
        LogQuery::All,
        node("r", AggregationKind::Range { source: source("seconds"), ranges }, vec![]),
        "[#0 3, #1 4, #2 0]",
    );
    let ranges = vec![RangeSpec { key: None, from: Some(LogTime(NOW.0 - HOUR)), to: Some(NOW) }];
    check(
        LogQuery::All,
        node("d", AggregationKind::DateRange { source: source("ts"), ranges }, vec![]),
        "[#0 2]",
    );
    let filters = vec![("failed".to_owned(), failed()), ("pay".to_owned(), path("/pay"))];
    let kind = AggregationKind::Filters { filters, other: Some("other".to_owned()) };
    check(LogQuery::All, node("f", kind, vec![]), "[#0 2, #1 3, #2 2]");
    check(LogQuery::All, node("f", AggregationKind::Filter(failed()), vec![]), "[ 2]");
    check(failed(), node("m", AggregationKind::Missing { field: "error".to_owned() }, vec![]), "[ 0]");
    let inner = vec![terms("path", count(true), vec![])];
    check(failed(), node("g", AggregationKind::Global, inner), "[ 6 [/pay 3, /cart 2] +1]");
}

#[test]
fn combinations_come_page_by_page() {
    let one = |name: &str, kind, descending| CompositeSource {
        name: name.to_owned(),
        field: name.to_owned(),
        kind,
        descending,
        missing_bucket: true,
    };
    let pages = |after| AggregationKind::Composite {
        sources: vec![
            one("error", CompositeSourceKind::Terms, false),
            one("status", CompositeSourceKind::Histogram(100.0), true),
        ],
        size: 2,
        after,
    };
    check(LogQuery::All, node("c", pages(None), vec![]), "[null/300.0 1, null/200.0 3]");
    let after = vec![BucketKey::Null, BucketKey::Number(Number::Int(200))];
    check(LogQuery::All, node("c", pages(Some(after)), vec![]), "[timeout/500.0 2]");
}

#[test]
fn figures_of_all_and_of_nothing() {
    let check_kind = |query: LogQuery, kind, expected| check(query, node("x", kind, vec![]), expected);
    check_kind(LogQuery::All, AggregationKind::Cardinality(source("path")), "3");
    check_kind(LogQuery::All, AggregationKind::ValueCount(source("error")), "2");
    let percentiles = AggregationKind::Percentiles { source: source("seconds"), percents: vec![50.0, 100.0] };
    check_kind(LogQuery::All, percentiles.clone(), "[Some(1.0), Some(4.0)]");
    check_kind(LogQuery::Nothing, percentiles, "[None, None]");
    check_kind(LogQuery::Nothing, AggregationKind::Stats(source("seconds")), "0 0 inf -inf");
    check_kind(LogQuery::Nothing, AggregationKind::Filter(LogQuery::All), "[ 0]");
    let hits = AggregationKind::TopHits { sort: vec![], from: 1, size: 2 };
    check_kind(LogQuery::All, hits.clone(), "6: [1, 7]");
    check(
        LogQuery::All,
        terms("path", count(true), vec![node("top", hits, vec![])]),
        "[/pay 3 3: [1, 7], /cart 2 2: [11]] +1",
    );
}
