//! No secret is in what anybody can read: answers, pages, log lines, errors, the state database.

use std::path::Path;

use lingshao_demo::fakes::{FakeDingtalk, FakeFeishu, FakeWechat, FakeWecom, SmsAccount};

use crate::harness::{Server, run, text};
use crate::support::Home;

const PAGES: [&str; 14] = [
    "/metrics",
    "/api/v1/status/config",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/v1/targets",
    "/api/v1/alertmanagers",
    "/api/v1/status/flags",
    "/api/v1/status/runtimeinfo",
    "/api/v2/status",
    "/api/v2/receivers",
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/silences",
    "/api/lingshao/v1/notifications?limit=1000",
];

fn all() -> Vec<String> {
    let secrets = [FakeWecom::key(), FakeDingtalk::token(), FakeDingtalk::secret(), FakeFeishu::token()];
    let more = [FakeFeishu::secret(), FakeWechat::secret(), "mail-Pa55-w0rd-Zk"];
    let secrets = secrets.into_iter().chain(more).map(str::to_owned);
    secrets.chain([SmsAccount::default().key_secret]).collect()
}

#[track_caller]
fn none_in(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in all() {
        let found = text.find(&secret).map(|at| {
            let from = (0..=at.saturating_sub(200)).rev().find(|from| text.is_char_boundary(*from));
            text[from.unwrap_or(0)..at].to_owned()
        });
        assert_eq!(found, None, "{secret} is in {what}");
    }
}

/// Of a process that was configured with all of them, and whose messages failed in every way.
pub(crate) fn are_nowhere(home: &Home, server: &Server) {
    for page in PAGES {
        let answer = server.get(page);
        assert!(answer.status == 200 || answer.status == 404, "{page}: {} {}", answer.status, answer.body);
        none_in(page, answer.body.as_bytes());
        none_in(page, answer.head.as_bytes());
    }
    none_in("the log", server.log().as_bytes());
    for file in files_below(&home.data()) {
        none_in(&file, &std::fs::read(&file).unwrap_or_default()); // Deleted meanwhile: nothing in it.
    }
    let checked = run(&["check", &text(home.folder.path().join("lingshao.yml"))]);
    none_in("check", &[checked.stdout, checked.stderr].concat());
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(text(path));
        }
    }
    files
}

#[test]
fn mistakes_in_a_config_do_not_repeat_its_secrets() {
    let home = Home::new("");
    let key = FakeWecom::key();
    let password = "mail-Pa55-w0rd-Zk";
    for wrong in [
        format!("wecom_configs: [{{url: 'qyapi.weixin.qq.com/cgi-bin/webhook/send?key={key}'}}]"),
        format!("wecom_configs: [{{url: 'ftp://qyapi.weixin.qq.com/?key={key}'}}]"),
        format!("wecom_configs: [{{url: ['http://a/?key={key}']}}]"),
        format!("wecom_configs: [{{uri: 'http://a/?key={key}'}}]"),
        format!("email_configs: [{{to: a@b.cn, auth_password: ['{password}']}}]"),
        format!("webhook_configs: [{{url: 'http://a:{password}@b c/'}}]"),
    ] {
        home.configure(&format!("alerting:\n  receivers:\n  - name: a\n    {wrong}\n"));
        let checked = run(&["check", &text(home.folder.path().join("lingshao.yml"))]);
        assert_eq!(checked.status.code(), Some(1), "{wrong}");
        none_in(&wrong, &[checked.stdout, checked.stderr].concat());
    }
}
