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
        let published = wal.durable();
        let (sender, progress) = watch::channel(Ok(published));
        let durable = Durable { shared: shared.clone(), progress };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || commit(&wal, published, &shared, &sender, &telemetry))?;
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

/// `published` is what `progress` says already: others may have synced more before this thread runs.
fn commit(
    wal: &WalSync,
    mut published: Commit,
    shared: &Shared,
    progress: &watch::Sender<Result<Commit, SyncFailed>>,
    telemetry: &WalTelemetry,
) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_disk::{SimDisk, Wal, WalOptions};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn log(disk: &SimDisk) -> Wal {
        let disk = Arc::new(disk.clone());
        Wal::open(disk, Path::new("wal"), WalOptions::default(), &mut |_| {}).unwrap().0
    }

    fn start(wal: &Wal) -> Committer {
        Committer::start(wal.handle(), Arc::default()).unwrap()
    }

    #[tokio::test]
    async fn who_waits_is_durable_after_one_sync_and_idle_syncs_nothing() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let committer = start(&wal);
        let before = disk.syncs();
        let commit = wal.append(1, b"a").unwrap();
        committer.durable().wait(commit).await.unwrap();
        assert!(commit <= wal.handle().durable());
        assert_eq!(disk.syncs() - before, 1);
        committer.durable().wait(commit).await.unwrap();
        tokio::time::sleep(UNSYNCED_MAX * 2).await;
        assert_eq!(disk.syncs() - before, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_who_wait_share_syncs() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let committer = start(&wal);
        let before = disk.syncs();
        let waiting: Vec<_> = (0..500)
            .map(|_| {
                let (commit, durable) = (wal.append(1, b"a").unwrap(), committer.durable());
                tokio::spawn(async move { durable.wait(commit).await })
            })
            .collect();
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(wal.handle().durable(), wal.handle().appended());
        let syncs = disk.syncs() - before;
        assert!(syncs <= 250, "{syncs} syncs for 500 waiters");
    }

    #[tokio::test]
    async fn after_a_failed_sync_nobody_is_told_that_it_is_safe() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let committer = start(&wal);
        disk.fail_sync_at(disk.syncs() + 1);
        let commit = wal.append(1, b"a").unwrap();
        assert!(committer.durable().wait(commit).await.is_err());
        assert!(committer.durable().wait(Commit(commit.0 + 1)).await.is_err());
        assert!(committer.stop().is_err());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_synced_within_a_second() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let _committer = start(&wal);
        let commit = wal.append(1, b"a").unwrap();
        tokio::time::sleep(Duration::from_millis(1000)).await;
        assert!(commit <= wal.handle().durable());
    }

    #[tokio::test]
    async fn stopping_syncs_the_rest() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let committer = start(&wal);
        let commit = wal.append(1, b"a").unwrap();
        committer.stop().unwrap();
        assert!(commit <= wal.handle().durable());
    }

    /// Sealing syncs through a handle of its own.
    #[tokio::test]
    async fn a_sync_by_somebody_else_counts() {
        let disk = SimDisk::new();
        let mut wal = log(&disk);
        let committer = start(&wal);
        let stop = Arc::new(AtomicBool::new(false));
        let (other, stopped) = (wal.handle(), stop.clone());
        let syncing = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                other.sync().unwrap();
                // Locks are not fair: without a pause this thread could keep all others out on a busy machine.
                std::thread::sleep(Duration::from_micros(20));
            }
        });
        for _ in 0..200 {
            let commit = wal.append(1, b"a").unwrap();
            let waited = tokio::time::timeout(Duration::from_secs(5), committer.durable().wait(commit)).await;
            waited.expect("nobody waits for ever").unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        syncing.join().unwrap();
    }
}
