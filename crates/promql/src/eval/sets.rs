//! `and`, `or`, `unless`: which series are there, not what they say.

use lingshao_model::{is_stale, stale_nan};

use super::frame::{Frame, Row};
use super::grid::Grid;
use super::matching::{Matches, matched};
use super::{EvalError, Evaluator};
use crate::ast::{Binary, BinaryOp, VectorMatching};

impl<'a> Evaluator<'a> {
    pub(super) fn set_binary(
        &self,
        node: &Binary,
        matching: &VectorMatching,
        grid: Grid,
    ) -> Result<Frame<'a>, EvalError> {
        let mut left = self.frame(&node.lhs, grid)?;
        let mut right = self.frame(&node.rhs, grid)?;
        let Matches { left: left_rows, right: right_rows } = matched(matching, &left, &right)?;
        let groups = left_rows.iter().zip(&right_rows);
        if node.op == BinaryOp::Or {
            for (ours, others) in groups {
                self.budget.check()?;
                keep_where(&mut right, others, &presence(&left, ours), false);
            }
            return self.joined(left, &mut right, grid);
        }
        let wanted = node.op == BinaryOp::And;
        for (ours, others) in groups {
            self.budget.check()?;
            keep_where(&mut left, ours, &presence(&right, others), wanted);
        }
        left.retain_present();
        Ok(left)
    }

    /// Both sides' rows, those with equal labels as one.
    fn joined(&self, mut left: Frame<'a>, right: &mut Frame<'a>, grid: Grid) -> Result<Frame<'a>, EvalError> {
        right.retain_present();
        for row in 0..right.len() {
            let key = right.keys()[row].clone();
            let values = right.row_mut(row);
            left.push(&Row { labels: &key.labels, drop_name: key.drop_name, values })?;
        }
        if grid.count > 1 || !self.limits.delayed_name_removal {
            left.merge_same_labels()?;
        }
        Ok(left)
    }
}

/// At which steps any of these rows has a value.
fn presence(frame: &Frame<'_>, rows: &[usize]) -> Vec<bool> {
    let mut present = vec![false; frame.steps()];
    for row in rows {
        for (present, value) in present.iter_mut().zip(frame.row(*row)) {
            *present |= !is_stale(*value);
        }
    }
    present
}

/// Takes away what lies at steps where `present` is not as wanted.
fn keep_where(frame: &mut Frame<'_>, rows: &[usize], present: &[bool], wanted: bool) {
    for row in rows {
        for (value, present) in frame.row_mut(*row).iter_mut().zip(present) {
            if *present != wanted {
                *value = stale_nan();
            }
        }
    }
}
