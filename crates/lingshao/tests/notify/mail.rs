//! Mails: security, form, and every stage at which a server can fail.

use std::time::Duration;

use lingshao_demo::fakes::{CA_PEM, FakeSmtp, Mail, SmtpFault, SmtpOptions, SmtpSecurity, SmtpStage};
use lingshao_model::IntegrationKind;
use lingshao_wire::alertmanager_config::{EmailConfig, HostPort, Receiver, Threading};
use lingshao_wire::prometheus_config::{Secret, TlsConfig};

use crate::support::*;

const PASSWORD: &str = "mail-Pa55-w0rd-Zk";

fn config(fake: &FakeSmtp, security: SmtpSecurity) -> EmailConfig {
    EmailConfig {
        send_resolved: true,
        to: "值班 <duty@example.com>".to_owned(),
        from: "monitor@example.com".to_owned(),
        hello: "shop.example".to_owned(),
        smarthost: HostPort { host: "127.0.0.1".to_owned(), port: fake.address().port().to_string() },
        auth_username: "monitor@example.com".to_owned(),
        auth_password: Some(Secret::new(PASSWORD)),
        auth_password_file: None,
        auth_secret: None,
        auth_secret_file: None,
        auth_identity: String::new(),
        headers: Vec::new(),
        html: None,
        text: None,
        require_tls: security == SmtpSecurity::StartTls,
        force_implicit_tls: (security == SmtpSecurity::Implicit).then_some(true),
        tls_config: TlsConfig { ca: Some(CA_PEM.to_owned()), ..TlsConfig::default() },
        threading: Threading::default(),
    }
}

fn bench(config: EmailConfig) -> Bench {
    Bench::new(&[Receiver { email: vec![config], ..receiver() }])
}

fn start(security: SmtpSecurity) -> FakeSmtp {
    FakeSmtp::start(SmtpOptions { security, ..SmtpOptions::default() }).unwrap()
}

fn one() -> lingshao_model::Delivery {
    delivery(IntegrationKind::Email, 0xabc, vec![database_down()])
}

async fn mail_of(config: EmailConfig, fake: &FakeSmtp) -> Mail {
    let bench = bench(config);
    bench.notifier.enqueue(vec![one()]);
    bench.wait(1).await;
    fake.mails().remove(0)
}

#[tokio::test]
async fn mails_go_out_by_every_kind_of_security() {
    for security in [SmtpSecurity::StartTls, SmtpSecurity::Implicit, SmtpSecurity::Plain] {
        let fake = start(security);
        let mail = mail_of(config(&fake, security), &fake).await;
        assert_eq!(
            (mail.tls, mail.user.as_deref()),
            (security != SmtpSecurity::Plain, Some("monitor@example.com"))
        );
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("monitor@example.com", &["duty@example.com".to_owned()][..])
        );
        let id = "<00000000000000000000000000000abc@example.com>";
        assert_eq!(mail.header("Message-ID").as_deref(), Some(id));
        assert_eq!(mail.header("Subject").as_deref(), Some("🔴 告警：DatabaseDown 数据库连接失败"));
        let text = mail.part("text/plain").unwrap();
        assert!(text.contains("级别：严重\r\n说明：PostgreSQL数据库无法连接\r\n"), "{text}");
        assert!(text.contains("开始：2026-01-02 11:04:05"), "{text}");
        let html = mail.part("text/html").unwrap();
        assert!(html.contains("<td>PostgreSQL数据库无法连接</td>"), "{html}");
    }
}

#[tokio::test]
async fn tls_that_was_asked_for_is_required() {
    let fake =
        FakeSmtp::start(SmtpOptions { security: SmtpSecurity::Plain, login: None, ..SmtpOptions::default() });
    let fake = fake.unwrap();
    let bench = bench(config(&fake, SmtpSecurity::StartTls));
    bench.notifier.enqueue(vec![one()]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "STARTTLS");
    assert!(fake.mails().is_empty());
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_refused() {
    let fake = start(SmtpSecurity::Implicit);
    let untrusting =
        EmailConfig { tls_config: TlsConfig::default(), ..config(&fake, SmtpSecurity::Implicit) };
    let bench = bench(untrusting);
    bench.notifier.enqueue(vec![one()]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(fake.mails().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_final_and_is_not_shown() {
    let fake = start(SmtpSecurity::StartTls);
    let auth_password = Some(Secret::new("wrong-Pa55-w0rd"));
    let bench = bench(EmailConfig { auth_password, ..config(&fake, SmtpSecurity::StartTls) });
    bench.notifier.enqueue(vec![one()]);
    let results = bench.wait(1).await;
    assert_failed(&results[0], "535");
    assert!(!format!("{results:?}").contains("wrong-Pa55"));
}

#[tokio::test]
async fn refusals_that_pass_are_tried_again() {
    let answers = [
        SmtpFault::Answer(SmtpStage::Connect, "421 4.3.2 shutting down"),
        SmtpFault::Answer(SmtpStage::Mail, "451 4.3.0 try again later"),
        SmtpFault::Answer(SmtpStage::Recipient, "450 4.2.1 greylisted"),
        SmtpFault::Answer(SmtpStage::Body, "452 4.3.1 no room"),
        SmtpFault::Drop(SmtpStage::Connect),
        SmtpFault::Drop(SmtpStage::Data),
    ];
    for fault in answers {
        let name = format!("{fault:?}");
        let fake = start(SmtpSecurity::StartTls);
        let bench = bench(config(&fake, SmtpSecurity::StartTls));
        fake.script([fault]);
        bench.notifier.enqueue(vec![one()]);
        let results = bench.wait(1).await;
        assert!(
            matches!(&results[0].outcome, lingshao_model::DeliveryOutcome::Sent(_)),
            "{name}: {results:?}"
        );
        assert_eq!((results[0].attempts, fake.mails().len()), (2, 1), "{name}");
    }
}

#[tokio::test]
async fn refusals_for_good_are_final() {
    for (stage, answer) in [(SmtpStage::Mail, "550 5.7.1 no"), (SmtpStage::Body, "554 5.6.0 spam")] {
        let fake = start(SmtpSecurity::StartTls);
        let bench = bench(config(&fake, SmtpSecurity::StartTls));
        fake.script([SmtpFault::Answer(stage, answer)]);
        bench.notifier.enqueue(vec![one()]);
        assert_failed(&bench.wait(1).await[0], &answer[..3]);
    }
}

#[tokio::test]
async fn a_drop_after_the_mail_repeats_it_under_the_same_id() {
    let fake = start(SmtpSecurity::StartTls);
    let bench = bench(config(&fake, SmtpSecurity::StartTls));
    fake.script([SmtpFault::Drop(SmtpStage::Body)]);
    bench.notifier.enqueue(vec![one()]);
    bench.wait(1).await;
    let ids: Vec<_> = fake.mails().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
}

#[tokio::test]
async fn one_bad_address_does_not_keep_the_news_from_the_others() {
    let fake = start(SmtpSecurity::StartTls);
    let to = "gone@example.com, duty@example.com, boss@example.com".to_owned();
    let bench = bench(EmailConfig { to, ..config(&fake, SmtpSecurity::StartTls) });
    let refusal = SmtpFault::Answer(SmtpStage::Recipient, "550 5.1.1 no such user");
    fake.script([refusal.clone(), refusal]);
    bench.notifier.enqueue(vec![one()]);
    let results = bench.wait(1).await;
    let told: Vec<_> = fake.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told, ["duty@example.com", "boss@example.com"]);
    let said = format!("{:?}", results[0].outcome);
    assert!(said.contains("to 2 addresses, not to gone@example.com"), "{said}");
}

#[tokio::test]
async fn labels_cannot_add_headers_or_markup() {
    let fake = start(SmtpSecurity::StartTls);
    let headers = vec![
        ("Subject".to_owned(), "{{ .CommonLabels.path }}".to_owned()),
        ("X-Shop".to_owned(), "灵鲜 {{ .Status }}".to_owned()),
    ];
    let bench = bench(EmailConfig { headers, ..config(&fake, SmtpSecurity::StartTls) });
    let evil =
        alert(&[("alertname", "X"), ("path", "a\r\nBcc: evil@example.com\r\n\r\n<script>x</script>")], &[]);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::Email, 1, vec![evil])]);
    bench.wait(1).await;
    let mail = &fake.mails()[0];
    assert_eq!((mail.to.len(), mail.header("Bcc")), (1, None));
    let subject = "a Bcc: evil@example.com <script>x</script>";
    assert_eq!(mail.header("Subject").as_deref(), Some(subject));
    assert!(mail.header("X-Shop").is_some());
    let html = mail.part("text/html").unwrap();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
}

#[tokio::test]
async fn mails_of_one_group_form_a_thread_when_asked() {
    let fake = start(SmtpSecurity::StartTls);
    let threading = Threading { enabled: true, thread_by_date: "none".to_owned() };
    let bench = bench(EmailConfig { threading, ..config(&fake, SmtpSecurity::StartTls) });
    bench.notifier.enqueue(vec![one()]);
    bench.wait(1).await;
    bench.notifier.enqueue(vec![ended(one())]);
    bench.wait(2).await;
    let threads: Vec<_> = fake.mails().iter().map(|mail| mail.header("References").unwrap()).collect();
    assert_eq!(threads[0], threads[1]);
}

#[tokio::test]
async fn a_hundred_alerts_are_one_mail_with_all_names() {
    let fake = start(SmtpSecurity::StartTls);
    let bench = bench(config(&fake, SmtpSecurity::StartTls));
    let stock = |n: u32| stock(IntegrationKind::Email, n, "warning").alerts.remove(0);
    bench.notifier.enqueue(vec![delivery(IntegrationKind::Email, 1, (0..100).map(stock).collect())]);
    bench.wait(1).await;
    let html = fake.mails()[0].part("text/html").unwrap();
    assert!((0..100).all(|n| html.contains(&format!("p-{n:05}"))), "{html}");
}

#[tokio::test]
async fn a_storm_of_groups_is_one_mail() {
    let fake = start(SmtpSecurity::StartTls);
    let bench = bench(config(&fake, SmtpSecurity::StartTls));
    bench.notifier.enqueue((0..500).map(|n| stock(IntegrationKind::Email, n, "warning")).collect());
    bench.wait(500).await;
    let mails = fake.mails();
    assert_eq!((mails.len(), mails[0].header("Subject").as_deref()), (1, Some("告警汇总：500 组")));
    let text = mails[0].part("text/plain").unwrap();
    assert!((0..500).all(|n| text.contains(&format!("p-{n:05}"))), "{text}");
}
