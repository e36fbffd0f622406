//! Our own figures, as `/metrics` shows them and as they are kept under `job="lingshao"`.

pub(crate) mod alertmanager;
pub(crate) mod external;
pub(crate) mod notify;
mod page;
mod process;
pub(crate) mod rules;
pub(crate) mod scraped;
pub(crate) mod storage;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use lingshao_model::Refusals;

pub(crate) use page::{Counter, Gauge, Page, Seconds, UnderWay};

use crate::server::routes::ROUTES;

/// Everything that this process counts about itself. One per process, shared.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    /// The web listener.
    pub(crate) http: HttpTelemetry,
    /// Remote write.
    pub(crate) ingest: IngestTelemetry,
    /// PromQL.
    pub(crate) queries: QueryTelemetry,
    /// The write-ahead log.
    pub(crate) wal: std::sync::Arc<WalTelemetry>,
    /// Damage to what is stored.
    pub(crate) storage: storage::StorageTelemetry,
    /// The configuration.
    pub(crate) reload: ReloadTelemetry,
    /// Rule groups.
    pub(crate) rules: std::sync::Arc<rules::RulesTelemetry>,
    /// Alerts, silences, `state.db`.
    pub(crate) alertmanager: std::sync::Arc<alertmanager::AlertmanagerTelemetry>,
    /// Alertmanagers elsewhere.
    pub(crate) external: std::sync::Arc<external::ExternalTelemetry>,
    /// Messages.
    pub(crate) notify: std::sync::Arc<notify::NotifyTelemetry>,
}

/// Requests by route and status.
#[derive(Debug)]
pub(crate) struct HttpTelemetry {
    /// Open connections.
    pub(crate) connections: UnderWay,
    /// Beside [`ROUTES`]; the last is for paths that are no route. Lines of one path count in the first of them.
    routes: Vec<RouteTelemetry>,
}

#[derive(Debug, Default)]
struct RouteTelemetry {
    seconds: Seconds,
    /// By status code; a handler gives no more than a dozen.
    codes: Mutex<BTreeMap<u16, u64>>,
}

impl Default for HttpTelemetry {
    fn default() -> HttpTelemetry {
        let routes = std::iter::repeat_with(RouteTelemetry::default).take(ROUTES.len() + 1).collect();
        HttpTelemetry { connections: UnderWay::default(), routes }
    }
}

impl HttpTelemetry {
    /// Counts an answer of a route, or of none.
    pub(crate) fn observe(&self, route: Option<usize>, status: StatusCode, took: Duration) {
        let first = |route: usize| ROUTES.iter().position(|line| line.path == ROUTES[route].path);
        let route = &self.routes[route.and_then(first).unwrap_or(ROUTES.len())];
        route.seconds.observe(took);
        let mut codes = route.codes.lock().unwrap_or_else(PoisonError::into_inner);
        *codes.entry(status.as_u16()).or_default() += 1;
    }

    fn render(&self, page: &mut Page) {
        page.gauge("lingshao_http_connections", "Open connections.", self.connections.get() as f64);
        let paths = || ROUTES.iter().map(|route| route.path).chain(["other"]);
        let name = "lingshao_http_requests_total";
        page.family(name, "counter", "Requests answered, by route and status.");
        for (path, route) in paths().zip(&self.routes) {
            let codes = route.codes.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for (code, count) in codes {
                page.sample(name, &[("handler", path), ("code", &code.to_string())], count as f64);
            }
        }
        let name = "lingshao_http_request_duration_seconds";
        page.family(name, "histogram", "Time to answer, by route.");
        for (path, route) in paths().zip(&self.routes) {
            let called = !route.codes.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            if called {
                page.seconds(name, &[("handler", path)], &route.seconds);
            }
        }
    }
}

/// What came in by remote write.
#[derive(Debug, Default)]
pub(crate) struct IngestTelemetry {
    /// Samples kept.
    pub(crate) samples: Counter,
    /// Compressed bytes received.
    pub(crate) bytes: Counter,
    /// Requests refused for the moment: memory, disk, too many at once.
    pub(crate) overloads: Counter,
    /// Samples refused for good, by reason.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl IngestTelemetry {
    /// Counts what of a batch was refused for good.
    pub(crate) fn refuse(&self, refusals: &Refusals) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for one in refusals.iter() {
            *refused.entry(one.reason.code()).or_default() += one.count;
        }
    }

    fn render(&self, page: &mut Page) {
        let count = |counter: &Counter| counter.get() as f64;
        let name = "lingshao_remote_write_samples_total";
        page.counter(name, "Samples received by remote write and kept.", count(&self.samples));
        let name = "lingshao_remote_write_bytes_total";
        page.counter(name, "Compressed bytes received by remote write.", count(&self.bytes));
        let name = "lingshao_remote_write_overloads_total";
        page.counter(name, "Remote-write requests refused for the moment (503).", count(&self.overloads));
        let name = "lingshao_remote_write_refused_samples_total";
        page.family(name, "counter", "Samples refused for good, by reason.");
        for (reason, count) in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.sample(name, &[("reason", reason)], *count as f64);
        }
    }
}

/// What was asked.
#[derive(Debug, Default)]
pub(crate) struct QueryTelemetry {
    /// Being evaluated.
    pub(crate) running: UnderWay,
    /// Waiting for their turn.
    pub(crate) waiting: UnderWay,
    /// Turned away because too many were waiting.
    pub(crate) overloads: Counter,
    /// Ended by their timeout.
    pub(crate) timeouts: Counter,
    /// Samples that evaluation read from the storage.
    pub(crate) samples_read: Counter,
    /// Time of evaluation.
    pub(crate) seconds: Seconds,
}

impl QueryTelemetry {
    fn render(&self, page: &mut Page) {
        page.gauge("lingshao_queries_running", "Queries being evaluated.", self.running.get() as f64);
        page.gauge("lingshao_queries_waiting", "Queries waiting for their turn.", self.waiting.get() as f64);
        let name = "lingshao_query_overloads_total";
        page.counter(name, "Queries turned away: too many were waiting.", self.overloads.get() as f64);
        let name = "lingshao_query_timeouts_total";
        page.counter(name, "Queries ended by their timeout.", self.timeouts.get() as f64);
        let name = "lingshao_query_samples_read_total";
        page.counter(name, "Samples that queries read.", self.samples_read.get() as f64);
        let name = "lingshao_query_duration_seconds";
        page.family(name, "histogram", "Time of evaluation.");
        page.seconds(name, &[], &self.seconds);
    }
}

/// How the log is doing.
#[derive(Debug, Default)]
pub(crate) struct WalTelemetry {
    /// Successful syncs and their times.
    pub(crate) syncs: Seconds,
    /// 1 after the log has failed: nothing is acknowledged then, and we are not ready.
    pub(crate) failed: Gauge,
}

impl WalTelemetry {
    fn render(&self, page: &mut Page) {
        let name = "lingshao_wal_sync_duration_seconds";
        page.family(name, "histogram", "Syncs of the write-ahead log.");
        page.seconds(name, &[], &self.syncs);
        let help = "1 after a failed sync; nothing is acknowledged then.";
        page.gauge("lingshao_wal_failed", help, self.failed.get());
    }
}

/// How the last reload went.
#[derive(Debug, Default)]
pub(crate) struct ReloadTelemetry {
    /// 1 or 0.
    pub(crate) successful: Gauge,
    /// Seconds since the epoch.
    pub(crate) last_success: Gauge,
}

impl ReloadTelemetry {
    fn render(&self, page: &mut Page) {
        let name = "lingshao_config_last_reload_successful";
        page.gauge(name, "Whether the last reload succeeded.", self.successful.get());
        let name = "lingshao_config_last_reload_success_timestamp_seconds";
        page.gauge(name, "When a reload last succeeded.", self.last_success.get());
    }
}

impl Telemetry {
    /// Adds all of it to a page.
    pub(crate) fn render(&self, page: &mut Page) {
        page.family("lingshao_build_info", "gauge", "The program's version.");
        page.sample("lingshao_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        self.http.render(page);
        self.ingest.render(page);
        self.queries.render(page);
        self.wal.render(page);
        self.storage.render(page);
        self.reload.render(page);
        self.rules.render(page);
        self.alertmanager.render(page);
        self.notify.render(page);
        self.external.render(page);
        process::render(page);
    }
}
