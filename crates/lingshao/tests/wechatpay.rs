//! Our WeChat Pay client's words against a service that was written without knowledge of it: over a socket, with both
//! kinds of keys, through every fault of which money depends.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lingshao_demo::fakes::{
    Fake, FakeWechatPay, Fault, NoticeFault, Received, RefundState, Reply, Request as Heard, Service,
    Signing, WechatPayAccount as Account,
};
use lingshao_model::Timestamp;
use lingshao_wire::notify::Request;
use lingshao_wire::provider::{Closing, Doubt, Refund, Trade, Trouble};
use lingshao_wire::wechatpay::notice::{self, NoticeError, NoticeEvent};
use lingshao_wire::wechatpay::{
    Answer, ApiV3Key, Merchant, MerchantKey, PlatformKeys, RefundOrder, SignatureError, SignatureHeaders,
    answer,
};

const PATIENCE: Duration = Duration::from_secs(10);
const ORDER: RefundOrder<'_> = RefundOrder {
    order: "20260303123456",
    number: "LSlingxian-42-group-1",
    fen: 880,
    total_fen: 1990,
    reason: Some("拼团未成功"),
    notify_url: None,
};

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

fn keys() -> PlatformKeys {
    let mut keys = PlatformKeys::new();
    keys.add_certificate(Account::PLATFORM_CERTIFICATE).unwrap();
    keys
}

fn both_keys() -> PlatformKeys {
    let mut keys = keys();
    keys.add_public_key(Account::PUBLIC_KEY_ID, Account::PUBLIC_KEY).unwrap();
    keys
}

/// A shop's provider and its client.
struct World {
    fake: FakeWechatPay,
    merchant: Merchant,
}

impl World {
    fn new(keys: PlatformKeys) -> World {
        let fake = FakeWechatPay::start().unwrap();
        let key = MerchantKey::from_pem(Account::MERCHANT_KEY).unwrap();
        let merchant = Merchant::new(&fake.base(), Account::MCHID, Account::MERCHANT_SERIAL, key, keys);
        World { fake, merchant: merchant.unwrap() }
    }

    /// With the order, paid.
    fn paid() -> World {
        let world = World::new(keys());
        world.fake.open_trade(ORDER.order, ORDER.total_fen, None);
        world.fake.pay(ORDER.order).unwrap();
        world
    }

    fn send(&self, request: &Request) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let target = request.url.strip_prefix(&self.fake.base()).unwrap();
        let method = if request.is_post { "POST" } else { "GET" };
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        request.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head += &format!("content-length: {}\r\n\r\n", request.body.len());
        let mut stream = TcpStream::connect(self.fake.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[head.as_bytes(), &request.body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let pair =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        (status, lines.filter_map(pair).collect(), body.as_bytes().to_vec())
    }

    fn ask<T>(&self, request: &Request, judge: impl FnOnce(&Answer<'_>) -> T) -> T {
        let (status, headers, body) = self.send(request);
        let header =
            |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        judge(&Answer { status, signature: SignatureHeaders::read(header), body: &body, now: now() })
    }

    fn trade(&self) -> Result<Trade, Trouble> {
        let request = self.merchant.query_trade(ORDER.order, "n1", now()).unwrap();
        self.ask(&request, |answer| answer::trade(&self.merchant, ORDER.order, answer))
    }

    fn close(&self) -> Result<Closing, Trouble> {
        let request = self.merchant.close_trade(ORDER.order, "n1", now()).unwrap();
        self.ask(&request, |answer| answer::closing(&self.merchant, answer))
    }

    fn refund(&self, order: &RefundOrder<'_>) -> Result<Refund, Trouble> {
        let request = self.merchant.refund(order, "n1", now()).unwrap();
        self.ask(&request, |answer| answer::refund(&self.merchant, order, answer))
    }

    fn refund_query(&self, order: &RefundOrder<'_>) -> Result<Refund, Trouble> {
        let request = self.merchant.query_refund(order.number, "n1", now()).unwrap();
        self.ask(&request, |answer| answer::refund_query(&self.merchant, order, answer))
    }
}

#[track_caller]
fn check_life_of_an_order(keys: PlatformKeys) {
    let world = World::new(keys);
    assert_eq!(world.trade(), Ok(Trade::NotFound));
    world.fake.open_trade(ORDER.order, ORDER.total_fen, None);
    assert_eq!(world.trade(), Ok(Trade::Unpaid));
    world.fake.paying(ORDER.order, true);
    assert_eq!((world.trade(), world.close()), (Ok(Trade::Paying), Ok(Closing::Paying)));
    world.fake.pay(ORDER.order).unwrap();
    assert_eq!(world.close(), Ok(Closing::AlreadyPaid));
    assert!(matches!(world.trade(), Ok(Trade::Paid(payment)) if payment.fen == 1990));
    world.fake.hold_refunds();
    assert_eq!(world.refund_query(&ORDER), Ok(Refund::NotFound));
    assert!(matches!(world.refund(&ORDER), Ok(Refund::Processing(told)) if told.fen == 880));
    assert!(matches!(world.trade(), Ok(Trade::Refunded(payment)) if payment.fen == 1990));
    world.fake.finish_refund(ORDER.number, RefundState::Abnormal);
    assert!(matches!(world.refund_query(&ORDER), Ok(Refund::Abnormal(_))));
    world.fake.finish_refund(ORDER.number, RefundState::Done);
    assert!(matches!(world.refund(&ORDER), Ok(Refund::Done(_))));
    assert_eq!(world.fake.refunded_fen(ORDER.order), 880);
}

#[test]
fn an_order_from_its_page_to_its_refund() {
    check_life_of_an_order(keys());
    check_life_of_an_order(both_keys());
}

#[test]
fn an_order_that_nobody_pays_is_closed() {
    let world = World::new(keys());
    assert_eq!(world.close(), Ok(Closing::Closed)); // Also for a number that it never saw.
    world.fake.open_trade(ORDER.order, ORDER.total_fen, None);
    assert_eq!(world.close(), Ok(Closing::Closed));
    assert_eq!((world.close(), world.trade()), (Ok(Closing::Closed), Ok(Trade::Closed)));
    world.fake.script([Fault::Code("ORDER_CLOSED")]);
    assert_eq!(world.close(), Ok(Closing::Closed));
}

#[test]
fn a_refund_that_was_taken_but_not_answered_is_found_and_not_made_twice() {
    let world = World::paid();
    world.fake.script([Fault::CodeTaken("SYSTEM_ERROR")]);
    let said = "HTTP 500 SYSTEM_ERROR fault by script".to_owned();
    assert_eq!(world.refund(&ORDER), Err(Trouble::RetrySameNumber(Doubt::ProviderError, said)));
    assert!(matches!(world.refund_query(&ORDER), Ok(Refund::Done(_))));
    assert!(matches!(world.refund(&ORDER), Ok(Refund::Done(_))));
    assert_eq!((world.fake.refunds().len(), world.fake.refunded_fen(ORDER.order)), (1, 880));
}

#[track_caller]
fn check_code(code: &'static str, is_class: fn(&Trouble) -> bool) {
    let world = World::paid();
    world.fake.script([Fault::Code(code)]);
    let answer = world.refund(&ORDER).unwrap_err();
    assert!(is_class(&answer), "{answer:?}");
    assert!(world.fake.refunds().is_empty());
}

#[test]
fn each_refusal_has_its_class() {
    check_code("FREQUENCY_LIMITED", |told| matches!(told, Trouble::RetrySameNumber(Doubt::TooMany, _)));
    check_code("NOT_ENOUGH", |told| matches!(told, Trouble::WaitForMerchant(_)));
    check_code("USER_ACCOUNT_ABNORMAL", |told| matches!(told, Trouble::Final(_)));
    check_code("SIGN_ERROR", |told| matches!(told, Trouble::OurBug(_)));
    check_code("PARAM_ERROR", |told| matches!(told, Trouble::OurBug(_)));
    let world = World::paid();
    let whole = RefundOrder { fen: 1990, number: "whole", ..ORDER };
    assert!(world.refund(&whole).is_ok());
    assert!(matches!(world.refund(&ORDER), Err(Trouble::Final(_))));
    let other = RefundOrder { fen: 1, ..whole };
    assert!(matches!(world.refund(&other), Err(Trouble::OurBug(_))));
    assert!(matches!(world.refund_query(&other), Err(Trouble::Unknown(_))));
    assert_eq!(world.fake.refunded_fen(ORDER.order), 1990);
}

#[test]
fn what_is_not_proven_is_not_believed() {
    let world = World::paid();
    for signing in [Signing::Forged, Signing::Stale, Signing::Missing, Signing::Probe] {
        world.fake.sign_answers(signing);
        let doubtful = |told| matches!(told, Some(Trouble::RetrySameNumber(Doubt::BadSignature, _)));
        assert!(doubtful(world.trade().err()) && doubtful(world.close().err()), "{signing:?}");
        assert!(doubtful(world.refund(&ORDER).err()) && doubtful(world.refund_query(&ORDER).err()));
    }
    world.fake.sign_answers(Signing::Honest);
    assert!(matches!(world.refund_query(&ORDER), Ok(Refund::Done(_))));
}

/// The shop's address for callbacks: takes everything.
struct Shop;

impl Service for Shop {
    fn answer(&mut self, _request: &Heard, _now: SystemTime) -> Reply {
        Reply { status: 204, headers: Vec::new(), body: String::new(), taken: true }
    }

    fn refusal(&self, _code: &str) -> Reply {
        Reply { status: 500, headers: Vec::new(), body: String::new(), taken: false }
    }
}

fn open(received: &Received) -> Result<NoticeEvent, NoticeError> {
    let headers = SignatureHeaders::read(|name| received.request.header(name));
    let key = ApiV3Key::new(Account::API_V3_KEY).unwrap();
    let opened = notice::open(Account::MCHID, &both_keys(), &key, &headers, &received.request.body, now());
    opened.map(|notice| notice.event)
}

#[test]
fn callbacks_are_opened_and_strangers_are_not() {
    let (world, shop) = (World::new(keys()), Fake::of(Shop).unwrap());
    let url = format!("{}/wechat", shop.base());
    world.fake.open_trade(ORDER.order, ORDER.total_fen, Some(&url));
    world.fake.script_notices([NoticeFault::None, NoticeFault::Probe, NoticeFault::Forged]);
    world.fake.pay(ORDER.order).unwrap();
    let told = RefundOrder { notify_url: Some(&url), ..ORDER };
    world.refund(&told).unwrap();
    world.fake.notices_by_public_key(true);
    world.refund(&RefundOrder { number: "second", ..told }).unwrap();
    world.refund(&RefundOrder { number: "third", fen: 1, ..told }).unwrap();
    world.fake.wait_notices(5, PATIENCE).unwrap();
    let opened: Vec<_> = shop.received().iter().map(open).collect();
    let is_refund = |event: &Result<NoticeEvent, NoticeError>, wanted: &str| matches!(event, Ok(NoticeEvent::Refund { number, refund: Refund::Done(_), .. }) if number == wanted);
    assert!(
        matches!(&opened[0], Ok(NoticeEvent::Paid { order, payment }) if order == ORDER.order && payment.fen == 1990)
    );
    assert_eq!(opened[1], Err(NoticeError::Signature(SignatureError::Probe)));
    assert!(is_refund(&opened[2], ORDER.number), "{:?}", opened[2]);
    assert_eq!(opened[3], Err(NoticeError::Signature(SignatureError::Wrong)));
    assert!(is_refund(&opened[4], "third"), "{:?}", opened[4]);
}
