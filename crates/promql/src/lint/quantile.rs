//! `quantile-needs-buckets`, `quantile-out-of-range` and, with live data, `unsafe-bucket-bound`.
//!
//! Silent on recorded series (`a:b`), whose rule may have done all of it, and on `rate(name[5m])` without `_bucket`, which
//! is right for a native histogram, unless live data say that there is none.

use super::build::{self, aggregate, duration, metric, renamed};
use super::repair::Correction;
use super::terms::{comparisons, literal, walk};
use super::{Context, Fault, Found, Missing};
use crate::ast::{AggregateOp, Call, Expr, VectorSelector};
use crate::catalog::FunctionId;

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    expr.walk(&mut |node| {
        if let Some((call, of)) = quantile(node) {
            found.extend(check_quantile(call, of, context));
        }
        found.extend(quantile_number(node).and_then(check_range));
    });
    check_bounds(expr, context, found);
}

/// The call, and what the quantile is of.
fn quantile(expr: &Expr) -> Option<(&Call, &Expr)> {
    match expr.without_parens() {
        Expr::Call(call) if call.function.id == FunctionId::HistogramQuantile => {
            Some((call, call.args.get(1)?))
        }
        _ => None,
    }
}

fn check_quantile(call: &Call, of: &Expr, context: &Context<'_>) -> Option<Found> {
    let (selector, is_rated) = source(of)?;
    let name = metric(selector).filter(|name| !name.contains(':'))?;
    let missing = missing(of, name, is_rated, context)?;
    Some(Found {
        fault: Fault::QuantileNeedsBuckets { metric: name.to_owned(), missing },
        span: call.args.get(1).map_or(call.span, Expr::span),
        correction: Some(Correction {
            target: of.without_parens().span(),
            with: rated_buckets(of, selector, name, context),
        }),
    })
}

/// Where the number of a quantile stands.
fn quantile_number(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Call(call) => match call.function.id {
            FunctionId::HistogramQuantile | FunctionId::QuantileOverTime => call.args.first(),
            _ => None,
        },
        Expr::Aggregate(aggregate) if aggregate.op == AggregateOp::Quantile => aggregate.param.as_ref(),
        _ => None,
    }
}

/// 95 is meant as percent; of what is below 0 nobody knows what was meant.
fn check_range(number: &Expr) -> Option<Found> {
    let quantile = literal(number).filter(|quantile| !(0.0..=1.0).contains(quantile))?;
    // By its digits: 99.9 divided by 100 is not 0.999.
    let meant = format!("{quantile}e-2").parse().ok().filter(|meant| (0.01..=1.0).contains(meant));
    let correction = meant.map(|meant| Correction { target: number.span(), with: build::number(meant) });
    Some(Found { fault: Fault::QuantileOutOfRange { quantile }, span: number.span(), correction })
}

/// The one selector below, and whether a rate is made of it; nothing for mixtures, which somebody thought about.
fn source(of: &Expr) -> Option<(&VectorSelector, bool)> {
    let mut selectors = of.selectors().into_iter();
    let selector = selectors.next()?;
    if selectors.next().is_some() {
        return None;
    }
    let mut is_rated = false;
    of.walk(&mut |node| {
        is_rated |= match node {
            Expr::Call(call) => call.function.arg_type(0) == Some(crate::ast::ValueType::Matrix),
            Expr::Binary(_) => true, // `x - x offset 5m` and the like.
            _ => false,
        };
    });
    Some((selector, is_rated))
}

fn missing(of: &Expr, name: &str, is_rated: bool, context: &Context<'_>) -> Option<Missing> {
    if let Some(stem) = name.strip_suffix("_bucket") {
        let drops_le = loses_le(of);
        return match (is_rated, drops_le, stem.is_empty()) {
            (_, true, _) => Some(Missing::Le),
            (false, ..) => Some(Missing::Rate),
            _ => None,
        };
    }
    if name.ends_with("_count") || name.ends_with("_sum") || name.ends_with("_total") {
        return Some(Missing::Buckets);
    }
    let has = |name: &str| context.live.and_then(|live| live.has_metric(name));
    let is_classic = || has(&format!("{name}_bucket")) == Some(true) && has(name) == Some(false);
    (!is_rated || is_classic()).then_some(Missing::Buckets)
}

/// An aggregation below keeps other labels than `le`.
fn loses_le(of: &Expr) -> bool {
    let mut loses = false;
    of.walk(&mut |node| {
        if let Expr::Aggregate(aggregate) = node {
            loses |= aggregate.param.is_none()
                && aggregate.grouping.iter().any(|label| label == "le") == aggregate.without;
        }
    });
    loses
}

/// `sum by (le, …) (rate(name_bucket[5m]))`, with the labels and the window that were there.
fn rated_buckets(of: &Expr, selector: &VectorSelector, name: &str, context: &Context<'_>) -> Expr {
    let stems = ["_bucket", "_count", "_sum", "_total"];
    let stem = stems.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let mut labels = vec!["le".to_owned()];
    let mut window = None;
    of.walk(&mut |node| match node {
        Expr::Aggregate(aggregate) if !aggregate.without => {
            labels.extend(aggregate.grouping.iter().filter(|label| *label != "le").cloned());
        }
        Expr::Matrix(matrix) => window = Some(matrix.range.clone()),
        _ => {}
    });
    labels.dedup();
    let default = context.panel().map_or(build::RULE_WINDOW, |panel| panel.windows.rate_interval);
    let window = window.unwrap_or_else(|| duration(default));
    let buckets = renamed(selector, &format!("{stem}_bucket"));
    aggregate(AggregateOp::Sum, &labels, build::over(FunctionId::Rate, buckets, window))
}

/// A quantile is only exact where a bucket ends: between two bounds it is a guess on a straight line.
fn check_bounds(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(live) = context.live else { return };
    for comparison in comparisons(expr) {
        let Some((_, of)) = quantile(comparison.value) else { continue };
        let mut bounds = Vec::new();
        let mut name = None;
        walk(of, &mut |node, _| {
            let selector = match node {
                Expr::Matrix(matrix) => &matrix.selector,
                Expr::Vector(selector) => &**selector,
                _ => return,
            };
            if let Some(own) = metric(selector).filter(|own| own.ends_with("_bucket")) {
                name = Some(own.to_owned());
                bounds = live.bucket_bounds(selector).unwrap_or_default();
            }
        });
        let threshold = comparison.threshold;
        let is_bound = |bound: &&f64| (**bound - threshold).abs() <= threshold.abs() * 1e-9;
        let Some(metric) = name.filter(|_| !bounds.is_empty() && !bounds.iter().any(|one| is_bound(&one)))
        else {
            continue;
        };
        let below = bounds.iter().copied().rfind(|bound| *bound < threshold);
        let above = bounds.iter().copied().find(|bound| threshold < *bound);
        let nearest = match (below, above) {
            (Some(below), Some(above)) if threshold / below < above / threshold => Some(below),
            (below, above) => above.or(below),
        };
        let correct = |bound| Correction { target: comparison.threshold_span, with: build::number(bound) };
        found.push(Found {
            fault: Fault::UnsafeBucketBound { metric, threshold, below, above },
            span: comparison.threshold_span,
            correction: nearest.map(correct),
        });
    }
}
