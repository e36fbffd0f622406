//! What WeChat Pay answers, and what it means.
//!
//! The signature comes first: a state is read only from an answer that is proven to be WeChat Pay's *and* names the
//! order, refund, merchant and amount that were asked for, since a signature does not say which question it answers.
//! Errors and the empty answer to a wish to close name nothing: that they answer our question, only TLS says.
//! Errors that are not signed count only where they make us more careful: WeChat Pay signs no answer to a request
//! whose own signature it does not believe.

use lingshao_model::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Merchant, RefundOrder, SignatureError, SignatureHeaders};
use crate::notify::one_line;
use crate::provider::{Closing, Doubt, Payment, Refund, Repayment, Trade, Trouble};

/// Longest body that is read: answers have 1 to 3 kB, with all coupons of an order.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The headers of its signature.
    pub signature: SignatureHeaders<'a>,
    /// The bytes of the body, not re-encoded; at most one more than [`BODY_BYTES_MAX`] need be read.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

#[derive(Deserialize)]
struct TradeBody {
    mchid: String,
    out_trade_no: String,
    trade_state: String,
    transaction_id: Option<String>,
    amount: Option<TradeAmount>,
}

#[derive(Deserialize)]
struct TradeAmount {
    total: i64,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct RefundBody {
    refund_id: String,
    out_refund_no: String,
    out_trade_no: String,
    status: String,
    amount: RefundAmount,
}

/// Of a refund, in answers and callbacks.
#[derive(Deserialize)]
pub(super) struct RefundAmount {
    pub(super) total: i64,
    pub(super) refund: i64,
    pub(super) currency: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

/// The answer to [`Merchant::query_trade`].
pub fn trade(merchant: &Merchant, order: &str, answer: &Answer<'_>) -> Result<Trade, Trouble> {
    match judge(merchant, answer)? {
        Judged::Good => trade_of(merchant.mchid(), order, &parse(answer.body)?),
        Judged::Error(error) => match error.code.as_str() {
            "ORDER_NOT_EXIST" | "ORDERNOTEXIST" | "RESOURCE_NOT_EXISTS" => Ok(Trade::NotFound),
            _ => Err(trouble(answer.status, &error)),
        },
    }
}

/// The answer to [`Merchant::close_trade`]. WeChat Pay answers 204 also for numbers that it never saw.
pub fn closing(merchant: &Merchant, answer: &Answer<'_>) -> Result<Closing, Trouble> {
    match judge(merchant, answer)? {
        Judged::Good if answer.status == 204 => Ok(Closing::Closed),
        Judged::Good => Err(Trouble::Unknown(format!("HTTP {} to a wish to close", answer.status))),
        Judged::Error(error) => match error.code.as_str() {
            "ORDER_CLOSED" | "ORDERCLOSED" => Ok(Closing::Closed),
            "ORDER_PAID" | "ORDERPAID" => Ok(Closing::AlreadyPaid),
            "USER_PAYING" | "USERPAYING" => Ok(Closing::Paying),
            "ORDER_NOT_EXIST" | "ORDERNOTEXIST" | "RESOURCE_NOT_EXISTS" => Ok(Closing::NotFound),
            _ => Err(trouble(answer.status, &error)),
        },
    }
}

/// The answer to [`Merchant::refund`]: never [`Refund::NotFound`].
pub fn refund(merchant: &Merchant, order: &RefundOrder<'_>, answer: &Answer<'_>) -> Result<Refund, Trouble> {
    match judge(merchant, answer)? {
        Judged::Good => refund_of(order, &parse(answer.body)?),
        Judged::Error(error) => Err(trouble(answer.status, &error)),
    }
}

/// The answer to [`Merchant::query_refund`]; `order` is what was asked for before under that number.
pub fn refund_query(
    merchant: &Merchant,
    order: &RefundOrder<'_>,
    answer: &Answer<'_>,
) -> Result<Refund, Trouble> {
    match judge(merchant, answer)? {
        Judged::Good => refund_of(order, &parse(answer.body)?),
        Judged::Error(error) if error.code == "RESOURCE_NOT_EXISTS" => Ok(Refund::NotFound),
        Judged::Error(error) => Err(trouble(answer.status, &error)),
    }
}

enum Judged {
    /// 200 or 204, proven.
    Good,
    /// Anything else, proven: the code decides, not the status.
    Error(ErrorBody),
}

/// Whether the answer is WeChat Pay's, and whether it is an error.
fn judge(merchant: &Merchant, answer: &Answer<'_>) -> Result<Judged, Trouble> {
    if BODY_BYTES_MAX < answer.body.len() {
        return Err(Trouble::Unknown(format!("an answer of more than {BODY_BYTES_MAX} bytes")));
    }
    let error: Option<ErrorBody> = match answer.status {
        200 | 204 => None,
        _ => serde_json::from_slice(answer.body).ok(),
    };
    if let Err(reason) = answer.signature.verify(merchant.platform_keys(), answer.body, answer.now) {
        return Err(unproven(answer.status, &reason, error));
    }
    match (answer.status, error) {
        (200 | 204, _) => Ok(Judged::Good),
        (_, Some(error)) => Ok(Judged::Error(error)),
        (status, None) => Err(trouble(status, &ErrorBody { code: String::new(), message: String::new() })),
    }
}

/// What an answer without a good signature still says: nothing that would let us go on.
fn unproven(status: u16, reason: &SignatureError, error: Option<ErrorBody>) -> Trouble {
    let not_signed = matches!(reason, SignatureError::Missing(_));
    match error {
        Some(error) if not_signed && status == 401 && error.code == "SIGN_ERROR" => trouble(status, &error),
        _ if not_signed && status == 429 => Trouble::RetrySameNumber(Doubt::TooMany, "HTTP 429".to_owned()),
        _ if not_signed && 500 <= status => {
            Trouble::RetrySameNumber(Doubt::ProviderError, format!("HTTP {status}"))
        }
        _ => Trouble::RetrySameNumber(Doubt::BadSignature, format!("HTTP {status}: {reason}")),
    }
}

/// The classes of WeChat Pay's error codes.
fn trouble(status: u16, error: &ErrorBody) -> Trouble {
    let said = format!("HTTP {status} {} {}", one_line(&error.code, 64), one_line(&error.message, 200));
    let said = said.trim_end().to_owned();
    match error.code.as_str() {
        "FREQUENCY_LIMITED" | "FREQUENCY_LIMIT_EXCEED" | "RATELIMIT_EXCEEDED" => {
            Trouble::RetrySameNumber(Doubt::TooMany, said)
        }
        "SYSTEM_ERROR" | "SYSTEMERROR" | "BANK_ERROR" => Trouble::RetrySameNumber(Doubt::ProviderError, said),
        "NOT_ENOUGH" | "NOTENOUGH" => Trouble::WaitForMerchant(said),
        "USER_ACCOUNT_ABNORMAL" | "RESOURCE_NOT_EXISTS" | "INVALID_REQUEST" | "NO_AUTH" | "NOAUTH" => {
            Trouble::Final(said)
        }
        "SIGN_ERROR" | "PARAM_ERROR" | "MCH_NOT_EXISTS" | "APPID_MCHID_NOT_MATCH" => Trouble::OurBug(said),
        _ if status == 429 => Trouble::RetrySameNumber(Doubt::TooMany, said),
        _ if 500 <= status => Trouble::RetrySameNumber(Doubt::ProviderError, said),
        _ => Trouble::Unknown(said),
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Trouble> {
    // The position is told, never the text: it may hold whoever paid.
    let place = |error: serde_json::Error| format!("line {} column {}", error.line(), error.column());
    serde_json::from_slice(body).map_err(|error| Trouble::Unknown(format!("JSON at {}", place(error))))
}

fn trade_of(mchid: &str, order: &str, body: &TradeBody) -> Result<Trade, Trouble> {
    if body.mchid != mchid || body.out_trade_no != order {
        return Err(Trouble::Unknown(format!("an answer about another order than {order}")));
    }
    match body.trade_state.as_str() {
        "SUCCESS" => payment(body).map(Trade::Paid),
        "REFUND" => payment(body).map(Trade::Refunded),
        // PAYERROR: the bank refused; the customer may try again.
        "NOTPAY" | "PAYERROR" => Ok(Trade::Unpaid),
        "USERPAYING" | "ACCEPT" => Ok(Trade::Paying),
        "CLOSED" | "REVOKED" => Ok(Trade::Closed),
        other => Err(Trouble::Unknown(format!("the state `{}` of a trade", one_line(other, 64)))),
    }
}

fn payment(body: &TradeBody) -> Result<Payment, Trouble> {
    let (Some(amount), Some(transaction)) = (&body.amount, &body.transaction_id) else {
        return Err(Trouble::Unknown("a paid order without its amount or transaction_id".to_owned()));
    };
    let fen = checked_fen(amount.total, amount.currency.as_deref())?;
    Ok(Payment { fen, transaction: checked_id(transaction)? })
}

fn refund_of(order: &RefundOrder<'_>, body: &RefundBody) -> Result<Refund, Trouble> {
    if body.out_refund_no != order.number || body.out_trade_no != order.order {
        return Err(Trouble::Unknown(format!("an answer about another refund than {}", order.number)));
    }
    let repayment = repayment(&body.refund_id, &body.amount)?;
    if repayment.fen != order.fen || body.amount.total != order.total_fen {
        return Err(Trouble::Unknown(format!(
            "{} of {} fen under the number {}, for which {} of {} fen were asked",
            repayment.fen, body.amount.total, order.number, order.fen, order.total_fen
        )));
    }
    refund_state(&body.status, repayment)
}

pub(super) fn repayment(id: &str, amount: &RefundAmount) -> Result<Repayment, Trouble> {
    let fen = checked_fen(amount.refund, amount.currency.as_deref())?;
    if amount.total < fen {
        return Err(Trouble::Unknown(format!("a refund of {fen} fen of {}", amount.total)));
    }
    Ok(Repayment { fen, id: checked_id(id)? })
}

pub(super) fn refund_state(status: &str, repayment: Repayment) -> Result<Refund, Trouble> {
    match status {
        "PROCESSING" => Ok(Refund::Processing(repayment)),
        "SUCCESS" => Ok(Refund::Done(repayment)),
        "ABNORMAL" => Ok(Refund::Abnormal(repayment)),
        "CLOSED" => Ok(Refund::Closed(repayment)),
        other => Err(Trouble::Unknown(format!("the state `{}` of a refund", one_line(other, 64)))),
    }
}

pub(super) fn checked_fen(fen: i64, currency: Option<&str>) -> Result<i64, Trouble> {
    match currency {
        None | Some("CNY") if 0 < fen => Ok(fen),
        None | Some("CNY") => Err(Trouble::Unknown(format!("an amount of {fen} fen"))),
        Some(other) => Err(Trouble::Unknown(format!("an amount in `{}`", one_line(other, 16)))),
    }
}

/// WeChat Pay's own numbers have at most 32 bytes.
pub(super) fn checked_id(id: &str) -> Result<String, Trouble> {
    let fits = !id.is_empty() && id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(id.to_owned())
    } else {
        Err(Trouble::Unknown("a number that is none of WeChat Pay's".to_owned()))
    }
}
