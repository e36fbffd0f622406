//! Whether the provider's callbacks arrive at the shop. While they do not, every order looks unpaid, and cancelling on
//! time would cancel what customers have paid for; so the order timeout pauses by itself, and goes on by itself.

use std::collections::{BTreeMap, VecDeque};

use lingshao_model::{TimeDelta, Timestamp};

use crate::OrderKey;

/// So many answers in a row that say nothing are an outage. One in a thousand says nothing on a good day; and what is paused
/// for goes on with the first that says something.
const SILENT_ANSWERS: usize = 3;
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

/// Why the order timeout must pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// So many orders are paid for which no callback came in time.
    Late(usize),
    /// The provider's last answers, so many, all say nothing: it is down, or not reached.
    Silent(usize),
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
        if self.answers.len() == SILENT_ANSWERS {
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

    /// Why the order timeout must pause, if it must.
    pub fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        let late = self.late(now);
        if self.limits.late_orders <= late {
            return Some(Trouble::Late(late));
        }
        let says_nothing =
            |(at, clear): &&(Timestamp, bool)| !clear && now - *at <= self.limits.answers_within;
        let silent = self.answers.iter().filter(says_nothing).count();
        (silent == SILENT_ANSWERS).then_some(Trouble::Silent(silent))
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
        assert_eq!(callbacks.trouble(at(179)), None);
        assert_eq!(callbacks.trouble(at(180)), Some(Trouble::Late(2)));
        callbacks.settled(&order(1));
        assert_eq!(callbacks.trouble(at(181)), None);
    }

    #[test]
    fn one_lost_callback_stops_nothing() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        callbacks.paid_but_pending(&order(1), at(0));
        callbacks.paid_but_pending(&order(1), at(600));
        assert_eq!(callbacks.late(at(600)), 1);
        assert_eq!(callbacks.trouble(at(600)), None);
    }

    #[test]
    fn what_nobody_has_seen_for_an_hour_is_forgotten() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        callbacks.paid_but_pending(&order(1), at(0));
        callbacks.paid_but_pending(&order(2), at(0));
        assert_eq!(callbacks.trouble(at(3_600)), Some(Trouble::Late(2)));
        assert_eq!(callbacks.trouble(at(3_601)), None);
    }

    #[test]
    fn a_provider_that_does_not_answer_pauses_too() {
        let mut callbacks = Callbacks::new(CallbackLimits::default());
        let mut answer = |clear, second| {
            callbacks.answered(clear, at(second));
            callbacks.trouble(at(second))
        };
        let heard = [true, true, true, true, false, true, false, false, false, false, true, false];
        let paused: Vec<bool> =
            (0..).zip(heard).map(|(second, clear)| answer(clear, second).is_some()).collect();
        let silent = Some(Trouble::Silent(3));
        let expected = [false; 8].into_iter().chain([true, true, false, false]);
        assert_eq!(paused, expected.collect::<Vec<_>>());
        assert_eq!(answer(false, 12), None);
        assert_eq!(answer(false, 13), silent);
        // Nobody asks while all pauses: the pause must end without answers.
        assert_eq!(callbacks.trouble(at(611)), silent);
        assert_eq!(callbacks.trouble(at(612)), None);
    }
}
