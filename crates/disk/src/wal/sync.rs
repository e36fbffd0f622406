//! What the appender and those who sync share.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::{Commit, WalError};
use crate::disk::{Disk, WriteFile};

/// Makes appended records durable; clones are for other threads.
#[derive(Clone, Debug)]
pub struct WalSync(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Sequence of the last record before this opening; commits count from it.
    base: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Highest sequence appended.
    appended: u64,
    /// Highest sequence that is synced, with all before it.
    durable: u64,
    /// Segments that may hold unsynced records, oldest first; the last one is being appended to.
    unsynced: Vec<Arc<dyn WriteFile>>,
    /// A segment was begun: its header and its name are not synced yet.
    begun: bool,
    /// Somebody syncs at the moment.
    syncing: bool,
    /// Why nothing is taken any more.
    poisoned: Option<Arc<str>>,
    /// The last record that was not taken, although nothing is broken.
    refusal: Option<Refusal>,
}

/// A record that a log did not take, as there was no room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from the opening of the log, from 1.
    pub number: u64,
    /// Its length.
    pub bytes: usize,
    /// That it was for want of room; else a file could not be made.
    pub is_full: bool,
    /// Why.
    pub error: Arc<str>,
    /// A record was taken since.
    pub is_over: bool,
}

impl WalSync {
    /// Makes everything durable that was appended before the call; answers up to where the log is durable.
    ///
    /// Blocks for a sync of the disk, without holding up appends. Callers that come while a sync runs share the next
    /// one. After a failure everything answers [`WalError::Poisoned`].
    pub fn sync(&self) -> Result<Commit, WalError> {
        self.0.sync(false).map(|durable| self.0.commit(durable))
    }

    /// Up to where the log is durable.
    pub fn durable(&self) -> Commit {
        self.0.commit(self.0.lock().durable)
    }

    /// The last commit that was given out.
    pub fn appended(&self) -> Commit {
        self.0.commit(self.0.lock().appended)
    }

    /// The last record that was not taken for the moment.
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.lock().refusal.clone()
    }
}

/// With its cause.
fn told(error: &WalError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

impl Shared {
    /// A log whose records up to `base` are durable.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf, base: u64) -> Shared {
        let state = State {
            appended: base,
            durable: base,
            unsynced: Vec::new(),
            begun: false,
            syncing: false,
            poisoned: None,
            refusal: None,
        };
        Shared { disk, dir, base, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn commit(&self, sequence: u64) -> Commit {
        Commit(sequence - self.base)
    }

    /// The highest durable sequence, if the log still takes records.
    pub(super) fn durable(&self) -> Result<u64, WalError> {
        let state = self.lock();
        state.check()?;
        Ok(state.durable)
    }

    /// The record of this sequence is written.
    pub(super) fn publish(&self, sequence: u64) {
        let mut state = self.lock();
        state.appended = sequence;
        if let Some(refusal) = &mut state.refusal {
            refusal.is_over = true;
        }
    }

    /// A record was not taken.
    pub(super) fn refused(&self, bytes: usize, error: &WalError) {
        let mut state = self.lock();
        let number = state.refusal.as_ref().map_or(1, |last| last.number + 1);
        let is_full = matches!(error, WalError::Full { .. });
        state.refusal = Some(Refusal { number, bytes, is_full, error: told(error).into(), is_over: false });
    }

    /// Records go to this segment from now on.
    pub(super) fn begin_segment(&self, file: Arc<dyn WriteFile>) {
        let mut state = self.lock();
        state.unsynced.push(file);
        state.begun = true;
    }

    /// Whether anything, be it only a segment's header, is not synced.
    pub(super) fn is_dirty(&self) -> bool {
        let state = self.lock();
        state.begun || state.durable < state.appended
    }

    pub(super) fn poison(&self, cause: &str) -> WalError {
        let mut state = self.lock();
        let cause = state.poisoned.get_or_insert_with(|| cause.into()).to_string();
        WalError::Poisoned { cause }
    }

    /// Syncs what was appended before the call; with `begun` also a segment without records.
    pub(super) fn sync(&self, begun: bool) -> Result<u64, WalError> {
        let mut state = self.lock();
        let target = state.appended;
        loop {
            state.check()?;
            if state.durable >= target && !(begun && state.begun) {
                return Ok(state.durable);
            }
            if !state.syncing {
                break;
            }
            state = self.changed.wait(state).expect("no panic while syncing");
        }
        state.syncing = true;
        let (covers, files) = (state.appended, state.unsynced.clone());
        let names = std::mem::take(&mut state.begun);
        drop(state);
        let outcome = self.sync_files(&files, names);
        let mut state = self.lock();
        state.syncing = false;
        match outcome {
            Ok(()) => {
                state.durable = covers;
                // The last one may have got more records meanwhile, even if it is not the newest any more.
                state.unsynced.drain(..files.len().saturating_sub(1));
            }
            Err(cause) => state.poisoned = Some(cause.into()),
        }
        self.changed.notify_all();
        state.check().map(|()| state.durable)
    }

    /// Oldest first, so that the log never is durable further on than further back.
    fn sync_files(&self, files: &[Arc<dyn WriteFile>], names: bool) -> Result<(), String> {
        for file in files {
            file.sync()
                .map_err(|error| format!("cannot sync a segment in `{}`: {error}", self.dir.display()))?;
        }
        if names {
            let failed = |error| format!("cannot sync folder `{}`: {error}", self.dir.display());
            self.disk.sync_dir(&self.dir).map_err(failed)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while the state of the log is held")
    }
}

impl State {
    fn check(&self) -> Result<(), WalError> {
        match &self.poisoned {
            Some(cause) => Err(WalError::Poisoned { cause: cause.to_string() }),
            None => Ok(()),
        }
    }
}
