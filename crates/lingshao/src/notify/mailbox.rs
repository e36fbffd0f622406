//! One integration's queue: critical first, oldest first, at most one waiting delivery per group.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingshao_model::{Delivery, DeliveryId, IntegrationId, TimeDelta, Timestamp};
use tokio::sync::Notify;

use super::IntegrationStatus;

/// Most deliveries that wait in one queue: twice what a storm of 10,000 groups needs. The router's groups are bounded
/// too, so this is only reached when a receiver is down and groups come and go by the thousand.
pub(super) const WAITING_MAX: usize = 20_000;

/// A delivery on its way.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// What to tell.
    pub(super) delivery: Arc<Delivery>,
    /// When it was enqueued.
    pub(super) began_at: Timestamp,
    /// Requests made so far.
    pub(super) attempts: u32,
    /// Not to be tried before.
    pub(super) not_before: Timestamp,
    /// Whether something critical fires in it.
    pub(super) is_critical: bool,
}

impl Waiting {
    /// One that was just enqueued.
    pub(super) fn new(delivery: Delivery, now: Timestamp) -> Waiting {
        let is_critical = delivery.firing().any(|alert| alert.labels.get("severity") == Some("critical"));
        Waiting {
            delivery: Arc::new(delivery),
            began_at: now,
            attempts: 0,
            not_before: Timestamp::MIN,
            is_critical,
        }
    }
}

/// Order of sending: critical before others, then as they came.
type Place = (bool, u64);

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<Place, Waiting>,
    by_group: HashMap<String, Place>,
    next: u64,
    is_closed: bool,
    failing: Option<(Timestamp, String)>,
    last_sent: Option<Timestamp>,
}

/// The queue, shared by the one who fills it and the task that empties it.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    changed: Notify,
}

impl Mailbox {
    /// Puts one at the end of its class, or in the place of a waiting one of its group. `Err` gives it back: the
    /// queue is full.
    pub(super) fn put(&self, waiting: Waiting) -> Result<(), Waiting> {
        let mut queue = self.lock();
        let group = waiting.delivery.group_key.clone();
        let place = match queue.by_group.remove(&group) {
            Some((was_last, number)) => {
                queue.waiting.remove(&(was_last, number));
                (!waiting.is_critical, number)
            }
            None if queue.waiting.len() >= WAITING_MAX => return Err(waiting),
            None => (!waiting.is_critical, queue.take_number()),
        };
        queue.by_group.insert(group, place);
        queue.waiting.insert(place, waiting);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    /// Puts back what shall be tried again, behind its class; what a newer delivery of its group has replaced
    /// meanwhile is dropped.
    pub(super) fn put_back(&self, again: Vec<Waiting>) {
        let mut queue = self.lock();
        for waiting in again {
            if queue.by_group.contains_key(&waiting.delivery.group_key) {
                continue;
            }
            let place = (!waiting.is_critical, queue.take_number());
            queue.by_group.insert(waiting.delivery.group_key.clone(), place);
            queue.waiting.insert(place, waiting);
        }
    }

    /// Takes deliveries out, wherever they wait.
    pub(super) fn withdraw(&self, ids: &[DeliveryId]) {
        let mut queue = self.lock();
        let is_meant = |waiting: &Waiting| ids.contains(&waiting.delivery.id);
        let places: Vec<Place> =
            queue.waiting.iter().filter(|(_, waiting)| is_meant(waiting)).map(|(place, _)| *place).collect();
        for place in places {
            queue.take(place);
        }
    }

    /// Looks at what may be sent now, without taking it.
    pub(super) fn due(&self, now: Timestamp) -> Due {
        let queue = self.lock();
        let mut due = Due { is_closed: queue.is_closed, all: queue.waiting.len(), ..Due::default() };
        for waiting in queue.waiting.values() {
            if waiting.not_before <= now {
                due.count += 1;
                due.critical += usize::from(waiting.is_critical);
            } else {
                let wait = waiting.not_before - now;
                due.next_in = Some(due.next_in.map_or(wait, |next| next.min(wait)));
            }
        }
        due
    }

    /// Takes the first that may be sent now.
    pub(super) fn take_first(&self, now: Timestamp) -> Option<Waiting> {
        let mut queue = self.lock();
        let place = *queue.waiting.iter().find(|(_, waiting)| waiting.not_before <= now)?.0;
        queue.take(place)
    }

    /// Takes all, critical first.
    pub(super) fn take_all(&self) -> Vec<Waiting> {
        let mut queue = self.lock();
        queue.by_group.clear();
        std::mem::take(&mut queue.waiting).into_values().collect()
    }

    /// Ends when something has been put or the queue was closed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Nothing more will come; the task reports what waits and ends.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Remembers how the last request went.
    pub(super) fn note(&self, now: Timestamp, failure: Option<String>) {
        let mut queue = self.lock();
        match failure {
            None => {
                queue.last_sent = Some(now);
                queue.failing = None;
            }
            Some(reason) => {
                let since = queue.failing.take().map_or(now, |(since, _)| since);
                queue.failing = Some((since, reason));
            }
        }
    }

    /// How it is doing.
    pub(super) fn status(&self, id: &IntegrationId) -> IntegrationStatus {
        let queue = self.lock();
        IntegrationStatus {
            id: id.clone(),
            waiting: queue.waiting.len(),
            failing: queue.failing.clone(),
            last_sent: queue.last_sent,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// All that waits.
    pub(super) all: usize,
    /// Deliveries that may be sent now.
    pub(super) count: usize,
    /// Of them critical.
    pub(super) critical: usize,
    /// When the next of those that may not be sent yet may.
    pub(super) next_in: Option<TimeDelta>,
    /// Whether the queue was closed.
    pub(super) is_closed: bool,
}

impl Queue {
    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn take(&mut self, place: Place) -> Option<Waiting> {
        let waiting = self.waiting.remove(&place)?;
        self.by_group.remove(&waiting.delivery.group_key);
        Some(waiting)
    }
}
