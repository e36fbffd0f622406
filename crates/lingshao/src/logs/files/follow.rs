//! One file that grows: which bytes are new, which lines belong together, and what became of it.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lingshao_model::log::LogTime;
use lingshao_wire::log_lines::{ContainerLine, ContainerLines, Joiner, LINE_BYTES_MAX};

use super::positions::Position;
use crate::config::LogFile;

/// Read at a time, of each file.
const PIECE_BYTES: usize = 256 << 10;
/// A record of several lines is over when nothing has followed for so long.
const JOINING: Duration = Duration::from_secs(1);
/// A file that was renamed is read for so long after the new one is there: its writer may not have noticed yet.
const RENAMED_PATIENCE: Duration = Duration::from_secs(5);

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
}

/// A file that is being followed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) path: PathBuf,
    pub(super) config: LogFile,
    from_beginning: bool,
    open: Option<Open>,
    /// Since when it is not at its path any more.
    gone_since: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    file: File,
    position: Position,
    grew_at: Instant,
    renamed_at: Option<Instant>,
}

impl Followed {
    pub(super) fn new(path: PathBuf, config: LogFile, from_beginning: bool) -> Followed {
        Followed { path, config, from_beginning, open: None, gone_since: None }
    }

    /// Whether it is being read.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether this is the file that is being read.
    pub(super) fn is_reading(&self, device: u64, inode: u64) -> bool {
        self.open.as_ref().is_some_and(|open| open.position.is_of(device, inode))
    }

    /// Whether it has been away for so long that nobody will write into it.
    pub(super) fn is_gone(&self) -> bool {
        self.open.is_none() && self.gone_since.is_some_and(|since| RENAMED_PATIENCE <= since.elapsed())
    }

    /// What a piece was, has been stored.
    pub(super) fn advance(&mut self, position: &Position) {
        if let Some(open) = &mut self.open {
            open.position = position.clone();
        }
    }

    /// It has not: it is read again, from a file that may have changed.
    pub(super) fn again(&mut self) {
        if let Some(open) = &mut self.open {
            open.grew_at = Instant::now();
        }
    }

    /// The next records, if there are any. Reads the file: call it on a thread that may block.
    pub(super) fn read(&mut self, known: &[Position]) -> Option<Piece> {
        match self.try_read(known) {
            Ok(piece) => piece,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot read a followed file");
                self.open = None;
                None
            }
        }
    }

    fn try_read(&mut self, known: &[Position]) -> io::Result<Option<Piece>> {
        let at_path = metadata(&self.path)?;
        if self.open.is_none() {
            let Some(metadata) = &at_path else {
                self.gone_since.get_or_insert_with(Instant::now);
                return Ok(None);
            };
            self.gone_since = None;
            self.open = Some(open(&self.path, metadata, known, self.from_beginning)?);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        if open.file.metadata()?.len() < open.position.offset {
            tracing::info!(path = %self.path.display(), "a followed file became shorter; it is read from its beginning");
            open.position.offset = 0;
        }
        let is_here = at_path.is_some_and(|metadata| is_same(&metadata, &open.position));
        if !is_here {
            open.renamed_at.get_or_insert_with(Instant::now);
        }
        let bytes = open.next_bytes()?;
        let is_over = bytes.is_empty() && open.renamed_at.is_some_and(|at| RENAMED_PATIENCE <= at.elapsed());
        let piece = open.piece(&bytes, is_over, &self.config);
        if is_over && piece.is_none() {
            // What is at the path now is another file, all of it new.
            self.open = None;
            self.from_beginning = true;
        }
        Ok(piece)
    }
}

impl Open {
    fn next_bytes(&mut self) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(self.position.offset))?;
        // A line of the largest size has to fit as a whole.
        let mut bytes = Vec::new();
        self.file.by_ref().take((PIECE_BYTES + LINE_BYTES_MAX) as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Records of the whole lines among the bytes; the last one waits until it is known to be whole.
    fn piece(&mut self, bytes: &[u8], is_over: bool, config: &LogFile) -> Option<Piece> {
        if bytes.is_empty() {
            return None;
        }
        let is_quiet = is_over || JOINING <= self.grew_at.elapsed();
        let (records, taken) = records(bytes, is_quiet, config.multiline);
        if taken == 0 {
            return None;
        }
        self.grew_at = Instant::now();
        let position = Position { offset: self.position.offset + taken as u64, ..self.position.clone() };
        Some(Piece { records, config: config.clone(), position })
    }
}

/// Records of whole lines, and how many bytes they are. When nothing has followed for a while, the last record is whole.
fn records(bytes: &[u8], is_quiet: bool, multiline: bool) -> (Vec<Text>, usize) {
    let mut gathering = Gathering::new(multiline);
    let (mut at, mut taken) = (0, 0);
    while let Some(line) = whole_line(&bytes[at..]) {
        let text = String::from_utf8_lossy(&bytes[at..at + line]);
        if gathering.push(text.trim_end_matches(['\n', '\r'])) {
            taken = at;
        }
        at += line;
        if PIECE_BYTES <= at {
            break;
        }
    }
    if is_quiet || !multiline || PIECE_BYTES <= at {
        gathering.finish();
        taken = at;
    }
    (gathering.records, taken)
}

/// The bytes of the first line with its end; a line of the largest size ends by itself.
fn whole_line(bytes: &[u8]) -> Option<usize> {
    match memchr::memchr(b'\n', &bytes[..bytes.len().min(LINE_BYTES_MAX)]) {
        Some(end) => Some(end + 1),
        None => (LINE_BYTES_MAX <= bytes.len()).then_some(LINE_BYTES_MAX),
    }
}

/// Puts together what containers and stack traces have cut up.
struct Gathering {
    containers: ContainerLines,
    joiner: Joiner,
    multiline: bool,
    /// Of the lines in the joiner.
    first: Option<(String, Option<LogTime>)>,
    records: Vec<Text>,
}

impl Gathering {
    fn new(multiline: bool) -> Gathering {
        let (containers, joiner) = (ContainerLines::default(), Joiner::default());
        Gathering { containers, joiner, multiline, first: None, records: Vec::new() }
    }

    /// Whether everything before this line is in the records now.
    fn push(&mut self, line: &str) -> bool {
        let Some(ContainerLine { text, stream, time }) = self.containers.push(line) else { return false };
        if !self.multiline {
            self.records.push(Text { text, stream, time });
            return true;
        }
        let ended = self.joiner.push(&text);
        let begins = self.first.is_none() || ended.is_some();
        if let Some(text) = ended {
            self.close(text);
        }
        if begins {
            self.first = Some((stream, time));
        }
        begins
    }

    fn finish(&mut self) {
        if let Some(ContainerLine { text, .. }) = self.containers.finish()
            && let Some(text) = self.joiner.push(&text)
        {
            self.close(text);
        }
        if let Some(text) = self.joiner.finish() {
            self.close(text);
        }
    }

    fn close(&mut self, text: String) {
        let (stream, time) = self.first.take().unwrap_or_default();
        if !text.trim().is_empty() {
            self.records.push(Text { text, stream, time });
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
fn open(path: &Path, metadata: &Metadata, known: &[Position], from_beginning: bool) -> io::Result<Open> {
    let known = known.iter().find(|known| is_same(metadata, known));
    let offset = match known {
        Some(known) => known.offset,
        None if from_beginning => 0,
        None => metadata.len(),
    };
    let position = Position { device: metadata.dev(), inode: metadata.ino(), offset };
    Ok(Open { file: File::open(path)?, position, grew_at: Instant::now(), renamed_at: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, is_quiet: bool, expected: &[&str], taken: usize) {
        let (records, bytes_taken) = records(bytes.as_bytes(), is_quiet, true);
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!((texts, bytes_taken), (expected.to_vec(), taken), "{bytes:?}");
    }

    #[test]
    fn the_last_record_waits_until_it_is_whole() {
        check("a\nb\n", false, &["a"], 2);
        check("a\nb\n", true, &["a", "b"], 4);
        check("a\nb", true, &["a"], 2);
        check("a", true, &[], 0);
        check("a\n  at x\n  at y\nb\n", false, &["a\n  at x\n  at y"], 16);
        check("\n\na\n", true, &["a"], 4);
    }

    #[test]
    fn lines_of_containers_are_unwrapped() {
        let line = "{\"log\":\"支付失败\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-26T01:02:03.5Z\"}\n";
        let (records, _) = records(line.as_bytes(), true, true);
        let expected = Text {
            text: "支付失败".to_owned(),
            stream: "stderr".to_owned(),
            time: LogTime::parse("2026-11-26T01:02:03.5Z", 0),
        };
        assert_eq!(records, [expected]);
    }
}
