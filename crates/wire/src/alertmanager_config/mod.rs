//! Alertmanager's configuration file, as of 0.34, with our own receivers beside Alertmanager's.
//!
//! Contract: no I/O. What is read is complete: routes have inherited, receivers have taken the global defaults, every
//! name that is used is defined. Files that must exist are listed in [`AlertmanagerConfig::files`] for the caller to look
//! at; secrets in files are read by whoever uses them, each time anew. Serialising masks every secret, the whole of a
//! webhook's URL included.

mod foreign;
mod read;
mod receiver;
mod route;
mod show;
mod time;

pub use receiver::{
    DingtalkConfig, EmailConfig, FeishuConfig, FeishuMessageType, HostPort, MessageType, Receiver, SmsConfig,
    SmsProvider, Threading, WebhookConfig, WechatConfig, WecomConfig,
};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingshao_model::{
    GroupBy, InhibitRule, IntegrationKind, IntegrationShape, Matcher, ReceiverShape, Route, Routing,
    TimeDelta, TimeInterval,
};
use serde::Serialize;

use crate::prometheus_config::{FileReference, HttpClientConfig, Reader, Secret, TlsConfig, join};
use crate::yaml::{Diagnostics, Keys, Node, Position, Value};
use route::Names;

/// Gives the proper name of a time zone, if there is such a zone.
pub type ZoneLookup<'z> = &'z dyn Fn(&str) -> Option<String>;

/// The whole file.
#[derive(Clone, Debug)]
pub struct AlertmanagerConfig {
    /// `global`
    pub global: Global,
    /// `route`, `inhibit_rules`, `time_intervals` and the receivers' outlines.
    pub routing: Routing,
    /// `receivers`, in the order of the file, defaults filled in; as many as in `routing`, in the same order.
    pub receivers: Vec<Receiver>,
    /// `templates`: patterns of files, the last part may hold `*`.
    pub templates: Vec<PathBuf>,
    /// Files that the receivers name and that must exist.
    pub files: Vec<FileReference>,
    /// Every template that stands in a receiver, for the caller to look at.
    pub texts: Vec<TemplateText>,
}

/// A template in a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText {
    /// The template.
    pub text: String,
    /// The key under which it stands.
    pub key: String,
    /// Where.
    pub at: Position,
    /// The receiver.
    pub subject: Option<String>,
}

/// The receiver that tells nobody: where alerts go when no receiver is configured.
pub const NOBODY: &str = "nobody";

impl Default for AlertmanagerConfig {
    /// Nobody is told.
    fn default() -> AlertmanagerConfig {
        AlertmanagerConfig::for_everybody(Global::default(), Vec::new())
    }
}

impl AlertmanagerConfig {
    /// Reads a file of Alertmanager's; relative paths start at `folder`.
    pub fn read_file(
        text: &str,
        folder: &Path,
        zone: ZoneLookup<'_>,
        findings: &mut Diagnostics,
    ) -> AlertmanagerConfig {
        let root = match Node::parse_first(text) {
            Ok((root, None)) => root,
            Ok((root, Some(second))) => {
                let remedy = "Alertmanager reads the first document only; delete the `---` between them";
                findings.warning(second, "what follows `---` is not read", remedy);
                root
            }
            Err(error) => {
                findings.error(error.at, error.message, "");
                return AlertmanagerConfig::default();
            }
        };
        let mut keys = Keys::new(&root, "Alertmanager's file", findings);
        if !keys.has("route") {
            findings.error(root.at, "no `route`", "add `route: {receiver: NAME}`");
        }
        let config = AlertmanagerConfig::read(&mut keys, folder, zone, findings);
        keys.without_effect(&["tracing"], "it is not part of this program", findings);
        keys.finish(findings);
        config
    }

    /// Reads Alertmanager's sections out of a mapping that may hold others too. Without a `route` the plan's rule
    /// holds: see [`AlertmanagerConfig::for_everybody`].
    pub fn read(
        keys: &mut Keys<'_>,
        folder: &Path,
        zone: ZoneLookup<'_>,
        findings: &mut Diagnostics,
    ) -> AlertmanagerConfig {
        let mut reader = Reader::new(folder, findings);
        let global_node = keys.node("global");
        let global = global_node.map(|node| read::read_global(node, &mut reader)).unwrap_or_default();
        let nodes = keys.list("receivers", reader.findings);
        let mut texts = Vec::new();
        let receivers = read::read_receivers(nodes, &global, global_node, &mut texts, &mut reader);
        let files = reader.files;
        let time_intervals = read_intervals(keys, zone, findings);
        let inhibit_rules = read_inhibit_rules(keys, findings);
        let templates = keys.texts("templates", findings);
        let templates = templates.into_iter().map(|(path, _)| join(folder, Path::new(&path))).collect();
        let mut config = match keys.node("route") {
            Some(node) => {
                let names = Names {
                    receivers: receivers.iter().map(|receiver| receiver.name.clone()).collect(),
                    time_intervals: time_intervals.iter().map(|interval| interval.name.clone()).collect(),
                };
                let root = route::read_root(node, &names, findings);
                AlertmanagerConfig::new(global, root, receivers)
            }
            None => AlertmanagerConfig::for_everybody(global, receivers),
        };
        config.routing.inhibit_rules = inhibit_rules;
        config.routing.time_intervals = time_intervals;
        AlertmanagerConfig { templates, files, texts, ..config }
    }

    fn new(global: Global, root: Route, receivers: Vec<Receiver>) -> AlertmanagerConfig {
        let routing = Routing {
            root,
            receivers: receivers.iter().map(Receiver::shape).collect(),
            inhibit_rules: Vec::new(),
            time_intervals: Vec::new(),
        };
        let (templates, files, texts) = (Vec::new(), Vec::new(), Vec::new());
        AlertmanagerConfig { global, routing, receivers, templates, files, texts }
    }

    /// The rule that holds without a `route`: every receiver is told about every alert, by short message only when
    /// `severity` is `critical`. A receiver with short messages beside other ways becomes two; the second has `/sms`
    /// behind its name.
    pub fn for_everybody(global: Global, receivers: Vec<Receiver>) -> AlertmanagerConfig {
        let mut names: Vec<String> = receivers.iter().map(|receiver| receiver.name.clone()).collect();
        let nobody = Receiver { name: free_name(NOBODY.to_owned(), &mut names), ..Receiver::default() };
        let root = Route {
            receiver: nobody.name.clone(),
            group_by: GroupBy::Labels(vec!["alertname".to_owned()]),
            group_wait: TimeDelta::from_secs(5), // Long enough for the company of one evaluation.
            group_interval: TimeDelta::from_secs(60),
            ..route::defaults()
        };
        let mut all = vec![nobody];
        let mut routes = Vec::new();
        let mut add = |receiver: Receiver, matchers: Vec<Matcher>| {
            routes.push(Route { receiver: receiver.name.clone(), matchers, goes_on: true, ..root.clone() });
            all.push(receiver);
        };
        let critical = || vec![Matcher::equal("severity", "critical")];
        for mut receiver in receivers {
            let sms = std::mem::take(&mut receiver.sms);
            if sms.is_empty() {
                add(receiver, Vec::new());
            } else if receiver.shape().integrations.is_empty() {
                add(Receiver { sms, ..receiver }, critical());
            } else {
                let name = free_name(format!("{}/sms", receiver.name), &mut names);
                add(receiver, Vec::new());
                add(Receiver { name, sms, ..Receiver::default() }, critical());
            }
        }
        let root = Route { routes, ..root };
        AlertmanagerConfig::new(global, root, all)
    }

    /// As YAML, secrets masked.
    pub fn to_masked_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }
}

/// The name, with a mark behind it while it is taken; then it is taken.
fn free_name(mut name: String, taken: &mut Vec<String>) -> String {
    while taken.contains(&name) {
        name.push('\'');
    }
    taken.push(name.clone());
    name
}

impl Receiver {
    /// What routing sees of it.
    pub fn shape(&self) -> ReceiverShape {
        let mut integrations = Vec::new();
        let mut add = |kind: IntegrationKind, tells_ends: Vec<bool>| {
            integrations.extend((0..).zip(tells_ends).map(|(index, send_resolved)| IntegrationShape {
                kind,
                index,
                send_resolved,
            }));
        };
        add(IntegrationKind::Webhook, self.webhook.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::Email, self.email.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::WeCom, self.wecom.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::WeChat, self.wechat.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::DingTalk, self.dingtalk.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::Feishu, self.feishu.iter().map(|one| one.send_resolved).collect());
        add(IntegrationKind::Sms, self.sms.iter().map(|one| one.send_resolved).collect());
        ReceiverShape { name: self.name.clone(), integrations }
    }
}

/// `mute_time_intervals` and `time_intervals` share their names.
fn read_intervals(
    keys: &mut Keys<'_>,
    zone: ZoneLookup<'_>,
    findings: &mut Diagnostics,
) -> Vec<TimeInterval> {
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    let mut intervals = Vec::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        for node in keys.list(key, findings) {
            let Some((interval, at)) = time::read_interval(node, zone, findings) else { continue };
            if let Some(first) = seen.insert(interval.name.clone(), at) {
                let name = &interval.name;
                let message = format!("time interval `{name}` stands twice; first in line {}", first.line);
                findings.error(at, message, "give each its own name");
            }
            intervals.push(interval);
        }
    }
    intervals
}

fn read_inhibit_rules(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Vec<InhibitRule> {
    let nodes = keys.list("inhibit_rules", findings);
    let filled = nodes.iter().filter(|node| node.value != Value::Null);
    filled.map(|node| route::read_inhibit_rule(node, findings)).collect()
}

/// `global`, as far as it has an effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Global {
    /// After how long an alert ends that was posted without an end and is not said again. Default: 5m.
    #[serde(serialize_with = "as_text")]
    pub resolve_timeout: TimeDelta,
    /// Default HTTP settings.
    pub http_config: HttpClientConfig,
    /// Default sender of mails.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_from: String,
    /// Default name in EHLO. Default: localhost.
    pub smtp_hello: String,
    /// Default mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_smarthost: Option<HostPort>,
    /// Default user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_auth_username: String,
    /// Default password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_password: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_password_file: Option<PathBuf>,
    /// Default secret of CRAM-MD5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_secret_file: Option<PathBuf>,
    /// Default identity of PLAIN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_auth_identity: String,
    /// Whether a server that offers no TLS is refused. Default: true.
    pub smtp_require_tls: bool,
    /// TLS from the first byte. Default: on port 465.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_force_implicit_tls: Option<bool>,
    /// Default certificates of mail servers.
    pub smtp_tls_config: TlsConfig,
    /// Where WeCom applications are served, ending in `/`.
    pub wechat_api_url: String,
    /// Default secret of the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_api_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_api_secret_file: Option<PathBuf>,
    /// Default company.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wechat_api_corp_id: String,
}

impl Default for Global {
    fn default() -> Global {
        Global {
            resolve_timeout: TimeDelta::from_secs(300),
            http_config: HttpClientConfig { follow_redirects: true, ..HttpClientConfig::default() },
            smtp_from: String::new(),
            smtp_hello: "localhost".to_owned(),
            smtp_smarthost: None,
            smtp_auth_username: String::new(),
            smtp_auth_password: None,
            smtp_auth_password_file: None,
            smtp_auth_secret: None,
            smtp_auth_secret_file: None,
            smtp_auth_identity: String::new(),
            smtp_require_tls: true,
            smtp_force_implicit_tls: None,
            smtp_tls_config: TlsConfig::default(),
            wechat_api_url: "https://qyapi.weixin.qq.com/cgi-bin/".to_owned(),
            wechat_api_secret: None,
            wechat_api_secret_file: None,
            wechat_api_corp_id: String::new(),
        }
    }
}

fn as_text<S: serde::Serializer>(span: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

#[cfg(test)]
mod tests;
