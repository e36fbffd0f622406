//! When and how rows reach `state.db`, what happens while it refuses them, and what other members wrote into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_alerting::router::{Changes, Router};
use lingshao_alerting::rules::SavedChange;
use lingshao_model::{Delivery, DeliveryId, Timestamp};

use super::failpoint;
use crate::clock;
use crate::notify::Finished;
use crate::state::{Batch, HEARTBEAT, Member, State, StateError, Told};
use crate::telemetry::alertmanager::AlertmanagerTelemetry;

/// How often the wall clock is noted in `state.db` while alerts are there that end by themselves: by that much their
/// end may be late after a crash.
const NOTE_CLOCK_EVERY: Duration = Duration::from_secs(30);
/// After a failed transaction the next one waits so long, so that alerts do not wait for a disk that hangs.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The open file, and what is not in it yet.
pub(super) struct Journal {
    state: State,
    batch: Batch,
    telemetry: Arc<AlertmanagerTelemetry>,
    address: String,
    started_at: Timestamp,
    /// Since the disk refuses: when it is tried next.
    retry_at: Option<Instant>,
    noted_at: Instant,
    heartbeat_at: Option<Instant>,
    /// Deliveries of members that are gone, taken over in the transaction under way.
    orphans: Vec<DeliveryId>,
}

/// What came of a transaction.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Everything so far is on disk.
    pub(super) durable: bool,
    /// Deliveries of members that are gone, which are ours now.
    pub(super) orphans: Vec<DeliveryId>,
}

impl Journal {
    pub(super) fn new(state: State, telemetry: Arc<AlertmanagerTelemetry>, address: String) -> Journal {
        Journal {
            state,
            batch: Batch::default(),
            telemetry,
            address,
            started_at: clock::now(),
            retry_at: None,
            noted_at: Instant::now(),
            heartbeat_at: None,
            orphans: Vec::new(),
        }
    }

    /// To be written with the next transaction.
    pub(super) fn add_rule_alerts(&mut self, changes: &[SavedChange]) {
        self.batch.add_rule_alerts(changes);
    }

    /// To be written with the next transaction.
    pub(super) fn add_changes(&mut self, changes: &Changes) {
        self.batch.add_changes(changes);
    }

    /// To be written with the next transaction.
    pub(super) fn add_history(&mut self, finished: &Finished, told: Option<&Told>) {
        self.batch.add_history(finished, told, self.state.member());
    }

    /// The next transaction is written even without a row, to note the time.
    pub(super) fn touch(&mut self) {
        self.batch.touch();
    }

    /// Whether a row of the outbox is ours to send.
    pub(super) fn is_own(&self, delivery: &Delivery) -> bool {
        self.state.is_own_delivery(delivery.id)
    }

    /// In a shared file: takes the write lock and what others wrote, so that two members never decide at once.
    /// Answers whether the lock is ours. Without it we decide all the same: better told twice than not at all.
    pub(super) async fn lock(&mut self, router: &mut Router, idle: bool, now: Timestamp) -> bool {
        if !self.state.is_shared() || self.waits() {
            return false;
        }
        let beat = self.heartbeat_at.is_none_or(|at| HEARTBEAT <= at.elapsed());
        let others_wrote = self.state.others_wrote().await.unwrap_or(true);
        if idle && !beat && !others_wrote && self.batch.is_empty() {
            return false;
        }
        match self.share(router, beat, now).await {
            Ok(()) => true,
            Err(error) => {
                self.failed(&error);
                self.state.roll_back().await;
                false
            }
        }
    }

    async fn share(&mut self, router: &mut Router, beat: bool, now: Timestamp) -> Result<(), StateError> {
        self.state.begin().await?;
        if self.state.others_wrote().await? {
            router.adopt(self.state.foreign().await?, now);
        }
        if beat {
            self.state.heartbeat(&self.address, self.started_at, now).await?;
            self.heartbeat_at = Some(Instant::now());
            self.batch.touch();
            self.orphans = self.state.take_over(now).await?;
        }
        Ok(())
    }

    /// What others wrote, for somebody who only looks.
    pub(super) async fn refresh(&mut self, router: &mut Router) {
        if !self.state.is_shared() || self.waits() || !self.state.others_wrote().await.unwrap_or(true) {
            return;
        }
        let read = match self.state.begin().await {
            Ok(()) => self.state.foreign().await,
            Err(error) => Err(error),
        };
        self.state.roll_back().await;
        match read {
            Ok(foreign) => router.adopt(foreign, clock::now()),
            Err(error) => self.failed(&error),
        }
    }

    /// One transaction with everything that waits; `locked` is what [`Journal::lock`] gave.
    pub(super) async fn write(
        &mut self,
        locked: bool,
        now: Timestamp,
        has_results: bool,
        notes: bool,
    ) -> Written {
        if notes && NOTE_CLOCK_EVERY <= self.noted_at.elapsed() {
            self.batch.touch();
        }
        let orphans = std::mem::take(&mut self.orphans);
        if self.batch.is_empty() {
            if locked {
                self.state.roll_back().await;
            }
            return Written { durable: true, orphans: Vec::new() };
        }
        if self.waits() {
            return Written::default();
        }
        failpoint::pass(if has_results { "before-result-commit" } else { "before-commit" });
        let began = Instant::now();
        let committed = self.commit(locked, now).await;
        if let Err(error) = &committed {
            self.failed(error);
            return Written::default();
        }
        failpoint::pass(if has_results { "after-result-commit" } else { "after-commit" });
        self.telemetry.commits.observe(began.elapsed());
        self.noted_at = Instant::now();
        self.batch.clear();
        if self.retry_at.take().is_some() {
            self.telemetry.state_failed.set(0.0);
            tracing::info!("state.db can be written again, and everything is in it");
        }
        Written { durable: true, orphans }
    }

    async fn commit(&mut self, locked: bool, now: Timestamp) -> Result<(), StateError> {
        if !locked {
            self.state.begin().await?;
        }
        self.state.commit(&self.batch, now).await
    }

    /// Whether the disk has just refused.
    fn waits(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }

    fn failed(&mut self, error: &StateError) {
        self.telemetry.commits_failed.add(1);
        self.telemetry.state_failed.set(1.0);
        if self.retry_at.replace(Instant::now() + RETRY_AFTER).is_none() {
            let error = with_causes(error);
            tracing::error!(%error, "state.db cannot be written; people are told all the same, and it is tried again");
        }
    }

    /// The last deliveries, newest first.
    pub(super) async fn history(&mut self, rows_max: u32) -> Result<Vec<String>, StateError> {
        self.state.history(rows_max).await
    }

    /// Who shares the file, ourselves among them.
    pub(super) async fn members(&mut self) -> Vec<Member> {
        let address = self.address.clone();
        if !self.state.is_shared() {
            return vec![Member { name: address.clone(), address }];
        }
        let mut members = self.state.members(clock::now()).await.unwrap_or_default();
        if !members.iter().any(|member| member.name == self.state.member()) {
            members.push(Member { name: self.state.member().to_owned(), address });
        }
        members
    }

    /// Leaves the other members, and closes the file.
    pub(super) async fn end(mut self) {
        if self.state.is_shared() {
            let left = async {
                self.state.begin().await?;
                self.state.leave().await?;
                self.state.commit(&Batch::default(), clock::now()).await
            };
            if let Err(error) = left.await {
                tracing::debug!(%error, "the other members will notice that we have gone");
            }
        }
        if let Err(error) = self.state.close().await {
            tracing::warn!(%error, "state.db was not closed in order; what was committed is in it");
        }
    }
}

/// An error with its causes on one line.
fn with_causes(error: &StateError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
