//! Numbers and texts as Go writes them, for labels and messages.

/// `%g`: shortest digits, an exponent from 1e+06 on and below 1e-04.
pub(crate) fn general(value: f64) -> String {
    go_general(value, &format!("{value:e}"), 6)
}

/// `%.Ng`.
pub(crate) fn general_rounded(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    go_general(value, &format!("{mantissa}e{exponent}"), digits as i32)
}

/// From `1.5e7` to Go's choice between `1.5e+07` and `15000000`: an exponent of `precision` or more is written.
fn go_general(value: f64, scientific: &str, precision: i32) -> String {
    if let Some(text) = not_finite(value) {
        return text.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    plain_decimal(mantissa, exponent)
}

/// `d.ddd × 10^exponent` without an exponent.
fn plain_decimal(mantissa: &str, exponent: i32) -> String {
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let point = exponent + 1;
    if point <= 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    }
    let point = point as usize;
    if digits.len() <= point {
        return format!("{sign}{digits}{}", "0".repeat(point - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..point], &digits[point..])
}

/// `FormatFloat(value, 'f', -1, 64)`: shortest digits, never an exponent.
pub(crate) fn decimal(value: f64) -> String {
    not_finite(value).map_or_else(|| format!("{value}"), str::to_owned)
}

/// As OpenMetrics writes a `quantile` or `le` label: never without a point or an exponent.
pub(crate) fn open_metrics(value: f64) -> String {
    let text = general(value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// A label value as a bucket's upper bound: Go's `ParseFloat`, which takes more than Rust's `parse`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || unsigned.starts_with(['+', '-']) {
        return None;
    }
    let lower = unsigned.to_ascii_lowercase();
    let magnitude = match lower.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        _ if lower.starts_with("0x") => parse_hex_float(&lower[2..])?,
        _ if unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) => {
            unsigned.parse().ok()?
        }
        _ => return None,
    };
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// `h.hhhp±d`; the exponent is required, as in Go.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2f64.powi(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let written = |value| (general(value), decimal(value), open_metrics(value));
        let texts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(written(0.25), texts("0.25", "0.25", "0.25"));
        assert_eq!(written(1.0), texts("1", "1", "1.0"));
        assert_eq!(written(-2.0), texts("-2", "-2", "-2.0"));
        assert_eq!(written(1e6), texts("1e+06", "1000000", "1e+06"));
        assert_eq!(written(123_456.5), texts("123456.5", "123456.5", "123456.5"));
        assert_eq!(written(1e-5), texts("1e-05", "0.00001", "1e-05"));
        assert_eq!(written(0.0001), texts("0.0001", "0.0001", "0.0001"));
        assert_eq!(written(1.5e100).0, "1.5e+100");
        assert_eq!(written(f64::NAN), texts("NaN", "NaN", "NaN"));
        assert_eq!(written(f64::NEG_INFINITY), texts("-Inf", "-Inf", "-Inf"));
        assert_eq!(general_rounded(5.5, 2), "5.5");
        assert_eq!(general_rounded(10.0, 2), "10");
        assert_eq!(general_rounded(123.0, 2), "1.2e+02");
        assert_eq!(general_rounded(0.0123, 2), "0.012");
    }

    #[test]
    fn bucket_bounds_are_read_as_go_reads_them() {
        for (text, value) in [
            (".2", 0.2),
            ("1e0", 1.0),
            ("+Inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("2.0e-1", 0.2),
            ("0x1p-2", 0.25),
            ("-.25", -0.25),
            ("5.", 5.0),
        ] {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
        for text in ["", "+", "Hello World", "1s", "infinit", "--1", "e5", " 1"] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }
}
