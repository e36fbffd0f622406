//! The loop: what happened and what is due become one transaction, then messages on their way.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_alerting::router::{Change, Changes, ForeignRows, RefusedAlert, Router, SilenceId};
use lingshao_alerting::rules::SavedAlert;
use lingshao_model::{Delivery, DeliveryId, Labels, Routing, TimeDelta, Timestamp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::clock::StepWatch;
use super::failpoint;
use super::handle::{AlertsHandle, Done, Event, Look, NotDurable, Queues, SilenceRefusal, queues};
use super::journal::Journal;
use crate::clock;
use crate::notify::Finished;
use crate::state::{State, StateError, Told};
use crate::telemetry::alertmanager::AlertmanagerTelemetry;

/// Events that one transaction takes: the disk's sync is shared by all who wait for it.
const EVENTS_PER_ROUND_MAX: usize = 64;
/// The longest sleep: how soon a step of the clock, rows of another member and a disk that works again are noticed.
const NAP_MAX: Duration = Duration::from_secs(1);
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
    journal: Journal,
    queues: Queues,
    telemetry: Arc<AlertmanagerTelemetry>,
    watch: StepWatch,
    /// What the deliveries in the outbox are about.
    told: HashMap<DeliveryId, Told>,
    /// How many of them there may be before those that wait no more are forgotten.
    told_max: usize,
    counted_at: Option<Instant>,
}

/// The owner at work.
#[derive(Debug)]
pub(crate) struct Running {
    handle: AlertsHandle,
    task: JoinHandle<()>,
}

/// What is to be told after a transaction.
struct Round {
    deliveries: Vec<Delivery>,
    withdrawn: Vec<DeliveryId>,
    answers: Answers,
    durable: bool,
}

/// An answer that is ready, and where it is waited for.
type Ready<T, E> = (Done<T, E>, T);

/// Who is told when a round is committed.
#[derive(Default)]
struct Answers {
    done: Vec<oneshot::Sender<()>>,
    posts: Vec<Ready<Vec<RefusedAlert>, NotDurable>>,
    silences: Vec<Ready<SilenceId, SilenceRefusal>>,
    expired: Vec<Done<(), SilenceRefusal>>,
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
        let mut loaded = state.load().await?;
        for row in &loaded.unreadable {
            tracing::error!(%row, "a row of state.db cannot be read and is skipped");
        }
        let now = clock::now();
        let set_back = loaded.saved_at.map(|at| TimeDelta(now.0.saturating_sub(at.0))).filter(|by| by.0 < 0);
        let told: HashMap<_, _> =
            loaded.router.outbox.iter().map(|delivery| (delivery.id, Told::of(delivery))).collect();
        let is_own = |delivery: &Delivery| state.is_own_delivery(delivery.id);
        let (own, others) = loaded.router.outbox.into_iter().partition(is_own);
        loaded.router.outbox = own;
        let mut router = Router::new(routing);
        let restored_at = loaded.saved_at.map_or(now, |at| at.max(now));
        router.restore(loaded.router, restored_at);
        // What others have to send may be about alerts that we do not know.
        let outbox = Vec::into_iter(others).map(Change::Put).collect();
        router.adopt(ForeignRows { outbox, ..ForeignRows::default() }, restored_at);
        if let Some(by) = set_back {
            tracing::warn!(%by, "the wall clock stands before the time at which state.db was last written");
            router.clock_moved(by);
        }
        let (handle, queues) = queues();
        let owner = Owner {
            router,
            journal: Journal::new(state, telemetry.clone(), address),
            queues,
            telemetry,
            watch: StepWatch::new(now, Instant::now()),
            told_max: told.len() + TOLD_SURPLUS_MAX,
            told,
            counted_at: None,
        };
        Ok((handle, owner, loaded.rule_alerts))
    }

    /// Ends alerts of rules that were told under labels under which nobody will tell their end.
    pub(crate) fn end_unclaimed(&mut self, claimed: &HashSet<Labels>) {
        self.router.end_unclaimed(claimed, clock::now());
    }

    /// Begins: first what was waiting when the last life ended.
    pub(crate) fn start(self, handle: AlertsHandle, hooks: Hooks) -> Running {
        Running { handle, task: tokio::spawn(self.run(hooks)) }
    }

    async fn run(mut self, hooks: Hooks) {
        let mut first = self.round(Vec::new()).await;
        // What is newly due is among what waits.
        let fresh: HashSet<_> = first.deliveries.iter().map(|delivery| delivery.id).collect();
        first.deliveries = self.router.waiting();
        first.deliveries.retain(|delivery| fresh.contains(&delivery.id) || self.journal.is_own(delivery));
        first.tell(&hooks);
        loop {
            let events = self.wait().await;
            let stops = events.iter().any(|event| matches!(event, Event::Stop));
            self.round(events).await.tell(&hooks);
            if stops {
                break;
            }
            if let Ok(look) = self.queues.looks.try_recv() {
                self.look(look).await;
            }
        }
        self.journal.end(&mut self.router).await;
    }

    /// The next events, or none when something is due.
    async fn wait(&mut self) -> Vec<Event> {
        loop {
            let nap = self.nap();
            if nap.is_zero() && self.queues.events.is_empty() {
                return Vec::new(); // A sleep of no time would wait for the timer, while looks that wait go first.
            }
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

    /// What happened and what is due, decided and committed; nobody has been told yet.
    async fn round(&mut self, events: Vec<Event>) -> Round {
        let now = self.now();
        let mut answers = Answers::default();
        let idle = events.is_empty() && self.router.next_due().is_none_or(|due| now < due);
        let locked = self.journal.lock(&mut self.router, idle, now).await;
        self.take(events, now, &mut answers);
        let mut deliveries = self.router.due(now);
        let withdrawn = self.router.take_withdrawn();
        let changes = self.router.take_changes();
        self.note(&changes);
        self.journal.add_changes(&changes);
        if self.journal.wants_time() && self.router.has_timed_alerts(now) {
            self.journal.note_time();
        }
        let written = self.journal.write(locked, now, answers.has_results).await;
        if !written.orphans.is_empty() {
            tracing::warn!(
                deliveries = written.orphans.len(),
                "taking over what a member that is gone had to send"
            );
            let waiting = self.router.waiting().into_iter();
            deliveries.extend(waiting.filter(|delivery| written.orphans.contains(&delivery.id)));
        }
        self.count(now);
        Round { deliveries, withdrawn, answers, durable: written.durable }
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

    /// What happened.
    fn take(&mut self, events: Vec<Event>, now: Timestamp, answers: &mut Answers) {
        for event in events {
            match event {
                Event::Report { report, done } => {
                    self.journal.add_rule_alerts(&report.changes);
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
                Event::Stop => self.journal.finish(),
            }
        }
    }

    fn finish(&mut self, finished: &[Finished], now: Timestamp) {
        for one in finished {
            let told = self.told.remove(&one.id);
            self.journal.add_history(one, told.as_ref());
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

    async fn look(&mut self, look: Look) {
        match look {
            Look::Router(question) => {
                self.journal.refresh(&mut self.router).await;
                question(&mut self.router, clock::now());
            }
            Look::Members(answer) => drop(answer.send(self.journal.members().await)),
            Look::History { rows_max, answer } => drop(answer.send(self.journal.history(rows_max).await)),
        }
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
}

impl Round {
    /// First people, then those who wait for the disk.
    fn tell(self, hooks: &Hooks) {
        if !self.withdrawn.is_empty() {
            (hooks.withdraw)(self.withdrawn);
        }
        if !self.deliveries.is_empty() {
            (hooks.enqueue)(self.deliveries);
            failpoint::pass("after-enqueue");
        }
        self.answers.give(self.durable);
    }
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
