//! Trees for corrections. Spans and matching are left out: what is built is printed and read again.

use lingshao_model::{METRIC_NAME, MatchOp, Matcher, TimeDelta};

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, DurationExpr, DurationKind, Expr, MatrixSelector,
    NumberLiteral, Paren, Span, VectorSelector,
};
use crate::catalog::{Function, FunctionId};

/// Window of rates in alerts.
pub(super) const RULE_WINDOW: TimeDelta = TimeDelta(300_000);

pub(super) fn number(value: f64) -> Expr {
    Expr::Number(NumberLiteral { value, is_duration: false, span: Span::default() })
}

pub(super) fn duration(span: TimeDelta) -> DurationExpr {
    let literal = NumberLiteral { value: span.as_seconds(), is_duration: true, span: Span::default() };
    DurationExpr { kind: DurationKind::Literal(literal), span: Span::default() }
}

pub(super) fn call(id: FunctionId, args: Vec<Expr>) -> Expr {
    Expr::Call(Call { function: Function::of(id), args, span: Span::default() })
}

/// `op by (labels) (expr)`
pub(super) fn aggregate(op: AggregateOp, labels: &[String], expr: Expr) -> Expr {
    Expr::Aggregate(Box::new(Aggregate {
        op,
        expr,
        param: None,
        without: false,
        grouping: labels.to_vec(),
        span: Span::default(),
    }))
}

pub(super) fn sum(expr: Expr) -> Expr {
    aggregate(AggregateOp::Sum, &[], expr)
}

/// `function(selector[window])`, the selector's modifiers kept.
pub(super) fn over(id: FunctionId, selector: VectorSelector, window: DurationExpr) -> Expr {
    let matrix = MatrixSelector { selector, range: window, span: Span::default() };
    call(id, vec![Expr::Matrix(Box::new(matrix))])
}

/// Operands get the parentheses that they need.
pub(super) fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    let own = precedence(op);
    let lhs = if binding(&lhs) < own { paren(lhs) } else { lhs };
    let rhs = if binding(&rhs) <= own { paren(rhs) } else { rhs };
    let span = Span::default();
    Expr::Binary(Box::new(Binary { op, lhs, rhs, return_bool: false, matching: None, span }))
}

pub(super) fn paren(expr: Expr) -> Expr {
    Expr::Paren(Box::new(Paren { expr, span: Span::default() }))
}

/// The same selector under another name.
pub(super) fn renamed(selector: &VectorSelector, name: &str) -> VectorSelector {
    let others = selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME).cloned();
    let matchers = others.chain([Matcher::equal(METRIC_NAME, name)]).collect();
    VectorSelector { name: Some(name.to_owned()), matchers, ..selector.clone() }
}

/// The same selector without conditions on some labels.
pub(super) fn without_matchers(
    selector: &VectorSelector,
    drops: impl Fn(&Matcher) -> bool,
) -> VectorSelector {
    let matchers = selector.matchers.iter().filter(|matcher| !drops(matcher)).cloned().collect();
    VectorSelector { matchers, ..selector.clone() }
}

/// How tightly an operator binds; only the order counts.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        op if op.is_comparison() => 3,
        BinaryOp::TrimUpper | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Pow => 6,
        _ => 5,
    }
}

fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::Binary(binary) => precedence(binary.op),
        Expr::Unary(_) => 5,
        _ => u8::MAX,
    }
}

/// The name of the metric that a selector asks for, wherever it is written.
pub(super) fn metric(selector: &VectorSelector) -> Option<&str> {
    let equal = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    selector.name.as_deref().or_else(|| selector.matchers.iter().find(equal).map(Matcher::value))
}
