//! Spans of time as Elasticsearch writes them: `30s`, `1m`, `500ms`.

use super::EsError;
use super::params::shorten;

/// Reads a span in milliseconds; below one they count as one, `-1` as no limit at all.
pub(crate) fn read(text: &str, name: &str) -> Result<u64, EsError> {
    let wrong = || {
        let text = shorten(text);
        EsError::argument(format!(
            "failed to parse setting [{name}] with value [{text}] as a time value: unit is missing or unrecognized"
        ))
    };
    if text == "-1" {
        return Ok(u64::MAX);
    }
    if text == "0" {
        return Ok(0);
    }
    nanos(text)
        .filter(|nanos| *nanos >= 0)
        .map(|nanos| nanos.unsigned_abs().div_ceil(1_000_000))
        .ok_or_else(wrong)
}

/// Reads a span, in front of which a sign may stand, in nanoseconds.
pub(crate) fn nanos(text: &str) -> Option<i64> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit: f64 = match text[digits..].trim() {
        "nanos" => 1.0,
        "micros" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 6e10,
        "h" => 3.6e12,
        "d" => 8.64e13,
        "w" => 6.048e14,
        _ => return None,
    };
    let nanos = number * unit;
    (nanos < i64::MAX as f64).then_some((sign * nanos) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_units() {
        assert_eq!(read("30s", "x"), Ok(30_000));
        assert_eq!(read("1.5m", "x"), Ok(90_000));
        assert_eq!(read("100micros", "x"), Ok(1));
        assert_eq!(read("1d", "x"), Ok(86_400_000));
        assert_eq!(read("-1", "x"), Ok(u64::MAX));
        for bad in ["", "5", "s", "-5s", "1x", "999999999999d", "1支"] {
            assert!(read(bad, "x").is_err(), "{bad}");
        }
        assert_eq!(nanos("-6h"), Some(-21_600_000_000_000));
    }
}
