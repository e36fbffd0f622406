//! Evaluation: a tree and a source in, a value out.
//!
//! Every subexpression is computed for all steps at once. Series flow row by row from the source through
//! element-wise operators into aggregations ([`Evaluator::stream`]), so that what is held is what is left; only
//! operators that need all series at once collect a [`frame::Frame`].

mod aggregate;
mod binary;
mod call;
mod classic;
mod frame;
mod grid;
mod groups;
mod info;
mod matching;
mod scalar;
mod selector;
mod sets;
mod subquery;
mod topk;
mod window;
mod xxhash;

use std::cell::RefCell;
use std::rc::Rc;

use lingshao_model::{Cancel, SeriesSource, TimeDelta, Timestamp, is_stale};

use crate::annotations::{Note, Notes};
use crate::ast::{At, BinaryOp, DurationExpr, Expr, ValueType};
use crate::catalog::FunctionId;
use crate::functions::label::without_metadata;
use crate::limits::{Budget, EvalError, Limits};
use crate::output::{MatrixSeries, Output, QueryValue, VectorSample};

use frame::{Frame, Row, Sink, map_values};
use grid::Grid;

/// Evaluates an expression at one instant.
pub fn eval_instant(
    expr: &Expr,
    source: &dyn SeriesSource,
    at: Timestamp,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Output, EvalError> {
    let evaluator = Evaluator::new(source, limits, cancel, Grid::instant(at.0), TimeDelta::ZERO);
    let value = evaluator.instant_value(expr, at)?;
    Ok(evaluator.finish(value))
}

/// Evaluates an expression at `start`, `start + step`, … up to `end`; always a matrix.
pub fn eval_range(
    expr: &Expr,
    source: &dyn SeriesSource,
    start: Timestamp,
    end: Timestamp,
    step: TimeDelta,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Output, EvalError> {
    if step.0 <= 0 {
        return Err(EvalError::execution("zero or negative query resolution step widths are not accepted"));
    }
    let Some(grid) = Grid::between(start.0, end.0, step.0) else {
        return Err(EvalError::execution("end timestamp must not be before start time"));
    };
    if grid.count as u64 > limits.points_per_series_max {
        let points = limits.points_per_series_max;
        return Err(EvalError::execution(format!(
            "exceeded maximum resolution of {points} points per timeseries. Try decreasing the query resolution (?step=XX)"
        )));
    }
    let evaluator = Evaluator::new(source, limits, cancel, grid, end - start);
    let value = evaluator.range_value(expr)?;
    Ok(evaluator.finish(value))
}

/// One evaluation. Everything shared lies behind shared references, so that rows can flow through closures.
struct Evaluator<'a> {
    source: &'a dyn SeriesSource,
    limits: &'a Limits,
    budget: Rc<Budget<'a>>,
    notes: RefCell<Notes>,
    /// The whole query's instants: `start()`, `end()`, `step()` and `range()` mean these also in subqueries.
    query: Grid,
    /// What was asked for, which the last step may not reach.
    query_range: TimeDelta,
}

impl<'a> Evaluator<'a> {
    fn new(
        source: &'a dyn SeriesSource,
        limits: &'a Limits,
        cancel: &'a Cancel,
        query: Grid,
        query_range: TimeDelta,
    ) -> Evaluator<'a> {
        let budget = Rc::new(Budget::new(limits, cancel));
        Evaluator { source, limits, budget, notes: RefCell::default(), query, query_range }
    }

    fn finish(self, value: QueryValue) -> Output {
        let samples_read = self.budget.samples_read();
        Output { value, notes: self.notes.into_inner().into_vec(), samples_read }
    }

    fn instant_value(&self, expr: &Expr, at: Timestamp) -> Result<QueryValue, EvalError> {
        let grid = self.query;
        Ok(match expr.value_type() {
            ValueType::String => QueryValue::String { t: at, s: string_value(expr).to_owned() },
            ValueType::Scalar => QueryValue::Scalar { t: at, v: self.scalar(expr, grid)?[0] },
            ValueType::Matrix => QueryValue::Matrix(self.matrix(expr, grid)?),
            ValueType::Vector => {
                let frame = self.final_frame(expr, grid)?;
                let sample = |(row, key): (usize, &frame::Key)| {
                    let v = frame.cell(row, 0);
                    (!is_stale(v)).then(|| VectorSample { labels: key.labels.clone(), t: at, v })
                };
                QueryValue::Vector(frame.keys().iter().enumerate().filter_map(sample).collect())
            }
        })
    }

    fn range_value(&self, expr: &Expr) -> Result<QueryValue, EvalError> {
        let grid = self.query;
        let mut frame = match expr.value_type() {
            ValueType::Scalar => self.scalar_frame(expr, grid)?,
            ValueType::Vector => self.final_frame(expr, grid)?,
            other => {
                let kind = other.documented();
                return Err(EvalError::execution(format!(
                    "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
                )));
            }
        };
        frame.sort_by_labels();
        Ok(QueryValue::Matrix(points(&frame, grid)))
    }

    /// The value of the whole expression: names that were to be dropped are gone.
    fn final_frame(&self, expr: &Expr, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let mut frame = self.frame(expr, grid)?;
        let dropped = frame.keys().iter().any(|key| key.drop_name);
        frame.drop_marked_names();
        if dropped || self.limits.delayed_name_removal {
            frame.merge_same_labels()?;
        }
        Ok(frame)
    }

    fn note(&self, note: Note) {
        self.notes.borrow_mut().add(note);
    }

    /// Collects a vector expression.
    fn frame(&self, expr: &Expr, grid: Grid) -> Result<Frame<'a>, EvalError> {
        if grid.count > 1 && is_fixed(expr) {
            return self.fixed_frame(expr, grid);
        }
        match expr {
            Expr::Paren(paren) => self.frame(&paren.expr, grid),
            Expr::Aggregate(node) => self.aggregate(node, grid),
            Expr::Binary(node) if node.matching.is_some() => self.vector_binary(node, grid),
            Expr::Call(call) if !is_streamed_call(call.function.id) => self.collected_call(call, grid),
            _ => self.collect(grid, |sink| self.stream(expr, grid, sink)),
        }
    }

    /// Hands a vector expression on, row by row, at least those with a value.
    fn stream(&self, expr: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        self.budget.check()?;
        if grid.count > 1 && is_fixed(expr) {
            return self.fixed_frame(expr, grid)?.stream(sink);
        }
        match expr {
            Expr::Paren(paren) => self.stream(&paren.expr, grid, sink),
            Expr::Vector(selector) => self.stream_selector(selector, grid, selector::Pick::Value, sink),
            Expr::Unary(unary) if !unary.negative => self.stream(&unary.expr, grid, sink),
            Expr::Unary(_) | Expr::Binary(_) | Expr::Call(_) if drops_names(expr) => {
                self.stream_nameless(expr, grid, sink)
            }
            Expr::Binary(node) if node.matching.is_none() => self.stream_vector_scalar(node, grid, sink),
            Expr::Call(call) if is_streamed_call(call.function.id) => self.stream_call(call, grid, sink),
            _ => self.frame(expr, grid)?.stream(sink),
        }
    }

    /// An expression that drops names: at once, and looking for series that thereby became equal, unless that is
    /// left to the end.
    fn stream_nameless(&self, expr: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        if self.limits.delayed_name_removal {
            return self.stream_named(expr, grid, sink);
        }
        if names_vary(expr) {
            let mut frame = self.collect(grid, |sink| self.stream_named(expr, grid, sink))?;
            frame.drop_marked_names();
            let is_range = matches!(expr, Expr::Call(call) if window::is_range_function(call.function.id));
            if is_range { frame.reject_same_labels() } else { frame.merge_same_labels() }?;
            return frame.stream(sink);
        }
        self.stream_named(expr, grid, &mut |row| {
            if !row.drop_name {
                return sink(row);
            }
            let labels = without_metadata(row.labels);
            sink(Row { labels: &labels, drop_name: false, values: row.values })
        })
    }

    /// The same with names still on, and marked.
    fn stream_named(&self, expr: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        match expr {
            Expr::Unary(unary) => self.stream(&unary.expr, grid, &mut |row| {
                map_values(row.values, |value| -value);
                sink(Row { drop_name: true, ..row })
            }),
            Expr::Binary(node) => self.stream_vector_scalar(node, grid, sink),
            Expr::Call(call) => self.stream_call(call, grid, sink),
            _ => self.stream(expr, grid, sink),
        }
    }

    fn collect(
        &self,
        grid: Grid,
        produce: impl FnOnce(&mut Sink<'_>) -> Result<(), EvalError>,
    ) -> Result<Frame<'a>, EvalError> {
        let mut frame = Frame::new(&self.budget, grid.count);
        produce(&mut |row| frame.push(&row))?;
        Ok(frame)
    }

    /// An expression whose value does not depend on the step: computed once.
    fn fixed_frame(&self, expr: &Expr, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let once = self.frame(expr, Grid::instant(grid.start))?;
        let mut frame = Frame::new(&self.budget, grid.count);
        for (row, key) in once.keys().iter().enumerate() {
            let target = frame.push_empty(key.labels.clone(), key.drop_name)?;
            frame.row_mut(target).fill(once.cell(row, 0));
        }
        Ok(frame)
    }

    /// The instant fixed by an `@`.
    fn fixed_time(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Timestamp(at) => at.0,
            At::Start => self.query.start,
            At::End => self.query.start.saturating_add(self.query_range.0),
        })
    }

    fn offset(&self, offset: Option<&DurationExpr>) -> Result<i64, EvalError> {
        offset.map_or(Ok(0), |offset| self.duration(offset, true))
    }

    fn duration(&self, duration: &DurationExpr, allow_negative: bool) -> Result<i64, EvalError> {
        duration
            .resolve(self.query_step(), self.query_range, allow_negative)
            .map(|span| span.0)
            .map_err(|problem| EvalError::execution(problem.to_string()))
    }

    /// The step of a range query; an instant query, or a range without length, has none.
    fn query_step(&self) -> TimeDelta {
        TimeDelta(if self.query_range == TimeDelta::ZERO { 0 } else { self.query.step })
    }
}

/// Points of each row, with their times.
fn points(frame: &Frame<'_>, grid: Grid) -> Vec<MatrixSeries> {
    let series = |(row, key): (usize, &frame::Key)| {
        let present = frame.row(row).iter().enumerate().filter(|(_, value)| !is_stale(**value));
        let points: Vec<(i64, f64)> = present.map(|(step, value)| (grid.at(step), *value)).collect();
        (!points.is_empty()).then(|| MatrixSeries { labels: key.labels.clone(), points })
    };
    frame.keys().iter().enumerate().filter_map(series).collect()
}

/// The text of a string expression.
fn string_value(expr: &Expr) -> &str {
    match expr.without_parens() {
        Expr::String(literal) => &literal.value,
        _ => "",
    }
}

/// Whether the value is the same at every step: it hangs on nothing but literals and selectors fixed by `@`.
fn is_fixed(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Vector(selector) => selector.at.is_some(),
        Expr::Matrix(matrix) => matrix.selector.at.is_some(),
        Expr::Subquery(subquery) => subquery.at.is_some(),
        Expr::Call(call) => !depends_on_time(call.function.id) && call.args.iter().all(is_fixed),
        Expr::Aggregate(node) => is_fixed(&node.expr) && node.param.as_ref().is_none_or(is_fixed),
        Expr::Binary(node) => is_fixed(&node.lhs) && is_fixed(&node.rhs),
        Expr::Unary(node) => is_fixed(&node.expr),
        Expr::Paren(node) => is_fixed(&node.expr),
    }
}

/// Functions that look at the time of evaluation.
fn depends_on_time(function: FunctionId) -> bool {
    use FunctionId as F;
    matches!(
        function,
        F::DaysInMonth
            | F::DayOfMonth
            | F::DayOfWeek
            | F::DayOfYear
            | F::Hour
            | F::Minute
            | F::Month
            | F::Year
            | F::PredictLinear
            | F::Time
            | F::Timestamp
            | F::Start
            | F::End
            | F::Step
            | F::Range
    )
}

/// Functions that need one series at a time; all others collect their argument.
fn is_streamed_call(function: FunctionId) -> bool {
    window::is_range_function(function) || call::is_elementwise(function)
}

/// Whether results of this (streamed) expression may be marked to lose their name.
fn drops_names(expr: &Expr) -> bool {
    match expr {
        Expr::Unary(unary) => unary.negative,
        Expr::Binary(node) => node.matching.is_none() && (node.return_bool || !node.op.is_comparison()),
        Expr::Call(call) => is_streamed_call(call.function.id),
        _ => false,
    }
}

/// Whether series of several metrics may be among the rows.
fn names_vary(expr: &Expr) -> bool {
    match expr {
        Expr::Vector(selector) => selector::name_varies(selector),
        Expr::Matrix(matrix) => selector::name_varies(&matrix.selector),
        Expr::Subquery(subquery) => names_vary(&subquery.expr),
        Expr::Paren(paren) => names_vary(&paren.expr),
        Expr::Unary(unary) => names_vary(&unary.expr),
        Expr::Binary(node) if node.matching.is_none() && node.op != BinaryOp::Or => [&node.lhs, &node.rhs]
            .into_iter()
            .any(|side| side.value_type() == ValueType::Vector && names_vary(side)),
        Expr::Call(call) if is_streamed_call(call.function.id) => {
            let is_series = |arg: &&Expr| matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix);
            call.args.iter().filter(is_series).any(names_vary)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
