//! An application of WeCom: Alertmanager's `wechat`. Its token is kept until shortly before it expires, and renewed
//! once when the service no longer likes it.

use std::sync::{Mutex, PoisonError};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_wire::alertmanager_config::{MessageType, WechatConfig};
use lingshao_wire::notify::wechat::{self, Judged, To, Token};
use lingshao_wire::notify::{Verdict, limits};

use super::budget::Rate;
use super::http::{Http, Secrets};
use super::integration::{Source, Told};
use super::robot::{self, Message};
use super::steady_now;
use super::words::{Text, Words};

/// A token is renewed this long before its end, so that none expires on its way.
const RENEW_BEFORE: TimeDelta = TimeDelta::from_secs(300);

/// An application.
#[derive(Debug)]
pub(super) struct Wechat {
    config: WechatConfig,
    secret: Source,
    http: Http,
    title: Text,
    message: Text,
    /// To whom: user, party, tag, application; all of them templates.
    to: [Text; 4],
    /// The token and until when it is used. One task sends, so it is never fetched twice at a time.
    token: Mutex<Option<(Token, Timestamp)>>,
}

impl Wechat {
    /// Builds its client.
    pub(super) fn new(config: &WechatConfig) -> Result<Wechat, String> {
        let secret = Source::of(config.api_secret.as_ref(), config.api_secret_file.as_ref());
        let text = |template: &str| Text::new(Some(template), "");
        Ok(Wechat {
            secret: secret.ok_or("it has no `api_secret`")?,
            http: Http::new(&config.http_config, None)?,
            title: Text::new(None, "lingshao.title"),
            message: Text::new(config.message.as_deref(), "wechat.default.message"),
            to: [&config.to_user, &config.to_party, &config.to_tag, &config.agent_id].map(|one| text(one)),
            token: Mutex::new(None),
            config: config.clone(),
        })
    }

    /// Its templates.
    pub(super) fn texts(&self) -> Vec<&Text> {
        self.to.iter().chain([&self.message]).collect()
    }

    /// What the service allows.
    pub(super) fn rate() -> Rate {
        Rate::robot(&limits::WECHAT)
    }

    /// Two integrations with the same key are one application.
    pub(super) fn rate_key(&self) -> String {
        format!("{} {} {}", self.config.api_url, self.config.corp_id, self.config.agent_id)
    }

    /// The messages for what is to be told.
    pub(super) fn compose(&self, words: &Words, told: &Told<'_>) -> Vec<Message> {
        let is_markdown = self.config.message_type == MessageType::Markdown;
        let limit = if is_markdown { limits::WECHAT.markdown_bytes } else { limits::WECHAT.text_bytes };
        let limit = if told.is_shorter { limit / 2 } else { limit };
        let mut messages = robot::write(words, told, &self.title, &self.message, limit, is_markdown);
        let [user, party, tag, agent_id] =
            [0, 1, 2, 3].map(|at| words.title(&self.to[at], told.first(), told.now));
        let to = To { user, party, tag, agent_id };
        messages.iter_mut().for_each(|message| message.to = to.clone());
        messages
    }

    /// Sends a message.
    pub(super) async fn send(&self, message: &Message) -> Verdict {
        let mut secrets = Secrets::default();
        secrets.add_client(&self.config.http_config);
        let verdict = match self.try_send(message, &mut secrets).await {
            Ok(verdict) | Err(verdict) => verdict,
        };
        secrets.mask_verdict(verdict)
    }

    async fn try_send(&self, message: &Message, secrets: &mut Secrets) -> Result<Verdict, Verdict> {
        let is_markdown = self.config.message_type == MessageType::Markdown;
        for is_last_try in [false, true] {
            let token = self.token(secrets).await?;
            secrets.add(&token.text);
            let request =
                wechat::request(&self.config.api_url, &token, &message.to, &message.text, is_markdown);
            let received = self.http.exchange(request).await?;
            match wechat::judge(&received.answer()) {
                Judged::Verdict(verdict) => return Ok(verdict),
                Judged::TokenExpired => *self.kept() = None,
            }
            if is_last_try {
                break;
            }
        }
        Ok(Verdict::retry("the service refuses a token that it has just given"))
    }

    async fn token(&self, secrets: &mut Secrets) -> Result<Token, Verdict> {
        if let Some((token, until)) = self.kept().clone()
            && steady_now() < until
        {
            return Ok(token);
        }
        let secret = self.secret.read().await?;
        secrets.add(&secret);
        let request = wechat::token_request(&self.config.api_url, &self.config.corp_id, &secret);
        let received = self.http.exchange(request).await?;
        let token = wechat::token(&received.answer())?;
        let until = steady_now() + TimeDelta::from_secs(token.expires_in_secs) - RENEW_BEFORE;
        *self.kept() = Some((token.clone(), until));
        Ok(token)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<(Token, Timestamp)>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
