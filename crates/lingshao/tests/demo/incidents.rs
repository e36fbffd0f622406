//! An incident from the button to the inbox, and back.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Server;

/// From the beginning of an incident until what is waited for: the alert's 20 s, the time in which the incident shows in
/// a mean over five minutes, and a loaded machine.
const PATIENCE: Duration = Duration::from_secs(200);

/// A demo ten times as busy as in life, so that a test has not to wait for customers.
pub(crate) fn start(folder: &tempfile::TempDir) -> Server {
    Server::try_start_command(&[], "demo", folder.path(), &["--speed", "10"])
        .unwrap_or_else(|(status, log)| panic!("it ended with {status}:\n{log}"))
}

#[track_caller]
pub(crate) fn begin(server: &Server, name: &str) {
    let path = format!("/demo/incidents/{name}");
    let begun = server.request("POST", &path, &[], b"");
    assert_eq!((begun.status, &begun.json()["state"]), (202, &Value::from("running")), "{}", begun.body);
    assert_eq!(server.request("POST", &path, &[], b"").status, 409);
}

fn state(server: &Server, name: &str) -> Value {
    let state = server.get("/api/lingshao/v1/demo").json();
    state["incidents"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
}

/// Messages of a channel in which all these words stand, newest first.
pub(crate) fn messages(server: &Server, channel: &str, words: &[&str]) -> Vec<Value> {
    let inbox = server.get("/api/lingshao/v1/demo/inbox").json();
    let wanted = |message: &Value| {
        let text =
            format!("{}\n{}", message["subject"].as_str().unwrap_or(""), message["text"].as_str().unwrap());
        message["channel"] == channel && words.iter().all(|word| text.contains(word))
    };
    inbox["messages"].as_array().unwrap().iter().filter(|message| wanted(message)).cloned().collect()
}

#[track_caller]
pub(crate) fn wait(server: &Server, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        let inbox = || server.get("/api/lingshao/v1/demo/inbox").body;
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}\n{}\n{}", server.log(), inbox());
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("{what} after {:.0?}", begun.elapsed());
}

/// Alerts of that name that fire now, of the corrected rules.
fn firing(server: &Server, alert: &str) -> usize {
    let data = server.data("/api/v1/alerts");
    let alerts = data["alerts"].as_array().unwrap().iter();
    let is_it = |one: &&Value| {
        let labels = &one["labels"];
        one["state"] == "firing" && labels["alertname"] == alert && labels["edition"] == "corrected"
    };
    alerts.filter(is_it).count()
}

#[test]
fn a_stock_that_runs_down_is_told_ends_by_itself_and_is_told_to_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    begin(&server, "stock-run-down");
    wait(&server, "the robot tells it", || !messages(&server, "wecom", &["库存预警"]).is_empty());
    wait(&server, "a mail tells it", || !messages(&server, "email", &["库存预警"]).is_empty());
    assert_eq!(messages(&server, "sms", &[]), Vec::<Value>::new(), "no short message for a warning");
    assert!(state(&server, "stock-run-down")["alert_fired_at"].is_string());
    wait(&server, "it ends", || state(&server, "stock-run-down")["state"] != "running");
    wait(&server, "the alert resolves", || firing(&server, "LowStock") == 0);
    wait(&server, "the end is told", || !messages(&server, "wecom", &["库存预警", "已恢复"]).is_empty());
    wait(&server, "it is over", || state(&server, "stock-run-down")["state"] == "idle");
}

#[test]
fn a_payment_outage_reaches_robot_mailbox_and_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    begin(&server, "payment-outage");
    for (channel, words) in
        [("wecom", "HighPaymentFailureRate"), ("email", "HighPaymentFailureRate"), ("sms", "count: ")]
    {
        wait(&server, channel, || !messages(&server, channel, &[words]).is_empty());
    }
    let mail = messages(&server, "email", &[]).remove(0);
    assert_eq!(mail["to"], "ops@lingxian.example");
    assert!(!mail["text"].as_str().unwrap().contains('\r'), "{mail}");
    assert!(mail["subject"].is_string() && mail["id"].as_str().unwrap().starts_with("email-"), "{mail}");
    assert_eq!(firing(&server, "HighPaymentFailureRate"), 1);
    // The plan's own rules run beside them and tell nobody.
    let told = server.data("/api/lingshao/v1/notifications?limit=1000");
    let receivers: Vec<_> = told["integrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["integration"].as_str().unwrap())
        .collect();
    assert!(receivers.iter().all(|name| !name.contains("nobody")), "{receivers:?}");
}
