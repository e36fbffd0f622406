//! Opening: the catalog, the parts, and what the log holds beyond them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, Replayed, Wal, WalError, WalOptions};
use lingshao_model::log::LogTime;

use crate::bytes::{Corrupt, Reader};
use crate::catalog::{Catalog, decode_index};
use crate::error::{OpenReport, StoreError};
use crate::files;
use crate::generation::{Generation, Wanted};
use crate::ids::{IdMemory, Known};
use crate::options::{Options, nanos};
use crate::part::Part;
use crate::parts::Parts;
use crate::record::{self, Begin, DayWindow, check_batch, decode_head};
use crate::store::Writer;

/// Numbers that a crash may have given out without a trace: more than can arrive between two syncs.
const SEQS_SKIPPED: u64 = 1 << 24;

pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: &Options,
    now: LogTime,
) -> Result<(Writer, OpenReport), StoreError> {
    let mut report = OpenReport::default();
    let parts = files::open_parts(disk, folder, &mut report)?;
    let catalog = files::read_catalog(disk, folder, &parts, &mut report)?;
    let mut ids = IdMemory::new(disk.random(), nanos(options.id_memory), options.ids_max);
    files::remember_ids(&parts, now.0.saturating_sub(nanos(options.id_memory)), &mut ids, &mut report);
    let mut replay = Replay::new(catalog, ids, options, &parts, now);
    let wal_options = WalOptions { segment_bytes_max: options.segment_bytes_max };
    let (wal, recovery) = Wal::open(Arc::clone(disk), &folder.join("wal"), wal_options, &mut |record| {
        replay.record(record);
    })?;
    report.wal = Some(recovery);
    report.replayed = replay.replayed;
    report.unreadable_records = replay.unreadable;
    let writer = replay.into_writer(wal, parts, options, now)?;
    Ok((writer, report))
}

struct Replay {
    catalog: Catalog,
    catalog_kept: u64,
    ids: IdMemory,
    window: DayWindow,
    now: i64,
    /// By day, which generations have parts.
    sealed: HashMap<i32, Vec<(u64, u64)>>,
    last_sealed: u64,
    head: Option<Generation>,
    frozen: Vec<Generation>,
    next_seq: u64,
    replayed: u64,
    unreadable: u64,
}

impl Replay {
    fn new(catalog: Catalog, ids: IdMemory, options: &Options, parts: &[Arc<Part>], now: LogTime) -> Replay {
        let mut sealed: HashMap<i32, Vec<(u64, u64)>> = HashMap::new();
        for part in parts {
            sealed.entry(part.day).or_default().push(part.generations);
        }
        Replay {
            catalog_kept: catalog.version,
            catalog,
            ids,
            window: DayWindow { late_max: nanos(options.late_max), early_max: nanos(options.early_max) },
            now: now.0,
            last_sealed: parts.iter().map(|part| part.generations.1).max().unwrap_or(0),
            sealed,
            head: None,
            frozen: Vec::new(),
            next_seq: parts.iter().filter_map(|part| part.last_seq()).max().map_or(1, |last| last + 1),
            replayed: 0,
            unreadable: 0,
        }
    }

    fn record(&mut self, record: &Replayed<'_>) {
        let outcome = match record.kind {
            record::GENERATION => {
                Begin::decode(record.payload).map(|begin| self.begin(begin, record.segment))
            }
            record::BATCH => self.batch(record),
            record::INDEX => self.index(record.payload),
            record::INDEX_DELETED => self.index_deleted(record.payload),
            _ => Err(Corrupt),
        };
        self.unreadable += u64::from(outcome.is_err());
    }

    fn begin(&mut self, begin: Begin, segment: u64) {
        self.freeze();
        self.head = Some(Generation::new(begin, segment));
    }

    fn freeze(&mut self) {
        self.frozen.extend(self.head.take());
    }

    fn batch(&mut self, record: &Replayed<'_>) -> Result<(), Corrupt> {
        check_batch(record.payload)?;
        let (head, _) = decode_head(&mut Reader::new(record.payload))?;
        if self.head.as_ref().is_none_or(|known| known.number != head.generation) {
            let (at, window) = (self.now.min(head.arrived), self.window);
            self.begin(Begin { number: head.generation, at, window }, record.segment);
        }
        for (number, name) in &head.indices {
            self.find_index(*number, name, head.arrived);
        }
        let generation = self.head.as_mut().expect("one was just begun");
        let (number, window) = (generation.number, generation.window);
        let (sealed, catalog, ids) = (&self.sealed, &self.catalog, &mut self.ids);
        let applied = generation.apply(record.payload, &mut |wanted: &Wanted<'_>| {
            if let Some((id, content)) = wanted.id {
                let key = ids.key(wanted.index, id);
                if ids.find(key).is_none() {
                    ids.insert(key, Known { content, seq: wanted.seq }, wanted.arrived);
                }
            }
            let day = window.day(wanted.time, wanted.arrived);
            let is_sealed = sealed
                .get(&day)
                .is_some_and(|ranges| ranges.iter().any(|(first, last)| (*first..=*last).contains(&number)));
            !is_sealed && catalog.has(wanted.index)
        })?;
        self.replayed += applied.records;
        self.next_seq = self.next_seq.max(applied.next_seq);
        Ok(())
    }

    /// An index whose own record was damaged is found again by the records in it.
    fn find_index(&mut self, number: u32, name: &str, arrived: i64) {
        if number >= self.catalog.next_number && self.catalog.get(name).is_none() {
            self.catalog.put(files::bare_index(number, name, LogTime(arrived)));
        }
    }

    fn index(&mut self, payload: &[u8]) -> Result<(), Corrupt> {
        let mut reader = Reader::new(payload);
        let (version, index) = (reader.varint()?, decode_index(&mut reader)?);
        reader.end()?;
        if version > self.catalog_kept {
            self.catalog.put(index);
            self.catalog.version = self.catalog.version.max(version);
        }
        Ok(())
    }

    fn index_deleted(&mut self, payload: &[u8]) -> Result<(), Corrupt> {
        let mut reader = Reader::new(payload);
        let (version, number) = (reader.varint()?, reader.u32()?);
        reader.end()?;
        if version > self.catalog_kept {
            self.catalog.remove(number);
            self.catalog.version = self.catalog.version.max(version);
        }
        self.head.iter_mut().chain(&mut self.frozen).for_each(|generation| generation.forget(number));
        Ok(())
    }

    fn into_writer(
        mut self,
        wal: Wal,
        parts: Vec<Arc<Part>>,
        options: &Options,
        now: LogTime,
    ) -> Result<Writer, StoreError> {
        let fresh = self.head.is_none();
        if self.head.as_ref().is_some_and(|head| head.number <= self.last_sealed) {
            self.freeze();
        }
        let last = self.frozen.last().map_or(0, |frozen| frozen.number).max(self.last_sealed);
        let cut_first = self.head.is_none();
        let begin = Begin { number: last, at: now.0, window: self.window };
        let mut head = self.head.take().unwrap_or_else(|| Generation::new(begin, 0));
        head.begun = head.begun.min(now.0);
        // Frozen ones without records still hold the log back no longer.
        let frozen = self.frozen.into_iter().filter(|frozen| frozen.records > 0).map(Arc::new).collect();
        let mut writer = Writer {
            wal,
            catalog: Arc::new(self.catalog),
            catalog_kept: self.catalog_kept,
            head,
            cut_first,
            frozen,
            parts: Arc::new(Parts::new(parts)),
            ids: self.ids,
            next_seq: if fresh && self.next_seq == 1 { 1 } else { self.next_seq + SEQS_SKIPPED },
            last_append: now.0,
            scratch: Vec::new(),
        };
        let ready = if writer.cut_first { writer.cut(options, now) } else { Ok(()) };
        match ready {
            // Without room there is nothing to append, but all that was kept can be asked for.
            Ok(()) | Err(WalError::Full { .. }) => Ok(writer),
            Err(error) => Err(error.into()),
        }
    }
}
