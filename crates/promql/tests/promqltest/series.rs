//! `metric{labels} 1 2+1x3 _ stale {{…}}`: series with points, as loads and expectations write them.

use lingshao_model::{Labels, TimeDelta};
use lingshao_promql::{ast::Expr, parse, parse_selector};
pub(crate) use lingshao_wire::series_notation::Point;
use lingshao_wire::series_notation::{points, split_metric};

/// A script may not ask for more points in one item.
const REPEATS_MAX: usize = 1_000_000;

/// A series with its points.
pub(crate) fn series(line: &str) -> Result<(Labels, Vec<Point>), String> {
    let (metric, rest) = split_metric(line).map_err(|error| error.to_string())?;
    let points = points(rest).map_err(|error| error.to_string())?;
    Ok((labels(metric)?, points))
}

/// `metric@st` or `@st`, with start times as offsets in milliseconds from their samples.
pub(crate) type Starts = (Option<Labels>, Vec<Option<i64>>);

/// A line of start times, if this is one.
pub(crate) fn starts(line: &str) -> Option<Result<Starts, String>> {
    let (head, rest) = line.split_once([' ', '\t'])?;
    let metric = head.strip_suffix("@st")?;
    let read = || {
        let mut offsets: Vec<Option<i64>> = Vec::new();
        for item in rest.split_whitespace() {
            push_start(item, &mut offsets).map_err(|why| format!("`{item}`: {why}"))?;
        }
        Ok((if metric.is_empty() { None } else { Some(labels(metric)?) }, offsets))
    };
    Some(read())
}

/// A bare number.
pub(crate) fn number(line: &str) -> Option<f64> {
    match parse(line) {
        Ok(Expr::Number(literal)) => Some(literal.value),
        _ => None,
    }
}

fn labels(metric: &str) -> Result<Labels, String> {
    let matchers = parse_selector(metric).map_err(|error| error.to_string())?;
    let pairs = matchers.iter().map(|matcher| (matcher.name(), matcher.value()));
    Labels::from_pairs(pairs).map_err(|error| error.to_string())
}

/// `x10`
fn repeats(text: &str) -> Result<usize, String> {
    let count = text.strip_prefix('x').and_then(|count| count.parse().ok());
    count.filter(|count| *count <= REPEATS_MAX).ok_or_else(|| "expected x and a count".to_owned())
}

fn push_start(item: &str, offsets: &mut Vec<Option<i64>>) -> Result<(), String> {
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { repeats(rest)? };
        offsets.extend(std::iter::repeat_n(None, count));
        return Ok(());
    }
    let (mut offset, rest) = match item.strip_prefix('*') {
        Some(rest) => (offsets.iter().rev().find_map(|offset| *offset).unwrap_or(0), rest),
        None => leading_duration(item)?,
    };
    let (step, rest) = match rest {
        "" => (0, "x0"),
        _ if rest.starts_with('x') => (0, rest),
        _ => leading_duration(rest)?,
    };
    for _ in 0..=repeats(rest)? {
        offsets.push(Some(offset));
        offset += step;
    }
    Ok(())
}

/// `-1m30s…` in milliseconds.
fn leading_duration(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(['x', '+', '-']).unwrap_or(unsigned.len());
    let (duration, rest) = unsigned.split_at(end);
    let millis = TimeDelta::parse(duration).map_err(|error| error.to_string())?.0;
    Ok((if text.starts_with('-') { -millis } else { millis }, rest))
}
