//! Rules as a file declares them, checked in form: what Prometheus calls rule groups.

use std::path::PathBuf;

use crate::TimeDelta;

/// Rules that are evaluated one after the other, at one interval. Name and file together are its identity.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// Unique within its file.
    pub name: String,
    /// The file it stands in, as the user named it.
    pub file: PathBuf,
    /// Time between two evaluations; the global one when absent.
    pub interval: Option<TimeDelta>,
    /// How far behind the clock the expressions are evaluated; the global one when absent.
    pub query_offset: Option<TimeDelta>,
    /// Most alerts, or recorded series, of one rule; 0 is no limit.
    pub limit: u64,
    /// In the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// One recording or alerting rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The alert's name, or the name of the recorded series.
    pub name: String,
    /// PromQL text that parses.
    pub expr: String,
    /// Name and value, sorted by name, those of the group included; an alerting rule's values are templates.
    pub labels: Vec<(String, String)>,
    /// What becomes of the result.
    pub kind: RuleKind,
    /// Line of the rule's name in its file, counted from 1.
    pub line: usize,
}

/// What becomes of a rule's result.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// It is stored as a series.
    Recording,
    /// Every element is an alert.
    Alerting {
        /// How long an element must be there before it fires (`for`).
        hold: TimeDelta,
        /// How long it goes on firing after it was last there.
        keep_firing_for: TimeDelta,
        /// Name and template, sorted by name.
        annotations: Vec<(String, String)>,
    },
}
