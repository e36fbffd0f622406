//! Files that are followed as they grow: `logs.files`.
//!
//! Contract: every whole line of a file becomes part of a record, in order, once. A renamed file (logrotate) is read to
//! its end while the new one begins, also when it was renamed while we were away, if it stays in its folder; one that was
//! emptied (`copytruncate`) is read anew. How far a file has been read is kept in `log-files.json` in the data folder, and
//! only what is durable counts as read. Pieces are stored whole, and the last record of each has an id that names its
//! place: what was stored before a crash, and not noted any more, is found by it. What the storage cannot take for the
//! moment stays in the file.
//!
//! Decisions are in [`follow`]; this is the loop around it.

mod find;
mod follow;
mod positions;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_logs::SearchLimits;
use lingshao_model::log::{LogQuery, LogSearch};
use lingshao_wire::log_json::RecordContext;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::take::Work;
use super::{AskError, Logs};
use crate::failure::with_causes;
use crate::server::stopped;
use find::Found;
use follow::{Followed, Piece};
use positions::{Position, Positions};

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
            told_of_surplus: false,
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
    /// Files may have been renamed while nobody looked.
    first_look: bool,
    /// It has been told that there are more files than we follow.
    told_of_surplus: bool,
}

impl Follower {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // Also when nothing is followed: a reload may name files that were followed before.
        self.positions.load();
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
        let patterns: Vec<_> = settings.files.iter().map(|file| file.path.clone()).collect();
        let job = {
            let patterns = patterns.clone();
            let moved = if self.first_look { self.positions.all().to_vec() } else { Vec::new() };
            tokio::task::spawn_blocking(move || find::files(&patterns, &moved))
        };
        let Ok(found) = job.await else { return };
        for Found { place, path, device, inode } in found {
            if self.followed.iter().any(|followed| followed.is(&path, device, inode)) {
                continue;
            }
            if FILES_MAX <= self.followed.len() {
                self.tell_of_surplus(&path);
                break;
            }
            let config = &settings.files[place];
            // What is there when we come for the first time is old news; what appears later is not.
            let from_beginning =
                config.from_beginning == Some(true) || self.positions.is_followed(&config.path);
            self.followed.push(Followed::new(path, config.clone(), from_beginning));
        }
        if !patterns.is_empty() {
            self.first_look = false;
        }
        if !settings.files.is_empty() && self.positions.follow(patterns) {
            self.open_all().await;
            self.positions.save().await;
        }
    }

    fn tell_of_surplus(&mut self, path: &Path) {
        if !self.told_of_surplus {
            self.told_of_surplus = true;
            let path = path.display();
            tracing::error!(%path, "more than {FILES_MAX} files match `logs.files`; this one and others are not followed");
        }
    }

    /// Where files are read from is known before it is noted that their patterns have been followed.
    async fn open_all(&mut self) {
        for place in 0..self.followed.len() {
            self.read(place).await;
        }
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
        self.followed.retain(|followed| !followed.is_over());
    }

    /// Whether there is something to note.
    async fn read(&mut self, place: usize) -> bool {
        let mut followed = std::mem::take(&mut self.followed[place]);
        let (was_open, was_renamed) = (followed.position().is_some(), followed.is_renamed());
        let known = if was_open { Vec::new() } else { self.positions.all().to_vec() };
        let job = tokio::task::spawn_blocking(move || {
            let piece = followed.read(&known);
            (followed, piece)
        });
        let Ok((followed, piece)) = job.await else { return false };
        if followed.is_renamed() && !was_renamed {
            self.looked_at = None; // There is a new file at its path, or will be soon.
        }
        let opened = followed.position().filter(|_| !was_open).cloned();
        self.followed[place] = followed;
        let is_new = opened.is_some();
        if let Some(position) = opened {
            self.positions.set(position);
        }
        let Some(piece) = piece else { return is_new };
        let stored = self.store(piece).await;
        self.followed[place].note(stored.as_ref().err());
        match stored {
            Ok(position) => {
                self.followed[place].advance(&position);
                self.positions.set(position);
                true
            }
            Err(_) => {
                self.followed[place].again();
                is_new
            }
        }
    }

    /// Up to where the file is durable now; nothing of the piece is stored after an error.
    async fn store(&self, piece: Piece) -> Result<Position, String> {
        let stored = self.stored_already(&piece).await;
        if let Some(position) = stored.map_err(|error| format!("cannot see what of it is stored: {error}"))? {
            return Ok(position);
        }
        let position = piece.position.clone();
        if !piece.records.is_empty() {
            let taken = self.logs.take_decoded(move |_, work| decode(&piece, work)).await;
            taken.map_err(|error| with_causes(&error))?;
        }
        Ok(position)
    }

    /// How far we had stored the file when we were killed, if that is further than was noted.
    async fn stored_already(&self, piece: &Piece) -> Result<Option<Position>, AskError> {
        if piece.earlier.is_empty() {
            return Ok(None);
        }
        let index = piece.config.index.clone().unwrap_or_else(|| self.logs.settings().index.clone());
        if !self.logs.store().index_names().contains(&index) {
            return Ok(None); // Nothing was stored yet.
        }
        let marks: Vec<String> = piece.earlier.iter().map(Position::mark).collect();
        let search = LogSearch::new(vec![index], LogQuery::Ids(marks), piece.earlier.len());
        let found = self
            .logs
            .ask(move |snapshot, cancel| snapshot.search(&search, &SearchLimits::default(), cancel))
            .await?;
        let is_stored = |place: &&Position| found.hits.iter().any(|hit| hit.record.id == place.mark());
        Ok(piece.earlier.iter().rev().find(is_stored).cloned())
    }
}

/// The last record bears the mark of the piece.
fn decode(piece: &Piece, work: Work<'_>) {
    let Piece { records, config, position, .. } = piece;
    let Work { settings, reader, batch } = work;
    let index = config.index.as_deref().unwrap_or(&settings.index);
    let mark = position.mark();
    let own = config.fields.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    for (place, record) in records.iter().enumerate() {
        let stream = [("stream", record.stream.as_str())].into_iter().filter(|(_, text)| !text.is_empty());
        let fields: Vec<_> = own.clone().chain(stream).collect();
        let id = (place + 1 == records.len()).then_some(mark.as_str());
        let context = RecordContext { id, time: record.time, fields: &fields, ..RecordContext::new(index) };
        reader.line(&record.text, &context, batch);
    }
}
