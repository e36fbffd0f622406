//! A Feishu (飞书) group robot: `POST /open-apis/bot/v2/hook/TOKEN`, signature in the body, `code` under HTTP 200.
//!
//! After the vendor's page 自定义机器人使用指南.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::Message;
use super::http::{Fake, Reply, Request, Service};
use super::window::Window;

const BODY_BYTES_MAX: usize = 20 << 10;
const MESSAGES_PER_MINUTE: usize = 100;
const MESSAGES_PER_SECOND: usize = 5;
const CLOCK_MAY_DIFFER: Duration = Duration::from_secs(3_600);
const TOKEN: &str = "9f2c1b7e-4a6d-4c8e-b1f3-2d7a5e8c0b94";
const SECRET: &str = "kVq3nT7wYb5RzX1cD9pL2e";

/// A running robot.
pub type FakeFeishu = Fake<Feishu>;

/// How the robot judges.
pub struct Feishu {
    signed: bool,
    minute: Window,
    second: Window,
}

type Refusal = (i64, &'static str);

impl FakeFeishu {
    /// On a free port; a signature is demanded.
    pub fn start() -> io::Result<FakeFeishu> {
        Fake::of(Feishu::new(true))
    }

    /// On a free port; without the security setting 签名校验.
    pub fn start_unsigned() -> io::Result<FakeFeishu> {
        Fake::of(Feishu::new(false))
    }

    /// The robot's secret address.
    pub fn url(&self) -> String {
        format!("{}/open-apis/bot/v2/hook/{TOKEN}", self.base())
    }

    /// The secret in [`FakeFeishu::url`]; it must be seen nowhere.
    pub fn token() -> &'static str {
        TOKEN
    }

    /// What signatures are made with; it must be seen nowhere.
    pub fn secret() -> &'static str {
        SECRET
    }

    /// What the group sees; of a card or a post its JSON.
    pub fn messages(&self) -> Vec<Message> {
        let taken = self.taken();
        let messages = taken.iter().map(|received| {
            let body = received.request.json().unwrap_or_default();
            let kind = body["msg_type"].as_str().unwrap_or_default().to_owned();
            let text = words(&body, &kind).unwrap_or_default();
            Message { at: received.at, kind, text, mentioned: Vec::new() }
        });
        messages.collect()
    }
}

impl Feishu {
    pub(crate) fn new(signed: bool) -> Feishu {
        let minute = Window::new(MESSAGES_PER_MINUTE, Duration::from_secs(60));
        Feishu { signed, minute, second: Window::new(MESSAGES_PER_SECOND, Duration::from_secs(1)) }
    }

    fn judge(&mut self, request: &Request, now: SystemTime) -> Result<(), Refusal> {
        if request.path().strip_prefix("/open-apis/bot/v2/hook/") != Some(TOKEN) {
            return Err((19_001, "param invalid: incoming webhook access token invalid"));
        }
        if request.method != "POST" || BODY_BYTES_MAX < request.body.len() {
            return Err((9_499, "Bad Request"));
        }
        let body = request.json().ok_or((9_499, "Bad Request"))?;
        if self.signed {
            check_signature(&body, now)?;
        }
        if !self.second.allows(now) || !self.minute.allows(now) {
            return Err((11_232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"));
        }
        let kind = body["msg_type"].as_str().unwrap_or_default();
        words(&body, kind).map(|_| ()).ok_or((9_499, "Bad Request"))
    }
}

impl Service for Feishu {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        match self.judge(request, now) {
            Ok(()) => {
                let body = json!({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"});
                Reply::json(200, &body, true)
            }
            Err((code, text)) => refusal(code, text),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        refusal(code.parse().expect("Feishu's codes are numbers"), "fault by script")
    }
}

fn refusal(code: i64, text: &str) -> Reply {
    Reply::json(200, &json!({"code": code, "data": {}, "msg": text}), false)
}

/// `sign` = Base64(HMAC-SHA256("{seconds}\n{secret}", "")), within an hour: the text is the key.
fn check_signature(body: &Value, now: SystemTime) -> Result<(), Refusal> {
    const WRONG: Refusal = (19_021, "sign match fail or timestamp is not within one hour from current time");
    let timestamp = match &body["timestamp"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(WRONG),
    };
    let seconds: u64 = timestamp.parse().map_err(|_| WRONG)?;
    let said = UNIX_EPOCH + Duration::from_secs(seconds);
    let apart = now.duration_since(said).unwrap_or_else(|ahead| ahead.duration());
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{timestamp}\n{SECRET}").as_bytes());
    let expected = STANDARD.encode(hmac::sign(&key, b""));
    let right = apart <= CLOCK_MAY_DIFFER && body["sign"].as_str() == Some(&expected);
    if right { Ok(()) } else { Err(WRONG) }
}

fn words(body: &Value, kind: &str) -> Option<String> {
    let text = match kind {
        "text" => body["content"]["text"].as_str().unwrap_or_default().to_owned(),
        "post" => body["content"]["post"].as_object().map(|_| body["content"]["post"].to_string())?,
        "interactive" => body["card"].as_object().map(|_| body["card"].to_string())?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
