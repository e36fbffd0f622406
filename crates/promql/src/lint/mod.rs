//! What an expression computes that its author cannot have meant.
//!
//! Contract: pure. [`check`] looks at a parsed tree and at what is known around it ([`Context`]) and gives findings, each
//! with the bytes at fault and, where the tree says enough, a corrected expression. A correction parses, and is free of
//! every fault that can be corrected. What cannot be known is not guessed at: each check says in its module's head what
//! keeps it silent, because a linter that cries over right rules is switched off.
//!
//! The words of a finding are the caller's: a [`Fault`] carries what they need.

mod build;
mod context;
mod counters;
mod fault;
mod matching;
mod names;
mod numbers;
mod presence;
mod quantile;
mod ratio;
mod repair;
mod severity;
mod shape;
mod terms;
mod texts;

pub use context::{Alert, Context, Job, Live, MetricKind, Panel, PanelKind, Place, Routed, Scrape, Windows};

pub use fault::{Contradiction, Fault, Lint, Mismatch, Missing, Unrouted, WindowReason};

use crate::ast::{Expr, Span};

/// Where the fault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Bytes of the expression.
    Expr(Span),
    /// Bytes of an annotation's text.
    Annotation {
        /// Its name.
        name: String,
        /// In its text.
        span: Span,
    },
    /// The value of a label.
    Label {
        /// Its name.
        name: String,
    },
    /// The rule as a whole.
    Rule,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// Where.
    pub at: At,
    /// The whole expression, corrected.
    pub suggestion: Option<String>,
}

/// Longest expression that is looked at. Some checks compare all parts with each other, and nobody can put right what is
/// longer; the longest on public boards has some 3 kB on one panel.
const EXPR_BYTES_MAX: usize = 8 << 10;
/// Most faults of one expression that are told: each correction is a tree that is checked again.
const FAULTS_MAX: usize = 20;

/// All that is wrong with an expression, in the order of the text; what is wrong around it comes last.
pub fn check(expr: &Expr, context: &Context<'_>) -> Vec<Finding> {
    if expr.span().end > EXPR_BYTES_MAX {
        return Vec::new();
    }
    let mut found = expression_faults(expr, context);
    found.truncate(FAULTS_MAX);
    let mut findings: Vec<Finding> = found
        .iter()
        .map(|one| Finding {
            fault: one.fault.clone(),
            at: At::Expr(one.span),
            suggestion: repair::corrected(expr, one, context),
        })
        .collect();
    if let Place::Alert(alert) = &context.place {
        let has_no_denominator =
            found.iter().any(|one| matches!(one.fault, Fault::RatioWithoutDenominator { .. }));
        findings.extend(texts::check(expr, alert, has_no_denominator));
        findings.extend(severity::check(alert));
    }
    findings
}

/// A fault in the expression itself, and what would put it right.
struct Found {
    fault: Fault,
    span: Span,
    correction: Option<repair::Correction>,
}

/// Faults of the expression alone, in the order of the text.
fn expression_faults(expr: &Expr, context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    ratio::check(expr, context, &mut found);
    quantile::check(expr, context, &mut found);
    presence::check(expr, context, &mut found);
    matching::check(expr, context, &mut found);
    numbers::check(expr, context, &mut found);
    counters::check(expr, context, &mut found);
    withdraw_told_names(&mut found);
    found.sort_by_key(|one| (one.span.start, one.fault.lint()));
    found
}

/// A quantile that needs buckets is told under which name they are: that the name it has is unknown says no more.
fn withdraw_told_names(found: &mut Vec<Found>) {
    let told: Vec<Span> = found
        .iter()
        .filter(|one| matches!(one.fault, Fault::QuantileNeedsBuckets { .. }))
        .map(|one| one.span)
        .collect();
    let is_told = |span: Span| told.iter().any(|one| one.start <= span.start && span.end <= one.end);
    found.retain(|one| !matches!(one.fault, Fault::UnknownMetric { .. }) || !is_told(one.span));
}
