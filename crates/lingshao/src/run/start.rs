//! The order of things: folder, address, storage, the alert path, loops, doors. And the way back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use anyhow::Context;
use lingshao_disk::{Cut, DataDir, Disk, Loss, Owner, RealDisk, Recovery};
use lingshao_logs::Store;
use lingshao_tsdb::{Db, OpenReport, Options};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::alerting::{self, Alerting};
use super::maintain::{self, Maintainer};
use super::memory;
use super::reload::{self, Reloader};
use super::{Arguments, DRAIN_TIMEOUT, log_store};
use crate::api::query::QueryGate;
use crate::api::write::WriteIntake;
use crate::app::{About, App, Live, ReloadRequest, own_page};
use crate::boards;
use crate::clock::now;
use crate::config::{Config, Listeners, Metrics, RequestMetrics};
use crate::demo::{DemoHandle, History};
use crate::durable::{Committer, SyncFailed};
use crate::elasticsearch::{Contexts, LastRead, Stored};
use crate::failure::Failure;
use crate::health;
use crate::logs::doors::{Busy, Doors};
use crate::logs::settings::MaskingKey;
use crate::logs::{self, Files, Logs};
use crate::pages::Pages;
use crate::scrape::{self, OwnJob, OwnPage, Scraper, Sinks};
use crate::security::access::Doorkeeper;
use crate::security::sessions::Sessions;
use crate::server::request::FormGate;
use crate::server::routes::Door;
use crate::server::{self, listen};
use crate::shop;
use crate::state::SessionStore;
use crate::telemetry::Telemetry;

/// Where the data lies when nobody says otherwise.
const DATA_DEFAULT: &str = "lingshao-data";

/// Where the data lies.
pub(crate) fn data_folder(flag: Option<&Path>, config: &Config) -> PathBuf {
    flag.or(config.data.as_deref()).unwrap_or(Path::new(DATA_DEFAULT)).to_owned()
}

/// The process at work.
#[derive(Debug)]
pub(crate) struct Running {
    address: SocketAddr,
    reloads: mpsc::Sender<ReloadRequest>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    scraper: Arc<Scraper>,
    /// Until it is drained.
    alerting: Option<Alerting>,
    boards: Option<boards::Running>,
    shop: Option<shop::Running>,
    /// Those who serve the other addresses.
    doors: JoinSet<()>,
    /// Until they are drained.
    followed: Option<Files>,
    threads: Threads,
    db: Arc<Db>,
    store: Arc<Store>,
    /// Unlocks the folder when dropped: last.
    _data: DataDir,
}

/// A folder that is ours and an address that is open; nothing works yet.
#[derive(Debug)]
pub(crate) struct Site {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    data: DataDir,
    listener: TcpListener,
    address: SocketAddr,
    doors: Doors,
}

impl Site {
    /// Where arguments and config want it.
    pub(super) async fn of(arguments: &Arguments, config: &Config) -> Result<Site, Failure> {
        // What is wrong with them is said before anything is touched.
        let address = check(arguments, config)?.address;
        let has_users = !config.web.users.is_empty();
        let folder = data_folder(arguments.data.as_deref(), config);
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let data = lock(&disk, &folder)?;
        let listener = listen::bind(address).await?;
        let doors = Doors::open(&config.listeners, has_users, arguments.insecure, Busy::Fail).await?;
        Site::new(disk, folder, data, listener, doors)
    }

    /// With addresses that are open already.
    pub(crate) fn claim(folder: PathBuf, listener: TcpListener, doors: Doors) -> Result<Site, Failure> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let data = lock(&disk, &folder)?;
        Site::new(disk, folder, data, listener, doors)
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        data: DataDir,
        listener: TcpListener,
        doors: Doors,
    ) -> Result<Site, Failure> {
        let address =
            listener.local_addr().context("cannot read the address").map_err(Failure::environment)?;
        Ok(Site { disk, folder, data, listener, address, doors })
    }

    /// With the port that was really taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Names and addresses of all listeners.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        [("web", self.address)].into_iter().chain(self.doors.addresses()).collect()
    }
}

/// What the demo adds.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// For the handlers.
    pub(crate) demo: Option<DemoHandle>,
    /// To be written before anything works.
    pub(crate) history: Option<History>,
}

/// What can be said before anything is touched.
struct Checked {
    /// As it was written.
    listen: String,
    address: SocketAddr,
    live: Live,
    settings: scrape::Settings,
    pages: Pages,
    shop: Option<shop::Settings>,
}

fn check(arguments: &Arguments, config: &Config) -> Result<Checked, Failure> {
    let wanted = arguments.listen.as_deref().or(config.web.listen.as_deref());
    let listen = wanted.unwrap_or(listen::LISTEN_DEFAULT).to_owned();
    let address = listen::parse(&listen)?;
    listen::check_reach(address, !config.web.users.is_empty(), arguments.insecure)?;
    let live = Live::new(config, &listen).map_err(Failure::input)?;
    let settings = scrape::Settings::new(config).map_err(Failure::input)?;
    let pages = Pages::new(arguments.ui_dir.clone()).map_err(Failure::input)?;
    logs::Settings::new(config, MaskingKey::for_checks()).map_err(Failure::input)?;
    let shop = shop::Settings::new(config.shop.as_ref()).map_err(Failure::input)?;
    Ok(Checked { listen, address, live, settings, pages, shop })
}

/// Starts every part, or says which one could not be.
pub(crate) async fn start(
    site: Site,
    arguments: Arguments,
    config: Config,
    extras: Extras,
) -> Result<Running, Failure> {
    let Checked { listen: wanted, live, settings, pages, shop: shop_settings, .. } =
        check(&arguments, &config)?;
    let Site { disk, folder, data, listener, address, doors } = site;
    let memory_bytes = memory::available_bytes();
    let storage = options(&config.metrics, memory_bytes);
    let telemetry = Arc::new(Telemetry::default());
    let masking_key = MaskingKey::of_folder(&folder).map_err(Failure::environment)?;
    let log_settings = logs::Settings::new(&config, masking_key).map_err(Failure::input)?;
    let store = log_store::open(disk.clone(), &folder, &config.logs, memory_bytes)?;
    let db = open(disk, &folder, storage.clone(), &telemetry)?;
    if let Some(history) = extras.history {
        history.fill(&db, config.collect.host.clone()).await?;
    }
    telemetry.reload.successful.set(1.0);
    telemetry.reload.last_success.set(now().as_seconds());
    let threads = Threads::start(&db, &store, &telemetry)?;
    tokio::spawn(health::watch(db.wal(), store.wal(), folder.clone(), telemetry.clone()));
    let logs = Logs::new(
        store.clone(),
        threads.log_committer.durable(),
        threads.log_maintainer.waker(),
        log_settings,
        telemetry.logs.clone(),
    );
    let logs = Arc::new(logs);
    let followed = Files::start(logs.clone(), &folder);
    let alerting = alerting::Settings::new(&config, address, &logs).map_err(Failure::input)?;
    let alerting = Alerting::start(&config, alerting, &folder, address, db.clone(), &telemetry).await?;
    let location = alerting::location(&config, &folder, address);
    let boards = boards::Running::start(&location, board_files(arguments.config.as_deref(), &config)).await?;
    let member = alerting::member(&config, address);
    let shop = shop::Running::start(shop_settings, location.clone(), &folder, logs.clone())
        .map_err(Failure::environment)?;
    let scraper = start_scraper(settings, &config, &db, &logs, &telemetry, &shop, address);

    let stored = Stored::new(location.clone());
    let sessions = SessionStore::new(location);
    let about = About {
        started_at: now(),
        listen: address,
        member,
        data: folder,
        config_file: arguments.config.clone(),
        insecure: arguments.insecure,
        storage,
    };
    let (live_sender, live) = watch::channel(Arc::new(live));
    let (reloads, requests) = mpsc::channel(reload::WAITING_MAX);
    let reloader = Reloader {
        file: arguments.config,
        listen: wanted,
        insecure: arguments.insecure,
        address,
        live: live_sender,
        scraper: scraper.clone(),
        telemetry: telemetry.clone(),
        configured_listen: config.web.listen,
        metrics: config.metrics,
        state: config.state,
        alerting: alerting.replacer(),
        boards: boards.handle.clone(),
        shop: shop.replacer(),
        has_shop: config.shop.is_some(),
        logs: logs.clone(),
        listeners: config.listeners,
        kept_logs: (config.logs.retention, config.logs.size_bytes_max),
    };
    tokio::spawn(reloader.run(requests));

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let app = Arc::new(App {
        db: db.clone(),
        durable: threads.committer.durable(),
        logs: logs.clone(),
        contexts: Contexts::default(),
        indices: LastRead::default(),
        stored,
        telemetry,
        doorkeeper: Doorkeeper::default(),
        sessions: Sessions::new(sessions),
        pages,
        queries: QueryGate::new(memory::query_bytes_max(memory_bytes)),
        forms: FormGate::default(),
        writes: Arc::new(WriteIntake::new(cores)),
        scraper: scraper.clone(),
        rules: alerting.rules.clone(),
        alerts: alerting.alerts.clone(),
        boards: boards.handle.clone(),
        notifier: alerting.notifier.clone(),
        external: alerting.external.clone(),
        shop: shop.handle.clone(),
        demo: extras.demo,
        reloads: reloads.clone(),
        live,
        about,
    });
    let page = format!("{}/#/logs", app.live().web.external_url_at(address));
    let (stop, stopped) = watch::channel(false);
    let doors = doors.serve(&app, &logs, page, &stopped);
    let server = tokio::spawn(server::serve(listener, Door::Web, app, stopped));
    Ok(Running {
        address,
        reloads,
        stop,
        server,
        scraper,
        alerting: Some(alerting),
        boards: Some(boards),
        shop: Some(shop),
        doors,
        followed: Some(followed),
        threads,
        db,
        store,
        _data: data,
    })
}

/// What syncs, and what seals, merges and forgets: each storage has its own.
#[derive(Debug)]
struct Threads {
    committer: Committer,
    maintainer: Maintainer,
    log_committer: Committer,
    log_maintainer: Maintainer,
}

impl Threads {
    fn start(db: &Arc<Db>, store: &Arc<Store>, telemetry: &Arc<Telemetry>) -> Result<Threads, Failure> {
        let failed = |error: std::io::Error| {
            Failure::environment(anyhow::Error::new(error).context("cannot start a thread"))
        };
        let (own_db, own_telemetry) = (db.clone(), telemetry.clone());
        let maintain = move || maintain::metrics(&own_db, &own_telemetry);
        let own_store = store.clone();
        let maintain_logs = move || log_store::maintain(&own_store);
        let (pause, log_pause) = (maintain::METRICS_PAUSE, log_store::MAINTAIN_PAUSE);
        Ok(Threads {
            committer: Committer::start(db.wal(), telemetry.wal.clone()).map_err(failed)?,
            maintainer: Maintainer::start("maintainer", pause, telemetry, |all| &all.maintenance, maintain)
                .map_err(failed)?,
            log_committer: Committer::start(store.wal(), telemetry.log_wal.clone()).map_err(failed)?,
            log_maintainer: Maintainer::start(
                "log maintainer",
                log_pause,
                telemetry,
                |all| &all.log_maintenance,
                maintain_logs,
            )
            .map_err(failed)?,
        })
    }

    /// Syncs what was appended.
    fn stop(self) -> Result<(), SyncFailed> {
        self.maintainer.stop();
        self.log_maintainer.stop();
        let stopped = self.committer.stop();
        self.log_committer.stop().and(stopped)
    }
}

/// Where the config wants files of boards looked for.
pub(super) fn board_files(file: Option<&Path>, config: &Config) -> boards::Settings {
    let base = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    boards::Settings { base, patterns: config.boards.clone() }
}

/// This process, for who comes second.
pub(crate) fn owner() -> Owner {
    Owner {
        pid: std::process::id(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        started_at: format!("{}", now().as_seconds()),
    }
}

fn lock(disk: &Arc<dyn Disk>, path: &Path) -> Result<DataDir, Failure> {
    DataDir::open(disk.clone(), path, &owner())
        .map_err(|error| Failure::environment(error).remedy("another folder is given with --data"))
}

fn open(
    disk: Arc<dyn Disk>,
    data: &Path,
    options: Options,
    telemetry: &Telemetry,
) -> Result<Arc<Db>, Failure> {
    let folder = data.join("metrics");
    let (db, report) = Db::open(disk, &folder, options, now())
        .with_context(|| format!("cannot open the storage in `{}`", folder.display()))
        .map_err(Failure::environment)?;
    log_report(&report);
    telemetry.storage.opened(&report);
    Ok(Arc::new(db))
}

/// What is lost is an error, one line each; what a crash left half written was promised to nobody.
fn log_report(report: &OpenReport) {
    tracing::info!(replayed = report.replayed, "storage opened");
    for damage in &report.quarantined {
        tracing::error!(%damage, "a damaged block was set aside in `quarantine`; its samples are lost");
    }
    if report.withdrawn > 0 {
        tracing::info!(blocks = report.withdrawn, "an unfinished import was taken back");
    }
    log_recovery(report.wal.as_ref());
    if report.orphaned + report.unreadable_records > 0 {
        tracing::error!(
            orphaned_samples = report.orphaned,
            unreadable_records = report.unreadable_records,
            "samples of the log are lost with what they need"
        );
    }
}

/// What a write-ahead log had to repair.
pub(super) fn log_recovery(recovery: Option<&Recovery>) {
    let Some(recovery) = recovery else { return };
    for Cut { segment, offset, bytes } in &recovery.cut {
        tracing::info!(segment, offset, bytes, "an unfinished end of the log was cut off");
    }
    for loss in &recovery.losses {
        let records = loss.records.map_or("unknown".to_owned(), |records| records.to_string());
        let copy = loss.quarantined.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
        let Loss { segment, offset, bytes, .. } = loss;
        tracing::error!(segment, offset, bytes, %records, %copy, "records of the log are lost");
    }
}

fn options(metrics: &Metrics, memory_bytes: Option<u64>) -> Options {
    Options {
        retention: metrics.retention,
        size_bytes_max: metrics.size_max_bytes,
        series_max: u32::try_from(metrics.series_max).unwrap_or(u32::MAX),
        out_of_order_window: metrics.out_of_order_window,
        head_bytes_max: memory::head_bytes_max(memory_bytes),
        ..Options::default()
    }
}

fn start_scraper(
    settings: scrape::Settings,
    config: &Config,
    db: &Arc<Db>,
    logs: &Arc<Logs>,
    telemetry: &Arc<Telemetry>,
    shop: &shop::Running,
    address: SocketAddr,
) -> Arc<Scraper> {
    // The page shows the scrape loops' figures too, and the loops need the page before they exist.
    let slot: Arc<OnceLock<Weak<Scraper>>> = Arc::default();
    let (page_slot, page_db, page_logs) = (slot.clone(), db.clone(), logs.clone());
    let page_telemetry = telemetry.clone();
    let render = move |out: &mut Vec<u8>| {
        let scraper = page_slot.get().and_then(Weak::upgrade);
        out.extend_from_slice(&own_page(&page_telemetry, &page_db, &page_logs, scraper.as_deref()));
    };
    let page = OwnPage { instance: address.to_string(), render: Arc::new(render) };
    let mut own_jobs = vec![OwnJob { job: scrape::OWN_JOB, honor_labels: false, page }];
    own_jobs.extend(request_job(config, db, logs));
    own_jobs.extend(config.shop.as_ref().map(|config| {
        let page = OwnPage { instance: config.name.to_string(), render: shop::page(&shop.handle) };
        OwnJob { job: scrape::SHOP_JOB, honor_labels: false, page }
    }));
    let sinks = Sinks { db: db.clone(), own_jobs };
    let scraper = Arc::new(Scraper::start(settings, sinks));
    slot.get_or_init(|| Arc::downgrade(&scraper));
    scraper
}

/// What request records say, where anybody can send some and nobody exports the same.
fn request_job(config: &Config, db: &Arc<Db>, logs: &Arc<Logs>) -> Option<OwnJob> {
    let metrics = config.logs.request_metrics;
    if metrics == RequestMetrics::Off
        || (config.listeners == Listeners::default() && config.logs.files.is_empty())
    {
        return None;
    }
    let (db, requests) = (db.clone(), logs.requests());
    let render = move |out: &mut Vec<u8>| {
        if metrics == RequestMetrics::On || !log_store::requests_are_exported(&db) {
            requests.render(out);
        }
    };
    let page = OwnPage { instance: "logs".to_owned(), render: Arc::new(render) };
    Some(OwnJob { job: scrape::REQUESTS_JOB, honor_labels: true, page })
}

impl Running {
    /// The web listener's.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a reload is asked for.
    pub(crate) fn reloads(&self) -> &mpsc::Sender<ReloadRequest> {
        &self.reloads
    }

    /// Takes nothing new and lets what is under way finish, for a while.
    pub(crate) async fn drain(mut self) -> Running {
        self.stop.send_replace(true);
        let (server, doors, scraper) = (&mut self.server, &mut self.doors, self.scraper.clone());
        let ended = async { while doors.join_next().await.is_some() {} };
        let drained = timeout(DRAIN_TIMEOUT, async { tokio::join!(server, ended, scraper.stop()) }).await;
        if drained.is_err() {
            tracing::warn!("some requests did not finish in time and are abandoned");
            self.server.abort();
            self.doors.abort_all();
        }
        if let Some(followed) = self.followed.take() {
            followed.stop().await;
        }
        // Its facts go to the log records and its alerts to the rules, which end behind it.
        if let Some(shop) = self.shop.take() {
            shop.stop().await;
        }
        if let Some(boards) = self.boards.take() {
            boards.stop().await;
        }
        // Last, as requests under way and rules wait for its answers.
        if let Some(alerting) = self.alerting.take() {
            alerting.stop().await;
        }
        self
    }

    /// Syncs what was appended and marks the log's end. The runtime has ended, and its tasks with it.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Running { scraper, threads, db, store, _data, .. } = self;
        threads.stop().map_err(Failure::environment)?;
        drop(scraper);
        if let (Some(db), Some(store)) = (Arc::into_inner(db), Arc::into_inner(store)) {
            let closed = db.close().context("cannot mark the end of the metrics' log");
            let logs = store.close().context("cannot mark the end of the log records' log");
            return closed.and(logs).map_err(Failure::environment);
        }
        // Everything is synced; only the proof is missing that nothing came after.
        tracing::warn!("a request that was abandoned still reads; the logs' ends are not marked");
        Ok(())
    }
}
