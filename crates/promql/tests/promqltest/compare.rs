//! Whether a result is the expected one.

use lingshao_model::{Labels, is_stale};
use lingshao_promql::{MatrixSeries, QueryValue, VectorSample};

use crate::script::Expected;
use crate::series::Point;

const EPSILON: f64 = 1e-6;

/// Equal within a relative error; near zero in effect exactly; NaN equals NaN, a staleness marker only itself.
pub(crate) fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// `Err` tells the first difference.
pub(crate) fn compare(expected: &Expected, ordered: bool, value: &QueryValue) -> Result<(), String> {
    match (expected, value) {
        (Expected::Scalar(wanted), QueryValue::Scalar { v, .. }) => match almost_equal(*wanted, *v) {
            true => Ok(()),
            false => Err(format!("expected {wanted}, got {v}")),
        },
        (Expected::String(wanted), QueryValue::String { s, .. }) => match wanted == s {
            true => Ok(()),
            false => Err(format!("expected {wanted:?}, got {s:?}")),
        },
        (Expected::Series { series, .. }, QueryValue::Vector(found)) => vector(series, ordered, found),
        (Expected::Series { series, steps }, QueryValue::Matrix(found)) => {
            if ordered {
                return Err("expected an order, got a matrix".to_owned());
            }
            matrix(series, *steps, found)
        }
        (_, found) => Err(format!("expected a value of another type, got {found:?}")),
    }
}

fn vector(expected: &[(Labels, Vec<Point>)], ordered: bool, found: &[VectorSample]) -> Result<(), String> {
    for (position, sample) in found.iter().enumerate() {
        let Some(at) = expected.iter().position(|(labels, _)| *labels == sample.labels) else {
            return Err(format!("unexpected {} {}", sample.labels, sample.v));
        };
        if ordered && at != position {
            return Err(format!("expected {} at position {}, is at {}", sample.labels, at + 1, position + 1));
        }
        match expected[at].1.first() {
            Some(Point::Value(wanted)) if almost_equal(*wanted, sample.v) => {}
            wanted => return Err(format!("expected {} {wanted:?}, got {}", sample.labels, sample.v)),
        }
    }
    match expected.iter().find(|(labels, _)| !found.iter().any(|sample| sample.labels == *labels)) {
        Some((labels, points)) => Err(format!("missing {labels} {points:?}")),
        None => Ok(()),
    }
}

fn matrix(
    expected: &[(Labels, Vec<Point>)],
    (start, end, step): (i64, i64, i64),
    found: &[MatrixSeries],
) -> Result<(), String> {
    sorted(found)?;
    for series in found {
        let Some((_, points)) = expected.iter().find(|(labels, _)| *labels == series.labels) else {
            return Err(format!("unexpected {} {:?}", series.labels, series.points));
        };
        let mut wanted = Vec::new();
        for (index, point) in points.iter().enumerate() {
            let t = start + step * index as i64;
            if t > end {
                return Err(format!("{}: more points expected than the range has", series.labels));
            }
            match point {
                Point::Missing => {}
                Point::Value(value) => wanted.push((t, *value)),
                Point::Histogram => return Err(format!("{}: expected a histogram", series.labels)),
            }
        }
        let same = |(a, b): (&(i64, f64), &(i64, f64))| a.0 == b.0 && almost_equal(a.1, b.1);
        if wanted.len() != series.points.len() || !wanted.iter().zip(&series.points).all(same) {
            return Err(format!("expected {} {wanted:?}, got {:?}", series.labels, series.points));
        }
    }
    match expected.iter().find(|(labels, _)| !found.iter().any(|series| series.labels == *labels)) {
        Some((labels, _)) => Err(format!("missing {labels}")),
        None => Ok(()),
    }
}

/// Matrices are sorted by labels.
pub(crate) fn sorted(found: &[MatrixSeries]) -> Result<(), String> {
    match found.windows(2).find(|pair| pair[0].labels > pair[1].labels) {
        Some(pair) => Err(format!("{} stands before {}", pair[0].labels, pair[1].labels)),
        None => Ok(()),
    }
}
