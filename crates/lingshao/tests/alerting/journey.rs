//! A target is scraped, goes bad, the plan's rules fire, people are told what the plan says, the target heals, and
//! they are told that too.

use std::time::{Duration, Instant};

use lingshao_demo::fakes::{FakeAliyunSms, FakeSmtp, FakeWecom, Mail, Message, SmsAccount, SmtpOptions};

use crate::harness::Server;
use crate::support::{Home, PATIENCE, Shop, job, mail_config, shop, show, sms_config};

/// The shop while all is well, and while it is out of stock: the plan's rule is `product_stock < 10`.
const WELL: &str = "# TYPE product_stock gauge\nproduct_stock{product=\"apple\"} 50\n";
const SOLD_OUT: &str = "# TYPE product_stock gauge\nproduct_stock{product=\"apple\"} 3\n";

/// The plan's words, with a shorter `for`, so that the test need not wait for a minute.
fn rules() -> String {
    include_str!("../testdata/plan/alerts.yml").replace("for: 5m", "for: 2s").replace("for: 1m", "for: 2s")
}

struct People {
    wecom: FakeWecom,
    smtp: FakeSmtp,
    sms: FakeAliyunSms,
}

impl People {
    fn new() -> People {
        People {
            wecom: FakeWecom::start().unwrap(),
            smtp: FakeSmtp::start(SmtpOptions::default()).unwrap(),
            sms: FakeAliyunSms::start(SmsAccount::default()).unwrap(),
        }
    }

    /// `receivers:` with all three in one receiver, or each in its own.
    fn wecom_and_mail(&self, home: &Home) -> String {
        let mail = mail_config(&self.smtp, home.folder.path());
        format!("    wecom_configs: [{{url: '{}'}}]\n    email_configs: [{mail}]\n", self.wecom.url())
    }

    fn sms(&self) -> String {
        let config = sms_config("aliyun", &self.sms.base(), "13800000000");
        format!("    sms_configs: [{config}]\n")
    }

    #[track_caller]
    fn wecom_says(&self, words: &[&str]) -> Message {
        let holds = |text: &str| words.iter().all(|word| text.contains(word));
        let enough = |text: &[u8]| holds(&String::from_utf8_lossy(text));
        self.wecom
            .wait(PATIENCE, |all| all.iter().any(|one| one.reply.taken && enough(&one.request.body)))
            .unwrap_or_else(|error| panic!("no WeCom message with {words:?}: {error}"));
        self.wecom.messages().into_iter().find(|message| holds(&message.text)).unwrap()
    }

    #[track_caller]
    fn mail_says(&self, words: &[&str]) -> Mail {
        let holds = |mail: &Mail| {
            let text = format!("{:?} {:?}", mail.header("subject"), mail.parts());
            words.iter().all(|word| text.contains(word))
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(mail) = self.smtp.mails().into_iter().find(holds) {
                return mail;
            }
            assert!(Instant::now() < deadline, "no mail with {words:?}: {:#?}", self.smtp.mails());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Both alerts of the plan go through: one warning, one critical.
fn travel(people: &People, shop: &Shop, server: &Server) {
    // Nothing is wrong: nobody is told.
    std::thread::sleep(Duration::from_secs(4));
    assert!(people.wecom.received().is_empty() && people.smtp.mails().is_empty());
    assert!(people.sms.received().is_empty());

    // A warning: WeCom and e-mail.
    show(shop, Some(SOLD_OUT));
    let message = people.wecom_says(&["LowStock", "库存预警", "apple"]);
    assert!(message.text.contains("告警"), "{}", message.text);
    let mail = people.mail_says(&["LowStock", "库存预警"]);
    assert_eq!(mail.to, ["ops@example.com"]);
    assert!(mail.tls && mail.user.is_some());

    // Critical: all three.
    show(shop, None);
    people.wecom_says(&["DatabaseDown", "PostgreSQL数据库无法连接"]);
    people.mail_says(&["DatabaseDown", "PostgreSQL数据库无法连接"]);
    people.sms.wait_taken(1, PATIENCE).unwrap();
    let sms = people.sms.messages();
    assert_eq!(sms[0].number, "13800000000");

    // All is well again.
    show(shop, Some(WELL));
    people.wecom_says(&["DatabaseDown", "恢复"]);
    people.wecom_says(&["LowStock", "恢复"]);
    people.mail_says(&["DatabaseDown", "恢复"]);
    people.mail_says(&["LowStock", "恢复"]);
    // Short messages are for critical alerts only, and not for their end.
    assert_eq!(people.sms.messages().len(), 1, "{:?}", people.sms.messages());
    assert_eq!(people.sms.received().len(), 1);
    let alerts = server.data("/api/v1/alerts");
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 0, "{alerts}");
}

#[test]
fn the_plan_tells_wecom_and_mail_of_all_and_sms_of_critical_only() {
    let (people, shop) = (People::new(), shop(WELL));
    let home = Home::new("");
    home.write("alerts.yml", &rules());
    let receivers =
        format!("  receivers:\n  - name: people\n{}{}", people.wecom_and_mail(&home), people.sms());
    home.configure(&format!("rule_files: [alerts.yml]\n{}alerting:\n{receivers}", job("postgres", &shop)));
    travel(&people, &shop, &home.start());
}

#[test]
fn an_own_route_does_the_same() {
    let (people, shop) = (People::new(), shop(WELL));
    let home = Home::new("");
    home.write("alerts.yml", &rules());
    let route = "  route:\n    receiver: everybody\n    group_by: [alertname]\n    group_wait: 0s\n    \
                 group_interval: 1s\n    routes:\n    - {receiver: phones, matchers: ['severity=\"critical\"'], continue: true}\n    \
                 - {receiver: everybody}\n";
    let everybody = people.wecom_and_mail(&home);
    let receivers =
        format!("  receivers:\n  - name: everybody\n{everybody}  - name: phones\n{}", people.sms());
    home.configure(&format!(
        "rule_files: [alerts.yml]\n{}alerting:\n{route}{receivers}",
        job("postgres", &shop)
    ));
    travel(&people, &shop, &home.start());
}

#[test]
fn the_plans_file_runs_unchanged_and_one_variable_is_enough_for_wecom() {
    let (wecom, shop) = (FakeWecom::start().unwrap(), shop(WELL));
    let mut home = Home::new(&format!("rule_files: [alerts.yml]\n{}", job("postgres", &shop)));
    home.write("alerts.yml", include_str!("../testdata/plan/alerts.yml"));
    home.set("WECHAT_WEBHOOK_URL", &wecom.url());
    let server = home.start();
    let groups = server.data("/api/v1/rules");
    let mut names: Vec<&str> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let expected = [
        "DatabaseDown",
        "GroupBuyTimeout",
        "HighErrorRate",
        "HighPaymentFailureRate",
        "HighResponseTime",
        "LowStock",
    ];
    assert_eq!(names, expected);
    show(&shop, Some(SOLD_OUT));
    let turned = Instant::now();
    let messages = wecom.wait_taken(1, PATIENCE + Duration::from_secs(60)).unwrap();
    assert!(Duration::from_secs(59) < turned.elapsed(), "`for: 1m` is a minute");
    assert_eq!(messages.len(), 1);
    let message = &wecom.messages()[0];
    assert!(message.text.contains("LowStock") && message.text.contains("商品库存低于10"), "{}", message.text);
}
