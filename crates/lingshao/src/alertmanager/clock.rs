//! Tells a step of the wall clock from the passing of time.

use std::time::Instant;

use lingshao_model::{TimeDelta, Timestamp};

/// A clock that is set back by less than this is not worth moving anything for: NTP slews, and reads of the two
/// clocks are some time apart when the machine is busy.
const STEP_MIN: TimeDelta = TimeDelta(2_000);

/// The wall clock beside a clock that nobody sets.
#[derive(Debug)]
pub(super) struct StepWatch {
    wall: Timestamp,
    steady: Instant,
}

impl StepWatch {
    /// Begins to watch.
    pub(super) fn new(wall: Timestamp, steady: Instant) -> StepWatch {
        StepWatch { wall, steady }
    }

    /// By how much the wall clock was set back since the last look, as a negative span; `None` when it was not. A
    /// clock set forward is believed: it was wrong before, or the machine slept.
    pub(super) fn step_back(&mut self, wall: Timestamp, steady: Instant) -> Option<TimeDelta> {
        let passed = steady.saturating_duration_since(self.steady);
        let expected = self.wall + TimeDelta(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX));
        (self.wall, self.steady) = (wall, steady);
        let step = TimeDelta(wall.0.saturating_sub(expected.0));
        (step.0 <= -STEP_MIN.0).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_a_clock_set_back_is_a_step() {
        let start = Instant::now();
        let mut watch = StepWatch::new(Timestamp(1_000_000), start);
        for (after_millis, wall, expected) in [
            (1_000, 1_001_000, None),                        // time passes
            (2_000, 1_001_500, None),                        // slewed
            (3_000, 4_602_500, None),                        // an hour forward
            (4_000, 1_003_500, Some(TimeDelta(-3_600_000))), // and back again
            (5_000, 1_004_500, None),
        ] {
            let steady = start + Duration::from_millis(after_millis);
            assert_eq!(watch.step_back(Timestamp(wall), steady), expected, "after {after_millis} ms");
        }
    }
}
