//! `ratio-without-denominator` and `per-series-threshold`: events per second that are taken for a share.
//!
//! Silent when the text says that it means events per second, when what is counted is time (its rate is a share), when
//! any error at all is meant (`> 0`), and, for the second, when nothing shows that requests are split over series.

use lingshao_model::{MatchOp, Matcher};

use super::build::{self, binary, metric, number};
use super::repair::Correction;
use super::terms::{Comparison, Counted, comparisons, counted};
use super::{Alert, Context, Fault, Found, names};
use crate::ast::{AggregateOp, BinaryOp, Expr, VectorSelector};
use crate::catalog::FunctionId;

/// Requests per second below which a share says little: six a minute.
const TRAFFIC_MIN: f64 = 0.1;

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(alert) = context.alert() else { return };
    let has_share = has_division(expr);
    for comparison in comparisons(expr) {
        let Some(counted) = counted(comparison.value) else { continue };
        let Some(metric) = metric(&counted.matrix.selector) else { continue };
        let is_share = !has_share && is_taken_for_share(alert, &comparison, &counted, metric);
        let is_split = is_per_series(&comparison, &counted, metric);
        if is_share {
            found.push(Found {
                fault: Fault::RatioWithoutDenominator {
                    metric: metric.to_owned(),
                    threshold: comparison.threshold,
                },
                span: counted.span,
                correction: as_share(&comparison, &counted, expr),
            });
        }
        if is_split {
            let correction = match is_share {
                true => as_share(&comparison, &counted, expr),
                false => Some(Correction { target: counted.span, with: summed(&counted) }),
            };
            found.push(Found {
                fault: Fault::PerSeriesThreshold { metric: metric.to_owned() },
                span: counted.span,
                correction,
            });
        }
    }
}

/// Something is divided by something that is measured: the share is there, and what else is compared is beside it.
fn has_division(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |node| {
        if let Expr::Binary(binary) = node {
            found |= binary.op == BinaryOp::Div && !binary.rhs.selectors().is_empty();
        }
    });
    found
}

fn is_taken_for_share(
    alert: &Alert<'_>,
    comparison: &Comparison<'_>,
    counted: &Counted<'_>,
    metric: &str,
) -> bool {
    if !counted.is_per_second() || names::counts_time(metric) || alert.texts().any(speaks_of_seconds) {
        return false;
    }
    let threshold = comparison.threshold;
    let is_fraction = threshold > 0.0 && threshold < 1.0;
    let says_number = || alert.texts().any(|text| says_percent(text, threshold));
    let is_failure = names::counts_failures(metric) || has_outcome(&counted.matrix.selector);
    match alert.texts().map(share).max().unwrap_or(Share::No) {
        Share::Clearly => is_fraction || (threshold >= 1.0 && says_number()),
        Share::Perhaps => is_fraction && is_failure,
        Share::No => false,
    }
}

/// How clearly a text speaks of a share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    No,
    /// "error rate" may be errors per second.
    Perhaps,
    Clearly,
}

fn share(text: &str) -> Share {
    let lower = text.to_lowercase();
    let clear = ["%", "％", "百分", "percent", "ratio", "proportion", "占比", "比例"];
    if clear.iter().any(|word| lower.contains(word)) || says_chinese_rate(text) {
        return Share::Clearly;
    }
    let letters: String = lower.chars().filter(|character| character.is_alphanumeric()).collect();
    let perhaps = ["errorrate", "failurerate", "failrate", "successrate", "rejectrate", "errorsrate"];
    if perhaps.iter().any(|word| letters.contains(word)) { Share::Perhaps } else { Share::No }
}

/// 率, but not 频率 (frequency), 速率 (speed), 功率, 效率, 利率, 汇率.
fn says_chinese_rate(text: &str) -> bool {
    let mut before = None;
    text.chars().any(|character| {
        let found = character == '率' && !before.is_some_and(|before| "频速功效利汇".contains(before));
        before = Some(character);
        found
    })
}

/// `5%` in the text, for a threshold of 5.
fn says_percent(text: &str, threshold: f64) -> bool {
    let number = threshold.to_string();
    text.match_indices(&number).any(|(at, _)| {
        let after = text[at + number.len()..].trim_start();
        let before = text[..at].chars().next_back();
        let ends_number = before.is_none_or(|before| !before.is_ascii_digit() && before != '.');
        ends_number && (after.starts_with('%') || after.starts_with('％'))
    })
}

/// The text says that events per second are meant.
fn speaks_of_seconds(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = [
        "per second",
        "per sec",
        "/s",
        "每秒",
        "/sec",
        "次/秒",
        "个/秒",
        "per minute",
        "/min",
        "每分钟",
        "qps",
        "rps",
    ];
    words.iter().any(|word| lower.contains(word))
}

fn has_outcome(selector: &VectorSelector) -> bool {
    selector.matchers.iter().any(|matcher| names::is_outcome(matcher.name()))
}

/// Nothing adds the series up, and the selector or the name shows that there are several for one service.
fn is_per_series(comparison: &Comparison<'_>, counted: &Counted<'_>, metric: &str) -> bool {
    let picks_many = counted.matrix.selector.matchers.iter().any(|matcher| {
        names::is_outcome(matcher.name())
            && matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex | MatchOp::NotEqual)
            && matcher.listed_values().is_none_or(|values| values.len() > 1)
    });
    counted.aggregate.is_none() && comparison.threshold > 0.0 && (picks_many || names::is_requests(metric))
}

fn summed(counted: &Counted<'_>) -> Expr {
    let matrix = counted.matrix.clone();
    build::sum(build::over(counted.function, matrix.selector, matrix.range))
}

/// `sum(rate(part)) / sum(rate(all)) > threshold and sum(rate(all)) > 0.1`; without a condition that picks the part,
/// nobody knows what all is.
fn as_share(comparison: &Comparison<'_>, counted: &Counted<'_>, whole: &Expr) -> Option<Correction> {
    let is_outcome = |matcher: &Matcher| names::is_outcome(matcher.name());
    let part = &counted.matrix.selector;
    if !part.matchers.iter().any(is_outcome) {
        return None;
    }
    let all = build::without_matchers(part, is_outcome);
    let labels: &[String] = counted.aggregate.filter(|one| !one.without).map_or(&[], |one| &one.grouping);
    let sum = |selector: &VectorSelector| {
        let rate = build::over(FunctionId::Rate, selector.clone(), counted.matrix.range.clone());
        build::aggregate(AggregateOp::Sum, labels, rate)
    };
    let threshold =
        if comparison.threshold < 1.0 { comparison.threshold } else { comparison.threshold / 100.0 };
    let share = binary(BinaryOp::Div, sum(part), sum(&all));
    let above = binary(comparison.op, share, number(threshold));
    let with = binary(BinaryOp::And, above, binary(BinaryOp::Greater, sum(&all), number(TRAFFIC_MIN)));
    // The whole comparison is replaced; inside of other conditions it keeps its parentheses.
    let is_whole = whole.without_parens().span() == comparison.span;
    let with = if is_whole { with } else { build::paren(with) };
    Some(Correction { target: comparison.span, with })
}
