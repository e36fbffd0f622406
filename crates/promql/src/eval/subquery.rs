//! Subqueries: an expression evaluated on a grid of its own, whose points then are a range.

use lingshao_model::{Labels, is_stale};

use super::grid::Grid;
use super::window::Windows;
use super::{EvalError, Evaluator, points};
use crate::ast::{Expr, Subquery};
use crate::functions::range::Samples;
use crate::output::MatrixSeries;

/// Takes each series of a subquery: its labels, whether its name is to go, and its points.
pub(super) type VisitSeries<'v> = dyn FnMut(&Labels, bool, Samples<'_>) -> Result<(), EvalError> + 'v;

impl Evaluator<'_> {
    /// The windows over a subquery's points, and the grid of these points (`None`: there are none).
    pub(super) fn subquery_windows(
        &self,
        node: &Subquery,
        grid: Grid,
    ) -> Result<(Windows, Option<Grid>), EvalError> {
        let range = self.duration(&node.range, false)?;
        let offset = self.offset(node.offset.as_ref())?;
        let step = match &node.step {
            Some(step) => self.duration(step, false)?,
            None => self.limits.subquery_step.0,
        }
        .max(1);
        let (end, stride) = match self.fixed_time(node.at) {
            Some(at) => (at, 0),
            None => (grid.start, grid.step),
        };
        let end = end.saturating_sub(offset);
        let windows = Windows { end, stride, range, before: 0, after: 0, count: grid.count };
        let last = end.saturating_add(stride.saturating_mul(grid.count as i64 - 1));
        // The first multiple of the step inside of the first window, which is open at its begin.
        let begin = end.saturating_sub(range);
        let first = begin.div_euclid(step).saturating_add(1).saturating_mul(step);
        let inner = Grid::between(first, last, step);
        // A handful of rows of this length are in flight at any time.
        if inner.is_some_and(|inner| inner.count as u64 > self.limits.samples_max / 8) {
            return Err(EvalError::TooManySamples);
        }
        Ok((windows, inner))
    }

    /// Evaluates a subquery's expression and hands its series on.
    pub(super) fn stream_subquery(
        &self,
        node: &Subquery,
        inner: Grid,
        visit: &mut VisitSeries<'_>,
    ) -> Result<(), EvalError> {
        // The row that flows through, and the times.
        let held = 2 * inner.count as u64;
        self.budget.take(held, 0)?;
        let all_times: Vec<i64> = (0..inner.count).map(|step| inner.at(step)).collect();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        self.stream(&node.expr, inner, &mut |row| {
            if !row.values.iter().any(|value| is_stale(*value)) {
                let samples = Samples { times: &all_times, values: row.values, starts: &[] };
                return visit(row.labels, row.drop_name, samples);
            }
            times.clear();
            values.clear();
            for (time, value) in all_times.iter().zip(&*row.values) {
                if !is_stale(*value) {
                    times.push(*time);
                    values.push(*value);
                }
            }
            visit(row.labels, row.drop_name, Samples { times: &times, values: &values, starts: &[] })
        })?;
        self.budget.give(held, 0);
        Ok(())
    }

    /// A range expression on its own, at one instant.
    pub(super) fn matrix(&self, expr: &Expr, grid: Grid) -> Result<Vec<MatrixSeries>, EvalError> {
        let mut series = match expr.without_parens() {
            Expr::Matrix(matrix) => self.raw_matrix(matrix, grid)?,
            Expr::Subquery(node) => match self.subquery_windows(node, grid)?.1 {
                Some(inner) => points(&self.final_frame(&node.expr, inner)?, inner),
                None => Vec::new(),
            },
            _ => return Err(EvalError::execution("expression is no range")),
        };
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(series)
    }
}
