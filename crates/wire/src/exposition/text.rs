//! Prometheus text (prometheus `model/textparse/promlex.l`, `promparse.go`).

use std::borrow::Cow;

use lingshao_model::Timestamp;

use super::cursor::{Cursor, Fault, Spacing};
use super::{Entry, Format, Line, MetricType, Sample, labels, number};

/// Reads the next line.
#[inline]
pub(super) fn line<'a>(cursor: &mut Cursor<'a>, kind: MetricType) -> Result<Line<'a>, Fault> {
    cursor.blanks();
    match cursor.peek() {
        None => Ok(Line::End),
        Some(b'\n') => {
            cursor.at += 1;
            Ok(Line::Nothing)
        }
        Some(b'#') => comment(cursor),
        Some(_) => sample(cursor, kind),
    }
}

#[inline]
fn sample<'a>(cursor: &mut Cursor<'a>, kind: MetricType) -> Result<Line<'a>, Fault> {
    let series = cursor.series(Spacing::Free)?;
    let spaced = cursor.blanks();
    if !spaced && !series.ends_with('}') {
        return Err(cursor.fault("expected a space and a value after the metric"));
    }
    let value = number::float(cursor, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'{'))?;
    cursor.blanks();
    let timestamp = timestamp(cursor)?;
    if !cursor.eat(b'\n') && cursor.peek().is_some() {
        return Err(cursor.fault(match timestamp {
            None => "expected a timestamp or the end of the line",
            Some(_) => "expected the end of the line after the timestamp",
        }));
    }
    Ok(Line::Entry(Entry::Sample(Sample {
        series,
        value,
        timestamp,
        exemplar: None,
        kind,
        format: Format::Text,
    })))
}

#[inline]
fn timestamp(cursor: &mut Cursor<'_>) -> Result<Option<Timestamp>, Fault> {
    if !cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let start = cursor.at;
    let digits = cursor.until(|byte| !byte.is_ascii_digit());
    let millis =
        number::integer(digits).ok_or(Fault { at: start, what: "the timestamp does not fit 64 bits" })?;
    cursor.blanks();
    Ok(Some(Timestamp(millis)))
}

/// `# HELP`, `# TYPE`, or a comment that says nothing to us.
#[cold]
fn comment<'a>(cursor: &mut Cursor<'a>) -> Result<Line<'a>, Fault> {
    cursor.at += 1;
    if !cursor.blanks() {
        cursor.line();
        return Ok(Line::Nothing);
    }
    let keyword = cursor.until(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
    if !matches!(keyword, "HELP" | "TYPE") || !cursor.blanks() {
        cursor.line();
        return Ok(Line::Nothing);
    }
    let name = labels::metadata_name(cursor)?;
    if !matches!(cursor.peek(), None | Some(b' ' | b'\t' | b'\n')) {
        return Err(cursor.fault("expected a space after the metric name"));
    }
    cursor.at += usize::from(matches!(cursor.peek(), Some(b' ' | b'\t')));
    let start = cursor.at;
    let (text, _) = cursor.line();
    if keyword == "HELP" {
        return Ok(Line::Entry(Entry::Help { name, text: help(text) }));
    }
    let kind = match text {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        "untyped" => MetricType::Unknown,
        _ => {
            let what = "expected one of the types counter, gauge, histogram, summary, untyped";
            return Err(Fault { at: start, what });
        }
    };
    Ok(Line::Entry(Entry::Type { name, kind }))
}

/// Help of this format escapes backslash and newline, not the quote.
fn help(text: &str) -> Cow<'_, str> {
    labels::unescape(text, false)
}
