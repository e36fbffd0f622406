//! A WeCom (企业微信) group robot: `POST …/cgi-bin/webhook/send?key=KEY` (developer.work.weixin.qq.com,
//! document/path/91770). The key in the URL is all the authentication there is.

use serde_json::json;

use super::{Answer, ErrorCode, Request, Verdict, body_or_status, limits};

/// A plain text that names people by their id or telephone number (`@all` is everybody).
pub fn text(url: &str, content: &str, mentioned: &[String], mentioned_mobiles: &[String]) -> Request {
    let mut text = json!({ "content": content });
    if !mentioned.is_empty() {
        text["mentioned_list"] = json!(mentioned);
    }
    if !mentioned_mobiles.is_empty() {
        text["mentioned_mobile_list"] = json!(mentioned_mobiles);
    }
    Request::json(url.to_owned(), &json!({ "msgtype": "text", "text": text }))
}

/// Markdown; people are named inside of it, see [`mention`].
pub fn markdown(url: &str, content: &str) -> Request {
    Request::json(url.to_owned(), &json!({ "msgtype": "markdown", "markdown": { "content": content } }))
}

/// How Markdown names a member.
pub fn mention(user: &str) -> String {
    format!("<@{}>", user.trim_start_matches('@'))
}

/// What an answer means: the code in its body, since the status is 200 whatever happens.
pub fn judge(answer: &Answer<'_>) -> Verdict {
    match body_or_status::<ErrorCode>(answer) {
        Ok(body) => verdict(&body),
        Err(verdict) => verdict,
    }
}

/// Shared with the application, whose codes are the same.
pub(super) fn verdict(body: &ErrorCode) -> Verdict {
    let said = format!("{} {}", body.errcode, super::one_line(&body.errmsg, 200));
    match body.errcode {
        0 => Verdict::Sent("0 ok".to_owned()),
        // System busy.
        -1 => Verdict::retry(said),
        // Too often; too many at once. Wait for the next minute.
        45009 | 45033 => Verdict::retry_after_secs(limits::WECOM.penalty_secs, said),
        // Over length.
        40058 | 45002 => Verdict::TooLong(said),
        _ => Verdict::Final(said),
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `check` takes its line of data whole.
mod tests {
    use lingshao_model::Timestamp;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: Verdict) {
        let answer = Answer { status, retry_after: None, body: body.as_bytes(), now: Timestamp(0) };
        assert_eq!(judge(&answer), expected);
    }

    #[test]
    fn the_code_in_the_body_counts_not_the_status() {
        check(200, r#"{"errcode":0,"errmsg":"ok"}"#, Verdict::Sent("0 ok".to_owned()));
        check(200, r#"{"errcode":-1,"errmsg":"system busy"}"#, Verdict::retry("-1 system busy"));
        check(
            200,
            r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
            Verdict::retry_after_secs(60, "45009 api freq out of limit"),
        );
        check(
            200,
            r#"{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}"#,
            Verdict::TooLong("40058 markdown.content exceed max length 4096".to_owned()),
        );
        check(
            200,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            Verdict::Final("93000 invalid webhook url".to_owned()),
        );
        let html = "HTTP 200, but the answer is not the service's: a page of HTML";
        check(200, "<html>Bad Gateway</html>", Verdict::retry(html));
        check(200, "", Verdict::retry("HTTP 200, but the answer is not the service's: "));
        check(502, "<html>Bad Gateway</html>", Verdict::retry("HTTP 502: a page of HTML"));
        check(403, "no", Verdict::Final("HTTP 403: no".to_owned()));
    }

    #[test]
    fn messages_are_what_the_document_shows() {
        let body = |request: Request| String::from_utf8(request.body).unwrap();
        assert_eq!(
            body(text("u", "磁盘", &["lisi".to_owned()], &["13800001111".to_owned()])),
            r#"{"msgtype":"text","text":{"content":"磁盘","mentioned_list":["lisi"],"mentioned_mobile_list":["13800001111"]}}"#
        );
        assert_eq!(body(markdown("u", "**a**")), r#"{"markdown":{"content":"**a**"},"msgtype":"markdown"}"#);
        assert_eq!((mention("lisi"), mention("@all")), ("<@lisi>".to_owned(), "<@all>".to_owned()));
    }
}
