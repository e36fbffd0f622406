use super::*;
use crate::provider::{Payment, Refund, Repayment};
use crate::wechatpay::notice::{Notice, NoticeError, NoticeEvent, open};
use crate::wechatpay::{ApiV3Key, BODY_BYTES_MAX, SignatureError};

const CONTENT: &str = r#"{"mchid":"1900000109","transaction_id":"4200000001202603031234567890",
"out_trade_no":"20260303123456","refund_id":"50300000002026030312345678901","out_refund_no":"LSlingxian-42-group-1",
"refund_status":"SUCCESS","success_time":"2026-03-03T20:30:00+08:00","user_received_account":"支付用户零钱",
"amount":{"total":1990,"refund":880,"payer_total":1990,"payer_refund":880}}"#;
const PAID: &str = r#"{"mchid":"1900000109","appid":"wx1","out_trade_no":"20260303123456",
"transaction_id":"4200000001202603031234567890","trade_state":"SUCCESS","amount":{"total":1990,"currency":"CNY"}}"#;

fn envelope(event: &str, content: &str) -> String {
    let sealed = seal(API_KEY, "0123456789ab", "refund", content);
    format!(
        r#"{{"id":"EV-1","create_time":"2026-03-03T20:30:01+08:00","event_type":"{event}","summary":"退款成功",
"resource_type":"encrypt-resource","resource":{{"original_type":"refund","algorithm":"AEAD_AES_256_GCM",
"ciphertext":"{sealed}","associated_data":"refund","nonce":"0123456789ab"}}}}"#
    )
}

fn opened(signed: &Signed) -> Result<Notice, NoticeError> {
    let key = ApiV3Key::new(API_KEY).unwrap();
    open(MCHID, &keys(), &key, &signed.headers(), &signed.body, NOW)
}

#[track_caller]
fn check(body: &str, expected: Result<NoticeEvent, NoticeError>) {
    assert_eq!(
        opened(&Signed::of(body)),
        expected.map(|event| Notice { id: "EV-1".to_owned(), event }),
        "{body}"
    );
}

fn refunded(how: fn(Repayment) -> Refund) -> NoticeEvent {
    let refund = how(Repayment { fen: 880, id: "50300000002026030312345678901".to_owned() });
    NoticeEvent::Refund {
        order: "20260303123456".to_owned(),
        number: "LSlingxian-42-group-1".to_owned(),
        refund,
    }
}

fn not_understood<T>(words: &str) -> Result<T, NoticeError> {
    Err(NoticeError::NotUnderstood(words.to_owned()))
}

#[test]
fn what_is_told_is_opened() {
    let ended = |status: &str| envelope(&format!("REFUND.{status}"), &CONTENT.replace("SUCCESS", status));
    check(&ended("SUCCESS"), Ok(refunded(Refund::Done)));
    check(&ended("ABNORMAL"), Ok(refunded(Refund::Abnormal)));
    check(&ended("CLOSED"), Ok(refunded(Refund::Closed)));
    let payment = Payment { fen: 1990, transaction: "4200000001202603031234567890".to_owned() };
    let paid = NoticeEvent::Paid { order: "20260303123456".to_owned(), payment };
    check(&envelope("TRANSACTION.SUCCESS", PAID), Ok(paid));
    check(&envelope("COUPON.USE", "{}"), Ok(NoticeEvent::Other("COUPON.USE".to_owned())));
}

#[test]
fn what_is_not_for_us_or_not_clear_is_refused() {
    let elsewhere = "it is for another merchant";
    check(&envelope("REFUND.SUCCESS", &CONTENT.replace("109\"", "108\"")), not_understood(elsewhere));
    check(&envelope("TRANSACTION.SUCCESS", &PAID.replace("109\"", "108\"")), not_understood(elsewhere));
    let differs = "its envelope tells another end than its content";
    check(&envelope("REFUND.CLOSED", CONTENT), not_understood(differs));
    check(&envelope("TRANSACTION.SUCCESS", &PAID.replace("SUCCESS", "CLOSED")), not_understood(differs));
    let processing = "the answer is not understood: the state `LOST` of a refund";
    check(&envelope("REFUND.LOST", &CONTENT.replace("SUCCESS", "LOST")), not_understood(processing));
    let negative = "the answer is not understood: an amount of -880 fen";
    check(&envelope("REFUND.SUCCESS", &CONTENT.replace(":880,", ":-880,")), not_understood(negative));
    check(
        &envelope("REFUND.SUCCESS", &CONTENT.replace(":880,", ":1991,")),
        not_understood("the answer is not understood: a refund of 1991 fen of 1990"),
    );
    let body = envelope("REFUND.SUCCESS", CONTENT);
    check(&body.replace("EV-1", ""), not_understood("its id is empty or longer than 64 bytes"));
    check(&body.replace("AEAD_AES_256_GCM", "SM4"), not_understood("it is encrypted by `SM4`"));
    check(&body.replace("ciphertext\":\"", "ciphertext\":\"AAAA"), Err(NoticeError::Sealed));
    check(&body.replace("0123456789ab\"}", "0123\"}"), Err(NoticeError::Sealed));
    check(&body.replace("\"associated_data\":\"refund\",", ""), Err(NoticeError::Sealed));
    check("", not_understood("the answer is not understood: JSON at line 1 column 0"));
    check(&" ".repeat(BODY_BYTES_MAX + 1), Err(NoticeError::TooLong));
}

#[test]
fn a_callback_of_a_stranger_is_refused() {
    let mut signed = Signed::of(&envelope("REFUND.SUCCESS", CONTENT));
    assert_eq!(opened(&signed).unwrap().event, refunded(Refund::Done));
    signed.signature = format!("WECHATPAY/SIGNTEST/{}", signed.signature);
    assert_eq!(opened(&signed), Err(NoticeError::Signature(SignatureError::Probe)));
    let forger = MerchantKey::from_pem(MERCHANT_KEY).unwrap();
    let forged = Signed::by(forger, SECONDS, &envelope("REFUND.SUCCESS", CONTENT));
    assert_eq!(opened(&forged), Err(NoticeError::Signature(SignatureError::Wrong)));
}
