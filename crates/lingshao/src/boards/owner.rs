//! The two tasks: one has the connection to `state.db`, one looks at the files.

use std::sync::Arc;

use lingshao_wire::board::Board;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::files::{Files, POLL, Settings};
use super::handle::{BoardsHandle, Command, Ends, Request, ends};
use super::save::{BYTES_MAX, Saved, Upload, decide};
use super::words::Refusal;
use crate::clock::now;
use crate::state::{BoardStore, Location, NewVersion, SavedBoard, SavedVersion, StateError};

/// Digits and letters of a new `uid`; 32 of them, so that a random byte takes each as often.
const UID_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const UID_LENGTH: usize = 14;

/// The tasks at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: BoardsHandle,
    owner: JoinHandle<()>,
    watcher: JoinHandle<()>,
}

impl Running {
    /// Opens the connection and reads the files. `state.db` has been opened before.
    pub(crate) async fn start(location: &Location, settings: Settings) -> Result<Running, StateError> {
        let store = BoardStore::open(location).await?;
        let files = look(settings.clone(), Arc::default()).await;
        tell(&files);
        let (files_sender, files) = watch::channel(files);
        let (handle, Ends { requests, commands }) = ends(files.clone());
        let owner = tokio::spawn(Owner { store, files }.run(requests));
        let watcher = tokio::spawn(watch_files(settings, files_sender, commands));
        Ok(Running { handle, owner, watcher })
    }

    /// Ends both after what was asked before.
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
        // A task that panicked has ended too.
        drop(self.watcher.await);
        drop(self.owner.await);
    }
}

/// Looks at the files again and again.
async fn watch_files(
    mut settings: Settings,
    files: watch::Sender<Arc<Files>>,
    mut commands: mpsc::Receiver<Command>,
) {
    loop {
        let command = timeout(POLL, commands.recv()).await;
        let done = match command {
            Ok(None | Some(Command::Stop)) => return,
            Ok(Some(Command::Replace { settings: new, done })) => {
                settings = new;
                Some(done)
            }
            Err(_) => None,
        };
        let before = files.borrow().clone();
        let after = look(settings.clone(), before.clone()).await;
        if !after.is_as(&before) {
            tell(&after);
            files.send_replace(after);
        }
        if let Some(done) = done {
            // Whoever reloads may have gone.
            done.send(()).ok();
        }
    }
}

async fn look(settings: Settings, before: Arc<Files>) -> Arc<Files> {
    let previous = before.clone();
    let looked = spawn_blocking(move || Files::look(&settings, &previous)).await;
    // A panic is a bug and stands on stderr; the boards stay as they were.
    looked.map_or(before, Arc::new)
}

fn tell(files: &Files) {
    if !files.boards.is_empty() || !files.problems.is_empty() {
        tracing::info!(boards = files.boards.len(), problems = files.problems.len(), "files of boards read");
    }
    for problem in &files.problems {
        tracing::warn!(file = %problem.file, problem = %problem.message.en, "a file is not shown as a board");
    }
}

/// Has the connection.
struct Owner {
    store: BoardStore,
    files: watch::Receiver<Arc<Files>>,
}

impl Owner {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.recv().await {
            // Whoever asked may have gone: every answer may go nowhere.
            match request {
                Request::List(answer) => drop(answer.send(self.store.list().await.map_err(refusal))),
                Request::Get { uid, answer } => {
                    drop(answer.send(self.store.get(&uid).await.map_err(refusal)));
                }
                Request::Versions { uid, answer } => {
                    drop(answer.send(self.store.versions(&uid).await.map_err(refusal)));
                }
                Request::Version { uid, version, answer } => {
                    drop(answer.send(self.version(&uid, version).await));
                }
                Request::Save { upload, answer } => {
                    let saved = self.transaction(Change::Save(&upload)).await;
                    drop(answer.send(saved));
                }
                Request::Restore { uid, version, by, answer } => {
                    let saved = self.transaction(Change::Restore { uid: &uid, version, by: &by }).await;
                    drop(answer.send(saved));
                }
                Request::Delete { uid, answer } => {
                    let deleted = self.transaction(Change::Delete(&uid)).await;
                    drop(answer.send(deleted.map(|deleted| deleted.title)));
                }
                Request::Stop => break,
            }
        }
        if let Err(error) = self.store.close().await {
            tracing::debug!(%error, "the boards' connection was not closed in good order");
        }
    }

    async fn version(&mut self, uid: &str, version: i64) -> Result<(SavedVersion, String), Refusal> {
        self.store.version(uid, version).await.map_err(refusal)?.ok_or(Refusal::NoSuchVersion)
    }

    /// All of a change, or nothing.
    async fn transaction(&mut self, change: Change<'_>) -> Result<Saved, Refusal> {
        self.store.begin().await.map_err(refusal)?;
        let done = match change {
            Change::Save(upload) => self.save(upload).await,
            Change::Restore { uid, version, by } => self.restore(uid, version, by).await,
            Change::Delete(uid) => self.delete(uid).await,
        };
        let done = match done {
            Ok(saved) => self.store.commit().await.map(|()| saved).map_err(refusal),
            Err(refusal) => Err(refusal),
        };
        if done.is_err() {
            self.store.roll_back().await;
        }
        done
    }

    async fn save(&mut self, upload: &Upload) -> Result<Saved, Refusal> {
        let saved = self.store.list().await.map_err(refusal)?;
        let file = upload.board.uid.as_deref().and_then(|uid| self.file_of(uid));
        let plan = decide(&saved, upload, file.as_deref(), &self.fresh_uid(&saved)?)?;
        self.put(&plan.uid, plan.version, &upload.board, &upload.by, &upload.message).await
    }

    async fn restore(&mut self, uid: &str, version: i64, by: &str) -> Result<Saved, Refusal> {
        let Some((head, _)) = self.store.get(uid).await.map_err(refusal)? else {
            return Err(self.file_of(uid).map_or(Refusal::NotFound, Refusal::Provisioned));
        };
        let (_, document) = self.version(uid, version).await?;
        let board = Board::read(&document).map_err(Refusal::Document)?;
        let message = format!("Restored from version {version}");
        self.put(uid, head.version + 1, &board, by, &message).await
    }

    async fn delete(&mut self, uid: &str) -> Result<Saved, Refusal> {
        let Some((head, _)) = self.store.get(uid).await.map_err(refusal)? else {
            return Err(self.file_of(uid).map_or(Refusal::NotFound, Refusal::Provisioned));
        };
        self.store.remove(uid).await.map_err(refusal)?;
        Ok(Saved { uid: head.uid, version: head.version, title: head.title })
    }

    async fn put(
        &mut self,
        uid: &str,
        version: i64,
        board: &Board,
        by: &str,
        message: &str,
    ) -> Result<Saved, Refusal> {
        let document = board.render(uid, version);
        let (_, bytes) = self.store.size().await.map_err(refusal)?;
        if BYTES_MAX < bytes + document.len() as i64 {
            return Err(Refusal::NoRoom { bytes_max: BYTES_MAX });
        }
        let (title, tags, document) = (&*board.title, &*board.tags, &*document);
        let new = NewVersion { uid, title, tags, version, by, message, document, at: now() };
        self.store.put(&new).await.map_err(refusal)?;
        Ok(Saved { uid: uid.to_owned(), version, title: title.to_owned() })
    }

    fn file_of(&self, uid: &str) -> Option<String> {
        self.files.borrow().boards.get(uid).map(|board| board.file.clone())
    }

    /// A `uid` that no board has.
    fn fresh_uid(&self, saved: &[SavedBoard]) -> Result<String, Refusal> {
        loop {
            let mut bytes = [0; UID_LENGTH];
            SystemRandom::new().fill(&mut bytes).map_err(|_| Refusal::State)?;
            let letters = bytes.iter().map(|byte| char::from(UID_LETTERS[usize::from(byte % 32)]));
            let uid: String = letters.collect();
            if saved.iter().all(|board| board.uid != uid) && self.file_of(&uid).is_none() {
                return Ok(uid);
            }
        }
    }
}

enum Change<'a> {
    Save(&'a Upload),
    Restore { uid: &'a str, version: i64, by: &'a str },
    Delete(&'a str),
}

fn refusal(error: StateError) -> Refusal {
    tracing::error!(error = %anyhow::Error::new(error), "boards cannot use state.db");
    Refusal::State
}
