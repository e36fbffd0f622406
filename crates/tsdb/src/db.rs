//! The storage as its users see it: open, append, snapshot.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lingshao_disk::{Commit, Disk, Recovery, Replayed, Wal, WalError, WalOptions, WalSync};
use lingshao_model::{BatchSeries, Labels, Refusal, Refusals, SeriesBatch, Timestamp};

use crate::block::{Block, BlockError, Generations};
use crate::generation::{Generation, GenerationView};
use crate::maintain::open_blocks;
use crate::options::Options;
use crate::record::{self, Entry};
use crate::series::Place;
use crate::snapshot::Snapshot;

/// Keeps samples. Shared between threads; appends take turns, readers hold no lock.
#[derive(Debug)]
pub struct Db {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) wal: WalSync,
    writer: Mutex<Writer>,
    /// One maintenance at a time.
    pub(crate) maintenance: Mutex<crate::maintain::Memory>,
}

/// What the one that appends or changes the set of blocks holds.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) wal: Wal,
    pub(crate) head: Generation,
    pub(crate) opened_at: Timestamp,
    /// The head must end before it takes samples: it is none of the log's, or its numbers are not.
    pub(crate) cut_first: bool,
    /// Frozen generations that are not sealed yet, oldest first.
    pub(crate) frozen: Vec<Frozen>,
    /// Oldest first.
    pub(crate) blocks: Arc<[Arc<Block>]>,
    scratch: Scratch,
}

/// A generation that waits to become a block.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) view: GenerationView,
    /// First log segment that it needs.
    pub(crate) segment: u64,
}

/// Memory that appends reuse.
#[derive(Debug, Default)]
struct Scratch {
    entries: Vec<Entry>,
    /// Series whose labels the log does not know yet.
    undefined: Vec<u32>,
    /// Series, time and place in `entries`.
    order: Vec<(u32, i64, u32)>,
    record: Vec<u8>,
}

/// A series of the generation that is being written; what a steady scrape remembers in place of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRef {
    generation: u64,
    series: u32,
}

/// Samples of known series at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The instant.
    pub t: Timestamp,
    /// Which series.
    pub refs: &'a [SeriesRef],
    /// As long as `refs`.
    pub values: &'a [f64],
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The batch is safe when this commit is durable.
    pub commit: Commit,
    /// Samples kept, or kept before with the same value.
    pub stored: u64,
    /// Samples that never will be.
    pub refusals: Refusals,
}

/// Why a whole batch was not kept. All but [`AppendError::RefsExpired`] are for the sender to repeat.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log takes nothing: the disk is full, or it failed.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Memory for samples that are not sealed yet is used up.
    #[error("{bytes} bytes of samples wait to be sealed, {bytes_max} are allowed; is the disk full or slow?")]
    Overloaded {
        /// What waits.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The references are of a generation that has been sealed since: append with labels again.
    #[error("series references have expired")]
    RefsExpired,
}

/// Why the storage cannot be opened or maintained.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The log.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A block.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A folder or file operation.
    #[error("cannot {action} `{path}`")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What opening found.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// What the log had to repair.
    pub wal: Option<Recovery>,
    /// Samples replayed from the log.
    pub replayed: u64,
    /// Samples in the log whose series' labels were lost with a damaged part of it.
    pub orphaned: u64,
    /// Log records that were not readable although their checksum holds.
    pub unreadable_records: u64,
    /// Blocks that were damaged and set aside, with the reason.
    pub quarantined: Vec<String>,
}

impl Db {
    /// Opens or creates the storage in a folder that is locked by the caller.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
        now: Timestamp,
    ) -> Result<(Db, OpenReport), DbError> {
        let mut report = OpenReport::default();
        let blocks = open_blocks(&disk, dir, &mut report)?;
        let sealed = blocks.iter().map(|block| block.generations).collect();
        let mut replay = Replay::new(sealed, now);
        let wal_options = WalOptions { segment_bytes_max: options.segment_bytes_max };
        let (wal, recovery) = Wal::open(Arc::clone(&disk), &dir.join("wal"), wal_options, &mut |record| {
            replay.record(record);
        })?;
        report.wal = Some(recovery);
        (report.replayed, report.orphaned) = (replay.replayed, replay.orphaned);
        report.unreadable_records = replay.unreadable;
        let sync = wal.handle();
        let writer = replay.into_writer(wal, blocks, now)?;
        let db = Db {
            disk,
            dir: dir.to_owned(),
            options,
            wal: sync,
            writer: Mutex::new(writer),
            maintenance: Mutex::default(),
        };
        Ok((db, report))
    }

    /// Appends samples of any series.
    pub fn append(&self, batch: &SeriesBatch, now: Timestamp) -> Result<Appended, AppendError> {
        self.append_series(batch, now, |_| {})
    }

    /// Appends samples of any series and remembers a reference for each series of the batch, `None` where it was
    /// refused. `refs` is cleared first.
    pub fn append_with_refs(
        &self,
        batch: &SeriesBatch,
        now: Timestamp,
        refs: &mut Vec<Option<SeriesRef>>,
    ) -> Result<Appended, AppendError> {
        refs.clear();
        self.append_series(batch, now, |series| refs.push(series))
    }

    /// Appends samples of series that were appended before in this generation. A series that stands twice keeps its
    /// first value; another one is refused.
    pub fn append_page(&self, page: &Page<'_>, now: Timestamp) -> Result<Appended, AppendError> {
        assert_eq!(page.refs.len(), page.values.len(), "one value per series");
        let mut writer = self.writer();
        writer.make_ready(&self.options, now)?;
        if page.refs.iter().any(|own| own.generation != writer.head.number) {
            return Err(AppendError::RefsExpired);
        }
        let window = Window::new(&self.options, now);
        let mut outcome = Outcome::default();
        writer.scratch.clear();
        let Writer { head, scratch, .. } = &mut *writer;
        for (own, value) in page.refs.iter().zip(page.values) {
            let entry = Entry { series: own.series, t: page.t.0, start: 0, value: *value };
            outcome.admit(head, &window, entry, &mut scratch.entries);
            let series = head.series(own.series).expect("references are only made for series that exist");
            if !series.defined {
                scratch.undefined.push(own.series);
            }
        }
        writer.commit(outcome)
    }

    fn append_series(
        &self,
        batch: &SeriesBatch,
        now: Timestamp,
        mut remember: impl FnMut(Option<SeriesRef>),
    ) -> Result<Appended, AppendError> {
        let mut writer = self.writer();
        writer.make_ready(&self.options, now)?;
        let window = Window::new(&self.options, now);
        let mut outcome = Outcome::default();
        writer.scratch.clear();
        let Writer { head, scratch, .. } = &mut *writer;
        let mut guess = 0;
        for series in batch.series() {
            let number = head.find(series.labels, guess).or_else(|| {
                outcome
                    .admit_series(&self.options, &window, head.series_count(), &series)
                    .map(|labels| head.add(labels))
            });
            if let Some(number) = number {
                guess = number + 1;
                outcome.admit_samples(head, &window, number, &series, scratch);
            }
            remember(number.map(|series| SeriesRef { generation: head.number, series }));
        }
        writer.commit(outcome)
    }

    /// For the thread that syncs the log, and for those who wait for it.
    pub fn wal(&self) -> WalSync {
        self.wal.clone()
    }

    /// Everything that has been appended up to now.
    pub fn snapshot(&self) -> Snapshot {
        let writer = self.writer();
        let frozen = writer.frozen.iter().map(|frozen| frozen.view.clone());
        Snapshot {
            blocks: Arc::clone(&writer.blocks),
            generations: frozen.chain([writer.head.view()]).collect(),
        }
    }

    /// Syncs the log and marks its end, so that the next start can tell damage from a crash.
    pub fn close(self) -> Result<(), DbError> {
        let writer = self.writer.into_inner().expect("no panic while appending");
        Ok(writer.wal.close()?)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("no panic while appending")
    }
}

impl Writer {
    fn make_ready(&mut self, options: &Options, now: Timestamp) -> Result<(), AppendError> {
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.view.extent.bytes).sum();
        let (bytes, bytes_max) = (frozen + self.head.extent.bytes, 2 * options.head_bytes_max);
        if bytes > bytes_max {
            return Err(AppendError::Overloaded { bytes, bytes_max });
        }
        if self.cut_first {
            self.cut(now)?;
        }
        Ok(())
    }

    /// Writes what was admitted to the log, then to the head: what the log did not take, nobody sees.
    fn commit(&mut self, mut outcome: Outcome) -> Result<Appended, AppendError> {
        let Writer { wal, head, scratch, .. } = self;
        outcome.drop_twins(head, scratch);
        // A batch of nothing but repeated samples is as durable as the log is when all of it is.
        let mut commit = wal.handle().appended();
        if !scratch.entries.is_empty() {
            let labels = |series: &u32| (*series, &head.series(*series).expect("just found").labels);
            scratch.record.clear();
            record::encode_batch_generation(&mut scratch.record, head.number);
            record::encode_batch(&mut scratch.record, scratch.undefined.iter().map(labels), &scratch.entries);
            commit = wal.append(record::BATCH, &scratch.record)?;
            for series in &scratch.undefined {
                let mut page = head.page_mut(*series).expect("just found");
                page.get(*series).expect("just found").defined = true;
            }
            apply(head, &scratch.entries);
        }
        Ok(Appended { commit, stored: outcome.stored, refusals: outcome.refusals })
    }

    /// First log segment that holds samples which are in no block.
    pub(crate) fn first_needed_segment(&self) -> u64 {
        self.frozen.first().map_or(self.head.segment, |frozen| frozen.segment)
    }

    /// Freezes the head and starts a new generation.
    pub(crate) fn cut(&mut self, now: Timestamp) -> Result<(), WalError> {
        let segment = self.wal.cut()?;
        let number = self.head.number + 1;
        self.wal.append(record::GENERATION, &record::encode_generation(number, now.0))?;
        let head = std::mem::replace(&mut self.head, Generation::new(number, segment));
        (self.opened_at, self.cut_first) = (now, false);
        if head.extent.samples > 0 {
            self.frozen.push(Frozen { view: head.view(), segment: head.segment });
        }
        Ok(())
    }
}

/// Puts entries into the head, page by page.
fn apply(head: &mut Generation, entries: &[Entry]) {
    let mut entries = entries.iter().peekable();
    while let Some(first) = entries.peek() {
        let mut page = head.page_mut(first.series).expect("entries name series that exist");
        while entries.next_if(|entry| page.push(entry.series, entry.t, entry.start, entry.value)).is_some() {}
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.entries.clear();
        self.undefined.clear();
        self.record.clear();
    }
}

/// Instants that are accepted.
struct Window {
    from: i64,
    to: i64,
}

impl Window {
    fn new(options: &Options, now: Timestamp) -> Window {
        let window = options.out_of_order_window.min(options.retention);
        Window { from: (now - window).0, to: (now + options.future_max).0 }
    }

    fn refusal(&self, t: i64) -> Option<Refusal> {
        if t < self.from {
            Some(Refusal::TooOld)
        } else if t > self.to {
            Some(Refusal::TooFarAhead)
        } else {
            None
        }
    }
}

/// What is being decided of a batch.
#[derive(Default)]
struct Outcome {
    stored: u64,
    refusals: Refusals,
}

impl Outcome {
    /// Checks a series that is not known yet; answers its labels if it may be added.
    fn admit_series(
        &mut self,
        options: &Options,
        window: &Window,
        series_count: u32,
        series: &BatchSeries<'_>,
    ) -> Option<Labels> {
        let labels = series.labels();
        let mut refuse = |reason, detail: &dyn Fn() -> String| {
            self.refusals.add(reason, series.times.len().max(1) as u64, || {
                format!("{}{}", excerpt(&labels), detail())
            });
            None
        };
        if let Some(detail) = over_label_limit(options, &labels) {
            return refuse(Refusal::LabelLimit, &|| format!(": {detail}"));
        }
        if series_count >= options.series_max {
            return refuse(Refusal::SeriesLimit, &|| format!(": {} series allowed", options.series_max));
        }
        // A series of which nothing can be kept must not take memory.
        if !series.times.iter().any(|t| window.refusal(*t).is_none()) {
            let t = series.times.first()?;
            return refuse(window.refusal(*t).expect("none is accepted"), &|| format!(" at {t}"));
        }
        Some(labels)
    }

    fn admit_samples(
        &mut self,
        head: &Generation,
        window: &Window,
        number: u32,
        series: &BatchSeries<'_>,
        scratch: &mut Scratch,
    ) {
        let before = scratch.entries.len();
        for (index, (t, value)) in series.times.iter().zip(series.values).enumerate() {
            let start = series.starts.get(index).copied().unwrap_or(0);
            let entry = Entry { series: number, t: *t, start, value: *value };
            self.admit(head, window, entry, &mut scratch.entries);
        }
        let undefined = !head.series(number).expect("just found").defined;
        if undefined && scratch.entries.len() > before && scratch.undefined.last() != Some(&number) {
            scratch.undefined.push(number);
        }
    }

    /// Judges one sample of a series that exists.
    #[inline]
    fn admit(&mut self, head: &Generation, window: &Window, entry: Entry, entries: &mut Vec<Entry>) {
        if let Some(reason) = window.refusal(entry.t) {
            return self.refuse(head, reason, entry);
        }
        let series = head.series(entry.series).expect("entries name series that exist");
        match series.place(entry.t, entry.value) {
            Place::End | Place::Late => {
                entries.push(entry);
                self.stored += 1;
            }
            Place::Repeated => self.stored += 1,
            Place::Conflict => self.refuse(head, Refusal::DuplicateTimestamp, entry),
        }
    }

    /// Of two samples of one series at one instant in one batch the head has seen neither when it judges them: the
    /// first stays. Most batches name each series once, in ascending order, and there is nothing to look for.
    fn drop_twins(&mut self, head: &Generation, scratch: &mut Scratch) {
        let Scratch { entries, undefined, order, .. } = scratch;
        if entries.is_sorted_by(|a, b| (a.series, a.t) < (b.series, b.t)) {
            return;
        }
        undefined.sort_unstable();
        undefined.dedup();
        order.clear();
        order.extend((0..).zip(&*entries).map(|(at, entry)| (entry.series, entry.t, at)));
        order.sort(); // Senders repeat their order: few ascending runs, which this sort only merges.
        let mut twins = Vec::new();
        for same in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let kept = entries[same[0].2 as usize].value;
            for (_, _, at) in &same[1..] {
                let twin = entries[*at as usize];
                twins.push(*at);
                if kept.to_bits() != twin.value.to_bits() {
                    self.stored -= 1;
                    self.refuse(head, Refusal::DuplicateTimestamp, twin);
                }
            }
        }
        twins.sort_unstable();
        let (mut at, mut twins) = (0, twins.into_iter().peekable());
        entries.retain(|_| {
            at += 1;
            twins.next_if_eq(&(at - 1)).is_none()
        });
    }

    #[cold]
    fn refuse(&mut self, head: &Generation, reason: Refusal, entry: Entry) {
        let series = head.series(entry.series).expect("entries name series that exist");
        self.refusals.add(reason, 1, || format!("{} at {}", excerpt(&series.labels), entry.t));
    }
}

fn over_label_limit(options: &Options, labels: &Labels) -> Option<String> {
    let count = labels.len();
    if count > options.labels_max {
        return Some(format!("{count} labels, {} allowed", options.labels_max));
    }
    labels.iter().find_map(|(name, value)| {
        if name.len() > options.label_name_bytes_max {
            Some(format!("a label name of {} bytes, {} allowed", name.len(), options.label_name_bytes_max))
        } else if value.len() > options.label_value_bytes_max {
            let (bytes, bytes_max) = (value.len(), options.label_value_bytes_max);
            Some(format!("the value of `{name}` has {bytes} bytes, {bytes_max} allowed"))
        } else {
            None
        }
    })
}

/// Labels for an error text, cut to a readable length.
fn excerpt(labels: &Labels) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text = labels.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// Rebuilds generations from the log.
struct Replay {
    /// Generations that are in a block already.
    sealed: Vec<Generations>,
    head: Option<Generation>,
    opened_at: Timestamp,
    frozen: Vec<Frozen>,
    /// From numbers in the log to numbers in memory: they differ when definitions were lost or written late.
    numbers: Vec<Option<u32>>,
    entries: Vec<Entry>,
    replayed: u64,
    orphaned: u64,
    unreadable: u64,
}

impl Replay {
    fn new(sealed: Vec<Generations>, now: Timestamp) -> Replay {
        Replay {
            sealed,
            head: None,
            opened_at: now,
            frozen: Vec::new(),
            numbers: Vec::new(),
            entries: Vec::new(),
            replayed: 0,
            orphaned: 0,
            unreadable: 0,
        }
    }

    fn record(&mut self, record: &Replayed<'_>) {
        let outcome = match record.kind {
            record::GENERATION => record::decode_generation(record.payload)
                .map(|(number, opened_at)| self.begin(number, Timestamp(opened_at), record.segment)),
            record::BATCH => self.numbered_batch(record),
            record::BATCH_UNNUMBERED => self.batch(record.payload),
            _ => Err(crate::chunk::BadChunk),
        };
        if outcome.is_err() {
            self.unreadable += 1;
        }
    }

    fn begin(&mut self, number: u64, opened_at: Timestamp, segment: u64) {
        self.freeze();
        self.numbers.clear();
        self.opened_at = opened_at;
        self.head = Some(Generation::new(number, segment));
    }

    fn freeze(&mut self) {
        if let Some(head) = self.head.take()
            && head.extent.samples > 0
        {
            self.frozen.push(Frozen { view: head.view(), segment: head.segment });
        }
    }

    fn numbered_batch(&mut self, record: &Replayed<'_>) -> Result<(), crate::chunk::BadChunk> {
        let (number, batch) = record::decode_batch_generation(record.payload)?;
        let begun = self.head.as_ref().map(|head| head.number);
        if begun.is_none_or(|begun| begun < number) {
            // The record that began the generation is lost.
            self.begin(number, self.opened_at, record.segment);
        } else if begun != Some(number) {
            return Err(crate::chunk::BadChunk);
        }
        self.batch(batch)
    }

    fn batch(&mut self, payload: &[u8]) -> Result<(), crate::chunk::BadChunk> {
        let Some(head) = self.head.as_mut() else { return Err(crate::chunk::BadChunk) };
        if is_sealed(&self.sealed, head.number) {
            return Ok(());
        }
        let (numbers, entries) = (&mut self.numbers, &mut self.entries);
        entries.clear();
        let define = |number: u32, labels: Labels| {
            // Definitions are dense: a number far beyond them is damage, not a reason to allocate.
            if number as usize > numbers.len() + NUMBERS_SKIPPED_MAX {
                return Err(crate::chunk::BadChunk);
            }
            if numbers.len() <= number as usize {
                numbers.resize(number as usize + 1, None);
            }
            let known = head.find(labels.encoded(), number);
            numbers[number as usize] = Some(known.unwrap_or_else(|| head.add(labels)));
            Ok(())
        };
        record::decode_batch(payload, define, entries)?;
        let before = entries.len();
        entries.retain_mut(|entry| match numbers.get(entry.series as usize) {
            Some(Some(number)) => {
                entry.series = *number;
                true
            }
            _ => false,
        });
        self.orphaned += (before - entries.len()) as u64;
        self.replayed += entries.len() as u64;
        apply(head, entries);
        Ok(())
    }

    /// Whether the log's numbers can be used on.
    fn numbers_agree(&self) -> bool {
        self.orphaned == 0
            && self.unreadable == 0
            && self.numbers.iter().enumerate().all(|(index, number)| *number == Some(index as u32))
    }

    fn into_writer(mut self, wal: Wal, blocks: Vec<Arc<Block>>, now: Timestamp) -> Result<Writer, DbError> {
        let agree = self.numbers_agree();
        let sealed = self.sealed.iter().map(|generations| generations.last).max().unwrap_or(0);
        if self.head.as_ref().is_some_and(|head| head.number <= sealed) {
            self.freeze(); // Its own block is lost, not those after it.
        }
        let head = self.head.take();
        let fresh = head.is_none();
        let last = self.frozen.last().map_or(sealed, |frozen| frozen.view.number.max(sealed));
        let mut head = head.unwrap_or_else(|| Generation::new(last, 0));
        for number in 0..head.series_count() {
            let mut page = head.page_mut(number).expect("below the count");
            page.get(number).expect("below the count").defined = true;
        }
        let mut writer = Writer {
            wal,
            head,
            opened_at: self.opened_at.min(now),
            cut_first: fresh || !agree,
            frozen: self.frozen,
            blocks: blocks.into(),
            scratch: Scratch::default(),
        };
        let ready = if writer.cut_first { writer.cut(now) } else { Ok(()) };
        match ready {
            // Without room there is nothing to append, but all that was kept can be asked for.
            Ok(()) | Err(WalError::Full { .. }) => Ok(writer),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_sealed(sealed: &[Generations], number: u64) -> bool {
    sealed.iter().any(|generations| (generations.first..=generations.last).contains(&number))
}

/// Numbers that lost definitions may leave out: the largest batch holds fewer series.
const NUMBERS_SKIPPED_MAX: usize = 1 << 24;
