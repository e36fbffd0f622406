//! Names and labels out of the text of a series that has been checked already.

use std::borrow::Cow;

use lingshao_model::{LabelsBuilder, METRIC_NAME};

use super::cursor::{Cursor, Fault, Pair, Spacing};
use super::{MetricType, Sample};
use crate::number;

pub(super) fn push_all(sample: &Sample<'_>, builder: &mut LabelsBuilder) {
    let respelled = match sample.kind {
        MetricType::Histogram => Some("le"),
        MetricType::Summary => Some("quantile"),
        _ => None,
    };
    for_each_pair(sample.series, |pair| match pair {
        Pair::Name(name) => builder.push(METRIC_NAME, &unescape(name, true)),
        Pair::Label(name, value) => {
            let (name, value) = (unescape(name, true), unescape(value, true));
            let bound = if respelled == Some(&*name) { number::parse_float(&value) } else { None };
            match bound {
                Some(bound) => builder.push(&name, &number::open_metrics_float(bound)),
                None => builder.push(&name, &value),
            }
        }
    });
}

pub(super) fn push_exemplar(text: &str, builder: &mut LabelsBuilder) {
    for_each_pair(text, |pair| {
        if let Pair::Label(name, value) = pair {
            builder.push(&unescape(name, true), &unescape(value, true));
        }
    });
}

pub(super) fn name(series: &str) -> Cow<'_, str> {
    if let Some(name) = Cursor::new(series).metric_name() {
        return Cow::Borrowed(name);
    }
    let mut found = Cow::Borrowed("");
    for_each_pair(series, |pair| {
        if let Pair::Name(name) = pair {
            found = unescape(name, true);
        }
    });
    found
}

/// Visits the name first when it stands before the braces, then what stands between them.
fn for_each_pair<'a>(series: &'a str, mut visit: impl FnMut(Pair<'a>)) {
    let mut cursor = Cursor::new(series);
    if let Some(name) = cursor.metric_name() {
        visit(Pair::Name(name));
    }
    cursor.blanks();
    if cursor.eat(b'{') {
        // What the strict grammar accepts, the free one reads the same.
        cursor.pairs(Spacing::Free, visit).expect("only checked text becomes a sample");
    }
}

/// The name in a `# HELP`, `# TYPE` or `# UNIT` line.
pub(super) fn metadata_name<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Fault> {
    if let Some(name) = cursor.metric_name() {
        return Ok(Cow::Borrowed(name));
    }
    match cursor.quoted(false)? {
        Some(name) => Ok(unescape(name, true)),
        None => Err(cursor.fault("expected a metric name")),
    }
}

/// `\\` and `\n`, and where `quotes` are escaped too `\"`; a backslash before anything else stands for itself.
pub(super) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut plain = text[..first].to_owned();
    let mut rest = &text[first..];
    while let Some(backslash) = rest.find('\\') {
        plain.push_str(&rest[..backslash]);
        let (replacement, length) = match rest.as_bytes().get(backslash + 1) {
            Some(b'n') => ('\n', 2),
            Some(b'\\') => ('\\', 2),
            Some(b'"') if quotes => ('"', 2),
            _ => ('\\', 1),
        };
        plain.push(replacement);
        rest = &rest[backslash + length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}
