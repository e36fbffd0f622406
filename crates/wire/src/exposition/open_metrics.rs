//! OpenMetrics text (prometheus `model/textparse/openmetricslex.l`, `openmetricsparse.go`): one blank where one must
//! stand, none elsewhere, no blank lines, `# EOF` at the end.

use lingshao_model::Timestamp;

use super::cursor::{Cursor, Fault, Spacing};
use super::{Entry, Exemplar, Format, Line, MetricType, Sample, labels, number};

const NO_EOF: &str = "the page does not end with `# EOF`; was it cut off?";

/// Reads the next line.
#[inline]
pub(super) fn line<'a>(cursor: &mut Cursor<'a>, kind: MetricType) -> Result<Line<'a>, Fault> {
    match cursor.peek() {
        None => Err(cursor.fault(NO_EOF)),
        Some(b'#') => metadata(cursor),
        Some(_) => sample(cursor, kind),
    }
}

#[inline]
fn sample<'a>(cursor: &mut Cursor<'a>, kind: MetricType) -> Result<Line<'a>, Fault> {
    let series = cursor.series(Spacing::Strict)?;
    let value = value(cursor, "expected one blank and a value after the metric")?;
    let mut sample =
        Sample { series, value, timestamp: None, exemplar: None, kind, format: Format::OpenMetrics };
    if cursor.peek() == Some(b' ') && !cursor.rest().starts_with(b" # {") {
        cursor.at += 1;
        sample.timestamp = Some(timestamp(cursor)?);
    }
    if cursor.eat_text(" # {") {
        sample.exemplar = Some(exemplar(cursor)?);
    }
    match cursor.peek() {
        Some(b'\n') => cursor.at += 1,
        None => return Err(cursor.fault(NO_EOF)),
        Some(_) => return Err(cursor.fault("expected a timestamp, an exemplar or the end of the line")),
    }
    Ok(Line::Entry(Entry::Sample(sample)))
}

#[inline]
fn value(cursor: &mut Cursor<'_>, missing: &'static str) -> Result<f64, Fault> {
    if !cursor.eat(b' ') {
        return Err(cursor.fault(missing));
    }
    number::float(cursor, |byte| matches!(byte, b' ' | b'\n'))
}

/// Seconds, cut to milliseconds.
fn timestamp(cursor: &mut Cursor<'_>) -> Result<Timestamp, Fault> {
    let start = cursor.at;
    let seconds = number::float(cursor, |byte| matches!(byte, b' ' | b'\n'))?;
    let millis = (seconds * 1000.0).trunc();
    Timestamp::from_seconds(millis / 1000.0)
        .ok_or(Fault { at: start, what: "the timestamp is not a number of seconds that fits" })
}

/// What follows ` # {`.
fn exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<Exemplar<'a>, Fault> {
    let start = cursor.at - 1;
    let mut names = 0;
    cursor
        .pairs(Spacing::Strict, |pair| names += usize::from(matches!(pair, super::cursor::Pair::Name(_))))?;
    if names > 0 {
        return Err(Fault { at: start, what: "an exemplar has labels only, no name" });
    }
    let text = &cursor.text[start..cursor.at];
    let value = value(cursor, "expected one blank and a value after the exemplar's labels")?;
    let timestamp = if cursor.eat(b' ') { Some(timestamp(cursor)?) } else { None };
    Ok(Exemplar { text, value, timestamp })
}

/// `# HELP`, `# TYPE`, `# UNIT` or `# EOF`; there are no other comments.
#[cold]
fn metadata<'a>(cursor: &mut Cursor<'a>) -> Result<Line<'a>, Fault> {
    if matches!(cursor.rest(), b"# EOF" | b"# EOF\n") {
        cursor.at = cursor.text.len();
        return Ok(Line::End);
    }
    if cursor.rest().starts_with(b"# EOF\n") {
        cursor.at += "# EOF\n".len();
        return Err(cursor.fault("nothing may follow `# EOF`"));
    }
    let keyword = ["# HELP ", "# TYPE ", "# UNIT "].into_iter().find(|keyword| cursor.eat_text(keyword));
    let Some(keyword) = keyword else {
        return Err(cursor.fault("expected `# HELP`, `# TYPE`, `# UNIT` or `# EOF`"));
    };
    let name = labels::metadata_name(cursor)?;
    if !cursor.eat(b' ') {
        return Err(cursor.fault("expected one blank after the metric name"));
    }
    let start = cursor.at;
    let (text, whole) = cursor.line();
    if !whole {
        return Err(cursor.fault(NO_EOF));
    }
    let entry = match keyword {
        "# HELP " => Entry::Help { name, text: labels::unescape(text, true) },
        "# TYPE " => Entry::Type { name, kind: kind(text, start)? },
        _ if text.is_empty() || name.strip_suffix(text).is_some_and(|rest| rest.ends_with('_')) => {
            Entry::Unit { name, unit: text }
        }
        _ => return Err(Fault { at: start, what: "the unit is not the last part of the metric's name" }),
    };
    Ok(Line::Entry(entry))
}

fn kind(text: &str, at: usize) -> Result<MetricType, Fault> {
    Ok(match text {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "gaugehistogram" => MetricType::GaugeHistogram,
        "summary" => MetricType::Summary,
        "info" => MetricType::Info,
        "stateset" => MetricType::StateSet,
        "unknown" => MetricType::Unknown,
        _ => {
            let what = "expected one of the types counter, gauge, histogram, gaugehistogram, summary, info, \
                        stateset, unknown";
            return Err(Fault { at, what });
        }
    })
}
