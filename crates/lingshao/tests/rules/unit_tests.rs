//! `lingshao test rules` and `promtool test rules` over the same files: the verdicts of `unit_tests.txt` hold for both.
//!
//! `pass` and `fail` are both tools' verdicts; `differs pass` is ours, where Prometheus 3 decides otherwise than the
//! promtool 2.42 that Debian has, or where we say so in the manual (native histograms).

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const CASES: &str = include_str!("unit_tests.txt");

struct Case {
    verdict: &'static str,
    name: &'static str,
    rules: &'static str,
    test: &'static str,
}

fn cases() -> impl Iterator<Item = Case> {
    CASES.split("=== ").skip(1).map(|text| {
        let (head, body) = text.split_once('\n').unwrap();
        let (verdict, name) = head.split_once(": ").unwrap();
        let body = body.strip_prefix("--- rules.yml\n").unwrap();
        let (rules, test) = body.split_once("--- test.yml\n").unwrap();
        Case { verdict, name, rules, test }
    })
}

fn lingshao(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lingshao"));
    command.args(["test", "rules"]).args(arguments).current_dir(folder).output().unwrap()
}

fn written(rules: &str, test: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    fs::write(folder.path().join("test.yml"), test).unwrap();
    folder
}

#[test]
fn verdicts_are_promtools() {
    let promtool = Command::new("promtool").arg("--version").output().is_ok();
    if !promtool {
        println!("promtool is not installed: only our own verdicts are checked");
    }
    let mut wrong = Vec::new();
    for Case { verdict, name, rules, test } in cases() {
        let folder = written(rules, test);
        let ours = lingshao(folder.path(), &["test.yml"]);
        let wanted = if verdict.ends_with("pass") { 0 } else { 1 };
        if ours.status.code() != Some(wanted) {
            let said = String::from_utf8_lossy(&ours.stdout).into_owned();
            wrong.push(format!("{name}: ours is {:?}\n{said}", ours.status.code()));
        }
        if promtool && !verdict.starts_with("differs") {
            let mut command = Command::new("promtool");
            let theirs =
                command.args(["test", "rules", "test.yml"]).current_dir(folder.path()).output().unwrap();
            if theirs.status.code() != Some(wanted) {
                wrong.push(format!("{name}: promtool's is {:?}", theirs.status.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases().count() > 100);
}

const RULES: &str = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, annotations: {summary: 'down: {{ $value }}'}}\n";

#[test]
fn a_difference_is_told_line_by_line_with_its_place() {
    let test = "rule_files: [rules.yml]\ntests:\n- name: first\n  input_series:\n  - {series: 'up{job=\"a\"}', values: '0 0'}\n  \
                - {series: 'up{job=\"b\"}', values: '0 0'}\n  alert_rule_test:\n  - eval_time: 1m\n    alertname: Down\n    \
                exp_alerts:\n    - {exp_labels: {job: a}, exp_annotations: {summary: 'down: 0'}}\n    \
                - {exp_labels: {job: c}}\n  promql_expr_test:\n  - {expr: 'up', eval_time: 1m, exp_samples: [{labels: 'up{job=\"a\"}', value: 1}]}\n";
    let folder = written(RULES, test);
    let output = lingshao(folder.path(), &["test.yml"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Unit Testing:  test.yml\n  FAILED:\n    \
         test.yml:8:5: name: first, alertname: Down, time: 1m\n      \
         expected 2 (-), got 2 (+)\n        \
         {alertname=\"Down\", job=\"a\"}\n          \
         annotations {summary=\"down: 0\"}\n      \
         - {alertname=\"Down\", job=\"c\"}\n      \
         + {alertname=\"Down\", job=\"b\"}\n      \
         +   annotations {summary=\"down: 0\"}\n    \
         test.yml:14:5: name: first, expr: \"up\", time: 1m\n      \
         expected 1 (-), got 2 (+)\n      \
         - up{job=\"a\"} 1\n      \
         + up{job=\"a\"} 0\n      \
         + up{job=\"b\"} 0\n\n"
    );
}

#[test]
fn tests_are_chosen_by_name_and_told_to_build_servers() {
    let one = |name: &str, value: u8| {
        format!(
            "- name: {name}\n  promql_expr_test:\n  - {{expr: '1', eval_time: 0m, exp_samples: [{{labels: '{{}}', value: {value}}}]}}\n"
        )
    };
    let test = format!("tests:\n{}{}", one("good", 1), one("bad", 2));
    let folder = written(RULES, &test);
    let chosen = |arguments: &[&str]| lingshao(folder.path(), arguments).status.code();
    assert_eq!(chosen(&["test.yml"]), Some(1));
    assert_eq!(chosen(&["test.yml", "--run", "^go"]), Some(0));
    assert_eq!(chosen(&["test.yml", "--run", "^go", "--run", "bad"]), Some(1));
    assert_eq!(chosen(&["test.yml", "--run", "("]), Some(2));
    assert_eq!(chosen(&["test.yml", "--junit", "out.xml"]), Some(1));
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"test.yml\" tests=\"2\" failures=\"1\" errors=\"0\">"), "{xml}");
    assert!(xml.contains("<failure message=\"test.yml:7:5: name: bad, expr: &quot;1&quot;"), "{xml}");
}

#[test]
fn promtool_3_may_say_when_time_begins_and_that_last_bits_do_not_matter() {
    let test = "fuzzy_compare: true\ntests:\n- start_timestamp: 2026-01-31T12:00:00Z\n  input_series:\n  \
                - {series: m, values: '1 2 3'}\n  promql_expr_test:\n  \
                - {expr: '0.1 + 0.2', eval_time: 0m, exp_samples: [{labels: '{}', value: 0.3}]}\n  \
                - {expr: 'hour()', eval_time: 59m, exp_samples: [{labels: '{}', value: 12}]}\n  \
                - {expr: 'm + time()', eval_time: 2m, exp_samples: [{labels: '{}', value: 1769860923}]}\n";
    let folder = written(RULES, test);
    let output = lingshao(folder.path(), &["test.yml"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn hours_pass_in_milliseconds() {
    let series: String =
        (0..20).map(|n| format!("  - {{series: 'up{{job=\"{n}\"}}', values: '0x5760'}}\n")).collect();
    let test = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n{series}  \
         promql_expr_test:\n  - {{expr: 'count(ALERTS)', eval_time: 24h, exp_samples: [{{labels: '{{}}', value: 20}}]}}\n"
    );
    let folder = written(RULES, &test);
    let began = Instant::now();
    let output = lingshao(folder.path(), &["test.yml"]);
    let took = began.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    println!("a day of 20 alerts every 15 s took {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}"); // Some 100 ms where nothing else runs.
}
