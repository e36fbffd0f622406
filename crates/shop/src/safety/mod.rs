//! What keeps a monitor that is wrong from doing much harm.
//!
//! - [`Mode`]: how far a monitor may go.
//! - [`Gate`]: which candidates of a tick are acted on, within limits, twice seen, not quarantined; and when all halts.
//! - [`RefundCaps`]: how much money a day may give back.
//! - [`Callbacks`]: whether the provider's callbacks arrive at the shop; without them everything looks unpaid.

mod callbacks;
mod caps;
mod gate;

pub use callbacks::{CallbackLimits, Callbacks, Trouble};
pub use caps::{RefundCaps, RefundHeld};
pub use gate::{Admission, Candidate, Gate, Halt, Held, Limits, MonitorHistory, Pending};

/// How far a monitor may go. Nothing but a person's written word makes it more than [`Mode::Observe`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Finds, and says what it would do.
    #[default]
    Observe,
    /// Asks the provider too, and tries the transaction, which it rolls back.
    DryRun,
    /// Acts.
    Act,
}

impl Mode {
    /// As it stands in the configuration and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::DryRun => "dry_run",
            Mode::Act => "act",
        }
    }

    /// Back from its name.
    pub fn from_name(name: &str) -> Option<Mode> {
        [Mode::Observe, Mode::DryRun, Mode::Act].into_iter().find(|mode| mode.name() == name)
    }
}
