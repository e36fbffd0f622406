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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Expr;

    /// `up[…]` in a range query of one hour with a step of 15 s.
    #[track_caller]
    fn check(range: &str, expected: Result<i64, &'static str>) {
        let Ok(Expr::Matrix(matrix)) = crate::parse(&format!("up[{range}]")) else {
            panic!("{range} is no range");
        };
        let found = matrix.range.resolve(TimeDelta::from_secs(15), TimeDelta::from_secs(3600), false);
        assert_eq!(found.map(|span| span.0).map_err(|problem| problem.message), expected, "{range}");
    }

    #[test]
    fn durations_are_computed_in_seconds() {
        check("5m", Ok(300_000));
        check("1.5", Ok(1500));
        check("step()", Ok(15_000));
        check("range() / 4 - 1m", Ok(840_000));
        check("min_of(step(), 10)", Ok(10_000));
        check("max_of(step(), 10)", Ok(15_000));
        check("-step() + 1m", Ok(45_000));
        check("2 ^ 3 ^ 1s * 2", Ok(16_000));
        check("1h30m % 1h", Ok(1_800_000));
        check("+(1m)", Ok(60_000));
    }

    #[test]
    fn what_no_query_can_look_back_is_refused() {
        check("step() - 15s", Err("duration must be greater than 0"));
        check("-(1m)", Err("duration must be greater than 0"));
        check("1m / (step() - 15)", Err("division by zero"));
        check("1m % (step() - 15)", Err("modulo by zero"));
        check("10 ^ 10 ^ step()", Err("duration is out of range"));
        check("(-1) ^ 0.5", Err("duration is out of range"));
    }
}
