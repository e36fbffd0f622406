//! The loop: what happened and what is due become one transaction, then messages on their way.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_alerting::router::{Change, Changes, RefusedAlert, Router, SilenceId};
use lingshao_alerting::rules::SavedAlert;
use lingshao_model::{Delivery, DeliveryId, Routing, TimeDelta, Timestamp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::clock::StepWatch;
use super::failpoint;
use super::handle::{AlertsHandle, Event, Look, NotDurable, Queues, SilenceRefusal, queues};
use crate::clock;
use crate::notify::Finished;
use crate::state::{Batch, HEARTBEAT, LOCAL, Member, State, StateError, Told};
use crate::telemetry::alertmanager::AlertmanagerTelemetry;

/// Events that one transaction takes: the disk's sync is shared by all who wait for it.
const EVENTS_PER_ROUND_MAX: usize = 64;
/// The longest sleep: how soon a step of the clock, rows of another member and a disk that works again are noticed.
const NAP_MAX: Duration = Duration::from_secs(1);
/// How often the wall clock is noted in `state.db` while alerts are there that end by themselves: by that much their
/// end may be late after a crash.
const NOTE_CLOCK_EVERY: Duration = Duration::from_secs(30);
/// How often the figures are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Deliveries that are known besides those in the outbox: replaced ones whose message is still on its way.
const TOLD_SURPLUS_MAX: usize = 10_000;
/// For the last transaction at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom the owner tells; none of them may wait.
pub(crate) struct Hooks {
    /// To be sent, each in place of a waiting one of its group and integration.
    pub(crate) enqueue: Box<dyn Fn(Vec<Delivery>) + Send + Sync>,
    /// Not to be sent any more.
    pub(crate) withdraw: Box<dyn Fn(Vec<DeliveryId>) + Send + Sync>,
}

/// Everything restored, and nothing told yet.
pub(crate) struct Owner {
    router: Router,
    state: State,
    queues: Queues,
    telemetry: Arc<AlertmanagerTelemetry>,
    watch: StepWatch,
    /// What is not in the file yet.
    batch: Batch,
    /// What the deliveries in the outbox are about.
    told: HashMap<DeliveryId, Told>,
    /// How many of them there may be before those that wait no more are forgotten.
    told_max: usize,
    failing: bool,
    started_at: Timestamp,
    address: String,
    heartbeat_at: Option<Instant>,
    noted_at: Instant,
    counted_at: Option<Instant>,
}

/// The owner at work.
#[derive(Debug)]
pub(crate) struct Running {
    handle: AlertsHandle,
    task: JoinHandle<()>,
}

/// Who is told when a round is committed.
#[derive(Default)]
struct Answers {
    done: Vec<oneshot::Sender<()>>,
    posts: Vec<(oneshot::Sender<Result<Vec<RefusedAlert>, NotDurable>>, Vec<RefusedAlert>)>,
    silences: Vec<(oneshot::Sender<Result<SilenceId, SilenceRefusal>>, SilenceId)>,
    expired: Vec<oneshot::Sender<Result<(), SilenceRefusal>>>,
    has_results: bool,
}

impl Owner {
    /// Reads everything back. The alerts of rules are for the rules.
    pub(crate) async fn restore(
        mut state: State,
        routing: Arc<Routing>,
        address: String,
        telemetry: Arc<AlertmanagerTelemetry>,
    ) -> Result<(AlertsHandle, Owner, Vec<SavedAlert>), StateError> {
        let loaded = state.load().await?;
        for row in &loaded.unreadable {
            tracing::error!(%row, "a row of state.db cannot be read and is skipped");
        }
        let now = clock::now();
        let set_back = loaded.saved_at.map(|at| TimeDelta(now.0.saturating_sub(at.0))).filter(|by| by.0 < 0);
        let told: HashMap<_, _> =
            loaded.router.outbox.iter().map(|delivery| (delivery.id, Told::of(delivery))).collect();
        let mut router = Router::new(routing);
        router.restore(loaded.router, loaded.saved_at.map_or(now, |at| at.max(now)));
        if let Some(by) = set_back {
            tracing::warn!(%by, "the wall clock stands before the time at which state.db was last written");
            router.clock_moved(by);
        }
        let (handle, queues) = queues();
        let owner = Owner {
            router,
            state,
            queues,
            telemetry,
            watch: StepWatch::new(now, Instant::now()),
            batch: Batch::default(),
            told_max: told.len() + TOLD_SURPLUS_MAX,
            told,
            failing: false,
            started_at: now,
            address,
            heartbeat_at: None,
            noted_at: Instant::now(),
            counted_at: None,
        };
        Ok((handle, owner, loaded.rule_alerts))
    }

    /// Begins: first what was waiting when the last life ended.
    pub(crate) fn start(self, handle: AlertsHandle, hooks: Hooks) -> Running {
        Running { handle, task: tokio::spawn(self.run(hooks)) }
    }

    async fn run(mut self, hooks: Hooks) {
        self.round(Vec::new(), &hooks).await;
        let state = &self.state;
        let own = |delivery: &Delivery| state.is_own_delivery(delivery.id);
        (hooks.enqueue)(self.router.waiting().into_iter().filter(own).collect());
        loop {
            let events = self.wait().await;
            let stops = events.iter().any(|event| matches!(event, Event::Stop));
            self.round(events, &hooks).await;
            if stops {
                break;
            }
            if let Ok(look) = self.queues.looks.try_recv() {
                self.look(look).await;
            }
        }
        self.end().await;
    }

    /// The next events, or none when something is due.
    async fn wait(&mut self) -> Vec<Event> {
        loop {
            let nap = self.nap();
            tokio::select! {
                biased;
                event = self.queues.events.recv() => {
                    // The last handle is gone: the end.
                    let mut events = vec![event.unwrap_or(Event::Stop)];
                    while events.len() < EVENTS_PER_ROUND_MAX
                        && let Ok(event) = self.queues.events.try_recv()
                    {
                        events.push(event);
                    }
                    return events;
                }
                () = sleep(nap) => return Vec::new(),
                Some(look) = self.queues.looks.recv() => self.look(look).await,
            }
        }
    }

    /// Until something is due, at most [`NAP_MAX`].
    fn nap(&self) -> Duration {
        let Some(due) = self.router.next_due() else { return NAP_MAX };
        let millis = due.0.saturating_sub(clock::now().0).max(0);
        Duration::from_millis(millis.unsigned_abs()).min(NAP_MAX)
    }

    async fn round(&mut self, events: Vec<Event>, hooks: &Hooks) {
        let now = self.now();
        let mut answers = Answers::default();
        let idle = events.is_empty() && self.router.next_due().is_none_or(|due| now < due);
        let locked = self.lock(idle, now, hooks).await;
        self.take(events, now, &mut answers);
        let deliveries = self.router.due(now);
        let withdrawn = self.router.take_withdrawn();
        let changes = self.router.take_changes();
        self.note(&changes);
        self.batch.add_changes(&changes);
        let durable = self.write(locked, now, answers.has_results).await;
        if !withdrawn.is_empty() {
            (hooks.withdraw)(withdrawn);
        }
        if !deliveries.is_empty() {
            (hooks.enqueue)(deliveries);
            failpoint::pass("after-enqueue");
        }
        answers.give(durable);
        self.count(now);
    }

    /// The time, and what follows when it went backwards.
    fn now(&mut self) -> Timestamp {
        let now = clock::now();
        if let Some(by) = self.watch.step_back(now, Instant::now()) {
            tracing::warn!(%by, "the wall clock was set back; what is timed moves with it");
            self.telemetry.clock_steps.add(1);
            self.router.clock_moved(by);
        }
        now
    }

    /// In a shared file: takes the write lock and what others wrote, so that two members never decide at once.
    /// Without the lock we decide all the same: better told twice than not at all.
    async fn lock(&mut self, idle: bool, now: Timestamp, hooks: &Hooks) -> bool {
        if !self.state.is_shared() {
            return false;
        }
        let beat = self.heartbeat_at.is_none_or(|at| HEARTBEAT <= at.elapsed());
        let others_wrote = self.state.others_wrote().await.unwrap_or(true);
        if idle && !beat && !others_wrote && self.batch.is_empty() {
            return false;
        }
        match self.share(beat, now, hooks).await {
            Ok(()) => true,
            Err(error) => {
                self.failed(&error);
                self.state.roll_back().await;
                false
            }
        }
    }

    async fn share(&mut self, beat: bool, now: Timestamp, hooks: &Hooks) -> Result<(), StateError> {
        self.state.begin().await?;
        if self.state.others_wrote().await? {
            let foreign = self.state.foreign().await?;
            self.router.adopt(foreign, now);
        }
        if beat {
            self.state.heartbeat(&self.address, self.started_at, now).await?;
            self.heartbeat_at = Some(Instant::now());
            self.batch.touch();
            let orphans = self.state.take_over(now).await?;
            if !orphans.is_empty() {
                tracing::warn!(
                    deliveries = orphans.len(),
                    "taking over what a member that is gone had to send"
                );
                let waiting = self.router.waiting().into_iter();
                (hooks.enqueue)(waiting.filter(|delivery| orphans.contains(&delivery.id)).collect());
            }
        }
        Ok(())
    }

    /// What happened.
    fn take(&mut self, events: Vec<Event>, now: Timestamp, answers: &mut Answers) {
        for event in events {
            match event {
                Event::Report { report, done } => {
                    self.batch.add_rule_alerts(&report.changes);
                    let refused = self.router.put(report.alerts, now);
                    self.refuse(&refused);
                    answers.done.push(done);
                }
                Event::Post { alerts, done } => {
                    let refused = self.router.put(alerts, now);
                    self.refuse(&refused);
                    // An alert that is said again may change no row; its sender waits for the round all the same.
                    answers.posts.push((done, refused));
                }
                Event::SetSilence { silence, fresh_id, done } => {
                    match self.router.set_silence(silence, fresh_id, now) {
                        Ok(id) => answers.silences.push((done, id)),
                        Err(error) => drop(done.send(Err(SilenceRefusal::Refused(error)))),
                    }
                }
                Event::ExpireSilence { id, done } => match self.router.expire_silence(&id, now) {
                    Ok(()) => answers.expired.push(done),
                    Err(error) => drop(done.send(Err(SilenceRefusal::Refused(error)))),
                },
                Event::Finished { finished, done } => {
                    self.finish(&finished, now);
                    answers.has_results = true;
                    answers.done.push(done);
                }
                Event::Reload { routing, done } => {
                    self.router.reload(routing, now);
                    answers.done.push(done);
                }
                Event::Stop => self.batch.touch(),
            }
        }
    }

    fn finish(&mut self, finished: &[Finished], now: Timestamp) {
        for one in finished {
            let told = self.told.remove(&one.id);
            self.batch.add_history(one, told.as_ref(), self.state.member());
            self.router.finished(one.id, &one.outcome, now);
        }
    }

    fn refuse(&self, refused: &[RefusedAlert]) {
        self.telemetry.refused.add(refused.len() as u64);
        if let Some(RefusedAlert { labels, reason }) = refused.first() {
            tracing::error!(count = refused.len(), first = %labels, %reason, "alerts refused");
        }
    }

    /// Remembers what is on its way, for the history.
    fn note(&mut self, changes: &Changes) {
        for change in &changes.outbox {
            if let Change::Put(delivery) = change {
                self.told.insert(delivery.id, Told::of(delivery));
            }
        }
        if self.told_max < self.told.len() {
            let waiting: HashSet<_> = self.router.waiting().into_iter().map(|delivery| delivery.id).collect();
            self.told.retain(|id, _| waiting.contains(id));
            self.told_max = self.told.len() + TOLD_SURPLUS_MAX;
        }
    }

    /// Whether everything so far is on disk.
    async fn write(&mut self, locked: bool, now: Timestamp, has_results: bool) -> bool {
        if NOTE_CLOCK_EVERY <= self.noted_at.elapsed() && self.router.next_due().is_some() {
            self.batch.touch();
        }
        if self.batch.is_empty() {
            if locked {
                self.state.roll_back().await;
            }
            return true;
        }
        failpoint::pass(if has_results { "before-result-commit" } else { "before-commit" });
        let began = Instant::now();
        match self.commit(locked, now).await {
            Ok(()) => {
                failpoint::pass(if has_results { "after-result-commit" } else { "after-commit" });
                self.telemetry.commits.observe(began.elapsed());
                self.noted_at = Instant::now();
                self.batch.clear();
                if std::mem::take(&mut self.failing) {
                    self.telemetry.state_failed.set(0.0);
                    tracing::info!("state.db can be written again, and everything is in it");
                }
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    async fn commit(&mut self, locked: bool, now: Timestamp) -> Result<(), StateError> {
        if !locked {
            self.state.begin().await?;
        }
        self.state.commit(&self.batch, now).await
    }

    fn failed(&mut self, error: &StateError) {
        self.telemetry.commits_failed.add(1);
        self.telemetry.state_failed.set(1.0);
        if !std::mem::replace(&mut self.failing, true) {
            let error = with_causes(error);
            tracing::error!(%error, "state.db cannot be written; people are told all the same, and it is tried again");
        }
    }

    async fn look(&mut self, look: Look) {
        match look {
            Look::Router(question) => {
                if self.state.is_shared() && self.state.others_wrote().await.unwrap_or(false) {
                    self.adopt().await;
                }
                question(&mut self.router, clock::now());
            }
            Look::Members(answer) => drop(answer.send(self.members().await)),
            Look::History { rows_max, answer } => drop(answer.send(self.state.history(rows_max).await)),
        }
    }

    /// What others wrote, outside of a round.
    async fn adopt(&mut self) {
        match self.state.foreign().await {
            Ok(foreign) => self.router.adopt(foreign, clock::now()),
            Err(error) => self.failed(&error),
        }
    }

    async fn members(&mut self) -> Vec<Member> {
        let own = Member { name: self.state.member().to_owned(), address: self.address.clone() };
        if self.state.member() == LOCAL || !self.state.is_shared() {
            return vec![Member { name: self.address.clone(), ..own }];
        }
        let mut members = self.state.members(clock::now()).await.unwrap_or_default();
        if !members.iter().any(|member| member.name == own.name) {
            members.push(own);
        }
        members
    }

    fn count(&mut self, now: Timestamp) {
        if self.counted_at.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return;
        }
        self.counted_at = Some(Instant::now());
        let counts = self.router.counts(now);
        let figures = &self.telemetry;
        for (gauge, count) in [
            (&figures.alerts_active, counts.alerts_active),
            (&figures.alerts_suppressed, counts.alerts_suppressed),
            (&figures.groups, counts.groups),
            (&figures.silences_active, counts.silences_active),
            (&figures.silences_pending, counts.silences_pending),
            (&figures.silences_expired, counts.silences_expired),
            (&figures.log, counts.log),
            (&figures.outbox, counts.outbox),
        ] {
            gauge.set(count as f64);
        }
    }

    async fn end(mut self) {
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

impl Answers {
    /// Whoever has gone meanwhile needs none.
    fn give(self, durable: bool) {
        if !self.posts.is_empty() {
            failpoint::pass("before-post-answer");
        }
        let gone = self.done.into_iter().filter_map(|done| done.send(()).err()).count();
        tracing::trace!(gone, "answered");
        for (done, refused) in self.posts {
            drop(done.send(if durable { Ok(refused) } else { Err(NotDurable::Disk) }));
        }
        let not_durable = || SilenceRefusal::NotDurable(NotDurable::Disk);
        for (done, id) in self.silences {
            drop(done.send(if durable { Ok(id) } else { Err(not_durable()) }));
        }
        for done in self.expired {
            drop(done.send(if durable { Ok(()) } else { Err(not_durable()) }));
        }
    }
}

impl Running {
    /// Takes nothing new, commits what is left, closes the file.
    pub(crate) async fn stop(self) {
        let ended = async {
            self.handle.stop().await;
            self.task.await
        };
        match timeout(STOP_TIMEOUT, ended).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the owner of alerts ended before its time"),
            Err(_) => tracing::warn!("state.db did not take the last rows in time"),
        }
    }
}
