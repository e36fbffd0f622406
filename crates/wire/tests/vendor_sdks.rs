//! Our signers against the vendors' SDKs. What the SDKs answered to `cases.json` is frozen in `expected.json`;
//! `vendor_sdks/check.sh` asks them again.

#![allow(clippy::unwrap_used)]

use lingshao_model::Timestamp;
use lingshao_wire::notify::{Request, aliyun_sms, dingtalk, tencent_sms};
use serde_json::Value;

const CASES: &str = include_str!("vendor_sdks/cases.json");
const EXPECTED: &str = include_str!("vendor_sdks/expected.json");

/// Each case of a vendor with what its SDK answered.
fn cases(vendor: &str) -> Vec<(Value, Value)> {
    let of = |text: &str| serde_json::from_str::<Value>(text).unwrap()[vendor].as_array().unwrap().clone();
    let (cases, expected) = (of(CASES), of(EXPECTED));
    assert!(!cases.is_empty() && cases.len() == expected.len());
    cases.into_iter().zip(expected).collect()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("{name} is no text"))
}

fn texts(case: &Value, name: &str) -> Vec<String> {
    case[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn now(case: &Value) -> Timestamp {
    Timestamp(case["millis"].as_i64().unwrap())
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
}

#[test]
fn aliyun_signs_as_its_sdk() {
    for (case, expected) in cases("aliyun") {
        let account = aliyun_sms::Account {
            endpoint: text(&case, "endpoint"),
            key_id: text(&case, "key_id"),
            key_secret: text(&case, "key_secret"),
        };
        let pair =
            |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned());
        let parameters: Vec<_> = case["parameters"].as_array().unwrap().iter().map(pair).collect();
        let message = aliyun_sms::Message {
            numbers: &texts(&case, "numbers"),
            sign_name: text(&case, "sign_name"),
            template_id: text(&case, "template_id"),
            parameters: &parameters,
            out_id: text(&case, "out_id"),
        };
        let request = aliyun_sms::request(&account, &message, text(&case, "nonce"), now(&case));
        assert_eq!(request.url.split_once('?').unwrap().1, text(&expected, "query"));
        assert_eq!(header(&request, "authorization"), text(&expected, "authorization"));
        assert!(request.is_post && request.body.is_empty());
    }
}

#[test]
fn tencent_signs_as_its_sdk() {
    for (case, expected) in cases("tencent") {
        let account = tencent_sms::Account {
            endpoint: text(&case, "endpoint"),
            region: text(&case, "region"),
            key_id: text(&case, "key_id"),
            key_secret: text(&case, "key_secret"),
        };
        let message = tencent_sms::Message {
            numbers: &texts(&case, "numbers"),
            sdk_app_id: text(&case, "sdk_app_id"),
            sign_name: text(&case, "sign_name"),
            template_id: text(&case, "template_id"),
            parameters: &texts(&case, "parameters"),
            context: text(&case, "context"),
        };
        let request = tencent_sms::request(&account, &message, now(&case));
        assert_eq!(String::from_utf8(request.body.clone()).unwrap(), text(&expected, "body"));
        for (name, value) in expected["headers"].as_object().unwrap() {
            assert_eq!(header(&request, name), value.as_str().unwrap(), "{name}");
        }
    }
}

#[test]
fn dingtalk_signs_as_the_common_sdk() {
    for (case, expected) in cases("dingtalk") {
        let url = dingtalk::signed_url(text(&case, "url"), text(&case, "secret"), now(&case));
        assert_eq!(url, text(&expected, "url"));
    }
}
