//! Sealing, merging and retention: what turns rows into parts, and parts into fewer or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lingshao_disk::{SealedWriter, WalError};
use lingshao_model::log::LogTime;

use crate::block::{BlockBuilder, BlockEntry, ROWS_MAX};
use crate::catalog::Catalog;
use crate::column::Kind;
use crate::error::StoreError;
use crate::files::{day_folder, delete, write_catalog};
use crate::generation::Generation;
use crate::merge::{copy_block, merge_blocks};
use crate::options::nanos;
use crate::part::{self, BlockReader, Part, PartError};
use crate::parts::Parts;
use crate::rows::{Chunk, IndexRows, RowHead};
use crate::store::{Store, Writer};
use crate::zip::Zip;

/// Neighbouring parts of one day that become one.
const MERGE_WIDTH: usize = 8;
/// A part beyond this is merged no more: deleting and copying it stay short.
const MERGED_BYTES_MAX: u64 = 256 << 20;
/// Blocks with more rows are copied as they are, smaller ones become larger ones.
const WHOLE_ROWS: u32 = ROWS_MAX as u32 / 2;

/// What [`Store::maintain`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Generations that were written as parts.
    pub sealed: u32,
    /// Parts that were merged into others.
    pub merged: u32,
    /// Parts that were deleted for their age, for space, or with their indices.
    pub deleted: u32,
    /// What could not be read while merging; its parts stay as they are.
    pub damage: Vec<String>,
}

/// What maintenance remembers from one call to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Groups that cannot be merged because one part is damaged: day and generations.
    unmergeable: BTreeSet<(i32, u64, u64)>,
}

impl Store {
    /// Seals records that are old or many enough, merges small parts, deletes what is beyond retention. Blocks its
    /// caller, not appends or readers. Does at most one merge a call; call it every few seconds from one thread.
    pub fn maintain(&self, now: LogTime) -> Result<Maintained, StoreError> {
        let mut memory = self.maintenance.lock().expect("no panic while maintaining");
        let mut done = Maintained::default();
        self.cut_when_due(now)?;
        let sealed = self.seal_frozen(&mut done);
        self.delete_expired(now, &mut done)?; // Also without room for a part: this makes some.
        sealed?;
        self.merge_once(&mut memory, &mut done)?;
        Ok(done)
    }

    /// Seals everything that is in memory, whatever its age: for tests, backups and a quick next start.
    pub fn seal(&self, now: LogTime) -> Result<Maintained, StoreError> {
        let _alone = self.maintenance.lock().expect("no panic while maintaining");
        let mut done = Maintained::default();
        {
            let mut writer = self.writer();
            if writer.head.records > 0 {
                writer.cut(&self.options, now)?;
            }
        }
        self.seal_frozen(&mut done)?;
        Ok(done)
    }

    fn cut_when_due(&self, now: LogTime) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        // The clock may have been set back.
        writer.head.begun = writer.head.begun.min(now.0);
        writer.last_append = writer.last_append.min(now.0);
        let (bytes, bytes_max) = (writer.head.bytes, self.options.tail_bytes_max);
        let idle = now.0 - writer.last_append >= nanos(self.options.tail_idle_max);
        let due = bytes >= bytes_max
            || now.0 - writer.head.begun >= nanos(self.options.tail_age_max)
            || (idle && bytes >= bytes_max / 8);
        if !due || writer.head.records == 0 {
            return Ok(());
        }
        match writer.cut(&self.options, now) {
            // Without room for a new segment memory fills; appends tell their senders when it is too much.
            Ok(()) | Err(WalError::Full { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn seal_frozen(&self, done: &mut Maintained) -> Result<(), StoreError> {
        loop {
            let Some(frozen) = self.writer().frozen.first().cloned() else { break };
            let parts = self.write_generation(&frozen)?;
            let mut writer = self.writer();
            // An index that was deleted meanwhile is invisible: its number is in the catalog no more.
            writer.frozen.remove(0);
            writer.exchange(&[], parts);
            done.sealed += 1;
        }
        self.keep_catalog()?;
        // Deleting needs the log synced; doing it here keeps appends from waiting for it.
        self.wal.sync()?;
        let mut writer = self.writer();
        let first = writer.first_needed_segment();
        writer.wal.drop_before(first)?;
        Ok(())
    }

    /// The log may lose its records about indices once they stand in their own file.
    fn keep_catalog(&self) -> Result<(), StoreError> {
        let (catalog, kept) = {
            let writer = self.writer();
            (Arc::clone(&writer.catalog), writer.catalog_kept)
        };
        if catalog.version == kept {
            return Ok(());
        }
        // An index must not be known in its file, but not in the log, after a power cut.
        self.wal.sync()?;
        write_catalog(&self.disk, &self.folder, &catalog)?;
        self.writer().catalog_kept = catalog.version;
        Ok(())
    }

    /// A part for each day that the generation touches. Those that a former attempt left are written anew.
    fn write_generation(&self, generation: &Generation) -> Result<Vec<Arc<Part>>, StoreError> {
        let catalog = Arc::clone(&self.writer().catalog);
        let mut days: BTreeMap<i32, BTreeMap<u32, Vec<(u32, u32)>>> = BTreeMap::new();
        for (index, rows) in &generation.indices {
            for (nth, chunk) in rows.chunks.iter().enumerate() {
                for (row, head) in chunk.rows().iter().enumerate() {
                    let day = generation.window.day(head.time, head.arrived);
                    let indices = days.entry(day).or_default();
                    indices.entry(*index).or_default().push((nth as u32, row as u32));
                }
            }
        }
        let mut zip = Zip::new();
        let mut parts = Vec::new();
        for (day, indices) in days {
            parts.extend(self.write_day(generation, day, indices, &catalog, &mut zip)?);
        }
        Ok(parts)
    }

    fn write_day(
        &self,
        generation: &Generation,
        day: i32,
        indices: BTreeMap<u32, Vec<(u32, u32)>>,
        catalog: &Catalog,
        zip: &mut Zip,
    ) -> Result<Option<Arc<Part>>, StoreError> {
        let generations = (generation.number, generation.number);
        let mut file = self.create_part(day, generations)?;
        let mut blocks = Vec::new();
        for (number, rows) in indices {
            let Some(index) = catalog.all().find(|index| index.number == number) else { continue };
            write_rows(&generation.indices[&number], rows, number, &index.name, &mut file, zip, &mut blocks)?;
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        part::finish(file, day, generations, &blocks)?;
        self.open_part(day, generations).map(Some)
    }

    fn create_part(&self, day: i32, generations: (u64, u64)) -> Result<SealedWriter, StoreError> {
        let folder = day_folder(&self.folder, day);
        let failed = |source| StoreError::Disk { action: "create folder", path: folder.clone(), source };
        self.disk.create_dir_all(&folder).map_err(failed)?;
        let path = folder.join(part::file_name(generations));
        Ok(SealedWriter::create(Arc::clone(&self.disk), &path)?)
    }

    fn open_part(&self, day: i32, generations: (u64, u64)) -> Result<Arc<Part>, StoreError> {
        let path = day_folder(&self.folder, day).join(part::file_name(generations));
        match Part::open(&self.disk, &path) {
            Ok(part) => Ok(Arc::new(part)),
            Err(PartError::File(error)) => Err(error.into()),
            Err(PartError::Content { path, .. }) => {
                let source = std::io::Error::other("what was just written cannot be read");
                Err(StoreError::Disk { action: "open", path, source })
            }
        }
    }

    fn delete_expired(&self, now: LogTime, done: &mut Maintained) -> Result<(), StoreError> {
        let (parts, catalog, wal_bytes, unsealed) = {
            let writer = self.writer();
            let unsealed = writer.frozen.first().map_or(writer.head.number, |frozen| frozen.number);
            (Arc::clone(&writer.parts), Arc::clone(&writer.catalog), writer.wal.bytes(), unsealed)
        };
        // A clock that is wrong by a year must not delete a year: what counts is the newest day.
        let newest = parts.iter().map(|part| part.day).max().unwrap_or(i32::MIN);
        let today = now.day().min(newest);
        let days_kept = (self.options.retention.0 / 86_400_000).max(1) as i32;
        let mut bytes = wal_bytes + parts.bytes();
        let size_max = self.options.size_bytes_max.unwrap_or(u64::MAX);
        let mut oldest_first: Vec<_> = parts.iter().cloned().collect();
        oldest_first.sort_by_key(|part| (part.day, part.generations));
        let mut expired = Vec::new();
        for part in oldest_first {
            let dead = part.sizes().iter().all(|(index, _)| !catalog.has(*index));
            let old = part.day < today.saturating_sub(days_kept) || bytes > size_max;
            // What the log would bring back is deleted when it is sealed.
            if (old || dead) && part.generations.1 < unsealed {
                bytes -= part.bytes();
                expired.push(part);
            }
        }
        self.writer().exchange(&expired, Vec::new());
        done.deleted += expired.len() as u32;
        delete(&self.disk, &expired)
    }

    fn merge_once(&self, memory: &mut Memory, done: &mut Maintained) -> Result<(), StoreError> {
        let (parts, catalog) = {
            let writer = self.writer();
            (Arc::clone(&writer.parts), Arc::clone(&writer.catalog))
        };
        let Some(group) = find_group(&parts, &memory.unmergeable) else { return Ok(()) };
        let (day, generations) = (group[0].day, covered(&group));
        match self.write_merged(&group, day, generations, &catalog) {
            Ok(merged) => {
                done.merged += group.len() as u32;
                self.writer().exchange(&group, merged.into_iter().collect());
                delete(&self.disk, &group)
            }
            Err(MergeError::Damage(damage)) => {
                memory.unmergeable.insert((day, generations.0, generations.1));
                done.damage.push(damage);
                Ok(())
            }
            Err(MergeError::Store(error)) => Err(error),
        }
    }

    fn write_merged(
        &self,
        group: &[Arc<Part>],
        day: i32,
        generations: (u64, u64),
        catalog: &Catalog,
    ) -> Result<Option<Arc<Part>>, MergeError> {
        let mut file = self.create_part(day, generations)?;
        let (mut blocks, mut zip) = (Vec::new(), Zip::new());
        let mut small: BTreeMap<u32, Vec<BlockReader>> = BTreeMap::new();
        for part in group {
            for (number, entry) in part.blocks.iter().enumerate() {
                if !catalog.has(entry.index) {
                    continue;
                }
                let block = BlockReader::open(part, number as u32, None)?;
                if entry.rows > WHOLE_ROWS {
                    blocks.push(copy_block(&block, &mut file)?);
                } else {
                    small.entry(entry.index).or_default().push(block);
                }
            }
        }
        for group in small.into_values() {
            merge_blocks(&group, &mut file, &mut zip, &mut blocks)?;
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        part::finish(file, day, generations, &blocks).map_err(StoreError::from)?;
        Ok(Some(self.open_part(day, generations)?))
    }
}

/// Why a group was not merged.
pub(crate) enum MergeError {
    Damage(String),
    Store(StoreError),
}

impl From<StoreError> for MergeError {
    fn from(error: StoreError) -> MergeError {
        MergeError::Store(error)
    }
}

impl From<PartError> for MergeError {
    fn from(error: PartError) -> MergeError {
        match error {
            error if error.is_damage() => MergeError::Damage(error.to_string()),
            PartError::File(error) => MergeError::Store(error.into()),
            PartError::Content { .. } => unreachable!("that is damage"),
        }
    }
}

impl Writer {
    /// Takes parts out of what new snapshots see, and puts others in. Files go after this: older snapshots hold them
    /// open.
    fn exchange(&mut self, old: &[Arc<Part>], new: Vec<Arc<Part>>) {
        if old.is_empty() && new.is_empty() {
            return;
        }
        let is_old = |part: &Arc<Part>| old.iter().any(|old| Arc::ptr_eq(old, part));
        // A part that is written anew takes the place of what a crash left of it.
        let again = |part: &Arc<Part>| {
            new.iter().any(|new| new.day == part.day && new.generations == part.generations)
        };
        let kept = self.parts.iter().filter(|part| !is_old(part) && !again(part)).cloned();
        let mut parts: Vec<_> = kept.collect();
        parts.extend(new);
        self.parts = Arc::new(Parts::new(parts));
    }
}

/// Writes rows of one index, ordered by time and number, as blocks.
fn write_rows(
    rows: &IndexRows,
    mut places: Vec<(u32, u32)>,
    index: u32,
    name: &Arc<str>,
    file: &mut SealedWriter,
    zip: &mut Zip,
    blocks: &mut Vec<BlockEntry>,
) -> Result<(), StoreError> {
    let head = |(chunk, row): (u32, u32)| &rows.chunks[chunk as usize].rows()[row as usize];
    places.sort_by_key(|place| (head(*place).time, head(*place).seq));
    let mut rest = &*places;
    while !rest.is_empty() {
        let (mut builder, mut columns) = (BlockBuilder::default(), Vec::new());
        let mut taken = 0;
        for (chunk, row) in rest {
            push_row(&mut builder, &mut columns, rows, &rows.chunks[*chunk as usize], *row as usize);
            taken += 1;
            if builder.is_full() {
                break;
            }
        }
        rest = &rest[taken..];
        blocks.push(builder.write(index, name, file, zip)?);
    }
    Ok(())
}

/// `columns`: the builder's by the chunk's keys.
fn push_row(
    builder: &mut BlockBuilder,
    columns: &mut Vec<Option<u32>>,
    rows: &IndexRows,
    chunk: &Chunk,
    row: usize,
) {
    for (key, value) in chunk.fields(row) {
        let at = key as usize;
        if columns.len() <= at {
            columns.resize(at + 1, None);
        }
        let column = *columns[at]
            .get_or_insert_with(|| builder.column(&rows.names.all[at / 16], Kind::of(&value), key % 2 == 1));
        builder.push_field(column, value);
    }
    let head = &chunk.rows()[row];
    builder.push_row(RowHead {
        time: head.time,
        arrived: head.arrived,
        seq: head.seq,
        level: head.level,
        id: chunk.id(row).map(|id| (id, head.content)),
        source: chunk.source(row),
    });
}

/// Neighbours of one day and about one size that may become one part.
fn find_group(parts: &Parts, unmergeable: &BTreeSet<(i32, u64, u64)>) -> Option<Vec<Arc<Part>>> {
    let mut days: BTreeMap<i32, Vec<&Arc<Part>>> = BTreeMap::new();
    parts.iter().for_each(|part| days.entry(part.day).or_default().push(part));
    for own in days.values() {
        let group = own.windows(MERGE_WIDTH).find(|group| {
            let (first, last) = (group[0].generations.0, group[MERGE_WIDTH - 1].generations.1);
            let rows = || group.iter().map(|part| part.rows());
            // Whoever is moved ends up in a part of at least twice the size: few moves for each record.
            2 * rows().max().unwrap_or(0) <= rows().sum()
                && group.iter().map(|part| part.bytes()).sum::<u64>() <= MERGED_BYTES_MAX
                && !unmergeable.contains(&(group[0].day, first, last))
        });
        if let Some(group) = group {
            return Some(group.iter().map(|part| Arc::clone(part)).collect());
        }
    }
    None
}

fn covered(group: &[Arc<Part>]) -> (u64, u64) {
    let first = group.first().expect("a group is not empty").generations.0;
    let last = group.last().expect("a group is not empty").generations.1;
    (first, last)
}
