//! `metric{labels} 1 2+1x3 _ stale {{…}}`: series with points, as loads and expectations write them.

use lingshao_model::{Labels, TimeDelta, stale_nan};
use lingshao_promql::{ast::Expr, parse, parse_selector};

/// What stands at one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Point {
    /// `_`
    Missing,
    /// A number or `stale`.
    Float(f64),
    /// `{{…}}`, not read further yet: the engine keeps no histograms.
    Histogram,
}

/// A script may not ask for more points in one item.
const REPEATS_MAX: usize = 1_000_000;

/// A series with its points.
pub(crate) fn series(line: &str) -> Result<(Labels, Vec<Point>), String> {
    let (metric, rest) = split_metric(line)?;
    let mut points = Vec::new();
    for item in items(rest) {
        push_item(&item, &mut points).map_err(|why| format!("`{item}`: {why}"))?;
    }
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

/// The metric with its braces, and what follows.
fn split_metric(line: &str) -> Result<(&str, &str), String> {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    if !line[name_end..].starts_with('{') {
        return Ok(line.split_at(name_end));
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line[name_end..].char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) if c == '\\' && open != '`' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' => return Ok(line.split_at(name_end + at + 1)),
            None => {}
        }
    }
    Err("labels without a closing brace".to_owned())
}

/// Items divided by blanks; a histogram may have blanks inside.
fn items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut open = 0_usize;
    for word in text.split_whitespace() {
        match items.last_mut().filter(|_| open > 0) {
            Some(last) => *last = format!("{last} {word}"),
            None => items.push(word.to_owned()),
        }
        open = (open + word.matches("{{").count()).saturating_sub(word.matches("}}").count());
    }
    items
}

fn push_item(item: &str, points: &mut Vec<Point>) -> Result<(), String> {
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { repeats(rest)? };
        points.extend(std::iter::repeat_n(Point::Missing, count));
        return Ok(());
    }
    if item.starts_with("{{") {
        let count = match item.rsplit_once("}}") {
            Some((_, "")) => 1,
            Some((_, rest)) => repeats(rest)? + 1,
            None => return Err("a histogram without its end".to_owned()),
        };
        points.extend(std::iter::repeat_n(Point::Histogram, count));
        return Ok(());
    }
    let (mut value, rest) = leading_number(item)?;
    let (step, rest) = match rest {
        "" => return push(points, Point::Float(value)),
        _ if rest.starts_with(['+', '-']) => leading_number(rest)?,
        _ => (f64::NAN, rest),
    };
    for _ in 0..=repeats(rest)? {
        points.push(Point::Float(value));
        // Repeating the same value must keep a marker's bits.
        value = if step.is_nan() { value } else { value + step };
    }
    Ok(())
}

fn push(points: &mut Vec<Point>, point: Point) -> Result<(), String> {
    points.push(point);
    Ok(())
}

/// `x10`
fn repeats(text: &str) -> Result<usize, String> {
    let count = text.strip_prefix('x').and_then(|count| count.parse().ok());
    count.filter(|count| *count <= REPEATS_MAX).ok_or_else(|| "expected x and a count".to_owned())
}

fn leading_number(text: &str) -> Result<(f64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign_bytes = text.len() - unsigned.len();
    let mut end = unsigned.len();
    let mut previous = ' ';
    for (at, c) in unsigned.char_indices() {
        let in_word = unsigned.starts_with(|c: char| c.is_ascii_alphabetic());
        let goes_on = match c {
            'x' => false,
            '+' | '-' => matches!(previous, 'e' | 'E') && !in_word,
            _ => true,
        };
        if !goes_on {
            end = at;
            break;
        }
        previous = c;
    }
    let (digits, rest) = unsigned.split_at(end);
    let value = match digits {
        "stale" => stale_nan(),
        _ => digits.replace('_', "").parse().map_err(|_| "not a number".to_owned())?,
    };
    Ok((if sign_bytes > 0 && text.starts_with('-') { -value } else { value }, rest))
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
