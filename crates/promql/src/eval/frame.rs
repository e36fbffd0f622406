//! Values of many series at all steps of a grid: what subexpressions hand to each other.
//!
//! A cell without value holds the staleness marker, which is never a computed value. This is the one place that
//! knows how values lie in memory: native histograms join as a second column of cells.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use lingshao_model::{Labels, is_stale, stale_nan};

use super::EvalError;
use crate::functions::label::without_metadata;
use crate::limits::Budget;

/// One series on its way from what computes it to what uses it; the values may be changed in place.
#[derive(Debug)]
pub(crate) struct Row<'r> {
    pub(crate) labels: &'r Labels,
    /// The metric's name no longer fits, and goes at the end of the evaluation.
    pub(crate) drop_name: bool,
    /// One cell for each step.
    pub(crate) values: &'r mut [f64],
}

/// Where rows go.
pub(crate) type Sink<'s> = dyn FnMut(Row<'_>) -> Result<(), EvalError> + 's;

/// Identity of a row.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) labels: Labels,
    pub(crate) drop_name: bool,
}

/// Rows, held.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    budget: Rc<Budget<'a>>,
    steps: usize,
    keys: Vec<Key>,
    cells: Vec<f64>,
    /// What was taken from the budget.
    taken: (u64, u64),
}

/// A label set's share of the budget besides its bytes: handle, allocation and key.
const KEY_BYTES: u64 = 64;

impl<'a> Frame<'a> {
    pub(crate) fn new(budget: &Rc<Budget<'a>>, steps: usize) -> Frame<'a> {
        Frame { budget: Rc::clone(budget), steps, keys: Vec::new(), cells: Vec::new(), taken: (0, 0) }
    }

    fn take(&mut self, labels: &Labels) -> Result<(), EvalError> {
        let (samples, bytes) = (self.steps as u64, labels.encoded().len() as u64 + KEY_BYTES);
        self.taken.0 += samples;
        self.taken.1 += bytes;
        self.budget.take(samples, bytes)
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), EvalError> {
        self.take(row.labels)?;
        self.keys.push(Key { labels: row.labels.clone(), drop_name: row.drop_name });
        self.cells.extend_from_slice(row.values);
        Ok(())
    }

    /// Adds a row without values; answers its index.
    pub(crate) fn push_empty(&mut self, labels: Labels, drop_name: bool) -> Result<usize, EvalError> {
        self.take(&labels)?;
        self.keys.push(Key { labels, drop_name });
        self.cells.resize(self.cells.len() + self.steps, stale_nan());
        Ok(self.keys.len() - 1)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.cells[row * self.steps..(row + 1) * self.steps]
    }

    #[inline]
    pub(crate) fn cell(&self, row: usize, step: usize) -> f64 {
        self.cells[row * self.steps + step]
    }

    /// Hands every row on.
    pub(crate) fn stream(mut self, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let steps = self.steps;
        for (index, key) in self.keys.iter().enumerate() {
            let values = &mut self.cells[index * steps..(index + 1) * steps];
            sink(Row { labels: &key.labels, drop_name: key.drop_name, values })?;
        }
        Ok(())
    }

    /// Keeps the rows whose index passes, in order.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Frame<'a>, usize) -> bool) {
        let kept: Vec<usize> = (0..self.len()).filter(|row| keep(self, *row)).collect();
        if kept.len() < self.len() {
            self.reorder(&kept);
        }
    }

    /// Keeps just these rows, in this order.
    pub(crate) fn reorder(&mut self, rows: &[usize]) {
        let mut cells = Vec::with_capacity(rows.len() * self.steps);
        rows.iter().for_each(|row| cells.extend_from_slice(self.row(*row)));
        self.keys = rows.iter().map(|row| self.keys[*row].clone()).collect();
        self.cells = cells;
    }

    /// Drops rows that have no value at any step.
    pub(crate) fn retain_present(&mut self) {
        self.retain(|frame, row| has_values(frame.row(row)));
    }

    /// Drops metadata labels of rows that are marked so.
    pub(crate) fn drop_marked_names(&mut self) {
        for key in self.keys.iter_mut().filter(|key| key.drop_name) {
            *key = Key { labels: without_metadata(&key.labels), drop_name: false };
        }
    }

    /// Makes one row of those with equal labels; two values at one step are an error.
    pub(crate) fn merge_same_labels(&mut self) -> Result<(), EvalError> {
        if self.len() < 2 {
            return Ok(());
        }
        let mut firsts: HashMap<Labels, usize> = HashMap::with_capacity(self.len());
        let mut kept = Vec::with_capacity(self.len());
        for row in 0..self.len() {
            match firsts.get(&self.keys[row].labels) {
                Some(first) => self.merge_into(*first, row)?,
                None => {
                    firsts.insert(self.keys[row].labels.clone(), row);
                    kept.push(row);
                }
            }
        }
        if kept.len() < self.len() {
            self.reorder(&kept);
        }
        Ok(())
    }

    /// Equal labels are an error, whether or not the rows have values at the same steps.
    pub(crate) fn reject_same_labels(&self) -> Result<(), EvalError> {
        let mut seen = HashSet::with_capacity(self.len());
        let unique = self.keys.iter().all(|key| seen.insert(&key.labels));
        if unique { Ok(()) } else { Err(EvalError::same_labelset()) }
    }

    fn merge_into(&mut self, first: usize, other: usize) -> Result<(), EvalError> {
        for step in 0..self.steps {
            let value = self.cell(other, step);
            if is_stale(value) {
                continue;
            }
            let target = &mut self.cells[first * self.steps + step];
            if !is_stale(*target) {
                return Err(EvalError::same_labelset());
            }
            *target = value;
        }
        Ok(())
    }

    /// Ascending labels.
    pub(crate) fn sort_by_labels(&mut self) {
        let sorted = self.keys.windows(2).all(|pair| pair[0].labels <= pair[1].labels);
        if !sorted {
            let mut rows: Vec<usize> = (0..self.len()).collect();
            rows.sort_by(|a, b| self.keys[*a].labels.cmp(&self.keys[*b].labels));
            self.reorder(&rows);
        }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.budget.give(self.taken.0, self.taken.1);
    }
}

/// Whether any cell has a value.
pub(crate) fn has_values(cells: &[f64]) -> bool {
    cells.iter().any(|cell| !is_stale(*cell))
}

/// Applies a function to every cell that has a value.
#[inline]
pub(crate) fn map_values(cells: &mut [f64], map: impl Fn(f64) -> f64) {
    for cell in cells {
        if !is_stale(*cell) {
            *cell = map(*cell);
        }
    }
}
