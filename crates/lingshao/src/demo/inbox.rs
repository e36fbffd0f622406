//! What the fake services were sent, as one list.

use std::time::{SystemTime, UNIX_EPOCH};

use lingshao_demo::fakes::{Mail, Message, ShortMessage};
use lingshao_model::Timestamp;
use lingshao_wire::rfc3339;
use serde::Serialize;

use super::services::{KEPT_MAX, Services};

/// One message as somebody got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct InboxMessage {
    /// Stays the same from look to look.
    id: String,
    channel: Channel,
    at: String,
    to: String,
    subject: Option<String>,
    text: String,
    #[serde(skip)]
    order: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Wecom,
    Email,
    Sms,
}

/// The newest messages of all services, newest first.
pub(super) fn read(services: &Services) -> Vec<InboxMessage> {
    let robots = services.wecom.messages().into_iter().map(of_robot);
    let mails = services.smtp.mails();
    let mails = mails.iter().map(of_mail);
    let short = services.sms.messages().into_iter().map(of_short);
    let mut all: Vec<InboxMessage> = robots.chain(mails).chain(short).collect();
    all.sort_by_key(|message| std::cmp::Reverse(message.order));
    all.truncate(KEPT_MAX);
    all
}

fn of_robot(message: Message) -> InboxMessage {
    InboxMessage {
        text: message.text,
        ..head(Channel::Wecom, message.at, "企业微信群 · WeCom group".to_owned())
    }
}

fn of_mail(mail: &Mail) -> InboxMessage {
    let text = mail.part("text/plain").unwrap_or_default().replace("\r\n", "\n");
    let subject = mail.header("subject");
    InboxMessage { subject, text, ..head(Channel::Email, mail.at, mail.to.join(", ")) }
}

/// A short message is a template's variables; its words are with the telephone company.
fn of_short(message: ShortMessage) -> InboxMessage {
    let values = message.values.iter().map(|(name, value)| format!("{name}: {value}"));
    let text = values.collect::<Vec<_>>().join("\n");
    InboxMessage { text, ..head(Channel::Sms, message.at, message.number) }
}

fn head(channel: Channel, at: SystemTime, to: String) -> InboxMessage {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = match channel {
        Channel::Wecom => "wecom",
        Channel::Email => "email",
        Channel::Sms => "sms",
    };
    InboxMessage {
        id: format!("{name}-{}", since_epoch.as_micros()),
        channel,
        at: rfc3339::format(Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))),
        to,
        subject: None,
        text: String::new(),
        order: since_epoch.as_nanos(),
    }
}
