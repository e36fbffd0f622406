//! A DingTalk (钉钉) group robot: `POST /robot/send?access_token=…&timestamp=…&sign=…`, `errcode` under HTTP 200.
//!
//! Too many messages block the robot for ten minutes, as the real one does.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::Message;
use super::http::{Fake, Reply, Request, Service};
use super::window::Window;

const BODY_BYTES_MAX: usize = 20_000;
const MESSAGES_PER_MINUTE: usize = 20;
const BLOCKED: Duration = Duration::from_secs(600);
const CLOCK_MAY_DIFFER: Duration = Duration::from_secs(3_600);
const TOKEN: &str = "566cc69da782ec33e42541b09b08551f09fbe864eb8008112e994b43887";
const SECRET: &str = "SECfa3c2f8a0d3e9b64b8f2d67c1f20e0d1a5c7";

/// A running robot.
pub type FakeDingtalk = Fake<Dingtalk>;

/// How the robot judges.
pub struct Dingtalk {
    signed: bool,
    window: Window,
    blocked_until: Option<SystemTime>,
}

type Refusal = (i64, &'static str);

impl FakeDingtalk {
    /// On a free port; a signature is demanded.
    pub fn start() -> io::Result<FakeDingtalk> {
        Fake::of(Dingtalk::new(true))
    }

    /// On a free port; without the security setting 加签.
    pub fn start_unsigned() -> io::Result<FakeDingtalk> {
        Fake::of(Dingtalk::new(false))
    }

    /// The robot's address, without a signature.
    pub fn url(&self) -> String {
        format!("{}/robot/send?access_token={TOKEN}", self.base())
    }

    /// The secret in [`FakeDingtalk::url`]; it must be seen nowhere.
    pub fn token() -> &'static str {
        TOKEN
    }

    /// What signatures are made with; it must be seen nowhere.
    pub fn secret() -> &'static str {
        SECRET
    }

    /// What the group sees.
    pub fn messages(&self) -> Vec<Message> {
        let taken = self.taken();
        let messages = taken.iter().map(|received| {
            let body = received.request.json().unwrap_or_default();
            let kind = body["msgtype"].as_str().unwrap_or_default().to_owned();
            let text = words(&body, &kind).unwrap_or_default().to_owned();
            let names = ["atMobiles", "atUserIds"].iter().flat_map(|list| body["at"][*list].as_array());
            let mentioned = names.flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
            Message { at: received.at, kind, text, mentioned }
        });
        messages.collect()
    }
}

impl Dingtalk {
    pub(crate) fn new(signed: bool) -> Dingtalk {
        let window = Window::new(MESSAGES_PER_MINUTE, Duration::from_secs(60));
        Dingtalk { signed, window, blocked_until: None }
    }

    fn judge(&mut self, request: &Request, now: SystemTime) -> Result<(), Refusal> {
        if request.path() != "/robot/send" || request.method != "POST" {
            return Err((404, "请求的URI地址不存在"));
        }
        if request.parameter("access_token").as_deref() != Some(TOKEN) {
            return Err((300_001, "token is not exist"));
        }
        if self.signed {
            check_signature(request, now)?;
        }
        if BODY_BYTES_MAX < request.body.len() {
            return Err((460_101, "message too long, exceed 20000 bytes"));
        }
        if self.blocked_until.is_some_and(|until| now < until) {
            return Err((130_101, "send too fast, exceed 20 times per minute"));
        }
        if !self.window.allows(now) {
            self.blocked_until = Some(now + BLOCKED);
            return Err((130_101, "send too fast, exceed 20 times per minute"));
        }
        let body = request.json().ok_or((40_035, "缺少参数 json"))?;
        let kind = body["msgtype"].as_str().ok_or((40_035, "缺少参数 msgtype"))?;
        words(&body, kind).map(|_| ()).ok_or((40_035, "缺少参数 content 或 title、text"))
    }
}

impl Service for Dingtalk {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        match self.judge(request, now) {
            Ok(()) => Reply::json(200, &json!({"errcode": 0, "errmsg": "ok"}), true),
            Err((code, text)) => Reply::json(200, &json!({"errcode": code, "errmsg": text}), false),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        let code: i64 = code.parse().expect("DingTalk's codes are numbers");
        Reply::json(200, &json!({"errcode": code, "errmsg": "fault by script"}), false)
    }
}

/// `sign` = Base64(HMAC-SHA256(secret, "{milliseconds}\n{secret}")), within an hour.
fn check_signature(request: &Request, now: SystemTime) -> Result<(), Refusal> {
    let timestamp = request.parameter("timestamp").unwrap_or_default();
    let millis: u64 = timestamp.parse().map_err(|_| (310_000, "invalid timestamp"))?;
    let said = UNIX_EPOCH + Duration::from_millis(millis);
    let apart = now.duration_since(said).unwrap_or_else(|ahead| ahead.duration());
    if CLOCK_MAY_DIFFER < apart {
        return Err((310_000, "invalid timestamp"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let expected = STANDARD.encode(hmac::sign(&key, format!("{timestamp}\n{SECRET}").as_bytes()));
    match request.parameter("sign") {
        Some(sign) if sign == expected => Ok(()),
        _ => Err((310_000, "sign not match")),
    }
}

/// What people read; a message without it is incomplete.
fn words<'a>(body: &'a Value, kind: &str) -> Option<&'a str> {
    let words = match kind {
        "text" => &body["text"]["content"],
        "markdown" | "actionCard" => {
            body[kind]["title"].as_str().filter(|title| !title.is_empty())?;
            &body[kind]["text"]
        }
        _ => return None,
    };
    words.as_str().filter(|words| !words.is_empty())
}
