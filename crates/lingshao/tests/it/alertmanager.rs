//! `/api/v2/*` as Alertmanager answers it, with amtool as its client, over crashes and a disk that refuses.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use lingshao_demo::fakes::FakeWebhook;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Lock, Server, encoded, eventually, folder, text};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that tells one webhook at once.
struct House {
    folder: TempDir,
    webhook: FakeWebhook,
}

impl House {
    fn new() -> House {
        House { folder: folder(), webhook: FakeWebhook::start().unwrap() }
    }

    fn start(&self) -> Server {
        self.start_with("")
    }

    fn start_with(&self, more: &str) -> Server {
        self.start_in(&[], more)
    }

    /// The same, with variables in its environment.
    fn start_in(&self, environment: &[(&str, &str)], more: &str) -> Server {
        let route = "{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}";
        let url = self.webhook.url();
        let config = format!(
            "{more}alerting:\n  route: {route}\n  receivers:\n  - {{name: other}}\n  - name: team\n    webhook_configs: [{{url: '{url}'}}]\n"
        );
        let path = self.folder.path().join("alerting.yml");
        std::fs::write(&path, config).unwrap();
        let data = self.folder.path().join("data");
        Server::try_start_in(environment, &data, &["--config", &text(path)]).unwrap()
    }

    /// What the webhook was told so far: `STATUS: alertname …` per message.
    fn told(&self) -> Vec<String> {
        self.webhook.messages().iter().map(summary).collect()
    }
}

fn summary(message: &Value) -> String {
    let names = message["alerts"].as_array().unwrap().iter().map(|alert| {
        let instance = alert["labels"]["instance"].as_str().unwrap_or("-");
        format!("{}/{instance}", alert["labels"]["alertname"].as_str().unwrap())
    });
    format!("{}: {}", message["status"].as_str().unwrap(), names.collect::<Vec<_>>().join(" "))
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    post_text(server, path, &body.to_string())
}

fn post_text(server: &Server, path: &str, body: &str) -> Answer {
    server.request("POST", path, &[("Content-Type", "application/json")], body.as_bytes())
}

fn alert(name: &str, instance: &str) -> Value {
    json!({"labels": {"alertname": name, "instance": instance}, "annotations": {"summary": "坏了"}})
}

fn post_alert(server: &Server, name: &str) {
    let answer = post(server, "/api/v2/alerts", &json!([alert(name, "a")]));
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}

fn silence(name: &str) -> Value {
    json!({
        "matchers": [{"name": "alertname", "value": name, "isRegex": false}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z",
        "createdBy": "ming", "comment": "大促",
    })
}

fn set_silence(server: &Server, name: &str) -> String {
    let answer = post(server, "/api/v2/silences", &silence(name));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["silenceID"].as_str().unwrap().to_owned()
}

/// Names of the alerts that a query finds.
fn found(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/api/v2/alerts{query}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = answer.json().as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn an_alert_that_is_posted_is_told_and_shown() {
    let house = House::new();
    let server = house.start();
    post_alert(&server, "Down");
    eventually("the webhook is told", || house.told() == ["firing: Down/a"]);

    let shown = server.get("/api/v2/alerts").json()[0].clone();
    assert_eq!(shown["labels"], json!({"alertname": "Down", "instance": "a"}));
    assert_eq!(shown["annotations"], json!({"summary": "坏了"}));
    assert_eq!(shown["receivers"], json!([{"name": "team"}]));
    assert_eq!(
        shown["status"],
        json!({"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []})
    );
    let group = server.get("/api/v2/alerts/groups").json()[0].clone();
    assert_eq!(
        (&group["labels"], &group["receiver"]["name"]),
        (&json!({"alertname": "Down"}), &json!("team"))
    );
    assert_eq!(group["alerts"][0]["fingerprint"], shown["fingerprint"]);
    assert_eq!(server.get("/api/v2/receivers").json(), json!([{"name": "other"}, {"name": "team"}]));

    eventually("the notification is in the history", || {
        let said = server.data("/api/lingshao/v1/notifications");
        said["notifications"].as_array().unwrap().len() == 1
    });
    let told = server.data("/api/lingshao/v1/notifications?limit=1");
    let one = &told["notifications"][0];
    assert_eq!(one["to"], json!({"receiver": "team", "kind": "webhook", "index": 0}));
    assert_eq!((&one["sent"], &one["firing"], &one["resolved"]), (&json!(true), &json!(1), &json!(0)));
    assert_eq!((&one["attempts"], &one["reason"]), (&json!(1), &json!("first")));
    let since =
        |name: &str| one[name].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z'));
    assert!(since("decidedAt") && since("beganAt") && since("endedAt"), "{one}");
    assert_eq!(told["integrations"][0]["integration"], "team/webhook[0]");
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_alertmanagers_words() {
    let house = House::new();
    let server = house.start();
    for (path, body, status, said) in [
        ("/api/v2/alerts", json!([{"labels": {}}]), 400, json!("at least one label pair required")),
        ("/api/v2/alerts", json!([{}]), 422, json!({"code": 602, "message": "0.labels in body is required"})),
        (
            "/api/v2/silences",
            json!({"matchers": []}),
            422,
            json!({"code": 602, "message": "comment in body is required"}),
        ),
        (
            "/api/v2/silences",
            json!({"id": "aa0e2d7c-1f6b-4a46-9d5a-8f1f0e8b6b1a", "matchers": silence("x")["matchers"],
                "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z", "createdBy": "", "comment": ""}),
            404,
            json!("silence not found"),
        ),
        (
            "/api/v2/silences",
            json!({"matchers": silence("x")["matchers"], "startsAt": "2020-01-02T00:00:00Z",
                "endsAt": "2020-01-01T00:00:00Z", "createdBy": "", "comment": ""}),
            400,
            json!("Failed to create silence: start time must be before end time"),
        ),
    ] {
        let answer = post(&server, path, &body);
        assert_eq!((answer.status, answer.json()), (status, said), "{path} {body}");
    }
    let answer = server.request("POST", "/api/v2/alerts", &[("Content-Type", "text/plain")], b"[]");
    assert_eq!(answer.status, 415, "{}", answer.body);
    let answer = post_text(&server, "/api/v2/alerts", "{");
    assert_eq!((answer.status, answer.json()["code"].clone()), (400, json!(400)));
    for (path, status) in [
        ("/api/v2/silence/unknown", 422),
        ("/api/v2/silence/aa0e2d7c-1f6b-4a46-9d5a-8f1f0e8b6b1a", 404),
        ("/api/v2/alerts?filter=%7B", 400),
        ("/api/v2/alerts?receiver=%28", 400),
        ("/api/v2/silences?filter=x", 400),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
    let expire = server.request("DELETE", "/api/v2/silence/aa0e2d7c-1f6b-4a46-9d5a-8f1f0e8b6b1a", &[], b"");
    assert_eq!(expire.status, 404);
}

#[test]
fn one_alert_that_makes_no_sense_does_not_take_the_others_with_it() {
    let house = House::new();
    let server = house.start();
    let answer = post(&server, "/api/v2/alerts", &json!([{"labels": {"a": ""}}, alert("Down", "a")]));
    assert_eq!((answer.status, answer.json()), (400, json!("at least one label pair required")));
    assert_eq!(found(&server, ""), ["Down"]);
    assert_eq!(server.figure("alertmanager_alerts_invalid_total"), 1.0);
    assert_eq!(server.figure("alertmanager_alerts_received_total{status=\"firing\"}"), 1.0);
}

#[test]
fn alerts_are_filtered_as_they_are_asked_for() {
    let house = House::new();
    let server = house.start();
    post_alert(&server, "One");
    post_alert(&server, "Two");
    set_silence(&server, "Two");
    let filter = |text: &str| format!("?filter={}", encoded(text));
    for (query, expected) in [
        (String::new(), vec!["One", "Two"]),
        ("?silenced=false".to_owned(), vec!["One"]),
        ("?active=false".to_owned(), vec!["Two"]),
        (filter("alertname=\"One\""), vec!["One"]),
        (filter("alertname!~\"T.*\""), vec!["One"]),
        (format!("{}&{}", filter("instance=a"), &filter("alertname=~.wo")[1..]), vec!["Two"]),
        ("?receiver=te.*".to_owned(), vec!["One", "Two"]),
        ("?receiver=te".to_owned(), vec![]),
    ] {
        assert_eq!(found(&server, &query), expected, "{query}");
    }
}

#[test]
fn a_silence_outlives_a_crash_and_mutes_until_it_ends() {
    let house = House::new();
    let server = house.start();
    let id = set_silence(&server, "Down");
    server.kill();

    let server = house.start();
    let kept = server.get(&format!("/api/v2/silence/{id}")).json();
    assert_eq!((&kept["id"], &kept["status"]["state"]), (&json!(id), &json!("active")));
    assert_eq!((&kept["createdBy"], &kept["comment"]), (&json!("ming"), &json!("大促")));
    post_alert(&server, "Down");
    post_alert(&server, "Other");
    eventually("the other one is told", || house.told() == ["firing: Other/a"]);
    assert_eq!(server.get("/api/v2/alerts?active=false").json()[0]["status"]["silencedBy"], json!([id]));

    assert_eq!(server.request("DELETE", &format!("/api/v2/silence/{id}"), &[], b"").status, 200);
    eventually("the silence is over", || house.told() == ["firing: Other/a", "firing: Down/a"]);
    assert_eq!(server.get(&format!("/api/v2/silence/{id}")).json()["status"]["state"], "expired");
}

#[test]
fn what_was_told_is_not_told_again_after_a_crash() {
    let house = House::new();
    let server = house.start();
    post_alert(&server, "Down");
    eventually("the row is written", || {
        !server.data("/api/lingshao/v1/notifications")["notifications"].as_array().unwrap().is_empty()
    });
    server.kill();
    let server = house.start();
    assert_eq!(found(&server, ""), ["Down"]);
    post_alert(&server, "Other");
    eventually("the other one is told", || house.told().len() == 2);
    assert_eq!(house.told(), ["firing: Down/a", "firing: Other/a"]);
}

#[test]
fn what_waits_for_a_receiver_is_told_by_the_next_life() {
    let house = House::new();
    house.webhook.close().unwrap();
    let server = house.start();
    post_alert(&server, "Down");
    eventually("it waits in the outbox", || server.figure("lingshao_outbox_deliveries") == 1.0);
    server.kill();
    house.webhook.open().unwrap();
    let _server = house.start();
    eventually("it is told", || house.told() == ["firing: Down/a"]);
}

/// As a full or broken disk: another process holds the write lock.
#[test]
fn a_disk_that_refuses_keeps_no_alert_from_being_told() {
    let house = House::new();
    let server = house.start();
    let file = house.folder.path().join("data").join("state.db");
    let lock = Lock::take(&file);
    let answer = post(&server, "/api/v2/alerts", &json!([alert("DiskFull", "a")]));
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.json(), json!("state.db cannot be written at the moment; see the server's log"));
    house.webhook.wait_taken(1, PATIENCE).unwrap();
    assert_eq!(server.figure("lingshao_state_failed"), 1.0);
    let errors = || server.log().matches("state.db cannot be written").count();
    assert_eq!(errors(), 1, "once, not at each try: {}", server.log());

    drop(lock);
    eventually("the rows are written", || server.figure("lingshao_state_failed") == 0.0);
    server.kill();
    let server = house.start();
    assert_eq!(found(&server, ""), ["DiskFull"]);
}

/// A disk that takes a transaction and does not answer.
#[test]
fn a_disk_that_hangs_keeps_no_alert_from_being_told() {
    let house = House::new();
    let hang = text(house.folder.path().join("hang"));
    let server = house.start_in(&[("LINGSHAO_HANG_FILE", &hang)], "");
    std::fs::write(&hang, "").unwrap();
    let post_and_wait = |name: &str, messages: usize| {
        let began = Instant::now();
        let answer = post(&server, "/api/v2/alerts", &json!([alert(name, "a")]));
        assert_eq!(answer.status, 503, "{}", answer.body);
        house.webhook.wait_taken(messages, PATIENCE).unwrap();
        began.elapsed()
    };
    let first = post_and_wait("DiskHangs", 1);
    assert!(Duration::from_secs(4) < first && first < Duration::from_secs(8), "{first:?}");
    let second = post_and_wait("Other", 2);
    assert!(second < Duration::from_secs(3), "the next ones do not wait: {second:?}");
    assert_eq!(found(&server, ""), ["DiskHangs", "Other"]);
    assert_eq!(server.figure("lingshao_state_failed"), 1.0);
    assert_eq!(server.log().matches("state.db cannot be written").count(), 1, "{}", server.log());

    std::fs::remove_file(&hang).unwrap();
    eventually("the rows are written", || server.figure("lingshao_state_failed") == 0.0);
    let history = || server.data("/api/lingshao/v1/notifications")["notifications"].as_array().unwrap().len();
    eventually("both are in the history, once", || history() == 2);
    server.kill();
    let server = house.start();
    assert_eq!(found(&server, ""), ["DiskHangs", "Other"]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(house.told(), ["firing: DiskHangs/a", "firing: Other/a"]);
}

#[test]
fn routes_are_replaced_whole_or_not_at_all() {
    let house = House::new();
    let server = house.start();
    let config = house.folder.path().join("alerting.yml");
    let was = std::fs::read_to_string(&config).unwrap();

    std::fs::write(&config, was.replace("receiver: team", "receiver: tean")).unwrap();
    let answer = server.request("POST", "/-/reload", &[], b"");
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("tean"), "{}", answer.body);
    post_alert(&server, "Before");
    eventually("the old route holds", || house.told() == ["firing: Before/a"]);

    std::fs::write(&config, was.replace("receiver: team", "receiver: other")).unwrap();
    assert_eq!(server.request("POST", "/-/reload", &[], b"").status, 200);
    post_alert(&server, "After");
    eventually("the new route holds", || {
        server.get("/api/v2/alerts?receiver=other").json().as_array().unwrap().len() == 2
    });
    assert!(
        server.get("/api/v2/status").json()["config"]["original"]
            .as_str()
            .unwrap()
            .contains("receiver: other")
    );
}

#[test]
fn everything_lies_below_the_route_prefix() {
    let house = House::new();
    let server = house.start_with("web: {route_prefix: /shop/monitor}\n");
    for (path, status) in [
        ("/shop/monitor/api/v2/status", 200),
        ("/shop/monitor/-/ready", 200),
        ("/shop/monitor/plain", 200),
        ("/shop/monitor", 308),
        ("/api/v2/status", 404),
        ("/shop/monitors", 404),
        ("/-/ready", 404),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
}

#[test]
fn the_status_names_us_as_the_only_peer() {
    let house = House::new();
    let server = house.start();
    let status = server.get("/api/v2/status").json();
    assert_eq!(status["cluster"]["status"], "ready");
    assert_eq!(status["cluster"]["peers"], json!([{"address": server.address, "name": server.address}]));
    assert_eq!(status["versionInfo"]["version"], "0.25.0");
    let config = status["config"]["original"].as_str().unwrap();
    assert!(config.contains("receiver: team") && !config.contains(&house.webhook.url()), "{config}");
}

#[test]
fn alertmanagers_elsewhere_are_told_what_fires_and_what_has_ended() {
    let house = House::new();
    let elsewhere = house.start();
    let here = folder();
    let path = |name: &str| here.path().join(name);
    let rules = |expr: &str| {
        let text = format!("groups: [{{name: g, interval: 1s, rules: [{{alert: Up, expr: '{expr}'}}]}}]\n");
        std::fs::write(path("rules.yml"), text).unwrap();
    };
    rules("vector(1)");
    let target = &elsewhere.address;
    let config = format!(
        "global: {{evaluation_interval: 1s, external_labels: {{instance: here}}}}\nrule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"
    );
    std::fs::write(path("here.yml"), config).unwrap();
    let server = Server::start_with(&here, &["--config", &text(path("here.yml"))]);
    eventually("the other one tells", || house.told() == ["firing: Up/here"]);
    let url = format!("http://{target}/api/v2/alerts");
    assert_eq!(
        server.data("/api/v1/alertmanagers"),
        json!({"activeAlertmanagers": [{"url": url}], "droppedAlertmanagers": []})
    );
    eventually("it is counted", || {
        server.figure(&format!("prometheus_notifications_sent_total{{alertmanager=\"{url}\"}}")) == 1.0
    });

    rules("vector(1) > 1");
    assert_eq!(server.request("POST", "/-/reload", &[], b"").status, 200);
    eventually("the end is told", || house.told() == ["firing: Up/here", "resolved: Up/here"]);
}

/// A member of two that share a `state.db`.
fn member(house: &House, name: &str) -> Server {
    let own = house.folder.path().join(name);
    std::fs::create_dir_all(&own).unwrap();
    let shared = house.folder.path().join("shared.db");
    let url = house.webhook.url();
    let config = format!(
        "state: {{url: 'sqlite://{}', member: {name}}}\nalerting:\n  route: {{receiver: team, group_by: [alertname], \
         group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n  receivers:\n  - name: team\n    \
         webhook_configs: [{{url: '{url}'}}]\n",
        shared.display()
    );
    std::fs::write(own.join("member.yml"), config).unwrap();
    Server::try_start(&own.join("data"), &["--config", &text(own.join("member.yml"))]).unwrap()
}

#[test]
fn members_of_one_state_tell_once_and_share_silences() {
    let house = House::new();
    let (one, two) = (member(&house, "one"), member(&house, "two"));
    let peers = |server: &Server| {
        let status = server.get("/api/v2/status").json();
        let names = status["cluster"]["peers"].as_array().unwrap().iter().map(|peer| peer["name"].clone());
        names.collect::<Vec<_>>()
    };
    eventually("each knows the other", || {
        let both = [json!("one"), json!("two")];
        peers(&one) == both && peers(&two) == both
    });
    let id = set_silence(&one, "Quiet");
    assert_eq!(two.get(&format!("/api/v2/silence/{id}")).status, 200);
    for name in ["Quiet", "Down", "Other"] {
        post_alert(&one, name);
        post_alert(&two, name);
    }
    eventually("both alerts are told", || house.told().len() == 2);
    std::thread::sleep(Duration::from_secs(3));
    let mut told = house.told();
    told.sort();
    assert_eq!(told, ["firing: Down/a", "firing: Other/a"]);
}

#[test]
fn what_a_dead_member_had_to_send_is_sent_by_another() {
    let house = House::new();
    let (one, two) = (member(&house, "one"), member(&house, "two"));
    house.webhook.close().unwrap();
    post_alert(&one, "Down");
    eventually("it waits", || one.figure("lingshao_outbox_deliveries") == 1.0);
    one.kill();
    house.webhook.open().unwrap();
    eventually("the other one tells", || house.told() == ["firing: Down/a"]);
    assert_eq!(two.figure("lingshao_state_failed"), 0.0);
}

/// Debian's amtool 0.25; the test says so when it is not there.
fn amtool(server: &Server, arguments: &[&str]) -> Option<Output> {
    let url = format!("--alertmanager.url={}", server.url());
    Command::new("amtool").arg(url).args(arguments).output().ok()
}

#[test]
fn amtool_works() {
    let house = House::new();
    let server = house.start();
    if amtool(&server, &["cluster", "show"]).is_none() {
        println!("amtool is not installed; nothing was tested");
        return;
    }
    let run = |arguments: &[&str]| {
        let output = amtool(&server, arguments).unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "amtool {arguments:?}: {said}");
        said
    };
    run(&["alert", "add", "Down", "instance=a", "--annotation=summary=gone"]);
    assert!(run(&["alert", "query"]).contains("Down"));
    assert!(run(&["alert", "query", "instance=b"]).lines().count() <= 1);
    let id = run(&["silence", "add", "alertname=Down", "-c", "why", "-a", "me"]).trim().to_owned();
    assert!(run(&["silence", "query"]).contains(&id));
    assert!(!run(&["alert", "query"]).contains("Down"), "it is silenced");
    assert!(run(&["alert", "query", "--silenced"]).contains("suppressed"));
    let exported = run(&["silence", "query", "-o", "json"]);
    run(&["silence", "update", "-d", "2h", &id]);
    run(&["silence", "expire", &id]);
    assert!(run(&["silence", "query", "--expired"]).contains(&id));
    let file = house.folder.path().join("silences.json");
    std::fs::write(&file, exported).unwrap();
    run(&["silence", "import", &text(file)]);
    assert!(run(&["silence", "query"]).contains("alertname=\"Down\""));
    assert!(run(&["config", "show"]).contains("receiver: team"));
    assert!(run(&["cluster", "show"]).contains("ready"));
}
