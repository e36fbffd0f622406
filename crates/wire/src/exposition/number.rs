//! Numbers as Go's `strconv` reads and writes them, as far as pages need it.

use super::cursor::{Cursor, Fault};
use crate::number;

/// Prometheus' one ordinary NaN (`model/value/value.go`).
const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// A number that ends before a byte that `ends` it.
#[inline]
pub(super) fn float(cursor: &mut Cursor<'_>, ends: impl Fn(u8) -> bool) -> Result<f64, Fault> {
    let start = cursor.at;
    parse(cursor.until(ends)).ok_or(Fault { at: start, what: "expected a number" })
}

/// As Prometheus takes it: no hexadecimal, no overflow, no signed NaN, and only the one ordinary NaN.
#[inline]
fn parse(text: &str) -> Option<f64> {
    let value = number::parse_float(text)?;
    Some(if value.is_nan() { f64::from_bits(NORMAL_NAN_BITS) } else { value })
}

/// A decimal integer of 64 bits.
pub(super) fn integer(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        assert_eq!(parse(text).map(f64::to_bits), expected.map(f64::to_bits), "{text}");
    }

    #[test]
    fn numbers_are_those_of_go() {
        check("0", Some(0.0));
        check("-0", Some(-0.0));
        check("42", Some(42.0));
        check("9007199254740993", Some(9_007_199_254_740_992.0));
        check("1.5e-3", Some(0.0015));
        check("1.", Some(1.0));
        check(".5", Some(0.5));
        check("+1", Some(1.0));
        check("1E3", Some(1000.0));
        check("5e-324", Some(5e-324));
        check("1e-999", Some(0.0));
        for text in ["+Inf", "inf", "Infinity", "+INFINITY"] {
            check(text, Some(f64::INFINITY));
        }
        check("-inf", Some(f64::NEG_INFINITY));
        check("NaN", Some(f64::from_bits(NORMAL_NAN_BITS)));
        check("nan", Some(f64::from_bits(NORMAL_NAN_BITS)));
        for text in
            ["", "-", ".", "e5", "1e", "1_000", "0x1p3", "0x10", "1e999", "-nan", "+NaN", "1,5", "½", "1f"]
        {
            check(text, None);
        }
    }
}
