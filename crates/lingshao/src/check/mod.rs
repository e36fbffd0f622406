//! What is wrong in rules, boards and expressions: by command line, at the API, of what is loaded.
//!
//! Contract: texts in, [`Finding`]s out; it reads files only where [`files`] says so. The faults are those of
//! `lingshao_promql::lint`; here they get their place in the file and their words in both languages. All of a check's
//! findings are warnings, as the server uses the file all the same; what keeps a file from being used is an error.

mod board;
pub(crate) mod files;
pub(crate) mod live;
mod query;
mod render;
mod routing;
mod rules;
mod surroundings;
mod words;

use std::path::{Path, PathBuf};
use std::time::Instant;

use lingshao_promql::lint::{self, Live};
use lingshao_wire::grafana::Board;
use lingshao_wire::yaml::{Diagnostic, Node, Position, Severity, Value};
use serde::Serialize;

pub(crate) use render::{json, text};
pub(crate) use surroundings::Surroundings;
pub(crate) use words::{Language, Words};

use words::Say;

/// Findings on one file, or in one answer, that are kept.
pub(crate) const FINDINGS_MAX: usize = 1000;

/// One thing that is wrong, as the API tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    #[serde(serialize_with = "as_path")]
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1, in characters.
    pub(crate) column: usize,
    #[serde(serialize_with = "as_severity")]
    pub(crate) severity: Severity,
    /// The check's name, for findings that come from one.
    pub(crate) lint: Option<&'static str>,
    /// The rule or the panel.
    pub(crate) subject: Option<String>,
    pub(crate) message: Words,
    pub(crate) remedy: Option<Words>,
    /// The expression as it stands in the file.
    pub(crate) expr: Option<String>,
    /// The whole expression, corrected.
    pub(crate) suggestion: Option<String>,
    /// Bytes of `expr`; none when something else than the expression is at fault.
    pub(crate) span: Option<(usize, usize)>,
}

fn as_path<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn as_severity<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity_name(*severity))
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

impl From<Diagnostic> for Finding {
    /// What readers of files say, the server says too; it exists in English only.
    fn from(diagnostic: Diagnostic) -> Finding {
        Finding {
            file: diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
            severity: diagnostic.severity,
            lint: diagnostic.lint,
            subject: diagnostic.subject,
            message: Words::english(diagnostic.message),
            remedy: diagnostic.remedy.map(Words::english),
            expr: None,
            suggestion: None,
            span: None,
        }
    }
}

impl Finding {
    /// About a file as a whole, or a place in it.
    fn plain(file: &Path, at: Position, severity: Severity, message: Words) -> Finding {
        Finding {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            severity,
            lint: None,
            subject: None,
            message,
            remedy: None,
            expr: None,
            suggestion: None,
            span: None,
        }
    }

    /// A fault, at a place in a file.
    fn of_fault(file: &Path, at: Position, subject: &str, expr: &str, found: &lint::Finding) -> Finding {
        let (message, remedy) = words::of_fault(&found.fault);
        let span = match &found.at {
            lint::At::Expr(span) => Some((span.start, span.end)),
            _ => None,
        };
        Finding {
            lint: Some(found.fault.lint().name()),
            subject: Some(subject.to_owned()).filter(|subject| !subject.is_empty()),
            remedy: Some(remedy),
            expr: Some(expr.to_owned()),
            suggestion: found.suggestion.clone(),
            span,
            ..Finding::plain(file, at, Severity::Warning, message)
        }
    }
}

/// What a text is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `lingshao.yml` or `prometheus.yml`.
    Config,
    /// Rule groups.
    Rules,
    /// Alertmanager's file.
    Alertmanager,
    /// A Grafana dashboard.
    Board,
}

impl Kind {
    /// Known by its topmost keys, or by the lines at the left margin when it is no YAML; what is none of the others is
    /// a config.
    pub(crate) fn of(text: &str) -> Kind {
        if Board::is_meant_by(text) {
            return Kind::Board;
        }
        let root =
            Node::parse_first(text).ok().map(|(root, _)| root).filter(|root| root.value != Value::Null);
        let begins_line = |key: &str| {
            text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
        };
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
}

/// Keys that only a config has.
const CONFIG_KEYS: [&str; 6] = ["scrape_configs", "rule_files", "alerting", "web", "collect", "metrics"];

/// What a check may ask and how much it may take.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'s> {
    /// What is known around the text.
    pub(crate) surroundings: Option<&'s Surroundings>,
    /// Data that are really there.
    pub(crate) live: Option<&'s dyn Live>,
    /// When to stop; nothing stops a person at a terminal.
    pub(crate) deadline: Option<Instant>,
}

impl Scope<'_> {
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline < Instant::now())
    }
}

/// Checks a text that somebody sent: rules, a board, or `{"expr": "…"}`. Nothing else, as other texts name files.
pub(crate) fn sent(text: &str, scope: &Scope<'_>) -> Vec<Finding> {
    if let Some(expr) = query::sent(text) {
        return bounded(query::check(&expr, scope), Path::new(""));
    }
    match Kind::of(text) {
        Kind::Board => bounded(board::check(text, Path::new("board.json"), scope), Path::new("board.json")),
        Kind::Rules => {
            let path = Path::new("rules.yml");
            bounded(rules::check(text, path, scope), path)
        }
        Kind::Config | Kind::Alertmanager => {
            let message = words::say(Say::UnknownKind);
            vec![Finding::plain(Path::new(""), Position::START, Severity::Error, message)]
        }
    }
}

/// In the order of the text, errors kept before warnings when there are too many.
fn bounded(mut findings: Vec<Finding>, path: &Path) -> Vec<Finding> {
    if findings.len() > FINDINGS_MAX {
        findings.sort_by_key(|one| one.severity);
        findings.truncate(FINDINGS_MAX);
    }
    let is_full = findings.len() == FINDINGS_MAX;
    findings.sort_by_key(|one| (one.line, one.column));
    if is_full {
        let at =
            findings.last().map_or(Position::START, |one| Position { line: one.line, column: one.column });
        let message = words::say(Say::TooMany(FINDINGS_MAX));
        findings.push(Finding::plain(path, at, Severity::Warning, message));
    }
    findings
}

/// Says that the rest was not looked at.
fn out_of_time(path: &Path, at: Position) -> Finding {
    Finding::plain(path, at, Severity::Warning, words::say(Say::OutOfTime))
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
            ("{\"dashboard\": {\"panels\": [", Kind::Board),
            ("{\"groups\": []}", Kind::Rules),
            ("global: {}\n", Kind::Config),
            ("", Kind::Config),
        ] {
            assert_eq!(Kind::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_sent_is_rules_a_board_or_an_expression() {
        let lints = |text: &str| {
            let found = sent(text, &Scope::default());
            found.into_iter().map(|one| (one.line, one.column, one.lint)).collect::<Vec<_>>()
        };
        assert_eq!(
            lints(r#"{"expr": "histogram_quantile(0.9, a)"}"#),
            [(1, 25, Some("quantile-needs-buckets"))]
        );
        assert_eq!(lints(r#"{"expr": "up =="}"#), [(1, 6, None)]);
        assert_eq!(
            lints("groups:\n- name: a\n  rules:\n  - record: a\n    expr: rate(a[5s])\n"),
            [(5, 18, Some("short-window"))]
        );
        let board = r#"{"panels":[{"type":"stat","targets":[{"expr":"active_users"}]}]}"#;
        assert_eq!(lints(board), [(1, 47, Some("not-summed"))]);
        // `$factor` may be a number, with which nothing is wrong.
        let board = r#"{"panels":[{"type":"gauge","targets":[{"expr":"$factor * sum(rate(a_total[5m])) / sum(rate(b_total[5m]))"}]}]}"#;
        assert_eq!(lints(board), []);
        let found = sent("rule_files: [/etc/passwd]\n", &Scope::default());
        assert_eq!((found.len(), found[0].severity), (1, Severity::Error), "no file is looked for");
    }

    #[test]
    fn a_deadline_ends_a_check() {
        let scope =
            Scope { deadline: Some(Instant::now() - std::time::Duration::from_secs(1)), ..Scope::default() };
        let rules = "groups:\n- name: a\n  rules:\n  - record: a\n    expr: rate(a[5s])\n";
        let found = sent(rules, &scope);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.en.contains("took too long"), "{found:?}");
    }
}
