//! What the router keeps over a restart: rows that the caller writes in one transaction, and gives back.

use lingshao_model::{Alert, Delivery, DeliveryId, Fingerprint, IntegrationId, Labels, TimeDelta, Timestamp};

use super::{Silence, SilenceId};

/// A row that is new or different, or the key of one that is no more.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<K, V> {
    /// Insert it, or replace the one with its key.
    Put(V),
    /// Delete it.
    Gone(K),
}

/// Everything that changed since the last look, each key at most once per table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Keyed by the fingerprint of the labels.
    pub alerts: Vec<Change<Fingerprint, Alert>>,
    /// Timers of groups.
    pub groups: Vec<Change<GroupKey, GroupRow>>,
    /// Silences; a row goes 120 hours after its end.
    pub silences: Vec<Change<SilenceId, Silence>>,
    /// What was told already.
    pub log: Vec<Change<LogKey, LogEntry>>,
    /// What is to be told; at most one row for each [`LogKey`].
    pub outbox: Vec<Change<DeliveryId, Delivery>>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
            && self.groups.is_empty()
            && self.silences.is_empty()
            && self.log.is_empty()
            && self.outbox.is_empty()
    }
}

/// All rows, read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// When they were written last, if that is known: alerts that had not ended by then and would have ended while
    /// nobody was here to be told of them get that time added.
    pub saved_at: Option<Timestamp>,
    /// In any order, as all the others.
    pub alerts: Vec<Alert>,
    /// Timers.
    pub groups: Vec<GroupRow>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// What was told.
    pub log: Vec<LogEntry>,
    /// What was to be told.
    pub outbox: Vec<Delivery>,
}

/// Rows that another process wrote into a shared state database since the last look. Alerts are not among them: every
/// process is told of every alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForeignRows {
    /// The younger `updated_at` wins.
    pub silences: Vec<Change<SilenceId, Silence>>,
    /// The younger `at` wins.
    pub log: Vec<Change<LogKey, LogEntry>>,
    /// Taken as they are: whoever writes last has seen the other's row.
    pub outbox: Vec<Change<DeliveryId, Delivery>>,
}

/// Which group: Alertmanager's group key does not name the receiver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// As Alertmanager writes it: `{}/{severity="critical"}:{alertname="x"}`.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
}

/// The timer of a group. Its alerts are found by routing them again.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRow {
    /// Which group.
    pub key: GroupKey,
    /// The labels by which it is grouped.
    pub labels: Labels,
    /// When it is looked at next.
    pub next_at: Timestamp,
    /// Whether it was looked at already: then company waits for `group_interval`, not for `group_wait`.
    pub flushed: bool,
    /// Alerts that were told to have ended here, and are still kept for another group; ascending.
    pub left: Vec<Fingerprint>,
}

/// Which integration was told about which group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    /// The group's key, as in [`GroupKey`].
    pub group_key: String,
    /// Whom.
    pub to: IntegrationId,
}

/// The last word to an integration about a group: Alertmanager's notification log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Which integration, which group.
    pub key: LogKey,
    /// What was told to fire; ascending.
    pub firing: Vec<Fingerprint>,
    /// What was told to have ended, as far as the group still knows it; ascending.
    pub resolved: Vec<Fingerprint>,
    /// Told, or perhaps told, to fire before, and muted when the last word was said: when one of them ends, the
    /// receiver is told, once it is not muted any more; ascending.
    pub muted: Vec<Fingerprint>,
    /// When it was taken by the receiver; [`Timestamp::MIN`] when nothing was taken yet.
    pub at: Timestamp,
    /// When it is forgotten, unless alerts that it lists are still there: twice the repeat interval after `at`.
    pub expires_at: Timestamp,
    /// The repeat interval of its route.
    pub repeat_interval: TimeDelta,
}
