//! Sealing, merging and retention: what turns the head into blocks and blocks into fewer or none.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, WalError};
use lingshao_model::{TimeDelta, Timestamp};

use crate::block::{Block, BlockCursor, BlockError, Generations};
use crate::cursor::{Cursor, Cursors};
use crate::db::{Db, DbError, Frozen, OpenReport};
use crate::import;
use crate::merge::write_block;

/// Blocks of one size that are merged into one of the next. Four: each sample is rewritten once per fourfold age,
/// and a query meets at most three blocks of each size.
const MERGE_WIDTH: usize = 4;
/// A block never spans more than this, as in Prometheus: retention deletes whole blocks.
const MERGED_SPAN_MAX: TimeDelta = TimeDelta::from_secs(31 * 86_400);

/// What [`Db::maintain`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Generations written as blocks.
    pub sealed: u32,
    /// Blocks merged into others.
    pub merged: u32,
    /// Blocks deleted for their age or for space.
    pub deleted: u32,
    /// What could not be read while merging; its blocks stay as they are.
    pub damage: Vec<String>,
}

/// What maintenance remembers from one call to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Groups of blocks that cannot be merged because one is damaged.
    unmergeable: BTreeSet<Generations>,
}

/// Opens all blocks of a folder, oldest first; damaged ones are set aside and reported, leftovers deleted.
pub(crate) fn open_blocks(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    report: &mut OpenReport,
) -> Result<Vec<Arc<Block>>, DbError> {
    let folder = dir.join("blocks");
    let failed = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| DbError::Disk { action, path, source }
    };
    disk.create_dir_all(&folder).map_err(failed("create folder", &folder))?;
    lingshao_disk::remove_unfinished(&**disk, &folder).map_err(failed("clean folder", &folder))?;
    import::settle(disk, &folder, report)?;
    let mut blocks = Vec::new();
    for entry in disk.list(&folder).map_err(failed("list folder", &folder))? {
        if !entry.name.ends_with(".block") {
            continue;
        }
        let path = folder.join(&entry.name);
        match Block::open(disk, &path) {
            Ok(block) => blocks.push(Arc::new(block)),
            Err(error) if error.is_damage() => {
                let aside = dir.join("quarantine");
                lingshao_disk::quarantine(&**disk, &path, &aside).map_err(failed("set aside", &path))?;
                report.quarantined.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    blocks.sort_by_key(|block| block.generations);
    delete_superseded(disk, &folder, &mut blocks)?;
    Ok(blocks)
}

/// A crash between publishing a merged block and deleting its parts leaves both.
fn delete_superseded(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    blocks: &mut Vec<Arc<Block>>,
) -> Result<(), DbError> {
    let all: Vec<Generations> = blocks.iter().map(|block| block.generations).collect();
    let superseded = |own: &Generations| all.iter().any(|other| other != own && other.contains(own));
    let old: Vec<_> = blocks.extract_if(.., |block| superseded(&block.generations)).collect();
    delete_files(disk, folder, &old)
}

fn delete_files(disk: &Arc<dyn Disk>, folder: &Path, blocks: &[Arc<Block>]) -> Result<(), DbError> {
    let paths: Vec<&Path> = blocks.iter().map(|block| block.path()).collect();
    delete_paths(disk, folder, &paths)
}

/// Deletes files of a folder; they are gone for good when it returns.
pub(crate) fn delete_paths(disk: &Arc<dyn Disk>, folder: &Path, paths: &[&Path]) -> Result<(), DbError> {
    for path in paths {
        disk.remove(path).map_err(|source| DbError::Disk {
            action: "delete",
            path: (*path).to_owned(),
            source,
        })?;
    }
    if !paths.is_empty() {
        let failed = |source| DbError::Disk { action: "sync folder", path: folder.to_owned(), source };
        disk.sync_dir(folder).map_err(failed)?;
    }
    Ok(())
}

impl Db {
    /// Seals generations that are old or large enough, merges small blocks, deletes what is beyond retention.
    /// Blocks its caller, not appends or readers. Does at most one merge a call.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintained, DbError> {
        let mut memory = self.maintenance.lock().expect("no panic while maintaining");
        let mut done = Maintained::default();
        self.cut_when_due(now)?;
        let sealed = self.seal_frozen(&mut done);
        self.delete_expired(now, &mut done)?; // Also without room for a block: this makes some.
        sealed?;
        self.merge_once(&mut memory, &mut done)?;
        Ok(done)
    }

    /// Seals everything that is in memory, whatever its age: for tests, backups and a quick next start.
    pub fn seal(&self, now: Timestamp) -> Result<Maintained, DbError> {
        let _alone = self.maintenance.lock().expect("no panic while maintaining");
        let mut done = Maintained::default();
        {
            let mut writer = self.writer();
            if writer.head.extent.samples > 0 {
                writer.cut(now)?;
            }
        }
        self.seal_frozen(&mut done)?;
        Ok(done)
    }

    fn cut_when_due(&self, now: Timestamp) -> Result<(), DbError> {
        let mut writer = self.writer();
        let age_max = self.options.generation_age_max;
        writer.opened_at = writer.opened_at.min(now); // The clock may have been set back.
        let due =
            now - writer.opened_at >= age_max || writer.head.extent.bytes >= self.options.head_bytes_max;
        if !due || writer.head.series_count() == 0 {
            return Ok(());
        }
        match writer.cut(now) {
            // Without room for a new segment the head grows on; appends tell their senders when it is too much.
            Ok(()) | Err(WalError::Full { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn seal_frozen(&self, done: &mut Maintained) -> Result<(), DbError> {
        loop {
            let next = self.writer().frozen.first().cloned();
            let Some(frozen) = next else { break };
            let block = self.write_sealed(&frozen)?;
            let mut writer = self.writer();
            writer.frozen.remove(0);
            if let Some(block) = block {
                let mut blocks = writer.blocks.to_vec();
                blocks.push(Arc::new(block));
                blocks.sort_by_key(|block| block.generations);
                writer.blocks = blocks.into();
                done.sealed += 1;
            }
        }
        // Deleting needs the log synced; doing it here keeps appends from waiting for it.
        self.wal.sync()?;
        let mut writer = self.writer();
        let first = writer.first_needed_segment();
        writer.wal.drop_before(first)?;
        Ok(())
    }

    fn write_sealed(&self, frozen: &Frozen) -> Result<Option<Block>, DbError> {
        let number = frozen.view.number;
        let generations = Generations { first: number, last: number };
        let all = frozen.view.select(&[]);
        let mut cursors = Cursors::new(vec![Cursor::head(frozen.view.clone(), all)]);
        let path = self.dir.join("blocks").join(generations.file_name());
        let written = write_block(&self.disk, &path, generations, &mut cursors, i64::MIN)?;
        Ok(if written.file { Some(Block::open(&self.disk, &path)?) } else { None })
    }

    fn merge_once(&self, memory: &mut Memory, done: &mut Maintained) -> Result<(), DbError> {
        let blocks = Arc::clone(&self.writer().blocks);
        let Some(group) = find_group(&blocks, &memory.unmergeable, self.merged_span_max()) else {
            return Ok(());
        };
        let generations = covered(group);
        let cursors = group.iter().map(|block| Cursor::Block(BlockCursor::all(Arc::clone(block)))).collect();
        let folder = self.dir.join("blocks");
        let path = folder.join(generations.file_name());
        let mut cursors = Cursors::new(cursors);
        let written = write_block(&self.disk, &path, generations, &mut cursors, i64::MIN)?;
        if !written.file {
            memory.unmergeable.insert(generations);
            done.damage = written.damage;
            return Ok(());
        }
        let merged = Arc::new(Block::open(&self.disk, &path)?);
        done.merged += group.len() as u32;
        self.replace(group, Some(merged));
        delete_files(&self.disk, &folder, group)
    }

    /// The span that a block comes to in time: what sealing gives, times four with each merge.
    pub(crate) fn span_merged(&self) -> TimeDelta {
        let sealed = self.options.generation_age_max.max(TimeDelta(1));
        let merges = std::iter::successors(Some(sealed.0), |span| span.checked_mul(MERGE_WIDTH as i64));
        TimeDelta(merges.take_while(|span| *span <= self.merged_span_max().0).last().unwrap_or(sealed.0))
    }

    fn merged_span_max(&self) -> TimeDelta {
        let tenth = TimeDelta(self.options.retention.0 / 10);
        MERGED_SPAN_MAX.min(tenth).max(TimeDelta::from_secs(86_400))
    }

    fn delete_expired(&self, now: Timestamp, done: &mut Maintained) -> Result<(), DbError> {
        let (blocks, wal_bytes, range) = {
            let writer = self.writer();
            (Arc::clone(&writer.blocks), writer.wal.bytes(), writer.time_range())
        };
        // A clock that is wrong by a year must not delete a year: what counts is the newest sample.
        let newest = range.map_or(now, |(_, newest)| newest.min(now));
        let oldest_kept = (newest - self.options.retention).0;
        let size_max = self.options.size_bytes_max.unwrap_or(u64::MAX);
        let mut bytes = wal_bytes + blocks.iter().map(|block| block.extent.bytes).sum::<u64>();
        let mut oldest_first: Vec<_> = blocks.iter().cloned().collect();
        oldest_first.sort_by_key(|block| block.extent.max_t);
        let mut expired = Vec::new();
        for block in oldest_first {
            if block.extent.max_t >= oldest_kept && bytes <= size_max {
                break;
            }
            bytes -= block.extent.bytes;
            expired.push(block);
        }
        self.replace(&expired, None);
        done.deleted += expired.len() as u32;
        delete_files(&self.disk, &self.dir.join("blocks"), &expired)
    }

    /// Lets new snapshots see further blocks.
    pub(crate) fn show(&self, new: Vec<Arc<Block>>) {
        let mut writer = self.writer();
        let mut blocks: Vec<_> = writer.blocks.iter().cloned().chain(new).collect();
        blocks.sort_by_key(|block| block.generations);
        writer.blocks = blocks.into();
    }

    /// Takes blocks out of what new snapshots see, and puts one in. Files go after this: older snapshots hold
    /// them open.
    fn replace(&self, old: &[Arc<Block>], new: Option<Arc<Block>>) {
        let mut writer = self.writer();
        let is_old = |block: &Arc<Block>| old.iter().any(|old| Arc::ptr_eq(old, block));
        let mut blocks: Vec<_> =
            writer.blocks.iter().filter(|block| !is_old(block)).cloned().chain(new).collect();
        blocks.sort_by_key(|block| block.generations);
        writer.blocks = blocks.into();
    }
}

/// The first run of neighbours of one size that may become one block.
fn find_group<'a>(
    blocks: &'a [Arc<Block>],
    unmergeable: &BTreeSet<Generations>,
    span_max: TimeDelta,
) -> Option<&'a [Arc<Block>]> {
    blocks.windows(MERGE_WIDTH).find(|group| {
        let size = tier(&group[0]);
        let min_t = group.iter().map(|block| block.extent.min_t).min().expect("a group is not empty");
        let max_t = group.iter().map(|block| block.extent.max_t).max().expect("a group is not empty");
        group.iter().all(|block| tier(block) == size)
            && Timestamp(max_t) - Timestamp(min_t) <= span_max
            && !unmergeable.contains(&covered(group))
    })
}

fn covered(group: &[Arc<Block>]) -> Generations {
    let first = group.first().expect("a group is not empty").generations.first;
    let last = group.last().expect("a group is not empty").generations.last;
    Generations { first, last }
}

/// Blocks of one tier hold about as many generations.
fn tier(block: &Block) -> u32 {
    let generations = block.generations.last - block.generations.first + 1;
    generations.ilog(MERGE_WIDTH as u64)
}

impl BlockError {
    /// Whether the file itself is bad, not the access to it.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            BlockError::Content { .. } => true,
            BlockError::Sealed(error) => error.is_damage(),
        }
    }
}
