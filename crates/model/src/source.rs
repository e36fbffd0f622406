//! How an expression reads series, whatever keeps them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Labels, Matcher, Timestamp};

/// Which series, and which of their samples.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// All must hold. Engines refuse a set in which every matcher accepts the empty string before it gets here.
    pub matchers: &'a [Matcher],
    /// First instant wanted, inclusive.
    pub start: Timestamp,
    /// Last instant wanted, inclusive.
    pub end: Timestamp,
}

/// One series' samples within a selection. The columns are equally long, times strictly ascending.
#[derive(Clone, Copy, Debug)]
pub struct SeriesColumns<'a> {
    /// Identity of the series; cloning it does not allocate.
    pub labels: &'a Labels,
    /// Milliseconds since the epoch.
    pub times: &'a [i64],
    /// Values, staleness markers included.
    pub values: &'a [f64],
    /// Start timestamps in milliseconds, 0 where unknown; empty when no sample of this series has one.
    pub starts: &'a [i64],
}

/// What a visitor answers: go on, or stop reading (its own reason, not an error of the source).
pub type Visit = ControlFlow<()>;

/// Why a selection could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The query was cancelled: its client went, or its time is over.
    #[error("query cancelled")]
    Cancelled,
    /// The source's own budget of bytes for one selection is used up.
    #[error("selection needs more than {bytes_max} bytes; ask for fewer series or a shorter range")]
    TooLarge {
        /// The budget.
        bytes_max: u64,
    },
    /// The source could not read what it keeps; the text names the file.
    #[error("{0}")]
    Storage(String),
}

/// A flag that ends a query early; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks every holder to stop at its next look.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that keeps series and can be read consistently while it is held.
///
/// Implementors are snapshots: two selections on one source see the same data.
pub trait SeriesSource: Sync {
    /// Calls `visit` once for each matching series that has at least one sample in the range, in ascending
    /// order of labels, with borrowed columns that are valid during the call only. Looks at `cancel` between
    /// series at least. Returns warnings for the user (data that could not be read and is missing).
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError>;
}
