//! `lingshao test rules`: unit tests of rules in promtool's format, run by the engine that runs the rules.
//!
//! Contract: verdicts are promtool's. Time is the test's own, so that days pass in milliseconds.

mod file;
mod junit;
mod memory;
mod report;
mod run;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use lingshao_model::RuleGroup;
use lingshao_wire::prometheus_rules::RuleFile;
use lingshao_wire::yaml::{Diagnostics, Severity};
use regex::Regex;

use super::print;
use crate::config::{glob, read_text, rule_checks};
use crate::failure::Failure;
use file::TestFile;

/// What is tested.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Runs unit tests of recording and alerting rules, in promtool's format
    Rules(Arguments),
    /// Sends one test message through a receiver of the config and prints what each of its services answered
    Receiver(super::test_receiver::Arguments),
}

/// Which tests of which files.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files with `rule_files` and `tests`
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only tests whose name matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX", value_parser = lingshao_model::unanchored_regex)]
    run: Vec<Regex>,
    /// Also writes the results to a file, in JUnit's format
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Values may differ in their last bit, whatever the files say
    #[arg(long)]
    fuzzy_compare: bool,
}

/// How a file went.
#[derive(Debug)]
struct Outcome {
    file: PathBuf,
    /// Why it could not be run.
    errors: Vec<String>,
    tests: Vec<TestOutcome>,
}

/// How a test went.
#[derive(Debug)]
struct TestOutcome {
    name: String,
    failures: Vec<String>,
    took: Duration,
}

impl Outcome {
    fn is_well(&self) -> bool {
        self.errors.is_empty() && self.tests.iter().all(|test| test.failures.is_empty())
    }
}

pub(crate) fn run(command: &Command) -> Result<super::Outcome, Failure> {
    match command {
        Command::Rules(arguments) => run_tests(arguments),
        Command::Receiver(arguments) => super::test_receiver::run(arguments),
    }
}

fn run_tests(arguments: &Arguments) -> Result<super::Outcome, Failure> {
    let mut outcomes = Vec::new();
    for file in &arguments.files {
        let outcome = test(file, arguments);
        print(&told(&outcome))?;
        outcomes.push(outcome);
    }
    if let Some(file) = &arguments.junit {
        fs::write(file, junit::render(&outcomes))
            .with_context(|| format!("cannot write `{}`", file.display()))
            .map_err(Failure::environment)?;
    }
    let is_well = outcomes.iter().all(Outcome::is_well);
    Ok(if is_well { super::Outcome::Done } else { super::Outcome::Wrong })
}

/// With promtool's words for the verdict.
fn told(outcome: &Outcome) -> String {
    let mut text = format!("Unit Testing:  {}\n", outcome.file.display());
    if outcome.is_well() {
        return text + "  SUCCESS\n\n";
    }
    text.push_str("  FAILED:\n");
    let failures = outcome.tests.iter().flat_map(|test| &test.failures);
    for failure in outcome.errors.iter().chain(failures) {
        text.push_str(&format!("    {failure}\n"));
    }
    text + "\n"
}

fn test(path: &Path, arguments: &Arguments) -> Outcome {
    let mut outcome = Outcome { file: path.to_owned(), errors: Vec::new(), tests: Vec::new() };
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            outcome.errors.push(format!("{}: {error}", path.display()));
            return outcome;
        }
    };
    let (mut file, findings) = TestFile::read(&text, path);
    file.fuzzy_compare |= arguments.fuzzy_compare;
    let has_errors = keep_errors(findings, &mut outcome);
    if has_errors {
        return outcome;
    }
    let groups = rule_groups(&file, path, &mut outcome);
    if !outcome.errors.is_empty() {
        return outcome;
    }
    for test in &file.tests {
        if !arguments.run.is_empty() && !arguments.run.iter().any(|pattern| pattern.is_match(&test.name)) {
            continue;
        }
        let began = Instant::now();
        let failures = run::run(test, &file, &groups).into_iter().map(|failure| {
            let (place, at) = (path.display(), failure.at);
            let name = if test.name.is_empty() { String::new() } else { format!("name: {}, ", test.name) };
            format!("{place}:{}:{}: {name}{}", at.line, at.column, failure.text)
        });
        let failures = failures.collect();
        let name = if test.name.is_empty() { format!("line {}", test.at.line) } else { test.name.clone() };
        outcome.tests.push(TestOutcome { name, failures, took: began.elapsed() });
    }
    outcome
}

fn keep_errors(findings: Diagnostics, outcome: &mut Outcome) -> bool {
    let has_errors = findings.has_errors();
    let errors = findings.finish().into_iter().filter(|finding| finding.severity == Severity::Error);
    outcome.errors.extend(errors.map(|finding| finding.to_string()));
    has_errors
}

/// The groups of all rule files, those that `group_eval_order` names in its order, the others before.
fn rule_groups(file: &TestFile, path: &Path, outcome: &mut Outcome) -> Vec<RuleGroup> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut groups: Vec<RuleGroup> = Vec::new();
    for (pattern, at) in &file.rule_files {
        let mut paths = glob::paths(&folder.join(pattern)).unwrap_or_default();
        paths.retain(|path| path.exists());
        let place = format!("{}:{}:{}", path.display(), at.line, at.column);
        if paths.is_empty() {
            // A note beside the verdict, as in promtool.
            drop(writeln!(io::stderr(), "  WARNING: {place}: no file match pattern {pattern}"));
        }
        for rules in paths {
            match read_text(&rules) {
                Ok(text) => {
                    let mut findings = Diagnostics::new(&rules);
                    let read = RuleFile::read(&text, &rules, &rule_checks(), &mut findings);
                    keep_errors(findings, outcome);
                    groups.extend(read.groups);
                }
                Err(error) => {
                    outcome.errors.push(format!("{place}: error cannot read `{}`: {error}", rules.display()));
                }
            }
        }
    }
    let order = |group: &RuleGroup| file.group_eval_order.iter().position(|name| *name == group.name);
    groups.sort_by_key(|group| order(group).unwrap_or(0));
    groups
}
