//! A shop whose state the test decides, and the binary that watches it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lingshao_demo::fakes::{CA_PEM, Fake, FakeSmtp, Reply, Request, Service, SmsAccount};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, text};

/// Long enough for one retry after a pause of a minute on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A target with one page.
pub(crate) type Shop = Fake<Page>;

/// What is scraped; `None` is a server that answers 500.
pub(crate) struct Page(Option<String>);

impl Service for Page {
    fn answer(&mut self, _request: &Request, _now: SystemTime) -> Reply {
        let headers = vec![("Content-Type".to_owned(), "text/plain; version=0.0.4".to_owned())];
        match &self.0 {
            Some(page) => Reply { status: 200, headers, body: page.clone(), taken: false },
            None => self.refusal("down"),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        Reply { status: 500, headers: Vec::new(), body: code.to_owned(), taken: false }
    }
}

/// A shop that shows this page.
pub(crate) fn shop(page: &str) -> Shop {
    Fake::of(Page(Some(page.to_owned()))).unwrap()
}

pub(crate) fn show(shop: &Shop, page: Option<&str>) {
    shop.service(|own| own.0 = page.map(str::to_owned));
}

/// A folder with the configuration and the data of one process, which may be started again and again.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    environment: Vec<(String, String)>,
    interval: &'static str,
}

impl Home {
    /// `extra` is everything beside the intervals: `scrape_configs`, `rule_files`, `alerting` …
    pub(crate) fn new(extra: &str) -> Home {
        Home::with_interval("1s", extra)
    }

    /// With another interval of scrapes and rules.
    pub(crate) fn with_interval(interval: &'static str, extra: &str) -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap(), environment: Vec::new(), interval };
        home.write("ca.pem", CA_PEM);
        home.configure(extra);
        home
    }

    pub(crate) fn configure(&self, extra: &str) {
        let [scrape, timeout, rules] = ["scrape_interval", "scrape_timeout", "evaluation_interval"];
        let own = self.interval;
        let global = format!("global: {{{scrape}: {own}, {timeout}: {own}, {rules}: {own}}}\n");
        self.write("lingshao.yml", &format!("{global}{extra}"));
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(own, _)| own != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(own, _)| own != name);
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    #[track_caller]
    pub(crate) fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|(status, log)| panic!("it ended with {status}:\n{log}"))
    }

    pub(crate) fn try_start(&self) -> Result<Server, (std::process::ExitStatus, String)> {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let config = text(self.folder.path().join("lingshao.yml"));
        Server::try_start_in(&environment, &self.data(), &["--config", &config])
    }
}

/// `scrape_configs` with one job.
pub(crate) fn job(name: &str, shop: &Shop) -> String {
    let address = shop.address();
    format!("scrape_configs:\n- job_name: {name}\n  static_configs: [{{targets: ['{address}']}}]\n")
}

/// An alert for `POST /api/v2/alerts`, without an end.
pub(crate) fn alert(labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({"labels": labels, "annotations": {"summary": "test"}})
}

/// The same, ended now.
pub(crate) fn ended(labels: &[(&str, &str)]) -> Value {
    let mut alert = alert(labels);
    alert["endsAt"] = json!(jiff::Timestamp::now().to_string());
    alert
}

#[track_caller]
pub(crate) fn post(server: &Server, alerts: &[Value]) {
    let answer = try_post(server, alerts).expect("it runs");
    assert_eq!(answer.0, 200, "{}", answer.1);
}

/// Status and body.
pub(crate) fn try_post(server: &Server, alerts: &[Value]) -> std::io::Result<(u16, String)> {
    let headers = [("Content-Type", "application/json")];
    let body = serde_json::to_vec(alerts).unwrap();
    let answer = server.try_request("POST", "/api/v2/alerts", &headers, &body)?;
    Ok((answer.status, answer.body))
}

/// An `email_configs` entry for a fake mail server with STARTTLS and a login.
pub(crate) fn mail_config(smtp: &FakeSmtp, folder: &Path) -> String {
    let address = smtp.address();
    let ca = text(folder.join("ca.pem"));
    format!(
        "{{to: 'ops@example.com', from: 'monitor@example.com', smarthost: '{address}', send_resolved: true, \
         auth_username: 'monitor@example.com', auth_password: 'mail-Pa55-w0rd-Zk', require_tls: true, \
         tls_config: {{ca_file: '{ca}', server_name: localhost}}}}"
    )
}

/// An `sms_configs` entry.
pub(crate) fn sms_config(provider: &str, endpoint: &str, number: &str) -> String {
    let account = SmsAccount::default();
    let (id, secret, app) = (account.key_id, account.key_secret, account.app_id);
    let (sign, template) = (account.sign_name, account.template_id);
    let app = if provider == "tencent" { format!("sdk_app_id: '{app}', ") } else { String::new() };
    format!(
        "{{provider: {provider}, endpoint: '{endpoint}', access_key_id: '{id}', access_key_secret: '{secret}', {app}\
         sign_name: '{sign}', template_id: '{template}', phone_numbers: ['{number}']}}"
    )
}
