//! The fakes are held to what the vendors' own clients send, and to the limits that the vendors state.

mod faults;
mod robots;
mod sms;
mod smtp;
mod wechatpay;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::http::{Reply, Request, parse_head};

/// A request that a vendor's client sent, as recorded in `testdata`.
fn recorded(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut request = parse_head(format!("{}\r\n\r\n", head.replace('\n', "\r\n")).as_bytes()).unwrap();
    request.body = body.as_bytes().to_vec();
    request
}

fn post(target: &str, body: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        target: target.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Status and the text or number found at a path in the answer.
fn told(reply: &Reply, pointer: &str) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    (reply.status, body.pointer(pointer).map(|value| value.to_string()).unwrap_or_default())
}
