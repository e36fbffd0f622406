//! Functions over the samples of one window: `*_over_time` and their kin.

use std::ops::Range;

use super::quantile;
use super::summation;

/// One series' columns without staleness markers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples<'a> {
    /// Milliseconds, ascending.
    pub(crate) times: &'a [i64],
    /// As long as `times`.
    pub(crate) values: &'a [f64],
    /// Start timestamps, 0 where unknown; as long as `times`, or empty when they are unknown or not wanted.
    pub(crate) starts: &'a [i64],
}

/// One step's window over a series: the samples in `begin < t <= end`, and for extended selectors some around.
#[derive(Clone, Debug)]
pub(crate) struct Window<'a> {
    /// The series.
    pub(crate) samples: Samples<'a>,
    /// Which of its samples.
    pub(crate) range: Range<usize>,
    /// Exclusive.
    pub(crate) begin: i64,
    /// Inclusive.
    pub(crate) end: i64,
}

impl<'a> Window<'a> {
    #[inline]
    pub(crate) fn times(&self) -> &'a [i64] {
        &self.samples.times[self.range.clone()]
    }

    #[inline]
    pub(crate) fn values(&self) -> &'a [f64] {
        &self.samples.values[self.range.clone()]
    }

    #[inline]
    pub(crate) fn starts(&self) -> &'a [i64] {
        if self.samples.starts.is_empty() { &[] } else { &self.samples.starts[self.range.clone()] }
    }

    /// Time of the last sample; the window is not empty.
    #[inline]
    pub(crate) fn last_time(&self) -> i64 {
        self.samples.times[self.range.end - 1]
    }
}

/// The largest value, NaN only if all are.
pub(crate) fn max(values: &[f64]) -> f64 {
    pick(values, |value, best| value > best)
}

/// The smallest value, NaN only if all are.
pub(crate) fn min(values: &[f64]) -> f64 {
    pick(values, |value, best| value < best)
}

fn pick(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut best = values[0];
    for value in values {
        if better(*value, best) || best.is_nan() {
            best = *value;
        }
    }
    best
}

/// When the largest (else smallest) value was last seen, in seconds.
pub(crate) fn time_of_extreme(window: &Window<'_>, largest: bool) -> f64 {
    let (times, values) = (window.times(), window.values());
    let (mut best, mut at) = (values[0], times[0]);
    for (value, time) in values.iter().zip(times) {
        let better = if largest { *value >= best } else { *value <= best };
        if better || best.is_nan() {
            (best, at) = (*value, *time);
        }
    }
    at as f64 / 1000.0
}

/// Quantile, without touching the window.
pub(crate) fn quantile_of(rank: f64, values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend_from_slice(values);
    quantile::quantile(rank, scratch)
}

/// Median absolute deviation, without touching the window.
pub(crate) fn deviation_of(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend_from_slice(values);
    quantile::median_absolute_deviation(scratch)
}

/// Prefix sums that answer `sum_over_time` in two additions, where that is exact: whole numbers whose sums all
/// stay below 2^53. `None` where it would round; then windows are summed one by one.
pub(crate) fn exact_prefix_sums(values: &[f64]) -> Option<Vec<f64>> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut sum, mut magnitude) = (0.0, 0.0);
    sums.push(sum);
    for value in values {
        magnitude += value.abs();
        // NaN and infinities fail here too.
        if !(value.trunc() == *value && magnitude < EXACT_MAX) {
            return None;
        }
        sum += value;
        sums.push(sum);
    }
    Some(sums)
}

/// Sum of a window, by prefix sums where there are some.
#[inline]
pub(crate) fn window_sum(window: &Window<'_>, prefix: Option<&[f64]>) -> f64 {
    match prefix {
        Some(prefix) => prefix[window.range.end] - prefix[window.range.start],
        None => summation::sum(window.values()),
    }
}

/// Mean of a window, likewise.
#[inline]
pub(crate) fn window_mean(window: &Window<'_>, prefix: Option<&[f64]>) -> f64 {
    match prefix {
        Some(prefix) => (prefix[window.range.end] - prefix[window.range.start]) / window.range.len() as f64,
        None => summation::mean(window.values()),
    }
}

/// Extremes of sliding windows in constant time each: candidates are kept in order, worse ones are thrown out.
#[derive(Debug)]
pub(crate) struct SlidingExtreme {
    /// Indices of candidates, best first.
    candidates: std::collections::VecDeque<usize>,
    /// First sample not looked at yet.
    next: usize,
    largest: bool,
}

impl SlidingExtreme {
    pub(crate) fn new(largest: bool) -> SlidingExtreme {
        SlidingExtreme { candidates: std::collections::VecDeque::new(), next: 0, largest }
    }

    /// The extreme of a window that starts and ends no earlier than the one before.
    pub(crate) fn at(&mut self, window: &Window<'_>) -> f64 {
        let values = window.samples.values;
        self.next = self.next.max(window.range.start);
        while self.next < window.range.end {
            let value = values[self.next];
            if !value.is_nan() {
                while self.candidates.back().is_some_and(|last| self.not_better(values[*last], value)) {
                    self.candidates.pop_back();
                }
                self.candidates.push_back(self.next);
            }
            self.next += 1;
        }
        while self.candidates.front().is_some_and(|first| *first < window.range.start) {
            self.candidates.pop_front();
        }
        self.candidates.front().map_or(f64::NAN, |best| values[*best])
    }

    /// Of equal values the earlier one stays, as a scan would leave it (it matters for the zeros' signs).
    fn not_better(&self, old: f64, new: f64) -> bool {
        if self.largest { old < new } else { old > new }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window<'a>(times: &'a [i64], values: &'a [f64], range: Range<usize>) -> Window<'a> {
        Window { samples: Samples { times, values, starts: &[] }, range, begin: 0, end: 0 }
    }

    #[test]
    fn extremes_pass_over_nan() {
        let nan = f64::NAN;
        assert_eq!(max(&[nan, 0.0, 1.0]), 1.0);
        assert_eq!(min(&[2.0, nan, 1.0]), 1.0);
        assert!(max(&[nan, nan]).is_nan());
        let all = window(&[1000, 2000, 3000, 4000], &[1.0, 5.0, 5.0, 2.0], 0..4);
        assert_eq!(time_of_extreme(&all, true), 3.0);
        assert_eq!(time_of_extreme(&all, false), 1.0);
    }

    #[test]
    fn prefix_sums_only_where_exact() {
        assert_eq!(exact_prefix_sums(&[1.0, -2.0, 5.0]), Some(vec![0.0, 1.0, -1.0, 4.0]));
        assert_eq!(exact_prefix_sums(&[1.5]), None);
        assert_eq!(exact_prefix_sums(&[f64::NAN]), None);
        assert_eq!(exact_prefix_sums(&[f64::INFINITY]), None);
        assert_eq!(exact_prefix_sums(&[9e15, 9e15]), None);
    }

    proptest! {
        #[test]
        fn sliding_is_scanning(values in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(0.0), Just(-0.0), -3.0..3.0f64], 1..40), width in 1usize..8, stride in 1usize..5) {
            let times: Vec<i64> = (0..values.len() as i64).collect();
            for largest in [true, false] {
                let mut sliding = SlidingExtreme::new(largest);
                let mut start = 0;
                while start < values.len() {
                    let range = start..(start + width).min(values.len());
                    let seen = sliding.at(&window(&times, &values, range.clone()));
                    let scanned = if largest { max(&values[range]) } else { min(&values[range]) };
                    prop_assert!(seen.to_bits() == scanned.to_bits() || (seen.is_nan() && scanned.is_nan()));
                    start += stride;
                }
            }
        }
    }
}
