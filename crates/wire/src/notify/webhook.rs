//! Alertmanager's webhook message, version 4, byte for byte as Alertmanager writes it
//! (`prometheus/alertmanager`, `notify/webhook/webhook.go` and `template/template.go`).
//!
//! `receiver, status, alerts[status, labels, annotations, startsAt, endsAt, generatorURL, fingerprint], groupLabels,
//! commonLabels, commonAnnotations, externalURL, version, groupKey, truncatedAlerts`, then a line end; names inside of
//! maps are sorted, `<`, `>` and `&` are escaped as Go does, an alert that fires ends in the year 1.

use lingshao_model::{Alert, Delivery, Timestamp};

use super::{Answer, Request, Verdict, judge_http};
use crate::rfc3339;

/// The header that carries the delivery's id, the same over retries and restarts.
pub const DELIVERY_HEADER: &str = "x-lingshao-delivery";

/// When an alert ends that has not: Go's zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The request for a delivery. `alerts_max` 0 is no limit.
pub fn request(url: &str, delivery: &Delivery, external_url: &str, alerts_max: u64) -> Request {
    Request {
        is_post: true,
        url: url.to_owned(),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            (DELIVERY_HEADER, delivery.id.to_string()),
        ],
        body: body(delivery, external_url, alerts_max),
    }
}

/// What an answer means.
pub fn judge(answer: &Answer<'_>) -> Verdict {
    judge_http(answer)
}

/// The message.
pub fn body(delivery: &Delivery, external_url: &str, alerts_max: u64) -> Vec<u8> {
    let most = match alerts_max {
        0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    let alerts = &delivery.alerts[..delivery.alerts.len().min(most)];
    let is_resolved = |alert: &Alert| alert.is_resolved(delivery.decided_at);
    let status = |resolved: bool| if resolved { "resolved" } else { "firing" };
    let mut out = Json::default();
    out.raw("{\"receiver\":");
    out.text(&quote_meta(&delivery.to.receiver));
    out.raw(",\"status\":");
    out.text(status(alerts.iter().all(is_resolved)));
    out.raw(",\"alerts\":[");
    for (at, alert) in alerts.iter().enumerate() {
        out.raw(if at == 0 { "" } else { "," });
        out.alert(alert, status(is_resolved(alert)), is_resolved(alert));
    }
    out.raw("],\"groupLabels\":");
    out.map(delivery.group_labels.iter());
    out.raw(",\"commonLabels\":");
    out.map(common_labels(alerts).into_iter());
    out.raw(",\"commonAnnotations\":");
    out.map(common_annotations(alerts).into_iter());
    out.raw(",\"externalURL\":");
    out.text(external_url);
    out.raw(",\"version\":\"4\",\"groupKey\":");
    out.text(&delivery.group_key);
    out.raw(&format!(",\"truncatedAlerts\":{}}}\n", delivery.alerts.len() - alerts.len()));
    out.0.into_bytes()
}

/// The labels that all alerts have alike.
pub fn common_labels(alerts: &[Alert]) -> Vec<(&str, &str)> {
    let Some((first, others)) = alerts.split_first() else { return Vec::new() };
    let mut common: Vec<_> = first.labels.iter().collect();
    for alert in others {
        common.retain(|(name, value)| alert.labels.get(name) == Some(*value));
    }
    common
}

/// The annotations that all alerts have alike.
pub fn common_annotations(alerts: &[Alert]) -> Vec<(&str, &str)> {
    let Some((first, others)) = alerts.split_first() else { return Vec::new() };
    let mut common: Vec<_> = first.annotations.iter().collect();
    for alert in others {
        common.retain(|(name, text)| alert.annotations.get(name) == Some(*text));
    }
    common
}

/// Go's `regexp.QuoteMeta`, through which Alertmanager puts a receiver's name.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Go's `RFC3339Nano`: no zeros at the end of the fraction.
fn instant(t: Timestamp) -> String {
    let text = rfc3339::format(t);
    match text.strip_suffix('Z') {
        Some(rest) if rest.contains('.') => format!("{}Z", rest.trim_end_matches('0')),
        _ => text,
    }
}

/// JSON as Go's encoder writes it.
#[derive(Default)]
struct Json(String);

impl Json {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn text(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                    self.0.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    fn map<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        self.raw("{");
        for (at, (name, value)) in pairs.enumerate() {
            self.raw(if at == 0 { "" } else { "," });
            self.text(name);
            self.raw(":");
            self.text(value);
        }
        self.raw("}");
    }

    fn alert(&mut self, alert: &Alert, status: &str, is_resolved: bool) {
        self.raw("{\"status\":");
        self.text(status);
        self.raw(",\"labels\":");
        self.map(alert.labels.iter());
        self.raw(",\"annotations\":");
        self.map(alert.annotations.iter());
        self.raw(",\"startsAt\":");
        self.text(&instant(alert.starts_at));
        self.raw(",\"endsAt\":");
        match alert.ends_at.filter(|_| is_resolved) {
            Some(ends_at) => self.text(&instant(ends_at)),
            None => self.text(NEVER),
        }
        self.raw(",\"generatorURL\":");
        self.text(&alert.generator_url);
        self.raw(",\"fingerprint\":");
        self.text(&alert.fingerprint().to_string());
        self.raw("}");
    }
}
