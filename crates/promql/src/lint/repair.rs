//! Puts corrections into trees, until nothing is left that can be corrected.

use super::build::paren;
use super::{Context, Found, expression_faults};
use crate::ast::{Expr, Span};
use crate::parser::{ParseOptions, parse_with};

/// Something else in place of a part of the tree.
pub(super) struct Correction {
    /// The part.
    pub(super) target: Span,
    /// What belongs there.
    pub(super) with: Expr,
}

/// One correction after the other; a tree with more faults than this is no longer corrected but written anew.
const ROUNDS_MAX: usize = 8;

/// The whole expression with this fault and, as far as possible, all others corrected.
pub(super) fn corrected(expr: &Expr, found: &Found, context: &Context<'_>) -> Option<String> {
    let mut text = applied(expr, found.correction.as_ref()?);
    // What is offered may name metrics that the live server lacks; it is checked without it.
    let context = Context { live: None, ..*context };
    for _ in 0..ROUNDS_MAX {
        let tree = parse_with(&text, ParseOptions::all()).ok()?;
        let faults = expression_faults(&tree, &context);
        let Some(correction) = faults.iter().find_map(|one| one.correction.as_ref()) else {
            let lint = found.fault.lint();
            return (!faults.iter().any(|one| one.fault.lint() == lint)).then_some(text);
        };
        text = applied(&tree, correction);
    }
    None
}

fn applied(expr: &Expr, correction: &Correction) -> String {
    replaced(expr, correction, false).to_string()
}

/// `below_operator`: an operator stands above, so that another one needs parentheses.
fn replaced(expr: &Expr, correction: &Correction, below_operator: bool) -> Expr {
    if expr.span() == correction.target && !matches!(expr, Expr::Paren(_)) {
        let is_operator = |expr: &Expr| matches!(expr, Expr::Binary(_) | Expr::Unary(_));
        return match below_operator && is_operator(&correction.with) && !is_operator(expr) {
            true => paren(correction.with.clone()),
            false => correction.with.clone(),
        };
    }
    let below = |child: &Expr| replaced(child, correction, false);
    let operand = |child: &Expr| replaced(child, correction, true);
    let mut expr = expr.clone();
    match &mut expr {
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => {}
        Expr::Subquery(node) => node.expr = operand(&node.expr),
        Expr::Call(node) => node.args = node.args.iter().map(below).collect(),
        Expr::Aggregate(node) => {
            node.expr = below(&node.expr);
            node.param = node.param.as_ref().map(below);
        }
        Expr::Binary(node) => {
            node.lhs = operand(&node.lhs);
            node.rhs = operand(&node.rhs);
        }
        Expr::Unary(node) => node.expr = operand(&node.expr),
        Expr::Paren(node) => node.expr = below(&node.expr),
    }
    expr
}
