//! What one evaluation may use, and how it fails when that is not enough.

use std::cell::Cell;

use lingshao_model::{Cancel, SelectError, TimeDelta};

/// Bounds and switches of one evaluation.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Values held at once, results of subexpressions included.
    pub samples_max: u64,
    /// Steps of a range query; checked by the caller who knows how to word it, and here as a last resort.
    pub points_per_series_max: u64,
    /// Bytes held at once for values and labels.
    pub bytes_max: u64,
    /// How long a sample stays current for an instant selector.
    pub lookback: TimeDelta,
    /// Step of a subquery that names none: the global evaluation interval.
    pub subquery_step: TimeDelta,
    /// Names are dropped at the very end instead of by each function (`promql-delayed-name-removal`).
    pub delayed_name_removal: bool,
    /// `rate` and its kin take counter resets from start timestamps (`use-start-timestamps`).
    pub start_timestamps: bool,
}

impl Default for Limits {
    /// As a Prometheus server runs without feature flags.
    fn default() -> Limits {
        Limits {
            samples_max: 50_000_000,
            points_per_series_max: 11_000,
            bytes_max: 1 << 30,
            lookback: TimeDelta::from_secs(300),
            subquery_step: TimeDelta::from_secs(60),
            delayed_name_removal: false,
            start_timestamps: false,
        }
    }
}

impl Limits {
    /// With every feature flag that concerns evaluation, as Prometheus' own test engine runs.
    pub fn experimental() -> Limits {
        Limits { delayed_name_removal: true, start_timestamps: true, ..Limits::default() }
    }
}

/// Why an expression has no value. Texts are Prometheus' where it has them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The caller's timer cancelled; see [`EvalError::by_timer`].
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The caller cancelled: its client went.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// [`Limits::samples_max`].
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// [`Limits::bytes_max`].
    #[error(
        "query needs more than {bytes_max} bytes of memory; ask for fewer series, a shorter range or a larger step"
    )]
    TooMuchMemory {
        /// The limit.
        bytes_max: u64,
    },
    /// The storage could not answer.
    #[error("expanding series: {0}")]
    Storage(String),
    /// The expression cannot be computed over this data.
    #[error("{0}")]
    Execution(String),
}

impl EvalError {
    /// The same failure, known to come from a timer: evaluation only sees that it was cancelled.
    pub fn by_timer(self) -> EvalError {
        match self {
            EvalError::Cancelled => EvalError::Timeout,
            other => other,
        }
    }

    pub(crate) fn execution(text: impl Into<String>) -> EvalError {
        EvalError::Execution(text.into())
    }

    pub(crate) fn same_labelset() -> EvalError {
        EvalError::execution("vector cannot contain metrics with the same labelset")
    }
}

impl From<SelectError> for EvalError {
    fn from(error: SelectError) -> EvalError {
        match error {
            SelectError::Cancelled => EvalError::Cancelled,
            SelectError::TooLarge { bytes_max } => EvalError::TooMuchMemory { bytes_max },
            SelectError::Storage(text) => EvalError::Storage(text),
        }
    }
}

/// What is in use, against the limits. Shared by everything of one evaluation, which runs on one thread.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    cancel: &'a Cancel,
    samples: Cell<u64>,
    bytes: Cell<u64>,
    samples_read: Cell<u64>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits, cancel: &'a Cancel) -> Budget<'a> {
        let zero = || Cell::new(0);
        Budget { limits, cancel, samples: zero(), bytes: zero(), samples_read: zero() }
    }

    /// Takes memory for that many values and bytes besides.
    pub(crate) fn take(&self, samples: u64, bytes: u64) -> Result<(), EvalError> {
        self.samples.set(self.samples.get() + samples);
        self.bytes.set(self.bytes.get() + bytes + samples * 8);
        if self.samples.get() > self.limits.samples_max {
            return Err(EvalError::TooManySamples);
        }
        if self.bytes.get() > self.limits.bytes_max {
            return Err(EvalError::TooMuchMemory { bytes_max: self.limits.bytes_max });
        }
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, samples: u64, bytes: u64) {
        self.samples.set(self.samples.get().saturating_sub(samples));
        self.bytes.set(self.bytes.get().saturating_sub(bytes + samples * 8));
    }

    /// Counts samples that came from the source.
    pub(crate) fn read(&self, samples: usize) {
        self.samples_read.set(self.samples_read.get() + samples as u64);
    }

    pub(crate) fn samples_read(&self) -> u64 {
        self.samples_read.get()
    }

    /// To be called at least every few thousand values.
    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.cancel.is_cancelled() { Err(EvalError::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn cancel(&self) -> &'a Cancel {
        self.cancel
    }
}
