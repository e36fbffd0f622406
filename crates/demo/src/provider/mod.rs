//! The payment provider: a stranger on a socket of its own, who takes money and says so under its signature.
//!
//! The addresses are WeChat Pay's, and whoever comes with WeChat Pay's own signature is answered in its words ([`v3`]); the
//! shop itself uses a shorter one. `/cashier/{out_trade_no}` stands for the customer's telephone. A notice is sent until
//! it is answered with 2xx, at most [`NOTICES_MAX`] times, and now and then once more than needed, as real ones are.

mod ledger;
mod signature;
mod v3;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::fakes::wechatpay::Signer;
use crate::http::{Client, Sent};
use crate::time::Clock;
use ledger::{Ledger, Refunded, Trade, state};
pub(crate) use signature::{Key, NoRandomness};
pub(crate) use v3::transaction;

/// How often a notice is sent at most; the pauses double from [`NOTICE_PAUSE`], so that it takes two minutes.
const NOTICES_MAX: u32 = 9;
const NOTICE_PAUSE: Duration = Duration::from_millis(250);
/// One notice of so many is sent twice.
const REPEATED_ONE_OF: u64 = 50;
/// Most notices that are under way: a minute at the highest speed's peak.
const NOTICES_UNDER_WAY_MAX: usize = 4_096;
/// Longest body that is read: requests have some 300 bytes.
const BODY_BYTES_MAX: usize = 16 << 10;

/// The provider.
pub(crate) struct Provider {
    ledger: Ledger,
    /// What the shop signs with.
    shop_key: Key,
    /// What notices are signed with.
    own_key: Key,
    clock: Clock,
    client: Client,
    /// Of API v3.
    signer: Signer,
    is_out: AtomicBool,
    /// Whether the merchant's account holds nothing that could go back.
    is_poor: AtomicBool,
    asked: AtomicU64,
    heard: AtomicU64,
    notices: Arc<Semaphore>,
}

/// An amount in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub(crate) total: i64,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// What the provider says of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    /// `SUCCESS` or `PAYERROR`.
    pub(crate) trade_state: String,
    pub(crate) amount: Amount,
}

#[derive(Debug, Deserialize)]
struct NewTrade {
    out_trade_no: String,
    notify_url: String,
    amount: Amount,
}

#[derive(Debug, Deserialize)]
struct NewRefund {
    out_trade_no: String,
    out_refund_no: String,
    amount: RefundAmount,
}

#[derive(Debug, Deserialize)]
struct RefundAmount {
    refund: i64,
}

#[derive(Debug, Deserialize)]
struct Purse {
    #[serde(default)]
    is_empty: bool,
}

/// What the provider answers when it does not do as asked.
#[derive(Debug)]
struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "code": self.1 }))).into_response()
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(_: sqlx::Error) -> Refusal {
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, "SYSTEM_ERROR")
    }
}

impl Provider {
    pub(crate) async fn open(
        path: &Path,
        keys: (Key, Key),
        clock: Clock,
    ) -> Result<Arc<Provider>, sqlx::Error> {
        let (shop_key, own_key) = keys;
        Ok(Arc::new(Provider {
            ledger: Ledger::open(path).await?,
            shop_key,
            own_key,
            clock,
            client: Client::new(),
            signer: Signer::new().map_err(sqlx::Error::Io)?,
            is_out: AtomicBool::new(false),
            is_poor: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            notices: Arc::new(Semaphore::new(NOTICES_UNDER_WAY_MAX)),
        }))
    }

    /// Whether it takes no money.
    pub(crate) fn set_out(&self, is_out: bool) {
        self.is_out.store(is_out, Ordering::Relaxed);
    }

    /// Whether the merchant's account is empty, so that nothing is given back.
    pub(crate) fn set_poor(&self, is_poor: bool) {
        self.is_poor.store(is_poor, Ordering::Relaxed);
    }

    /// Gives money back, once for each number, if the merchant has it.
    async fn give_back(&self, number: &str, out_trade_no: &str, fen: i64) -> Result<Refunded, sqlx::Error> {
        if self.is_poor.load(Ordering::Relaxed) && self.ledger.refund_of(number).await?.is_none() {
            return Ok(Refunded::Poor);
        }
        self.ledger.refund(number, out_trade_no, fen, self.clock.now()).await
    }

    pub(crate) async fn prune(&self, older_than: Duration) -> Result<(), sqlx::Error> {
        self.ledger.prune(self.clock.now().minus(older_than)).await
    }

    pub(crate) async fn close(&self) {
        self.ledger.close().await;
    }

    /// Its addresses.
    pub(crate) fn router(self: &Arc<Provider>) -> Router {
        let signed = Router::new()
            .route("/v3/pay/transactions", post(make))
            .route("/v3/pay/transactions/out-trade-no/{out_trade_no}", get(query))
            .route("/v3/pay/transactions/out-trade-no/{out_trade_no}/close", post(close))
            .route("/v3/refund/domestic/refunds", post(refund))
            .route("/v3/refund/domestic/refunds/{out_refund_no}", get(async || StatusCode::NOT_FOUND))
            .layer(from_fn_with_state(Arc::clone(self), only_the_shop));
        signed.route("/cashier/{out_trade_no}", post(cashier)).with_state(Arc::clone(self))
    }

    /// Sends a notice until it is heard. Those that would be too many under way are left out: the shop asks by itself
    /// before it closes an order.
    fn notify(self: &Arc<Provider>, trade: &Trade, trade_state: &'static str) {
        let Ok(permit) = Arc::clone(&self.notices).try_acquire_owned() else { return };
        let provider = Arc::clone(self);
        let url = trade.notify_url.clone();
        let notice = Notice {
            out_trade_no: trade.out_trade_no.clone(),
            transaction_id: transaction(&trade.out_trade_no),
            trade_state: trade_state.to_owned(),
            amount: Amount { total: trade.total },
        };
        tokio::spawn(async move {
            let heard = provider.send(&url, &notice).await;
            if heard && (provider.heard.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(REPEATED_ONE_OF) {
                provider.send(&url, &notice).await;
            }
            drop(permit);
        });
    }

    async fn send(&self, url: &str, notice: &Notice) -> bool {
        let (Ok(uri), Ok(body)) = (url.parse::<Uri>(), serde_json::to_vec(notice)) else { return false };
        for round in 0..NOTICES_MAX {
            let Ok(headers) = self.own_key.sign("POST", uri.path(), &body, self.clock.now()) else {
                return false;
            };
            match self.client.send(Method::POST, url, &headers, body.clone()).await {
                Ok(Sent { status, .. }) if status.is_success() => return true,
                _ => tokio::time::sleep(NOTICE_PAUSE * 2_u32.pow(round)).await,
            }
        }
        false
    }
}

/// Lets pass what the shop has signed; answers what comes under WeChat Pay's own signature.
async fn only_the_shop(State(provider): State<Arc<Provider>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Refusal(StatusCode::PAYLOAD_TOO_LARGE, "PARAM_ERROR").into_response();
    };
    if parts.headers.contains_key(AUTHORIZATION) {
        return v3::answer(&provider, &parts, &body).await;
    }
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    match provider.shop_key.verify(method, path, &parts.headers, &body, provider.clock.now()) {
        Ok(()) => next.run(Request::from_parts(parts, body.into())).await,
        Err(_) => Refusal(StatusCode::UNAUTHORIZED, "SIGN_ERROR").into_response(),
    }
}

async fn make(
    State(provider): State<Arc<Provider>>,
    Json(wish): Json<NewTrade>,
) -> Result<Json<Value>, Refusal> {
    if provider.is_out.load(Ordering::Relaxed) {
        // An outage has two faces: errors, and refusals of everything.
        return Err(match provider.asked.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Refusal(StatusCode::INTERNAL_SERVER_ERROR, "SYSTEM_ERROR"),
            _ => Refusal(StatusCode::FORBIDDEN, "BANK_ERROR"),
        });
    }
    let trade = Trade {
        out_trade_no: wish.out_trade_no,
        total: wish.amount.total,
        notify_url: wish.notify_url,
        state: state::NOT_PAID.to_owned(),
        refunded: 0,
    };
    match provider.ledger.make(&trade, provider.clock.now()).await? {
        true => Ok(Json(json!({ "prepay_id": trade.out_trade_no }))),
        false => Err(Refusal(StatusCode::BAD_REQUEST, "OUT_TRADE_NO_USED")),
    }
}

async fn query(
    State(provider): State<Arc<Provider>>,
    UrlPath(out_trade_no): UrlPath<String>,
) -> Result<Json<Value>, Refusal> {
    let trade = found(&provider, &out_trade_no).await?;
    let (amount, refunded) = (Amount { total: trade.total }, trade.refunded);
    Ok(Json(
        json!({ "out_trade_no": out_trade_no, "trade_state": trade.state, "amount": amount, "refunded": refunded }),
    ))
}

async fn close(
    State(provider): State<Arc<Provider>>,
    UrlPath(out_trade_no): UrlPath<String>,
) -> Result<StatusCode, Refusal> {
    let trade = found(&provider, &out_trade_no).await?;
    if provider.ledger.leave_not_paid(&out_trade_no, state::CLOSED).await? || trade.state == state::CLOSED {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refusal(StatusCode::BAD_REQUEST, "ORDERPAID"))
}

async fn refund(
    State(provider): State<Arc<Provider>>,
    Json(wish): Json<NewRefund>,
) -> Result<Json<Value>, Refusal> {
    match provider.give_back(&wish.out_refund_no, &wish.out_trade_no, wish.amount.refund).await? {
        Refunded::Done => Ok(Json(json!({ "out_refund_no": wish.out_refund_no, "status": "SUCCESS" }))),
        Refunded::Poor => Err(Refusal(StatusCode::FORBIDDEN, "NOT_ENOUGH")),
        Refunded::NoTrade => Err(Refusal(StatusCode::NOT_FOUND, "RESOURCE_NOT_EXISTS")),
        Refunded::WrongAmount => Err(Refusal(StatusCode::BAD_REQUEST, "INVALID_REQUEST")),
    }
}

/// The customer confirms on the telephone.
async fn cashier(
    State(provider): State<Arc<Provider>>,
    UrlPath(out_trade_no): UrlPath<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let purse: Purse =
        serde_json::from_slice(&body).map_err(|_| Refusal(StatusCode::BAD_REQUEST, "PARAM_ERROR"))?;
    let trade = found(&provider, &out_trade_no).await?;
    if purse.is_empty || provider.is_out.load(Ordering::Relaxed) {
        provider.notify(&trade, "PAYERROR");
        return Err(Refusal(StatusCode::PAYMENT_REQUIRED, "NOT_ENOUGH"));
    }
    if !provider.ledger.leave_not_paid(&out_trade_no, state::SUCCESS).await? {
        return Err(Refusal(StatusCode::CONFLICT, "ORDER_CLOSED"));
    }
    provider.notify(&trade, "SUCCESS");
    Ok(Json(json!({ "trade_state": "SUCCESS" })))
}

async fn found(provider: &Provider, out_trade_no: &str) -> Result<Trade, Refusal> {
    let trade = provider.ledger.find(out_trade_no).await?;
    trade.ok_or(Refusal(StatusCode::NOT_FOUND, "ORDER_NOT_EXIST"))
}

/// The shop's side: asks the provider under the shop's signature.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    provider: SocketAddr,
    key: Key,
    clock: Clock,
    client: Client,
}

/// What the provider answered to the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its words.
    Done(Value),
    /// It says no, and why: 4xx and its code.
    Refused(String),
    /// It may or may not have done it: 5xx, or no answer.
    Unknown(String),
}

impl Merchant {
    pub(crate) fn new(provider: SocketAddr, key: Key, clock: Clock) -> Merchant {
        Merchant { provider, key, clock, client: Client::new() }
    }

    /// Asks for a payment.
    pub(crate) async fn pay(&self, out_trade_no: &str, total: i64, notify_url: &str) -> Answer {
        let amount = Amount { total };
        let body = json!({ "out_trade_no": out_trade_no, "notify_url": notify_url, "amount": amount });
        self.ask(Method::POST, "/v3/pay/transactions", &body.to_string()).await
    }

    /// Asks what became of a payment: its state and amount.
    pub(crate) async fn query(&self, out_trade_no: &str) -> Answer {
        self.ask(Method::GET, &format!("/v3/pay/transactions/out-trade-no/{out_trade_no}"), "").await
    }

    /// Asks that nobody can pay any more. `Refused("ORDERPAID")`: somebody has.
    pub(crate) async fn close(&self, out_trade_no: &str) -> Answer {
        self.ask(Method::POST, &format!("/v3/pay/transactions/out-trade-no/{out_trade_no}/close"), "{}").await
    }

    /// Asks that money goes back.
    pub(crate) async fn refund(&self, out_refund_no: &str, out_trade_no: &str, refund: i64) -> Answer {
        let amount = json!({ "refund": refund, "currency": "CNY" });
        let body = json!({ "out_trade_no": out_trade_no, "out_refund_no": out_refund_no, "amount": amount });
        self.ask(Method::POST, "/v3/refund/domestic/refunds", &body.to_string()).await
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let headers = match self.key.sign(method.as_str(), path, body.as_bytes(), self.clock.now()) {
            Ok(headers) => headers,
            Err(error) => return Answer::Unknown(error.to_string()),
        };
        let url = format!("http://{}{path}", self.provider);
        match self.client.send(method, &url, &headers, body.into()).await {
            Ok(sent) if sent.status.is_success() => Answer::Done(sent.json),
            Ok(sent) => {
                let code = sent.json["code"].as_str().unwrap_or("no code").to_owned();
                if sent.status.is_server_error() { Answer::Unknown(code) } else { Answer::Refused(code) }
            }
            Err(error) => Answer::Unknown(error.to_string()),
        }
    }
}
