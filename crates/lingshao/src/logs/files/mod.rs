//! Files that are followed as they grow: `logs.files`.
//!
//! Contract: every whole line of a file becomes part of a record, in order. A renamed file (logrotate) is read to its end
//! while the new one begins; one that became shorter (`copytruncate`) is read anew. How far a file has been read is kept
//! in `log-files.json` in the data folder, and only what is durable counts as read: after a crash some lines may come
//! twice, none is missed. What the storage cannot take for the moment stays in the file.
//!
//! Decisions are in [`follow`]; this is the loop around it.

mod follow;
mod positions;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_wire::log_json::RecordContext;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Logs;
use super::take::Work;
use crate::config::glob;
use crate::server::stopped;
use follow::{Followed, Piece};
use positions::Positions;

/// Between two looks at the files: what a shop logs is found within a second.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two looks for new files.
const PATTERNS_PAUSE: Duration = Duration::from_secs(5);
/// Most files at once: each keeps a file descriptor and up to a megabyte.
const FILES_MAX: usize = 200;

/// The task that follows files.
#[derive(Debug)]
pub(crate) struct Files {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Files {
    /// Begins; what is followed is asked of the settings again and again.
    pub(crate) fn start(logs: Arc<Logs>, data: &Path) -> Files {
        let (stop, stopped) = watch::channel(false);
        let follower = Follower {
            logs,
            positions: Positions::new(data.join("log-files.json")),
            followed: Vec::new(),
            looked_at: None,
            first_look: true,
        };
        Files { stop, task: tokio::spawn(follower.run(stopped)) }
    }

    /// Notes how far the files have been read.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("following files panicked");
        }
    }
}

struct Follower {
    logs: Arc<Logs>,
    positions: Positions,
    followed: Vec<Followed>,
    looked_at: Option<Instant>,
    /// Files that are there when we come for the first time are old news; those that appear later are not.
    first_look: bool,
}

impl Follower {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        if !self.logs.settings().files.is_empty() {
            self.positions.load();
        }
        loop {
            if self.looked_at.is_none_or(|at| PATTERNS_PAUSE <= at.elapsed()) {
                self.look_for_files().await;
            }
            self.read_all().await;
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Opens what has appeared, lets go what the settings no longer name.
    async fn look_for_files(&mut self) {
        self.looked_at = Some(Instant::now());
        let settings = self.logs.settings();
        self.followed.retain(|followed| settings.files.contains(&followed.config));
        if settings.files.is_empty() {
            return;
        }
        let patterns: Vec<_> = settings.files.iter().map(|file| file.path.clone()).collect();
        let Ok(found) = tokio::task::spawn_blocking(move || paths(&patterns)).await else { return };
        for Found { place, path, device, inode } in found {
            let config = &settings.files[place];
            // One that was renamed is read to its end under its old name.
            let is_same = |followed: &Followed| followed.path == path || followed.is_reading(device, inode);
            let is_known = self.followed.iter().any(is_same);
            if !is_known && self.followed.len() < FILES_MAX {
                let from_beginning = config.from_beginning.unwrap_or(!self.first_look);
                self.followed.push(Followed::new(path, config.clone(), from_beginning));
            }
        }
        self.first_look = false;
    }

    /// One piece of every file that has grown.
    async fn read_all(&mut self) {
        let mut changed = false;
        for place in 0..self.followed.len() {
            changed |= self.read(place).await;
        }
        if changed {
            self.positions.save().await;
        }
        self.followed.retain(|followed| !followed.is_gone());
    }

    /// Whether something was read.
    async fn read(&mut self, place: usize) -> bool {
        let mut followed = std::mem::take(&mut self.followed[place]);
        let known = if followed.is_open() { Vec::new() } else { self.positions.all().to_vec() };
        let job = tokio::task::spawn_blocking(move || {
            let piece = followed.read(&known);
            (followed, piece)
        });
        let Ok((followed, piece)) = job.await else { return false };
        let path = followed.path.clone();
        self.followed[place] = followed;
        let Some(piece) = piece else { return false };
        let position = piece.position.clone();
        if piece.records.is_empty() || self.store(&path, piece).await {
            self.followed[place].advance(&position);
            self.positions.set(position);
            return true;
        }
        self.followed[place].again();
        false
    }

    /// Whether the records of a piece are durable.
    async fn store(&self, path: &Path, piece: Piece) -> bool {
        let Piece { records, config, .. } = piece;
        let decode = move |_: &[u8], work: Work<'_>| {
            let index = config.index.as_deref().unwrap_or(&work.settings.index);
            let own = config.fields.iter().map(|(name, text)| (name.as_str(), text.as_str()));
            for record in &records {
                let stream =
                    [("stream", record.stream.as_str())].into_iter().filter(|(_, text)| !text.is_empty());
                let fields: Vec<_> = own.clone().chain(stream).collect();
                let context =
                    RecordContext { time: record.time, fields: &fields, ..RecordContext::new(index) };
                work.reader.line(&record.text, &context, work.batch);
            }
        };
        match self.logs.take_decoded(decode).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "lines of a file could not be stored; they are read again");
                false
            }
        }
    }
}

/// A file that matches the pattern of this place.
struct Found {
    place: usize,
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Files that match; compressed ones are old logs that have been read.
fn paths(patterns: &[PathBuf]) -> Vec<Found> {
    const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "zip", "lz4"];
    let mut found = Vec::new();
    for (place, pattern) in patterns.iter().enumerate() {
        let paths = glob::paths(pattern).unwrap_or_else(|error| {
            tracing::warn!(pattern = %pattern.display(), %error, "cannot look for files");
            Vec::new()
        });
        for path in paths {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_compressed = extension.is_some_and(|extension| COMPRESSED.contains(&extension));
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_file() && !is_compressed {
                found.push(Found { place, device: metadata.dev(), inode: metadata.ino(), path });
            }
        }
    }
    found
}
