//! Results as JUnit's XML, which build servers show.

use super::{Outcome, TestOutcome};

/// One suite per file, one case per test.
pub(super) fn render(outcomes: &[Outcome]) -> String {
    let suites: String = outcomes.iter().map(suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(outcome: &Outcome) -> String {
    let failures = outcome.tests.iter().filter(|test| !test.failures.is_empty()).count();
    let file = escaped(&outcome.file.display().to_string());
    let (tests, errors) = (outcome.tests.len(), outcome.errors.len());
    let mut cases: String = outcome.tests.iter().map(case).collect();
    if errors > 0 {
        cases +=
            &format!("    <testcase name=\"{file}\">{}</testcase>\n", problems("error", &outcome.errors));
    }
    format!(
        "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n{cases}  </testsuite>\n"
    )
}

fn case(test: &TestOutcome) -> String {
    let (name, seconds) = (escaped(&test.name), test.took.as_secs_f64());
    let failures = problems("failure", &test.failures);
    format!("    <testcase name=\"{name}\" time=\"{seconds:.6}\">{failures}</testcase>\n")
}

fn problems(tag: &str, messages: &[String]) -> String {
    let message = |text: &String| format!("\n      <{tag} message=\"{}\"></{tag}>", escaped(text));
    messages.iter().map(message).collect()
}

/// Control characters that XML 1.0 does not know become their replacement.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_build_server_can_read_it() {
        let test = |name: &str, failures: &[&str]| TestOutcome {
            name: name.to_owned(),
            failures: failures.iter().map(|text| (*text).to_owned()).collect(),
            took: Duration::from_micros(1500),
        };
        let tests = vec![test("a", &[]), test("b", &["x < \"y\"\n+ z\u{1b}"])];
        let outcome = Outcome { file: "t.yml".into(), errors: Vec::new(), tests };
        assert_eq!(
            render(&[outcome]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
             <testsuite name=\"t.yml\" tests=\"2\" failures=\"1\" errors=\"0\">\n    \
             <testcase name=\"a\" time=\"0.001500\"></testcase>\n    \
             <testcase name=\"b\" time=\"0.001500\">\n      \
             <failure message=\"x &lt; &quot;y&quot;&#10;+ z\u{fffd}\"></failure></testcase>\n  \
             </testsuite>\n</testsuites>\n"
        );
    }
}
