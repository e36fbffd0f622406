//! What of an alert outlives the process: rows of a table, and their identity.

use std::sync::Arc;

use lingshao_model::{Annotations, Labels, Timestamp};

/// Which rule. A rule keeps its alerts over restarts and reloads as long as this stays the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleKey {
    /// The file that the rule stands in, as the user named it.
    pub file: String,
    /// The rule's group.
    pub group: String,
    /// The alert's name.
    pub name: String,
    /// The rule's labels as they are written, templates unexpanded, and which of several equal rules it is:
    /// `{severity="critical"}#0`.
    pub identity: String,
}

/// The primary key of a [`SavedAlert`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SavedKey {
    /// Whose alert it is.
    pub rule: Arc<RuleKey>,
    /// The alert's labels.
    pub labels: Labels,
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// It has ended, and is kept for a while so that its end is said again.
    Resolved,
    /// It is there, but not yet for as long as the rule demands.
    Pending,
    /// It is told.
    Firing,
}

impl AlertState {
    /// In the API, and as the label `alertstate`. A resolved alert is in neither.
    pub fn name(self) -> &'static str {
        match self {
            AlertState::Resolved => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// A row of the table of alerts. It is written when the state changes, not when only the value does.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedAlert {
    /// Whose alert it is.
    pub rule: Arc<RuleKey>,
    /// Its labels, `alertname` included.
    pub labels: Labels,
    /// Its annotations when the state changed.
    pub annotations: Annotations,
    /// How far it has come.
    pub state: AlertState,
    /// When the expression first had it.
    pub active_at: Timestamp,
    /// When it began to fire.
    pub fired_at: Option<Timestamp>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<Timestamp>,
    /// The expression's value when the state changed.
    pub value: f64,
}

impl SavedAlert {
    /// What it is stored under.
    pub fn key(&self) -> SavedKey {
        SavedKey { rule: Arc::clone(&self.rule), labels: self.labels.clone() }
    }
}

/// A row to write.
#[derive(Clone, Debug, PartialEq)]
pub enum SavedChange {
    /// A new row, or one that replaces the row of the same key.
    Put(SavedAlert),
    /// There is no such row any more.
    Gone(SavedKey),
}
