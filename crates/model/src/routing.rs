//! Who is told about what, when, and when not: Alertmanager's routing tree without the receivers' inside.

use crate::{IntegrationKind, Matcher, TimeDelta};

/// The whole of it, checked: every name that is used is defined.
#[derive(Clone, Debug)]
pub struct Routing {
    /// Takes every alert that no route below it takes.
    pub root: Route,
    /// In the order of the file.
    pub receivers: Vec<ReceiverShape>,
    /// In the order of the file.
    pub inhibit_rules: Vec<InhibitRule>,
    /// `time_intervals`, and the older `mute_time_intervals`.
    pub time_intervals: Vec<TimeInterval>,
}

/// A node of the tree; what a child does not say it has inherited already.
#[derive(Clone, Debug)]
pub struct Route {
    /// The receiver's name.
    pub receiver: String,
    /// Which alerts are told together.
    pub group_by: GroupBy,
    /// All must hold; a label that is missing is the empty text.
    pub matchers: Vec<Matcher>,
    /// Whether the next sibling is asked too after this route has taken an alert (`continue`).
    pub goes_on: bool,
    /// Names of [`TimeInterval`]s in which nothing is told.
    pub mute_time_intervals: Vec<String>,
    /// Names of [`TimeInterval`]s outside of which nothing is told; empty is always.
    pub active_time_intervals: Vec<String>,
    /// How long a new group waits for company.
    pub group_wait: TimeDelta,
    /// Time between two looks at a group.
    pub group_interval: TimeDelta,
    /// After how long it is said again.
    pub repeat_interval: TimeDelta,
    /// Asked in order, before this node takes an alert itself.
    pub routes: Vec<Route>,
}

/// `group_by`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: every alert alone.
    All,
    /// These labels, sorted; none of them is one group for all.
    Labels(Vec<String>),
}

/// A receiver as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverShape {
    /// Unique.
    pub name: String,
    /// Grouped by kind, in the order of the file.
    pub integrations: Vec<IntegrationShape>,
}

/// An integration as routing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrationShape {
    /// Its kind.
    pub kind: IntegrationKind,
    /// Which of its kind in this receiver, from 0.
    pub index: u16,
    /// Whether it is told when alerts end.
    pub send_resolved: bool,
}

/// While a source fires, targets with equal labels are not told about.
#[derive(Clone, Debug)]
pub struct InhibitRule {
    /// Which alerts inhibit.
    pub source: Vec<Matcher>,
    /// Which are inhibited.
    pub target: Vec<Matcher>,
    /// Labels that both must have alike; a missing one is the empty text.
    pub equal: Vec<String>,
}

/// A named set of times in the week and year (`prometheus/alertmanager`, `timeinterval`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeInterval {
    /// Unique.
    pub name: String,
    /// Any of them.
    pub spans: Vec<TimeSpan>,
}

/// All that is not empty must hold. Ranges include both ends, except for times of day, which exclude the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeSpan {
    /// Minutes since midnight, 0 to 1440, end excluded.
    pub times: Vec<(u16, u16)>,
    /// 0 is Sunday.
    pub weekdays: Vec<(u8, u8)>,
    /// 1 to 31, or -1 (the last) to -31.
    pub days_of_month: Vec<(i8, i8)>,
    /// 1 to 12.
    pub months: Vec<(u8, u8)>,
    /// Years of the common era.
    pub years: Vec<(i16, i16)>,
    /// IANA name of the time zone, one that exists; UTC when absent.
    pub location: Option<String>,
}
