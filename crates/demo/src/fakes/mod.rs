//! Fakes of the services by which people are told and paid, on free ports of 127.0.0.1.
//!
//! Contract: a fake refuses what the real service refuses, with the real service's words and numbers (key,
//! signature, byte limits in UTF-8, messages per minute), remembers everything it was sent with the time of arrival (or
//! the newest of it, when told so), and misbehaves only when a script of [`Fault`]s tells it to. Each runs on a thread of
//! its own and ends when it is dropped, so that it serves tests with a runtime and without one alike.

mod dingtalk;
mod feishu;
mod http;
mod journal;
mod server;
mod sms;
mod smtp;
mod tls;
mod webhook;
mod wechat;
pub(crate) mod wechatpay;
mod wecom;
mod window;

pub use dingtalk::{Dingtalk, FakeDingtalk};
pub use feishu::{FakeFeishu, Feishu};
pub use http::{Fake, Fault, Received, Reply, Request, Service};
pub use journal::NotInTime;
pub use sms::{Aliyun, FakeAliyunSms, FakeTencentSms, ShortMessage, SmsAccount, Tencent};
pub use smtp::{FakeSmtp, Mail, SmtpFault, SmtpOptions, SmtpSecurity, SmtpStage};
pub use tls::CA_PEM;
pub use webhook::{FakeWebhook, Webhook};
pub use wechat::{FakeWechat, Wechat};
pub use wechatpay::{
    Account as WechatPayAccount, BookedRefund, BookedTrade, FakeWechatPay, NoticeFault, RefundState,
    SentNotice, Signing, TradeState, WechatPay,
};
pub use wecom::{FakeWecom, Wecom};

/// A message that a robot took, as the people in its group see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it arrived.
    pub at: std::time::SystemTime,
    /// The service's name of the kind: `text`, `markdown`, `interactive` …
    pub kind: String,
    /// The words, as sent; of a card its JSON.
    pub text: String,
    /// Who is named beside the words: user ids and telephone numbers.
    pub mentioned: Vec<String>,
}

#[cfg(test)]
mod tests;
