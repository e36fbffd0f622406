//! Which labels the result of an expression has, as far as its text says.

use std::collections::BTreeSet;

use super::build::metric;
use crate::ast::{Binary, BinaryOp, Cardinality, Expr, VectorMatching, VectorSelector};
use crate::catalog::FunctionId;

/// Labels of a result, its metric's name left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A number.
    Scalar,
    /// At most these.
    Exactly(BTreeSet<String>),
    /// Those of scraped series, `job` and `instance` among them.
    Scraped,
    /// Cannot be told.
    Unknown,
}

/// Labels that every scraped series has.
const ALWAYS: [&str; 2] = ["instance", "job"];

impl Shape {
    pub(super) fn of(expr: &Expr) -> Shape {
        match expr {
            Expr::Number(_) | Expr::String(_) => Shape::Scalar,
            Expr::Vector(selector) => of_selector(selector),
            Expr::Matrix(matrix) => of_selector(&matrix.selector),
            Expr::Subquery(subquery) => Shape::of(&subquery.expr),
            Expr::Unary(unary) => Shape::of(&unary.expr),
            Expr::Paren(paren) => Shape::of(&paren.expr),
            Expr::Call(call) => of_call(call.function.id, &call.args),
            Expr::Aggregate(node) => match node.op {
                // These hand series on as they are.
                crate::ast::AggregateOp::Topk
                | crate::ast::AggregateOp::Bottomk
                | crate::ast::AggregateOp::Limitk
                | crate::ast::AggregateOp::LimitRatio => Shape::of(&node.expr),
                crate::ast::AggregateOp::CountValues => Shape::Unknown,
                _ if node.without => match Shape::of(&node.expr) {
                    Shape::Exactly(labels) => Shape::Exactly(
                        labels.into_iter().filter(|one| !node.grouping.contains(one)).collect(),
                    ),
                    _ => Shape::Unknown,
                },
                _ => Shape::Exactly(node.grouping.iter().cloned().collect()),
            },
            Expr::Binary(binary) => of_binary(binary),
        }
    }

    /// The labels by which a series finds its partner.
    pub(super) fn matched(&self, matching: &VectorMatching) -> Shape {
        let listed = |label: &String| matching.labels.contains(label);
        match self {
            Shape::Exactly(labels) => {
                Shape::Exactly(labels.iter().filter(|label| listed(label) == matching.on).cloned().collect())
            }
            // What `on` names and no scraped series must have may be there or not.
            Shape::Scraped if matching.on => {
                match matching.labels.iter().all(|label| ALWAYS.contains(&label.as_str())) {
                    true => Shape::Exactly(matching.labels.iter().cloned().collect()),
                    false => Shape::Unknown,
                }
            }
            Shape::Scraped if ALWAYS.iter().any(|own| matching.labels.iter().any(|label| label == own)) => {
                Shape::Unknown
            }
            other => other.clone(),
        }
    }

    /// No series of one can have just the labels of a series of the other.
    pub(super) fn excludes(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Exactly(left), Shape::Exactly(right)) => left != right,
            (Shape::Scraped, Shape::Exactly(labels)) | (Shape::Exactly(labels), Shape::Scraped) => {
                !ALWAYS.iter().all(|own| labels.contains(*own))
            }
            _ => false,
        }
    }

    /// The labels, if all are known.
    pub(super) fn labels(&self) -> Option<Vec<String>> {
        match self {
            Shape::Exactly(labels) => Some(labels.iter().cloned().collect()),
            _ => None,
        }
    }
}

/// Recorded series (`a:b`) have the labels that their rule kept; a selector without a name may select them too.
fn of_selector(selector: &VectorSelector) -> Shape {
    match metric(selector) {
        Some(name) if !name.contains(':') && name != "ALERTS" => Shape::Scraped,
        _ => Shape::Unknown,
    }
}

fn of_call(id: FunctionId, args: &[Expr]) -> Shape {
    use FunctionId as F;
    match id {
        F::Vector => Shape::Exactly(BTreeSet::new()),
        F::Absent | F::AbsentOverTime | F::LabelReplace | F::LabelJoin | F::Info | F::HistogramQuantiles => {
            Shape::Unknown
        }
        F::Scalar | F::Time | F::Pi => Shape::Scalar,
        F::HistogramQuantile => match args.get(1).map(Shape::of) {
            Some(Shape::Exactly(mut labels)) => {
                labels.remove("le");
                Shape::Exactly(labels)
            }
            other => other.unwrap_or(Shape::Unknown),
        },
        _ => {
            let mut vectors = args.iter().map(Shape::of).filter(|shape| *shape != Shape::Scalar);
            match (vectors.next(), vectors.next()) {
                (Some(shape), None) => shape,
                (None, None) => Shape::Exactly(BTreeSet::new()), // `hour()` and the like.
                _ => Shape::Unknown,
            }
        }
    }
}

fn of_binary(binary: &Binary) -> Shape {
    let (left, right) = (Shape::of(&binary.lhs), Shape::of(&binary.rhs));
    let Some(matching) = &binary.matching else {
        return if left == Shape::Scalar { right } else { left };
    };
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => left,
        BinaryOp::Or => {
            if left == right {
                left
            } else {
                Shape::Unknown
            }
        }
        _ => match matching.cardinality {
            Cardinality::OneToOne if binary.op.is_comparison() && !binary.return_bool => left,
            Cardinality::OneToOne => left.matched(matching),
            Cardinality::ManyToOne if matching.include.is_empty() => left,
            Cardinality::OneToMany if matching.include.is_empty() => right,
            _ => Shape::Unknown,
        },
    }
}
