//! Alertmanagers elsewhere (`alerting.alertmanagers`): they are told of the same alerts, as Prometheus tells them.
//!
//! Contract: [`External::push`] never waits. Each Alertmanager has a queue of its own with a task that posts from it;
//! a queue that is full loses its oldest alerts, a request that fails its batch: both are counted, and the next minute
//! says again what still fires. Addresses in files are looked at again as those of scrape targets are.

mod address;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingshao_model::{Alert, TimeDelta};
use lingshao_wire::prometheus_config::{AlertmanagersConfig, HttpClientConfig};
use reqwest::Client;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::clock::now;
use crate::config::Config;
use crate::scrape;
use crate::scrape::discovery::{FileWatch, LOOK_INTERVAL};
use crate::telemetry::external::ExternalTelemetry;
use address::Addresses;
pub(crate) use queue::QUEUE_MAX;
use queue::Queue;

/// Rules say again what fires after this, or at each of their rounds if these are rarer.
const RESEND_DELAY: TimeDelta = TimeDelta::from_secs(60);
/// How many of these an alert outlives us at the other end (prometheus `rules/manager.go`).
const SAID_FOR_ROUNDS: i64 = 4;

/// Whom to tell, checked.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    groups: Vec<(Arc<AlertmanagersConfig>, Client)>,
    said_for: TimeDelta,
}

impl Settings {
    /// Reads the certificates that the config names.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Settings> {
        let client = |group: &AlertmanagersConfig| {
            let client = scrape::http_client(&group.http);
            let client = client.map_err(|why| anyhow::anyhow!("`alerting.alertmanagers`: {why}"))?;
            Ok((Arc::new(group.clone()), client))
        };
        let intervals = config.rule_groups.iter().filter_map(|group| group.interval);
        let rarest = intervals.chain([config.global.evaluation_interval, RESEND_DELAY]).max();
        Ok(Settings {
            groups: config.alertmanagers.iter().map(client).collect::<anyhow::Result<_>>()?,
            said_for: TimeDelta(rarest.unwrap_or(RESEND_DELAY).0.saturating_mul(SAID_FOR_ROUNDS)),
        })
    }
}

/// How one Alertmanager is reached.
#[derive(Clone, Debug)]
struct Access {
    client: Client,
    http: HttpClientConfig,
    timeout: Duration,
}

/// The queues and their tasks.
#[derive(Debug)]
pub(crate) struct External {
    state: Arc<Mutex<State>>,
    telemetry: Arc<ExternalTelemetry>,
    /// Looks at files of addresses, for as long as the settings are in force.
    watcher: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct State {
    said_for: TimeDelta,
    groups: Vec<Group>,
}

/// One entry of `alerting.alertmanagers`.
#[derive(Debug)]
struct Group {
    config: Arc<AlertmanagersConfig>,
    access: Access,
    /// By URL.
    queues: BTreeMap<String, Arc<Queue>>,
    /// URLs that `relabel_configs` dropped.
    dropped: Vec<String>,
}

/// What `/api/v1/alertmanagers` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Views {
    /// URLs that are told.
    pub(crate) active: Vec<String>,
    /// URLs that relabelling dropped.
    pub(crate) dropped: Vec<String>,
}

impl External {
    /// Starts with whoever is known at once. Inside of the runtime.
    pub(crate) fn start(settings: Settings, telemetry: Arc<ExternalTelemetry>) -> External {
        let external = External { state: Arc::default(), telemetry, watcher: Mutex::default() };
        external.replace(settings);
        external
    }

    /// From now on these; queues of Alertmanagers that stay are kept only if nothing about them changed.
    pub(crate) fn replace(&self, settings: Settings) {
        let old = std::mem::take(&mut *lock(&self.state));
        let mut groups = Vec::with_capacity(settings.groups.len());
        for (config, client) in settings.groups {
            let timeout = Duration::from_millis(config.timeout.0.unsigned_abs());
            let access = Access { client, http: config.http.clone(), timeout };
            let kept = old.groups.iter().find(|group| group.config == config);
            let queues = kept.map(|group| group.queues.clone()).unwrap_or_default();
            groups.push(Group { config, access, queues, dropped: Vec::new() });
        }
        let kept: Vec<Arc<Queue>> = groups.iter().flat_map(|group| group.queues.values().cloned()).collect();
        let ended = old.groups.iter().flat_map(|group| group.queues.values());
        ended.filter(|queue| !kept.iter().any(|kept| Arc::ptr_eq(kept, queue))).for_each(|queue| queue.end());
        for group in &mut groups {
            let found = Addresses::build(&group.config, &[]);
            group.take(found, &self.telemetry);
        }
        let files: Vec<Vec<FileWatch>> = groups
            .iter()
            .map(|group| group.config.file_sd_configs.iter().cloned().map(FileWatch::new).collect())
            .collect();
        *lock(&self.state) = State { said_for: settings.said_for, groups };
        self.watch(files);
    }

    /// Hands alerts on. Those that fire without an end get one, by which the others know that we have gone.
    pub(crate) fn push(&self, alerts: &[Alert]) {
        let state = lock(&self.state);
        if state.groups.iter().all(|group| group.queues.is_empty()) || alerts.is_empty() {
            return;
        }
        for group in &state.groups {
            let said: Vec<Arc<Alert>> = alerts
                .iter()
                .filter_map(|alert| {
                    queue::dressed(alert, &group.config.alert_relabel_configs, state.said_for)
                })
                .map(Arc::new)
                .collect();
            group.queues.values().for_each(|queue| queue.put(&said));
        }
    }

    /// Who is told, and who would be without relabelling.
    pub(crate) fn views(&self) -> Views {
        let state = lock(&self.state);
        let of = |urls: &dyn Fn(&Group) -> Vec<String>| state.groups.iter().flat_map(urls).collect();
        Views {
            active: of(&|group| group.queues.keys().cloned().collect()),
            dropped: of(&|group| group.dropped.clone()),
        }
    }

    /// Ends all tasks. What waits is said again by the next life's rules.
    pub(crate) fn stop(&self) {
        if let Some(watcher) = lock(&self.watcher).take() {
            watcher.abort();
        }
        lock(&self.state).groups.iter().flat_map(|group| group.queues.values()).for_each(|queue| queue.end());
    }

    fn watch(&self, files: Vec<Vec<FileWatch>>) {
        let old = lock(&self.watcher).take();
        if let Some(old) = old {
            old.abort();
        }
        if files.iter().all(Vec::is_empty) {
            return;
        }
        let task = tokio::spawn(watch(self.state.clone(), self.telemetry.clone(), files));
        *lock(&self.watcher) = Some(task);
    }
}

impl Group {
    /// Queues for these addresses and no others.
    fn take(&mut self, found: Addresses, telemetry: &Arc<ExternalTelemetry>) {
        let gone: Vec<String> =
            self.queues.keys().filter(|url| !found.active.contains(url)).cloned().collect();
        for url in gone {
            if let Some(queue) = self.queues.remove(&url) {
                queue.end();
                telemetry.forget(&url);
            }
        }
        for url in found.active {
            let start = || Queue::start(&url, self.access.clone(), telemetry.of(&url));
            self.queues.entry(url.clone()).or_insert_with(start);
        }
        self.dropped = found.dropped;
    }
}

async fn watch(state: Arc<Mutex<State>>, telemetry: Arc<ExternalTelemetry>, mut files: Vec<Vec<FileWatch>>) {
    loop {
        let looking = spawn_blocking(move || {
            for watch in files.iter_mut().flatten() {
                for failure in watch.look(now()).failures {
                    tracing::warn!(%failure, "addresses of Alertmanagers cannot be read");
                }
            }
            files
        });
        // A panic in there has been reported; the addresses stay as they are.
        let Ok(looked) = looking.await else { return };
        files = looked;
        for (group, watches) in lock(&state).groups.iter_mut().zip(&files) {
            let found = Addresses::build(&group.config, watches);
            group.take(found, &telemetry);
        }
        sleep(Duration::from_millis(LOOK_INTERVAL.0.unsigned_abs())).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
