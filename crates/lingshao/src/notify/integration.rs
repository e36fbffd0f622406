//! One way to tell somebody: what a delivery becomes there, and the sending of it.

use std::path::PathBuf;
use std::sync::Arc;

use lingshao_model::{Delivery, IntegrationId, Timestamp};
use lingshao_wire::notify::Verdict;
use lingshao_wire::prometheus_config::Secret;

use super::budget::Rate;
use super::email::{Email, Mail};
use super::robot::{Message, Robot};
use super::sms::{ShortMessage, Sms};
use super::webhook::Webhook;
use super::wechat::Wechat;
use super::words::Words;

/// One entry of a receiver's `…_configs`, ready to send.
#[derive(Debug)]
pub(super) struct Integration {
    /// Its name.
    pub(super) id: IntegrationId,
    /// What the service may be asked.
    pub(super) rate: Option<Rate>,
    /// Integrations with the same text share what `rate` allows: they send to the same robot. A secret.
    pub(super) rate_key: String,
    channel: Channel,
    words: Arc<Words>,
}

/// The kinds.
#[derive(Debug)]
pub(super) enum Channel {
    /// Alertmanager's JSON.
    Webhook(Webhook),
    /// A group's robot.
    Robot(Robot),
    /// A WeCom application.
    Wechat(Wechat),
    /// SMTP.
    Email(Email),
    /// Short messages.
    Sms(Sms),
}

/// One request's worth of a message. What of it is still to be sent changes with the answers.
#[derive(Debug)]
pub(super) enum Part {
    /// A webhook's.
    Whole(Arc<Delivery>),
    /// A robot's or an application's.
    Message(Message),
    /// A mail.
    Mail(Mail),
    /// A short message.
    Short(ShortMessage),
}

/// What is to be told: one delivery, or several in a digest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// At least one, critical first.
    pub(super) deliveries: &'a [Arc<Delivery>],
    /// Most requests that it may take.
    pub(super) parts_max: usize,
    /// The service has said that it was too long.
    pub(super) is_shorter: bool,
    /// The time.
    pub(super) now: Timestamp,
}

impl Told<'_> {
    /// The one, or the first.
    pub(super) fn first(&self) -> &Arc<Delivery> {
        &self.deliveries[0]
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<&Delivery> {
        self.deliveries.iter().map(AsRef::as_ref).collect()
    }

    /// Whether anything fires in any of them.
    pub(super) fn is_firing(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.is_firing())
    }
}

impl Integration {
    /// Puts it together.
    pub(super) fn new(id: IntegrationId, channel: Channel, words: Arc<Words>) -> Integration {
        let (rate, rate_key) = match &channel {
            Channel::Webhook(_) => (None, String::new()),
            Channel::Email(_) => (Some(Rate::mail()), id.to_string()),
            Channel::Robot(robot) => (Some(Rate::robot(robot.limits())), robot.rate_key()),
            Channel::Wechat(wechat) => (Some(Wechat::rate()), wechat.rate_key()),
            Channel::Sms(sms) => (Some(sms.rate()), id.to_string()),
        };
        Integration { id, rate, rate_key, channel, words }
    }

    /// What is to be sent, in order; at least one part.
    pub(super) fn compose(&self, told: &Told<'_>) -> Vec<Part> {
        let words = &self.words;
        match &self.channel {
            Channel::Webhook(_) => told.deliveries.iter().cloned().map(Part::Whole).collect(),
            Channel::Robot(robot) => messages(robot.compose(words, told)),
            Channel::Wechat(wechat) => messages(wechat.compose(words, told)),
            Channel::Email(email) => vec![Part::Mail(email.compose(words, told))],
            Channel::Sms(sms) => sms.compose(words, told).into_iter().map(Part::Short).collect(),
        }
    }

    /// Sends a part, or what is left of it.
    pub(super) async fn send(&self, part: &mut Part) -> Verdict {
        match (&self.channel, part) {
            (Channel::Webhook(webhook), Part::Whole(delivery)) => {
                webhook.send(delivery, self.words.external_url()).await
            }
            (Channel::Robot(robot), Part::Message(message)) => robot.send(message).await,
            (Channel::Wechat(wechat), Part::Message(message)) => wechat.send(message).await,
            (Channel::Email(email), Part::Mail(mail)) => email.send(mail).await,
            (Channel::Sms(sms), Part::Short(message)) => sms.send(message).await,
            // Only after a reload that changed a kind in the middle of a message.
            (_, _) => Verdict::retry("the receiver's configuration has changed"),
        }
    }
}

fn messages(messages: Vec<Message>) -> Vec<Part> {
    messages.into_iter().map(Part::Message).collect()
}

/// A secret of the configuration: its text, or a file that is read at each use.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// In the configuration.
    Text(Secret),
    /// In a file.
    File(PathBuf),
}

impl Source {
    /// The one that is there.
    pub(super) fn of(text: Option<&Secret>, file: Option<&PathBuf>) -> Option<Source> {
        match (text, file) {
            (Some(text), _) => Some(Source::Text(text.clone())),
            (None, Some(file)) => Some(Source::File(file.clone())),
            (None, None) => None,
        }
    }

    /// Its text now.
    pub(super) async fn read(&self) -> Result<String, Verdict> {
        match self {
            Source::Text(secret) => Ok(secret.reveal().to_owned()),
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || crate::scrape::secret(&path)).await;
                let read = read.map_err(|error| Verdict::retry(error.to_string()))?;
                read.map_err(|error| Verdict::retry(error.to_string()))
            }
        }
    }

    /// What tells two of them apart; a secret.
    pub(super) fn key(&self) -> String {
        match self {
            Source::Text(secret) => secret.reveal().to_owned(),
            Source::File(path) => path.display().to_string(),
        }
    }
}
