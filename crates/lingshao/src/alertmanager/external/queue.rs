//! What one Alertmanager elsewhere has yet to be told, and the task that tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::header::CONTENT_TYPE;
use lingshao_model::{Alert, LabelsBuilder, TimeDelta};
use lingshao_wire::alertmanager_api as wire;
use lingshao_wire::relabel::{self, Relabel};
use tokio::sync::Notify;

use super::{Access, lock};
use crate::scrape;
use crate::telemetry::external::PeerTelemetry;

/// As Prometheus' `--alertmanager.notification-queue-capacity`.
pub(crate) const QUEUE_MAX: usize = 10_000;
/// Alerts in one request, as Prometheus' `--alertmanager.notification-batch-size`.
const BATCH_MAX: usize = 256;

/// One Alertmanager's.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    telemetry: Arc<PeerTelemetry>,
}

#[derive(Debug, Default)]
struct Waiting {
    alerts: VecDeque<Arc<Alert>>,
    ended: bool,
}

/// The alert as the other side gets it; `None` when relabelling drops it.
pub(super) fn dressed(alert: &Alert, rules: &[Relabel], said_for: TimeDelta) -> Option<Alert> {
    let mut labels = LabelsBuilder::default();
    alert.labels.iter().for_each(|(name, value)| labels.push(name, value));
    if !relabel::apply(rules, &mut labels) {
        return None;
    }
    let labels = labels.finish().ok().filter(|labels| !labels.is_empty())?;
    let ends_at = alert.ends_at.unwrap_or(alert.updated_at + said_for);
    Some(Alert { labels, ends_at: Some(ends_at), ..alert.clone() })
}

impl Queue {
    /// Ends by [`Queue::end`].
    pub(super) fn start(url: &str, access: Access, telemetry: Arc<PeerTelemetry>) -> Arc<Queue> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), wake: Notify::new(), telemetry });
        tokio::spawn(queue.clone().run(url.to_owned(), access));
        queue
    }

    /// Adds alerts; the oldest make room.
    pub(super) fn put(&self, alerts: &[Arc<Alert>]) {
        let mut waiting = lock(&self.waiting);
        waiting.alerts.extend(alerts.iter().cloned());
        let surplus = waiting.alerts.len().saturating_sub(QUEUE_MAX);
        waiting.alerts.drain(..surplus);
        self.telemetry.dropped.add(surplus as u64);
        self.telemetry.length.set(waiting.alerts.len() as f64);
        drop(waiting);
        self.wake.notify_one();
    }

    /// The task ends after the request under way.
    pub(super) fn end(&self) {
        lock(&self.waiting).ended = true;
        self.wake.notify_one();
    }

    async fn run(self: Arc<Queue>, url: String, access: Access) {
        let mut failing = false;
        loop {
            let batch = {
                let mut waiting = lock(&self.waiting);
                if waiting.ended {
                    return;
                }
                let size = waiting.alerts.len().min(BATCH_MAX);
                let batch: Vec<Arc<Alert>> = waiting.alerts.drain(..size).collect();
                self.telemetry.length.set(waiting.alerts.len() as f64);
                batch
            };
            if batch.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let began = Instant::now();
            let outcome = post(&url, &access, &batch).await;
            self.telemetry.latency.observe(began.elapsed());
            let count = batch.len() as u64;
            match outcome {
                Ok(()) => {
                    self.telemetry.sent.add(count);
                    if std::mem::take(&mut failing) {
                        tracing::info!(%url, "the Alertmanager takes alerts again");
                    }
                }
                Err(error) => {
                    self.telemetry.errors.add(count);
                    self.telemetry.dropped.add(count);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%url, %error, "an Alertmanager was not told; rules say it again");
                    }
                }
            }
        }
    }
}

async fn post(url: &str, access: &Access, alerts: &[Arc<Alert>]) -> Result<(), String> {
    let mut body = Vec::new();
    wire::posted(&mut body, alerts.iter().map(|alert| &**alert));
    let credentials = scrape::credentials(&access.http).await.map_err(|error| error.to_string())?;
    let request = access.client.post(url).headers(credentials).header(CONTENT_TYPE, "application/json");
    let answer = request.body(body).timeout(access.timeout).send().await;
    let answer = answer.map_err(|error| scrape::describe(&error))?;
    // Its body is of no use, and a connection with an unread one is just closed.
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::{Annotations, Labels, Timestamp};

    fn alert(n: usize) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "A"), ("n", &n.to_string())]).unwrap(),
            annotations: Annotations::default(),
            starts_at: Timestamp(0),
            ends_at: None,
            updated_at: Timestamp(1_000),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        }
    }

    #[test]
    fn an_alert_gets_an_end_by_which_our_own_is_noticed() {
        let said_for = TimeDelta::from_secs(240);
        let ends_at = |ends_at| dressed(&Alert { ends_at, ..alert(1) }, &[], said_for).unwrap().ends_at;
        assert_eq!(ends_at(None), Some(Timestamp(241_000)));
        assert_eq!(ends_at(Some(Timestamp(5))), Some(Timestamp(5)));
    }

    #[test]
    fn a_full_queue_loses_its_oldest() {
        let telemetry = Arc::new(PeerTelemetry::default());
        let queue = Queue { waiting: Mutex::default(), wake: Notify::new(), telemetry };
        let alerts: Vec<Arc<Alert>> = (0..QUEUE_MAX + 7).map(|n| Arc::new(alert(n))).collect();
        queue.put(&alerts);
        let waiting = lock(&queue.waiting);
        assert_eq!((waiting.alerts.len(), waiting.alerts[0].labels.get("n")), (QUEUE_MAX, Some("7")));
        assert_eq!(queue.telemetry.dropped.get(), 7);
    }
}
