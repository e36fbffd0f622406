//! Tencent short messages: `SendSms` of 2021-01-11, signed by `TC3-HMAC-SHA256`
//! (cloud.tencent.com, document/product/382/55981 and 382/52072).

use lingshao_model::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::sign::{hex, hmac_sha256, host_of, sha256_hex};
use super::{Answer, Request, Verdict, body_or_status};
use crate::rfc3339;

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SERVICE: &str = "sms";
const ACTION: &str = "SendSms";
const VERSION: &str = "2021-01-11";
const CONTENT_TYPE: &str = "application/json";

/// Who sends.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// `https://sms.tencentcloudapi.com`, without a path.
    pub endpoint: &'a str,
    /// `ap-guangzhou`
    pub region: &'a str,
    /// SecretId.
    pub key_id: &'a str,
    /// SecretKey.
    pub key_secret: &'a str,
}

/// What is sent to whom.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// At most [`super::limits::TENCENT_NUMBERS_MAX`]; those without `+` are taken to be Chinese.
    pub numbers: &'a [String],
    /// SmsSdkAppId.
    pub sdk_app_id: &'a str,
    /// The approved signature.
    pub sign_name: &'a str,
    /// The approved template, a number.
    pub template_id: &'a str,
    /// Its variables in order.
    pub parameters: &'a [String],
    /// Comes back in the answer: the delivery's id.
    pub context: &'a str,
}

/// The request.
pub fn request(account: &Account<'_>, message: &Message<'_>, now: Timestamp) -> Request {
    let numbers: Vec<String> = message.numbers.iter().map(|number| e164(number)).collect();
    let body = json!({
        "PhoneNumberSet": numbers,
        "SmsSdkAppId": message.sdk_app_id,
        "TemplateId": message.template_id,
        "SignName": message.sign_name,
        "TemplateParamSet": message.parameters,
        "SessionContext": message.context,
    })
    .to_string();
    let seconds = now.0.div_euclid(1000);
    let authorization = authorization(account, body.as_bytes(), seconds);
    Request {
        is_post: true,
        url: format!("{}/", account.endpoint.trim_end_matches('/')),
        headers: vec![
            ("authorization", authorization),
            ("content-type", CONTENT_TYPE.to_owned()),
            ("x-tc-action", ACTION.to_owned()),
            ("x-tc-timestamp", seconds.to_string()),
            ("x-tc-version", VERSION.to_owned()),
            ("x-tc-region", account.region.to_owned()),
        ],
        body: body.into_bytes(),
    }
}

/// As the service wants it: `+8613800000000`.
pub fn e164(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if number.trim_start().starts_with('+') { format!("+{digits}") } else { format!("+86{digits}") }
}

/// The `Authorization` header of a POST of JSON to `/`.
fn authorization(account: &Account<'_>, body: &[u8], seconds: i64) -> String {
    let instant = rfc3339::format(Timestamp(seconds * 1000));
    let date = instant.split('T').next().unwrap_or_default();
    let signed = "content-type;host";
    let host = host_of(account.endpoint);
    let canonical =
        format!("POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\n{signed}\n{}", sha256_hex(body));
    let scope = format!("{date}/{SERVICE}/tc3_request");
    let text = format!("{ALGORITHM}\n{seconds}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let day_key = hmac_sha256(format!("TC3{}", account.key_secret).as_bytes(), date.as_bytes());
    let service_key = hmac_sha256(&day_key, SERVICE.as_bytes());
    let key = hmac_sha256(&service_key, b"tc3_request");
    let signature = hex(&hmac_sha256(&key, text.as_bytes()));
    format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        account.key_id
    )
}

/// What an answer means, number by number when the service says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All numbers alike.
    All(Verdict),
    /// Each number, as it was sent, with its own.
    Each(Vec<(String, Verdict)>),
}

/// Reads the answer.
pub fn judge(answer: &Answer<'_>) -> Judged {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "Response")]
        response: Response,
    }
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "Error")]
        error: Option<Status>,
        #[serde(rename = "SendStatusSet")]
        statuses: Option<Vec<Status>>,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "PhoneNumber", default)]
        number: String,
        #[serde(rename = "Code")]
        code: String,
        #[serde(rename = "Message", default)]
        message: String,
    }
    let body: Body = match body_or_status(answer) {
        Ok(body) => body,
        Err(verdict) => return Judged::All(verdict),
    };
    if let Some(error) = body.response.error {
        return Judged::All(verdict(&error.code, &error.message));
    }
    let statuses = body.response.statuses.unwrap_or_default();
    if statuses.is_empty() {
        return Judged::All(Verdict::retry("the answer names no number"));
    }
    let each = |status: Status| {
        let verdict = verdict(&status.code, &status.message);
        (status.number, verdict)
    };
    Judged::Each(statuses.into_iter().map(each).collect())
}

fn verdict(code: &str, message: &str) -> Verdict {
    let said = format!("{} {}", super::one_line(code, 80), super::one_line(message, 200));
    match code {
        "Ok" => Verdict::Sent("Ok".to_owned()),
        // The same number twice within 30 seconds.
        "LimitExceeded.PhoneNumberThirtySecondLimit" => Verdict::retry_after_secs(30, said),
        code if code.starts_with("RequestLimitExceeded") => Verdict::retry_after_secs(1, said),
        code if code.starts_with("InternalError") => Verdict::retry(said),
        "InvalidParameterValue.TemplateParameterLengthLimit" => Verdict::TooLong(said),
        "AuthFailure.SignatureExpire" | "AuthFailure.SignatureFailure" => {
            Verdict::Final(format!("{said} (is the clock of this host right? is the secret?)"))
        }
        _ => Verdict::Final(said),
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `check` takes its line of data whole.
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Judged) {
        let answer = Answer { status: 200, retry_after: None, body: body.as_bytes(), now: Timestamp(0) };
        assert_eq!(judge(&answer), expected);
    }

    fn error(code: &str) -> String {
        format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"m"}},"RequestId":"r"}}}}"#)
    }

    #[test]
    fn each_number_has_its_own_code() {
        check(
            r#"{"Response":{"SendStatusSet":[
                {"SerialNo":"1","PhoneNumber":"+861","Fee":1,"Code":"Ok","Message":"send success"},
                {"SerialNo":"","PhoneNumber":"+862","Fee":0,"Code":"LimitExceeded.PhoneNumberThirtySecondLimit","Message":"m"},
                {"SerialNo":"","PhoneNumber":"+863","Fee":0,"Code":"LimitExceeded.PhoneNumberDailyLimit","Message":"m"}],
                "RequestId":"r"}}"#,
            Judged::Each(vec![
                ("+861".to_owned(), Verdict::Sent("Ok".to_owned())),
                (
                    "+862".to_owned(),
                    Verdict::retry_after_secs(30, "LimitExceeded.PhoneNumberThirtySecondLimit m"),
                ),
                ("+863".to_owned(), Verdict::Final("LimitExceeded.PhoneNumberDailyLimit m".to_owned())),
            ]),
        );
    }

    #[test]
    fn errors_of_the_whole_request_are_sent_later_or_never() {
        check(&error("InternalError.Timeout"), Judged::All(Verdict::retry("InternalError.Timeout m")));
        let often = Verdict::retry_after_secs(1, "RequestLimitExceeded m");
        check(&error("RequestLimitExceeded"), Judged::All(often));
        let long = "InvalidParameterValue.TemplateParameterLengthLimit";
        check(&error(long), Judged::All(Verdict::TooLong(format!("{long} m"))));
        let clock = "AuthFailure.SignatureExpire m (is the clock of this host right? is the secret?)";
        check(&error("AuthFailure.SignatureExpire"), Judged::All(Verdict::Final(clock.to_owned())));
        check(r#"{"Response":{"RequestId":"r"}}"#, Judged::All(Verdict::retry("the answer names no number")));
    }

    #[test]
    fn numbers_are_made_international() {
        assert_eq!(e164("13800000000"), "+8613800000000");
        assert_eq!(e164("+86 138-0000-0000"), "+8613800000000");
        assert_eq!(e164("+1 650"), "+1650");
    }
}
