//! How far a table was read, by growing keys or by seconds, and from where it is read again: a transaction that began earlier
//! may commit a lower key later.

use lingshao_model::{TimeDelta, Timestamp};

/// Ends of earlier reads: when, and the last key then.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    overlap: TimeDelta,
    ends: Vec<(Timestamp, i64)>,
}

impl Marks {
    /// What lies up to `before` is never read.
    pub(super) fn new(overlap: TimeDelta, before: i64) -> Marks {
        Marks { overlap, ends: vec![(Timestamp::MIN, before)] }
    }

    /// The last key behind which a row may still appear.
    pub(super) fn floor(&mut self, now: Timestamp) -> i64 {
        let old = |end: &(Timestamp, i64)| end.0 <= now - self.overlap;
        let settled = self.ends.iter().rposition(old).unwrap_or(0);
        self.ends.drain(..settled);
        self.ends.first().map_or(i64::MIN, |end| end.1)
    }

    /// A page up to `key` was read at `now`. `made`: when its last row was, if more rows lie behind it; what was made long ago
    /// is settled, so that a first read of many days goes on where it ended.
    pub(super) fn page(&mut self, key: i64, made: Option<Timestamp>, skew_max: TimeDelta, now: Timestamp) {
        // A page that is read again proves nothing of what lies behind it.
        let is_known = made.is_some() && self.ends.last().is_some_and(|end| key <= end.1);
        if !is_known {
            self.reached(key, made.map_or(now, |made| now.min(made + skew_max)));
        }
    }

    /// All up to `key` was read at that time, or was there at it.
    fn reached(&mut self, key: i64, at: Timestamp) {
        let last = self.ends.last().map_or(key, |end| end.1.max(key));
        self.ends.push((at, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_long_ago_is_settled_before_its_table_is_read() {
        let mut marks = Marks::new(TimeDelta(100), 7);
        marks.page(20, Some(Timestamp(500)), TimeDelta(50), Timestamp(1_000));
        marks.page(30, Some(Timestamp(990)), TimeDelta(50), Timestamp(1_000));
        assert_eq!(marks.floor(Timestamp(1_000)), 20);
        // The same once more, a minute later.
        marks.page(30, Some(Timestamp(500)), TimeDelta(50), Timestamp(1_010));
        assert_eq!(marks.floor(Timestamp(1_010)), 20);
        marks.page(40, None, TimeDelta(50), Timestamp(1_000));
        assert_eq!(marks.floor(Timestamp(1_099)), 20);
        assert_eq!(marks.floor(Timestamp(1_100)), 40);
    }

    #[test]
    fn what_was_read_is_read_again_for_the_overlap_and_no_longer() {
        let mut marks = Marks::new(TimeDelta(100), 7);
        assert_eq!(marks.floor(Timestamp(0)), 7);
        marks.reached(20, Timestamp(0));
        marks.reached(30, Timestamp(50));
        assert_eq!(marks.floor(Timestamp(99)), 7);
        assert_eq!(marks.floor(Timestamp(100)), 20);
        assert_eq!(marks.floor(Timestamp(150)), 30);
        // A clock that is set back loses nothing, and brings nothing twice.
        assert_eq!(marks.floor(Timestamp(0)), 30);
        marks.reached(25, Timestamp(300));
        assert_eq!(marks.floor(Timestamp(400)), 30);
    }
}
