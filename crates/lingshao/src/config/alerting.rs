//! `alerting` and `rule_files`: what is judged, and who is told.

use std::path::{Path, PathBuf};

use lingshao_alerting::template::Templates;
use lingshao_model::RuleGroup;
use lingshao_wire::alertmanager_config::{
    AlertmanagerConfig, MessageType, Receiver, TemplateText, WecomConfig,
};
use lingshao_wire::prometheus_config::{AlertmanagersConfig, PrometheusAlerting, Secret};
use lingshao_wire::prometheus_rules::RuleFile;
use lingshao_wire::relabel::Relabel;
use lingshao_wire::yaml::{Diagnostic, Diagnostics, Keys, Node, Position};
use serde::Serialize;

use super::checks::{rule_checks, system_zone, zone};
use super::glob;
use super::load::{check_files, read_text, remedy};
use crate::notify;

/// Who is told, and in which words.
#[derive(Clone, Debug, Default)]
pub(super) struct Alerting {
    pub(super) config: AlertmanagerConfig,
    pub(super) messages: Messages,
    pub(super) template_files: Vec<TemplateFile>,
    pub(super) alertmanagers: Vec<AlertmanagersConfig>,
    pub(super) alert_relabel_configs: Vec<Relabel>,
}

/// How default messages are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// Default: `zh`.
    pub language: Language,
    /// IANA name of a time zone that exists. Default: this host's, or Asia/Shanghai.
    pub time_zone: String,
}

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl From<Language> for notify::Language {
    fn from(language: Language) -> notify::Language {
        match language {
            Language::Zh => notify::Language::Chinese,
            Language::En => notify::Language::English,
        }
    }
}

impl Default for Messages {
    fn default() -> Messages {
        Messages { language: Language::Zh, time_zone: "Asia/Shanghai".to_owned() }
    }
}

impl Messages {
    fn for_this_host() -> Messages {
        Messages { time_zone: system_zone(), ..Messages::default() }
    }
}

/// A file of `templates`; its text parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

impl TemplateFile {
    /// What its errors are told under.
    fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or("templates")
    }
}

/// What of the environment belongs to the configuration.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `WECHAT_WEBHOOK_URL`: a WeCom robot that is told when no receiver is configured.
    pub wecom_url: Option<Secret>,
}

impl Environment {
    /// Of this process.
    pub fn current() -> Environment {
        let url = std::env::var("WECHAT_WEBHOOK_URL").ok().filter(|url| !url.trim().is_empty());
        Environment { wecom_url: url.map(|url| Secret::new(url.trim())) }
    }

    /// The receivers that it asks for.
    fn receivers(&self) -> Vec<Receiver> {
        let robot = |url: &Secret| WecomConfig {
            send_resolved: true,
            url: Some(url.clone()),
            // As the plan sends it, and the one kind that also shows in WeChat.
            message_type: MessageType::Text,
            http_config: lingshao_wire::alertmanager_config::Global::default().http_config,
            ..WecomConfig::default()
        };
        let receiver =
            |url| Receiver { name: "wecom".to_owned(), wecom: vec![robot(url)], ..Receiver::default() };
        self.wecom_url.iter().map(receiver).collect()
    }
}

/// What holds without a file.
pub(super) fn without_file(environment: &Environment) -> Alerting {
    let mut alerting = Alerting { messages: Messages::for_this_host(), ..Alerting::default() };
    alerting.tell_environment(environment);
    alerting
}

impl Alerting {
    /// Reads `alerting`. What is wrong in other files goes to `more`.
    pub(super) fn read(
        node: Option<&Node>,
        folder: &Path,
        environment: &Environment,
        findings: &mut Diagnostics,
        more: &mut Vec<Diagnostic>,
    ) -> Alerting {
        let mut alerting = without_file(environment);
        let Some(node) = node else { return alerting };
        let mut keys = Keys::new(node, "alerting", findings);
        let prometheus = PrometheusAlerting::read(&mut keys, folder, findings);
        check_files(&prometheus.files, findings);
        alerting.alertmanagers = prometheus.alertmanagers;
        alerting.alert_relabel_configs = prometheus.alert_relabel_configs;
        alerting.messages = read_messages(&mut keys, findings);
        let at = keys.node("config_file").map_or(node.at, |node| node.at);
        let config_file = keys.text("config_file", findings).filter(|path| !path.is_empty());
        match config_file {
            Some(path) => {
                refuse_sections(&mut keys, findings);
                let language = alerting.messages.language;
                let read = read_alertmanager_file(&folder.join(path), language, at, findings, more);
                (alerting.config, alerting.template_files) = read;
            }
            None => {
                let config = AlertmanagerConfig::read(&mut keys, folder, &zone, findings);
                check_files(&config.files, findings);
                let at = keys.node("templates").map_or(node.at, |node| node.at);
                alerting.template_files = read_templates(&config.templates, at, findings, more);
                check_texts(&config.texts, alerting.messages.language, &alerting.template_files, findings);
                alerting.config = config;
            }
        }
        keys.finish(findings);
        alerting.tell_environment(environment);
        alerting
    }

    /// Who is told when no receiver is configured.
    fn tell_environment(&mut self, environment: &Environment) {
        let has_no_receiver =
            self.config.receivers.iter().all(|receiver| receiver.shape().integrations.is_empty());
        let receivers = environment.receivers();
        if !has_no_receiver || receivers.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.config);
        let mut config = AlertmanagerConfig::for_everybody(before.global, receivers);
        config.routing.inhibit_rules = before.routing.inhibit_rules;
        config.routing.time_intervals = before.routing.time_intervals;
        self.config = AlertmanagerConfig { templates: before.templates, ..config };
    }
}

/// Beside `config_file` nothing that such a file holds may stand.
fn refuse_sections(keys: &mut Keys<'_>, findings: &mut Diagnostics) {
    let sections = [
        "global",
        "route",
        "receivers",
        "inhibit_rules",
        "time_intervals",
        "mute_time_intervals",
        "templates",
    ];
    for key in sections {
        if keys.node(key).is_none() {
            continue;
        }
        let message = format!("`{key}` and `config_file` exclude each other");
        findings.error(keys.key_at(key), message, "move it into that file, or delete `config_file`");
    }
}

fn read_messages(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Messages {
    let defaults = Messages::for_this_host();
    let words = [("zh", Language::Zh), ("en", Language::En)];
    let language = keys.word("language", &words, findings).unwrap_or(defaults.language);
    let Some(name) = keys.text("time_zone", findings).filter(|name| !name.is_empty()) else {
        return Messages { language, ..defaults };
    };
    let time_zone = zone(&name).unwrap_or_else(|| {
        let at = keys.node("time_zone").map_or(keys.at(), |node| node.at);
        let remedy = "write a name of the IANA database: Asia/Shanghai, UTC";
        findings.error(at, format!("unknown time zone `{name}`"), remedy);
        defaults.time_zone.clone()
    });
    Messages { language, time_zone }
}

/// An existing file of Alertmanager's, unchanged.
fn read_alertmanager_file(
    path: &Path,
    language: Language,
    at: Position,
    findings: &mut Diagnostics,
    more: &mut Vec<Diagnostic>,
) -> (AlertmanagerConfig, Vec<TemplateFile>) {
    match read_text(path) {
        Ok(text) => {
            let (config, files, mut found) = parse_alertmanager(&text, path, language);
            more.append(&mut found);
            (config, files)
        }
        Err(error) => {
            let message = format!("`config_file`: cannot read `{}`: {error}", path.display());
            findings.error(at, message, remedy(&error));
            (AlertmanagerConfig::default(), Vec::new())
        }
    }
}

/// Reads a text as Alertmanager's file, the files that it names included.
pub(crate) fn parse_alertmanager(
    text: &str,
    path: &Path,
    language: Language,
) -> (AlertmanagerConfig, Vec<TemplateFile>, Vec<Diagnostic>) {
    let mut findings = Diagnostics::new(path);
    let mut more = Vec::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = AlertmanagerConfig::read_file(text, folder, &zone, &mut findings);
    check_files(&config.files, &mut findings);
    let files = read_templates(&config.templates, Position::START, &mut findings, &mut more);
    check_texts(&config.texts, language, &files, &mut findings);
    let mut found = findings.finish();
    found.append(&mut more);
    (config, files, found)
}

/// Reports templates in receivers that do not parse or that use a name which neither our texts nor the files define:
/// Alertmanager finds them when the first message is due.
fn check_texts(
    texts: &[TemplateText],
    language: Language,
    files: &[TemplateFile],
    findings: &mut Diagnostics,
) {
    let mut templates = notify::default_templates(language.into());
    for file in files {
        if templates.add(file.name(), &file.text).is_err() {
            return; // Reported where it was read; what it defines is not known.
        }
    }
    for text in texts {
        let parsed = Templates::new().add(&text.key, &text.text);
        if let Err(error) = parsed.and_then(|()| templates.check(&text.text)) {
            findings.set_subject(text.subject.clone());
            // Go tells such a name as a fault of the execution, with the place in the text before it.
            let undefined =
                error.message.rsplit_once(">: ").filter(|(_, what)| what.ends_with("not defined"));
            let (what, remedy) = undefined.map_or((&*error.message, ""), |(_, what)| (what, UNDEFINED));
            findings.error(text.at, format!("`{}`: {what}", text.key), remedy);
        }
    }
    findings.set_subject(None);
}

const UNDEFINED: &str = "correct the name, or list the file that defines it under `templates`";

/// Reads the files of `templates`. A name that is defined twice means the later file, as in Alertmanager.
fn read_templates(
    patterns: &[PathBuf],
    at: Position,
    findings: &mut Diagnostics,
    more: &mut Vec<Diagnostic>,
) -> Vec<TemplateFile> {
    let mut files = Vec::new();
    let mut templates = Templates::new();
    for pattern in patterns {
        for path in existing(pattern, at, "templates", findings) {
            let mut own = Diagnostics::new(&path);
            match read_text(&path) {
                Ok(text) => {
                    let file = TemplateFile { path, text };
                    if let Err(error) = templates.add(file.name(), &file.text) {
                        let at = Position { line: error.line.max(1), column: 1 };
                        own.error(at, error.message, "");
                    }
                    files.push(file);
                }
                Err(error) => {
                    own.error(Position::START, format!("cannot read the file: {error}"), remedy(&error));
                }
            }
            more.append(&mut own.finish());
        }
    }
    files
}

/// The files that a pattern names; none is a warning, as for Alertmanager and Prometheus it is nothing.
fn existing(pattern: &Path, at: Position, key: &str, findings: &mut Diagnostics) -> Vec<PathBuf> {
    match glob::paths(pattern) {
        Ok(paths) if paths == [pattern] && !pattern.exists() => {}
        Ok(paths) if !paths.is_empty() => return paths,
        Ok(_) => {}
        Err(error) => {
            let message = format!("`{key}`: cannot look for `{}`: {error}", pattern.display());
            findings.error(at, message, "check the path");
            return Vec::new();
        }
    }
    findings.warning(at, format!("`{key}`: no file matches `{}`", pattern.display()), "check the path");
    Vec::new()
}

/// Reads `rule_files`: patterns of files with rule groups.
pub(super) fn read_rule_files(
    patterns: &[(String, Position)],
    folder: &Path,
    findings: &mut Diagnostics,
    more: &mut Vec<Diagnostic>,
) -> Vec<RuleGroup> {
    let mut groups = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for (pattern, at) in patterns {
        let path = folder.join(pattern);
        if !pattern.contains(['*', '?', '[']) && !path.exists() {
            let message = format!("`rule_files`: `{}` does not exist", path.display());
            findings.error(
                *at,
                message,
                "create the file, or correct the path (it starts at the config's folder)",
            );
            continue;
        }
        for path in existing(&path, *at, "rule_files", findings) {
            if seen.contains(&path) {
                continue;
            }
            let (file, mut found) = read_rules(&path);
            groups.extend(file.groups);
            more.append(&mut found);
            seen.push(path);
        }
    }
    groups
}

fn read_rules(path: &Path) -> (RuleFile, Vec<Diagnostic>) {
    match read_text(path) {
        Ok(text) => parse_rules(&text, path),
        Err(error) => {
            let mut findings = Diagnostics::new(path);
            findings.error(Position::START, format!("cannot read the file: {error}"), remedy(&error));
            (RuleFile::default(), findings.finish())
        }
    }
}

/// Reads a text as a file of rules.
pub(crate) fn parse_rules(text: &str, path: &Path) -> (RuleFile, Vec<Diagnostic>) {
    let mut findings = Diagnostics::new(path);
    let file = RuleFile::read(text, path, &rule_checks(), &mut findings);
    (file, findings.finish())
}
