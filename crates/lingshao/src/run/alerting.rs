//! The alert path: rules, the owner of alerts and silences, the senders. Started from the receiving end, stopped from
//! the other, replaced whole.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use lingshao_model::Routing;
use lingshao_promql::Limits;
use lingshao_tsdb::Db;

use crate::alertmanager::external::{self, External};
use crate::alertmanager::{AlertsHandle, Hooks, Owner, RuleReport, Running};
use crate::config::Config;
use crate::failure::Failure;
use crate::logs::Logs;
use crate::notify::{self, Finished, House, Notifier};
use crate::rules::log_lines::LogLines;
use crate::rules::{self, Options, RuleManager, Tell};
use crate::state::{Location, State};
use crate::telemetry::Telemetry;

/// The name of the file in the data folder.
const STATE_FILE: &str = "state.db";

/// Everything that a reload replaces, checked.
#[derive(Debug)]
pub(super) struct Settings {
    routing: Arc<Routing>,
    senders: notify::Settings,
    rules: rules::Settings,
    external: external::Settings,
}

impl Settings {
    /// Everything that can fail does so here.
    pub(super) fn new(config: &Config, address: SocketAddr, logs: &Arc<Logs>) -> anyhow::Result<Settings> {
        let external_url = config.web.external_url_at(address);
        let alerting = &config.alerting;
        let house = House::new(config, &external_url);
        let options = Options {
            evaluation_interval: config.global.evaluation_interval,
            query_offset: config.global.rule_query_offset,
            external_labels: config.global.external_labels.clone(),
            external_url,
            alert_relabel: config.alert_relabel_configs.clone(),
            time_zone: Some(config.messages.time_zone.clone()),
            limits: Limits { subquery_step: config.global.evaluation_interval, ..Limits::default() },
            log_lines: Some(log_lines(logs)),
        };
        Ok(Settings {
            routing: Arc::new(alerting.routing.clone()),
            senders: notify::Settings::new(&alerting.receivers, &house)?,
            rules: rules::Settings::new(&config.rule_groups, options)?,
            external: external::Settings::new(config)?,
        })
    }
}

/// Finds the newest records of a log rule for its alerts. It does not keep the storage open.
fn log_lines(logs: &Arc<Logs>) -> LogLines {
    let logs = Arc::downgrade(logs);
    LogLines::new(move |rule| logs.upgrade()?.newest_of_rule(rule))
}

/// Under which name we share a `state.db`; our address when we do not.
pub(super) fn member(config: &Config, address: SocketAddr) -> String {
    config.state.member.clone().unwrap_or_else(|| address.to_string())
}

/// Which `state.db` is ours.
pub(super) fn location(config: &Config, folder: &Path, address: SocketAddr) -> Location {
    let shared = config.state.path();
    Location {
        member: shared.is_some().then(|| member(config, address)),
        path: shared.unwrap_or_else(|| folder.join(STATE_FILE)),
    }
}

/// The parts at work.
#[derive(Debug)]
pub(super) struct Alerting {
    pub(super) alerts: AlertsHandle,
    pub(super) notifier: Arc<Notifier>,
    pub(super) rules: Arc<RuleManager>,
    pub(super) external: Arc<External>,
    owner: Running,
}

impl Alerting {
    /// Opens `state.db`, goes on where the last life ended, and begins to judge.
    pub(super) async fn start(
        config: &Config,
        settings: Settings,
        folder: &Path,
        address: SocketAddr,
        db: Arc<Db>,
        telemetry: &Telemetry,
    ) -> Result<Alerting, Failure> {
        let state = State::open(&location(config, folder, address)).await?;
        tracing::info!(path = %state.path().display(), member = state.member(), "state opened");
        let figures = telemetry.alertmanager.clone();
        let (alerts, mut owner, saved) =
            Owner::restore(state, settings.routing, address.to_string(), figures).await?;
        owner.end_unclaimed(&settings.rules.told_as(&saved));
        let notifier = Arc::new(Notifier::start(settings.senders, report(&alerts), telemetry.notify.clone()));
        let owner = owner.start(alerts.clone(), hooks(&notifier));
        let external = Arc::new(External::start(settings.external, telemetry.external.clone()));
        let tell = tell(&alerts, &external);
        let rules = RuleManager::start(settings.rules, db, tell, saved, telemetry.rules.clone());
        let rule_count: usize = config.rule_groups.iter().map(|group| group.rules.len()).sum();
        tracing::info!(rules = rule_count, integrations = notifier.status().len(), "alerting started");
        Ok(Alerting { alerts, notifier, rules: Arc::new(rules), external, owner })
    }

    /// What the reloader needs to put new settings into force.
    pub(super) fn replacer(&self) -> Replacer {
        Replacer {
            alerts: self.alerts.clone(),
            notifier: self.notifier.clone(),
            rules: self.rules.clone(),
            external: self.external.clone(),
        }
    }

    /// From the judging end, so that what was judged last is committed. What waits to be sent is sent by the next life.
    pub(super) async fn stop(self) {
        self.rules.stop().await;
        self.external.stop();
        self.notifier.stop().await;
        self.owner.stop().await;
    }
}

/// Puts new settings into force.
#[derive(Debug)]
pub(super) struct Replacer {
    alerts: AlertsHandle,
    notifier: Arc<Notifier>,
    rules: Arc<RuleManager>,
    external: Arc<External>,
}

impl Replacer {
    /// Senders first: nothing is routed to one that is not there yet.
    pub(super) async fn replace(&self, settings: Settings) -> anyhow::Result<()> {
        self.notifier.replace(settings.senders);
        self.alerts.reload(settings.routing).await.context("the alerts cannot be routed anew")?;
        self.external.replace(settings.external);
        self.rules.replace(settings.rules);
        Ok(())
    }
}

fn report(alerts: &AlertsHandle) -> notify::Report {
    let alerts = alerts.clone();
    Arc::new(move |finished: Vec<Finished>| {
        let alerts = alerts.clone();
        Box::pin(async move {
            if alerts.finished(finished).await.is_err() {
                // The rows stay in the outbox, and the next life tells once more.
                tracing::warn!("a message was sent while the process ended; it may be repeated");
            }
        })
    })
}

fn tell(alerts: &AlertsHandle, external: &Arc<External>) -> Tell {
    let (alerts, external) = (alerts.clone(), external.clone());
    Arc::new(move |report: RuleReport| {
        let alerts = alerts.clone();
        external.push(&report.alerts);
        Box::pin(async move {
            if alerts.report(report).await.is_err() {
                tracing::debug!("a rule group's round came after the end");
            }
        })
    })
}

fn hooks(notifier: &Arc<Notifier>) -> Hooks {
    let (enqueue, withdraw) = (notifier.clone(), notifier.clone());
    Hooks {
        enqueue: Box::new(move |deliveries| enqueue.enqueue(deliveries)),
        withdraw: Box::new(move |ids| withdraw.withdraw(&ids)),
    }
}
