//! What users of the storage rely on: ids, indices, limits, retention, damage.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::{Disk, SimDisk};
use lingshao_logs::{
    IndexError, IndexSize, Options, Outcome, RecordRefusal, SearchError, SearchLimits, Store, examine_part,
    id_of,
};
use lingshao_model::log::{
    Case, FieldKind, FieldMapping, FieldSelection, FieldTest, Join, Level, LogBatch, LogFound, LogQuery,
    LogRecord, LogSearch, LogTime, LogValue, Mapping, QueryValue, SeenKinds, Test, TotalWanted,
};
use lingshao_model::{Cancel, TimeDelta};

const DAY: i64 = 86_400_000_000_000;
const NOW: LogTime = LogTime(1_750_000_000_000_000_000);

fn open(disk: &SimDisk, options: Options) -> Store {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::open(disk, Path::new("/logs"), options, NOW).unwrap().0
}

fn one(index: &str, id: Option<&str>, time: i64, fields: &[(&str, LogValue<&str>)]) -> LogBatch {
    let mut batch = LogBatch::default();
    add(&mut batch, index, id, time, fields);
    batch
}

fn add(batch: &mut LogBatch, index: &str, id: Option<&str>, time: i64, fields: &[(&str, LogValue<&str>)]) {
    let mut record = batch.begin(index);
    id.iter().for_each(|id| record.id(id));
    record.time(LogTime(time));
    fields.iter().for_each(|(name, value)| record.field(name, *value, false));
    record.finish();
}

fn append(store: &Store, batch: &LogBatch) -> Outcome {
    store.append(batch, NOW).unwrap().outcomes.remove(0)
}

fn search(store: &Store, index: &str, query: LogQuery) -> Result<LogFound, SearchError> {
    let search =
        LogSearch { total: TotalWanted::Exact, ..LogSearch::new(vec![index.to_owned()], query, 100) };
    store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default())
}

fn field(name: &str, test: Test) -> LogQuery {
    LogQuery::Field(Box::new(FieldTest {
        fields: FieldSelection::One(name.to_owned()),
        test,
        lenient: false,
    }))
}

fn is(text: &str) -> Test {
    Test::Is { value: QueryValue::new(text), case: Case::Exact }
}

fn words(text: &str) -> Test {
    let value = QueryValue::new(text);
    Test::Words { value, join: Join::Any, prefix_last: false, wordless: false, case: Case::Fold }
}

#[test]
fn a_repeated_id_is_stored_once_also_after_sealing_and_a_restart() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    let first = one("shop", Some("a"), NOW.0, &[("n", LogValue::Int(1))]);
    let Outcome::Created { seq } = append(&store, &first) else { panic!("it is new") };
    let other = one("shop", Some("a"), NOW.0, &[("n", LogValue::Int(2))]);
    let elsewhere = one("depot", Some("a"), NOW.0, &[("n", LogValue::Int(2))]);
    let check = |store: &Store| {
        assert_eq!(append(store, &first), Outcome::Same { seq });
        assert_eq!(append(store, &other), Outcome::Conflict { seq });
        assert_eq!(search(store, "shop", LogQuery::All).unwrap().total, 1);
    };
    check(&store);
    assert!(matches!(append(&store, &elsewhere), Outcome::Created { .. }), "every index has its own ids");
    drop(store);
    let store = open(&disk, Options::default());
    check(&store);
    store.seal(NOW).unwrap();
    drop(store);
    let store = open(&disk, Options::default());
    check(&store);
    let found = search(&store, "shop", LogQuery::Ids(vec!["a".to_owned(), "b".to_owned()])).unwrap();
    assert_eq!(found.hits[0].record.seq, seq);
}

#[test]
fn made_ids_are_found_and_twins_in_a_batch_are_one() {
    let store = open(&SimDisk::new(), Options::default());
    let mut batch = one("shop", Some("x"), NOW.0, &[]);
    add(&mut batch, "shop", Some("x"), NOW.0, &[]);
    add(&mut batch, "shop", None, NOW.0, &[]);
    let outcomes = store.append(&batch, NOW).unwrap().outcomes;
    assert_eq!(
        outcomes,
        [Outcome::Created { seq: 1 }, Outcome::Same { seq: 1 }, Outcome::Created { seq: 2 }]
    );
    store.seal(NOW).unwrap();
    let found = search(&store, "shop", LogQuery::Ids(vec![id_of(2)])).unwrap();
    assert_eq!(found.hits.iter().map(|hit| &*hit.record.id).collect::<Vec<_>>(), [id_of(2)]);
    assert_eq!(store.snapshot().last_seq(), 2);
}

#[test]
fn bad_records_are_refused_by_name_and_the_rest_is_kept() {
    let options = Options {
        indices_max: 2,
        fields_max: 2,
        record_fields_max: 3,
        record_bytes_max: 100,
        field_bytes_max: 10,
        ..Options::default()
    };
    let store = open(&SimDisk::new(), options);
    let int = LogValue::Int(1);
    let mut batch = LogBatch::default();
    add(&mut batch, "shop", None, NOW.0, &[("a", int), ("b", LogValue::Text("支付失败支付失败"))]);
    add(&mut batch, "Shop", None, NOW.0, &[]);
    add(&mut batch, "two", None, NOW.0, &[]);
    add(&mut batch, "three", None, NOW.0, &[]);
    add(&mut batch, "shop", None, NOW.0, &[("c", int)]);
    add(&mut batch, "shop", None, NOW.0, &[("a", int), ("a", int), ("a", int), ("a", int)]);
    add(&mut batch, "shop", Some(""), NOW.0, &[]);
    let outcomes = store.append(&batch, NOW).unwrap().outcomes;
    let refusals: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        refusals,
        [
            "invalid index name `Shop`: it contains upper-case letters",
            "cannot make index `three`: there are 2 already; delete some, or send to fewer",
            "index `shop` would have more than 2 fields; are values used as names?",
            "the record has 4 fields, 3 are allowed",
            "the id has 0 bytes, 1 to 512 are allowed",
        ]
    );
    let large = RecordRefusal::TooLarge { bytes: 101, bytes_max: 100 };
    let mut batch = LogBatch::default();
    let mut record = batch.begin("shop");
    record.source(&"x".repeat(101));
    record.finish();
    assert_eq!(append(&store, &batch), Outcome::Refused(large));
    let found = search(&store, "shop", LogQuery::All).unwrap();
    let record = &found.hits[0].record;
    assert_eq!(
        (record.text("b"), record.text("_cut")),
        (Some("支付失"), Some("b")),
        "cut between characters, and told"
    );
}

#[test]
fn appends_are_refused_while_too_much_waits() {
    let store = open(&SimDisk::new(), Options { tail_bytes_max: 1_000, ..Options::default() });
    let batch = one("shop", None, NOW.0, &[("message", LogValue::Text(&"x".repeat(900)))]);
    let refused = (0..10).find_map(|_| store.append(&batch, NOW).err()).unwrap();
    assert!(refused.to_string().ends_with("2000 are allowed; is the disk full or slow?"), "{refused}");
    assert_eq!(store.maintain(NOW).unwrap().sealed, 1);
    store.append(&batch, NOW).unwrap();
}

fn described(kind: FieldKind) -> Mapping {
    let field = FieldMapping { kind, values_of: None, parameters: "{}".to_owned() };
    Mapping { fields: [("user".to_owned(), field)].into() }
}

#[test]
fn indices_are_made_described_and_deleted_for_good() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    store.create_index("shop", described(FieldKind::Long), "{\"a\":1}", NOW).unwrap();
    assert!(matches!(store.create_index("shop", Mapping::default(), "", NOW), Err(IndexError::Exists(_))));
    store.put_mapping("shop", described(FieldKind::Long)).unwrap();
    let error = store.put_mapping("shop", described(FieldKind::Text)).unwrap_err().to_string();
    assert_eq!(error, "field `user` of index `shop` is long and cannot become text; make another index");
    store.put_settings("shop", "{\"a\":2}").unwrap();
    append(&store, &one("shop", None, NOW.0, &[("user", LogValue::Text("12"))]));
    assert_eq!(search(&store, "shop", field("user", is("12.0"))).unwrap().total, 1);
    let error = search(&store, "shop", field("user", is("nobody"))).unwrap_err().to_string();
    assert_eq!(error, "field `user` cannot be `nobody`: it holds a number");
    store.seal(NOW).unwrap();
    drop(store);
    let store = open(&disk, Options::default());
    let info = store.snapshot().indices().remove(0);
    let size = store.snapshot().size("shop");
    assert_eq!((&*info.name, size.records, &*info.settings), ("shop", 1, "{\"a\":2}"));
    assert_eq!((info.mapping, size.times), (described(FieldKind::Long), Some((NOW, NOW))));
    store.delete_index("shop").unwrap();
    assert!(matches!(store.delete_index("shop"), Err(IndexError::Missing(_))));
    append(&store, &one("shop", None, NOW.0, &[]));
    assert_eq!(
        search(&store, "shop", LogQuery::All).unwrap().total,
        1,
        "the records of the deleted one stay away"
    );
    assert_eq!(store.maintain(NOW).unwrap().deleted, 1, "and their file is deleted");
    drop(store);
    let store = open(&disk, Options::default());
    assert_eq!(search(&store, "shop", LogQuery::All).unwrap().total, 1);
}

#[test]
fn whole_days_beyond_retention_go() {
    let disk = SimDisk::new();
    let options = Options { retention: TimeDelta::from_secs(3 * 86_400), ..Options::default() };
    let store = open(&disk, options);
    for day in 0..6 {
        let at = LogTime(NOW.0 - day * DAY);
        store.append(&one("shop", None, at.0, &[]), at).unwrap();
        store.seal(at).unwrap();
    }
    // The clock is a year ahead: what counts is the newest day.
    let done = store.maintain(LogTime(NOW.0 + 365 * DAY)).unwrap();
    assert_eq!(done.deleted, 2);
    let times = store.stats().times.unwrap();
    assert_eq!(times, (LogTime(NOW.0 - 3 * DAY), NOW));
}

#[test]
fn late_and_early_records_keep_their_time_in_the_folder_of_their_arrival() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    for time in [NOW.0 - 40 * DAY, NOW.0 + 40 * DAY, NOW.0 - DAY] {
        append(&store, &one("shop", None, time, &[]));
    }
    store.seal(NOW).unwrap();
    let found = search(&store, "shop", LogQuery::All).unwrap();
    assert_eq!(
        found.hits.iter().map(|hit| hit.record.time.0 - NOW.0).collect::<Vec<_>>(),
        [40 * DAY, -DAY, -40 * DAY]
    );
    let mut days: Vec<_> = parts(&disk).iter().map(|path| path.parent().unwrap().to_owned()).collect();
    days.dedup();
    assert_eq!(days, [PathBuf::from("/logs/days/2025-06-14"), PathBuf::from("/logs/days/2025-06-15")]);
}

#[test]
fn a_quiet_shop_does_not_collect_files() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    for n in 0..200 {
        append(&store, &one("shop", Some(&n.to_string()), NOW.0 + n, &[("n", LogValue::Int(n))]));
        store.seal(NOW).unwrap();
        store.maintain(NOW).unwrap();
    }
    assert!(parts(&disk).len() < 24, "{} files", parts(&disk).len());
    assert_eq!(search(&store, "shop", LogQuery::All).unwrap().total, 200);
}

#[test]
fn levels_are_asked_by_any_of_their_names_and_as_they_were_sent() {
    let store = open(&SimDisk::new(), Options::default());
    let mut batch = LogBatch::default();
    for level in [Level::Warning, Level::Critical] {
        let mut record = batch.begin("shop");
        record.level(level);
        record.field("level", LogValue::Text(if level == Level::Warning { "warn" } else { "FATAL" }), false);
        record.finish();
    }
    store.append(&batch, NOW).unwrap();
    let count = |text: &str| search(&store, "shop", field("level", words(text))).unwrap().total;
    assert_eq!(
        [count("WARNING"), count("Warn"), count("critical"), count("fatal"), count("info")],
        [1, 1, 1, 1, 0]
    );
}

#[test]
fn fields_are_listed_with_what_stands_in_them() {
    let store = open(&SimDisk::new(), Options::default());
    let values = [
        ("a", LogValue::Int(1)),
        ("b", LogValue::Text("10.0.0.1")),
        ("c", LogValue::Text("2025-06-15T00:00:00Z")),
    ];
    append(&store, &one("shop", None, NOW.0, &values));
    append(&store, &one("shop", None, NOW.0, &[("a", LogValue::Text("x"))]));
    let fields = store.snapshot().fields(&["shop".to_owned()], LogTime::MIN, LogTime::MAX);
    let none = SeenKinds::default();
    let own: Vec<_> = fields.iter().map(|field| (&*field.name, field.kinds, field.records)).collect();
    assert_eq!(
        own,
        [
            ("a", SeenKinds { int: true, text: true, ..none }, 2),
            ("b", SeenKinds { ip: true, ..none }, 1),
            ("c", SeenKinds { date: true, ..none }, 1),
        ]
    );
}

fn parts(disk: &SimDisk) -> Vec<PathBuf> {
    let paths = disk.paths().into_iter();
    paths.filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
}

/// Many kinds of values, so that every form of column is in the file.
fn varied(rows: i64) -> LogBatch {
    let mut batch = LogBatch::default();
    for n in 0..rows {
        let mut record = batch.begin("shop");
        record.id(&format!("{n:032x}"));
        record.time(LogTime(NOW.0 + n * 1_000_000));
        record.field("level", LogValue::Text(["INFO", "ERROR"][n as usize % 2]), false);
        record.field("path", LogValue::Text(&format!("/api/v1/orders/{n}")), false);
        record.field("cost", LogValue::Float(n as f64 / 8.0), false);
        record.field("ip", LogValue::Text(&format!("10.0.0.{n}")), false);
        record.field("timestamp", LogValue::Text(&LogTime(NOW.0 + n * 1_000_000).to_string()), false);
        if n % 2 == 0 {
            record.field("free", LogValue::Text(&"支x".repeat(n as usize % 5)), true);
            record.field("free", LogValue::Bool(true), true);
        }
        record.finish();
    }
    batch
}

#[test]
fn damage_anywhere_is_told_and_never_changes_an_answer() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    store.append(&varied(40), NOW).unwrap();
    store.seal(NOW).unwrap();
    let whole = search(&store, "shop", LogQuery::All).unwrap().hits;
    let errors = search(&store, "shop", field("path", words("39"))).unwrap().hits;
    drop(store);
    let path = parts(&disk).remove(0);
    let content = disk.content(&path).unwrap();
    let mut told = 0;
    for at in 0..content.len() {
        let disk = disk.after_kill();
        let mut damaged = content.clone();
        damaged[at] ^= 0x10;
        disk.put(&path, &damaged);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (store, report) = Store::open(shared, Path::new("/logs"), Options::default(), NOW).unwrap();
        let mut damage = report.quarantined.len();
        for (query, expected) in [(LogQuery::All, &whole), (field("path", words("39")), &errors)] {
            let Ok(found) = search(&store, "shop", query) else { continue };
            damage += found.damage.len();
            assert!(found.hits.iter().all(|hit| expected.contains(hit)), "byte {at}: an answer has changed");
            let missing = found.hits.len() < expected.len();
            assert!(
                !missing || !found.damage.is_empty() || damage > 0,
                "byte {at}: records are missing silently"
            );
        }
        told += usize::from(damage > 0);
    }
    // All but the magic at the front, which nobody needs, and columns that no search asks for.
    assert!(told > content.len() * 9 / 10, "{told} of {}", content.len());
}

#[test]
fn a_damaged_block_leaves_the_others_and_stays_as_it_is() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    for n in 0..9 {
        append(&store, &one("shop", None, NOW.0 + n, &[("n", LogValue::Int(n))]));
        store.seal(NOW).unwrap();
    }
    drop(store);
    let path = parts(&disk).remove(3);
    let mut content = disk.content(&path).unwrap();
    content[20] ^= 1;
    disk.put(&path, &content);
    let store = open(&disk, Options::default());
    let found = search(&store, "shop", LogQuery::All).unwrap();
    assert_eq!((found.hits.len(), found.damage.len()), (8, 1), "{:?}", found.damage);
    let done = store.maintain(NOW).unwrap();
    assert_eq!((done.merged, done.damage.len()), (0, 1), "{:?}", done.damage);
    assert_eq!(store.maintain(NOW).unwrap().damage.len(), 1, "the next group");
    assert_eq!(store.maintain(NOW).unwrap(), lingshao_logs::Maintained::default(), "it is not tried again");
    assert_eq!(search(&store, "shop", LogQuery::All).unwrap().hits.len(), 8);
}

/// Every record of the index and how large it is, in whatever order they are kept.
fn everything(store: &Store) -> (Vec<LogRecord>, IndexSize) {
    let query = LogSearch::new(vec!["shop".to_owned()], LogQuery::All, 40_000);
    let limits = SearchLimits { hits_max: 40_000, memory_bytes_max: 1 << 30, ..SearchLimits::default() };
    let found = store.snapshot().search(&query, &limits, &Cancel::default()).unwrap();
    assert_eq!(found.damage, Vec::<String>::new());
    let mut records: Vec<_> = found.hits.into_iter().map(|hit| hit.record).collect();
    records.sort_by_key(|record| record.seq);
    (records, store.snapshot().size("shop"))
}

/// Columns that differ from part to part: kinds, lists, rows without them, few texts and, together, too many.
fn uneven(part: i64, rows: i64) -> LogBatch {
    let mut batch = LogBatch::default();
    for n in 0..rows {
        let mut record = batch.begin("shop");
        if n % 3 == 0 {
            record.id(&format!("{part}-{n}"));
        }
        if n % 50 == 0 {
            record.source("{ }");
        }
        // Of another part's neighbours are between this one's.
        record.time(LogTime(NOW.0 + (n * 8 + (part * 5) % 8) * 1_000_000));
        record.field("level", LogValue::Text(["INFO", "ERROR", "WARNING"][(n + part) as usize % 3]), false);
        record.field("many", LogValue::Text(&format!("part {part} value {}", n % 600)), false);
        record.field("message", LogValue::Text(&format!("支付失败 order_no={:09}", n * 977 + part)), false);
        match (part + n) % 4 {
            0 => record.field("mixed", LogValue::Int(n), false),
            1 => record.field("mixed", LogValue::Text("text"), false),
            2 => (0..n % 3).for_each(|item| record.field("mixed", LogValue::Int(item), true)),
            _ => {}
        }
        if part == 3 {
            record.field("only here", LogValue::Float(n as f64 / 4.0), false);
        }
        // Twice in a row, with another one between.
        record.field("tags", LogValue::Text("a"), true);
        record.field("cost", LogValue::Int(n), false);
        record.field("tags", LogValue::Text("b"), true);
        record.finish();
    }
    batch
}

#[test]
fn merging_keeps_every_record_as_it_was() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    for part in 0..8 {
        store.append(&uneven(part, 2_600), NOW).unwrap();
        store.seal(NOW).unwrap();
    }
    let (before, size) = everything(&store);
    assert_eq!((before.len(), size.records, store.stats().records), (20_800, 20_800, 20_800));
    let value = |record: &LogRecord| record.text("many").unwrap().to_owned();
    assert!(before.iter().map(value).collect::<BTreeSet<_>>().len() > 4_096, "no dictionary holds so many");
    assert_eq!(store.maintain(NOW).unwrap().merged, 8);
    assert_eq!(parts(&disk).len(), 1);
    let (after, merged) = everything(&store);
    before.iter().zip(&after).for_each(|(before, after)| assert_eq!(before, after));
    assert_eq!((after.len(), merged.records, merged.times), (before.len(), size.records, size.times));
    assert!(merged.bytes < size.bytes, "{} after {}", merged.bytes, size.bytes);
    let found = search(&store, "shop", field("message", words("付失"))).unwrap();
    assert_eq!(found.total, 20_800);
    assert_eq!(search(&store, "shop", field("many", words("7"))).unwrap().total, 8 * 5 + 2_600 - 5);
}

#[test]
fn blocks_of_much_text_are_merged_into_several() {
    let disk = SimDisk::new();
    let store = open(&disk, Options::default());
    for part in 0..8 {
        let mut batch = LogBatch::default();
        for n in 0..20 {
            let text = format!("{part}-{n} {}", "x".repeat(250_000));
            add(&mut batch, "shop", None, NOW.0 + n * 8 + part, &[("text", LogValue::Text(&text))]);
        }
        store.append(&batch, NOW).unwrap();
        store.seal(NOW).unwrap();
    }
    let (before, _) = everything(&store);
    assert_eq!(store.maintain(NOW).unwrap().merged, 8);
    let (after, size) = everything(&store);
    assert_eq!((before.len(), size.records), (160, 160));
    assert!(before == after, "another record came back");
}

/// All but the sixteen bytes that no reader needs, which `SealedFile::examine_header` looks at.
#[test]
fn any_flipped_byte_of_a_part_is_told_when_it_is_looked_at() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let store = open(&disk, Options::default());
    let mut batch = LogBatch::default();
    for n in 0..60_i64 {
        let id = format!("id-{n}");
        let message =
            format!("order {} of 灵鲜 paid by {}", n * 7919 % 10_007, ["alipay", "wechat"][n as usize % 2]);
        let address = format!("10.0.{}.{}", n % 7, n * 31 % 251);
        let fields = [
            ("message", LogValue::Text(message.as_str())),
            ("client_ip", LogValue::Text(address.as_str())),
            ("n", LogValue::Int(n * n)),
            ("fen", LogValue::Float(n as f64 * 1.7)),
            ("ok", LogValue::Bool(n % 3 == 0)),
        ];
        add(&mut batch, ["shop", "depot"][n as usize % 2], (n % 4 == 0).then_some(&id), NOW.0 + n, &fields);
    }
    store.append(&batch, NOW).unwrap();
    store.maintain(LogTime(NOW.0 + DAY)).unwrap();
    let path = disk.paths().into_iter().find(|path| path.extension().is_some_and(|ending| ending == "part"));
    let path = path.unwrap();
    let whole = disk.content(&path).unwrap();
    assert_eq!(examine_part(&shared, &path).unwrap(), Vec::<String>::new());
    for at in 16..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.put(&path, &bytes);
        let told = examine_part(&shared, &path).unwrap();
        assert!(
            told.iter().any(|line| line.contains(&path.display().to_string())),
            "{at} of {}: {told:?}",
            whole.len()
        );
    }
}
