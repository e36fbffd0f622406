//! Runs a script: loads, and each eval with its reruns.
//!
//! Each instant eval is rerun with `@` on every selector at other times, and each of these again as the middle of a
//! three-point range query, as Prometheus' own runner does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lingshao_model::{Cancel, TimeDelta, Timestamp};
use lingshao_promql::ast::{At, Expr};
use lingshao_promql::catalog::FunctionId;
use lingshao_promql::{
    Limits, Output, ParseOptions, QueryValue, VectorSample, eval_instant, eval_range, parse_with,
};

use crate::compare::{compare, sorted};
use crate::script::{self, Command, Eval, Notes, When};
use crate::storage::Storage;

/// How a script went.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) evals: usize,
    pub(crate) held: usize,
    /// Line and reason; also of lines that are no eval but could not be read.
    pub(crate) failures: Vec<(usize, String)>,
}

pub(crate) fn run(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut storage = Storage::default();
    let mut histograms = false;
    for command in script::commands(text) {
        match command {
            Command::Clear => (storage, histograms) = (Storage::default(), false),
            Command::Load(load) => {
                histograms |= load.histograms;
                load.series.iter().for_each(|(labels, samples)| storage.add(labels, samples));
            }
            Command::Broken { line, is_eval, why } => {
                outcome.evals += usize::from(is_eval);
                outcome.failures.push((line, why));
            }
            Command::Eval(eval) => {
                outcome.evals += 1;
                match hold(&eval, &storage) {
                    Ok(()) => outcome.held += 1,
                    Err(why) => {
                        let why = if histograms { format!("[histograms] {why}") } else { why };
                        outcome.failures.push((eval.line, why));
                    }
                }
            }
        }
    }
    outcome
}

fn hold(eval: &Eval, storage: &Storage) -> Result<(), String> {
    let run = AssertUnwindSafe(|| match eval.when {
        When::Range(..) => hold_once(eval, &eval.expr, eval.when, storage).map(|_| ()),
        When::Instant(t) => hold_instant(eval, t, storage),
    });
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        Err(format!("panicked: {text}"))
    })
}

fn hold_instant(eval: &Eval, t: i64, storage: &Storage) -> Result<(), String> {
    hold_as_range(eval, &eval.expr, t, storage)?;
    let Some(fixed) = with_times_fixed(&eval.expr, t)? else { return Ok(()) };
    let times = if t == 0 { vec![-1000, 0, 1000] } else { vec![-10 * t, 0, t / 5, t, 10 * t] };
    times.into_iter().try_for_each(|at| hold_as_range(eval, &fixed, at, storage))
}

/// The instant query, then the range query of which it is the middle.
fn hold_as_range(eval: &Eval, expr: &str, t: i64, storage: &Storage) -> Result<(), String> {
    let Some(output) = hold_once(eval, expr, When::Instant(t), storage)? else { return Ok(()) };
    let depends = ["start()", "end()", "range()", "step()"].iter().any(|call| expr.contains(call));
    if eval.not_as_range || depends {
        return Ok(());
    }
    let told = |why: String| format!("{expr} at {t} as a range query: {why}");
    let when = When::Range(t - 60_000, t + 60_000, 60_000);
    let QueryValue::Matrix(matrix) = query(expr, when, storage).map_err(told)?.value else {
        return Err(told("no matrix".to_owned()));
    };
    if eval.ordered {
        return Ok(());
    }
    sorted(&matrix).map_err(told)?;
    let middle = matrix.into_iter().filter_map(|series| {
        let v = series.points.iter().find(|(time, _)| *time == t)?.1;
        Some(VectorSample { labels: series.labels, t: Timestamp(t), v })
    });
    let middle: Vec<VectorSample> = middle.collect();
    let value = match output.value {
        QueryValue::Scalar { t, .. } => {
            QueryValue::Scalar { t, v: middle.first().map_or(f64::NAN, |sample| sample.v) }
        }
        _ => QueryValue::Vector(middle),
    };
    compare(&eval.result, false, &value).map_err(told)
}

/// Runs a query and compares; nothing to go on with when it failed as expected.
fn hold_once(eval: &Eval, expr: &str, when: When, storage: &Storage) -> Result<Option<Output>, String> {
    let told = |why: String| match when {
        When::Instant(t) => format!("{expr} at {t}: {why}"),
        When::Range(..) => format!("{expr}: {why}"),
    };
    match (query(expr, when, storage), &eval.fail) {
        (Err(error), Some(wanted)) if wanted.accepts(&error) => Ok(None),
        (Err(error), _) => Err(told(format!("failed: {error}"))),
        (Ok(_), Some(_)) => Err(told("did not fail".to_owned())),
        (Ok(output), None) => {
            check_notes(&eval.warn, &output.warnings(expr), "warning").map_err(told)?;
            check_notes(&eval.info, &output.infos(expr), "info").map_err(told)?;
            compare(&eval.result, eval.ordered, &output.value).map_err(told)?;
            Ok(Some(output))
        }
    }
}

fn check_notes(wanted: &Notes, found: &[String], kind: &str) -> Result<(), String> {
    if wanted.none && !found.is_empty() {
        return Err(format!("unexpected {kind}: {found:?}"));
    }
    if wanted.each.is_empty() {
        return Ok(());
    }
    if wanted.each.iter().any(|text| !found.iter().any(|note| text.accepts(note))) {
        return Err(format!("an expected {kind} is missing, got {found:?}"));
    }
    match found.iter().find(|note| !wanted.each.iter().any(|text| text.accepts(note))) {
        Some(note) => Err(format!("unexpected {kind}: {note}")),
        None => Ok(()),
    }
}

fn query(expr: &str, when: When, storage: &Storage) -> Result<Output, String> {
    let tree = parse_with(expr, ParseOptions::all()).map_err(|error| error.to_string())?;
    let (limits, cancel) = (Limits::experimental(), Cancel::default());
    match when {
        When::Instant(t) => eval_instant(&tree, storage, Timestamp(t), &limits, &cancel),
        When::Range(start, end, step) => {
            let (start, end) = (Timestamp(start), Timestamp(end));
            eval_range(&tree, storage, start, end, TimeDelta(step), &limits, &cancel)
        }
    }
    .map_err(|error| error.to_string())
}

/// The expression printed with `@ t` on all its selectors and outer subqueries that have none; nothing when it
/// depends on the time of evaluation otherwise.
fn with_times_fixed(expr: &str, t: i64) -> Result<Option<String>, String> {
    let mut tree = match parse_with(expr, ParseOptions::all()) {
        Ok(tree) => tree,
        Err(_) => return Ok(None), // expected to fail, or already told
    };
    let depends = fix_times(&mut tree, At::Timestamp(Timestamp(t)));
    Ok((!depends).then(|| tree.to_string()))
}

fn depends_on_time(id: FunctionId) -> bool {
    use FunctionId as F;
    matches!(
        id,
        F::DaysInMonth
            | F::DayOfMonth
            | F::DayOfWeek
            | F::DayOfYear
            | F::Hour
            | F::Minute
            | F::Month
            | F::Year
    ) || matches!(id, F::PredictLinear | F::Time | F::Timestamp | F::Start | F::End | F::Step | F::Range)
}

/// Answers whether the value still depends on when it is computed.
fn fix_times(expr: &mut Expr, at: At) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => fix(&mut selector.at, at),
        Expr::Matrix(matrix) => fix(&mut matrix.selector.at, at),
        // What stands inside follows the subquery's times.
        Expr::Subquery(subquery) => fix(&mut subquery.at, at),
        Expr::Call(call) => {
            let mut depends = depends_on_time(call.function.id);
            call.args.iter_mut().for_each(|arg| depends |= fix_times(arg, at));
            return depends;
        }
        Expr::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_some_and(|param| fix_times(param, at));
            return fix_times(&mut aggregate.expr, at) || param;
        }
        Expr::Binary(binary) => {
            let left = fix_times(&mut binary.lhs, at);
            return fix_times(&mut binary.rhs, at) || left;
        }
        Expr::Unary(unary) => return fix_times(&mut unary.expr, at),
        Expr::Paren(paren) => return fix_times(&mut paren.expr, at),
    }
    false
}

/// `start()` and `end()` are the instant itself in an instant query.
fn fix(slot: &mut Option<At>, at: At) {
    if !matches!(slot, Some(At::Timestamp(_))) {
        *slot = Some(at);
    }
}
