//! `logs` and `listeners`: what is kept of log records, and where they come in.

use std::path::PathBuf;

use lingshao_model::TimeDelta;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};
use serde::Serialize;

use super::as_text;
use crate::server::listen;

/// Most `log_rules`: every record is held against each of them.
const RULES_MAX: usize = 200;

/// `logs`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Logs {
    /// Days older than this are deleted. Default: 180d, which the Cybersecurity Law of the PRC asks for (article 21).
    #[serde(serialize_with = "as_text")]
    pub retention: TimeDelta,
    /// Oldest days are deleted when logs take more than this many bytes. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none", rename = "size_max")]
    pub size_bytes_max: Option<u64>,
    /// Where records go whose sender names no index. Default: `logs`.
    pub index: String,
    /// How personal data are masked.
    pub mask: Mask,
    /// Whether request records become `http_requests_total` and `http_request_duration_seconds`. Default: `auto`, for
    /// every service that is not scraped.
    pub request_metrics: RequestMetrics,
    /// Files that are followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<LogFile>,
    /// Counters by query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_rules: Vec<LogRule>,
}

/// `logs.mask`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mask {
    /// Mobile numbers, identity cards, bank cards, passwords and tokens are masked as they arrive. Default: true.
    pub enabled: bool,
    /// Names of fields that stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// `logs.request_metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestMetrics {
    /// For services that no scrape job is named after.
    Auto,
    /// For all.
    On,
    /// For none.
    Off,
}

/// One of `logs.files`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogFile {
    /// With `*`, `?` and `[a-z]` in its last part.
    pub path: PathBuf,
    /// Where its records go. Default: `logs.index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Fields that every record gets, if it has none of the name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// Whether lines that begin with blanks and the like belong to the record before. Default: true.
    pub multiline: bool,
    /// Whether a file that was never seen is read from its beginning. Default: true for files that appear while we
    /// run, false for those that are there at the first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_beginning: Option<bool>,
}

/// One of `logs.log_rules`: `lingshao_log_rule_total{rule="NAME",…}` counts the records that its query finds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogRule {
    /// The counter's `rule` label.
    pub name: String,
    /// As in the log page.
    pub query: String,
    /// Further labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

/// `listeners`, besides the web's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Listeners {
    /// The Elasticsearch API. Its usual port is 9200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elasticsearch: Option<String>,
    /// JSON lines over TCP. Its usual port is 5000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logstash: Option<String>,
    /// OTLP over gRPC. Its usual port is 4317.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<String>,
    /// Syslog over TCP and UDP. Its usual port is 514.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<String>,
    /// Sends browsers to the log page. Its usual port is 5601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kibana: Option<String>,
}

impl Default for Logs {
    fn default() -> Logs {
        Logs {
            retention: TimeDelta::from_secs(180 * 86_400),
            size_bytes_max: None,
            index: "logs".to_owned(),
            mask: Mask { enabled: true, keep: Vec::new() },
            request_metrics: RequestMetrics::Auto,
            files: Vec::new(),
            log_rules: Vec::new(),
        }
    }
}

/// Reads both sections; `logs.elasticsearch.listen` and `logs.logstash.listen` are other names of the listeners'.
pub(super) fn read(
    logs: Option<&Node>,
    listeners: Option<&Node>,
    folder: &std::path::Path,
    findings: &mut Diagnostics,
) -> (Logs, Listeners) {
    let mut found = listeners.map(|node| read_listeners(node, findings)).unwrap_or_default();
    let logs = logs.map(|node| read_logs(node, &mut found, folder, findings)).unwrap_or_default();
    (logs, found)
}

fn read_listeners(node: &Node, findings: &mut Diagnostics) -> Listeners {
    let mut keys = Keys::new(node, "listeners", findings);
    let mut address = |key: &'static str| read_address(&mut keys, key, findings);
    let listeners = Listeners {
        elasticsearch: address("elasticsearch"),
        logstash: address("logstash"),
        otlp: address("otlp"),
        syslog: address("syslog"),
        kibana: address("kibana"),
    };
    keys.finish(findings);
    listeners
}

/// `HOST:PORT`, `:PORT`, or `off`.
fn read_address(keys: &mut Keys<'_>, key: &'static str, findings: &mut Diagnostics) -> Option<String> {
    let at = keys.node(key)?.at;
    let text = keys.text(key, findings)?;
    if matches!(text.as_str(), "off" | "false" | "no" | "") {
        return None;
    }
    if listen::parse(&text).is_err() {
        let remedy = "write HOST:PORT, for example 127.0.0.1:9200, or `off`";
        findings.error(at, format!("`{key}`: `{text}` is no address to listen on"), remedy);
        return None;
    }
    Some(text)
}

fn read_logs(
    node: &Node,
    listeners: &mut Listeners,
    folder: &std::path::Path,
    findings: &mut Diagnostics,
) -> Logs {
    let mut keys = Keys::new(node, "logs", findings);
    let defaults = Logs::default();
    for (key, slot) in
        [("elasticsearch", &mut listeners.elasticsearch), ("logstash", &mut listeners.logstash)]
    {
        if let Some(address) = keys.node(key).and_then(|node| read_twin(node, key, findings)) {
            *slot = Some(address);
        }
    }
    let logs = Logs {
        retention: read_retention(&mut keys, findings).unwrap_or(defaults.retention),
        size_bytes_max: keys.bytes("size_max", findings),
        index: read_index(&mut keys, findings).unwrap_or(defaults.index),
        mask: keys.node("mask").map_or(defaults.mask, |node| read_mask(node, findings)),
        request_metrics: keys
            .word("request_metrics", &REQUEST_METRICS, findings)
            .unwrap_or(RequestMetrics::Auto),
        files: keys.list("files", findings).iter().map(|node| read_file(node, folder, findings)).collect(),
        log_rules: read_rules(&mut keys, findings),
    };
    keys.finish(findings);
    logs
}

const REQUEST_METRICS: [(&str, RequestMetrics); 7] = [
    ("auto", RequestMetrics::Auto),
    ("on", RequestMetrics::On),
    ("true", RequestMetrics::On),
    ("yes", RequestMetrics::On),
    ("off", RequestMetrics::Off),
    ("false", RequestMetrics::Off),
    ("no", RequestMetrics::Off),
];

fn read_twin(node: &Node, key: &str, findings: &mut Diagnostics) -> Option<String> {
    let mut keys = Keys::new(node, &format!("logs.{key}"), findings);
    let address = read_address(&mut keys, "listen", findings);
    keys.finish(findings);
    address
}

fn read_retention(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<TimeDelta> {
    let retention = keys.duration("retention", findings)?;
    if retention < TimeDelta::from_secs(86_400) {
        let at = keys.key_at("retention");
        findings.error(
            at,
            format!("`retention` of {retention} is too short"),
            "write 1d or more: days are kept whole",
        );
    }
    Some(retention)
}

fn read_index(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<String> {
    let text = keys.text("index", findings)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    if !begins_well || !text.bytes().all(is_plain) || 255 < text.len() {
        let remedy = "use lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit";
        findings.error(keys.key_at("index"), format!("`index`: `{text}` is no name of an index"), remedy);
    }
    Some(text)
}

fn read_mask(node: &Node, findings: &mut Diagnostics) -> Mask {
    let on = |enabled| Mask { enabled, keep: Vec::new() };
    if let Value::Scalar { text, .. } = &node.value {
        match text.as_str() {
            "on" | "true" | "yes" => return on(true),
            "off" | "false" | "no" => return on(false),
            _ => {}
        }
    }
    let mut keys = Keys::new(node, "logs.mask", findings);
    let keep = keys.texts("keep", findings).into_iter().map(|(name, _)| name).collect();
    let enabled = keys.boolean("enabled", findings).unwrap_or(true);
    keys.finish(findings);
    Mask { enabled, keep }
}

fn read_file(node: &Node, folder: &std::path::Path, findings: &mut Diagnostics) -> LogFile {
    if let Value::Scalar { text, .. } = &node.value {
        return LogFile { path: folder.join(text), ..LogFile::default() };
    }
    let mut keys = Keys::new(node, "logs.files", findings);
    let path = keys.text("path", findings).unwrap_or_default();
    if path.is_empty() {
        findings.error(keys.at(), "a followed file needs a `path`", "add `path: /var/log/…/*.log`");
    }
    let file = LogFile {
        path: folder.join(path),
        index: read_index(&mut keys, findings),
        fields: pairs(&mut keys, "fields", findings),
        multiline: keys.boolean("multiline", findings).unwrap_or(true),
        from_beginning: keys.boolean("from_beginning", findings),
    };
    keys.finish(findings);
    file
}

impl Default for LogFile {
    fn default() -> LogFile {
        LogFile {
            path: PathBuf::new(),
            index: None,
            fields: Vec::new(),
            multiline: true,
            from_beginning: None,
        }
    }
}

fn read_rules(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Vec<LogRule> {
    let nodes = keys.list("log_rules", findings);
    if RULES_MAX < nodes.len() {
        let at = keys.key_at("log_rules");
        findings.error(at, format!("more than {RULES_MAX} `log_rules`"), "join some of them into one query");
    }
    let mut rules: Vec<LogRule> = Vec::new();
    for node in nodes {
        let (rule, at) = read_rule(node, findings);
        if rules.iter().any(|other| other.name == rule.name) {
            findings.error(at, format!("log rule `{}` stands twice", rule.name), "rename one of them");
        }
        rules.push(rule);
    }
    rules
}

fn read_rule(node: &Node, findings: &mut Diagnostics) -> (LogRule, Position) {
    let mut keys = Keys::new(node, "logs.log_rules", findings);
    let at = keys.at();
    let mut needed = |key: &str, remedy: &str| {
        let text = keys.text(key, findings).unwrap_or_default();
        if text.trim().is_empty() {
            findings.error(at, format!("a log rule needs a `{key}`"), remedy);
        }
        text
    };
    let name = needed("name", "add `name: payment_failed`");
    let query = needed("query", "add `query: 'message:支付失败'`");
    let labels = pairs(&mut keys, "labels", findings);
    keys.finish(findings);
    (LogRule { name, query, labels }, at)
}

fn pairs(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Vec<(String, String)> {
    keys.text_map(key, findings).into_iter().map(|(name, value, _)| (name, value)).collect()
}
