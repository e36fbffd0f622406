//! A WeCom application, Alertmanager's `wechat`: a token by `gettoken`, then `message/send`
//! (developer.work.weixin.qq.com, document/path/91039 and 90236). The message is written as Alertmanager writes it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::sign::percent_encode;
use super::{Answer, ErrorCode, Request, Verdict, body_or_status, wecom};

/// Asks for a token. `api_url` ends in `/`.
pub fn token_request(api_url: &str, corp_id: &str, secret: &str) -> Request {
    let (id, secret) = (percent_encode(corp_id), percent_encode(secret));
    Request {
        is_post: false,
        url: format!("{api_url}gettoken?corpid={id}&corpsecret={secret}"),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// A token and for how many seconds it is good.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// A secret.
    pub text: String,
    /// 7200 when the service does not say.
    pub expires_in_secs: i64,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(for {} s)", self.expires_in_secs)
    }
}

/// The token in an answer, or what the answer means instead; never [`Verdict::Sent`].
pub fn token(answer: &Answer<'_>) -> Result<Token, Verdict> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        errcode: i64,
        #[serde(default)]
        errmsg: String,
        #[serde(default)]
        access_token: String,
        #[serde(default)]
        expires_in: Option<i64>,
    }
    let body: Body = body_or_status(answer)?;
    if body.errcode == 0 && !body.access_token.is_empty() {
        return Ok(Token { text: body.access_token, expires_in_secs: body.expires_in.unwrap_or(7200) });
    }
    Err(match wecom::verdict(&ErrorCode { errcode: body.errcode, errmsg: body.errmsg }) {
        Verdict::Sent(_) => {
            Verdict::Final("gettoken gave no token: look at corp_id and api_secret".to_owned())
        }
        other => other,
    })
}

/// To whom, of which application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct To {
    /// Users divided by `|`, or `@all`.
    pub user: String,
    /// Departments.
    pub party: String,
    /// Tags.
    pub tag: String,
    /// The application.
    pub agent_id: String,
}

/// A message.
pub fn request(api_url: &str, token: &Token, to: &To, content: &str, is_markdown: bool) -> Request {
    let (kind, other) = if is_markdown { ("markdown", "text") } else { ("text", "markdown") };
    let mut body = json!({
        "msgtype": kind,
        kind: { "content": content },
        other: { "content": "" },
        "safe": "0",
    });
    for (name, value) in
        [("touser", &to.user), ("toparty", &to.party), ("totag", &to.tag), ("agentid", &to.agent_id)]
    {
        if !value.is_empty() {
            body[name] = Value::from(value.as_str());
        }
    }
    let token = percent_encode(&token.text);
    Request::json(format!("{api_url}message/send?access_token={token}"), &body)
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// As for any service.
    Verdict(Verdict),
    /// The token is no longer good: get a new one, once.
    TokenExpired,
}

/// Reads the answer to a message. Some receivers may be unknown: the others have got it, and the words say who not.
pub fn judge(answer: &Answer<'_>) -> Judged {
    #[derive(Deserialize)]
    struct Body {
        #[serde(flatten)]
        code: ErrorCode,
        #[serde(default)]
        invaliduser: String,
        #[serde(default)]
        invalidparty: String,
        #[serde(default)]
        invalidtag: String,
    }
    let body: Body = match body_or_status(answer) {
        Ok(body) => body,
        Err(verdict) => return Judged::Verdict(verdict),
    };
    // Not valid, expired, missing.
    if matches!(body.code.errcode, 40014 | 42001 | 41001) {
        return Judged::TokenExpired;
    }
    let verdict = match wecom::verdict(&body.code) {
        Verdict::Sent(mut said) => {
            let left_out =
                [("user", &body.invaliduser), ("party", &body.invalidparty), ("tag", &body.invalidtag)];
            for (kind, who) in left_out.into_iter().filter(|(_, who)| !who.is_empty()) {
                said.push_str(&format!("; not to {kind} {}", super::one_line(who, 100)));
            }
            Verdict::Sent(said)
        }
        other => other,
    };
    Judged::Verdict(verdict)
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `check` takes its line of data whole.
mod tests {
    use lingshao_model::Timestamp;

    use super::*;

    fn answer(body: &str) -> Answer<'_> {
        Answer { status: 200, retry_after: None, body: body.as_bytes(), now: Timestamp(0) }
    }

    #[track_caller]
    fn check(body: &str, expected: Judged) {
        assert_eq!(judge(&answer(body)), expected);
    }

    #[test]
    fn answers_are_read_whatever_the_status() {
        let sent = |text: &str| Judged::Verdict(Verdict::Sent(text.to_owned()));
        check(r#"{"errcode":0,"errmsg":"ok","invaliduser":""}"#, sent("0 ok"));
        check(r#"{"errcode":0,"errmsg":"ok","invaliduser":"a|b"}"#, sent("0 ok; not to user a|b"));
        for code in [40014, 42001, 41001] {
            check(&format!(r#"{{"errcode":{code},"errmsg":"x"}}"#), Judged::TokenExpired);
        }
        let last = |text: &str| Judged::Verdict(Verdict::Final(text.to_owned()));
        check(r#"{"errcode":60020,"errmsg":"not allow ip"}"#, last("60020 not allow ip"));
        check(r#"{"errcode":81013,"errmsg":"all invalid"}"#, last("81013 all invalid"));
        let later = Judged::Verdict(Verdict::retry_after_secs(60, "45009 freq"));
        check(r#"{"errcode":45009,"errmsg":"freq"}"#, later);
    }

    #[test]
    fn tokens_are_read() {
        let body = r#"{"errcode":0,"errmsg":"ok","access_token":"T","expires_in":100}"#;
        assert_eq!(token(&answer(body)), Ok(Token { text: "T".to_owned(), expires_in_secs: 100 }));
        let refused = token(&answer(r#"{"errcode":40001,"errmsg":"invalid credential"}"#));
        assert_eq!(refused, Err(Verdict::Final("40001 invalid credential".to_owned())));
        let busy = token(&answer(r#"{"errcode":-1,"errmsg":"busy"}"#));
        assert_eq!(busy, Err(Verdict::retry("-1 busy")));
        assert_eq!(
            token_request("http://a/cgi-bin/", "c d", "s&").url,
            "http://a/cgi-bin/gettoken?corpid=c%20d&corpsecret=s%26"
        );
    }

    #[test]
    fn messages_name_only_those_who_are_meant() {
        let to = To { user: "@all".to_owned(), agent_id: "7".to_owned(), ..To::default() };
        let token = Token { text: "T/+".to_owned(), expires_in_secs: 1 };
        let request = request("http://a/", &token, &to, "磁盘", false);
        assert_eq!(request.url, "http://a/message/send?access_token=T%2F%2B");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let expected = json!({"msgtype": "text", "text": {"content": "磁盘"}, "markdown": {"content": ""},
            "safe": "0", "touser": "@all", "agentid": "7"});
        assert_eq!(body, expected);
    }
}
