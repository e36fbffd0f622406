//! The wall clock is set back by an hour: nothing is told again, nothing ends by mistake, and what is new is told.

use std::time::Duration;

use lingshao_demo::fakes::FakeWebhook;

use crate::harness::text;
use crate::support::{Home, PATIENCE, alert, ended, job, post, shop, show};

const RULES: &str = "groups:\n- name: shop\n  rules:\n  - {alert: Bad, expr: bad == 1}\n";

#[test]
fn a_clock_that_jumps_back_resends_nothing() {
    let (webhook, shop) = (FakeWebhook::start().unwrap(), shop("bad 1\n"));
    let mut home = Home::new(&format!(
        "rule_files: [rules.yml]\n{}alerting:\n  route: {{receiver: hook, group_by: [alertname], group_wait: 0s, \
         group_interval: 1s}}\n  receivers:\n  - {{name: hook, webhook_configs: [{{url: '{}'}}]}}\n",
        job("shop", &shop),
        webhook.url()
    ));
    home.write("rules.yml", RULES);
    let offset = home.write("offset", "0");
    home.set("LINGSHAO_CLOCK_OFFSET_FILE", &text(&offset));
    let server = home.start();
    post(&server, &[alert(&[("alertname", "Posted")])]);
    webhook.wait_taken(2, PATIENCE).unwrap();

    home.write("offset", "-3600000");
    std::thread::sleep(Duration::from_secs(8));
    let messages = webhook.messages();
    assert_eq!(messages.len(), 2, "{messages:#?}\n{}", server.log());

    // A restart with a clock that is still behind.
    server.kill();
    let server = home.start();
    std::thread::sleep(Duration::from_secs(8));
    let messages = webhook.messages();
    assert_eq!(messages.len(), 2, "{messages:#?}\n{}", server.log());

    post(&server, &[alert(&[("alertname", "New")])]);
    webhook.wait_taken(3, Duration::from_secs(10)).unwrap();
    let mut end = ended(&[("alertname", "New")]);
    end["endsAt"] =
        serde_json::json!((jiff::Timestamp::now() - jiff::SignedDuration::from_secs(3_600)).to_string());
    post(&server, &[end]);
    webhook.wait_taken(4, Duration::from_secs(10)).unwrap();
    let last = &webhook.messages()[3];
    assert_eq!(
        (last["status"].as_str(), last["alerts"][0]["labels"]["alertname"].as_str()),
        (Some("resolved"), Some("New"))
    );
    show(&shop, Some("bad 0\n"));
}
