//! The senders' figures, under Alertmanager's names where it has them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lingshao_model::{IntegrationId, IntegrationKind};

use super::{Counter, Page, Seconds};

/// What the senders count. One per process, shared.
#[derive(Debug, Default)]
pub struct NotifyTelemetry {
    integrations: Mutex<BTreeMap<Key, IntegrationTelemetry>>,
}

/// Looks at one figure.
type Value = fn(&IntegrationTelemetry) -> u64;
/// Looks at figures by reason.
type Reasons = fn(&IntegrationTelemetry) -> &BTreeMap<&'static str, u64>;

/// A receiver's integrations of one kind share their figures, as in Alertmanager.
type Key = (IntegrationKind, String);

/// What is counted under one [`Key`].
#[derive(Debug, Default)]
struct IntegrationTelemetry {
    notifications: Counter,
    requests: Counter,
    requests_failed: Counter,
    failed: BTreeMap<&'static str, u64>,
    suppressed: BTreeMap<&'static str, u64>,
    merged: Counter,
    latency: Seconds,
    /// By the integration's index.
    waiting: BTreeMap<u16, u64>,
}

impl NotifyTelemetry {
    /// Counts a request and how long its answer took.
    pub(crate) fn request(&self, id: &IntegrationId, took: Duration, failed: bool) {
        self.with(id, |one| {
            one.requests.add(1);
            one.requests_failed.add(u64::from(failed));
            one.latency.observe(took);
        });
    }

    /// Counts deliveries that are over: sent, or failed for a reason (one of few words).
    pub(crate) fn finished(&self, id: &IntegrationId, count: u64, failed: Option<&'static str>) {
        self.with(id, |one| {
            one.notifications.add(count);
            if let Some(reason) = failed {
                *one.failed.entry(reason).or_default() += count;
            }
        });
    }

    /// Counts deliveries that went out as part of a digest.
    pub(crate) fn merged(&self, id: &IntegrationId, count: u64) {
        self.with(id, |one| one.merged.add(count));
    }

    /// Counts deliveries that were kept back on purpose, for a reason (one of few words).
    pub(crate) fn suppressed(&self, id: &IntegrationId, reason: &'static str) {
        self.with(id, |one| *one.suppressed.entry(reason).or_default() += 1);
    }

    /// Sets how many wait.
    pub(crate) fn waiting(&self, id: &IntegrationId, count: usize) {
        self.with(id, |one| {
            one.waiting.insert(id.index, count as u64);
        });
    }

    /// Forgets the queue of an integration that is no longer configured; its counters stay.
    pub(crate) fn forget(&self, id: &IntegrationId) {
        let mut integrations = self.integrations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = integrations.get_mut(&key(id)) {
            one.waiting.remove(&id.index);
        }
    }

    fn with(&self, id: &IntegrationId, change: impl FnOnce(&mut IntegrationTelemetry)) {
        let mut integrations = self.integrations.lock().unwrap_or_else(PoisonError::into_inner);
        change(integrations.entry(key(id)).or_default());
    }

    /// Adds all of it to a page.
    pub(crate) fn render(&self, page: &mut Page) {
        let integrations = self.integrations.lock().unwrap_or_else(PoisonError::into_inner);
        let counters: [(&str, &str, Value); 4] = [
            ("alertmanager_notifications_total", "Deliveries that are over.", |one| one.notifications.get()),
            ("alertmanager_notification_requests_total", "Requests made.", |one| one.requests.get()),
            (
                "alertmanager_notification_requests_failed_total",
                "Requests that failed, also those tried again.",
                |one| one.requests_failed.get(),
            ),
            ("lingshao_notifications_merged_total", "Deliveries that went out as part of a digest.", |one| {
                one.merged.get()
            }),
        ];
        for (name, help, value) in counters {
            page.family(name, "counter", help);
            for (key, one) in integrations.iter() {
                page.sample(name, &labels(key), value(one) as f64);
            }
        }
        render_reasons(page, &integrations);
        let name = "alertmanager_notification_latency_seconds";
        page.family(name, "histogram", "Time from request to answer.");
        for (key, one) in integrations.iter() {
            page.seconds(name, &labels(key), &one.latency);
        }
        let name = "lingshao_notification_queue_length";
        page.family(name, "gauge", "Deliveries that wait, those being tried again included.");
        for (key, one) in integrations.iter() {
            page.sample(name, &labels(key), one.waiting.values().sum::<u64>() as f64);
        }
    }
}

fn render_reasons(page: &mut Page, integrations: &BTreeMap<Key, IntegrationTelemetry>) {
    let families: [(&str, &str, Reasons); 2] = [
        ("alertmanager_notifications_failed_total", "Deliveries given up, by reason.", |one| &one.failed),
        (
            "alertmanager_notifications_suppressed_total",
            "Deliveries kept back on purpose, by reason.",
            |one| &one.suppressed,
        ),
    ];
    for (name, help, reasons) in families {
        page.family(name, "counter", help);
        for (key, one) in integrations {
            for (reason, count) in reasons(one) {
                let [integration, receiver] = labels(key);
                page.sample(name, &[integration, receiver, ("reason", reason)], *count as f64);
            }
        }
    }
}

fn key(id: &IntegrationId) -> Key {
    (id.kind, id.receiver.clone())
}

fn labels((kind, receiver): &Key) -> [(&'static str, &str); 2] {
    [("integration", kind.name()), ("receiver_name", receiver)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_alertmanagers_names_and_add_up_over_entries_of_one_kind() {
        let telemetry = NotifyTelemetry::default();
        for index in 0..2 {
            let id = IntegrationId { receiver: "duty".to_owned(), kind: IntegrationKind::WeCom, index };
            telemetry.request(&id, Duration::from_millis(20), index == 0);
            telemetry.finished(&id, 3, (index == 0).then_some("refused"));
            telemetry.suppressed(&id, "per_hour_max");
            telemetry.waiting(&id, 7);
        }
        let mut page = Page::default();
        telemetry.render(&mut page);
        let text = String::from_utf8(page.into_bytes()).unwrap();
        let labels = "integration=\"wecom\",receiver_name=\"duty\"";
        for line in [
            format!("alertmanager_notifications_total{{{labels}}} 6\n"),
            format!("alertmanager_notifications_failed_total{{{labels},reason=\"refused\"}} 3\n"),
            format!("alertmanager_notifications_suppressed_total{{{labels},reason=\"per_hour_max\"}} 2\n"),
            format!("alertmanager_notification_requests_total{{{labels}}} 2\n"),
            format!("alertmanager_notification_requests_failed_total{{{labels}}} 1\n"),
            format!("alertmanager_notification_latency_seconds_count{{{labels}}} 2\n"),
            format!("lingshao_notification_queue_length{{{labels}}} 14\n"),
        ] {
            assert!(text.contains(&line), "{line} missing in {text}");
        }
    }
}
