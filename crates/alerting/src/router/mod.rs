//! Alerts in, deliveries out: the routing tree, groups, inhibition, silences, mute times, and what was told already.
//!
//! Contract: Alertmanager's pipeline as a state machine without a clock. Whoever owns a [`Router`] calls in this order:
//! [`put`](Router::put), [`set_silence`](Router::set_silence), [`finished`](Router::finished) … as things happen;
//! [`due`](Router::due) at [`next_due`](Router::next_due) and after every `put`; then [`take_changes`](Router::take_changes)
//! and writes them in one transaction; then hands out the deliveries, and takes back the
//! [withdrawn](Router::take_withdrawn). After a restart: [`restore`](Router::restore), `due`, write, and hand out
//! everything that is [waiting](Router::waiting).

mod rows;
mod silences;
mod views;

use std::sync::Arc;

use lingshao_model::{Alert, Delivery, DeliveryId, DeliveryOutcome, Labels, Routing, TimeDelta, Timestamp};

pub use rows::{Change, Changes, ForeignRows, GroupKey, GroupRow, LogEntry, LogKey, Saved};
pub use silences::{NewSilence, SILENCE_RETENTION, Silence, SilenceError, SilenceId, SilenceState};
pub use views::{AlertFilter, AlertView, Counts, GroupView};

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
    /// Its labels would make one group too many, and it is in no other.
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
    routing: Arc<Routing>,
}

impl Router {
    /// With nothing in it.
    pub fn new(routing: Arc<Routing>) -> Router {
        Router { routing }
    }

    /// Takes back what [`take_changes`](Router::take_changes) gave. Nothing of it counts as a change, except what had to
    /// be put right. Only for a new router.
    pub fn restore(&mut self, saved: Saved, now: Timestamp) {
        drop((saved, now));
    }

    /// Takes in what fires or has ended, merging with what is known as Alertmanager does. What it cannot take it gives
    /// back by name; the rest is taken.
    pub fn put(&mut self, alerts: Vec<Alert>, now: Timestamp) -> Vec<RefusedAlert> {
        drop((alerts, now));
        Vec::new()
    }

    /// Makes or changes a silence; `fresh_id` is used when a new one is made, also when an active one is changed in a way
    /// that would rewrite history: then the old one ends now.
    pub fn set_silence(
        &mut self,
        silence: NewSilence,
        fresh_id: SilenceId,
        now: Timestamp,
    ) -> Result<SilenceId, SilenceError> {
        drop((silence, fresh_id, now));
        Err(SilenceError::NotFound)
    }

    /// Ends a silence now; one that has ended already stays as it is.
    pub fn expire_silence(&mut self, id: &SilenceId, now: Timestamp) -> Result<(), SilenceError> {
        let _ = (id, now);
        Err(SilenceError::NotFound)
    }

    /// Looks at every group whose time has come. Every delivery is a new row of the outbox; it replaces the one that waits
    /// for the same group and integration.
    pub fn due(&mut self, now: Timestamp) -> Vec<Delivery> {
        let _ = now;
        Vec::new()
    }

    /// When [`due`](Router::due) has something to do next.
    pub fn next_due(&self) -> Option<Timestamp> {
        None
    }

    /// A delivery came to its end. Ids of rows that were replaced or withdrawn meanwhile are known for as long as the
    /// outcome can matter; unknown ones do nothing.
    pub fn finished(&mut self, id: DeliveryId, outcome: &DeliveryOutcome, now: Timestamp) {
        let _ = (id, outcome, now);
    }

    /// Everything that changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        Changes::default()
    }

    /// Deliveries that are not to be sent any more, and were not replaced: all their alerts are muted by now, or their
    /// integration is gone. One that is on its way may still be reported as finished.
    pub fn take_withdrawn(&mut self) -> Vec<DeliveryId> {
        Vec::new()
    }

    /// Everything in the outbox, oldest decision first.
    pub fn waiting(&self) -> Vec<Delivery> {
        Vec::new()
    }

    /// The wall clock jumped back by `-by`: everything of the past and all timers shift, nothing is told again.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        let _ = by;
    }

    /// Routes every alert anew. Groups keep their timers and their log where group key and receiver stay the same.
    pub fn reload(&mut self, routing: Arc<Routing>, now: Timestamp) {
        let _ = now;
        self.routing = routing;
    }

    /// Takes in what another process on the same state database wrote since the last look; call before `due`.
    pub fn adopt(&mut self, foreign: ForeignRows, now: Timestamp) {
        drop((foreign, now));
    }

    /// Alerts that have not ended, by fingerprint.
    pub fn alerts(&mut self, filter: &AlertFilter, now: Timestamp) -> Vec<AlertView> {
        let _ = (filter, now);
        Vec::new()
    }

    /// Groups with alerts that have not ended, sorted by labels, then receiver.
    pub fn groups(&mut self, filter: &AlertFilter, now: Timestamp) -> Vec<GroupView> {
        let _ = (filter, now);
        Vec::new()
    }

    /// All silences: active ones by their end, pending ones by their start, expired ones by their end, last first.
    pub fn silences(&self, now: Timestamp) -> Vec<Arc<Silence>> {
        let _ = now;
        Vec::new()
    }

    /// One silence.
    pub fn silence(&self, id: &SilenceId) -> Option<Arc<Silence>> {
        let _ = id;
        None
    }

    /// How many there are of everything.
    pub fn counts(&mut self, now: Timestamp) -> Counts {
        let _ = now;
        Counts::default()
    }
}
