//! The storage through its public door: what goes in comes out, after restarts, seals, merges and refusals.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lingshao_disk::{Disk, RealDisk, SimDisk};
use lingshao_model::{
    Cancel, LabelsBuilder, MatchOp, Matcher, Refusal, Selection, SeriesBatch, SeriesSource, TimeDelta,
    Timestamp, stale_nan,
};
use lingshao_tsdb::{AppendError, Db, Options, Page, Snapshot, examine_block};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const STEP: i64 = 15_000;

/// Everything kept, as `labels → time → bits`.
type Contents = BTreeMap<String, BTreeMap<i64, u64>>;

fn batch(samples: &[(&str, i64, f64)]) -> SeriesBatch {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    for (name, t, value) in samples {
        labels.clear();
        labels.push("__name__", name);
        labels.push("job", "shop");
        batch.push(Timestamp(*t), None, *value);
        batch.finish_series(&mut labels).unwrap();
    }
    batch
}

fn contents(snapshot: &Snapshot) -> Contents {
    let mut all = Contents::new();
    let matchers = [Matcher::equal("job", "shop")];
    let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let mut previous = None;
    let warnings = snapshot
        .select(&selection, &Cancel::default(), &mut |series| {
            assert!(previous.as_ref().is_none_or(|previous| previous < series.labels), "series ascend");
            previous = Some(series.labels.clone());
            let points = series.times.iter().copied().zip(series.values.iter().map(|value| value.to_bits()));
            let points: BTreeMap<i64, u64> = points.collect();
            assert_eq!(points.len(), series.times.len(), "no instant stands twice");
            all.insert(series.labels.metric_name().unwrap().to_owned(), points);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    all
}

fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Db {
    Db::open(Arc::clone(disk), dir, Options::default(), NOW).unwrap().0
}

fn memory() -> Arc<dyn Disk> {
    Arc::new(SimDisk::new())
}

fn dir() -> &'static Path {
    Path::new("/data/metrics")
}

/// A deterministic mix of shapes: constants, counters, decimals, floats, stale markers.
fn value(series: usize, step: i64) -> f64 {
    match series % 5 {
        0 => 1.0,
        1 => (step * 7 + step * step % 13) as f64,
        2 => step as f64 / 100.0,
        3 => (step as f64 * 1.7).sin(),
        _ if step % 10 == 9 => stale_nan(),
        _ => step as f64,
    }
}

fn fill(db: &Db, steps: std::ops::Range<i64>, expected: &mut Contents) {
    for step in steps {
        let names: Vec<String> = (0..200).map(|n| format!("metric_{n:03}")).collect();
        let t = NOW.0 - 6 * 3_600_000 + step * STEP;
        let samples: Vec<_> =
            names.iter().enumerate().map(|(n, name)| (name.as_str(), t, value(n, step))).collect();
        let appended = db.append(&batch(&samples), NOW).unwrap();
        assert!(appended.refusals.is_empty(), "{}", appended.refusals);
        for (name, t, value) in samples {
            expected.entry(name.to_owned()).or_default().insert(t, value.to_bits());
        }
    }
}

#[test]
fn what_went_in_comes_out_also_after_restart_seal_and_merge() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let mut expected = Contents::new();
    for round in 0..6 {
        let db = open(&disk, folder.path());
        assert_eq!(contents(&db.snapshot()), expected, "after restart {round}");
        fill(&db, round * 150..(round + 1) * 150, &mut expected);
        assert_eq!(contents(&db.snapshot()), expected);
        db.wal().sync().unwrap();
        if round % 2 == 1 {
            assert_eq!(db.seal(NOW).unwrap().sealed, 1);
            assert_eq!(contents(&db.snapshot()), expected, "after sealing");
        }
    }
    let db = open(&disk, folder.path());
    fill(&db, 900..950, &mut expected);
    db.seal(NOW).unwrap();
    let merged = db.maintain(NOW).unwrap().merged;
    assert_eq!((merged, db.stats().blocks), (4, 1));
    assert_eq!(contents(&db.snapshot()), expected, "after merging");
    drop(db);
    assert_eq!(contents(&open(&disk, folder.path()).snapshot()), expected);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let db = open(&memory(), dir());
    let mut expected = Contents::new();
    fill(&db, 0..10, &mut expected);
    let (before, then) = (db.snapshot(), expected.clone());
    fill(&db, 10..300, &mut expected);
    db.seal(NOW).unwrap();
    assert_eq!(contents(&before), then);
    assert_eq!(contents(&db.snapshot()), expected);
}

#[test]
fn a_steady_scrape_appends_by_reference_until_the_generation_ends() {
    let db = open(&memory(), dir());
    let mut refs = Vec::new();
    db.append_with_refs(&batch(&[("a", NOW.0, 1.0), ("b", NOW.0, 2.0)]), NOW, &mut refs).unwrap();
    let refs: Vec<_> = refs.into_iter().map(Option::unwrap).collect();
    let page = Page { t: NOW + TimeDelta(STEP), refs: &refs, values: &[3.0, 4.0] };
    assert_eq!(db.append_page(&page, NOW).unwrap().stored, 2);
    let all = contents(&db.snapshot());
    assert_eq!(all["b"], BTreeMap::from([(NOW.0, 2.0_f64.to_bits()), (NOW.0 + STEP, 4.0_f64.to_bits())]));
    db.seal(NOW).unwrap();
    let error = db.append_page(&Page { t: NOW + TimeDelta(2 * STEP), ..page }, NOW).unwrap_err();
    assert!(matches!(error, AppendError::RefsExpired), "{error}");
}

#[test]
fn late_and_repeated_samples_are_kept_once_and_conflicts_are_named() {
    let db = open(&memory(), dir());
    let at = |minutes: i64| NOW.0 - minutes * 60_000;
    assert_eq!(db.append(&batch(&[("a", at(1), 1.0)]), NOW).unwrap().stored, 1);
    assert_eq!(db.append(&batch(&[("a", at(60), 60.0), ("a", at(30), 30.0)]), NOW).unwrap().stored, 2);
    assert_eq!(db.append(&batch(&[("a", at(60), 60.0), ("a", at(1), 1.0)]), NOW).unwrap().stored, 2);
    let refused =
        db.append(&batch(&[("a", at(30), 31.0), ("a", at(1), 2.0), ("a", at(0), 0.0)]), NOW).unwrap();
    assert_eq!((refused.stored, refused.refusals.total()), (1, 2));
    let refusal = refused.refusals.iter().next().unwrap();
    assert_eq!(refusal.reason, Refusal::DuplicateTimestamp);
    assert_eq!(refusal.example, format!(r#"a{{job="shop"}} at {}"#, at(30)));
    let all = contents(&db.snapshot());
    let expected = [(at(60), 60.0_f64), (at(30), 30.0), (at(1), 1.0), (at(0), 0.0)];
    assert_eq!(all["a"], expected.map(|(t, value)| (t, value.to_bits())).into());
}

#[track_caller]
fn check_twins(samples: &[(&str, i64, f64)], stored: u64, refused: &str, kept: &[(&str, i64, f64)]) {
    let db = open(&memory(), dir());
    let appended = db.append(&batch(samples), NOW).unwrap();
    let examples: Vec<_> = appended.refusals.iter().map(|refused| refused.example.as_str()).collect();
    assert_eq!((appended.stored, examples.join(", ").as_str()), (stored, refused));
    assert_eq!(appended.stored + appended.refusals.total(), samples.len() as u64);
    let mut expected = Contents::new();
    for (name, t, value) in kept {
        expected.entry((*name).to_owned()).or_default().insert(*t, value.to_bits());
    }
    assert_eq!(contents(&db.snapshot()), expected);
    assert_eq!(db.stats().head_samples, kept.len() as u64);
}

#[test]
fn a_series_that_stands_twice_in_a_batch_keeps_its_first_value_and_the_other_is_refused() {
    let (t, later) = (NOW.0, NOW.0 + STEP);
    let refused = format!(r#"a{{job="shop"}} at {t}"#);
    let two = [("a", t, 1.0), ("b", t, 3.0)];
    check_twins(&[("a", t, 1.0), ("b", t, 3.0), ("a", t, 2.0)], 2, &refused, &two);
    check_twins(&[("a", t, 1.0), ("b", t, 3.0), ("a", t, 1.0)], 3, "", &two);
    check_twins(&[("a", t, 1.0), ("a", t, 2.0), ("a", t, 1.0), ("b", t, 3.0)], 3, &refused, &two);
    let back = [("a", t, 1.0), ("a", later, 2.0), ("a", t, 3.0), ("a", later, 2.0)];
    check_twins(&back, 3, &refused, &back[..2]);
    check_twins(&[("a", later, 2.0), ("a", t, 1.0)], 2, "", &back[..2]);
}

#[test]
fn a_series_whose_times_go_back_and_forth_keeps_the_first_value_of_each() {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    labels.push("__name__", "a");
    labels.push("job", "shop");
    for (seconds, value) in [(0, 1.0), (1, 2.0), (0, 3.0), (1, 2.0)] {
        batch.push(NOW + TimeDelta::from_secs(seconds), None, value);
    }
    batch.finish_series(&mut labels).unwrap();
    let db = open(&memory(), dir());
    let appended = db.append(&batch, NOW).unwrap();
    assert_eq!((appended.stored, appended.refusals.total()), (3, 1));
    let expected = BTreeMap::from([(NOW.0, 1.0_f64.to_bits()), (NOW.0 + 1_000, 2.0_f64.to_bits())]);
    assert_eq!(contents(&db.snapshot())["a"], expected);
}

#[test]
fn a_reference_that_stands_twice_in_a_page_keeps_its_first_value() {
    let db = open(&memory(), dir());
    let mut refs = Vec::new();
    db.append_with_refs(&batch(&[("a", NOW.0, 1.0), ("b", NOW.0, 1.0)]), NOW, &mut refs).unwrap();
    let [a, b] = refs[..] else { panic!("two references") };
    let refs = [b, a, b, a].map(Option::unwrap);
    let page = Page { t: NOW + TimeDelta(STEP), refs: &refs, values: &[2.0, 3.0, 2.0, 4.0] };
    let appended = db.append_page(&page, NOW).unwrap();
    let refused: Vec<_> = appended.refusals.iter().collect();
    assert_eq!((appended.stored, refused[0].reason), (3, Refusal::DuplicateTimestamp));
    let all = contents(&db.snapshot());
    assert_eq!((all["a"][&page.t.0], all["b"][&page.t.0]), (3.0_f64.to_bits(), 2.0_f64.to_bits()));
}

#[test]
fn of_two_samples_at_one_instant_in_two_blocks_the_first_to_arrive_stays() {
    let db = open(&memory(), dir());
    for value in [1.0, 2.0] {
        db.append(&batch(&[("a", NOW.0, value)]), NOW).unwrap();
        db.seal(NOW).unwrap();
    }
    assert_eq!(contents(&db.snapshot())["a"], BTreeMap::from([(NOW.0, 1.0_f64.to_bits())]));
}

#[track_caller]
fn check_refused(options: Options, samples: &[(&str, i64, f64)], reason: Refusal, example: &str) {
    let db = Db::open(memory(), dir(), options, NOW).unwrap().0;
    let appended = db.append(&batch(samples), NOW).unwrap();
    let refused: Vec<_> = appended.refusals.iter().collect();
    assert_eq!(refused.len(), 1, "{}", appended.refusals);
    assert_eq!((refused[0].reason, refused[0].example.as_str()), (reason, example));
    assert_eq!(appended.stored, samples.len() as u64 - refused[0].count, "the rest is stored");
    let kept = contents(&db.snapshot()).values().map(BTreeMap::len).sum::<usize>();
    assert_eq!(kept as u64, appended.stored);
}

#[test]
fn limits_refuse_by_name_and_keep_the_rest() {
    let long = "x".repeat(40);
    let year = 365 * 86_400_000;
    let options = Options { label_value_bytes_max: 30, ..Options::default() };
    let example = format!(r#"{long}{{job="shop"}}: the value of `__name__` has 40 bytes, 30 allowed"#);
    check_refused(options, &[("a", NOW.0, 1.0), (&long, NOW.0, 1.0)], Refusal::LabelLimit, &example);
    let options = Options { label_name_bytes_max: 4, ..Options::default() };
    let example = r#"a{job="shop"}: a label name of 8 bytes, 4 allowed"#;
    check_refused(options, &[("a", NOW.0, 1.0)], Refusal::LabelLimit, example);
    let options = Options { labels_max: 1, ..Options::default() };
    check_refused(
        options,
        &[("a", NOW.0, 1.0)],
        Refusal::LabelLimit,
        r#"a{job="shop"}: 2 labels, 1 allowed"#,
    );
    let options = Options { series_max: 2, ..Options::default() };
    let samples = [("a", NOW.0, 1.0), ("b", NOW.0, 1.0), ("c", NOW.0, 1.0), ("a", NOW.0 + 1, 1.0)];
    check_refused(options, &samples, Refusal::SeriesLimit, r#"c{job="shop"}: 2 series allowed"#);
    let samples = [("a", NOW.0 + year, 1.0), ("b", NOW.0 + 600_000, 1.0)];
    let example = format!(r#"a{{job="shop"}} at {}"#, NOW.0 + year);
    check_refused(Options::default(), &samples, Refusal::TooFarAhead, &example);
    let samples = [("a", NOW.0 - year, 1.0), ("b", NOW.0, 1.0)];
    let example = format!(r#"a{{job="shop"}} at {}"#, NOW.0 - year);
    check_refused(Options::default(), &samples, Refusal::TooOld, &example);
}

#[test]
fn retention_deletes_by_age_and_by_size() {
    let options = Options { retention: TimeDelta::from_secs(86_400), ..Options::default() };
    let db = Db::open(memory(), dir(), options, NOW).unwrap().0;
    fill(&db, 0..100, &mut Contents::new());
    db.seal(NOW).unwrap();
    let later = NOW + TimeDelta::from_secs(2 * 86_400);
    assert_eq!(db.maintain(NOW + TimeDelta::from_secs(3600)).unwrap().deleted, 0);
    assert_eq!(db.maintain(later).unwrap().deleted, 0, "a clock that jumps ahead deletes nothing");
    db.append(&batch(&[("new", later.0, 1.0)]), later).unwrap();
    assert_eq!(db.maintain(NOW).unwrap().deleted, 0, "nor does one that is behind the samples");
    assert_eq!(db.maintain(later).unwrap().deleted, 1);
    assert_eq!(contents(&db.snapshot()).keys().collect::<Vec<_>>(), ["new"]);

    let mut expected = Contents::new();
    let block_bytes = {
        let db = open(&memory(), dir());
        fill(&db, 0..100, &mut expected);
        db.seal(NOW).unwrap();
        db.stats().block_bytes
    };
    let size_max = block_bytes * 5 / 2;
    let options = Options { size_bytes_max: Some(size_max), ..Options::default() };
    let db = Db::open(memory(), dir(), options, NOW).unwrap().0;
    for round in 0..3 {
        fill(&db, round * 100..(round + 1) * 100, &mut expected);
        db.seal(NOW).unwrap();
        db.maintain(NOW).unwrap();
    }
    let (first, _) = db.snapshot().time_range().unwrap();
    assert_eq!(first.0, NOW.0 - 6 * 3_600_000 + 100 * STEP, "the oldest went first, and only that");
    assert!(db.stats().block_bytes + db.stats().wal_bytes <= size_max, "{:?}", db.stats());
}

#[test]
fn an_old_generation_is_sealed_and_its_log_deleted() {
    let db = open(&memory(), dir());
    let mut expected = Contents::new();
    fill(&db, 0..100, &mut expected);
    assert_eq!(db.maintain(NOW + TimeDelta::from_secs(7_199)).unwrap().sealed, 0);
    let wal_bytes = db.stats().wal_bytes;
    assert_eq!(db.maintain(NOW + TimeDelta::from_secs(7_200)).unwrap().sealed, 1);
    assert!(db.stats().wal_bytes < wal_bytes / 100, "{} of {wal_bytes}", db.stats().wal_bytes);
    assert_eq!((db.stats().head_series, db.stats().head_samples), (0, 0));
    assert_eq!(contents(&db.snapshot()), expected);
}

#[test]
fn sealing_from_two_threads_loses_nothing() {
    let db = open(&memory(), dir());
    let mut expected = Contents::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    db.seal(NOW).unwrap();
                }
            });
        }
        (0..300).for_each(|step| fill(&db, step..step + 1, &mut expected));
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(contents(&db.snapshot()), expected);
}

#[test]
fn memory_that_waits_to_be_sealed_is_bounded() {
    let options = Options { head_bytes_max: 20_000, ..Options::default() };
    let db = Db::open(memory(), dir(), options, NOW).unwrap().0;
    let mut refused = None;
    for step in 0..1000 {
        let names: Vec<String> = (0..50).map(|n| format!("m{}", step * 50 + n)).collect();
        let samples: Vec<_> = names.iter().map(|name| (name.as_str(), NOW.0, 1.0)).collect();
        if let Err(error) = db.append(&batch(&samples), NOW) {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(AppendError::Overloaded { bytes_max: 40_000, .. })), "{refused:?}");
    assert_eq!(db.maintain(NOW).unwrap().sealed, 1);
    db.append(&batch(&[("again", NOW.0, 1.0)]), NOW).unwrap();
}

#[test]
fn series_without_samples_take_no_memory() {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    labels.push("__name__", "empty");
    batch.finish_series(&mut labels).unwrap();
    let db = open(&memory(), dir());
    let mut refs = Vec::new();
    let appended = db.append_with_refs(&batch, NOW, &mut refs).unwrap();
    assert_eq!((appended.stored, appended.refusals.total(), refs), (0, 0, vec![None]));
    assert_eq!((db.stats().head_series, db.stats().head_bytes), (0, 0));
}

#[test]
fn names_values_and_series_are_found_in_memory_and_in_blocks() {
    let db = open(&memory(), dir());
    db.append(&batch(&[("orders", NOW.0 - 7_200_000, 1.0)]), NOW).unwrap();
    db.seal(NOW).unwrap();
    db.append(&batch(&[("payments", NOW.0, 1.0)]), NOW).unwrap();
    let snapshot = db.snapshot();
    let all = (Timestamp::MIN, Timestamp::MAX);
    assert_eq!(snapshot.label_names(&[], all.0, all.1, 10).unwrap().items, ["__name__", "job"]);
    let values =
        |sets: &[Vec<Matcher>], from| snapshot.label_values("__name__", sets, from, all.1, 10).unwrap().items;
    assert_eq!(values(&[], all.0), ["orders", "payments"]);
    assert_eq!(values(&[], NOW), ["payments"]);
    assert_eq!(values(&[vec![Matcher::equal("__name__", "orders")]], all.0), ["orders"]);
    let regex = vec![Matcher::new(MatchOp::Regex, "__name__", "o.+|none").unwrap()];
    let series = snapshot.series(&[regex], all.0, all.1, 10).unwrap();
    assert_eq!(series.items.iter().map(ToString::to_string).collect::<Vec<_>>(), [r#"orders{job="shop"}"#]);
    let listed = vec![Matcher::new(MatchOp::Regex, "__name__", "a|payments|orders|z").unwrap()];
    assert_eq!(values(&[listed], all.0), ["orders", "payments"]);
    let limited = snapshot.label_names(&[], all.0, all.1, 1).unwrap();
    assert_eq!((limited.items, limited.truncated), (vec!["__name__".to_owned()], true));
}

#[test]
fn cardinality_names_the_largest_first() {
    let db = open(&memory(), dir());
    db.append(&batch(&[("a", NOW.0, 1.0), ("b", NOW.0, 1.0)]), NOW).unwrap();
    let largest = db.cardinality(1);
    assert_eq!(largest.series_by_pair, [("job=shop".to_owned(), 2)]);
    assert_eq!(largest.values_by_label, [("__name__".to_owned(), 2)]);
    assert_eq!((largest.label_names, largest.label_pairs), (2, 3));
}

/// All but the sixteen bytes that no reader needs, which `SealedFile::examine_header` looks at.
#[test]
fn any_flipped_byte_of_a_block_is_told_when_it_is_looked_at() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let db = open(&shared, dir());
    for step in 0..40 {
        let names: Vec<String> = (0..70).map(|n| format!("metric_{n}")).collect();
        let t = NOW.0 - 3_600_000 + step * STEP;
        let samples: Vec<_> =
            names.iter().enumerate().map(|(n, name)| (name.as_str(), t, value(n, step))).collect();
        db.append(&batch(&samples), NOW).unwrap();
    }
    db.maintain(NOW + TimeDelta::from_secs(3 * 3600)).unwrap();
    let path = disk.paths().into_iter().find(|path| path.extension().is_some_and(|ending| ending == "block"));
    let path = path.unwrap();
    let whole = disk.content(&path).unwrap();
    assert_eq!(examine_block(&shared, &path).unwrap(), Vec::<String>::new());
    for at in 16..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        disk.put(&path, &bytes);
        let told = examine_block(&shared, &path).unwrap();
        assert!(
            told.iter().any(|line| line.contains(&path.display().to_string())),
            "{at} of {}: {told:?}",
            whole.len()
        );
    }
}
