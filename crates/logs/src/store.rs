//! The storage as its users see it: open, append, snapshot, indices.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lingshao_disk::{Commit, Disk, Wal, WalError, WalSync};
use lingshao_model::log::{FieldKind, LogBatch, LogTime, Mapping};

use crate::admit::{Admission, Admitting, admissible};
use crate::bytes::put_varint;
use crate::cache::Cache;
use crate::catalog::{Catalog, Index, encode_index};
use crate::error::{AppendError, IndexError, OpenReport, RecordRefusal, StoreError};
use crate::generation::Generation;
use crate::ids::IdMemory;
use crate::options::{Options, nanos};
use crate::parts::Parts;
use crate::record::{self, BatchHead, Begin, CUT_FIELD, DayWindow};
use crate::replay;
use crate::snapshot::Snapshot;

/// A batch becomes one record of the write-ahead log, which holds 64 MiB at most.
const BATCH_BYTES_MAX: usize = 48 << 20;

/// Keeps log records. Shared between threads; appends take turns, readers hold no lock.
#[derive(Debug)]
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) wal: WalSync,
    pub(crate) cache: Arc<Cache>,
    writer: Mutex<Writer>,
    /// One maintenance at a time.
    pub(crate) maintenance: Mutex<crate::maintain::Memory>,
}

/// What the one that appends or changes the set of parts holds.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) wal: Wal,
    pub(crate) catalog: Arc<Catalog>,
    /// Version of the catalog that its own file has.
    pub(crate) catalog_kept: u64,
    pub(crate) head: Generation,
    /// The head must end before it takes records: it is none of the log's, or has parts already.
    pub(crate) cut_first: bool,
    /// Frozen generations that are not sealed yet, oldest first.
    pub(crate) frozen: Vec<Arc<Generation>>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) ids: IdMemory,
    pub(crate) next_seq: u64,
    pub(crate) last_append: i64,
    pub(crate) scratch: Vec<u8>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored under this number.
    Created {
        /// See [`lingshao_model::log::LogRecord::seq`].
        seq: u64,
    },
    /// Its id arrived lately with the same content: it is stored once.
    Same {
        /// The number of the stored one.
        seq: u64,
    },
    /// Its id arrived lately with another content, which stays.
    Conflict {
        /// The number of the stored one.
        seq: u64,
    },
    /// It never will be stored.
    Refused(RecordRefusal),
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The batch is safe when this commit is durable.
    pub commit: Commit,
    /// One for each record, in order.
    pub outcomes: Vec<Outcome>,
}

/// What was said about an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: LogTime,
    /// What was said about its fields.
    pub mapping: Mapping,
    /// The caller's, as it was given.
    pub settings: String,
}

/// What is in an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexSize {
    /// Records that are kept.
    pub records: u64,
    /// About how many bytes they take on disk, and in memory while they are not sealed.
    pub bytes: u64,
    /// Times of the first and the last record.
    pub times: Option<(LogTime, LogTime)>,
}

impl IndexSize {
    pub(crate) fn add(&mut self, more: IndexSize) {
        self.records += more.records;
        self.bytes += more.bytes;
        let both = self.times.zip(more.times).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
        self.times = both.or(self.times).or(more.times);
    }
}

/// How much there is, for gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Indices.
    pub indices: u64,
    /// Records.
    pub records: u64,
    /// Records that are not sealed yet.
    pub tail_records: u64,
    /// About what memory they take.
    pub tail_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Files of sealed records.
    pub parts: u64,
    /// Their bytes.
    pub part_bytes: u64,
    /// Ids that are known.
    pub ids: u64,
    /// Memory of the cache.
    pub cache_bytes: u64,
    /// Times of the first and the last record.
    pub times: Option<(LogTime, LogTime)>,
}

impl Store {
    /// Opens or makes the storage in a folder that is locked by the caller.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        now: LogTime,
    ) -> Result<(Store, OpenReport), StoreError> {
        let (writer, report) = replay::open(&disk, folder, &options, now)?;
        let store = Store {
            folder: folder.to_owned(),
            wal: writer.wal.handle(),
            cache: Arc::new(Cache::new(options.cache_bytes_max)),
            writer: Mutex::new(writer),
            maintenance: Mutex::default(),
            disk,
            options,
        };
        Ok((store, report))
    }

    /// For the thread that syncs the log, and for those who wait for it.
    pub fn wal(&self) -> WalSync {
        self.wal.clone()
    }

    /// Appends records; indices that do not exist are made. Never syncs. What was admitted is searchable when this
    /// returns; after an error nothing of the batch is kept.
    pub fn append(&self, batch: &LogBatch, now: LogTime) -> Result<Appended, AppendError> {
        let bytes = batch.bytes();
        if bytes > BATCH_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, bytes_max: BATCH_BYTES_MAX });
        }
        let mut writer = self.writer();
        writer.make_ready(&self.options, now)?;
        let Writer { catalog, head: generation, ids, next_seq, .. } = &mut *writer;
        let mut admitting =
            Admitting { options: &self.options, catalog, generation, ids, now, next_seq: *next_seq };
        let admission = admitting.admit(batch);
        match writer.commit(batch, &admission, &self.options, now) {
            Ok(commit) => Ok(Appended { commit, outcomes: admission.outcomes }),
            Err(error) => {
                admission.ids.iter().for_each(|key| writer.ids.take_back(*key));
                Err(error.into())
            }
        }
    }

    /// Everything that has been appended up to now. Cheap; holds no lock.
    pub fn snapshot(&self) -> Snapshot {
        let writer = self.writer();
        let mut generations = writer.frozen.clone();
        generations.push(Arc::new(writer.head.clone()));
        Snapshot {
            catalog: Arc::clone(&writer.catalog),
            generations,
            parts: Arc::clone(&writer.parts),
            last_seq: writer.next_seq - 1,
            cache: Arc::clone(&self.cache),
        }
    }

    /// Makes an index.
    pub fn create_index(
        &self,
        name: &str,
        mapping: Mapping,
        settings: &str,
        now: LogTime,
    ) -> Result<Commit, IndexError> {
        let mut writer = self.writer();
        if writer.catalog.get(name).is_some() {
            return Err(IndexError::Exists(name.to_owned()));
        }
        admissible(name, writer.catalog.len(), &self.options)?;
        self.check_fields(name, &mapping)?;
        let number = writer.catalog.next_number;
        let settings = settings.to_owned();
        writer.put_index(Index { number, name: name.into(), created: now, mapping, settings })
    }

    /// Adds fields to what is known of an index; a known one may be given again, with its kind.
    pub fn put_mapping(&self, name: &str, mapping: Mapping) -> Result<Commit, IndexError> {
        let mut writer = self.writer();
        let mut index = writer.index(name)?;
        for (field, described) in mapping.fields {
            match index.mapping.fields.get(&field) {
                Some(known) if known.kind != described.kind || known.values_of != described.values_of => {
                    return Err(IndexError::FieldKind {
                        index: name.to_owned(),
                        known: kind_name(known.kind).to_owned(),
                        wanted: kind_name(described.kind).to_owned(),
                        field,
                    });
                }
                _ => index.mapping.fields.insert(field, described),
            };
        }
        self.check_fields(name, &index.mapping)?;
        writer.put_index(index)
    }

    /// Replaces what the caller keeps with an index.
    pub fn put_settings(&self, name: &str, settings: &str) -> Result<Commit, IndexError> {
        let mut writer = self.writer();
        let mut index = writer.index(name)?;
        settings.clone_into(&mut index.settings);
        writer.put_index(index)
    }

    /// Deletes an index with all its records.
    pub fn delete_index(&self, name: &str) -> Result<Commit, IndexError> {
        let mut writer = self.writer();
        let number = writer.index(name)?.number;
        let mut payload = Vec::new();
        put_varint(&mut payload, writer.catalog.version + 1);
        put_varint(&mut payload, u64::from(number));
        let commit = writer.wal.append(record::INDEX_DELETED, &payload)?;
        Arc::make_mut(&mut writer.catalog).remove(number);
        writer.head.forget(number);
        writer.frozen.iter_mut().for_each(|frozen| Arc::make_mut(frozen).forget(number));
        Ok(commit)
    }

    /// The names of all indices, in order.
    pub fn index_names(&self) -> Vec<String> {
        self.snapshot().catalog.all().map(|index| index.name.to_string()).collect()
    }

    /// How much there is.
    pub fn stats(&self) -> Stats {
        let snapshot = self.snapshot();
        let sizes: Vec<IndexSize> =
            snapshot.catalog.all().map(|index| snapshot.size_of(index.number)).collect();
        let writer = self.writer();
        let generations = || snapshot.generations.iter();
        let times = sizes.iter().filter_map(|size| size.times);
        Stats {
            indices: sizes.len() as u64,
            records: sizes.iter().map(|size| size.records).sum(),
            tail_records: generations().map(|generation| generation.records).sum(),
            tail_bytes: generations().map(|generation| generation.bytes).sum(),
            wal_bytes: writer.wal.bytes(),
            parts: snapshot.parts.len() as u64,
            part_bytes: snapshot.parts.bytes(),
            ids: writer.ids.len() as u64,
            cache_bytes: self.cache.bytes() as u64,
            times: times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
        }
    }

    /// Syncs the log and marks its end, so that the next start can tell damage from a crash.
    pub fn close(self) -> Result<(), StoreError> {
        let writer = self.writer.into_inner().expect("no panic while appending");
        Ok(writer.wal.close()?)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("no panic while appending")
    }

    fn check_fields(&self, name: &str, mapping: &Mapping) -> Result<(), IndexError> {
        let (fields, fields_max) = (mapping.fields.len(), self.options.fields_max);
        if fields <= fields_max {
            return Ok(());
        }
        Err(IndexError::TooManyFields { index: name.to_owned(), fields, fields_max })
    }
}

impl Writer {
    fn make_ready(&mut self, options: &Options, now: LogTime) -> Result<(), AppendError> {
        let bytes = self.memory_bytes();
        let bytes_max = 2 * options.tail_bytes_max;
        if bytes >= bytes_max {
            return Err(AppendError::Busy { bytes, bytes_max });
        }
        if self.cut_first {
            self.cut(options, now)?;
        }
        self.last_append = now.0;
        Ok(())
    }

    /// Writes what was admitted to the log, then to memory: what the log did not take, nobody sees.
    fn commit(
        &mut self,
        batch: &LogBatch,
        admission: &Admission,
        options: &Options,
        now: LogTime,
    ) -> Result<Commit, WalError> {
        // A batch of nothing but repeated records is as durable as the log is when all of it is.
        let mut commit = self.wal.handle().appended();
        for index in &admission.new {
            commit = self.put_index(index.clone()).map_err(|error| match error {
                IndexError::Wal(error) => error,
                _ => unreachable!("admitted names are checked"),
            })?;
        }
        if admission.admitted.is_empty() {
            return Ok(commit);
        }
        let indices = admission.indices.iter().map(|(number, name)| (*number, name.as_str())).collect();
        let names = batch.names().iter().map(|name| &**name).chain([CUT_FIELD]).collect();
        let (generation, first_seq) = (self.head.number, self.next_seq);
        let head = BatchHead { generation, arrived: now.0, first_seq, indices, names };
        let mut payload = std::mem::take(&mut self.scratch);
        payload.clear();
        record::encode_batch(&mut payload, &head, batch, &admission.admitted, options.field_bytes_max);
        let outcome = self.wal.append(record::BATCH, &payload);
        if outcome.is_ok() {
            let applied = self.head.apply(&payload, &mut |_| true).expect("it was just encoded");
            self.next_seq = applied.next_seq;
        }
        self.scratch = payload;
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
        outcome
    }

    fn put_index(&mut self, index: Index) -> Result<Commit, IndexError> {
        let mut payload = Vec::new();
        put_varint(&mut payload, self.catalog.version + 1);
        encode_index(&mut payload, &index);
        let commit = self.wal.append(record::INDEX, &payload)?;
        Arc::make_mut(&mut self.catalog).put(index);
        Ok(commit)
    }

    fn index(&self, name: &str) -> Result<Index, IndexError> {
        self.catalog
            .get(name)
            .map(|index| (**index).clone())
            .ok_or_else(|| IndexError::Missing(name.to_owned()))
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.frozen.iter().map(|frozen| frozen.bytes).sum::<u64>() + self.head.bytes
    }

    /// First log segment that holds records which are in no part.
    pub(crate) fn first_needed_segment(&self) -> u64 {
        self.frozen.first().map_or(self.head.segment, |frozen| frozen.segment)
    }

    /// Freezes the head and begins a new generation.
    pub(crate) fn cut(&mut self, options: &Options, now: LogTime) -> Result<(), WalError> {
        let segment = self.wal.cut()?;
        let window = DayWindow { late_max: nanos(options.late_max), early_max: nanos(options.early_max) };
        let begin = Begin { number: self.head.number + 1, at: now.0, window };
        self.wal.append(record::GENERATION, &begin.encode())?;
        let frozen = std::mem::replace(&mut self.head, Generation::new(begin, segment));
        if frozen.records > 0 {
            self.frozen.push(Arc::new(frozen));
        }
        self.cut_first = false;
        Ok(())
    }
}

/// More is given back after an unusually large batch.
const SCRATCH_BYTES_KEPT: usize = 2 << 20;

fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Keyword { .. } => "keyword",
        FieldKind::Long => "long",
        FieldKind::Double => "double",
        FieldKind::Date => "date",
        FieldKind::Boolean => "boolean",
        FieldKind::Ip => "ip",
        FieldKind::Object => "object",
    }
}
