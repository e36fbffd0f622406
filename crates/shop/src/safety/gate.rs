//! Which candidates of a tick are acted on.

use std::collections::{BTreeMap, BTreeSet};

use lingshao_model::{TimeDelta, Timestamp};

use crate::OrderKey;

const HOUR: TimeDelta = TimeDelta::from_secs(3600);
const DAY: TimeDelta = TimeDelta::from_secs(86_400);
/// The first pause of an order that failed; it doubles.
const FIRST_PAUSE: TimeDelta = TimeDelta::from_secs(60);
/// What pays at this moment, was paid without the shop's knowing, was faster than we, or was tried at another provider is
/// looked at again after this.
const PUT_OFF: TimeDelta = TimeDelta::from_secs(300);
/// After so many failures in a row (about two hours) the order is left to a person.
const FAILURES_MAX: u32 = 8;
/// More orders than this in quarantine mean that not the orders are wrong: the gate halts instead of remembering more.
const QUARANTINE_MAX: usize = 1_000;

/// How much one monitor may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Acts in one tick.
    pub per_run: usize,
    /// Acts in any 60 minutes.
    pub per_hour: usize,
    /// Acts in any 24 hours.
    pub per_day: usize,
    /// Halts when more than this share of what is pending would go at once.
    pub share_of_pending_percent_max: u8,
    /// With fewer candidates than this the share means nothing: at night the one pending order may be the late one.
    pub share_counts_from: usize,
    /// Orders older than this are left alone: they come from before the monitor's time.
    pub order_age_max: TimeDelta,
    /// Acted on only what the tick before has found too.
    pub two_ticks: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            per_run: 200,
            per_hour: 1_000,
            per_day: 5_000,
            share_of_pending_percent_max: 50,
            share_counts_from: 10,
            order_age_max: TimeDelta::from_secs(7 * 86_400),
            two_ticks: true,
        }
    }
}

/// An order that the finder gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// Which.
    pub order: OrderKey,
    /// When it was placed.
    pub created: Timestamp,
}

/// What is pending in the shop at this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// All pending orders no older than [`Limits::order_age_max`].
    pub orders: usize,
}

/// Why a candidate is not acted on at this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// Seen for the first time.
    FirstSeen,
    /// Older than [`Limits::order_age_max`].
    TooOld,
    /// Failed before; its pause is not over.
    Paused,
    /// Failed too often: a person must look.
    Quarantined,
    /// The tick, the hour or the day has no room.
    Limit,
    /// Nothing is acted on.
    Halted,
}

/// Why nothing is acted on until a person says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Halt {
    /// The switch was thrown, by file or API.
    KillSwitch,
    /// More than the allowed share of what is pending would go.
    Share {
        /// How many would go.
        going: usize,
        /// Of how many.
        pending: usize,
    },
    /// A transaction changed other rows than it may.
    RowsMismatch,
    /// The provider says that our requests are wrong.
    OurFault,
    /// The shop's tables are not what they were.
    SchemaChanged,
    /// The shop's clock and the database's are apart.
    ClockSkew,
    /// Hundreds of orders fail.
    Quarantine,
}

impl Halt {
    /// As it stands in labels.
    pub fn name(self) -> &'static str {
        match self {
            Halt::KillSwitch => "kill_switch",
            Halt::Share { .. } => "share",
            Halt::RowsMismatch => "rows_mismatch",
            Halt::OurFault => "our_fault",
            Halt::SchemaChanged => "schema_changed",
            Halt::ClockSkew => "clock_skew",
            Halt::Quarantine => "quarantine",
        }
    }
}

/// What one tick may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// To be acted on, oldest first.
    pub go: Vec<Candidate>,
    /// Not now, and why.
    pub held: Vec<(Candidate, Held)>,
}

/// What a gate must know after a restart: when acts of the last day were done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorHistory {
    /// Instants of acts, in any order.
    pub acts: Vec<Timestamp>,
    /// The halt that was in force.
    pub halt: Option<Halt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failures {
    count: u32,
    until: Timestamp,
    /// Left to a person for good: trying again would do the same harm.
    stays: bool,
}

/// Stands between a finder and the acts of one monitor.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: Limits,
    seen: BTreeSet<OrderKey>,
    acts: Vec<Timestamp>,
    failures: BTreeMap<OrderKey, Failures>,
    halt: Option<Halt>,
    backlog: Backlog,
}

/// While a backlog is worked off, further orders become late; more than that is another fault.
const BACKLOG_GROWS_PERCENT: usize = 50;

/// Whether a person has agreed to work off more than the share that may go at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Backlog {
    /// Nobody has.
    #[default]
    Unknown,
    /// Somebody has just now; how many there are, the next tick says.
    Agreed,
    /// To as many as this.
    AgreedTo(usize),
}

impl Gate {
    /// A gate that goes on where `history` ended.
    pub fn new(limits: Limits, history: MonitorHistory) -> Gate {
        let MonitorHistory { acts, halt } = history;
        Gate {
            limits,
            seen: BTreeSet::new(),
            acts,
            failures: BTreeMap::new(),
            halt,
            backlog: Backlog::default(),
        }
    }

    /// Sorts one tick's candidates. What is admitted counts as acted on, whatever comes of it.
    pub fn admit(&mut self, mut candidates: Vec<Candidate>, pending: Pending, now: Timestamp) -> Admission {
        candidates.sort_by(|a, b| (a.created, &a.order).cmp(&(b.created, &b.order)));
        candidates.dedup_by(|a, b| a.order == b.order);
        let seen = candidates.iter().map(|candidate| candidate.order.clone()).collect();
        let before = std::mem::replace(&mut self.seen, seen);
        self.halt_on_share(&candidates, pending, now);
        self.acts.retain(|act| now - *act < DAY);
        self.failures.retain(|order, failures| failures.stays || self.seen.contains(order));
        let mut room = self.room(now);
        let mut admission = Admission::default();
        for candidate in candidates {
            match self.held(&candidate, &before, room, now) {
                Some(held) => admission.held.push((candidate, held)),
                None => {
                    room -= 1;
                    if self.limits.per_day < usize::MAX {
                        self.acts.push(now);
                    }
                    admission.go.push(candidate);
                }
            }
        }
        admission
    }

    /// An act had no end: the order's next try comes later and later, then never.
    pub fn failed(&mut self, order: &OrderKey, now: Timestamp) {
        let failures = self.failures_of(order, now);
        failures.count = failures.count.saturating_add(1);
        failures.until = now + TimeDelta(FIRST_PAUSE.0 << (failures.count - 1).min(FAILURES_MAX));
        if self.failures.values().filter(|failures| failures.count > 0).count() > QUARANTINE_MAX {
            self.halt(Halt::Quarantine);
        }
    }

    /// An act would do harm at every try: the order is left to a person, also when acting goes on.
    pub fn quarantine(&mut self, order: &OrderKey, now: Timestamp) {
        self.failures.insert(order.clone(), Failures { count: FAILURES_MAX, until: now, stays: true });
    }

    /// An act had an end that asks for patience and is no failure: the order is passed over for a while.
    pub fn put_off(&mut self, order: &OrderKey, now: Timestamp) {
        self.failures_of(order, now).until = now + PUT_OFF;
    }

    fn failures_of(&mut self, order: &OrderKey, now: Timestamp) -> &mut Failures {
        let none = Failures { count: 0, until: now, stays: false };
        self.failures.entry(order.clone()).or_insert(none)
    }

    /// Stops all acting. The first reason stays until [`Gate::resume`].
    pub fn halt(&mut self, halt: Halt) {
        self.halt.get_or_insert(halt);
    }

    /// A person has looked. After a halt for the share, what is late now is agreed to: it would halt again at once, and could
    /// never be worked off. Limits of the tick, the hour and the day hold all the same.
    pub fn resume(&mut self) {
        if let Some(Halt::Share { .. }) = self.halt {
            self.backlog = Backlog::Agreed;
        }
        self.halt = None;
        self.failures.retain(|_, failures| failures.stays);
        self.seen.clear(); // Two ticks must agree anew.
    }

    /// Why nothing is acted on.
    pub fn halted(&self) -> Option<Halt> {
        self.halt
    }

    /// Orders that are left to a person.
    pub fn quarantined(&self) -> impl Iterator<Item = &OrderKey> {
        self.failures.iter().filter(|(_, failures)| failures.count >= FAILURES_MAX).map(|(order, _)| order)
    }

    fn halt_on_share(&mut self, candidates: &[Candidate], pending: Pending, now: Timestamp) {
        // What is put off or left to a person goes at no tick soon, and would halt again at once after each Resume.
        let waits = |candidate: &&Candidate| self.is_failing(&candidate.order, now);
        let waiting = candidates.iter().filter(waits).count();
        let goes = |candidate: &&Candidate| !self.too_old(candidate, now) && !waits(candidate);
        let going = candidates.iter().filter(goes).count();
        let pending = Pending { orders: pending.orders.saturating_sub(waiting) };
        let share = usize::from(self.limits.share_of_pending_percent_max);
        if going < self.limits.share_counts_from || going * 100 <= pending.orders * share {
            self.backlog = Backlog::Unknown; // Worked off: the next one is asked for anew.
            return;
        }
        match self.backlog {
            Backlog::Agreed => self.backlog = Backlog::AgreedTo(going + going * BACKLOG_GROWS_PERCENT / 100),
            Backlog::AgreedTo(most) if going <= most => {}
            Backlog::AgreedTo(_) | Backlog::Unknown => {
                self.backlog = Backlog::Unknown;
                self.halt(Halt::Share { going, pending: pending.orders });
            }
        }
    }

    fn room(&self, now: Timestamp) -> usize {
        let hour = self.acts.iter().filter(|act| now - **act < HOUR).count();
        let hour = self.limits.per_hour.saturating_sub(hour);
        let day = self.limits.per_day.saturating_sub(self.acts.len());
        self.limits.per_run.min(hour).min(day)
    }

    fn held(
        &self,
        candidate: &Candidate,
        before: &BTreeSet<OrderKey>,
        room: usize,
        now: Timestamp,
    ) -> Option<Held> {
        let failures = self.failures.get(&candidate.order);
        if self.halt.is_some() {
            Some(Held::Halted)
        } else if self.too_old(candidate, now) {
            Some(Held::TooOld)
        } else if failures.is_some_and(|failures| failures.count >= FAILURES_MAX) {
            Some(Held::Quarantined)
        } else if failures.is_some_and(|failures| now < failures.until) {
            Some(Held::Paused)
        } else if self.limits.two_ticks && !before.contains(&candidate.order) {
            Some(Held::FirstSeen)
        } else if room == 0 {
            Some(Held::Limit)
        } else {
            None
        }
    }

    fn is_failing(&self, order: &OrderKey, now: Timestamp) -> bool {
        let failures = self.failures.get(order);
        failures.is_some_and(|failures| failures.count >= FAILURES_MAX || now < failures.until)
    }

    fn too_old(&self, candidate: &Candidate, now: Timestamp) -> bool {
        now - candidate.created > self.limits.order_age_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 1_000_000 * MINUTE;

    fn gate(change: impl FnOnce(&mut Limits)) -> Gate {
        let mut limits = Limits::default();
        change(&mut limits);
        Gate::new(limits, MonitorHistory::default())
    }

    fn orders(range: std::ops::Range<i64>) -> Vec<Candidate> {
        range
            .map(|id| Candidate {
                order: OrderKey::new(&id.to_string()).unwrap(),
                created: Timestamp(NOW - 40 * MINUTE),
            })
            .collect()
    }

    /// A tick `minutes` after the beginning: how many go, and why the first that is held is held.
    #[track_caller]
    fn check(
        gate: &mut Gate,
        found: std::ops::Range<i64>,
        pending: usize,
        minutes: i64,
        go: usize,
        held: Option<Held>,
    ) {
        let now = Timestamp(NOW + minutes * MINUTE);
        let admission = gate.admit(orders(found), Pending { orders: pending }, now);
        assert_eq!((admission.go.len(), admission.held.first().map(|held| held.1)), (go, held));
    }

    #[test]
    fn two_ticks_must_agree() {
        let mut gate = gate(|_| ());
        check(&mut gate, 0..3, 100, 0, 0, Some(Held::FirstSeen));
        check(&mut gate, 1..4, 100, 1, 2, Some(Held::FirstSeen));
        check(&mut gate, 3..4, 100, 2, 1, None);
    }

    #[test]
    fn a_tick_an_hour_and_a_day_have_room_for_so_many() {
        let mut gate = gate(|limits| {
            (limits.two_ticks, limits.per_run, limits.per_hour, limits.per_day) = (false, 5, 8, 10);
        });
        check(&mut gate, 0..6, 100, 0, 5, Some(Held::Limit));
        check(&mut gate, 5..20, 100, 1, 3, Some(Held::Limit));
        check(&mut gate, 8..20, 100, 2, 0, Some(Held::Limit));
        check(&mut gate, 8..20, 100, 61, 2, Some(Held::Limit));
        check(&mut gate, 10..20, 100, 24 * 60 - 1, 0, Some(Held::Limit));
        check(&mut gate, 10..20, 100, 24 * 60, 5, Some(Held::Limit));
    }

    #[test]
    fn a_restart_does_not_empty_the_hour() {
        let limits = Limits { two_ticks: false, per_hour: 3, ..Limits::default() };
        let acts = vec![Timestamp(NOW - MINUTE), Timestamp(NOW - 2 * MINUTE), Timestamp(NOW - 61 * MINUTE)];
        let mut gate = Gate::new(limits, MonitorHistory { acts, halt: None });
        check(&mut gate, 0..6, 100, 0, 1, Some(Held::Limit));
    }

    #[test]
    fn more_than_half_of_what_is_pending_halts_until_a_person_has_looked() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        check(&mut gate, 0..50, 100, 0, 50, None);
        check(&mut gate, 50..101, 100, 1, 0, Some(Held::Halted));
        assert_eq!(gate.halted(), Some(Halt::Share { going: 51, pending: 100 }));
        check(&mut gate, 50..51, 100, 2, 0, Some(Held::Halted));
        gate.resume();
        check(&mut gate, 50..51, 100, 3, 1, None);
    }

    #[test]
    fn a_backlog_that_a_person_agreed_to_is_worked_off_and_no_more_than_that() {
        let mut gate = gate(|limits| (limits.two_ticks, limits.per_run) = (false, 40));
        check(&mut gate, 0..80, 100, 0, 0, Some(Held::Halted));
        gate.resume();
        check(&mut gate, 0..80, 100, 1, 40, Some(Held::Limit));
        check(&mut gate, 40..90, 60, 2, 40, Some(Held::Limit));
        // Worked off, so the next one halts again.
        check(&mut gate, 80..90, 60, 3, 10, None);
        check(&mut gate, 90..170, 100, 4, 0, Some(Held::Halted));
        gate.resume();
        check(&mut gate, 90..170, 100, 5, 40, Some(Held::Limit));
        // Nobody agreed to twice as many.
        check(&mut gate, 130..300, 200, 6, 0, Some(Held::Halted));
        assert_eq!(gate.halted(), Some(Halt::Share { going: 170, pending: 200 }));
    }

    #[test]
    fn what_waits_is_no_share_of_what_goes_and_of_what_is_pending() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        for id in 0..50 {
            gate.put_off(&OrderKey::new(&id.to_string()).unwrap(), Timestamp(NOW));
        }
        check(&mut gate, 0..76, 100, 1, 0, Some(Held::Halted));
        assert_eq!(gate.halted(), Some(Halt::Share { going: 26, pending: 50 }));
        gate.resume();
        let mut gate = Gate { halt: None, backlog: Backlog::Unknown, ..gate };
        for id in 0..50 {
            gate.put_off(&OrderKey::new(&id.to_string()).unwrap(), Timestamp(NOW));
        }
        check(&mut gate, 0..75, 100, 2, 25, Some(Held::Paused));
        // Their pause is over: all of them would go at once.
        check(&mut gate, 0..75, 100, 10, 0, Some(Held::Halted));
    }

    #[test]
    fn one_late_order_in_a_quiet_night_is_no_reason_to_halt() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        check(&mut gate, 0..9, 9, 0, 9, None);
        check(&mut gate, 10..20, 10, 1, 0, Some(Held::Halted));
    }

    #[test]
    fn switching_on_does_not_cancel_the_past() {
        let mut gate =
            gate(|limits| (limits.two_ticks, limits.order_age_max) = (false, TimeDelta(39 * MINUTE)));
        check(&mut gate, 0..100, 100, 0, 0, Some(Held::TooOld));
        assert_eq!(gate.halted(), None);
    }

    #[test]
    fn a_poison_order_neither_stops_the_others_nor_is_tried_for_ever() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        let poison = OrderKey::new("0").unwrap();
        let mut tries = 0;
        for minute in 0..1_000 {
            let now = Timestamp(NOW + minute * MINUTE);
            let admission = gate.admit(orders(0..2), Pending { orders: 100 }, now);
            assert!(admission.go.iter().any(|candidate| candidate.order.as_str() == "1"));
            if admission.go.iter().any(|candidate| candidate.order == poison) {
                tries += 1;
                gate.failed(&poison, now);
            }
        }
        assert_eq!(tries, 8);
        assert_eq!(gate.quarantined().collect::<Vec<_>>(), [&poison]);
    }

    #[test]
    fn an_order_whose_act_does_harm_stays_with_a_person_when_acting_goes_on() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        let [harmful, failing] = ["0", "1"].map(|key| OrderKey::new(key).unwrap());
        gate.quarantine(&harmful, Timestamp(NOW));
        gate.failed(&failing, Timestamp(NOW));
        gate.halt(Halt::RowsMismatch);
        check(&mut gate, 0..3, 100, 0, 0, Some(Held::Halted));
        // What a person had done with it by hand changes nothing.
        gate.put_off(&harmful, Timestamp(NOW));
        gate.failed(&harmful, Timestamp(NOW));
        gate.resume();
        check(&mut gate, 1..3, 100, 1, 2, None);
        check(&mut gate, 0..3, 100, 2, 2, Some(Held::Quarantined));
    }

    #[test]
    fn an_order_that_is_put_off_comes_again_after_minutes_and_is_never_left_to_a_person() {
        let mut gate = gate(|limits| limits.two_ticks = false);
        let paying = OrderKey::new("0").unwrap();
        for round in 0..20 {
            check(&mut gate, 0..1, 100, round * 5, 1, None);
            gate.put_off(&paying, Timestamp(NOW + round * 5 * MINUTE));
            check(&mut gate, 0..1, 100, round * 5 + 4, 0, Some(Held::Paused));
        }
        assert_eq!(gate.quarantined().count(), 0);
    }

    #[test]
    fn whoever_only_looks_uses_up_no_limit() {
        let mut gate = gate(|limits| {
            (limits.two_ticks, limits.per_hour, limits.per_day) = (false, usize::MAX, usize::MAX);
        });
        for minute in 0..6_000 {
            check(&mut gate, 0..2, 100, minute % 1_000, 2, None);
        }
    }
}
