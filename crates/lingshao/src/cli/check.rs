//! `lingshao check`: what is wrong in files, before they are used.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Outcome, config_default, print};
use crate::config::{self, Diagnostic, Severity};
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
    let found: Vec<Diagnostic> = files.iter().flat_map(|file| check(file)).collect();
    print(&match arguments.format {
        Format::Text => found.iter().map(|diagnostic| format!("{diagnostic}\n")).collect(),
        Format::Json => as_json(&found),
    })?;
    let wrong = |diagnostic: &Diagnostic| arguments.strict || diagnostic.severity == Severity::Error;
    Ok(if found.iter().any(wrong) { Outcome::Wrong } else { Outcome::Done })
}

fn check(file: &Path) -> Vec<Diagnostic> {
    if let Some(kind) = fs::read_to_string(file).ok().as_deref().and_then(foreign_kind) {
        return vec![Diagnostic {
            file: file.to_owned(),
            line: 1,
            column: 1,
            severity: Severity::Error,
            lint: None,
            subject: None,
            message: format!("this is a {kind}; this version cannot check it yet"),
            remedy: Some(format!("it checks config files only; a {kind} is not evaluated either")),
        }];
    }
    match config::load(file) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => invalid.diagnostics,
    }
}

/// Files of later versions, known by their first key at the left margin.
fn foreign_kind(text: &str) -> Option<&'static str> {
    if text.trim_start().starts_with('{') {
        return text.contains("\"panels\"").then_some("Grafana dashboard");
    }
    let mut keys = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    keys.next()?.starts_with("groups:").then_some("rules file")
}

fn as_json(found: &[Diagnostic]) -> String {
    let list: Vec<_> = found
        .iter()
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
        for (text, kind) in [
            ("# my rules\ngroups:\n- name: a\n", Some("rules file")),
            ("scrape_configs: []\ngroups: x\n", None),
            (" {\"panels\": []}", Some("Grafana dashboard")),
            ("global: {}\n", None),
            ("", None),
        ] {
            assert_eq!(foreign_kind(text), kind, "{text:?}");
        }
    }
}
