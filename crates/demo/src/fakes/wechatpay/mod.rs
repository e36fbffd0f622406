//! WeChat Pay (微信支付), API v3 of a direct merchant: orders, refunds, callbacks (pay.weixin.qq.com/doc/v3/merchant).
//!
//! Signatures are RSA, whose keys `ring` can use and not make: those in `keys/` are fixed, made once by openssl, and
//! good for nothing but this. The customer's side is [`FakeWechatPay::open_trade`] and [`FakeWechatPay::pay`]; what the
//! merchant did with it stands in [`FakeWechatPay::trades`] and [`FakeWechatPay::refunds`], which are the truth that a
//! test holds its own books to.

mod books;
mod notices;
mod signature;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::http::{Fake, Reply, Request, Service};
use super::journal::{Journal, NotInTime};
use books::Books;
pub use books::{BookedRefund, BookedTrade, RefundState, TradeState};
pub(crate) use books::{Refusal, Wish};
use notices::{Notice, Notifier};
pub use notices::{NoticeFault, SentNotice};
pub(crate) use signature::Signer;
pub use signature::Signing;

pub(crate) const TRADES: &str = "/v3/pay/transactions/out-trade-no/";
pub(crate) const REFUNDS: &str = "/v3/refund/domestic/refunds";

/// A running service.
pub type FakeWechatPay = Fake<WechatPay>;

/// How the service judges.
pub struct WechatPay {
    books: Books,
    signer: Arc<Signer>,
    signing: Signing,
    notifier: Notifier,
    told: Arc<Journal<SentNotice>>,
    notice_faults: VecDeque<NoticeFault>,
    notice_key: &'static str,
    holds_refunds: bool,
    notices: u64,
}

/// The one merchant of the fake, and what both sides know of each other.
pub struct Account;

impl Account {
    /// The merchant's number.
    pub const MCHID: &str = "1900000109";
    /// Of the merchant's certificate.
    pub const MERCHANT_SERIAL: &str = "3775B6A45ACD588826D15E583A95F5DD00000001";
    /// `apiclient_key.pem`; it must be seen nowhere.
    pub const MERCHANT_KEY: &str = include_str!("keys/demo-only-merchant.key.pem");
    /// The APIv3 key; it must be seen nowhere.
    pub const API_V3_KEY: &str = "Dem0OnlyDem0OnlyDem0OnlyDem0Only";
    /// The platform's certificate, and in it its serial.
    pub const PLATFORM_CERTIFICATE: &str = include_str!("keys/demo-only-platform.certificate.pem");
    /// Of the platform's certificate.
    pub const PLATFORM_SERIAL: &str = "7132D72A03E93CDDF8C03BBD1F37EEDF00000001";
    /// The platform's public key.
    pub const PUBLIC_KEY: &str = include_str!("keys/demo-only-platform.public.pem");
    /// What the public key is called.
    pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092026030300000001";
}

impl FakeWechatPay {
    /// On a free port.
    pub fn start() -> io::Result<FakeWechatPay> {
        Fake::of(WechatPay::new()?)
    }

    /// A customer stands before the page on which one pays. Payments are told to `notify_url`.
    pub fn open_trade(&self, order: &str, fen: i64, notify_url: Option<&str>) {
        self.service(|service| service.books.open(order, fen, notify_url));
    }

    /// The customer pays. The error is the state in which that cannot be; none: there is no such order.
    pub fn pay(&self, order: &str) -> Result<(), Option<TradeState>> {
        self.service(|service| {
            let trade = service.books.pay(order)?;
            service.tell_payment(&trade);
            Ok(())
        })
    }

    /// The customer begins to type the password, or stops; false if the order is not in the state for that.
    pub fn paying(&self, order: &str, is_paying: bool) -> bool {
        self.service(|service| service.books.paying(order, is_paying))
    }

    /// From now on refunds stay in progress until [`FakeWechatPay::finish_refund`]; otherwise the money is back at once.
    pub fn hold_refunds(&self) {
        self.service(|service| service.holds_refunds = true);
    }

    /// A refund comes to an end, which is told; false: there is none of this number.
    pub fn finish_refund(&self, number: &str, state: RefundState) -> bool {
        self.service(|service| service.finish(number, state))
    }

    /// What the merchant's account holds for refunds; without it, it has always enough.
    pub fn set_balance(&self, fen: Option<i64>) {
        self.service(|service| service.books.balance_fen = fen);
    }

    /// From now on answers are signed like this.
    pub fn sign_answers(&self, signing: Signing) {
        self.service(|service| service.signing = signing);
    }

    /// The next callbacks meet these, one each; then all is well again.
    pub fn script_notices(&self, faults: impl IntoIterator<Item = NoticeFault>) {
        self.service(|service| service.notice_faults.extend(faults));
    }

    /// Callbacks are signed by the public key, or again by the certificate: that is for the service to choose.
    pub fn notices_by_public_key(&self, by_public_key: bool) {
        let key = if by_public_key { Account::PUBLIC_KEY_ID } else { Account::PLATFORM_SERIAL };
        self.service(|service| service.notice_key = key);
    }

    /// All orders, by number.
    pub fn trades(&self) -> Vec<BookedTrade> {
        self.service(|service| service.books.trades.values().cloned().collect())
    }

    /// All refunds, by number.
    pub fn refunds(&self) -> Vec<BookedRefund> {
        self.service(|service| service.books.refunds.values().cloned().collect())
    }

    /// What was or will be given back of an order.
    pub fn refunded_fen(&self, order: &str) -> i64 {
        self.service(|service| service.books.refunded(order))
    }

    /// Waits until so many callbacks were sent and answered.
    pub fn wait_notices(&self, count: usize, patience: Duration) -> Result<Vec<SentNotice>, NotInTime> {
        let told = self.service(|service| Arc::clone(&service.told));
        told.wait(patience, |all| count <= all.len())
    }
}

impl WechatPay {
    pub(crate) fn new() -> io::Result<WechatPay> {
        let (signer, told) = (Arc::new(Signer::new()?), Arc::new(Journal::new()));
        Ok(WechatPay {
            books: Books::default(),
            notifier: Notifier::start(Arc::clone(&signer), Arc::clone(&told))?,
            signer,
            signing: Signing::Honest,
            told,
            notice_faults: VecDeque::new(),
            notice_key: Account::PLATFORM_SERIAL,
            holds_refunds: false,
            notices: 0,
        })
    }

    fn judge(&mut self, request: &Request) -> Result<(u16, Option<Value>), Refusal> {
        let wants_json = request
            .header("accept")
            .is_some_and(|accept| accept.contains("application/json") || accept.contains("*/*"));
        if !wants_json || request.header("user-agent").is_none_or(str::is_empty) {
            return Err((400, "PARAM_ERROR", "Http头缺少Accept或User-Agent"));
        }
        let path = request.path().to_owned();
        match (request.method.as_str(), path.as_str()) {
            ("POST", REFUNDS) => self.refund(&body(request)?),
            ("GET", path) if path.starts_with(REFUNDS) => {
                let number = number(path.strip_prefix(REFUNDS).and_then(|rest| rest.strip_prefix('/')))?;
                let refund = self.books.refunds.get(&number);
                let refund = refund.ok_or((404, "RESOURCE_NOT_EXISTS", "退款单不存在"))?;
                Ok((200, Some(self.refund_answer(refund))))
            }
            (method, path) if path.starts_with(TRADES) => {
                let rest = path.strip_prefix(TRADES);
                match (method, rest.and_then(|rest| rest.strip_suffix("/close"))) {
                    ("POST", Some(order)) => self.close(&number(Some(order))?, &body(request)?),
                    ("GET", None) => self.query(&number(rest)?, request),
                    _ => Err((405, "INVALID_REQUEST", "HTTP方法与接口不符")),
                }
            }
            _ => Err((404, "NOT_FOUND", "接口不存在")),
        }
    }

    fn query(&self, order: &str, request: &Request) -> Result<(u16, Option<Value>), Refusal> {
        if request.parameter("mchid").as_deref() != Some(Account::MCHID) {
            return Err((400, "PARAM_ERROR", "输入源“/query/mchid”映射到值字段“直连商户号”不正确"));
        }
        let trade = self.books.trades.get(order).ok_or((404, "ORDER_NOT_EXIST", "订单不存在"))?;
        let given_back = self.books.refunds.values().any(|refund| refund.order == order);
        let (state, words) = match trade.state {
            TradeState::NotPaid => ("NOTPAY", "订单未支付"),
            TradeState::Paying => ("USERPAYING", "用户支付中"),
            TradeState::Closed => ("CLOSED", "订单已关闭"),
            TradeState::Paid if given_back => ("REFUND", "订单发生过退款"),
            TradeState::Paid => ("SUCCESS", "支付成功"),
        };
        let paid = trade.transaction.as_deref().map(|transaction| (transaction, trade.fen));
        Ok((200, Some(trade_answer(order, (state, words), paid))))
    }

    fn close(&mut self, order: &str, body: &Value) -> Result<(u16, Option<Value>), Refusal> {
        if body["mchid"] != Account::MCHID {
            return Err((400, "PARAM_ERROR", "输入源“/body/mchid”映射到值字段“直连商户号”不正确"));
        }
        self.books.close(order)?;
        Ok((204, None))
    }

    fn refund(&mut self, body: &Value) -> Result<(u16, Option<Value>), Refusal> {
        let wish = wish(body).ok_or((400, "PARAM_ERROR", "参数错误，请根据接口文档检查"))?;
        let (refund, is_new) = self.books.refund(&wish)?;
        let answer = self.refund_answer(&refund);
        if is_new && !self.holds_refunds {
            self.finish(&refund.number, RefundState::Done);
        }
        Ok((200, Some(answer)))
    }

    fn refund_answer(&self, refund: &BookedRefund) -> Value {
        let trade = self.books.trades.get(&refund.order).expect("a refund has its order");
        refund_answer(&RefundSaid {
            id: &refund.id,
            number: &refund.number,
            transaction: trade.transaction.as_deref(),
            order: &refund.order,
            status: status(refund.state),
            fen: refund.fen,
            total_fen: trade.fen,
        })
    }

    fn finish(&mut self, number: &str, state: RefundState) -> bool {
        let Some((refund, changed)) = self.books.finish(number, state) else { return false };
        let Some(url) = refund.notify_url.clone().filter(|_| changed && state != RefundState::Processing)
        else {
            return true;
        };
        let trade = self.books.trades.get(&refund.order).expect("a refund has its order");
        let content = json!({
            "mchid": Account::MCHID,
            "transaction_id": trade.transaction,
            "out_trade_no": refund.order,
            "refund_id": refund.id,
            "out_refund_no": refund.number,
            "refund_status": status(state),
            "success_time": rfc3339(SystemTime::now()),
            "user_received_account": "支付用户零钱",
            "amount": {
                "total": trade.fen, "refund": refund.fen, "payer_total": trade.fen, "payer_refund": refund.fen,
            },
        });
        self.tell(url, format!("REFUND.{}", status(state)), refund.number, "refund", content);
        true
    }

    fn tell_payment(&mut self, trade: &BookedTrade) {
        let Some(url) = trade.notify_url.clone() else { return };
        let content = json!({
            "mchid": Account::MCHID, "appid": "wx0000000000000000", "out_trade_no": trade.order,
            "transaction_id": trade.transaction, "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功", "bank_type": "OTHERS", "success_time": rfc3339(SystemTime::now()),
            "payer": { "openid": "o0" }, "amount": money(trade.fen),
        });
        self.tell(url, "TRANSACTION.SUCCESS".to_owned(), trade.order.clone(), "transaction", content);
    }

    fn tell(&mut self, url: String, event: String, about: String, kind: &'static str, content: Value) {
        self.notices += 1;
        let id = format!("00000000-0000-0000-0000-{:012}", self.notices);
        let fault = self.notice_faults.pop_front().unwrap_or(NoticeFault::None);
        let notice = Notice { url, id, event, about, kind, content, key: self.notice_key };
        self.notifier.tell(notice, fault);
    }

    fn signed(&self, status: u16, body: Option<&Value>, key: &str, taken: bool) -> Reply {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut headers = self.signer.headers(self.signing, key, &body);
        if !body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()));
        }
        Reply { status, headers, body, taken }
    }
}

impl Service for WechatPay {
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply {
        // Whoever does not sign well is not answered under a signature either.
        if let Some(reason) = self.signer.refuses(request, now) {
            return Reply::json(401, &error("SIGN_ERROR", reason), false);
        }
        let key = key_wanted(request);
        match self.judge(request) {
            Ok((status, body)) => self.signed(status, body.as_ref(), key, true),
            Err((status, code, message)) => self.signed(status, Some(&error(code, message)), key, false),
        }
    }

    fn refusal(&self, code: &str) -> Reply {
        let status = match code {
            "SYSTEM_ERROR" | "BANK_ERROR" => 500,
            "FREQUENCY_LIMITED" => 429,
            "NOT_ENOUGH" | "USER_ACCOUNT_ABNORMAL" | "NO_AUTH" => 403,
            "RESOURCE_NOT_EXISTS" | "ORDER_NOT_EXIST" | "MCH_NOT_EXISTS" => 404,
            "USER_PAYING" => 202,
            "SIGN_ERROR" => return Reply::json(401, &error(code, "fault by script"), false),
            _ => 400,
        };
        self.signed(status, Some(&error(code, "fault by script")), Account::PLATFORM_SERIAL, false)
    }
}

/// By which key an answer is to be signed: the one that the other side says it has.
pub(crate) fn key_wanted(request: &Request) -> &'static str {
    match request.header("wechatpay-serial") {
        Some(Account::PUBLIC_KEY_ID) => Account::PUBLIC_KEY_ID,
        _ => Account::PLATFORM_SERIAL,
    }
}

/// What is said of a trade: its state in two words, and its number and amount once it is paid.
pub(crate) fn trade_answer(order: &str, (state, words): (&str, &str), paid: Option<(&str, i64)>) -> Value {
    let mut answer = json!({
        "mchid": Account::MCHID, "out_trade_no": order, "trade_state": state, "trade_state_desc": words,
        "promotion_detail": [],
    });
    if let Some((transaction, fen)) = paid {
        answer["transaction_id"] = transaction.into();
        answer["trade_type"] = "JSAPI".into();
        answer["amount"] = money(fen);
    }
    answer
}

/// What there is to say of a refund.
pub(crate) struct RefundSaid<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: &'a str,
    pub(crate) transaction: Option<&'a str>,
    pub(crate) order: &'a str,
    pub(crate) status: &'a str,
    pub(crate) fen: i64,
    pub(crate) total_fen: i64,
}

/// What is said of a refund.
pub(crate) fn refund_answer(refund: &RefundSaid<'_>) -> Value {
    let RefundSaid { fen, total_fen, .. } = *refund;
    json!({
        "refund_id": refund.id,
        "out_refund_no": refund.number,
        "transaction_id": refund.transaction,
        "out_trade_no": refund.order,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(SystemTime::now()),
        "status": refund.status,
        "funds_account": "UNSETTLED",
        "amount": {
            "total": total_fen, "refund": fen, "payer_total": total_fen, "payer_refund": fen,
            "settlement_refund": fen, "settlement_total": total_fen, "discount_refund": 0, "currency": "CNY",
        },
    })
}

/// What is answered to a request that is not done.
pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

fn money(fen: i64) -> Value {
    json!({ "total": fen, "payer_total": fen, "currency": "CNY", "payer_currency": "CNY" })
}

fn status(state: RefundState) -> &'static str {
    match state {
        RefundState::Processing => "PROCESSING",
        RefundState::Done => "SUCCESS",
        RefundState::Abnormal => "ABNORMAL",
        RefundState::Closed => "CLOSED",
    }
}

fn body(request: &Request) -> Result<Value, Refusal> {
    request.json().filter(Value::is_object).ok_or((400, "PARAM_ERROR", "请求体不是合法的JSON"))
}

/// The rest of a path, decoded.
fn number(rest: Option<&str>) -> Result<String, Refusal> {
    let whole = rest.filter(|rest| !rest.contains(['&', '=', '+'])).unwrap_or_default();
    let decoded: String = form_urlencoded::parse(whole.as_bytes()).map(|(name, _)| name).collect();
    if is_number(&decoded, 1, 64) { Ok(decoded) } else { Err((400, "PARAM_ERROR", "单号格式错误")) }
}

fn is_number(text: &str, least: usize, most: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-*|@".contains(&byte);
    (least..=most).contains(&text.len()) && text.bytes().all(allowed)
}

/// What a request for a refund says, if it is of its form.
pub(crate) fn wish(body: &Value) -> Option<Wish<'_>> {
    let (order, number) = (body["out_trade_no"].as_str()?, body["out_refund_no"].as_str()?);
    let amount = &body["amount"];
    let (fen, total_fen) = (amount["refund"].as_i64()?, amount["total"].as_i64()?);
    let text = |name: &str| match &body[name] {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.as_str())),
        _ => None,
    };
    let (notify_url, reason) = (text("notify_url")?, text("reason")?);
    let fits = is_number(order, 6, 32)
        && is_number(number, 1, 64)
        && (1..=total_fen).contains(&fen)
        && amount["currency"] == "CNY"
        && reason.is_none_or(|reason| reason.len() <= 80)
        && notify_url.is_none_or(|url| url.len() <= 256 && url.starts_with("http") && !url.contains('?'));
    fits.then_some(Wish { order, number, fen, total_fen, notify_url })
}

/// As the service writes it: `2026-03-03T20:30:00+08:00`.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let offset = jiff::tz::offset(8);
    jiff::fmt::temporal::DateTimePrinter::new()
        .precision(Some(0))
        .timestamp_with_offset_to_string(&at, offset)
}
