//! Reading a log after whatever happened to it: replay, cut what nobody was promised, report what is lost.
//!
//! The rules are a table in `docs/format/wal.md`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::WalError;
use super::format::{
    Head, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION, is_beginning, segment_number,
};
use super::scan::{Bad, Found, Scanner, SegmentFile, read_on};
use crate::disk::{Disk, is_full, read_full, write_all_at};

/// What opening a log found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that were there.
    pub segments: u64,
    /// Records that were replayed.
    pub records: u64,
    /// Bytes of all segments as they were found.
    pub bytes: u64,
    /// Bytes that held nothing acknowledged. The tail of the log was cut off there.
    pub cut: Vec<Cut>,
    /// What was acknowledged and cannot be read.
    pub losses: Vec<Loss>,
}

/// Bytes of a segment in which no acknowledged record was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Number of the segment.
    pub segment: u64,
    /// First byte.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// Damage: acknowledged records that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Number of the segment.
    pub segment: u64,
    /// First byte that is bad, or where the records are missing.
    pub offset: u64,
    /// How many bytes are bad; 0 if records are missing without a trace, with a file or its end.
    pub bytes: u64,
    /// How many records are lost, if that can be told.
    pub records: Option<u64>,
    /// Copy of the damaged segment; none if no byte is bad, or if the disk was too full for it.
    pub quarantined: Option<PathBuf>,
}

/// One record as it comes back at opening.
#[derive(Clone, Copy, Debug)]
pub struct Replayed<'a> {
    /// Number of the segment that it is in.
    pub segment: u64,
    /// As given to `append`.
    pub kind: u8,
    /// As given to `append`.
    pub payload: &'a [u8],
}

/// A log whose segments are cut and synced.
pub(super) struct Recovered {
    pub(super) report: Recovery,
    /// What is left, ascending.
    pub(super) segments: Vec<SegmentFile>,
    /// Sequence of the last record, 0 without one.
    pub(super) last_sequence: u64,
    /// Number for the next segment: above all that were there.
    pub(super) next_segment: u64,
}

pub(super) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    replay: &mut dyn FnMut(&Replayed<'_>),
) -> Result<Recovered, WalError> {
    let mut segments = list(disk, dir)?;
    refuse_newer(disk, &segments)?;
    let mut reading = Reading::new(disk, &segments);
    reading.run(replay)?;
    let Reading { report, good, keep_tail, unproven, proof, expected, .. } = reading;
    let last_sequence = expected.map_or(0, |expected| expected - 1);
    let mut report = totalled(report, &segments);
    set_aside(disk, dir, &segments, &mut report)?;
    let next_segment = segments.last().map_or(1, |segment| segment.number + 1);
    if !keep_tail {
        cut(disk, &mut segments, good)?;
    }
    if let Some(Place { index, offset, .. }) = unproven.front()
        && proof < last_sequence
    {
        make_durable(disk, &segments, *index, *offset)?;
    }
    disk.sync_dir(dir).map_err(failed("sync folder", dir))?;
    Ok(Recovered { report, segments, last_sequence, next_segment })
}

/// What opening would find, without a change to anything. Bytes that it would cut off though a writer that was killed does not
/// leave such ones are losses here: nothing proves that they had been acknowledged, and they are rotten all the same.
pub(super) fn examine(disk: &dyn Disk, dir: &Path) -> Result<Recovery, WalError> {
    let segments = list(disk, dir)?;
    refuse_newer(disk, &segments)?;
    let mut reading = Reading::new(disk, &segments);
    reading.run(&mut |_| {})?;
    let is_followed = reading.is_followed;
    let mut report = totalled(reading.report, &segments);
    for cut in std::mem::take(&mut report.cut) {
        if is_followed || !is_torn(disk, &segments, &cut)? {
            report.losses.push(rotten(&cut));
        } else {
            report.cut.push(cut);
        }
    }
    Ok(report)
}

/// Whether a writer that was killed may have left this: zeros, or less than a segment's header or a record.
fn is_torn(disk: &dyn Disk, segments: &[SegmentFile], cut: &Cut) -> Result<bool, WalError> {
    let Some(segment) = segments.iter().find(|segment| segment.number == cut.segment) else {
        return Ok(true);
    };
    // No more than a segment, and of a whole log only its end.
    let mut bytes = Vec::new();
    read_on(disk, segment, cut.offset, |piece| {
        let wanted = cut.bytes as usize - bytes.len();
        bytes.extend_from_slice(&piece.bytes[..wanted.min(piece.bytes.len())]);
        Ok(())
    })?;
    let is_less = if cut.offset == 0 { bytes.len() < SEGMENT_HEADER_BYTES } else { is_beginning(&bytes) };
    Ok(is_less || bytes.iter().all(|byte| *byte == 0))
}

/// A segment's header and the mark of a clean close hold no record of anybody's.
fn rotten(cut: &Cut) -> Loss {
    let headers = if cut.offset == 0 { SEGMENT_HEADER_BYTES } else { RECORD_HEADER_BYTES };
    let records = (cut.bytes == headers as u64).then_some(0);
    Loss { segment: cut.segment, offset: cut.offset, bytes: cut.bytes, records, quarantined: None }
}

fn totalled(report: Recovery, segments: &[SegmentFile]) -> Recovery {
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    Recovery { segments: segments.len() as u64, bytes, ..report }
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentFile>, WalError> {
    let entries = disk.list(dir).map_err(failed("list folder", dir))?;
    let segment = |entry: &crate::Entry| {
        let number = segment_number(&entry.name).filter(|_| !entry.is_dir)?;
        Some(SegmentFile { number, path: dir.join(&entry.name), bytes: entry.bytes })
    };
    let mut segments: Vec<SegmentFile> = entries.iter().filter_map(segment).collect();
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

/// Looks at all headers before anything is changed.
fn refuse_newer(disk: &dyn Disk, segments: &[SegmentFile]) -> Result<(), WalError> {
    for segment in segments {
        let file = disk.open_read(&segment.path).map_err(failed("read segment", &segment.path))?;
        let mut header = [0; SEGMENT_HEADER_BYTES];
        // What cannot be read is dealt with when it is read in its turn.
        let done = read_full(&*file, 0, &mut header).unwrap_or(0);
        if let Head::Newer(found) = SegmentHeader::decode(&header[..done]) {
            return Err(WalError::NewerFormat { path: segment.path.clone(), found, known: VERSION });
        }
    }
    Ok(())
}

/// Where the record of a sequence begins, or a record a little before it.
#[derive(Clone, Copy, Debug)]
struct Place {
    sequence: u64,
    index: usize,
    offset: u64,
}

/// Places of records are remembered at this distance, so that a long log needs little memory.
const PLACES_APART_BYTES: u64 = 64 << 10;

/// One reading of the whole log.
struct Reading<'a> {
    scanner: Scanner<'a>,
    segments: &'a [SegmentFile],
    report: Recovery,
    /// The sequence that comes next; unknown until the first header or record.
    expected: Option<u64>,
    /// Bad bytes since the last valid thing.
    bad: Vec<Bad>,
    /// The highest sequence that something valid says is durable.
    proof: u64,
    /// Index of a segment and offset up to which the log is accepted.
    good: Option<(usize, u64)>,
    /// Nothing may be cut: the end of the log is damaged, not torn.
    keep_tail: bool,
    /// Behind the torn tail's bad bytes there is something valid.
    is_followed: bool,
    /// Places from which on nothing proves that records are durable, ascending; the first one may be a little early.
    unproven: VecDeque<Place>,
}

impl<'a> Reading<'a> {
    fn new(disk: &'a dyn Disk, segments: &'a [SegmentFile]) -> Reading<'a> {
        Reading {
            scanner: Scanner::new(disk, segments),
            segments,
            report: Recovery::default(),
            expected: None,
            bad: Vec::new(),
            proof: 0,
            good: None,
            keep_tail: false,
            is_followed: false,
            unproven: VecDeque::new(),
        }
    }

    fn run(&mut self, replay: &mut dyn FnMut(&Replayed<'_>)) -> Result<(), WalError> {
        loop {
            let accepted = match self.scanner.step()? {
                Found::Bad(bad) => {
                    self.bad.push(bad);
                    true
                }
                Found::Header(header) => self.accept(header.first_sequence, header.durable)?,
                Found::Record(record) => {
                    let accepted = self.accept(record.sequence, record.durable)?;
                    if accepted {
                        self.expected = Some(record.sequence + 1);
                        self.remember_place(record.sequence, record.record_bytes());
                        if !record.mark {
                            self.report.records += 1;
                            let segment = self.segments[self.scanner.place().0].number;
                            let payload = self.scanner.payload();
                            replay(&Replayed { segment, kind: record.kind, payload });
                        }
                    }
                    accepted
                }
                Found::End => {
                    self.finish();
                    return Ok(());
                }
            };
            if !accepted {
                self.is_followed = true;
                self.report_tail();
                return Ok(());
            }
        }
    }

    fn remember_place(&mut self, sequence: u64, record_bytes: u64) {
        let (index, end) = self.scanner.place();
        // The first one in a segment stands for the header too: it was begun with it.
        let apart = |last: &Place| last.index < index || last.offset + PLACES_APART_BYTES <= end;
        if self.unproven.back().is_none_or(apart) {
            let is_first = self.unproven.back().is_some_and(|last| last.index < index);
            let offset = if is_first { 0 } else { end - record_bytes };
            self.unproven.push_back(Place { sequence, index, offset });
        }
        // All before the second one are durable: the first one is not needed.
        while self.unproven.get(1).is_some_and(|second| second.sequence <= self.proof + 1) {
            self.unproven.pop_front();
        }
    }

    /// Decides on something valid that begins with a sequence; false if it, and all behind it, is a torn tail.
    fn accept(&mut self, sequence: u64, durable: u64) -> Result<bool, WalError> {
        match self.expected {
            Some(expected) if expected < sequence => {
                if !self.was_durable(expected, durable)? {
                    return Ok(false);
                }
                self.lose(Some(sequence - expected));
                self.expected = Some(sequence);
            }
            Some(_) => self.ignore_bad(),
            None => {
                self.accept_first(sequence);
                self.expected = Some(sequence);
            }
        }
        self.proof = self.proof.max(durable);
        self.good = Some(self.scanner.place());
        Ok(true)
    }

    /// The first valid thing of the log, possibly behind bad bytes.
    fn accept_first(&mut self, sequence: u64) {
        // Sequence 1 behind a bad segment: the log was begun anew because nothing of it could be read.
        let records = Some(sequence - 1).filter(|records| self.segments[0].number == 1 && 0 < *records);
        // Up to the length of a header no record can have been lost.
        let headers_only = self.bad.iter().all(|bad| bad.to <= SEGMENT_HEADER_BYTES as u64);
        if headers_only { self.ignore_bad() } else { self.lose(records) }
    }

    /// Whether a record that is not there had been acknowledged: something after it says so.
    fn was_durable(&mut self, sequence: u64, durable: u64) -> Result<bool, WalError> {
        self.proof = self.proof.max(durable);
        let mut ahead = self.scanner.fork();
        while self.proof < sequence && !self.bad.iter().any(|bad| bad.unreadable) {
            match ahead.step()? {
                Found::Header(header) => self.proof = self.proof.max(header.durable),
                Found::Record(record) => self.proof = self.proof.max(record.durable),
                Found::Bad(_) => {}
                Found::End => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The bad bytes since the last valid thing have cost records.
    fn lose(&mut self, records: Option<u64>) {
        let (index, offset) = self.scanner.place();
        let trace = !self.bad.is_empty();
        for bad in std::mem::take(&mut self.bad) {
            let (segment, bytes) = (self.segments[bad.index].number, bad.to - bad.from);
            let loss =
                Loss { segment, offset: bad.from, bytes, records: records.map(|_| 0), quarantined: None };
            self.report.losses.push(loss);
        }
        if !trace {
            let segment = self.segments[index].number;
            self.report.losses.push(Loss { segment, offset, bytes: 0, records, quarantined: None });
        } else if let Some(last) = self.report.losses.last_mut() {
            last.records = records; // Which record was in which bad piece cannot be told: the last one counts them.
        }
    }

    /// The bad bytes since the last valid thing held no record: the sequence has no gap.
    fn ignore_bad(&mut self) {
        for bad in std::mem::take(&mut self.bad) {
            self.report_cut(bad.index, bad.from, bad.to);
        }
    }

    /// The log ends, perhaps with bad bytes.
    fn finish(&mut self) {
        let nothing_valid = self.good.is_none();
        // A segment's header is synced before its folder's older segments go, and before the first record of all.
        let header_lost = |bad: &Bad| nothing_valid && (SEGMENT_HEADER_BYTES as u64) < bad.to;
        if self.bad.iter().any(|bad| bad.unreadable || header_lost(bad)) {
            self.keep_tail = true;
            self.lose(None);
        } else {
            self.report_tail();
        }
    }

    /// Everything after the last accepted byte is to be cut.
    fn report_tail(&mut self) {
        let (first, offset) = self.good.unwrap_or((0, 0));
        for index in first..self.segments.len() {
            let from = if index == first { offset } else { 0 };
            self.report_cut(index, from, self.segments[index].bytes);
        }
    }

    fn report_cut(&mut self, index: usize, from: u64, to: u64) {
        if from < to {
            let segment = self.segments[index].number;
            self.report.cut.push(Cut { segment, offset: from, bytes: to - from });
        }
    }
}

/// Copies damaged segments, each once and for all openings.
fn set_aside(
    disk: &dyn Disk,
    dir: &Path,
    segments: &[SegmentFile],
    report: &mut Recovery,
) -> Result<(), WalError> {
    let aside = dir.parent().unwrap_or(Path::new("")).join("quarantine");
    for segment in segments {
        let mut damage: Vec<&mut Loss> = report.losses.iter_mut().collect();
        damage.retain(|loss| loss.segment == segment.number && loss.bytes > 0);
        if damage.is_empty() {
            continue;
        }
        let copied = match copy_aside(disk, &aside, segment) {
            Err(WalError::Io { source, .. }) if is_full(&source) => None,
            Err(error) => return Err(error),
            Ok(path) => Some(path),
        };
        for loss in damage {
            loss.quarantined.clone_from(&copied);
        }
    }
    Ok(())
}

fn copy_aside(disk: &dyn Disk, aside: &Path, segment: &SegmentFile) -> Result<PathBuf, WalError> {
    disk.create_dir_all(aside).map_err(failed("create folder", aside))?;
    let name = super::format::segment_name(segment.number);
    let (path, unfinished) = (aside.join(&name), aside.join(format!("{name}.tmp")));
    let there = disk.list(aside).map_err(failed("list folder", aside))?;
    if there.iter().any(|entry| entry.name == name) {
        return Ok(path);
    }
    let file = disk.create(&unfinished).map_err(failed("create", &unfinished))?;
    let outcome = read_on(disk, segment, 0, |piece| {
        write_all_at(&*file, piece.offset, piece.bytes, &[]).map_err(failed("write", &unfinished))
    });
    if let Err(error) = outcome {
        disk.remove(&unfinished).map_err(failed("delete", &unfinished))?;
        return Err(error);
    }
    file.sync().map_err(failed("sync", &unfinished))?;
    disk.rename(&unfinished, &path).map_err(failed("rename", &unfinished))?;
    disk.sync_dir(aside).map_err(failed("sync folder", aside))?;
    Ok(path)
}

/// Deletes the segments behind the accepted part of the log, newest first, and shortens the one that it ends in.
fn cut(disk: &dyn Disk, segments: &mut Vec<SegmentFile>, good: Option<(usize, u64)>) -> Result<(), WalError> {
    let kept = good.map_or(0, |(index, _)| index + 1);
    while segments.len() > kept {
        let Some(segment) = segments.pop() else { break };
        disk.remove(&segment.path).map_err(failed("delete segment", &segment.path))?;
    }
    if let (Some((_, offset)), Some(segment)) = (good, segments.last_mut())
        && offset < segment.bytes
    {
        let file = disk.open_write(&segment.path).map_err(failed("open segment", &segment.path))?;
        file.truncate(offset).map_err(failed("cut segment", &segment.path))?;
        file.sync().map_err(failed("sync segment", &segment.path))?;
        segment.bytes = offset;
    }
    Ok(())
}

/// What was replayed is shown to people: it must not vanish in the next crash.
///
/// It is written once more before it is synced: after a failed sync the kernel takes pages for clean that never got
/// to the disk, and the next process would read them from memory, sync nothing, and believe them safe.
fn make_durable(
    disk: &dyn Disk,
    segments: &[SegmentFile],
    first: usize,
    offset: u64,
) -> Result<(), WalError> {
    for (index, segment) in segments.iter().enumerate().skip(first) {
        let path = &segment.path;
        let file = disk.open_write(path).map_err(failed("open segment", path))?;
        let from = if index == first { offset } else { 0 };
        read_on(disk, segment, from, |piece| {
            if piece.unreadable {
                return Ok(()); // What is left of it may be of use to somebody with better tools.
            }
            match write_all_at(&*file, piece.offset, piece.bytes, &[]) {
                // A file system that writes elsewhere first needs room even for this.
                Err(error) if is_full(&error) => Ok(()),
                outcome => outcome.map_err(failed("write segment", path)),
            }
        })?;
        file.sync().map_err(failed("sync segment", path))?;
    }
    Ok(())
}

pub(super) fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> WalError + 'a {
    move |source| WalError::Io { action, path: path.to_owned(), source }
}
