//! `lingshao check`: what is wrong in files, before they are used.

use std::fmt;
use std::path::{Path, PathBuf};

use lingshao_wire::yaml::{Node, Value};
use serde_json::json;

use super::{Outcome, config_default, print};
use crate::config::{self, Diagnostic, Language, Severity};
use crate::failure::Failure;

/// Which files, and how strict.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files to check; known by their content [default: lingshao.yml]
    files: Vec<PathBuf>,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let fallback = [config_default()];
    let files = if arguments.files.is_empty() { &fallback[..] } else { &arguments.files };
    let checked: Vec<Checked> = files.iter().map(|file| check(file)).collect();
    print(&match arguments.format {
        Format::Text => checked.iter().map(Checked::to_string).collect(),
        Format::Json => as_json(checked.iter().flat_map(|checked| &checked.found)),
    })?;
    let wrong = |diagnostic: &Diagnostic| arguments.strict || diagnostic.severity == Severity::Error;
    let is_wrong = checked.iter().any(|checked| checked.found.iter().any(wrong));
    Ok(if is_wrong { Outcome::Wrong } else { Outcome::Done })
}

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `lingshao.yml` or `prometheus.yml`.
    Config,
    /// Rule groups.
    Rules,
    /// Alertmanager's file.
    Alertmanager,
    /// A Grafana dashboard.
    Board,
}

/// A file that was looked at. Displays as its findings and, when nothing is wrong, what is in it.
struct Checked {
    found: Vec<Diagnostic>,
    /// What to say when there is no error.
    contents: Option<String>,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.iter().try_for_each(|diagnostic| writeln!(f, "{diagnostic}"))?;
        let is_right = self.found.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
        match &self.contents {
            Some(contents) if is_right => writeln!(f, "{contents}"),
            _ => Ok(()),
        }
    }
}

fn check(path: &Path) -> Checked {
    let text = config::read_text(path).unwrap_or_default(); // What cannot be read is reported as a config.
    match kind(&text) {
        Kind::Rules => check_rules(&text, path),
        Kind::Alertmanager => check_alertmanager(&text, path),
        Kind::Board => Checked { found: vec![not_yet(path)], contents: None },
        Kind::Config => match config::load(path) {
            Ok(loaded) => Checked { found: loaded.warnings, contents: None },
            Err(invalid) => Checked { found: invalid.diagnostics, contents: None },
        },
    }
}

fn check_rules(text: &str, path: &Path) -> Checked {
    let (file, found) = config::parse_rules(text, path);
    let contents = format!("{}: SUCCESS: {} rules found", path.display(), file.rule_count());
    Checked { found, contents: Some(contents) }
}

fn check_alertmanager(text: &str, path: &Path) -> Checked {
    let (alertmanager, templates, found) = config::parse_alertmanager(text, path, Language::Zh);
    let routing = &alertmanager.routing;
    let contents = format!(
        "{}: SUCCESS: {} receivers, {} inhibit rules, {} template files found",
        path.display(),
        routing.receivers.len(),
        routing.inhibit_rules.len(),
        templates.len()
    );
    Checked { found, contents: Some(contents) }
}

fn not_yet(path: &Path) -> Diagnostic {
    Diagnostic {
        file: path.to_owned(),
        line: 1,
        column: 1,
        severity: Severity::Error,
        lint: None,
        subject: None,
        message: "this is a Grafana dashboard; this version cannot check it yet".to_owned(),
        remedy: Some("it checks configs, rules and Alertmanager's files".to_owned()),
    }
}

/// Known by its topmost keys, or by the lines at the left margin when it is no YAML; what is none of the others is a
/// config.
fn kind(text: &str) -> Kind {
    if text.trim_start().starts_with('{') && text.contains("\"panels\"") {
        return Kind::Board;
    }
    let root = Node::parse_first(text).ok().map(|(root, _)| root).filter(|root| root.value != Value::Null);
    let begins_line =
        |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    let has = |key: &str| root.as_ref().map_or_else(|| begins_line(key), |root| root.get(key).is_some());
    if CONFIG_KEYS.iter().any(|key| has(key)) {
        return Kind::Config;
    }
    match (has("groups"), has("route") || has("receivers")) {
        (true, _) => Kind::Rules,
        (false, true) => Kind::Alertmanager,
        (false, false) => Kind::Config,
    }
}

/// Keys that only a config has.
const CONFIG_KEYS: [&str; 6] = ["scrape_configs", "rule_files", "alerting", "web", "collect", "metrics"];

fn as_json<'d>(found: impl Iterator<Item = &'d Diagnostic>) -> String {
    let list: Vec<_> = found
        .map(|diagnostic| {
            json!({
                "file": diagnostic.file.display().to_string(),
                "line": diagnostic.line,
                "column": diagnostic.column,
                "severity": if diagnostic.severity == Severity::Error { "error" } else { "warning" },
                "lint": diagnostic.lint,
                "subject": diagnostic.subject,
                "message": diagnostic.message,
                "remedy": diagnostic.remedy,
            })
        })
        .collect();
    format!("{}\n", serde_json::Value::from(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        for (text, expected) in [
            ("# my rules\ngroups:\n- name: a\n", Kind::Rules),
            ("scrape_configs: []\ngroups: x\n", Kind::Config),
            ("global: {}\nroute:\n  receiver: a\n", Kind::Alertmanager),
            ("receivers: []\n", Kind::Alertmanager),
            ("alerting:\n  route: {}\nroute: {}\n", Kind::Config),
            (" groups: []\n", Kind::Rules),
            ("groups: [\n", Kind::Rules),
            ("{route: {receiver: a}}\n", Kind::Alertmanager),
            (" {\"panels\": []}", Kind::Board),
            ("global: {}\n", Kind::Config),
            ("", Kind::Config),
        ] {
            assert_eq!(kind(text), expected, "{text:?}");
        }
    }
}
