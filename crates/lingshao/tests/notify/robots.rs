//! WeCom, DingTalk, Feishu, and WeCom's applications.

use std::time::Duration;

use lingshao_demo::fakes::{FakeDingtalk, FakeFeishu, FakeWechat, FakeWecom, Fault};
use lingshao_model::{DeliveryReason, IntegrationKind};
use lingshao_wire::alertmanager_config::{
    DingtalkConfig, FeishuConfig, FeishuMessageType, MessageType, Receiver, WechatConfig, WecomConfig,
};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret};

use crate::support::*;

fn wecom(fake: &FakeWecom) -> WecomConfig {
    WecomConfig { send_resolved: true, url: Some(Secret::new(fake.url())), ..WecomConfig::default() }
}

fn wecom_receiver(config: WecomConfig) -> Receiver {
    Receiver { wecom: vec![config], ..receiver() }
}

#[tokio::test]
async fn wecom_tells_what_where_how_bad_since_when_and_where_to_look() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom_receiver(wecom(&fake))]);
    let mut repeated = delivery(IntegrationKind::WeCom, 2, vec![database_down()]);
    repeated.reason = DeliveryReason::Repeat;
    let resolved = ended(delivery(IntegrationKind::WeCom, 3, vec![database_down()]));
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    bench.wait(1).await;
    bench.notifier.enqueue(vec![repeated]);
    bench.wait(2).await;
    bench.notifier.enqueue(vec![resolved]);
    let results = bench.wait(3).await;
    results.iter().for_each(|one| assert_sent(one, "0 ok"));
    let messages = fake.messages();
    assert_eq!(messages.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["markdown"; 3]);
    let expected = "**<font color=\"warning\">🔴 告警：DatabaseDown 数据库连接失败</font>**\n\
        > 级别：严重\n\
        > 说明：PostgreSQL数据库无法连接\n\
        > 对象：instance=db-1:9187 job=postgres\n\
        > 数值：0\n\
        > 开始：2026-01-02 11:04:05\n\
        > [查看曲线](https://shop.example/lingshao/graph?g0.expr=up)\n\n\
        [打开告警页](https://shop.example/lingshao/#/alerts?receiver=duty)";
    assert_eq!(messages[0].text, expected);
    assert!(messages[1].text.contains("（重复提醒）"), "{}", messages[1].text);
    let end = "> 恢复前：0\n> 开始：2026-01-02 11:04:05\n> 恢复：2026-01-02 11:04:35（历时 30s）";
    assert!(messages[2].text.contains("✅ 已恢复") && messages[2].text.contains(end), "{}", messages[2].text);
}

#[tokio::test]
async fn wecom_names_people_only_while_something_fires() {
    let fake = FakeWecom::start().unwrap();
    let config = WecomConfig {
        mentioned_list: vec!["zhangsan".to_owned()],
        mentioned_mobile_list: vec!["13800000000".to_owned()],
        message_type: MessageType::Text,
        ..wecom(&fake)
    };
    let bench = Bench::new(&[wecom_receiver(config)]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    bench.wait(1).await;
    bench.notifier.enqueue(vec![ended(delivery(IntegrationKind::WeCom, 1, vec![database_down()]))]);
    bench.wait(2).await;
    let messages = fake.messages();
    assert_eq!(messages[0].mentioned, ["zhangsan", "13800000000"]);
    assert!(messages[1].mentioned.is_empty());
}

#[tokio::test]
async fn wecom_markdown_names_people_and_labels_cannot() {
    let fake = FakeWecom::start().unwrap();
    let config = WecomConfig { mentioned_list: vec!["zhangsan".to_owned()], ..wecom(&fake) };
    let bench = Bench::new(&[wecom_receiver(config)]);
    let evil = alert(&[("alertname", "X"), ("path", "<@all>[x](http://evil)")], &[]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![evil])]);
    bench.wait(1).await;
    let text = &fake.messages()[0].text;
    assert!(
        text.ends_with("\n<@zhangsan>") && !text.contains("<@all>") && text.contains("＜@all＞"),
        "{text}"
    );
}

#[tokio::test]
async fn wecom_texts_are_cut_at_line_ends_within_the_limit() {
    let fake = FakeWecom::start().unwrap();
    let message =
        "{{ range .Alerts }}{{ .Labels.instance }} 这一行说得很长很长很长很长\n{{ end }}".to_owned();
    let config = WecomConfig { message: Some(message), ..wecom(&fake) };
    let bench = Bench::new(&[wecom_receiver(config)]);
    let alerts = (0..100).map(|n| alert(&[("alertname", "X"), ("instance", &format!("host-{n:03}"))], &[]));
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, alerts.collect())]);
    bench.wait(1).await;
    let messages = fake.messages();
    let text: String =
        messages.iter().map(|one| one.text.split_once('\n').unwrap().1.to_owned() + "\n").collect();
    assert_eq!(messages.len(), 2);
    assert!(messages[0].text.starts_with("(1/2)\nhost-000 "));
    for n in 0..100 {
        assert!(text.contains(&format!("host-{n:03} 这一行说得很长很长很长很长\n")), "{n}");
    }
}

/// What of a script comes before the message is through, and in how many requests.
async fn check_retry(fault: Fault, requests: usize) {
    let fake = FakeWecom::start().unwrap();
    let http_config = HttpClientConfig::default();
    let bench = Bench::new(&[wecom_receiver(WecomConfig { http_config, ..wecom(&fake) })]);
    let name = format!("{fault:?}");
    fake.script([fault]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    let results = bench.wait(1).await;
    assert_sent(&results[0], "0 ok");
    assert_eq!(results[0].attempts as usize, requests, "{name}");
    assert_eq!(fake.received().len(), requests, "{name}");
}

#[tokio::test]
async fn wecom_failures_that_pass_are_tried_again() {
    let faults = [
        Fault::Status(500, None),
        Fault::Status(502, None),
        Fault::Status(429, Some(1)),
        Fault::Html,
        Fault::Code("-1"),
        Fault::Reset,
    ];
    let checks = faults.into_iter().map(|fault| tokio::spawn(check_retry(fault, 2)));
    for check in checks.collect::<Vec<_>>() {
        check.await.unwrap();
    }
}

#[tokio::test]
async fn wecom_waits_for_the_next_minute_when_it_is_told_to() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom_receiver(wecom(&fake))]);
    fake.script([Fault::Code("45009")]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fake.received().len(), 1);
    let status = &bench.notifier.status()[0];
    let (_, reason) = status.failing.clone().unwrap();
    assert_eq!((status.waiting, reason.as_str()), (1, "45009 fault by script"));
}

#[tokio::test]
async fn wecom_shortens_what_it_calls_too_long() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom_receiver(wecom(&fake))]);
    fake.script([Fault::Code("40058")]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    assert_sent(&bench.wait(1).await[0], "0 ok");
}

#[tokio::test]
async fn a_wrong_key_is_final_and_is_not_shown() {
    let fake = FakeWecom::start().unwrap();
    let url = fake.url().replace(FakeWecom::key(), "0badc0de-0000-4000-8000-000000000000");
    let config = WecomConfig { url: Some(Secret::new(url)), ..wecom(&fake) };
    let bench = Bench::new(&[wecom_receiver(config)]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "93000 invalid webhook url");
    let seen = format!("{results:?} {:?} {:?}", bench.notifier, bench.notifier.status());
    assert!(!seen.contains("0badc0de"), "{seen}");
}

#[tokio::test]
async fn a_robot_that_is_away_is_told_once_when_it_is_back() {
    let fake = FakeWecom::start().unwrap();
    let bench = Bench::new(&[wecom_receiver(wecom(&fake))]);
    fake.close().unwrap();
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The state of its group changes while nobody can be told: one message tells the newest.
    for _ in 0..3 {
        bench.notifier.enqueue(vec![ended(delivery(IntegrationKind::WeCom, 1, vec![database_down()]))]);
    }
    fake.open().unwrap();
    let results = bench.wait(1).await;
    assert_sent(&results[0], "0 ok");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let messages = fake.messages();
    assert_eq!((messages.len(), bench.results().len()), (1, 1));
    assert!(messages[0].text.contains("已恢复"));
}

#[tokio::test]
async fn a_template_that_fails_loses_no_alert() {
    let fake = FakeWecom::start().unwrap();
    let message = "{{ index .Alerts 7 }}".to_owned();
    let bench = Bench::new(&[wecom_receiver(WecomConfig { message: Some(message), ..wecom(&fake) })]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::WeCom, 1, vec![database_down()])]);
    bench.wait(1).await;
    let text = &fake.messages()[0].text;
    assert!(text.contains("DatabaseDown 数据库连接失败 ×1（01-02 11:04 起）"), "{text}");
}

#[tokio::test]
async fn dingtalk_is_signed_and_waits_ten_minutes_when_it_must() {
    let fake = FakeDingtalk::start().unwrap();
    let config = DingtalkConfig {
        send_resolved: true,
        url: Some(Secret::new(fake.url())),
        secret: Some(Secret::new(FakeDingtalk::secret())),
        mentioned_mobile_list: vec!["13800000000".to_owned()],
        ..DingtalkConfig::default()
    };
    let bench = Bench::new(&[Receiver { dingtalk: vec![config], ..receiver() }]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::DingTalk, 1, vec![database_down()])]);
    assert_sent(&bench.wait(1).await[0], "0 ok");
    let message = &fake.messages()[0];
    assert_eq!(message.mentioned, ["13800000000"]);
    assert!(message.text.contains("### 🔴 告警：DatabaseDown 数据库连接失败  \n"), "{}", message.text);
    assert!(message.text.ends_with("@13800000000"), "{}", message.text);
    fake.script([Fault::Code("130101")]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::DingTalk, 1, vec![database_down()])]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((fake.received().len(), bench.results().len()), (2, 1));
}

#[tokio::test]
async fn dingtalk_without_the_right_secret_is_final() {
    let fake = FakeDingtalk::start().unwrap();
    let config = DingtalkConfig {
        url: Some(Secret::new(fake.url())),
        secret: Some(Secret::new("SEC-of-another-robot")),
        message_type: MessageType::Text,
        ..DingtalkConfig::default()
    };
    let bench = Bench::new(&[Receiver { dingtalk: vec![config], ..receiver() }]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::DingTalk, 1, vec![database_down()])]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "310000");
    let seen = format!("{results:?}");
    assert!(!seen.contains(FakeDingtalk::token()) && !seen.contains("SEC-of"), "{seen}");
}

#[tokio::test]
async fn feishu_is_signed_in_text_and_card() {
    for (message_type, kind) in [(FeishuMessageType::Text, "text"), (FeishuMessageType::Card, "interactive")]
    {
        let fake = FakeFeishu::start().unwrap();
        let config = FeishuConfig {
            url: Some(Secret::new(fake.url())),
            secret: Some(Secret::new(FakeFeishu::secret())),
            message_type,
            ..FeishuConfig::default()
        };
        let bench = Bench::new(&[Receiver { feishu: vec![config], ..receiver() }]);
        fake.script([Fault::Code("2200")]);
        bench.notifier.enqueue(vec![delivery(IntegrationKind::Feishu, 1, vec![database_down()])]);
        let results = bench.wait(1).await;
        assert_sent(&results[0], "0 success");
        assert_eq!(results[0].attempts, 2);
        let message = &fake.messages()[0];
        assert_eq!(message.kind, kind);
        assert!(message.text.contains("对象：instance=db-1:9187 job=postgres"), "{}", message.text);
    }
}

#[tokio::test]
async fn an_application_keeps_its_token_and_renews_it_once() {
    let fake = FakeWechat::start().unwrap();
    let config = WechatConfig {
        send_resolved: true,
        api_secret: Some(Secret::new(FakeWechat::secret())),
        api_secret_file: None,
        corp_id: FakeWechat::corp_id().to_owned(),
        agent_id: "1000002".to_owned(),
        api_url: fake.url(),
        to_user: "@all".to_owned(),
        to_party: String::new(),
        to_tag: String::new(),
        message: None,
        message_type: MessageType::Text,
        http_config: HttpClientConfig::default(),
    };
    let bench = Bench::new(&[Receiver { wechat: vec![config], ..receiver() }]);
    let tell = || bench.notifier.enqueue(vec![delivery(IntegrationKind::WeChat, 1, vec![database_down()])]);
    tell();
    bench.wait(1).await;
    tell();
    bench.wait(2).await;
    fake.expire_token();
    tell();
    let results = bench.wait(3).await;
    results.iter().for_each(|one| assert_sent(one, "0 ok"));
    let paths: Vec<String> =
        fake.received().iter().map(|one| one.request.path().rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(paths, ["gettoken", "send", "send", "send", "gettoken", "send"]);
    let message = &fake.messages()[0];
    assert_eq!(message.mentioned, ["@all"]);
    assert!(message.text.starts_with("🔴 告警：DatabaseDown 数据库连接失败\n"), "{}", message.text);
}
