//! Writing history straight into blocks: of series whose past is known and was never appended.
//!
//! One column of instants for all series, then one series at a time, in ascending order of labels. So memory is
//! bounded by one series and the labels of all, whatever the length of the history. Blocks have the spans and the
//! numbers of generations that sealing and merging would have come to, so that retention and merging treat them as all
//! others. They appear together or not at all, also when the power goes in between: a file `importing` says from before
//! the first until after the last which blocks do not count yet (docs/format/block.md).

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use lingshao_disk::{Disk, SealedError, SealedFile, SealedWriter};
use lingshao_model::{Labels, TimeDelta, Timestamp};

use crate::admit::{excerpt, over_label_limit};
use crate::block::{Block, BlockError, BlockWriter, Generations};
use crate::chunk::{BadChunk, Reader, push_varint};
use crate::db::{Db, DbError, OpenReport};
use crate::maintain::{Memory, delete_paths};
use crate::merge::{chunks, encode};
use crate::series::ChunkHead;

/// Blocks that one import may write. All are open at once, with 256 KiB of buffer each; 64 hold a year and more.
const BLOCKS_MAX: usize = 64;
/// In the blocks' folder: names the generations whose blocks do not count yet.
const MARKER: &str = "importing";

/// An import under way. Dropped, it leaves nothing. No other maintenance is done meanwhile.
#[derive(Debug)]
pub struct Import<'db> {
    db: &'db Db,
    _alone: MutexGuard<'db, Memory>,
    times: &'db [Timestamp],
    parts: Vec<Part>,
    previous: Option<Labels>,
    series: u32,
    /// Writing failed: some blocks have the last series, others do not.
    failed: bool,
    bytes: Vec<u8>,
    heads: Vec<(ChunkHead, usize)>,
}

/// One block of an import.
#[derive(Debug)]
struct Part {
    /// Which of the instants.
    times: Range<usize>,
    generations: Generations,
    path: PathBuf,
    writer: BlockWriter,
}

/// What [`Import::finish`] published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks.
    pub blocks: usize,
    /// Series in each of them.
    pub series: u32,
    /// Samples in all of them.
    pub samples: u64,
}

/// Why history is not taken. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Instants must ascend, and there must be one.
    #[error(
        "the instants of an import must ascend and there must be one; number {index} does not follow the one before it"
    )]
    Times {
        /// The one that is not behind its predecessor.
        index: usize,
    },
    /// Beyond what our clock allows.
    #[error("an import reaches to {} ms, and {} ms is the furthest ahead that is accepted", last.0, limit.0)]
    TooFarAhead {
        /// Its last instant.
        last: Timestamp,
        /// The limit.
        limit: Timestamp,
    },
    /// Too many blocks at once.
    #[error(
        "an import of {blocks} blocks is too long, {BLOCKS_MAX} are allowed; import it in parts, oldest first"
    )]
    TooLong {
        /// How many it would be.
        blocks: usize,
    },
    /// There are samples in that time already.
    #[error(
        "an import from {} to {} ms would lie over samples kept from {} to {} ms; \
         import what lies before or behind them",
        first.0, last.0, kept_first.0, kept_last.0
    )]
    Overlap {
        /// The import's first instant.
        first: Timestamp,
        /// Its last one.
        last: Timestamp,
        /// Where what is in the way begins.
        kept_first: Timestamp,
        /// And where it ends.
        kept_last: Timestamp,
    },
    /// A series must have a value for each instant.
    #[error("{series} has {values} values for {times} instants")]
    Values {
        /// Its labels.
        series: String,
        /// How many it has.
        values: usize,
        /// How many it needs.
        times: usize,
    },
    /// Series must come in ascending order of labels, each once.
    #[error("{series} comes behind {previous}; sort the series by their labels")]
    Order {
        /// Labels of the one that comes too late.
        series: String,
        /// Of the one before it.
        previous: String,
    },
    /// A limit of [`crate::Options`].
    #[error("{series}: {limit}")]
    Limit {
        /// Labels.
        series: String,
        /// Which limit, and by how much.
        limit: String,
    },
    /// The storage cannot write.
    #[error(transparent)]
    Storage(#[from] DbError),
}

impl From<BlockError> for ImportError {
    fn from(error: BlockError) -> ImportError {
        ImportError::Storage(error.into())
    }
}

impl Db {
    /// Begins to import series that all have a value at each of these instants. No sample may be kept between the
    /// first and the last of them. Waits for maintenance that is under way, and keeps other maintenance waiting.
    pub fn import<'db>(
        &'db self,
        times: &'db [Timestamp],
        now: Timestamp,
    ) -> Result<Import<'db>, ImportError> {
        if times.is_empty() || !times.is_sorted_by(|a, b| a < b) {
            let index = times.windows(2).position(|pair| pair[1] <= pair[0]).map_or(0, |before| before + 1);
            return Err(ImportError::Times { index });
        }
        let (last, limit) = (times[times.len() - 1], now + self.options.future_max);
        if last > limit {
            return Err(ImportError::TooFarAhead { last, limit });
        }
        let ranges = split(times, self.span_merged());
        if ranges.len() > BLOCKS_MAX {
            return Err(ImportError::TooLong { blocks: ranges.len() });
        }
        let alone = self.maintenance.lock().expect("no panic while maintaining");
        self.refuse_overlap(times)?;
        let parts = self.reserve(times, ranges, now)?;
        Ok(Import {
            db: self,
            _alone: alone,
            times,
            parts,
            previous: None,
            series: 0,
            failed: false,
            bytes: Vec::new(),
            heads: Vec::new(),
        })
    }

    /// Takes numbers of generations that no head will have, and begins the blocks.
    fn reserve(
        &self,
        times: &[Timestamp],
        ranges: Vec<Range<usize>>,
        now: Timestamp,
    ) -> Result<Vec<Part>, ImportError> {
        // As many as the head would have cut in that time: a block's number of generations is its tier for merging.
        let count = |range: &Range<usize>| {
            let span = times[range.end - 1] - times[range.start];
            (span.0 / self.options.generation_age_max.0.max(1)) as u64 + 1
        };
        let total = ranges.iter().map(count).sum();
        let mut first = {
            let mut writer = self.writer();
            let before = writer.head.number;
            writer.cut_leaving(total, now).map_err(DbError::from)?;
            before + 1
        };
        let folder = self.dir.join("blocks");
        let begin = |range: Range<usize>| {
            let generations = Generations { first, last: first + count(&range) - 1 };
            first = generations.last + 1;
            let path = folder.join(generations.file_name());
            Ok(Part { writer: BlockWriter::create(&self.disk, &path)?, times: range, generations, path })
        };
        ranges.into_iter().map(begin).collect()
    }

    fn refuse_overlap(&self, times: &[Timestamp]) -> Result<(), ImportError> {
        let (first, last) = (times[0], times[times.len() - 1]);
        let writer = self.writer();
        let blocks = writer.blocks.iter().map(|block| block.extent);
        let mut kept = blocks.chain(writer.head_extents()).filter(|extent| extent.samples > 0);
        let in_the_way = kept.find(|extent| extent.overlaps(first.0, last.0));
        match in_the_way {
            None => Ok(()),
            Some(extent) => Err(ImportError::Overlap {
                first,
                last,
                kept_first: Timestamp(extent.min_t),
                kept_last: Timestamp(extent.max_t),
            }),
        }
    }
}

/// Which instants go into one block: those of one span of time, counted from the epoch.
fn split(times: &[Timestamp], span: TimeDelta) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut begin = 0;
    for same in times.chunk_by(|a, b| a.0.div_euclid(span.0) == b.0.div_euclid(span.0)) {
        ranges.push(begin..begin + same.len());
        begin += same.len();
    }
    ranges
}

impl Import<'_> {
    /// Adds a series with a value for each instant. A refused one leaves the import as it was; after a failure of the
    /// storage it is to be dropped.
    pub fn add(&mut self, labels: &Labels, values: &[f64]) -> Result<(), ImportError> {
        self.check(labels, values)?;
        for part in &mut self.parts {
            let times = self.times[part.times.clone()].iter();
            let samples = times.zip(&values[part.times.clone()]).map(|(t, value)| (t.0, 0, *value));
            encode(samples, &mut self.bytes, &mut self.heads);
            let written = part.writer.add(labels, chunks(&self.bytes, &self.heads));
            self.failed |= written.is_err();
            written?;
        }
        self.previous = Some(labels.clone());
        self.series += 1;
        Ok(())
    }

    fn check(&self, labels: &Labels, values: &[f64]) -> Result<(), ImportError> {
        let options = &self.db.options;
        if values.len() != self.times.len() {
            let (values, times) = (values.len(), self.times.len());
            return Err(ImportError::Values { series: excerpt(labels), values, times });
        }
        if let Some(previous) = self.previous.as_ref().filter(|previous| *previous >= labels) {
            return Err(ImportError::Order { series: excerpt(labels), previous: excerpt(previous) });
        }
        let limit = over_label_limit(options, labels).or_else(|| {
            (self.series >= options.series_max).then(|| format!("{} series allowed", options.series_max))
        });
        match limit {
            Some(limit) => Err(ImportError::Limit { series: excerpt(labels), limit }),
            None => Ok(()),
        }
    }

    /// Publishes everything at once; when it returns, it is durable. Also refused when samples have arrived in its time
    /// meanwhile.
    pub fn finish(mut self) -> Result<Imported, ImportError> {
        assert!(!self.failed, "an import that could not be written is dropped");
        if self.series == 0 {
            return Ok(Imported::default());
        }
        self.db.refuse_overlap(self.times)?;
        let (disk, folder) = (&self.db.disk, self.db.dir.join("blocks"));
        let all = Generations {
            first: self.parts.first().expect("there is an instant").generations.first,
            last: self.parts.last().expect("there is an instant").generations.last,
        };
        let marker = folder.join(MARKER);
        let paths: Vec<PathBuf> = self.parts.iter().map(|part| part.path.clone()).collect();
        let parts = std::mem::take(&mut self.parts);
        let published = mark(disk, &marker, all)
            .map_err(BlockError::from)
            .and_then(|()| publish(disk, parts))
            .map_err(DbError::from)
            .and_then(|blocks| delete_paths(disk, &folder, &[&*marker]).map(|()| blocks));
        let blocks = match published {
            Ok(blocks) => blocks,
            Err(error) => {
                withdraw(disk, &folder, &paths);
                return Err(error.into());
            }
        };
        let imported = Imported {
            blocks: blocks.len(),
            series: self.series,
            samples: blocks.iter().map(|block| block.extent.samples).sum(),
        };
        self.db.show(blocks);
        Ok(imported)
    }
}

/// From now on until the marker is deleted, blocks of these generations do not count after a crash.
fn mark(disk: &Arc<dyn Disk>, marker: &Path, generations: Generations) -> Result<(), SealedError> {
    let mut footer = Vec::new();
    push_varint(&mut footer, generations.first);
    push_varint(&mut footer, generations.last);
    SealedWriter::create(Arc::clone(disk), marker)?.finish(&footer).map(drop)
}

fn publish(disk: &Arc<dyn Disk>, parts: Vec<Part>) -> Result<Vec<Arc<Block>>, BlockError> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        part.writer.finish(part.generations)?;
        blocks.push(Arc::new(Block::open(disk, &part.path)?));
    }
    Ok(blocks)
}

/// Takes back what was published. What cannot be deleted now is deleted by the next start, as the marker stays.
fn withdraw(disk: &Arc<dyn Disk>, folder: &Path, paths: &[PathBuf]) {
    let Ok(entries) = disk.list(folder) else { return };
    let is_there =
        |path: &&PathBuf| entries.iter().any(|entry| Some(entry.name.as_ref()) == path.file_name());
    let there: Vec<&Path> = paths.iter().filter(is_there).map(PathBuf::as_path).collect();
    if delete_paths(disk, folder, &there).is_ok() && entries.iter().any(|entry| entry.name == MARKER) {
        // As above: the next start deletes it.
        drop(delete_paths(disk, folder, &[&*folder.join(MARKER)]));
    }
}

/// Deletes the blocks of an import that a crash has interrupted.
pub(crate) fn settle(disk: &Arc<dyn Disk>, folder: &Path, report: &mut OpenReport) -> Result<(), DbError> {
    let failed = |source| DbError::Disk { action: "list folder", path: folder.to_owned(), source };
    let entries = disk.list(folder).map_err(failed)?;
    if !entries.iter().any(|entry| entry.name == MARKER) {
        return Ok(());
    }
    let marker = folder.join(MARKER);
    match read_marker(disk, &marker) {
        Ok(all) => {
            let of_import =
                |name: &str| Generations::of_file_name(name).is_some_and(|own| all.contains(&own));
            let names = entries.iter().map(|entry| entry.name.as_str()).filter(|name| of_import(name));
            let paths: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
            let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
            delete_paths(disk, folder, &paths)?;
            report.withdrawn += paths.len() as u64;
        }
        // The blocks are each whole; which of them belong together is not known any more.
        Err(error) if error.is_damage() => report.quarantined.push(error.to_string()),
        Err(error) => return Err(error.into()),
    }
    delete_paths(disk, folder, &[&*marker])
}

fn read_marker(disk: &Arc<dyn Disk>, marker: &Path) -> Result<Generations, BlockError> {
    let file = SealedFile::open(Arc::clone(disk), marker)?;
    let mut reader = Reader { bytes: file.footer() };
    let mut number = || reader.varint();
    let read = number().and_then(|first| Ok(Generations { first, last: number()? }));
    read.map_err(|BadChunk| BlockError::Content { path: marker.to_owned(), what: "generations" })
}
