//! What the promqltest scripts cannot say: default flags, limits, cancellation, failing sources.

use std::cell::Cell;

use lingshao_model::{Labels, SelectError, Selection, SeriesColumns, Visit};

use super::*;
use crate::parser::{ParseOptions, parse_with};

/// `a`, `b` and `c_total`, each with jobs 0…9, a sample each 15 s for an hour; the value is the sample's number.
struct Source {
    /// Cancels after so many series.
    cancels_after: Cell<usize>,
    outcome: Result<Vec<String>, SelectError>,
}

// Tests use it on one thread; `SeriesSource` wants `Sync`, which a `Cell` is not.
struct Shared(std::sync::Mutex<Source>);

impl SeriesSource for Shared {
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        let source = self.0.lock().unwrap();
        let times: Vec<i64> = (0..240).map(|i| i * 15_000).collect();
        let values: Vec<f64> = (0..240).map(f64::from).collect();
        let from = times.partition_point(|time| *time < selection.start.0);
        let to = times.partition_point(|time| *time <= selection.end.0);
        for name in ["a", "b", "c_total"] {
            for job in 0..10 {
                let labels = Labels::from_pairs([("__name__", name), ("job", &*job.to_string())]).unwrap();
                let passes = selection
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")));
                if !passes || from >= to {
                    continue;
                }
                source.cancels_after.set(source.cancels_after.get().wrapping_sub(1));
                if source.cancels_after.get() == 0 {
                    cancel.cancel();
                }
                let (times, values) = (&times[from..to], &values[from..to]);
                if visit(SeriesColumns { labels: &labels, times, values, starts: &[] }).is_break() {
                    return Ok(Vec::new());
                }
            }
        }
        source.outcome.clone()
    }
}

fn source() -> Source {
    Source { cancels_after: Cell::new(usize::MAX), outcome: Ok(Vec::new()) }
}

fn run(query: &str, source: Source, limits: &Limits) -> Result<Output, EvalError> {
    let expr = parse_with(query, ParseOptions::all()).unwrap();
    let source = Shared(std::sync::Mutex::new(source));
    let (end, step) = (Timestamp(3_000_000), TimeDelta::from_secs(60));
    eval_range(&expr, &source, Timestamp(600_000), end, step, limits, &Cancel::default())
}

/// Labels and last value of each series, and the error's text.
fn shown(query: &str, limits: &Limits) -> String {
    match run(query, source(), limits) {
        Err(error) => error.to_string(),
        Ok(Output { value: QueryValue::Matrix(series), .. }) => {
            let last = |series: &MatrixSeries| series.points.last().map_or(f64::NAN, |(_, value)| *value);
            let one = |series: &MatrixSeries| format!("{} {}", series.labels, last(series));
            series.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Ok(other) => format!("{other:?}"),
    }
}

#[track_caller]
fn check(query: &str, expected: &str) {
    assert_eq!(shown(query, &Limits::default()), expected, "{query}");
}

#[test]
fn names_go_at_once_by_default() {
    let same = "vector cannot contain metrics with the same labelset";
    check(r#"sum by (__name__) (rate(c_total[5m]))"#, "{} 0.6666666666666666");
    check(r#"count by (__name__) (a)"#, "a 10");
    check(r#"abs({__name__=~"a|b", job="1"})"#, same);
    check(r#"-{__name__=~"a|b", job="1"}"#, same);
    check(r#"sum(rate({__name__=~"a|b"}[5m]))"#, same);
    check(r#"rate({__name__=~"a|b", job="1"}[5m] @ 900) + rate({__name__=~"a|b", job="1"}[5m])"#, same);
    check(r#"{__name__=~"a|b", job="1"} * 2"#, same);
    check(r#"{__name__=~"a|b", job="1"} > 2"#, r#"a{job="1"} 200; b{job="1"} 200"#);
    check(r#"last_over_time({__name__=~"a|b", job="1"}[1m])"#, r#"a{job="1"} 200; b{job="1"} 200"#);
    check(r#"label_replace(abs(a{job="1"}), "n", "<$1>", "__name__", "(.*)")"#, r#"{job="1", n="<>"} 200"#);
    check(r#"a{job="1"} > bool on (job) b"#, r#"{job="1"} 0"#);
    check(r#"sum({__name__=~"a|b", job="1"})"#, "{} 400");
}

#[test]
fn one_series_has_one_row() {
    check(r#"count((a{job="1"} > 150) or a{job="1"})"#, "{} 1");
    check(r#"(a{job="1"} > 150) or a{job="1"}"#, r#"a{job="1"} 200"#);
    check(r#"sum without () (a{job="1"} > 150 or a{job="1"}) / a"#, r#"{job="1"} 1"#);
}

#[test]
fn ranges_on_their_own_are_open_on_the_left() {
    let times = |query: &str| {
        let expr = parse_with(query, ParseOptions::all()).unwrap();
        let shared = Shared(std::sync::Mutex::new(source()));
        let at = Timestamp(120_000);
        match eval_instant(&expr, &shared, at, &Limits::default(), &Cancel::default()).unwrap().value {
            QueryValue::Matrix(series) => series[0].points.iter().map(|(time, _)| *time).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(times(r#"a{job="1"}[30s]"#), [105_000, 120_000]);
    assert_eq!(times(r#"(a{job="1"}[30s] offset 1m)"#), [45_000, 60_000]);
    assert_eq!(times(r#"a{job="1"}[2m:1m]"#), [60_000, 120_000]);
    assert_eq!(times(r#"a{job="1"}[2m:50s]"#), [50_000, 100_000]);
    assert_eq!(times(r#"a{job="1"}[20s] anchored"#), [100_000, 105_000, 120_000]);
}

#[test]
fn names_go_at_the_end_when_asked() {
    let limits = Limits::experimental();
    let name = r#"label_replace(abs(a{job="1"}), "n", "<$1>", "__name__", "(.*)")"#;
    assert_eq!(shown(name, &limits), r#"{job="1", n="<a>"} 200"#);
    assert_eq!(shown(r#"sum(rate({__name__=~"a|b"}[5m]))"#, &limits), "{} 1.3333333333333333");
}

#[test]
fn aggregations_hold_groups_and_others_hold_series() {
    let small = Limits { samples_max: 100, ..Limits::default() };
    assert_eq!(shown("sum(rate(c_total[5m]))", &small), "{} 0.6666666666666666");
    assert_eq!(shown("max(abs(a) * 2)", &small), "{} 400");
    assert_eq!(
        shown("rate(c_total[5m])", &small),
        "query processing would load too many samples into memory in query execution"
    );
    let narrow = Limits { bytes_max: 8_000, ..Limits::default() };
    assert_eq!(shown("sum(a)", &narrow), "{} 2000");
    assert!(shown("sort(a) and b", &narrow).starts_with("query needs more than 8000 bytes of memory"));
}

#[test]
fn huge_grids_are_refused_before_they_are_made() {
    let too_many = "query processing would load too many samples into memory in query execution";
    check("sum_over_time(vector(1)[10y:1ms])", too_many);
    check("max_over_time(max_over_time(a[1y:10ms])[1y:1s])", too_many);
    let few = Limits { points_per_series_max: 10, ..Limits::default() };
    assert_eq!(
        shown("1", &few),
        "exceeded maximum resolution of 10 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
}

#[test]
fn a_cancelled_query_stops_reading() {
    for query in ["sum(rate(c_total[5m]))", "a / b", "info(a)", "quantile(0.5, a)", "rate(a[1h:1m])"] {
        let source = Source { cancels_after: Cell::new(3), ..source() };
        let error = run(query, source, &Limits::default()).unwrap_err();
        assert_eq!(error, EvalError::Cancelled, "{query}");
    }
    assert_eq!(EvalError::Cancelled.by_timer().to_string(), "query timed out in expression evaluation");
}

#[test]
fn a_cancelled_query_stops_inside_of_a_series() {
    let query = "max_over_time(quantile_over_time(0.5, vector(1)[10000s:1s])[20000s:1s])";
    let expr = parse_with(query, ParseOptions::all()).unwrap();
    let cancel = Cancel::default();
    let flag = cancel.clone();
    let timer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        flag.cancel();
    });
    let started = std::time::Instant::now();
    let shared = Shared(std::sync::Mutex::new(source()));
    let outcome = eval_instant(&expr, &shared, Timestamp(0), &Limits::default(), &cancel);
    assert_eq!(outcome.unwrap_err(), EvalError::Cancelled);
    // Seconds of work are left undone; the bound is wide for slow machines.
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "took {:?}", started.elapsed());
    timer.join().unwrap();
}

#[test]
fn what_the_source_says_is_passed_on() {
    let failing = |error: SelectError| Source { outcome: Err(error), ..source() };
    let error =
        run("a", failing(SelectError::Storage("block `1` is damaged".to_owned())), &Limits::default());
    assert_eq!(error.unwrap_err().to_string(), "expanding series: block `1` is damaged");
    let error = run("a", failing(SelectError::TooLarge { bytes_max: 5 }), &Limits::default());
    assert_eq!(error.unwrap_err(), EvalError::TooMuchMemory { bytes_max: 5 });
    let warned = Source { outcome: Ok(vec!["block `1` is missing".to_owned()]), ..source() };
    let output = run("sum(a) + sum(b)", warned, &Limits::default()).unwrap();
    assert_eq!(output.warnings(""), ["block `1` is missing"]);
    assert_eq!(output.samples_read, 2 * 10 * 180);
}

#[test]
fn positions_count_lines_and_bytes() {
    let query = "# 注\n  rate(a[5m])";
    let output = run(query, source(), &Limits::default()).unwrap();
    assert_eq!(
        output.infos(query),
        [
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"a\" (2:8)"
        ]
    );
}

#[test]
fn instants_at_the_ends_of_time_are_just_empty() {
    for at in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
        for query in
            ["a", "a offset 1y", "rate(a[1y])", "timestamp(a offset -1y)", "rate(a[1y:1d])", "info(a)"]
        {
            let expr = parse_with(query, ParseOptions::all()).unwrap();
            let shared = Shared(std::sync::Mutex::new(source()));
            let output = eval_instant(&expr, &shared, Timestamp(at), &Limits::default(), &Cancel::default());
            assert_eq!(output.unwrap().value, QueryValue::Vector(Vec::new()), "{query} at {at}");
        }
    }
}

/// The deepest trees that the parser lets through, on the stack of a plain thread.
#[test]
fn the_deepest_trees_fit_on_a_small_stack() {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    for query in [
        nested("abs(", "a", ")", 190),
        nested("-(", "a", ")", 90),
        nested("1 + (", "a", ")", 90),
        nested("(", "a", " + a)", 90),
        nested("sum(", "a", ")", 190),
        nested("(", "a", " or b)", 90),
        nested("max_over_time(", "a", "[1m:1m])", 60),
        nested("label_join(", "a", r#", "x", "")"#, 190),
        nested("histogram_quantile(0.5, ", "a", ")", 190),
        nested("scalar(vector(", "1", "))", 95),
        nested("topk(1, ", "a", ")", 190),
    ] {
        let Ok(expr) = parse_with(&query, ParseOptions::all()) else { panic!("{query}") };
        let evaluated = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || {
                let shared = Shared(std::sync::Mutex::new(source()));
                let (at, limits) = (Timestamp(600_000), Limits::default());
                eval_instant(&expr, &shared, at, &limits, &Cancel::default())
                    .map(|output| output.samples_read)
            })
            .unwrap()
            .join()
            .unwrap();
        assert!(evaluated.is_ok(), "{query}: {evaluated:?}");
    }
}
