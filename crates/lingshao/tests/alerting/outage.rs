//! A receiver that is away for long, and one that hangs: everybody else is told in time, and it is told once what
//! happened meanwhile.

use std::time::{Duration, Instant};

use lingshao_demo::fakes::{FakeSmtp, FakeWebhook, FakeWecom, Fault, SmtpFault, SmtpOptions, SmtpStage};
use serde_json::Value;

use crate::harness::eventually;
use crate::support::{Home, PATIENCE, alert, ended, mail_config, post};

/// Name and state of each alert of a message, sorted.
fn states(message: &Value) -> Vec<String> {
    let alerts = message["alerts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut states: Vec<String> =
        alerts.map(|one| format!("{} {}", text(&one["labels"]["alertname"]), text(&one["status"]))).collect();
    states.sort();
    states
}

/// The pure engine is held to six hours; here the same in the real process, with a group looked at every second.
#[test]
fn a_receiver_that_was_away_is_told_once_what_happened_meanwhile() {
    let (away, well) = (FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap());
    let home = Home::new(&format!(
        "alerting:\n  route: {{receiver: hooks, group_by: [], group_wait: 0s, group_interval: 1s}}\n  receivers:\n  \
         - name: hooks\n    webhook_configs: [{{url: '{}'}}, {{url: '{}'}}]\n",
        away.url(),
        well.url()
    ));
    let server = home.start();
    post(&server, &[alert(&[("alertname", "A")])]);
    away.wait_taken(1, PATIENCE).unwrap();
    away.close().unwrap();

    let told = |count: usize| drop(well.wait_taken(count, PATIENCE).unwrap());
    told(1);
    post(&server, &[ended(&[("alertname", "A")]), alert(&[("alertname", "B")])]);
    told(2);
    post(&server, &[ended(&[("alertname", "B")])]);
    told(3);
    post(&server, &[alert(&[("alertname", "C")])]);
    told(4);
    post(&server, &[alert(&[("alertname", "D")])]);
    told(5);
    std::thread::sleep(Duration::from_secs(3)); // Further rounds in which nothing changes.
    assert_eq!(well.taken().len(), 5);

    away.open().unwrap();
    away.wait_taken(2, PATIENCE).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let messages = away.messages();
    assert_eq!(messages.len(), 2, "one message catches up: {messages:#?}");
    assert_eq!(states(&messages[1]), ["A resolved", "B resolved", "C firing", "D firing"]);
    assert_eq!(well.taken().len(), 5);
}

#[test]
fn the_catch_up_survives_a_kill() {
    let away = FakeWebhook::start().unwrap();
    let home = Home::new(&format!(
        "alerting:\n  route: {{receiver: hooks, group_by: [], group_wait: 0s, group_interval: 1s}}\n  receivers:\n  \
         - name: hooks\n    webhook_configs: [{{url: '{}'}}]\n",
        away.url()
    ));
    let server = home.start();
    away.close().unwrap();
    post(&server, &[alert(&[("alertname", "A")])]);
    std::thread::sleep(Duration::from_secs(2));
    post(&server, &[ended(&[("alertname", "A")]), alert(&[("alertname", "B")])]);
    std::thread::sleep(Duration::from_secs(2));
    server.kill();
    let server = home.start();
    away.open().unwrap();
    away.wait_taken(1, PATIENCE).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let messages = away.messages();
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert_eq!(states(&messages[0]), ["A resolved", "B firing"]);
    drop(server);
}

#[test]
fn one_that_hangs_delays_nobody() {
    let hanging = [FakeWebhook::start().unwrap(), FakeWebhook::start().unwrap()];
    hanging[0].always(Some(Fault::Hang));
    hanging[1].always(Some(Fault::SlowDrip(Duration::from_secs(2))));
    let silent = FakeSmtp::start(SmtpOptions::default()).unwrap();
    silent.always(Some(SmtpFault::Hang(SmtpStage::Connect)));
    let (wecom, webhook) = (FakeWecom::start().unwrap(), FakeWebhook::start().unwrap());
    let home = Home::new("");
    home.configure(&format!(
        "alerting:\n  route: {{receiver: all, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n  \
         receivers:\n  - name: all\n    webhook_configs: [{{url: '{}'}}, {{url: '{}'}}, {{url: '{}'}}]\n    \
         wecom_configs: [{{url: '{}'}}]\n    email_configs: [{}]\n",
        hanging[0].url(),
        hanging[1].url(),
        webhook.url(),
        wecom.url(),
        mail_config(&silent, home.folder.path())
    ));
    let server = home.start();
    for count in 1..=8 {
        let posted = Instant::now();
        post(&server, &[alert(&[("alertname", &format!("A{count}"))])]);
        webhook.wait_taken(count, PATIENCE).unwrap();
        eventually("WeCom is told", || {
            let all: String = wecom.messages().into_iter().map(|message| message.text).collect();
            all.contains(&format!("A{count}"))
        });
        assert!(posted.elapsed() < Duration::from_secs(3), "alert {count}: {:?}", posted.elapsed());
    }
    assert!(hanging[0].taken().is_empty() && silent.mails().is_empty());
    // And it does not hold up the end either.
    server.signal("-TERM");
    let asked = Instant::now();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
}
