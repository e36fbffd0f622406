//! The ways to people: Alertmanager's `webhook`, `email` and `wechat`, and our own robots and short messages.

use std::fmt;
use std::path::PathBuf;

use lingshao_model::TimeDelta;
use serde::{Serialize, Serializer};

use crate::prometheus_config::{HttpClientConfig, Secret, TlsConfig};

/// One entry of `receivers`; each list in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Receiver {
    /// Unique.
    pub name: String,
    /// `webhook_configs`
    #[serde(rename = "webhook_configs", skip_serializing_if = "Vec::is_empty")]
    pub webhook: Vec<WebhookConfig>,
    /// `email_configs`
    #[serde(rename = "email_configs", skip_serializing_if = "Vec::is_empty")]
    pub email: Vec<EmailConfig>,
    /// `wecom_configs`
    #[serde(rename = "wecom_configs", skip_serializing_if = "Vec::is_empty")]
    pub wecom: Vec<WecomConfig>,
    /// `wechat_configs`
    #[serde(rename = "wechat_configs", skip_serializing_if = "Vec::is_empty")]
    pub wechat: Vec<WechatConfig>,
    /// `dingtalk_configs`
    #[serde(rename = "dingtalk_configs", skip_serializing_if = "Vec::is_empty")]
    pub dingtalk: Vec<DingtalkConfig>,
    /// `feishu_configs`
    #[serde(rename = "feishu_configs", skip_serializing_if = "Vec::is_empty")]
    pub feishu: Vec<FeishuConfig>,
    /// `sms_configs`
    #[serde(rename = "sms_configs", skip_serializing_if = "Vec::is_empty")]
    pub sms: Vec<SmsConfig>,
}

/// Alertmanager's JSON to any URL.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebhookConfig {
    /// Tell also when alerts end. Default: true.
    pub send_resolved: bool,
    /// `http://…` or `https://…`; this or `url_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Most alerts in one message, further ones are counted in `truncatedAlerts`; 0 is no limit. Default: 0.
    pub max_alerts: u64,
    /// How long one request may take. Default: the sender's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_text")]
    pub timeout: Option<TimeDelta>,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

/// A mail over SMTP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmailConfig {
    /// Tell also when alerts end. Default: false, as in Alertmanager.
    pub send_resolved: bool,
    /// Addresses, divided by commas; a template.
    pub to: String,
    /// The sender; a template. Default: the global `smtp_from`.
    pub from: String,
    /// The name in EHLO.
    pub hello: String,
    /// The mail server.
    pub smarthost: HostPort,
    /// Who logs in; nobody when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_username: String,
    /// For LOGIN and PLAIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_password: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_password_file: Option<PathBuf>,
    /// For CRAM-MD5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_secret_file: Option<PathBuf>,
    /// For PLAIN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_identity: String,
    /// Name (as Go's `textproto` writes it: `Subject`) and template, sorted by name.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub headers: Vec<(String, String)>,
    /// The HTML part; a template. The default one when absent, no such part when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The text part; a template. The default one when absent, no such part when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Refuse a server that offers no TLS.
    pub require_tls: bool,
    /// TLS from the first byte. Default: on port 465.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_implicit_tls: Option<bool>,
    /// Certificates.
    pub tls_config: TlsConfig,
    /// Whether mails of one group form a thread.
    pub threading: Threading,
}

/// `threading` of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Threading {
    /// Default: false.
    pub enabled: bool,
    /// `daily` begins a new thread each day, `none` never. Default: `none`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thread_by_date: String,
}

/// `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address, without brackets; may be empty, which is this host.
    pub host: String,
    /// A number or a service's name.
    pub port: String,
}

/// How a robot is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    /// Plain.
    Text,
    /// The vendor's Markdown.
    #[default]
    Markdown,
}

/// How a Feishu robot is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FeishuMessageType {
    /// Plain.
    Text,
    /// An interactive card.
    #[default]
    Card,
}

/// A WeCom (企业微信) group robot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WecomConfig {
    /// Tell also when alerts end. Default: true.
    pub send_resolved: bool,
    /// The robot's whole URL with its key; this or `url_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Default: markdown.
    pub message_type: MessageType,
    /// A template. Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Members by their id, or `@all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentioned_list: Vec<String>,
    /// Members by their phone number, or `@all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentioned_mobile_list: Vec<String>,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

/// A WeCom application: Alertmanager's `wechat_configs`. All texts are templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WechatConfig {
    /// Tell also when alerts end. Default: false, as in Alertmanager.
    pub send_resolved: bool,
    /// The application's secret; this or `api_secret_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_secret_file: Option<PathBuf>,
    /// The company.
    pub corp_id: String,
    /// The application.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent_id: String,
    /// Where it is served, ending in `/`.
    pub api_url: String,
    /// Users, divided by `|`, or `@all`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to_user: String,
    /// Departments.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to_party: String,
    /// Tags.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to_tag: String,
    /// Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Default: text, as in Alertmanager.
    pub message_type: MessageType,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

/// A DingTalk (钉钉) group robot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DingtalkConfig {
    /// Tell also when alerts end. Default: true.
    pub send_resolved: bool,
    /// The robot's whole URL with its token; this or `url_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Of robots that check signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Default: markdown.
    pub message_type: MessageType,
    /// A template, shown in lists. Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A template. Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Members by their phone number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentioned_mobile_list: Vec<String>,
    /// Default: false.
    pub mention_all: bool,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

/// A Feishu (飞书) or Lark group robot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FeishuConfig {
    /// Tell also when alerts end. Default: true.
    pub send_resolved: bool,
    /// The robot's whole URL with its token; this or `url_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Of robots that check signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Default: card.
    pub message_type: FeishuMessageType,
    /// A template, the card's head. Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A template. Default: the one in the configured language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Members by their open id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentioned_list: Vec<String>,
    /// Default: false.
    pub mention_all: bool,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

/// Whose short messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsProvider {
    /// 阿里云短信
    Aliyun,
    /// 腾讯云短信
    Tencent,
}

/// Short messages with an approved template.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmsConfig {
    /// Tell also when alerts end. Default: false, since each message costs money.
    pub send_resolved: bool,
    /// Whose.
    pub provider: SmsProvider,
    /// `https://…` of the API. Default: the provider's.
    pub endpoint: String,
    /// Region of the API. Default: `cn-hangzhou` (Aliyun), `ap-guangzhou` (Tencent).
    pub region: String,
    /// AccessKey id (Aliyun) or SecretId (Tencent).
    pub access_key_id: String,
    /// Its secret; this or `access_key_secret_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret_file: Option<PathBuf>,
    /// SmsSdkAppId; Tencent only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sdk_app_id: String,
    /// The approved signature.
    pub sign_name: String,
    /// The approved template: `SMS_…` (Aliyun) or a number (Tencent).
    pub template_id: String,
    /// Name and template of each variable, in the order of the file; Tencent's have the names `1`, `2`, …. The sender's
    /// default ones when absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_as_map")]
    pub template_params: Option<Vec<(String, String)>>,
    /// To whom, as written: `13800000000`, `+8613800000000`.
    pub phone_numbers: Vec<String>,
    /// Most messages to one number in any hour. Default: 10.
    pub per_hour_max: u64,
    /// Credentials, TLS, proxy, headers. Default: the global ones.
    pub http_config: HttpClientConfig,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn maybe_as_text<S: Serializer>(span: &Option<TimeDelta>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.collect_str(span),
        None => serializer.serialize_none(),
    }
}

fn as_map<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

fn maybe_as_map<S: Serializer>(
    pairs: &Option<Vec<(String, String)>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    as_map(pairs.as_deref().unwrap_or_default(), serializer)
}
