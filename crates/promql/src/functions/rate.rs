//! How fast counters and gauges change: `rate`, `increase`, `delta`, `irate`, `idelta`, `resets`, `changes`, plain
//! and with extended (anchored, smoothed) ranges.

use super::range::{Samples, Window};

/// What is wanted of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Decreases are resets (`rate`, `increase`) rather than decreases (`delta`).
    pub(crate) counter: bool,
    /// Divide by the range.
    pub(crate) per_second: bool,
    /// Length of the range.
    pub(crate) range_seconds: f64,
}

/// Indices of the samples before which a counter was reset, ascending: usually none, so that windows need no
/// look at what lies inside.
pub(crate) fn reset_indices(samples: Samples<'_>) -> Vec<usize> {
    if samples.starts.is_empty() && !decreases(samples.values) {
        return Vec::new();
    }
    (1..samples.values.len()).filter(|at| is_reset(samples, *at)).collect()
}

/// In chunks, so that the compiler can compare several pairs at once.
fn decreases(values: &[f64]) -> bool {
    let Some(followers) = values.get(1..) else { return false };
    let falls = |(before, after): (&[f64], &[f64])| {
        before.iter().zip(after).fold(false, |seen, (before, after)| seen | (after < before))
    };
    values.chunks(64).zip(followers.chunks(64)).any(falls)
}

fn is_reset(samples: Samples<'_>, at: usize) -> bool {
    samples.values[at] < samples.values[at - 1] || starts_anew(samples, at)
}

/// Whether the start timestamp says that the counter began again between two samples.
fn starts_anew(samples: Samples<'_>, at: usize) -> bool {
    if samples.starts.is_empty() {
        return false;
    }
    let (previous_start, previous) = (samples.starts[at - 1], samples.times[at - 1]);
    let (start, now) = (samples.starts[at], samples.times[at]);
    // 0 is unknown, later than the sample is nonsense, and equal is OpenTelemetry's way to say unknown.
    if start == 0 || start >= now || start < previous {
        return false;
    }
    if start > previous {
        return true;
    }
    // It points at the previous sample: a delta, unless that one's own start was unknown.
    previous_start <= previous && previous_start != 0 && previous_start != previous
}

/// `rate`, `increase` and `delta`: the change between first and last sample, extrapolated to the window's bounds
/// unless the series seems to start or end inside.
pub(crate) fn extrapolated(window: &Window<'_>, change: Change, resets: &[usize]) -> Option<f64> {
    let (times, values) = (window.times(), window.values());
    let (first, last) = (*values.first()?, *values.last()?);
    let mut result = last - first;
    if change.counter {
        result += lost_to_resets(window, resets);
    }
    let gaps = values.len() - 1;
    let mut to_start = times[0].saturating_sub(window.begin) as f64 / 1000.0;
    let mut to_end = window.end.saturating_sub(window.last_time()) as f64 / 1000.0;
    let mut sampled = window.last_time().saturating_sub(times[0]) as f64 / 1000.0;
    let between = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
    let threshold = between * 1.1;

    match known_start(window).filter(|_| change.counter) {
        // The counter began at zero inside of the window: nothing to extrapolate there.
        Some(start) => {
            to_start = 0.0;
            sampled = window.last_time().saturating_sub(start) as f64 / 1000.0;
            result += first;
        }
        None if gaps == 0 => return None,
        None => {
            if to_start >= threshold {
                to_start = between / 2.0;
            }
            if change.counter && result > 0.0 && first >= 0.0 {
                // A counter cannot have been negative.
                let to_zero = sampled * (first / result);
                if to_zero < to_start {
                    to_start = to_zero;
                }
            }
        }
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if change.per_second {
        factor /= change.range_seconds;
    }
    Some(result * factor)
}

/// The first sample's start timestamp, if it lies inside of the window and before that sample.
fn known_start(window: &Window<'_>) -> Option<i64> {
    let start = *window.starts().first()?;
    (start != 0 && start > window.begin && start < window.times()[0]).then_some(start)
}

fn lost_to_resets(window: &Window<'_>, resets: &[usize]) -> f64 {
    let mut lost = 0.0;
    for at in inside(window, resets) {
        lost += window.samples.values[at - 1];
    }
    lost
}

/// The indices whose sample and the one before are both in the window.
fn inside<'r>(window: &Window<'_>, indices: &'r [usize]) -> &'r [usize] {
    if indices.is_empty() {
        return &[];
    }
    let from = indices.partition_point(|at| *at <= window.range.start);
    let to = indices.partition_point(|at| *at < window.range.end);
    &indices[from.min(to)..to]
}

/// `rate`, `increase` and `delta` of an extended range: between the values at its very bounds. The window's
/// samples reach beyond the bounds.
pub(crate) fn extended(window: &Window<'_>, change: Change, smoothed: bool) -> Option<f64> {
    let (times, values) = (window.times(), window.values());
    let mut last = times.len().checked_sub(1)?;
    let mut first = times[..last].partition_point(|time| *time <= window.begin).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < window.end);
    }
    if times[last] <= window.begin || (smoothed && times[first] > window.end) {
        return None;
    }
    let between = |low: usize, at: i64| {
        let points = ((times[low], values[low]), (times[low + 1], values[low + 1]));
        interpolated(points.0, points.1, at, change.counter)
    };
    let left =
        if smoothed && times[first] < window.begin { between(first, window.begin) } else { values[first] };
    let right = if smoothed && last > 0 && times[last] > window.end {
        between(last - 1, window.end)
    } else {
        values[last]
    };
    let mut result = right - left;
    if change.counter {
        first += usize::from(times[first] <= window.begin);
        let end = if times[last] >= window.end { last } else { last + 1 };
        result += corrections(left, values.get(first..end).unwrap_or(&[]), right);
    }
    Some(if change.per_second { result / change.range_seconds } else { result })
}

/// The points of an extended range without a function around it: inner samples between values at its bounds.
pub(crate) fn bounded(samples: Samples<'_>, (begin, end): (i64, i64), smoothed: bool) -> Vec<(i64, f64)> {
    let (times, values) = (samples.times, samples.values);
    let Some(mut last) = times.len().checked_sub(1) else { return Vec::new() };
    let first = times[..last].partition_point(|time| *time <= begin).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    if times[last] <= begin {
        return Vec::new();
    }
    let point = |at: usize| (times[at], values[at]);
    let left = match smoothed && times[first] < begin {
        true => interpolated(point(first), point(first + 1), begin, false),
        false => values[first],
    };
    let right = match smoothed && last > 0 && times[last] > end {
        true => interpolated(point(last - 1), point(last), end, false),
        false => values[last],
    };
    let inner = (first..=last).map(point).filter(|(time, _)| *time > begin && *time < end);
    [(begin, left)].into_iter().chain(inner).chain([(end, right)]).collect()
}

/// Sum of what a counter had before each reset on its way.
fn corrections(left: f64, between: &[f64], right: f64) -> f64 {
    let (mut correction, mut previous) = (0.0, left);
    for value in between.iter().chain([&right]) {
        if *value < previous {
            correction += previous;
        }
        previous = *value;
    }
    correction
}

/// The value at an instant between two points; after a reset a counter is taken to come from zero.
pub(crate) fn interpolated(from: (i64, f64), to: (i64, f64), at: i64, counter: bool) -> f64 {
    let low = if counter && to.1 < from.1 { 0.0 } else { from.1 };
    low + (to.1 - low) * at.saturating_sub(from.0) as f64 / to.0.saturating_sub(from.0) as f64
}

/// `irate` and `idelta`: between the last two samples.
pub(crate) fn instant(window: &Window<'_>, counter: bool) -> Option<f64> {
    if window.range.len() < 2 {
        return None;
    }
    let last = window.range.end - 1;
    let (samples, values) = (window.samples, window.samples.values);
    let change =
        if counter && is_reset(samples, last) { values[last] } else { values[last] - values[last - 1] };
    let seconds = samples.times[last].saturating_sub(samples.times[last - 1]) as f64 / 1000.0;
    Some(if counter { change / seconds } else { change })
}

/// How many of the indexed events (resets, changes) lie between samples of a window.
pub(crate) fn count_inside(window: &Window<'_>, indices: &[usize]) -> f64 {
    inside(window, indices).len() as f64
}

/// Indices of the samples that differ from the one before; NaN does not differ from NaN.
pub(crate) fn change_indices(values: &[f64]) -> Vec<usize> {
    let differs = |at: &usize| {
        let (now, before) = (values[*at], values[*at - 1]);
        now != before && !(now.is_nan() && before.is_nan())
    };
    (1..values.len()).filter(differs).collect()
}

/// Narrows an extended window to the last sample at or before its begin, and all after it; `None` when nothing
/// lies after it.
pub(crate) fn anchored<'a>(window: &Window<'a>) -> Option<Window<'a>> {
    let at_or_before = window.times().partition_point(|time| *time <= window.begin);
    let start = window.range.start + at_or_before.saturating_sub(1);
    (at_or_before < window.range.len()).then(|| Window { range: start..window.range.end, ..window.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Change = Change { counter: true, per_second: false, range_seconds: 60.0 };

    #[track_caller]
    fn check(starts: &[i64], samples: &[(i64, f64)], begin: i64, end: i64, expected: Option<f64>) {
        let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        let samples = Samples { times: &times, values: &values, starts };
        let window = Window { samples, range: 0..times.len(), begin, end };
        let result = extrapolated(&window, RATE, &reset_indices(samples));
        let close = match (result, expected) {
            (Some(result), Some(expected)) => (result - expected).abs() < 1e-9,
            (result, expected) => result == expected,
        };
        assert!(close, "{result:?} is not {expected:?}");
    }

    #[test]
    fn increase_is_extrapolated_to_the_bounds_but_not_below_zero() {
        let minutes = |values: &[f64]| -> Vec<(i64, f64)> {
            values.iter().enumerate().map(|(i, value)| (i as i64 * 300_000, *value)).collect()
        };
        let line = |first: f64| -> Vec<f64> { (0..11).map(|i| first + f64::from(i) * 10.0).collect() };
        check(&[], &minutes(&line(0.0)), -3_000_000, 3_000_000, Some(100.0));
        check(&[], &minutes(&line(10.0)), -3_000_000, 3_000_000, Some(105.0));
        check(&[], &minutes(&line(1.0)), -3_000_000, 3_000_000, Some(101.0));
        check(&[], &minutes(&[0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0]), -1, 1_800_000, Some(7.0));
        // A gauge's window that begins 1.05 (1.2) intervals before its first sample is filled (is not).
        let gauge = |begin| {
            let (times, values) = ([10_000, 20_000, 30_000], [1.0, 2.0, 3.0]);
            let samples = Samples { times: &times, values: &values, starts: &[] };
            let window = Window { samples, range: 0..3, begin, end: 30_000 };
            extrapolated(&window, Change { counter: false, ..RATE }, &[])
        };
        assert_eq!(gauge(-500), Some(2.0 * 30.5 / 20.0));
        assert_eq!(gauge(-2_000), Some(2.0 * 25.0 / 20.0));
        check(&[], &minutes(&[5.0]), -1, 60_000, None);
        check(&[], &[], 0, 60_000, None);
    }

    #[test]
    fn a_known_start_replaces_extrapolation() {
        check(&[5_000], &[(10_000, 3.0)], 0, 10_000, Some(3.0));
        check(&[0], &[(10_000, 3.0)], 0, 10_000, None);
        check(&[5_000, 12_000], &[(10_000, 3.0), (20_000, 4.0)], 0, 20_000, Some(7.0));
    }

    #[test]
    fn starts_tell_resets() {
        let anew = |starts: [i64; 2]| {
            starts_anew(Samples { times: &[10, 20], values: &[1.0, 2.0], starts: &starts }, 1)
        };
        assert!(anew([5, 15]));
        assert!(anew([5, 10]), "a delta");
        assert!(!anew([5, 5]));
        assert!(!anew([0, 10]));
        assert!(!anew([10, 10]));
        assert!(!anew([11, 10]));
        assert!(!anew([5, 20]));
        assert!(!anew([5, 0]));
    }

    #[test]
    fn resets_are_found_wherever_they_are() {
        for length in [0, 1, 2, 63, 64, 65, 130] {
            let mut values: Vec<f64> = (0..length).map(f64::from).collect();
            let times: Vec<i64> = (0..i64::from(length)).collect();
            assert!(!decreases(&values));
            for at in 1..values.len() {
                let value = std::mem::replace(&mut values[at], -1.0);
                let found = reset_indices(Samples { times: &times, values: &values, starts: &[] });
                assert_eq!(found, [at], "of {length}");
                values[at] = value;
            }
        }
    }

    #[test]
    fn nan_does_not_change_into_nan() {
        assert_eq!(change_indices(&[f64::NAN, f64::NAN, 0.0, f64::NAN, 1.0, 1.0]), [2, 3, 4]);
    }
}
