//! What the services by which people are told want to hear, and what their answers mean.
//!
//! Contract: pure. A message becomes a [`Request`], an [`Answer`] becomes a [`Verdict`]; time and nonces are arguments.
//! Requests hold secrets (in URLs, headers, bodies) and show none in `Debug`; the words of a verdict come from the
//! service and may echo what was sent, so the sender masks its secrets in them. All limits of the services stand in
//! [`limits`].

pub mod aliyun_sms;
pub mod dingtalk;
pub mod feishu;
pub mod limits;
pub(crate) mod sign;
pub mod tencent_sms;
pub mod text;
pub mod webhook;
pub mod wechat;
pub mod wecom;

use std::fmt;

use lingshao_model::{TimeDelta, Timestamp};
use serde::Deserialize;

/// An HTTP request, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Whether it is a POST; a GET otherwise.
    pub is_post: bool,
    /// May hold secrets.
    pub url: String,
    /// Names in lower case; values may hold secrets. `host` is left to the client, which takes it from the URL.
    pub headers: Vec<(&'static str, String)>,
    /// May hold secrets.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    pub fn json(url: String, body: &serde_json::Value) -> Request {
        Request {
            is_post: true,
            url,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} bytes)", self.body.len())
    }
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
    /// At most what the sender reads.
    pub body: &'a [u8],
    /// When it came: what a date in `Retry-After` is measured against.
    pub now: Timestamp,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service took the message; its answer in a few words.
    Sent(String),
    /// Not now: after a while the same message may be taken.
    Retry {
        /// How long the service wants to be left alone; the sender's own pauses when absent.
        after: Option<TimeDelta>,
        /// What it said.
        reason: String,
    },
    /// The message is longer than the service takes: shorter ones may be taken.
    TooLong(String),
    /// Never: a person must change something.
    Final(String),
}

impl Verdict {
    /// Try again with the sender's own pauses.
    pub fn retry(reason: impl Into<String>) -> Verdict {
        Verdict::Retry { after: None, reason: reason.into() }
    }

    /// Try again after so many seconds.
    pub fn retry_after_secs(seconds: i64, reason: impl Into<String>) -> Verdict {
        Verdict::Retry { after: Some(TimeDelta::from_secs(seconds)), reason: reason.into() }
    }
}

/// The general rule of HTTP: 2xx is taken; 408, 429 and 5xx may pass; redirects are not followed, since they would
/// carry secrets elsewhere; the rest is final.
pub fn judge_http(answer: &Answer<'_>) -> Verdict {
    let status = answer.status;
    let said = excerpt(answer.body);
    let reason = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        200..=299 => Verdict::Sent(format!("HTTP {status}")),
        300..=399 => {
            Verdict::Final(format!("HTTP {status}: redirects are not followed; configure the final URL"))
        }
        408 | 429 | 500..=599 => Verdict::Retry { after: retry_after(answer), reason },
        _ => Verdict::Final(reason),
    }
}

/// Longest time for which a service's `Retry-After` is believed.
pub const RETRY_AFTER_MAX: TimeDelta = TimeDelta::from_secs(3600);

/// `Retry-After`: seconds, or a date of HTTP (RFC 9110, IMF-fixdate).
fn retry_after(answer: &Answer<'_>) -> Option<TimeDelta> {
    let text = answer.retry_after?.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::from_secs(i64::from(seconds)),
        Err(_) => http_date(text)? - answer.now,
    };
    Some(wait.clamp(TimeDelta::ZERO, RETRY_AFTER_MAX))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, clock, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    crate::rfc3339::parse(&format!("{year}-{month:02}-{day}T{clock}Z"))
}

/// The beginning of an answer on one line, for people; nothing of a page of HTML.
fn excerpt(body: &[u8]) -> String {
    /// Enough for a vendor's message.
    const CHARS_MAX: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * CHARS_MAX)]);
    if text.trim_start().starts_with('<') {
        return "a page of HTML".to_owned();
    }
    one_line(&text, CHARS_MAX)
}

pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(chars_max).collect()
}

/// The form in which WeCom and DingTalk answer.
#[derive(Debug, Deserialize)]
struct ErrorCode {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// Reads an answer whose body decides; without such a body the status does, and 200 with something else is not a yes:
/// it is a proxy's page.
fn body_or_status<T: for<'de> Deserialize<'de>>(answer: &Answer<'_>) -> Result<T, Verdict> {
    if let Ok(body) = serde_json::from_slice(answer.body) {
        return Ok(body);
    }
    Err(match judge_http(answer) {
        Verdict::Sent(_) => Verdict::retry(format!(
            "HTTP {}, but the answer is not the service's: {}",
            answer.status,
            excerpt(answer.body)
        )),
        other => other,
    })
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `check` takes its line of data whole.
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&'static str>, body: &'static str) -> Answer<'static> {
        Answer { status, retry_after, body: body.as_bytes(), now: Timestamp(784_111_770_000) }
    }

    #[track_caller]
    fn check(status: u16, retry_after: Option<&'static str>, body: &'static str, expected: Verdict) {
        assert_eq!(judge_http(&answer(status, retry_after, body)), expected);
    }

    fn retry(after: Option<i64>, reason: &str) -> Verdict {
        Verdict::Retry { after: after.map(TimeDelta::from_secs), reason: reason.to_owned() }
    }

    #[test]
    fn statuses_are_sent_later_or_never() {
        check(200, None, "whatever", Verdict::Sent("HTTP 200".to_owned()));
        check(204, None, "", Verdict::Sent("HTTP 204".to_owned()));
        check(500, None, "a\n  b\u{1b}[31m", retry(None, "HTTP 500: a b [31m"));
        check(503, Some("7"), "", retry(Some(7), "HTTP 503"));
        check(429, Some("999999"), "", retry(Some(3600), "HTTP 429"));
        check(429, Some("Sun, 06 Nov 1994 08:49:37 GMT"), "", retry(Some(7), "HTTP 429"));
        check(429, Some("Sun, 06 Nov 1994 08:49:00 GMT"), "", retry(Some(0), "HTTP 429"));
        check(429, Some("soon"), "", retry(None, "HTTP 429"));
        check(408, None, "<html>x", retry(None, "HTTP 408: a page of HTML"));
        check(404, None, "no such hook", Verdict::Final("HTTP 404: no such hook".to_owned()));
        let moved = "HTTP 307: redirects are not followed; configure the final URL";
        check(307, None, "", Verdict::Final(moved.to_owned()));
    }

    #[test]
    fn a_request_shows_no_secret() {
        let request = Request::json("http://h/?key=hunter2".to_owned(), &serde_json::json!({"secret": 1}));
        assert_eq!(format!("{request:?}"), "Request(12 bytes)");
    }
}
