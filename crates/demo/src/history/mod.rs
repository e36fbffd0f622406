//! What would have been measured in the shop and on its host before the demo was started.
//!
//! Contract: pure. The same scope gives the same series; rates are those of the live shop; counters never fall.

use std::time::Duration;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The shop's seed.
    pub seed: u64,
    /// No sample lies before this time, in milliseconds since 1970.
    pub start_ms: i64,
    /// No sample lies behind this time, in milliseconds since 1970.
    pub end_ms: i64,
    /// Distance of samples, which lie on multiples of it.
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

/// Facts of the host, so that its history is continued by what its collector measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The labels that the host's collector gives.
    pub target: Target,
    /// Number of processors.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// When the host was started, in milliseconds since 1970.
    pub booted_ms: i64,
    /// The main file system.
    pub file_system: FileSystem,
    /// Block device, such as `vda`.
    pub disk: String,
    /// Network device, such as `eth0`.
    pub network: String,
}

/// The host's main file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// The label `device`, such as `/dev/vda1`.
    pub device: String,
    /// The label `mountpoint`.
    pub mountpoint: String,
    /// The label `fstype`.
    pub fstype: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Bytes that are available at the end.
    pub available_bytes: u64,
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
    let step = scope.step.as_millis() as i64;
    let first = scope.start_ms.div_euclid(step) + i64::from(scope.start_ms.rem_euclid(step) != 0);
    (first..=scope.end_ms.div_euclid(step)).map(|n| n * step).collect()
}

/// The series, at most 400, one at a time.
pub fn series(_scope: &Scope) -> impl Iterator<Item = Series> {
    std::iter::empty()
}
