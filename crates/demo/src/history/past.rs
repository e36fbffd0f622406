//! Incidents that the shop had before.

use crate::dice::{Dice, Purpose};
use crate::incident::Incident;
use crate::time::{Day, Moment};

/// An incident of a day in the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) incident: Incident,
    from_hour: f64,
    hours: f64,
}

impl Past {
    /// Whether it was under way then.
    pub(crate) fn covers(&self, at: Moment) -> bool {
        (self.from_hour..self.from_hour + self.hours).contains(&at.hour())
    }
}

/// What went wrong on a day: something on every third.
pub(crate) fn on(seed: u64, day: Day) -> Option<Past> {
    let mut dice = Dice::new(seed, Purpose::Incidents, day.0 as u64);
    let incident = Incident::ALL[dice.below(Incident::ALL.len())];
    let (from_hour, hours) = (9.5 + 12.0 * dice.unit(), 0.15 + 0.15 * dice.unit());
    dice.chance(0.35).then_some(Past { incident, from_hour, hours })
}
