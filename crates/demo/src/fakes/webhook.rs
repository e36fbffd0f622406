//! Somebody's own receiver of Alertmanager's webhook JSON, version 4.

use std::io;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::http::{Fake, Reply, Request, Service};

/// A running receiver.
pub type FakeWebhook = Fake<Webhook>;

/// Takes what has the form of Alertmanager's JSON, at any path.
pub struct Webhook(());

impl FakeWebhook {
    /// On a free port.
    pub fn start() -> io::Result<FakeWebhook> {
        Fake::of(Webhook(()))
    }

    /// On a free port, over TLS.
    pub fn start_tls() -> io::Result<FakeWebhook> {
        Fake::of_tls(Webhook(()))
    }

    /// Where to post.
    pub fn url(&self) -> String {
        format!("{}/hook", self.base())
    }

    /// The bodies that were taken.
    pub fn messages(&self) -> Vec<Value> {
        self.taken().iter().filter_map(|received| received.request.json()).collect()
    }
}

impl Service for Webhook {
    fn answer(&mut self, request: &Request, _now: SystemTime) -> Reply {
        if request.method != "POST" {
            return Reply::json(405, &json!({"error": "only POST"}), false);
        }
        match request.json().ok_or("no JSON in UTF-8").and_then(|body| judge(&body)) {
            Ok(()) => Reply::json(200, &json!({}), true),
            Err(why) => Reply::json(400, &json!({"error": why}), false),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        Reply::json(400, &json!({"error": code}), false)
    }
}

/// `template.Data` and `webhook.Message` of Alertmanager, field by field.
fn judge(body: &Value) -> Result<(), &'static str> {
    let text = |name: &str| body[name].as_str();
    let texts = |value: &Value| value.as_object().is_some_and(|all| all.values().all(Value::is_string));
    if text("version") != Some("4") || !body["truncatedAlerts"].is_u64() {
        return Err("version or truncatedAlerts");
    }
    if ["receiver", "groupKey"].iter().any(|name| text(name).is_none_or(str::is_empty)) {
        return Err("receiver or groupKey");
    }
    if text("externalURL").is_none() || !matches!(text("status"), Some("firing" | "resolved")) {
        return Err("externalURL or status");
    }
    if !["groupLabels", "commonLabels", "commonAnnotations"].iter().all(|name| texts(&body[*name])) {
        return Err("groupLabels, commonLabels or commonAnnotations");
    }
    let alerts = body["alerts"].as_array().filter(|alerts| !alerts.is_empty()).ok_or("alerts")?;
    let whole = |alert: &Value| {
        matches!(alert["status"].as_str(), Some("firing" | "resolved"))
            && texts(&alert["labels"])
            && texts(&alert["annotations"])
            && ["startsAt", "endsAt"].iter().all(|name| is_instant(&alert[*name]))
            && alert["generatorURL"].is_string()
            && alert["fingerprint"].as_str().is_some_and(|text| text.len() == 16)
    };
    if alerts.iter().all(whole) { Ok(()) } else { Err("an alert") }
}

fn is_instant(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text == "0001-01-01T00:00:00Z" || text.parse::<jiff::Timestamp>().is_ok())
}
