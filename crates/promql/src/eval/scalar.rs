//! Scalar expressions: one number for each step.

use lingshao_model::{Labels, is_stale};

use super::frame::{Frame, Row};
use super::grid::Grid;
use super::{EvalError, Evaluator};
use crate::ast::{Binary, Call, Expr};
use crate::catalog::FunctionId;
use crate::functions::float::{arithmetic, go_max, go_min, holds};

impl<'a> Evaluator<'a> {
    /// The numbers of a scalar expression, one for each step.
    pub(super) fn scalar(&self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, EvalError> {
        match expr {
            Expr::Number(literal) => Ok(vec![literal.value; grid.count]),
            Expr::Paren(paren) => self.scalar(&paren.expr, grid),
            Expr::Unary(unary) => {
                let mut values = self.scalar(&unary.expr, grid)?;
                if unary.negative {
                    values.iter_mut().for_each(|value| *value = -*value);
                }
                Ok(values)
            }
            Expr::Binary(node) => self.scalar_binary(node, grid),
            Expr::Call(call) => self.scalar_call(call, grid),
            _ => Err(EvalError::execution("expression is no scalar")),
        }
    }

    fn scalar_binary(&self, node: &Binary, grid: Grid) -> Result<Vec<f64>, EvalError> {
        let mut left = self.scalar(&node.lhs, grid)?;
        let right = self.scalar(&node.rhs, grid)?;
        for (left, right) in left.iter_mut().zip(right) {
            *left = if node.op.is_comparison() {
                f64::from(u8::from(holds(node.op, *left, right)))
            } else {
                arithmetic(node.op, *left, right)
            };
        }
        Ok(left)
    }

    fn scalar_call(&self, call: &Call, grid: Grid) -> Result<Vec<f64>, EvalError> {
        let constant = |value: f64| Ok(vec![value; grid.count]);
        match (call.function.id, &*call.args) {
            (FunctionId::Time, _) => Ok((0..grid.count).map(|step| grid.at(step) as f64 / 1000.0).collect()),
            (FunctionId::Pi, _) => constant(std::f64::consts::PI),
            (FunctionId::Start, _) => constant(self.query.start as f64 / 1000.0),
            (FunctionId::End, _) => constant((self.query.start + self.query_range.0) as f64 / 1000.0),
            (FunctionId::Step, _) => constant(self.query_step().as_seconds()),
            (FunctionId::Range, _) => constant(self.query_range.as_seconds()),
            (FunctionId::Scalar, [vector]) => self.scalar_of(vector, grid),
            (FunctionId::MinOf, [a, b]) => self.pairwise(a, b, grid, go_min),
            (FunctionId::MaxOf, [a, b]) => self.pairwise(a, b, grid, go_max),
            _ => Err(EvalError::execution(format!("function {} gives no scalar", call.function.name))),
        }
    }

    fn pairwise(
        &self,
        a: &Expr,
        b: &Expr,
        grid: Grid,
        pick: fn(f64, f64) -> f64,
    ) -> Result<Vec<f64>, EvalError> {
        let (a, b) = (self.scalar(a, grid)?, self.scalar(b, grid)?);
        Ok(a.into_iter().zip(b).map(|(a, b)| pick(a, b)).collect())
    }

    /// `scalar(v)`: the only value, or NaN.
    fn scalar_of(&self, vector: &Expr, grid: Grid) -> Result<Vec<f64>, EvalError> {
        let mut values = vec![f64::NAN; grid.count];
        let mut counts = vec![0_u8; grid.count];
        self.stream(vector, grid, &mut |row| {
            for ((value, count), cell) in values.iter_mut().zip(&mut counts).zip(&*row.values) {
                if !is_stale(*cell) {
                    *value = if *count == 0 { *cell } else { f64::NAN };
                    *count = 1;
                }
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// A scalar as a vector of one series without labels.
    pub(super) fn scalar_frame(&self, expr: &Expr, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let mut values = self.scalar(expr, grid)?;
        let mut frame = Frame::new(&self.budget, grid.count);
        frame.push(&Row { labels: &Labels::empty(), drop_name: false, values: &mut values })?;
        Ok(frame)
    }
}
