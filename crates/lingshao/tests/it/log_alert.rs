//! An alert on what lines say brings the lines along.

use lingshao_demo::fakes::FakeWecom;
use serde_json::json;

use crate::harness::{PATIENCE, encoded, eventually, folder, text};
use crate::logs::{ship, start};

#[test]
fn payments_that_fail_too_often_are_told_with_their_newest_lines() {
    let folder = folder();
    let wecom = FakeWecom::start().unwrap();
    let rules = folder.path().join("alerts.yml");
    std::fs::write(
        &rules,
        "groups:\n- name: logs\n  rules:\n  - alert: 支付失败过多\n    expr: increase(lingshao_log_rule_total{rule=\"payment_failed\"}[5m]) > 5\n    \
         labels: {severity: critical}\n    annotations: {summary: '5 分钟内支付失败 {{ $value | printf \"%.0f\" }} 次'}\n",
    )
    .unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
         logs: {{log_rules: [{{name: payment_failed, query: 'message:支付失败 AND level:ERROR'}}]}}\n\
         alerting:\n  route: {{receiver: team, group_wait: 0s}}\n  receivers: [{{name: team, wecom_configs: [{{url: '{}'}}]}}]\n",
        text(&rules),
        wecom.url()
    );
    let server = start(&folder, &config);
    // The counter is there before anything was counted, so that the first increase is one.
    let samples = format!(
        "/api/v1/query?query={}",
        encoded("count_over_time(lingshao_log_rule_total{rule=\"payment_failed\"}[5m])")
    );
    let seconds = |least: f64| {
        let data = server.data(&samples);
        let value = data["result"][0]["value"][1].as_str().map(|text| text.parse::<f64>().unwrap());
        value.is_some_and(|value| least <= value)
    };
    eventually("the counter is scraped for a while", || seconds(7.0));
    let line = |n: u32| {
        json!({ "level": "error", "message": format!("支付失败: 订单 {n} 手机 13812345678"), "order": n })
            .to_string()
            + "\n"
    };
    let other = "{\"level\":\"info\",\"message\":\"支付失败后重试成功\"}\n";
    ship(&server, &(1..=4).map(|n| line(n) + other).collect::<String>());
    eventually("four of them are seen", || seconds(11.0));
    assert!(wecom.received().is_empty(), "four are not more than five: {:?}", wecom.messages());

    ship(&server, &(5..=9).map(line).collect::<String>());
    let told = wecom.wait(PATIENCE, |all| !all.is_empty());
    told.unwrap_or_else(|error| panic!("nobody was told: {error}\n{}", server.log()));
    let message = wecom.messages()[0].text.clone();
    assert!(message.contains("支付失败过多") && message.contains("5 分钟内支付失败"), "{message}");
    for n in 5..=9 {
        assert!(message.contains(&format!("支付失败: 订单 {n}")), "the newest five: {message}");
    }
    assert!(!message.contains("订单 4") && !message.contains("重试成功"), "no others: {message}");
    assert!(message.contains("138****5678") && !message.contains("13812345678"), "masked: {message}");
}
