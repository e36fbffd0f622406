//! The configuration as YAML for people and for APIs, secrets masked.

use std::path::PathBuf;

use lingshao_wire::alertmanager_config::AlertmanagerConfig;
use lingshao_wire::prometheus_config::{AlertmanagersConfig, Global, ScrapeConfig};
use lingshao_wire::relabel::Relabel;
use serde::Serialize;

use super::shop::Shop;
use super::{Collect, Config, Listeners, Logs, Messages, Metrics, State, Web};

/// The file as it could have been written.
#[derive(Serialize)]
struct Shown<'c> {
    web: &'c Web,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: &'c Option<PathBuf>,
    global: &'c Global,
    scrape_configs: &'c [ScrapeConfig],
    rule_files: &'c [PathBuf],
    alerting: ShownAlerting<'c>,
    metrics: &'c Metrics,
    logs: &'c Logs,
    listeners: &'c Listeners,
    collect: &'c Collect,
    state: &'c State,
    #[serde(skip_serializing_if = "is_empty")]
    boards: &'c [PathBuf],
    #[serde(skip_serializing_if = "Option::is_none")]
    shop: &'c Option<Shop>,
}

#[derive(Serialize)]
struct ShownAlerting<'c> {
    #[serde(flatten)]
    messages: &'c Messages,
    #[serde(flatten)]
    config: &'c AlertmanagerConfig,
    #[serde(skip_serializing_if = "is_empty")]
    alert_relabel_configs: &'c [Relabel],
    #[serde(skip_serializing_if = "is_empty")]
    alertmanagers: &'c [AlertmanagersConfig],
}

fn is_empty<T>(list: &&[T]) -> bool {
    list.is_empty()
}

impl Config {
    /// What is in force, defaults included, secrets masked: for people and for `/api/v1/status/config`.
    pub fn to_masked_yaml(&self) -> String {
        let shown = Shown {
            web: &self.web,
            data: &self.data,
            global: &self.global,
            scrape_configs: &self.scrape_configs,
            rule_files: &self.rule_files,
            alerting: ShownAlerting {
                messages: &self.messages,
                config: &self.alerting,
                alert_relabel_configs: &self.alert_relabel_configs,
                alertmanagers: &self.alertmanagers,
            },
            metrics: &self.metrics,
            logs: &self.logs,
            listeners: &self.listeners,
            collect: &self.collect,
            state: &self.state,
            boards: &self.boards,
            shop: &self.shop,
        };
        serde_saphyr::to_string(&shown).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }

    /// The part that Alertmanager would show, for `/api/v2/status`.
    pub fn alertmanager_yaml(&self) -> String {
        self.alerting.to_masked_yaml()
    }
}
