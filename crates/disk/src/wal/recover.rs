//! Reading a log after whatever happened to it: replay, cut what nobody was promised, report what is lost.
//!
//! The rules are a table in `docs/format/wal.md`.

use std::path::{Path, PathBuf};

use super::WalError;
use super::format::{Head, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION, segment_number};
use super::scan::{Bad, Found, Scanner, SegmentFile, copy};
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
    let Reading { mut report, good, keep_tail, last_sequences, proof, expected, .. } = reading;
    report.segments = segments.len() as u64;
    report.bytes = segments.iter().map(|segment| segment.bytes).sum();
    set_aside(disk, dir, &segments, &mut report)?;
    let next_segment = segments.last().map_or(1, |segment| segment.number + 1);
    // What was replayed is shown to people: it must not vanish in the next crash.
    let mut unsynced: Vec<bool> = last_sequences.iter().map(|last| proof < *last).collect();
    if !keep_tail {
        cut(disk, &mut segments, good, &mut unsynced)?;
    }
    for (segment, unsynced) in segments.iter().zip(unsynced) {
        if unsynced {
            let file = disk.open_write(&segment.path).map_err(failed("open segment", &segment.path))?;
            file.sync().map_err(failed("sync segment", &segment.path))?;
        }
    }
    disk.sync_dir(dir).map_err(failed("sync folder", dir))?;
    let last_sequence = expected.map_or(0, |expected| expected - 1);
    Ok(Recovered { report, segments, last_sequence, next_segment })
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
    /// Highest sequence in each segment, 0 without one.
    last_sequences: Vec<u64>,
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
            last_sequences: vec![0; segments.len()],
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
                        let index = self.scanner.place().0;
                        self.expected = Some(record.sequence + 1);
                        self.last_sequences[index] = record.sequence;
                        if !record.mark {
                            self.report.records += 1;
                            let (segment, payload) = (self.segments[index].number, self.scanner.payload());
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
                self.report_tail();
                return Ok(());
            }
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
        let records = (self.segments[0].number == 1).then_some(sequence - 1);
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
    let outcome = copy(disk, segment, |offset, piece| {
        write_all_at(&*file, offset, piece, &[]).map_err(failed("write", &unfinished))
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
fn cut(
    disk: &dyn Disk,
    segments: &mut Vec<SegmentFile>,
    good: Option<(usize, u64)>,
    unsynced: &mut [bool],
) -> Result<(), WalError> {
    let kept = good.map_or(0, |(index, _)| index + 1);
    while segments.len() > kept {
        let Some(segment) = segments.pop() else { break };
        disk.remove(&segment.path).map_err(failed("delete segment", &segment.path))?;
    }
    if let (Some((index, offset)), Some(segment)) = (good, segments.last_mut())
        && offset < segment.bytes
    {
        let file = disk.open_write(&segment.path).map_err(failed("open segment", &segment.path))?;
        file.truncate(offset).map_err(failed("cut segment", &segment.path))?;
        segment.bytes = offset;
        unsynced[index] = true;
    }
    Ok(())
}

pub(super) fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> WalError + 'a {
    move |source| WalError::Io { action, path: path.to_owned(), source }
}
