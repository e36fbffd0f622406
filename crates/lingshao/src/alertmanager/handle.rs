//! How the rest of the process speaks to the owner: a bounded queue of events, each with its answer.

use std::sync::Arc;

use lingshao_alerting::router::{NewSilence, RefusedAlert, Router, SilenceError, SilenceId};
use lingshao_alerting::rules::SavedChange;
use lingshao_model::{Alert, Routing, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::notify::Finished;
use crate::state::{Member, StateError};

/// Events that may wait. Each is a batch (a rule group's round, a request, a queue's results), and whoever sent one
/// waits for its answer, so this is the number of groups, senders and requests at work at once; more wait to get in.
const EVENTS_MAX: usize = 256;
/// Looks (`GET`s) that may wait; they are done one at a time between events.
const LOOKS_MAX: usize = 16;

/// Speaks to the owner. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AlertsHandle {
    events: mpsc::Sender<Event>,
    looks: mpsc::Sender<Look>,
}

/// What one evaluation of a rule group brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleReport {
    /// Rows of rule state that changed.
    pub(crate) changes: Vec<SavedChange>,
    /// Alerts to route: firing, said again, ended.
    pub(crate) alerts: Vec<Alert>,
}

/// The owner has ended: the process is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process is stopping")]
pub(crate) struct Stopped;

/// Why something is not kept for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDurable {
    /// The process is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It is in force, but a crash would forget it.
    #[error("state.db cannot be written at the moment; see the server's log")]
    Disk,
}

/// Why a silence was not set or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SilenceRefusal {
    /// It makes no sense, or there is none of that id.
    #[error(transparent)]
    Refused(SilenceError),
    /// It cannot be kept.
    #[error(transparent)]
    NotDurable(#[from] NotDurable),
}

/// Where an outcome is waited for.
pub(super) type Done<T, E> = oneshot::Sender<Result<T, E>>;

/// What the owner is told or asked to do, with who waits for it.
pub(super) enum Event {
    Report { report: RuleReport, done: oneshot::Sender<()> },
    Post { alerts: Vec<Alert>, done: Done<Vec<RefusedAlert>, NotDurable> },
    SetSilence { silence: NewSilence, fresh_id: SilenceId, done: Done<SilenceId, SilenceRefusal> },
    ExpireSilence { id: SilenceId, done: Done<(), SilenceRefusal> },
    Finished { finished: Vec<Finished>, done: oneshot::Sender<()> },
    Reload { routing: Arc<Routing>, done: oneshot::Sender<()> },
    Stop,
}

/// A question about the router's state; it answers through a channel that it has caught.
pub(super) type Question = Box<dyn FnOnce(&mut Router, Timestamp) + Send>;

/// What is asked between two events.
pub(super) enum Look {
    Router(Question),
    Members(oneshot::Sender<Vec<Member>>),
    History { rows_max: u32, answer: Done<Vec<String>, StateError> },
}

/// The owner's ends of the queues.
pub(super) struct Queues {
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) looks: mpsc::Receiver<Look>,
}

/// A handle and what it speaks to.
pub(super) fn queues() -> (AlertsHandle, Queues) {
    let (events, events_end) = mpsc::channel(EVENTS_MAX);
    let (looks, looks_end) = mpsc::channel(LOOKS_MAX);
    (AlertsHandle { events, looks }, Queues { events: events_end, looks: looks_end })
}

impl AlertsHandle {
    /// A rule group's round. Returns when its rows are committed; also when the disk refuses them (that is logged,
    /// counted and tried again by the owner), so that evaluation goes on.
    pub(crate) async fn report(&self, report: RuleReport) -> Result<(), Stopped> {
        self.ask(|done| Event::Report { report, done }).await
    }

    /// Alerts from outside; those that the router did not take come back by name. The others are routed in any case;
    /// the answer says whether a crash would forget them.
    pub(crate) async fn post(&self, alerts: Vec<Alert>) -> Result<Vec<RefusedAlert>, NotDurable> {
        self.ask(|done| Event::Post { alerts, done }).await?
    }

    /// Results of a queue. Returns when they are committed, or the disk refuses: only then may the queue send its
    /// next delivery, or a crash could repeat more than one.
    pub(crate) async fn finished(&self, finished: Vec<Finished>) -> Result<(), Stopped> {
        self.ask(|done| Event::Finished { finished, done }).await
    }

    /// Sets a new silence or changes one; `fresh_id` is taken if a new one comes of it.
    pub(crate) async fn set_silence(
        &self,
        silence: NewSilence,
        fresh_id: SilenceId,
    ) -> Result<SilenceId, SilenceRefusal> {
        self.ask(|done| Event::SetSilence { silence, fresh_id, done }).await.map_err(NotDurable::from)?
    }

    /// Ends a silence now.
    pub(crate) async fn expire_silence(&self, id: SilenceId) -> Result<(), SilenceRefusal> {
        self.ask(|done| Event::ExpireSilence { id, done }).await.map_err(NotDurable::from)?
    }

    /// Routes by another tree from now on.
    pub(crate) async fn reload(&self, routing: Arc<Routing>) -> Result<(), Stopped> {
        self.ask(|done| Event::Reload { routing, done }).await
    }

    /// Computes something from the router's state, between two events.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Router, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        self.look_for(|answer| {
            Look::Router(Box::new(move |router, now| {
                // Whoever asked may have gone; then nobody needs the answer.
                drop(answer.send(question(router, now)));
            }))
        })
        .await
    }

    /// The processes that share our state, by name; only ourselves when it is not shared.
    pub(crate) async fn members(&self) -> Result<Vec<Member>, Stopped> {
        self.look_for(Look::Members).await
    }

    /// The last deliveries that were sent or given up, newest first, as JSON objects.
    pub(crate) async fn history(&self, rows_max: u32) -> Result<Result<Vec<String>, StateError>, Stopped> {
        self.look_for(|answer| Look::History { rows_max, answer }).await
    }

    /// Ends the owner after what was sent before.
    pub(super) async fn stop(&self) {
        // An error means that it has ended already.
        drop(self.events.send(Event::Stop).await);
    }

    async fn look_for<T>(&self, look: impl FnOnce(oneshot::Sender<T>) -> Look) -> Result<T, Stopped> {
        let (answer, waiting) = oneshot::channel();
        self.looks.send(look(answer)).await.map_err(|_| Stopped)?;
        waiting.await.map_err(|_| Stopped)
    }

    async fn ask<T>(&self, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Result<T, Stopped> {
        let (done, waiting) = oneshot::channel();
        self.events.send(event(done)).await.map_err(|_| Stopped)?;
        waiting.await.map_err(|_| Stopped)
    }
}
