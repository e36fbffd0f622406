//! Our signers against the vendors' SDKs. What the SDKs answered to `cases.json` is frozen in `expected.json`;
//! `vendor_sdks/check.sh` asks them again.

#![allow(clippy::unwrap_used)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::Timestamp;
use lingshao_wire::notify::{Request, aliyun_sms, dingtalk, tencent_sms};
use lingshao_wire::provider::{Payment, Refund, Repayment};
use lingshao_wire::wechatpay::notice::{self, NoticeEvent};
use lingshao_wire::wechatpay::{ApiV3Key, Merchant, MerchantKey, PlatformKeys, SignatureHeaders};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
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

const MERCHANT_KEY: &str = include_str!("../src/wechatpay/testdata/merchant.key.pem");
const PLATFORM_PUBLIC_KEY: &str = include_str!("../src/wechatpay/testdata/platform.public.pem");
/// As `expected.py` has them.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092025";
const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn merchant(mchid: &str, serial: &str) -> Merchant {
    let mut keys = PlatformKeys::new();
    keys.add_public_key(PUBLIC_KEY_ID, PLATFORM_PUBLIC_KEY).unwrap();
    let key = MerchantKey::from_pem(MERCHANT_KEY).unwrap();
    Merchant::new("https://api.mch.weixin.qq.com", mchid, serial, key, keys).unwrap()
}

fn seconds(case: &Value) -> Timestamp {
    Timestamp(case["seconds"].as_i64().unwrap() * 1000)
}

#[test]
fn wechat_pay_is_asked_as_its_sdk_asks() {
    for (case, expected) in cases("wechatpay_request") {
        let (merchant, now) = (merchant(text(&case, "mchid"), text(&case, "serial")), seconds(&case));
        let request = match text(&case, "call") {
            "query" => merchant.query_trade(text(&case, "order"), "A1", now),
            "close" => merchant.close_trade(text(&case, "order"), "A1", now),
            _ => merchant.query_refund(text(&case, "number"), "A1", now),
        };
        let request = request.unwrap();
        assert_eq!(request.url, text(&expected, "url"));
        assert_eq!(if request.is_post { "POST" } else { "GET" }, text(&expected, "method"));
        assert_eq!(header(&request, "wechatpay-serial"), text(&expected, "wechatpay-serial"));
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        assert_eq!(body, expected["body"]);
        // The SDK's JSON has blanks, so that its signature of a body is another.
        if !request.is_post {
            assert_eq!(header(&request, "authorization"), text(&expected, "authorization"));
        }
    }
}

#[test]
fn wechat_pay_signs_as_its_sdk() {
    for (case, expected) in cases("wechatpay_authorization") {
        let merchant = merchant(text(&case, "mchid"), text(&case, "serial"));
        let body = text(&case, "body").as_bytes();
        let (method, path, nonce) = (text(&case, "method"), text(&case, "path"), text(&case, "nonce"));
        let ours = merchant.authorization(method, path, body, nonce, seconds(&case));
        assert_eq!(ours, text(&expected, "authorization"));
    }
}

/// What the SDK took for signed by the platform, in `expected.py`.
fn headers<'a>(timestamp: &'a str, case: &'a Value, expected: &'a Value) -> SignatureHeaders<'a> {
    SignatureHeaders::read(|name| match name {
        "wechatpay-serial" => Some(PUBLIC_KEY_ID),
        "wechatpay-timestamp" => Some(timestamp),
        "wechatpay-nonce" => Some(text(case, "nonce")),
        "wechatpay-signature" => Some(text(expected, "signature")),
        _ => None,
    })
}

#[test]
fn wechat_pay_is_believed_as_its_sdk_believes_it() {
    for (case, expected) in cases("wechatpay_answer") {
        let (timestamp, body) = (case["seconds"].to_string(), text(&case, "body").as_bytes());
        let merchant = merchant("1900000109", "0A");
        let headers = headers(&timestamp, &case, &expected);
        assert_eq!(headers.verify(merchant.platform_keys(), body, seconds(&case)), Ok(()));
    }
}

#[test]
fn wechat_pay_seals_as_its_sdk() {
    for (case, expected) in cases("wechatpay_notice") {
        let (timestamp, body) = (case["seconds"].to_string(), text(&expected, "body").as_bytes());
        let (key, merchant) = (ApiV3Key::new(API_KEY).unwrap(), merchant("1900000109", "0A"));
        let headers = headers(&timestamp, &case, &expected);
        let opened =
            notice::open("1900000109", merchant.platform_keys(), &key, &headers, body, seconds(&case));
        let content: Value = serde_json::from_str(text(&case, "content")).unwrap();
        let transaction = text(&content, "transaction_id").to_owned();
        let event = match text(&case, "event") {
            "TRANSACTION.SUCCESS" => NoticeEvent::Paid {
                order: text(&content, "out_trade_no").to_owned(),
                payment: Payment { fen: 999, transaction },
            },
            _ => NoticeEvent::Refund {
                order: text(&content, "out_trade_no").to_owned(),
                number: text(&content, "out_refund_no").to_owned(),
                refund: Refund::Done(Repayment { fen: 888, id: text(&content, "refund_id").to_owned() }),
            },
        };
        assert_eq!(opened.unwrap().event, event);
        assert_eq!(sealed(&case), text(&expected, "ciphertext"));
    }
}

/// The content sealed by `ring`, which the SDK's library has to have sealed alike, and to have opened.
fn sealed(case: &Value) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, API_KEY.as_bytes()).unwrap());
    let nonce = Nonce::assume_unique_for_key(text(case, "seal_nonce").as_bytes().try_into().unwrap());
    let mut bytes = text(case, "content").as_bytes().to_vec();
    let associated = Aad::from(text(case, "associated_data").as_bytes());
    key.seal_in_place_append_tag(nonce, associated, &mut bytes).unwrap();
    STANDARD.encode(bytes)
}
