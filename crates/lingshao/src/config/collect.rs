//! `collect`: what is watched without an exporter.

use std::path::{Path, PathBuf};

use lingshao_model::TimeDelta;
use lingshao_wire::prometheus_config::{Global, Secret};
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};
use serde::Serialize;

use super::load::{read_text, remedy};
use super::{Config, maybe_as_text};
use crate::collect::dsn::{Dsn, DsnError, Kind};

/// `collect`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Collect {
    /// This host, under node_exporter's names. Default: off with a config file, on without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<CollectHost>,
    /// PostgreSQL servers, under postgres_exporter's names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub postgres: Vec<CollectDatabase>,
    /// MySQL and MariaDB servers, under mysqld_exporter's names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mysql: Vec<CollectDatabase>,
    /// Redis servers, under redis_exporter's names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redis: Vec<CollectDatabase>,
}

impl Collect {
    /// All databases.
    pub fn databases(&self) -> impl Iterator<Item = &CollectDatabase> {
        self.postgres.iter().chain(&self.mysql).chain(&self.redis)
    }
}

/// `collect.host`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CollectHost {
    /// The `job` label. Default: `node`, which public boards expect.
    pub job_name: String,
    /// The `instance` label. Default: the host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Time between two looks. Default: the global `scrape_interval`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_text")]
    pub scrape_interval: Option<TimeDelta>,
    /// Where the host's root is mounted, for containers. Default: `/`.
    pub rootfs: PathBuf,
}

impl Default for CollectHost {
    fn default() -> CollectHost {
        CollectHost {
            job_name: "node".to_owned(),
            instance: None,
            scrape_interval: None,
            rootfs: PathBuf::from("/"),
        }
    }
}

/// One entry of `collect.postgres`, `collect.mysql` or `collect.redis`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CollectDatabase {
    /// Which of them.
    #[serde(skip)]
    pub kind: Kind,
    /// The `job` label. Default: `postgres`, `mysql` or `redis`, which rules and public boards expect.
    pub job_name: String,
    /// The `instance` label. Default: host and port of the address.
    pub instance: String,
    /// The address with user and password; never shown. Either this or the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dsn: Option<Secret>,
    /// A file with the address in it. Read again at every connect, so that a new password works without a reload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dsn_file: Option<PathBuf>,
    /// Time between two looks. Default: the global `scrape_interval`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_text")]
    pub scrape_interval: Option<TimeDelta>,
    /// How long one look may take; a single statement gets a third of it. Default: the global `scrape_timeout`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_text")]
    pub scrape_timeout: Option<TimeDelta>,
    /// Host and port, for what people see.
    #[serde(skip)]
    pub address: String,
}

impl CollectDatabase {
    /// Time between two looks, and how long one may take.
    pub fn times(&self, global: &Global) -> (TimeDelta, TimeDelta) {
        let interval = self.scrape_interval.unwrap_or(global.scrape_interval);
        (interval, self.scrape_timeout.unwrap_or(global.scrape_timeout).min(interval))
    }
}

pub(super) fn read(
    node: Option<&Node>,
    folder: &Path,
    global: &Global,
    findings: &mut Diagnostics,
) -> Collect {
    let Some(node) = node else { return Collect::default() };
    let mut keys = Keys::new(node, "collect", findings);
    let is_written =
        matches!(&node.value, Value::Map(entries) if entries.iter().any(|(key, _)| key.text == "host"));
    let host = match keys.node("host") {
        Some(Node { value: Value::Scalar { text, .. }, .. }) if matches!(text.as_str(), "off" | "false") => {
            None
        }
        Some(Node { value: Value::Scalar { text, .. }, .. }) if matches!(text.as_str(), "on" | "true") => {
            Some(CollectHost::default())
        }
        Some(node) => Some(read_host(node, findings)),
        None => is_written.then(CollectHost::default),
    };
    let mut databases = |kind: Kind| {
        let nodes = keys.list(kind.name(), findings);
        let read = nodes.iter().filter_map(|node| read_database(node, kind, folder, global, findings));
        read.collect::<Vec<_>>()
    };
    let (postgres, mysql, redis) =
        (databases(Kind::Postgres), databases(Kind::Mysql), databases(Kind::Redis));
    keys.finish(findings);
    Collect { host, postgres, mysql, redis }
}

fn read_host(node: &Node, findings: &mut Diagnostics) -> CollectHost {
    let mut keys = Keys::new(node, "collect.host", findings);
    let defaults = CollectHost::default();
    let host = CollectHost {
        job_name: keys
            .text("job_name", findings)
            .filter(|name| !name.is_empty())
            .unwrap_or(defaults.job_name),
        instance: keys.text("instance", findings).filter(|name| !name.is_empty()),
        scrape_interval: keys.duration("scrape_interval", findings).filter(|span| *span > TimeDelta::ZERO),
        rootfs: keys.text("rootfs", findings).map_or(defaults.rootfs, PathBuf::from),
    };
    keys.finish(findings);
    host
}

fn read_database(
    node: &Node,
    kind: Kind,
    folder: &Path,
    global: &Global,
    findings: &mut Diagnostics,
) -> Option<CollectDatabase> {
    let section = format!("collect.{}", kind.name());
    let mut keys = Keys::new(node, &section, findings);
    let dsn = keys.text("dsn", findings).map(Secret::new);
    let dsn_file = keys.text("dsn_file", findings).map(|path| folder.join(path));
    let at = keys.node("dsn").or(keys.node("dsn_file")).map_or(node.at, |node| node.at);
    let address = read_address(kind, dsn.as_ref(), dsn_file.as_deref(), at, findings);
    let name = |text: Option<String>| text.filter(|text| !text.is_empty());
    let job_name = name(keys.text("job_name", findings));
    let instance = name(keys.text("instance", findings));
    let mut span = |key: &str| keys.duration(key, findings).filter(|span| *span > TimeDelta::ZERO);
    let (scrape_interval, scrape_timeout) = (span("scrape_interval"), span("scrape_timeout"));
    let interval = scrape_interval.unwrap_or(global.scrape_interval);
    if let Some(timeout) = scrape_timeout.filter(|timeout| *timeout > interval) {
        let message = format!("`scrape_timeout` of {timeout} is longer than the interval of {interval}");
        findings.error(keys.key_at("scrape_timeout"), message, "shorten it, or lengthen `scrape_interval`");
    }
    keys.finish(findings);
    let address = address?;
    Some(CollectDatabase {
        kind,
        job_name: job_name.unwrap_or_else(|| kind.name().to_owned()),
        instance: instance.unwrap_or_else(|| address.clone()),
        dsn,
        dsn_file,
        scrape_interval,
        scrape_timeout,
        address,
    })
}

/// Host and port of the address, wherever it stands. What is wrong is said without showing it.
fn read_address(
    kind: Kind,
    dsn: Option<&Secret>,
    file: Option<&Path>,
    at: Position,
    findings: &mut Diagnostics,
) -> Option<String> {
    let wanted = format!("write `{}`", kind.example());
    let (key, text) = match (dsn, file) {
        (Some(text), None) => ("dsn", text.clone()),
        (None, Some(path)) => match read_text(path) {
            Ok(text) => ("dsn_file", Secret::new(text.trim())),
            Err(error) => {
                let message = format!("`dsn_file`: cannot read `{}`: {error}", path.display());
                findings.error(at, message, remedy(&error));
                return None;
            }
        },
        _ => {
            let message = format!("an entry of `collect.{}` needs either `dsn` or `dsn_file`", kind.name());
            findings.error(at, message, wanted);
            return None;
        }
    };
    match Dsn::parse(kind, text.reveal()) {
        Ok(dsn) => Some(dsn.address),
        Err(error) => {
            let remedy = match error {
                DsnError::Rediss => {
                    "write `redis://`, over a private network or a tunnel (stunnel)".to_owned()
                }
                _ => wanted,
            };
            findings.error(at, format!("`{key}` holds no address of {}: {error}", kind.name()), remedy);
            None
        }
    }
}

/// Two that are called the same would be one job, and of one job no two instances may be alike.
pub(super) fn check_jobs(config: &Config, at: Position, findings: &mut Diagnostics) {
    let is_scraped = |name: &str| config.scrape_configs.iter().any(|job| job.job_name == name);
    let host = config.collect.host.as_ref();
    if let Some(host) = host.filter(|host| is_scraped(&host.job_name)) {
        let message = format!("the host collector and a scrape config are both called `{}`", host.job_name);
        findings.error(at, message, "set `collect.host.job_name`, or delete one of them");
    }
    let databases: Vec<&CollectDatabase> = config.collect.databases().collect();
    for (index, one) in databases.iter().enumerate() {
        let (kind, job, instance) = (one.kind.name(), &one.job_name, &one.instance);
        if is_scraped(job) || host.is_some_and(|host| host.job_name == *job) {
            let message = format!("the collector of {kind} and another job are both called `{job}`");
            findings.error(at, message, format!("set `job_name` in `collect.{kind}`, or delete one of them"));
        }
        if databases[..index].iter().any(|other| other.job_name == *job && other.instance == *instance) {
            let message = format!("two entries of job `{job}` are both called `{instance}`");
            findings.error(at, message, format!("set `instance` in `collect.{kind}`, or delete one of them"));
        }
    }
}
