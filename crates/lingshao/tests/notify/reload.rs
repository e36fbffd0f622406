//! What a reload, a withdrawal and the end of the process do to queues; and a message for trying a receiver out.

use std::time::Duration;

use lingshao::notify::{NotifyTelemetry, Settings, SettingsError, send_once};
use lingshao_demo::fakes::{FakeWebhook, Fault};
use lingshao_model::{DeliveryId, IntegrationKind};
use lingshao_wire::alertmanager_config::{Receiver, WebhookConfig, WecomConfig};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret};

use crate::support::*;

fn to_webhook(fake: &FakeWebhook) -> Receiver {
    let config = WebhookConfig {
        send_resolved: true,
        url: Some(Secret::new(fake.url())),
        url_file: None,
        max_alerts: 0,
        timeout: None,
        http_config: HttpClientConfig::default(),
    };
    Receiver { webhook: vec![config], ..receiver() }
}

fn one(number: u32) -> lingshao_model::Delivery {
    delivery(IntegrationKind::Webhook, number, vec![database_down()])
}

#[tokio::test]
async fn what_waits_goes_to_the_new_place_after_a_reload() {
    let (old, new) = (FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap());
    old.close().unwrap();
    let bench = Bench::new(&[to_webhook(&old)]);
    bench.notifier.enqueue(vec![one(1)]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.notifier.replace(Settings::new(&[to_webhook(&new)], &house()).unwrap());
    assert_sent(&bench.wait(1).await[0], "HTTP 200");
    assert_eq!(new.messages().len(), 1);
}

#[tokio::test]
async fn a_reload_does_not_wait_for_the_pause_of_the_old_place() {
    let (old, new) = (FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap());
    old.always(Some(Fault::Status(503, Some(3_600))));
    let bench = Bench::new(&[to_webhook(&old)]);
    bench.notifier.enqueue(vec![one(1)]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.notifier.replace(Settings::new(&[to_webhook(&new)], &house()).unwrap());
    assert_sent(&bench.wait(1).await[0], "HTTP 200");
}

#[tokio::test]
async fn what_is_being_sent_is_not_sent_again() {
    let fake = FakeWebhook::start().unwrap();
    fake.script([Fault::SlowDrip(Duration::from_millis(5))]);
    let bench = Bench::new(&[to_webhook(&fake)]);
    bench.notifier.enqueue(vec![one(1)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.notifier.enqueue(vec![one(1)]);
    bench.wait(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((fake.received().len(), bench.results().len()), (1, 1));
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_is_gone_is_reported() {
    let fake = FakeWebhook::start().unwrap();
    fake.close().unwrap();
    let bench = Bench::new(&[to_webhook(&fake)]);
    bench.notifier.enqueue(vec![one(1)]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    bench.notifier.replace(Settings::nobody());
    assert_failed(&bench.wait(1).await[0], "no longer configured");
    bench.notifier.enqueue(vec![one(2)]);
    assert_failed(&bench.wait(2).await[1], "not configured");
}

#[tokio::test]
async fn what_is_withdrawn_is_neither_sent_nor_reported() {
    let fake = FakeWebhook::start().unwrap();
    fake.close().unwrap();
    let bench = Bench::new(&[to_webhook(&fake)]);
    bench.notifier.enqueue(vec![one(1), one(2)]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.notifier.withdraw(&[DeliveryId(1)]);
    fake.open().unwrap();
    let results = bench.wait(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((results[0].id, bench.results().len()), (DeliveryId(2), 1));
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_server_that_hangs() {
    let fake = FakeWebhook::start().unwrap();
    fake.always(Some(Fault::Hang));
    let bench = Bench::new(&[to_webhook(&fake)]);
    bench.notifier.enqueue(vec![one(1), one(2)]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = std::time::Instant::now();
    bench.notifier.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(bench.results().is_empty(), "what was not sent is not reported");
}

#[tokio::test]
async fn a_receiver_can_be_tried_out() {
    let fake = FakeWebhook::start().unwrap();
    let settings = Settings::new(&[to_webhook(&fake)], &house()).unwrap();
    let answers = send_once(&settings, &one(1)).await;
    assert_eq!(answers[0].1, Ok("HTTP 200".to_owned()));
    fake.script([Fault::Status(404, None)]);
    let answers = send_once(&settings, &one(1)).await;
    assert!(answers[0].1.as_ref().unwrap_err().starts_with("HTTP 404"));
}

#[test]
fn a_bad_template_is_found_before_anything_starts() {
    let bad = WecomConfig {
        url: Some(Secret::new("http://127.0.0.1:1/")),
        message: Some("{{ template \"none\" . }}".to_owned()),
        ..WecomConfig::default()
    };
    let error = Settings::new(&[Receiver { wecom: vec![bad], ..receiver() }], &house()).unwrap_err();
    assert!(matches!(&error, SettingsError::Text { .. }), "{error}");
    assert!(error.to_string().starts_with("duty/wecom[0]: template: "), "{error}");
    drop(NotifyTelemetry::default());
}
