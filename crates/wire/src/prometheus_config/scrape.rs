//! `global` and `scrape_configs`.

use std::path::{Path, PathBuf};

use lingshao_model::{Labels, TimeDelta};
use serde::{Serialize, Serializer};

use super::http::HttpClientConfig;
use super::{Reader, join};
use crate::relabel::Relabel;
use crate::yaml::{Diagnostics, Keys, Node, Position};

/// `global`: defaults for all jobs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Global {
    /// Time between two scrapes of a target. Default: 1m.
    #[serde(serialize_with = "as_text")]
    pub scrape_interval: TimeDelta,
    /// How long a scrape may take. Default: 10s, or the interval if that is shorter.
    #[serde(serialize_with = "as_text")]
    pub scrape_timeout: TimeDelta,
    /// Time between two evaluations of a rule group. Default: 1m.
    #[serde(serialize_with = "as_text")]
    pub evaluation_interval: TimeDelta,
    /// How far behind the clock rules are evaluated, so that late samples count. Default: 0s.
    #[serde(serialize_with = "as_text")]
    pub rule_query_offset: TimeDelta,
    /// Labels of everything that leaves us: alerts. None by default.
    #[serde(skip_serializing_if = "Labels::is_empty", serialize_with = "labels_as_map")]
    pub external_labels: Labels,
    /// Formats to ask for, most wanted first. Default: decided per job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Store `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` too. Default: false.
    pub extra_scrape_metrics: bool,
    /// How names that are not classic are asked for. Default: `allow-utf-8`.
    pub metric_name_escaping_scheme: EscapingScheme,
    /// Default limits.
    #[serde(flatten)]
    pub limits: Limits,
}

/// Limits of a job; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Largest page in bytes after decompression. Default: 0, which is [`BODY_BYTES_DEFAULT`] here.
    pub body_size_limit: u64,
    /// Most samples of a page after relabelling.
    pub sample_limit: u64,
    /// Most targets of a job.
    pub target_limit: u64,
    /// Most labels of a series.
    pub label_limit: u64,
    /// Longest label name in bytes.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes.
    pub label_value_length_limit: u64,
    /// Most dropped targets of a job that are kept to be shown.
    pub keep_dropped_targets: u64,
}

/// A page's size in bytes when no `body_size_limit` is set. Prometheus has no limit then; one runaway target must
/// not take all memory. 64 MiB are some 500,000 series.
pub const BODY_BYTES_DEFAULT: u64 = 64 << 20;

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScrapeConfig {
    /// The `job` label of its targets; unique.
    pub job_name: String,
    /// Labels of the page win over those of the target. Default: false (they become `exported_…`).
    pub honor_labels: bool,
    /// Timestamps of the page are kept. Default: true.
    pub honor_timestamps: bool,
    /// Series with a timestamp of their own are marked stale too when they vanish. Default: false.
    pub track_timestamps_staleness: bool,
    /// URL parameters.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub params: Vec<(String, Vec<String>)>,
    /// Time between two scrapes. Default: the global one.
    #[serde(serialize_with = "as_text")]
    pub scrape_interval: TimeDelta,
    /// How long a scrape may take. Default: the global one, or the interval if that is shorter.
    #[serde(serialize_with = "as_text")]
    pub scrape_timeout: TimeDelta,
    /// Formats to ask for, most wanted first.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// Format of a page whose content type says nothing. Default: none, such a page is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    /// Default: the global one.
    pub extra_scrape_metrics: bool,
    /// Default: the global one.
    pub metric_name_escaping_scheme: EscapingScheme,
    /// Default: `/metrics`.
    pub metrics_path: String,
    /// Default: `http`.
    pub scheme: Scheme,
    /// Ask for gzip. Default: true.
    pub enable_compression: bool,
    /// Defaults: the global ones.
    #[serde(flatten)]
    pub limits: Limits,
    /// Credentials, TLS, proxy, headers.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Targets listed here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub static_configs: Vec<TargetGroup>,
    /// Targets listed in files that are read again when they change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_sd_configs: Vec<FileSd>,
    /// Rules for targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relabel_configs: Vec<Relabel>,
    /// Rules for samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_relabel_configs: Vec<Relabel>,
}

/// How a page is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// A page's format. Protobuf is not spoken and never asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ScrapeProtocol {
    /// `text/plain;version=0.0.4`
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText004,
    /// `text/plain;version=1.0.0`
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText100,
    /// `application/openmetrics-text;version=0.0.1`
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText001,
    /// `application/openmetrics-text;version=1.0.0`
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText100,
}

impl ScrapeProtocol {
    /// What Prometheus asks for when nothing is configured.
    pub const DEFAULT: [ScrapeProtocol; 4] = [
        ScrapeProtocol::OpenMetricsText100,
        ScrapeProtocol::OpenMetricsText001,
        ScrapeProtocol::PrometheusText100,
        ScrapeProtocol::PrometheusText004,
    ];

    /// The media type with its version, for an `Accept` header.
    pub fn media_type(self) -> &'static str {
        match self {
            ScrapeProtocol::PrometheusText004 => "text/plain;version=0.0.4",
            ScrapeProtocol::PrometheusText100 => "text/plain;version=1.0.0",
            ScrapeProtocol::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1",
            ScrapeProtocol::OpenMetricsText100 => "application/openmetrics-text;version=1.0.0",
        }
    }
}

/// How a target is asked to write names outside the classic alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum EscapingScheme {
    /// As they are.
    #[serde(rename = "allow-utf-8")]
    AllowUtf8,
    /// Foreign characters become `_`.
    #[serde(rename = "underscores")]
    Underscores,
    /// Dots become `_dot_`.
    #[serde(rename = "dots")]
    Dots,
    /// `U__` and hexadecimal.
    #[serde(rename = "values")]
    Values,
}

impl EscapingScheme {
    /// As it stands in an `Accept` header.
    pub fn as_str(self) -> &'static str {
        match self {
            EscapingScheme::AllowUtf8 => "allow-utf-8",
            EscapingScheme::Underscores => "underscores",
            EscapingScheme::Dots => "dots",
            EscapingScheme::Values => "values",
        }
    }
}

const ESCAPING_SCHEMES: [(&str, EscapingScheme); 4] = [
    ("allow-utf-8", EscapingScheme::AllowUtf8),
    ("underscores", EscapingScheme::Underscores),
    ("dots", EscapingScheme::Dots),
    ("values", EscapingScheme::Values),
];

/// Targets with common labels, in a configuration or in a file of `file_sd_configs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// `host:port`.
    pub targets: Vec<String>,
    /// Labels of all of them.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub labels: Vec<(String, String)>,
}

/// One entry of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSd {
    /// Paths; the last part may hold one `*`.
    pub files: Vec<PathBuf>,
    /// How often the files are looked at. Default: 5m.
    #[serde(serialize_with = "as_text")]
    pub refresh_interval: TimeDelta,
}

impl Default for Global {
    fn default() -> Global {
        Global {
            scrape_interval: TimeDelta::from_secs(60),
            scrape_timeout: TimeDelta::from_secs(10),
            evaluation_interval: TimeDelta::from_secs(60),
            rule_query_offset: TimeDelta::ZERO,
            external_labels: Labels::empty(),
            scrape_protocols: None,
            extra_scrape_metrics: false,
            metric_name_escaping_scheme: EscapingScheme::AllowUtf8,
            limits: Limits::default(),
        }
    }
}

impl Global {
    /// Reads `global`.
    pub(super) fn read(node: &Node, findings: &mut Diagnostics) -> Global {
        let mut keys = Keys::new(node, "global", findings);
        let defaults = Global::default();
        let (scrape_interval, scrape_timeout) = read_times(&mut keys, &defaults, findings);
        let global = Global {
            scrape_interval,
            scrape_timeout,
            evaluation_interval: positive(&mut keys, "evaluation_interval", findings)
                .unwrap_or(defaults.evaluation_interval),
            rule_query_offset: keys.duration("rule_query_offset", findings).unwrap_or(TimeDelta::ZERO),
            external_labels: read_external_labels(&mut keys, findings),
            scrape_protocols: read_protocols(&mut keys, findings),
            extra_scrape_metrics: keys.boolean("extra_scrape_metrics", findings).unwrap_or(false),
            metric_name_escaping_scheme: read_escaping(&mut keys, findings)
                .unwrap_or(EscapingScheme::AllowUtf8),
            limits: read_limits(&mut keys, Limits::default(), findings),
        };
        keys.without_effect(
            &["query_log_file", "scrape_failure_log_file"],
            "see the program's own log",
            findings,
        );
        ignore_histogram_keys(&mut keys, findings);
        keys.finish(findings);
        global
    }
}

impl ScrapeConfig {
    /// A job with every default.
    pub fn new(job_name: &str, global: &Global) -> ScrapeConfig {
        ScrapeConfig {
            job_name: job_name.to_owned(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            params: Vec::new(),
            scrape_interval: global.scrape_interval,
            scrape_timeout: global.scrape_timeout,
            scrape_protocols: global
                .scrape_protocols
                .clone()
                .unwrap_or_else(|| ScrapeProtocol::DEFAULT.to_vec()),
            fallback_scrape_protocol: None,
            extra_scrape_metrics: global.extra_scrape_metrics,
            metric_name_escaping_scheme: global.metric_name_escaping_scheme,
            metrics_path: "/metrics".to_owned(),
            scheme: Scheme::Http,
            enable_compression: true,
            limits: global.limits,
            http: HttpClientConfig { follow_redirects: true, ..HttpClientConfig::default() },
            static_configs: Vec::new(),
            file_sd_configs: Vec::new(),
            relabel_configs: Vec::new(),
            metric_relabel_configs: Vec::new(),
        }
    }

    /// Reads one job. What is wrong is reported; the rest is read all the same.
    pub(super) fn read(node: &Node, global: &Global, reader: &mut Reader<'_>) -> (ScrapeConfig, Position) {
        let mut keys = Keys::new(node, "scrape_configs", reader.findings);
        let name = keys.text("job_name", reader.findings).unwrap_or_default();
        let name_at = keys.node("job_name").map_or(node.at, |node| node.at);
        if name.is_empty() {
            reader.findings.error(name_at, "a job without `job_name`", "add `job_name: NAME`");
        }
        reader.set_subject("job", &name);
        let mut job = ScrapeConfig::new(&name, global);
        job.read_request(&mut keys, reader);
        job.read_page(&mut keys, global, reader.findings);
        job.read_discovery(&mut keys, reader);
        ignore_histogram_keys(&mut keys, reader.findings);
        keys.without_effect(&["scrape_failure_log_file"], "see the program's own log", reader.findings);
        keys.finish(reader.findings);
        reader.set_subject("job", "");
        (job, name_at)
    }

    fn read_request(&mut self, keys: &mut Keys<'_>, reader: &mut Reader<'_>) {
        if let Some(path) = keys.text("metrics_path", reader.findings).filter(|path| !path.is_empty()) {
            self.metrics_path = path;
        }
        let schemes = [("http", Scheme::Http), ("https", Scheme::Https)];
        self.scheme = keys.word("scheme", &schemes, reader.findings).unwrap_or(Scheme::Http);
        for (name, node) in keys.map("params", reader.findings) {
            let one =
                Node { at: node.at, value: crate::yaml::Value::Map(vec![(name.clone(), node.clone())]) };
            let values = Keys::new(&one, "params", reader.findings).texts(&name.text, reader.findings);
            self.params.push((name.text.clone(), values.into_iter().map(|(text, _)| text).collect()));
        }
        self.enable_compression = keys.boolean("enable_compression", reader.findings).unwrap_or(true);
        self.http = HttpClientConfig::read(keys, reader);
    }

    fn read_page(&mut self, keys: &mut Keys<'_>, global: &Global, findings: &mut Diagnostics) {
        (self.scrape_interval, self.scrape_timeout) = read_times(keys, global, findings);
        self.honor_labels = keys.boolean("honor_labels", findings).unwrap_or(false);
        self.honor_timestamps = keys.boolean("honor_timestamps", findings).unwrap_or(true);
        self.track_timestamps_staleness =
            keys.boolean("track_timestamps_staleness", findings).unwrap_or(false);
        self.extra_scrape_metrics =
            keys.boolean("extra_scrape_metrics", findings).unwrap_or(global.extra_scrape_metrics);
        if let Some(protocols) = read_protocols(keys, findings) {
            self.scrape_protocols = protocols;
        }
        self.fallback_scrape_protocol = read_fallback(keys, findings);
        if let Some(scheme) = read_escaping(keys, findings) {
            self.metric_name_escaping_scheme = scheme;
        }
        self.limits = read_limits(keys, global.limits, findings);
        let rules = keys.list("metric_relabel_configs", findings);
        self.metric_relabel_configs = Relabel::read_list(rules, "metric_relabel_configs", findings);
    }

    fn read_discovery(&mut self, keys: &mut Keys<'_>, reader: &mut Reader<'_>) {
        let rules = keys.list("relabel_configs", reader.findings);
        self.relabel_configs = Relabel::read_list(rules, "relabel_configs", reader.findings);
        let may_be_urls = !rules.is_empty();
        for node in keys.list("static_configs", reader.findings) {
            self.static_configs.push(TargetGroup::read(node, may_be_urls, reader.findings));
        }
        for node in keys.list("file_sd_configs", reader.findings) {
            self.file_sd_configs.push(FileSd::read(node, reader.folder, reader.findings));
        }
        let reason = "targets come from static_configs and file_sd_configs";
        let names: Vec<String> = OTHER_DISCOVERY.iter().map(|name| format!("{name}_sd_configs")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        keys.without_effect(&names, reason, reader.findings);
    }
}

/// Ways to find targets that Prometheus 3.14 knows and we do not.
pub(super) const OTHER_DISCOVERY: [&str; 32] = [
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "ecs",
    "eureka",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "msk",
    "nerve",
    "nomad",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
];

impl TargetGroup {
    /// Reads a group; with relabelling rules a target may be a URL, since a rule can take it apart.
    pub fn read(node: &Node, may_be_urls: bool, findings: &mut Diagnostics) -> TargetGroup {
        let mut keys = Keys::new(node, "static_configs", findings);
        let targets = keys.texts("targets", findings);
        for (target, at) in &targets {
            if target.contains('/') && !may_be_urls {
                let remedy = "write `host:port`; the path goes to `metrics_path`, https to `scheme`";
                findings.error(*at, format!("target `{target}` is a URL, not an address"), remedy);
            }
        }
        let labels = keys.text_map("labels", findings);
        for (name, _, at) in &labels {
            check_label_name(name, *at, findings);
        }
        keys.finish(findings);
        TargetGroup {
            targets: targets.into_iter().map(|(target, _)| target).collect(),
            labels: labels.into_iter().map(|(name, value, _)| (name, value)).collect(),
        }
    }

    /// Reads a file of `file_sd_configs`, YAML or JSON: a list of groups.
    pub fn read_file(text: &str, findings: &mut Diagnostics) -> Vec<TargetGroup> {
        let node = match Node::parse(text) {
            Ok(node) => node,
            Err(error) => {
                findings.error(error.at, error.message, "");
                return Vec::new();
            }
        };
        match &node.value {
            crate::yaml::Value::List(groups) => {
                groups.iter().map(|group| TargetGroup::read(group, true, findings)).collect()
            }
            crate::yaml::Value::Null => Vec::new(),
            _ => {
                let message = format!("a list of target groups is expected, not {}", node.kind());
                findings.error(node.at, message, "write `- targets: [host:port]`");
                Vec::new()
            }
        }
    }
}

impl FileSd {
    pub(super) fn read(node: &Node, folder: &Path, findings: &mut Diagnostics) -> FileSd {
        let mut keys = Keys::new(node, "file_sd_configs", findings);
        let files = keys.texts("files", findings);
        if files.is_empty() {
            findings.error(keys.at(), "`file_sd_configs` names no file", "add `files: [targets/*.yml]`");
        }
        for (file, at) in &files {
            if !is_discovery_path(file) {
                let remedy = "the name ends in .yml, .yaml or .json; one `*` may stand in its last part";
                findings.error(*at, format!("`{file}` cannot be a target file"), remedy);
            }
        }
        let refresh = positive(&mut keys, "refresh_interval", findings);
        keys.finish(findings);
        FileSd {
            files: files.iter().map(|(file, _)| join(folder, Path::new(file))).collect(),
            refresh_interval: refresh.unwrap_or(TimeDelta::from_secs(300)),
        }
    }
}

/// Prometheus' `patFileSDName`.
fn is_discovery_path(text: &str) -> bool {
    let known = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
    let Some(stem) = known.iter().find_map(|ending| text.strip_suffix(ending)) else { return false };
    stem.split_once('*').is_none_or(|(_, after)| !after.contains('/'))
}

fn read_external_labels(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Labels {
    let labels = keys.text_map("external_labels", findings);
    for (name, _, at) in &labels {
        check_label_name(name, *at, findings);
    }
    let pairs = labels.iter().filter(|(_, value, _)| !value.is_empty());
    Labels::from_pairs(pairs.map(|(name, value, _)| (name.as_str(), value.as_str()))).unwrap_or_else(
        |error| {
            findings.error(keys.key_at("external_labels"), format!("`external_labels`: {error}"), "");
            Labels::empty()
        },
    )
}

fn check_label_name(name: &str, at: Position, findings: &mut Diagnostics) {
    if name.is_empty() {
        findings.error(at, "an empty label name", "give it a name");
    }
}

/// Interval and timeout with their defaults; a timeout above the interval is an error.
fn read_times(keys: &mut Keys<'_>, global: &Global, findings: &mut Diagnostics) -> (TimeDelta, TimeDelta) {
    let interval = positive(keys, "scrape_interval", findings).unwrap_or(global.scrape_interval);
    let timeout = positive(keys, "scrape_timeout", findings);
    if let Some(timeout) = timeout.filter(|timeout| *timeout > interval) {
        let at = keys.node("scrape_timeout").map_or(keys.at(), |node| node.at);
        let message = format!("`scrape_timeout` ({timeout}) is longer than `scrape_interval` ({interval})");
        findings.error(at, message, format!("write {interval} or less"));
    }
    (interval, timeout.unwrap_or_else(|| global.scrape_timeout.min(interval)))
}

/// A duration; 0 means the default, as in Prometheus.
pub(super) fn positive(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Option<TimeDelta> {
    keys.duration(key, findings).filter(|span| *span > TimeDelta::ZERO)
}

fn read_limits(keys: &mut Keys<'_>, defaults: Limits, findings: &mut Diagnostics) -> Limits {
    let mut read = |key, default| match keys.number(key, findings) {
        Some(0) | None => default,
        Some(limit) => limit,
    };
    let mut limits = Limits {
        body_size_limit: 0,
        sample_limit: read("sample_limit", defaults.sample_limit),
        target_limit: read("target_limit", defaults.target_limit),
        label_limit: read("label_limit", defaults.label_limit),
        label_name_length_limit: read("label_name_length_limit", defaults.label_name_length_limit),
        label_value_length_limit: read("label_value_length_limit", defaults.label_value_length_limit),
        keep_dropped_targets: read("keep_dropped_targets", defaults.keep_dropped_targets),
    };
    let body = keys.bytes("body_size_limit", findings).filter(|bytes| *bytes > 0);
    limits.body_size_limit = body.unwrap_or(defaults.body_size_limit);
    limits
}

const PROTOBUF: &str = "PrometheusProto";

fn protocol(text: &str) -> Option<ScrapeProtocol> {
    match text {
        "PrometheusText0.0.4" => Some(ScrapeProtocol::PrometheusText004),
        "PrometheusText1.0.0" => Some(ScrapeProtocol::PrometheusText100),
        "OpenMetricsText0.0.1" => Some(ScrapeProtocol::OpenMetricsText001),
        "OpenMetricsText1.0.0" => Some(ScrapeProtocol::OpenMetricsText100),
        _ => None,
    }
}

const PROTOCOLS_REMEDY: &str =
    "write PrometheusText0.0.4, PrometheusText1.0.0, OpenMetricsText0.0.1 or OpenMetricsText1.0.0";

fn read_protocols(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<Vec<ScrapeProtocol>> {
    let node = keys.node("scrape_protocols")?;
    let mut protocols = Vec::new();
    for (text, at) in keys.texts("scrape_protocols", findings) {
        match protocol(&text) {
            Some(one) if protocols.contains(&one) => {
                findings.error(at, format!("`{text}` stands twice in `scrape_protocols`"), "delete one");
            }
            Some(one) => protocols.push(one),
            None if text == PROTOBUF => {
                let remedy = "pages are asked for in a text format";
                findings.warning(at, format!("`{PROTOBUF}` has no effect here"), remedy);
            }
            None => findings.error(at, format!("unknown scrape protocol `{text}`"), PROTOCOLS_REMEDY),
        }
    }
    if protocols.is_empty() {
        findings.error(node.at, "`scrape_protocols` names no format that is spoken here", PROTOCOLS_REMEDY);
    }
    Some(protocols)
}

fn read_fallback(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<ScrapeProtocol> {
    let at = keys.node("fallback_scrape_protocol")?.at;
    let text = keys.text("fallback_scrape_protocol", findings)?;
    let found = protocol(&text);
    if found.is_none() && text == PROTOBUF {
        findings.warning(at, format!("`{PROTOBUF}` has no effect here"), "pages are read in text formats");
    } else if found.is_none() {
        findings.error(at, format!("unknown scrape protocol `{text}`"), PROTOCOLS_REMEDY);
    }
    found
}

fn read_escaping(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<EscapingScheme> {
    let validations = [("utf8", false), ("legacy", true)];
    let legacy = keys.word("metric_name_validation_scheme", &validations, findings) == Some(true);
    if legacy {
        let message = "`metric_name_validation_scheme: legacy` has no effect here";
        findings.warning(keys.key_at("metric_name_validation_scheme"), message, "all UTF-8 names are taken");
    }
    let scheme = keys.word("metric_name_escaping_scheme", &ESCAPING_SCHEMES, findings);
    scheme.or(legacy.then_some(EscapingScheme::Underscores))
}

fn ignore_histogram_keys(keys: &mut Keys<'_>, findings: &mut Diagnostics) {
    let names = [
        "scrape_native_histograms",
        "always_scrape_classic_histograms",
        "convert_classic_histograms_to_nhcb",
        "native_histogram_bucket_limit",
        "native_histogram_min_bucket_factor",
        "scrape_classic_histograms",
    ];
    keys.without_effect(&names, "native histograms are not kept yet; classic ones always are", findings);
}

pub(super) fn as_text<S: Serializer>(span: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

fn labels_as_map<S: Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}

fn as_map<V: Serialize, S: Serializer>(pairs: &[(String, V)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
