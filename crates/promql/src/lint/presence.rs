//! `absent-blind` and, with live data, `unknown-metric`.
//!
//! `up == 0` for all targets is silent, and so is `up{job="x"} == 0` where the configuration scrapes the job `x`, or where
//! something loaded with it asks for `absent(up{job="x"})`. A rule whose text speaks of the exporter means the exporter. Metrics below `absent` and beside `or` may be missing.

use lingshao_model::{MatchOp, Matcher};

use super::build::{self, binary, call, metric, number};
use super::repair::Correction;
use super::terms::{Comparison, comparisons, walk};
use super::{Alert, Context, Fault, Found, names};
use crate::ast::{BinaryOp, Expr, VectorSelector};
use crate::catalog::FunctionId;

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    if let Some(alert) = context.alert() {
        for comparison in comparisons(expr) {
            found.extend(check_up(&comparison, expr, alert, context));
        }
    }
    check_names(expr, context, found);
}

fn check_up(
    comparison: &Comparison<'_>,
    whole: &Expr,
    alert: &Alert<'_>,
    context: &Context<'_>,
) -> Option<Found> {
    let Expr::Vector(up) = innermost(comparison.value) else { return None };
    let is_down = match comparison.op {
        BinaryOp::Equal => comparison.threshold == 0.0,
        BinaryOp::Less | BinaryOp::NotEqual => comparison.threshold == 1.0,
        _ => false,
    };
    if metric(up) != Some("up") || !is_down {
        return None;
    }
    let wanted = job(up)?;
    let job = wanted.value();
    let is_guarded = || mentions(whole, context, |expr| is_absent_of(expr, up));
    let scraped = context.scrape.and_then(|scrape| scrape.jobs.iter().find(|own| own.name == job));
    // A pattern picks a family of jobs, of which some may well be away.
    let is_unguarded = wanted.op() == MatchOp::Equal && scraped.is_none() && !is_guarded();
    let is_direct = scraped.is_some_and(|job| job.is_direct);
    let asks_itself = |metric| mentions(whole, context, |expr| is_selector_of(expr, metric));
    // A rule that speaks of the exporter means the exporter.
    let means_exporter = alert.texts().any(|text| text.to_lowercase().contains("exporter"));
    let dependency =
        names::dependency(job).filter(|metric| !is_direct && !means_exporter && !asks_itself(metric));
    if !is_unguarded && dependency.is_none() {
        return None;
    }
    let with = guarded(comparison, up, dependency, is_unguarded);
    Some(Found {
        fault: Fault::AbsentBlind { job: job.to_owned(), dependency, is_unguarded },
        span: comparison.span,
        correction: Some(Correction { target: comparison.span, with }),
    })
}

/// `pg_up == 0 or up{job="postgres"} == 0 or absent(up{job="postgres"})`
fn guarded(
    comparison: &Comparison<'_>,
    up: &VectorSelector,
    dependency: Option<&str>,
    is_unguarded: bool,
) -> Expr {
    let own = binary(comparison.op, comparison.value.clone(), number(comparison.threshold));
    let dead = dependency.map(|name| {
        let selector = build::renamed(&build::without_matchers(up, |matcher| matcher.name() == "job"), name);
        binary(BinaryOp::Equal, Expr::Vector(Box::new(selector)), number(0.0))
    });
    let mut with = match dead {
        Some(dead) => binary(BinaryOp::Or, dead, own),
        None => own,
    };
    if is_unguarded {
        let absent = call(FunctionId::Absent, vec![Expr::Vector(Box::new(up.clone()))]);
        with = binary(BinaryOp::Or, with, absent);
    }
    with
}

/// Through parentheses and aggregations.
fn innermost(expr: &Expr) -> &Expr {
    match expr.without_parens() {
        Expr::Aggregate(aggregate) => innermost(&aggregate.expr),
        other => other,
    }
}

/// What picks the job: `job="redis"` or `job=~"redis.*"`.
fn job(selector: &VectorSelector) -> Option<&Matcher> {
    let own = selector.matchers.iter().find(|matcher| matcher.name() == "job")?;
    matches!(own.op(), MatchOp::Equal | MatchOp::Regex).then_some(own)
}

/// Whether this expression, or one that is loaded with it, has such a part.
fn mentions(whole: &Expr, context: &Context<'_>, is_it: impl Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    for expr in std::iter::once(whole).chain(context.neighbours) {
        expr.walk(&mut |node| found |= is_it(node));
    }
    found
}

/// `absent(up{job="x"})`, also of a part (`up{job="x",…}`) or of `up{…} == 1`.
fn is_absent_of(expr: &Expr, up: &VectorSelector) -> bool {
    let Expr::Call(call) = expr else { return false };
    if !matches!(call.function.id, FunctionId::Absent | FunctionId::AbsentOverTime) {
        return false;
    }
    let Some(selector) = call.args.first().and_then(|arg| arg.selectors().into_iter().next()) else {
        return false;
    };
    let picks = |selector| job(selector).map(|matcher| (matcher.op(), matcher.value().to_owned()));
    metric(selector) == Some("up") && picks(selector) == picks(up)
}

fn is_selector_of(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Vector(selector) if metric(selector) == Some(name))
}

fn check_names(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(live) = context.live else { return };
    walk(expr, &mut |node, above| {
        let selector = match node {
            Expr::Matrix(matrix) => &matrix.selector,
            Expr::Vector(selector) if !selector.is_info_filter => &**selector,
            _ => return,
        };
        let Some(name) = metric(selector) else { return };
        let may_be_missing = above.iter().any(|above| match above {
            Expr::Call(call) => {
                matches!(call.function.id, FunctionId::Absent | FunctionId::AbsentOverTime)
            }
            Expr::Binary(binary) => matches!(binary.op, BinaryOp::Or | BinaryOp::Unless),
            _ => false,
        });
        if may_be_missing || live.has_metric(name) != Some(false) {
            return;
        }
        let nearest = live.nearest_metric(name);
        let with = nearest.as_deref().map(|nearest| {
            let selector = build::renamed(selector, nearest);
            match node {
                Expr::Matrix(matrix) => {
                    let matrix = crate::ast::MatrixSelector { selector, ..(**matrix).clone() };
                    Expr::Matrix(Box::new(matrix))
                }
                _ => Expr::Vector(Box::new(selector)),
            }
        });
        found.push(Found {
            fault: Fault::UnknownMetric { metric: name.to_owned(), nearest },
            span: selector.span,
            correction: with.map(|with| Correction { target: node.span(), with }),
        });
    });
}
