//! Files on disk: those that somebody names, and those that a configuration names.

use std::fs;
use std::path::{Path, PathBuf};

use lingshao_promql::lint::Live;
use lingshao_wire::yaml::{Position, Severity};

use super::{Finding, Kind, Scope, Surroundings, Words, board, bounded, out_of_time, rules};
use crate::config::{self, Config, Language as MessageLanguage, glob, parse_rules};

/// Most files that one folder of boards, or all patterns together, may name.
const FILES_MAX: usize = 1000;

/// A file that was named.
struct Named<'p> {
    path: &'p Path,
    text: String,
    kind: Kind,
}

/// Checks files, each known by its content. They are taken to be loaded together: a rule may guard another, and the first
/// configuration among them says what is scraped and who is told.
pub(crate) fn check(paths: &[PathBuf], live: Option<&dyn Live>) -> Vec<Finding> {
    let named: Vec<Named<'_>> = paths.iter().map(|path| named(path)).collect();
    let configs: Vec<Result<config::Loaded, config::Invalid>> =
        named.iter().filter(|one| one.kind == Kind::Config).map(|one| config::load(one.path)).collect();
    let first = configs.iter().find_map(|loaded| loaded.as_ref().ok());
    let mut surroundings =
        first.map_or_else(Surroundings::default, |loaded| Surroundings::of_config(&loaded.config));
    for one in named.iter().filter(|one| one.kind == Kind::Rules) {
        surroundings.add_rules(&parse_rules(&one.text, one.path).0.groups);
    }
    let scope = Scope { surroundings: Some(&surroundings), live, deadline: None };
    let mut configs = configs.into_iter();
    let mut findings = Vec::new();
    for one in &named {
        let found = match one.kind {
            Kind::Rules => rules::check(&one.text, one.path, &scope),
            Kind::Board => board::check(&one.text, one.path, &scope),
            Kind::Alertmanager => {
                let (.., found) = config::parse_alertmanager(&one.text, one.path, MessageLanguage::Zh);
                found.into_iter().map(Finding::from).collect()
            }
            Kind::Config => match configs.next() {
                Some(loaded) => {
                    findings.append(&mut check_config(loaded, &named, live));
                    continue;
                }
                None => continue,
            },
        };
        findings.append(&mut bounded(found, one.path));
    }
    findings
}

fn named(path: &Path) -> Named<'_> {
    let text = config::read_text(path).unwrap_or_default(); // What cannot be read is reported as a config.
    let kind = Kind::of(&text);
    Named { path, text, kind }
}

/// What its reader says, and what the checks say of the files that it names and nobody else has named.
fn check_config(
    loaded: Result<config::Loaded, config::Invalid>,
    named: &[Named<'_>],
    live: Option<&dyn Live>,
) -> Vec<Finding> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(invalid) => return invalid.diagnostics.into_iter().map(Finding::from).collect(),
    };
    let mut findings: Vec<Finding> = loaded.warnings.into_iter().map(Finding::from).collect();
    let surroundings = Surroundings::of_config(&loaded.config);
    let scope = Scope { surroundings: Some(&surroundings), live, deadline: None };
    let is_named = |path: &Path| named.iter().any(|one| one.path == path);
    findings.append(&mut faults(&Loaded::of_config(&loaded.config), &is_named, &scope));
    findings
}

/// Files that a configuration names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    rule_files: Vec<PathBuf>,
    boards: Vec<PathBuf>,
}

impl Loaded {
    /// As patterns.
    pub(crate) fn of_config(config: &Config) -> Loaded {
        Loaded { rule_files: config.rule_files.clone(), boards: config.boards.clone() }
    }
}

/// What the checks say of these files as they are now; what their readers say is not repeated.
pub(crate) fn faults(loaded: &Loaded, skips: &dyn Fn(&Path) -> bool, scope: &Scope<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in existing(&loaded.rule_files).iter().filter(|path| !skips(path)) {
        if scope.is_over() {
            findings.push(out_of_time(path, Position::START));
            return findings;
        }
        let Ok(text) = config::read_text(path) else { continue }; // Its reader has told.
        let (file, _) = parse_rules(&text, path);
        findings.append(&mut bounded(rules::faults(&file, &text, path, scope), path));
    }
    for path in existing(&loaded.boards).iter().filter(|path| !skips(path)) {
        if scope.is_over() {
            findings.push(out_of_time(path, Position::START));
            break;
        }
        let found = match config::read_text(path) {
            Ok(text) => board::check(&text, path, scope),
            Err(error) => {
                let message = Words::english(format!("cannot read the file: {error}"));
                vec![Finding::plain(path, Position::START, Severity::Error, message)]
            }
        };
        findings.append(&mut bounded(found, path));
    }
    findings
}

/// The files of patterns and folders, each once; of a folder its JSON files.
fn existing(patterns: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let mut paths =
            if pattern.is_dir() { json_files(pattern) } else { glob::paths(pattern).unwrap_or_default() };
        paths.retain(|path| !found.contains(path));
        found.append(&mut paths);
        found.truncate(FILES_MAX);
    }
    found
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_json).take(FILES_MAX).collect();
    files.sort();
    files
}
