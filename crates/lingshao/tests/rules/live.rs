//! Rules in the running server: rounds, series, reloads, restarts, figures, and the API beside Prometheus 2.42.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Server, batch, now_millis, text};

/// A folder with rules and a config that evaluates them each second and scrapes nothing.
fn folder(rules: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_rules(&folder, rules);
    let config = format!(
        "global: {{evaluation_interval: 1s, external_labels: {{zone: cn}}}}\nrule_files: ['{}']\n",
        text(folder.path().join("rules.yml"))
    );
    fs::write(folder.path().join("lingshao.yml"), config).unwrap();
    folder
}

fn write_rules(folder: &TempDir, rules: &str) {
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
}

fn start(folder: &TempDir) -> Server {
    Server::start_with(folder, &["--config", &text(folder.path().join("lingshao.yml"))])
}

#[track_caller]
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn reload(server: &Server) {
    assert_eq!(server.request("POST", "/-/reload", &[], b"").status, 200);
}

/// The values of a vector.
fn query(server: &Server, expr: &str) -> Vec<f64> {
    let answer = server.post_form("/api/v1/query", &format!("query={}", expr.replace('+', "%2B")));
    let rows = answer.json()["data"]["result"].as_array().unwrap().clone();
    rows.iter().map(|row| row["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

fn alerts(server: &Server) -> Vec<Value> {
    server.data("/api/v1/alerts")["alerts"].as_array().unwrap().clone()
}

#[test]
fn rules_see_each_other_and_their_series_end_with_them() {
    let rules = "groups: [{name: g, rules: [{record: one, expr: vector(1)}, {record: two, expr: one + 1}, \
                 {alert: Always, expr: two == 2, labels: {severity: info}, annotations: {summary: 'is {{ $value }} in {{ $externalLabels.zone }}'}}]}]";
    let folder = folder(rules);
    let server = start(&folder);
    wait("the alert", || alerts(&server).first().cloned());
    assert_eq!(query(&server, "two"), [2.0]);
    assert_eq!(query(&server, "ALERTS{alertname=\"Always\",alertstate=\"firing\"}"), [1.0]);
    let alert = &alerts(&server)[0];
    assert_eq!(alert["labels"], json!({"alertname": "Always", "severity": "info"}));
    assert_eq!(alert["annotations"], json!({"summary": "is 2 in cn"}));
    assert_eq!((&alert["state"], &alert["value"]), (&json!("firing"), &json!("2e+00")));
    let told = wait("it is told", || server.get("/api/v2/alerts").json().as_array()?.first().cloned());
    assert_eq!(told["labels"], json!({"alertname": "Always", "severity": "info", "zone": "cn"}));

    write_rules(&folder, "groups: [{name: g, rules: [{record: one, expr: vector(1)}]}]");
    reload(&server);
    assert_eq!(alerts(&server), [Value::Null; 0]);
    wait("the end of the series", || {
        (query(&server, "two").is_empty() && query(&server, "ALERTS").is_empty()).then_some(())
    });
    wait("the end is told", || server.get("/api/v2/alerts").json().as_array()?.is_empty().then_some(()));
    assert_eq!(query(&server, "one"), [1.0]);
}

#[test]
fn a_group_that_is_gone_ends_its_series_but_not_those_that_another_one_writes() {
    let folder = folder(
        "groups: [{name: old, rules: [{record: kept, expr: vector(1)}, {record: lost, expr: vector(1)}]}]",
    );
    let server = start(&folder);
    wait("a round", || (query(&server, "lost") == [1.0]).then_some(()));
    write_rules(&folder, "groups: [{name: new, rules: [{record: kept, expr: vector(2)}]}]");
    reload(&server);
    wait("the end of the series", || query(&server, "lost").is_empty().then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(query(&server, "kept"), [2.0]);
}

#[test]
fn a_rule_that_fails_says_why_and_the_others_go_on() {
    let rules = "groups: [{name: g, rules: [{record: twice, expr: up, labels: {job: x}}, {record: good, expr: vector(1)}, \
                 {alert: Twice, expr: up == 1, labels: {job: x}}]}]";
    let folder = folder(rules);
    let server = start(&folder);
    let now = now_millis();
    let up = batch(&[
        (&[("__name__", "up"), ("job", "a")], &[(now, 1.0)]),
        (&[("__name__", "up"), ("job", "b")], &[(now, 1.0)]),
    ]);
    assert_eq!(server.write(&up).status, 204);
    let rules = wait("the failure", || {
        let rules = server.data("/api/v1/rules")["groups"][0]["rules"].as_array()?.clone();
        (rules[0]["health"] == "err" && rules[2]["health"] == "err").then_some(rules)
    });
    let told = |index: usize| rules[index]["lastError"].as_str().unwrap_or("").to_owned();
    assert_eq!(told(0), "vector contains metrics with the same labelset after applying rule labels");
    assert_eq!((rules[1]["health"].as_str(), told(1)), (Some("ok"), String::new()));
    assert_eq!(told(2), "vector contains metrics with the same labelset after applying alert labels");
    let file = text(folder.path().join("rules.yml"));
    let figure = |name: &str| server.figure(&format!("{name}{{rule_group=\"{file};g\"}}"));
    assert!(figure("prometheus_rule_evaluation_failures_total") >= 2.0);
    assert!(figure("prometheus_rule_evaluations_total") >= 3.0);
    assert!(figure("prometheus_rule_group_iterations_total") >= 1.0);
    assert_eq!(figure("prometheus_rule_group_rules"), 3.0);
    assert_eq!(figure("prometheus_rule_group_interval_seconds"), 1.0);
    assert!(server.log().contains("rule failed"), "{}", server.log());
}

#[test]
fn a_restart_goes_on_waiting_and_forgets_nothing() {
    let rules = "groups: [{name: g, rules: [{alert: Slow, expr: vector(1), for: 6s}, {alert: Fast, expr: vector(1)}]}]";
    let folder = folder(rules);
    let server = start(&folder);
    wait("both", || (alerts(&server).len() == 2).then_some(()));
    std::thread::sleep(Duration::from_millis(2500));
    let active = |server: &Server, name: &str| {
        let all = alerts(server);
        let alert = all.iter().find(|alert| alert["labels"]["alertname"] == name)?.clone();
        Some((alert["state"].as_str()?.to_owned(), alert["activeAt"].as_str()?.to_owned()))
    };
    let before = active(&server, "Fast").unwrap();
    server.kill();
    let server = start(&folder);
    // Known from the first moment, before any round.
    let (state, since) = active(&server, "Fast").unwrap();
    assert_eq!((state.as_str(), &since), ("firing", &before.1));
    let begun = Instant::now();
    wait("it fires", || (active(&server, "Slow")?.0 == "firing").then_some(()));
    assert!(begun.elapsed() < Duration::from_millis(5500), "it waited anew: {:?}", begun.elapsed());
}

/// The labels under which an alert is told may change while we are down; the old ones must not fire for ever.
#[test]
fn an_alert_that_is_told_under_other_labels_after_a_restart_has_ended_under_the_old_ones() {
    let folder = folder("groups: [{name: g, rules: [{alert: Always, expr: vector(1)}]}]");
    let server = start(&folder);
    let zones = |server: &Server| -> Vec<Value> {
        let told = server.get("/api/v2/alerts").json();
        told.as_array().unwrap().iter().map(|alert| alert["labels"]["zone"].clone()).collect()
    };
    wait("it is told", || (zones(&server) == ["cn"]).then_some(()));
    server.kill();
    let config = folder.path().join("lingshao.yml");
    fs::write(&config, fs::read_to_string(&config).unwrap().replace("zone: cn", "zone: us")).unwrap();
    let server = start(&folder);
    wait("it is told under the new label only", || (zones(&server) == ["us"]).then_some(()));
}

#[test]
fn a_rule_that_is_gone_after_a_restart_has_ended() {
    let folder = folder("groups: [{name: g, rules: [{alert: Fast, expr: vector(1)}]}]");
    let server = start(&folder);
    wait("it is told", || server.get("/api/v2/alerts").json().as_array()?.first().cloned());
    server.kill();
    write_rules(&folder, "groups: []");
    let server = start(&folder);
    wait("its end", || server.get("/api/v2/alerts").json().as_array()?.is_empty().then_some(()));
}

const API_RULES: &str = r#"groups:
- name: b
  interval: 1s
  limit: 7
  rules:
  - record: job:up:sum
    expr: "sum  by(job) (up) <bool 1"
    labels: {team: shop}
  - record: bare
    expr: vector(1)
  - record: broken
    expr: label_replace(vector(1), "a", "b", "", "") or vector(2)
    labels: {a: x}
- name: a
  interval: 1s
  rules:
  - alert: Firing
    expr: vector(1.5) > 0
    labels: {severity: "{{ $value }}"}
    annotations: {summary: "<b>{{ $value }}</b> & more"}
  - alert: Pending
    expr: vector(1)
    for: 1h30m
    keep_firing_for: 90s
  - alert: Quiet
    expr: vector(1) > 2
"#;

/// Prometheus itself, killed when dropped.
struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    /// Nothing when it is not installed.
    fn start(folder: &TempDir) -> Option<Prometheus> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("prometheus.yml");
        let rules = text(folder.path().join("rules.yml"));
        fs::write(&config, format!("global: {{evaluation_interval: 1s}}\nrule_files: ['{rules}']\n"))
            .unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", text(config)))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--storage.tsdb.path={}", text(folder.path().join("tsdb"))))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Prometheus { child, address })
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Times and durations become placeholders.
fn without_times(body: &str) -> String {
    let instants = Regex::new(r#""(lastEvaluation|activeAt)":"20[^"]*""#).unwrap();
    let spans = Regex::new(r#""evaluationTime":[0-9.e+-]+"#).unwrap();
    let body = instants.replace_all(body, "\"$1\":\"T\"");
    spans.replace_all(&body, "\"evaluationTime\":0").into_owned()
}

#[test]
fn the_api_is_prometheus_byte_for_byte() {
    let folder = folder(API_RULES);
    let ours = start(&folder);
    let Some(theirs) = Prometheus::start(&folder) else {
        println!("prometheus is not installed: its API is not compared");
        return;
    };
    let is_evaluated = |body: &str| !body.contains("0001-01-01") && body.contains("\"lastError\"");
    wait("a round of ours", || is_evaluated(&ours.get("/api/v1/rules").body).then_some(()));
    wait("a round of theirs", || is_evaluated(&theirs.get("/api/v1/rules")?).then_some(()));
    for query in ["rules", "alerts", "rules?type=x"] {
        let path = format!("/api/v1/{query}");
        let (our, their) = (ours.get(&path).body, theirs.get(&path).unwrap());
        assert_eq!(without_times(&our), without_times(&their).trim_end(), "{query}");
    }
}

/// Prometheus 2.42 knows `type` alone, and keeps groups without rules.
#[test]
fn prometheus_3_filters_rules_and_drops_groups_without_any() {
    let folder = folder(API_RULES);
    let server = start(&folder);
    for (query, expected) in [
        ("type=alert", "a: Firing Pending Quiet"),
        ("type=ALERT", "a: Firing Pending Quiet"),
        ("type=record", "b: job:up:sum bare broken"),
        ("rule_name[]=bare&rule_name[]=Quiet", "a: Quiet; b: bare"),
        ("rule_group[]=a", "a: Firing Pending Quiet"),
        ("rule_group[]=nobody", ""),
        ("file[]=nobody", ""),
    ] {
        let groups = server.data(&format!("/api/v1/rules?{query}"))["groups"].as_array().unwrap().clone();
        let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
        let group = |group: &Value| {
            let rules: Vec<String> = group["rules"].as_array().unwrap().iter().map(name).collect();
            format!("{}: {}", name(group), rules.join(" "))
        };
        assert_eq!(groups.iter().map(group).collect::<Vec<_>>().join("; "), expected, "{query}");
    }
}

#[test]
fn prometheus_3_pages_groups_and_leaves_alerts_out() {
    let folder = folder(API_RULES);
    let server = start(&folder);
    wait("alerts", || (alerts(&server).len() == 2).then_some(()));
    let names = |path: &str| -> Vec<String> {
        let groups = server.data(path)["groups"].as_array().unwrap().clone();
        groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/api/v1/rules?group_limit=1"), ["a"]);
    let token = server.data("/api/v1/rules?group_limit=1")["groupNextToken"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 40);
    let next = format!("/api/v1/rules?group_limit=1&group_next_token={token}");
    assert_eq!(names(&next), ["b"]);
    assert_eq!(server.data(&next)["groupNextToken"], Value::Null);
    assert_eq!(
        server.data("/api/v1/rules?exclude_alerts=true")["groups"][0]["rules"][0]["alerts"],
        Value::Null
    );
    assert_eq!(names("/api/v1/rules?match[]=%7Bteam=%22shop%22%7D"), ["b"]);
    let error = |path: &str| server.get(path).error();
    assert_eq!(
        error("/api/v1/rules?group_limit=0"),
        "invalid parameter \"group_limit\": group_limit needs to be greater than 0"
    );
    assert_eq!(
        error("/api/v1/rules?group_limit=1&group_next_token=x"),
        "invalid parameter \"group_next_token\": invalid group_next_token 'x'. were rule groups changed?"
    );
}
