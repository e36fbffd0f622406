//! The storage on a disk that loses what was not synced: crashes at every operation of a life with appends, syncs,
//! seals, merges and retention, in every way a power cut can leave the disk, and again while recovering.
//!
//! The law: every sample whose commit was durable is there, once and with its own bits; and no sample is there that
//! was never appended. `LINGSHAO_CRASH_STATES` raises the number of states from its default.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::sim::Crash;
use lingshao_disk::{Disk, SimDisk};
use lingshao_model::{
    Cancel, LabelsBuilder, Matcher, Selection, SeriesBatch, SeriesSource, TimeDelta, Timestamp,
};
use lingshao_tsdb::{AppendError, Db, Options};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const SERIES: usize = 5;

fn dir() -> &'static Path {
    Path::new("/data/metrics")
}

fn options() -> Options {
    // Small segments, so that a short life has many of them.
    Options { segment_bytes_max: 2_000, ..Options::default() }
}

/// What a client knows: per series and time the bits that it sent.
type Samples = BTreeMap<(usize, i64), u64>;

#[derive(Default)]
struct Client {
    sent: Samples,
    acknowledged: Samples,
    waiting: Samples,
}

/// One step's values: integers, decimals and true floats.
fn value(series: usize, step: i64) -> f64 {
    match series {
        0 => 1.0,
        1 => (step * 17) as f64,
        2 => step as f64 / 100.0,
        _ => (step as f64 + series as f64).sin(),
    }
}

impl Client {
    fn push(&mut self, db: &Db, step: i64, t: i64) -> Result<(), AppendError> {
        self.push_ordered(db, step, t, 0..SERIES)
    }

    fn push_ordered(
        &mut self,
        db: &Db,
        step: i64,
        t: i64,
        order: impl Iterator<Item = usize> + Clone,
    ) -> Result<(), AppendError> {
        let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
        for series in order.clone() {
            labels.clear();
            labels.push("__name__", "m");
            labels.push("n", &series.to_string());
            batch.push(Timestamp(t), None, value(series, step));
            batch.finish_series(&mut labels).unwrap();
        }
        for series in order.clone() {
            self.sent.entry((series, t)).or_insert(value(series, step).to_bits());
        }
        db.append(&batch, NOW)?;
        for series in order {
            let bits = self.sent[&(series, t)];
            self.waiting.insert((series, t), bits);
        }
        Ok(())
    }

    fn sync(&mut self, db: &Db) {
        if db.wal().sync().is_ok() {
            self.acknowledged.append(&mut self.waiting);
        }
    }
}

/// A life: ends early, at whatever operation the power goes. Each variant syncs, seals and maintains at other times.
fn live(disk: &SimDisk, client: &mut Client, variant: u64) {
    let every = |base: u64, spread: u64| (base + variant % spread) as i64;
    let (sync, seal, maintain) = (every(2, 4), every(5, 7), every(6, 5));
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((db, _)) = Db::open(disk, dir(), options(), NOW) else { return };
    for step in 0..36_i64 {
        // Every fifth sample comes late.
        let t = NOW.0 - 3_600_000 + (step - if step % 5 == 4 { 12 } else { 0 }) * 15_000 + step % 5 / 4;
        if client.push(&db, step, t).is_err() {
            return;
        }
        if step % sync == sync - 1 {
            client.sync(&db);
        }
        if step % seal == seal - 1 && db.seal(NOW).is_err() {
            return;
        }
        if step % maintain == maintain - 1 && db.maintain(NOW).is_err() {
            return;
        }
    }
    client.sync(&db);
}

fn read(db: &Db) -> Samples {
    let mut all = Samples::new();
    let matchers = [Matcher::equal("__name__", "m")];
    let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let warnings = db
        .snapshot()
        .select(&selection, &Cancel::default(), &mut |columns| {
            let series: usize = columns.labels.get("n").unwrap().parse().unwrap();
            for (t, value) in columns.times.iter().zip(columns.values) {
                assert!(all.insert((series, *t), value.to_bits()).is_none(), "{series} at {t} stands twice");
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    all
}

#[track_caller]
fn check(db: &Db, client: &Client, what: &str) {
    let kept = read(db);
    for (sample, bits) in &client.acknowledged {
        assert_eq!(kept.get(sample), Some(bits), "{what}: acknowledged {sample:?} is lost or changed");
    }
    for (sample, bits) in &kept {
        assert_eq!(client.sent.get(sample), Some(bits), "{what}: {sample:?} was never sent so");
    }
}

fn crashes(seed: u64) -> Vec<Crash> {
    let mut all = vec![Crash::LoseAll, Crash::KeepAll, Crash::LengthOnly];
    for n in 0..2 {
        all.push(Crash::Torn { sector: 512, seed: seed * 2 + n });
        all.push(Crash::Torn { sector: 4096, seed: seed * 2 + n });
        all.push(Crash::Random { seed: seed * 2 + n });
    }
    all
}

/// Opens a crashed disk, checks it, writes on, and checks again: a recovered log must be fit for use.
fn recover(disk: &SimDisk, client: &Client, what: &str) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(shared, dir(), options(), NOW).unwrap_or_else(|error| panic!("{what}: {error}"));
    check(&db, client, what);
    let mut after =
        Client { sent: client.sent.clone(), acknowledged: client.acknowledged.clone(), ..Client::default() };
    after.push(&db, 1_000, NOW.0).unwrap();
    after.sync(&db);
    db.seal(NOW).unwrap();
    check(&db, &after, what);
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    let states_max: usize =
        std::env::var("LINGSHAO_CRASH_STATES").map_or(10_000, |text| text.parse().unwrap());
    let (mut states, mut doubles) = (BTreeSet::new(), BTreeSet::new());
    'all: for variant in 0..VARIANTS_MAX {
        for operation in 1..=operations(variant) {
            let disk = SimDisk::new();
            disk.crash_at(operation);
            let mut client = Client::default();
            live(&disk, &mut client, variant);
            for crash in crashes(operation + (variant << 16)) {
                let crashed = disk.crash_state(crash);
                if !states.insert(crashed.fingerprint()) {
                    continue;
                }
                recover(&crashed, &client, &format!("crash at {operation}, {crash:?}"));
                if states.len() % 4 == 0 {
                    crash_again(&disk.crash_state(crash), &client, operation, crash, &mut doubles);
                }
                if states.len() + doubles.len() >= states_max {
                    break 'all;
                }
            }
        }
    }
    println!("crash states: {} distinct, {} double", states.len(), doubles.len());
    assert!(
        states.len() + doubles.len() >= states_max,
        "only {} states, {} double",
        states.len(),
        doubles.len()
    );
}

/// Lives that differ: 4 × 7 × 5.
const VARIANTS_MAX: u64 = 140;

/// How many operations an undisturbed life has; it must keep everything.
fn operations(variant: u64) -> u64 {
    let disk = SimDisk::new();
    let mut client = Client::default();
    live(&disk, &mut client, variant);
    assert_eq!(client.acknowledged, client.sent, "an undisturbed life keeps everything");
    disk.operations()
}

/// The power goes again while the storage is being opened.
fn crash_again(
    crashed: &SimDisk,
    client: &Client,
    operation: u64,
    crash: Crash,
    doubles: &mut BTreeSet<u64>,
) {
    for second in 1.. {
        let disk = crashed.crash_state(Crash::KeepAll);
        disk.crash_at(second);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let opened = Db::open(shared, dir(), options(), NOW);
        if !disk.has_crashed() {
            break;
        }
        drop(opened);
        for again in [Crash::LoseAll, Crash::KeepAll, Crash::Random { seed: second }] {
            let twice = disk.crash_state(again);
            if doubles.insert(twice.fingerprint()) {
                recover(
                    &twice,
                    client,
                    &format!("crash at {operation}, {crash:?}, then at {second}, {again:?}"),
                );
            }
        }
    }
}

#[test]
fn a_failed_sync_ends_acknowledging_and_loses_nothing_acknowledged() {
    for sync in 1..40 {
        let disk = SimDisk::new();
        disk.fail_sync_at(sync);
        let mut client = Client::default();
        live(&disk, &mut client, sync);
        let crashed = disk.crash_state(Crash::LoseAll);
        recover(&crashed, &client, &format!("sync {sync} failed"));
    }
}

#[test]
fn a_full_disk_refuses_for_a_while_and_keeps_what_it_has() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(shared, dir(), options(), NOW).unwrap();
    let mut client = Client::default();
    disk.set_free_bytes(Some(3_000));
    let mut step = 0;
    while client.push(&db, step, NOW.0 - 3_600_000 + step * 15_000).is_ok() {
        step += 1;
        assert!(step < 1_000, "the disk never was full");
    }
    client.sync(&db);
    check(&db, &client, "full");
    assert!(db.seal(NOW).is_err(), "there is no room for a block");
    check(&db, &client, "still full");
    disk.set_free_bytes(None);
    client.push(&db, step, NOW.0 - 3_600_000 + step * 15_000).unwrap();
    client.sync(&db);
    db.maintain(NOW + TimeDelta::from_secs(7_200)).unwrap();
    check(&db, &client, "room again");
    recover(&disk.crash_state(Crash::LoseAll), &client, "after a full disk");
}

/// Breaks a record's payload, found by the records of the log that stand before it in its segment.
fn break_record(disk: &SimDisk, path: &Path, nth: usize) {
    let mut content = disk.content(path).unwrap();
    let length = |at: usize| u32::from_le_bytes(content[at + 4..at + 8].try_into().unwrap()) as usize;
    let at = (0..nth).fold(48, |at, _| at + 32 + length(at));
    content[at + 32] ^= 0x40;
    disk.put(path, &content);
}

#[test]
fn samples_of_a_generation_whose_begin_is_lost_go_to_no_other_series() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(Arc::clone(&shared), dir(), options(), NOW).unwrap();
    let mut client = Client::default();
    client.push(&db, 0, NOW.0).unwrap();
    disk.set_free_bytes(Some(150));
    assert!(db.seal(NOW).is_err(), "there is room for a new generation and none for a block");
    disk.set_free_bytes(None);
    let first = client.sent.clone();
    for step in 1..4 {
        client.push_ordered(&db, step, NOW.0 + step, (0..SERIES).rev()).unwrap();
        client.sync(&db);
    }
    drop(db);
    let segment = disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|end| end == "wal"));
    let segment = segment.unwrap();
    break_record(&disk, &segment, 1);
    break_record(&disk, &segment, 0);
    let (db, report) = Db::open(shared, dir(), options(), NOW).unwrap();
    let lost: u64 = report.wal.unwrap().losses.iter().filter_map(|loss| loss.records).sum();
    assert_eq!((lost, report.orphaned, report.unreadable_records), (2, 2 * SERIES as u64, 0));
    assert_eq!(read(&db), first, "the older generation is whole, and no series has another one's samples");
    let mut client = Client { sent: first.clone(), acknowledged: first, ..Client::default() };
    client.push(&db, 9, NOW.0 + 9).unwrap();
    client.sync(&db);
    recover(&disk.crash_state(Crash::LoseAll), &client, "after the loss");
}

#[test]
fn a_block_that_is_damaged_while_its_log_is_there_is_written_anew() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(Arc::clone(&shared), dir(), options(), NOW).unwrap();
    let mut client = Client::default();
    client.push(&db, 0, NOW.0).unwrap();
    disk.set_free_bytes(Some(150));
    assert!(db.seal(NOW).is_err(), "there is room for a new generation and none for a block");
    disk.set_free_bytes(None);
    client.push(&db, 1, NOW.0 + 1).unwrap();
    client.sync(&db);
    let files = |end: &str| -> Vec<_> {
        let paths = disk.paths().into_iter().filter(|path| path.extension().is_some_and(|own| own == end));
        paths.map(|path| (disk.content(&path).unwrap(), path)).collect()
    };
    let log = files("wal");
    assert_eq!(db.seal(NOW).unwrap().sealed, 2);
    drop(db);
    // As after a crash before the log was deleted.
    log.iter().for_each(|(content, path)| disk.put(path, content));
    let blocks = files("block");
    disk.put(&blocks[0].1, &blocks[0].0[1..]);
    let (db, report) = Db::open(shared, dir(), options(), NOW).unwrap();
    assert_eq!((report.quarantined.len(), report.replayed), (1, SERIES as u64));
    check(&db, &client, "from the log");
    assert_eq!(db.seal(NOW).unwrap().sealed, 1);
    assert!(disk.content(&blocks[0].1).as_ref() == Some(&blocks[0].0), "the same block as before");
    client.push(&db, 2, NOW.0 + 2).unwrap();
    client.sync(&db);
    recover(&disk.crash_state(Crash::LoseAll), &client, "sealed again");
}

#[test]
fn a_log_with_gaps_opens_on_a_full_disk_and_takes_samples_when_there_is_room() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(Arc::clone(&shared), dir(), options(), NOW).unwrap();
    let mut client = Client::default();
    client.push_ordered(&db, 0, NOW.0, 0..1).unwrap();
    disk.set_free_bytes(Some(0));
    client.push_ordered(&db, 1, NOW.0 + 1, 1..2).unwrap_err(); // The log does not get to know this series.
    disk.set_free_bytes(None);
    client.push_ordered(&db, 2, NOW.0 + 2, 2..3).unwrap();
    client.sync(&db);
    drop(db);
    disk.set_free_bytes(Some(0));
    let (db, _) = Db::open(Arc::clone(&shared), dir(), options(), NOW).unwrap();
    check(&db, &client, "full");
    db.maintain(NOW).unwrap();
    assert!(client.push(&db, 3, NOW.0 + 3).is_err(), "there is no room");
    disk.set_free_bytes(None);
    client.push(&db, 4, NOW.0 + 4).unwrap();
    client.sync(&db);
    check(&db, &client, "room again");
    recover(&disk.crash_state(Crash::LoseAll), &client, "after a full disk");
}

#[test]
fn series_that_the_log_refused_leave_memory_in_time() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = Options { series_max: SERIES as u32, ..options() };
    let (db, _) = Db::open(shared, dir(), options, NOW).unwrap();
    disk.set_free_bytes(Some(0));
    Client::default().push(&db, 0, NOW.0).unwrap_err();
    disk.set_free_bytes(None);
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    labels.push("__name__", "another");
    batch.push(NOW, None, 1.0);
    batch.finish_series(&mut labels).unwrap();
    assert_eq!(db.append(&batch, NOW).unwrap().stored, 0, "there is no room for another series");
    db.maintain(NOW + TimeDelta::from_secs(7_200)).unwrap();
    assert_eq!(db.append(&batch, NOW).unwrap().stored, 1);
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = Options { retention: TimeDelta::from_secs(86_400), ..options() };
    let (db, _) = Db::open(shared, dir(), options, NOW).unwrap();
    Client::default().push(&db, 0, NOW.0).unwrap();
    db.seal(NOW).unwrap();
    let later = NOW + TimeDelta::from_secs(2 * 86_400);
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    labels.push("__name__", "later");
    batch.push(later, None, 1.0);
    batch.finish_series(&mut labels).unwrap();
    db.append(&batch, later).unwrap();
    disk.set_free_bytes(Some(100));
    assert!(db.maintain(later).is_err(), "there is no room for a block");
    assert_eq!(db.stats().blocks, 0, "but what is too old is gone");
}

/// Flips each byte of a block in turn: reading gives the truth, or less with a warning, or sets the block aside.
#[test]
fn a_damaged_block_is_reported_and_never_believed() {
    let disk = SimDisk::new();
    let mut client = Client::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (db, _) = Db::open(shared, dir(), options(), NOW).unwrap();
    (0..6).for_each(|step| client.push(&db, step, NOW.0 + step * 15_000).unwrap());
    db.seal(NOW).unwrap();
    drop(db);
    let path =
        disk.paths().into_iter().find(|path| path.extension().is_some_and(|end| end == "block")).unwrap();
    let content = disk.content(&path).unwrap();
    for offset in 0..content.len() {
        let mut damaged = content.clone();
        damaged[offset] ^= 0x40;
        let disk = disk.crash_state(Crash::KeepAll);
        disk.put(&path, &damaged);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let (db, report) = Db::open(shared, dir(), options(), NOW).unwrap();
        let (mut kept, matchers) = (Samples::new(), [Matcher::equal("__name__", "m")]);
        let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
        let warnings = db.snapshot().select(&selection, &Cancel::default(), &mut |columns| {
            let series: usize = columns.labels.get("n").unwrap().parse().unwrap();
            kept.extend(
                columns.times.iter().zip(columns.values).map(|(t, value)| ((series, *t), value.to_bits())),
            );
            ControlFlow::Continue(())
        });
        let reported = !report.quarantined.is_empty() || !warnings.unwrap().is_empty();
        assert!(reported || kept == client.sent, "byte {offset}: silently wrong");
        assert!(
            kept.iter().all(|(sample, bits)| client.sent.get(sample) == Some(bits)),
            "byte {offset}: believed"
        );
        if !report.quarantined.is_empty() {
            let aside = disk.paths().into_iter().any(|path| path.starts_with(dir().join("quarantine")));
            assert!(aside, "byte {offset}: what is set aside is kept");
        }
    }
}
