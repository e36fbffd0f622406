//! What taking, sealing and asking a million request logs costs: prints figures, asserts nothing.
//!
//! `cargo bench -p lingshao-logs`: the rows of a shop's day as the plan's middleware writes them, 2,000 to a batch.
//! `LINGSHAO_BENCH_ROWS` changes their number.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lingshao_disk::{Disk, RealDisk};
use lingshao_logs::{Options, SearchLimits, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{
    Aggregation, AggregationKind, Bound, Case, FieldSelection, FieldTest, Interval, Join, Level, LogBatch,
    LogQuery, LogSearch, LogTime, LogValue, QueryValue, TermsSelection, Test, TotalWanted, ValueSource,
};

const DAY: i64 = 86_400_000_000_000;
const END: i64 = 1_764_115_200_000_000_000;
const BATCH: usize = 2_000;
const PATHS: [(&str, &str, u64); 9] = [
    ("/api/v1/products/", "", 30),
    ("/api/v1/orders/", "", 14),
    ("/api/v1/orders", "-", 10),
    ("/api/v1/payments/", "/notify", 5),
    ("/api/v1/payments/", "", 6),
    ("/api/v1/cart", "-", 12),
    ("/api/v1/groups/", "/join", 4),
    ("/api/v1/search", "-", 12),
    ("/api/v1/users/me", "-", 7),
];
const ERRORS: [&str; 5] = [
    "支付失败: 渠道返回超时",
    "数据库连接失败, 已重试3次",
    "connection timed out after 3000 ms",
    "库存不足, 无法下单",
    "upstream returned 502",
];
const NOTES: [&str; 7] = [
    "订单已创建",
    "支付成功",
    "拼团成功",
    "request completed",
    "库存预警: 低于安全库存",
    "cache miss, loaded from database",
    "用户登录",
];
const AGENTS: [&str; 5] = [
    "MicroMessenger/8.0.49",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)",
    "Mozilla/5.0 (Linux; Android 14)",
    "okhttp/4.12.0",
    "curl/8.5.0",
];

/// xorshift: the same rows each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pareto(&mut self, shape: f64) -> u64 {
        (1.0 - self.unit()).powf(-1.0 / shape) as u64
    }
}

fn push_row(batch: &mut LogBatch, random: &mut Random, at: i64) -> String {
    let mut pick = random.below(100);
    let (path, tail, _) = PATHS
        .iter()
        .find(|(_, _, weight)| {
            let own = pick < *weight;
            pick = pick.saturating_sub(*weight);
            own
        })
        .unwrap();
    let mut whole = (*path).to_owned();
    if *tail != "-" {
        write!(whole, "{}{tail}", random.pareto(1.1) % 20_000).unwrap();
    }
    let failed = random.unit() < if whole.contains("payments") { 0.06 } else { 0.012 };
    let status = match (failed, random.below(100)) {
        (true, n) => [500, 500, 502, 503][n as usize % 4],
        (_, 0..80) => 200,
        (_, 80..88) => 201,
        (_, 88..92) => 304,
        (_, 92..95) => 400,
        (_, 95..97) => 401,
        _ => 404,
    };
    let level = match status {
        500.. => Level::Error,
        400.. => Level::Warning,
        _ if random.below(100) == 0 => Level::Warning,
        _ if random.below(10) == 0 => Level::Debug,
        _ => Level::Info,
    };
    let took = (((random.unit() + random.unit() + random.unit() - 1.5) * 1.8 - 3.2).exp()
        * if failed { 8000.0 } else { 1000.0 })
    .round()
        / 1000.0;
    let note = if failed { ERRORS[random.below(5) as usize] } else { NOTES[random.below(7) as usize] };
    let trace = format!("{:016x}{:016x}", random.next(), random.next());
    let mut record = batch.begin("shop");
    record.time(LogTime(at));
    record.level(level);

    record.field("timestamp", text(&LogTime(at).to_string()), false);
    record.field("level", text(level.name()), false);
    record.field("logger", text(&format!("lingxian.{}", whole.split('/').nth(3).unwrap())), false);
    record.field("method", text(["GET", "GET", "GET", "POST", "PUT"][random.below(5) as usize]), false);
    record.field("path", text(&whole), false);
    record.field("status_code", LogValue::Int(status), false);
    record.field("process_time", LogValue::Float(took), false);
    let ip = format!("10.{}.{}.{}", random.below(4), random.below(256), random.below(256));
    record.field("client_ip", text(&ip), false);
    record.field("user_id", LogValue::Int((random.pareto(0.9) % 200_000 + 10_000) as i64), false);
    record.field("trace_id", text(&trace), false);
    record.field("user_agent", text(AGENTS[random.below(5) as usize]), false);
    let message = format!("{note} order_no={:09} cost={took}s", random.below(1_000_000_000));
    record.field("message", text(&message), false);
    record.finish();
    trace
}

fn text(text: &str) -> LogValue<&str> {
    LogValue::Text(text)
}

fn main() {
    let rows: usize = std::env::var("LINGSHAO_BENCH_ROWS").map_or(1_000_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let (store, _) = Store::open(Arc::clone(&disk), folder.path(), Options::default(), LogTime(END)).unwrap();
    let mut random = Random(20_261_122);
    let (mut batch, mut trace) = (LogBatch::default(), String::new());
    let (mut appending, mut sealing, mut raw) = (0.0, 0.0, 0);
    for begin in (0..rows).step_by(BATCH) {
        batch.clear();
        for row in begin..(begin + BATCH).min(rows) {
            let own = push_row(
                &mut batch,
                &mut random,
                END - DAY + (DAY / 1_000_000 * row as i64) / (rows as i64) * 1_000_000,
            );
            if row == rows / 2 {
                trace = own;
            }
        }
        raw += batch.bytes();
        let begun = cpu_seconds();
        store.append(&batch, LogTime(END)).unwrap();
        appending += cpu_seconds() - begun;
        if begin / BATCH % 10 == 9 {
            let begun = cpu_seconds();
            store.maintain(LogTime(END)).unwrap();
            sealing += cpu_seconds() - begun;
        }
    }
    let peak = resident_bytes();
    let begun = cpu_seconds();
    store.seal(LogTime(END)).unwrap();
    sealing += cpu_seconds() - begun;
    println!("rows               {rows:8}   {:6.1} MB in batches", raw as f64 / 1e6);
    println!("append             {appending:8.2} CPU s");
    println!("seal               {sealing:8.2} CPU s");
    println!("on disk            {:8.2} MB", folder_bytes(folder.path()) as f64 / 1e6);
    println!("resident           {:8.1} MB", peak as f64 / 1e6);
    let begun = Instant::now();
    let mut merged = 0;
    while {
        let done = store.maintain(LogTime(END)).unwrap();
        merged += done.merged;
        done.merged > 0
    } {}
    println!("merge of {merged:3} parts {:8.2} s", begun.elapsed().as_secs_f64());
    questions(&store, &trace);
    drop(store);
    let begun = Instant::now();
    let (store, _) = Store::open(disk, folder.path(), Options::default(), LogTime(END)).unwrap();
    println!("open               {:8.2} ms", begun.elapsed().as_secs_f64() * 1e3);
    println!(
        "on disk            {:8.2} MB in {} parts",
        folder_bytes(folder.path()) as f64 / 1e6,
        store.stats().parts
    );
    println!("resident           {:8.1} MB", resident_bytes() as f64 / 1e6);
}

fn field(name: &str, test: Test) -> LogQuery {
    let fields = FieldSelection::One(name.to_owned());
    LogQuery::Field(Box::new(FieldTest { fields, test, lenient: true }))
}

fn value(text: &str) -> QueryValue {
    QueryValue::new(text)
}

fn words(text: &str) -> Test {
    Test::Words {
        value: value(text),
        join: Join::Phrase { slop: 0 },
        prefix_last: false,
        wordless: false,
        case: Case::Fold,
    }
}

fn since(from: i64) -> LogQuery {
    let at = |time| Bound::Included(value("").with_time(LogTime(time), LogTime(time)));
    field("timestamp", Test::Range { lower: at(from), upper: at(END) })
}

fn questions(store: &Store, trace: &str) {
    let above = |number: &str| Test::Range { lower: Bound::Excluded(value(number)), upper: Bound::Open };
    let path = Test::Wildcard { pattern: "/api/v1/payments/*".to_owned(), case: Case::Fold };
    let hour = END - DAY / 24;
    ask(
        store,
        "1 errors of an hour",
        LogQuery::And(vec![field("level", words("ERROR")), since(hour)]),
        vec![],
    );
    ask(
        store,
        "2 slow of an hour",
        LogQuery::And(vec![field("process_time", above("2")), since(hour)]),
        vec![],
    );
    ask(store, "2 slow of the day", field("process_time", above("2")), vec![]);
    ask(
        store,
        "3 failed payments",
        LogQuery::And(vec![field("path", path), field("status_code", words("500"))]),
        vec![],
    );
    ask(store, "4 of a user", field("user_id", words("12345")), vec![]);
    ask(store, "all", LogQuery::All, vec![]);
    ask(store, "trace id", field("trace_id", words(trace)), vec![]);
    ask(
        store,
        "trace id, any field",
        LogQuery::Field(Box::new(FieldTest {
            fields: FieldSelection::Any,
            test: words(trace),
            lenient: true,
        })),
        vec![],
    );
    ask(store, "two Han characters", field("message", words("付失")), vec![]);
    ask(store, "word in messages", field("message", words("timed out")), vec![]);
    ask(store, "levels by minute", LogQuery::All, vec![by_minute()]);
    ask(store, "p95 by path", LogQuery::All, vec![p95_by_path()]);
}

fn source(field: &str) -> ValueSource {
    ValueSource { field: field.to_owned(), missing: None }
}

fn terms(field: &str, inner: Vec<Aggregation>) -> Aggregation {
    let selection = TermsSelection::default();
    let order = vec![lingshao_model::log::BucketOrder::Count { descending: true }];
    let kind = AggregationKind::Terms { source: source(field), size: 10, order, min_count: 1, selection };
    Aggregation { name: "terms".to_owned(), kind, inner }
}

fn by_minute() -> Aggregation {
    let kind = AggregationKind::DateHistogram {
        source: source("timestamp"),
        interval: Interval::Fixed(60_000_000_000),
        time_zone: "Asia/Shanghai".to_owned(),
        offset: 0,
        min_count: 0,
        extended_bounds: None,
        hard_bounds: None,
        order: vec![],
    };
    Aggregation { name: "minutes".to_owned(), kind, inner: vec![terms("level", vec![])] }
}

fn p95_by_path() -> Aggregation {
    let kind = AggregationKind::Percentiles { source: source("process_time"), percents: vec![95.0] };
    terms("path", vec![Aggregation { name: "p95".to_owned(), kind, inner: vec![] }])
}

fn ask(store: &Store, what: &str, query: LogQuery, aggregations: Vec<Aggregation>) {
    let size = if aggregations.is_empty() { 50 } else { 0 };
    let search = LogSearch {
        total: TotalWanted::Exact,
        aggregations,
        ..LogSearch::new(vec!["shop".to_owned()], query, size)
    };
    let mut times = Vec::new();
    let mut total = 0;
    for _ in 0..5 {
        let begun = cpu_seconds();
        let found = store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default()).unwrap();
        times.push((cpu_seconds() - begun) * 1e3);
        assert_eq!(found.damage, Vec::<String>::new());
        total = found.total;
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    println!("{what:20} {:8.2} CPU ms, first {first:8.2}   {total:8} found", times[2]);
}

/// Time that this thread has run.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let kind = entry.metadata().unwrap();
            if kind.is_dir() { folder_bytes(&entry.path()) } else { kind.len() }
        })
        .sum()
}
