//! A group's own task: waits for its slot, evaluates, tells.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lingshao_model::{Cancel, TimeDelta, Timestamp};
use rapidhash::v3::rapidhash_v3;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::group::{Group, RoundFigures, lock, run_round};
use super::manager::{GroupId, Shared};
use super::store::Metrics;
use crate::clock::now;
use crate::scrape::slots::Slots;

/// Longest round; what is not done by then is cancelled. Prometheus gives each query as long.
const ROUND_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest sleep, after which the clock is looked at again: it may have been set.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// A group, and how to reach its task.
#[derive(Debug)]
pub(super) struct GroupCell {
    id: GroupId,
    pub(super) group: Mutex<Group>,
    changed: Notify,
    wish: AtomicU8,
    /// Of the round under way.
    cancel: Mutex<Cancel>,
}

/// What becomes of the task.
const GO_ON: u8 = 0;
const RETIRE: u8 = 1;
const STOP: u8 = 2;

impl GroupCell {
    pub(super) fn new(id: GroupId, group: Group) -> GroupCell {
        GroupCell {
            id,
            group: Mutex::new(group),
            changed: Notify::new(),
            wish: AtomicU8::new(GO_ON),
            cancel: Mutex::default(),
        }
    }

    /// There is something to tell, or another interval.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// The group is gone: its task tells that, ends its series, and ends.
    pub(super) fn retire(&self) {
        self.end(RETIRE);
    }

    /// The process stops.
    pub(super) fn stop(&self) {
        self.end(STOP);
    }

    fn end(&self, wish: u8) {
        self.wish.store(wish, Ordering::Release);
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        self.changed.notify_one();
    }

    fn wish(&self) -> u8 {
        self.wish.load(Ordering::Acquire)
    }

    /// The group's slots: spread by file and name, and by nothing else, so that they survive restarts and reloads.
    fn slots(&self) -> Slots {
        let hash = rapidhash_v3(format!("{}\0{}", self.id.0, self.id.1).as_bytes());
        Slots::new(lock(&self.group).interval(), hash)
    }

    pub(super) async fn run(self: Arc<GroupCell>, shared: Arc<Shared>) {
        let mut slots = self.slots();
        let mut next = slots.after(now());
        while self.wish() == GO_ON {
            self.tell(&shared).await;
            if slots != self.slots() {
                slots = self.slots();
                next = slots.after(now());
            }
            let wait = next - now();
            if wait > lock(&self.group).interval() {
                next = slots.after(now()); // The clock was set back.
            } else if wait > TimeDelta::ZERO {
                let wait = Duration::from_millis(wait.0.unsigned_abs()).min(SLEEP_MAX);
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.changed.notified() => {}
                }
            } else {
                next = self.due(next, &shared).await;
            }
        }
        if self.wish() == RETIRE {
            self.leave(&shared).await;
        }
    }

    /// Evaluates the last slot that has come; answers the next one.
    async fn due(self: &Arc<GroupCell>, slot: Timestamp, shared: &Arc<Shared>) -> Timestamp {
        let Ok(_turn) = shared.turns.acquire().await else { return slot };
        let interval = lock(&self.group).interval();
        let missed = ((now() - slot).0 / interval.0).max(0);
        let at = slot + TimeDelta(missed * interval.0);
        let figures = self.round(at, shared).await;
        shared.telemetry.round(&self.id.0, &self.id.1, missed.unsigned_abs(), now(), &figures);
        at + interval
    }

    async fn round(self: &Arc<GroupCell>, at: Timestamp, shared: &Arc<Shared>) -> RoundFigures {
        let cancel = Cancel::default();
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = cancel.clone();
        if self.wish() != GO_ON {
            return RoundFigures::default(); // It may have been said before the new flag was there.
        }
        let (cell, db, round_cancel) = (Arc::clone(self), Arc::clone(&shared.db), cancel.clone());
        let mut job =
            spawn_blocking(move || run_round(&cell.group, at, &mut Metrics::new(&db), &round_cancel));
        let outcome = match timeout(ROUND_TIMEOUT, &mut job).await {
            Ok(outcome) => outcome,
            Err(_) => {
                cancel.cancel();
                job.await
            }
        };
        outcome.unwrap_or_else(|error| {
            let (file, group) = &self.id;
            tracing::error!(%file, %group, %error, "evaluating a rule group panicked");
            RoundFigures::default()
        })
    }

    async fn tell(&self, shared: &Shared) {
        let report = lock(&self.group).take_outbox();
        if !report.alerts.is_empty() || !report.changes.is_empty() {
            (shared.tell)(report).await;
        }
    }

    /// Its series end after two intervals, when a rule that took one over under another name has had its round.
    async fn leave(&self, shared: &Arc<Shared>) {
        self.tell(shared).await;
        let at = now();
        let (abandoned, interval) = {
            let mut group = lock(&self.group);
            (group.take_abandoned(), group.interval())
        };
        if abandoned.is_empty() {
            return;
        }
        let wait = sleep(Duration::from_millis(interval.0.unsigned_abs().saturating_mul(2)));
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                () = self.changed.notified() => if self.wish() == STOP { return },
            }
        }
        let shared = Arc::clone(shared);
        if spawn_blocking(move || shared.end_abandoned(&abandoned, at)).await.is_err() {
            tracing::error!("ending the series of a removed rule group panicked");
        }
    }
}
