//! Ten thousand alerts at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lingshao_demo::fakes::{FakeWebhook, FakeWecom, Received};
use serde_json::Value;

use crate::support::{Home, alert, post};

const ALERTS: usize = 10_000;
/// Two minutes of a robot's rate, and the machine's slowness.
const AT_LAST: Duration = Duration::from_secs(240);
/// What the process may take at most.
const BYTES_MAX: u64 = 512 << 20;

#[test]
fn ten_thousand_alerts_are_told_within_the_robots_rate_and_memory() {
    let (wecom, webhook) = (FakeWecom::start().unwrap(), FakeWebhook::start().unwrap());
    let home = Home::new(&format!(
        "alerting:\n  route:\n    receiver: robot\n    group_wait: 0s\n    group_interval: 1s\n    routes:\n    - {{receiver: robot, \
         group_by: ['...'], continue: true}}\n    - {{receiver: hook, group_by: [alertname]}}\n  receivers:\n  - name: robot\n    \
         wecom_configs: [{{url: '{}'}}]\n  - name: hook\n    webhook_configs: [{{url: '{}'}}]\n",
        wecom.url(),
        webhook.url()
    ));
    let server = home.start();
    let alerts: Vec<Value> = (0..ALERTS)
        .map(|number| {
            let severity = if number % 10 == 0 { "critical" } else { "warning" };
            let name = format!("Storm{}", number % 20);
            let number = number.to_string();
            alert(&[("alertname", &name), ("number", &number), ("severity", severity)])
        })
        .collect();
    let started = Instant::now();
    alerts.chunks(1_000).for_each(|chunk| post(&server, chunk));
    println!("posted in {:?}", started.elapsed());

    // The webhook is told each of them.
    webhook
        .wait(AT_LAST, |all| numbers(all).len() == ALERTS)
        .unwrap_or_else(|_| panic!("only {} were told by webhook", numbers(&webhook.taken()).len()));
    println!("told by webhook after {:?}", started.elapsed());

    // The robot is told all of them in as many messages as it takes, and nothing waits any more.
    while server.figure("lingshao_notification_queue_length{integration=\"wecom\",receiver_name=\"robot\"}")
        > 0.0
    {
        assert!(started.elapsed() < AT_LAST, "still waiting after {:?}", started.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    let messages = wecom.messages();
    println!("told by the robot after {:?} in {} messages", started.elapsed(), messages.len());
    println!("first: {}\n\nlast: {}", messages[0].text, messages[messages.len() - 1].text);
    assert_eq!(wecom.received().len(), messages.len(), "none was refused: the rate was kept");
    let peak = server.memory("VmHWM");
    println!("peak memory {} MiB", peak >> 20);
    assert!(peak < BYTES_MAX, "{peak} bytes");
}

/// The alerts that somebody was told of.
fn numbers(received: &[Received]) -> BTreeSet<String> {
    let bodies = received.iter().filter(|one| one.reply.taken).filter_map(|one| one.request.json());
    let number = |alert: &Value| alert["labels"]["number"].as_str().unwrap().to_owned();
    bodies
        .flat_map(|body| body["alerts"].as_array().unwrap().iter().map(number).collect::<Vec<_>>())
        .collect()
}
