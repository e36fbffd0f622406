//! How far a table with growing keys was read, and from where it is read again: a transaction that began earlier may commit
//! a lower key later.

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

    /// All up to `key` was read at that time, or was there at it.
    pub(super) fn reached(&mut self, key: i64, at: Timestamp) {
        let last = self.ends.last().map_or(key, |end| end.1.max(key));
        self.ends.push((at, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
