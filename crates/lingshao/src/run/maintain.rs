//! The thread that lets the storage seal, merge and forget.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use lingshao_tsdb::{Db, Maintained};

use crate::clock::now;
use crate::telemetry::Telemetry;
use crate::telemetry::storage::StorageTelemetry;

/// Between two looks; sealing is due every two hours or when the head is full.
const PAUSE: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Maintainer {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Maintainer {
    pub(super) fn start(db: Arc<Db>, telemetry: Arc<Telemetry>) -> io::Result<Maintainer> {
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new().name("maintainer".to_owned()).spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                match db.maintain(now()) {
                    Ok(done) => report(&done, &telemetry.storage),
                    // It is tried again after the pause; a full disk has room then, or a person has acted.
                    Err(error) => {
                        tracing::error!(
                            error = format!("{:#}", anyhow::Error::new(error)),
                            "maintenance failed"
                        );
                    }
                }
            }
        })?;
        Ok(Maintainer { stop, thread })
    }

    /// Waits for a maintenance under way.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("maintenance panicked");
        }
    }
}

/// A block that cannot be merged is reported once; its readable part still answers queries.
fn report(done: &Maintained, telemetry: &StorageTelemetry) {
    for damage in &done.damage {
        tracing::error!(%damage, "a block is damaged and stays as it is");
    }
    telemetry.damaged_blocks.add(done.damage.len() as u64);
    if done.sealed + done.merged + done.deleted > 0 {
        tracing::debug!(sealed = done.sealed, merged = done.merged, deleted = done.deleted, "maintained");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_found_while_merging_is_counted() {
        let telemetry = StorageTelemetry::default();
        let damage = vec!["one".to_owned(), "two".to_owned()];
        report(&Maintained { damage, ..Maintained::default() }, &telemetry);
        assert_eq!((telemetry.damaged_blocks.get(), telemetry.corruptions()), (2, 2));
    }
}
