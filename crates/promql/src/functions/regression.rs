//! Least squares over the samples of a window.

use super::summation::Sum;

/// Slope per second, and the value at `origin` (milliseconds), of a line through at least one sample.
pub(crate) fn linear(times: &[i64], values: &[f64], origin: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for (time, y) in times.iter().zip(values) {
        let x = time.saturating_sub(origin) as f64 / 1000.0;
        sum_x.add(x);
        sum_y.add(*y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let count = values.len() as f64;
    let (x, y, xy, xx) = (sum_x.raw(), sum_y.raw(), sum_xy.raw(), sum_xx.raw());
    let covariance = xy - x * y / count;
    let variance = xx - x * x / count;
    let slope = covariance / variance;
    (slope, y / count - slope * x / count)
}

/// Double exponential smoothing over at least two samples.
pub(crate) fn double_exponential(values: &[f64], smoothing: f64, trend: f64) -> f64 {
    let (mut previous, mut smoothed) = (0.0, values[0]);
    let mut slope = values[1] - values[0];
    for (index, value) in values[1..].iter().enumerate() {
        if index > 0 {
            slope = trend * (smoothed - previous) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (smoothed + slope);
        (previous, smoothed) = (smoothed, next);
    }
    smoothed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        let times: Vec<i64> = (0..11).map(|i| i * 300_000).collect();
        let values = [0.0, 10.0, 20.0, 30.0, 40.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0];
        let (slope, at_start) = linear(&times, &values, 0);
        assert!((slope - 0.010606060606060607).abs() < 1e-15);
        assert!((at_start - 6.818181818181818).abs() < 1e-12);
        assert_eq!(linear(&times[..2], &[3.0, 3.0], 0), (0.0, 3.0));
        assert!(linear(&times[..2], &[f64::INFINITY, f64::INFINITY], 0).0.is_nan());
    }

    #[test]
    fn smoothing_follows_a_straight_line() {
        let values: Vec<f64> = (0..6).map(|i| f64::from(i) * 10.0 + 7950.0).collect();
        assert!((double_exponential(&values, 0.01, 0.1) - 8000.0).abs() < 1e-9);
    }
}
