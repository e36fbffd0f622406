//! Parts of expressions that several checks look for: comparisons with a number, and counted events.

use crate::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, MatrixSelector, Span};
use crate::catalog::FunctionId;

/// `value op threshold`, turned so that the number stands on the right.
pub(super) struct Comparison<'e> {
    /// What is compared.
    pub(super) value: &'e Expr,
    /// How.
    pub(super) op: BinaryOp,
    /// With what.
    pub(super) threshold: f64,
    /// Both.
    pub(super) span: Span,
    /// Where the number stands.
    pub(super) threshold_span: Span,
}

/// The comparisons with a number that decide whether an alert fires: those below `and`, `or`, and left of `unless`.
pub(super) fn comparisons(expr: &Expr) -> Vec<Comparison<'_>> {
    let mut found = Vec::new();
    collect(expr, &mut found);
    found
}

fn collect<'e>(expr: &'e Expr, found: &mut Vec<Comparison<'e>>) {
    let Expr::Binary(binary) = expr.without_parens() else { return };
    match binary.op {
        BinaryOp::And | BinaryOp::Or => {
            collect(&binary.lhs, found);
            collect(&binary.rhs, found);
        }
        BinaryOp::Unless => collect(&binary.lhs, found),
        op if op.is_comparison() && !binary.return_bool => found.extend(comparison(binary)),
        _ => {}
    }
}

fn comparison(binary: &Binary) -> Option<Comparison<'_>> {
    let (value, op, number) = match (literal(&binary.lhs), literal(&binary.rhs)) {
        (None, Some(number)) => (&binary.lhs, binary.op, (number, binary.rhs.span())),
        (Some(number), None) => (&binary.rhs, turned(binary.op), (number, binary.lhs.span())),
        _ => return None,
    };
    let (threshold, threshold_span) = number;
    Some(Comparison { value, op, threshold, span: binary.span, threshold_span })
}

/// The comparison with its sides exchanged.
fn turned(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        other => other,
    }
}

/// The value of a number as it is written.
pub(super) fn literal(expr: &Expr) -> Option<f64> {
    match expr.without_parens() {
        Expr::Number(number) => Some(number.value),
        Expr::Unary(unary) => literal(&unary.expr).map(|value| if unary.negative { -value } else { value }),
        _ => None,
    }
}

/// Events counted over a window, alone or added up.
pub(super) struct Counted<'e> {
    /// `rate`, `irate` or `increase`.
    pub(super) function: FunctionId,
    /// What is counted.
    pub(super) matrix: &'e MatrixSelector,
    /// How series are added up; not at all without it.
    pub(super) aggregate: Option<&'e Aggregate>,
    /// All of it.
    pub(super) span: Span,
}

impl Counted<'_> {
    /// Its value is a number of events per second.
    pub(super) fn is_per_second(&self) -> bool {
        self.function != FunctionId::Increase
    }
}

/// The expression, if it is nothing but counted events; a factor beside them is looked through.
pub(super) fn counted(expr: &Expr) -> Option<Counted<'_>> {
    let expr = expr.without_parens();
    match expr {
        Expr::Aggregate(aggregate) if matches!(aggregate.op, AggregateOp::Sum | AggregateOp::Avg) => {
            let inner = counted(&aggregate.expr)?;
            inner.aggregate.is_none().then_some(Counted {
                aggregate: Some(aggregate),
                span: aggregate.span,
                ..inner
            })
        }
        Expr::Call(call) => {
            let function = call.function.id;
            Some(Counted { function, matrix: window(call)?, aggregate: None, span: call.span })
        }
        Expr::Binary(binary) if binary.op == BinaryOp::Mul => {
            match (literal(&binary.lhs), literal(&binary.rhs)) {
                (None, Some(_)) => counted(&binary.lhs),
                (Some(_), None) => counted(&binary.rhs),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The selector inside of `rate`, `irate` or `increase`.
fn window(call: &Call) -> Option<&MatrixSelector> {
    let counts = matches!(call.function.id, FunctionId::Rate | FunctionId::Irate | FunctionId::Increase);
    match call.args.first().map(Expr::without_parens) {
        Some(Expr::Matrix(matrix)) if counts => Some(matrix),
        _ => None,
    }
}

/// Calls `visit` with everything in the tree and what stands above it, nearest last.
pub(super) fn walk<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr, &[&'e Expr])) {
    fn step<'e>(expr: &'e Expr, above: &mut Vec<&'e Expr>, visit: &mut dyn FnMut(&'e Expr, &[&'e Expr])) {
        visit(expr, above);
        above.push(expr);
        let mut children = Vec::new();
        expr.for_each_child(&mut |child| children.push(child));
        children.into_iter().for_each(|child| step(child, above, visit));
        above.pop();
    }
    step(expr, &mut Vec::new(), visit);
}
