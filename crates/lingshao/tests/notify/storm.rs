//! Very many alerts: within the robot's rate, critical first, nothing lost, memory bounded.

use std::time::Duration;

use lingshao_demo::fakes::{FakeWebhook, FakeWecom, Fault};
use lingshao_model::{DeliveryOutcome, IntegrationKind};
use lingshao_wire::alertmanager_config::{Receiver, WebhookConfig, WecomConfig};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret};

use crate::support::*;

const MANY: u32 = 10_000;

fn wecom(fake: &FakeWecom) -> Receiver {
    let config = WecomConfig { url: Some(Secret::new(fake.url())), ..WecomConfig::default() };
    Receiver { wecom: vec![config], ..receiver() }
}

#[tokio::test]
async fn ten_thousand_alerts_of_one_group_are_told_in_one_burst() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom(&fake)]);
    let alerts = (0..MANY).map(|n| stock(IntegrationKind::WeCom, n, "warning").alerts.remove(0)).collect();
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, alerts)]);
    assert_sent(&bench.wait(1).await[0], "0 ok");
    let messages = fake.messages();
    let text: String = messages.iter().map(|one| one.text.clone() + "\n").collect();
    assert!(messages.len() <= 18, "{}", messages.len());
    assert!(messages[0].text.contains("【告警汇总】1 组：触发 10000 条，恢复 0 条"), "{}", messages[0].text);
    let listed = text.matches("p-").count();
    assert!(5_000 < listed, "{listed}");
    assert!(
        text.contains(&format!("另有 {} 条未列出：https://shop.example/lingshao", 10_000 - listed)),
        "{listed}"
    );
    assert!(fake.received().iter().all(|one| one.reply.taken));
}

#[tokio::test]
async fn ten_thousand_groups_become_digests_critical_first() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom(&fake)]);
    let severity = |n| if n % 5_000 == 4_999 { "critical" } else { "warning" };
    bench.notifier.enqueue((0..MANY).map(|n| stock(IntegrationKind::WeCom, n, severity(n))).collect());
    let results = bench.wait(MANY as usize).await;
    assert!(results.iter().all(|one| matches!(one.outcome, DeliveryOutcome::Sent(_))));
    let messages = fake.messages();
    assert!(messages.len() <= 18, "{}", messages.len());
    // The two critical ones go alone, before the storm.
    assert!(messages[0].text.contains("product_id=p-04999"), "{}", messages[0].text);
    assert!(messages[1].text.contains("product_id=p-09999"), "{}", messages[1].text);
    assert!(messages[2].text.contains("【告警汇总】9998 组：触发 9998 条"), "{}", messages[2].text);
    let said =
        results.iter().filter(|one| format!("{:?}", one.outcome).contains("in a digest of 9998")).count();
    assert_eq!(said, 9_998);
    assert!(fake.received().iter().all(|one| one.reply.taken), "the robot refused something");
}

#[tokio::test]
async fn one_robot_behind_two_receivers_has_one_rate() {
    let fake = FakeWecom::start().unwrap();
    let config = WecomConfig { url: Some(Secret::new(fake.url())), ..WecomConfig::default() };
    let both = Receiver { wecom: vec![config.clone(), config], ..receiver() };
    let bench = Bench::new(&[both]);
    for n in 0..30 {
        let mut one = stock(IntegrationKind::WeCom, n, "warning");
        one.to.index = (n % 2) as u16;
        bench.notifier.enqueue(vec![one]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let received = fake.received();
    assert!(received.iter().all(|one| one.reply.taken) && received.len() <= 18, "{}", received.len());
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_bounded_memory() {
    let fake = FakeWebhook::start().unwrap();
    fake.always(Some(Fault::Status(503, Some(3_600))));
    let config = WebhookConfig {
        send_resolved: true,
        url: Some(Secret::new(fake.url())),
        url_file: None,
        max_alerts: 0,
        timeout: None,
        http_config: HttpClientConfig::default(),
    };
    let bench = Bench::new(&[Receiver { webhook: vec![config], ..receiver() }]);
    bench.notifier.enqueue((0..MANY).map(|n| stock(IntegrationKind::Webhook, n, "warning")).collect());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = resident_bytes();
    // Their states change again and again: each replaces the one before.
    for _ in 0..20 {
        bench.notifier.enqueue((0..MANY).map(|n| stock(IntegrationKind::Webhook, n, "warning")).collect());
    }
    assert!(bench.notifier.status()[0].waiting <= MANY as usize);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
}

#[tokio::test]
async fn a_queue_has_an_end_and_says_so() {
    let fake = FakeWebhook::start().unwrap();
    fake.always(Some(Fault::Hang));
    let config = WebhookConfig {
        send_resolved: true,
        url: Some(Secret::new(fake.url())),
        url_file: None,
        max_alerts: 0,
        timeout: None,
        http_config: HttpClientConfig::default(),
    };
    let bench = Bench::new(&[Receiver { webhook: vec![config], ..receiver() }]);
    bench.notifier.enqueue((0..20_010).map(|n| stock(IntegrationKind::Webhook, n, "warning")).collect());
    let results = bench.wait(9).await;
    assert_failed(&results[0], "its queue is full");
    assert!(results.len() <= 10);
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
