//! The write-ahead log.

mod format;
mod recover;
mod scan;
mod sync;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use format::PAYLOAD_BYTES_MAX;
use format::{Head, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
pub use recover::{Cut, Loss, Recovery, Replayed};
use recover::{Recovered, failed, recover};
use sync::Shared;
pub use sync::{Refusal, WalSync};

use crate::disk::{Disk, WriteFile, is_full, read_full, write_all_at};

/// How far a log is written or durable: the number of records since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commit(pub u64);

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct WalOptions {
    /// A segment that would grow beyond this is followed by a new one.
    pub segment_bytes_max: u64,
}

impl Default for WalOptions {
    fn default() -> WalOptions {
        WalOptions { segment_bytes_max: 64 << 20 }
    }
}

/// What a log cannot do.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// Temporary: the log is as it was before the call, and takes records again when there is room.
    #[error("no room on the disk for the log `{path}`")]
    Full {
        /// The segment.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// For ever: the disk failed in a way after which nobody knows what is on it. Only a new opening tells.
    #[error("the log takes nothing any more after a failure: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// A record above the limit.
    #[error("a record of {bytes} bytes is too large for the log, {bytes_max} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Written by a newer release. Nothing was changed.
    #[error("segment `{path}` has format {found}, this release knows {known}; use the newer release again")]
    NewerFormat {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A file operation.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A log with its one writer.
#[derive(Debug)]
pub struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: WalOptions,
    shared: Arc<Shared>,
    /// Segments that are closed for writing, ascending.
    older: VecDeque<Segment>,
    /// None only while the disk was too full to begin one.
    current: Option<Current>,
    /// Number for the next segment.
    next_segment: u64,
    /// Sequence of the last record.
    sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Current {
    segment: Segment,
    path: PathBuf,
    file: Arc<dyn WriteFile>,
    salt: u32,
}

impl Wal {
    /// Opens or makes a log in a folder that is locked by the caller, and replays what is in it.
    ///
    /// What was replayed is durable when this returns. Damaged segments are copied to `quarantine` beside the folder.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: WalOptions,
        replay: &mut dyn FnMut(&Replayed<'_>),
    ) -> Result<(Wal, Recovery), WalError> {
        disk.create_dir_all(dir).map_err(failed("create folder", dir))?;
        let Recovered { report, segments, last_sequence, next_segment } = recover(&*disk, dir, replay)?;
        let shared = Arc::new(Shared::new(Arc::clone(&disk), dir.to_owned(), last_sequence));
        let older =
            segments.iter().map(|segment| Segment { number: segment.number, bytes: segment.bytes }).collect();
        let dir = dir.to_owned();
        let mut wal =
            Wal { disk, dir, options, shared, older, current: None, next_segment, sequence: last_sequence };
        match wal.begin_segment() {
            // Without room there is nothing to append, but all that was kept can be asked for.
            Err(WalError::Full { .. }) => {}
            Err(error) => return Err(error),
            Ok(_) => drop(wal.shared.sync(true)?),
        }
        Ok((wal, report))
    }

    /// Whether a segment is of a format that this release knows. Changes nothing, and needs no lock.
    ///
    /// One that is damaged, or has no header yet, says nothing and passes: opening tells.
    pub fn look(disk: &dyn Disk, path: &Path) -> Result<(), WalError> {
        let file = disk.open_read(path).map_err(failed("open segment", path))?;
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let read = read_full(&*file, 0, &mut header).map_err(failed("read segment", path))?;
        match SegmentHeader::decode(&header[..read]) {
            Head::Newer(found) => {
                Err(WalError::NewerFormat { path: path.to_owned(), found, known: format::VERSION })
            }
            Head::Ours(_) | Head::Bad => Ok(()),
        }
    }

    /// Reads a whole log as opening does, and says what of it is lost, and also what opening would take for torn though no
    /// writer leaves it so. Changes nothing, and needs no lock.
    pub fn examine(disk: &dyn Disk, dir: &Path) -> Result<Recovery, WalError> {
        recover::examine(disk, dir)
    }

    /// The name of a segment's file.
    pub fn segment_name(segment: u64) -> String {
        segment_name(segment)
    }

    /// Appends a record with one write, without syncing.
    pub fn append(&mut self, kind: u8, payload: &[u8]) -> Result<Commit, WalError> {
        let appended = self.append_record(kind, payload, false);
        if let Err(error @ (WalError::Full { .. } | WalError::Io { .. })) = &appended {
            self.shared.refused(payload.len(), error);
        }
        appended
    }

    /// For the thread that syncs, and for those who wait for it.
    pub fn handle(&self) -> WalSync {
        WalSync(Arc::clone(&self.shared))
    }

    /// Makes the next record the first one of a segment; answers that segment's number.
    pub fn cut(&mut self) -> Result<u64, WalError> {
        self.shared.durable()?;
        match &self.current {
            Some(current) if current.is_empty() => Ok(current.segment.number),
            _ => self.begin_segment(),
        }
    }

    /// Deletes the segments with lower numbers, but never the last one; answers how many.
    pub fn drop_before(&mut self, segment: u64) -> Result<u64, WalError> {
        self.shared.durable()?;
        let mut dropped = 0;
        while let Some(oldest) = self.older.front().filter(|oldest| oldest.number < segment) {
            if self.current.is_none() && self.older.len() == 1 {
                break; // Its sequence numbers are the only ones there are.
            }
            if self.shared.is_dirty() {
                self.shared.sync(true)?; // The lowest segment's header must be durable, see docs/format/wal.md.
            }
            let path = self.dir.join(segment_name(oldest.number));
            self.disk.remove(&path).map_err(failed("delete segment", &path))?;
            self.older.pop_front();
            // One by one: two unsynced deletions could come back as a gap.
            self.disk.sync_dir(&self.dir).map_err(|error| {
                self.shared.poison(&format!("cannot sync folder `{}`: {error}", self.dir.display()))
            })?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map(|current| current.segment.bytes);
        self.older.iter().map(|segment| segment.bytes).chain(current).sum()
    }

    /// Syncs everything and leaves a mark that says so: damage to the last records cannot pass for a torn tail then.
    pub fn close(mut self) -> Result<(), WalError> {
        if self.shared.sync(false)? > 0 {
            self.append_record(0, &[], true)?;
            self.shared.sync(false)?;
        }
        Ok(())
    }

    fn append_record(&mut self, kind: u8, payload: &[u8], mark: bool) -> Result<Commit, WalError> {
        let durable = self.shared.durable()?;
        let record_bytes = self.record_bytes(payload)?;
        if !self.current.as_ref().is_some_and(|current| current.has_room(record_bytes, &self.options)) {
            self.begin_segment()?;
        }
        let current = self.current.as_mut().expect("a segment was just begun");
        let sequence = self.sequence + 1;
        let length = u32::try_from(payload.len()).expect("the limit is far below 4 GiB");
        let header = RecordHeader { length, sequence, durable, kind, mark, salt: current.salt };
        let offset = current.segment.bytes;
        if let Err(error) = write_all_at(&*current.file, offset, &header.encode(payload), payload) {
            return Err(current.take_back(error, &self.shared));
        }
        current.segment.bytes += record_bytes;
        self.sequence = sequence;
        self.shared.publish(sequence);
        Ok(self.shared.commit(sequence))
    }

    fn record_bytes(&self, payload: &[u8]) -> Result<u64, WalError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(WalError::TooLarge { bytes: payload.len(), bytes_max: PAYLOAD_BYTES_MAX });
        }
        Ok((RECORD_HEADER_BYTES + payload.len()) as u64)
    }

    /// Closes the current segment for writing and begins the next one; changes nothing if there is no room for it.
    fn begin_segment(&mut self) -> Result<u64, WalError> {
        let number = self.next_segment;
        let salt = self.disk.random() as u32; // Half of the bits are enough.
        let durable = self.shared.durable()?;
        let header = SegmentHeader { segment: number, first_sequence: self.sequence + 1, durable, salt };
        let path = self.dir.join(segment_name(number));
        let file = self.disk.create(&path).map_err(|error| refused(error, &path, "create segment"))?;
        if let Err(error) = write_all_at(&*file, 0, &header.encode(), &[]) {
            let removed = self.disk.remove(&path);
            return Err(match removed {
                Ok(()) => refused(error, &path, "write segment"),
                Err(remove) => {
                    self.shared.poison(&format!("cannot take back segment `{}`: {remove}", path.display()))
                }
            });
        }
        self.shared.begin_segment(Arc::clone(&file));
        let segment = Segment { number, bytes: SEGMENT_HEADER_BYTES as u64 };
        let closed = self.current.replace(Current { segment, path, file, salt });
        self.older.extend(closed.map(|current| current.segment));
        self.next_segment += 1;
        Ok(number)
    }
}

impl Current {
    fn is_empty(&self) -> bool {
        self.segment.bytes == SEGMENT_HEADER_BYTES as u64
    }

    /// An empty segment takes any record.
    fn has_room(&self, record_bytes: u64, options: &WalOptions) -> bool {
        self.is_empty() || self.segment.bytes + record_bytes <= options.segment_bytes_max
    }

    /// Cuts off the part of a record that was written.
    fn take_back(&self, error: io::Error, shared: &Shared) -> WalError {
        let path = &self.path;
        match self.file.truncate(self.segment.bytes) {
            Ok(()) if is_full(&error) => WalError::Full { path: path.clone(), source: error },
            Ok(()) => shared.poison(&format!("cannot append to segment `{}`: {error}", path.display())),
            Err(cut) => shared.poison(&format!("cannot cut back segment `{}`: {cut}", path.display())),
        }
    }
}

fn refused(source: io::Error, path: &Path, action: &'static str) -> WalError {
    let path = path.to_owned();
    if is_full(&source) { WalError::Full { path, source } } else { WalError::Io { action, path, source } }
}
