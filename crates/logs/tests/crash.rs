//! The storage on a disk that loses what was not synced: crashes at every operation of a life with appends, syncs,
//! seals, merges, retention, and indices that come and go, in every way a power cut can leave the disk.
//!
//! The law: every record whose commit was durable is there, once and with its own content; no record is there that was
//! never appended; an index that was deleted for good stays deleted. `LINGSHAO_CRASH_STATES` raises the number of states.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::sim::Crash;
use lingshao_disk::{Disk, SimDisk};
use lingshao_logs::{AppendError, Options, Outcome, SearchLimits, Store};
use lingshao_model::log::{LogBatch, LogQuery, LogSearch, LogTime, LogValue, Mapping, TotalWanted};
use lingshao_model::{Cancel, TimeDelta};

const HOUR: i64 = 3_600_000_000_000;
const NOW: LogTime = LogTime(1_750_000_000_000_000_000);

fn folder() -> &'static Path {
    Path::new("/data/logs")
}

fn options() -> Options {
    Options { segment_bytes_max: 2_000, retention: TimeDelta::from_secs(10 * 86_400), ..Options::default() }
}

/// What a client knows: its records by id, sent and acknowledged.
#[derive(Clone, Default)]
struct Client {
    sent: BTreeSet<i64>,
    waiting: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
    /// Whether the index `brief` was deleted, and that is durable.
    gone: bool,
    going: bool,
}

fn batch(index: &str, numbers: &[i64]) -> LogBatch {
    let mut batch = LogBatch::default();
    for number in numbers {
        let mut record = batch.begin(index);
        record.id(&format!("id-{number}"));
        // Every third one is a day late: a generation has parts in two folders.
        record.time(LogTime(NOW.0 - if number % 3 == 0 { 30 * HOUR } else { HOUR } + number));
        record.field("number", LogValue::Int(*number), false);
        record.field("message", LogValue::Text(&format!("支付 number {number}")), false);
        record.finish();
    }
    batch
}

impl Client {
    fn push(&mut self, store: &Store, numbers: &[i64]) -> Result<(), AppendError> {
        self.sent.extend(numbers);
        let appended = store.append(&batch("shop", numbers), NOW)?;
        let kept = |outcome: &Outcome| matches!(outcome, Outcome::Created { .. } | Outcome::Same { .. });
        assert!(appended.outcomes.iter().all(kept), "{:?}", appended.outcomes);
        self.waiting.extend(numbers);
        Ok(())
    }

    fn sync(&mut self, store: &Store) {
        if store.wal().sync().is_ok() {
            self.acknowledged.append(&mut self.waiting);
            self.gone |= self.going;
        }
    }
}

/// A life: ends early, at whatever operation the power goes. Each variant does things at other times.
fn live(disk: &SimDisk, client: &mut Client, variant: u64) {
    let every = |base: u64, spread: u64| (base + variant % spread) as i64;
    let (sync, seal, maintain) = (every(2, 4), every(2, 3), every(3, 5));
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok((store, _)) = Store::open(disk, folder(), options(), NOW) else { return };
    for step in 0..30_i64 {
        // The last one is repeated, as by a sender that got no answer.
        if client.push(&store, &[step * 2, step * 2 + 1]).is_err()
            || client.push(&store, &[step * 2]).is_err()
        {
            return;
        }
        if step == 3 && store.append(&batch("brief", &[1_000, 1_001]), NOW).is_err() {
            return;
        }
        if step == 9 {
            client.going = store.delete_index("brief").is_ok();
        }
        if step == 12 && store.create_index("later", Mapping::default(), "{}", NOW).is_err() {
            return;
        }
        if step % sync == sync - 1 {
            client.sync(&store);
        }
        if step % seal == seal - 1 && store.seal(NOW).is_err() {
            return;
        }
        if step % maintain == maintain - 1 && store.maintain(NOW).is_err() {
            return;
        }
    }
    client.sync(&store);
}

fn read(store: &Store, index: &str) -> BTreeMap<i64, String> {
    let search = LogSearch {
        total: TotalWanted::Exact,
        ..LogSearch::new(vec![index.to_owned()], LogQuery::All, 10_000)
    };
    let found = store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default()).unwrap();
    assert_eq!(found.damage, Vec::<String>::new());
    let mut all = BTreeMap::new();
    for hit in found.hits {
        let Some(LogValue::Int(number)) = hit.record.value("number") else { panic!("{hit:?}") };
        assert_eq!(hit.record.id, format!("id-{number}"));
        let text = hit.record.text("message").unwrap().to_owned();
        assert!(all.insert(*number, text).is_none(), "{number} is there twice");
    }
    all
}

#[track_caller]
fn check(store: &Store, client: &Client, what: &str) {
    let exists = |name: &str| store.index_names().iter().any(|index| index == name);
    let kept = if exists("shop") { read(store, "shop") } else { BTreeMap::new() };
    for number in &client.acknowledged {
        assert_eq!(
            kept.get(number),
            Some(&format!("支付 number {number}")),
            "{what}: acknowledged {number} is lost"
        );
    }
    for number in kept.keys() {
        assert!(client.sent.contains(number), "{what}: {number} was never sent");
    }
    assert!(!(client.gone && exists("brief")), "{what}: a deleted index is there again");
}

fn crashes(seed: u64) -> Vec<Crash> {
    let mut all = vec![Crash::LoseAll, Crash::KeepAll, Crash::LengthOnly];
    all.push(Crash::Torn { sector: 512, seed });
    all.push(Crash::Random { seed });
    all
}

/// Opens a crashed disk, checks it, repeats everything that was sent, and checks again.
fn recover(disk: &SimDisk, client: &Client, what: &str) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (store, _) = Store::open(Arc::clone(&shared), folder(), options(), NOW)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    check(&store, client, what);
    // A deletion that was not durable may have happened or not.
    let mut after = Client { going: client.gone, ..client.clone() };
    let sent: Vec<i64> = client.sent.iter().copied().chain([5_000]).collect();
    after.push(&store, &sent).unwrap();
    after.sync(&store);
    check(&store, &after, what);
    store.seal(NOW).unwrap();
    check(&store, &after, what);
    drop(store);
    let (store, _) = Store::open(shared, folder(), options(), NOW).unwrap();
    check(&store, &after, what);
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_whenever_the_power_goes() {
    let states_max: usize =
        std::env::var("LINGSHAO_CRASH_STATES").map_or(3_000, |text| text.parse().unwrap());
    let mut states = BTreeSet::new();
    'all: for variant in 0..60 {
        let disk = SimDisk::new();
        let mut client = Client::default();
        live(&disk, &mut client, variant);
        assert_eq!(client.acknowledged, client.sent, "an undisturbed life keeps everything");
        // Coprime to what a step does, so that variants meet other operations.
        for operation in (1 + variant % 7..=disk.operations()).step_by(7) {
            let disk = SimDisk::new();
            disk.crash_at(operation);
            let mut client = Client::default();
            live(&disk, &mut client, variant);
            for crash in crashes(operation + (variant << 16)) {
                let crashed = disk.crash_state(crash);
                if states.insert(crashed.fingerprint()) {
                    recover(
                        &crashed,
                        &client,
                        &format!("variant {variant}, crash at {operation}, {crash:?}"),
                    );
                }
                if states.len() >= states_max {
                    break 'all;
                }
            }
        }
    }
    println!("crash states: {}", states.len());
    assert!(states.len() >= states_max, "only {} states", states.len());
}

#[test]
fn a_failed_sync_ends_acknowledging_and_loses_nothing_acknowledged() {
    for sync in 1..40 {
        let disk = SimDisk::new();
        disk.fail_sync_at(sync);
        let mut client = Client::default();
        live(&disk, &mut client, sync);
        recover(&disk.crash_state(Crash::LoseAll), &client, &format!("sync {sync} failed"));
    }
}

#[test]
fn a_full_disk_refuses_for_a_while_and_keeps_what_it_has() {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (store, _) = Store::open(shared, folder(), options(), NOW).unwrap();
    let mut client = Client::default();
    client.push(&store, &[0]).unwrap();
    disk.set_free_bytes(Some(3_000));
    let mut number = 1;
    let refused = loop {
        match store.append(&batch("shop", &[number]), NOW) {
            Ok(_) => {
                client.sent.insert(number);
                client.waiting.insert(number);
            }
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 1_000, "the disk never was full");
    };
    assert!(matches!(refused, AppendError::Full(_)), "{refused}");
    client.sync(&store);
    check(&store, &client, "full");
    assert!(store.seal(NOW).is_err(), "there is no room for a part");
    check(&store, &client, "still full");
    disk.set_free_bytes(None);
    client.push(&store, &[number, number + 1]).unwrap();
    client.sync(&store);
    store.seal(NOW).unwrap();
    check(&store, &client, "room again");
    recover(&disk.crash_state(Crash::LoseAll), &client, "after a full disk");
}
