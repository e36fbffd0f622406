//! Results of a rule become states and samples.
//!
//! Contract: what Prometheus' `rules/alerting.go` and `rules/recording.go` do (3.14), round by round, with the time as
//! an argument. A rule whose expression failed in a round is not asked: its alerts stay as they are. What Prometheus
//! leaves to timeouts is said outright here: an alert that fires has no end until there is one.
//!
//! - [`AlertingRule::observe`] takes a round's result and appends to an [`Observed`] what is to be told, written to the
//!   table of alerts, and stored as samples.
//! - [`AlertingRule::restore`] takes back what the table holds after a restart; pending alerts go on waiting where they
//!   stood, firing ones go on firing until the rule has had time to see that they do not.
//! - [`RecordingRule::observe`] makes samples, and staleness markers for series that have gone.

mod active;
mod alerting;
mod recording;
mod roster;
mod saved;
mod text;

use lingshao_model::{Alert, Annotations, Labels, TimeDelta, Timestamp};

pub use alerting::AlertingRule;
pub use recording::RecordingRule;
pub use saved::{AlertState, RuleKey, SavedAlert, SavedChange, SavedKey};
pub use text::value_for_people;

/// How long an alert that has ended is kept, so that its end is said again.
pub const RESOLVED_RETENTION: TimeDelta = TimeDelta::from_secs(15 * 60);
/// After how long an alert that goes on is said again (`--rules.alert.resend-delay`).
pub const RESEND_DELAY: TimeDelta = TimeDelta::from_secs(60);
/// A pause longer than this ends what was pending (`--rules.alert.for-outage-tolerance`).
pub const OUTAGE_TOLERANCE: TimeDelta = TimeDelta::from_secs(3600);

/// What all rules of a round have in common.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// The instant of the evaluation; samples are stamped by the caller, who knows the group's `query_offset`.
    pub at: Timestamp,
    /// The group's.
    pub interval: TimeDelta,
    /// Most alerts or series of one rule; 0 is no limit.
    pub limit: u64,
    /// `global.external_labels`
    pub external_labels: &'a Labels,
    /// `web.external_url`
    pub external_url: &'a str,
}

/// A value to store at the round's instant; a staleness marker where the series has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// What came of a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// To tell: new ones, those that go on, and those that have ended.
    pub alerts: Vec<Alert>,
    /// To write before anything is told.
    pub changes: Vec<SavedChange>,
    /// To store.
    pub samples: Vec<Sample>,
}

/// Why a rule's result counts for nothing. The words are Prometheus'.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Two elements would be one alert.
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    SameAlert,
    /// Two elements would be one series.
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    SameSeries,
    /// The rule's alerts have all been forgotten.
    #[error("exceeded limit of {limit} with {alerts} alerts")]
    TooManyAlerts {
        /// The group's limit.
        limit: u64,
        /// How many there would be.
        alerts: u64,
    },
    /// Nothing has been stored.
    #[error("exceeded limit of {limit} with {series} series")]
    TooManySeries {
        /// The group's limit.
        limit: u64,
        /// How many there would be.
        series: u64,
    },
}

/// An alert that is pending or fires, as the API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveAlert {
    /// Its labels, `alertname` included.
    pub labels: Labels,
    /// As of the last round.
    pub annotations: Annotations,
    /// Pending or firing.
    pub state: AlertState,
    /// When the expression first had it.
    pub active_at: Timestamp,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
    /// As of the last round in which the expression had it.
    pub value: f64,
}
