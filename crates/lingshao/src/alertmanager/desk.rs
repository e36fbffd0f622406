//! The open `state.db`, lent to a task for each piece of work: a disk that hangs holds that task, and nobody else.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::state::State;

/// How long a transaction is waited for. A disk under load takes a second or two; nobody should hear of a fire later
/// than by this much because of a disk that takes nothing at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same after one that took longer: each message would be late by that much otherwise.
const PATIENCE_SHORT: Duration = Duration::from_millis(500);

/// Where the file is when nobody works with it.
#[derive(Debug)]
pub(super) struct Desk {
    state: Option<State>,
    /// Work that was not waited for. It is never dropped: what it did to the file would not be known.
    away: Option<JoinHandle<Option<State>>>,
    /// The last work took too long.
    hangs: bool,
}

impl Desk {
    pub(super) fn new(state: State) -> Desk {
        Desk { state: Some(state), away: None, hangs: false }
    }

    /// The file, if it is here.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Whether the file is here; takes it back from work that is done by now.
    pub(super) async fn is_free(&mut self) -> bool {
        if self.away.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait().await;
        }
        self.state.is_some()
    }

    /// Waits for work that nobody waited for, however long it takes.
    pub(super) async fn wait(&mut self) {
        if let Some(away) = self.away.take() {
            self.state = away.await.ok().flatten();
        }
    }

    /// Lets `work` have the file, and waits for it for a while. Then it goes on without us, and what transaction it
    /// leaves open is rolled back. What comes of it goes through a channel of the caller's, which stays empty if the
    /// file is not here.
    pub(super) async fn lend<F>(&mut self, work: impl FnOnce(State) -> F)
    where
        F: Future<Output = State> + Send + 'static,
    {
        let Some(state) = self.state.take() else { return };
        let mut task = tokio::spawn(work(state));
        let patience = if self.hangs { PATIENCE_SHORT } else { PATIENCE };
        match timeout(patience, &mut task).await {
            Ok(Ok(state)) => {
                self.hangs = false;
                self.state = Some(state);
            }
            Ok(Err(error)) => lost(&error),
            Err(_) => {
                self.hangs = true;
                self.away = Some(tokio::spawn(async move {
                    match task.await {
                        Ok(mut state) => {
                            state.roll_back().await;
                            Some(state)
                        }
                        Err(error) => {
                            lost(&error);
                            None
                        }
                    }
                }));
            }
        }
    }

    /// Gives the file away for good, once it is here.
    pub(super) async fn take(&mut self) -> Option<State> {
        self.wait().await;
        self.state.take()
    }
}

fn lost(error: &tokio::task::JoinError) {
    tracing::error!(%error, "working with state.db panicked; nothing is written to it before the next start");
}
