//! Rule files with a stand-in for PromQL and templates: `!` is the mistake, where it stands.

use super::*;

struct NoExclamation;

impl RuleChecks for NoExclamation {
    fn expression(&self, text: &str) -> Result<(), Problem> {
        text.find('!').map_or(Ok(()), |offset| Err(Problem { message: "a `!`".to_owned(), offset }))
    }

    fn template(&self, _alert: &str, text: &str) -> Result<(), Problem> {
        self.expression(text)
    }
}

fn read(text: &str) -> (RuleFile, Vec<String>) {
    let mut findings = Diagnostics::new(Path::new("r.yml"));
    let file = RuleFile::read(text, Path::new("r.yml"), &NoExclamation, &mut findings);
    (file, findings.finish().iter().map(ToString::to_string).collect())
}

#[test]
fn every_key_is_read() {
    let text = "groups:\n- name: shop\n  interval: 30s\n  query_offset: 1m\n  limit: 7\n  labels: {team: a, at: group}\n  rules:\n  \
        - record: job:up\n    expr: sum(up)\n  - alert: Down\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 1h\n    \
        labels: {at: rule, n: 1}\n    annotations: {text: \"{{ $value }}\", empty: }\n";
    let (file, found) = read(text);
    assert_eq!(found, [""; 0]);
    assert_eq!(file.rule_count(), 2);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let down = Rule {
        name: "Down".to_owned(),
        expr: "up == 0".to_owned(),
        labels: vec![pair("at", "rule"), pair("n", "1"), pair("team", "a")],
        kind: RuleKind::Alerting {
            hold: TimeDelta::from_secs(300),
            keep_firing_for: TimeDelta::from_secs(3600),
            annotations: vec![pair("empty", ""), pair("text", "{{ $value }}")],
        },
        line: 10,
    };
    let up = Rule {
        name: "job:up".to_owned(),
        expr: "sum(up)".to_owned(),
        labels: vec![pair("at", "group"), pair("team", "a")],
        kind: RuleKind::Recording,
        line: 8,
    };
    let group = RuleGroup {
        name: "shop".to_owned(),
        file: Path::new("r.yml").to_owned(),
        interval: Some(TimeDelta::from_secs(30)),
        query_offset: Some(TimeDelta::from_secs(60)),
        limit: 7,
        rules: vec![up, down],
    };
    assert_eq!(file.groups, [group]);
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(read(text).1, expected, "{text}");
}

/// One alert with `lines` in it, from line 5 on.
fn alert(lines: &str) -> String {
    format!("groups:\n- name: g\n  rules:\n  - alert: Down\n{lines}")
}

#[test]
fn mistakes_name_place_rule_and_remedy() {
    check(
        "groups:\n- name: a\n- name: a\n",
        &[
            "r.yml:3:9: error group a: group `a` stands twice in this file; first in line 2\n    give each group its own name",
        ],
    );
    check(
        &alert("    expr: up\n    fro: 5m\n"),
        &["r.yml:6:5: error alert Down: unknown key `fro` in a rule\n    did you mean `for`?"],
    );
    check(
        &alert("    expr: up ! 1\n"),
        &["r.yml:5:14: error alert Down: cannot parse the expression: a `!`"],
    );
    check(
        &alert("    expr: |\n      up\n        ! 1\n"),
        &["r.yml:7:9: error alert Down: cannot parse the expression: a `!`"],
    );
    check(
        &alert("    expr: up\n    labels: {a: 'b!'}\n    annotations: {c: d!}\n"),
        &[
            "r.yml:6:19: error alert Down: label `a`: a `!`",
            "r.yml:7:23: error alert Down: annotation `c`: a `!`",
        ],
    );
    check(
        "groups:\n- name: g\n  rules:\n  - record: a{b}\n    expr: up\n    for: 1m\n    annotations: {a: b}\n",
        &[
            "r.yml:4:13: error record a{b}: braces in the name of a recorded series: `a{b}`\n    conditions on labels belong into `expr`",
            "r.yml:6:5: error record a{b}: `for` in a recording rule\n    delete it; only an alert has one",
            "r.yml:7:5: error record a{b}: `annotations` in a recording rule\n    delete it; only an alert has one",
        ],
    );
    check(
        "groups:\n- name: g\n  rules:\n  - expr: up\n",
        &["r.yml:4:5: error group g: one of `record` and `alert` must be set\n    add `alert: NAME`"],
    );
}

#[test]
fn what_only_looks_wrong_is_a_warning() {
    check(
        "groups:\n- name: g\n  rules: [{alert: A, expr: a}, {alert: A, expr: b}]\n",
        &[
            "r.yml:3:1: warning [duplicate-rules] `A` stands twice with the same labels; first in line 3\n    give one of them another name or another label",
        ],
    );
    check(
        "groups: []\n---\ngroups: [\n",
        &[
            "r.yml:2:1: warning what follows `---` is not read\n    Prometheus reads the first document only; delete the `---` between them",
        ],
    );
}
