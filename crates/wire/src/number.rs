//! Floats as Prometheus reads and writes them: in Go's `strconv` forms, written with the fewest digits that read
//! back the same.

/// Reads a float as `strconv.ParseFloat` does, without hexadecimal and underscores: an overflow and a signed NaN
/// are no numbers.
#[inline]
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if !bytes.is_empty() && bytes.len() <= 15 && bytes.iter().all(u8::is_ascii_digit) {
        // Most values: an integer that a float holds exactly.
        let number = bytes.iter().fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        return Some(number as f64);
    }
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return bytes[0].is_ascii_alphabetic().then_some(value);
    }
    let overflowed = value.is_infinite() && bytes.iter().any(u8::is_ascii_digit);
    (!overflowed).then_some(value)
}

/// Appends a float as the Prometheus API writes it into JSON (`util/jsonutil/marshal.go`): plain digits between
/// 1e-6 and 1e21, else `1e+21`; `NaN`, `+Inf`, `-Inf`.
#[inline]
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if value.abs() < EXACT && value == value.trunc() && (value != 0.0 || value.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    let magnitude = value.abs();
    let scientific = magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude);
    push_shortest(out, value, |_| scientific);
}

/// Appends a float in plain digits whatever its size: how the API writes the number of a scalar, and only there
/// (`promql.Scalar.MarshalJSON`).
pub(crate) fn push_plain_float(out: &mut Vec<u8>, value: f64) {
    push_shortest(out, value, |_| false);
}

/// Appends a float with an exponent whatever its size (`strconv.FormatFloat(value, 'e', -1, 64)`).
pub(crate) fn push_scientific_float(out: &mut Vec<u8>, value: f64) {
    push_shortest(out, value, |_| true);
}

/// A float as OpenMetrics wants `le` and `quantile`: always with a point or an exponent (prometheus
/// `model/textparse`, Go's format `g`).
pub(crate) fn open_metrics_float(value: f64) -> String {
    let mut out = Vec::new();
    push_shortest(&mut out, value, |exponent| !(-4..6).contains(&exponent));
    if value.is_finite() && !out.iter().any(|byte| matches!(byte, b'.' | b'e')) {
        out.extend_from_slice(b".0");
    }
    String::from_utf8(out).expect("numbers are ASCII")
}

/// `scientific` chooses the form by the exponent of the first digit.
fn push_shortest(out: &mut Vec<u8>, value: f64, scientific: impl Fn(i32) -> bool) {
    if !value.is_finite() {
        out.extend_from_slice(match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        });
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = zmij::Buffer::new();
    let (digits, exponent) = shortest(buffer.format_finite(value.abs()));
    let digits = digits.as_slice();
    if scientific(exponent) {
        push_scientific(out, digits, exponent);
    } else {
        push_plain(out, digits, exponent);
    }
}

/// Significant digits of a float, at most 17.
struct Digits {
    bytes: [u8; 24],
    length: usize,
}

impl Digits {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The significant digits in a printed number, and the decimal exponent of the first.
fn shortest(text: &str) -> (Digits, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let written: i32 = exponent.parse().expect("a printed exponent is a number");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    let leading = all().take_while(|digit| *digit == b'0').count();
    let mut digits = Digits { bytes: [0; 24], length: 0 };
    for digit in all().skip(leading) {
        digits.bytes[digits.length] = digit;
        digits.length += 1;
    }
    while digits.length > 1 && digits.bytes[digits.length - 1] == b'0' {
        digits.length -= 1;
    }
    if digits.length == 0 {
        digits.bytes[0] = b'0';
        digits.length = 1;
        return (digits, 0);
    }
    (digits, written + whole.len() as i32 - 1 - leading as i32)
}

fn push_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'e');
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let exponent = exponent.unsigned_abs();
    if exponent < 10 {
        out.push(b'0'); // Go writes two digits at least.
    }
    out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
}

fn push_plain(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(digits);
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_prometheus_writes_them() {
        let check = |value, expected: &str| assert_eq!(json(value), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-42.0, "-42");
        check(0.1, "0.1");
        check(-2.5, "-2.5");
        check(123456.789, "123456.789");
        check(9_007_199_254_740_993.0, "9007199254740992");
        check(1e15, "1000000000000000");
        check(123456789012345680000.0, "123456789012345680000");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(1.5e300, "1.5e+300");
        check(0.000001, "0.000001");
        check(0.0000012, "0.0000012");
        check(1e-7, "1e-07");
        check(-1.25e-10, "-1.25e-10");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(f64::NAN, "NaN");
        check(-f64::NAN, "NaN");
        check(f64::from_bits(0x7ff0_0000_0000_0002), "NaN");
    }

    #[test]
    fn values_of_alerts_have_an_exponent() {
        let check = |value, expected: &str| assert_eq!(crate::prometheus_api::scientific(value), expected);
        check(0.0, "0e+00");
        check(1.0, "1e+00");
        check(15.5, "1.55e+01");
        check(-0.001, "-1e-03");
        check(1e100, "1e+100");
        check(f64::INFINITY, "+Inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn bounds_are_written_as_open_metrics_wants_them() {
        let check = |value, expected: &str| assert_eq!(open_metrics_float(value), expected);
        check(0.0, "0.0");
        check(1.0, "1.0");
        check(-1.0, "-1.0");
        check(0.005, "0.005");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(10.0, "10.0");
        check(100000.0, "100000.0");
        check(1e6, "1e+06");
        check(2.5e6, "2.5e+06");
        check(1e22, "1e+22");
        check(f64::INFINITY, "+Inf");
        check(f64::NAN, "NaN");
    }

    proptest! {
        #[test]
        fn every_float_reads_back_the_same(bits: u64) {
            let value = f64::from_bits(bits);
            let read: f64 = json(value).parse().unwrap();
            prop_assert!(read.to_bits() == bits || value.is_nan());
        }
    }
}
