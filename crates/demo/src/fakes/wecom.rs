//! A WeCom (企业微信) group robot: `POST /cgi-bin/webhook/send?key=…`, errors as `errcode` under HTTP 200.
//!
//! Limits from the vendor's page "群机器人配置说明" (developer.work.weixin.qq.com/document/path/91770).

use std::io;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::http::{Fake, Reply, Request, Service};
use super::window::Window;
use super::{Message, Received};

/// Characters count by their bytes in UTF-8.
const TEXT_BYTES_MAX: usize = 2_048;
const MARKDOWN_BYTES_MAX: usize = 4_096;
const MESSAGES_PER_MINUTE: usize = 20;
const KEY: &str = "693a91f6-7c0f-4bc4-97a0-0ec25fa5aaa7";

/// A running robot.
pub type FakeWecom = Fake<Wecom>;

/// How a group robot judges.
pub struct Wecom {
    window: Window,
}

impl FakeWecom {
    /// On a free port.
    pub fn start() -> io::Result<FakeWecom> {
        Fake::of(Wecom::new())
    }

    /// On a free port, over TLS.
    pub fn start_tls() -> io::Result<FakeWecom> {
        Fake::of_tls(Wecom::new())
    }

    /// The secret address of the robot, as WeCom shows it.
    pub fn url(&self) -> String {
        format!("{}/cgi-bin/webhook/send?key={KEY}", self.base())
    }

    /// The secret in [`FakeWecom::url`]; it must be seen nowhere.
    pub fn key() -> &'static str {
        KEY
    }

    /// What the group sees.
    pub fn messages(&self) -> Vec<Message> {
        self.taken().iter().map(message).collect()
    }
}

impl Wecom {
    pub(crate) fn new() -> Wecom {
        Wecom { window: Window::new(MESSAGES_PER_MINUTE, Duration::from_secs(60)) }
    }

    fn judge(&mut self, request: &Request, now: SystemTime) -> Result<(), (i64, String)> {
        if request.path() != "/cgi-bin/webhook/send" {
            return Err((40_063, "invalid url".to_owned()));
        }
        if request.method != "POST" {
            return Err((43_002, "require POST method".to_owned()));
        }
        if request.parameter("key").as_deref() != Some(KEY) {
            return Err((
                93_000,
                "invalid webhook url, hint: [1700000000_1_x], from ip: 127.0.0.1".to_owned(),
            ));
        }
        if !self.window.allows(now) {
            return Err((45_009, "api freq out of limit, hint: [1700000000_1_x]".to_owned()));
        }
        let Some(body) = request.json() else {
            return Err((47_001, "data format error, hint: [1700000000_1_x]".to_owned()));
        };
        judge_message(&body)
    }
}

impl Service for Wecom {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        match self.judge(request, now) {
            Ok(()) => Reply::json(200, &json!({"errcode": 0, "errmsg": "ok"}), true),
            Err((code, text)) => Reply::json(200, &json!({"errcode": code, "errmsg": text}), false),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        let code: i64 = code.parse().expect("WeCom's codes are numbers");
        Reply::json(200, &json!({"errcode": code, "errmsg": "fault by script"}), false)
    }
}

fn judge_message(body: &Value) -> Result<(), (i64, String)> {
    let kind = body["msgtype"].as_str().unwrap_or_default();
    let bytes_max = match kind {
        "text" => TEXT_BYTES_MAX,
        "markdown" | "markdown_v2" => MARKDOWN_BYTES_MAX,
        _ => return Err((40_008, "invalid message type".to_owned())),
    };
    let Some(content) = body[kind]["content"].as_str().filter(|content| !content.is_empty()) else {
        return Err((44_004, "empty content".to_owned()));
    };
    if bytes_max < content.len() {
        let text = format!("{kind}.content exceed max length {bytes_max}. invalid Request Parameter");
        return Err((40_058, text));
    }
    for list in ["mentioned_list", "mentioned_mobile_list"] {
        let value = &body[kind][list];
        let texts = value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        if !value.is_null() && !texts {
            return Err((40_058, format!("{kind}.{list} invalid Request Parameter")));
        }
    }
    Ok(())
}

fn message(received: &Received) -> Message {
    let body = received.request.json().unwrap_or_default();
    let kind = body["msgtype"].as_str().unwrap_or_default().to_owned();
    let content = &body[&kind];
    let mentioned = ["mentioned_list", "mentioned_mobile_list"].iter().flat_map(|list| {
        let names = content[*list].as_array().cloned().unwrap_or_default();
        names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>()
    });
    Message {
        at: received.at,
        text: content["content"].as_str().unwrap_or_default().to_owned(),
        mentioned: mentioned.collect(),
        kind,
    }
}
