//! When and how rows reach `state.db`, what happens while it refuses them, and what other members wrote into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_alerting::router::{Changes, ForeignRows, Router};
use lingshao_alerting::rules::SavedChange;
use lingshao_model::{Delivery, DeliveryId, Timestamp};
use tokio::sync::oneshot;

use super::desk::Desk;
use super::failpoint;
use crate::clock;
use crate::failure::with_causes;
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
    desk: Desk,
    shared: bool,
    member: String,
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
    /// What will come of a commit that nobody waits for any more.
    late_commit: Option<oneshot::Receiver<Committed>>,
    /// What will come of taking the lock, when nobody waits for it any more.
    late_rows: Option<oneshot::Receiver<Shared>>,
}

/// What came of a transaction.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Everything so far is on disk.
    pub(super) durable: bool,
    /// Deliveries of members that are gone, which are ours now.
    pub(super) orphans: Vec<DeliveryId>,
}

/// A batch, and whether it is on disk.
type Committed = (Batch, Result<(), StateError>);

/// What came of taking the lock of a shared file.
struct Shared {
    /// What others wrote.
    foreign: ForeignRows,
    /// Deliveries of members that are gone.
    orphans: Vec<DeliveryId>,
    /// Whether the lock is ours.
    locked: Result<bool, StateError>,
}

impl Journal {
    pub(super) fn new(state: State, telemetry: Arc<AlertmanagerTelemetry>, address: String) -> Journal {
        Journal {
            shared: state.is_shared(),
            member: state.member().to_owned(),
            desk: Desk::new(state),
            batch: Batch::default(),
            telemetry,
            address,
            started_at: clock::now(),
            retry_at: None,
            noted_at: Instant::now(),
            heartbeat_at: None,
            orphans: Vec::new(),
            late_commit: None,
            late_rows: None,
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
        self.batch.add_history(finished, told, &self.member);
    }

    /// The next transaction is the last: it is written even without a row, to note the time, and tried even if the disk
    /// has just refused.
    pub(super) fn finish(&mut self) {
        self.batch.touch();
        self.retry_at = self.retry_at.map(|_| Instant::now());
    }

    /// Whether a row of the outbox is ours to send.
    pub(super) fn is_own(&self, delivery: &Delivery) -> bool {
        self.desk.state().map_or(!self.shared, |state| state.is_own_delivery(delivery.id))
    }

    /// Whether the time should be noted, if there is anything for which it matters.
    pub(super) fn wants_time(&self) -> bool {
        NOTE_CLOCK_EVERY <= self.noted_at.elapsed()
    }

    /// To be written with the next transaction.
    pub(super) fn note_time(&mut self) {
        self.batch.touch();
    }

    /// In a shared file: takes the write lock and what others wrote, so that two members never decide at once.
    /// Answers whether the lock is ours. Without it we decide all the same: better told twice than not at all.
    pub(super) async fn lock(&mut self, router: &mut Router, idle: bool, now: Timestamp) -> bool {
        if !self.is_free(router).await || !self.shared || self.waits() {
            return false;
        }
        let beat = self.heartbeat_at.is_none_or(|at| HEARTBEAT <= at.elapsed());
        let wanted = !idle || beat || !self.batch.is_empty();
        let locked = self.share(router, wanted, beat, now).await;
        if locked && beat {
            self.heartbeat_at = Some(Instant::now());
            self.batch.touch();
        }
        locked
    }

    /// Takes back a file that was away, and what came of that.
    async fn is_free(&mut self, router: &mut Router) -> bool {
        if !self.desk.is_free().await {
            return false;
        }
        if let Some(Ok(shared)) = self.late_rows.take().map(|mut late| late.try_recv()) {
            router.adopt(shared.foreign, clock::now()); // Its lock is gone.
        }
        if let Some(Ok((batch, outcome))) = self.late_commit.take().map(|mut late| late.try_recv()) {
            match outcome {
                Ok(()) if self.batch.is_empty() => self.recovered(),
                Ok(()) => {}
                Err(_) => self.batch.add_older(batch),
            }
        }
        true
    }

    async fn share(&mut self, router: &mut Router, wanted: bool, beat: bool, now: Timestamp) -> bool {
        let (give, mut taken) = oneshot::channel();
        let (address, started_at) = (self.address.clone(), self.started_at);
        let work = async move |mut state: State| {
            let heartbeat = beat.then_some((address.as_str(), started_at));
            let shared = share(&mut state, wanted, heartbeat, now).await;
            drop(give.send(shared)); // Whoever waits no more looks at it later.
            state
        };
        self.desk.lend(work).await;
        let Ok(shared) = taken.try_recv() else {
            self.late_rows = Some(taken);
            self.hung();
            return false;
        };
        router.adopt(shared.foreign, now);
        self.orphans = shared.orphans;
        shared.locked.unwrap_or_else(|error| {
            self.failed(&error);
            false
        })
    }

    async fn unlock(&mut self) {
        self.desk
            .lend(async |mut state: State| {
                state.roll_back().await;
                state
            })
            .await;
    }

    /// What others wrote, for somebody who only looks.
    pub(super) async fn refresh(&mut self, router: &mut Router) {
        let asks = self.is_free(router).await && self.shared && !self.waits();
        if asks && self.share(router, false, false, clock::now()).await {
            self.unlock().await;
        }
    }

    /// One transaction with everything that waits; `locked` is what [`Journal::lock`] gave.
    pub(super) async fn write(&mut self, locked: bool, now: Timestamp, has_results: bool) -> Written {
        let orphans = std::mem::take(&mut self.orphans);
        if self.batch.is_empty() {
            if locked {
                self.unlock().await;
            }
            return Written { durable: self.late_commit.is_none(), orphans: Vec::new() };
        }
        if self.waits() || self.desk.state().is_none() {
            return Written::default();
        }
        failpoint::pass(if has_results { "before-result-commit" } else { "before-commit" });
        let began = Instant::now();
        if !self.commit(locked, now).await {
            return Written::default();
        }
        failpoint::pass(if has_results { "after-result-commit" } else { "after-commit" });
        self.telemetry.commits.observe(began.elapsed());
        self.noted_at = Instant::now();
        self.recovered();
        Written { durable: true, orphans }
    }

    async fn commit(&mut self, locked: bool, now: Timestamp) -> bool {
        let batch = std::mem::take(&mut self.batch);
        let (give, mut taken) = oneshot::channel();
        let work = async move |mut state: State| {
            let begun = if locked { Ok(()) } else { state.begin().await };
            let outcome = match begun {
                Ok(()) => state.commit(&batch, now).await,
                Err(error) => Err(error),
            };
            drop(give.send((batch, outcome))); // Whoever waits no more looks at it later.
            state
        };
        self.desk.lend(work).await;
        match taken.try_recv() {
            Ok((_, Ok(()))) => true,
            Ok((batch, Err(error))) => {
                self.batch = batch;
                self.failed(&error);
                false
            }
            Err(_) => {
                self.late_commit = Some(taken);
                self.hung();
                false
            }
        }
    }

    /// Whether the disk has just refused.
    fn waits(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }

    fn failed(&mut self, error: &StateError) {
        self.cannot_write(&with_causes(error));
    }

    fn hung(&mut self) {
        self.cannot_write("the disk does not answer");
    }

    fn cannot_write(&mut self, error: &str) {
        self.telemetry.commits_failed.add(1);
        self.telemetry.state_failed.set(Some(error.to_owned()));
        if self.retry_at.replace(Instant::now() + RETRY_AFTER).is_none() {
            tracing::error!(%error, "state.db cannot be written; people are told all the same, and it is tried again");
        }
    }

    fn recovered(&mut self) {
        if self.retry_at.take().is_some() {
            self.telemetry.state_failed.set(None);
            tracing::info!("state.db can be written again, and everything is in it");
        }
    }

    /// The last deliveries, newest first.
    pub(super) async fn history(&mut self, rows_max: u32) -> Result<Vec<String>, StateError> {
        let (give, mut taken) = oneshot::channel();
        let work = async move |mut state: State| {
            drop(give.send(state.history(rows_max).await)); // Nobody may want it any more.
            state
        };
        self.desk.is_free().await;
        self.desk.lend(work).await;
        taken.try_recv().unwrap_or(Err(StateError::Hangs))
    }

    /// Who shares the file, ourselves among them.
    pub(super) async fn members(&mut self) -> Vec<Member> {
        let address = self.address.clone();
        if !self.shared {
            return vec![Member { name: address.clone(), address }];
        }
        let (give, mut taken) = oneshot::channel();
        let work = async move |mut state: State| {
            drop(give.send(state.members(clock::now()).await)); // Nobody may want it any more.
            state
        };
        self.desk.is_free().await;
        self.desk.lend(work).await;
        let mut members = taken.try_recv().ok().and_then(Result::ok).unwrap_or_default();
        if !members.iter().any(|member| member.name == self.member) {
            members.push(Member { name: self.member.clone(), address });
        }
        members
    }

    /// Writes what a disk that hung has kept back, leaves the other members, and closes the file.
    pub(super) async fn end(mut self, router: &mut Router) {
        self.desk.wait().await;
        if self.is_free(router).await && !self.batch.is_empty() {
            self.write(false, clock::now(), false).await;
        }
        let Some(mut state) = self.desk.take().await else { return };
        if state.is_shared() {
            let left = async {
                state.begin().await?;
                state.leave().await?;
                state.commit(&Batch::default(), clock::now()).await
            };
            if let Err(error) = left.await {
                tracing::debug!(%error, "the other members will notice that we have gone");
            }
        }
        if let Err(error) = state.close().await {
            tracing::warn!(%error, "state.db was not closed in order; what was committed is in it");
        }
    }
}

/// Takes the lock if that is wanted or others have written, and what they wrote; with a heartbeat also what dead members
/// had to send.
async fn share(
    state: &mut State,
    wanted: bool,
    heartbeat: Option<(&str, Timestamp)>,
    now: Timestamp,
) -> Shared {
    let mut shared = Shared { foreign: ForeignRows::default(), orphans: Vec::new(), locked: Ok(false) };
    if !state.others_wrote().await.unwrap_or(true) && !wanted {
        return shared;
    }
    let locked = async {
        state.begin().await?;
        if state.others_wrote().await? {
            shared.foreign = state.foreign().await?;
        }
        if let Some((address, started_at)) = heartbeat {
            state.heartbeat(address, started_at, now).await?;
            shared.orphans = state.take_over(now).await?;
        }
        Ok(true)
    };
    shared.locked = locked.await;
    if shared.locked.is_err() {
        state.roll_back().await;
    }
    shared
}
