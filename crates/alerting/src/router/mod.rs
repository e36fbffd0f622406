//! Alerts in, deliveries out: the routing tree, groups, inhibition, silences, mute times, and what was told already.
//!
//! Contract: Alertmanager's pipeline as a state machine without a clock. Whoever owns a [`Router`] calls in this order:
//! [`put`](Router::put), [`set_silence`](Router::set_silence), [`finished`](Router::finished) … as things happen;
//! [`due`](Router::due) at [`next_due`](Router::next_due) and after every `put`; then
//! [`take_changes`](Router::take_changes) and writes them in one transaction; then hands out the deliveries, and takes
//! back the [withdrawn](Router::take_withdrawn). After a restart: [`restore`](Router::restore), `due`, write, and hand
//! out everything that is [waiting](Router::waiting).
//!
//! Where we do otherwise than Alertmanager, on purpose:
//! - An alert that ends while it is silenced, inhibited or out of hours is told to have ended as soon as it may be told;
//!   Alertmanager forgets it, and the receiver believes for ever that it fires.
//! - While a message waits for a receiver that is down, what changes goes into that message: also an alert that began and
//!   ended meanwhile.
//! - An alert that arrives ended, of which nobody was told, is not told; nor is an end told twice.
//! - An integration with `send_resolved: false` is told when an alert fires anew, also when others fired all the time.

mod decide;
mod flush;
mod inhibition;
mod intervals;
mod persist;
mod routes;
mod rows;
mod sets;
mod silences;
mod state;
mod views;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use lingshao_model::{
    Alert, Delivery, DeliveryId, DeliveryOutcome, Labels, LabelsBuilder, Routing, TimeDelta, Timestamp,
};

pub use rows::{Change, Changes, ForeignRows, GroupKey, GroupRow, LogEntry, LogKey, Saved};
pub use silences::{
    NewSilence, SILENCE_BYTES_MAX, SILENCE_MATCHERS_MAX, SILENCE_PATTERN_BYTES_MAX, SILENCE_RETENTION,
    SILENCES_MAX, Silence, SilenceError, SilenceId, SilenceState,
};
pub use views::{AlertFilter, AlertView, Counts, GroupView};

use inhibition::Inhibition;
use routes::Tree;
use sets::{FingerprintMap, Slab};
use silences::Silences;
use state::{Channel, Dirty, Entry, Group, GroupIndex};

/// Most alerts at once: twice what a storm over every instance of a shop makes, some 200 MB.
pub const ALERTS_MAX: usize = 200_000;

/// Most groups at once: every alert alone in a group.
pub const GROUPS_MAX: usize = 200_000;

/// Most bytes of one alert's labels, annotations and URL: what templates may make of 64 KiB, and no message carries more.
pub const ALERT_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of all alerts: 200,000 of the usual size of one and a quarter kilobytes.
pub const ALERT_BYTES_TOTAL_MAX: usize = 256 << 20;

/// Replaced rows per group and integration whose outcome is still understood: senders bound one attempt to a minute or
/// so, and a group is rarely looked at more often than every few seconds.
const SUPERSEDED_MAX: usize = 8;

/// How often old silences and log entries are looked for (Alertmanager's `--data.maintenance-interval`).
const SWEEP_INTERVAL: TimeDelta = TimeDelta::from_secs(15 * 60);

/// A group is looked at once per instant: config files refuse an interval of zero.
const GROUP_INTERVAL_MIN: TimeDelta = TimeDelta(1);

/// An alert that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAlert {
    /// Which one.
    pub labels: Labels,
    /// Why.
    pub reason: AlertRefusal,
}

/// Why an alert was not taken. Displays without the alert's labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertRefusal {
    /// There are too many.
    #[error("more than {0} alerts at once")]
    TooManyAlerts(usize),
    /// There are too many long ones.
    #[error("more than {0} bytes of alerts at once")]
    TooManyBytes(usize),
    /// Its labels would make one group too many; groups that are there already have it.
    #[error("more than {0} alert groups at once")]
    TooManyGroups(usize),
    /// Its labels, annotations and URL are too long.
    #[error("labels, annotations and generator URL of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// How long.
        bytes: usize,
        /// How long they may be.
        limit: usize,
    },
    /// Nothing tells it from others.
    #[error("at least one label pair required")]
    NoLabels,
    /// It would end before it starts.
    #[error("start time must be before end time")]
    EndBeforeStart,
    /// Another alert's labels have the same 64-bit fingerprint.
    #[error("fingerprint of another alert")]
    Collision,
}

/// The pipeline and its state.
#[derive(Debug)]
pub struct Router {
    tree: Tree,
    inhibition: Inhibition,
    silences: Silences,
    alerts: Slab<Entry>,
    by_fingerprint: FingerprintMap<u32>,
    alert_bytes: usize,
    groups: Slab<Group>,
    group_index: GroupIndex,
    /// When something is to be done for which group.
    timers: BTreeSet<(Timestamp, u32)>,
    channels: Slab<Channel>,
    channel_index: HashMap<Arc<rows::LogKey>, u32>,
    /// Channels of rows that wait, and of rows that were replaced and may still be on their way.
    outbox: HashMap<DeliveryId, u32>,
    withdrawn: Vec<DeliveryId>,
    dirty: Dirty,
    next_sweep: Option<Timestamp>,
    /// The latest `now`.
    seen_at: Timestamp,
    scratch: LabelsBuilder,
}

impl Router {
    /// With nothing in it.
    #[expect(clippy::needless_pass_by_value, reason = "whoever loads a routing shares it")]
    pub fn new(routing: Arc<Routing>) -> Router {
        let tree = Tree::new(&routing);
        Router {
            group_index: tree.nodes.iter().map(|_| HashMap::new()).collect(),
            tree,
            inhibition: Inhibition::new(&routing.inhibit_rules),
            silences: Silences::default(),
            alerts: Slab::default(),
            by_fingerprint: FingerprintMap::default(),
            alert_bytes: 0,
            groups: Slab::default(),
            timers: BTreeSet::new(),
            channels: Slab::default(),
            channel_index: HashMap::new(),
            outbox: HashMap::new(),
            withdrawn: Vec::new(),
            dirty: Dirty::default(),
            next_sweep: None,
            seen_at: Timestamp::MIN,
            scratch: LabelsBuilder::default(),
        }
    }

    /// Takes back what [`take_changes`](Router::take_changes) gave. Nothing of it counts as a change, except what had to
    /// be put right. Only for a new router.
    pub fn restore(&mut self, saved: Saved, now: Timestamp) {
        self.see(now);
        self.read_back(saved, now);
    }

    /// Takes in what fires or has ended, merging with what is known as Alertmanager does. What it cannot take it gives
    /// back by name; the rest is taken.
    pub fn put(&mut self, alerts: Vec<Alert>, now: Timestamp) -> Vec<RefusedAlert> {
        self.see(now);
        let mut refused = Vec::new();
        for alert in alerts {
            let labels = alert.labels.clone();
            if let Err(reason) = self.take_in(alert, now) {
                refused.push(RefusedAlert { labels, reason });
            }
        }
        refused
    }

    /// After a restart: alerts without an end are those of rules, which end by their rule's word only. One that no rule
    /// claims under these labels any more (its labels are made otherwise now) ends here, or it would fire for ever.
    pub fn end_unclaimed(&mut self, claimed: &HashSet<Labels>, now: Timestamp) {
        self.see(now);
        for lost in self.unclaimed(claimed, now) {
            // It was taken once, and its end makes nothing of it larger.
            if let Err(reason) = self.take_in(lost, now) {
                debug_assert!(false, "an alert that was taken once is refused: {reason}");
            }
        }
    }

    /// Makes or changes a silence; `fresh_id` is used when a new one is made, also when an active one is changed in a way
    /// that would rewrite history: then the old one ends now.
    pub fn set_silence(
        &mut self,
        silence: NewSilence,
        fresh_id: SilenceId,
        now: Timestamp,
    ) -> Result<SilenceId, SilenceError> {
        self.see(now);
        self.want_sweep(now);
        self.silences.set(silence, fresh_id, now)
    }

    /// Ends a silence now; one that has ended already stays as it is.
    pub fn expire_silence(&mut self, id: &SilenceId, now: Timestamp) -> Result<(), SilenceError> {
        self.see(now);
        self.silences.expire(id, now)
    }

    /// Looks at every group whose time has come. Every delivery is a new row of the outbox; it replaces the one that
    /// waits for the same group and integration.
    pub fn due(&mut self, now: Timestamp) -> Vec<Delivery> {
        self.see(now);
        let told = self.flush_due(now);
        self.sweep(now);
        told
    }

    /// When [`due`](Router::due) has something to do next.
    pub fn next_due(&self) -> Option<Timestamp> {
        let group = self.timers.first().map(|(at, _)| *at);
        group.into_iter().chain(self.next_sweep).min()
    }

    /// Whether alerts are there that will end by themselves: then the caller's clock should be in
    /// [`Saved::saved_at`] now and then.
    pub fn has_timed_alerts(&self, now: Timestamp) -> bool {
        self.alerts.iter().any(|(_, entry)| entry.alert.ends_at.is_some_and(|ends_at| now < ends_at))
    }

    /// A delivery came to its end. Ids of rows that were replaced or withdrawn meanwhile are known for as long as the
    /// outcome can matter; unknown ones do nothing.
    pub fn finished(&mut self, id: DeliveryId, outcome: &DeliveryOutcome, now: Timestamp) {
        self.see(now);
        self.settle_outcome(id, outcome, now);
    }

    /// Everything that changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        self.collect_changes()
    }

    /// Deliveries that are not to be sent any more, and were not replaced: all their alerts are muted by now, or their
    /// integration is gone. One that is on its way may still be reported as finished.
    pub fn take_withdrawn(&mut self) -> Vec<DeliveryId> {
        std::mem::take(&mut self.withdrawn)
    }

    /// Everything in the outbox, oldest decision first.
    pub fn waiting(&self) -> Vec<Delivery> {
        let mut all: Vec<Delivery> = self.channels.iter().filter_map(|(at, _)| self.delivery(at)).collect();
        all.sort_by_key(|delivery| (delivery.decided_at, delivery.id));
        all
    }

    /// The wall clock jumped back by `-by`: everything of the past and all timers shift, nothing is told again.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        self.shift_clock(by);
    }

    /// Routes every alert anew. Groups keep their log where group key and receiver stay the same; those that were looked
    /// at before are looked at now, so that the change is seen at once, and every `group_interval` from now on.
    #[expect(clippy::needless_pass_by_value, reason = "whoever loads a routing shares it")]
    pub fn reload(&mut self, routing: Arc<Routing>, now: Timestamp) {
        self.see(now);
        self.route_anew(&routing, now);
    }

    /// Takes in what another process on the same state database wrote since the last look; call before `due`.
    pub fn adopt(&mut self, foreign: ForeignRows, now: Timestamp) {
        self.see(now);
        self.adopt_rows(foreign, now);
    }

    fn see(&mut self, now: Timestamp) {
        self.seen_at = self.seen_at.max(now);
    }
}
