//! The value of a duration once the query's step and range are known.

use lingshao_model::TimeDelta;

use crate::ast::{BinaryOp, DurationExpr, DurationKind, Span};

/// Why a duration has no value in this query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DurationProblem {
    /// As Prometheus words it.
    pub message: &'static str,
    /// What part of the duration.
    pub span: Span,
}

/// Longest span that Prometheus can hold: 2^63 nanoseconds, in seconds.
pub(crate) const SECONDS_MAX: f64 = (1_u64 << 63) as f64 / 1e9;

impl DurationExpr {
    /// The duration in a query with this step and this range (end less start). Offsets may be negative or zero,
    /// ranges and subquery steps may not.
    pub fn resolve(
        &self,
        step: TimeDelta,
        range: TimeDelta,
        allow_negative: bool,
    ) -> Result<TimeDelta, DurationProblem> {
        let seconds = self.seconds(step.as_seconds(), range.as_seconds())?;
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return Err(DurationProblem { message: "duration is out of range", span: self.span });
        }
        if seconds <= 0.0 && !allow_negative {
            return Err(DurationProblem { message: "duration must be greater than 0", span: self.span });
        }
        // Prometheus cuts computed durations to whole milliseconds but rounds literal ones.
        let millis = match self.kind {
            DurationKind::Literal(_) => (seconds * 1000.0).round(),
            _ => (seconds * 1000.0).trunc(),
        };
        Ok(TimeDelta(millis as i64))
    }

    fn seconds(&self, step: f64, range: f64) -> Result<f64, DurationProblem> {
        let value = |expr: &DurationExpr| expr.seconds(step, range);
        Ok(match &self.kind {
            DurationKind::Literal(literal) => literal.value,
            DurationKind::Step => step,
            DurationKind::Range => range,
            DurationKind::Paren(inner) => value(inner)?,
            DurationKind::Unary { negative: true, operand } => -value(operand)?,
            DurationKind::Unary { negative: false, operand } => value(operand)?,
            DurationKind::MinOf(a, b) => value(a)?.min(value(b)?),
            DurationKind::MaxOf(a, b) => value(a)?.max(value(b)?),
            DurationKind::Binary { op, lhs, rhs } => {
                let (left, right) = (value(lhs)?, value(rhs)?);
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Div if right == 0.0 => {
                        return Err(DurationProblem { message: "division by zero", span: rhs.span });
                    }
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod if right == 0.0 => {
                        return Err(DurationProblem { message: "modulo by zero", span: rhs.span });
                    }
                    BinaryOp::Mod => left % right,
                    _ => left.powf(right),
                }
            }
        })
    }
}
