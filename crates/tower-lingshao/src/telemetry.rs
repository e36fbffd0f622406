//! The one thing a shop holds: it gives layers, the page of metrics, and a good end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::TrustedProxies;
use crate::layer::RequestLayer;
use crate::log::{LogTo, Records};
use crate::metrics::Requests;
use crate::page::{MetricKind, MetricsPage};
use crate::record::Origin;

/// What is said about a shop's requests, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The field `service` of every record.
    pub service: String,
    /// Where records go.
    pub log_to: LogTo,
    /// Whose `X-Forwarded-For` is believed; by default nobody's.
    pub trusted_proxies: TrustedProxies,
    /// Paths that are neither counted nor recorded: by default `/metrics` and the usual names of health checks. A `*` at
    /// the end stands for anything; `/health*` would be too wide, because shops sell health food.
    pub ignored_paths: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            service: "shop".into(),
            log_to: LogTo::Stdout,
            trusted_proxies: TrustedProxies::default(),
            ignored_paths: ["/metrics", "/health", "/health/*", "/healthz", "/livez", "/readyz"]
                .map(String::from)
                .into(),
        }
    }
}

impl Options {
    pub(crate) fn ignores(&self, path: &str) -> bool {
        self.ignored_paths.iter().any(|ignored| match ignored.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == ignored,
        })
    }
}

/// Records need a task to be sent by, and tasks need a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tokio runtime here to send log records; call Telemetry::start inside of one")]
pub struct NoRuntime;

/// Metrics and records of a shop's requests. A clone is the same telemetry.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) origin: Origin,
    pub(crate) requests: Requests,
    pub(crate) records: Records,
    collectors: Mutex<Vec<Collector>>,
}

type Collector = Box<dyn Fn(&mut MetricsPage) + Send + Sync>;

impl Telemetry {
    /// Begins. Needs a tokio runtime unless records go nowhere.
    pub fn start(options: Options) -> Result<Telemetry, NoRuntime> {
        let records = Records::start(&options.log_to)?;
        let requests = Requests::default();
        let origin = Origin::here(&options.service);
        Ok(Telemetry(Arc::new(Inner { options, origin, requests, records, collectors: Mutex::default() })))
    }

    /// The layer to put around the shop's routes.
    pub fn layer(&self) -> RequestLayer {
        RequestLayer::new(Arc::clone(&self.0))
    }

    /// Adds metrics of the shop's own: `write` is called for every page. It must not block.
    pub fn collect(&self, write: impl Fn(&mut MetricsPage) + Send + Sync + 'static) {
        self.collectors().push(Box::new(write));
    }

    /// The page for `/metrics`, in Prometheus' text format ([`PAGE_CONTENT_TYPE`](crate::PAGE_CONTENT_TYPE)).
    pub fn render(&self) -> String {
        let mut page = MetricsPage::default();
        self.0.requests.render(&mut page);
        let help = "Log records that were not sent: the queue was full, or the end came first.";
        page.family("request_log_records_dropped_total", MetricKind::Counter, help)
            .sample(&[], self.0.records.dropped() as f64);
        for collector in self.collectors().iter() {
            collector(&mut page);
        }
        page.finish()
    }

    /// Sends what is waiting, for at most three seconds. Requests that end later are counted, but not recorded.
    pub async fn close(&self) {
        self.0.records.close().await;
    }

    fn collectors(&self) -> std::sync::MutexGuard<'_, Vec<Collector>> {
        // A collector that panicked has written half a page, which was lost with it.
        self.0.collectors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("options", &self.options).finish_non_exhaustive()
    }
}
