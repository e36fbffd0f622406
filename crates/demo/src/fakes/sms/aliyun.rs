//! Aliyun (阿里云) SendSms, 2017-05-25, with the signature ACS3-HMAC-SHA256 ("V3 版本请求体&签名机制").

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::{ShortMessage, SmsAccount, authorization, hex, hmac_sha256, holds_link, sha256};
use crate::fakes::http::{Fake, Reply, Request, Service};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const NUMBERS_MAX: usize = 1_000;
/// Of one variable, in characters ("模板变量规范").
const VARIABLE_CHARS_MAX: usize = 35;
const CLOCK_MAY_DIFFER: Duration = Duration::from_secs(900);
/// Nonces that are remembered before old ones are looked for; a request with an older one is refused for its time.
const NONCES_MAX: usize = 10_000;

/// A running service.
pub type FakeAliyunSms = Fake<Aliyun>;

/// How the service judges.
pub struct Aliyun {
    account: SmsAccount,
    nonces: HashMap<String, SystemTime>,
}

/// HTTP status, code, message.
pub(crate) type Refusal = (u16, &'static str, String);

impl FakeAliyunSms {
    /// On a free port, with an account.
    pub fn start(account: SmsAccount) -> io::Result<FakeAliyunSms> {
        Fake::of(Aliyun::new(account))
    }

    /// What went out, one entry per telephone.
    pub fn messages(&self) -> Vec<ShortMessage> {
        let taken = self.taken();
        let messages = taken.iter().flat_map(|received| {
            let parameters = parameters(&received.request);
            let values = values(parameter(&parameters, "TemplateParam")).unwrap_or_default();
            let numbers = parameter(&parameters, "PhoneNumbers").to_owned();
            let numbers: Vec<String> = numbers.split(',').map(str::to_owned).collect();
            numbers.into_iter().map(move |number| ShortMessage {
                at: received.at,
                number,
                values: values.clone(),
            })
        });
        messages.collect()
    }
}

impl Service for Aliyun {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        match self.check_caller(request, now).and_then(|()| self.check_message(&parameters(request))) {
            Ok(()) => {
                let body = json!({"Code": "OK", "Message": "OK", "BizId": "9006197469364984", "RequestId": "F655A8D5"});
                Reply::json(200, &body, true)
            }
            Err((status, code, text)) => refusal(status, code, &text),
        }
    }

    /// `isv.…` comes with 200, `isp.…` too, everything else with 400, or 503 when the service is at fault.
    fn refusal(&self, code: &str) -> Reply {
        let status = match code {
            _ if code.starts_with("is") => 200,
            "InternalError" | "ServiceUnavailable" => 503,
            _ => 400,
        };
        refusal(status, code, "fault by script")
    }
}

impl Aliyun {
    pub(crate) fn new(account: SmsAccount) -> Aliyun {
        Aliyun { account, nonces: HashMap::new() }
    }

    fn check_caller(&mut self, request: &Request, now: SystemTime) -> Result<(), Refusal> {
        let header = |name: &'static str| {
            let missing = || (400, "MissingParameter", format!("the header {name} is mandatory"));
            request.header(name).ok_or_else(missing)
        };
        if header("x-acs-action")? != "SendSms" || header("x-acs-version")? != "2017-05-25" {
            return Err((404, "InvalidAction.NotFound", "Specified api is not found.".to_owned()));
        }
        let date: jiff::Timestamp = header("x-acs-date")?.parse().map_err(|_| {
            (400, "IllegalTimestamp", "The input parameter Timestamp is not valid.".to_owned())
        })?;
        let apart = now.duration_since(SystemTime::from(date)).unwrap_or_else(|ahead| ahead.duration());
        if CLOCK_MAY_DIFFER < apart {
            return Err((
                400,
                "InvalidTimeStamp.Expired",
                "Specified time stamp or date value is expired.".to_owned(),
            ));
        }
        let [credential, signed, signature] =
            authorization(header("authorization")?, ALGORITHM).ok_or_else(|| {
                (400, "IncompleteSignature", "The Authorization header is not complete.".to_owned())
            })?;
        if credential != self.account.key_id {
            return Err((
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.".to_owned(),
            ));
        }
        if header("x-acs-content-sha256")? != sha256(&request.body) {
            return Err((400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the body's".to_owned()));
        }
        if expected_signature(request, signed, &self.account.key_secret).as_deref() != Some(signature) {
            return Err((
                400,
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation.".to_owned(),
            ));
        }
        let nonce = header("x-acs-signature-nonce")?.to_owned();
        if NONCES_MAX < self.nonces.len() {
            self.nonces.retain(|_, at| now < *at + 2 * CLOCK_MAY_DIFFER);
        }
        if self.nonces.insert(nonce, now).is_some() {
            return Err((
                400,
                "SignatureNonceUsed",
                "Specified signature nonce was used already.".to_owned(),
            ));
        }
        Ok(())
    }

    pub(crate) fn check_message(&self, parameters: &[(String, String)]) -> Result<(), Refusal> {
        let refuse = |code: &'static str, text: &str| Err((200, code, text.to_owned()));
        let given = |name: &str| parameter(parameters, name);
        let numbers: Vec<&str> = given("PhoneNumbers").split(',').collect();
        if NUMBERS_MAX < numbers.len() {
            return refuse("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制");
        }
        if !numbers.iter().all(|number| is_number(number)) {
            return refuse("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号");
        }
        if given("SignName") != self.account.sign_name {
            return refuse("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法");
        }
        if given("TemplateCode") != self.account.template_id {
            return refuse("isv.SMS_TEMPLATE_ILLEGAL", "短信模版不合法");
        }
        let Some(values) = values(given("TemplateParam")) else {
            return refuse("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值");
        };
        if !self.account.variables.iter().all(|name| values.iter().any(|(own, _)| own == name)) {
            return refuse("isv.TEMPLATE_MISSING_PARAMETERS", "模版缺少变量");
        }
        for (name, value) in &values {
            if holds_link(value) {
                return refuse("isv.PARAM_NOT_SUPPORT_URL", "不支持URL");
            }
            if VARIABLE_CHARS_MAX < value.chars().count() || value.is_empty() {
                let text = format!("参数超出长度限制: {name}");
                return Err((200, "isv.PARAM_LENGTH_LIMIT", text));
            }
        }
        Ok(())
    }
}

fn refusal(status: u16, code: &str, text: &str) -> Reply {
    Reply::json(status, &json!({"Code": code, "Message": text, "RequestId": "F655A8D5"}), false)
}

/// Of the query and of a form in the body: the service takes both.
fn parameters(request: &Request) -> Vec<(String, String)> {
    let form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form"));
    let body: &[u8] = if form { &request.body } else { b"" };
    request.query().into_iter().chain(form_urlencoded::parse(body).into_owned()).collect()
}

fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    parameters.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

/// A JSON object of texts; numbers are refused.
fn values(json: &str) -> Option<Vec<(String, String)>> {
    let object: Map<String, Value> = serde_json::from_str(json).ok()?;
    object.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}

/// A mobile number of the mainland, with or without the country.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix("+86").or_else(|| text.strip_prefix("86")).unwrap_or(text);
    digits.len() == 11 && digits.starts_with('1') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the caller must have computed; `None` when a header that must be signed is not.
fn expected_signature(request: &Request, signed: &str, secret: &str) -> Option<String> {
    let names: Vec<&str> = signed.split(';').collect();
    let must = |name: &str| name == "host" || name == "content-type" || name.starts_with("x-acs-");
    let all_signed = request.headers.iter().all(|(name, _)| !must(name) || names.contains(&name.as_str()));
    (all_signed && names.is_sorted()).then_some(())?;
    let mut headers = String::new();
    for name in &names {
        headers += &format!("{name}:{}\n", request.header(name)?.trim());
    }
    let mut query: Vec<(String, String)> =
        request.query().iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{signed}\n{}",
        request.method,
        request.path(),
        query.join("&"),
        request.header("x-acs-content-sha256")?
    );
    let text = format!("{ALGORITHM}\n{}", sha256(canonical.as_bytes()));
    Some(hex(&hmac_sha256(secret.as_bytes(), &text)))
}

/// RFC 3986: everything but letters, digits and `-_.~`.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
