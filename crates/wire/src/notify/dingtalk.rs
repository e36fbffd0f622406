//! A DingTalk (钉钉) group robot: `POST …/robot/send?access_token=TOKEN`, signed when the robot asks for it
//! (open.dingtalk.com, "custom robot access" and "customize robot security settings").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::Timestamp;
use serde_json::json;

use super::sign::{hmac_sha256, percent_encode};
use super::{Answer, ErrorCode, Request, Verdict, body_or_status, limits};

/// Whom to name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// By telephone number; Markdown must hold `@NUMBER` too.
    pub mobiles: Vec<String>,
    /// Everybody.
    pub all: bool,
}

/// HMAC-SHA-256 of `timestamp LF secret` with the secret as key, in base64; the service takes it for an hour around
/// the timestamp.
pub fn sign(secret: &str, now: Timestamp) -> String {
    STANDARD.encode(hmac_sha256(secret.as_bytes(), format!("{}\n{secret}", now.0).as_bytes()))
}

/// The URL with a signature in its query.
pub fn signed_url(url: &str, secret: &str, now: Timestamp) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}timestamp={}&sign={}", now.0, percent_encode(&sign(secret, now)))
}

/// Plain text.
pub fn text(url: String, content: &str, at: &At) -> Request {
    let body = json!({
        "msgtype": "text",
        "text": { "content": content },
        "at": { "atMobiles": at.mobiles, "isAtAll": at.all },
    });
    Request::json(url, &body)
}

/// Markdown; the title is shown in lists of messages only.
pub fn markdown(url: String, title: &str, text: &str, at: &At) -> Request {
    let body = json!({
        "msgtype": "markdown",
        "markdown": { "title": title, "text": text },
        "at": { "atMobiles": at.mobiles, "isAtAll": at.all },
    });
    Request::json(url, &body)
}

/// What an answer means.
pub fn judge(answer: &Answer<'_>) -> Verdict {
    let body: ErrorCode = match body_or_status(answer) {
        Ok(body) => body,
        Err(verdict) => return verdict,
    };
    let said = format!("{} {}", body.errcode, super::one_line(&body.errmsg, 200));
    match body.errcode {
        0 => Verdict::Sent("0 ok".to_owned()),
        // System busy.
        -1 => Verdict::retry(said),
        // More than 20 in a minute: nothing is taken for 10 minutes.
        130101 | 660026 => Verdict::retry_after_secs(limits::DINGTALK.penalty_secs, said),
        // Too long.
        460101 => Verdict::TooLong(said),
        _ => Verdict::Final(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_go_into_the_query() {
        let url = signed_url("https://h/robot/send?access_token=T", "SECdemo", Timestamp(1_600_000_000_123));
        let (head, sign) = url.split_once("&sign=").unwrap();
        assert_eq!(head, "https://h/robot/send?access_token=T&timestamp=1600000000123");
        assert!(sign.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-._~".contains(&b)), "{sign}");
    }

    #[test]
    fn codes_are_sent_later_or_never() {
        let check = |body: &str, expected| {
            let answer = Answer { status: 200, retry_after: None, body: body.as_bytes(), now: Timestamp(0) };
            assert_eq!(judge(&answer), expected);
        };
        check(r#"{"errcode":0,"errmsg":"ok"}"#, Verdict::Sent("0 ok".to_owned()));
        check(r#"{"errcode":130101,"errmsg":"too fast"}"#, Verdict::retry_after_secs(600, "130101 too fast"));
        check(r#"{"errcode":460101,"errmsg":"too long"}"#, Verdict::TooLong("460101 too long".to_owned()));
        let refused = "310000 sign not match, more: [https://h]";
        check(
            r#"{"errcode":310000,"errmsg":"sign not match, more: [https://h]"}"#,
            Verdict::Final(refused.to_owned()),
        );
        check(r#"{"errcode":300001,"errmsg":"token"}"#, Verdict::Final("300001 token".to_owned()));
    }

    #[test]
    fn messages_are_what_the_document_shows() {
        let at = At { mobiles: vec!["138".to_owned()], all: false };
        let body: serde_json::Value =
            serde_json::from_slice(&markdown("u".to_owned(), "t", "# x", &at).body).unwrap();
        let expected = json!({"msgtype": "markdown", "markdown": {"title": "t", "text": "# x"},
            "at": {"atMobiles": ["138"], "isAtAll": false}});
        assert_eq!(body, expected);
    }
}
