//! Short messages by Aliyun and Tencent, whose fakes verify signatures and variables.

use lingshao_demo::fakes::{FakeAliyunSms, FakeTencentSms, Fault, SmsAccount};
use lingshao_model::IntegrationKind;
use lingshao_wire::alertmanager_config::{Receiver, SmsConfig, SmsProvider};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret};

use crate::support::*;

fn config(provider: SmsProvider, endpoint: String) -> SmsConfig {
    let account = SmsAccount::default();
    SmsConfig {
        send_resolved: true,
        provider,
        endpoint,
        region: "ap-guangzhou".to_owned(),
        access_key_id: account.key_id,
        access_key_secret: Some(Secret::new(account.key_secret)),
        access_key_secret_file: None,
        sdk_app_id: account.app_id,
        sign_name: account.sign_name,
        template_id: account.template_id,
        template_params: None,
        phone_numbers: vec!["13800000000".to_owned(), "+8613900000001".to_owned()],
        per_hour_max: 10,
        http_config: HttpClientConfig::default(),
    }
}

fn bench(config: SmsConfig) -> Bench {
    Bench::new(&[Receiver { sms: vec![config], ..receiver() }])
}

fn one(number: u32) -> lingshao_model::Delivery {
    delivery(IntegrationKind::Sms, number, vec![database_down()])
}

fn values(values: &[(String, String)]) -> Vec<&str> {
    values.iter().map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn aliyun_takes_what_we_sign() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let bench = bench(config(SmsProvider::Aliyun, fake.base()));
    bench.notifier.enqueue(vec![one(1)]);
    let results = bench.wait(1).await;
    assert!(format!("{:?}", results[0].outcome).starts_with("Sent(\"OK, BizId "), "{results:?}");
    bench.notifier.enqueue(vec![ended(one(1))]);
    bench.wait(2).await;
    let messages = fake.messages();
    let told: Vec<_> = messages.iter().map(|one| (one.number.as_str(), values(&one.values))).collect();
    let firing = vec!["1", "数据库连接失败", "postgres", "11:04"];
    let resolved = vec!["1", "恢复数据库连接失败", "postgres", "11:04"];
    assert_eq!(
        told,
        [
            ("13800000000", firing.clone()),
            ("+8613900000001", firing),
            ("13800000000", resolved.clone()),
            ("+8613900000001", resolved)
        ]
    );
}

#[tokio::test]
async fn tencent_takes_what_we_sign() {
    let fake = FakeTencentSms::start(SmsAccount::default()).unwrap();
    let bench = bench(config(SmsProvider::Tencent, fake.base()));
    bench.notifier.enqueue(vec![one(1)]);
    assert_sent(&bench.wait(1).await[0], "Ok, 2 numbers");
    let messages = fake.messages();
    assert_eq!((messages.len(), messages[0].number.as_str()), (2, "+8613800000000"));
    assert_eq!(values(&messages[0].values), ["postgr", "数据库连接失", "11:04", "1"]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_rest_is_final() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let sms = bench(config(SmsProvider::Aliyun, fake.base()));
    fake.script([Fault::Code("isp.SYSTEM_ERROR"), Fault::Status(503, None), Fault::Html]);
    sms.notifier.enqueue(vec![one(1)]);
    assert_eq!(sms.wait(1).await[0].attempts, 4);
    fake.script([Fault::Code("isv.BUSINESS_LIMIT_CONTROL")]);
    sms.notifier.enqueue(vec![one(1)]);
    assert_failed(&sms.wait(2).await[1], "isv.BUSINESS_LIMIT_CONTROL");
    let fake = FakeTencentSms::start(SmsAccount::default()).unwrap();
    let sms = bench(config(SmsProvider::Tencent, fake.base()));
    fake.script([Fault::Code("InternalError.Timeout"), Fault::Code("RequestLimitExceeded")]);
    sms.notifier.enqueue(vec![one(1)]);
    assert_eq!(sms.wait(1).await[0].attempts, 3);
    fake.script([Fault::Code("FailedOperation.SignatureIncorrectOrUnapproved")]);
    sms.notifier.enqueue(vec![one(1)]);
    assert_failed(&sms.wait(2).await[1], "FailedOperation.SignatureIncorrectOrUnapproved");
}

#[tokio::test]
async fn a_wrong_secret_is_final_and_is_not_shown() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let access_key_secret = Some(Secret::new("another-secret-0000000000000"));
    let bench = bench(SmsConfig { access_key_secret, ..config(SmsProvider::Aliyun, fake.base()) });
    bench.notifier.enqueue(vec![one(1)]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "SignatureDoesNotMatch");
    let seen = format!("{results:?}");
    assert!(!seen.contains("another-secret") && !seen.contains("13800000000"), "{seen}");
}

#[tokio::test]
async fn no_more_than_per_hour_max_go_out_and_the_rest_is_said_to_be_withheld() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let bench = bench(SmsConfig { per_hour_max: 2, ..config(SmsProvider::Aliyun, fake.base()) });
    for n in 1..=3 {
        bench.notifier.enqueue(vec![one(n)]);
        bench.wait(n as usize).await;
    }
    let results = bench.results();
    assert_failed(&results[2], "`per_hour_max` is reached");
    assert_eq!(fake.taken().len(), 2);
}

#[tokio::test]
async fn many_faults_at_once_are_one_short_message() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let bench = bench(SmsConfig { per_hour_max: 1, ..config(SmsProvider::Aliyun, fake.base()) });
    fake.script([Fault::Status(500, None)]);
    let many: Vec<_> = (1..=30).map(|n| stock(IntegrationKind::Sms, n, "critical")).collect();
    bench.notifier.enqueue(many);
    let results = bench.wait(30).await;
    // The request that failed cost nothing, so it is not counted.
    assert!(results.iter().all(|one| format!("{one:?}").contains("in a digest of 30")), "{results:?}");
    assert_eq!(values(&fake.messages()[0].values), ["30", "库存预警", "多个服务", "11:04"]);
}

#[tokio::test]
async fn one_fault_that_names_no_service_is_not_several_services() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let bench = bench(config(SmsProvider::Aliyun, fake.base()));
    bench.notifier.enqueue(vec![stock(IntegrationKind::Sms, 1, "critical")]);
    bench.wait(1).await;
    assert_eq!(values(&fake.messages()[0].values), ["1", "库存预警", "LowStock", "11:04"]);
}

#[tokio::test]
async fn of_several_alerts_of_a_rule_the_first_is_told_in_the_shops_words() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let bench = bench(config(SmsProvider::Aliyun, fake.base()));
    let failing = |edition, summary| {
        let labels =
            [("alertname", "HighPaymentFailureRate"), ("severity", "critical"), ("edition", edition)];
        alert(&labels, &[("summary", summary)])
    };
    let both = vec![failing("corrected", "支付失败率过高：78.58%"), failing("", "支付失败率过高")];
    bench.notifier.enqueue(vec![delivery(IntegrationKind::Sms, 1, both)]);
    bench.wait(1).await;
    assert_eq!(values(&fake.messages()[0].values), ["2", "支付失败率过高78.58%", "多个服务", "11:04"]);
}

#[tokio::test]
async fn own_variables_are_shortened_only_when_the_provider_wants_it() {
    let fake = FakeTencentSms::start(SmsAccount::default()).unwrap();
    let own = [("1", "{{ .CommonLabels.job }}"), ("2", "http://a.cn/{{ .Status }}"), ("3", "x"), ("4", "y")];
    let template_params = Some(own.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec());
    let bench = bench(SmsConfig { template_params, ..config(SmsProvider::Tencent, fake.base()) });
    bench.notifier.enqueue(vec![one(1)]);
    let results = bench.wait(1).await;
    assert_sent(&results[0], "Ok, 2 numbers");
    assert_eq!(
        (results[0].attempts, values(&fake.messages()[0].values)),
        (2, vec!["postgr", "http:a", "x", "y"])
    );
}
