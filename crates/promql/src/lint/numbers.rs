//! `state-enum-gauge`, `fan-out` and, with live data, `flood`: gauges with a series for every thing in the shop.
//!
//! Silent for exporters' metrics, for what is aggregated, for a selector that names one thing, for a state picked by a
//! label, and where a text names the thing that each alert is about: then one alert each was meant.

use lingshao_model::{MatchOp, TimeDelta};

use super::build::{self, aggregate, binary, duration, metric, number, renamed};
use super::repair::Correction;
use super::terms::{Comparison, comparisons};
use super::{Alert, Context, Fault, Found, names};
use crate::ast::{AggregateOp, BinaryOp, Expr, VectorSelector};

/// Alerts at once that a person still reads one by one.
const ALERTS_MAX: usize = 20;
/// How long a change of state stays news.
const NEWS: TimeDelta = TimeDelta(900_000);

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(alert) = context.alert() else { return };
    for comparison in comparisons(expr) {
        let Expr::Vector(selector) = comparison.value.without_parens() else { continue };
        let Some(name) = metric(selector) else { continue };
        if let Some(one) = state(&comparison, selector, name, expr) {
            found.push(one);
        } else if let Some(one) = fan_out(&comparison, selector, name, alert, context) {
            found.push(one);
        }
    }
    let count = context.live.and_then(|live| live.count(expr)).unwrap_or(0);
    if count > ALERTS_MAX {
        let counted = aggregate(AggregateOp::Count, &[], expr.clone());
        let with = binary(BinaryOp::Greater, counted, number(0.0));
        found.push(Found {
            fault: Fault::Flood { count },
            span: expr.span(),
            correction: Some(Correction { target: expr.without_parens().span(), with }),
        });
    }
}

fn state(comparison: &Comparison<'_>, selector: &VectorSelector, name: &str, whole: &Expr) -> Option<Found> {
    let number_of_state = comparison.threshold;
    let is_state =
        comparison.op == BinaryOp::Equal && number_of_state >= 2.0 && number_of_state.fract() == 0.0;
    let has_label =
        selector.matchers.iter().any(|own| names::is_outcome(own.name()) || own.name() == "phase");
    // `… unless … offset` asks for those that are new in the state.
    let asks_for_news =
        whole.selectors().iter().any(|other| metric(other) == Some(name) && other.offset.is_some());
    if !is_state || !names::is_state(name) || has_label || asks_for_news {
        return None;
    }
    let better = names::unfinished_work(name);
    let with = match better {
        Some(better) => {
            let plain = build::without_matchers(selector, |_| true);
            binary(BinaryOp::Greater, Expr::Vector(Box::new(renamed(&plain, better))), number(0.0))
        }
        None => {
            let at = |offset| {
                let selector = VectorSelector { offset, ..selector.clone() };
                binary(BinaryOp::Equal, Expr::Vector(Box::new(selector)), number(number_of_state))
            };
            let news = binary(BinaryOp::Unless, at(None), at(Some(duration(NEWS))));
            binary(BinaryOp::Greater, aggregate(AggregateOp::Count, &[], news), number(0.0))
        }
    };
    let fault = Fault::StateEnumGauge { metric: name.to_owned(), state: number_of_state, better };
    Some(Found {
        fault,
        span: comparison.span,
        correction: Some(Correction { target: comparison.span, with }),
    })
}

fn fan_out(
    comparison: &Comparison<'_>,
    selector: &VectorSelector,
    name: &str,
    alert: &Alert<'_>,
    context: &Context<'_>,
) -> Option<Found> {
    let guessed = names::thing(name)?;
    let is_one = |label: &str, op| op == MatchOp::Equal && names::is_identity(label);
    if selector.matchers.iter().any(|own| is_one(own.name(), own.op())) || names_thing(alert) {
        return None;
    }
    let op = match comparison.op {
        BinaryOp::Less | BinaryOp::LessOrEqual => AggregateOp::Min,
        _ => AggregateOp::Max,
    };
    let known = context.live.and_then(|live| live.label_names(selector)).unwrap_or_default();
    let label = match known.contains(&guessed) {
        true => guessed,
        false => known.into_iter().find(|label| names::is_identity(label)).unwrap_or(guessed),
    };
    let with = aggregate(op, &[label], comparison.value.without_parens().clone());
    Some(Found {
        fault: Fault::FanOut { metric: name.to_owned() },
        span: comparison.value.span(),
        correction: Some(Correction { target: comparison.value.without_parens().span(), with }),
    })
}

/// A text says which thing the alert is about.
fn names_thing(alert: &Alert<'_>) -> bool {
    alert.texts().any(|text| {
        let labels = text.split("$labels.").skip(1);
        labels.map(label_at_start).any(names::is_identity)
    })
}

fn label_at_start(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    &text[..end.unwrap_or(text.len())]
}
