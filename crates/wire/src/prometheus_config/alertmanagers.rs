//! `alerting.alertmanagers`: Alertmanagers elsewhere that are told what our rules find.

use lingshao_model::TimeDelta;
use serde::Serialize;

use super::http::HttpClientConfig;
use super::scrape::{FileSd, OTHER_DISCOVERY, Scheme, TargetGroup, as_text, positive};
use super::{FileReference, Reader};
use crate::relabel::Relabel;
use crate::yaml::{Diagnostics, Keys, Node, Value};

/// One entry of `alertmanagers`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertmanagersConfig {
    /// Default: `http`.
    pub scheme: Scheme,
    /// Stands before `/api/v2/alerts`. Default: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path_prefix: String,
    /// How long one request may take. Default: 10s.
    #[serde(serialize_with = "as_text")]
    pub timeout: TimeDelta,
    /// Credentials, TLS, proxy, headers.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Addresses listed here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub static_configs: Vec<TargetGroup>,
    /// Addresses listed in files that are read again when they change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_sd_configs: Vec<FileSd>,
    /// Rules for the addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relabel_configs: Vec<Relabel>,
    /// Rules for the alerts told to these, after those for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alert_relabel_configs: Vec<Relabel>,
}

/// The keys of Prometheus' `alerting`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrometheusAlerting {
    /// `alertmanagers`
    pub alertmanagers: Vec<AlertmanagersConfig>,
    /// `alert_relabel_configs`: rules for all alerts before they leave the rules.
    pub alert_relabel_configs: Vec<Relabel>,
    /// Files that they name and that must exist.
    pub files: Vec<FileReference>,
}

impl PrometheusAlerting {
    /// Reads them out of the mapping `alerting`; relative paths start at `folder`.
    pub fn read(
        keys: &mut Keys<'_>,
        folder: &std::path::Path,
        findings: &mut Diagnostics,
    ) -> PrometheusAlerting {
        let rules = keys.list("alert_relabel_configs", findings);
        let alert_relabel_configs = Relabel::read_list(rules, "alert_relabel_configs", findings);
        let nodes = keys.list("alertmanagers", findings);
        let mut reader = Reader::new(folder, findings);
        let filled = nodes.iter().filter(|node| node.value != Value::Null);
        let alertmanagers = filled.map(|node| AlertmanagersConfig::read(node, &mut reader)).collect();
        PrometheusAlerting { alertmanagers, alert_relabel_configs, files: reader.files }
    }
}

impl AlertmanagersConfig {
    fn read(node: &Node, reader: &mut Reader<'_>) -> AlertmanagersConfig {
        let mut keys = Keys::new(node, "alertmanagers", reader.findings);
        let schemes = [("http", Scheme::Http), ("https", Scheme::Https)];
        keys.word("api_version", &[("v2", ())], reader.findings);
        let rules = keys.list("relabel_configs", reader.findings);
        let alert_rules = keys.list("alert_relabel_configs", reader.findings);
        let config = AlertmanagersConfig {
            scheme: keys.word("scheme", &schemes, reader.findings).unwrap_or(Scheme::Http),
            path_prefix: keys.text("path_prefix", reader.findings).unwrap_or_default(),
            timeout: positive(&mut keys, "timeout", reader.findings).unwrap_or(TimeDelta::from_secs(10)),
            http: HttpClientConfig::read(&mut keys, reader),
            static_configs: keys
                .list("static_configs", reader.findings)
                .iter()
                .map(|node| TargetGroup::read(node, !rules.is_empty(), reader.findings))
                .collect(),
            file_sd_configs: keys
                .list("file_sd_configs", reader.findings)
                .iter()
                .map(|node| FileSd::read(node, reader.folder, reader.findings))
                .collect(),
            relabel_configs: Relabel::read_list(rules, "relabel_configs", reader.findings),
            alert_relabel_configs: Relabel::read_list(alert_rules, "alert_relabel_configs", reader.findings),
        };
        let reason = "addresses come from static_configs and file_sd_configs";
        let names: Vec<String> = OTHER_DISCOVERY.iter().map(|name| format!("{name}_sd_configs")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        keys.without_effect(&names, reason, reader.findings);
        keys.without_effect(&["sigv4"], "requests are not signed for AWS", reader.findings);
        keys.finish(reader.findings);
        config
    }
}
