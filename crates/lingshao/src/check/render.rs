//! Findings as lines for people, and as JSON.

use super::words::{self, Language, Say};
use super::{Finding, severity_name};

/// `FILE:LINE:COL: error|warning [lint-name] RULE OR PANEL: what is wrong`, what to do indented below.
pub(crate) fn text(findings: &[Finding], language: Language) -> String {
    let mut out = String::new();
    for finding in findings {
        add(&mut out, finding, language);
    }
    out
}

fn add(out: &mut String, finding: &Finding, language: Language) {
    let severity = severity_name(finding.severity);
    let file = finding.file.display().to_string();
    *out += &format!("{}:{}:{}: {severity}", one_line(&file), finding.line, finding.column);
    if let Some(lint) = finding.lint {
        *out += &format!(" [{lint}]");
    }
    if let Some(subject) = &finding.subject {
        *out += &format!(" {}:", one_line(subject));
    }
    *out += &format!(" {}\n", one_line(finding.message.in_language(language)));
    if let Some(remedy) = &finding.remedy {
        *out += &format!("    {}\n", one_line(remedy.in_language(language)));
    }
    if let Some(suggestion) = &finding.suggestion {
        let colon = if language == Language::Zh { "：" } else { ": " };
        let before = words::say(Say::Corrected);
        *out += &format!("    {}{colon}{}\n", before.in_language(language), one_line(suggestion));
    }
}

/// Text that may quote a file: a control character in it moves no cursor and begins no line.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|one| match one.is_control() {
            true => one.escape_debug().collect::<Vec<_>>(),
            false => vec![one],
        })
        .collect()
}

/// A list, in both languages.
pub(crate) fn json(findings: &[Finding]) -> String {
    serde_json::to_string(findings).expect("texts and numbers have a JSON form")
}
