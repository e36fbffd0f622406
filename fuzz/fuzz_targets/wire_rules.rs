//! A rule file: every mistake has a place in it; groups that come without errors have names and expressions.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lingshao_wire::prometheus_rules::{Problem, RuleChecks, RuleFile};
use lingshao_wire::yaml::Diagnostics;

/// Finds something wrong in every text with `!`, at the end of the text: the last place that there is.
struct Exclamation;

impl RuleChecks for Exclamation {
    fn expression(&self, text: &str) -> Result<(), Problem> {
        match text.contains('!') {
            true => Err(Problem { message: "a `!`".to_owned(), offset: text.len() }),
            false => Ok(()),
        }
    }

    fn template(&self, _alert: &str, text: &str) -> Result<(), Problem> {
        self.expression(text)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut findings = Diagnostics::new(Path::new("rules.yml"));
    let file = RuleFile::read(text, Path::new("rules.yml"), &Exclamation, &mut findings);
    let is_right = !findings.has_errors();
    let lines_max = text.matches(['\n', '\r']).count() + 2; // A lone CR ends a line in YAML; the end is a place too.
    for finding in findings.finish() {
        assert!(finding.line >= 1 && finding.column >= 1);
        assert!(finding.line <= lines_max, "{finding}");
        assert!(!finding.to_string().is_empty());
    }
    for rule in file.groups.iter().flat_map(|group| &group.rules).filter(|_| is_right) {
        assert!(!rule.name.is_empty() && !rule.expr.is_empty());
        assert!(rule.labels.is_sorted());
    }
});
