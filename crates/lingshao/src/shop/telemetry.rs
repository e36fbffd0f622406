//! What the monitors count.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::monitor::Monitor;

/// Facts by monitor and kind, since the start.
#[derive(Debug, Default)]
pub(crate) struct Facts(Mutex<BTreeMap<(Monitor, String), u64>>);

impl Facts {
    /// One more.
    pub(super) fn add(&self, monitor: Monitor, kind: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((monitor, kind.to_owned())).or_default() += 1;
    }

    /// All of them.
    pub(super) fn counts(&self) -> Vec<(Monitor, String, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((monitor, kind), count)| (*monitor, kind.clone(), *count)).collect()
    }
}
