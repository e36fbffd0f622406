//! How the rest of the process speaks to the owner of boards.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::files::{FileBoard, Files, Settings};
use super::save::{Saved, Upload};
use super::words::{Problem, Refusal};
use crate::state::{SavedBoard, SavedVersion};

/// Requests that may wait; a shop has tens of people, and a page asks a few things at once.
const WAITING_MAX: usize = 64;
/// For a request to be answered, the wait for its turn included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Speaks to the owner. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct BoardsHandle {
    requests: mpsc::Sender<Request>,
    files: watch::Receiver<Arc<Files>>,
    commands: mpsc::Sender<Command>,
}

/// Where an answer is waited for.
pub(super) type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the owner of the connection is asked.
pub(super) enum Request {
    List(Answer<Vec<SavedBoard>>),
    Get { uid: String, answer: Answer<Option<(SavedBoard, String)>> },
    Versions { uid: String, answer: Answer<Vec<SavedVersion>> },
    Version { uid: String, version: i64, answer: Answer<(SavedVersion, String)> },
    Save { upload: Box<Upload>, answer: Answer<Saved> },
    Restore { uid: String, version: i64, by: String, answer: Answer<Saved> },
    Delete { uid: String, answer: Answer<String> },
    Stop,
}

/// What the one who looks at the files is told.
pub(super) enum Command {
    Replace { settings: Settings, done: oneshot::Sender<()> },
    Stop,
}

/// The other ends.
pub(super) struct Ends {
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) commands: mpsc::Receiver<Command>,
}

/// All boards, saved ones first.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) saved: Vec<SavedBoard>,
    pub(crate) files: Vec<Arc<FileBoard>>,
    pub(crate) problems: Vec<Problem>,
}

/// One board.
#[derive(Debug)]
pub(crate) enum Found {
    Saved(SavedBoard, String),
    File(Arc<FileBoard>),
}

pub(super) fn ends(files: watch::Receiver<Arc<Files>>) -> (BoardsHandle, Ends) {
    let (requests, requests_end) = mpsc::channel(WAITING_MAX);
    let (commands, commands_end) = mpsc::channel(1); // The reloader, and the end.
    (BoardsHandle { requests, files, commands }, Ends { requests: requests_end, commands: commands_end })
}

impl BoardsHandle {
    /// All that can be shown, and what cannot.
    pub(crate) async fn list(&self) -> Result<Listed, Refusal> {
        let saved = self.ask(Request::List).await?;
        let files = self.files.borrow().clone();
        let is_hidden = |board: &FileBoard| saved.iter().any(|own| own.uid == board.uid);
        let (hidden, shown): (Vec<_>, Vec<_>) =
            files.boards.values().cloned().partition(|board| is_hidden(board));
        let mut problems = files.problems.clone();
        problems.extend(hidden.iter().map(|board| board.hidden_by_saved()));
        Ok(Listed { saved, files: shown, problems })
    }

    /// One board.
    pub(crate) async fn get(&self, uid: &str) -> Result<Found, Refusal> {
        let uid = uid.to_owned();
        let saved = self.ask(|answer| Request::Get { uid: uid.clone(), answer }).await?;
        if let Some((board, document)) = saved {
            return Ok(Found::Saved(board, document));
        }
        self.files.borrow().boards.get(&uid).cloned().map(Found::File).ok_or(Refusal::NotFound)
    }

    /// The kept versions of a board, newest first; a board in a file has none.
    pub(crate) async fn versions(&self, uid: &str) -> Result<Vec<SavedVersion>, Refusal> {
        let uid = uid.to_owned();
        let versions = self.ask(|answer| Request::Versions { uid: uid.clone(), answer }).await?;
        let is_there = !versions.is_empty() || self.files.borrow().boards.contains_key(&uid);
        if is_there { Ok(versions) } else { Err(Refusal::NotFound) }
    }

    /// One version with its text.
    pub(crate) async fn version(&self, uid: &str, version: i64) -> Result<(SavedVersion, String), Refusal> {
        let uid = uid.to_owned();
        self.ask(|answer| Request::Version { uid, version, answer }).await
    }

    /// Saves a board; when it returns, that would survive a power cut.
    pub(crate) async fn save(&self, upload: Upload) -> Result<Saved, Refusal> {
        self.ask(|answer| Request::Save { upload: Box::new(upload), answer }).await
    }

    /// Saves an older version as the newest.
    pub(crate) async fn restore(&self, uid: &str, version: i64, by: String) -> Result<Saved, Refusal> {
        let uid = uid.to_owned();
        self.ask(|answer| Request::Restore { uid, version, by, answer }).await
    }

    /// Deletes a board with its versions; answers its title.
    pub(crate) async fn delete(&self, uid: &str) -> Result<String, Refusal> {
        let uid = uid.to_owned();
        self.ask(|answer| Request::Delete { uid, answer }).await
    }

    /// Looks for files at other places from now on, and at all of them once more.
    pub(crate) async fn replace(&self, settings: Settings) {
        let (done, waiting) = oneshot::channel();
        // An error means that the process is ending.
        if self.commands.send(Command::Replace { settings, done }).await.is_ok() {
            drop(waiting.await);
        }
    }

    pub(super) async fn stop(&self) {
        // An error means that it has ended already.
        drop(self.commands.send(Command::Stop).await);
        drop(self.requests.send(Request::Stop).await);
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, Refusal> {
        let (answer, waiting) = oneshot::channel();
        let asking = async {
            self.requests.send(request(answer)).await.map_err(|_| Refusal::Stopping)?;
            waiting.await.map_err(|_| Refusal::Stopping)?
        };
        timeout(PATIENCE, asking).await.unwrap_or(Err(Refusal::NoAnswer))
    }
}
