//! How far files have been read, kept across restarts.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

use crate::outage::{News, Outage};

/// Most places that are kept; the oldest go. Some years of daily rotation of a few files.
const POSITIONS_MAX: usize = 2_000;
/// How a file begins is told by so many bytes: log files begin with an instant, so two of them hardly begin alike.
const HEAD_BYTES_MAX: u64 = 1024;

/// A place in a file, and which file it is: by device, inode and beginning, so that one that was renamed is the same, and
/// one that took the number of a deleted file is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Where it was found first.
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// How often the file began anew.
    pub(super) emptied: u64,
    /// Everything before this byte has been stored.
    pub(super) offset: u64,
    pub(super) head: Head,
}

/// How a file begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    bytes: u64,
    hash: u64,
}

impl Head {
    /// Of what has been read of a file.
    pub(super) fn read(file: &File, offset: u64) -> io::Result<Head> {
        let bytes = offset.min(HEAD_BYTES_MAX);
        let mut buffer = vec![0; bytes as usize];
        file.read_exact_at(&mut buffer, 0)?;
        Ok(Head { bytes, hash: rapidhash_v3(&buffer) })
    }

    /// Whether a file begins so.
    fn is_of(self, file: &File) -> io::Result<bool> {
        if self.bytes == 0 {
            return Ok(true);
        }
        match Head::read(file, self.bytes) {
            Ok(head) => Ok(head == self),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Position {
    /// Whether both are places in files of one number.
    pub(super) fn is_of(&self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }

    /// Whether the file still holds what has been read of it.
    pub(super) fn is_in(&self, file: &File, length: u64) -> io::Result<bool> {
        Ok(self.offset <= length && self.head.is_of(file)?)
    }

    /// The beginning of what the file holds now.
    pub(super) fn emptied(&self) -> Position {
        Position { offset: 0, emptied: self.emptied + 1, head: Head::default(), ..self.clone() }
    }

    /// The same file, read up to another byte.
    pub(super) fn moved(&self, file: &File, offset: u64) -> io::Result<Position> {
        let is_told = self.head.bytes == HEAD_BYTES_MAX;
        let head = if is_told { self.head } else { Head::read(file, offset)? };
        Ok(Position { offset, head, ..self.clone() })
    }

    /// The id of the record that ends here. Records are stored together, so whoever finds the last one need not store the
    /// others again.
    pub(super) fn mark(&self) -> String {
        let Position { device, inode, emptied, offset, head, .. } = self;
        let file = [*device, *inode, *emptied, head.hash].map(u64::to_le_bytes).concat();
        format!("{:016x}-{offset}", rapidhash_v3(&file))
    }
}

/// What is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    /// Patterns that have been followed: what appears under them is new.
    patterns: Vec<PathBuf>,
    /// The one that changed last at the end.
    files: Vec<Position>,
}

/// All places.
#[derive(Debug)]
pub(super) struct Positions {
    file: PathBuf,
    known: Known,
    /// Of writing the file.
    outage: Outage,
}

impl Positions {
    pub(super) fn new(file: PathBuf) -> Positions {
        Positions { file, known: Known::default(), outage: Outage::default() }
    }

    /// Reads the file; one that cannot be read is told, and files are read from where new ones would be.
    pub(super) fn load(&mut self) {
        match fs::read(&self.file) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(known) => self.known = known,
                Err(error) => {
                    tracing::error!(path = %self.file.display(), %error, "the places in followed files are lost");
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %self.file.display(), %error, "the places in followed files cannot be read");
            }
        }
    }

    pub(super) fn all(&self) -> &[Position] {
        &self.known.files
    }

    /// Whether files of this pattern have been followed before.
    pub(super) fn is_followed(&self, pattern: &Path) -> bool {
        self.known.patterns.iter().any(|known| known == pattern)
    }

    /// Only these are followed from now on; answers whether that is news.
    pub(super) fn follow(&mut self, patterns: Vec<PathBuf>) -> bool {
        let is_new = self.known.patterns != patterns;
        self.known.patterns = patterns;
        is_new
    }

    pub(super) fn set(&mut self, position: Position) {
        let files = &mut self.known.files;
        files.retain(|known| !known.is_of(position.device, position.inode));
        files.push(position);
        let surplus = files.len().saturating_sub(POSITIONS_MAX);
        files.drain(..surplus);
    }

    /// Writes the file anew, whole or not at all.
    pub(super) async fn save(&mut self) {
        let (file, text) = (self.file.clone(), serde_json::to_vec_pretty(&self.known));
        let saved = tokio::task::spawn_blocking(move || write(&file, &text?)).await;
        let Ok(saved) = saved else {
            tracing::error!("saving the places in followed files panicked");
            return;
        };
        let (path, error) = (self.file.display(), saved.err().map(|error| error.to_string()));
        match self.outage.note(error.as_deref()) {
            Some(News::Failed(error)) => {
                tracing::warn!(%path, %error, "the places in followed files are not kept");
            }
            Some(News::Over { failures }) => {
                tracing::info!(%path, failures, "the places in followed files are kept again");
            }
            None => {}
        }
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("json.tmp");
    let mut file = File::create(&unfinished)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&unfinished, path)
}
