//! Aggregations. Those that can be computed one value after the other hold one cell for each group and step
//! while the series flow by.

use std::collections::HashMap;

use lingshao_model::{Labels, is_stale};

use super::call::quoted_argument;
use super::frame::Frame;
use super::grid::Grid;
use super::groups::Groups;
use super::{EvalError, Evaluator, string_value};
use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::functions::format::decimal;
use crate::functions::label::is_valid_name;
use crate::functions::quantile::{is_invalid, quantile};
use crate::functions::summation::{Mean, Sum};

/// What an aggregation keeps for one group at one step.
trait Fold: Copy {
    /// Before any value.
    const EMPTY: Self;
    fn add(&mut self, value: f64);
    /// `None` when there was no value.
    fn result(&self) -> Option<f64>;
}

impl<'a> Evaluator<'a> {
    pub(super) fn aggregate(&self, node: &Aggregate, grid: Grid) -> Result<Frame<'a>, EvalError> {
        match node.op {
            AggregateOp::Sum => self.fold::<Total>(node, grid),
            AggregateOp::Avg => self.fold::<Average>(node, grid),
            AggregateOp::Min => self.fold::<Extreme<false>>(node, grid),
            AggregateOp::Max => self.fold::<Extreme<true>>(node, grid),
            AggregateOp::Count => self.fold::<Counted>(node, grid),
            AggregateOp::Group => self.fold::<Present>(node, grid),
            AggregateOp::Stddev => self.fold::<Deviation<true>>(node, grid),
            AggregateOp::Stdvar => self.fold::<Deviation<false>>(node, grid),
            AggregateOp::Quantile => self.aggregate_quantile(node, grid),
            AggregateOp::CountValues => self.count_values(node, grid),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                self.select_rows(node, grid)
            }
        }
    }

    fn fold<F: Fold>(&self, node: &Aggregate, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let steps = grid.count;
        let mut groups = Groups::new(node);
        let (mut cells, mut dropped): (Vec<F>, Vec<bool>) = (Vec::new(), Vec::new());
        let (samples, bytes) = (steps as u64, (steps * size_of::<F>().saturating_sub(8)) as u64);
        let outcome = self.stream(&node.expr, grid, &mut |row| {
            let group = groups.of(row.labels)?;
            if group == dropped.len() {
                self.budget.take(samples, bytes)?;
                cells.resize(cells.len() + steps, F::EMPTY);
                dropped.push(false);
            }
            dropped[group] |= row.drop_name;
            for (cell, value) in cells[group * steps..(group + 1) * steps].iter_mut().zip(&*row.values) {
                if !is_stale(*value) {
                    cell.add(*value);
                }
            }
            Ok(())
        });
        let count = dropped.len() as u64;
        self.budget.give(samples * count, bytes * count);
        outcome?;
        let mut frame = Frame::new(&self.budget, steps);
        for (group, labels) in groups.labels().iter().enumerate() {
            let row = frame.push_empty(labels.clone(), dropped[group])?;
            let folded = &cells[group * steps..(group + 1) * steps];
            for (target, cell) in frame.row_mut(row).iter_mut().zip(folded) {
                if let Some(value) = cell.result() {
                    *target = value;
                }
            }
        }
        frame.retain_present();
        Ok(frame)
    }

    /// The parameter of an aggregation that has one.
    pub(super) fn parameter<'n>(&self, node: &'n Aggregate) -> Result<&'n Expr, EvalError> {
        let missing = || EvalError::execution(format!("{} needs a parameter", node.op.as_str()));
        node.param.as_ref().ok_or_else(missing)
    }

    /// The rows of the operand with the group of each.
    pub(super) fn grouped(
        &self,
        node: &Aggregate,
        grid: Grid,
    ) -> Result<(Frame<'a>, Vec<usize>, Vec<Labels>), EvalError> {
        let frame = self.frame(&node.expr, grid)?;
        let mut groups = Groups::new(node);
        let group_of = frame.keys().iter().map(|key| groups.of(&key.labels)).collect::<Result<_, _>>()?;
        Ok((frame, group_of, groups.labels().to_vec()))
    }

    fn aggregate_quantile(&self, node: &Aggregate, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let param = self.parameter(node)?;
        let ranks = self.scalar(param, grid)?;
        self.note_extreme_quantiles(&ranks, param);
        let (frame, group_of, labels) = self.grouped(node, grid)?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); labels.len()];
        group_of.iter().enumerate().for_each(|(row, group)| members[*group].push(row));
        let mut result = Frame::new(&self.budget, grid.count);
        let mut values = Vec::new();
        for (rows, labels) in members.iter().zip(labels) {
            let drop_name = rows.iter().any(|row| frame.keys()[*row].drop_name);
            let target = result.push_empty(labels, drop_name)?;
            for (step, rank) in ranks.iter().enumerate() {
                self.budget.check()?;
                values.clear();
                values
                    .extend(rows.iter().map(|row| frame.cell(*row, step)).filter(|value| !is_stale(*value)));
                if !values.is_empty() {
                    result.row_mut(target)[step] = quantile(*rank, &mut values);
                }
            }
        }
        result.retain_present();
        Ok(result)
    }

    fn note_extreme_quantiles(&self, ranks: &[f64], param: &Expr) {
        let nan = ranks.iter().copied().find(|rank| rank.is_nan());
        let lowest = ranks.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ranks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let extremes = [Some(highest).filter(|rank| *rank > 1.0), Some(lowest).filter(|rank| *rank < 0.0)];
        for rank in [nan].into_iter().chain(extremes).flatten().filter(|rank| is_invalid(*rank)) {
            self.note(Note::invalid_quantile(rank, param.span()));
        }
    }

    fn count_values(&self, node: &Aggregate, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let param = self.parameter(node)?;
        let label = string_value(param);
        if !is_valid_name(label) {
            return Err(EvalError::execution(format!("invalid label name {}", quoted_argument(param))));
        }
        let mut names: Vec<&str> = node.grouping.iter().map(String::as_str).collect();
        if !node.without {
            names.push(label);
        }
        let mut groups = Groups::by(names, node.without);
        let mut result = Frame::new(&self.budget, grid.count);
        self.stream(&node.expr, grid, &mut |row| {
            // The group of each value of this series; most series have few.
            let mut seen: HashMap<u64, usize> = HashMap::new();
            for (step, value) in row.values.iter().enumerate().filter(|(_, value)| !is_stale(**value)) {
                let group = match seen.get(&value.to_bits()) {
                    Some(group) => *group,
                    None => {
                        let group = groups.of(&row.labels.with(label, &decimal(*value)))?;
                        seen.insert(value.to_bits(), group);
                        group
                    }
                };
                if group == result.len() {
                    result.push_empty(groups.labels()[group].clone(), false)?;
                }
                let cell = &mut result.row_mut(group)[step];
                *cell = if is_stale(*cell) { 1.0 } else { *cell + 1.0 };
            }
            Ok(())
        })?;
        Ok(result)
    }
}

#[derive(Clone, Copy)]
struct Total {
    sum: Sum,
    seen: bool,
}

impl Fold for Total {
    const EMPTY: Total = Total { sum: Sum::EMPTY, seen: false };

    #[inline]
    fn add(&mut self, value: f64) {
        if self.seen {
            self.sum.add(value);
        } else {
            *self = Total { sum: Sum::of(value), seen: true };
        }
    }

    fn result(&self) -> Option<f64> {
        self.seen.then(|| self.sum.total())
    }
}

#[derive(Clone, Copy)]
struct Average(Option<Mean>);

impl Fold for Average {
    const EMPTY: Average = Average(None);

    #[inline]
    fn add(&mut self, value: f64) {
        match &mut self.0 {
            Some(mean) => mean.add(value),
            None => self.0 = Some(Mean::of(value)),
        }
    }

    fn result(&self) -> Option<f64> {
        self.0.map(Mean::mean)
    }
}

#[derive(Clone, Copy)]
struct Extreme<const LARGEST: bool>(Option<f64>);

impl<const LARGEST: bool> Fold for Extreme<LARGEST> {
    const EMPTY: Self = Extreme(None);

    #[inline]
    fn add(&mut self, value: f64) {
        let replace =
            self.0.is_none_or(|best| best.is_nan() || if LARGEST { value > best } else { value < best });
        if replace {
            self.0 = Some(value);
        }
    }

    fn result(&self) -> Option<f64> {
        self.0
    }
}

#[derive(Clone, Copy)]
struct Counted(u32);

impl Fold for Counted {
    const EMPTY: Counted = Counted(0);

    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1;
    }

    fn result(&self) -> Option<f64> {
        (self.0 > 0).then(|| f64::from(self.0))
    }
}

#[derive(Clone, Copy)]
struct Present(bool);

impl Fold for Present {
    const EMPTY: Present = Present(false);

    #[inline]
    fn add(&mut self, _: f64) {
        self.0 = true;
    }

    fn result(&self) -> Option<f64> {
        self.0.then_some(1.0)
    }
}

/// Welford's recurrence, without compensation, as Prometheus computes it across series.
#[derive(Clone, Copy)]
struct Deviation<const ROOT: bool> {
    count: f64,
    mean: f64,
    squares: f64,
}

impl<const ROOT: bool> Fold for Deviation<ROOT> {
    const EMPTY: Self = Deviation { count: 0.0, mean: 0.0, squares: 0.0 };

    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn result(&self) -> Option<f64> {
        let variance = self.squares / self.count;
        (self.count > 0.0).then(|| if ROOT { variance.sqrt() } else { variance })
    }
}
