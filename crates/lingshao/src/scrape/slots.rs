//! When a target is scraped, and which instant its samples bear. Pure: the clock is an argument.
//!
//! Each target has a fixed slot within its interval, so that a thousand targets are spread evenly and one target's
//! samples are exactly one interval apart: they bear the slot's instant, not the moment at which a busy machine got
//! around to it.

use lingshao_model::{TimeDelta, Timestamp};

/// Latest start at which samples still bear the slot's instant, for long intervals.
const TOLERANCE_MAX: TimeDelta = TimeDelta(500);

/// A target's slots: all instants that are `offset` behind a multiple of `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    interval: TimeDelta,
    offset: TimeDelta,
}

impl Slots {
    /// Spreads targets by a hash of what tells them apart; the interval is above 0.
    pub fn new(interval: TimeDelta, hash: u64) -> Slots {
        let millis = interval.0.max(1);
        Slots { interval: TimeDelta(millis), offset: TimeDelta((hash % millis.unsigned_abs()) as i64) }
    }

    /// How far a scrape may begin from its slot and still bear its instant: a tenth of the interval, at most half a
    /// second.
    pub fn tolerance(&self) -> TimeDelta {
        TimeDelta(self.interval.0 / 10).min(TOLERANCE_MAX)
    }

    /// The first slot behind `now`.
    pub fn after(&self, now: Timestamp) -> Timestamp {
        let behind = (now - Timestamp(self.offset.0)).0.rem_euclid(self.interval.0);
        now + TimeDelta(self.interval.0 - behind)
    }

    /// The slot to wait for when the scrape of slot `last` has ended at `now`. A scrape that took its whole interval
    /// is followed by the next slot all the same; slots that passed meanwhile are skipped.
    pub fn following(&self, last: Timestamp, now: Timestamp) -> Timestamp {
        let next = last + self.interval;
        let is_near = next + self.tolerance() >= now && now + self.interval >= next;
        if is_near { next } else { self.after(now) }
    }

    /// The instant of samples whose scrape was due at `slot` and began at `started`.
    pub fn sample_time(&self, slot: Timestamp, started: Timestamp) -> Timestamp {
        if (started - slot).0.abs() <= self.tolerance().0 { slot } else { started }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(interval: i64, hash: u64) -> Slots {
        Slots::new(TimeDelta(interval), hash)
    }

    #[track_caller]
    fn check_after(interval: i64, hash: u64, now: i64, expected: i64) {
        assert_eq!(slots(interval, hash).after(Timestamp(now)), Timestamp(expected));
    }

    #[test]
    fn slots_are_fixed_by_the_hash() {
        check_after(15_000, 0, 0, 15_000);
        check_after(15_000, 0, 14_999, 15_000);
        check_after(15_000, 4_000, 14_999, 19_000);
        check_after(15_000, 4_000, 3_999, 4_000);
        check_after(15_000, 15_001, 15_000, 15_001);
        check_after(15_000, 4_000, -1, 4_000);
    }

    #[track_caller]
    fn check_following(last: i64, now: i64, expected: i64) {
        assert_eq!(slots(1_000, 0).following(Timestamp(last), Timestamp(now)), Timestamp(expected));
    }

    #[test]
    fn samples_stay_one_interval_apart_until_a_slot_is_missed() {
        check_following(5_000, 5_200, 6_000);
        check_following(5_000, 6_000, 6_000);
        check_following(5_000, 6_100, 6_000); // Took its whole interval: within tolerance.
        check_following(5_000, 6_101, 7_000);
        check_following(5_000, 9_500, 10_000);
        check_following(500_000, 9_500, 10_000); // The clock was set back.
        check_following(5_000, 5_000_001, 5_001_000); // The clock was set forward.
    }

    #[test]
    fn late_scrapes_bear_the_slot_within_tolerance_and_the_truth_beyond() {
        let time = |started| slots(1_000, 0).sample_time(Timestamp(5_000), Timestamp(started)).0;
        assert_eq!(time(5_100), 5_000);
        assert_eq!(time(4_999), 5_000);
        assert_eq!(time(5_101), 5_101);
        assert_eq!(time(1_000), 1_000);
        assert_eq!(slots(3_600_000, 0).tolerance(), TimeDelta(500));
    }
}
