use super::*;
use crate::provider::{Closing, Doubt, Payment, Refund, Repayment, Trade, Trouble};
use crate::wechatpay::answer::{closing, refund, refund_query, trade};
use crate::wechatpay::{Answer, BODY_BYTES_MAX, SignatureError};

fn answer(status: u16, signed: &Signed) -> Answer<'_> {
    Answer { status, signature: signed.headers(), body: &signed.body, now: NOW }
}

fn payment() -> Payment {
    Payment { fen: 1990, transaction: "4200000001202603031234567890".to_owned() }
}

fn repayment() -> Repayment {
    Repayment { fen: 880, id: "50300000002026030312345678901".to_owned() }
}

fn unknown(words: &str) -> Trouble {
    Trouble::Unknown(words.to_owned())
}

/// As WeChat Pay answers, with one thing changed.
fn trade_body(state: &str, from: &str, to: &str) -> String {
    format!(
        r#"{{"appid":"wx1","mchid":"1900000109","out_trade_no":"20260303123456","trade_state":"{state}",
"trade_state_desc":"x","trade_type":"JSAPI","transaction_id":"4200000001202603031234567890",
"amount":{{"total":1990,"payer_total":1500,"currency":"CNY","payer_currency":"CNY"}},"payer":{{"openid":"o1"}},
"promotion_detail":[],"success_time":"2026-03-03T20:30:00+08:00"}}"#
    )
    .replace(from, to)
}

#[track_caller]
fn check_trade(status: u16, body: &str, expected: Result<Trade, Trouble>) {
    let signed = Signed::of(body);
    assert_eq!(trade(&merchant_with(keys()), ORDER.order, &answer(status, &signed)), expected, "{body}");
}

#[test]
fn each_state_of_a_trade() {
    let state = |state, expected| check_trade(200, &trade_body(state, "", ""), expected);
    state("SUCCESS", Ok(Trade::Paid(payment())));
    state("REFUND", Ok(Trade::Refunded(payment())));
    state("NOTPAY", Ok(Trade::Unpaid));
    state("PAYERROR", Ok(Trade::Unpaid));
    state("USERPAYING", Ok(Trade::Paying));
    state("ACCEPT", Ok(Trade::Paying));
    state("CLOSED", Ok(Trade::Closed));
    state("REVOKED", Ok(Trade::Closed));
    state("LOST", Err(unknown("the state `LOST` of a trade")));
    let short = r#"{"mchid":"1900000109","out_trade_no":"20260303123456","trade_state":"NOTPAY"}"#;
    check_trade(200, short, Ok(Trade::Unpaid));
    check_trade(404, r#"{"code":"ORDER_NOT_EXIST","message":"订单不存在"}"#, Ok(Trade::NotFound));
}

#[test]
fn a_signed_answer_has_to_be_about_what_was_asked() {
    let changed = |from: &str, to: &str, words: &str| {
        check_trade(200, &trade_body("SUCCESS", from, to), Err(unknown(words)));
    };
    changed("20260303123456\"", "20260303123457\"", "an answer about another order than 20260303123456");
    changed("1900000109", "1900000108", "an answer about another order than 20260303123456");
    changed("\"total\":1990", "\"total\":0", "an amount of 0 fen");
    changed("\"total\":1990", "\"total\":-1990", "an amount of -1990 fen");
    changed("\"CNY\",\"payer_c", "\"USD\",\"payer_c", "an amount in `USD`");
    changed("\"amount\"", "\"amount_\"", "a paid order without its amount or transaction_id");
    changed("\"transaction_id\"", "\"transaction\"", "a paid order without its amount or transaction_id");
    changed("4200000001202603031234567890", "", "a number that is none of WeChat Pay's");
    changed("4200000001", "4200 000001", "a number that is none of WeChat Pay's");
    changed("\"total\":1990", "\"total\":19.9", "JSON at line 3 column 22");
    changed("\"total\":1990", "\"total\":\"1990\"", "JSON at line 3 column 24");
    changed("\"total\":1990", "\"total\":9223372036854775808", "JSON at line 3 column 37");
    changed("\"total\":1990", "\"total\":1990,\"total\":1", "JSON at line 3 column 30");
    check_trade(200, "", Err(unknown("JSON at line 1 column 0")));
    check_trade(200, "[]", Err(unknown("JSON at line 1 column 2")));
    check_trade(200, "<html>", Err(unknown("JSON at line 1 column 1")));
    check_trade(200, &" ".repeat(BODY_BYTES_MAX + 1), Err(unknown("an answer of more than 65536 bytes")));
}

#[track_caller]
fn check_closing(status: u16, code: &str, expected: Result<Closing, Trouble>) {
    let body = if code.is_empty() { String::new() } else { format!(r#"{{"code":"{code}","message":"m"}}"#) };
    let signed = Signed::of(&body);
    assert_eq!(closing(&merchant_with(keys()), &answer(status, &signed)), expected, "{status} {code}");
}

#[test]
fn each_answer_to_a_wish_to_close() {
    check_closing(204, "", Ok(Closing::Closed));
    check_closing(400, "ORDER_CLOSED", Ok(Closing::Closed));
    check_closing(202, "USER_PAYING", Ok(Closing::Paying));
    check_closing(202, "USERPAYING", Ok(Closing::Paying));
    check_closing(400, "ORDERPAID", Ok(Closing::AlreadyPaid));
    check_closing(404, "ORDER_NOT_EXIST", Ok(Closing::NotFound));
    check_closing(200, "", Err(unknown("HTTP 200 to a wish to close")));
    check_closing(202, "", Err(unknown("HTTP 202")));
    check_closing(400, "INVALID_REQUEST", Err(Trouble::Final("HTTP 400 INVALID_REQUEST m".to_owned())));
}

fn refund_body(status: &str, from: &str, to: &str) -> String {
    format!(
        r#"{{"refund_id":"50300000002026030312345678901","out_refund_no":"LSlingxian-42-group-1",
"transaction_id":"4200000001202603031234567890","out_trade_no":"20260303123456","channel":"ORIGINAL",
"user_received_account":"支付用户零钱","create_time":"2026-03-03T20:30:00+08:00","status":"{status}",
"amount":{{"total":1990,"refund":880,"payer_total":1500,"payer_refund":663,"currency":"CNY"}}}}"#
    )
    .replace(from, to)
}

#[track_caller]
fn check_refund(status: u16, body: &str, asked: Result<Refund, Trouble>, queried: Result<Refund, Trouble>) {
    let signed = Signed::of(body);
    let answer = answer(status, &signed);
    assert_eq!(refund(&merchant_with(keys()), &ORDER, &answer), asked, "asked: {body}");
    assert_eq!(refund_query(&merchant_with(keys()), &ORDER, &answer), queried, "queried: {body}");
}

#[test]
fn each_state_of_a_refund() {
    let state = |state, expected: Result<Refund, Trouble>| {
        check_refund(200, &refund_body(state, "", ""), expected.clone(), expected);
    };
    state("PROCESSING", Ok(Refund::Processing(repayment())));
    state("SUCCESS", Ok(Refund::Done(repayment())));
    state("ABNORMAL", Ok(Refund::Abnormal(repayment())));
    state("CLOSED", Ok(Refund::Closed(repayment())));
    state("success", Err(unknown("the state `success` of a refund")));
}

#[test]
fn a_refund_has_to_be_the_one_that_was_asked_for() {
    let changed = |from: &str, to: &str, words: &str| {
        let expected = Err(unknown(words));
        check_refund(200, &refund_body("SUCCESS", from, to), expected.clone(), expected);
    };
    let other = "an answer about another refund than LSlingxian-42-group-1";
    changed("group-1", "group-2", other);
    changed("20260303123456\"", "20260303123457\"", other);
    let amount = "under the number LSlingxian-42-group-1, for which 880 of 1990 fen were asked";
    changed("\"refund\":880", "\"refund\":881", &format!("881 of 1990 fen {amount}"));
    changed("\"total\":1990", "\"total\":1991", &format!("880 of 1991 fen {amount}"));
    changed("\"total\":1990", "\"total\":879", "a refund of 880 fen of 879");
    changed("\"refund\":880", "\"refund\":-880", "an amount of -880 fen");
    changed("50300000002026030312345678901", "", "a number that is none of WeChat Pay's");
}

/// The table of classes: what an error code means for a refund.
#[track_caller]
fn check_code(status: u16, code: &str, expected: fn(String) -> Trouble) {
    let body = format!(r#"{{"code":"{code}","message":"它说\n了"}}"#);
    let expected = expected(format!("HTTP {status} {code} 它说 了"));
    let queried = match code {
        "RESOURCE_NOT_EXISTS" => Ok(Refund::NotFound),
        _ => Err(expected.clone()),
    };
    check_refund(status, &body, Err(expected), queried);
}

#[test]
fn each_error_code_has_its_class() {
    let provider: fn(String) -> Trouble = |said| Trouble::RetrySameNumber(Doubt::ProviderError, said);
    let often: fn(String) -> Trouble = |said| Trouble::RetrySameNumber(Doubt::TooMany, said);
    check_code(500, "SYSTEM_ERROR", provider);
    check_code(502, "SOMETHING", provider);
    check_code(500, "BANK_ERROR", provider);
    check_code(429, "FREQUENCY_LIMITED", often);
    check_code(400, "FREQUENCY_LIMITED", often);
    check_code(429, "SOMETHING", often);
    check_code(403, "NOT_ENOUGH", Trouble::WaitForMerchant);
    check_code(403, "USER_ACCOUNT_ABNORMAL", Trouble::Final);
    check_code(404, "RESOURCE_NOT_EXISTS", Trouble::Final);
    check_code(400, "INVALID_REQUEST", Trouble::Final);
    check_code(403, "NO_AUTH", Trouble::Final);
    check_code(401, "SIGN_ERROR", Trouble::OurBug);
    check_code(400, "PARAM_ERROR", Trouble::OurBug);
    check_code(404, "MCH_NOT_EXISTS", Trouble::OurBug);
    check_code(400, "APPID_MCHID_NOT_MATCH", Trouble::OurBug);
    check_code(400, "BRAND_NEW", Trouble::Unknown);
    check_code(404, "", Trouble::Unknown);
}

/// The same, not signed, or signed wrongly: nothing that lets us go on.
#[track_caller]
fn check_unproven(status: u16, body: &str, expected: Trouble) {
    let unsigned = Answer { status, signature: SignatureHeaders::default(), body: body.as_bytes(), now: NOW };
    let merchant = merchant_with(keys());
    assert_eq!(trade(&merchant, ORDER.order, &unsigned), Err(expected.clone()));
    assert_eq!(closing(&merchant, &unsigned), Err(expected.clone()));
    assert_eq!(refund(&merchant, &ORDER, &unsigned), Err(expected.clone()));
    assert_eq!(refund_query(&merchant, &ORDER, &unsigned), Err(expected));
}

#[test]
fn an_answer_that_is_not_signed_makes_us_only_more_careful() {
    let missing = |status| {
        let said = format!("HTTP {status}: the header Wechatpay-Serial is missing");
        Trouble::RetrySameNumber(Doubt::BadSignature, said)
    };
    check_unproven(200, &trade_body("CLOSED", "", ""), missing(200));
    check_unproven(204, "", missing(204));
    check_unproven(404, r#"{"code":"ORDER_NOT_EXIST"}"#, missing(404));
    check_unproven(400, r#"{"code":"ORDER_CLOSED"}"#, missing(400));
    check_unproven(403, r#"{"code":"NOT_ENOUGH"}"#, missing(403));
    check_unproven(302, "", missing(302));
    check_unproven(429, "", Trouble::RetrySameNumber(Doubt::TooMany, "HTTP 429".to_owned()));
    let out_of_order = Trouble::RetrySameNumber(Doubt::ProviderError, "HTTP 502".to_owned());
    check_unproven(502, "<html>", out_of_order);
    let ours = Trouble::OurBug("HTTP 401 SIGN_ERROR 签名错误".to_owned());
    check_unproven(401, r#"{"code":"SIGN_ERROR","message":"签名错误"}"#, ours);
}

/// A wrong signature is worse than none: not even our own mistakes are believed to be ours then.
#[test]
fn an_error_that_is_forged_says_nothing() {
    let said = |status| format!("HTTP {status}: its signature does not fit what it says");
    for (status, code) in [(401, "SIGN_ERROR"), (429, "FREQUENCY_LIMITED"), (500, "SYSTEM_ERROR")] {
        let forger = MerchantKey::from_pem(MERCHANT_KEY).unwrap();
        let signed = Signed::by(forger, SECONDS, &format!(r#"{{"code":"{code}"}}"#));
        let expected = Err(Trouble::RetrySameNumber(Doubt::BadSignature, said(status)));
        assert_eq!(refund(&merchant_with(keys()), &ORDER, &answer(status, &signed)), expected);
    }
}

#[track_caller]
fn check_forged(change: impl FnOnce(&mut Signed), expected: SignatureError) {
    let mut signed = Signed::of(&trade_body("CLOSED", "", ""));
    change(&mut signed);
    assert_eq!(signed.headers().verify(&keys(), &signed.body, NOW), Err(expected.clone()));
    let doubt = Trouble::RetrySameNumber(Doubt::BadSignature, format!("HTTP 200: {expected}"));
    assert_eq!(trade(&merchant_with(keys()), ORDER.order, &answer(200, &signed)), Err(doubt));
}

#[test]
fn a_signature_that_does_not_fit_is_not_believed() {
    let other = || MerchantKey::from_pem(MERCHANT_KEY).unwrap();
    let aged = |seconds: i64| {
        move |signed: &mut Signed| {
            let key = MerchantKey::from_pem(PLATFORM_KEY).unwrap();
            *signed = Signed::by(key, SECONDS + seconds, &trade_body("CLOSED", "", ""));
        }
    };
    check_forged(|signed| signed.body[20] ^= 1, SignatureError::Wrong);
    check_forged(|signed| signed.body.push(b' '), SignatureError::Wrong);
    check_forged(|signed| signed.nonce.push('x'), SignatureError::Wrong);
    check_forged(|signed| signed.timestamp = (SECONDS + 1).to_string(), SignatureError::Wrong);
    check_forged(|signed| signed.timestamp = "now".to_owned(), SignatureError::Wrong);
    check_forged(
        |signed| signed.timestamp = i64::MIN.to_string(),
        SignatureError::Clock(9_223_372_038_627_316_808),
    );
    check_forged(|signed| signed.signature = "!".to_owned(), SignatureError::Wrong);
    check_forged(|signed| signed.signature.clear(), SignatureError::Wrong);
    check_forged(|signed| *signed = Signed::by(other(), SECONDS, "{}"), SignatureError::Wrong);
    check_forged(aged(-300), SignatureError::Clock(300));
    check_forged(aged(300), SignatureError::Clock(300));
    check_forged(|signed| signed.serial = "01".to_owned(), SignatureError::UnknownKey("01".to_owned()));
    let id = PUBLIC_KEY_ID.to_owned();
    check_forged(|signed| signed.serial = PUBLIC_KEY_ID.to_owned(), SignatureError::UnknownKey(id));
    let probe = |signed: &mut Signed| signed.signature = format!("WECHATPAY/SIGNTEST/{}", signed.signature);
    check_forged(probe, SignatureError::Probe);
    let sm2 = "WECHATPAY2-SM2-WITH-SM3".to_owned();
    check_forged(|signed| signed.kind = Some(sm2.clone()), SignatureError::Scheme(sm2.clone()));
}

#[test]
fn a_signature_that_fits_is_believed_by_either_key() {
    let verify = |keys: &PlatformKeys, signed: &Signed| signed.headers().verify(keys, &signed.body, NOW);
    let mut signed = Signed::of("");
    assert_eq!(verify(&keys(), &signed), Ok(()));
    signed.kind = None;
    signed.serial = format!("00{}", CERTIFICATE_SERIAL.to_lowercase());
    assert_eq!(verify(&keys(), &signed), Ok(()));
    let mut both = keys();
    both.add_public_key(PUBLIC_KEY_ID, PLATFORM_PUBLIC_KEY).unwrap();
    signed.serial = PUBLIC_KEY_ID.to_owned();
    assert_eq!(verify(&both, &signed), Ok(()));
    let key = MerchantKey::from_pem(PLATFORM_KEY).unwrap();
    assert_eq!(verify(&keys(), &Signed::by(key, SECONDS - 299, "x")), Ok(()));
    assert_eq!(
        verify(&PlatformKeys::new(), &signed),
        Err(SignatureError::UnknownKey(PUBLIC_KEY_ID.to_owned()))
    );
}
