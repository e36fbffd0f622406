//! The business monitors: how they stand, what they would do, the ledger, the audit trail, and people's words to them.
//!
//! A word that changes something is answered with 428 and a confirmation first; said again with it, it is carried out. A
//! refusal is `{"error": {code, message}}`.

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use lingshao_shop::RefundNumber;
use lingshao_shop::day::{begin_of, day};
use lingshao_shop::ledger::RefundRow;
use lingshao_wire::wechatpay::notice::NoticeError;
use lingshao_wire::wechatpay::{BODY_BYTES_MAX as NOTICE_BYTES_MAX, SignatureHeaders};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::app::App;
use crate::clock::now;
use crate::server::reply::{self, Content, Reply};
use crate::server::request::{Call, Document, Parameters};
use crate::server::routes::Endpoint;
use crate::shop::{Command, CommandError, Monitor, NoticeRefused, ShopHandle};
use crate::state::{AuditRow, RefundFilter};

/// A confirmation and at most 200 keys of 64 bytes.
const BODY_BYTES_MAX: usize = 32 << 10;
/// Rows in one answer.
const ROWS_DEFAULT: u32 = 100;
const ROWS_MAX: u32 = 1_000;
/// Pieces of an export that wait for the client.
const PIECES_WAITING: usize = 4;

/// What a person sends along.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    confirm: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
}

/// `GET /api/lingshao/v1/shop`; without a shop, or before its first tick, `{"shop": null}`.
pub(super) async fn look(app: &App) -> Reply {
    let shop = app.shop.view().and_then(|view| serde_json::to_value(view).ok());
    let today = app.shop.counts(begin_of(day(now()))).await.unwrap_or_default();
    let today: Value = today.into_iter().map(|(kind, count)| (kind, Value::from(count))).collect();
    let body = json!({ "configured": app.shop.is_there(), "shop": shop, "today": today });
    reply::value(StatusCode::OK, &body)
}

/// `GET /api/lingshao/v1/shop/preview`
pub(super) async fn preview(app: &App) -> Reply {
    match app.shop.preview().await {
        Ok(preview) => reply::value(StatusCode::OK, &serde_json::to_value(preview).unwrap_or(Value::Null)),
        Err(error) => refuse(&error),
    }
}

/// `GET /api/lingshao/v1/shop/refunds`: `open=1`, `limit`.
pub(super) async fn refunds(app: &App, parameters: &Parameters) -> Reply {
    let filter = match parameters.get("open") {
        Some("1" | "true") => RefundFilter::Open,
        _ => RefundFilter::All,
    };
    match app.shop.refunds(filter, limit(parameters)).await {
        Ok(rows) => {
            let rows: Vec<Value> = rows.iter().map(refund).collect();
            reply::value(StatusCode::OK, &json!({ "refunds": rows }))
        }
        Err(error) => refuse(&error),
    }
}

fn refund(row: &RefundRow) -> Value {
    json!({
        "number": row.number.as_str(),
        "earlier": row.earlier.iter().map(RefundNumber::as_str).collect::<Vec<_>>(),
        "order": row.order.as_str(),
        "trade": row.trade.as_str(),
        "purpose": row.purpose.name(),
        "paidFen": row.paid.0,
        "fen": row.amount.0,
        "state": row.state.name(),
        "open": row.is_open(),
        "marked": row.marked,
        "attempts": row.attempts,
        "plannedAt": row.planned_at.0,
        "sentAt": row.sent_at.map(|at| at.0),
        "nextAt": row.next_at.0,
        "replacedBy": row.replaced_by.as_ref().map(RefundNumber::as_str),
        "why": &*row.why,
    })
}

/// `GET /api/lingshao/v1/shop/audit`: `before`, `limit`; newest first.
pub(super) async fn audit(app: &App, parameters: &Parameters) -> Reply {
    let before = parameters.get("before").and_then(|text| text.parse().ok());
    match app.shop.audit(before, limit(parameters)).await {
        Ok(rows) => {
            let rows: Vec<Value> = rows.iter().map(line).collect();
            reply::value(StatusCode::OK, &json!({ "rows": rows }))
        }
        Err(error) => refuse(&error),
    }
}

fn line(row: &AuditRow) -> Value {
    let mut line = serde_json::to_value(&row.entry).unwrap_or(Value::Null);
    line["n"] = row.n.into();
    line["hash"] = row.hash.as_str().into();
    line
}

/// `GET /api/lingshao/v1/shop/audit/verify`
pub(super) async fn verify(app: &App) -> Reply {
    match app.shop.verify().await {
        Ok(broken) => {
            let at = broken.as_ref().map(|broken| broken.n);
            reply::value(StatusCode::OK, &json!({ "whole": broken.is_none(), "brokenAt": at }))
        }
        Err(error) => refuse(&error),
    }
}

/// `GET /api/lingshao/v1/shop/audit/export`: all of it, a JSON object a line, oldest first.
pub(super) fn export(app: &App) -> Reply {
    if !app.shop.is_there() {
        return refuse(&CommandError::NoShop);
    }
    let (pieces, taken) = mpsc::channel(PIECES_WAITING);
    tokio::spawn(write_lines(app.shop.clone(), pieces));
    let mut reply = Response::new(Content::Pieces(taken));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers
        .insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"shop-audit.ndjson\""));
    reply
}

async fn write_lines(shop: ShopHandle, pieces: mpsc::Sender<Bytes>) {
    let mut after = 0;
    loop {
        let rows = match shop.audit_after(after, ROWS_MAX).await {
            Ok(rows) => rows,
            Err(error) => {
                // The status has gone out; a last line that is no row says it.
                let said = format!("{}\n", json!({ "error": error.to_string() }));
                drop(pieces.send(Bytes::from(said)).await);
                return;
            }
        };
        let Some(last) = rows.last() else { return };
        after = last.n;
        let text: String = rows.iter().map(|row| format!("{}\n", line(row))).collect();
        if pieces.send(Bytes::from(text)).await.is_err() {
            return; // The client has gone.
        }
    }
}

/// Every `POST`.
pub(super) async fn command(app: &App, endpoint: Endpoint, call: Call) -> Reply {
    // Nobody has a name where there are no users.
    let by =
        call.caller.as_ref().and_then(|caller| caller.user.clone()).unwrap_or_else(|| "local".to_owned());
    let name = call.name.clone().unwrap_or_default();
    let said = match Document::read(call, BODY_BYTES_MAX, &app.forms).await {
        Ok(document) if document.bytes.is_empty() => Ok(Said::default()),
        Ok(document) => serde_json::from_slice(&document.bytes).map_err(|error| error.to_string()),
        Err(error) => return fault(error.status(), "body", &error.to_string()),
    };
    let said: Said = match said {
        Ok(said) => said,
        Err(error) => return fault(StatusCode::BAD_REQUEST, "body", &error),
    };
    let Some(command) = wanted(endpoint, &name, said.keys) else {
        return fault(StatusCode::NOT_FOUND, "unknown", &format!("there is no `{name}` here"));
    };
    match app.shop.command(&command, &by, said.confirm.as_deref()).await {
        Ok(()) => reply::value(StatusCode::OK, &json!({ "done": true })),
        Err(CommandError::Confirm(confirmation)) => {
            let body = json!({ "confirm": confirmation.token, "until": confirmation.until.0 });
            reply::value(StatusCode::PRECONDITION_REQUIRED, &body)
        }
        Err(error) => refuse(&error),
    }
}

/// `POST …/wechatpay/refund`: a callback, answered as WeChat Pay expects it: 204, or `{"code": "FAIL", "message"}`, after
/// which it tells the same again.
pub(super) async fn wechatpay(app: &App, call: Call) -> Reply {
    let headers = call.parts.headers.clone();
    let signature = SignatureHeaders::read(|name| headers.get(name).and_then(|value| value.to_str().ok()));
    if signature.signature.is_none() {
        // Nobody's memory is given to who does not even sign.
        return not_taken(StatusCode::UNAUTHORIZED, "the callback is not signed");
    }
    let document = match Document::read(call, NOTICE_BYTES_MAX, &app.forms).await {
        Ok(document) => document,
        Err(error) => return not_taken(error.status(), &error.to_string()),
    };
    match app.shop.wechatpay_notice(&signature, &document.bytes).await {
        Ok(()) => reply::empty(StatusCode::NO_CONTENT),
        Err(error) => {
            let status = match &error {
                NoticeRefused::NotHere | NoticeRefused::Unknown => StatusCode::NOT_FOUND,
                NoticeRefused::NotBelieved(NoticeError::Signature(_) | NoticeError::Sealed) => {
                    StatusCode::UNAUTHORIZED
                }
                NoticeRefused::NotBelieved(_) => StatusCode::BAD_REQUEST,
                NoticeRefused::State(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            tracing::debug!(%error, "a callback is refused");
            not_taken(status, &error.to_string())
        }
    }
}

fn not_taken(status: StatusCode, why: &str) -> Reply {
    reply::value(status, &json!({ "code": "FAIL", "message": why }))
}

fn wanted(endpoint: Endpoint, name: &str, keys: Vec<String>) -> Option<Command> {
    let monitor = || Monitor::from_name(name);
    let number = || RefundNumber::new(&percent_decode_str(name).decode_utf8().ok()?).ok();
    Some(match endpoint {
        Endpoint::StopShop => Command::Stop,
        Endpoint::StartShop => Command::Go,
        Endpoint::AgreeToShopTables => Command::AgreeToTables,
        Endpoint::PauseMonitor => Command::Pause(monitor()?),
        Endpoint::ResumeMonitor => Command::Resume(monitor()?),
        Endpoint::RunMonitor => Command::Run(monitor()?, keys),
        Endpoint::RetryRefund => Command::Retry(number()?),
        Endpoint::SettleRefund => Command::Settle(number()?),
        _ => return None,
    })
}

fn limit(parameters: &Parameters) -> u32 {
    let wanted = parameters.get("limit").and_then(|text| text.parse().ok()).unwrap_or(ROWS_DEFAULT);
    wanted.clamp(1, ROWS_MAX)
}

fn refuse(error: &CommandError) -> Reply {
    let (status, code) = match error {
        CommandError::NoShop => (StatusCode::NOT_FOUND, "no-shop"),
        CommandError::NoRefund => (StatusCode::NOT_FOUND, "no-refund"),
        CommandError::Confirm(_) => (StatusCode::PRECONDITION_REQUIRED, "confirm"),
        CommandError::BadConfirmation => (StatusCode::CONFLICT, "confirmation"),
        CommandError::Refuses(..) => (StatusCode::CONFLICT, "refuses"),
        CommandError::Retry(_) | CommandError::NotForAPerson(..) | CommandError::Done => {
            (StatusCode::CONFLICT, "refund")
        }
        CommandError::Standby(_) => (StatusCode::CONFLICT, "standby"),
        CommandError::NotByHand(_) | CommandError::Keys => (StatusCode::BAD_REQUEST, "keys"),
        CommandError::Switch { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "switch"),
        CommandError::Busy | CommandError::Waits => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        CommandError::State(_) => (StatusCode::SERVICE_UNAVAILABLE, "state"),
    };
    fault(status, code, &error.to_string())
}

fn fault(status: StatusCode, code: &str, message: &str) -> Reply {
    reply::value(status, &json!({ "error": { "code": code, "message": message } }))
}
