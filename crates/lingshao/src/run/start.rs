//! The order of things: folder, address, storage, the alert path, loops, doors. And the way back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use anyhow::Context;
use lingshao_disk::{Cut, DataDir, Disk, Loss, Owner, RealDisk};
use lingshao_tsdb::{Db, OpenReport, Options};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::alerting::{self, Alerting};
use super::maintain::Maintainer;
use super::memory;
use super::reload::{self, Reloader};
use super::{Arguments, DRAIN_TIMEOUT};
use crate::api::query::QueryGate;
use crate::api::write::WriteGate;
use crate::app::{About, App, Live, ReloadRequest, own_page};
use crate::boards;
use crate::clock::now;
use crate::config::{Config, Metrics};
use crate::demo::{DemoHandle, History};
use crate::durable::Committer;
use crate::failure::Failure;
use crate::pages::Pages;
use crate::scrape::{self, OwnPage, Scraper, Sinks};
use crate::security::access::Doorkeeper;
use crate::security::sessions::Sessions;
use crate::server::request::FormGate;
use crate::server::{self, listen};
use crate::state::SessionStore;
use crate::telemetry::Telemetry;

/// Where the data lies when nobody says otherwise.
const DATA_DEFAULT: &str = "lingshao-data";

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
    maintainer: Maintainer,
    committer: Committer,
    db: Arc<Db>,
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
}

impl Site {
    /// Where arguments and config want it.
    pub(super) async fn of(arguments: &Arguments, config: &Config) -> Result<Site, Failure> {
        // What is wrong with them is said before anything is touched.
        let address = check(arguments, config)?.address;
        let folder = arguments.data.clone().or(config.data.clone());
        let folder = folder.unwrap_or_else(|| PathBuf::from(DATA_DEFAULT));
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let data = lock(&disk, &folder)?;
        Site::new(disk, folder, data, listen::bind(address).await?)
    }

    /// With an address that is open already.
    pub(crate) fn claim(folder: PathBuf, listener: TcpListener) -> Result<Site, Failure> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let data = lock(&disk, &folder)?;
        Site::new(disk, folder, data, listener)
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        data: DataDir,
        listener: TcpListener,
    ) -> Result<Site, Failure> {
        let address =
            listener.local_addr().context("cannot read the address").map_err(Failure::environment)?;
        Ok(Site { disk, folder, data, listener, address })
    }

    /// With the port that was really taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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
}

fn check(arguments: &Arguments, config: &Config) -> Result<Checked, Failure> {
    let wanted = arguments.listen.as_deref().or(config.web.listen.as_deref());
    let listen = wanted.unwrap_or(listen::LISTEN_DEFAULT).to_owned();
    let address = listen::parse(&listen)?;
    listen::check_reach(address, !config.web.users.is_empty(), arguments.insecure)?;
    let live = Live::new(config, &listen).map_err(Failure::input)?;
    let settings = scrape::Settings::new(config).map_err(Failure::input)?;
    let pages = Pages::new(arguments.ui_dir.clone()).map_err(Failure::input)?;
    Ok(Checked { listen, address, live, settings, pages })
}

/// Starts every part, or says which one could not be.
pub(crate) async fn start(
    site: Site,
    arguments: Arguments,
    config: Config,
    extras: Extras,
) -> Result<Running, Failure> {
    let Checked { listen: wanted, live, settings, pages, .. } = check(&arguments, &config)?;
    let Site { disk, folder, data, listener, address } = site;
    let memory_bytes = memory::available_bytes();
    let storage = options(&config.metrics, memory_bytes);
    let telemetry = Arc::new(Telemetry::default());
    let db = open(disk, &folder, storage.clone(), &telemetry)?;
    if let Some(history) = extras.history {
        history.fill(&db, config.collect.host.clone()).await?;
    }
    telemetry.reload.successful.set(1.0);
    telemetry.reload.last_success.set(now().as_seconds());
    let (committer, maintainer) = start_threads(&db, &telemetry)?;
    let alerting = alerting::Settings::new(&config, address).map_err(Failure::input)?;
    let alerting = Alerting::start(&config, alerting, &folder, address, db.clone(), &telemetry).await?;
    let location = alerting::location(&config, &folder, address);
    let boards = boards::Running::start(&location, board_files(arguments.config.as_deref(), &config)).await?;
    let scraper = start_scraper(settings, &db, &telemetry, address);

    let member = alerting::member(&config, address);
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
    };
    tokio::spawn(reloader.run(requests));

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let app = Arc::new(App {
        db: db.clone(),
        durable: committer.durable(),
        telemetry,
        doorkeeper: Doorkeeper::default(),
        sessions: Sessions::new(sessions),
        pages,
        queries: QueryGate::new(memory::query_bytes_max(memory_bytes)),
        forms: FormGate::default(),
        writes: WriteGate::new(cores),
        scraper: scraper.clone(),
        rules: alerting.rules.clone(),
        alerts: alerting.alerts.clone(),
        boards: boards.handle.clone(),
        notifier: alerting.notifier.clone(),
        external: alerting.external.clone(),
        demo: extras.demo,
        reloads: reloads.clone(),
        live,
        about,
    });
    let (stop, server) = open_door(listener, app);
    Ok(Running {
        address,
        reloads,
        stop,
        server,
        scraper,
        alerting: Some(alerting),
        boards: Some(boards),
        maintainer,
        committer,
        db,
        _data: data,
    })
}

fn start_threads(db: &Arc<Db>, telemetry: &Arc<Telemetry>) -> Result<(Committer, Maintainer), Failure> {
    let failed = |error: std::io::Error| {
        Failure::environment(anyhow::Error::new(error).context("cannot start a thread"))
    };
    let committer = Committer::start(db.wal(), telemetry.wal.clone()).map_err(failed)?;
    let maintainer = Maintainer::start(db.clone(), telemetry.clone()).map_err(failed)?;
    Ok((committer, maintainer))
}

/// Where the config wants files of boards looked for.
pub(super) fn board_files(file: Option<&Path>, config: &Config) -> boards::Settings {
    let base = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    boards::Settings { base, patterns: config.boards.clone() }
}

fn open_door(listener: TcpListener, app: Arc<App>) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    (stop, tokio::spawn(server::serve(listener, app, stopped)))
}

fn lock(disk: &Arc<dyn Disk>, path: &Path) -> Result<DataDir, Failure> {
    let owner = Owner {
        pid: std::process::id(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        started_at: format!("{}", now().as_seconds()),
    };
    DataDir::open(disk.clone(), path, &owner)
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
    if let Some(recovery) = &report.wal {
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
    if report.orphaned + report.unreadable_records > 0 {
        tracing::error!(
            orphaned_samples = report.orphaned,
            unreadable_records = report.unreadable_records,
            "samples of the log are lost with what they need"
        );
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
    db: &Arc<Db>,
    telemetry: &Arc<Telemetry>,
    address: SocketAddr,
) -> Arc<Scraper> {
    // The page shows the scrape loops' figures too, and the loops need the page before they exist.
    let slot: Arc<OnceLock<Weak<Scraper>>> = Arc::default();
    let (page_slot, page_db, page_telemetry) = (slot.clone(), db.clone(), telemetry.clone());
    let render = move |out: &mut Vec<u8>| {
        let scraper = page_slot.get().and_then(Weak::upgrade);
        out.extend_from_slice(&own_page(&page_telemetry, &page_db, scraper.as_deref()));
    };
    let own_page = OwnPage { instance: address.to_string(), render: Arc::new(render) };
    let sinks = Sinks { db: db.clone(), own_page: Some(own_page) };
    let scraper = Arc::new(Scraper::start(settings, sinks));
    slot.get_or_init(|| Arc::downgrade(&scraper));
    scraper
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
        let (server, scraper) = (&mut self.server, self.scraper.clone());
        let drained = timeout(DRAIN_TIMEOUT, async { tokio::join!(server, scraper.stop()) }).await;
        if drained.is_err() {
            tracing::warn!("some requests did not finish in time and are abandoned");
            self.server.abort();
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
        let Running { scraper, maintainer, committer, db, _data, .. } = self;
        maintainer.stop();
        committer.stop().map_err(Failure::environment)?;
        drop(scraper);
        let Some(db) = Arc::into_inner(db) else {
            // Everything is synced; only the proof is missing that nothing came after.
            tracing::warn!("a request that was abandoned still reads; the log's end is not marked");
            return Ok(());
        };
        db.close().context("cannot mark the log's end").map_err(Failure::environment)
    }
}
