//! Functions over classic histograms: series whose `le` label names the bucket that they count.

use std::collections::HashMap;

use lingshao_model::{Labels, is_stale};

use super::frame::Frame;
use super::grid::Grid;
use super::{EvalError, Evaluator, string_value};
use crate::annotations::Note;
use crate::ast::{Call, Expr};
use crate::functions::format::{open_metrics, parse_float};
use crate::functions::histogram::{Bucket, bucket_fraction, bucket_quantile};
use crate::functions::label::without_metadata;
use crate::functions::quantile::is_invalid;

const BUCKET_LABEL: &str = "le";

/// The rows of one histogram.
struct Histogram {
    /// Without `le`; the name is still there where names go at the end.
    labels: Labels,
    /// Upper bound and row, ascending.
    buckets: Vec<(f64, usize)>,
}

/// All histograms of a vector.
struct Histograms<'a> {
    frame: Frame<'a>,
    each: Vec<Histogram>,
}

impl Histograms<'_> {
    /// The buckets of a histogram that are there at a step.
    fn buckets_at(&self, histogram: &Histogram, step: usize, buckets: &mut Vec<Bucket>) {
        buckets.clear();
        for (bound, row) in &histogram.buckets {
            let count = self.frame.cell(*row, step);
            if !is_stale(count) {
                buckets.push(Bucket { bound: *bound, count });
            }
        }
    }
}

impl<'a> Evaluator<'a> {
    /// Sorts the series of a vector into histograms; what has no proper bucket label is left out, with a warning.
    fn histograms(&self, vector: &Expr, grid: Grid) -> Result<Histograms<'a>, EvalError> {
        let frame = self.frame(vector, grid)?;
        let mut each: Vec<Histogram> = Vec::new();
        let mut by_labels: HashMap<Labels, usize> = HashMap::new();
        for (row, key) in frame.keys().iter().enumerate() {
            let bound = key.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(upper) = parse_float(bound) else {
                self.note(Note::bad_bucket_label(self.noted_name(&key.labels), bound, vector.span()));
                continue;
            };
            let labels = key.labels.filtered(|name| name != BUCKET_LABEL);
            let histogram = *by_labels.entry(labels).or_insert_with_key(|labels| {
                each.push(Histogram { labels: labels.clone(), buckets: Vec::new() });
                each.len() - 1
            });
            each[histogram].buckets.push((upper, row));
        }
        for histogram in &mut each {
            histogram.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            if !self.limits.delayed_name_removal {
                histogram.labels = without_metadata(&histogram.labels);
            }
        }
        Ok(Histograms { frame, each })
    }

    /// Prometheus names metrics in these notes only where names go at the end.
    fn noted_name<'l>(&self, labels: &'l Labels) -> &'l str {
        if self.limits.delayed_name_removal { labels.metric_name().unwrap_or("") } else { "" }
    }

    fn note_quantiles(&self, quantiles: &[f64], argument: &Expr) {
        let mut last = None;
        for quantile in quantiles.iter().filter(|quantile| is_invalid(**quantile)) {
            if last != Some(quantile.to_bits()) {
                self.note(Note::invalid_quantile(*quantile, argument.span()));
                last = Some(quantile.to_bits());
            }
        }
    }

    pub(super) fn histogram_quantile(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let quantiles = self.scalar(&call.args[0], grid)?;
        self.note_quantiles(&quantiles, &call.args[0]);
        let histograms = self.histograms(&call.args[1], grid)?;
        let span = call.args[1].span();
        self.each_histogram(&histograms, grid, |histogram, step, buckets| {
            let (value, fix) = bucket_quantile(quantiles[step], buckets);
            if let Some(fix) = fix {
                let name = self.noted_name(&histogram.labels);
                self.note(Note::forced_monotonicity(name, span, grid.at(step), fix));
            }
            value
        })
    }

    pub(super) fn histogram_fraction(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let lower = self.scalar(&call.args[0], grid)?;
        let upper = self.scalar(&call.args[1], grid)?;
        let histograms = self.histograms(&call.args[2], grid)?;
        self.each_histogram(&histograms, grid, |_, step, buckets| {
            bucket_fraction(lower[step], upper[step], buckets)
        })
    }

    /// Computes one number for each histogram and step.
    fn each_histogram(
        &self,
        histograms: &Histograms<'a>,
        grid: Grid,
        compute: impl Fn(&Histogram, usize, &mut Vec<Bucket>) -> f64,
    ) -> Result<Frame<'a>, EvalError> {
        let mut result = Frame::new(&self.budget, grid.count);
        let mut buckets = Vec::new();
        for histogram in &histograms.each {
            self.budget.check()?;
            let row = result.push_empty(histogram.labels.clone(), self.limits.delayed_name_removal)?;
            for step in 0..grid.count {
                histograms.buckets_at(histogram, step, &mut buckets);
                if !buckets.is_empty() {
                    result.row_mut(row)[step] = compute(histogram, step, &mut buckets);
                }
            }
        }
        self.finished(result)
    }

    fn finished(&self, mut result: Frame<'a>) -> Result<Frame<'a>, EvalError> {
        result.retain_present();
        if result.steps() > 1 || !self.limits.delayed_name_removal {
            result.merge_same_labels()?;
        }
        Ok(result)
    }

    pub(super) fn histogram_quantiles(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let label = string_value(&call.args[1]);
        let mut quantiles = Vec::new();
        for argument in &call.args[2..] {
            let values = self.scalar(argument, grid)?;
            self.note_quantiles(&values, argument);
            quantiles.push(values);
        }
        let vector = &call.args[0];
        let histograms = self.histograms(vector, grid)?;
        let mut result = Frame::new(&self.budget, grid.count);
        let mut rows: HashMap<(usize, u64), usize> = HashMap::new();
        let mut buckets = Vec::new();
        for values in &quantiles {
            for (index, histogram) in histograms.each.iter().enumerate() {
                self.budget.check()?;
                for (step, quantile) in values.iter().enumerate() {
                    histograms.buckets_at(histogram, step, &mut buckets);
                    if buckets.is_empty() {
                        continue;
                    }
                    let row = match rows.get(&(index, quantile.to_bits())) {
                        Some(row) => *row,
                        None => {
                            let labels = histogram.labels.with(label, &open_metrics(*quantile));
                            let row = result.push_empty(labels, self.limits.delayed_name_removal)?;
                            rows.insert((index, quantile.to_bits()), row);
                            row
                        }
                    };
                    let (value, fix) = bucket_quantile(*quantile, &mut buckets);
                    if let Some(fix) = fix {
                        let name = self.noted_name(&histogram.labels);
                        self.note(Note::forced_monotonicity(name, vector.span(), grid.at(step), fix));
                    }
                    result.row_mut(row)[step] = value;
                }
            }
        }
        self.finished(result)
    }
}
