//! Reading the config again: whole, or not at all.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_model::TimeDelta;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use super::alerting::{self, Replacer};
use super::start::board_files;
use crate::app::{Live, ReloadRequest};
use crate::boards::BoardsHandle;
use crate::clock::now;
use crate::config::{self, Loaded};
use crate::logs::{self, Logs};
use crate::scrape::{self, Scraper};
use crate::server::listen;
use crate::shop;
use crate::telemetry::Telemetry;

/// Reloads that may wait: one runs, and the next will read what the others would have read.
pub(super) const WAITING_MAX: usize = 4;

/// Owns what a reload replaces.
pub(super) struct Reloader {
    pub(super) file: Option<PathBuf>,
    pub(super) listen: String,
    pub(super) insecure: bool,
    pub(super) address: SocketAddr,
    pub(super) live: watch::Sender<Arc<Live>>,
    pub(super) scraper: Arc<Scraper>,
    pub(super) telemetry: Arc<Telemetry>,
    /// From the file as it was at the start, like `metrics`: what a reload does not change.
    pub(super) configured_listen: Option<String>,
    pub(super) metrics: config::Metrics,
    pub(super) state: config::State,
    pub(super) alerting: Replacer,
    pub(super) boards: BoardsHandle,
    pub(super) shop: shop::Replacer,
    /// Whether there was one at the start: its figures are scraped from then on, or not at all.
    pub(super) has_shop: bool,
    pub(super) logs: Arc<Logs>,
    pub(super) listeners: config::Listeners,
    /// How long log records are kept, and how much of them.
    pub(super) kept_logs: (TimeDelta, Option<u64>),
}

/// Asks for a reload and waits for its outcome.
pub(crate) async fn request(reloads: &mpsc::Sender<ReloadRequest>) -> Result<(), String> {
    let (outcome, waiting) = oneshot::channel();
    reloads.try_send(outcome).map_err(|_| "other reloads are waiting already".to_owned())?;
    waiting.await.unwrap_or_else(|_| Err("the process is stopping".to_owned()))
}

impl Reloader {
    /// Serves requests one after the other.
    pub(super) async fn run(self, mut requests: mpsc::Receiver<ReloadRequest>) {
        while let Some(answer) = requests.recv().await {
            let outcome = self.reload().await;
            match &outcome {
                Ok(()) => tracing::info!("config reloaded"),
                Err(error) => {
                    let error = one_line(error);
                    tracing::error!(%error, "config not reloaded; the old one stays");
                }
            }
            let reload = &self.telemetry.reload;
            reload.successful.set(f64::from(u8::from(outcome.is_ok())));
            if outcome.is_ok() {
                reload.last_success.set(now().as_seconds());
            }
            // Whoever asked may have gone; the outcome is in the log and in the figures.
            drop(answer.send(outcome));
        }
    }

    /// Everything that can fail comes before the first change.
    async fn reload(&self) -> Result<(), String> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let (listen, address, insecure) = (self.listen.clone(), self.address, self.insecure);
        // A file on a network that has gone may take minutes; nothing else waits for it.
        let own_logs = self.logs.clone();
        let preparing = spawn_blocking(move || prepare(&file, &listen, address, insecure, &own_logs));
        let Prepared { loaded, live, logs, settings, alerting, shop } =
            preparing.await.map_err(|_| "reading the config panicked".to_owned())??;
        let config = loaded.config;
        for warning in &loaded.warnings {
            tracing::warn!(warning = %one_line(&warning.to_string()), "config");
        }
        if config.metrics != self.metrics {
            tracing::warn!("`metrics` has changed; its limits take effect at the next start");
        }
        if config.web.listen != self.configured_listen {
            tracing::warn!("`web.listen` has changed; it takes effect at the next start");
        }
        if config.state != self.state {
            tracing::warn!("`state` has changed; it takes effect at the next start");
        }
        if config.listeners != self.listeners {
            tracing::warn!("`listeners` has changed; it takes effect at the next start");
        }
        if (config.logs.retention, config.logs.size_bytes_max) != self.kept_logs {
            tracing::warn!("the limits of `logs` have changed; they take effect at the next start");
        }
        if config.shop.is_some() != self.has_shop {
            tracing::warn!(
                "`shop` has come or gone; its metrics are collected, or no more, from the next start"
            );
        }
        self.logs.replace(logs);
        self.scraper.replace(settings);
        self.alerting.replace(alerting).await.map_err(|error| format!("{error:#}"))?;
        self.boards.replace(board_files(self.file.as_deref(), &config)).await;
        self.shop.replace(shop).await;
        self.live.send_replace(Arc::new(live));
        Ok(())
    }
}

/// Findings stand one below the other, remedies indented; in the log a fact is one line.
fn one_line(findings: &str) -> String {
    findings.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// A config that can be used, with the files that it names.
struct Prepared {
    loaded: Loaded,
    live: Live,
    logs: logs::Settings,
    settings: scrape::Settings,
    alerting: alerting::Settings,
    shop: Option<shop::Settings>,
}

fn prepare(
    file: &Path,
    listen: &str,
    address: SocketAddr,
    insecure: bool,
    logs: &Arc<Logs>,
) -> Result<Prepared, String> {
    let loaded = config::load(file).map_err(|invalid| invalid.to_string())?;
    let config = &loaded.config;
    listen::check_reach(address, !config.web.users.is_empty(), insecure)
        .map_err(|failure| failure.to_string())?;
    let live = Live::new(config, listen).map_err(|error| format!("{error:#}"))?;
    let log_settings = logs::Settings::new(config, logs.settings().masking_key.clone())
        .map_err(|error| format!("{error:#}"))?;
    let settings =
        scrape::Settings::new(config).map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
    let alerting = alerting::Settings::new(config, address, logs).map_err(|error| format!("{error:#}"))?;
    let shop = shop::Settings::new(config.shop.as_ref()).map_err(|error| format!("{error:#}"))?;
    Ok(Prepared { loaded, live, logs: log_settings, settings, alerting, shop })
}
