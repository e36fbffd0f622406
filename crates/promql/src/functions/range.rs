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

/// Prefix sums in doubled precision: the sum of any window in constant time, with an error that is known. Windows
/// for which it would be too large are summed one by one.
#[derive(Debug)]
pub(crate) struct PrefixSums {
    high: Vec<f64>,
    low: Vec<f64>,
    /// No difference of two prefixes is further from the truth than this.
    error_max: f64,
}

/// Far below what compensated summation itself is off by.
const PREFIX_ERROR_MAX: f64 = 1e-13;

impl PrefixSums {
    /// `None` where a value or the sum is not finite.
    pub(crate) fn of(values: &[f64]) -> Option<PrefixSums> {
        let mut sums = PrefixSums {
            high: Vec::with_capacity(values.len() + 1),
            low: Vec::with_capacity(values.len() + 1),
            error_max: 0.0,
        };
        let (mut high, mut low) = (0.0_f64, 0.0_f64);
        let (mut magnitude, mut exact) = (0.0_f64, true);
        sums.high.push(high);
        sums.low.push(low);
        for value in values {
            // Knuth's two-sum: `total + lost` is exactly `high + value`.
            let total = high + value;
            let part = total - high;
            let lost = (high - (total - part)) + (value - part);
            exact &= lost == 0.0;
            (high, low) = (total, low + lost);
            magnitude = magnitude.max(total.abs());
            sums.high.push(high);
            sums.low.push(low);
        }
        // What is not finite stays so to the end.
        if !(high + low).is_finite() {
            return None;
        }
        if !exact {
            // Each step rounds the low part once, which is at most 2^-53 of the high one.
            sums.error_max = magnitude * f64::EPSILON * f64::EPSILON * (values.len() as f64 + 4.0);
        }
        Some(sums)
    }

    /// The sum of some of the values.
    #[inline]
    fn between(&self, range: &Range<usize>) -> Option<f64> {
        let high = self.high[range.end] - self.high[range.start];
        let low = self.low[range.end] - self.low[range.start];
        let (sum, unsure) = if self.error_max == 0.0 {
            (high, 0.0)
        } else {
            // The difference of the high parts rounds too.
            let (end, start) = (self.high[range.end], self.high[range.start]);
            let part = high - end;
            let lost = (end - (high - part)) + (-start - part);
            (high + (low + lost), self.error_max)
        };
        (unsure <= sum.abs() * PREFIX_ERROR_MAX).then_some(sum)
    }
}

/// Sum of a window, by prefix sums where there are some.
#[inline]
pub(crate) fn window_sum(window: &Window<'_>, prefix: Option<&PrefixSums>) -> f64 {
    prefix.and_then(|prefix| prefix.between(&window.range)).unwrap_or_else(|| summation::sum(window.values()))
}

/// Mean of a window, likewise.
#[inline]
pub(crate) fn window_mean(window: &Window<'_>, prefix: Option<&PrefixSums>) -> f64 {
    match prefix.and_then(|prefix| prefix.between(&window.range)) {
        Some(sum) => sum / window.range.len() as f64,
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
    fn prefix_sums_only_where_sure() {
        let sum = |values: &[f64], range: Range<usize>| PrefixSums::of(values)?.between(&range);
        assert_eq!(sum(&[1.0, -2.0, 5.0], 1..3), Some(3.0));
        assert_eq!(sum(&[0.25, 0.0, 0.0], 1..3), Some(0.0));
        assert_eq!(sum(&[0.1, 0.2, 0.3], 1..3), Some(0.5));
        assert_eq!(sum(&[1e100, 1.0, 2.0], 1..3), None);
        assert_eq!(sum(&[1.0, f64::NAN], 0..1), None);
        assert_eq!(sum(&[1.0, f64::INFINITY], 0..1), None);
        assert_eq!(sum(&[1e308, 1e308], 0..1), None);
    }

    proptest! {
        #[test]
        fn prefix_sums_are_sums(values in prop::collection::vec(prop_oneof![-1e3..1e3f64, -1e12..1e12f64, 0.0..1e-9f64], 1..60), start in 0usize..60) {
            let start = start % values.len();
            let summed = summation::sum(&values[start..]);
            if let Some(sum) = PrefixSums::of(&values).and_then(|sums| sums.between(&(start..values.len()))) {
                prop_assert!((sum - summed).abs() <= 1e-12 * summed.abs().max(1e-300), "{} is not {}", sum, summed);
            }
        }

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
