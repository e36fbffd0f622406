//! The text exposition of our own figures, and the few cell types that hold them.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// What it counted so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that is set.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces it.
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// As it was last set.
    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Why something does not work at the moment; nothing while it does.
#[derive(Debug, Default)]
pub(crate) struct Fault(Mutex<Option<String>>);

impl Fault {
    /// Replaces it.
    pub(crate) fn set(&self, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// As it was last set.
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// 1 while there is one.
    pub(crate) fn figure(&self) -> f64 {
        f64::from(u8::from(self.get().is_some()))
    }
}

/// How many things are under way: up while a [`Busy`] lives.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(AtomicU64);

/// Counts one thing as under way until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a UnderWay);

impl UnderWay {
    /// One more, until the answer is dropped.
    pub(crate) fn enter(&self) -> Busy<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// How many there are now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Upper bounds of our latency buckets, in seconds: from a cached answer to the default query timeout.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Seconds {
    /// One more than bounds: the last is `+Inf`. Not cumulative.
    buckets: [AtomicU64; SECONDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Seconds {
    /// Adds one.
    pub(crate) fn observe(&self, took: Duration) {
        let at = SECONDS.partition_point(|bound| *bound < took.as_secs_f64());
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// A page in the text format 0.0.4 under construction. Metric names and label names are our own constants.
#[derive(Debug, Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
}

impl Page {
    /// The finished page.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Starts a family; its samples follow.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.text(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One sample of the family started last.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text(name);
        let mut separator = "{";
        for (label, text) in labels {
            self.text(&format!("{separator}{label}=\"{}\"", escaped(text)));
            separator = ",";
        }
        if !labels.is_empty() {
            self.text("}");
        }
        self.text(&format!(" {value}\n"));
    }

    /// A family of one counter without labels.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    /// A family of one gauge without labels.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// The samples of one histogram of the family started last.
    pub(crate) fn seconds(&mut self, name: &str, labels: &[(&str, &str)], seconds: &Seconds) {
        let mut count = 0;
        let bucket_name = format!("{name}_bucket");
        for (index, bucket) in seconds.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            let bound = SECONDS.get(index).map_or("+Inf".to_owned(), f64::to_string);
            let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.sample(&bucket_name, &labels, count as f64);
        }
        let sum = seconds.sum_micros.load(Ordering::Relaxed) as f64 / 1e6;
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count as f64);
    }

    fn text(&mut self, text: &str) {
        self.bytes.write_all(text.as_bytes()).expect("a Vec takes every byte");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_prometheus_reads_it() {
        let mut page = Page::default();
        page.counter("a_total", "How many.", 3.0);
        page.family("b", "gauge", "What.");
        page.sample("b", &[("path", "C:\\x \"y\"\n")], 0.5);
        assert_eq!(
            String::from_utf8(page.into_bytes()).unwrap(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
             # HELP b What.\n# TYPE b gauge\nb{path=\"C:\\\\x \\\"y\\\"\\n\"} 0.5\n"
        );
    }

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let seconds = Seconds::default();
        for millis in [1, 3, 200_000] {
            seconds.observe(Duration::from_millis(millis));
        }
        let mut page = Page::default();
        page.seconds("t_seconds", &[("h", "x")], &seconds);
        let text = String::from_utf8(page.into_bytes()).unwrap();
        for line in [
            "t_seconds_bucket{h=\"x\",le=\"0.001\"} 1\n",
            "t_seconds_bucket{h=\"x\",le=\"0.005\"} 2\n",
            "t_seconds_bucket{h=\"x\",le=\"120\"} 2\n",
            "t_seconds_bucket{h=\"x\",le=\"+Inf\"} 3\n",
            "t_seconds_sum{h=\"x\"} 200.004\n",
            "t_seconds_count{h=\"x\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} missing in {text}");
        }
    }

    #[test]
    fn under_way_falls_back_when_the_guard_goes() {
        let under_way = UnderWay::default();
        let busy = under_way.enter();
        assert_eq!(under_way.get(), 1);
        drop(busy);
        assert_eq!(under_way.get(), 0);
    }
}
