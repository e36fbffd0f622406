//! Functions over ranges: each series is read once, and two indices slide over it while the steps go by.

use lingshao_model::{Labels, SeriesColumns, is_stale, stale_nan};

use super::frame::{Frame, Row, Sink, has_values};
use super::grid::Grid;
use super::selector::CleanColumns;
use super::{EvalError, Evaluator};
use crate::annotations::Note;
use crate::ast::{Call, Expr, Extension, MatrixSelector};
use crate::catalog::FunctionId;
use crate::functions::quantile::is_invalid;
use crate::functions::range::{self, PrefixSums, Samples, SlidingExtreme, Window};
use crate::functions::rate::{self, Change};
use crate::functions::{regression, summation};
use crate::limits::Budget;
use crate::output::MatrixSeries;

/// Functions that take one range and go series by series.
pub(super) fn is_range_function(function: FunctionId) -> bool {
    use FunctionId as F;
    matches!(
        function,
        F::AvgOverTime
            | F::Changes
            | F::CountOverTime
            | F::Delta
            | F::Deriv
            | F::DoubleExponentialSmoothing
            | F::FirstOverTime
            | F::Idelta
            | F::Increase
            | F::Irate
            | F::LastOverTime
            | F::MadOverTime
            | F::MaxOverTime
            | F::MinOverTime
            | F::PredictLinear
            | F::PresentOverTime
            | F::QuantileOverTime
            | F::Rate
            | F::Resets
            | F::StddevOverTime
            | F::StdvarOverTime
            | F::SumOverTime
            | F::TsOfFirstOverTime
            | F::TsOfLastOverTime
            | F::TsOfMaxOverTime
            | F::TsOfMinOverTime
    )
}

/// The windows of all steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    /// End of the first window.
    pub(super) end: i64,
    /// From one window's end to the next one's; zero with `@`.
    pub(super) stride: i64,
    /// How long they are.
    pub(super) range: i64,
    /// How far samples before the begin are taken along.
    pub(super) before: i64,
    /// How far samples after the end are taken along.
    pub(super) after: i64,
    pub(super) count: usize,
}

impl Windows {
    #[inline]
    fn end(&self, step: usize) -> i64 {
        self.end.saturating_add(self.stride.saturating_mul(step as i64))
    }

    /// First and last instant that any window reaches.
    fn reach(&self) -> (i64, i64) {
        let first = self.end.saturating_sub(self.range).saturating_sub(self.before);
        (first.saturating_add(1), self.end(self.count - 1).saturating_add(self.after))
    }

    /// Calls `compute` for each step whose window holds a sample, and keeps what it answers. Ends early when the
    /// query was cancelled, which the caller has to look for.
    #[inline]
    fn each<'s>(
        &self,
        budget: &Budget<'_>,
        samples: Samples<'s>,
        out: &mut [f64],
        mut compute: impl FnMut(usize, &Window<'s>) -> Option<f64>,
    ) {
        let times = samples.times;
        let (mut from, mut to) = (0, 0);
        let mut looked_at = 0;
        for (step, cell) in out.iter_mut().enumerate() {
            if looked_at > SAMPLES_PER_CHECK {
                looked_at = 0;
                if budget.check().is_err() {
                    return;
                }
            }
            let end = self.end(step);
            let begin = end.saturating_sub(self.range);
            while to < times.len() && times[to] <= end.saturating_add(self.after) {
                to += 1;
            }
            while from < to && times[from] <= begin.saturating_sub(self.before) {
                from += 1;
            }
            *cell = stale_nan();
            looked_at += to - from;
            if from < to
                && let Some(value) = compute(step, &Window { samples, range: from..to, begin, end })
            {
                *cell = value;
            }
        }
    }
}

/// How many samples of windows go by between two looks at whether the query was cancelled.
const SAMPLES_PER_CHECK: usize = 16_384;

/// A range function with all that it needs but the series.
#[derive(Debug)]
struct RangeCall<'c> {
    budget: &'c Budget<'c>,
    call: &'c Call,
    windows: Windows,
    grid: Grid,
    extension: Extension,
    /// Scalar arguments, in order, each with a number for every step.
    params: Vec<Vec<f64>>,
}

/// Takes each series of a range argument: the call, its labels, whether its name is to go, and its samples.
type VisitRange<'v> = dyn FnMut(&RangeCall<'_>, &Labels, bool, Samples<'_>) -> Result<(), EvalError> + 'v;

impl<'a> Evaluator<'a> {
    /// A range function over a selector or a subquery.
    pub(super) fn stream_range_call(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let mut params = Vec::new();
        for arg in call.args.iter().filter(|arg| !is_range(arg)) {
            params.push(self.scalar(arg, grid)?);
        }
        let Some(argument) = call.args.iter().map(Expr::without_parens).find(|arg| is_range(arg)) else {
            return Err(EvalError::execution(format!("function {} needs a range", call.function.name)));
        };
        let keeps_name = matches!(call.function.id, FunctionId::LastOverTime | FunctionId::FirstOverTime);
        let mut values = vec![stale_nan(); grid.count];
        let mut state = SeriesState::default();
        self.for_each_series(call, argument, grid, params, &mut |range_call, labels, dropped, samples| {
            range_call.compute(samples, &mut values, &mut state)?;
            self.budget.check()?;
            self.note_findings(call, labels, &mut state, &values);
            if !has_values(&values) {
                return Ok(());
            }
            sink(Row { labels, drop_name: dropped || !keeps_name, values: &mut values })
        })
    }

    /// Reads the series of a range argument and hands each on with the windows to look through.
    fn for_each_series(
        &self,
        call: &Call,
        argument: &Expr,
        grid: Grid,
        params: Vec<Vec<f64>>,
        visit: &mut VisitRange<'_>,
    ) -> Result<(), EvalError> {
        match argument {
            Expr::Matrix(matrix) => {
                let extension = matrix.selector.extension;
                check_extension(extension, call)?;
                let windows = self.selector_windows(matrix, grid)?;
                let range_call = RangeCall { budget: &self.budget, call, windows, grid, extension, params };
                let with_starts = self.limits.start_timestamps && extension == Extension::None;
                let mut clean = CleanColumns::default();
                let (start, end) = windows.reach();
                self.read(&matrix.selector, start, end, &mut |columns| {
                    visit(&range_call, columns.labels, false, clean.of(columns, with_starts))
                })
            }
            Expr::Subquery(subquery) => {
                let (windows, inner) = self.subquery_windows(subquery, grid)?;
                let Some(inner) = inner else { return Ok(()) };
                let range_call = RangeCall {
                    budget: &self.budget,
                    call,
                    windows,
                    grid,
                    extension: Extension::None,
                    params,
                };
                self.stream_subquery(subquery, inner, &mut |labels, dropped, samples| {
                    visit(&range_call, labels, dropped, samples)
                })
            }
            _ => Err(EvalError::execution("expression is no range")),
        }
    }

    fn selector_windows(&self, matrix: &MatrixSelector, grid: Grid) -> Result<Windows, EvalError> {
        let range = self.duration(&matrix.range, false)?;
        let offset = self.offset(matrix.selector.offset.as_ref())?;
        let lookback = self.limits.lookback.0;
        let (before, after) = match matrix.selector.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        };
        let (end, stride) = match self.fixed_time(matrix.selector.at) {
            Some(at) => (at, 0),
            None => (grid.start, grid.step),
        };
        Ok(Windows { end: end.saturating_sub(offset), stride, range, before, after, count: grid.count })
    }

    /// Infos and warnings about one series.
    fn note_findings(&self, call: &Call, labels: &Labels, state: &mut SeriesState, values: &[f64]) {
        if let Some(quantile) = state.invalid_quantile.take() {
            self.note(Note::invalid_quantile(quantile, call.args[0].span()));
        }
        if matches!(call.function.id, FunctionId::Rate | FunctionId::Increase) {
            let name = labels.metric_name().unwrap_or("");
            let known = name.is_empty()
                || ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix))
                || state.noted_name == name;
            if !known && has_values(values) {
                name.clone_into(&mut state.noted_name);
                self.note(Note::possible_non_counter(name, call.args[0].span()));
            }
        }
    }

    /// `absent_over_time`: one series that is there where none has a sample in its window.
    pub(super) fn absent_over_time(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let mut values = vec![1.0; grid.count];
        let mut scratch = vec![stale_nan(); grid.count];
        let argument = call.args[0].without_parens();
        self.for_each_series(call, argument, grid, Vec::new(), &mut |range_call, _, _, samples| {
            range_call.each(samples, &mut scratch, |_, _| Some(1.0));
            for (value, present) in values.iter_mut().zip(&scratch) {
                if !is_stale(*present) {
                    *value = stale_nan();
                }
            }
            Ok(())
        })?;
        let mut frame = Frame::new(&self.budget, grid.count);
        if has_values(&values) {
            let labels = super::call::absent_labels(argument)?;
            frame.push(&Row { labels: &labels, drop_name: true, values: &mut values })?;
        }
        Ok(frame)
    }

    /// A range selector on its own: its raw samples.
    pub(super) fn raw_matrix(
        &self,
        matrix: &MatrixSelector,
        grid: Grid,
    ) -> Result<Vec<MatrixSeries>, EvalError> {
        let windows = self.selector_windows(matrix, grid)?;
        let (start, end) = windows.reach();
        let bounds = (windows.end.saturating_sub(windows.range), windows.end);
        let mut clean = CleanColumns::default();
        let mut series = Vec::new();
        self.read(&matrix.selector, start, end, &mut |columns: SeriesColumns<'_>| {
            let samples = clean.of(columns, false);
            let points: Vec<(i64, f64)> = match matrix.selector.extension {
                Extension::None => {
                    samples.times.iter().copied().zip(samples.values.iter().copied()).collect()
                }
                extension => rate::bounded(samples, bounds, extension == Extension::Smoothed),
            };
            self.budget.take(2 * points.len() as u64, columns.labels.encoded().len() as u64)?;
            if !points.is_empty() {
                series.push(MatrixSeries { labels: columns.labels.clone(), points });
            }
            Ok(())
        })?;
        Ok(series)
    }
}

/// Whether an argument is a range, parentheses or not.
fn is_range(arg: &Expr) -> bool {
    matches!(arg.without_parens(), Expr::Matrix(_) | Expr::Subquery(_))
}

fn check_extension(extension: Extension, call: &Call) -> Result<(), EvalError> {
    use FunctionId as F;
    let is_rate = matches!(call.function.id, F::Rate | F::Increase | F::Delta);
    let (modifier, allowed, safe) = match extension {
        Extension::None => return Ok(()),
        Extension::Anchored => {
            let counts = matches!(call.function.id, F::Resets | F::Changes);
            ("anchored", "changes, delta, increase, rate, resets", is_rate || counts)
        }
        Extension::Smoothed => ("smoothed", "delta, increase, rate", is_rate),
    };
    if safe {
        return Ok(());
    }
    let name = call.function.name;
    Err(EvalError::execution(format!(
        "{modifier} modifier can only be used with: {allowed} - not with {name}"
    )))
}

/// Memory that goes from series to series, and what there is to say about the last one.
#[derive(Debug, Default)]
struct SeriesState {
    scratch: Vec<f64>,
    invalid_quantile: Option<f64>,
    noted_name: String,
}

impl RangeCall<'_> {
    #[inline]
    fn each<'s>(
        &self,
        samples: Samples<'s>,
        out: &mut [f64],
        compute: impl FnMut(usize, &Window<'s>) -> Option<f64>,
    ) {
        self.windows.each(self.budget, samples, out, compute);
    }

    /// Computes all steps of one series.
    fn compute(
        &self,
        samples: Samples<'_>,
        out: &mut [f64],
        state: &mut SeriesState,
    ) -> Result<(), EvalError> {
        use FunctionId as F;
        match self.call.function.id {
            F::Rate | F::Increase | F::Delta => self.compute_change(samples, out),
            F::Irate => self.each(samples, out, |_, window| rate::instant(window, true)),
            F::Idelta => self.each(samples, out, |_, window| rate::instant(window, false)),
            F::Resets => self.compute_count(samples, &rate::reset_indices(samples), out),
            F::Changes => self.compute_count(samples, &rate::change_indices(samples.values), out),
            F::SumOverTime | F::AvgOverTime => self.compute_sum(samples, out),
            F::MaxOverTime => self.compute_extreme(samples, out, true),
            F::MinOverTime => self.compute_extreme(samples, out, false),
            F::CountOverTime => self.each(samples, out, |_, window| Some(window.range.len() as f64)),
            F::PresentOverTime => self.each(samples, out, |_, _| Some(1.0)),
            F::FirstOverTime => self.each(samples, out, |_, window| window.values().first().copied()),
            F::LastOverTime => self.each(samples, out, |_, window| window.values().last().copied()),
            F::StddevOverTime => {
                self.each(samples, out, |_, window| Some(summation::variance(window.values()).sqrt()));
            }
            F::StdvarOverTime => {
                self.each(samples, out, |_, window| Some(summation::variance(window.values())));
            }
            F::QuantileOverTime => self.compute_quantile(samples, out, state),
            F::MadOverTime => self.each(samples, out, |_, window| {
                Some(range::deviation_of(window.values(), &mut state.scratch))
            }),
            F::Deriv | F::PredictLinear => self.compute_line(samples, out),
            F::DoubleExponentialSmoothing => return self.compute_smoothing(samples, out),
            _ => self.compute_time(samples, out),
        }
        Ok(())
    }

    fn compute_change(&self, samples: Samples<'_>, out: &mut [f64]) {
        let change = Change {
            counter: self.call.function.id != FunctionId::Delta,
            per_second: self.call.function.id == FunctionId::Rate,
            range_seconds: self.windows.range as f64 / 1000.0,
        };
        match self.extension {
            Extension::None => {
                let resets = if change.counter { rate::reset_indices(samples) } else { Vec::new() };
                self.each(samples, out, |_, window| rate::extrapolated(window, change, &resets));
            }
            extension => {
                let smoothed = extension == Extension::Smoothed;
                self.each(samples, out, |_, window| rate::extended(window, change, smoothed));
            }
        }
    }

    fn compute_count(&self, samples: Samples<'_>, indices: &[usize], out: &mut [f64]) {
        let anchored = self.extension == Extension::Anchored;
        self.each(samples, out, |_, window| {
            if anchored {
                rate::anchored(window).map(|window| rate::count_inside(&window, indices))
            } else {
                Some(rate::count_inside(window, indices))
            }
        });
    }

    fn compute_sum(&self, samples: Samples<'_>, out: &mut [f64]) {
        // Prefix sums cost as much as a few looks at each sample.
        let overlap = self.windows.range / self.windows.stride.max(1);
        let prefix =
            if overlap > 4 && self.windows.stride > 0 { PrefixSums::of(samples.values) } else { None };
        let prefix = prefix.as_ref();
        if self.call.function.id == FunctionId::SumOverTime {
            self.each(samples, out, |_, window| Some(range::window_sum(window, prefix)));
        } else {
            self.each(samples, out, |_, window| Some(range::window_mean(window, prefix)));
        }
    }

    fn compute_extreme(&self, samples: Samples<'_>, out: &mut [f64], largest: bool) {
        if self.windows.stride > 0 && self.windows.range > self.windows.stride {
            let mut sliding = SlidingExtreme::new(largest);
            self.each(samples, out, |_, window| Some(sliding.at(window)));
        } else if largest {
            self.each(samples, out, |_, window| Some(range::max(window.values())));
        } else {
            self.each(samples, out, |_, window| Some(range::min(window.values())));
        }
    }

    fn compute_quantile(&self, samples: Samples<'_>, out: &mut [f64], state: &mut SeriesState) {
        self.each(samples, out, |step, window| {
            let quantile = self.params[0][step];
            if is_invalid(quantile) {
                state.invalid_quantile = Some(quantile);
            }
            Some(range::quantile_of(quantile, window.values(), &mut state.scratch))
        });
    }

    fn compute_line(&self, samples: Samples<'_>, out: &mut [f64]) {
        let ahead = (self.call.function.id == FunctionId::PredictLinear).then(|| &self.params[0]);
        self.each(samples, out, |step, window| {
            let (times, values) = (window.times(), window.values());
            if values.len() < 2 {
                return None;
            }
            Some(match ahead {
                // An origin near the samples keeps the arithmetic accurate.
                None => regression::linear(times, values, times[0]).0,
                Some(ahead) => {
                    let (slope, now) = regression::linear(times, values, self.grid.at(step));
                    slope * ahead[step] + now
                }
            })
        });
    }

    fn compute_smoothing(&self, samples: Samples<'_>, out: &mut [f64]) -> Result<(), EvalError> {
        let mut failure = None;
        self.each(samples, out, |step, window| {
            let (smoothing, trend) = (self.params[0][step], self.params[1][step]);
            for (name, short, factor) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
                if factor <= 0.0 || factor >= 1.0 {
                    failure.get_or_insert_with(|| {
                        EvalError::execution(format!(
                            "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
                        ))
                    });
                    return None;
                }
            }
            let values = window.values();
            (values.len() > 1).then(|| regression::double_exponential(values, smoothing, trend))
        });
        failure.map_or(Ok(()), Err)
    }

    fn compute_time(&self, samples: Samples<'_>, out: &mut [f64]) {
        let seconds = |time: i64| time as f64 / 1000.0;
        match self.call.function.id {
            FunctionId::TsOfFirstOverTime => {
                self.each(samples, out, |_, window| window.times().first().map(|time| seconds(*time)));
            }
            FunctionId::TsOfLastOverTime => {
                self.each(samples, out, |_, window| Some(seconds(window.last_time())));
            }
            id => {
                let largest = id == FunctionId::TsOfMaxOverTime;
                self.each(samples, out, |_, window| Some(range::time_of_extreme(window, largest)));
            }
        }
    }
}
