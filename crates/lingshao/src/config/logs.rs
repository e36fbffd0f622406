//! `logs` and `listeners`: what is kept of log records, and where they come in.

use std::path::{Path, PathBuf};

use lingshao_logs::RecordFilter;
use lingshao_model::TimeDelta;
use lingshao_model::log::LogTime;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};
use serde::Serialize;

use super::as_text;
use crate::clock::now;
use crate::logs::query;
use crate::server::listen;

/// Most `log_rules`: every record is held against each of them.
const RULES_MAX: usize = 200;
/// Most names in `mask`: every new name of a field is held against each of them.
const MASK_NAMES_MAX: usize = 200;

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

/// `logs.mask`: what of personal data is masked as it arrives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mask {
    /// Default: true.
    pub enabled: bool,
    /// Names of fields that stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Names of further fields of which only a hash is kept: `real_name` also masks `user.realName`, a name with dots is
    /// that of one field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Mobile numbers. Default: true.
    pub phones: bool,
    /// Numbers of identity cards. Default: true.
    pub id_cards: bool,
    /// Numbers of bank cards. Default: true.
    pub bank_cards: bool,
    /// Passwords, tokens, cookies and the like, by the field's name and as `password=…` in texts. Default: true.
    pub secrets: bool,
    /// Names in mail addresses. Default: false, because they are often the only name that a shop's customer has.
    pub mails: bool,
}

impl Default for Mask {
    fn default() -> Mask {
        Mask {
            enabled: true,
            keep: Vec::new(),
            fields: Vec::new(),
            phones: true,
            id_cards: true,
            bank_cards: true,
            secrets: true,
            mails: false,
        }
    }
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
            mask: Mask::default(),
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
    place: &Place<'_>,
    findings: &mut Diagnostics,
) -> (Logs, Listeners) {
    let mut found = listeners.map(|node| read_listeners(node, findings)).unwrap_or_default();
    let logs = logs.map(|node| read_logs(node, &mut found, place, findings)).unwrap_or_default();
    (logs, found)
}

/// What a section is read in.
pub(super) struct Place<'p> {
    /// Relative paths begin here.
    pub(super) folder: &'p Path,
    /// The text of the file.
    pub(super) source: &'p str,
    /// In which queries name times.
    pub(super) time_zone: &'p str,
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

fn read_logs(node: &Node, listeners: &mut Listeners, place: &Place<'_>, findings: &mut Diagnostics) -> Logs {
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
        files: keys
            .list("files", findings)
            .iter()
            .map(|node| read_file(node, place.folder, findings))
            .collect(),
        log_rules: read_rules(&mut keys, place, findings),
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
    let defaults = Mask::default();
    if let Value::Scalar { text, .. } = &node.value {
        match text.as_str() {
            "on" | "true" | "yes" => return defaults,
            "off" | "false" | "no" => return Mask { enabled: false, ..defaults },
            _ => {}
        }
    }
    let mut keys = Keys::new(node, "logs.mask", findings);
    let keep = read_names(&mut keys, "keep", findings);
    let fields = read_names(&mut keys, "fields", findings);
    if let Some((name, at)) = fields.iter().find(|(name, _)| keep.iter().any(|(kept, _)| kept == name)) {
        let message = format!("`{name}` is in `keep` and in `fields`");
        findings.error(*at, message, "delete it from one of them");
    }
    let names = |named: Vec<(String, Position)>| named.into_iter().map(|(name, _)| name).collect();
    let mut switch = |key, default| keys.boolean(key, findings).unwrap_or(default);
    let mask = Mask {
        enabled: switch("enabled", defaults.enabled),
        keep: names(keep),
        fields: names(fields),
        phones: switch("phones", defaults.phones),
        id_cards: switch("id_cards", defaults.id_cards),
        bank_cards: switch("bank_cards", defaults.bank_cards),
        secrets: switch("secrets", defaults.secrets),
        mails: switch("mails", defaults.mails),
    };
    keys.finish(findings);
    mask
}

/// Names of fields.
fn read_names(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Vec<(String, Position)> {
    let names = keys.texts(key, findings);
    if MASK_NAMES_MAX < names.len() {
        let message = format!("more than {MASK_NAMES_MAX} names in `{key}`");
        findings.error(keys.key_at(key), message, "name what several of them end with: `name`");
    }
    for (name, at) in &names {
        let has_letter = name.chars().any(char::is_alphanumeric);
        if !has_letter || name.contains(['*', '?']) {
            let remedy = "write names without patterns; `real_name` also is `user.realName`";
            findings.error(*at, format!("`{key}`: `{name}` is no name of a field"), remedy);
        }
    }
    names
}

fn read_file(node: &Node, folder: &Path, findings: &mut Diagnostics) -> LogFile {
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

fn read_rules(keys: &mut Keys<'_>, place: &Place<'_>, findings: &mut Diagnostics) -> Vec<LogRule> {
    let nodes = keys.list("log_rules", findings);
    if RULES_MAX < nodes.len() {
        let at = keys.key_at("log_rules");
        findings.error(at, format!("more than {RULES_MAX} `log_rules`"), "join some of them into one query");
    }
    let mut rules: Vec<LogRule> = Vec::new();
    for node in nodes {
        let (rule, at) = read_rule(node, place, findings);
        if rules.iter().any(|other| other.name == rule.name) {
            findings.error(at, format!("log rule `{}` stands twice", rule.name), "rename one of them");
        }
        rules.push(rule);
    }
    rules
}

fn read_rule(node: &Node, place: &Place<'_>, findings: &mut Diagnostics) -> (LogRule, Position) {
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
    if let Some(node) = keys.node("query").filter(|_| !query.trim().is_empty()) {
        check_query(&query, node, &name, place, findings);
    }
    let labels = keys.text_map("labels", findings);
    labels.iter().for_each(|(label, _, at)| check_label(label, *at, findings));
    let labels = labels.into_iter().map(|(label, value, _)| (label, value)).collect();
    keys.finish(findings);
    (LogRule { name, query, labels }, at)
}

/// The query is read again when it is put in force, at another moment and with the same outcome.
fn check_query(query: &str, node: &Node, rule: &str, place: &Place<'_>, findings: &mut Diagnostics) {
    let fault = match query::parse_query_at(query, LogTime::from(now()), place.time_zone) {
        Ok(parsed) => RecordFilter::new(&parsed.query).err().map(|error| (0, error.to_string())),
        Err(fault) => Some((fault.start, fault.message)),
    };
    if let Some((start, message)) = fault {
        let at = node.position_within(place.source, start);
        let remedy = "try the query in the log page; docs/guide/log-queries.md has its language";
        findings.error(at, format!("the query of log rule `{rule}`: {message}"), remedy);
    }
}

/// The counter's own label is the rule's name.
fn check_label(name: &str, at: Position, findings: &mut Diagnostics) {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_plain = name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
    if name == "rule" {
        let message = "`rule` is the label that names the log rule";
        findings.error(at, message, "choose another name for this label");
    } else if !is_plain || !name.bytes().next().is_some_and(is_letter) || name.starts_with("__") {
        let remedy =
            "use letters, digits and `_`, beginning with a letter; names with `__` are Prometheus' own";
        findings.error(at, format!("`{name}` is no name of a label"), remedy);
    }
}

fn pairs(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Vec<(String, String)> {
    keys.text_map(key, findings).into_iter().map(|(name, value, _)| (name, value)).collect()
}
