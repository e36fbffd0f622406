//! A WeCom application, which Alertmanager calls `wechat`: `gettoken`, then `message/send` with the token.

use std::io;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Message;
use super::http::{Fake, Reply, Request, Service};

const CORP_ID: &str = "ww0123456789abcdef";
const SECRET: &str = "app-secret-8Yt2kQ";
/// Of one application, text in bytes of UTF-8; beyond it the service cuts.
const TEXT_BYTES_MAX: usize = 2_048;

/// A running service.
pub type FakeWechat = Fake<Wechat>;

/// How the service judges.
pub struct Wechat {
    tokens_given: u64,
    token: Option<String>,
}

impl FakeWechat {
    /// On a free port.
    pub fn start() -> io::Result<FakeWechat> {
        Fake::of(Wechat { tokens_given: 0, token: None })
    }

    /// `api_url` of a `wechat_configs` entry.
    pub fn url(&self) -> String {
        format!("{}/cgi-bin/", self.base())
    }

    /// `corp_id`
    pub fn corp_id() -> &'static str {
        CORP_ID
    }

    /// `api_secret`; it must be seen nowhere.
    pub fn secret() -> &'static str {
        SECRET
    }

    /// From now on the token that was given is answered with 42001.
    pub fn expire_token(&self) {
        self.service(|service| service.token = None);
    }

    /// What people see.
    pub fn messages(&self) -> Vec<Message> {
        let sent = self.taken().into_iter().filter(|one| one.request.path().ends_with("/message/send"));
        sent.map(|one| {
            let body = one.request.json().unwrap_or_default();
            let kind = body["msgtype"].as_str().unwrap_or_default().to_owned();
            let text = body[&kind]["content"].as_str().unwrap_or_default().to_owned();
            let to = ["touser", "toparty", "totag"].iter().filter_map(|name| body[*name].as_str());
            let mentioned = to.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Message { at: one.at, kind, text, mentioned }
        })
        .collect()
    }
}

impl Wechat {
    fn token(&mut self, request: &Request) -> Reply {
        if request.parameter("corpid").as_deref() != Some(CORP_ID) {
            return refusal(40_013, "invalid corpid");
        }
        if request.parameter("corpsecret").as_deref() != Some(SECRET) {
            return refusal(40_001, "invalid credential");
        }
        self.tokens_given += 1;
        let token = format!("token-{}", self.tokens_given);
        self.token = Some(token.clone());
        let body = json!({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7_200});
        Reply::json(200, &body, false)
    }

    fn send(&self, request: &Request) -> Reply {
        let token = request.parameter("access_token");
        if token.is_none() {
            return refusal(41_001, "access_token missing");
        }
        if token != self.token {
            return refusal(42_001, "access_token expired");
        }
        let Some(body) = request.json() else {
            return refusal(47_001, "data format error");
        };
        judge_message(&body)
    }
}

impl Service for Wechat {
    fn answer(&mut self, request: &Request, _now: SystemTime) -> Reply {
        match request.path() {
            "/cgi-bin/gettoken" => self.token(request),
            "/cgi-bin/message/send" if request.method == "POST" => self.send(request),
            "/cgi-bin/message/send" => refusal(43_002, "require POST method"),
            _ => refusal(40_063, "invalid url"),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        refusal(code.parse().expect("WeCom's codes are numbers"), "fault by script")
    }
}

fn judge_message(body: &Value) -> Reply {
    let kind = body["msgtype"].as_str().unwrap_or_default();
    if !["text", "markdown"].contains(&kind) {
        return refusal(40_008, "invalid message type");
    }
    let to = ["touser", "toparty", "totag"];
    if to.iter().all(|name| body[*name].as_str().unwrap_or_default().is_empty()) {
        return refusal(40_031, "touser & toparty & totag all empty");
    }
    // Alertmanager sends the agent as text, and the service takes both.
    if body["agentid"].as_str().is_none_or(str::is_empty) && !body["agentid"].is_number() {
        return refusal(40_056, "invalid agentid");
    }
    match body[kind]["content"].as_str().unwrap_or_default().len() {
        0 => refusal(44_004, "empty content"),
        bytes if TEXT_BYTES_MAX < bytes => refusal(40_058, "content exceed max length 2048"),
        _ => Reply::json(200, &json!({"errcode": 0, "errmsg": "ok", "invaliduser": "", "msgid": "x"}), true),
    }
}

fn refusal(code: i64, text: &str) -> Reply {
    Reply::json(200, &json!({"errcode": code, "errmsg": text}), false)
}
