//! The one thread that syncs the write-ahead log, and how others wait for it.
//!
//! A sync starts at once when somebody waits and none is running, so a lone client pays one, and those who come
//! while it runs share the next. What nobody waits for (scrapes) is synced within a second. After a failed sync
//! nothing is acknowledged any more: the kernel may have dropped the dirty pages, and a retry would lie.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lingshao_disk::{Commit, WalSync};
use tokio::sync::watch;

use crate::telemetry::WalTelemetry;

/// How long appended data may stay unsynced when nobody waits for it.
const UNSYNCED_MAX: Duration = Duration::from_millis(900);

/// The log failed to sync; the process goes on reading but acknowledges nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the disk failed to keep what was written; nothing is acknowledged until the process is restarted")]
pub(crate) struct SyncFailed;

/// The committer thread; stopping it syncs what is left.
#[derive(Debug)]
pub(crate) struct Committer {
    durable: Durable,
    thread: JoinHandle<()>,
}

/// Where handlers wait until what they appended is on disk.
#[derive(Clone, Debug)]
pub(crate) struct Durable {
    shared: Arc<Shared>,
    progress: watch::Receiver<Result<Commit, SyncFailed>>,
}

#[derive(Debug, Default)]
struct Shared {
    wishes: Mutex<Wishes>,
    changed: Condvar,
}

#[derive(Debug)]
struct Wishes {
    /// The highest commit that somebody waits for.
    awaited: Commit,
    stop: bool,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes { awaited: Commit(0), stop: false }
    }
}

impl Committer {
    /// Starts the thread.
    pub(crate) fn start(wal: WalSync, telemetry: Arc<WalTelemetry>) -> io::Result<Committer> {
        let shared = Arc::new(Shared::default());
        let (sender, progress) = watch::channel(Ok(wal.durable()));
        let durable = Durable { shared: shared.clone(), progress };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || commit(&wal, &shared, &sender, &telemetry))?;
        Ok(Committer { durable, thread })
    }

    /// For those who wait.
    pub(crate) fn durable(&self) -> Durable {
        self.durable.clone()
    }

    /// Syncs what is left and ends the thread; whether everything is on disk.
    pub(crate) fn stop(self) -> Result<(), SyncFailed> {
        self.durable.shared.lock().stop = true;
        self.durable.shared.changed.notify_one();
        if self.thread.join().is_err() {
            return Err(SyncFailed); // A panicking committer synced nothing that we could rely on.
        }
        self.durable.progress.borrow().clone().map(|_| ())
    }
}

impl Durable {
    /// Returns when this commit, and all before it, would survive a power cut.
    pub(crate) async fn wait(&self, commit: Commit) -> Result<(), SyncFailed> {
        let reached = |progress: &Result<Commit, SyncFailed>| match progress {
            Ok(durable) => commit <= *durable,
            Err(_) => true,
        };
        let mut progress = self.progress.clone();
        if !reached(&progress.borrow()) {
            let mut wishes = self.shared.lock();
            wishes.awaited = wishes.awaited.max(commit);
            drop(wishes);
            self.shared.changed.notify_one();
        }
        // The sender only goes away with a committer that has stopped or panicked.
        let progress = progress.wait_for(reached).await.map_err(|_| SyncFailed)?;
        progress.clone().map(|_| ())
    }

    /// Whether a sync has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.progress.borrow().is_err()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner) // Two plain fields: whole at any time.
    }

    /// Sleeps until somebody waits for more, it is time for the others, or the end has come; whether it has come.
    fn pause(&self, published: Commit) -> bool {
        let wishes = self.lock();
        let idle = |wishes: &mut Wishes| !wishes.stop && wishes.awaited <= published;
        let (wishes, _) = self
            .changed
            .wait_timeout_while(wishes, UNSYNCED_MAX, idle)
            .unwrap_or_else(PoisonError::into_inner);
        wishes.stop
    }
}

fn commit(
    wal: &WalSync,
    shared: &Shared,
    progress: &watch::Sender<Result<Commit, SyncFailed>>,
    telemetry: &WalTelemetry,
) {
    let mut published = wal.durable();
    loop {
        let stop = shared.pause(published);
        if wal.durable() < wal.appended() {
            let started = Instant::now();
            if let Err(error) = wal.sync() {
                tracing::error!(%error, "cannot sync the write-ahead log; nothing is acknowledged any more");
                telemetry.failed.set(1.0);
                drop(progress.send_replace(Err(SyncFailed)));
                return;
            }
            telemetry.syncs.observe(started.elapsed());
        }
        // Sealing a generation syncs too, so there may be news without a sync of ours.
        if published < wal.durable() {
            published = wal.durable();
            drop(progress.send_replace(Ok(published)));
        }
        if stop {
            return;
        }
    }
}
