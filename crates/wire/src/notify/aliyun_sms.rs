//! Aliyun short messages: `SendSms` of 2017-05-25, signed by V3, `ACS3-HMAC-SHA256`
//! (help.aliyun.com, "V3 request structure and signature").

use lingshao_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::sign::{hex, hmac_sha256, host_of, percent_encode, sha256_hex};
use super::{Answer, Request, Verdict, body_or_status, judge_http};
use crate::rfc3339;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const ACTION: &str = "SendSms";
const VERSION: &str = "2017-05-25";

/// Who sends.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// `https://dysmsapi.aliyuncs.com`, without a path.
    pub endpoint: &'a str,
    /// AccessKey id.
    pub key_id: &'a str,
    /// AccessKey secret.
    pub key_secret: &'a str,
}

/// What is sent to whom.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// At most [`super::limits::ALIYUN_NUMBERS_MAX`].
    pub numbers: &'a [String],
    /// The approved signature.
    pub sign_name: &'a str,
    /// The approved template, `SMS_…`.
    pub template_id: &'a str,
    /// Name and value of its variables.
    pub parameters: &'a [(String, String)],
    /// Comes back in the service's reports: the delivery's id.
    pub out_id: &'a str,
}

/// The request. The nonce must never be used twice.
pub fn request(account: &Account<'_>, message: &Message<'_>, nonce: &str, now: Timestamp) -> Request {
    let parameters: Map<String, Value> =
        message.parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let query = canonical_query(&[
        ("OutId", message.out_id),
        ("PhoneNumbers", &message.numbers.join(",")),
        ("SignName", message.sign_name),
        ("TemplateCode", message.template_id),
        ("TemplateParam", &Value::Object(parameters).to_string()),
    ]);
    let body_hash = sha256_hex(b"");
    let date = rfc3339::format(Timestamp(now.0.div_euclid(1000) * 1000));
    let headers = [
        ("host", host_of(account.endpoint)),
        ("x-acs-action", ACTION),
        ("x-acs-content-sha256", &body_hash),
        ("x-acs-date", &date),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", VERSION),
    ];
    let authorization = authorization(account, &query, &headers, &body_hash);
    let mut sent: Vec<(&'static str, String)> =
        headers.iter().skip(1).map(|(name, value)| (*name, (*value).to_owned())).collect();
    sent.push(("authorization", authorization));
    sent.push(("accept", "application/json".to_owned()));
    let url = format!("{}/?{query}", account.endpoint.trim_end_matches('/'));
    Request { is_post: true, url, headers: sent, body: Vec::new() }
}

/// Names in ascending order, both sides encoded.
fn canonical_query(sorted: &[(&str, &str)]) -> String {
    let pairs =
        sorted.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The `Authorization` header of a POST to `/`; `headers` in ascending order of their lower-case names.
fn authorization(account: &Account<'_>, query: &str, headers: &[(&str, &str)], body_hash: &str) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let canonical = format!("POST\n/\n{query}\n{lines}\n{signed}\n{body_hash}");
    let text = format!("{ALGORITHM}\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex(&hmac_sha256(account.key_secret.as_bytes(), text.as_bytes()));
    format!("{ALGORITHM} Credential={},SignedHeaders={signed},Signature={signature}", account.key_id)
}

/// What an answer means; one code for all numbers.
pub fn judge(answer: &Answer<'_>) -> Verdict {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "Code")]
        code: String,
        #[serde(rename = "Message", default)]
        message: String,
        #[serde(rename = "BizId", default)]
        biz_id: String,
    }
    let body: Body = match body_or_status(answer) {
        Ok(body) => body,
        Err(verdict) => return verdict,
    };
    let said = format!("{} {}", super::one_line(&body.code, 80), super::one_line(&body.message, 200));
    match body.code.as_str() {
        "OK" => Verdict::Sent(format!("OK, BizId {}", super::one_line(&body.biz_id, 60))),
        "isp.SYSTEM_ERROR" | "isp.GATEWAY_ERROR" | "SignatureNonceUsed" => Verdict::retry(said),
        code if code.starts_with("Throttling") => Verdict::retry_after_secs(60, said),
        code if code.starts_with("ServiceUnavailable") || code.starts_with("InternalError") => {
            Verdict::retry(said)
        }
        "SignatureDoesNotMatch" | "IllegalTimestamp" | "InvalidTimeStamp.Expired" => {
            Verdict::Final(format!("{said} (is the clock of this host right? is the secret?)"))
        }
        "isv.PARAM_LENGTH_LIMIT" => Verdict::TooLong(said),
        // A number has had its share of this hour or day; more requests make it worse.
        code if code.starts_with("isv.") => Verdict::Final(said),
        _ => match judge_http(answer) {
            Verdict::Retry { after, .. } => Verdict::Retry { after, reason: said },
            _ => Verdict::Final(said),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sent_later_or_never() {
        let check = |status, code: &str, expected: Verdict| {
            let body = format!(r#"{{"Code":"{code}","Message":"m","RequestId":"r","BizId":"9"}}"#);
            let answer = Answer { status, retry_after: None, body: body.as_bytes(), now: Timestamp(0) };
            assert_eq!(judge(&answer), expected);
        };
        let last = |text: &str| Verdict::Final(text.to_owned());
        check(200, "OK", Verdict::Sent("OK, BizId 9".to_owned()));
        check(200, "isp.SYSTEM_ERROR", Verdict::retry("isp.SYSTEM_ERROR m"));
        check(400, "Throttling.User", Verdict::retry_after_secs(60, "Throttling.User m"));
        check(503, "ServiceUnavailable", Verdict::retry("ServiceUnavailable m"));
        check(500, "Strange", Verdict::retry("Strange m"));
        check(200, "isv.BUSINESS_LIMIT_CONTROL", last("isv.BUSINESS_LIMIT_CONTROL m"));
        check(200, "isv.PARAM_NOT_SUPPORT_URL", last("isv.PARAM_NOT_SUPPORT_URL m"));
        check(200, "isv.PARAM_LENGTH_LIMIT", Verdict::TooLong("isv.PARAM_LENGTH_LIMIT m".to_owned()));
        let clock = "SignatureDoesNotMatch m (is the clock of this host right? is the secret?)";
        check(400, "SignatureDoesNotMatch", last(clock));
        check(403, "Forbidden.RAM", last("Forbidden.RAM m"));
    }
}
