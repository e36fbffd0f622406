//! Whether the provider's callbacks arrive at the shop. While they do not, every order looks unpaid, and cancelling on
//! time would cancel what customers have paid for; so the order timeout pauses by itself, and goes on by itself.

use std::collections::{BTreeMap, VecDeque};

use lingshao_model::{TimeDelta, Timestamp};

use crate::OrderKey;

/// Answers of the provider that are looked back at.
const ANSWERS_MAX: usize = 50;
/// Fewer answers say nothing about the provider.
const ANSWERS_MIN: usize = 5;
/// More orders than this need not be remembered to know that callbacks are down.
const ORDERS_MAX: usize = 1_000;

/// When callbacks count as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackLimits {
    /// So long may a callback take.
    pub late_after: TimeDelta,
    /// So many orders must be late: one is a callback that was lost, two are a provider or a shop that is broken.
    pub late_orders: usize,
    /// Without any news for so long, what was seen is too old to pause for.
    pub forget_after: TimeDelta,
    /// Only answers of so recent a time tell of the provider; when they have passed, a pause ends and it is asked again.
    pub answers_within: TimeDelta,
}

impl Default for CallbackLimits {
    fn default() -> CallbackLimits {
        CallbackLimits {
            late_after: TimeDelta::from_secs(120),
            late_orders: 2,
            forget_after: TimeDelta::from_secs(3_600),
            answers_within: TimeDelta::from_secs(600),
        }
    }
}

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Callbacks {
    limits: CallbackLimits,
    /// Paid at the provider, pending in the shop: since when, and when it was last seen so.
    waiting: BTreeMap<OrderKey, (Timestamp, Timestamp)>,
    /// The provider's last answers, and whether they were clear.
    answers: VecDeque<(Timestamp, bool)>,
}

impl Callbacks {
    /// A detector that has seen nothing.
    pub fn new(limits: CallbackLimits) -> Callbacks {
        Callbacks { limits, waiting: BTreeMap::new(), answers: VecDeque::new() }
    }

    /// The provider says paid, the shop says pending.
    pub fn paid_but_pending(&mut self, order: &OrderKey, now: Timestamp) {
        if self.waiting.len() < ORDERS_MAX || self.waiting.contains_key(order) {
            self.waiting.entry(order.clone()).or_insert((now, now)).1 = now;
        }
    }

    /// The shop has heard of this order's payment (or the order is over): its callback is no longer missing.
    pub fn settled(&mut self, order: &OrderKey) {
        self.waiting.remove(order);
    }

    /// The provider answered, clearly or not.
    pub fn answered(&mut self, clear: bool, now: Timestamp) {
        if self.answers.len() == ANSWERS_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back((now, clear));
    }

    /// Orders whose callback is late.
    pub fn late(&self, now: Timestamp) -> usize {
        let fresh = |seen: Timestamp| now - seen <= self.limits.forget_after;
        self.waiting
            .values()
            .filter(|(since, seen)| now - *since >= self.limits.late_after && fresh(*seen))
            .count()
    }

    /// Whether the order timeout must pause: callbacks are down, or most of the provider's answers say nothing.
    pub fn down(&self, now: Timestamp) -> bool {
        let recent = self.answers.iter().filter(|(at, _)| now - *at <= self.limits.answers_within);
        let (clear, doubtful): (Vec<bool>, Vec<bool>) =
            recent.map(|(_, clear)| *clear).partition(|clear| *clear);
        let provider_down = clear.len() + doubtful.len() >= ANSWERS_MIN && doubtful.len() > clear.len();
        self.late(now) >= self.limits.late_orders || provider_down
    }

    /// Which orders the provider must be asked for while the timeout pauses: only their answers can end the pause.
    pub fn waiting(&self) -> impl Iterator<Item = &OrderKey> {
        self.waiting.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: u32) -> OrderKey {
        OrderKey::new(&id.to_string()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn two_late_callbacks_pause_and_their_arrival_goes_on() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        callbacks.paid_but_pending(&order(1), at(0));
        callbacks.paid_but_pending(&order(2), at(60));
        assert!(!callbacks.down(at(179)));
        assert!(callbacks.down(at(180)));
        callbacks.settled(&order(1));
        assert!(!callbacks.down(at(181)));
    }

    #[test]
    fn one_lost_callback_stops_nothing() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        callbacks.paid_but_pending(&order(1), at(0));
        callbacks.paid_but_pending(&order(1), at(600));
        assert_eq!(callbacks.late(at(600)), 1);
        assert!(!callbacks.down(at(600)));
    }

    #[test]
    fn what_nobody_has_seen_for_an_hour_is_forgotten() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        callbacks.paid_but_pending(&order(1), at(0));
        callbacks.paid_but_pending(&order(2), at(0));
        assert!(callbacks.down(at(3_600)));
        assert!(!callbacks.down(at(3_601)));
    }

    #[test]
    fn a_provider_that_does_not_answer_pauses_too() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        for clear in [true, true, false, false] {
            callbacks.answered(clear, at(0));
        }
        assert!(!callbacks.down(at(0)));
        callbacks.answered(false, at(0));
        assert!(callbacks.down(at(600)));
        // Nobody asks while all pauses: the pause must end without answers.
        assert!(!callbacks.down(at(601)));
        for _ in 0..3 {
            callbacks.answered(true, at(0));
        }
        assert!(!callbacks.down(at(0)));
    }
}
