//! Tencent Cloud (腾讯云) SendSms, 2021-01-11, with the signature TC3-HMAC-SHA256 ("签名方法 v3"). Every answer is
//! HTTP 200.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{ShortMessage, SmsAccount, authorization, hex, hmac_sha256, holds_link, sha256};
use crate::fakes::http::{Fake, Reply, Request, Service};

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const NUMBERS_MAX: usize = 200;
/// Of one variable, in characters, for accounts opened after 2024-01-25.
const VARIABLE_CHARS_MAX: usize = 6;
const CLOCK_MAY_DIFFER: Duration = Duration::from_secs(300);

/// A running service.
pub type FakeTencentSms = Fake<Tencent>;

/// How the service judges.
pub struct Tencent {
    account: SmsAccount,
}

pub(crate) type Refusal = (&'static str, &'static str);

impl FakeTencentSms {
    /// On a free port, with an account.
    pub fn start(account: SmsAccount) -> io::Result<FakeTencentSms> {
        Fake::of(Tencent::new(account))
    }

    /// What went out, one entry per telephone; values are numbered from 1.
    pub fn messages(&self) -> Vec<ShortMessage> {
        let taken = self.taken();
        let messages = taken.iter().flat_map(|received| {
            let body = received.request.json().unwrap_or_default();
            let values = texts(&body["TemplateParamSet"]).unwrap_or_default();
            let values: Vec<(String, String)> =
                values.into_iter().enumerate().map(|(at, value)| ((at + 1).to_string(), value)).collect();
            let numbers = texts(&body["PhoneNumberSet"]).unwrap_or_default();
            numbers.into_iter().map(move |number| ShortMessage {
                at: received.at,
                number,
                values: values.clone(),
            })
        });
        messages.collect()
    }
}

impl Service for Tencent {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        let body = match self.check_caller(request, now) {
            Ok(body) => body,
            Err((code, text)) => return refusal(code, text),
        };
        let numbers = match self.check_message(&body) {
            Ok(numbers) => numbers,
            Err((code, text)) => return refusal(code, text),
        };
        let judged = self.check_variables(&body);
        let (code, text) = judged.err().unwrap_or(("Ok", "send success"));
        let one = |number: &String| {
            json!({"SerialNo": "2640:1", "PhoneNumber": number, "Fee": u8::from(judged.is_ok()),
                   "SessionContext": "", "Code": code, "Message": text, "IsoCode": "CN"})
        };
        let set: Vec<Value> = numbers.iter().map(one).collect();
        let body = json!({"Response": {"SendStatusSet": set, "RequestId": "a0aabda6"}});
        Reply::json(200, &body, judged.is_ok())
    }

    fn refusal(&self, code: &str) -> Reply {
        refusal(code, "fault by script")
    }
}

impl Tencent {
    pub(crate) fn new(account: SmsAccount) -> Tencent {
        Tencent { account }
    }

    fn check_caller(&self, request: &Request, now: SystemTime) -> Result<Value, Refusal> {
        const INCOMPLETE: Refusal = ("AuthFailure.SignatureFailure", "请求头部的 Authorization 不符合规范");
        let header = |name: &str| request.header(name).ok_or(("MissingParameter", "缺少公共参数"));
        if header("x-tc-action")? != "SendSms" || header("x-tc-version")? != "2021-01-11" {
            return Err(("InvalidAction", "操作无效"));
        }
        header("x-tc-region")?;
        let timestamp: u64 = header("x-tc-timestamp")?.parse().map_err(|_| INCOMPLETE)?;
        let said = UNIX_EPOCH + Duration::from_secs(timestamp);
        if CLOCK_MAY_DIFFER < now.duration_since(said).unwrap_or_else(|ahead| ahead.duration()) {
            return Err(("AuthFailure.SignatureExpire", "签名过期"));
        }
        let parts = authorization(header("authorization")?, ALGORITHM).ok_or(INCOMPLETE)?;
        let [credential, signed, signature] = parts;
        let scope = credential.strip_prefix(&self.account.key_id).and_then(|rest| rest.strip_prefix('/'));
        let scope = scope.ok_or(("AuthFailure.SecretIdNotFound", "密钥不存在"))?;
        let second =
            i64::try_from(timestamp).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        let date = second.ok_or(INCOMPLETE)?.strftime("%Y-%m-%d").to_string();
        if scope != format!("{date}/sms/tc3_request") || request.method != "POST" {
            return Err(INCOMPLETE);
        }
        let expected = expected_signature(request, signed, &date, timestamp, &self.account.key_secret);
        if expected.as_deref() != Some(signature) {
            return Err(("AuthFailure.SignatureFailure", "签名错误"));
        }
        request.json().ok_or(("InvalidParameter", "the body is no JSON"))
    }

    pub(crate) fn check_message(&self, body: &Value) -> Result<Vec<String>, Refusal> {
        let numbers = texts(&body["PhoneNumberSet"]).filter(|numbers| !numbers.is_empty());
        let numbers = numbers.ok_or(("MissingParameter", "PhoneNumberSet"))?;
        if NUMBERS_MAX < numbers.len() {
            return Err(("LimitExceeded.PhoneNumberCountLimit", "号码数量超过 200"));
        }
        if !numbers.iter().all(|number| is_e164(number)) {
            return Err(("InvalidParameterValue.IncorrectPhoneNumber", "手机号格式错误"));
        }
        if body["SmsSdkAppId"].as_str() != Some(&self.account.app_id) {
            return Err(("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "SmsSdkAppId 校验失败"));
        }
        if body["SignName"].as_str() != Some(&self.account.sign_name) {
            return Err(("FailedOperation.SignatureIncorrectOrUnapproved", "签名未审批或格式错误"));
        }
        if body["TemplateId"].as_str() != Some(&self.account.template_id) {
            return Err(("FailedOperation.TemplateIncorrectOrUnapproved", "模板未审批"));
        }
        Ok(numbers)
    }

    /// These mistakes are told per number.
    pub(crate) fn check_variables(&self, body: &Value) -> Result<(), Refusal> {
        let values = texts(&body["TemplateParamSet"]).unwrap_or_default();
        if values.len() != self.account.variables.len() {
            return Err(("FailedOperation.TemplateParamSetNotMatchApprovedTemplate", "参数个数不匹配"));
        }
        if values.iter().any(|value| holds_link(value)) {
            return Err((
                "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
                "模板变量禁止使用 URL",
            ));
        }
        if values.iter().any(|value| VARIABLE_CHARS_MAX < value.chars().count()) {
            return Err(("InvalidParameterValue.TemplateParameterLengthLimit", "单个模板变量字符数超过规定"));
        }
        Ok(())
    }
}

fn refusal(code: &str, text: &str) -> Reply {
    let error = json!({"Code": code, "Message": text});
    Reply::json(200, &json!({"Response": {"Error": error, "RequestId": "a0aabda6"}}), false)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What the caller must have computed; `None` when `content-type` or `host` is not signed.
fn expected_signature(
    request: &Request,
    signed: &str,
    date: &str,
    timestamp: u64,
    secret: &str,
) -> Option<String> {
    let names: Vec<&str> = signed.split(';').collect();
    (names.is_sorted() && names.contains(&"content-type") && names.contains(&"host")).then_some(())?;
    let mut headers = String::new();
    for name in &names {
        headers += &format!("{name}:{}\n", request.header(name)?.trim().to_lowercase());
    }
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let canonical =
        format!("POST\n{}\n{query}\n{headers}\n{signed}\n{}", request.path(), sha256(&request.body));
    let scope = format!("{date}/sms/tc3_request");
    let text = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let day = hmac_sha256(format!("TC3{secret}").as_bytes(), date);
    let key = hmac_sha256(&hmac_sha256(&day, "sms"), "tc3_request");
    Some(hex(&hmac_sha256(&key, &text)))
}
