//! Receivers that talk to fakes, deliveries, and a report that remembers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lingshao::notify::{Finished, House, Language, Notifier, NotifyTelemetry, Report, Settings};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryOutcome, DeliveryReason, IntegrationId,
    IntegrationKind, Labels, Timestamp,
};
use lingshao_wire::alertmanager_config::Receiver;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// 2026-01-02 11:04:05 in Shanghai.
pub(crate) const STARTED: Timestamp = Timestamp(1_767_323_045_000);

pub(crate) fn house() -> House {
    House {
        external_url: "https://shop.example/lingshao".to_owned(),
        time_zone: Some("Asia/Shanghai".to_owned()),
        language: Language::Chinese,
        template_files: Vec::new(),
    }
}

/// A notifier with the results that it has reported.
pub(crate) struct Bench {
    pub(crate) notifier: Notifier,
    results: Arc<Mutex<Vec<Finished>>>,
}

impl Bench {
    pub(crate) fn new(receivers: &[Receiver]) -> Bench {
        Bench::with(Settings::new(receivers, &house()).unwrap())
    }

    pub(crate) fn with(settings: Settings) -> Bench {
        let results: Arc<Mutex<Vec<Finished>>> = Arc::default();
        let kept = results.clone();
        let report: Report = Arc::new(move |finished| {
            kept.lock().unwrap().extend(finished);
            Box::pin(std::future::ready(()))
        });
        let notifier = Notifier::start(settings, report, Arc::new(NotifyTelemetry::default()));
        Bench { notifier, results }
    }

    pub(crate) fn results(&self) -> Vec<Finished> {
        self.results.lock().unwrap().clone()
    }

    /// Waits until so many deliveries are over.
    #[track_caller]
    pub(crate) fn wait(&self, count: usize) -> impl Future<Output = Vec<Finished>> {
        let results = self.results.clone();
        let at = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let now = results.lock().unwrap().clone();
                if count <= now.len() {
                    return now;
                }
                assert!(Instant::now() < deadline, "{at}: {} of {count} are over", now.len());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

pub(crate) fn to(kind: IntegrationKind) -> IntegrationId {
    IntegrationId { receiver: "duty".to_owned(), kind, index: 0 }
}

pub(crate) fn alert(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Alert {
    let text = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    Alert {
        labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
        annotations: Annotations::from_pairs(annotations.iter().map(text)),
        starts_at: STARTED,
        ends_at: None,
        updated_at: STARTED,
        generator_url: "https://shop.example/lingshao/graph?g0.expr=up".to_owned(),
        timeout: false,
        value: String::new(),
    }
}

/// The plan's database alert.
pub(crate) fn database_down() -> Alert {
    let down = alert(
        &[
            ("alertname", "DatabaseDown"),
            ("severity", "critical"),
            ("job", "postgres"),
            ("instance", "db-1:9187"),
        ],
        &[("summary", "数据库连接失败"), ("description", "PostgreSQL数据库无法连接")],
    );
    Alert { value: "0".to_owned(), ..down }
}

pub(crate) fn delivery(kind: IntegrationKind, number: u32, alerts: Vec<Alert>) -> Delivery {
    Delivery {
        id: DeliveryId(u128::from(number)),
        group_key: format!("{{}}:{{group=\"{number}\"}}"),
        to: to(kind),
        group_labels: Labels::from_pairs([("alertname", "DatabaseDown")]).unwrap(),
        alerts,
        decided_at: Timestamp(STARTED.0 + 60_000),
        reason: DeliveryReason::First,
    }
}

/// A group of its own with one alert.
pub(crate) fn stock(kind: IntegrationKind, number: u32, severity: &str) -> Delivery {
    let product = format!("p-{number:05}");
    let labels = [("alertname", "LowStock"), ("severity", severity), ("product_id", product.as_str())];
    delivery(kind, number, vec![alert(&labels, &[("summary", "库存预警")])])
}

pub(crate) fn ended(mut delivery: Delivery) -> Delivery {
    let end = Timestamp(STARTED.0 + 30_000);
    delivery.alerts.iter_mut().for_each(|alert| alert.ends_at = Some(end));
    delivery
}

#[track_caller]
pub(crate) fn assert_sent(finished: &Finished, expected: &str) {
    assert_eq!(finished.outcome, DeliveryOutcome::Sent(expected.to_owned()));
}

#[track_caller]
pub(crate) fn assert_failed(finished: &Finished, expected: &str) {
    match &finished.outcome {
        DeliveryOutcome::Failed(reason) => assert!(reason.contains(expected), "{reason}"),
        DeliveryOutcome::Sent(said) => panic!("sent: {said}"),
    }
}

pub(crate) fn receiver() -> Receiver {
    Receiver { name: "duty".to_owned(), ..Receiver::default() }
}
