//! Every kind of receiver with every fault: who is told in the end, who is told that it is hopeless, and that none of it
//! shows a secret.

use std::time::{Duration, Instant};

use lingshao_demo::fakes::{
    Fake, FakeAliyunSms, FakeDingtalk, FakeFeishu, FakeSmtp, FakeTencentSms, FakeWebhook, FakeWechat,
    FakeWecom, Fault, Service, SmsAccount, SmtpFault, SmtpOptions, SmtpStage,
};
use serde_json::Value;

use crate::harness::{Server, eventually};
use crate::support::{Home, PATIENCE, alert, mail_config, post, sms_config};

/// A penalty of a minute and what comes after it.
const AT_LAST: Duration = Duration::from_secs(150);

/// What must become of the alert.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// Told once.
    Once,
    /// The message was taken, but the answer was lost: told once, or twice.
    OnceOrTwice,
    /// Given up after one attempt, and told as failed in the history.
    GivenUp,
}
use Expect::{GivenUp, Once, OnceOrTwice};

/// A receiver with a fault of its own.
struct Case {
    name: String,
    expect: Expect,
    /// `…_configs: [ENTRY]`
    config: String,
    fake: Box<dyn Counts>,
}

trait Counts {
    /// Messages that people see.
    fn taken(&self) -> usize;
    /// Requests, also those that were refused.
    fn asked(&self) -> usize;
    /// The moment to end a fault that lasts.
    fn heal(&self);
}

impl<S: Service> Counts for Fake<S> {
    fn taken(&self) -> usize {
        Fake::taken(self).len()
    }

    fn asked(&self) -> usize {
        self.received().len()
    }

    fn heal(&self) {
        self.open().unwrap();
    }
}

impl Counts for FakeSmtp {
    fn taken(&self) -> usize {
        self.mails().len()
    }

    fn asked(&self) -> usize {
        self.mails().len()
    }

    fn heal(&self) {
        self.open().unwrap();
    }
}

/// Faults of anything that speaks HTTP.
fn http_faults() -> Vec<(&'static str, Vec<Fault>, Expect)> {
    vec![
        ("well", vec![], Once),
        ("refuse", vec![], Once),
        ("hang", vec![Fault::Hang], Once),
        ("slow-drip", vec![Fault::SlowDrip(Duration::from_millis(10))], Once),
        ("reset", vec![Fault::Reset], OnceOrTwice),
        ("500", vec![Fault::Status(500, None), Fault::Status(502, None)], Once),
        ("429", vec![Fault::Status(429, Some(2))], Once),
    ]
}

/// A page instead of an answer is no answer, and says nothing for ever.
fn html() -> (&'static str, Vec<Fault>, Expect) {
    ("html", vec![Fault::Html], Once)
}

fn code(code: &'static str, expect: Expect) -> (&'static str, Vec<Fault>, Expect) {
    let times = if expect == GivenUp { 50 } else { 1 };
    (code, vec![Fault::Code(code); times], expect)
}

/// One case per fault, each with a fake of its own.
fn cases<S: Service>(
    kind: &str,
    faults: Vec<(&'static str, Vec<Fault>, Expect)>,
    start: impl Fn() -> Fake<S>,
    config: impl Fn(&Fake<S>) -> String,
) -> Vec<Case> {
    let case = |(fault, script, expect): (&str, Vec<Fault>, Expect)| {
        let fake = start();
        fake.script(script);
        if fault == "refuse" {
            fake.close().unwrap();
        }
        let config = format!("{kind}_configs: [{}]", config(&fake));
        Case { name: format!("{kind}-{fault}"), expect, config, fake: Box::new(fake) }
    };
    faults.into_iter().map(case).collect()
}

fn all_cases(home: &Home) -> Vec<Case> {
    let with = |more: Vec<(&'static str, Vec<Fault>, Expect)>| [http_faults(), more].concat();
    let account = SmsAccount::default();
    let url = |url: String| format!("{{url: '{url}'}}");
    let mut all = cases("webhook", http_faults(), || FakeWebhook::start().unwrap(), |fake| url(fake.url()));
    let more = vec![
        ("404", vec![Fault::Status(404, None); 50], GivenUp),
        ("408", vec![Fault::Status(408, None)], Once),
    ];
    all.extend(cases("webhook", more, || FakeWebhook::start().unwrap(), |fake| url(fake.url())));
    let more = vec![html(), code("45009", Once), code("-1", Once), code("93000", GivenUp)];
    all.extend(cases("wecom", with(more), || FakeWecom::start().unwrap(), |fake| url(fake.url())));
    let more = vec![html(), code("310000", GivenUp), code("300001", GivenUp)];
    let signed = |url: String, secret: &str| format!("{{url: '{url}', secret: '{secret}'}}");
    all.extend(cases(
        "dingtalk",
        with(more),
        || FakeDingtalk::start().unwrap(),
        |fake| signed(fake.url(), FakeDingtalk::secret()),
    ));
    let more = vec![html(), code("11232", Once), code("19021", GivenUp), code("19024", GivenUp)];
    all.extend(cases(
        "feishu",
        with(more),
        || FakeFeishu::start().unwrap(),
        |fake| signed(fake.url(), FakeFeishu::secret()),
    ));
    let more = vec![html(), code("isp.SYSTEM_ERROR", Once), code("isv.SMS_TEMPLATE_ILLEGAL", GivenUp)];
    all.extend(cases(
        "sms",
        with(more),
        || FakeAliyunSms::start(account.clone()).unwrap(),
        |fake| sms_config("aliyun", &fake.base(), "13800000000"),
    ));
    let more =
        vec![html(), code("InternalError.Timeout", Once), code("AuthFailure.SignatureFailure", GivenUp)];
    let tencent = cases(
        "sms",
        with(more),
        || FakeTencentSms::start(account.clone()).unwrap(),
        |fake| sms_config("tencent", &fake.base(), "+8613800000000"),
    );
    all.extend(tencent.into_iter().map(|case| Case { name: case.name.replace("sms", "tencent"), ..case }));
    // The first request asks for a token, the second sends.
    let expired = ("42001", vec![Fault::None, Fault::Code("42001")], Once);
    let more = vec![html(), expired, code("60020", GivenUp)];
    all.extend(cases(
        "wechat",
        with(more),
        || FakeWechat::start().unwrap(),
        |fake| {
            let (id, secret) = (FakeWechat::corp_id(), FakeWechat::secret());
            format!(
                "{{api_url: '{}', corp_id: '{id}', api_secret: '{secret}', agent_id: '1', to_user: '@all'}}",
                fake.url()
            )
        },
    ));
    all.extend(mail_cases(home));
    all
}

fn mail_cases(home: &Home) -> Vec<Case> {
    use SmtpStage::{Auth, Body, Connect, Data, Hello, Mail, Recipient};
    let answer = SmtpFault::Answer;
    let faults = [
        ("well", vec![], Once),
        ("refuse", vec![], Once),
        ("hang", vec![SmtpFault::Hang(Connect)], Once),
        ("421", vec![answer(Connect, "421 4.3.2 try later"), answer(Hello, "421 4.3.2 try later")], Once),
        ("451", vec![answer(Recipient, "451 4.3.0 grey"), answer(Body, "451 4.3.0 full")], Once),
        ("454", vec![answer(Auth, "454 4.7.0 temporary failure")], Once),
        ("550", vec![answer(Recipient, "550 5.1.1 unknown"); 50], GivenUp),
        ("535", vec![answer(Auth, "535 5.7.8 wrong"); 50], GivenUp),
        ("552", vec![answer(Mail, "552 5.3.4 too large"); 50], GivenUp),
        ("drop", vec![SmtpFault::Drop(Data), SmtpFault::Drop(Mail)], Once),
        ("drop-after-data", vec![SmtpFault::Drop(Body)], OnceOrTwice),
    ];
    let case = |(fault, script, expect): (&str, Vec<SmtpFault>, Expect)| {
        let fake = FakeSmtp::start(SmtpOptions::default()).unwrap();
        fake.script(script);
        if fault == "refuse" {
            fake.close().unwrap();
        }
        let config = format!("email_configs: [{}]", mail_config(&fake, home.folder.path()));
        Case { name: format!("email-{fault}"), expect, config, fake: Box::new(fake) }
    };
    faults.into_iter().map(case).collect()
}

/// Each case is a receiver, reached by the label `case`.
fn config(cases: &[Case]) -> String {
    let mut routes = String::new();
    let mut receivers = String::new();
    for case in cases {
        let name = &case.name;
        routes += &format!("    - {{receiver: '{name}', matchers: ['case=\"{name}\"']}}\n");
        receivers += &format!("  - name: '{name}'\n    {}\n", case.config);
    }
    format!(
        "alerting:\n  route:\n    receiver: nobody\n    group_by: [case]\n    group_wait: 0s\n    \
         group_interval: 1h\n    routes:\n{routes}  receivers:\n  - name: nobody\n{receivers}"
    )
}

/// The history's outcome for a receiver: what was told, by which attempts.
fn history(server: &Server) -> Vec<Value> {
    let answer = server.get("/api/lingshao/v1/notifications?limit=1000");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"]["notifications"].as_array().expect("a list").clone()
}

/// What is wrong with a case, if anything.
fn judge(case: &Case, history: &[Value]) -> Option<String> {
    let row = history.iter().find(|row| row["to"]["receiver"] == case.name.as_str());
    let Some(row) = row else { return Some("is not in the history".to_owned()) };
    let (taken, asked) = (case.fake.taken(), case.fake.asked());
    let sent = row["sent"] == true;
    let right = match case.expect {
        Once => taken == 1 && sent,
        OnceOrTwice => (1..=2).contains(&taken) && sent,
        GivenUp => taken == 0 && asked <= 1 && !sent,
    };
    (!right).then(|| format!("{taken} taken of {asked}: {row}"))
}

#[test]
fn every_fault_of_every_receiver_ends_as_it_should_and_shows_no_secret() {
    let home = Home::new("");
    let cases = all_cases(&home);
    home.configure(&config(&cases));
    let server = home.start();
    let alerts: Vec<Value> = cases
        .iter()
        .map(|case| alert(&[("alertname", "Fault"), ("case", &case.name), ("severity", "critical")]))
        .collect();
    let started = Instant::now();
    post(&server, &alerts);
    std::thread::sleep(Duration::from_secs(3));
    cases.iter().filter(|case| case.name.ends_with("refuse")).for_each(|case| case.fake.heal());
    let mut wrong: Vec<(&str, String)> = Vec::new();
    while started.elapsed() < AT_LAST {
        let history = history(&server);
        wrong = cases.iter().filter_map(|case| Some((case.name.as_str(), judge(case, &history)?))).collect();
        if wrong.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let history = history(&server);
    for case in &cases {
        println!("{:28} {:?}: {} taken", case.name, case.expect, case.fake.taken());
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", server.log());
    assert!(cases.len() <= history.len());
    crate::secrets::are_nowhere(&home, &server);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_waited_out_and_a_reload_mends_it() {
    let wecom = FakeWecom::start_tls().unwrap();
    let home = Home::new("");
    let config = |trust: &str| {
        format!(
            "alerting:\n  route: {{receiver: robot, group_wait: 0s}}\n  receivers:\n  - name: robot\n    \
             wecom_configs: [{{url: '{}'{trust}}}]\n",
            wecom.url()
        )
    };
    home.configure(&config(""));
    let server = home.start();
    post(&server, &[alert(&[("alertname", "Sealed")])]);
    let integration = || server.data("/api/lingshao/v1/notifications")["integrations"][0].clone();
    eventually("it says what is wrong", || integration()["error"].is_string());
    let said = integration();
    assert!(said["error"].as_str().unwrap().contains("certificate"), "{said}");
    assert_eq!((said["waiting"].as_u64(), wecom.received().len()), (Some(1), 0));

    home.configure(&config(", http_config: {tls_config: {ca_file: ca.pem}}"));
    let reloaded = server.post_form("/-/reload", "");
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    wecom.wait_taken(1, PATIENCE).unwrap();
    crate::secrets::are_nowhere(&home, &server);
}
