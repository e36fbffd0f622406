//! `static-text` and `text-contradicts`: what the annotations say, against what the expression computes.
//!
//! Only numbers right after a word of comparison count, and only against an expression with one comparison and no other
//! arithmetic; what a template prints is not looked at. Alerts without annotations are silent: messages show labels and
//! value themselves. So are alerts on absence, of which there is nothing to tell.

use super::shape::Shape;
use super::terms::{Comparison, comparisons, literal};
use super::{Alert, At, Contradiction, Fault, Finding, names};
use crate::ast::{BinaryOp, Expr, Span};
use crate::catalog::FunctionId;

pub(super) fn check(expr: &Expr, alert: &Alert<'_>, has_no_denominator: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let comparisons = comparisons(expr);
    for (name, text) in alert.annotations {
        let plain = without_templates(text);
        let contradiction =
            comparisons.iter().find_map(|one| percentile(one, &plain)).or_else(|| match &comparisons[..] {
                [one] if !has_no_denominator => contradicted(one, &plain),
                _ => None,
            });
        findings.extend(contradiction.map(|(what, span)| Finding {
            fault: Fault::TextContradicts(what),
            at: At::Annotation { name: name.clone(), span },
            suggestion: None,
        }));
    }
    findings.extend(static_text(expr, alert, &comparisons));
    findings
}

fn static_text(expr: &Expr, alert: &Alert<'_>, comparisons: &[Comparison<'_>]) -> Option<Finding> {
    let is_template = |(_, text): &(String, String)| text.contains("{{");
    let (name, text) =
        alert.annotations.iter().find(|(name, _)| name == "description").or(alert.annotations.first())?;
    let shape = Shape::of(expr);
    let has_no_labels = shape.labels().is_some_and(|labels| labels.is_empty());
    // A count below one is none.
    let value_is_known = comparisons
        .iter()
        .all(|one| one.op == BinaryOp::Equal || (one.op == BinaryOp::Less && one.threshold == 1.0));
    if alert.annotations.iter().any(is_template) || is_absence(expr) || (has_no_labels && value_is_known) {
        return None;
    }
    let is_ratio = comparisons.iter().any(|one| {
        let is_division = |expr: &Expr| matches!(expr, Expr::Binary(binary) if binary.op == BinaryOp::Div);
        one.threshold <= 1.0 && is_division(one.value.without_parens())
    });
    let labels = shape.labels().unwrap_or_else(|| guessed_labels(expr));
    let span = Span { start: 0, end: text.len() };
    Some(Finding {
        fault: Fault::StaticText { labels, is_ratio },
        at: At::Annotation { name: name.clone(), span },
        suggestion: None,
    })
}

/// What tells the alerts of an expression apart whose labels are not written in it.
fn guessed_labels(expr: &Expr) -> Vec<String> {
    let selectors = expr.selectors();
    let thing = selectors.iter().find_map(|selector| names::thing(super::build::metric(selector)?));
    vec![thing.unwrap_or_else(|| "instance".to_owned())]
}

/// There is, or there is not.
fn is_absence(expr: &Expr) -> bool {
    match expr.without_parens() {
        Expr::Call(call) => {
            matches!(call.function.id, FunctionId::Absent | FunctionId::AbsentOverTime | FunctionId::Vector)
        }
        Expr::Binary(binary) if binary.op == BinaryOp::Or => {
            is_absence(&binary.lhs) && is_absence(&binary.rhs)
        }
        Expr::Binary(binary) => is_absence(&binary.lhs),
        _ => false,
    }
}

/// The text with spaces in place of what a template prints; bytes stay where they are.
fn without_templates(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").map_or(rest.len(), |end| start + end + 2);
        plain.push_str(&rest[..start]);
        // Keeps a number of one template from being read together with a unit behind it.
        plain.extend(std::iter::repeat_n('\u{1}', end - start));
        rest = &rest[end..];
    }
    plain + rest
}

/// What may take long.
const SUBJECTS: &[&str] = &[
    "请求",
    "的请求",
    "用户",
    "的用户",
    "订单",
    "的订单",
    "of requests",
    "of the requests",
    "of all requests",
    "of users",
    "of calls",
    "requests",
    "of traffic",
];
/// That it does.
const SLOW: &[&str] =
    &["超过", "大于", "高于", "慢", "超时", "above", "over", "exceed", "slower", "longer", "more than"];
/// That it does not.
const FAST: &[&str] =
    &["以内", "内完成", "低于", "小于", "快于", "不超过", "within", "under", "below", "faster", "less"];

/// "95 % of requests take longer", said of a 95th percentile: it is 5 %.
fn percentile(comparison: &Comparison<'_>, text: &str) -> Option<(Contradiction, Span)> {
    let Expr::Call(call) = comparison.value.without_parens() else { return None };
    let is_above = matches!(comparison.op, BinaryOp::Greater | BinaryOp::GreaterOrEqual);
    if call.function.id != FunctionId::HistogramQuantile || !is_above {
        return None;
    }
    let percent = (literal(call.args.first()?)? * 1e6).round() / 1e4;
    let number = percent.to_string();
    text.match_indices(&number).find_map(|(start, _)| {
        let after = text[start + number.len()..].trim_start();
        let after = after.strip_prefix('%').or(after.strip_prefix('％'))?;
        let clause = after.split(['，', '。', '；', ',', ';', '\n', '(', '（']).next().unwrap_or(after);
        let lower = clause.trim_start().to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let is_said = SUBJECTS.iter().any(|noun| lower.starts_with(noun)) && has(SLOW) && !has(FAST);
        let end = text.len() - after.len() + clause.len();
        is_said.then_some((Contradiction::Percentile { percent }, Span { start, end }))
    })
}

/// A number that a text claims, and on which side of it the value is said to be.
struct Claim<'t> {
    is_above: bool,
    number: f64,
    unit: &'t str,
    /// The text counts by the minute, or the like.
    is_per_time: bool,
    text: &'t str,
    span: Span,
}

const ABOVE: &[&str] = &[
    "超过",
    "大于",
    "高于",
    "多于",
    "超出",
    "above",
    "over",
    "exceeds",
    "exceed",
    "exceeded",
    "more than",
    "greater than",
    "higher than",
    ">",
];
const BELOW: &[&str] =
    &["低于", "小于", "少于", "不足", "不到", "below", "under", "less than", "lower than", "fewer than", "<"];

/// All claims of a text, in its order.
fn claims(text: &str) -> Vec<Claim<'_>> {
    let mut found = Vec::new();
    for (words, is_above) in [(ABOVE, true), (BELOW, false)] {
        for word in words {
            found
                .extend(text.match_indices(word).filter_map(|(start, _)| claim(text, start, word, is_above)));
        }
    }
    found.sort_by_key(|claim| claim.span.start);
    found
}

fn claim<'t>(text: &'t str, start: usize, word: &str, is_above: bool) -> Option<Claim<'t>> {
    let before = text[..start].trim_end();
    let negated = ["不", "未", "没有", "not", "no", "never"].iter().any(|word| before.ends_with(word));
    let is_part = word.is_ascii()
        && word.len() > 1
        && before.len() == start
        && before.ends_with(|character: char| character.is_ascii_alphabetic());
    let after = text[start + word.len()..].trim_start_matches([' ', '了', '=', '\u{a0}']);
    let (number, unit) = after.split_at(number_length(after));
    let end = text.len() - unit.len();
    let number = number.replace(',', "").parse().ok()?;
    (!negated && !is_part).then(|| Claim {
        is_above,
        number,
        unit: unit.trim_start(),
        is_per_time: PER_TIME.iter().any(|word| text.contains(word)),
        text: &text[start..end],
        span: Span { start, end },
    })
}

/// Texts that count by time.
const PER_TIME: &[&str] = &[
    "每秒",
    "每分",
    "每小时",
    "每天",
    "/秒",
    "/分",
    "/小时",
    "/天",
    "per second",
    "per minute",
    "per hour",
    "/s",
    "/min",
    "/h",
];

/// How long the number at the start of a text is: digits, a point, and commas between thousands.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    loop {
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_digit() => end += 1,
            Some(b'.') if is_digit(end + 1) => end += 1,
            Some(b',') if end > 0 && (1..=3).all(|next| is_digit(end + next)) && !is_digit(end + 4) => {
                end += 1;
            }
            _ => return end,
        }
    }
}

/// Whether the claim is about the threshold, and agrees with it; `None` where its unit says nothing about that.
fn agrees(claim: &Claim<'_>, threshold: f64, is_time: bool) -> Option<bool> {
    let number = claim.number;
    let near = |value: f64| (value - threshold).abs() <= threshold.abs() * 1e-9;
    let begins = |words: &[&str]| words.iter().any(|word| claim.unit.starts_with(word));
    if begins(&["%", "％"]) {
        return Some(near(number) || near(number / 100.0));
    }
    if begins(&["ms", "毫秒"]) {
        return is_time.then(|| near(number) || near(number / 1e3));
    }
    if begins(&["秒", "s ", "sec"]) || claim.unit == "s" {
        return is_time.then(|| near(number) || near(number * 1e3));
    }
    // Other units, and numbers per minute or hour, need arithmetic that the text does not spell out.
    if claim.is_per_time {
        return None;
    }
    let counts = [
        "个", "件", "单", "次", "元", "笔", "条", "人", "，", "。", ",", ".", "）", ")", "；", "!", "！",
        ":", "：", "\u{1}",
    ];
    let is_bare = claim.unit.is_empty() || begins(&counts);
    (is_bare && !is_time).then(|| near(number) || near(number * 100.0) || near(number / 100.0))
}

fn contradicted(comparison: &Comparison<'_>, text: &str) -> Option<(Contradiction, Span)> {
    let mut numbers = 0;
    let mut is_turned = false;
    comparison.value.walk(&mut |node| match node {
        Expr::Number(_) => numbers += 1,
        Expr::Binary(binary) => is_turned |= matches!(binary.op, BinaryOp::Sub | BinaryOp::Unless),
        Expr::Unary(_) => is_turned = true,
        _ => {}
    });
    let is_quantile = matches!(comparison.value.without_parens(), Expr::Call(call) if call.function.id == FunctionId::HistogramQuantile);
    let plain_numbers = usize::from(is_quantile);
    let (is_greater, is_less) = (
        matches!(comparison.op, BinaryOp::Greater | BinaryOp::GreaterOrEqual),
        matches!(comparison.op, BinaryOp::Less | BinaryOp::LessOrEqual),
    );
    if numbers > plain_numbers || is_turned || !(is_greater || is_less) {
        return None;
    }
    let is_time = comparison
        .value
        .selectors()
        .iter()
        .any(|own| super::build::metric(own).is_some_and(names::counts_time));
    let judged: Vec<(Claim<'_>, bool)> = claims(text)
        .into_iter()
        .filter_map(|claim| agrees(&claim, comparison.threshold, is_time).map(|agrees| (claim, agrees)))
        .collect();
    let threshold = comparison.threshold;
    match judged.iter().find(|(_, agrees)| *agrees) {
        Some((claim, _)) if claim.is_above == is_less => {
            let said = claim.text.to_owned();
            Some((Contradiction::Direction { said, op: comparison.op.as_str() }, claim.span))
        }
        Some(_) => None,
        None => judged.first().map(|(claim, _)| {
            (Contradiction::Threshold { said: claim.text.to_owned(), threshold }, claim.span)
        }),
    }
}
