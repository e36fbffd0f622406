//! What becomes of a group buy.

use lingshao_model::Timestamp;

use crate::GroupKey;

/// A group that is still open in the shop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its key (the leader's row where the shop has no table of groups).
    pub key: GroupKey,
    /// Members whose order is *paid*; a member who only joined does not fill a group.
    pub paid: u32,
    /// How many are needed.
    pub required: u32,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The verdict on an open group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Enough members.
    Success,
    /// Too late, too few: members get their money back.
    Failed,
    /// Nothing to do.
    Ongoing,
}

/// Judges an open group. `now` is the database's clock, as `expires_at` is.
pub fn verdict(group: &Group, now: Timestamp) -> Verdict {
    if group.required > 0 && group.required <= group.paid {
        return Verdict::Success; // A full group that is also late still succeeds.
    }
    // A size of 0 is a mapping that reads the wrong column: no verdict can be right.
    if group.required > 0 && group.expires_at <= now {
        return Verdict::Failed;
    }
    Verdict::Ongoing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(paid: u32, required: u32, expires_at: i64, expected: Verdict) {
        let key = GroupKey::new("7").unwrap();
        let group = Group { key, paid, required, expires_at: Timestamp(expires_at) };
        assert_eq!(verdict(&group, Timestamp(100)), expected);
    }

    #[test]
    fn full_beats_late() {
        check(3, 3, 99, Verdict::Success);
        check(4, 3, 99, Verdict::Success);
        check(3, 3, 101, Verdict::Success);
        check(2, 3, 100, Verdict::Failed);
        check(2, 3, 101, Verdict::Ongoing);
        check(0, 3, 100, Verdict::Failed);
    }

    #[test]
    fn a_group_without_a_size_is_left_alone() {
        check(5, 0, 99, Verdict::Ongoing);
        check(0, 0, 99, Verdict::Ongoing);
    }
}
