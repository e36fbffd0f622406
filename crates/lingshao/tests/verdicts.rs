//! `lingshao check` says of every rule file and every Alertmanager file what promtool 2.42 and amtool 0.25 say, where they
//! are installed; where we follow a newer version on purpose, the line says so. Without the tools our own verdict is
//! still compared with the line.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "says how many files the other tool judged")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "verdicts/alertmanager.rs"]
mod alertmanager;
#[path = "verdicts/rules.rs"]
mod rules;

/// What a file should be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Right, also for the old tool.
    Good,
    /// Wrong, also for the old tool.
    Bad,
    /// Right for us and for the newest version; the old tool refuses it.
    GoodSince,
}

use Verdict::{Good, GoodSince};

impl Verdict {
    fn ours(self) -> bool {
        matches!(self, Good | GoodSince)
    }

    fn of_tool(self) -> bool {
        self == Good
    }
}

/// Exit code 0 and what was printed.
fn judged(program: &str, arguments: &[&str], file: &Path) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg(file).stdin(Stdio::null()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// Judges each text with both; gives what differs from the lines and how many the tool judged.
fn compare(tool: &str, arguments: &[&str], cases: &[(Verdict, &str)]) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut judged_by_tool) = (Vec::new(), 0);
    for (index, (verdict, text)) in cases.iter().enumerate() {
        let file = folder.path().join(format!("{index}.yml"));
        fs::write(&file, text).unwrap();
        let (ours, said) = judged(env!("CARGO_BIN_EXE_lingshao"), &["check"], &file).unwrap();
        if ours != verdict.ours() || said.contains("panicked") {
            wrong.push(format!("lingshao says {ours}, the line {verdict:?}:\n{text}\n{said}"));
        }
        let Some((theirs, said)) = judged(tool, arguments, &file) else { continue };
        judged_by_tool += 1;
        if theirs != verdict.of_tool() {
            wrong.push(format!("{tool} says {theirs}, the line {verdict:?}:\n{text}\n{said}"));
        }
    }
    println!("{} files; {tool} judged {judged_by_tool}", cases.len());
    (wrong, judged_by_tool)
}

/// Files of a folder, sorted; none where it is missing.
fn files(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn rules_are_judged_as_by_promtool() {
    let (wrong, _) = compare("promtool", &["check", "rules"], &rules::cases());
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

#[test]
fn alertmanager_files_are_judged_as_by_amtool() {
    let (wrong, _) = compare("amtool", &["check-config"], &alertmanager::cases());
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

/// The fixtures of Alertmanager's own tests, where Debian's package of its sources is installed.
#[test]
fn alertmanagers_own_fixtures_are_judged_as_by_amtool() {
    let sources = "/usr/share/gocode/src/github.com/prometheus/alertmanager";
    let folders =
        ["config/testdata", "doc/examples", "examples/ha"].map(|folder| format!("{sources}/{folder}"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in folders.iter().flat_map(|folder| files(folder)) {
        if file.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let Some((theirs, _)) = judged("amtool", &["check-config"], &file) else { break };
        let (ours, said) = judged(env!("CARGO_BIN_EXE_lingshao"), &["check"], &file).unwrap();
        // Files that are named and do not exist are errors here, before the first message is lost.
        let is_missing_file = said.contains("cannot read `");
        if ours != theirs && !(theirs && is_missing_file) {
            wrong.push(format!("{}: amtool says {theirs}, we {ours}:\n{said}", file.display()));
        }
        count += 1;
    }
    println!("{count} fixtures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
