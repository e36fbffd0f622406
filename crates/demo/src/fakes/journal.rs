//! What a fake remembers, in order of arrival.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most entries of one fake that forgets nothing: the longest test sends a tenth of that.
const ENTRIES_MAX: usize = 100_000;

pub(crate) struct Journal<T> {
    entries: Mutex<Vec<T>>,
    grown: Condvar,
    /// Older entries than the newest so many are forgotten; 0: none is.
    newest_max: AtomicUsize,
}

/// What was waited for did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotInTime {
    /// How long it was waited for.
    pub patience: Duration,
    /// What there was instead.
    pub seen: String,
}

impl fmt::Display for NotInTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not within {:?}; there was only: {}", self.patience, self.seen)
    }
}

impl std::error::Error for NotInTime {}

impl<T: Clone + fmt::Debug> Journal<T> {
    pub(crate) fn new() -> Journal<T> {
        Journal { entries: Mutex::new(Vec::new()), grown: Condvar::new(), newest_max: AtomicUsize::new(0) }
    }

    /// From now on the newest so many are kept: for a fake that runs for weeks.
    pub(crate) fn keep_newest(&self, count: usize) {
        self.newest_max.store(count, Ordering::Relaxed);
    }

    /// A fake that forgets nothing and is full panics, which ends its thread and so the test.
    pub(crate) fn push(&self, entry: T) {
        let mut entries = self.lock();
        let newest_max = self.newest_max.load(Ordering::Relaxed);
        if 0 < newest_max {
            let surplus = (entries.len() + 1).saturating_sub(newest_max);
            entries.drain(..surplus);
        }
        assert!(entries.len() < ENTRIES_MAX, "a fake was sent more than {ENTRIES_MAX} messages");
        entries.push(entry);
        self.grown.notify_all();
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    /// Waits until what there is is enough.
    pub(crate) fn wait(
        &self,
        patience: Duration,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, NotInTime> {
        let deadline = Instant::now() + patience;
        let mut entries = self.lock();
        while !enough(&entries) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NotInTime { patience, seen: format!("{entries:#?}") });
            }
            entries = self.grown.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(entries.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
