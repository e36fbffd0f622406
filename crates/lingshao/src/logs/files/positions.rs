//! How far files have been read, kept across restarts.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Most places that are kept; the oldest go. Some years of daily rotation of a few files.
const POSITIONS_MAX: usize = 2_000;

/// A place in a file, and which file it is: by device and inode, so that one that was renamed is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Everything before this byte has been stored.
    pub(super) offset: u64,
}

impl Position {
    /// Whether both are places in one file.
    pub(super) fn is_of(&self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }
}

/// All of them, the one that changed last at the end.
#[derive(Debug)]
pub(super) struct Positions {
    file: PathBuf,
    known: Vec<Position>,
}

impl Positions {
    pub(super) fn new(file: PathBuf) -> Positions {
        Positions { file, known: Vec::new() }
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %self.file.display(), %error, "the places in followed files cannot be read");
            }
        }
    }

    pub(super) fn all(&self) -> &[Position] {
        &self.known
    }

    pub(super) fn set(&mut self, position: Position) {
        self.known.retain(|known| !known.is_of(position.device, position.inode));
        self.known.push(position);
        let surplus = self.known.len().saturating_sub(POSITIONS_MAX);
        self.known.drain(..surplus);
    }

    /// Writes the file anew, whole or not at all.
    pub(super) async fn save(&self) {
        let (file, text) = (self.file.clone(), serde_json::to_vec_pretty(&self.known));
        let saved = tokio::task::spawn_blocking(move || write(&file, &text?)).await;
        match saved {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(path = %self.file.display(), %error, "the places in followed files are not kept");
            }
            Err(_) => tracing::error!("saving the places in followed files panicked"),
        }
    }
}

fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("json.tmp");
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(text)?;
    file.sync_data()?;
    fs::rename(&unfinished, path)
}
