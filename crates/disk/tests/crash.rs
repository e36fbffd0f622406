//! Kills and power cuts at every operation of random workloads, in every way of losing unsynced data, and power cuts
//! again at every operation of the recovery: what was acknowledged is there, once, in order and without a gap.
//!
//! `LINGSHAO_CRASH_STATES=100000` enumerates more than the usual number of distinct states.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::sim::Crash;
use lingshao_disk::{
    Disk, SealedError, SealedFile, SealedWriter, Section, SimDisk, Wal, WalError, WalOptions,
    remove_unfinished,
};

/// What `make test` enumerates.
const STATES: usize = 20_000;
const WAL: &str = "/data/wal";
const BLOCKS: &str = "/data/blocks";

#[derive(Clone, Copy, Debug)]
enum Step {
    Append {
        bytes: usize,
    },
    Sync,
    Cut,
    /// Deletes all segments but the newest so many.
    DropAllBut(u64),
    Seal {
        bytes: usize,
    },
    /// The disk has room for so much from now on.
    Room(Option<u64>),
    /// The next sync fails.
    FailSync,
}

/// What must be, may be and must not be on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Promise {
    /// Records 1 to this one may be there: they were begun.
    begun: u64,
    /// Records up to this one are acknowledged.
    acknowledged: u64,
    /// Records before this one may have been deleted.
    dropping: u64,
    /// Records before this one are deleted for good.
    dropped: u64,
    /// Sealed files that are published: number and length.
    sealed: Vec<(u64, usize)>,
    /// A sealed file that may be published.
    sealing: Option<(u64, usize)>,
}

struct Run {
    disk: SimDisk,
    promise: Promise,
    /// First record of each segment.
    segments: Vec<(u64, u64)>,
    poisoned: bool,
}

#[test]
fn acknowledged_survives_kills_and_power_cuts() {
    let wanted = std::env::var("LINGSHAO_CRASH_STATES").map_or(STATES, |text| text.parse().unwrap());
    let (mut single, mut double) = (HashSet::new(), HashSet::new());
    let mut workloads = 0;
    while single.len() < wanted {
        workloads += 1;
        let (steps, segment_bytes_max) = workload(workloads);
        enumerate(&steps, segment_bytes_max, &mut single, &mut double);
    }
    println!("crash states: {} distinct, {} double ({workloads} workloads)", single.len(), double.len());
    assert!(single.len() <= double.len() * 10, "the second crash is not tested enough");
}

/// Crashes a workload at each of its operations.
fn enumerate(steps: &[Step], segment_bytes_max: u64, single: &mut HashSet<u64>, double: &mut HashSet<u64>) {
    let whole = run(steps, segment_bytes_max, None);
    let operations = whole.disk.operations();
    for at in 1..=operations + 1 {
        let crashed = run(steps, segment_bytes_max, Some(at));
        assert_eq!(crashed.disk.has_crashed(), at <= operations, "the workload is the same each time");
        let place = format!("kill at operation {at} of {steps:?}, segments of {segment_bytes_max}");
        let state = crashed.disk.after_kill();
        check(&state, &crashed.promise, segment_bytes_max, &place);
        if at % 16 == 0 {
            crash_again(&state, &crashed.promise, segment_bytes_max, &place, double);
        }
        for crash in crashes(at) {
            let state = crashed.disk.crash_state(crash);
            if !single.insert(state.fingerprint()) && crash != Crash::LoseAll {
                continue;
            }
            let place = format!("{crash:?} at operation {at} of {steps:?}, segments of {segment_bytes_max}");
            check(&state, &crashed.promise, segment_bytes_max, &place);
            if at % 4 == 0 || crash == Crash::LoseAll {
                crash_again(&state, &crashed.promise, segment_bytes_max, &place, double);
            }
        }
    }
}

/// Crashes the recovery of a state at each of its operations.
fn crash_again(
    state: &SimDisk,
    promise: &Promise,
    segment_bytes_max: u64,
    place: &str,
    double: &mut HashSet<u64>,
) {
    for at in 1.. {
        let disk = state.after_kill(); // A copy.
        disk.crash_at(at);
        let outcome = recover(&disk, segment_bytes_max);
        if !disk.has_crashed() {
            outcome.unwrap();
            return;
        }
        for crash in [Crash::LoseAll, Crash::KeepAll, Crash::Random { seed: at }, Crash::LengthOnly] {
            let again = disk.crash_state(crash);
            if double.insert(again.fingerprint()) {
                let place = format!("{crash:?} at operation {at} of the recovery after {place}");
                check(&again, promise, segment_bytes_max, &place);
            }
        }
    }
}

fn crashes(salt: u64) -> impl Iterator<Item = Crash> {
    let torn = |sector, count| (0..count).map(move |seed| Crash::Torn { sector, seed: salt * 97 + seed });
    let random = (0..10).map(move |seed| Crash::Random { seed: salt * 131 + seed });
    [Crash::LoseAll, Crash::KeepAll, Crash::LengthOnly]
        .into_iter()
        .chain(torn(512, 5))
        .chain(torn(4096, 3))
        .chain(random)
}

/// Looks whether a disk keeps its promise, then goes on with it.
fn check(disk: &SimDisk, promise: &Promise, segment_bytes_max: u64, place: &str) {
    let disk = disk.after_kill(); // A copy, so that the caller's stays as it was.
    let (wal, ids) = recover(&disk, segment_bytes_max).unwrap_or_else(|error| panic!("{error}: {place}"));
    let first = ids.first().copied().unwrap_or(promise.dropping.max(1));
    let last = ids.last().copied().unwrap_or(0);
    let whole: Vec<u64> = (first..=last).collect();
    assert_eq!(ids, whole, "a gap, a repetition or a wrong order: {place}");
    assert!(last <= promise.begun, "record {last} was never appended: {place}");
    assert!(promise.acknowledged <= last || promise.acknowledged < promise.dropping, "lost: {place}");
    assert!(first <= promise.dropping.max(1), "records from {} on must be there: {place}", promise.dropping);
    assert!(promise.dropped <= first, "record {first} was deleted: {place}");
    check_sealed(&disk, promise, place);

    // Whoever saw the records after the first crash sees them after the second one, and new ones behind them.
    drop(wal);
    let disk = disk.crash_state(Crash::LoseAll);
    let (mut wal, again) = recover(&disk, segment_bytes_max).unwrap();
    assert_eq!(again, ids, "what was replayed was not durable: {place}");
    let next = last + 1;
    wal.append(kind(next), &payload(next, 700)).unwrap();
    wal.append(kind(next + 1), &payload(next + 1, 10)).unwrap();
    wal.handle().sync().unwrap();
    let (_, ids) = recover(&disk.crash_state(Crash::LoseAll), segment_bytes_max).unwrap();
    let expected: Vec<u64> = again.iter().copied().chain([next, next + 1]).collect();
    assert_eq!(ids, expected, "the log does not go on after: {place}");
}

fn check_sealed(disk: &SimDisk, promise: &Promise, place: &str) {
    let names: Vec<PathBuf> = disk.paths().into_iter().filter(|path| path.starts_with(BLOCKS)).collect();
    for path in &names {
        let known = |(number, _): &&(u64, usize)| *path == block_path(*number);
        let (number, bytes) = promise.sealed.iter().chain(&promise.sealing).find(known).unwrap();
        let file = SealedFile::open(Arc::new(disk.clone()), path)
            .unwrap_or_else(|error| panic!("half published: {error}: {place}"));
        let section = Section { offset: 16, bytes: *bytes as u32 };
        let mut out = Vec::new();
        file.read(section, &mut out).unwrap();
        assert_eq!((out, file.footer()), (payload(*number, *bytes), &b"footer"[..]), "{place}");
    }
    for (number, _) in &promise.sealed {
        assert!(names.contains(&block_path(*number)), "sealed file {number} is lost: {place}");
    }
}

/// What a program does at its start.
fn recover(disk: &SimDisk, segment_bytes_max: u64) -> Result<(Wal, Vec<u64>), WalError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let cannot = |source| WalError::Io { action: "tidy up", path: BLOCKS.into(), source };
    shared.create_dir_all(Path::new(BLOCKS)).map_err(cannot)?;
    remove_unfinished(&*shared, Path::new(BLOCKS)).map_err(cannot)?;
    let mut ids = Vec::new();
    let options = WalOptions { segment_bytes_max };
    let (wal, recovery) = Wal::open(shared, Path::new(WAL), options, &mut |record| {
        let id = u64::from_le_bytes(record.payload[..8].try_into().unwrap());
        assert_eq!(record.payload, payload(id, record.payload.len()), "a record changed");
        assert_eq!(record.kind, kind(id), "a kind changed");
        ids.push(id);
    })?;
    assert_eq!(recovery.losses, [], "a power cut is not damage");
    Ok((wal, ids))
}

/// Runs a workload until its end or its power cut.
fn run(steps: &[Step], segment_bytes_max: u64, crash_at: Option<u64>) -> Run {
    let disk = SimDisk::new();
    if let Some(at) = crash_at {
        disk.crash_at(at);
    }
    let mut run =
        Run { disk: disk.clone(), promise: Promise::default(), segments: Vec::new(), poisoned: false };
    disk.create_dir_all(Path::new(BLOCKS)).unwrap();
    let options = WalOptions { segment_bytes_max };
    let Ok((mut wal, _)) = Wal::open(Arc::new(disk), Path::new(WAL), options, &mut |_| {}) else {
        return run;
    };
    run.segments.push((1, 1));
    for step in steps {
        run.step(&mut wal, *step);
        if run.disk.has_crashed() {
            break;
        }
    }
    run
}

impl Run {
    fn step(&mut self, wal: &mut Wal, step: Step) {
        match step {
            Step::Append { bytes } => self.append(wal, bytes),
            Step::Sync => {
                let appended = wal.handle().appended().0;
                let outcome = wal.handle().sync();
                if let Ok(commit) = outcome {
                    assert_eq!(commit.0, appended);
                    self.promise.acknowledged = commit.0;
                }
                self.tolerate(outcome.map(|_| ()));
            }
            Step::Cut => {
                let outcome = wal.cut();
                if let Ok(segment) = outcome {
                    self.note_segment(segment, self.promise.begun + 1);
                }
                self.tolerate(outcome.map(|_| ()));
            }
            Step::DropAllBut(count) => self.drop_all_but(wal, count),
            Step::Seal { bytes } => self.seal(bytes),
            Step::Room(bytes) => self.disk.set_free_bytes(bytes),
            Step::FailSync => self.disk.fail_sync_at(self.disk.syncs() + 1),
        }
    }

    fn append(&mut self, wal: &mut Wal, bytes: usize) {
        let id = self.promise.begun + 1;
        self.promise.begun = id;
        let before = wal.bytes();
        let outcome = wal.append(kind(id), &payload(id, bytes));
        match &outcome {
            Ok(commit) => assert_eq!(commit.0, id),
            Err(_) if self.disk.has_crashed() => {}
            Err(_) => self.promise.begun = id - 1,
        }
        // A segment's header is 48 bytes: so a new one is noticed.
        let grown = wal.bytes() - before;
        if grown == 48 || grown == 48 + 32 + payload(id, bytes).len() as u64 {
            let segment = self.segments.last().unwrap().0 + 1;
            self.note_segment(segment, id);
        }
        self.tolerate(outcome.map(|_| ()));
    }

    fn drop_all_but(&mut self, wal: &mut Wal, count: u64) {
        let keep = self.segments.len().saturating_sub(count as usize);
        let (segment, first) = self.segments[keep.min(self.segments.len() - 1)];
        if !self.poisoned {
            self.promise.dropping = self.promise.dropping.max(first);
        }
        let outcome = wal.drop_before(segment);
        if outcome.is_ok() {
            self.promise.dropped = self.promise.dropped.max(first);
        }
        self.tolerate(outcome.map(|_| ()));
    }

    fn seal(&mut self, bytes: usize) {
        let number = self.promise.sealed.len() as u64 + 1;
        self.promise.sealing = Some((number, bytes));
        let publish = || {
            let mut writer = SealedWriter::create(Arc::new(self.disk.clone()), &block_path(number))?;
            writer.section(&payload(number, bytes))?;
            writer.finish(b"footer")
        };
        match publish() {
            Ok(_) => {
                self.promise.sealed.push((number, bytes));
                self.promise.sealing = None;
            }
            // A failed sync of the folder: the name may be there or not, and whether it stays nobody knows.
            Err(SealedError::Full { .. } | SealedError::Io { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn note_segment(&mut self, segment: u64, first: u64) {
        if self.segments.last().unwrap().0 < segment {
            self.segments.push((segment, first));
        }
    }

    /// Only the faults that the workload asked for may show.
    fn tolerate(&mut self, outcome: Result<(), WalError>) {
        match outcome {
            Ok(()) => assert!(!self.poisoned, "a poisoned log goes on"),
            Err(WalError::Full { .. }) => {}
            Err(WalError::Poisoned { .. }) => self.poisoned = true,
            Err(error) => assert!(self.disk.has_crashed(), "{error}"),
        }
    }
}

fn block_path(number: u64) -> PathBuf {
    Path::new(BLOCKS).join(format!("{number}.block"))
}

/// Recognisable content, at least as long as its number.
fn payload(id: u64, bytes: usize) -> Vec<u8> {
    let mut payload = id.to_le_bytes().to_vec();
    payload.extend((8..bytes).map(|at| (id * 31 + at as u64 * 7 + 1) as u8));
    payload
}

fn kind(id: u64) -> u8 {
    (id % 251) as u8
}

/// A random workload; each has its own segment length.
fn workload(seed: u64) -> (Vec<Step>, u64) {
    let mut next = dice(seed);
    let mut below = move |end: u64| next() % end;
    let segment_bytes_max = [700, 2000, 5000, 20_000][below(4) as usize];
    let mut steps = Vec::new();
    for _ in 0..14 + below(16) {
        steps.push(match below(100) {
            0..50 => Step::Append { bytes: [8, 30, 200, 480, 700, 2500, 6000][below(7) as usize] },
            50..72 => Step::Sync,
            72..78 => Step::Cut,
            78..86 => Step::DropAllBut(1 + below(3)),
            86..94 => Step::Seal { bytes: 100 + below(5000) as usize },
            94..97 => Step::Room(Some(below(4000))),
            _ => Step::Room(None),
        });
    }
    if seed.is_multiple_of(5) {
        let at = below(steps.len() as u64) as usize;
        steps.insert(at, Step::FailSync);
    }
    (steps, segment_bytes_max)
}

/// Repeatable chance (xorshift).
fn dice(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}
