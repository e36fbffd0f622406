//! `vector-mismatch` and `self-division`: sides of an operator that miss each other, or that are one and the same.
//!
//! What the text says for certain is found anywhere. That two of the shop's own counters, divided series by series, may
//! have different labels is only a doubt: it is silent where `on` or `ignoring` shows that labels were thought about, for
//! exporters' metrics, within one histogram, below a legend that names a label, and where live data say that the labels
//! are the same.

use super::build::{self, binary, call, metric, number, sum};
use super::repair::Correction;
use super::shape::Shape;
use super::terms::{Counted, comparisons, counted, walk};
use super::{Context, Fault, Found, Mismatch, names};
use crate::ast::{Aggregate, Binary, BinaryOp, Cardinality, Expr, VectorMatching, VectorSelector};
use crate::catalog::FunctionId;

/// Requests in the window below which a share says little.
const REQUESTS_MIN: f64 = 20.0;

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    walk(expr, &mut |node, _| {
        let Expr::Binary(binary) = node else { return };
        let Some(matching) = &binary.matching else { return };
        if let Some(one) = divided_by_itself(binary, matching, context) {
            found.push(one);
        } else if let Some(one) = never_matches(binary, matching) {
            found.push(one);
        } else if let Some(one) = is_fragile(binary, matching, expr, context) {
            found.push(one);
        }
    });
}

fn divided_by_itself(node: &Binary, matching: &VectorMatching, context: &Context<'_>) -> Option<Found> {
    if node.op != BinaryOp::Div || matching.cardinality != Cardinality::OneToOne {
        return None;
    }
    let mut groupings = Vec::new();
    let (part, all) = same_form(without_default(&node.lhs), &node.rhs, &mut groupings)?;
    let metric = metric(part).filter(|name| metric(all) == Some(name))?;
    let has = |matchers: &VectorSelector, wanted: &lingshao_model::Matcher| {
        let is_it = |own: &lingshao_model::Matcher| {
            (own.name(), own.op(), own.value()) == (wanted.name(), wanted.op(), wanted.value())
        };
        matchers.matchers.iter().any(is_it)
    };
    if !all.matchers.iter().all(|matcher| has(part, matcher)) {
        return None;
    }
    let narrowing: Vec<&str> =
        part.matchers.iter().filter(|own| !has(all, own)).map(lingshao_model::Matcher::name).collect();
    let is_kept = |label: &str| {
        let is_listed = |labels: &[String]| labels.iter().any(|own| own == label);
        groupings.iter().all(|one| is_listed(&one.grouping) != one.without)
            && is_listed(&matching.labels) == matching.on
    };
    if !narrowing.iter().all(|label| is_kept(label)) {
        return None;
    }
    Some(Found {
        fault: Fault::SelfDivision { metric: metric.to_owned() },
        span: node.span,
        correction: (!narrowing.is_empty()).then(|| share(node, &groupings, &narrowing, context)).flatten(),
    })
}

/// Without `or vector(0)`.
fn without_default(expr: &Expr) -> &Expr {
    match expr.without_parens() {
        Expr::Binary(binary) if binary.op == BinaryOp::Or => without_default(&binary.lhs),
        other => other,
    }
}

/// The two selectors, if everything around them is the same; the aggregations on the way.
fn same_form<'e>(
    left: &'e Expr,
    right: &'e Expr,
    groupings: &mut Vec<&'e Aggregate>,
) -> Option<(&'e VectorSelector, &'e VectorSelector)> {
    let modifiers = |selector: &VectorSelector| {
        (selector.offset.as_ref().map(ToString::to_string), selector.at, selector.extension)
    };
    match (left.without_parens(), right.without_parens()) {
        (Expr::Vector(left), Expr::Vector(right)) => {
            (modifiers(left) == modifiers(right)).then_some((&**left, &**right))
        }
        (Expr::Matrix(left), Expr::Matrix(right)) => {
            let is_same = left.range.to_string() == right.range.to_string()
                && modifiers(&left.selector) == modifiers(&right.selector);
            is_same.then_some((&left.selector, &right.selector))
        }
        (Expr::Call(left), Expr::Call(right)) => {
            let is_same =
                left.function.id == right.function.id && left.args.len() == 1 && right.args.len() == 1;
            is_same.then(|| same_form(&left.args[0], &right.args[0], groupings)).flatten()
        }
        (Expr::Aggregate(left), Expr::Aggregate(right)) => {
            let is_same = left.op == right.op
                && left.without == right.without
                && left.grouping == right.grouping
                && left.param.is_none();
            groupings.push(left);
            is_same.then(|| same_form(&left.expr, &right.expr, groupings)).flatten()
        }
        _ => None,
    }
}

/// `sum(part) / sum(all)`, without the labels by which the part was picked; 0 on a panel when the part is empty.
fn share(
    node: &Binary,
    groupings: &[&Aggregate],
    narrowing: &[&str],
    context: &Context<'_>,
) -> Option<Correction> {
    let labels: Vec<String> = match groupings {
        [] => Vec::new(),
        [one] if !one.without => {
            one.grouping.iter().filter(|label| !narrowing.contains(&label.as_str())).cloned().collect()
        }
        _ => return None,
    };
    let summed = |expr: &Expr| match expr.without_parens() {
        Expr::Aggregate(own) => build::aggregate(own.op, &labels, own.expr.clone()),
        other => build::aggregate(crate::ast::AggregateOp::Sum, &labels, other.clone()),
    };
    let mut part = summed(without_default(&node.lhs));
    if context.panel().is_some() && labels.is_empty() {
        part = binary(BinaryOp::Or, part, call(FunctionId::Vector, vec![number(0.0)]));
    }
    Some(Correction { target: node.span, with: binary(BinaryOp::Div, part, summed(&node.rhs)) })
}

fn never_matches(node: &Binary, matching: &VectorMatching) -> Option<Found> {
    if node.op == BinaryOp::Or || matching.fill_left.is_some() || matching.fill_right.is_some() {
        return None;
    }
    let shape = |expr: &Expr| Shape::of(expr).matched(matching);
    let (left, right) = (shape(&node.lhs), shape(&node.rhs));
    left.excludes(&right).then(|| Found {
        fault: Fault::VectorMismatch(Mismatch::Never {
            op: node.op.as_str(),
            left: left.labels(),
            right: right.labels(),
        }),
        span: node.span,
        correction: joined(node, &left, &right),
    })
}

/// Matching on what both sides have; where one side has more, it is the "many" side.
fn joined(node: &Binary, left: &Shape, right: &Shape) -> Option<Correction> {
    let (labels, cardinality) = match (left.labels(), right.labels()) {
        (Some(left), Some(right)) => {
            let common: Vec<String> = left.iter().filter(|label| right.contains(label)).cloned().collect();
            if node.op.is_set() {
                (common, Cardinality::ManyToMany)
            } else if common.len() == right.len() {
                (common, Cardinality::ManyToOne)
            } else if common.len() == left.len() {
                (common, Cardinality::OneToMany)
            } else {
                return None;
            }
        }
        (None, Some(right)) if node.op.is_set() => (right, Cardinality::ManyToMany),
        (Some(left), None) if node.op.is_set() => (left, Cardinality::ManyToMany),
        (None, Some(right)) => (right, Cardinality::ManyToOne),
        (Some(left), None) => (left, Cardinality::OneToMany),
        (None, None) => return None,
    };
    let matching = VectorMatching {
        cardinality,
        on: true,
        labels,
        include: Vec::new(),
        fill_left: None,
        fill_right: None,
    };
    let with = Expr::Binary(Box::new(Binary { matching: Some(matching), ..node.clone() }));
    Some(Correction { target: node.span, with })
}

fn is_fragile(
    node: &Binary,
    matching: &VectorMatching,
    whole: &Expr,
    context: &Context<'_>,
) -> Option<Found> {
    let is_plain = node.op == BinaryOp::Div && !matching.on && matching.labels.is_empty();
    let has_legend =
        context.panel().is_some_and(|panel| panel.legend.is_some_and(|text| text.contains("{{")));
    let (above, below) = (counted(&node.lhs)?, counted(&node.rhs)?);
    let (numerator, denominator) = (metric(&above.matrix.selector)?, metric(&below.matrix.selector)?);
    let is_summed = above.aggregate.is_some() || below.aggregate.is_some();
    if !is_plain
        || has_legend
        || is_summed
        || names::is_exporters(numerator)
        || names::is_exporters(denominator)
        || stem(numerator) == stem(denominator)
    {
        return None;
    }
    let differing = differing_labels(&above, &below, context)?;
    let fault = Fault::VectorMismatch(Mismatch::Fragile {
        numerator: numerator.to_owned(),
        denominator: denominator.to_owned(),
        differing,
    });
    Some(Found { fault, span: node.span, correction: Some(summed(node, &below, whole, context)) })
}

/// Labels that only one side has; nothing if the data say that there are none.
fn differing_labels(above: &Counted<'_>, below: &Counted<'_>, context: &Context<'_>) -> Option<Vec<String>> {
    let names =
        |counted: &Counted<'_>| context.live.and_then(|live| live.label_names(&counted.matrix.selector));
    let (Some(above), Some(below)) = (names(above), names(below)) else { return Some(Vec::new()) };
    let only = |own: &[String], other: &[String]| {
        own.iter().filter(|label| *label != "__name__" && !other.contains(label)).cloned().collect::<Vec<_>>()
    };
    let differing = [only(&above, &below), only(&below, &above)].concat();
    (!differing.is_empty() || above.is_empty() || below.is_empty()).then_some(differing)
}

/// A histogram's or summary's parts have one set of labels.
fn stem(name: &str) -> &str {
    ["_sum", "_count", "_bucket"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// `sum(a) / sum(b)`; in an alert also enough of `b` to judge by.
fn summed(node: &Binary, below: &Counted<'_>, whole: &Expr, context: &Context<'_>) -> Correction {
    let ratio = binary(BinaryOp::Div, sum(node.lhs.clone()), sum(node.rhs.clone()));
    let is_judged = |value: &Expr| value.without_parens().span() == node.span;
    let deciding = comparisons(whole).into_iter().find(|one| is_judged(one.value));
    let Some(comparison) = deciding.filter(|_| context.alert().is_some()) else {
        return Correction { target: node.span, with: ratio };
    };
    let judged = binary(comparison.op, ratio, number(comparison.threshold));
    let requests =
        build::over(FunctionId::Increase, below.matrix.selector.clone(), below.matrix.range.clone());
    let enough = binary(BinaryOp::GreaterOrEqual, sum(requests), number(REQUESTS_MIN));
    let with = binary(BinaryOp::And, judged, enough);
    let is_whole = whole.without_parens().span() == comparison.span;
    Correction { target: comparison.span, with: if is_whole { with } else { build::paren(with) } }
}
