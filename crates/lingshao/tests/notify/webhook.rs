//! Alertmanager's webhook: every way in which a server can fail.

use std::time::{Duration, Instant};

use lingshao_demo::fakes::{CA_PEM, FakeWebhook, Fault};
use lingshao_model::IntegrationKind;
use lingshao_wire::alertmanager_config::{Receiver, WebhookConfig};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret, TlsConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

fn config(url: &str) -> WebhookConfig {
    WebhookConfig {
        send_resolved: true,
        url: Some(Secret::new(url)),
        url_file: None,
        max_alerts: 0,
        timeout: None,
        http_config: HttpClientConfig::default(),
    }
}

fn to_url(url: &str) -> Receiver {
    Receiver { webhook: vec![config(url)], ..receiver() }
}

fn one() -> lingshao_model::Delivery {
    delivery(IntegrationKind::Webhook, 7, vec![database_down()])
}

#[tokio::test]
async fn the_delivery_and_its_id_arrive() {
    let fake = FakeWebhook::start().unwrap();
    let bench = Bench::new(&[to_url(&fake.url())]);
    bench.notifier.enqueue(vec![one()]);
    let results = bench.wait(1).await;
    assert_sent(&results[0], "HTTP 200");
    let request = &fake.received()[0].request;
    assert_eq!(request.header("x-lingshao-delivery"), Some("00000000000000000000000000000007"));
    let message = &fake.messages()[0];
    assert_eq!(message["alerts"][0]["labels"]["alertname"], "DatabaseDown");
    assert_eq!(message["externalURL"], "https://shop.example/lingshao");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_with_the_same_id() {
    for (fault, slowest) in [
        (Fault::Status(500, None), 3),
        (Fault::Status(408, None), 3),
        (Fault::Status(503, Some(2)), 4),
        (Fault::Status(429, Some(2)), 4),
        (Fault::Reset, 3),
    ] {
        let fake = FakeWebhook::start().unwrap();
        let bench = Bench::new(&[to_url(&fake.url())]);
        let (name, began) = (format!("{fault:?}"), Instant::now());
        let waits = if let Fault::Status(_, Some(seconds)) = fault { seconds } else { 0 };
        fake.script([fault]);
        bench.notifier.enqueue(vec![one()]);
        let results = bench.wait(1).await;
        assert_sent(&results[0], "HTTP 200");
        assert_eq!(results[0].attempts, 2, "{name}");
        let took = began.elapsed();
        assert!(
            Duration::from_secs(u64::from(waits)) <= took && took < Duration::from_secs(slowest),
            "{name} {took:?}"
        );
        let ids: Vec<_> = fake
            .received()
            .iter()
            .map(|one| one.request.header("x-lingshao-delivery").unwrap().to_owned())
            .collect();
        assert_eq!(ids[0], ids[1]);
    }
}

#[tokio::test]
async fn other_refusals_are_final() {
    for status in [400, 401, 404, 410] {
        let fake = FakeWebhook::start().unwrap();
        let bench = Bench::new(&[to_url(&fake.url())]);
        fake.script([Fault::Status(status, None)]);
        bench.notifier.enqueue(vec![one()]);
        assert_failed(&bench.wait(1).await[0], &format!("HTTP {status}"));
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_drips_delays_nobody_else() {
    for fault in [Fault::Hang, Fault::SlowDrip(Duration::from_secs(3))] {
        let (slow, quick) = (FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap());
        let timeout = Some(lingshao_model::TimeDelta::from_secs(1));
        let slow_config = WebhookConfig { timeout, ..config(&slow.url()) };
        let receiver = Receiver { webhook: vec![slow_config, config(&quick.url())], ..receiver() };
        let bench = Bench::new(&[receiver]);
        slow.always(Some(fault));
        let mut second = one();
        second.to.index = 1;
        let began = Instant::now();
        bench.notifier.enqueue(vec![one(), second]);
        let results = bench.wait(1).await;
        assert_eq!((results[0].to.index, began.elapsed() < Duration::from_millis(900)), (1, true));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let (_, reason) = bench.notifier.status()[0].failing.clone().unwrap();
        assert_eq!(reason, "no answer within 1 s");
        slow.always(None);
        bench.wait(2).await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let fake = FakeWebhook::start().unwrap();
    fake.close().unwrap();
    let bench = Bench::new(&[to_url(&fake.url())]);
    bench.notifier.enqueue(vec![one()]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (_, reason) = bench.notifier.status()[0].failing.clone().unwrap();
    assert!(reason.starts_with("cannot connect: "), "{reason}");
    fake.open().unwrap();
    assert_sent(&bench.wait(1).await[0], "HTTP 200");
}

#[tokio::test]
async fn one_bad_delivery_does_not_stop_the_others() {
    let fake = FakeWebhook::start().unwrap();
    let bench = Bench::new(&[to_url(&fake.url())]);
    fake.script([Fault::Status(500, None)]);
    let all = (1..=3).map(|n| delivery(IntegrationKind::Webhook, n, vec![database_down()])).collect();
    bench.notifier.enqueue(all);
    let results = bench.wait(3).await;
    let order: Vec<u128> = results.iter().map(|one| one.id.0).collect();
    assert_eq!((order[2], results.iter().map(|one| one.attempts).sum::<u32>()), (1, 4), "{order:?}");
}

#[tokio::test]
async fn tls_is_checked() {
    let fake = FakeWebhook::start_tls().unwrap();
    let tls_config = TlsConfig { ca: Some(CA_PEM.to_owned()), ..TlsConfig::default() };
    let http_config = HttpClientConfig { tls_config, ..HttpClientConfig::default() };
    let trusting = WebhookConfig { http_config, ..config(&fake.url()) };
    let bench = Bench::new(&[Receiver { webhook: vec![trusting], ..receiver() }]);
    bench.notifier.enqueue(vec![one()]);
    assert_sent(&bench.wait(1).await[0], "HTTP 200");
    let bench = Bench::new(&[to_url(&fake.url())]);
    bench.notifier.enqueue(vec![one()]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (_, reason) = bench.notifier.status()[0].failing.clone().unwrap();
    assert!(reason.contains("certificate"), "{reason}");
    assert_eq!(fake.messages().len(), 1);
}

/// A server that gives one answer to everybody.
async fn answering(answer: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 65_536];
                let got = stream.read(&mut request).await.unwrap_or(0);
                // A client that has read enough hangs up.
                drop((got, stream.write_all(answer.as_bytes()).await, stream.shutdown().await));
            });
        }
    });
    format!("http://{address}/hook/0123456789abcdef0123")
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_shows_no_secret() {
    let other = FakeWebhook::start().unwrap();
    let answer = format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url());
    let url = answering(answer).await;
    let bench = Bench::new(&[to_url(&url)]);
    bench.notifier.enqueue(vec![one()]);
    assert_failed(&bench.wait(1).await[0], "HTTP 307: redirects are not followed");
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_read_in_part_and_secrets_in_it_are_masked() {
    let body = format!("token 0123456789abcdef0123 {}", "x".repeat(10 << 20));
    let url = answering(format!("HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    let bench = Bench::new(&[to_url(&url)]);
    bench.notifier.enqueue(vec![one()]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "HTTP 403: token <secret> xxx");
    assert!(format!("{results:?}").len() < 1_000);
}

#[tokio::test]
async fn a_url_in_a_file_is_read_at_each_request() {
    let fake = FakeWebhook::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    let from_file = WebhookConfig { url: None, url_file: Some(path.clone()), ..config("") };
    let bench = Bench::new(&[Receiver { webhook: vec![from_file], ..receiver() }]);
    bench.notifier.enqueue(vec![one()]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(bench.results().is_empty());
    std::fs::write(&path, format!("{}\n", fake.url())).unwrap();
    assert_sent(&bench.wait(1).await[0], "HTTP 200");
}
