//! The thread that lets the storage seal, merge and forget.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use lingshao_tsdb::{Db, DbError, Maintained};

use crate::clock::now;
use crate::failure::with_causes;
use crate::outage::{News, Outage};
use crate::telemetry::storage::StorageTelemetry;
use crate::telemetry::{Fault, Telemetry};

/// Between two looks; sealing is due every two hours or when the head is full.
pub(super) const METRICS_PAUSE: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Maintainer {
    wake: Waker,
    thread: JoinHandle<()>,
}

/// Lets the thread look before its pause is over.
#[derive(Clone, Debug)]
pub(crate) struct Waker(SyncSender<Wake>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    Look,
    Stop,
}

impl Waker {
    /// Never waits; a look that is due already is enough.
    pub(crate) fn wake(&self) {
        match self.0.try_send(Wake::Look) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Maintainer {
    /// Calls `maintain` again and again, and leaves what it could not do where `fault` says; its name is the thread's.
    pub(super) fn start<E: std::error::Error + 'static>(
        name: &str,
        pause: Duration,
        telemetry: &Arc<Telemetry>,
        fault: fn(&Telemetry) -> &Fault,
        maintain: impl Fn() -> Result<(), E> + Send + 'static,
    ) -> io::Result<Maintainer> {
        let (wake, woken) = sync_channel(1);
        let telemetry = telemetry.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut outage = Outage::default();
            while matches!(woken.recv_timeout(pause), Ok(Wake::Look) | Err(RecvTimeoutError::Timeout)) {
                // It is tried again after the pause; a full disk has room then, or a person has acted.
                let failed = maintain().err().map(|error| with_causes(&error));
                fault(&telemetry).set(failed.clone());
                match outage.note(failed.as_deref()) {
                    Some(News::Failed(error)) => {
                        tracing::error!(error, "maintenance failed; it is tried again and again");
                    }
                    Some(News::Over { failures }) => tracing::info!(failures, "maintenance succeeds again"),
                    None => {}
                }
            }
        })?;
        Ok(Maintainer { wake: Waker(wake), thread })
    }

    /// For those who know that there is something to do.
    pub(super) fn waker(&self) -> Waker {
        self.wake.clone()
    }

    /// Waits for a maintenance under way.
    pub(super) fn stop(self) {
        if self.wake.0.send(Wake::Stop).is_err() {
            tracing::debug!("the maintainer has ended already");
        }
        if self.thread.join().is_err() {
            tracing::error!("maintenance panicked");
        }
    }
}

/// Lets the metrics' storage seal, merge and forget.
pub(super) fn metrics(db: &Db, telemetry: &Telemetry) -> Result<(), DbError> {
    db.maintain(now()).map(|done| report(&done, &telemetry.storage))
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
