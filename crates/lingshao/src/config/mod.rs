//! Reads `lingshao.yml` or a plain `prometheus.yml`, checks it whole, and hands each component its own small struct.
//!
//! Contract: [`load`] answers either a configuration that can be used or every mistake in it, each with file, line,
//! column and remedy; nothing is started in between. `${VAR}` is not expanded, as Prometheus does not.
//!
//! A section that a later release brings (`remote`) is accepted with a warning.

mod alerting;
mod checks;
mod collect;
pub mod glob;
mod load;
mod logs;
pub mod shop;
mod show;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use lingshao_model::{RuleGroup, TimeDelta};
pub use lingshao_wire::alertmanager_config::AlertmanagerConfig;
pub use lingshao_wire::prometheus_config::{AlertmanagersConfig, Global, ScrapeConfig};
use lingshao_wire::relabel::Relabel;
pub use lingshao_wire::yaml::{Diagnostic, Severity};
use serde::{Serialize, Serializer};

pub use alerting::{Environment, Language, Messages, TemplateFile};
pub(crate) use alerting::{parse_alertmanager, parse_rules};
pub use checks::rule_checks;
pub use collect::{Collect, CollectDatabase, CollectHost};
pub(crate) use load::read_text;
pub use load::{load, parse, parse_with};
pub use logs::{Listeners, LogFile, LogRule, Logs, Mask, RequestMetrics};

/// The whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The web listener.
    pub web: Web,
    /// Where the data lies. Default: `--data`.
    pub data: Option<PathBuf>,
    /// Prometheus' `global`.
    pub global: Global,
    /// Prometheus' `scrape_configs`, those of `scrape_config_files` included.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// The metrics storage.
    pub metrics: Metrics,
    /// The log storage and what feeds it.
    pub logs: Logs,
    /// Addresses besides the web's. Default: none is open.
    pub listeners: Listeners,
    /// Built-in collectors.
    pub collect: Collect,
    /// `rule_files`, as patterns.
    pub rule_files: Vec<PathBuf>,
    /// What stands in these files, in their order; every expression and template parses.
    pub rule_groups: Vec<RuleGroup>,
    /// Who is told: `alerting` or the file that `alerting.config_file` names. Without any receiver it tells nobody.
    pub alerting: AlertmanagerConfig,
    /// `alerting.language` and `alerting.time_zone`
    pub messages: Messages,
    /// The files of `alerting.templates`.
    pub template_files: Vec<TemplateFile>,
    /// `alerting.alertmanagers`: who is told besides, elsewhere.
    pub alertmanagers: Vec<AlertmanagersConfig>,
    /// `alerting.alert_relabel_configs`: rules for the labels of all alerts.
    pub alert_relabel_configs: Vec<Relabel>,
    /// Where silences, alerts, deliveries and saved boards are kept.
    pub state: State,
    /// Folders, files or patterns of Grafana JSON: boards that can be looked at and not changed. Read again when they
    /// change; what is wrong in them is told beside the boards and keeps nothing from starting.
    pub boards: Vec<PathBuf>,
    /// The shop's database and what the business monitors may do there. Default: there are none.
    pub shop: Option<shop::Shop>,
}

/// `state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// `sqlite:///PATH`: one file for several processes on this host, which then tell each alert once. Default:
    /// `state.db` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The name of this process among them. Default: its host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

impl State {
    /// The shared file, if there is one.
    pub fn path(&self) -> Option<PathBuf> {
        self.url.as_deref()?.strip_prefix("sqlite://").map(PathBuf::from)
    }
}

/// `web`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Web {
    /// Address and port of the UI and the APIs. Default: 127.0.0.1:9090.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Certificate of the web listener. Default: none, plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<WebTls>,
    /// The address under which people reach us, without a slash at its end; links in messages begin with it. Default:
    /// `http://` and the address listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    /// Stands before every path, for proxies: `/monitor`. Default: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_prefix: String,
    /// Host names under which the web listener may be asked for, besides its address and `localhost`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Who may come in. Default: nobody is asked, and only this machine can connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<WebUser>,
}

impl Web {
    /// Where people open our pages when we listen on an address, without a slash at the end.
    pub(crate) fn external_url_at(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = if address.ip().is_unspecified() {
            // Nobody can open 0.0.0.0 from elsewhere; the host's name is the best guess.
            format!("{}:{}", rustix::system::uname().nodename().to_string_lossy(), address.port())
        } else {
            address.to_string()
        };
        self.external_url.clone().unwrap_or_else(|| format!("{scheme}://{host}{}", self.route_prefix))
    }
}

/// `web.tls`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebTls {
    /// Certificate chain in PEM.
    pub cert_file: PathBuf,
    /// Its private key in PEM.
    pub key_file: PathBuf,
}

/// One entry of `web.users`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebUser {
    /// The name to log in with.
    pub name: String,
    /// From `password_hash` or `password_hash_file`; `lingshao passwd` makes one.
    pub password_hash: PasswordHash,
    /// What the user may do. Default: `viewer`.
    pub role: Role,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Change boards, silences; send data.
    Editor,
    /// Everything.
    Admin,
    /// Look, and run the shop's actions.
    Operator,
}

impl Role {
    /// As it is written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
            Role::Operator => "operator",
        }
    }
}

/// An argon2 hash in PHC form; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a text is no [`PasswordHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2 hash in PHC form (`$argon2id$…`)")]
pub struct NotAHash;

impl PasswordHash {
    /// Checks the form.
    pub fn new(text: &str) -> Result<PasswordHash, NotAHash> {
        let parsed = argon2::password_hash::phc::PasswordHash::new(text).map_err(|_| NotAHash)?;
        if parsed.hash.is_none() || !text.starts_with("$argon2") {
            return Err(NotAHash);
        }
        Ok(PasswordHash(text.to_owned()))
    }

    /// For the one who compares.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<secret>")
    }
}

/// `metrics`: what the storage keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Samples older than this are deleted. Default: 90d, or `storage.tsdb.retention.time`.
    #[serde(serialize_with = "as_text")]
    pub retention: TimeDelta,
    /// Oldest blocks are deleted when data exceed this many bytes. Default: no limit, or
    /// `storage.tsdb.retention.size`.
    #[serde(skip_serializing_if = "Option::is_none", rename = "size_max")]
    pub size_max_bytes: Option<u64>,
    /// Most series at a time. Default: 1,000,000.
    pub series_max: u64,
    /// How far behind our clock a sample may be. Default: 7d, or `storage.tsdb.out_of_order_time_window`.
    #[serde(serialize_with = "as_text")]
    pub out_of_order_window: TimeDelta,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let options = lingshao_tsdb::Options::default();
        Metrics {
            retention: options.retention,
            size_max_bytes: options.size_bytes_max,
            series_max: u64::from(options.series_max),
            out_of_order_window: options.out_of_order_window,
        }
    }
}

impl Config {
    /// Without a file we watch our own host, every 15 seconds, and tell the robot of `WECHAT_WEBHOOK_URL`.
    pub fn without_file() -> Config {
        let global = Global {
            scrape_interval: TimeDelta::from_secs(15),
            evaluation_interval: TimeDelta::from_secs(15),
            ..Global::default()
        };
        let alerting = alerting::without_file(&Environment::current());
        Config {
            global,
            collect: Collect { host: Some(CollectHost::default()), ..Collect::default() },
            alerting: alerting.config,
            messages: alerting.messages,
            ..Config::default()
        }
    }
}

/// A usable configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What its author should know.
    pub warnings: Vec<Diagnostic>,
}

/// A configuration that cannot be used. Displays all findings, one below the other.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

fn as_text<S: Serializer>(span: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

fn maybe_as_text<S: Serializer>(span: &Option<TimeDelta>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.collect_str(span),
        None => serializer.serialize_none(),
    }
}
