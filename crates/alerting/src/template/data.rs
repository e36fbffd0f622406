//! A delivery as Alertmanager's `Data`, for templates of notifications.

use std::rc::Rc;

use lingshao_model::{Alert, Labels};

use super::NotificationData;
use super::time::Time;
use super::value::{Held, List, ListKind, Pairs, Text, TextMap, Value};

/// `template.Alert`
#[derive(Debug)]
pub(super) struct AlertView<'a> {
    alert: &'a Alert,
    pub(super) resolved: bool,
    fingerprint: String,
}

impl<'a> AlertView<'a> {
    pub(super) fn all(data: &NotificationData<'a>) -> Vec<AlertView<'a>> {
        let delivery = data.delivery;
        let view = |alert: &'a Alert| AlertView {
            alert,
            resolved: alert.is_resolved(delivery.decided_at),
            fingerprint: alert.fingerprint().to_string(),
        };
        delivery.alerts.iter().map(view).collect()
    }

    fn status(&self) -> &'static str {
        if self.resolved { "resolved" } else { "firing" }
    }

    /// Names and values in the order of Go's struct.
    pub(super) fn fields(&'a self) -> [(&'static str, Value<'a>); 7] {
        let alert = self.alert;
        // An end that has not come is not told, as in Alertmanager.
        let ends_at = alert.ends_at.filter(|_| self.resolved).map_or_else(Time::zero, Time::from);
        [
            ("Status", Value::text(self.status())),
            ("Labels", kv(Pairs::Labels(&alert.labels))),
            ("Annotations", kv(Pairs::Annotations(&alert.annotations))),
            ("StartsAt", Value::Time(Time::from(alert.starts_at), Held::Plain)),
            ("EndsAt", Value::Time(ends_at, Held::Plain)),
            ("GeneratorURL", Value::text(alert.generator_url.as_str())),
            ("Fingerprint", Value::text(self.fingerprint.as_str())),
        ]
    }

    /// Besides Go's own: `Value`, which only our texts know. It is in no JSON.
    pub(super) fn field(&'a self, name: &str) -> Option<Value<'a>> {
        if name == "Value" {
            return Some(Value::text(self.alert.value.as_str()));
        }
        self.fields().into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}

/// `*template.Data`
#[derive(Debug)]
pub(super) struct NotificationView<'a> {
    receiver: String,
    status: &'static str,
    reason: &'static str,
    alerts: List<'a>,
    group_labels: &'a Labels,
    common_labels: Rc<[(Text<'a>, Text<'a>)]>,
    common_annotations: Rc<[(Text<'a>, Text<'a>)]>,
    external_url: &'a str,
}

impl<'a> NotificationView<'a> {
    pub(super) fn new(data: &NotificationData<'a>, views: &'a [AlertView<'a>]) -> NotificationView<'a> {
        let firing = views.iter().any(|view| !view.resolved);
        let labels = common(views, |view| view.alert.labels.iter().collect());
        let annotations = common(views, |view| view.alert.annotations.iter().collect());
        NotificationView {
            receiver: quote_meta(data.receiver),
            status: if firing { "firing" } else { "resolved" },
            reason: data.reason(),
            alerts: List::flat(ListKind::Alerts, views.iter().map(Value::Alert).collect()),
            group_labels: &data.delivery.group_labels,
            common_labels: labels,
            common_annotations: annotations,
            external_url: data.external_url,
        }
    }

    /// Names and values in the order of Go's struct.
    pub(super) fn fields(&self) -> [(&'static str, Value<'a>); 8] {
        [
            ("Receiver", Value::text(self.receiver.clone())),
            ("Status", Value::text(self.status)),
            ("Alerts", Value::List(self.alerts.clone())),
            ("NotificationReason", Value::text(self.reason)),
            ("GroupLabels", kv(Pairs::Labels(self.group_labels))),
            ("CommonLabels", kv(Pairs::Listed(Rc::clone(&self.common_labels)))),
            ("CommonAnnotations", kv(Pairs::Listed(Rc::clone(&self.common_annotations)))),
            ("ExternalURL", Value::text(self.external_url)),
        ]
    }

    pub(super) fn field(&self, name: &str) -> Option<Value<'a>> {
        self.fields().into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}

fn kv(pairs: Pairs<'_>) -> Value<'_> {
    Value::TextMap(TextMap { pairs, is_kv: true })
}

/// What all alerts have alike, sorted by name.
fn common<'a>(
    views: &'a [AlertView<'a>],
    pairs: impl Fn(&'a AlertView<'a>) -> Vec<(&'a str, &'a str)>,
) -> Rc<[(Text<'a>, Text<'a>)]> {
    let mut alike = views.first().map(&pairs).unwrap_or_default();
    for view in views.iter().skip(1) {
        if alike.is_empty() {
            break;
        }
        let own = pairs(view);
        alike.retain(|pair| own.binary_search(pair).is_ok());
    }
    alike.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// `regexp.QuoteMeta`, which Alertmanager applies to the receiver's name.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
