//! Figures of the Alertmanagers elsewhere, under Prometheus' names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Counter, Gauge, Page, Seconds};
use crate::alertmanager::QUEUE_MAX;

/// By URL.
#[derive(Debug, Default)]
pub(crate) struct ExternalTelemetry(Mutex<BTreeMap<String, Arc<PeerTelemetry>>>);

/// One Alertmanager's.
#[derive(Debug, Default)]
pub(crate) struct PeerTelemetry {
    /// Alerts it took.
    pub(crate) sent: Counter,
    /// Alerts in requests that failed.
    pub(crate) errors: Counter,
    /// Alerts it was never told, of these and of a full queue.
    pub(crate) dropped: Counter,
    /// Alerts waiting.
    pub(crate) length: Gauge,
    /// Time of requests.
    pub(crate) latency: Seconds,
}

/// Finds a counter.
type Read = fn(&PeerTelemetry) -> &Counter;

impl ExternalTelemetry {
    /// One Alertmanager's figures.
    pub(crate) fn of(&self, url: &str) -> Arc<PeerTelemetry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(url.to_owned()).or_default().clone()
    }

    /// It is told no more.
    pub(crate) fn forget(&self, url: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(url);
    }

    /// Adds all of them.
    pub(crate) fn render(&self, page: &mut Page) {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = "prometheus_notifications_alertmanagers_discovered";
        page.gauge(name, "Alertmanagers elsewhere that are told.", peers.len() as f64);
        page.gauge("prometheus_notifications_queue_capacity", "Alerts that may wait.", QUEUE_MAX as f64);
        let counters: [(&str, &str, Read); 3] = [
            ("prometheus_notifications_sent_total", "Alerts sent.", |peer| &peer.sent),
            ("prometheus_notifications_errors_total", "Alerts in requests that failed.", |peer| &peer.errors),
            ("prometheus_notifications_dropped_total", "Alerts that were not told.", |peer| &peer.dropped),
        ];
        for (name, help, counter) in counters {
            page.family(name, "counter", help);
            for (url, peer) in &peers {
                page.sample(name, &[("alertmanager", url)], counter(peer).get() as f64);
            }
        }
        let name = "prometheus_notifications_queue_length";
        page.family(name, "gauge", "Alerts waiting.");
        for (url, peer) in &peers {
            page.sample(name, &[("alertmanager", url)], peer.length.get());
        }
        let name = "prometheus_notifications_latency_histogram_seconds";
        page.family(name, "histogram", "Time of requests.");
        for (url, peer) in &peers {
            page.seconds(name, &[("alertmanager", url)], &peer.latency);
        }
    }
}
