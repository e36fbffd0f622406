//! Prometheus' configuration file, as of 3.14: `global`, `scrape_configs` and the retention in `storage` are read
//! into types; every other key that Prometheus knows is accepted with a warning that names it; a key that neither
//! knows is an error with the nearest name.
//!
//! Contract: no I/O. Paths are joined to the configuration's folder; the files that must exist are listed in
//! [`PrometheusConfig::files`] for the caller to look at. Texts are taken as written: `${VAR}` is not expanded.
//! A section that has no effect is not looked into.

mod alertmanagers;
pub(crate) mod http;
mod scrape;
mod secret;

pub use alertmanagers::{AlertmanagersConfig, PrometheusAlerting};
pub use http::{Authorization, BasicAuth, HttpClientConfig, HttpHeader, TlsConfig, TlsVersion};
pub use scrape::{
    BODY_BYTES_DEFAULT, EscapingScheme, FileSd, Global, Limits, Scheme, ScrapeConfig, ScrapeProtocol,
    TargetGroup,
};
pub use secret::{Secret, SecretUrl};

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lingshao_model::TimeDelta;
use serde::Serialize;

use crate::yaml::{Diagnostics, Keys, Node, Position, Value};

/// What of Prometheus' file has an effect.
#[derive(Clone, Debug, Default)]
pub struct PrometheusConfig {
    /// `global`
    pub global: Global,
    /// `scrape_configs`
    pub scrape_configs: Vec<ScrapeConfig>,
    /// `scrape_config_files`: patterns of files with further `scrape_configs`, each with its place.
    pub scrape_config_files: Vec<(PathBuf, Position)>,
    /// `storage.tsdb`
    pub storage: Storage,
    /// Files that the jobs name and that must exist.
    pub files: Vec<FileReference>,
}

/// `storage.tsdb`, as far as it has an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// `retention.time`
    #[serde(skip)]
    pub retention: Option<TimeDelta>,
    /// `retention.size`
    pub size_max_bytes: Option<u64>,
    /// `out_of_order_time_window`
    #[serde(skip)]
    pub out_of_order_window: Option<TimeDelta>,
}

/// A file that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// Where it is expected.
    pub path: PathBuf,
    /// The key that names it.
    pub key: &'static str,
    /// Where it is named.
    pub at: Position,
    /// The job or receiver that names it.
    pub subject: Option<String>,
}

/// What all readers of one file share.
pub(crate) struct Reader<'f> {
    /// Where relative paths start.
    pub(crate) folder: &'f Path,
    /// What is wrong.
    pub(crate) findings: &'f mut Diagnostics,
    /// Files that must exist.
    pub(crate) files: Vec<FileReference>,
    subject: Option<String>,
}

impl<'f> Reader<'f> {
    pub(crate) fn new(folder: &'f Path, findings: &'f mut Diagnostics) -> Reader<'f> {
        Reader { folder, findings, files: Vec::new(), subject: None }
    }

    /// What is read: `job`, NAME. An empty name is nothing.
    pub(crate) fn set_subject(&mut self, kind: &str, name: &str) {
        self.subject = Some(format!("{kind} {name}")).filter(|_| !name.is_empty());
        self.findings.set_subject(self.subject.clone());
    }
}

impl PrometheusConfig {
    /// Reads Prometheus' sections out of a file's top mapping; relative paths start at `folder`.
    pub fn read(keys: &mut Keys<'_>, folder: &Path, findings: &mut Diagnostics) -> PrometheusConfig {
        let global = keys.node("global").map(|node| Global::read(node, findings)).unwrap_or_default();
        let storage = keys.node("storage").map(|node| read_storage(node, findings)).unwrap_or_default();
        let patterns = keys.texts("scrape_config_files", findings);
        let nodes = keys.list("scrape_configs", findings);
        let mut reader = Reader::new(folder, findings);
        let mut seen = HashMap::new();
        let scrape_configs = read_jobs(nodes, &global, &mut seen, &mut reader);
        let files = reader.files;
        let reason = "it is not part of this program";
        keys.without_effect(&["runtime", "tracing", "otlp", "remote_read"], reason, findings);
        let later = "remote storage comes with a later release; samples are kept here";
        keys.without_effect(&["remote_write"], later, findings);
        PrometheusConfig {
            global,
            scrape_configs,
            scrape_config_files: patterns
                .into_iter()
                .map(|(pattern, at)| (join(folder, Path::new(&pattern)), at))
                .collect(),
            storage,
            files,
        }
    }

    /// Reads a file named by `scrape_config_files` and adds its jobs.
    pub fn add_scrape_config_file(&mut self, text: &str, folder: &Path, findings: &mut Diagnostics) {
        let node = match Node::parse(text) {
            Ok(node) => node,
            Err(error) => return findings.error(error.at, error.message, ""),
        };
        let mut keys = Keys::new(&node, "a file of scrape_config_files", findings);
        let nodes = keys.list("scrape_configs", findings);
        let mut seen: HashMap<String, Position> =
            self.scrape_configs.iter().map(|job| (job.job_name.clone(), Position::START)).collect();
        let mut reader = Reader::new(folder, findings);
        let jobs = read_jobs(nodes, &self.global, &mut seen, &mut reader);
        self.files.append(&mut reader.files);
        self.scrape_configs.extend(jobs);
        keys.finish(findings);
    }
}

fn read_jobs(
    nodes: &[Node],
    global: &Global,
    seen: &mut HashMap<String, Position>,
    reader: &mut Reader<'_>,
) -> Vec<ScrapeConfig> {
    let mut jobs = Vec::with_capacity(nodes.len());
    for node in nodes {
        if node.value == Value::Null {
            reader.findings.error(node.at, "an empty entry in `scrape_configs`", "delete the lone `-`");
            continue;
        }
        let (job, at) = ScrapeConfig::read(node, global, reader);
        if let Some(first) = seen.insert(job.job_name.clone(), at).filter(|_| !job.job_name.is_empty()) {
            let message = format!("job name `{}` stands twice; first in line {}", job.job_name, first.line);
            reader.findings.error(at, message, "give each job its own name");
        }
        jobs.push(job);
    }
    jobs
}

fn read_storage(node: &Node, findings: &mut Diagnostics) -> Storage {
    let mut keys = Keys::new(node, "storage", findings);
    let mut storage = Storage::default();
    if let Some(node) = keys.node("tsdb") {
        let mut tsdb = Keys::new(node, "storage.tsdb", findings);
        storage.out_of_order_window = tsdb.duration("out_of_order_time_window", findings);
        let reason = "ended series leave memory by themselves";
        tsdb.without_effect(&["stale_series_compaction_threshold"], reason, findings);
        if let Some(node) = tsdb.node("retention") {
            let mut retention = Keys::new(node, "storage.tsdb.retention", findings);
            storage.retention = retention.duration("time", findings).filter(|time| *time > TimeDelta::ZERO);
            storage.size_max_bytes = retention.bytes("size", findings).filter(|bytes| *bytes > 0);
            retention.without_effect(&["percentage"], "use `size`", findings);
            retention.finish(findings);
        }
        tsdb.finish(findings);
    }
    keys.without_effect(&["exemplars"], "exemplars are not kept yet", findings);
    keys.finish(findings);
    storage
}

pub(crate) fn join(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path) // An absolute `path` replaces `folder`.
}

#[cfg(test)]
mod tests;
