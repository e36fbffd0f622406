//! Reading series, and instant selectors: at each step the last sample that is not too old.

use std::ops::ControlFlow;

use lingshao_model::{METRIC_NAME, MatchOp, Selection, SeriesColumns, Timestamp, is_stale, stale_nan};

use super::frame::{Row, Sink, has_values};
use super::grid::Grid;
use super::{EvalError, Evaluator};
use crate::annotations::Note;
use crate::ast::{At, DurationExpr, Extension, VectorSelector};
use crate::functions::range::Samples;
use crate::functions::rate::interpolated;

/// What of the sample is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Value,
    /// When it was taken, in seconds.
    Time,
    /// When its counter began, in seconds; zero where that is unknown.
    Start,
}

/// The instants at which a selector looks at its series: one for each step, all the same with `@`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    pub(super) first: i64,
    stride: i64,
    pub(super) count: usize,
}

impl Looks {
    #[inline]
    pub(super) fn at(self, step: usize) -> i64 {
        self.first.saturating_add(self.stride.saturating_mul(step as i64))
    }

    pub(super) fn last(self) -> i64 {
        self.at(self.count - 1)
    }
}

impl Evaluator<'_> {
    /// Reads the series of a selector between two instants, both inclusive.
    pub(super) fn read(
        &self,
        selector: &VectorSelector,
        start: i64,
        end: i64,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let selection =
            Selection { matchers: &selector.matchers, start: Timestamp(start), end: Timestamp(end) };
        let mut failure = None;
        let warnings = self.source.select(&selection, self.budget.cancel(), &mut |columns| {
            self.budget.read(columns.times.len());
            match self.budget.check().and_then(|()| visit(columns)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        warnings?.into_iter().for_each(|text| self.note(Note::storage(text)));
        Ok(())
    }

    /// Where a selector with these modifiers looks.
    pub(super) fn looks(
        &self,
        at: Option<At>,
        offset: Option<&DurationExpr>,
        grid: Grid,
    ) -> Result<Looks, EvalError> {
        let offset = self.offset(offset)?;
        Ok(match self.fixed_time(at) {
            Some(at) => Looks { first: at.saturating_sub(offset), stride: 0, count: grid.count },
            None => Looks { first: grid.start.saturating_sub(offset), stride: grid.step, count: grid.count },
        })
    }

    /// The series of an instant selector.
    pub(super) fn stream_selector(
        &self,
        selector: &VectorSelector,
        grid: Grid,
        pick: Pick,
        sink: &mut Sink<'_>,
    ) -> Result<(), EvalError> {
        let looks = self.looks(selector.at, selector.offset.as_ref(), grid)?;
        let lookback = self.limits.lookback.0;
        let smoothed = selector.extension == Extension::Smoothed;
        let after = if smoothed { lookback } else { 0 };
        let (start, end) = (looks.first.saturating_sub(lookback - 1), looks.last().saturating_add(after));
        let mut values = vec![stale_nan(); grid.count];
        let mut clean = CleanColumns::default();
        self.read(selector, start, end, &mut |columns| {
            if smoothed {
                smooth(clean.of(columns, false), looks, lookback, &mut values);
            } else {
                current(columns, looks, lookback, pick, &mut values);
            }
            if !has_values(&values) {
                return Ok(());
            }
            sink(Row { labels: columns.labels, drop_name: pick != Pick::Value, values: &mut values })
        })
    }
}

/// At each look the last sample at or before it, unless that is a staleness marker or too old.
fn current(columns: SeriesColumns<'_>, looks: Looks, lookback: i64, pick: Pick, out: &mut [f64]) {
    let (times, values) = (columns.times, columns.values);
    let mut next = 0;
    for (step, cell) in out.iter_mut().enumerate() {
        let look = looks.at(step);
        while times.get(next).is_some_and(|time| *time <= look) {
            next += 1;
        }
        *cell = match next.checked_sub(1) {
            Some(at) if times[at] > look.saturating_sub(lookback) => match pick {
                _ if is_stale(values[at]) => stale_nan(),
                Pick::Value => values[at],
                Pick::Time => times[at] as f64 / 1000.0,
                Pick::Start => columns.starts.get(at).map_or(0.0, |start| *start as f64 / 1000.0),
            },
            _ => stale_nan(),
        };
    }
}

/// At each look the value between the samples around it, or the last one where none follows.
fn smooth(samples: Samples<'_>, looks: Looks, lookback: i64, out: &mut [f64]) {
    let (times, values) = (samples.times, samples.values);
    for (step, cell) in out.iter_mut().enumerate() {
        let look = looks.at(step);
        let from = times.partition_point(|time| *time <= look.saturating_sub(lookback));
        let to = times.partition_point(|time| *time <= look.saturating_add(lookback));
        let next = from + times[from..to].partition_point(|time| *time < look);
        *cell = if next < to && times[next] == look {
            values[next]
        } else if next == from {
            stale_nan()
        } else if next < to {
            interpolated((times[next - 1], values[next - 1]), (times[next], values[next]), look, false)
        } else {
            values[next - 1]
        };
    }
}

/// Memory for columns from which staleness markers had to be taken out.
#[derive(Debug, Default)]
pub(super) struct CleanColumns {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
}

impl CleanColumns {
    /// The columns without staleness markers; the very same where there are none, which is the rule.
    pub(super) fn of<'c>(&'c mut self, columns: SeriesColumns<'c>, with_starts: bool) -> Samples<'c> {
        let starts = if with_starts { columns.starts } else { &[] };
        if !has_markers(columns.values) {
            return Samples { times: columns.times, values: columns.values, starts };
        }
        self.times.clear();
        self.values.clear();
        self.starts.clear();
        for (at, value) in columns.values.iter().enumerate() {
            if !is_stale(*value) {
                self.times.push(columns.times[at]);
                self.values.push(*value);
                self.starts.extend(starts.get(at));
            }
        }
        Samples { times: &self.times, values: &self.values, starts: &self.starts }
    }
}

/// In chunks, so that the compiler can look at several values at once; markers are NaN, and NaN is rare.
fn has_markers(values: &[f64]) -> bool {
    let has_nan = |chunk: &[f64]| chunk.iter().fold(false, |seen, value| seen | value.is_nan());
    values.chunks(64).any(|chunk| has_nan(chunk) && chunk.iter().any(|value| is_stale(*value)))
}

/// Whether a selector may give series of several metrics.
pub(super) fn name_varies(selector: &VectorSelector) -> bool {
    let fixes_name =
        |matcher: &lingshao_model::Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
    !selector.matchers.iter().any(fixes_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::Labels;

    #[track_caller]
    fn check(samples: &[(i64, f64)], first: i64, stride: i64, expected: &[Option<f64>]) {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        let labels = Labels::empty();
        let columns = SeriesColumns { labels: &labels, times: &times, values: &values, starts: &[] };
        let mut out = vec![0.0; expected.len()];
        let looks = Looks { first, stride, count: expected.len() };
        current(columns, looks, 300, Pick::Value, &mut out);
        let seen: Vec<Option<f64>> = out.iter().map(|cell| (!is_stale(*cell)).then_some(*cell)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_sample_is_current_until_lookback_ends_or_a_marker_comes() {
        check(&[(0, 1.0)], 0, 299, &[Some(1.0), Some(1.0), None]);
        check(&[(0, 1.0)], -1, 301, &[None, None]);
        check(&[(0, 1.0)], -1, 1, &[None, Some(1.0)]);
        check(&[(0, 0.0), (10, 1.0), (20, stale_nan()), (30, 2.0)], 10, 10, &[Some(1.0), None, Some(2.0)]);
        check(&[(0, 0.0), (10, 1.0)], 10, 0, &[Some(1.0), Some(1.0)]);
    }
}
