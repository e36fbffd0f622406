//! Incidents: what may go wrong in the demo shop at the press of a button, and which alert must find it.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// A label of the corrected rules' alerts. The plan's own rules have the same names and see other things: they neither
/// begin nor end an incident's last half minute.
pub(crate) const EDITION: (&str, &str) = ("edition", "corrected");

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Incident {
    /// The payment provider takes no money.
    PaymentOutage,
    /// Slow reports hold every connection of the database pool.
    SlowDatabase,
    /// A group buy runs out of time and nobody settles it.
    FailedGroup,
    /// Customers buy one product until hardly any is left, and nobody restocks.
    StockRunDown,
}

impl Incident {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Incident; 4] =
        [Incident::PaymentOutage, Incident::SlowDatabase, Incident::FailedGroup, Incident::StockRunDown];

    /// The name in addresses and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Incident::PaymentOutage => "payment-outage",
            Incident::SlowDatabase => "slow-database",
            Incident::FailedGroup => "failed-group",
            Incident::StockRunDown => "stock-run-down",
        }
    }

    /// The name of the alert that must find it. It carries the label `edition: corrected`.
    pub fn alert(self) -> &'static str {
        match self {
            Incident::PaymentOutage => "HighPaymentFailureRate",
            Incident::SlowDatabase => "HighResponseTime",
            Incident::FailedGroup => "GroupBuyUnsettled",
            Incident::StockRunDown => "LowStock",
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Incident {
    type Err = UnknownIncident;

    fn from_str(name: &str) -> Result<Incident, UnknownIncident> {
        Incident::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| UnknownIncident(name.into()))
    }
}

/// A name that no incident has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no incident `{0}`: payment-outage, slow-database, failed-group and stock-run-down are known"
)]
pub struct UnknownIncident(pub String);

/// How far an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is wrong.
    Idle,
    /// Something is wrong.
    Running,
    /// Nothing is wrong any more, but the alert has not resolved yet.
    Ending,
}

impl Phase {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Running => "running",
            Phase::Ending => "ending",
        }
    }
}

/// One incident, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentState {
    /// Which one.
    pub incident: Incident,
    /// How far it is.
    pub phase: Phase,
    /// When it was begun; nothing when idle.
    pub started_at: Option<SystemTime>,
    /// When its alert was first seen firing.
    pub alert_fired_at: Option<SystemTime>,
    /// When it will end, or has ended; nothing when idle.
    pub ends_at: Option<SystemTime>,
}

/// Why an incident cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncidentError {
    /// It has not ended yet.
    #[error("incident {0} is under way already; wait until it has ended and its alert has resolved")]
    UnderWay(Incident),
}
