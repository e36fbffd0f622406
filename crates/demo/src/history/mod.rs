//! What would have been measured in the shop and on its host before the demo was started.
//!
//! Contract: pure. The same scope gives the same series; orders, visits and rates are those of the live shop; counters
//! never fall but at a restart of the host. Where the live values begin, the history has ended: the shop's gauges are
//! those of its first start, the host's counters end at what the collector reads.

mod host;
mod past;
mod shop;
mod story;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use story::STOCKS;
use story::Story;

/// Most series that are given.
pub const SERIES_MAX: usize = 400;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The shop's seed.
    pub seed: u64,
    /// No sample lies before this time, in milliseconds since 1970.
    pub start_ms: i64,
    /// No sample lies behind this time, in milliseconds since 1970.
    pub end_ms: i64,
    /// Distance of samples, which lie on multiples of it: 30 s, or a multiple of that.
    pub step: Duration,
    /// The labels that a scrape of the shop gives.
    pub shop: Target,
    /// The host beside the shop; nothing leaves its series out.
    pub host: Option<Host>,
    /// The shop's `orders_total` at the end, if it is known; otherwise what the first start of the shop assumes.
    pub orders_total: Option<u64>,
}

impl Scope {
    /// The fourteen days before `end_ms`, every thirty seconds.
    pub fn two_weeks(seed: u64, end_ms: i64, shop: Target, host: Option<Host>) -> Scope {
        let step = Duration::from_secs(30);
        Scope { seed, start_ms: end_ms - 14 * 86_400_000, end_ms, step, shop, host, orders_total: None }
    }
}

/// The labels `job` and `instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The label `job`.
    pub job: String,
    /// The label `instance`.
    pub instance: String,
}

/// The host, so that its history is continued by what its collector measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The labels that a scrape of the collector gives.
    pub target: Target,
    /// What the collector (or node_exporter) says at the end, in Prometheus' text format. Processors, devices, file
    /// systems and memory are taken from it, and counters end at its values: had they ended elsewhere, the first live
    /// value would look like a burst.
    pub page: String,
}

/// One series: a value for each of [`timestamps`].
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// All labels with `__name__`, sorted by name.
    pub labels: Vec<(String, String)>,
    /// The values; `NaN` never occurs.
    pub values: Vec<f64>,
}

/// The common timestamps, in milliseconds since 1970.
pub fn timestamps(scope: &Scope) -> Vec<i64> {
    let step = (scope.step.as_millis() as i64).max(1);
    let first = scope.start_ms.div_euclid(step) + i64::from(scope.start_ms.rem_euclid(step) != 0);
    (first..=scope.end_ms.div_euclid(step)).map(|n| n * step).collect()
}

/// The series, at most [`SERIES_MAX`], one at a time, in ascending order of labels.
pub fn series(scope: &Scope) -> impl Iterator<Item = Series> + use<> {
    let times = timestamps(scope);
    let story = Story::new(scope, &times);
    let mut recipes = if times.is_empty() { Vec::new() } else { shop::recipes(scope) };
    if let Some(host) = scope.host.as_ref().filter(|_| !times.is_empty()) {
        recipes.extend(host::recipes(scope.seed, host, SERIES_MAX - recipes.len()));
    }
    recipes.sort_by(|a, b| a.labels.cmp(&b.labels));
    recipes.into_iter().map(move |recipe| Series { values: (recipe.values)(&story), labels: recipe.labels })
}

/// How the values of a series are made.
type Values = Box<dyn Fn(&Story) -> Vec<f64> + Send>;

/// A series that is not made yet.
struct Recipe {
    labels: Vec<(String, String)>,
    values: Values,
}

impl Recipe {
    fn new(
        target: &Target,
        name: &str,
        labels: &[(&str, &str)],
        values: impl Fn(&Story) -> Vec<f64> + Send + 'static,
    ) -> Recipe {
        let own = [("__name__", name), ("job", &target.job), ("instance", &target.instance)];
        let all = own.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut labels: Vec<(String, String)> = all.collect();
        labels.sort();
        Recipe { labels, values: Box::new(values) }
    }
}
