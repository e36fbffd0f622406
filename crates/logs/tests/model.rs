//! The store against an evaluator of a few lines: random records, questions, orders and figures, asked of the same
//! records in memory, sealed, merged, both, and after a restart.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, SimDisk};
use lingshao_logs::{Options, Outcome, SearchLimits, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{
    Aggregation, AggregationKind, AggregationResult, Bound, BucketKey, BucketOrder, Case, FieldSelection,
    FieldTest, Join, Level, LogBatch, LogQuery, LogRecord, LogSearch, LogTime, LogValue, Missing, Number,
    QueryValue, SortField, SortKey, SortOrder, SortValue, TermsSelection, Test, TotalWanted, ValueSource,
};
use proptest::prelude::*;

const NOW: LogTime = LogTime(1_750_000_000_000_000_000);
const NAMES: [&str; 4] = ["message", "n", "tags", "mixed"];

/// A record as it was sent.
#[derive(Clone, Debug)]
struct Sent {
    minutes: i64,
    level: Option<Level>,
    fields: Vec<(&'static str, LogValue<String>, bool)>,
    source: Option<String>,
}

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "Pay",
        "pay",
        "PAYMENT",
        "失败",
        "支付",
        "支付失败",
        "x1",
        "500",
        "order_7",
        "a-b",
    ]);
    prop::collection::vec(word, 1..4).prop_map(|words| words.join(" "))
}

fn value() -> impl Strategy<Value = LogValue<String>> {
    prop_oneof![
        4 => text().prop_map(LogValue::Text),
        3 => (-3..600_i64).prop_map(LogValue::Int),
        1 => any::<i64>().prop_map(LogValue::Int),
        2 => (-8..40_i32).prop_map(|n| LogValue::Float(f64::from(n) / 8.0)),
        1 => any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(LogValue::Float),
        1 => any::<bool>().prop_map(LogValue::Bool),
        1 => Just(LogValue::Null),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let level = prop::option::of(prop::sample::select(Level::ALL.to_vec()));
    let message = prop::option::weighted(0.9, text());
    let tags = prop::collection::vec(value(), 0..4);
    let source = prop::option::weighted(0.1, Just("{\"own\":[{}]}".to_owned()));
    // Several days, so that a generation has several parts.
    (-4_000..5_i64, level, message, prop::option::of(value()), tags, prop::option::of(value()), source)
        .prop_map(|(minutes, level, message, n, tags, mixed, source)| {
            let mut fields = Vec::new();
            fields.extend(mixed.map(|mixed| ("mixed", mixed, false)));
            fields.extend(message.map(|message| ("message", LogValue::Text(message), false)));
            fields.extend(tags.into_iter().map(|tag| ("tags", tag, true)));
            fields.extend(n.map(|n| ("n", n, false)));
            Sent { minutes, level, fields, source }
        })
}

fn query() -> impl Strategy<Value = LogQuery> {
    let leaf = (prop::sample::select(NAMES.to_vec()), test()).prop_map(|(name, test)| field(name, test));
    let leaf = prop_oneof![
        6 => leaf,
        1 => prop::sample::select(Level::ALL.to_vec()).prop_map(|level| field("level", is(level.name()))),
        1 => (-4_000..5_i64, 0..3_000_i64).prop_map(|(from, length)| {
            let at = |minutes| {
                let time = time(minutes);
                Bound::Included(QueryValue::new("").with_time(time, time))
            };
            field("timestamp", Test::Range { lower: at(from), upper: at(from + length) })
        }),
        1 => Just(LogQuery::All),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(LogQuery::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(LogQuery::Or),
            (0..3_usize, prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(min, of)| LogQuery::AtLeast { min, of }),
            inner.prop_map(|inner| LogQuery::Not(Box::new(inner))),
        ]
    })
}

fn test() -> impl Strategy<Value = Test> {
    let number = (-3..600_i64).prop_map(|n| Bound::Included(QueryValue::new(&n.to_string())));
    let bound = prop_oneof![
        Just(Bound::Open),
        number.clone(),
        (-3..9_i64).prop_map(|n| Bound::Excluded(QueryValue::new(&format!("{n}.5"))))
    ];
    prop_oneof![
        1 => Just(Test::Exists),
        2 => text().prop_map(|text| is(&text)),
        2 => (-3..600_i64).prop_map(|n| is(&n.to_string())),
        2 => text().prop_map(|text| words(&text, Join::Any)),
        2 => text().prop_map(|text| words(&text, Join::All)),
        2 => text().prop_map(|text| words(&text, Join::Phrase { slop: 0 })),
        1 => prop::sample::select(vec!["pa", "Pay", "支", "5", "order_"])
            .prop_map(|text| Test::Prefix { text: text.to_owned(), case: Case::Fold }),
        1 => prop::sample::select(vec!["pay*", "*失败", "P?y", "*-*", "*"])
            .prop_map(|text| Test::Wildcard { pattern: text.to_owned(), case: Case::Fold }),
        2 => (number, bound).prop_map(|(lower, upper)| Test::Range { lower, upper }),
    ]
}

fn field(name: &str, test: Test) -> LogQuery {
    LogQuery::Field(Box::new(FieldTest { fields: FieldSelection::One(name.to_owned()), test, lenient: true }))
}

fn is(text: &str) -> Test {
    Test::Is { value: QueryValue::new(text), case: Case::Fold }
}

fn words(text: &str, join: Join) -> Test {
    Test::Words { value: QueryValue::new(text), join, prefix_last: false, wordless: false, case: Case::Fold }
}

fn time(minutes: i64) -> LogTime {
    LogTime(NOW.0 + minutes * 60_000_000_000)
}

// The evaluator.

fn holds(query: &LogQuery, record: &LogRecord) -> bool {
    match query {
        LogQuery::All => true,
        LogQuery::Nothing | LogQuery::Ids(_) => false,
        LogQuery::And(of) => of.iter().all(|one| holds(one, record)),
        LogQuery::Or(of) => of.iter().any(|one| holds(one, record)),
        LogQuery::AtLeast { min, of } => of.iter().filter(|one| holds(one, record)).count() >= *min,
        LogQuery::Not(inner) => !holds(inner, record),
        LogQuery::Field(own) => {
            let FieldSelection::One(name) = &own.fields else { panic!("only single fields are made") };
            match (name.as_str(), &own.test) {
                ("level", Test::Is { value, .. }) => {
                    record.level.is_some_and(|level| level.name() == value.text)
                }
                ("timestamp", Test::Range { lower, upper }) => {
                    let end = |bound: &Bound| match bound {
                        Bound::Included(value) => value.time.unwrap().0,
                        _ => panic!("only included ends are made"),
                    };
                    (end(lower)..=end(upper)).contains(&record.time)
                }
                (name, test) => record
                    .fields
                    .iter()
                    .filter(|field| &*field.name == name)
                    .any(|field| value_holds(test, &field.value)),
            }
        }
    }
}

fn value_holds(test: &Test, value: &LogValue<String>) -> bool {
    match (test, value) {
        (_, LogValue::Null) => false,
        (Test::Exists, _) => true,
        (Test::Range { lower, upper }, value) => number_of(value).is_some_and(|number| {
            let above = |bound: &Bound, wanted: std::cmp::Ordering| match bound {
                Bound::Open => true,
                Bound::Included(own) => number.compare(own.number.unwrap()) != wanted.reverse(),
                Bound::Excluded(own) => number.compare(own.number.unwrap()) == wanted,
            };
            above(lower, std::cmp::Ordering::Greater) && above(upper, std::cmp::Ordering::Less)
        }),
        (Test::Is { value: own, .. } | Test::Words { value: own, .. }, value)
            if own
                .number
                .is_some_and(|own| number_of(value).is_some_and(|number| number.compare(own).is_eq())) =>
        {
            true
        }
        (test, LogValue::Text(text)) => text_holds(test, &text.to_lowercase()),
        _ => false,
    }
}

fn number_of(value: &LogValue<String>) -> Option<Number> {
    match value {
        LogValue::Int(value) => Some(Number::Int(*value)),
        LogValue::Float(value) => Some(Number::Float(*value)),
        LogValue::Text(text) => Number::read(text),
        _ => None,
    }
}

/// Words are separated by blanks and dashes; Han runs stand as they are.
fn units(text: &str) -> Vec<String> {
    text.to_lowercase().split([' ', '-']).map(str::to_owned).collect()
}

fn is_han(unit: &str) -> bool {
    unit.starts_with(['支', '失'])
}

fn text_holds(test: &Test, text: &str) -> bool {
    let own = units(text);
    let has = |unit: &String| if is_han(unit) { text.contains(&**unit) } else { own.contains(unit) };
    match test {
        Test::Is { value, .. } => {
            let value = value.text.to_lowercase();
            text == value || (!value.contains([' ', '-']) && has(&value))
        }
        Test::Words { value, join: Join::Any, .. } => units(&value.text).iter().any(has),
        Test::Words { value, join: Join::All, .. } => units(&value.text).iter().all(has),
        Test::Words { value, .. } => {
            // Each Han character is a word of its own; one of a run follows the one before without a gap.
            let spread = |text: &str| -> Vec<(String, bool)> {
                let cut = |unit: String| match is_han(&unit) {
                    true => unit.chars().enumerate().map(|(at, own)| (own.to_string(), at > 0)).collect(),
                    false => vec![(unit, false)],
                };
                units(text).into_iter().flat_map(cut).collect()
            };
            let (text, wanted) = (spread(text), spread(&value.text));
            let same =
                |(own, wanted): (&(String, bool), &(String, bool))| own.0 == wanted.0 && (own.1 || !wanted.1);
            text.windows(wanted.len()).any(|some| some.iter().zip(&wanted).all(same))
        }
        Test::Prefix { text: own_text, .. } => {
            let begin = own_text.to_lowercase();
            text.starts_with(&begin)
                || own.iter().any(|unit| unit.starts_with(&begin))
                || (is_han(&begin) && text.contains(&begin))
        }
        Test::Wildcard { pattern, .. } => match pattern.as_str() {
            "pay*" => text.starts_with("pay") || own.iter().any(|unit| unit.starts_with("pay")),
            "*失败" => text.contains("失败"),
            "P?y" => own.contains(&"pay".to_owned()),
            "*-*" => text.contains('-'),
            _ => true,
        },
        _ => panic!("not made"),
    }
}

// The store, and what it is asked.

fn folder() -> &'static Path {
    Path::new("/data/logs")
}

fn open(disk: &Arc<dyn Disk>) -> Store {
    let (store, report) = Store::open(Arc::clone(disk), folder(), Options::default(), NOW).unwrap();
    assert_eq!((report.quarantined, report.unreadable_records), (vec![], 0));
    store
}

fn append(store: &Store, all: &[Sent], expected: &mut Vec<LogRecord>) {
    let mut batch = LogBatch::default();
    for sent in all {
        let mut record = batch.begin("shop");
        record.time(time(sent.minutes));
        sent.level.iter().for_each(|level| record.level(*level));
        sent.source.iter().for_each(|source| record.source(source));
        for (name, value, listed) in &sent.fields {
            let value = match value {
                LogValue::Null => LogValue::Null,
                LogValue::Bool(value) => LogValue::Bool(*value),
                LogValue::Int(value) => LogValue::Int(*value),
                LogValue::Float(value) => LogValue::Float(*value),
                LogValue::Text(text) => LogValue::Text(&**text),
            };
            record.field(name, value, *listed);
        }
        record.finish();
    }
    let outcomes = store.append(&batch, NOW).unwrap().outcomes;
    for (sent, outcome) in all.iter().zip(outcomes) {
        let Outcome::Created { seq } = outcome else { panic!("{outcome:?}") };
        let field = |(name, value, listed): &(&str, LogValue<String>, bool)| lingshao_model::log::LogField {
            name: (*name).into(),
            value: value.clone(),
            listed: *listed,
        };
        expected.push(LogRecord {
            index: "shop".into(),
            id: lingshao_logs::id_of(seq),
            seq,
            time: time(sent.minutes),
            arrived: NOW,
            level: sent.level,
            fields: sent.fields.iter().map(field).collect(),
            source: sent.source.clone(),
        });
    }
}

fn search(query: &LogQuery, sort: Vec<SortKey>) -> LogSearch {
    let source = |field: &str| ValueSource { field: field.to_owned(), missing: None };
    let terms = AggregationKind::Terms {
        source: source("n"),
        size: 1_000,
        order: vec![BucketOrder::Count { descending: true }],
        min_count: 1,
        selection: TermsSelection::default(),
    };
    let stats = Aggregation {
        name: "stats".to_owned(),
        kind: AggregationKind::ValueCount(source("tags")),
        inner: vec![],
    };
    let aggregations = vec![
        Aggregation { name: "terms".to_owned(), kind: terms, inner: vec![stats] },
        Aggregation {
            name: "different".to_owned(),
            kind: AggregationKind::Cardinality(source("message")),
            inner: vec![],
        },
    ];
    LogSearch {
        sort,
        total: TotalWanted::Exact,
        aggregations,
        ..LogSearch::new(vec!["shop".to_owned()], query.clone(), 1_000)
    }
}

fn check(store: &Store, all: &[LogRecord], query: &LogQuery, order: SortOrder) {
    let wanted: Vec<&LogRecord> = all.iter().filter(|record| holds(query, record)).collect();
    let mut newest = wanted.clone();
    newest.sort_by_key(|record| std::cmp::Reverse((record.time, record.seq)));
    let (snapshot, limits, cancel) = (store.snapshot(), SearchLimits::default(), Cancel::default());
    let found = snapshot.search(&search(query, vec![]), &limits, &cancel).unwrap();
    assert_eq!(found.damage, Vec::<String>::new());
    assert_eq!(found.total, wanted.len() as u64, "{query:?}");
    let hits: Vec<&LogRecord> = found.hits.iter().map(|hit| &hit.record).collect();
    assert_eq!(hits, newest);
    check_terms(&found.aggregations[0], &wanted);
    let texts =
        wanted.iter().filter_map(|record| record.text("message")).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(found.aggregations[1], AggregationResult::Count(texts.len() as u64));
    check_pages(store, &wanted, query, order);
}

fn check_terms(found: &AggregationResult, wanted: &[&LogRecord]) {
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for record in wanted {
        let key = match record.value("n") {
            None | Some(LogValue::Null) => continue,
            Some(LogValue::Float(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                format!("{value:?}").replace(".0", "").replace("-0", "0")
            }
            Some(LogValue::Text(text)) => format!("t{text}"),
            Some(LogValue::Bool(value)) => format!("{value}"),
            Some(LogValue::Int(value)) => format!("{value}"),
            Some(value) => format!("{value:?}"),
        };
        let tags =
            record.fields.iter().filter(|field| &*field.name == "tags" && field.value != LogValue::Null);
        let bucket = expected.entry(key).or_default();
        bucket.0 += 1;
        bucket.1 += tags.count() as u64;
    }
    let AggregationResult::Buckets(buckets) = found else { panic!("{found:?}") };
    let own = buckets.buckets.iter().map(|bucket| {
        let key = match &bucket.keys[0] {
            BucketKey::Text(text) => format!("t{text}"),
            BucketKey::Bool(value) => format!("{value}"),
            BucketKey::Number(Number::Int(value)) => format!("{value}"),
            BucketKey::Number(Number::Float(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                format!("{value:?}").replace(".0", "").replace("-0", "0")
            }
            BucketKey::Number(Number::Float(value)) => format!("{:?}", LogValue::<String>::Float(*value)),
            key => panic!("{key:?}"),
        };
        let AggregationResult::Count(tags) = bucket.inner[0] else { panic!("{bucket:?}") };
        (key, (bucket.count, tags))
    });
    assert_eq!(own.collect::<BTreeMap<_, _>>(), expected);
    assert!(buckets.buckets.is_sorted_by(|a, b| a.count >= b.count));
}

/// Pages of three behind cursors give all records once, in order.
fn check_pages(store: &Store, wanted: &[&LogRecord], query: &LogQuery, order: SortOrder) {
    let number = |record: &LogRecord| {
        let own =
            record.fields.iter().filter(|field| &*field.name == "tags").filter_map(|field| {
                match &field.value {
                    LogValue::Null => None,
                    LogValue::Bool(value) => Some(SortValue::Number(Number::Int(i64::from(*value)))),
                    LogValue::Text(text) => Some(SortValue::Text(text.clone())),
                    value => number_of(value).map(SortValue::Number),
                }
            });
        let least = |a: SortValue, b: SortValue| {
            if (a.compare(&b).is_lt()) == (order == SortOrder::Ascending) { a } else { b }
        };
        own.reduce(least)
    };
    let mut expected = wanted.to_vec();
    expected.sort_by(|a, b| match (number(a), number(b)) {
        (Some(x), Some(y)) if order == SortOrder::Ascending => x.compare(&y).then(a.seq.cmp(&b.seq)),
        (Some(x), Some(y)) => y.compare(&x).then(b.seq.cmp(&a.seq)),
        (None, None) if order == SortOrder::Ascending => a.seq.cmp(&b.seq),
        (None, None) => b.seq.cmp(&a.seq),
        (a, _) => {
            if a.is_some() {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Greater
            }
        }
    });
    let key = SortKey { field: SortField::Field("tags".to_owned()), order, missing: Missing::Last };
    let mut search = search(query, vec![key]);
    (search.size, search.aggregations) = (3, vec![]);
    let mut seqs = Vec::new();
    loop {
        let found = store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default()).unwrap();
        let Some(last) = found.hits.last() else { break };
        let mut after = last.sort.clone();
        after.push(SortValue::Number(Number::Int(last.record.seq as i64)));
        search.after = Some(after);
        seqs.extend(found.hits.iter().map(|hit| hit.record.seq));
    }
    assert_eq!(seqs, expected.iter().map(|record| record.seq).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_state_answers_as_the_evaluator(
        first in prop::collection::vec(sent(), 1..40),
        more in prop::collection::vec(prop::collection::vec(sent(), 1..6), 9..12),
        queries in prop::collection::vec(query(), 1..8),
        descending: bool,
    ) {
        let order = if descending { SortOrder::Descending } else { SortOrder::Ascending };
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let (store, mut all) = (open(&disk), Vec::new());
        let ask = |store: &Store, all: &[LogRecord]| queries.iter().for_each(|query| check(store, all, query, order));
        append(&store, &first, &mut all);
        ask(&store, &all);
        store.seal(NOW).unwrap();
        ask(&store, &all);
        for some in &more {
            append(&store, some, &mut all);
            store.seal(NOW).unwrap();
        }
        while store.maintain(NOW).unwrap().merged > 0 {}
        append(&store, &first, &mut all);
        ask(&store, &all);
        drop(store);
        let store = open(&disk);
        ask(&store, &all);
    }
}
