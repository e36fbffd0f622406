use super::{at, recorded, told};
use crate::fakes::http::{Fake, Reply, Request, Service};
use crate::fakes::{Aliyun, FakeAliyunSms, FakeTencentSms, SmsAccount, Tencent};

/// When the recordings were made.
const ALIYUN_RECORDED: u64 = 1795403389;
const TENCENT_RECORDED: u64 = 1_795_403_389;

/// PyPI alibabacloud-dysmsapi20170525 4.6.0 with alibabacloud-tea-openapi 0.4.6.
fn aliyun_request() -> Request {
    recorded(include_str!("../../../testdata/aliyun_sdk.http"))
}

/// PyPI tencentcloud-sdk-python-sms 3.1.153.
fn tencent_request() -> Request {
    recorded(include_str!("../../../testdata/tencent_sdk.http"))
}

fn ask<S: Service>(fake: &Fake<S>, request: &Request, now: u64) -> Reply {
    fake.service(|service| service.answer(request, at(now)))
}

fn changed(request: &Request, from: &str, to: &str) -> Request {
    let mut request = request.clone();
    request.target = request.target.replace(from, to);
    let body = String::from_utf8(request.body).unwrap();
    request.body = body.replace(from, to).into_bytes();
    for (_, value) in &mut request.headers {
        *value = value.replace(from, to);
    }
    request
}

#[track_caller]
fn aliyun(request: &Request, now: u64, expected: &str) {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    let reply = ask(&fake, request, now);
    assert_eq!(told(&reply, "/Code").1, format!("\"{expected}\""), "{}", reply.body);
}

#[test]
fn aliyun_takes_what_the_vendors_client_signed() {
    let request = aliyun_request();
    aliyun(&request, ALIYUN_RECORDED, "OK");
    aliyun(&request, ALIYUN_RECORDED + 901, "InvalidTimeStamp.Expired");
    aliyun(&request, ALIYUN_RECORDED - 901, "InvalidTimeStamp.Expired");
    aliyun(&changed(&request, "13900000000", "13900000001"), ALIYUN_RECORDED, "SignatureDoesNotMatch");
    aliyun(&changed(&request, "x-acs-date;", ""), ALIYUN_RECORDED, "SignatureDoesNotMatch");
    aliyun(
        &changed(&request, "Credential=LTAI5t", "Credential=LTAI6t"),
        ALIYUN_RECORDED,
        "InvalidAccessKeyId.NotFound",
    );
    aliyun(&changed(&request, "e3b0c442", "e3b0c443"), ALIYUN_RECORDED, "SignatureDoesNotMatch");
    aliyun(&changed(&request, "SendSms", "SendSm"), ALIYUN_RECORDED, "InvalidAction.NotFound");
}

#[test]
fn aliyun_takes_a_nonce_once() {
    let fake = FakeAliyunSms::start(SmsAccount::default()).unwrap();
    assert!(ask(&fake, &aliyun_request(), ALIYUN_RECORDED).taken);
    let again = ask(&fake, &aliyun_request(), ALIYUN_RECORDED);
    assert_eq!(told(&again, "/Code"), (400, "\"SignatureNonceUsed\"".to_owned()));
}

#[track_caller]
fn aliyun_message(name: &str, value: &str, expected: &str) {
    let parameters = [
        ("PhoneNumbers", "13800000000"),
        ("SignName", "灵鲜"),
        ("TemplateCode", "SMS_154950909"),
        ("TemplateParam", r#"{"service":"支付","fault":"失败","time":"10:32","count":"3"}"#),
    ];
    let parameters = parameters
        .map(|(own, usual)| (own.to_owned(), if own == name { value.to_owned() } else { usual.to_owned() }));
    let judged = Aliyun::new(SmsAccount::default()).check_message(&parameters);
    assert_eq!(judged.map_or_else(|(_, code, _)| code, |()| "OK"), expected, "{name} {value}");
}

#[test]
fn aliyun_judges_the_message() {
    aliyun_message("", "", "OK");
    aliyun_message("PhoneNumbers", "+8613800000000", "OK");
    aliyun_message("PhoneNumbers", "12345", "isv.MOBILE_NUMBER_ILLEGAL");
    aliyun_message("PhoneNumbers", &vec!["13800000000"; 1_000].join(","), "OK");
    aliyun_message("PhoneNumbers", &vec!["13800000000"; 1_001].join(","), "isv.MOBILE_COUNT_OVER_LIMIT");
    aliyun_message("SignName", "别人", "isv.SMS_SIGNATURE_ILLEGAL");
    aliyun_message("TemplateCode", "SMS_1", "isv.SMS_TEMPLATE_ILLEGAL");
    let with = |value: &str| format!(r#"{{"service":{value},"fault":"x","time":"10:32","count":"3"}}"#);
    aliyun_message("TemplateParam", &with("3"), "isv.INVALID_JSON_PARAM");
    aliyun_message("TemplateParam", r#"{"service":"x"}"#, "isv.TEMPLATE_MISSING_PARAMETERS");
    aliyun_message("TemplateParam", &with("\"看 HTTPS://a.cn\""), "isv.PARAM_NOT_SUPPORT_URL");
    aliyun_message("TemplateParam", &with(&format!("\"{}\"", "灵".repeat(35))), "OK");
    aliyun_message("TemplateParam", &with(&format!("\"{}\"", "灵".repeat(36))), "isv.PARAM_LENGTH_LIMIT");
    aliyun_message("TemplateParam", &with("\"\""), "isv.PARAM_LENGTH_LIMIT");
}

#[track_caller]
fn tencent(request: &Request, now: u64, expected: &str) {
    let fake = FakeTencentSms::start(SmsAccount::default()).unwrap();
    let reply = ask(&fake, request, now);
    let (status, code) = told(&reply, "/Response/Error/Code");
    let code = if code.is_empty() { told(&reply, "/Response/SendStatusSet/0/Code").1 } else { code };
    assert_eq!((status, code), (200, format!("\"{expected}\"")), "{}", reply.body);
}

#[test]
fn tencent_takes_what_the_vendors_client_signed() {
    let request = tencent_request();
    tencent(&request, TENCENT_RECORDED, "Ok");
    tencent(&request, TENCENT_RECORDED + 301, "AuthFailure.SignatureExpire");
    tencent(
        &changed(&request, "+8613800000000", "+8613800000001"),
        TENCENT_RECORDED,
        "AuthFailure.SignatureFailure",
    );
    tencent(
        &changed(&request, "2026-11-23/sms", "2026-11-22/sms"),
        TENCENT_RECORDED,
        "AuthFailure.SignatureFailure",
    );
    tencent(
        &changed(&request, "Credential=LTAI5t", "Credential=LTAI6t"),
        TENCENT_RECORDED,
        "AuthFailure.SecretIdNotFound",
    );
    tencent(&changed(&request, "2021-01-11", "2019-07-11"), TENCENT_RECORDED, "InvalidAction");
}

#[track_caller]
fn tencent_message(name: &str, value: &serde_json::Value, expected: &str) {
    let mut body: serde_json::Value = serde_json::from_slice(&tencent_request().body).unwrap();
    if !name.is_empty() {
        body[name] = value.clone();
    }
    let service = Tencent::new(SmsAccount::default());
    let judged = service.check_message(&body).and_then(|_| service.check_variables(&body));
    assert_eq!(judged.map_or_else(|(code, _)| code, |()| "Ok"), expected, "{name} {value}");
}

#[test]
fn tencent_judges_the_message() {
    use serde_json::json;
    tencent_message("", &json!(null), "Ok");
    tencent_message("PhoneNumberSet", &json!(["13800000000"]), "InvalidParameterValue.IncorrectPhoneNumber");
    tencent_message("PhoneNumberSet", &json!([]), "MissingParameter");
    tencent_message(
        "PhoneNumberSet",
        &json!(vec!["+8613800000000"; 201]),
        "LimitExceeded.PhoneNumberCountLimit",
    );
    tencent_message("SmsSdkAppId", &json!("1"), "UnauthorizedOperation.SmsSdkAppIdVerifyFail");
    tencent_message("SignName", &json!("别人"), "FailedOperation.SignatureIncorrectOrUnapproved");
    tencent_message("TemplateId", &json!("1"), "FailedOperation.TemplateIncorrectOrUnapproved");
    let variables = "TemplateParamSet";
    tencent_message(variables, &json!(["支付失败率高", "x", "10:32", "3"]), "Ok");
    let too_long = "InvalidParameterValue.TemplateParameterLengthLimit";
    tencent_message(variables, &json!(["支付失败率太高", "x", "10:32", "3"]), too_long);
    let link = "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter";
    tencent_message(variables, &json!(["www.a.cn", "x", "10:32", "3"]), link);
    let count = "FailedOperation.TemplateParamSetNotMatchApprovedTemplate";
    tencent_message(variables, &json!(["x", "x", "x"]), count);
}
