//! Groups and rules as the API shows them.

use std::sync::Arc;
use std::time::Duration;

use lingshao_alerting::rules::{ActiveAlert, AlertState};
use lingshao_model::{Rule, TimeDelta, Timestamp};

use super::settings::RuleSpec;

/// A group at one moment.
#[derive(Clone, Debug)]
pub(crate) struct GroupView {
    /// Its name.
    pub(crate) name: String,
    /// The file that it stands in.
    pub(crate) file: String,
    /// Between rounds.
    pub(crate) interval: TimeDelta,
    /// Most alerts or series of one rule; 0 is no limit.
    pub(crate) limit: u64,
    /// The last round took so long.
    pub(crate) took: Duration,
    /// When the last round began, by the clock.
    pub(crate) evaluated_at: Option<Timestamp>,
    /// In order.
    pub(crate) rules: Vec<RuleView>,
}

/// A rule at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RuleView {
    pub(super) spec: Arc<RuleSpec>,
    /// Of an alerting rule: how far it has come, and its alerts.
    pub(crate) alerts: Option<(AlertState, Vec<ActiveAlert>)>,
    /// How the last evaluation went.
    pub(crate) health: Health,
    /// Why it failed.
    pub(crate) last_error: Option<String>,
    /// It took so long.
    pub(crate) took: Duration,
    /// When it began, by the clock.
    pub(crate) evaluated_at: Option<Timestamp>,
}

impl RuleView {
    /// As it is declared.
    pub(crate) fn rule(&self) -> &Rule {
        &self.spec.rule
    }

    /// The expression in its canonical form.
    pub(crate) fn query(&self) -> &str {
        &self.spec.query
    }
}

/// How a rule's last evaluation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// There was none yet.
    Unknown,
    /// Well.
    Good,
    /// It failed.
    Bad,
}

impl Health {
    /// In the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Good => "ok",
            Health::Bad => "err",
        }
    }
}
