//! A few series in memory: a counter with resets and starts, a gauge with NaN and gaps, a classic histogram.

use std::sync::OnceLock;

use lingshao_model::{
    Cancel, Labels, Matcher, SelectError, Selection, SeriesColumns, SeriesSource, Visit, stale_nan,
};

pub struct Memory(Vec<(Labels, Vec<i64>, Vec<f64>, Vec<i64>)>);

/// The same series each time.
pub fn source() -> &'static Memory {
    static SOURCE: OnceLock<Memory> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let mut series = Vec::new();
        for instance in ["a", "b"] {
            let labels = |name: &str, le: &str| {
                let pairs = [("__name__", name), ("instance", instance), ("job", "shop"), ("le", le)];
                Labels::from_pairs(pairs).expect("fixed labels are valid")
            };
            let times: Vec<i64> = (0..40).map(|step| step * 15_000).collect();
            let counter = times.iter().map(|t| (t / 1000 % 250) as f64).collect();
            let starts = times.iter().map(|t| t - t % 250_000 + 1).collect();
            series.push((labels("x_total", ""), times.clone(), counter, starts));
            let gauge = |t: &i64| match t / 15_000 % 7 {
                3 => f64::NAN,
                5 => stale_nan(),
                step => 1e300 * (step as f64 - 2.0),
            };
            series.push((labels("g", ""), times.clone(), times.iter().map(gauge).collect(), Vec::new()));
            for (le, share) in [("0.1", 1.0), ("1", 3.0), ("+Inf", 4.0)] {
                let counts = times.iter().map(|t| *t as f64 * share).collect();
                series.push((labels("h_bucket", le), times.clone(), counts, Vec::new()));
            }
            series.push((labels("target_info", ""), times.clone(), vec![1.0; times.len()], Vec::new()));
        }
        series.sort_by(|one, other| one.0.cmp(&other.0));
        Memory(series)
    })
}

impl SeriesSource for Memory {
    fn select(
        &self,
        selection: &Selection<'_>,
        _cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        for (labels, times, values, starts) in &self.0 {
            let accepts = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
            let from = times.partition_point(|t| *t < selection.start.0);
            let to = times.partition_point(|t| *t <= selection.end.0);
            if from >= to || !selection.matchers.iter().all(accepts) {
                continue;
            }
            let (times, values) = (&times[from..to], &values[from..to]);
            let starts = if starts.is_empty() { &[] } else { &starts[from..to] };
            if visit(SeriesColumns { labels, times, values, starts }).is_break() {
                break;
            }
        }
        Ok(Vec::new())
    }
}
