//! `unrouted-severity`: alerts that do not reach who is meant.
//!
//! Without a configuration only a misspelt `critical` is found: it is the one severity that our default routing knows.
//! With one, an alert that a route takes on purpose is silent, whatever its receiver does.

use super::{Alert, At, Fault, Finding, Routed, Unrouted};

pub(super) fn check(alert: &Alert<'_>) -> Option<Finding> {
    let severity = alert.labels.iter().find(|(name, _)| name == "severity").map(|(_, value)| value.as_str());
    // A template can be anything.
    if severity.is_some_and(|text| text.contains("{{")) {
        return None;
    }
    let known = ["critical".to_owned()];
    let (unmatched, nobody) = match &alert.routed {
        Routed::Unknown => (&known[..], None),
        Routed::Told { unmatched } => (*unmatched, None),
        Routed::Nobody { receiver, unmatched } => (*unmatched, Some(*receiver)),
    };
    let misspelt = severity.and_then(|severity| unmatched.iter().find(|known| is_misspelt(severity, known)));
    let fault = match (misspelt, nobody, severity) {
        (Some(known), _, Some(severity)) => {
            Unrouted::Misspelt { severity: severity.to_owned(), known: known.clone() }
        }
        (_, Some(receiver), _) => {
            Unrouted::Nobody { severity: severity.map(str::to_owned), receiver: receiver.to_owned() }
        }
        _ => return None,
    };
    let at = match severity {
        Some(_) => At::Label { name: "severity".to_owned() },
        None => At::Rule,
    };
    Some(Finding { fault: Fault::UnroutedSeverity(fault), at, suggestion: None })
}

/// The same but for case, or one letter more, less, or other, in words long enough for that to mean something.
fn is_misspelt(written: &str, known: &str) -> bool {
    if written == known {
        return false;
    }
    let (written, known) = (written.to_lowercase(), known.to_lowercase());
    let (longer, shorter) = if written.len() < known.len() { (&known, &written) } else { (&written, &known) };
    let (longer, shorter): (Vec<char>, Vec<char>) = (longer.chars().collect(), shorter.chars().collect());
    let same_start = longer.iter().zip(&shorter).take_while(|(a, b)| a == b).count();
    let rest = longer.len() - same_start;
    let same_end = longer.iter().rev().zip(shorter.iter().rev()).take(rest.min(shorter.len() - same_start));
    let same_end = same_end.take_while(|(a, b)| a == b).count();
    let is_one_edit = longer.len() - same_start - same_end <= 1;
    written == known || (is_one_edit && shorter.len() >= 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_misspellings() {
        for written in ["Critical", "CRITICAL", "critial", "criticall", "critikal"] {
            assert!(is_misspelt(written, "critical"), "{written}");
        }
        for written in ["critical", "warning", "crit", "info", "page", "high"] {
            assert!(!is_misspelt(written, "critical"), "{written}");
        }
        assert!(!is_misspelt("high", "nigh") && !is_misspelt("p1", "p2"));
    }
}
