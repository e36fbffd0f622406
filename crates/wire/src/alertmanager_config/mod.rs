//! Alertmanager's configuration file, as of 0.34, with our own receivers beside Alertmanager's.
//!
//! Contract: no I/O. What is read is complete: routes have inherited, receivers have taken the global defaults, every
//! name that is used is defined. Files that must exist are listed in [`AlertmanagerConfig::files`] for the caller to look
//! at; secrets in files are read by whoever uses them, each time anew. Serialising masks every secret, the whole of a
//! webhook's URL included.

mod receiver;

pub use receiver::{
    DingtalkConfig, EmailConfig, FeishuConfig, FeishuMessageType, HostPort, MessageType, Receiver, SmsConfig,
    SmsProvider, Threading, WebhookConfig, WechatConfig, WecomConfig,
};

use std::path::PathBuf;

use lingshao_model::{Routing, TimeDelta};
use serde::Serialize;

use crate::prometheus_config::{FileReference, HttpClientConfig, Secret, TlsConfig};

/// The whole file.
#[derive(Clone, Debug)]
pub struct AlertmanagerConfig {
    /// `global`
    pub global: Global,
    /// `route`, `inhibit_rules`, `time_intervals` and the receivers' outlines.
    pub routing: Routing,
    /// `receivers`, in the order of the file, defaults filled in; as many as in `routing`, in the same order.
    pub receivers: Vec<Receiver>,
    /// `templates`: patterns of files, the last part may hold `*`.
    pub templates: Vec<PathBuf>,
    /// Files that the receivers name and that must exist.
    pub files: Vec<FileReference>,
}

/// `global`, as far as it has an effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Global {
    /// After how long an alert ends that was posted without an end and is not said again. Default: 5m.
    #[serde(serialize_with = "as_text")]
    pub resolve_timeout: TimeDelta,
    /// Default HTTP settings.
    pub http_config: HttpClientConfig,
    /// Default sender of mails.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_from: String,
    /// Default name in EHLO. Default: localhost.
    pub smtp_hello: String,
    /// Default mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_smarthost: Option<HostPort>,
    /// Default user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_auth_username: String,
    /// Default password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_password: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_password_file: Option<PathBuf>,
    /// Default secret of CRAM-MD5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth_secret_file: Option<PathBuf>,
    /// Default identity of PLAIN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub smtp_auth_identity: String,
    /// Whether a server that offers no TLS is refused. Default: true.
    pub smtp_require_tls: bool,
    /// TLS from the first byte. Default: on port 465.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_force_implicit_tls: Option<bool>,
    /// Default certificates of mail servers.
    pub smtp_tls_config: TlsConfig,
    /// Where WeCom applications are served, ending in `/`.
    pub wechat_api_url: String,
    /// Default secret of the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_api_secret: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_api_secret_file: Option<PathBuf>,
    /// Default company.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wechat_api_corp_id: String,
}

impl Default for Global {
    fn default() -> Global {
        Global {
            resolve_timeout: TimeDelta::from_secs(300),
            http_config: HttpClientConfig { follow_redirects: true, ..HttpClientConfig::default() },
            smtp_from: String::new(),
            smtp_hello: "localhost".to_owned(),
            smtp_smarthost: None,
            smtp_auth_username: String::new(),
            smtp_auth_password: None,
            smtp_auth_password_file: None,
            smtp_auth_secret: None,
            smtp_auth_secret_file: None,
            smtp_auth_identity: String::new(),
            smtp_require_tls: true,
            smtp_force_implicit_tls: None,
            smtp_tls_config: TlsConfig::default(),
            wechat_api_url: "https://qyapi.weixin.qq.com/cgi-bin/".to_owned(),
            wechat_api_secret: None,
            wechat_api_secret_file: None,
            wechat_api_corp_id: String::new(),
        }
    }
}

fn as_text<S: serde::Serializer>(span: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}
