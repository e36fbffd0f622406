//! Boards that lie in files: found by patterns, read when they have changed, each bad one a problem with words.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lingshao_model::Timestamp;
use lingshao_wire::board::{BYTES_MAX, Board};
use ring::digest;

use super::words::{FileFault, Problem};
use crate::config::glob;
use crate::security::hex;

/// Time between two looks at the files: who edits one waits for it, and looking is a `stat` a file.
pub(crate) const POLL: Duration = Duration::from_secs(10);
/// Files that are read; as many as boards that may be saved.
const FILES_MAX: usize = 1_000;
/// Bytes of all of them, which stay in memory.
const BYTES_TOGETHER_MAX: usize = 64 << 20;
/// Folders below a configured one that are looked into: folder, sub-folder.
const DEPTH_MAX: usize = 2;

/// Where boards lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Names are shown as seen from here.
    pub(crate) base: PathBuf,
    /// Folders, files, or files with `*`, `?` and `[…]` in their names.
    pub(crate) patterns: Vec<PathBuf>,
}

/// A board in a file.
#[derive(Clone, Debug)]
pub(crate) struct FileBoard {
    pub(crate) uid: String,
    pub(crate) board: Board,
    /// As seen from the config's folder.
    pub(crate) file: String,
    /// The sub-folder in which it lies, if it lies in one.
    pub(crate) folder: Option<String>,
    pub(crate) modified_at: Timestamp,
    bytes: usize,
}

/// All files as they were when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// By `uid`.
    pub(crate) boards: BTreeMap<String, Arc<FileBoard>>,
    pub(crate) problems: Vec<Problem>,
    read: HashMap<PathBuf, (Stamp, Outcome)>,
}

/// What of a file tells that it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified_nanos: i128,
    inode: u64,
}

type Outcome = Result<Arc<FileBoard>, Problem>;

impl Files {
    /// Looks at all files, and reads those that have changed since `previous`. Blocks.
    pub(crate) fn look(settings: &Settings, previous: &Files) -> Files {
        let mut files = Files::default();
        let mut places = Vec::new();
        for pattern in &settings.patterns {
            if let Err(error) = find(pattern, &mut places) {
                files.problems.push(unreadable(&error).of(&settings.shown(pattern)));
            }
        }
        places.sort();
        places.dedup_by(|a, b| a.path == b.path);
        if places.len() > FILES_MAX {
            let file = settings.shown(&places[FILES_MAX].path);
            files.problems.push(FileFault::TooMany { files_max: FILES_MAX }.of(&file));
            places.truncate(FILES_MAX);
        }
        for place in places {
            let file = settings.shown(&place.path);
            let (stamp, outcome) = match stamp(&place.path) {
                Ok(stamp) => match previous.read.get(&place.path) {
                    Some((before, outcome)) if *before == stamp => (stamp, outcome.clone()),
                    _ => (stamp, read(&place, &file, stamp)),
                },
                Err(error) => (Stamp::NONE, Err(unreadable(&error).of(&file))),
            };
            files.add(outcome.clone(), &file);
            files.read.insert(place.path, (stamp, outcome));
        }
        files
    }

    /// Whether nothing has happened between two looks.
    pub(crate) fn is_as(&self, other: &Files) -> bool {
        let stamps = |files: &Files| -> BTreeMap<PathBuf, (u64, i128, u64)> {
            let stamp = |stamp: &Stamp| (stamp.bytes, stamp.modified_nanos, stamp.inode);
            files.read.iter().map(|(path, (own, _))| (path.clone(), stamp(own))).collect()
        };
        self.problems == other.problems && stamps(self) == stamps(other)
    }

    fn add(&mut self, outcome: Outcome, file: &str) {
        let board = match outcome {
            Ok(board) => board,
            Err(problem) => return self.problems.push(problem),
        };
        let together: usize = self.boards.values().map(|board| board.bytes).sum();
        if BYTES_TOGETHER_MAX < together + board.bytes {
            return self.problems.push(FileFault::NoRoom { bytes_max: BYTES_TOGETHER_MAX }.of(file));
        }
        if let Some(other) = self.boards.get(&board.uid) {
            let fault = FileFault::UidOfFile { uid: board.uid.clone(), other: other.file.clone() };
            return self.problems.push(fault.of(file));
        }
        self.boards.insert(board.uid.clone(), board);
    }
}

impl FileBoard {
    /// The problem that it has when a saved board has its `uid`.
    pub(crate) fn hidden_by_saved(&self) -> Problem {
        FileFault::UidOfSaved { uid: self.uid.clone() }.of(&self.file)
    }
}

impl Settings {
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).to_string_lossy().into_owned()
    }
}

impl Stamp {
    const NONE: Stamp = Stamp { bytes: 0, modified_nanos: 0, inode: 0 };
}

/// A file, and the sub-folder in which it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    path: PathBuf,
    folder: Option<String>,
}

fn find(pattern: &Path, places: &mut Vec<Place>) -> io::Result<()> {
    if pattern.is_dir() {
        return find_in(pattern, None, 1, places);
    }
    for path in glob::paths(pattern)? {
        if path.is_dir() {
            find_in(&path, None, 1, places)?;
        } else {
            places.push(Place { path, folder: None });
        }
    }
    Ok(())
}

/// All `*.json` of a folder and of those in it.
fn find_in(folder: &Path, name: Option<&str>, depth: usize, places: &mut Vec<Place>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(own) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if own.starts_with('.') || FILES_MAX < places.len() {
            continue;
        }
        if path.is_dir() && depth < DEPTH_MAX {
            find_in(&path, Some(own), depth + 1, places)?;
        } else if own.ends_with(".json") && !path.is_dir() {
            places.push(Place { folder: name.map(str::to_owned), path });
        }
    }
    Ok(())
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let about = fs::metadata(path)?;
    let modified_nanos = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    Ok(Stamp { bytes: about.len(), modified_nanos, inode: about.ino() })
}

fn read(place: &Place, file: &str, stamp: Stamp) -> Outcome {
    let text = read_text(&place.path).map_err(|error| unreadable(&error).of(file))?;
    let board = Board::read(&text).map_err(|error| FileFault::Document(error).of(file))?;
    Ok(Arc::new(FileBoard {
        uid: board.uid.clone().unwrap_or_else(|| uid_of(file)),
        board,
        file: file.to_owned(),
        folder: place.folder.clone(),
        modified_at: Timestamp(i64::try_from(stamp.modified_nanos / 1_000_000).unwrap_or(0)),
        bytes: text.len(),
    }))
}

fn unreadable(error: &io::Error) -> FileFault {
    FileFault::Unreadable(error.to_string())
}

fn read_text(path: &Path) -> io::Result<String> {
    // Wrapped in something, it may be a little longer than a board.
    let limit = BYTES_MAX as u64 + (64 << 10);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

/// A `uid` for a board that has none: the same as long as its file has its name.
fn uid_of(file: &str) -> String {
    let hash = digest::digest(&digest::SHA256, file.as_bytes());
    let hex = hex(&hash.as_ref()[..6]);
    format!("file-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(folder: &Path, previous: &Files) -> Files {
        let patterns = ["boards", "one.json", "more/*.json", "none"].map(|name| folder.join(name)).to_vec();
        Files::look(&Settings { base: folder.to_owned(), patterns }, previous)
    }

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_are_found_read_and_each_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path();
        write(own, "boards/a.json", r#"{"dashboard":{"title":"A"}}"#);
        write(own, "boards/team/b.json", r#"{"title":"B","uid":"b"}"#);
        write(own, "boards/team/deep/c.json", r#"{"title":"too deep"}"#);
        write(own, "boards/readme.md", "no board");
        write(own, "boards/.hidden.json", "no board");
        write(own, "boards/broken.json", "{\"title\": ");
        write(own, "boards/x.json", r#"{"apiVersion": 1}"#);
        write(own, "one.json", r#"{"title":"One","uid":"b"}"#);
        write(own, "more/d.json", r#"{"title":"D","uid":"d"}"#);
        let files = look(own, &Files::default());
        let found: Vec<_> = files
            .boards
            .values()
            .map(|board| (&*board.board.title, &*board.file, board.folder.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                ("B", "boards/team/b.json", Some("team")),
                ("D", "more/d.json", None),
                ("A", "boards/a.json", None)
            ]
        );
        assert!(files.boards.keys().next_back().unwrap().starts_with("file-"));
        let problems: Vec<_> = files.problems.iter().map(|one| (&*one.file, &*one.message.en)).collect();
        assert_eq!(
            problems,
            [
                ("boards/broken.json", "it is no JSON: EOF while parsing a value at line 1 column 10"),
                (
                    "boards/x.json",
                    "it is JSON, but no board: an object with `title` and `panels` is expected, bare or under `dashboard` or `spec`"
                ),
                (
                    "none",
                    "it cannot be read: No such file or directory (os error 2); check the path and its rights"
                ),
                ("one.json", "its uid `b` is that of `boards/team/b.json`; change one of them"),
            ]
        );
    }

    #[test]
    fn a_file_that_has_changed_is_read_again_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path();
        write(own, "boards/a.json", r#"{"title":"A","uid":"a"}"#);
        write(own, "boards/b.json", r#"{"title":"B","uid":"b"}"#);
        let first = look(own, &Files::default());
        assert!(look(own, &first).is_as(&first));
        write(own, "boards/b.json", r#"{"title":"B 2","uid":"b"}"#);
        let second = look(own, &first);
        assert!(!second.is_as(&first));
        assert!(Arc::ptr_eq(&first.boards["a"], &second.boards["a"]));
        assert_eq!(second.boards["b"].board.title, "B 2");
        fs::remove_file(own.join("boards/a.json")).unwrap();
        assert_eq!(look(own, &second).boards.len(), 1);
    }
}
