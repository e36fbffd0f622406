//! From a file to a checked [`Config`].

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lingshao_model::{RuleKind, TimeDelta};
use lingshao_wire::prometheus_config::{FileReference, PrometheusConfig, Storage};
use lingshao_wire::yaml::{self, Diagnostic, Diagnostics, Keys, Node, Position};

use super::alerting::{Alerting, Environment, read_rule_files};
use super::{
    Config, Invalid, Loaded, Metrics, PasswordHash, Role, Severity, State, Web, WebTls, WebUser, collect,
    glob, logs, shop,
};

/// Reads and checks a file, the files that it names included.
pub fn load(path: &Path) -> Result<Loaded, Invalid> {
    let mut findings = Diagnostics::new(path);
    match read_text(path) {
        Ok(text) => parse_with(&text, path, &Environment::current()),
        Err(error) => {
            findings.error(Position::START, format!("cannot read the config: {error}"), remedy(&error));
            Err(Invalid { diagnostics: findings.finish() })
        }
    }
}

/// Checks a text as if it stood in that file, in an empty environment.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Invalid> {
    parse_with(text, path, &Environment::default())
}

/// Checks a text as if it stood in that file.
pub fn parse_with(text: &str, path: &Path, environment: &Environment) -> Result<Loaded, Invalid> {
    let mut findings = Diagnostics::new(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut more = Vec::new();
    let config = match Node::parse(text) {
        Ok(root) => read_root(&root, text, folder, environment, &mut findings, &mut more),
        Err(error) => {
            findings.error(error.at, error.message, "");
            Config::default()
        }
    };
    let mut diagnostics = findings.finish();
    diagnostics.append(&mut more);
    if diagnostics.iter().any(|one| one.severity == Severity::Error) {
        return Err(Invalid { diagnostics });
    }
    Ok(Loaded { config, warnings: diagnostics })
}

/// Sections that a later release brings.
const LATER: [&str; 1] = ["remote"];

fn read_root(
    root: &Node,
    source: &str,
    folder: &Path,
    environment: &Environment,
    findings: &mut Diagnostics,
    more: &mut Vec<Diagnostic>,
) -> Config {
    let mut keys = Keys::new(root, "the config", findings);
    let mut prometheus = PrometheusConfig::read(&mut keys, folder, findings);
    check_files(&prometheus.files, findings);
    more.append(&mut read_further_jobs(&mut prometheus, findings));
    let rule_files = keys.texts("rule_files", findings);
    let alerting = Alerting::read(keys.node("alerting"), folder, environment, findings, more);
    let place = logs::Place { folder, source, time_zone: &alerting.messages.time_zone };
    let (logs, listeners) = logs::read(keys.node("logs"), keys.node("listeners"), &place, findings);
    let config = Config {
        logs,
        listeners,
        web: keys.node("web").map(|node| read_web(node, folder, findings)).unwrap_or_default(),
        data: keys.text("data", findings).map(|path| folder.join(path)),
        metrics: read_metrics(keys.node("metrics"), prometheus.storage, findings),
        collect: collect::read(keys.node("collect"), folder, &prometheus.global, findings),
        global: prometheus.global,
        scrape_configs: prometheus.scrape_configs,
        rule_groups: read_rule_files(&rule_files, folder, findings, more),
        rule_files: rule_files.iter().map(|(pattern, _)| folder.join(pattern)).collect(),
        alerting: alerting.config,
        messages: alerting.messages,
        template_files: alerting.template_files,
        alertmanagers: alerting.alertmanagers,
        alert_relabel_configs: alerting.alert_relabel_configs,
        state: keys.node("state").map(|node| read_state(node, findings)).unwrap_or_default(),
        boards: read_boards(&mut keys, folder, findings),
        shop: keys.node("shop").and_then(|node| shop::read(node, folder, findings)),
    };
    keys.no_effect_yet(&LATER, findings);
    keys.finish(findings);
    collect::check_jobs(&config, root.get("collect").map_or(Position::START, |node| node.at), findings);
    check_listeners(&config, root.get("rule_files").map_or(Position::START, |node| node.at), findings);
    config
}

/// Rules that alert nobody are seldom meant.
fn check_listeners(config: &Config, at: Position, findings: &mut Diagnostics) {
    let mut rules = config.rule_groups.iter().flat_map(|group| &group.rules);
    let has_alerts = rules.any(|rule| matches!(rule.kind, RuleKind::Alerting { .. }));
    let mut receivers = config.alerting.routing.receivers.iter();
    let is_somebody_told =
        receivers.any(|one| !one.integrations.is_empty()) || !config.alertmanagers.is_empty();
    if has_alerts && !is_somebody_told {
        let remedy =
            "add `alerting.receivers`, or set the variable WECHAT_WEBHOOK_URL to a WeCom robot's URL";
        findings.warning(at, "alerts only show: nobody is told", remedy);
    }
}

/// `scrape_config_files`: every file has findings of its own.
fn read_further_jobs(prometheus: &mut PrometheusConfig, findings: &mut Diagnostics) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (pattern, at) in prometheus.scrape_config_files.clone() {
        let paths = match glob::paths(&pattern) {
            Ok(paths) => paths,
            Err(error) => {
                findings.error(
                    at,
                    format!("cannot look for `{}`: {error}", pattern.display()),
                    "check the path",
                );
                continue;
            }
        };
        if paths.is_empty() {
            findings.warning(at, format!("no file matches `{}`", pattern.display()), "check the path");
        }
        for path in paths {
            let mut own = Diagnostics::new(&path);
            let known = prometheus.files.len();
            match read_text(&path) {
                Ok(text) => {
                    let folder = path.parent().unwrap_or(Path::new(""));
                    prometheus.add_scrape_config_file(&text, folder, &mut own);
                    check_files(&prometheus.files[known..], &mut own);
                }
                Err(error) => {
                    own.error(Position::START, format!("cannot read the file: {error}"), remedy(&error));
                }
            }
            found.append(&mut own.finish());
        }
    }
    found
}

pub(super) fn check_files(files: &[FileReference], findings: &mut Diagnostics) {
    for file in files {
        findings.set_subject(file.subject.clone());
        check_file(&file.path, file.key, file.at, findings);
    }
    findings.set_subject(None);
}

fn check_file(path: &Path, key: &str, at: Position, findings: &mut Diagnostics) {
    if let Err(error) = File::open(path) {
        let message = format!("`{key}`: cannot read `{}`: {error}", path.display());
        findings.error(
            at,
            message,
            "create the file, or correct the path (it starts at the config's folder)",
        );
    }
}

fn read_web(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Web {
    let mut keys = Keys::new(node, "web", findings);
    let web = Web {
        listen: keys.text("listen", findings),
        tls: keys.node("tls").and_then(|node| read_web_tls(node, folder, findings)),
        external_url: read_external_url(&mut keys, findings),
        route_prefix: read_route_prefix(&mut keys, findings),
        hosts: keys.texts("hosts", findings).into_iter().map(|(host, _)| host).collect(),
        users: keys
            .list("users", findings)
            .iter()
            .filter_map(|node| read_user(node, folder, findings))
            .collect(),
    };
    for (index, user) in web.users.iter().enumerate() {
        if web.users[..index].iter().any(|other| other.name == user.name) {
            findings.error(keys.key_at("users"), format!("user `{}` stands twice", user.name), "delete one");
        }
    }
    keys.finish(findings);
    web
}

/// Without the slash at its end.
fn read_external_url(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<String> {
    let at = keys.node("external_url")?.at;
    let text = keys.text("external_url", findings).filter(|url| !url.is_empty())?;
    let uri = text.parse::<http::Uri>().ok();
    if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
        let remedy = "write `https://HOST` or `https://HOST/PATH`, as people reach it";
        findings.error(at, format!("`external_url`: `{text}` is no such address"), remedy);
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// Begins with a slash and does not end in one; empty is none.
fn read_route_prefix(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> String {
    let Some(node) = keys.node("route_prefix") else { return String::new() };
    let text = keys.text("route_prefix", findings).unwrap_or_default();
    let inner = text.trim_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !inner.bytes().all(is_plain) || inner.contains("//") || inner.split('/').any(|part| part == "..") {
        let remedy = "write a path such as `/monitor`";
        findings.error(node.at, format!("`route_prefix`: `{text}` is no path"), remedy);
    }
    if inner.is_empty() { String::new() } else { format!("/{inner}") }
}

fn read_boards(keys: &mut Keys<'_>, folder: &Path, findings: &mut Diagnostics) -> Vec<PathBuf> {
    let patterns = keys.texts("boards", findings);
    for (pattern, at) in &patterns {
        let path = folder.join(pattern);
        let is_there =
            path.exists() || glob::paths(&path).is_ok_and(|found| !found.is_empty() && found != [&*path]);
        if !is_there {
            let remedy = "create the folder, or correct the path (it starts at the config's folder)";
            findings.warning(*at, format!("`boards`: nothing is at `{}`", path.display()), remedy);
        }
    }
    patterns.iter().map(|(pattern, _)| folder.join(pattern)).collect()
}

fn read_state(node: &Node, findings: &mut Diagnostics) -> State {
    let mut keys = Keys::new(node, "state", findings);
    let state = State { url: read_state_url(&mut keys, findings), member: keys.text("member", findings) };
    keys.finish(findings);
    State { member: state.member.filter(|name| !name.is_empty()), ..state }
}

fn read_state_url(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<String> {
    let at = keys.node("url")?.at;
    let url = keys.text("url", findings).filter(|url| !url.is_empty())?;
    let is_known = url.strip_prefix("sqlite://").is_some_and(|path| path.starts_with('/') && path.len() > 1);
    if !is_known {
        // The text is not shown: a database's URL may hold a password.
        let remedy = "write `sqlite:///PATH/state.db`: the file that all members share";
        findings.error(at, "`url` names no state that is known here", remedy);
    }
    is_known.then_some(url)
}

fn read_web_tls(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<WebTls> {
    let mut keys = Keys::new(node, "web.tls", findings);
    let mut file = |key: &'static str| {
        let at = keys.node(key).map_or(keys.at(), |node| node.at);
        let Some(text) = keys.text(key, findings) else {
            findings.error(at, format!("`web.tls` lacks `{key}`"), "name both `cert_file` and `key_file`");
            return None;
        };
        let path = folder.join(text);
        check_file(&path, key, at, findings);
        Some(path)
    };
    let (cert_file, key_file) = (file("cert_file"), file("key_file"));
    keys.finish(findings);
    Some(WebTls { cert_file: cert_file?, key_file: key_file? })
}

const ROLES: [(&str, Role); 4] = [
    ("viewer", Role::Viewer),
    ("editor", Role::Editor),
    ("admin", Role::Admin),
    ("operator", Role::Operator),
];

fn read_user(node: &Node, folder: &Path, findings: &mut Diagnostics) -> Option<WebUser> {
    let mut keys = Keys::new(node, "web.users", findings);
    let name = keys.text("name", findings).unwrap_or_default();
    if name.is_empty() || name.contains(':') {
        findings.error(keys.at(), "a user needs a `name` without `:`", "add `name: …`");
    }
    let role = keys.word("role", &ROLES, findings).unwrap_or(Role::Viewer);
    let password_hash = read_hash(&mut keys, folder, findings);
    keys.finish(findings);
    Some(WebUser { name, password_hash: password_hash?, role })
}

fn read_hash(keys: &mut Keys<'_>, folder: &Path, findings: &mut Diagnostics) -> Option<PasswordHash> {
    const REMEDY: &str = "`lingshao passwd` makes a hash";
    let at = keys.node("password_hash").or(keys.node("password_hash_file")).map_or(keys.at(), |node| node.at);
    let inline = keys.text("password_hash", findings);
    let file = keys.text("password_hash_file", findings).map(|path| folder.join(path));
    let text = match (inline, file) {
        (Some(text), None) => text,
        (None, Some(path)) => match read_text(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => {
                let message = format!("`password_hash_file`: cannot read `{}`: {error}", path.display());
                findings.error(at, message, REMEDY);
                return None;
            }
        },
        _ => {
            let message = "a user needs either `password_hash` or `password_hash_file`";
            findings.error(at, message, REMEDY);
            return None;
        }
    };
    PasswordHash::new(&text)
        .map_err(|error| findings.error(at, format!("`password_hash`: {error}"), REMEDY))
        .ok()
}

fn read_metrics(node: Option<&Node>, storage: Storage, findings: &mut Diagnostics) -> Metrics {
    let defaults = Metrics::default();
    let mut metrics = Metrics {
        retention: storage.retention.unwrap_or(defaults.retention),
        size_max_bytes: storage.size_max_bytes,
        series_max: defaults.series_max,
        out_of_order_window: storage.out_of_order_window.unwrap_or(defaults.out_of_order_window),
    };
    let Some(node) = node else { return metrics };
    let mut keys = Keys::new(node, "metrics", findings);
    if let Some(retention) = keys.duration("retention", findings) {
        if retention < TimeDelta::from_secs(3_600) {
            let at = keys.node("retention").map_or(keys.at(), |node| node.at);
            findings.error(at, format!("`retention` of {retention} is too short"), "write 1h or more");
        }
        metrics.retention = retention;
    }
    metrics.size_max_bytes = keys.bytes("size_max", findings).or(metrics.size_max_bytes);
    if let Some(series_max) = keys.number("series_max", findings) {
        if series_max == 0 || series_max > u64::from(u32::MAX) {
            let at = keys.node("series_max").map_or(keys.at(), |node| node.at);
            findings.error(at, "`series_max` must lie between 1 and 4294967295", "");
        }
        metrics.series_max = series_max;
    }
    metrics.out_of_order_window =
        keys.duration("out_of_order_window", findings).unwrap_or(metrics.out_of_order_window);
    keys.finish(findings);
    metrics
}

/// What to do about a file that [`read_text`] refuses.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::InvalidData => "save it as UTF-8; editors on Windows may write GBK or UTF-16",
        io::ErrorKind::IsADirectory => "name a file in it",
        io::ErrorKind::FileTooLarge => "is it the right file?",
        _ => "check the path and its rights",
    }
}

/// Reads a text file within the limit of a YAML text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let limit = yaml::BYTES_MAX as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("the file is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8 in line {line}"))
    })
}
