//! The provider as whoever watches the shop's money asks it: WeChat Pay, API v3, under the merchant's RSA signature, over
//! the ledger that the shop's own payments stand in. Forms and words are those of [`crate::fakes::FakeWechatPay`].

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Provider;
use super::ledger::{Refunded, Trade, state};
use crate::fakes;
use crate::fakes::wechatpay::{self, Account, REFUNDS, RefundSaid, Signing, TRADES, Wish};

const NO_TRADE: wechatpay::Refusal = (404, "ORDER_NOT_EXIST", "订单不存在");
const NO_REFUND: wechatpay::Refusal = (404, "RESOURCE_NOT_EXISTS", "退款单不存在");
const POOR: wechatpay::Refusal = (403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起");
const WRONG_AMOUNT: wechatpay::Refusal =
    (400, "INVALID_REQUEST", "累计退款金额大于支付金额，或与之前的请求不一致");
const NOT_UNDERSTOOD: wechatpay::Refusal = (400, "PARAM_ERROR", "参数错误，请根据接口文档检查");
const NO_PLACE: wechatpay::Refusal = (404, "NOT_FOUND", "接口不存在");
const OUT: wechatpay::Refusal = (502, "SYSTEM_ERROR", "系统维护中，请稍后重试");
const BOOKS_FAIL: wechatpay::Refusal = (500, "SYSTEM_ERROR", "系统异常，请稍后重试");

type Judged = Result<(u16, Option<Value>), wechatpay::Refusal>;

/// Answers one request, signed; one that is not the merchant's has an answer without a signature.
pub(super) async fn answer(provider: &Provider, parts: &Parts, body: &Bytes) -> Response {
    let request = fakes::Request {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: body.to_vec(),
    };
    if let Some(reason) = provider.signer.refuses(&request, SystemTime::now()) {
        return (StatusCode::UNAUTHORIZED, axum::Json(wechatpay::error("SIGN_ERROR", reason)))
            .into_response();
    }
    let judged = match provider.is_out.load(Ordering::Relaxed) {
        true => Err(OUT),
        false => judge(provider, &request).await,
    };
    let (status, body) = match judged {
        Ok(judged) => judged,
        Err((status, code, words)) => (status, Some(wechatpay::error(code, words))),
    };
    signed(provider, &request, status, body.as_ref())
}

async fn judge(provider: &Provider, request: &fakes::Request) -> Judged {
    let path = request.path();
    match (request.method.as_str(), path.strip_prefix(TRADES), path.strip_prefix(REFUNDS)) {
        ("GET", Some(number), _) => {
            let is_ours = request.parameter("mchid").as_deref() == Some(Account::MCHID);
            trade(provider, number, is_ours).await
        }
        ("POST", Some(rest), _) => {
            let number = rest.strip_suffix("/close").ok_or(NO_PLACE)?;
            close(provider, number, request).await
        }
        ("GET", _, Some(rest)) => {
            let number = rest.strip_prefix('/').ok_or(NO_PLACE)?;
            let found = provider.ledger.refund_of(number).await.map_err(|_| BOOKS_FAIL)?;
            let (out_trade_no, amount) = found.ok_or(NO_REFUND)?;
            let trade = find(provider, &out_trade_no).await?;
            Ok((200, Some(refund_answer(number, &trade, amount))))
        }
        ("POST", _, Some("")) => refund(provider, &request.json().ok_or(NOT_UNDERSTOOD)?).await,
        _ => Err(NO_PLACE),
    }
}

async fn find(provider: &Provider, number: &str) -> Result<Trade, wechatpay::Refusal> {
    provider.ledger.find(number).await.map_err(|_| BOOKS_FAIL)?.ok_or(NO_TRADE)
}

async fn trade(provider: &Provider, number: &str, is_ours: bool) -> Judged {
    if !is_ours {
        return Err(NOT_UNDERSTOOD);
    }
    let trade = find(provider, number).await?;
    let said = match trade.state.as_str() {
        state::SUCCESS if trade.refunded > 0 => ("REFUND", "订单发生过退款"),
        state::SUCCESS => ("SUCCESS", "支付成功"),
        state::CLOSED => ("CLOSED", "订单已关闭"),
        _ => ("NOTPAY", "订单未支付"),
    };
    let transaction = transaction(number);
    let paid = (trade.state == state::SUCCESS).then_some((transaction.as_str(), trade.total));
    Ok((200, Some(wechatpay::trade_answer(number, said, paid))))
}

async fn close(provider: &Provider, number: &str, request: &fakes::Request) -> Judged {
    if request.json().is_none_or(|body| body["mchid"] != Account::MCHID) {
        return Err(NOT_UNDERSTOOD);
    }
    let trade = find(provider, number).await?;
    let closed = provider.ledger.leave_not_paid(number, state::CLOSED).await.map_err(|_| BOOKS_FAIL)?;
    match closed || trade.state == state::CLOSED {
        true => Ok((204, None)),
        false => Err((400, "ORDERPAID", "订单已支付")),
    }
}

async fn refund(provider: &Provider, body: &Value) -> Judged {
    let Wish { order, number, fen, total_fen, .. } = wechatpay::wish(body).ok_or(NOT_UNDERSTOOD)?;
    let trade = find(provider, order).await?;
    if trade.total != total_fen {
        return Err(WRONG_AMOUNT);
    }
    match provider.give_back(number, order, fen).await {
        Ok(Refunded::Done) => Ok((200, Some(refund_answer(number, &trade, fen)))),
        Ok(Refunded::Poor) => Err(POOR),
        Ok(Refunded::NoTrade) => Err((400, "INVALID_REQUEST", "订单未支付")),
        Ok(Refunded::WrongAmount) => Err(WRONG_AMOUNT),
        Err(_) => Err(BOOKS_FAIL),
    }
}

/// Money goes back at once here.
fn refund_answer(number: &str, trade: &Trade, fen: i64) -> Value {
    let mut answer = wechatpay::refund_answer(&RefundSaid {
        id: &format!("50{}", own_number(number)),
        number,
        transaction: Some(&transaction(&trade.out_trade_no)),
        order: &trade.out_trade_no,
        status: "SUCCESS",
        fen,
        total_fen: trade.total,
    });
    answer["success_time"] = wechatpay::rfc3339(SystemTime::now()).into();
    answer
}

/// Numbers of the provider's own have letters and digits only, 32 of them at most.
fn own_number(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).take(28).collect()
}

/// The provider's own number of a payment.
pub(crate) fn transaction(out_trade_no: &str) -> String {
    format!("4200{}", own_number(out_trade_no))
}

fn signed(provider: &Provider, request: &fakes::Request, status: u16, body: Option<&Value>) -> Response {
    let body = body.map(Value::to_string).unwrap_or_default();
    let headers = provider.signer.headers(Signing::Honest, wechatpay::key_wanted(request), &body);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(CONTENT_TYPE, "application/json; charset=utf-8")];
    let mut response = (status, json, body).into_response();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
