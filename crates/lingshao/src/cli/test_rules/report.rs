//! What was expected and what came, line by line: `-` is missing, `+` is too much.

use lingshao_model::{Labels, is_stale};
use lingshao_promql::quote::go_quote;

use super::file::{AlertTest, ExpectedAlert, ExpressionTest};

/// Lines of one difference; more help nobody.
const LINES_MAX: usize = 200;

/// Alerts that fire, both sides sorted.
pub(super) fn alerts(test: &AlertTest, expected: &[ExpectedAlert], found: &[ExpectedAlert]) -> String {
    let head = format!("alertname: {}, time: {}", test.name, test.eval_time);
    let block = |alert: &ExpectedAlert| {
        let mut lines = vec![pairs(&alert.labels)];
        if !alert.annotations.is_empty() {
            lines.push(format!("  annotations {}", pairs(&alert.annotations)));
        }
        lines
    };
    difference(
        &head,
        &expected.iter().map(block).collect::<Vec<_>>(),
        &found.iter().map(block).collect::<Vec<_>>(),
    )
}

/// Elements of a vector, both sides sorted by labels.
pub(super) fn samples(test: &ExpressionTest, expected: &[(Labels, f64)], found: &[(Labels, f64)]) -> String {
    let head = format!("expr: {}, time: {}", go_quote(&test.expr), test.eval_time);
    let block = |(labels, value): &(Labels, f64)| {
        let value = if is_stale(*value) { "stale".to_owned() } else { value.to_string() };
        vec![format!("{labels} {value}")]
    };
    difference(
        &head,
        &expected.iter().map(block).collect::<Vec<_>>(),
        &found.iter().map(block).collect::<Vec<_>>(),
    )
}

/// Blocks that are on both sides stand there once, without a sign.
fn difference(head: &str, expected: &[Vec<String>], found: &[Vec<String>]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut rest: Vec<&Vec<String>> = found.iter().collect();
    for block in expected {
        let place = rest.iter().position(|other| *other == block);
        let sign = if place.is_some() { ' ' } else { '-' };
        place.map(|place| rest.remove(place));
        lines.extend(block.iter().map(|line| format!("      {sign} {line}")));
    }
    lines.extend(rest.iter().flat_map(|block| block.iter().map(|line| format!("      + {line}"))));
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(format!("      … {more} more lines"));
    }
    let side = |blocks: &[Vec<String>]| {
        if blocks.is_empty() { "nothing".to_owned() } else { blocks.len().to_string() }
    };
    format!("{head}\n      expected {} (-), got {} (+)\n{}", side(expected), side(found), lines.join("\n"))
}

fn pairs(pairs: &[(String, String)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(name, text)| format!("{name}={}", go_quote(text))).collect();
    format!("{{{}}}", words.join(", "))
}
