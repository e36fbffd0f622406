//! History written straight into blocks: what went in comes out bit for bit, together or not at all, and lives on like
//! blocks of the head.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // A failed step is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lingshao_disk::sim::Crash;
use lingshao_disk::{Disk, RealDisk, SimDisk};
use lingshao_model::{
    Cancel, Labels, LabelsBuilder, Matcher, Selection, SeriesBatch, SeriesSource, TimeDelta, Timestamp,
    stale_nan,
};
use lingshao_tsdb::{Db, ImportError, Imported, Options};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY: i64 = 86_400_000;
const STEP: i64 = 30_000;

fn dir() -> &'static Path {
    Path::new("/data/metrics")
}

fn open(disk: &Arc<dyn Disk>) -> Db {
    Db::open(Arc::clone(disk), dir(), Options::default(), NOW).unwrap().0
}

fn memory() -> Arc<dyn Disk> {
    Arc::new(SimDisk::new())
}

/// Instants from so many days ago, this many.
fn times(days_ago: i64, count: i64) -> Vec<Timestamp> {
    (0..count).map(|n| Timestamp(NOW.0 - days_ago * DAY + n * STEP)).collect()
}

fn labels(series: usize) -> Labels {
    Labels::from_pairs([("__name__", "history"), ("n", &format!("{series:04}"))]).unwrap()
}

/// Counters, decimals, floats, constants, and what is no number.
fn value(series: usize, t: Timestamp) -> f64 {
    let step = t.0 / STEP;
    match series % 5 {
        0 => (step * 7) as f64,
        1 => (step % 977) as f64 / 100.0,
        2 => (step as f64 * 0.37 + series as f64).sin(),
        3 => series as f64,
        _ if step % 50 == 0 => stale_nan(),
        _ => -0.0,
    }
}

fn values(series: usize, times: &[Timestamp]) -> Vec<f64> {
    times.iter().map(|t| value(series, *t)).collect()
}

fn import(db: &Db, times: &[Timestamp], series: usize) -> Result<Imported, ImportError> {
    let mut import = db.import(times, NOW)?;
    for number in 0..series {
        import.add(&labels(number), &values(number, times))?;
    }
    import.finish()
}

/// Per series and time the bits.
type Contents = BTreeMap<String, BTreeMap<i64, u64>>;

fn expected(series: usize, times: &[Timestamp]) -> Contents {
    let all = |number| times.iter().map(|t| (t.0, value(number, *t).to_bits())).collect();
    (0..series).map(|number| (labels(number).to_string(), all(number))).collect()
}

fn contents(db: &Db) -> Contents {
    let mut all = Contents::new();
    let matchers = [Matcher::equal("__name__", "history")];
    let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let warnings = db.snapshot().select(&selection, &Cancel::default(), &mut |columns| {
        let bits = columns.values.iter().map(|value| value.to_bits());
        let points: BTreeMap<i64, u64> = columns.times.iter().copied().zip(bits).collect();
        assert_eq!(points.len(), columns.times.len(), "no instant stands twice");
        all.insert(columns.labels.to_string(), points);
        ControlFlow::Continue(())
    });
    assert_eq!(warnings.unwrap(), Vec::<String>::new());
    all
}

fn append(db: &Db, t: i64, value: f64) {
    let (mut batch, mut builder) = (SeriesBatch::default(), LabelsBuilder::default());
    builder.push("__name__", "history");
    builder.push("n", "live");
    batch.push(Timestamp(t), None, value);
    batch.finish_series(&mut builder).unwrap();
    assert_eq!(db.append(&batch, NOW).unwrap().stored, 1);
}

#[test]
fn history_comes_out_as_it_went_in_also_after_a_restart_and_beside_live_samples() {
    let disk = memory();
    let db = open(&disk);
    let times = times(14, 14 * 2_880);
    let imported = import(&db, &times, 7).unwrap();
    assert_eq!((imported.series, imported.samples), (7, 7 * 14 * 2_880));
    assert!((3..=4).contains(&imported.blocks), "blocks of five days: {imported:?}");
    let mut all = expected(7, &times);
    assert_eq!(contents(&db), all);
    append(&db, NOW.0, 1.5);
    db.wal().sync().unwrap();
    all.insert("history{n=\"live\"}".to_owned(), BTreeMap::from([(NOW.0, 1.5_f64.to_bits())]));
    drop(db);
    let db = open(&disk);
    assert_eq!(contents(&db), all);
    db.seal(NOW).unwrap();
    db.maintain(NOW).unwrap();
    assert_eq!(contents(&db), all, "after sealing and maintenance");
}

#[test]
fn a_gap_between_samples_is_filled_and_the_next_one_too() {
    let disk = memory();
    let mut all = Contents::new();
    // A life ends at some time, the next one begins later: the gap is behind the newest sample.
    for days_ago in [4, 3, 2] {
        let db = open(&disk);
        let newest = db.snapshot().time_range().map(|(_, newest)| newest);
        assert!(newest.is_none_or(|newest| newest.0 < NOW.0 - days_ago * DAY));
        let times = times(days_ago, 100);
        import(&db, &times, 3).unwrap();
        for (series, points) in expected(3, &times) {
            all.entry(series).or_default().extend(points);
        }
        let live = NOW.0 - days_ago * DAY + 200 * STEP;
        append(&db, live, days_ago as f64);
        let points = all.entry("history{n=\"live\"}".to_owned()).or_default();
        points.insert(live, (days_ago as f64).to_bits());
        db.wal().sync().unwrap();
        assert_eq!(contents(&db), all);
    }
    assert_eq!(contents(&open(&disk)), all);
}

#[test]
fn imported_blocks_merge_and_expire_like_those_of_the_head() {
    let disk = memory();
    let db = open(&disk);
    let mut all = Contents::new();
    for hour in 0..4 {
        let times: Vec<_> =
            (0..60).map(|n| Timestamp(NOW.0 - 5 * DAY + hour * 3_600_000 + n * STEP)).collect();
        assert_eq!(import(&db, &times, 2).unwrap().blocks, 1);
        for (series, points) in expected(2, &times) {
            all.entry(series).or_default().extend(points);
        }
    }
    assert_eq!(db.maintain(NOW).unwrap().merged, 4, "four neighbours of one size");
    assert_eq!((db.stats().blocks, contents(&db)), (1, all));

    import(&db, &times(60, 2_880), 2).unwrap();
    let before = db.stats().blocks;
    let kept: TimeDelta = Options::default().retention;
    let later = Timestamp(NOW.0 - 60 * DAY + DAY) + kept + TimeDelta(DAY);
    append_at(&db, later);
    assert_eq!(db.maintain(later).unwrap().deleted, before as u32 - 1, "the oldest day is gone");
}

fn append_at(db: &Db, now: Timestamp) {
    let (mut batch, mut builder) = (SeriesBatch::default(), LabelsBuilder::default());
    builder.push("__name__", "later");
    batch.push(now, None, 1.0);
    batch.finish_series(&mut builder).unwrap();
    assert_eq!(db.append(&batch, now).unwrap().stored, 1);
}

#[track_caller]
fn check_refusal(outcome: Result<Imported, ImportError>, words: &str) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let db = open(&memory());
    append(&db, NOW.0 - DAY, 1.0);
    check_refusal(import(&db, &times(2, 2 * 2_880), 1), "would lie over samples kept from");
    check_refusal(import(&db, &[], 1), "there must be one");
    check_refusal(import(&db, &[NOW, NOW], 1), "number 1 does not follow");
    check_refusal(import(&db, &[NOW + TimeDelta(DAY)], 1), "the furthest ahead that is accepted");
    let years: Vec<_> = (0..2_000).map(|day| Timestamp(NOW.0 - (2_002 - day) * DAY)).collect();
    check_refusal(import(&db, &years, 1), "import it in parts");

    let times = times(5, 10);
    let mut import = db.import(&times, NOW).unwrap();
    import.add(&labels(3), &values(3, &times)).unwrap();
    let short = import.add(&labels(4), &[1.0]).unwrap_err().to_string();
    assert_eq!(short, "history{n=\"0004\"} has 1 values for 10 instants");
    for number in [3, 2] {
        let early = import.add(&labels(number), &values(2, &times)).unwrap_err().to_string();
        assert!(
            early.ends_with("comes behind history{n=\"0003\"}; sort the series by their labels"),
            "{early}"
        );
    }
    let long = Labels::from_pairs([("__name__", "history"), ("n", &"x".repeat(5_000))]).unwrap();
    let long = import.add(&long, &values(2, &times)).unwrap_err().to_string();
    assert!(long.ends_with("the value of `n` has 5000 bytes, 4096 allowed"), "{long}");
    assert_eq!(import.finish().unwrap(), Imported { blocks: 1, series: 1, samples: 10 });
    assert_eq!(contents(&db).len(), 2, "the refused ones left no trace");
}

#[test]
fn samples_that_arrive_meanwhile_are_in_the_way_at_the_end() {
    let disk = SimDisk::new();
    let db = open(&(Arc::new(disk.clone()) as Arc<dyn Disk>));
    let times = times(1, 100);
    let mut import = db.import(&times, NOW).unwrap();
    import.add(&labels(1), &values(1, &times)).unwrap();
    append(&db, times[50].0 + 1, 2.0);
    check_refusal(import.finish(), "would lie over samples");
    assert_eq!(contents(&db).len(), 1);
    assert!(disk.paths().iter().all(|path| !path.starts_with(dir().join("blocks"))), "{:?}", disk.paths());
}

#[test]
fn a_dropped_import_leaves_nothing_and_none_is_an_import_too() {
    let disk = SimDisk::new();
    let db = open(&(Arc::new(disk.clone()) as Arc<dyn Disk>));
    let times = times(1, 100);
    let mut import = db.import(&times, NOW).unwrap();
    import.add(&labels(1), &values(1, &times)).unwrap();
    drop(import);
    assert_eq!(db.import(&times, NOW).unwrap().finish().unwrap(), Imported::default());
    assert!(disk.paths().iter().all(|path| !path.starts_with(dir().join("blocks"))), "{:?}", disk.paths());
}

/// A life with samples before, an import over several blocks, and samples behind it. Whether the import was told to
/// have succeeded, and what was acknowledged beside it.
fn live(disk: &SimDisk) -> (bool, BTreeSet<i64>) {
    let mut acknowledged = BTreeSet::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((db, _)) = Db::open(shared, dir(), Options::default(), NOW) else { return (false, acknowledged) };
    let mut keep = |t: i64| {
        let (mut batch, mut builder) = (SeriesBatch::default(), LabelsBuilder::default());
        builder.push("__name__", "live");
        batch.push(Timestamp(t), None, t as f64);
        batch.finish_series(&mut builder).unwrap();
        if db.append(&batch, NOW).is_ok() && db.wal().sync().is_ok() {
            acknowledged.insert(t);
        }
    };
    keep(NOW.0 - 6 * DAY - 1);
    let done = import(&db, &crash_times(), SERIES).is_ok();
    keep(NOW.0 - 1);
    drop(db.maintain(NOW));
    drop(db.seal(NOW));
    (done, acknowledged)
}

const SERIES: usize = 3;

/// Over several blocks, few samples in each.
fn crash_times() -> Vec<Timestamp> {
    (0..12).map(|half| Timestamp(NOW.0 - 6 * DAY + half * DAY / 2)).collect()
}

fn live_samples(db: &Db) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    let matchers = [Matcher::equal("__name__", "live")];
    let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let warnings = db.snapshot().select(&selection, &Cancel::default(), &mut |columns| {
        all.extend(columns.times);
        ControlFlow::Continue(())
    });
    assert_eq!(warnings.unwrap(), Vec::<String>::new());
    all
}

/// After the crash: all of the import or nothing; all if it was told to be done; what was acknowledged is there; and
/// if it is not there, it can be imported now.
fn check_crashed(disk: &SimDisk, done: bool, acknowledged: &BTreeSet<i64>, what: &str) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) =
        Db::open(shared, dir(), Options::default(), NOW).unwrap_or_else(|error| panic!("{what}: {error}"));
    let whole = expected(SERIES, &crash_times());
    let kept = contents(&db);
    assert!(kept == whole || kept.is_empty() && !done, "{what}: done {done}, kept {kept:?}");
    assert!(live_samples(&db).is_superset(acknowledged), "{what}");
    let names = disk.paths().into_iter().filter(|path| path.starts_with(dir().join("blocks")));
    assert!(names.clone().all(|path| path.extension().is_some_and(|end| end == "block")), "{what}");
    if kept.is_empty() && live_samples(&db).iter().all(|t| *t < NOW.0 - 6 * DAY) {
        import(&db, &crash_times(), SERIES).unwrap();
    }
    let live = live_samples(&db);
    db.seal(NOW).unwrap();
    db.maintain(NOW).unwrap();
    drop(db);
    let db = open(&(Arc::new(disk.clone()) as Arc<dyn Disk>));
    assert_eq!(live_samples(&db), live, "{what}: sealed and opened again");
    assert!(!kept.is_empty() || contents(&db).is_empty() || contents(&db) == whole, "{what}: opened again");
}

#[test]
fn after_a_crash_there_is_all_of_an_import_or_nothing() {
    let undisturbed = SimDisk::new();
    let (done, acknowledged) = live(&undisturbed);
    assert!(done && acknowledged.len() == 2);
    let (mut states, mut doubles) = (BTreeSet::new(), BTreeSet::new());
    for operation in 1..=undisturbed.operations() {
        let disk = SimDisk::new();
        disk.crash_at(operation);
        let (done, acknowledged) = live(&disk);
        let mut crashes = vec![Crash::LoseAll, Crash::KeepAll, Crash::LengthOnly];
        crashes.extend((0..24).map(|n| Crash::Random { seed: operation * 24 + n }));
        crashes.extend((0..6).map(|n| Crash::Torn { sector: 512, seed: operation * 6 + n }));
        for crash in crashes {
            let crashed = disk.crash_state(crash);
            if !states.insert(crashed.fingerprint()) {
                continue;
            }
            let what = format!("crash at {operation}, {crash:?}");
            crash_again(&crashed, done, &acknowledged, &what, &mut doubles);
            check_crashed(&crashed, done, &acknowledged, &what);
        }
    }
    println!("crash states: {} distinct, {} double", states.len(), doubles.len());
    assert!(states.len() > 100 && doubles.len() > 150, "only {} and {}", states.len(), doubles.len());
}

/// The power goes again while the storage is being opened.
fn crash_again(
    crashed: &SimDisk,
    done: bool,
    acknowledged: &BTreeSet<i64>,
    what: &str,
    doubles: &mut BTreeSet<u64>,
) {
    for second in 1.. {
        let disk = crashed.crash_state(Crash::KeepAll);
        disk.crash_at(second);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        drop(Db::open(shared, dir(), Options::default(), NOW));
        if !disk.has_crashed() {
            break;
        }
        for again in [Crash::LoseAll, Crash::KeepAll, Crash::Random { seed: second }] {
            let twice = disk.crash_state(again);
            if doubles.insert(twice.fingerprint()) {
                check_crashed(&twice, done, acknowledged, &format!("{what}, then at {second}, {again:?}"));
            }
        }
    }
}

#[test]
fn a_full_disk_takes_back_what_was_published_and_a_later_try_succeeds() {
    let times = crash_times();
    import(&open(&memory()), &times, SERIES).unwrap();
    let mut refused = 0;
    for free in (0..6_000).step_by(50) {
        let disk = SimDisk::new();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let db = open(&shared);
        disk.set_free_bytes(Some(free));
        let outcome = import(&db, &times, SERIES);
        disk.set_free_bytes(None);
        if let Err(error) = outcome {
            refused += 1;
            assert!(matches!(error, ImportError::Storage(_)), "{error}");
            assert_eq!(contents(&db), Contents::new(), "{free} bytes free");
            import(&db, &times, SERIES).unwrap();
        }
        assert_eq!(contents(&db), expected(SERIES, &times), "{free} bytes free");
        drop(db);
        assert_eq!(contents(&open(&shared)), expected(SERIES, &times), "{free} bytes free, opened again");
    }
    assert!(refused > 10, "{refused} refusals");
}

/// Two weeks of a small shop at 30 s. The demo promises a start within 10 s; alone on one core it is about one second.
#[test]
fn sixteen_million_samples_are_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let (db, _) = Db::open(disk, folder.path(), Options::default(), NOW).unwrap();
    let times = times(14, 14 * 2_880);
    let begun = Instant::now();
    let imported = import(&db, &times, 400).unwrap();
    let took = begun.elapsed();
    println!("{} samples in {took:?}, {} bytes", imported.samples, db.stats().block_bytes);
    assert_eq!(imported.samples, 400 * 40_320);
    assert!(took.as_secs() < 10, "{took:?}");
    let kept = contents(&db);
    for number in [0, 127, 399] {
        let points = &kept[&labels(number).to_string()];
        assert!(
            points
                .iter()
                .map(|(t, bits)| (*t, *bits))
                .eq(times.iter().map(|t| (t.0, value(number, *t).to_bits())))
        );
    }
}
