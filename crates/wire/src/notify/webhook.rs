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

#[cfg(test)]
mod tests {
    use lingshao_model::{Annotations, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels};

    use super::*;

    fn alert(
        labels: &[(&str, &str)],
        annotations: &[(&str, &str)],
        starts_at: &str,
        ends_at: Option<&str>,
    ) -> Alert {
        Alert {
            labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
            annotations: Annotations::from_pairs(
                annotations.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
            ),
            starts_at: rfc3339::parse(starts_at).unwrap(),
            ends_at: ends_at.map(|text| rfc3339::parse(text).unwrap()),
            updated_at: Timestamp(0),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        }
    }

    /// What was posted to Alertmanager 0.25 when it sent `testdata/alertmanager_0_25.json` (with `max_alerts: 2`).
    fn delivery() -> Delivery {
        let labels = |severity, instance| {
            [("alertname", "DiskFull"), ("severity", severity), ("instance", instance), ("job", "node")]
        };
        let mut first: Vec<_> = labels("critical", "db-1").to_vec();
        first.push(("path", "C:\\x \"y\""));
        let texts =
            [("summary", "磁盘 <95%> & 满\u{2028}行"), ("tab", "a\tb\nc\u{1}\u{8}"), ("common", "same")];
        let mut alerts = vec![
            alert(&first, &texts, "2026-01-02T03:04:05.120Z", None),
            alert(
                &labels("critical", "db-2"),
                &[("common", "same"), ("summary", "b")],
                "2026-01-02T03:04:05Z",
                Some("2026-01-02T03:05:05.700Z"),
            ),
            alert(&labels("warning", "db-3"), &[("common", "same")], "2026-01-02T03:04:05Z", None),
        ];
        alerts[0].generator_url = "http://p/graph?g0.expr=a%3Eb&g0.tab=1".to_owned();
        let receiver = "web.hook (1)".to_owned();
        Delivery {
            id: DeliveryId(1),
            group_key: "{}:{alertname=\"DiskFull\"}".to_owned(),
            to: IntegrationId { receiver, kind: IntegrationKind::Webhook, index: 0 },
            group_labels: Labels::from_pairs([("alertname", "DiskFull")]).unwrap(),
            alerts,
            decided_at: rfc3339::parse("2026-11-23T00:00:00Z").unwrap(),
            reason: DeliveryReason::First,
        }
    }

    #[test]
    fn the_message_is_alertmanagers_byte_for_byte() {
        let ours = String::from_utf8(body(&delivery(), "http://shop.example:9093/am", 2)).unwrap();
        assert_eq!(ours, include_str!("testdata/alertmanager_0_25.json"));
    }

    #[test]
    fn without_a_limit_all_alerts_are_told() {
        let ours: serde_json::Value = serde_json::from_slice(&body(&delivery(), "", 0)).unwrap();
        assert_eq!(ours["alerts"].as_array().unwrap().len(), 3);
        assert_eq!(ours["truncatedAlerts"], 0);
        assert_eq!(ours["commonLabels"], serde_json::json!({"alertname": "DiskFull", "job": "node"}));
    }

    #[test]
    fn the_status_is_resolved_when_nothing_fires() {
        let mut delivery = delivery();
        delivery.alerts.truncate(2);
        delivery.alerts.remove(0);
        let ours: serde_json::Value = serde_json::from_slice(&body(&delivery, "", 0)).unwrap();
        assert_eq!(
            (ours["status"].as_str(), ours["alerts"][0]["status"].as_str()),
            (Some("resolved"), Some("resolved"))
        );
        let request = request("http://h/", &delivery, "", 0);
        let id = (DELIVERY_HEADER, "00000000000000000000000000000001".to_owned());
        assert!(request.headers.contains(&id));
    }
}
