//! Days of the shop: [00:00, 24:00) in Asia/Shanghai, which has no summer time.

use lingshao_model::{TimeDelta, Timestamp};

/// How far ahead of UTC.
const SHANGHAI: i64 = 8 * 3_600_000;
/// One day.
pub const DAY: TimeDelta = TimeDelta::from_secs(86_400);

/// The number of its day, counted from 1970.
pub fn day(at: Timestamp) -> i64 {
    (at.0 + SHANGHAI).div_euclid(DAY.0)
}

/// When a day begins.
pub fn begin_of(day: i64) -> Timestamp {
    Timestamp(day * DAY.0 - SHANGHAI)
}

/// The hour on the shop's clock, 0 to 23.
pub fn hour(at: Timestamp) -> i64 {
    (at.0 + SHANGHAI).rem_euclid(DAY.0) / 3_600_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_four_in_the_afternoon_of_utc() {
        let begins = Timestamp(16 * 3_600_000);
        assert_eq!((day(Timestamp(begins.0 - 1)), day(begins)), (0, 1));
        assert_eq!((begin_of(1), hour(begins), hour(Timestamp(begins.0 - 1))), (begins, 0, 23));
    }
}
