//! The thread that lets the storage seal, merge and forget.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use lingshao_tsdb::Db;

use crate::app::now;

/// Between two looks; sealing is due every two hours or when the head is full.
const PAUSE: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Maintainer {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Maintainer {
    pub(super) fn start(db: Arc<Db>) -> io::Result<Maintainer> {
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new().name("maintainer".to_owned()).spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                // It is tried again after the pause; a full disk has room then, or a person has acted.
                if let Err(error) = db.maintain(now()) {
                    tracing::error!(error = format!("{:#}", anyhow::Error::new(error)), "maintenance failed");
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
