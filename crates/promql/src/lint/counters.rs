//! `total-not-rated`, `not-summed` and `short-window`: counters asked in the wrong way.
//!
//! Silent in tables and where somebody asks by hand; for `total-not-rated` also for differences against an earlier time,
//! for "ever happened" (`> 0`), for gauges of exporters and shares of them. `not-summed` speaks where one line or number is
//! meant: the plain request counter of a shop, or a panel that shows one number; a legend that names a label shows that
//! many lines are wanted. `short-window` knows the interval from the configuration, or takes 15 s for it.

use lingshao_model::{MatchOp, TimeDelta};

use super::build::{self, call, duration, metric, renamed, sum};
use super::repair::Correction;
use super::terms::{comparisons, counted, walk};
use super::{Context, Fault, Found, MetricKind, Panel, PanelKind, Place, Scrape, WindowReason, names};
use crate::ast::{AggregateOp, Call, DurationKind, Expr, MatrixSelector, VectorSelector};
use crate::catalog::FunctionId;

/// What is scraped where nobody says how often: our own default.
const INTERVAL_DEFAULT: TimeDelta = TimeDelta(15_000);
/// Samples in a window: one may be late and one lost, and a rate needs two.
const SAMPLES_MIN: i64 = 4;
/// `irate` looks at the last two.
const SAMPLES_MIN_INSTANT: i64 = 2;
/// On a board without a configuration, a window of this is empty at Prometheus' own default interval of a minute.
const PANEL_WINDOW_MIN: TimeDelta = TimeDelta(60_000);

pub(super) fn check(expr: &Expr, context: &Context<'_>, found: &mut Vec<Found>) {
    walk(expr, &mut |node, above| {
        match node {
            Expr::Vector(selector) => {
                let one = total(selector, above, expr, context);
                found.extend(one.or_else(|| several_values(selector, above, context)));
            }
            Expr::Call(call) => {
                found.extend(window(call, context));
                found.extend(several_rates(call, node, above, expr, context));
            }
            _ => {}
        };
    });
}

fn total(selector: &VectorSelector, above: &[&Expr], whole: &Expr, context: &Context<'_>) -> Option<Found> {
    let name = metric(selector).filter(|name| name.ends_with("_total") && !name.contains(':'))?;
    let asks = match &context.place {
        Place::Alert(_) => !is_ever(selector, whole),
        Place::Panel(panel) => panel.kind != PanelKind::Many,
        Place::Query | Place::Recording => false,
    };
    let is_counted = above.iter().any(|above| match above {
        Expr::Call(call) => !keeps_value(call.function.id),
        Expr::Subquery(_) => true,
        Expr::Aggregate(aggregate) => matches!(aggregate.op, AggregateOp::Count | AggregateOp::Group),
        Expr::Binary(binary) => binary.matching.is_some() && is_level(whole, name),
        _ => false,
    });
    let is_level = names::counts_level(name);
    let is_gauge = context.live.and_then(|live| live.kind(name)) == Some(MetricKind::Gauge);
    if !asks || is_counted || is_level || selector.offset.is_some() || (is_gauge && names::is_exporters(name))
    {
        return None;
    }
    let better = names::real_counter(name);
    let has_correction = !is_gauge || better.is_some();
    let is_added_up = above.iter().any(|above| matches!(above, Expr::Aggregate(_)));
    let correction =
        has_correction.then(|| counted_instead(selector, better.unwrap_or(name), is_added_up, context));
    Some(Found {
        fault: Fault::TotalNotRated { metric: name.to_owned(), better, is_gauge },
        span: selector.span,
        correction,
    })
}

/// `x > 0`: whether it ever happened.
fn is_ever(selector: &VectorSelector, whole: &Expr) -> bool {
    comparisons(whole).iter().any(|one| {
        let is_inside =
            one.value.span().start <= selector.span.start && selector.span.end <= one.value.span().end;
        is_inside && one.threshold == 0.0
    })
}

/// Functions that hand the value on as it is.
fn keeps_value(id: FunctionId) -> bool {
    use FunctionId as F;
    matches!(
        id,
        F::Abs
            | F::Ceil
            | F::Floor
            | F::Round
            | F::Sort
            | F::SortDesc
            | F::SortByLabel
            | F::SortByLabelDesc
            | F::Scalar
            | F::LabelReplace
            | F::LabelJoin
            | F::Clamp
            | F::ClampMin
            | F::ClampMax
    )
}

/// Stands beside its own earlier value, or beside something that is no counter (`used / total`): a level.
fn is_level(whole: &Expr, name: &str) -> bool {
    whole.selectors().iter().any(|other| match metric(other) {
        Some(own) if own == name => other.offset.is_some(),
        Some(own) => !own.ends_with("_total"),
        None => true,
    })
}

fn counted_instead(
    selector: &VectorSelector,
    name: &str,
    is_added_up: bool,
    context: &Context<'_>,
) -> Correction {
    let selector_of = renamed(selector, name);
    let with = match context.panel() {
        None => build::over(FunctionId::Increase, selector_of, duration(build::RULE_WINDOW)),
        Some(Panel { kind: PanelKind::Graph, windows, .. }) => {
            build::over(FunctionId::Rate, selector_of, duration(windows.rate_interval))
        }
        Some(panel) => build::over(FunctionId::Increase, selector_of, duration(panel.windows.range)),
    };
    let with = match context.panel() {
        Some(_) if !is_added_up => sum(with),
        _ => with,
    };
    let is_number = context.panel().is_some_and(|panel| panel.kind == PanelKind::Single);
    let with = if is_number && !is_added_up { call(FunctionId::Round, vec![with]) } else { with };
    Correction { target: selector.span, with }
}

/// One number is shown, and the selector may have a series for every process.
fn several_values(selector: &VectorSelector, above: &[&Expr], context: &Context<'_>) -> Option<Found> {
    let panel = context.panel().filter(|panel| panel.kind == PanelKind::Single)?;
    let name = metric(selector)?;
    let is_one = above.iter().any(|above| match above {
        Expr::Aggregate(_) | Expr::Subquery(_) => true,
        Expr::Call(call) => matches!(
            call.function.id,
            FunctionId::Absent | FunctionId::Scalar | FunctionId::HistogramQuantile
        ),
        Expr::Binary(binary) => binary.matching.as_ref().is_some_and(|matching| matching.on),
        _ => false,
    });
    let is_pinned = selector.matchers.iter().any(|own| names::is_place(own.name()));
    if is_one
        || is_pinned
        || is_many_on_purpose(panel)
        || names::is_exporters(name)
        || name.ends_with("_info")
    {
        return None;
    }
    let with = build::aggregate(AggregateOp::Max, &[], Expr::Vector(Box::new(selector.clone())));
    Some(Found {
        fault: Fault::NotSummed { metric: name.to_owned(), by: "max" },
        span: selector.span,
        correction: Some(Correction { target: selector.span, with }),
    })
}

/// A rate a series, where the request counter as a whole is meant, or one number is shown.
fn several_rates(
    call: &Call,
    node: &Expr,
    above: &[&Expr],
    whole: &Expr,
    context: &Context<'_>,
) -> Option<Found> {
    let panel = context.panel().filter(|panel| panel.kind != PanelKind::Many)?;
    let own = counted(node)?;
    let name = metric(&own.matrix.selector)?;
    let is_whole = || counted(whole).is_some_and(|one| one.aggregate.is_none() && one.span == call.span);
    let is_meant = match panel.kind {
        PanelKind::Single => !names::is_exporters(name) && !is_pinned(&own.matrix.selector),
        _ => {
            is_whole()
                && (names::is_requests(name) || speaks_of_one(panel.title) && !names::is_exporters(name))
        }
    };
    let is_added_up = above.iter().any(|above| match above {
        Expr::Aggregate(_) => true,
        Expr::Binary(binary) => binary.matching.is_some(), // Sides that miss each other are told elsewhere.
        _ => false,
    });
    if !is_meant || is_added_up || is_many_on_purpose(panel) {
        return None;
    }
    let with = sum(node.without_parens().clone());
    Some(Found {
        fault: Fault::NotSummed { metric: name.to_owned(), by: "sum" },
        span: call.span,
        correction: Some(Correction { target: call.span, with }),
    })
}

fn is_pinned(selector: &VectorSelector) -> bool {
    selector.matchers.iter().any(|own| names::is_place(own.name()) && own.name() != "job")
}

fn is_many_on_purpose(panel: &Panel<'_>) -> bool {
    panel.shows_all_values || panel.legend.is_some_and(|legend| legend.contains("{{"))
}

/// The title promises one figure for the whole.
fn speaks_of_one(title: &str) -> bool {
    let lower = title.to_lowercase();
    ["qps", "rps", "tps", "总", "每秒", "吞吐", "total", "throughput"].iter().any(|word| lower.contains(word))
}

fn window(call: &Call, context: &Context<'_>) -> Option<Found> {
    use FunctionId as F;
    let counts = matches!(call.function.id, F::Rate | F::Irate | F::Increase | F::Delta | F::Deriv);
    let Some(Expr::Matrix(matrix)) = call.args.first().filter(|_| counts) else { return None };
    let DurationKind::Literal(literal) = &matrix.range.kind else { return None };
    let window = TimeDelta::from_seconds(literal.value)?;
    let samples = if call.function.id == F::Irate { SAMPLES_MIN_INSTANT } else { SAMPLES_MIN };
    let reason = too_short(window, samples, interval(&matrix.selector, context.scrape), context.panel())?;
    let enough = match (context.panel(), reason) {
        (Some(panel), _) => panel.windows.rate_interval,
        (None, WindowReason::Scrape(millis)) => TimeDelta(millis * SAMPLES_MIN),
        (None, _) => build::RULE_WINDOW,
    };
    let longer = MatrixSelector { range: duration(enough), ..(**matrix).clone() };
    Some(Found {
        fault: Fault::ShortWindow { window: matrix.range.to_string(), reason },
        span: matrix.range.span,
        correction: Some(Correction { target: matrix.span, with: Expr::Matrix(Box::new(longer)) }),
    })
}

fn too_short(
    window: TimeDelta,
    samples: i64,
    interval: Option<TimeDelta>,
    panel: Option<&Panel<'_>>,
) -> Option<WindowReason> {
    if let Some(panel) = panel {
        if window == panel.windows.interval {
            return Some(WindowReason::PanelInterval);
        }
        if window == panel.windows.rate_interval || window == panel.windows.range {
            return None;
        }
    }
    let is_short = |interval: TimeDelta| window.0 < interval.0.saturating_mul(samples);
    match (interval, panel) {
        (Some(interval), _) => is_short(interval).then_some(WindowReason::Scrape(interval.0)),
        (None, Some(_)) if samples == SAMPLES_MIN => {
            (window <= PANEL_WINDOW_MIN).then_some(WindowReason::Panel)
        }
        (None, _) => is_short(INTERVAL_DEFAULT).then_some(WindowReason::Scrape(INTERVAL_DEFAULT.0)),
    }
}

/// How often the selected series are scraped, if that is known.
fn interval(selector: &VectorSelector, scrape: Option<&Scrape>) -> Option<TimeDelta> {
    let scrape = scrape?;
    let job = selector.matchers.iter().find(|own| own.name() == "job" && own.op() == MatchOp::Equal);
    let own = job.and_then(|job| scrape.jobs.iter().find(|own| own.name == job.value()));
    Some(own.map_or(scrape.interval, |own| own.interval))
}
