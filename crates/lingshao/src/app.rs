//! What every handler can reach, and the part of it that a reload replaces.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lingshao_model::{ReceiverShape, TimeDelta, Timestamp};
use lingshao_tsdb::Db;
use rustls::ServerConfig;
use tokio::sync::{mpsc, oneshot, watch};

use crate::alertmanager::AlertsHandle;
use crate::alertmanager::external::External;
use crate::api::query::QueryGate;
use crate::api::write::WriteIntake;
use crate::boards::BoardsHandle;
use crate::check::{self, Surroundings};
use crate::config::{Config, Language, Web};
use crate::demo::DemoHandle;
use crate::durable::Durable;
use crate::elasticsearch::{Contexts, LastRead, Stored};
use crate::logs::Logs;
use crate::notify::Notifier;
use crate::pages::Pages;
use crate::rules::RuleManager;
use crate::scrape::Scraper;
use crate::security::access::{Doorkeeper, Users};
use crate::security::hosts::Hosts;
use crate::security::sessions::Sessions;
use crate::security::tls;
use crate::server::request::FormGate;
use crate::shop::ShopHandle;
use crate::telemetry::{Page, Telemetry};

/// The parts of the running process. One, shared by all handlers.
#[derive(Debug)]
pub(crate) struct App {
    /// The storage.
    pub(crate) db: Arc<Db>,
    /// Waiting for the disk.
    pub(crate) durable: Durable,
    /// Log records.
    pub(crate) logs: Arc<Logs>,
    /// Scrolls and points in time.
    pub(crate) contexts: Contexts,
    /// What the catalog of indices says.
    pub(crate) indices: LastRead,
    /// Templates, pipelines, policies.
    pub(crate) stored: Stored,
    /// Our own figures.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Checks passwords.
    pub(crate) doorkeeper: Doorkeeper,
    /// Who has signed in.
    pub(crate) sessions: Sessions,
    /// The page and its files.
    pub(crate) pages: Pages,
    /// Limits queries.
    pub(crate) queries: QueryGate,
    /// Limits forms.
    pub(crate) forms: FormGate,
    /// Limits remote write.
    pub(crate) writes: Arc<WriteIntake>,
    /// The scrape loops.
    pub(crate) scraper: Arc<Scraper>,
    /// The rules.
    pub(crate) rules: Arc<RuleManager>,
    /// Alerts, silences, and what was told.
    pub(crate) alerts: AlertsHandle,
    /// Boards, saved and in files.
    pub(crate) boards: BoardsHandle,
    /// The senders.
    pub(crate) notifier: Arc<Notifier>,
    /// Alertmanagers elsewhere.
    pub(crate) external: Arc<External>,
    /// The business monitors.
    pub(crate) shop: ShopHandle,
    /// The shop that we watch, in demo mode.
    pub(crate) demo: Option<DemoHandle>,
    /// Takes reloads, one at a time, each with the sender of its outcome.
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
    /// What a reload replaces.
    pub(crate) live: watch::Receiver<Arc<Live>>,
    /// What never changes while the process runs.
    pub(crate) about: About,
}

/// Somebody who asked for a reload and waits for its outcome; the error is for a person.
pub(crate) type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Facts from the start.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// When.
    pub(crate) started_at: Timestamp,
    /// The web listener's address, with the port that was really taken.
    pub(crate) listen: SocketAddr,
    /// Our name among those that share our state.
    pub(crate) member: String,
    /// Where the data lies.
    pub(crate) data: PathBuf,
    /// The config file, if there is one.
    pub(crate) config_file: Option<PathBuf>,
    /// Whether a wide address without users was allowed.
    pub(crate) insecure: bool,
    /// The storage's bounds.
    pub(crate) storage: lingshao_tsdb::Options,
}

/// One configuration as the handlers see it.
#[derive(Debug)]
pub(crate) struct Live {
    /// Who may come in.
    pub(crate) users: Arc<Users>,
    /// Under which names.
    pub(crate) hosts: Hosts,
    /// With which certificate; plain HTTP without one.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// After which time an alert has ended that was posted without an end.
    pub(crate) resolve_timeout: TimeDelta,
    /// In the order of the file.
    pub(crate) receivers: Vec<ReceiverShape>,
    /// IANA name of the zone in which people read times.
    pub(crate) time_zone: String,
    /// The language of messages.
    pub(crate) language: Language,
    /// Prometheus' `global`.
    pub(crate) scrape_interval: TimeDelta,
    /// Prometheus' `global`.
    pub(crate) evaluation_interval: TimeDelta,
    /// The listener's section, without its users.
    pub(crate) web: Web,
    /// For people, secrets masked.
    pub(crate) config_yaml: String,
    /// What of it Alertmanager knows, in its keys.
    pub(crate) alertmanager_yaml: String,
    /// What checks of rules and boards have to know.
    pub(crate) surroundings: Surroundings,
    /// The rules and boards that it names.
    pub(crate) checked_files: check::files::Loaded,
}

impl Live {
    /// Reads the certificate too, so that a bad one fails the start or the reload.
    pub(crate) fn new(config: &Config, listen: &str) -> anyhow::Result<Live> {
        let web = &config.web;
        let tls = match &web.tls {
            Some(files) => Some(tls::server_config(&files.cert_file, &files.key_file)?),
            None => None,
        };
        Ok(Live {
            users: Arc::new(Users::new(web.users.clone())?),
            hosts: Hosts::new(listen, &web.hosts),
            tls,
            resolve_timeout: config.alerting.global.resolve_timeout,
            receivers: config.alerting.routing.receivers.clone(),
            time_zone: config.messages.time_zone.clone(),
            language: config.messages.language,
            scrape_interval: config.global.scrape_interval,
            evaluation_interval: config.global.evaluation_interval,
            web: Web { users: Vec::new(), ..web.clone() },
            config_yaml: config.to_masked_yaml(),
            alertmanager_yaml: config.alertmanager_yaml(),
            surroundings: Surroundings::of_config(config),
            checked_files: check::files::Loaded::of_config(config),
        })
    }
}

impl App {
    /// The configuration of this moment.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.borrow().clone()
    }
}

/// The page of our own figures: the process', the storages' and the scrape loops'.
pub(crate) fn own_page(telemetry: &Telemetry, db: &Db, logs: &Logs, scraper: Option<&Scraper>) -> Vec<u8> {
    let mut page = Page::default();
    telemetry.render(&mut page);
    crate::telemetry::storage::render(&mut page, &db.stats());
    logs.telemetry().render(&mut page, &logs.settings().rules, &logs.store().stats());
    if let Some(scraper) = scraper {
        crate::telemetry::scraped::render(&mut page, &scraper.telemetry());
    }
    page.into_bytes()
}
