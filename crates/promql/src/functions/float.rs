//! Functions of one number to one number, and binary operators on numbers, with Go's special cases.

use crate::ast::BinaryOp;
use crate::catalog::FunctionId;

/// Go's `math.Max`: NaN if either is, but an infinity wins over NaN.
pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Go's `math.Min`, likewise.
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// `clamp`, for bounds in order.
pub(crate) fn clamp(value: f64, low: f64, high: f64) -> f64 {
    go_max(low, go_min(high, value))
}

/// `round`: halves go up; the inverse is used because it loses less.
pub(crate) fn round(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// The functions that map every value of a vector alone; `None` for all others.
pub(crate) fn unary(function: FunctionId) -> Option<fn(f64) -> f64> {
    Some(match function {
        FunctionId::Abs => f64::abs,
        FunctionId::Ceil => f64::ceil,
        FunctionId::Floor => f64::floor,
        FunctionId::Exp => f64::exp,
        FunctionId::Sqrt => f64::sqrt,
        FunctionId::Ln => f64::ln,
        FunctionId::Log2 => f64::log2,
        FunctionId::Log10 => f64::log10,
        FunctionId::Sin => f64::sin,
        FunctionId::Cos => f64::cos,
        FunctionId::Tan => f64::tan,
        FunctionId::Asin => f64::asin,
        FunctionId::Acos => f64::acos,
        FunctionId::Atan => f64::atan,
        FunctionId::Sinh => f64::sinh,
        FunctionId::Cosh => f64::cosh,
        FunctionId::Tanh => f64::tanh,
        FunctionId::Asinh => f64::asinh,
        FunctionId::Acosh => f64::acosh,
        FunctionId::Atanh => f64::atanh,
        FunctionId::Rad => |value| value * std::f64::consts::PI / 180.0,
        FunctionId::Deg => |value| value * 180.0 / std::f64::consts::PI,
        FunctionId::Sgn => sign,
        _ => return None,
    })
}

/// Minus one, one, or the value itself where it is neither (zeros and NaN).
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// An arithmetic operator; comparisons and set operators answer NaN and are never passed.
#[inline]
pub(crate) fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// A comparison; other operators never hold.
#[inline]
pub(crate) fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterOrEqual => left >= right,
        BinaryOp::LessOrEqual => left <= right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_halves_goes_up() {
        assert_eq!(round(-0.5, 1.0), 0.0);
        assert_eq!(round(1.5, 1.0), 2.0);
        assert_eq!(round(-1.5, 1.0), -1.0);
        assert_eq!(round(7.5, 5.0), 10.0);
        assert!((round(5.25, 0.1) - 5.3).abs() < 1e-12);
    }

    #[test]
    fn clamping_keeps_nan() {
        assert!(clamp(1.0, 0.0, f64::NAN).is_nan());
        assert!(clamp(f64::NAN, 0.0, 1.0).is_nan());
        assert_eq!(clamp(5.0, f64::NEG_INFINITY, 2.0), 2.0);
        assert_eq!(go_max(f64::NAN, f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn signs() {
        assert_eq!(sign(-3.0), -1.0);
        assert_eq!(sign(0.0), 0.0);
        assert!(sign(f64::NAN).is_nan());
    }
}
