//! `1 2+1x3 _ stale`: samples of a series one step apart, as Prometheus' test languages write them (`promqltest`, and
//! `input_series` of promtool's unit tests).
//!
//! Contract: pure; at most [`POINTS_MAX`] points. What stands before the points, a metric with its labels, is PromQL
//! and not read here, only split off.

use lingshao_model::stale_nan;

/// Most points of one series: a value every 15 seconds for half a year.
pub const POINTS_MAX: usize = 1_000_000;

/// What stands at one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// `_`
    Missing,
    /// A number or `stale`.
    Value(f64),
    /// `{{…}}`, a native histogram, not read further: they are not kept yet.
    Histogram,
}

/// What cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// One of the items.
    #[error("`{item}`: {why}")]
    Item {
        /// As it stands there.
        item: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The metric's labels do not end.
    #[error("labels without a closing brace")]
    OpenLabels,
    /// [`POINTS_MAX`]
    #[error("more than {POINTS_MAX} points in one series")]
    TooMany,
}

/// Splits a line into the metric with its braces, and what follows it.
pub fn split_metric(line: &str) -> Result<(&str, &str), NotationError> {
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
    Err(NotationError::OpenLabels)
}

/// Reads points.
pub fn points(text: &str) -> Result<Vec<Point>, NotationError> {
    let mut points = Vec::new();
    for item in items(text) {
        let told = |why| NotationError::Item { item: item.clone(), why };
        let (point, step, count) = read_item(&item).map_err(told)?;
        if points.len() + count > POINTS_MAX {
            return Err(NotationError::TooMany);
        }
        let mut value = point;
        for _ in 0..count {
            points.push(value.clone());
            if let (Point::Value(value), Some(step)) = (&mut value, step) {
                *value += step;
            }
        }
    }
    Ok(points)
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

/// The first point, by how much each differs from the one before (nothing: it is the same, bit by bit), how many.
fn read_item(item: &str) -> Result<(Point, Option<f64>, usize), &'static str> {
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { repeats(rest)? };
        return Ok((Point::Missing, None, count));
    }
    if item.starts_with("{{") {
        let (_, rest) = item.rsplit_once("}}").ok_or("a histogram without its end")?;
        // Steps between histograms are not looked at.
        let times = rest.rsplit_once('x').map_or(Ok(0), |(_, count)| repeats(&format!("x{count}")))?;
        return Ok((Point::Histogram, None, times + 1));
    }
    let (value, rest) = leading_number(item)?;
    match rest {
        "" => Ok((Point::Value(value), None, 1)),
        _ if rest.starts_with(['+', '-']) => {
            let (step, rest) = leading_number(rest)?;
            Ok((Point::Value(value), Some(step), repeats(rest)? + 1))
        }
        _ => Ok((Point::Value(value), None, repeats(rest)? + 1)),
    }
}

/// `x10`
fn repeats(text: &str) -> Result<usize, &'static str> {
    let count = text.strip_prefix('x').filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    count.and_then(|count| count.parse().ok()).ok_or("expected x and a count")
}

/// A number with its sign, and what follows it. Words (`NaN`, `Inf`, `stale`) are not repeated with `x`.
fn leading_number(text: &str) -> Result<(f64, &str), &'static str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = unsigned.starts_with(|c: char| c.is_ascii_alphabetic());
    let mut end = unsigned.len();
    let mut previous = ' ';
    for (at, c) in unsigned.char_indices() {
        let goes_on = match c {
            'x' => is_word,
            '+' | '-' => matches!(previous, 'e' | 'E') && !is_word,
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
        "stale" if unsigned.len() == text.len() => stale_nan(),
        _ if is_word && !["nan", "inf"].contains(&digits.to_ascii_lowercase().as_str()) => {
            return Err("not a number");
        }
        _ => digits.parse().map_err(|_| "not a number")?,
    };
    Ok((if text.starts_with('-') { -value } else { value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::is_stale;
    use proptest::prelude::*;

    /// Points as they would be written one by one.
    fn written(text: &str) -> String {
        match points(text) {
            Err(error) => error.to_string(),
            Ok(points) => {
                let words: Vec<String> = points
                    .iter()
                    .map(|point| match point {
                        Point::Missing => "_".to_owned(),
                        Point::Histogram => "h".to_owned(),
                        Point::Value(value) if is_stale(*value) => "stale".to_owned(),
                        Point::Value(value) => value.to_string(),
                    })
                    .collect();
                words.join(" ")
            }
        }
    }

    #[test]
    fn every_way_to_write_points() {
        for (text, expected) in [
            ("", ""),
            ("1 2.5 -3 +4 1e3 1E-2 .5", "1 2.5 -3 4 1000 0.01 0.5"),
            ("0+10x3 5-2x2 -1-1x1", "0 10 20 30 5 3 1 -1 -2"),
            ("1x2 0x1", "1 1 1 0 0"),
            ("_ _x3 1", "_ _ _ _ 1"),
            ("stale 1", "stale 1"),
            ("stalex1", "`stalex1`: not a number"),
            ("NaNx1", "`NaNx1`: not a number"),
            ("1_000", "`1_000`: not a number"),
            ("NaN Inf -Inf 1e+2+1x1", "NaN inf -inf 100 101"),
            ("{{schema:1 sum:5}} {{}}x2 {{count:1}}+{{count:1}}x2", "h h h h h h h"),
            ("1+1", "`1+1`: expected x and a count"),
            ("1x", "`1x`: expected x and a count"),
            ("1x-1", "`1x-1`: expected x and a count"),
            ("abc", "`abc`: not a number"),
            ("1,2", "`1,2`: not a number"),
            ("1x1000001", "more than 1000000 points in one series"),
            ("_x600000 _x600000", "more than 1000000 points in one series"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    #[test]
    fn the_metric_ends_with_its_braces() {
        for (line, expected) in [
            ("up 1 2", Ok(("up", " 1 2"))),
            ("up{a=\"} 1\"} 2", Ok(("up{a=\"} 1\"}", " 2"))),
            ("{__name__='a\\'}'} 1", Ok(("{__name__='a\\'}'}", " 1"))),
            ("up{a=\"1\" 2", Err(NotationError::OpenLabels)),
        ] {
            assert_eq!(split_metric(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9x_+eE. stalNIf{}-]{0,20}") {
            prop_assert!(points(&text).map_or(0, |points| points.len()) <= POINTS_MAX);
        }
    }
}
