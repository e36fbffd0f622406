//! One integration's queue: critical first, oldest first, at most one waiting delivery per group.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingshao_model::{Alert, Delivery, DeliveryId, IntegrationId, TimeDelta, Timestamp};
use tokio::sync::Notify;

use super::IntegrationStatus;
use super::digest::severity_rank;

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
        let severity = |alert: &Alert| severity_rank(alert.labels.get("severity").unwrap_or_default());
        let is_critical = delivery.firing().any(|alert| severity(alert) == 0);
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
    /// What was taken, is not over yet and is still wanted.
    in_flight: HashSet<DeliveryId>,
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
    /// Puts one at the end of its class, or in the place of a waiting one of its group; one that is being sent already
    /// is left out. `Err` gives it back: the queue is full.
    pub(super) fn put(&self, waiting: Waiting) -> Result<(), Waiting> {
        let mut queue = self.lock();
        if queue.in_flight.contains(&waiting.delivery.id) {
            return Ok(());
        }
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
    /// meanwhile, or was withdrawn, is dropped.
    pub(super) fn put_back(&self, again: Vec<Waiting>) {
        let mut queue = self.lock();
        let wanted = std::mem::take(&mut queue.in_flight);
        for waiting in again.into_iter().filter(|waiting| wanted.contains(&waiting.delivery.id)) {
            if queue.by_group.contains_key(&waiting.delivery.group_key) {
                continue;
            }
            let place = (!waiting.is_critical, queue.take_number());
            queue.by_group.insert(waiting.delivery.group_key.clone(), place);
            queue.waiting.insert(place, waiting);
        }
    }

    /// Takes deliveries out, wherever they wait; one that is being sent will not be tried again.
    pub(super) fn withdraw(&self, ids: &[DeliveryId]) {
        let mut queue = self.lock();
        for id in ids {
            queue.in_flight.remove(id);
        }
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
        let waiting = queue.take(place)?;
        queue.in_flight = HashSet::from([waiting.delivery.id]);
        Some(waiting)
    }

    /// What was taken is over.
    pub(super) fn settle(&self) {
        self.lock().in_flight.clear();
    }

    /// Nothing has to wait any longer before it is tried again.
    pub(super) fn hurry(&self) {
        self.lock().waiting.values_mut().for_each(|waiting| waiting.not_before = Timestamp::MIN);
    }

    /// Takes all, critical first.
    pub(super) fn take_all(&self) -> Vec<Waiting> {
        let mut queue = self.lock();
        queue.by_group.clear();
        let all: Vec<Waiting> = std::mem::take(&mut queue.waiting).into_values().collect();
        queue.in_flight = all.iter().map(|waiting| waiting.delivery.id).collect();
        all
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

#[cfg(test)]
mod tests {
    use lingshao_model::{DeliveryReason, IntegrationKind, Labels};

    use super::*;

    fn waiting(id: u128, group: &str, severity: &str) -> Waiting {
        let alert = Alert {
            labels: Labels::from_pairs([("severity", severity)]).unwrap(),
            annotations: lingshao_model::Annotations::default(),
            starts_at: Timestamp(0),
            ends_at: None,
            updated_at: Timestamp(0),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        };
        let delivery = Delivery {
            id: DeliveryId(id),
            group_key: group.to_owned(),
            to: IntegrationId { receiver: String::new(), kind: IntegrationKind::WeCom, index: 0 },
            group_labels: Labels::empty(),
            alerts: vec![alert],
            decided_at: Timestamp(0),
            reason: DeliveryReason::First,
        };
        Waiting::new(delivery, Timestamp(0))
    }

    fn mailbox(all: &[(u128, &str, &str)]) -> Mailbox {
        let mailbox = Mailbox::default();
        all.iter().for_each(|(id, group, severity)| mailbox.put(waiting(*id, group, severity)).unwrap());
        mailbox
    }

    fn order(mailbox: &Mailbox) -> Vec<u128> {
        mailbox.take_all().iter().map(|waiting| waiting.delivery.id.0).collect()
    }

    #[test]
    fn critical_comes_first_and_a_newer_one_takes_the_place_of_its_group() {
        let three = [(1, "a", "warning"), (2, "b", "critical"), (3, "c", "info")];
        assert_eq!(order(&mailbox(&three)), [2, 1, 3]);
        let changed = [(1, "a", "warning"), (2, "b", "warning"), (3, "a", "warning")];
        assert_eq!(order(&mailbox(&changed)), [3, 2]);
        let worse = [(1, "a", "warning"), (2, "b", "warning"), (3, "b", "critical")];
        assert_eq!(order(&mailbox(&worse)), [3, 1]);
    }

    #[test]
    fn what_failed_is_behind_the_others_unless_it_is_no_longer_wanted() {
        let all = mailbox(&[(1, "a", "warning"), (2, "b", "warning")]);
        let first = all.take_first(Timestamp(0)).unwrap();
        all.put_back(vec![first]);
        assert_eq!(order(&all), [2, 1]);
        let replaced = mailbox(&[(1, "a", "warning")]);
        let first = replaced.take_first(Timestamp(0)).unwrap();
        replaced.put(waiting(5, "a", "warning")).unwrap();
        replaced.put_back(vec![first]);
        assert_eq!(order(&replaced), [5]);
        let withdrawn = mailbox(&[(1, "a", "warning")]);
        let first = withdrawn.take_first(Timestamp(0)).unwrap();
        withdrawn.withdraw(&[DeliveryId(1)]);
        withdrawn.put_back(vec![first]);
        assert_eq!(order(&withdrawn), [0; 0]);
    }

    #[test]
    fn what_waits_for_its_next_try_is_not_due() {
        let all = mailbox(&[(1, "a", "warning"), (2, "b", "critical")]);
        let mut first = all.take_first(Timestamp(0)).unwrap();
        first.not_before = Timestamp(500);
        all.put_back(vec![first]);
        let due = all.due(Timestamp(100));
        assert_eq!((due.all, due.count, due.critical, due.next_in), (2, 1, 0, Some(TimeDelta(400))));
        assert_eq!(all.take_first(Timestamp(100)).unwrap().delivery.id, DeliveryId(1));
        all.hurry();
        assert_eq!(all.due(Timestamp(100)).count, 1);
    }
}
