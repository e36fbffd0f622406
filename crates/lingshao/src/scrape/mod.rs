//! Fetches pages from targets in fixed slots and appends them to the storage.
//!
//! Contract: decisions are pure and take the clock as an argument ([`slots`], [`target`], [`discovery`],
//! [`append`]); the loops around them are thin. One task manages the set of targets, one task per target scrapes it;
//! parsing and storing happen on blocking threads, no more at a time than there are cores. Nothing that a target
//! sends takes more memory than its job's `body_size_limit`, all targets together no more than
//! [`fetch::BUDGET_BYTES`] before unpacking. A reload keeps every target whose labels and page are unchanged.
//!
//! Pages made in this process run through the same loop: our own figures (`job="lingshao"`), this host (`job="node"`),
//! and databases (`job="postgres"`, …), whose page is awaited rather than rendered. They are read once more at the
//! start, before their first slot.

pub mod append;
pub mod client;
pub mod discovery;
pub mod fetch;
pub mod metadata;
pub mod slots;
pub mod target;

mod manager;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lingshao_model::{Labels, TimeDelta, Timestamp};
use lingshao_tsdb::Db;
use lingshao_wire::prometheus_config::ScrapeConfig;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

pub use client::{Job, SettingsError};
pub(crate) use client::{credentials, http_client, pem, secret, system_tls};
pub(crate) use fetch::{describe, read_at_most};
pub use metadata::{Family, Metadata};

use crate::collect::host::Host;
use crate::config::{CollectDatabase, CollectHost, Config};
use manager::Manager;

/// What is scraped, checked and ready: everything that can fail has been tried.
#[derive(Clone, Debug)]
pub struct Settings {
    jobs: Vec<Arc<Job>>,
    host: Option<HostSettings>,
    databases: Vec<DatabaseJob>,
    own: ScrapeConfig,
}

/// Databases of one job.
#[derive(Clone, Debug)]
struct DatabaseJob {
    config: ScrapeConfig,
    targets: Vec<DatabaseTarget>,
}

#[derive(Clone, Debug)]
struct DatabaseTarget {
    collect: CollectDatabase,
    interval: TimeDelta,
    timeout: TimeDelta,
}

#[derive(Clone, Debug)]
struct HostSettings {
    collect: CollectHost,
    config: ScrapeConfig,
}

/// The job of our own figures.
pub const OWN_JOB: &str = "lingshao";
/// The job of what was counted of log records, where they name no service.
pub const REQUESTS_JOB: &str = "requests";
/// The job of the business monitors' figures.
pub const SHOP_JOB: &str = "lingshao-shop";

impl Settings {
    /// Builds each job's client; reads the certificates that the jobs name.
    pub fn new(config: &Config) -> Result<Settings, SettingsError> {
        let jobs = config.scrape_configs.iter().map(|job| Job::new(job).map(Arc::new));
        let host = config.collect.host.as_ref().map(|collect| {
            let mut job = ScrapeConfig::new(&collect.job_name, &config.global);
            job.scrape_interval = collect.scrape_interval.unwrap_or(job.scrape_interval);
            job.scrape_timeout = job.scrape_timeout.min(job.scrape_interval);
            HostSettings { collect: collect.clone(), config: job }
        });
        Ok(Settings {
            jobs: jobs.collect::<Result<_, _>>()?,
            host,
            databases: database_jobs(config),
            own: ScrapeConfig::new(OWN_JOB, &config.global),
        })
    }
}

fn database_jobs(config: &Config) -> Vec<DatabaseJob> {
    let mut jobs: Vec<DatabaseJob> = Vec::new();
    for collect in config.collect.databases() {
        let (interval, timeout) = collect.times(&config.global);
        let target = DatabaseTarget { collect: collect.clone(), interval, timeout };
        match jobs.iter_mut().find(|job| job.config.job_name == collect.job_name) {
            Some(job) => job.targets.push(target),
            None => {
                let config = ScrapeConfig::new(&collect.job_name, &config.global);
                jobs.push(DatabaseJob { config, targets: vec![target] });
            }
        }
    }
    jobs
}

/// Where pages go, and our own page.
#[derive(Clone, Debug)]
pub struct Sinks {
    /// The storage.
    pub db: Arc<Db>,
    /// Our own figures, and what was counted of log records.
    pub own_jobs: Vec<OwnJob>,
}

/// A job whose only target is in this process. A scrape config of the same name takes its place.
#[derive(Clone, Debug)]
pub struct OwnJob {
    /// Its name.
    pub job: &'static str,
    /// Whether `job` and `instance` of its samples win over the target's.
    pub honor_labels: bool,
    /// Its page.
    pub page: OwnPage,
}

/// Appends a page to a buffer; may block. With an empty page there is no such target for the moment.
pub type Render = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

/// A page that is made in this process.
#[derive(Clone)]
pub struct OwnPage {
    /// Its `instance` label.
    pub instance: String,
    /// Appends it in Prometheus' text format.
    pub render: Render,
}

impl fmt::Debug for OwnPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnPage").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// Figures of the scrape loops since the start.
#[derive(Debug, Default)]
pub struct ScrapeTelemetry {
    /// Scrapes begun.
    pub scrapes: AtomicU64,
    /// Scrapes that failed.
    pub failures: AtomicU64,
    /// Slots that passed while the scrape before took too long or the machine slept.
    pub slots_missed: AtomicU64,
    /// Scrapes that began too late for their slot, whose samples bear the real time.
    pub late: AtomicU64,
    /// Samples in pages.
    pub samples: AtomicU64,
    /// Bytes of pages after unpacking.
    pub body_bytes: AtomicU64,
    /// Series that were new in their page.
    pub series_added: AtomicU64,
    /// Lines that named a series a second time in one page.
    pub duplicates: AtomicU64,
    /// Samples that the storage refused for good.
    pub refused: AtomicU64,
    /// Files of `file_sd_configs` that could not be used.
    pub discovery_failures: AtomicU64,
    /// Targets at this moment.
    pub targets: AtomicU64,
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// Whether a target answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// Its last scrape succeeded.
    Up,
    /// Its last scrape failed.
    Down,
    /// It has nothing to say, and is not listed.
    Idle,
}

impl Health {
    /// As the targets API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
            Health::Idle => "idle",
        }
    }
}

/// A target's last scrape.
#[derive(Clone, Debug, Default)]
pub struct LastScrape {
    /// Whether it succeeded.
    pub health: Health,
    /// Why not; empty when it did.
    pub error: String,
    /// When it began.
    pub at: Option<Timestamp>,
    /// How long it took.
    pub took: TimeDelta,
    /// What the page says about its metrics.
    pub metadata: Arc<Metadata>,
}

/// One active target, for `/api/v1/targets`.
#[derive(Clone, Debug)]
pub struct TargetView {
    /// `scrapePool`: the job's name.
    pub pool: String,
    /// `discoveredLabels`: before relabelling.
    pub discovered: Labels,
    /// `labels`: those of its samples.
    pub labels: Labels,
    /// `scrapeUrl`; not a URL for pages made in this process.
    pub url: String,
    /// `scrapeInterval`
    pub interval: TimeDelta,
    /// `scrapeTimeout`
    pub timeout: TimeDelta,
    /// The last scrape.
    pub last: LastScrape,
}

/// One job, for `/api/v1/targets` and `/api/v1/scrape_pools`.
#[derive(Clone, Debug, Default)]
pub struct PoolView {
    /// The job's name.
    pub name: String,
    /// `discoveredLabels` of dropped targets, at most `keep_dropped_targets` of them.
    pub dropped: Vec<Labels>,
    /// `droppedTargetCounts`: how many were dropped in all.
    pub dropped_count: usize,
    /// Addresses that cannot be scraped, with the reason.
    pub broken: Vec<(Labels, String)>,
    targets: Vec<Arc<worker::Handle>>,
}

/// The running scrape loops.
#[derive(Debug)]
pub struct Scraper {
    settings: watch::Sender<Settings>,
    pools: watch::Receiver<Arc<Vec<PoolView>>>,
    telemetry: Arc<ScrapeTelemetry>,
    running: Mutex<Option<Manages>>,
}

/// The managing task.
#[derive(Debug)]
struct Manages {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// How long [`Scraper::stop`] lets scrapes finish what they are storing.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

impl Scraper {
    /// Starts scraping; inside a tokio runtime.
    pub fn start(settings: Settings, sinks: Sinks) -> Scraper {
        let telemetry = Arc::new(ScrapeTelemetry::default());
        let (publish, pools) = watch::channel(Arc::default());
        let (settings, wanted) = watch::channel(settings);
        let (stop, stopped) = oneshot::channel();
        let manager = Manager::new(sinks, telemetry.clone(), publish);
        let task = tokio::spawn(manager.run(wanted, stopped));
        Scraper { settings, pools, telemetry, running: Mutex::new(Some(Manages { stop, task })) }
    }

    /// Scrapes by other settings from now on. Targets whose labels and page are the same go on as if nothing had
    /// happened.
    pub fn replace(&self, settings: Settings) {
        self.settings.send_replace(settings);
    }

    /// Ends all loops; a page that is being stored is stored. Later calls do nothing.
    pub async fn stop(&self) {
        let Some(Manages { stop, mut task }) = self.running.lock().await.take() else { return };
        if stop.send(()).is_ok() && tokio::time::timeout(STOP_TIMEOUT, &mut task).await.is_err() {
            tracing::warn!("scrape loops did not end in time");
        }
        task.abort();
    }

    /// Active targets, by job.
    pub fn targets(&self) -> Vec<TargetView> {
        let pools = self.pools.borrow().clone();
        pools
            .iter()
            .flat_map(|pool| pool.targets.iter().map(|handle| handle.view(&pool.name)))
            .filter(|target| target.last.health != Health::Idle)
            .collect()
    }

    /// Jobs with their dropped targets, by name.
    pub fn pools(&self) -> Arc<Vec<PoolView>> {
        self.pools.borrow().clone()
    }

    /// Figures.
    pub fn telemetry(&self) -> Arc<ScrapeTelemetry> {
        self.telemetry.clone()
    }
}

/// Makes this host's page; remembers what is expensive to find again.
fn host_page(settings: &HostSettings) -> OwnPage {
    let host = Host::new(&settings.collect);
    OwnPage { instance: host.instance().to_owned(), render: Arc::new(move |page| host.collect(page)) }
}
