//! Rule files: what their reader says, and what the checks say of every expression.

use std::path::Path;

use lingshao_model::{Rule, RuleKind};
use lingshao_promql::lint::{self, Alert, At, Context, Place, Routed};
use lingshao_promql::parse;
use lingshao_wire::prometheus_rules::{RuleFile, RuleSource};
use lingshao_wire::yaml::{Position, Value};

use super::{FINDINGS_MAX, Finding, Scope, out_of_time};
use crate::config::parse_rules;

/// All findings, in no particular order.
pub(super) fn check(text: &str, path: &Path, scope: &Scope<'_>) -> Vec<Finding> {
    let (file, diagnostics) = parse_rules(text, path);
    let mut findings: Vec<Finding> = diagnostics.into_iter().map(Finding::from).collect();
    findings.append(&mut faults(&file, text, path, scope));
    findings
}

/// What the checks say.
pub(super) fn faults(file: &RuleFile, text: &str, path: &Path, scope: &Scope<'_>) -> Vec<Finding> {
    let mut own = scope.surroundings.cloned().unwrap_or_default();
    own.add_rules(&file.groups);
    let mut findings = Vec::new();
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    for (rule, source) in rules.zip(&file.sources) {
        if scope.is_over() {
            findings.push(out_of_time(path, source.name_at));
            break;
        }
        let Ok(expr) = parse(&rule.expr) else { continue }; // Its reader has told.
        let routed = match &own.routes {
            Some(routes) => routes.fate(&rule.name, &rule.labels),
            None if own.is_configured => Routed::Told { unmatched: &[] },
            None => Routed::Unknown,
        };
        let context = Context {
            place: place(rule, routed),
            neighbours: &own.guards,
            scrape: own.scrape.as_ref(),
            live: scope.live,
        };
        for found in lint::check(&expr, &context) {
            let at = position(source, text, &found.at);
            findings.push(Finding::of_fault(path, at, &rule.name, &rule.expr, &found));
        }
        if findings.len() > FINDINGS_MAX {
            break;
        }
    }
    findings
}

fn place<'r>(rule: &'r Rule, routed: Routed<'r>) -> Place<'r> {
    match &rule.kind {
        RuleKind::Recording => Place::Recording,
        RuleKind::Alerting { hold, annotations, .. } => {
            Place::Alert(Alert { name: &rule.name, hold: *hold, labels: &rule.labels, annotations, routed })
        }
    }
}

fn position(source: &RuleSource, text: &str, at: &At) -> Position {
    let (node, offset) = match at {
        At::Expr(span) => (source.expr.as_ref(), span.start),
        At::Annotation { name, span } => (source.text(name), span.start),
        At::Label { name } => (source.text(name), 0),
        At::Rule => (None, 0),
    };
    let Some(node) = node else { return source.name_at };
    match &node.value {
        // A text as a whole: its beginning, quotes included.
        Value::Scalar { .. } if offset == 0 => node.at,
        _ => node.position_within(text, offset),
    }
}
