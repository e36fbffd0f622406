//! What the parser lets through can be computed on the 2 MiB stack of an ordinary thread, without optimisation.

use lingshao_model::{
    Cancel, SelectError, Selection, SeriesColumns, SeriesSource, TimeDelta, Timestamp, Visit,
};
use lingshao_promql::{Limits, ParseOptions, eval_instant, eval_range, parse_with};

struct Nothing;

impl SeriesSource for Nothing {
    fn select(
        &self,
        _: &Selection<'_>,
        _: &Cancel,
        _: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}

/// The deepest tree that can be read of `around` repeated; `#` stands for the next level.
#[track_caller]
fn check(around: &str, innermost: &str) {
    let nested =
        |levels: usize| (0..levels).fold(innermost.to_owned(), |inner, _| around.replace('#', &inner));
    let readable = |levels: usize| parse_with(&nested(levels), ParseOptions::all()).is_ok();
    let levels = (1..).find(|levels| !readable(levels + 1)).expect("depth is limited");
    assert!(levels >= 60, "only {levels} levels of {around}");
    let expr = parse_with(&nested(levels), ParseOptions::all()).expect("just read");
    let (limits, cancel) = (Limits::experimental(), Cancel::default());
    eval_instant(&expr, &Nothing, Timestamp(0), &limits, &cancel).expect("nothing to fail on");
    let (end, step) = (Timestamp(120_000), TimeDelta::from_secs(60));
    eval_range(&expr, &Nothing, Timestamp(0), end, step, &limits, &cancel).expect("nothing to fail on");
    let again = parse_with(&expr.prettify(), ParseOptions::all()).expect("what is printed can be read");
    assert_eq!(again.to_string(), expr.to_string());
}

#[test]
fn the_deepest_trees_can_be_computed() {
    check("(#)", "up");
    check("-(#)", "up");
    check("abs(#)", "up");
    check("sum by (a) (#)", "up");
    check("# + on (a) up", "up");
    check("up and #", "up");
    check("1 + #", "2");
    check("vector(scalar(#))", "up");
    check("absent(#)", "up");
    check("histogram_quantile(0.5, #)", "up");
    check("label_replace(#, \"a\", \"b\", \"c\", \"d\")", "up");
    check("clamp_min(up, scalar(#))", "up");
    check("info(#)", "up");
    check("sort(#)", "up");
}

/// Nested subqueries multiply their steps; one step each keeps that small.
#[test]
fn the_deepest_subqueries_can_be_computed() {
    check("max_over_time(#[1m:1m])", "up");
    check("absent_over_time(#[1m:1m])", "up");
}
