//! One file that grows: which bytes are new, which lines belong together, and what became of it.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lingshao_model::log::LogTime;
use lingshao_wire::log_lines::{ContainerLine, ContainerLines, Joiner, LINE_BYTES_MAX};

use super::positions::Position;
use crate::config::LogFile;
use crate::outage::{News, Outage};

/// Read at a time, of each file.
const PIECE_BYTES: usize = 256 << 10;
/// A record of several lines is over when nothing has followed for so long.
const JOINING: Duration = Duration::from_secs(1);
/// A file that was renamed is read for so long after the new one is there: its writer may not have noticed yet.
const RENAMED_PATIENCE: Duration = Duration::from_secs(5);
/// Before what could not be stored is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A record's text, and what its container says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) stream: String,
    pub(super) time: Option<LogTime>,
}

/// Some records of a file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) records: Vec<Text>,
    pub(super) config: LogFile,
    /// How far the file has been read when these are stored.
    pub(super) position: Position,
    /// When a file was opened: where a piece that we stored before we were killed may have ended. Its last record bears the mark
    /// of one of these places.
    pub(super) earlier: Vec<Position>,
}

/// A file that is being followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) path: PathBuf,
    pub(super) config: LogFile,
    from_beginning: bool,
    open: Option<Open>,
    is_over: bool,
    /// Of storing its lines.
    outage: Outage,
}

#[derive(Debug)]
struct Open {
    file: File,
    position: Position,
    /// Nothing has been stored since we opened it: what was stored before a kill may not have been noted, not even that
    /// there is such a file.
    is_unsure: bool,
    length: u64,
    grew_at: Instant,
    renamed_at: Option<Instant>,
    paused_at: Option<Instant>,
}

/// Whether something may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It does at this moment.
    Growing,
    /// Nothing did for a while: the last record is whole, if its last line is.
    Quiet,
    /// Nobody writes into the file any more.
    Over,
}

impl Followed {
    pub(super) fn new(path: PathBuf, config: LogFile, from_beginning: bool) -> Followed {
        Followed { path, config, from_beginning, ..Followed::default() }
    }

    /// Where it is being read.
    pub(super) fn position(&self) -> Option<&Position> {
        self.open.as_ref().map(|open| &open.position)
    }

    /// Whether it is this file.
    pub(super) fn is(&self, path: &Path, device: u64, inode: u64) -> bool {
        self.position().map_or(self.path == path, |position| position.is_of(device, inode))
    }

    /// Whether another file is at its path.
    pub(super) fn is_renamed(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.renamed_at.is_some())
    }

    /// Whether it has been away for so long that nobody will write into it.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether a piece could be stored.
    pub(super) fn note(&mut self, error: Option<&String>) {
        let path = self.path.display();
        match self.outage.note(error.map(String::as_str)) {
            Some(News::Failed(error)) => {
                tracing::warn!(%path, %error, "lines of a file could not be stored; they are read again");
            }
            Some(News::Over { failures }) => {
                tracing::info!(%path, failures, "lines of a file are stored again");
            }
            None => {}
        }
    }

    /// What a piece was, has been stored.
    pub(super) fn advance(&mut self, position: &Position) {
        if let Some(open) = &mut self.open {
            open.position = position.clone();
            open.is_unsure = false;
        }
    }

    /// It has not: it is read again, after a pause.
    pub(super) fn again(&mut self) {
        if let Some(open) = &mut self.open {
            open.paused_at = Some(Instant::now());
        }
    }

    /// The next records, if there are any. Reads the file: call it on a thread that may block.
    pub(super) fn read(&mut self, known: &[Position]) -> Option<Piece> {
        match self.try_read(known) {
            Ok(piece) => piece,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot read a followed file");
                self.open = None;
                self.is_over = true;
                None
            }
        }
    }

    fn try_read(&mut self, known: &[Position]) -> io::Result<Option<Piece>> {
        let at_path = metadata(&self.path)?;
        if self.open.is_none() {
            self.open = open(&self.path, known, self.from_beginning)?;
        }
        let Some(open) = &mut self.open else {
            self.is_over = true; // It went away before we came; the patterns find it when it is back.
            return Ok(None);
        };
        open.look(&self.path, at_path.is_some_and(|metadata| is_same(&metadata, &open.position)))?;
        if open.paused_at.is_some_and(|at| at.elapsed() < RETRY_PAUSE) {
            return Ok(None);
        }
        let ending = open.ending();
        let piece = open.piece(ending, &self.config)?;
        self.is_over = piece.is_none() && ending == Ending::Over;
        Ok(piece)
    }
}

impl Open {
    /// What became of the file?
    fn look(&mut self, path: &Path, is_here: bool) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length != self.length {
            self.grew_at = Instant::now();
            self.length = length;
        }
        if !self.position.is_in(&self.file, length)? {
            tracing::info!(path = %path.display(), "a followed file began anew; it is read from its beginning");
            self.position = self.position.emptied();
        }
        self.renamed_at = if is_here { None } else { self.renamed_at.or_else(|| Some(Instant::now())) };
        Ok(())
    }

    fn ending(&self) -> Ending {
        let quiet = self.grew_at.elapsed();
        let is_left = self.renamed_at.is_some_and(|at| RENAMED_PATIENCE <= at.elapsed());
        match () {
            () if is_left && RENAMED_PATIENCE <= quiet => Ending::Over,
            () if JOINING <= quiet => Ending::Quiet,
            () => Ending::Growing,
        }
    }

    /// Records of the whole lines that are new; the last one waits until it is known to be whole.
    fn piece(&self, ending: Ending, config: &LogFile) -> io::Result<Option<Piece>> {
        if self.length <= self.position.offset {
            return Ok(None);
        }
        // A line of the largest size has to fit as a whole.
        let mut file = &self.file;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.position.offset))?;
        file.take((PIECE_BYTES + LINE_BYTES_MAX) as u64).read_to_end(&mut bytes)?;
        let Records { records, lines, ends } = records(&bytes, ending, config.multiline);
        let Some((taken, _)) = ends.last() else { return Ok(None) };
        let at = |bytes: &usize| self.position.moved(&self.file, self.position.offset + *bytes as u64);
        let earlier = lines.iter().filter(|_| self.is_unsure).map(at).collect::<io::Result<_>>()?;
        Ok(Some(Piece { records, config: config.clone(), position: at(taken)?, earlier }))
    }
}

/// Records of whole lines.
#[derive(Debug, Default)]
struct Records {
    records: Vec<Text>,
    /// Where lines end.
    lines: Vec<usize>,
    /// Where a piece may end, and how many of the records it would have: no record is cut there.
    ends: Vec<(usize, usize)>,
}

/// When nothing has followed for a while, the last record is whole; when nothing will, the last line is, too.
fn records(bytes: &[u8], ending: Ending, multiline: bool) -> Records {
    let mut gathering = Gathering::new(multiline);
    let (mut ends, mut lines) = (Vec::new(), Vec::new());
    let mut at = 0;
    let is_full = |ends: &Vec<_>, at| PIECE_BYTES <= at && !ends.is_empty();
    while let Some(length) = line(&bytes[at..], ending).filter(|_| !is_full(&ends, at)) {
        let text = String::from_utf8_lossy(&bytes[at..at + length]);
        let end = gathering.push(text.trim_end_matches(['\n', '\r']), at..at + length);
        ends.extend(end.filter(|end| *end > 0).map(|end| (end, gathering.records.len())));
        at += length;
        lines.push(at);
    }
    let is_too_long = PIECE_BYTES <= at && ends.is_empty();
    if at > 0 && !is_full(&ends, at) && (ending != Ending::Growing || is_too_long) {
        let end = gathering.finish(ending == Ending::Quiet && !is_too_long, at);
        if end > 0 {
            ends.push((end, gathering.records.len()));
        }
    }
    Records { records: gathering.records, lines, ends }
}

/// The bytes of the first line with its end; a line of the largest size ends by itself.
fn line(bytes: &[u8], ending: Ending) -> Option<usize> {
    match memchr::memchr(b'\n', &bytes[..bytes.len().min(LINE_BYTES_MAX)]) {
        Some(end) => Some(end + 1),
        None if LINE_BYTES_MAX <= bytes.len() => Some(LINE_BYTES_MAX),
        None => (ending == Ending::Over && !bytes.is_empty()).then_some(bytes.len()),
    }
}

/// Puts together what containers and stack traces have cut up.
struct Gathering {
    containers: ContainerLines,
    /// Where the pieces begin that the containers hold, and how many lines they gave meanwhile: streams are interleaved.
    held: Option<(usize, usize)>,
    joiner: Joiner,
    multiline: bool,
    /// Of the lines in the joiner.
    first: Option<(String, Option<LogTime>)>,
    records: Vec<Text>,
}

impl Gathering {
    fn new(multiline: bool) -> Gathering {
        let (containers, joiner) = (ContainerLines::default(), Joiner::default());
        Gathering { containers, held: None, joiner, multiline, first: None, records: Vec::new() }
    }

    /// Up to where all bytes are in the records, and no others, if that can be said.
    fn push(&mut self, line: &str, place: Range<usize>) -> Option<usize> {
        let (begin, lines) = self.held.unwrap_or((place.start, 0));
        let line = self.containers.push(line);
        let lines = lines + usize::from(line.is_some());
        self.held = (!self.containers.is_empty()).then_some((begin, lines));
        let ContainerLine { text, stream, time } = line?;
        if !self.multiline {
            self.keep(Text { text, stream, time });
            return self.held.is_none().then_some(place.end);
        }
        let ended = self.joiner.push(&text);
        let begins = self.first.is_none() || ended.is_some();
        if let Some(text) = ended {
            self.close(text);
        }
        if begins {
            self.first = Some((stream, time));
        }
        (begins && self.held.is_none() && lines == 1).then_some(begin)
    }

    /// Gives what is held back, and answers up to where. When something may follow, what a runtime has cut in the middle of
    /// a line waits on, unless another stream goes on meanwhile.
    fn finish(&mut self, may_follow: bool, end: usize) -> usize {
        let waiting = self.held.filter(|(_, lines)| may_follow && *lines == 0);
        if waiting.is_none() {
            self.finish_containers();
        }
        if let Some(text) = self.joiner.finish() {
            self.close(text);
        }
        waiting.map_or(end, |(begin, _)| begin)
    }

    fn finish_containers(&mut self) {
        while let Some(ContainerLine { text, stream, time }) = self.containers.finish() {
            if !self.multiline {
                self.keep(Text { text, stream, time });
            } else if let Some(text) = self.joiner.push(&text) {
                self.close(text);
            }
        }
    }

    fn close(&mut self, text: String) {
        let (stream, time) = self.first.take().unwrap_or_default();
        self.keep(Text { text, stream, time });
    }

    fn keep(&mut self, record: Text) {
        if !record.text.trim().is_empty() {
            self.records.push(record);
        }
    }
}

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_same(metadata: &Metadata, position: &Position) -> bool {
    position.is_of(metadata.dev(), metadata.ino())
}

/// Goes on where it was left; a file that was never seen begins where the settings say.
fn open(path: &Path, known: &[Position], from_beginning: bool) -> io::Result<Option<Open>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let known = known.iter().find(|known| is_same(&metadata, known));
    let begin = Position { path: path.to_owned(), ..Position::default() };
    let begin = Position { device: metadata.dev(), inode: metadata.ino(), ..begin };
    let position = match known {
        // `look` sees whether it is still the same file.
        Some(known) => known.clone(),
        None if from_beginning => begin,
        None => begin.moved(&file, metadata.len())?,
    };
    Ok(Some(Open {
        file,
        position,
        is_unsure: true,
        length: metadata.len(),
        grew_at: Instant::now(),
        renamed_at: None,
        paused_at: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records, and where a piece may end.
    #[track_caller]
    fn check(bytes: &str, ending: Ending, multiline: bool, expected: &[&str], ends: &[(usize, usize)]) {
        let found = records(bytes.as_bytes(), ending, multiline);
        let texts: Vec<_> = found.records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!((texts, found.ends.as_slice()), (expected.to_vec(), ends), "{bytes:?}");
    }

    #[test]
    fn the_last_record_waits_until_it_is_whole() {
        check("a\nb\n", Ending::Growing, true, &["a"], &[(2, 1)]);
        check("a\nb\n", Ending::Quiet, true, &["a", "b"], &[(2, 1), (4, 2)]);
        check("a\nb", Ending::Quiet, true, &["a"], &[(2, 1)]);
        check("a\nb", Ending::Over, true, &["a", "b"], &[(2, 1), (3, 2)]);
        check("a", Ending::Quiet, true, &[], &[]);
        check("a", Ending::Over, true, &["a"], &[(1, 1)]);
        check("a\n  at x\n  at y\nb\n", Ending::Growing, true, &["a\n  at x\n  at y"], &[(16, 1)]);
        check("\n\na\n", Ending::Quiet, true, &["a"], &[(2, 0), (4, 1)]);
        check("a\n b\nc", Ending::Growing, false, &["a", " b"], &[(2, 1), (5, 2)]);
    }

    #[test]
    fn a_piece_ends_between_records() {
        let trace = format!("error\n{}", "  at x\n".repeat(600));
        let many = trace.repeat(PIECE_BYTES / trace.len() + 2);
        let found = records(many.as_bytes(), Ending::Quiet, true);
        let (taken, count) = *found.ends.last().unwrap();
        assert_eq!((taken % trace.len(), count), (0, taken / trace.len()));
        assert_eq!((count, PIECE_BYTES <= taken + trace.len()), (found.records.len(), true));
        // One that is longer than any piece is taken as far as a record goes.
        let endless = format!("error\n{}", "  at x\n".repeat(PIECE_BYTES));
        assert!(!records(endless.as_bytes(), Ending::Growing, true).ends.is_empty());
    }

    fn docker(text: &str, stream: &str) -> String {
        format!("{{\"log\":\"{text}\",\"stream\":\"{stream}\",\"time\":\"2026-11-26T01:02:03.5Z\"}}\n")
    }

    #[test]
    fn lines_of_containers_are_unwrapped() {
        let found = records(docker("支付失败\\n", "stderr").as_bytes(), Ending::Quiet, true);
        let expected = Text {
            text: "支付失败".to_owned(),
            stream: "stderr".to_owned(),
            time: LogTime::parse("2026-11-26T01:02:03.5Z", 0),
        };
        assert_eq!(found.records, [expected]);
    }

    #[test]
    fn a_line_that_docker_cut_is_read_from_its_first_piece() {
        let [first, second] = [docker("be", "stdout"), docker("gun\\n", "stdout")];
        let [before, other] = [docker("before\\n", "stdout"), docker("other\\n", "stderr")];
        let whole = format!("{before}{first}{second}");
        let begin = before.len();
        check(&format!("{before}{first}"), Ending::Growing, true, &[], &[]);
        check(&format!("{before}{first}"), Ending::Quiet, true, &["before"], &[(begin, 1)]);
        check(&first, Ending::Quiet, true, &[], &[]);
        let all = first.len();
        check(&first, Ending::Over, true, &["be"], &[(all, 1)]);
        check(&whole, Ending::Growing, true, &["before"], &[(begin, 1)]);
        check(&whole, Ending::Growing, false, &["before", "begun"], &[(begin, 1), (whole.len(), 2)]);
        // The other stream's line lies in between: nowhere there can a piece end.
        let mixed = format!("{before}{first}{other}{second}{before}");
        let end = mixed.len() - before.len();
        check(&mixed, Ending::Growing, true, &["before", "other", "begun"], &[(end, 3)]);
    }
}
