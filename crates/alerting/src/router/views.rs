//! What the API shows.

use std::sync::Arc;

use lingshao_model::{Alert, Fingerprint, Labels, Matcher};
use regex::Regex;

use super::SilenceId;

/// An alert that has not ended, and what keeps it from being told.
#[derive(Clone, Debug)]
pub struct AlertView {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Names of the receivers of its routes: in the order of the routes for single alerts, sorted within groups.
    pub receivers: Vec<String>,
    /// Active silences, sorted.
    pub silenced_by: Vec<SilenceId>,
    /// One alert that inhibits it, if there is one.
    pub inhibited_by: Vec<Fingerprint>,
    /// Names of the time intervals that mute its group: empty outside of groups.
    pub muted_by: Vec<String>,
}

impl AlertView {
    /// Whether it is silenced or inhibited: the API's `suppressed`, else `active`.
    pub fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty()
    }
}

/// Alerts that are told together.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Alertmanager's key of it.
    pub group_key: String,
    /// The labels by which it is grouped.
    pub labels: Labels,
    /// Who is told.
    pub receiver: String,
    /// In the order in which they are told; never empty.
    pub alerts: Vec<AlertView>,
}

/// Which alerts are asked for.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// All must hold, by the rules of Alertmanager's `filter` parameter.
    pub matchers: Vec<Matcher>,
    /// An anchored pattern of which one receiver's name must be.
    pub receiver: Option<Regex>,
    /// Whether those are wanted that nothing suppresses.
    pub active: bool,
    /// Whether silenced ones are wanted.
    pub silenced: bool,
    /// Whether inhibited ones are wanted.
    pub inhibited: bool,
    /// Whether groups are wanted that a time interval mutes.
    pub muted: bool,
}

impl Default for AlertFilter {
    /// All of them.
    fn default() -> AlertFilter {
        AlertFilter {
            matchers: Vec::new(),
            receiver: None,
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
        }
    }
}

/// How many there are, for figures and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that have not ended and are not suppressed.
    pub alerts_active: usize,
    /// Alerts that have not ended and are silenced or inhibited.
    pub alerts_suppressed: usize,
    /// Groups.
    pub groups: usize,
    /// Silences that mute.
    pub silences_active: usize,
    /// Silences that will.
    pub silences_pending: usize,
    /// Silences that did.
    pub silences_expired: usize,
    /// Rows of the notification log.
    pub log: usize,
    /// Deliveries that wait for their outcome.
    pub outbox: usize,
}
