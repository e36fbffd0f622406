//! Over real sockets, with a small client whose signatures are its own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use serde_json::{Value, json};

use super::{at, recorded, told};
use crate::fakes::{
    Fake, FakeWechatPay, Fault, NoticeFault, Received, RefundState, Reply, Request, Service, Signing,
    TradeState, WechatPayAccount as Account,
};

const ORDER: &str = "20260303123456";
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer with its headers, names in lower case.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Status and code, or status and the member at a path.
    fn told(&self, pointer: &str) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let value = body.pointer(pointer).cloned().unwrap_or_default();
        (self.status, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

/// What a merchant's client sends, to be spoilt.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    target: String,
    body: String,
    mchid: &'static str,
    serial: &'static str,
    seconds: u64,
    key: &'static str,
    wanted: Option<&'static str>,
    accept: &'static str,
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ask(method: &'static str, target: &str, body: &str) -> Ask {
    Ask {
        method,
        target: target.to_owned(),
        body: body.to_owned(),
        mchid: Account::MCHID,
        serial: Account::MERCHANT_SERIAL,
        seconds: seconds(),
        key: Account::MERCHANT_KEY,
        wanted: None,
        accept: "application/json",
    }
}

fn query(order: &str) -> Ask {
    ask("GET", &format!("/v3/pay/transactions/out-trade-no/{order}?mchid={}", Account::MCHID), "")
}

fn close(order: &str) -> Ask {
    let body = json!({ "mchid": Account::MCHID }).to_string();
    ask("POST", &format!("/v3/pay/transactions/out-trade-no/{order}/close"), &body)
}

fn wish(number: &str, fen: i64, total: i64, notify_url: Option<&str>) -> Value {
    let mut body = json!({
        "out_trade_no": ORDER, "out_refund_no": number,
        "amount": { "refund": fen, "total": total, "currency": "CNY" },
    });
    if let Some(url) = notify_url {
        body["notify_url"] = url.into();
    }
    body
}

fn refund(body: &Value) -> Ask {
    ask("POST", "/v3/refund/domestic/refunds", &body.to_string())
}

fn query_refund(number: &str) -> Ask {
    ask("GET", &format!("/v3/refund/domestic/refunds/{number}"), "")
}

impl Ask {
    fn authorization(&self) -> String {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let pair = RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
        let message = format!("{}\n{}\n{}\nn1\n{}\n", self.method, self.target, self.seconds, self.body);
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"n1\",signature=\"{}\",timestamp=\"{}\",serial_no=\"{}\"",
            self.mchid,
            STANDARD.encode(signature),
            self.seconds,
            self.serial
        )
    }

    fn send(&self, fake: &FakeWechatPay) -> std::io::Result<Answer> {
        self.send_as(fake, &self.authorization(), PATIENCE)
    }

    fn send_as(
        &self,
        fake: &FakeWechatPay,
        authorization: &str,
        patience: Duration,
    ) -> std::io::Result<Answer> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", self.method, self.target);
        head += &format!("Authorization: {authorization}\r\nAccept: {}\r\nUser-Agent: test\r\n", self.accept);
        if let Some(wanted) = self.wanted {
            head += &format!("Wechatpay-Serial: {wanted}\r\n");
        }
        if !self.body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", self.body.len());
        }
        let mut stream = TcpStream::connect(fake.address())?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(format!("{head}\r\n{}", self.body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Ok(Answer { status, headers: lines.map(pair).collect(), body: body.to_owned() })
    }

    #[track_caller]
    fn expect(&self, fake: &FakeWechatPay, pointer: &str, status: u16, value: &str) {
        let answer = self.send(fake).unwrap();
        assert_eq!(answer.told(pointer), (status, value.to_owned()), "{} {}", self.target, answer.body);
    }
}

/// An order of 19.90 yuan, which the customer has paid.
fn paid() -> FakeWechatPay {
    let fake = FakeWechatPay::start().unwrap();
    fake.open_trade(ORDER, 1990, None);
    fake.pay(ORDER).unwrap();
    fake
}

/// When the recordings were made, of PyPI wechatpayv3 2.0.4.
const RECORDED: u64 = 1_795_711_913;
const SDK_QUERY: &str = include_str!("../../../testdata/wechatpay_sdk_query.http");
const SDK_REFUND: &str = include_str!("../../../testdata/wechatpay_sdk_refund.http");

#[track_caller]
fn check_sdk(request: &Request, seconds: u64, pointer: &str, expected: &str) {
    let reply = paid().service(|service| service.answer(request, at(seconds)));
    assert_eq!(told(&reply, pointer).1, format!("\"{expected}\""), "{}", reply.body);
}

#[test]
fn what_the_common_client_sends_is_understood() {
    let (query, refund) = (recorded(SDK_QUERY), recorded(SDK_REFUND));
    check_sdk(&query, RECORDED, "/trade_state", "SUCCESS");
    check_sdk(&query, RECORDED + 299, "/trade_state", "SUCCESS");
    check_sdk(&query, RECORDED + 300, "/code", "SIGN_ERROR");
    check_sdk(&query, RECORDED - 300, "/code", "SIGN_ERROR");
    check_sdk(&refund, RECORDED, "/status", "PROCESSING");
    let more = String::from_utf8(refund.body.clone()).unwrap().replace("888", "889");
    check_sdk(&Request { body: more.into_bytes(), ..refund }, RECORDED, "/code", "SIGN_ERROR");
}

/// Whether a message is the platform's, by its public key.
fn is_signed(header: impl Fn(&str) -> String, body: &str) -> bool {
    let info = SubjectPublicKeyInfoDer::from_pem_slice(Account::PUBLIC_KEY.as_bytes()).unwrap();
    // The key of 2048 bits stands behind 24 bytes that say that it is RSA.
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &info.as_ref()[24..]);
    let message = format!("{}\n{}\n{body}\n", header("wechatpay-timestamp"), header("wechatpay-nonce"));
    let signature = STANDARD.decode(header("wechatpay-signature")).unwrap_or_default();
    let is_near = header("wechatpay-timestamp").parse::<u64>().is_ok_and(|at| at.abs_diff(seconds()) < 300);
    is_near && key.verify(message.as_bytes(), &signature).is_ok()
}

#[track_caller]
fn check_refused(spoil: impl FnOnce(&mut Ask)) {
    let fake = paid();
    let mut ask = query(ORDER);
    spoil(&mut ask);
    let answer = ask.send(&fake).unwrap();
    assert_eq!(answer.told("/code"), (401, "SIGN_ERROR".to_owned()));
    assert_eq!(answer.header("wechatpay-signature"), "");
}

#[test]
fn a_request_has_to_be_signed_by_the_merchant() {
    check_refused(|ask| ask.mchid = "1900000108");
    check_refused(|ask| ask.serial = "01");
    check_refused(|ask| ask.seconds -= 301);
    check_refused(|ask| ask.seconds += 302);
    check_refused(|ask| ask.key = include_str!("../wechatpay/keys/demo-only-forger.key.pem"));
    let fake = paid();
    let refused = |authorization: &str| {
        let answer = query(ORDER).send_as(&fake, authorization, PATIENCE).unwrap();
        assert_eq!(answer.told("/code"), (401, "SIGN_ERROR".to_owned()), "{authorization}");
    };
    let good = query(ORDER).authorization();
    assert_eq!(query(ORDER).send_as(&fake, &good, PATIENCE).unwrap().status, 200);
    refused(&query("20260303123457").authorization());
    refused(&good.replace("SHA256", "SM3"));
    refused(&good.replace("nonce_str=\"n1\"", "nonce_str=\"n2\""));
    refused(&good.replace("nonce_str=\"n1\",", ""));
    refused(&good.replace("nonce_str=\"n1\",", "nonce_str=\"n1\",nonce_str=\"n1\","));
    refused(&good.replace('"', ""));
    refused("");
}

#[test]
fn an_order_goes_its_way() {
    let fake = FakeWechatPay::start().unwrap();
    query(ORDER).expect(&fake, "/code", 404, "ORDER_NOT_EXIST");
    close(ORDER).expect(&fake, "", 204, "null");
    fake.open_trade(ORDER, 1990, None);
    query(ORDER).expect(&fake, "/trade_state", 200, "NOTPAY");
    assert!(fake.paying(ORDER, true) && !fake.paying(ORDER, true));
    query(ORDER).expect(&fake, "/trade_state", 200, "USERPAYING");
    close(ORDER).expect(&fake, "/code", 202, "USER_PAYING");
    assert!(fake.paying(ORDER, false));
    fake.pay(ORDER).unwrap();
    query(ORDER).expect(&fake, "/trade_state", 200, "SUCCESS");
    query(ORDER).expect(&fake, "/amount/total", 200, "1990");
    close(ORDER).expect(&fake, "/code", 400, "ORDERPAID");
    assert_eq!(fake.pay(ORDER), Err(Some(TradeState::Paid)));
    fake.open_trade("closed-1", 1, None);
    close("closed-1").expect(&fake, "", 204, "null");
    close("closed-1").expect(&fake, "", 204, "null");
    query("closed-1").expect(&fake, "/trade_state", 200, "CLOSED");
    assert_eq!(fake.pay("closed-1"), Err(Some(TradeState::Closed)));
    assert_eq!(fake.pay("unknown-1"), Err(None));
    let states: Vec<_> = fake.trades().iter().map(|trade| (trade.order.clone(), trade.state)).collect();
    assert_eq!(states, [(ORDER.to_owned(), TradeState::Paid), ("closed-1".to_owned(), TradeState::Closed)]);
}

#[test]
fn the_form_of_a_request_is_judged() {
    let fake = paid();
    let check = |ask: Ask, status, code: &str| ask.expect(&fake, "/code", status, code);
    let path = format!("/v3/pay/transactions/out-trade-no/{ORDER}");
    check(ask("GET", &path, ""), 400, "PARAM_ERROR");
    check(ask("GET", &format!("{path}?mchid=1"), ""), 400, "PARAM_ERROR");
    check(ask("POST", &format!("{path}/close"), "{}"), 400, "PARAM_ERROR");
    check(ask("POST", &format!("{path}/close"), "no JSON"), 400, "PARAM_ERROR");
    check(ask("GET", &format!("{path}/close"), ""), 405, "INVALID_REQUEST");
    check(ask("GET", "/v3/other", ""), 404, "NOT_FOUND");
    check(Ask { accept: "text/html", ..query(ORDER) }, 400, "PARAM_ERROR");
    let spoilt = |name: &str, value: Value| {
        let mut body = wish("r1", 100, 1990, None);
        *body.pointer_mut(name).unwrap() = value;
        check(refund(&body), 400, "PARAM_ERROR");
    };
    spoilt("/out_refund_no", "a b".into());
    spoilt("/out_trade_no", "12345".into());
    spoilt("/amount/refund", 0.into());
    spoilt("/amount/refund", json!(1.5));
    spoilt("/amount/refund", "100".into());
    spoilt("/amount/refund", 1991.into());
    spoilt("/amount/currency", "USD".into());
    check(refund(&wish("r1", 100, 1990, Some("http://x/?a=1"))), 400, "PARAM_ERROR");
    assert!(fake.refunds().is_empty());
}

#[test]
fn a_number_refunds_once_and_never_more_than_was_paid() {
    let fake = paid();
    let check = |number, fen, total, status, code: &str| {
        refund(&wish(number, fen, total, None)).expect(&fake, "/code", status, code);
    };
    query_refund("r1").expect(&fake, "/code", 404, "RESOURCE_NOT_EXISTS");
    refund(&wish("r1", 990, 1990, None)).expect(&fake, "/status", 200, "PROCESSING");
    refund(&wish("r1", 990, 1990, None)).expect(&fake, "/status", 200, "SUCCESS");
    query_refund("r1").expect(&fake, "/status", 200, "SUCCESS");
    query(ORDER).expect(&fake, "/trade_state", 200, "REFUND");
    check("r1", 991, 1990, 400, "PARAM_ERROR");
    check("r2", 100, 2000, 400, "INVALID_REQUEST");
    check("r2", 1001, 1990, 400, "INVALID_REQUEST");
    check("r2", 1000, 1990, 200, "null");
    check("r3", 1, 1990, 400, "INVALID_REQUEST");
    let refunds = fake.refunds();
    assert_eq!((refunds.len(), refunds[0].asked, refunds[1].asked), (2, 2, 1));
    assert_eq!(fake.refunded_fen(ORDER), 1990);
    // One that was given up does not count.
    assert!(fake.finish_refund("r2", RefundState::Closed));
    assert_eq!(fake.refunded_fen(ORDER), 990);
    check("r3", 1000, 1990, 200, "null");
}

#[test]
fn there_are_fifty_parts() {
    let fake = paid();
    for part in 0..50 {
        refund(&wish(&format!("r{part}"), 1, 1990, None)).expect(&fake, "/status", 200, "PROCESSING");
    }
    refund(&wish("r50", 1, 1990, None)).expect(&fake, "/code", 400, "INVALID_REQUEST");
    assert_eq!(fake.refunded_fen(ORDER), 50);
}

#[test]
fn an_order_that_is_not_paid_is_not_refunded_nor_is_money_that_is_not_there() {
    let fake = FakeWechatPay::start().unwrap();
    refund(&wish("r1", 1, 1990, None)).expect(&fake, "/code", 404, "RESOURCE_NOT_EXISTS");
    fake.open_trade(ORDER, 1990, None);
    refund(&wish("r1", 1, 1990, None)).expect(&fake, "/code", 400, "INVALID_REQUEST");
    fake.pay(ORDER).unwrap();
    fake.set_balance(Some(989));
    refund(&wish("r1", 990, 1990, None)).expect(&fake, "/code", 403, "NOT_ENOUGH");
    fake.set_balance(Some(990));
    refund(&wish("r1", 990, 1990, None)).expect(&fake, "/status", 200, "PROCESSING");
    refund(&wish("r2", 1, 1990, None)).expect(&fake, "/code", 403, "NOT_ENOUGH");
}

#[test]
fn what_was_taken_is_not_always_answered() {
    let fake = paid();
    fake.script([
        Fault::HangTaken,
        Fault::CodeTaken("SYSTEM_ERROR"),
        Fault::Code("SYSTEM_ERROR"),
        Fault::Hang,
    ]);
    let wish = |number| refund(&wish(number, 10, 1990, None));
    let hang =
        |ask: Ask| ask.send_as(&fake, &ask.authorization(), Duration::from_millis(200)).err().unwrap().kind();
    assert!(matches!(hang(wish("r1")), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    wish("r2").expect(&fake, "/code", 500, "SYSTEM_ERROR");
    wish("r3").expect(&fake, "/code", 500, "SYSTEM_ERROR");
    assert!(matches!(hang(wish("r4")), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    let numbers: Vec<_> = fake.refunds().into_iter().map(|refund| refund.number).collect();
    assert_eq!(numbers, ["r1", "r2"]);
    assert_eq!(fake.taken().len(), 2);
    fake.script([Fault::Reset, Fault::SlowDrip(Duration::from_millis(1))]);
    assert!(wish("r5").send(&fake).is_err());
    wish("r5").expect(&fake, "/status", 200, "SUCCESS");
    let codes = [
        "FREQUENCY_LIMITED",
        "NOT_ENOUGH",
        "USER_ACCOUNT_ABNORMAL",
        "ORDER_CLOSED",
        "USER_PAYING",
        "SIGN_ERROR",
    ];
    for (code, status) in codes.into_iter().zip([429, 403, 403, 400, 202, 401]) {
        fake.script([Fault::Code(code)]);
        wish("r6").expect(&fake, "/code", status, code);
    }
    assert_eq!(fake.refunded_fen(ORDER), 30);
}

#[test]
fn answers_are_signed_by_the_key_that_is_asked_for() {
    let fake = paid();
    let answer = |wanted| Ask { wanted, ..query(ORDER) }.send(&fake).unwrap();
    let signed = |answer: &Answer| is_signed(|name| answer.header(name).to_owned(), &answer.body);
    assert_eq!(answer(None).header("wechatpay-serial"), Account::PLATFORM_SERIAL);
    assert!(signed(&answer(None)) && signed(&close("unknown-1").send(&fake).unwrap()));
    let by_public_key = answer(Some(Account::PUBLIC_KEY_ID));
    assert_eq!(by_public_key.header("wechatpay-serial"), Account::PUBLIC_KEY_ID);
    assert!(signed(&by_public_key));
    for signing in [Signing::Forged, Signing::Stale, Signing::Missing, Signing::Probe] {
        fake.sign_answers(signing);
        assert!(!signed(&answer(None)), "{signing:?}");
    }
    assert!(answer(None).header("wechatpay-signature").starts_with("WECHATPAY/SIGNTEST/"));
    fake.sign_answers(Signing::Honest);
    assert!(signed(&answer(None)));
}

#[test]
fn the_certificate_holds_the_public_key() {
    let certificate = CertificateDer::from_pem_slice(Account::PLATFORM_CERTIFICATE.as_bytes()).unwrap();
    let info = SubjectPublicKeyInfoDer::from_pem_slice(Account::PUBLIC_KEY.as_bytes()).unwrap();
    assert!(certificate.windows(info.as_ref().len()).any(|window| window == info.as_ref()));
    let serial: Vec<u8> = Account::PLATFORM_SERIAL
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    assert!(certificate.windows(serial.len()).any(|window| window == serial));
}

/// The content of a callback, if it is the platform's.
fn opened(received: &Received) -> Option<Value> {
    let body = std::str::from_utf8(&received.request.body).unwrap();
    let header = |name: &str| received.request.header(name).unwrap_or_default().to_owned();
    is_signed(header, body).then(|| {
        let body: Value = serde_json::from_str(body).unwrap();
        let text = |name: &str| body["resource"][name].as_str().unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, Account::API_V3_KEY.as_bytes()).unwrap());
        let nonce = Nonce::assume_unique_for_key(text("nonce").as_bytes().try_into().unwrap());
        let mut bytes = STANDARD.decode(text("ciphertext")).unwrap();
        let content =
            key.open_in_place(nonce, Aad::from(text("associated_data").as_bytes()), &mut bytes).unwrap();
        serde_json::from_slice(content).unwrap()
    })
}

/// The shop's address for callbacks: takes everything.
struct Shop;

impl Service for Shop {
    fn answer(&mut self, _request: &Request, _now: SystemTime) -> Reply {
        Reply::json(200, &json!({}), true)
    }

    fn refusal(&self, _code: &str) -> Reply {
        Reply::json(500, &json!({ "code": "FAIL" }), false)
    }
}

/// What a shop sees: which refund, and `?` for what is not the platform's.
fn seen(shop: &Fake<Shop>) -> Vec<String> {
    let about = |content: Value| content["out_refund_no"].as_str().unwrap().to_owned();
    shop.received().iter().map(|received| opened(received).map_or_else(|| "?".to_owned(), about)).collect()
}

#[track_caller]
fn check_notices(faults: &[NoticeFault], count: usize, expected: &str) {
    let (fake, shop) = (paid(), Fake::of(Shop).unwrap());
    let url = format!("{}/refund", shop.base());
    fake.script_notices(faults.iter().copied());
    for number in ["r1", "r2"] {
        refund(&wish(number, 10, 1990, Some(&url))).expect(&fake, "/status", 200, "PROCESSING");
    }
    fake.wait_notices(count, PATIENCE).unwrap();
    assert_eq!(seen(&shop).join(" "), expected);
}

#[test]
fn callbacks_come_twice_late_forged_or_not_at_all() {
    check_notices(&[], 2, "r1 r2");
    check_notices(&[NoticeFault::Twice], 3, "r1 r1 r2");
    check_notices(&[NoticeFault::Late], 2, "r2 r1");
    check_notices(&[NoticeFault::Lost], 1, "r2");
    check_notices(&[NoticeFault::Forged], 2, "? r2");
    check_notices(&[NoticeFault::Probe], 3, "? r1 r2");
    check_notices(&[NoticeFault::None, NoticeFault::Lost], 1, "r1");
}

#[test]
fn callbacks_are_sent_until_somebody_listens() {
    let (fake, shop) = (FakeWechatPay::start().unwrap(), Fake::of(Shop).unwrap());
    let url = format!("{}/paid", shop.base());
    fake.open_trade(ORDER, 1990, Some(&url));
    fake.notices_by_public_key(true);
    shop.script([Fault::Status(500, None), Fault::Code("FAIL")]);
    fake.pay(ORDER).unwrap();
    let told = fake.wait_notices(3, PATIENCE).unwrap();
    let statuses: Vec<_> = told.iter().map(|notice| notice.status).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(200)]);
    assert!(told.iter().all(|notice| notice.id == told[0].id && notice.event == "TRANSACTION.SUCCESS"));
    let received = shop.received();
    assert_eq!(received[2].request.header("wechatpay-serial"), Some(Account::PUBLIC_KEY_ID));
    let content = opened(&received[2]).unwrap();
    assert_eq!((&content["out_trade_no"], &content["amount"]["total"]), (&ORDER.into(), &1990.into()));
    shop.close().unwrap();
    fake.hold_refunds();
    refund(&wish("r1", 10, 1990, Some(&url))).expect(&fake, "/status", 200, "PROCESSING");
    query_refund("r1").expect(&fake, "/status", 200, "PROCESSING");
    assert!(fake.finish_refund("r1", RefundState::Abnormal) && !fake.finish_refund("r2", RefundState::Done));
    let told = fake.wait_notices(7, PATIENCE).unwrap();
    assert!(told[3..].iter().all(|notice| notice.status.is_none() && notice.event == "REFUND.ABNORMAL"));
    query_refund("r1").expect(&fake, "/status", 200, "ABNORMAL");
}
