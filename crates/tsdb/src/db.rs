//! The storage as its users see it: open, append, snapshot.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lingshao_disk::{Commit, Disk, Recovery, Wal, WalError, WalOptions, WalSync};
use lingshao_model::{Refusals, SeriesBatch, Timestamp};

use crate::admit::{Outcome, Window};
use crate::block::{Block, BlockError};
use crate::generation::{Extent, Generation, GenerationView, time_range};
use crate::maintain::open_blocks;
use crate::options::Options;
use crate::record::{self, Entry};
use crate::replay::Replay;
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
    pub(crate) scratch: Scratch,
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
pub(crate) struct Scratch {
    pub(crate) entries: Vec<Entry>,
    /// Series whose labels the log does not know yet.
    pub(crate) undefined: Vec<u32>,
    /// Series, time and place in `entries`.
    pub(crate) order: Vec<(u32, i64, u32)>,
    pub(crate) record: Vec<u8>,
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
    /// Blocks of an import that a crash interrupted; they are deleted.
    pub withdrawn: u64,
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
        let bytes: u64 = self.head_extents().map(|extent| extent.bytes).sum();
        let bytes_max = 2 * options.head_bytes_max;
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

    /// How much is in memory, generation by generation.
    pub(crate) fn head_extents(&self) -> impl Iterator<Item = Extent> {
        self.frozen.iter().map(|frozen| frozen.view.extent).chain([self.head.extent])
    }

    /// First and last instant of which samples are kept.
    pub(crate) fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        time_range(self.blocks.iter().map(|block| block.extent).chain(self.head_extents()))
    }

    /// First log segment that holds samples which are in no block.
    pub(crate) fn first_needed_segment(&self) -> u64 {
        self.frozen.first().map_or(self.head.segment, |frozen| frozen.segment)
    }

    /// Freezes the head and starts a new generation.
    pub(crate) fn cut(&mut self, now: Timestamp) -> Result<(), WalError> {
        self.cut_leaving(0, now)
    }

    /// The same, and leaves out this many numbers of generations, for blocks that come from no head.
    pub(crate) fn cut_leaving(&mut self, left_out: u64, now: Timestamp) -> Result<(), WalError> {
        let segment = self.wal.cut()?;
        let number = self.head.number + left_out + 1;
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
pub(crate) fn apply(head: &mut Generation, entries: &[Entry]) {
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
