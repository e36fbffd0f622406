//! Questions to the log storage: as many at once as there are cores, each within a time, ended when its client goes.

use std::sync::Arc;
use std::time::Duration;

use lingshao_logs::{SearchError, Snapshot};
use lingshao_model::Cancel;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Longest question, waiting included.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Questions that wait for their turn.
const WAITING_MAX: usize = 64;

/// Lets in a limited number of questions.
#[derive(Debug)]
pub(crate) struct AskGate {
    /// Running and waiting ones.
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Temporary.
    #[error("too many log queries are waiting; try again later")]
    Overloaded,
    /// Too much to read.
    #[error("the log query took longer than {} s; ask for a shorter time or less", TIMEOUT_MAX.as_secs())]
    Timeout,
    /// A limit, or damage.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A bug.
    #[error("internal error; see the server's log")]
    Panicked,
}

impl AskGate {
    /// For a machine with that many cores: more at once would only take memory.
    pub(crate) fn new(cores: usize) -> AskGate {
        let running = cores.clamp(1, 8);
        AskGate {
            places: Arc::new(Semaphore::new(running + WAITING_MAX)),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// Runs a question on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        snapshot: Snapshot,
        question: impl FnOnce(&Snapshot, &Cancel) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, AskError> {
        let deadline = Instant::now() + TIMEOUT_MAX;
        let place = self.places.clone().try_acquire_owned().map_err(|_| AskError::Overloaded)?;
        let turn = match timeout_at(deadline, self.running.clone().acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(AskError::Timeout),
        };
        let cancel = Cancel::default();
        let _gone = CancelOnDrop(cancel.clone());
        let job = tokio::task::spawn_blocking(move || {
            let answer = question(&snapshot, &cancel);
            // Kept until the work is really over, also when nobody waits for it any more.
            drop((turn, place));
            answer
        });
        match timeout_at(deadline, job).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(AskError::Panicked),
            Err(_) => Err(AskError::Timeout),
        }
    }
}

/// Ends a question when its handler is dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
