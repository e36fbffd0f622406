//! A Feishu (飞书) or Lark group robot: `POST …/open-apis/bot/v2/hook/TOKEN`, signed when the robot asks for it
//! (open.feishu.cn, client-docs/bot-v3/add-custom-bot).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::sign::hmac_sha256;
use super::{Answer, Request, Verdict, body_or_status, limits};

/// HMAC-SHA-256 of nothing at all with `timestamp in seconds LF secret` as key, in base64; the service takes it for
/// an hour around the timestamp.
pub fn sign(secret: &str, now: Timestamp) -> String {
    let key = format!("{}\n{secret}", now.0.div_euclid(1000));
    STANDARD.encode(hmac_sha256(key.as_bytes(), b""))
}

/// Plain text; people are named inside of it, see [`mention_in_text`].
pub fn text(url: &str, content: &str, secret: Option<&str>, now: Timestamp) -> Request {
    post(url, json!({ "msg_type": "text", "content": { "text": content } }), secret, now)
}

/// A card's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Something critical fires.
    Red,
    /// Something fires.
    Orange,
    /// All has ended.
    Green,
}

/// A card with a head and Markdown; people are named inside of it, see [`mention_in_card`].
pub fn card(
    url: &str,
    title: &str,
    colour: Colour,
    markdown: &str,
    secret: Option<&str>,
    now: Timestamp,
) -> Request {
    let colour = match colour {
        Colour::Red => "red",
        Colour::Orange => "orange",
        Colour::Green => "green",
    };
    let body = json!({
        "msg_type": "interactive",
        "card": {
            "config": { "wide_screen_mode": true },
            "header": { "title": { "tag": "plain_text", "content": title }, "template": colour },
            "elements": [{ "tag": "markdown", "content": markdown }],
        },
    });
    post(url, body, secret, now)
}

/// How a text names a member by open id, or everybody by `all`.
pub fn mention_in_text(id: &str) -> String {
    format!("<at user_id=\"{}\"></at>", attribute(id))
}

/// How a card's Markdown names a member by open id, or everybody by `all`.
pub fn mention_in_card(id: &str) -> String {
    format!("<at id={}></at>", attribute(id))
}

fn attribute(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.@".contains(*c)).collect()
}

fn post(url: &str, mut body: Value, secret: Option<&str>, now: Timestamp) -> Request {
    if let Some(secret) = secret {
        body["timestamp"] = Value::from(now.0.div_euclid(1000).to_string());
        body["sign"] = Value::from(sign(secret, now));
    }
    Request::json(url.to_owned(), &body)
}

/// What an answer means: the code in its body, also beside a 4xx.
pub fn judge(answer: &Answer<'_>) -> Verdict {
    /// Success comes in both forms at once, `code` and the older `StatusCode`.
    #[derive(Deserialize)]
    struct Body {
        code: Option<i64>,
        msg: Option<String>,
        #[serde(rename = "StatusCode")]
        old_code: Option<i64>,
        #[serde(rename = "StatusMessage")]
        old_msg: Option<String>,
    }
    let body: Body = match body_or_status(answer) {
        Ok(body) => body,
        Err(verdict) => return verdict,
    };
    let Some(code) = body.code.or(body.old_code) else {
        return Verdict::retry(format!("HTTP {}, but the answer holds no code", answer.status));
    };
    let msg = body.msg.or(body.old_msg).unwrap_or_default();
    let said = format!("{code} {}", super::one_line(&msg, 200));
    match code {
        0 => Verdict::Sent("0 success".to_owned()),
        // Too often; the vendor advises to stay away from full and half hours.
        11232 => Verdict::retry_after_secs(limits::FEISHU.penalty_secs, said),
        // Internal error.
        2200 => Verdict::retry(said),
        _ if answer.status == 429 || answer.status >= 500 => {
            Verdict::Retry { after: super::retry_after(answer), reason: said }
        }
        _ => Verdict::Final(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_documents() {
        // The document's own Python lines, run for its sample timestamp and the secret `demo`.
        assert_eq!(
            sign("demo", Timestamp(1_599_360_473_999)),
            "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
        );
    }

    #[test]
    fn a_signed_message_holds_timestamp_and_signature() {
        let request = text("u", "磁盘", Some("demo"), Timestamp(1_599_360_473_000));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let expected = json!({"timestamp": "1599360473", "sign": "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=",
            "msg_type": "text", "content": {"text": "磁盘"}});
        assert_eq!(body, expected);
        assert_eq!(mention_in_card("ou_1><at"), "<at id=ou_1at></at>");
    }

    #[test]
    fn codes_are_sent_later_or_never() {
        let check = |status, body: &str, expected| {
            let answer = Answer { status, retry_after: None, body: body.as_bytes(), now: Timestamp(0) };
            assert_eq!(judge(&answer), expected);
        };
        let sent = Verdict::Sent("0 success".to_owned());
        check(200, r#"{"code":0,"data":{},"msg":"success"}"#, sent.clone());
        check(
            200,
            r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#,
            sent.clone(),
        );
        check(200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, sent);
        check(200, r#"{"code":11232,"msg":"limited"}"#, Verdict::retry_after_secs(60, "11232 limited"));
        check(400, r#"{"code":9499,"msg":"Bad Request"}"#, Verdict::Final("9499 Bad Request".to_owned()));
        check(200, r#"{"code":19021,"msg":"sign"}"#, Verdict::Final("19021 sign".to_owned()));
        check(200, r#"{"code":2200,"msg":"internal"}"#, Verdict::retry("2200 internal"));
        check(429, r#"{"code":99991400,"msg":"freq"}"#, Verdict::retry("99991400 freq"));
        check(200, r#"{}"#, Verdict::retry("HTTP 200, but the answer holds no code"));
    }
}
