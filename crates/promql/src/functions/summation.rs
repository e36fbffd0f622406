//! Sums and means that keep small terms beside large ones (Neumaier's variant of Kahan's summation), with the
//! special cases that Prometheus makes for infinities and overflow.

/// A compensated sum.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    /// What was lost to rounding so far.
    lost: f64,
}

impl Sum {
    /// The sum of nothing.
    pub(crate) const EMPTY: Sum = Sum { sum: 0.0, lost: 0.0 };

    /// The sum of one value.
    pub(crate) fn of(value: f64) -> Sum {
        Sum { sum: value, lost: 0.0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        // Prometheus: an infinite total has no rounding error, and computing one would give NaN.
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    /// Sum and compensation, an infinite sum like any other.
    #[inline]
    pub(crate) fn raw(self) -> f64 {
        self.sum + self.lost
    }

    #[inline]
    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// A mean: sum over count as long as the sum fits, then incrementally.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// The mean of one value.
    pub(crate) fn of(value: f64) -> Mean {
        Mean { sum: Sum::of(value), count: 1.0, incremental: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.lost /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.sum.sum *= share;
        self.sum.lost *= share;
        self.sum.add(value / self.count);
    }

    #[inline]
    pub(crate) fn mean(self) -> f64 {
        if self.incremental {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

/// Sum of a slice; zero of none.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    values.iter().for_each(|value| sum.add(*value));
    sum.total()
}

/// Mean of a slice that is not empty.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::of(values[0]);
    values[1..].iter().for_each(|value| mean.add(*value));
    mean.mean()
}

/// Population variance of a slice that is not empty (Welford's recurrence, compensated).
pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    let mut count = 0.0;
    for value in values {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean.add(delta / count);
        squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_large_ones() {
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(mean(&[1.0, 1e100, 1.0, -1e100]), 0.5);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn infinities_are_as_in_prometheus() {
        let inf = f64::INFINITY;
        assert_eq!(sum(&[inf, 2.0]), inf);
        assert_eq!(sum(&[2.0, -inf, 1.0]), -inf);
        assert!(sum(&[inf, -inf]).is_nan());
        assert_eq!(mean(&[inf, 0.0, inf]), inf);
        assert!(mean(&[inf, inf, -inf]).is_nan());
        assert!(sum(&[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn a_mean_does_not_overflow_with_its_sum() {
        let big = 9.988_465_674_311_58e307;
        assert_eq!(mean(&[big, big]), big);
        assert_eq!(mean(&[-big, -big, -big]), -big);
        assert_eq!(sum(&[big, big]), f64::INFINITY);
    }

    #[test]
    fn variance_of_equal_values_is_exactly_zero() {
        assert_eq!(variance(&[0.1 + 0.2; 3]), 0.0);
        assert!((variance(&[0.0, 8.0, 8.0, 2.0, 3.0]) - 10.56).abs() < 1e-12);
    }
}
