//! Our own figures, as `/metrics` shows them and as they are kept under `job="lingshao"`.

pub(crate) mod alertmanager;
pub(crate) mod external;
pub(crate) mod logs;
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

pub(crate) use page::{Counter, Fault, Gauge, Page, Seconds, UnderWay};

use crate::health::Health;
use crate::server::routes::Door;

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
    /// The log records' write-ahead log.
    pub(crate) log_wal: std::sync::Arc<WalTelemetry>,
    /// Log records.
    pub(crate) logs: std::sync::Arc<logs::LogsTelemetry>,
    /// Why metrics are not sealed, merged or forgotten.
    pub(crate) maintenance: Fault,
    /// Why log records are not.
    pub(crate) log_maintenance: Fault,
    /// What of us does not work.
    pub(crate) health: Health,
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
    web: DoorTelemetry,
    elasticsearch: DoorTelemetry,
}

#[derive(Debug)]
struct DoorTelemetry {
    name: &'static str,
    door: Door,
    /// Beside [`Door::routes`]; the last is for paths that are no route. Lines of one path count in the first of them.
    routes: Vec<RouteTelemetry>,
}

#[derive(Debug, Default)]
struct RouteTelemetry {
    seconds: Seconds,
    /// By status code; a handler gives no more than a dozen.
    codes: Mutex<BTreeMap<u16, u64>>,
}

impl DoorTelemetry {
    fn new(name: &'static str, door: Door) -> DoorTelemetry {
        let routes = std::iter::repeat_with(RouteTelemetry::default).take(door.routes().len() + 1).collect();
        DoorTelemetry { name, door, routes }
    }

    /// Paths and what was counted of them; those that nobody has asked for are left out.
    fn called(&self) -> impl Iterator<Item = (&'static str, &RouteTelemetry, BTreeMap<u16, u64>)> {
        let paths = self.door.routes().iter().map(|route| route.path).chain(["other"]);
        paths.zip(&self.routes).filter_map(|(path, route)| {
            let codes = route.codes.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (!codes.is_empty()).then_some((path, route, codes))
        })
    }
}

impl Default for HttpTelemetry {
    fn default() -> HttpTelemetry {
        HttpTelemetry {
            connections: UnderWay::default(),
            web: DoorTelemetry::new("web", Door::Web),
            elasticsearch: DoorTelemetry::new("elasticsearch", Door::Elasticsearch),
        }
    }
}

impl HttpTelemetry {
    /// Counts an answer of a route, or of none.
    pub(crate) fn observe(&self, door: Door, route: Option<usize>, status: StatusCode, took: Duration) {
        let own = match door {
            Door::Web => &self.web,
            Door::Elasticsearch => &self.elasticsearch,
        };
        let lines = door.routes();
        let first = |route: usize| lines.iter().position(|line| line.path == lines[route].path);
        let route = &own.routes[route.and_then(first).unwrap_or(lines.len())];
        route.seconds.observe(took);
        let mut codes = route.codes.lock().unwrap_or_else(PoisonError::into_inner);
        *codes.entry(status.as_u16()).or_default() += 1;
    }

    fn render(&self, page: &mut Page) {
        page.gauge("lingshao_http_connections", "Open connections.", self.connections.get() as f64);
        let doors = [&self.web, &self.elasticsearch];
        let name = "lingshao_http_requests_total";
        page.family(name, "counter", "Requests answered, by listener, route and status.");
        for (door, (path, _, codes)) in
            doors.iter().flat_map(|door| door.called().map(|one| (door.name, one)))
        {
            for (code, count) in codes {
                let labels = [("listener", door), ("handler", path), ("code", &code.to_string())];
                page.sample(name, &labels, count as f64);
            }
        }
        let name = "lingshao_http_request_duration_seconds";
        page.family(name, "histogram", "Time to answer, by listener and route.");
        for (door, (path, route, _)) in
            doors.iter().flat_map(|door| door.called().map(|one| (door.name, one)))
        {
            page.seconds(name, &[("listener", door), ("handler", path)], &route.seconds);
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

/// The two logs; both have the same figures.
fn render_wals(page: &mut Page, metrics: &WalTelemetry, logs: &WalTelemetry) {
    let both = [("metrics", metrics), ("logs", logs)];
    let name = "lingshao_wal_sync_duration_seconds";
    page.family(name, "histogram", "Syncs of the write-ahead logs.");
    for (storage, wal) in both {
        page.seconds(name, &[("storage", storage)], &wal.syncs);
    }
    let name = "lingshao_wal_failed";
    page.family(name, "gauge", "1 after a failed sync; nothing is acknowledged then.");
    for (storage, wal) in both {
        page.sample(name, &[("storage", storage)], wal.failed.get());
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
        render_wals(page, &self.wal, &self.log_wal);
        self.health.render(page);
        self.storage.render(page);
        self.reload.render(page);
        self.rules.render(page);
        self.alertmanager.render(page);
        self.notify.render(page);
        self.external.render(page);
        process::render(page);
    }
}
