//! How much money may go back.

use lingshao_model::{TimeDelta, Timestamp};

use crate::Fen;
use crate::day::day;
use crate::ledger::{RefundRow, RefundState};

/// Caps of one shop's refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCaps {
    /// Money whose requests first left within one day of the shop.
    pub fen_per_day: Fen,
    /// One refund; a larger one waits for a person, and goes when that one has a new number made for it.
    pub fen_per_refund: Fen,
    /// Refunds in one tick.
    pub per_run: usize,
}

impl Default for RefundCaps {
    fn default() -> RefundCaps {
        RefundCaps { fen_per_day: Fen(500_000), fen_per_refund: Fen(100_000), per_run: 50 }
    }
}

/// Why a refund waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundHeld {
    /// The day's money is given.
    DayCap,
    /// More than one refund may be.
    SizeCap,
    /// The tick's number of refunds is reached.
    RunCap,
    /// Its pause is not over.
    Pause,
}

impl RefundCaps {
    /// Which open refunds may go on at `now`: their places in `open`, and the others with why. `all`: the whole ledger, as
    /// far as it reaches into the day. What may have left already is always asked for again, and takes no money anew. What a
    /// person has decided on may be of any size; more than a whole day's money is the first of its day.
    pub fn admit(
        &self,
        open: &[RefundRow],
        all: &[RefundRow],
        now: Timestamp,
    ) -> (Vec<usize>, Vec<(usize, RefundHeld)>) {
        let today = |row: &&RefundRow| row.sent_at.is_some_and(|sent| day(sent) == day(now));
        let mut spent: Fen = all.iter().filter(today).map(|row| row.amount).sum();
        let (mut go, mut held) = (Vec::new(), Vec::new());
        for (index, row) in open.iter().enumerate() {
            let takes = row.state == RefundState::Planned;
            let after = spent.checked_add(row.amount);
            let is_decided = !row.earlier.is_empty();
            let is_too_much = after.is_none_or(|after| after > self.fen_per_day);
            if now < row.next_at {
                held.push((index, RefundHeld::Pause));
            } else if takes && row.amount > self.fen_per_refund && !is_decided {
                held.push((index, RefundHeld::SizeCap));
            } else if takes && is_too_much && !(is_decided && spent == Fen::ZERO) {
                held.push((index, RefundHeld::DayCap));
            } else if go.len() >= self.per_run {
                held.push((index, RefundHeld::RunCap));
            } else {
                go.push(index);
                spent = if takes { after.unwrap_or(spent) } else { spent };
            }
        }
        (go, held)
    }

    /// How many open refunds are older than 10 minutes, an hour, 3 days and 7 days.
    pub fn ages(open: &[RefundRow], now: Timestamp) -> [(&'static str, usize); 4] {
        let older = |age: TimeDelta| open.iter().filter(|row| now - row.planned_at > age).count();
        [("10m", 600), ("1h", 3_600), ("3d", 259_200), ("7d", 604_800)]
            .map(|(name, seconds)| (name, older(TimeDelta::from_secs(seconds))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::{Refund, Wish};
    use crate::ledger::Purpose;
    use crate::{OrderKey, OrderNumber, RefundNumber, ShopName};

    const HOUR: i64 = 3_600_000;

    fn row(id: u32, fen: i64, state: RefundState, sent: Option<i64>) -> RefundRow {
        let order = OrderKey::new(&id.to_string()).unwrap();
        let trade = OrderNumber::new(&format!("T{id}")).unwrap();
        let wish = Wish { trade, purpose: Purpose::Orphan, paid: Fen(fen), amount: Fen(fen) };
        let row = Refund::plan(&ShopName::new("lx").unwrap(), order, wish, Timestamp(0)).unwrap();
        RefundRow { state, sent_at: sent.map(Timestamp), ..row }
    }

    #[track_caller]
    fn check(open: &[RefundRow], done: &[RefundRow], hour: i64, go: &[usize], held: &[(usize, RefundHeld)]) {
        let caps = RefundCaps { fen_per_day: Fen(1_000), fen_per_refund: Fen(600), per_run: 3 };
        let all: Vec<_> = open.iter().chain(done).cloned().collect();
        assert_eq!(caps.admit(open, &all, Timestamp(hour * HOUR)), (go.to_vec(), held.to_vec()));
    }

    #[test]
    fn a_day_gives_no_more_than_its_cap() {
        use RefundState::{Done, Planned, Unknown};
        let open = [row(1, 600, Planned, None), row(2, 500, Planned, None), row(3, 400, Planned, None)];
        check(&open, &[], 1, &[0, 2], &[(1, RefundHeld::DayCap)]);
        // What left at 23:59 in Shanghai (15:59 UTC) counts for that day, not for the next.
        let done = [row(9, 600, Done, Some(16 * HOUR - 60_000))];
        check(&open, &done, 15, &[2], &[(0, RefundHeld::DayCap), (1, RefundHeld::DayCap)]);
        check(&open, &done, 16, &[0, 2], &[(1, RefundHeld::DayCap)]);
        // What may have left is asked for, whatever the day has given.
        let unknown = [row(4, 500, Unknown, Some(0)), row(5, 601, Planned, None)];
        check(&unknown, &[row(9, 600, Done, Some(0))], 1, &[0], &[(1, RefundHeld::SizeCap)]);
    }

    #[test]
    fn what_a_person_has_decided_on_may_be_of_any_size_and_counts_for_its_day() {
        use RefundState::{Done, Planned};
        let decided = |id, fen| RefundRow {
            earlier: vec![RefundNumber::new("LSlx-9-f0").unwrap()],
            ..row(id, fen, Planned, None)
        };
        check(&[decided(1, 700), row(2, 400, Planned, None)], &[], 1, &[0], &[(1, RefundHeld::DayCap)]);
        // More than a day's money goes alone.
        check(&[decided(1, 5_000), row(2, 1, Planned, None)], &[], 1, &[0], &[(1, RefundHeld::DayCap)]);
        let done = [row(9, 1, Done, Some(0))];
        check(&[decided(1, 5_000)], &done, 1, &[], &[(0, RefundHeld::DayCap)]);
        check(&[decided(1, 5_000)], &done, 25, &[0], &[]);
    }

    #[test]
    fn a_tick_gives_no_more_than_its_number() {
        let open = [1, 2, 3, 4].map(|id| row(id, 1, RefundState::Planned, None));
        check(&open, &[], 1, &[0, 1, 2], &[(3, RefundHeld::RunCap)]);
    }

    #[test]
    fn old_refunds_are_counted_by_age() {
        let open = [row(1, 1, RefundState::Unknown, None), row(2, 1, RefundState::Accepted, None)];
        let ages = |hour| RefundCaps::ages(&open, Timestamp(hour * HOUR)).map(|age| age.1);
        assert_eq!(ages(0), [0, 0, 0, 0]);
        assert_eq!(ages(1), [2, 0, 0, 0]);
        assert_eq!(ages(73), [2, 2, 2, 0]);
        assert_eq!(ages(169), [2, 2, 2, 2]);
    }
}
