//! Arithmetic and comparisons, between vectors and scalars and between two vectors.

use std::collections::HashMap;

use lingshao_model::{Labels, LabelsBuilder, is_stale, stale_nan};

use super::frame::{Frame, Row, Sink, has_values};
use super::grid::Grid;
use super::matching::{match_labels, matched};
use super::{EvalError, Evaluator};
use crate::annotations::Note;
use crate::ast::{Binary, BinaryOp, Cardinality, ValueType, VectorMatching};
use crate::functions::float::{arithmetic, holds};
use crate::functions::label::{is_metadata, listed, without_metadata};

impl<'a> Evaluator<'a> {
    /// An operator between a vector and a scalar.
    pub(super) fn stream_vector_scalar(
        &self,
        node: &Binary,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let scalar_left = node.lhs.value_type() == ValueType::Scalar;
        let (vector, scalar) = if scalar_left { (&node.rhs, &node.lhs) } else { (&node.lhs, &node.rhs) };
        let scalars = self.scalar(scalar, grid)?;
        let operator = Operator::of(node);
        let is_trim = matches!(node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        self.stream(vector, grid, &mut |row| {
            if is_trim {
                self.note(Note::incompatible_types("float", node.op.as_str(), "float", node.span));
                return Ok(());
            }
            for (cell, scalar) in row.values.iter_mut().zip(&scalars) {
                if is_stale(*cell) {
                    continue;
                }
                let value = *cell;
                let (left, right) = if scalar_left { (*scalar, value) } else { (value, *scalar) };
                *cell = match operator.apply(left, right) {
                    // A filter lets the vector's value through, on whichever side it stands.
                    Some(_) if operator.filters() => value,
                    Some(result) => result,
                    None => stale_nan(),
                };
            }
            if operator.filters() && !has_values(row.values) {
                return Ok(());
            }
            sink(Row { drop_name: row.drop_name || !operator.filters(), ..row })
        })
    }

    /// An operator between two vectors.
    pub(super) fn vector_binary(&self, node: &Binary, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let Some(matching) = &node.matching else {
            return Err(EvalError::execution("operator between vectors without matching"));
        };
        if node.op.is_set() {
            return self.set_binary(node, matching, grid);
        }
        let left = self.frame(&node.lhs, grid)?;
        let right = self.frame(&node.rhs, grid)?;
        let mut join = Join::new(self, node, matching, left, right)?;
        join.run()?;
        let mut result = join.result;
        result.retain_present();
        if grid.count > 1 || !self.limits.delayed_name_removal {
            result.merge_same_labels()?;
        }
        Ok(result)
    }
}

/// An operator with what is done about comparisons.
#[derive(Clone, Copy, Debug)]
struct Operator {
    op: BinaryOp,
    return_bool: bool,
}

impl Operator {
    fn of(node: &Binary) -> Operator {
        Operator { op: node.op, return_bool: node.return_bool }
    }

    /// It keeps or drops values, and makes none.
    fn filters(self) -> bool {
        self.op.is_comparison() && !self.return_bool
    }

    /// The result; `None` is what a filter drops.
    #[inline]
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        if !self.op.is_comparison() {
            return Some(arithmetic(self.op, left, right));
        }
        let holds = holds(self.op, left, right);
        if self.return_bool { Some(f64::from(u8::from(holds))) } else { holds.then_some(left) }
    }
}

/// A join of two vectors in progress. "Many" is the left side unless `group_right` turns it around.
struct Join<'e, 'a, 'n> {
    evaluator: &'e Evaluator<'a>,
    node: &'n Binary,
    matching: &'n VectorMatching,
    operator: Operator,
    /// `group_right`: the operands stand the other way round.
    swapped: bool,
    many: Frame<'a>,
    one: Frame<'a>,
    result: Frame<'a>,
    /// Steps at which each side has any value: without one on both sides nothing is looked at.
    active: Vec<bool>,
}

impl<'e, 'a, 'n> Join<'e, 'a, 'n> {
    fn new(
        evaluator: &'e Evaluator<'a>,
        node: &'n Binary,
        matching: &'n VectorMatching,
        left: Frame<'a>,
        right: Frame<'a>,
    ) -> Result<Join<'e, 'a, 'n>, EvalError> {
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        let (in_left, in_right) = (any_present(&left), any_present(&right));
        let active =
            in_left.iter().zip(in_right).map(|(l, r)| if fills { *l || r } else { *l && r }).collect();
        let result = Frame::new(&evaluator.budget, left.steps());
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let operator = Operator::of(node);
        Ok(Join { evaluator, node, matching, operator, swapped, many, one, result, active })
    }

    fn run(&mut self) -> Result<(), EvalError> {
        let matches = matched(self.matching, &self.many, &self.one)?;
        for (many, one) in matches.left.iter().zip(&matches.right) {
            self.evaluator.budget.check()?;
            let ones = self.one_side(one)?;
            self.join_group(many, &ones)?;
        }
        Ok(())
    }

    /// For each step the row of the "one" side that is there; two of them are an error.
    fn one_side(&self, rows: &[usize]) -> Result<Vec<Option<usize>>, EvalError> {
        let mut ones = vec![None; self.active.len()];
        for row in rows {
            for (step, value) in self.one.row(*row).iter().enumerate() {
                if is_stale(*value) || !self.active[step] {
                    continue;
                }
                if let Some(other) = ones[step].replace(*row) {
                    return Err(self.duplicate(*row, other));
                }
            }
        }
        Ok(ones)
    }

    fn duplicate(&self, row: usize, other: usize) -> EvalError {
        let [labels, other] = [row, other].map(|row| &self.one.keys()[row].labels);
        let group = listed(&match_labels(labels, self.matching));
        let (labels, other) = (listed(labels), listed(other));
        let side = if self.swapped { "left" } else { "right" };
        EvalError::execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{labels}, {other}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }

    /// Joins the rows of one match group.
    fn join_group(&mut self, many: &[usize], ones: &[Option<usize>]) -> Result<(), EvalError> {
        let (fill_many, fill_one) = self.fills();
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let mut matched = vec![false; ones.len()];
        let mut inserted = InsertedSets::default();
        for row in many {
            self.evaluator.budget.check()?;
            let mut target = Target::default();
            for (step, one) in ones.iter().enumerate() {
                let value = self.many.cell(*row, step);
                if is_stale(value) || !self.active[step] {
                    continue;
                }
                let other = match (one, fill_one) {
                    (Some(one), _) => self.one.cell(*one, step),
                    (None, Some(fill)) => fill,
                    (None, None) => continue,
                };
                if one_to_one && matched[step] {
                    return Err(EvalError::execution(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
                matched[step] = true;
                let into = target.row(self, Some(*row), *one)?;
                if !one_to_one {
                    inserted.insert(&self.result.keys()[into].labels, into, step, ones.len())?;
                }
                self.put(into, step, value, other);
            }
        }
        let Some(fill) = fill_many else { return Ok(()) };
        let mut target = Target::default();
        for (step, one) in ones.iter().enumerate().filter(|(step, _)| !matched[*step]) {
            if let Some(one) = one {
                let into = target.row(self, None, Some(*one))?;
                self.put(into, step, fill, self.one.cell(*one, step));
            }
        }
        Ok(())
    }

    /// What stands in for a missing sample of the "many" and of the "one" side.
    fn fills(&self) -> (Option<f64>, Option<f64>) {
        let (left, right) = (self.matching.fill_left, self.matching.fill_right);
        if self.swapped { (right, left) } else { (left, right) }
    }

    #[inline]
    fn put(&mut self, into: usize, step: usize, many: f64, one: f64) {
        let (left, right) = if self.swapped { (one, many) } else { (many, one) };
        if matches!(self.node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
            let op = self.node.op.as_str();
            self.evaluator.note(Note::incompatible_types("float", op, "float", self.node.span));
        } else if let Some(value) = self.operator.apply(left, right) {
            self.result.row_mut(into)[step] = value;
        }
    }

    /// Adds the row for a pair; a side that is filled in lends the labels of the match.
    fn add_row(&mut self, many: Option<usize>, one: Option<usize>) -> Result<usize, EvalError> {
        let key = |frame: &Frame<'a>, row: usize| frame.keys()[row].clone();
        let filled = |labels: &Labels| match_labels(labels, self.matching);
        let (many_labels, one_labels, dropped) = match (many, one) {
            (Some(many), Some(one)) => {
                let many = key(&self.many, many);
                (many.labels, key(&self.one, one).labels, many.drop_name)
            }
            (Some(many), None) => {
                let many = key(&self.many, many);
                (many.labels.clone(), filled(&many.labels), many.drop_name)
            }
            (None, Some(one)) => {
                let one = key(&self.one, one).labels;
                (filled(&one), one, false)
            }
            (None, None) => (Labels::empty(), Labels::empty(), false),
        };
        let mut labels = self.result_labels(&many_labels, &one_labels)?;
        let delayed = self.evaluator.limits.delayed_name_removal;
        if self.node.return_bool && !delayed {
            labels = without_metadata(&labels);
        }
        self.result.push_empty(labels, delayed && (self.node.return_bool || dropped))
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Result<Labels, EvalError> {
        let matching = self.matching;
        let computes = !self.node.op.is_comparison()
            && !matches!(self.node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let mut builder = LabelsBuilder::default();
        for (name, value) in many {
            let listed = matching.labels.iter().any(|label| label == name);
            let goes = (computes && is_metadata(name))
                || (one_to_one && listed != matching.on)
                || matching.include.iter().any(|label| label == name);
            if !goes {
                builder.push(name, value);
            }
        }
        for (index, name) in matching.include.iter().enumerate() {
            if !matching.include[..index].contains(name) {
                builder.push(name, one.get(name).unwrap_or(""));
            }
        }
        builder.finish().map_err(|error| EvalError::execution(error.to_string()))
    }
}

/// Rows that one "many" row becomes: one for each "one" row it meets, which over time is seldom more than one.
#[derive(Debug, Default)]
struct Target {
    rows: Vec<(Option<usize>, usize)>,
}

impl Target {
    fn row(
        &mut self,
        join: &mut Join<'_, '_, '_>,
        many: Option<usize>,
        one: Option<usize>,
    ) -> Result<usize, EvalError> {
        if let Some((_, row)) = self.rows.iter().find(|(partner, _)| *partner == one) {
            return Ok(*row);
        }
        let row = join.add_row(many, one)?;
        self.rows.push((one, row));
        Ok(row)
    }
}

/// Result labels of a match group with the steps at which they occurred: with many on a side each set may
/// occur once a step, also where a filter then drops it.
#[derive(Debug, Default)]
struct InsertedSets {
    steps: HashMap<Labels, (usize, Vec<bool>)>,
}

impl InsertedSets {
    fn insert(&mut self, labels: &Labels, row: usize, step: usize, steps: usize) -> Result<(), EvalError> {
        let (_, taken) = match self.steps.get_mut(labels) {
            Some(entry) => entry,
            None => self.steps.entry(labels.clone()).or_insert((row, vec![false; steps])),
        };
        if std::mem::replace(&mut taken[step], true) {
            return Err(EvalError::execution(
                "multiple matches for labels: grouping labels must ensure unique matches",
            ));
        }
        Ok(())
    }
}

/// Steps at which any row has a value.
fn any_present(frame: &Frame<'_>) -> Vec<bool> {
    let mut present = vec![false; frame.steps()];
    for row in 0..frame.len() {
        for (present, value) in present.iter_mut().zip(frame.row(row)) {
            *present |= !is_stale(*value);
        }
    }
    present
}
