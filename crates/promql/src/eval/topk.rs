//! Aggregations that let some series of each group through: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use lingshao_model::is_stale;

use super::frame::Frame;
use super::grid::Grid;
use super::xxhash::xxh64;
use super::{EvalError, Evaluator};
use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::functions::format::general;
use crate::functions::quantile::nan_first;

/// Bounds of what Prometheus converts to an integer.
const INTEGER_MIN: f64 = -9_223_372_036_854_775_808.0;
const INTEGER_MAX: f64 = 9_223_372_036_854_774_784.0;

impl<'a> Evaluator<'a> {
    pub(super) fn select_rows(&self, node: &Aggregate, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let param = self.parameter(node)?;
        let limits = self.scalar(param, grid)?;
        let (frame, group_of, groups) = self.grouped(node, grid)?;
        let wanted = match node.op {
            AggregateOp::LimitRatio => self.check_ratios(&limits, param)?,
            _ => check_counts(&limits)?,
        };
        if !wanted {
            return Ok(Frame::new(&self.budget, grid.count));
        }
        let mut selection =
            Selection { op: node.op, frame: &frame, heaps: vec![Heap::default(); groups.len()] };
        let ratios: Vec<f64> = match node.op {
            AggregateOp::LimitRatio => {
                frame.keys().iter().map(|key| hash_ratio(key.labels.encoded())).collect()
            }
            _ => Vec::new(),
        };
        let mut result = self.empty_copy(&frame)?;
        let mut order = Vec::new();
        for (step, limit) in limits.iter().enumerate() {
            self.budget.check()?;
            order.clear();
            selection.at(step, *limit, &group_of, &ratios, &mut order);
            for row in &order {
                result.row_mut(*row)[step] = frame.cell(*row, step);
            }
        }
        if grid.count == 1 {
            result.reorder(&order);
        } else {
            result.retain_present();
        }
        Ok(result)
    }

    fn empty_copy(&self, frame: &Frame<'a>) -> Result<Frame<'a>, EvalError> {
        let mut copy = Frame::new(&self.budget, frame.steps());
        for key in frame.keys() {
            copy.push_empty(key.labels.clone(), key.drop_name)?;
        }
        Ok(copy)
    }

    fn check_ratios(&self, ratios: &[f64], param: &Expr) -> Result<bool, EvalError> {
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(EvalError::execution("Ratio value is NaN"));
        }
        let highest = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        if highest > 1.0 {
            self.note(Note::invalid_ratio(highest, 1.0, param.span()));
        }
        if lowest < -1.0 {
            self.note(Note::invalid_ratio(lowest, -1.0, param.span()));
        }
        Ok(highest != 0.0 || lowest != 0.0)
    }
}

/// Whether any step wants series at all.
fn check_counts(counts: &[f64]) -> Result<bool, EvalError> {
    if counts.iter().any(|count| count.is_nan()) {
        return Err(EvalError::execution("Parameter value is NaN"));
    }
    let highest = counts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = counts.iter().copied().fold(f64::INFINITY, f64::min);
    if highest < 1.0 {
        return Ok(false);
    }
    if lowest <= INTEGER_MIN {
        return Err(EvalError::execution(format!("Scalar value {} underflows int64", general(lowest))));
    }
    if highest >= INTEGER_MAX {
        return Err(EvalError::execution(format!("Scalar value {} overflows int64", general(highest))));
    }
    Ok(true)
}

struct Selection<'f, 'a> {
    op: AggregateOp,
    frame: &'f Frame<'a>,
    /// One for each group.
    heaps: Vec<Heap>,
}

impl Selection<'_, '_> {
    /// The rows that pass at a step: group by group, the best first.
    fn at(&mut self, step: usize, limit: f64, group_of: &[usize], ratios: &[f64], order: &mut Vec<usize>) {
        let most = if limit < 1.0 { 0 } else { limit.min(self.frame.len() as f64) as usize };
        let ratio = limit.clamp(-1.0, 1.0);
        self.heaps.iter_mut().for_each(|heap| heap.entries.clear());
        for (row, group) in group_of.iter().enumerate() {
            let value = self.frame.cell(row, step);
            if is_stale(value) {
                continue;
            }
            let heap = &mut self.heaps[*group];
            match self.op {
                AggregateOp::Topk => heap.offer(Entry { rank: value, row }, most),
                AggregateOp::Bottomk => heap.offer(Entry { rank: -value, row }, most),
                AggregateOp::Limitk if heap.entries.len() < most => {
                    heap.entries.push(Entry { rank: value, row });
                }
                AggregateOp::LimitRatio if is_sampled(ratio, ratios[row]) => {
                    heap.entries.push(Entry { rank: value, row });
                }
                _ => {}
            }
        }
        let ranked = matches!(self.op, AggregateOp::Topk | AggregateOp::Bottomk);
        for heap in &mut self.heaps {
            if ranked {
                heap.entries.sort_by(|a, b| nan_first(b.rank, a.rank));
            }
            order.extend(heap.entries.iter().map(|entry| entry.row));
        }
    }
}

/// A series with what it competes by.
#[derive(Clone, Copy, Debug)]
struct Entry {
    rank: f64,
    row: usize,
}

impl Entry {
    /// NaN is below everything.
    fn is_below(&self, other: &Entry) -> bool {
        nan_first(self.rank, other.rank).is_lt()
    }
}

/// A binary heap with the lowest entry first, that moves entries just as Go's does: which of equal series stays
/// is decided by that.
#[derive(Clone, Debug, Default)]
struct Heap {
    entries: Vec<Entry>,
}

impl Heap {
    fn offer(&mut self, entry: Entry, most: usize) {
        if self.entries.len() < most {
            self.entries.push(entry);
            self.rise(self.entries.len() - 1);
        } else if self.entries.first().is_some_and(|lowest| lowest.is_below(&entry)) {
            self.entries[0] = entry;
            self.sink();
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.entries[at].is_below(&self.entries[parent]) {
                break;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            if left >= self.entries.len() {
                break;
            }
            let right = left + 1;
            let lower_right = right < self.entries.len() && self.entries[right].is_below(&self.entries[left]);
            let child = if lower_right { right } else { left };
            if !self.entries[child].is_below(&self.entries[at]) {
                break;
            }
            self.entries.swap(at, child);
            at = child;
        }
    }
}

/// Where in 0…1 a series stands: the same for ever, and as Prometheus computes it.
fn hash_ratio(labels: &[u8]) -> f64 {
    xxh64(labels) as f64 / u64::MAX as f64
}

/// A negative ratio selects just what its complement leaves.
fn is_sampled(ratio: f64, position: f64) -> bool {
    if ratio >= 0.0 { position < ratio } else { position >= 1.0 + ratio }
}
