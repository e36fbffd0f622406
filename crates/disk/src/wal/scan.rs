//! Finds segment headers, records and bad bytes in the segments of a folder, in order, with a bounded buffer.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::WalError;
use super::format::{Head, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, checks};
use crate::disk::{Disk, ReadFile, read_full};

/// How much is read at once; a longer record is read whole.
const READ_BYTES: usize = 256 << 10;
/// The smallest piece in which a device that cannot read everything is asked.
const SECTOR_BYTES: usize = 4096;
/// `EIO`: the device cannot read.
const EIO: i32 = 5;

/// A segment as the folder lists it.
#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What comes next in the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Header(SegmentHeader),
    /// Its payload is [`Scanner::payload`] until the next step.
    Record(RecordHeader),
    Bad(Bad),
    End,
}

/// Bytes of one segment in which nothing valid begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bad {
    /// Index of the segment.
    pub(super) index: usize,
    pub(super) from: u64,
    pub(super) to: u64,
    /// The device could not read them.
    pub(super) unreadable: bool,
}

pub(super) struct Scanner<'a> {
    disk: &'a dyn Disk,
    segments: &'a [SegmentFile],
    /// Segment that is being read, and where in it the next step begins.
    index: usize,
    offset: u64,
    reader: Option<Reader>,
    /// Of the segment, as far as known.
    salt: Option<u32>,
    /// Sequences from here on are accepted.
    expected: u64,
    payload_bytes: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(disk: &'a dyn Disk, segments: &'a [SegmentFile]) -> Scanner<'a> {
        Scanner {
            disk,
            segments,
            index: 0,
            offset: 0,
            reader: None,
            salt: None,
            expected: 1,
            payload_bytes: 0,
        }
    }

    /// Another scanner that goes on from here.
    pub(super) fn fork(&self) -> Scanner<'a> {
        Scanner { reader: None, ..*self }
    }

    /// Index of the segment in which the last step ended, and the offset there.
    pub(super) fn place(&self) -> (usize, u64) {
        (self.index, self.offset)
    }

    /// Payload of the record that was found last.
    pub(super) fn payload(&self) -> &[u8] {
        let reader = self.reader.as_ref().expect("a record was just read");
        reader.last(self.offset - self.payload_bytes as u64, self.payload_bytes)
    }

    pub(super) fn step(&mut self) -> Result<Found, WalError> {
        while self.index < self.segments.len() {
            if self.reader.is_none() {
                self.reader = Some(Reader::open(self.disk, &self.segments[self.index])?);
            }
            let bytes = self.reader_mut().bytes;
            if self.offset < bytes {
                return if self.offset == 0 { self.enter(bytes) } else { self.record_or_bad(bytes) };
            }
            (self.index, self.offset, self.reader, self.salt) = (self.index + 1, 0, None, None);
        }
        Ok(Found::End)
    }

    /// Reads a segment's header.
    fn enter(&mut self, bytes: u64) -> Result<Found, WalError> {
        let number = self.segments[self.index].number;
        match SegmentHeader::decode(self.reader_mut().window(0, SEGMENT_HEADER_BYTES)?) {
            Head::Ours(header) if header.segment == number => {
                (self.salt, self.offset) = (Some(header.salt), SEGMENT_HEADER_BYTES as u64);
                Ok(Found::Header(header))
            }
            // The content of another segment: a whole valid file in the wrong place would confuse the order.
            Head::Ours(_) => self.bad(0, bytes),
            // Newer versions were refused before anything was read; this one appeared since.
            Head::Newer(_) | Head::Bad => {
                let resume = self.find(SEGMENT_HEADER_BYTES as u64, bytes)?;
                self.bad(0, resume)
            }
        }
    }

    fn record_or_bad(&mut self, bytes: u64) -> Result<Found, WalError> {
        let from = self.offset;
        if let Some(header) = self.record_at(from, bytes)? {
            self.offset += header.record_bytes();
            self.payload_bytes = header.length as usize;
            (self.salt, self.expected) = (Some(header.salt), header.sequence + 1);
            return Ok(Found::Record(header));
        }
        let resume = self.find(from + 1, bytes)?;
        self.bad(from, resume)
    }

    fn bad(&mut self, from: u64, to: u64) -> Result<Found, WalError> {
        self.offset = to;
        let unreadable = self.reader_mut().is_unreadable(from, to);
        Ok(Found::Bad(Bad { index: self.index, from, to, unreadable }))
    }

    /// The first place from `from` on where a valid record begins, or the end.
    fn find(&mut self, from: u64, bytes: u64) -> Result<u64, WalError> {
        let last = bytes.saturating_sub(RECORD_HEADER_BYTES as u64);
        for offset in from..=last {
            if self.record_at(offset, bytes)?.is_some() {
                return Ok(offset);
            }
        }
        Ok(bytes)
    }

    fn record_at(&mut self, offset: u64, bytes: u64) -> Result<Option<RecordHeader>, WalError> {
        if bytes < offset + RECORD_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let (expected, salt) = (self.expected, self.salt);
        let reader = self.reader_mut();
        let Some(header) = RecordHeader::decode(reader.window(offset, RECORD_HEADER_BYTES)?) else {
            return Ok(None);
        };
        let fits = header.record_bytes() <= bytes - offset
            && header.sequence >= expected
            && salt.is_none_or(|salt| salt == header.salt);
        let record_bytes = RECORD_HEADER_BYTES + header.length as usize;
        Ok((fits && checks(reader.window(offset, record_bytes)?)).then_some(header))
    }

    fn reader_mut(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("a segment is open while it is read")
    }
}

/// A window that moves forward over a file.
struct Reader {
    file: Arc<dyn ReadFile>,
    path: PathBuf,
    bytes: u64,
    buffer: Vec<u8>,
    /// Offset of the buffer in the file.
    start: u64,
    /// Sectors that the device could not read, in ascending order.
    unreadable: Vec<u64>,
}

impl Reader {
    fn open(disk: &dyn Disk, segment: &SegmentFile) -> Result<Reader, WalError> {
        let path = segment.path.clone();
        let failed = |source| WalError::Io { action: "read segment", path: segment.path.clone(), source };
        let file = disk.open_read(&path).map_err(failed)?;
        Ok(Reader { file, path, bytes: segment.bytes, buffer: Vec::new(), start: 0, unreadable: Vec::new() })
    }

    /// `length` bytes from `offset` on, fewer at the end of the file. Zeros stand for what cannot be read.
    #[inline]
    fn window(&mut self, offset: u64, length: usize) -> Result<&[u8], WalError> {
        let length = length.min(usize::try_from(self.bytes - offset).unwrap_or(usize::MAX));
        if offset < self.start || self.start + (self.buffer.len() as u64) < offset + length as u64 {
            self.fill(offset, length)?;
        }
        Ok(self.last(offset, length))
    }

    /// Bytes that are in the buffer.
    #[inline]
    fn last(&self, offset: u64, length: usize) -> &[u8] {
        let at = usize::try_from(offset - self.start).expect("a buffer's length is a usize");
        &self.buffer[at..at + length]
    }

    fn fill(&mut self, offset: u64, length: usize) -> Result<(), WalError> {
        let end = self.start + self.buffer.len() as u64;
        if self.start <= offset && offset < end {
            self.buffer.drain(..(offset - self.start) as usize);
        } else {
            self.buffer.clear();
        }
        self.start = offset;
        let kept = self.buffer.len();
        let wanted = length.max(READ_BYTES) as u64;
        self.buffer.resize(wanted.min(self.bytes - offset) as usize, 0);
        let (from, into) = (offset + kept as u64, &mut self.buffer[kept..]);
        let outcome = match read_full(&*self.file, from, into) {
            Err(error) if error.raw_os_error() == Some(EIO) => {
                read_pieces(&*self.file, from, into, &mut self.unreadable)
            }
            outcome => outcome.map(|done| into[done..].fill(0)), // Cut by somebody else: zeros are bad records.
        };
        outcome.map_err(|source| WalError::Io { action: "read segment", path: self.path.clone(), source })
    }

    fn is_unreadable(&self, from: u64, to: u64) -> bool {
        self.unreadable.iter().any(|sector| from < sector + SECTOR_BYTES as u64 && *sector < to)
    }
}

/// Reads sector by sector what can be read.
fn read_pieces(
    file: &dyn ReadFile,
    offset: u64,
    into: &mut [u8],
    unreadable: &mut Vec<u64>,
) -> io::Result<()> {
    for (piece, at) in into.chunks_mut(SECTOR_BYTES).zip((offset..).step_by(SECTOR_BYTES)) {
        match read_full(file, at, piece) {
            Ok(done) => piece[done..].fill(0),
            Err(error) if error.raw_os_error() == Some(EIO) => {
                piece.fill(0);
                unreadable.push(at);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a segment from `offset` on, with zeros for what cannot be read; `each` gets it piece by piece.
pub(super) fn read_on(
    disk: &dyn Disk,
    segment: &SegmentFile,
    mut offset: u64,
    mut each: impl FnMut(Piece<'_>) -> Result<(), WalError>,
) -> Result<(), WalError> {
    let mut reader = Reader::open(disk, segment)?;
    while offset < reader.bytes {
        let bytes = reader.window(offset, READ_BYTES)?.len();
        let unreadable = reader.is_unreadable(offset, offset + bytes as u64);
        each(Piece { offset, bytes: reader.last(offset, bytes), unreadable })?;
        offset += bytes as u64;
    }
    Ok(())
}

/// Some bytes of a segment.
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Zeros stand for some of them.
    pub(super) unreadable: bool,
}
