//! What the services allow, in one place, as their documents said it on the day below; and what we make of it.
//!
//! Limits of services change without a version number. Whoever changes one here looks at all of them and moves the
//! date.

/// The day on which the figures were last compared with the documents.
pub const CHECKED_ON: &str = "2026-08-15";

/// How often a service may be called, and how long a message may be. Bytes are those of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RobotLimits {
    /// The service's limit of messages in a minute.
    pub vendor_per_minute: u32,
    /// Ours, with room for messages that were sent just before a restart.
    pub per_minute: u32,
    /// Ours in a second, where the service has such a limit.
    pub per_second: Option<u32>,
    /// Longest plain text.
    pub text_bytes: usize,
    /// Longest Markdown, or card.
    pub markdown_bytes: usize,
    /// How long it refuses everything after too many messages, in seconds.
    pub penalty_secs: i64,
}

/// WeCom group robot: 20 a minute per robot, text 2048 bytes, Markdown 4096 bytes (developer.work.weixin.qq.com,
/// document/path/91770). Code 45009 counts until the next minute.
pub const WECOM: RobotLimits = RobotLimits {
    vendor_per_minute: 20,
    per_minute: 18,
    per_second: None,
    text_bytes: 2048,
    markdown_bytes: 4096,
    penalty_secs: 60,
};

/// WeCom application: 30 a minute to one member, text and Markdown 2048 bytes (document/path/90236, 90312).
pub const WECHAT: RobotLimits = RobotLimits {
    vendor_per_minute: 30,
    per_minute: 25,
    per_second: None,
    text_bytes: 2048,
    markdown_bytes: 2048,
    penalty_secs: 60,
};

/// DingTalk robot: 20 a minute, then nothing for 10 minutes; the whole body 20,000 bytes, of which we leave room for
/// the JSON around the words (open.dingtalk.com, custom-bot-send-message-type; code 460101).
pub const DINGTALK: RobotLimits = RobotLimits {
    vendor_per_minute: 20,
    per_minute: 18,
    per_second: None,
    text_bytes: 8_000,
    markdown_bytes: 8_000,
    penalty_secs: 600,
};

/// Feishu robot: 100 a minute and 5 a second, the whole body 20 KB, of which we leave room for the JSON around the
/// words (open.feishu.cn, client-docs/bot-v3/add-custom-bot).
pub const FEISHU: RobotLimits = RobotLimits {
    vendor_per_minute: 100,
    per_minute: 90,
    per_second: Some(4),
    text_bytes: 8_000,
    markdown_bytes: 8_000,
    penalty_secs: 60,
};

/// Aliyun takes 1,000 numbers in one SendSms (help.aliyun.com, SendSms 2017-05-25).
pub const ALIYUN_NUMBERS_MAX: usize = 1000;
/// Tencent takes 200 numbers in one SendSms (cloud.tencent.com, document/product/382/55981).
pub const TENCENT_NUMBERS_MAX: usize = 200;
/// Characters of one variable of a short message: accounts opened after 2024-01-25 get no more by default (Tencent
/// `InvalidParameterValue.TemplateParameterLengthLimit`); Aliyun's variables are as short for most kinds.
pub const SMS_PARAMETER_CHARS_MAX: usize = 6;
