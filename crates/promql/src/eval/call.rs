//! Function calls: those that change each value alone, and those that need all series.

use std::collections::HashMap;

use lingshao_model::{Labels, METRIC_NAME, MatchOp, Matcher, anchored_regex, is_stale, stale_nan};

use super::frame::{Frame, Row, Sink, has_values, map_values};
use super::grid::Grid;
use super::selector::Pick;
use super::{EvalError, Evaluator, string_value, window};
use crate::annotations::Note;
use crate::ast::{Call, Expr};
use crate::catalog::FunctionId;
use crate::functions::quantile::nan_first;
use crate::functions::{float, label, natural, time};
use crate::quote::go_quote;

/// Functions that look at one value at a time.
pub(super) fn is_elementwise(function: FunctionId) -> bool {
    use FunctionId as F;
    float::unary(function).is_some()
        || time::calendar(function).is_some()
        || matches!(
            function,
            F::Clamp | F::ClampMax | F::ClampMin | F::Round | F::StartTimestamp | F::Timestamp
        )
}

impl<'a> Evaluator<'a> {
    /// Calls that go series by series.
    pub(super) fn stream_call(&self, call: &Call, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let id = call.function.id;
        if window::is_range_function(id) {
            return self.stream_range_call(call, grid, sink);
        }
        if let Some(map) = float::unary(id) {
            return self.stream_mapped(&call.args[0], grid, map, sink);
        }
        if let Some(map) = time::calendar(id) {
            return match call.args.first() {
                Some(vector) => self.stream_mapped(vector, grid, map, sink),
                None => self.stream_now(grid, map, sink),
            };
        }
        match id {
            FunctionId::Timestamp => self.stream_timestamp(&call.args[0], grid, sink),
            FunctionId::StartTimestamp => self.stream_start(&call.args[0], grid, sink),
            FunctionId::Round => self.stream_round(call, grid, sink),
            _ => self.stream_clamp(call, grid, sink),
        }
    }

    fn stream_mapped(
        &self,
        vector: &Expr,
        grid: Grid,
        map: fn(f64) -> f64,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        self.stream(vector, grid, &mut |row| {
            map_values(row.values, map);
            sink(Row { drop_name: true, ..row })
        })
    }

    /// A calendar function of the time of evaluation.
    fn stream_now(&self, grid: Grid, map: fn(f64) -> f64, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let mut values: Vec<f64> =
            (0..grid.count).map(|step| map(grid.at(step).div_euclid(1000) as f64)).collect();
        sink(Row { labels: &Labels::empty(), drop_name: false, values: &mut values })
    }

    /// `timestamp`: of the sample under a plain selector, of the evaluation under anything else.
    fn stream_timestamp(&self, vector: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        if let Expr::Vector(selector) = vector.without_parens() {
            return self.stream_selector(selector, grid, Pick::Time, sink);
        }
        self.stream(vector, grid, &mut |row| {
            for (step, cell) in row.values.iter_mut().enumerate() {
                if !is_stale(*cell) {
                    *cell = grid.at(step) as f64 / 1000.0;
                }
            }
            sink(Row { drop_name: true, ..row })
        })
    }

    /// `start_timestamp`: only samples under a plain selector have one.
    fn stream_start(&self, vector: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        match vector.without_parens() {
            Expr::Vector(selector) if self.limits.start_timestamps => {
                self.stream_selector(selector, grid, Pick::Start, sink)
            }
            _ => self.stream(vector, grid, &mut |_| Ok(())),
        }
    }

    fn stream_round(&self, call: &Call, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let to_nearest = match call.args.get(1) {
            Some(arg) => self.scalar(arg, grid)?,
            None => vec![1.0; grid.count],
        };
        self.stream(&call.args[0], grid, &mut |row| {
            for (cell, to_nearest) in row.values.iter_mut().zip(&to_nearest) {
                if !is_stale(*cell) {
                    *cell = float::round(*cell, *to_nearest);
                }
            }
            sink(Row { drop_name: true, ..row })
        })
    }

    fn stream_clamp(&self, call: &Call, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let bound = |index: usize| self.scalar(&call.args[index], grid);
        let (low, high) = match call.function.id {
            FunctionId::ClampMin => (bound(1)?, vec![f64::INFINITY; grid.count]),
            FunctionId::ClampMax => (vec![f64::NEG_INFINITY; grid.count], bound(1)?),
            _ => (bound(1)?, bound(2)?),
        };
        self.stream(&call.args[0], grid, &mut |row| {
            for ((cell, low), high) in row.values.iter_mut().zip(&low).zip(&high) {
                if high < low {
                    *cell = stale_nan();
                } else if !is_stale(*cell) {
                    *cell = float::clamp(*cell, *low, *high);
                }
            }
            if has_values(row.values) { sink(Row { drop_name: true, ..row }) } else { Ok(()) }
        })
    }

    /// Calls that need all series at once.
    pub(super) fn collected_call(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        use FunctionId as F;
        match call.function.id {
            F::Vector => self.scalar_frame(&call.args[0], grid),
            F::Absent => self.absent(&call.args[0], grid),
            F::AbsentOverTime => self.absent_over_time(call, grid),
            F::Sort | F::SortDesc | F::SortByLabel | F::SortByLabelDesc => self.sorted(call, grid),
            F::LabelReplace => self.label_replace(call, grid),
            F::LabelJoin => self.label_join(call, grid),
            F::HistogramQuantile => self.histogram_quantile(call, grid),
            F::HistogramQuantiles => self.histogram_quantiles(call, grid),
            F::HistogramFraction => self.histogram_fraction(call, grid),
            F::HistogramAvg
            | F::HistogramCount
            | F::HistogramStddev
            | F::HistogramStdvar
            | F::HistogramSum => {
                // These pass over floats, and there is nothing else yet.
                self.stream(&call.args[0], grid, &mut |_| Ok(()))?;
                Ok(Frame::new(&self.budget, grid.count))
            }
            F::Info => self.info(call, grid),
            _ => Err(EvalError::execution(format!("function {} gives no vector", call.function.name))),
        }
    }

    fn absent(&self, vector: &Expr, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let mut values = vec![1.0; grid.count];
        self.stream(vector, grid, &mut |row| {
            for (value, cell) in values.iter_mut().zip(&*row.values) {
                if !is_stale(*cell) {
                    *value = stale_nan();
                }
            }
            Ok(())
        })?;
        let mut frame = Frame::new(&self.budget, grid.count);
        if has_values(&values) {
            let labels = absent_labels(vector.without_parens())?;
            frame.push(&Row { labels: &labels, drop_name: false, values: &mut values })?;
        }
        Ok(frame)
    }

    /// Sorts are lost on a range query, whose result is sorted by labels.
    fn sorted(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let mut frame = self.frame(&call.args[0], grid)?;
        if grid.count > 1 {
            self.note(Note::sort_in_range_query(call.span));
            return Ok(frame);
        }
        let names: Vec<&str> = call.args[1..].iter().map(string_value).collect();
        let mut rows: Vec<usize> = (0..frame.len()).collect();
        match call.function.id {
            FunctionId::Sort => {
                rows.sort_by(|a, b| nan_last(frame.cell(*a, 0), frame.cell(*b, 0), false));
            }
            FunctionId::SortDesc => {
                rows.sort_by(|a, b| nan_last(frame.cell(*a, 0), frame.cell(*b, 0), true));
            }
            id => {
                let labels = |row: usize| &frame.keys()[row].labels;
                rows.sort_by(|a, b| by_labels(labels(*a), labels(*b), &names));
                if id == FunctionId::SortByLabelDesc {
                    rows.reverse();
                }
            }
        }
        frame.reorder(&rows);
        Ok(frame)
    }

    fn label_replace(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let [target, template, source, pattern] = [1, 2, 3, 4].map(|index| string_value(&call.args[index]));
        let regex = anchored_regex(pattern).map_err(|_| {
            EvalError::execution(format!("invalid regular expression in label_replace(): {pattern}"))
        })?;
        check_name(call, 1, "destination")?;
        let mut cache: HashMap<Labels, Option<Labels>> = HashMap::new();
        self.relabelled(&call.args[0], grid, target, |labels| {
            let replaced = || label::replaced(labels, target, template, source, &regex);
            cache.entry(labels.clone()).or_insert_with(replaced).clone()
        })
    }

    fn label_join(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        for index in 3..call.args.len() {
            check_name(call, index, "source")?;
        }
        check_name(call, 1, "destination")?;
        let [target, separator] = [1, 2].map(|index| string_value(&call.args[index]));
        let sources: Vec<&str> = call.args[3..].iter().map(string_value).collect();
        self.relabelled(&call.args[0], grid, target, |labels| {
            Some(label::joined(labels, target, separator, &sources))
        })
    }

    /// Gives series new labels; a name that was set this way stays.
    fn relabelled(
        &self,
        vector: &Expr,
        grid: Grid,
        target: &str,
        mut change: impl FnMut(&Labels) -> Option<Labels>,
    ) -> Result<Frame<'a>, EvalError> {
        let mut frame = self.collect(grid, |sink| {
            self.stream(vector, grid, &mut |row| match change(row.labels) {
                Some(labels) => {
                    let drop_name = row.drop_name && target != METRIC_NAME;
                    sink(Row { labels: &labels, drop_name, values: row.values })
                }
                None => sink(row),
            })
        })?;
        frame.merge_same_labels()?;
        Ok(frame)
    }
}

/// Ascending or descending, NaN behind all else.
fn nan_last(a: f64, b: f64, descending: bool) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => nan_first(b, a),
        (false, false) => nan_first(a, b),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    }
}

/// By the named labels in natural order, then by all.
fn by_labels(a: &Labels, b: &Labels, names: &[&str]) -> std::cmp::Ordering {
    let value = |labels: &Labels, name: &str| labels.get(name).unwrap_or("").to_owned();
    names
        .iter()
        .map(|name| natural::compare(&value(a, name), &value(b, name)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.cmp(b))
}

fn check_name(call: &Call, index: usize, role: &str) -> Result<(), EvalError> {
    let name = string_value(&call.args[index]);
    if label::is_valid_name(name) {
        return Ok(());
    }
    Err(EvalError::execution(format!("invalid {role} label name in {}(): {name}", call.function.name)))
}

/// The labels of what is absent, as far as the selector says them for certain.
pub(super) fn absent_labels(expr: &Expr) -> Result<Labels, EvalError> {
    let matchers: &[Matcher] = match expr {
        Expr::Vector(selector) => &selector.matchers,
        Expr::Matrix(matrix) => &matrix.selector.matchers,
        _ => &[],
    };
    let others = || matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME);
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for matcher in others().filter(|matcher| matcher.op() == MatchOp::Equal) {
        // A label with two conditions is not certain, even if they are the same.
        if others().filter(|other| other.name() == matcher.name()).count() == 1 {
            pairs.push((matcher.name(), matcher.value()));
        }
    }
    Labels::from_pairs(pairs).map_err(|error| EvalError::execution(error.to_string()))
}

/// A text as Prometheus prints it in errors.
pub(super) fn quoted_argument(expr: &Expr) -> String {
    match expr.without_parens() {
        Expr::String(literal) => match &literal.invalid_utf8 {
            Some(bytes) => crate::quote::go_quote_bytes(bytes),
            None => go_quote(&literal.value),
        },
        _ => String::new(),
    }
}
