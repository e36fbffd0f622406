//! What a check may know besides the expression.

use lingshao_model::TimeDelta;

use crate::ast::{Expr, VectorSelector};

/// Everything around one expression. The default knows nothing.
#[derive(Clone, Copy, Default)]
pub struct Context<'c> {
    /// Where the expression stands.
    pub place: Place<'c>,
    /// Other expressions that are loaded with it: one of them may guard what this one cannot see.
    pub neighbours: &'c [Expr],
    /// What is scraped, and how often; unknown without a configuration.
    pub scrape: Option<&'c Scrape>,
    /// Asks data that are really there.
    pub live: Option<&'c dyn Live>,
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, Default)]
pub enum Place<'c> {
    /// Somebody asks it, once.
    #[default]
    Query,
    /// A recording rule.
    Recording,
    /// An alerting rule.
    Alert(Alert<'c>),
    /// A panel of a board.
    Panel(Panel<'c>),
}

/// An alerting rule without its expression.
#[derive(Clone, Copy, Debug)]
pub struct Alert<'c> {
    /// Its name.
    pub name: &'c str,
    /// `for`
    pub hold: TimeDelta,
    /// Name and template.
    pub labels: &'c [(String, String)],
    /// Name and template.
    pub annotations: &'c [(String, String)],
    /// What becomes of it.
    pub routed: Routed<'c>,
}

/// What becomes of an alert.
#[derive(Clone, Copy, Debug, Default)]
pub enum Routed<'c> {
    /// There is no configuration: by default a short message goes out only for `critical`.
    #[default]
    Unknown,
    /// Some receiver tells somebody.
    Told {
        /// Severities that routes ask for, none of which took the alert; empty when one did.
        unmatched: &'c [String],
    },
    /// It falls through to a receiver that tells nobody.
    Nobody {
        /// The receiver.
        receiver: &'c str,
        /// Severities that routes ask for.
        unmatched: &'c [String],
    },
}

/// A panel without its expressions.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'c> {
    /// Its title.
    pub title: &'c str,
    /// What it draws.
    pub kind: PanelKind,
    /// The legend of this expression's series, if one is written.
    pub legend: Option<&'c str>,
    /// Shows a value for each series on purpose.
    pub shows_all_values: bool,
    /// What stands for the board's own windows.
    pub windows: Windows,
}

/// Kinds of panels, as far as they differ in what they make of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKind {
    /// Lines over time.
    Graph,
    /// One number: stat, singlestat, gauge.
    Single,
    /// A row or a bar for every series, or anything else.
    Many,
}

/// Durations that stand in a board's expressions in place of its variables; no hand-written window has their length.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// `$__rate_interval`
    pub rate_interval: TimeDelta,
    /// `$__interval`
    pub interval: TimeDelta,
    /// `$__range`
    pub range: TimeDelta,
}

/// What is scraped.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// `global.scrape_interval`
    pub interval: TimeDelta,
    /// All jobs, the built-in ones included.
    pub jobs: Vec<Job>,
}

/// A job and how often it is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Its interval.
    pub interval: TimeDelta,
    /// No exporter stands between us and what is watched: `up` is its own.
    pub is_direct: bool,
}

/// What kind of metric its source says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets.
    Histogram,
    /// Anything else.
    Other,
}

/// Data that are really there. What cannot be answered is `None`, and nothing is found then.
pub trait Live {
    /// Whether any series has this name, or had it lately.
    fn has_metric(&self, name: &str) -> Option<bool>;
    /// A name that exists and is spelt nearly so.
    fn nearest_metric(&self, name: &str) -> Option<String>;
    /// What its source says.
    fn kind(&self, name: &str) -> Option<MetricKind>;
    /// Names of the labels of the series that are selected, sorted.
    fn label_names(&self, selector: &VectorSelector) -> Option<Vec<String>>;
    /// Bounds of the buckets (`le`) that are selected, ascending, `+Inf` left out.
    fn bucket_bounds(&self, selector: &VectorSelector) -> Option<Vec<f64>>;
    /// How many series an expression has now.
    fn count(&self, expr: &Expr) -> Option<usize>;
}

impl<'c> Context<'c> {
    /// The panel, if it is one.
    pub(super) fn panel(&self) -> Option<&Panel<'c>> {
        match &self.place {
            Place::Panel(panel) => Some(panel),
            _ => None,
        }
    }

    /// The alert, if it is one.
    pub(super) fn alert(&self) -> Option<&Alert<'c>> {
        match &self.place {
            Place::Alert(alert) => Some(alert),
            _ => None,
        }
    }
}

impl Alert<'_> {
    /// Name and annotations: all that people read.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name).chain(self.annotations.iter().map(|(_, text)| text.as_str()))
    }
}
