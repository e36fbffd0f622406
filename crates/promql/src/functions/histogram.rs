//! Quantiles and fractions of classic histograms: buckets with cumulative counts.

use crate::annotations::MonotonicityFix;

/// One bucket: how many observations are at most `bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// Upper bound, inclusive.
    pub(crate) bound: f64,
    /// Cumulative.
    pub(crate) count: f64,
}

/// Differences between neighbouring counts below this share of them are rounding errors.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// The quantile, and what had to be fixed before it could be computed. Sorts and repairs the buckets, of which
/// there is at least one.
pub(crate) fn bucket_quantile(quantile: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<MonotonicityFix>) {
    if quantile.is_nan() {
        return (f64::NAN, None);
    }
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, None);
    }
    sort_and_merge(buckets);
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return (f64::NAN, None);
    }
    let fix = make_monotonic(buckets);
    (monotonic_quantile(quantile, buckets), fix)
}

fn monotonic_quantile(quantile: f64, buckets: &[Bucket]) -> f64 {
    let [finite @ .., last] = buckets else { return f64::NAN };
    if finite.is_empty() || last.count == 0.0 {
        return f64::NAN;
    }
    let rank = quantile * last.count;
    // Not `count < rank`: counts that are NaN are passed over, as in Prometheus' search.
    let at = first_that(finite, |bucket| bucket.count >= rank);
    let Some(bucket) = finite.get(at) else { return finite[finite.len() - 1].bound };
    if at == 0 {
        if bucket.bound <= 0.0 {
            return bucket.bound;
        }
        return bucket.bound * (rank / bucket.count);
    }
    let below = finite[at - 1];
    let (rank, count) = (rank - below.count, bucket.count - below.count);
    below.bound + (bucket.bound - below.bound) * (rank / count)
}

/// Binary search like Go's, which also gives an answer where the predicate is not monotonic.
fn first_that(buckets: &[Bucket], holds: impl Fn(&Bucket) -> bool) -> usize {
    let (mut low, mut high) = (0, buckets.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(&buckets[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The share of observations between two bounds. Sorts and merges the buckets, of which there is at least one.
pub(crate) fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    sort_and_merge(buckets);
    let Some(last) = buckets.last().filter(|last| last.bound == f64::INFINITY) else { return f64::NAN };
    let total = last.count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |bound| rank_of(bound, buckets).filter(|rank| *rank <= total).unwrap_or(total);
    (rank(upper) - rank(lower)) / total
}

/// How many observations lie below `bound`, interpolated inside of its bucket; `None` above all of them.
fn rank_of(bound: f64, buckets: &[Bucket]) -> Option<f64> {
    // Without negative bounds, observations are taken to be positive.
    let mut low = if buckets[0].bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    for bucket in buckets {
        if low >= bound {
            return Some(rank);
        }
        if bucket.bound > bound {
            // A bucket without a lower bound cannot be divided: it counts whole.
            let inside = (bucket.count - rank) * (bound - low) / (bucket.bound - low);
            return Some(if low == f64::NEG_INFINITY { bucket.count } else { rank + inside });
        }
        rank = bucket.count;
        low = bucket.bound;
    }
    None
}

/// Ascending bounds; counts of equal bounds (`0.2` and `2e-1`) are added.
fn sort_and_merge(buckets: &mut Vec<Bucket>) {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Removes decreases of the counts: small ones silently, others are reported.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<MonotonicityFix> {
    let mut fix: Option<MonotonicityFix> = None;
    let mut previous = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == previous {
            continue;
        }
        if almost_equal(previous, count, SMALL_DIFFERENCE) {
            bucket.count = previous;
        } else if count < previous {
            bucket.count = previous;
            let fix = fix.get_or_insert(MonotonicityFix {
                bucket_min: f64::INFINITY,
                bucket_max: f64::NEG_INFINITY,
                difference_max: 0.0,
            });
            fix.bucket_min = fix.bucket_min.min(bucket.bound);
            fix.bucket_max = fix.bucket_max.max(bucket.bound);
            fix.difference_max = fix.difference_max.max(previous - count);
        } else {
            previous = count;
        }
    }
    fix
}

fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(bound, count)| Bucket { bound: *bound, count: *count }).collect()
    }

    #[track_caller]
    fn check(pairs: &[(f64, f64)], quantile: f64, expected: f64) {
        let (value, _) = bucket_quantile(quantile, &mut buckets(pairs));
        assert!((value - expected).abs() < 1e-12 || value == expected, "{value} is not {expected}");
    }

    #[test]
    fn quantiles_interpolate_in_their_bucket() {
        let positive = [(0.1, 50.0), (0.2, 70.0), (1.0, 110.0), (INF, 120.0)];
        check(&positive, 0.0, 0.0);
        check(&positive, 0.2, 0.048);
        check(&positive, 0.5, 0.15);
        check(&positive, 0.8, 0.72);
        check(&positive, 1.0, 1.0);
        check(&positive, -0.1, f64::NEG_INFINITY);
        check(&positive, 1.01, INF);
        let negative = [(INF, 30.0), (-0.2, 10.0), (-0.1, 20.0), (0.3, 20.0)];
        check(&negative, 0.2, -0.2);
        check(&negative, 0.5, -0.15);
        check(&negative, 0.8, 0.3);
    }

    #[test]
    fn no_quantile_without_observations_or_last_bucket() {
        assert!(bucket_quantile(0.5, &mut buckets(&[(INF, 5.0)])).0.is_nan());
        assert!(bucket_quantile(0.5, &mut buckets(&[(1.0, 0.0), (INF, 0.0)])).0.is_nan());
        assert!(bucket_quantile(0.5, &mut buckets(&[(1.0, 5.0), (2.0, 6.0)])).0.is_nan());
    }

    #[test]
    fn decreasing_counts_are_fixed_and_reported() {
        let counts = [(0.1, 20.0), (1.0, 10.0), (10.0, 50.0), (100.0, 40.0), (1000.0, 90.0), (INF, 80.0)];
        let (value, fix) = bucket_quantile(0.5, &mut buckets(&counts));
        assert_eq!(value, 8.5);
        assert_eq!(fix, Some(MonotonicityFix { bucket_min: 1.0, bucket_max: INF, difference_max: 10.0 }));
        let rounding = [(0.1, 20.0), (1.0, 20.0 - 1e-12), (INF, 40.0)];
        assert_eq!(bucket_quantile(0.5, &mut buckets(&rounding)).1, None);
    }

    #[test]
    fn fractions() {
        let fraction = |lower, upper, pairs| bucket_fraction(lower, upper, &mut buckets(pairs));
        let positive: &[(f64, f64)] = &[(1.0, 1.0), (2.0, 3.0), (3.0, 6.0), (INF, 100.0)];
        assert_eq!(fraction(0.0, 1.5, positive), 0.02);
        assert_eq!(fraction(4.0, 5.0, positive), 0.0);
        assert_eq!(fraction(400.0, INF, positive), 0.94);
        assert_eq!(fraction(f64::NEG_INFINITY, INF, positive), 1.0);
        assert_eq!(fraction(3.0, 2.0, positive), 0.0);
        let negative: &[(f64, f64)] = &[(-3.0, 10.0), (-2.0, 12.0), (-1.0, 15.0), (INF, 100.0)];
        assert_eq!(fraction(-4.0, -2.0, negative), 0.02);
        assert_eq!(fraction(f64::NEG_INFINITY, -1.5, negative), 0.135);
        assert!(fraction(f64::NAN, 1.0, positive).is_nan());
    }
}
