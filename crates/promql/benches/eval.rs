//! What evaluation costs over a source that costs nothing: 1,000 series of 6 h at 15 s, range queries of 360 steps.
//!
//! `cargo bench -p lingshao-promql --bench eval [FILTER]` prints, for each query, the median time of 15 runs and
//! nanoseconds per sample read.
#![allow(clippy::print_stdout, reason = "a benchmark speaks on stdout")]

use std::hint::black_box;
use std::time::Instant;

use lingshao_model::{
    Cancel, Labels, Matcher, SelectError, Selection, SeriesColumns, SeriesSource, TimeDelta, Timestamp, Visit,
};
use lingshao_promql::{Limits, eval_instant, eval_range, parse};

const SERIES: usize = 1000;
const HOURS: i64 = 6;
const INTERVAL_MILLIS: i64 = 15_000;

struct Series {
    labels: Labels,
    times: Vec<i64>,
    values: Vec<f64>,
}

struct Memory(Vec<Series>);

impl Memory {
    fn new() -> Memory {
        let count = HOURS * 3_600_000 / INTERVAL_MILLIS;
        let mut all = Vec::new();
        for name in ["x_total", "g"] {
            for index in 0..SERIES {
                let mode = (index % 8).to_string();
                let instance = format!("host-{:03}", index / 8);
                let pairs = [("__name__", name), ("mode", &*mode), ("instance", &*instance)];
                let labels = Labels::from_pairs(pairs).expect("three different names");
                let times = (0..count).map(|i| i * INTERVAL_MILLIS + (index as i64 * 7) % 15_000).collect();
                let value = |i: i64| match name {
                    "g" => ((i * 37 + index as i64 * 11) % 1000) as f64 / 7.0,
                    _ => (i * (index as i64 % 13 + 1)) as f64 * 0.25,
                };
                all.push(Series { labels, times, values: (0..count).map(value).collect() });
            }
        }
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        Memory(all)
    }
}

impl SeriesSource for Memory {
    fn select(
        &self,
        selection: &Selection<'_>,
        _: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        let passes = |labels: &Labels| {
            let value = |matcher: &Matcher| labels.get(matcher.name()).unwrap_or("");
            selection.matchers.iter().all(|matcher| matcher.matches(value(matcher)))
        };
        for series in self.0.iter().filter(|series| passes(&series.labels)) {
            let from = series.times.partition_point(|time| *time < selection.start.0);
            let to = series.times.partition_point(|time| *time <= selection.end.0);
            if from < to {
                let (times, values) = (&series.times[from..to], &series.values[from..to]);
                let columns = SeriesColumns { labels: &series.labels, times, values, starts: &[] };
                if visit(columns).is_break() {
                    break;
                }
            }
        }
        Ok(Vec::new())
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    let source = Memory::new();
    let hours = |count: i64| Timestamp(count * 3_600_000);
    for query in [
        "sum by (mode)(rate(x_total[5m]))",
        "rate(x_total[5m])",
        "sum(g)",
        "g",
        "sum by (mode)(g) / sum by (mode)(x_total)",
        "g / on (mode, instance) x_total",
        "max_over_time(g[1h])",
        "avg_over_time(g[1h])",
        "sum_over_time(x_total[1h])",
        "quantile_over_time(0.9, g[5m])",
        "topk(5, g)",
        "quantile by (mode)(0.9, g)",
        "sum by (mode)(rate(x_total[5m])) > 5 and on (mode) sum by (mode)(g)",
        "max_over_time(sum by (mode)(rate(x_total[5m]))[1h:1m])",
    ] {
        if !query.contains(&filter) {
            continue;
        }
        let expr = parse(query).expect("a valid query");
        measure(query, || {
            let (cancel, limits) = (Cancel::default(), Limits::default());
            let step = TimeDelta::from_secs(60);
            eval_range(&expr, &source, Timestamp(60_000), hours(HOURS), step, &limits, &cancel)
                .expect("within limits")
                .samples_read
        });
    }
    for query in ["sum by (mode)(rate(x_total[5m]))", "g", "topk(5, g)"] {
        if !query.contains(&filter) {
            continue;
        }
        let expr = parse(query).expect("a valid query");
        measure(&format!("instant {query}"), || {
            let (cancel, limits) = (Cancel::default(), Limits::default());
            eval_instant(&expr, &source, hours(3), &limits, &cancel).expect("within limits").samples_read
        });
    }
}

fn measure(name: &str, mut run: impl FnMut() -> u64) {
    let mut samples = run();
    let mut nanos: Vec<u128> = (0..15)
        .map(|_| {
            let start = Instant::now();
            samples = black_box(run());
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let median = nanos[nanos.len() / 2];
    let each = median as f64 / samples.max(1) as f64;
    println!("{:>9.3} ms {each:>7.2} ns/sample {samples:>9} samples  {name}", median as f64 / 1e6);
}
