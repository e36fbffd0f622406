//! `global` and `receivers`: from YAML to settings in which nothing is left to be inherited.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::receiver::{
    DingtalkConfig, EmailConfig, FeishuConfig, FeishuMessageType, HostPort, MessageType, Receiver, SmsConfig,
    SmsProvider, Threading, WebhookConfig, WechatConfig, WecomConfig,
};
use super::{Global, TemplateText, foreign};
use crate::prometheus_config::http::{HttpClientConfig, exclude, read_tls};
use crate::prometheus_config::{Reader, Secret, TlsConfig};
use crate::yaml::{Diagnostics, Keys, Node, Position, Value};

/// Keys of `global` for receivers that we do not speak.
const FOREIGN_GLOBALS: [&str; 24] = [
    "jira_api_url",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "opsgenie_api_url",
    "pagerduty_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "slack_api_url",
    "slack_api_url_file",
    "slack_app_token",
    "slack_app_token_file",
    "slack_app_url",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
    "victorops_api_key",
    "victorops_api_key_file",
    "victorops_api_url",
    "webex_api_url",
];

/// Of each pair at most one.
const GLOBAL_EXCLUDES: [(&str, &str); 11] = [
    ("mattermost_webhook_url", "mattermost_webhook_url_file"),
    ("opsgenie_api_key", "opsgenie_api_key_file"),
    ("rocketchat_token", "rocketchat_token_file"),
    ("rocketchat_token_id", "rocketchat_token_id_file"),
    ("slack_api_url", "slack_api_url_file"),
    ("slack_app_token", "slack_app_token_file"),
    ("smtp_auth_password", "smtp_auth_password_file"),
    ("smtp_auth_secret", "smtp_auth_secret_file"),
    ("telegram_bot_token", "telegram_bot_token_file"),
    ("victorops_api_key", "victorops_api_key_file"),
    ("wechat_api_secret", "wechat_api_secret_file"),
];

pub(super) fn read_global(node: &Node, reader: &mut Reader<'_>) -> Global {
    let mut keys = Keys::new(node, "global", reader.findings);
    let defaults = Global::default();
    for key in FOREIGN_GLOBALS {
        let is_url = key.ends_with("_url");
        if keys.node(key).is_some() && is_url {
            check_url(&mut keys, key, reader.findings);
        }
    }
    for (one, other) in GLOBAL_EXCLUDES {
        exclude(&keys, one, other, reader);
    }
    let global = Global {
        resolve_timeout: keys
            .duration("resolve_timeout", reader.findings)
            .unwrap_or(defaults.resolve_timeout),
        http_config: read_http(&mut keys, &defaults.http_config, reader),
        smtp_from: keys.text("smtp_from", reader.findings).unwrap_or_default(),
        smtp_hello: keys.text("smtp_hello", reader.findings).unwrap_or(defaults.smtp_hello),
        smtp_smarthost: read_host_port(&mut keys, "smtp_smarthost", reader.findings),
        smtp_auth_username: keys.text("smtp_auth_username", reader.findings).unwrap_or_default(),
        smtp_auth_password: secret(&mut keys, "smtp_auth_password", reader.findings),
        smtp_auth_password_file: reader.file(&mut keys, "smtp_auth_password_file"),
        smtp_auth_secret: secret(&mut keys, "smtp_auth_secret", reader.findings),
        smtp_auth_secret_file: reader.file(&mut keys, "smtp_auth_secret_file"),
        smtp_auth_identity: keys.text("smtp_auth_identity", reader.findings).unwrap_or_default(),
        smtp_require_tls: keys.boolean("smtp_require_tls", reader.findings).unwrap_or(true),
        smtp_force_implicit_tls: keys.boolean("smtp_force_implicit_tls", reader.findings),
        smtp_tls_config: keys.node("smtp_tls_config").map(|node| read_tls(node, reader)).unwrap_or_default(),
        wechat_api_url: read_api_url(&mut keys, "wechat_api_url", &defaults.wechat_api_url, reader.findings),
        wechat_api_secret: secret(&mut keys, "wechat_api_secret", reader.findings),
        wechat_api_secret_file: reader.file(&mut keys, "wechat_api_secret_file"),
        wechat_api_corp_id: keys.text("wechat_api_corp_id", reader.findings).unwrap_or_default(),
    };
    keys.finish(reader.findings);
    global
}

/// Reads `receivers`; `global_node` is looked at for receivers that we do not speak.
pub(super) fn read_receivers(
    nodes: &[Node],
    global: &Global,
    global_node: Option<&Node>,
    texts: &mut Vec<TemplateText>,
    reader: &mut Reader<'_>,
) -> Vec<Receiver> {
    let mut seen: BTreeMap<String, Position> = BTreeMap::new();
    let mut receivers = Vec::with_capacity(nodes.len());
    for node in nodes {
        let mut keys = Keys::new(node, "receivers", reader.findings);
        let name = keys.text("name", reader.findings).unwrap_or_default();
        let at = keys.node("name").map_or(node.at, |node| node.at);
        reader.set_subject("receiver", &name);
        if name.is_empty() {
            reader.findings.error(at, "a receiver without a name", "add `name: NAME`");
        } else if let Some(first) = seen.insert(name.clone(), at) {
            let message = format!("receiver `{name}` stands twice; first in line {}", first.line);
            reader.findings.error(at, message, "give each receiver its own name");
        }
        let mut one = OneReceiver { global, texts, reader };
        let receiver = Receiver {
            webhook: one.list(&mut keys, "webhook_configs", OneReceiver::webhook),
            email: one.list(&mut keys, "email_configs", OneReceiver::email),
            wecom: one.list(&mut keys, "wecom_configs", OneReceiver::wecom),
            wechat: one.list(&mut keys, "wechat_configs", OneReceiver::wechat),
            dingtalk: one.list(&mut keys, "dingtalk_configs", OneReceiver::dingtalk),
            feishu: one.list(&mut keys, "feishu_configs", OneReceiver::feishu),
            sms: one.list(&mut keys, "sms_configs", OneReceiver::sms),
            name,
        };
        for kind in &foreign::KINDS {
            foreign::read(kind, &mut keys, &receiver.name, global_node, reader);
        }
        keys.finish(reader.findings);
        reader.set_subject("receiver", "");
        receivers.push(receiver);
    }
    receivers
}

/// What the entries of one receiver are read with.
struct OneReceiver<'r, 'f> {
    global: &'r Global,
    texts: &'r mut Vec<TemplateText>,
    reader: &'r mut Reader<'f>,
}

impl OneReceiver<'_, '_> {
    fn list<T>(
        &mut self,
        keys: &mut Keys<'_>,
        key: &'static str,
        read: fn(&mut Self, &mut Keys<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut configs = Vec::new();
        for node in keys.list(key, self.reader.findings) {
            if node.value == Value::Null {
                self.error(node.at, &format!("an empty entry in `{key}`"), "delete the lone `-`");
                continue;
            }
            let mut own = Keys::new(node, key, self.reader.findings);
            configs.extend(read(self, &mut own));
            own.finish(self.reader.findings);
        }
        configs
    }

    fn error(&mut self, at: Position, message: &str, remedy: &str) {
        self.reader.findings.error(at, message, remedy);
    }

    fn text(&mut self, keys: &mut Keys<'_>, key: &str) -> Option<String> {
        keys.text(key, self.reader.findings)
    }

    /// A text that is a template.
    fn template(&mut self, keys: &mut Keys<'_>, key: &str) -> Option<String> {
        let node = keys.node(key)?;
        let text = keys.text(key, self.reader.findings)?;
        self.note_template(key, &text, node.at);
        Some(text)
    }

    fn note_template(&mut self, key: &str, text: &str, at: Position) {
        if text.contains("{{") {
            let subject = self.reader.findings.subject();
            self.texts.push(TemplateText { text: text.to_owned(), key: key.to_owned(), at, subject });
        }
    }

    fn texts(&mut self, keys: &mut Keys<'_>, key: &str) -> Vec<String> {
        keys.texts(key, self.reader.findings).into_iter().map(|(text, _)| text).collect()
    }

    fn flag(&mut self, keys: &mut Keys<'_>, key: &str, default: bool) -> bool {
        keys.boolean(key, self.reader.findings).unwrap_or(default)
    }

    fn secret(&mut self, keys: &mut Keys<'_>, key: &str) -> Option<Secret> {
        secret(keys, key, self.reader.findings)
    }

    fn http(&mut self, keys: &mut Keys<'_>) -> HttpClientConfig {
        read_http(keys, &self.global.http_config, self.reader)
    }

    /// `url` or `url_file`, one of which must be there.
    fn url(&mut self, keys: &mut Keys<'_>) -> (Option<Secret>, Option<PathBuf>) {
        if keys.node("url").is_some() {
            check_url(keys, "url", self.reader.findings);
        }
        let url = self.secret(keys, "url");
        let file = self.reader.file(keys, "url_file");
        if url.is_none() && file.is_none() {
            self.error(keys.at(), "one of `url` and `url_file` must be there", "add `url: https://…`");
        }
        exclude(keys, "url", "url_file", self.reader);
        (url, file)
    }

    fn secret_or_file(&mut self, keys: &mut Keys<'_>) -> (Option<Secret>, Option<PathBuf>) {
        exclude(keys, "secret", "secret_file", self.reader);
        (self.secret(keys, "secret"), self.reader.file(keys, "secret_file"))
    }

    fn message_type(&mut self, keys: &mut Keys<'_>, default: MessageType) -> MessageType {
        let words = [("text", MessageType::Text), ("markdown", MessageType::Markdown)];
        keys.word("message_type", &words, self.reader.findings).unwrap_or(default)
    }

    fn webhook(&mut self, keys: &mut Keys<'_>) -> Option<WebhookConfig> {
        let (url, url_file) = self.url(keys);
        let config = WebhookConfig {
            send_resolved: self.flag(keys, "send_resolved", true),
            url,
            url_file,
            max_alerts: keys.number("max_alerts", self.reader.findings).unwrap_or(0),
            timeout: keys.duration("timeout", self.reader.findings),
            http_config: self.http(keys),
        };
        keys.without_effect(&["payload"], "the body is Alertmanager's own", self.reader.findings);
        Some(config)
    }

    fn wecom(&mut self, keys: &mut Keys<'_>) -> Option<WecomConfig> {
        let (url, url_file) = self.url(keys);
        Some(WecomConfig {
            send_resolved: self.flag(keys, "send_resolved", true),
            url,
            url_file,
            message_type: self.message_type(keys, MessageType::Markdown),
            message: self.template(keys, "message"),
            mentioned_list: self.texts(keys, "mentioned_list"),
            mentioned_mobile_list: self.texts(keys, "mentioned_mobile_list"),
            http_config: self.http(keys),
        })
    }

    fn dingtalk(&mut self, keys: &mut Keys<'_>) -> Option<DingtalkConfig> {
        let (url, url_file) = self.url(keys);
        let (secret, secret_file) = self.secret_or_file(keys);
        Some(DingtalkConfig {
            send_resolved: self.flag(keys, "send_resolved", true),
            url,
            url_file,
            secret,
            secret_file,
            message_type: self.message_type(keys, MessageType::Markdown),
            title: self.template(keys, "title"),
            message: self.template(keys, "message"),
            mentioned_mobile_list: self.texts(keys, "mentioned_mobile_list"),
            mention_all: self.flag(keys, "mention_all", false),
            http_config: self.http(keys),
        })
    }

    fn feishu(&mut self, keys: &mut Keys<'_>) -> Option<FeishuConfig> {
        let (url, url_file) = self.url(keys);
        let (secret, secret_file) = self.secret_or_file(keys);
        let types = [("text", FeishuMessageType::Text), ("card", FeishuMessageType::Card)];
        Some(FeishuConfig {
            send_resolved: self.flag(keys, "send_resolved", true),
            url,
            url_file,
            secret,
            secret_file,
            message_type: keys.word("message_type", &types, self.reader.findings).unwrap_or_default(),
            title: self.template(keys, "title"),
            message: self.template(keys, "message"),
            mentioned_list: self.texts(keys, "mentioned_list"),
            mention_all: self.flag(keys, "mention_all", false),
            http_config: self.http(keys),
        })
    }

    fn wechat(&mut self, keys: &mut Keys<'_>) -> Option<WechatConfig> {
        exclude(keys, "api_secret", "api_secret_file", self.reader);
        let mut api_secret = self.secret(keys, "api_secret");
        let mut api_secret_file = self.reader.file(keys, "api_secret_file");
        if api_secret.is_none() && api_secret_file.is_none() {
            api_secret.clone_from(&self.global.wechat_api_secret);
            api_secret_file.clone_from(&self.global.wechat_api_secret_file);
        }
        let corp_id = self.text(keys, "corp_id").filter(|id| !id.is_empty());
        let corp_id = corp_id.unwrap_or_else(|| self.global.wechat_api_corp_id.clone());
        if api_secret.is_none() && api_secret_file.is_none() {
            self.error(keys.at(), "`api_secret` is missing", "add it here, or `global.wechat_api_secret`");
        }
        if corp_id.is_empty() {
            self.error(keys.at(), "`corp_id` is missing", "add it here, or `global.wechat_api_corp_id`");
        }
        let global_url = &self.global.wechat_api_url;
        Some(WechatConfig {
            send_resolved: self.flag(keys, "send_resolved", false),
            api_secret,
            api_secret_file,
            corp_id,
            agent_id: self.template(keys, "agent_id").unwrap_or_default(),
            api_url: read_api_url(keys, "api_url", global_url, self.reader.findings),
            to_user: self.template(keys, "to_user").unwrap_or_default(),
            to_party: self.template(keys, "to_party").unwrap_or_default(),
            to_tag: self.template(keys, "to_tag").unwrap_or_default(),
            message: self.template(keys, "message"),
            message_type: self.message_type(keys, MessageType::Text),
            http_config: self.http(keys),
        })
    }

    fn email(&mut self, keys: &mut Keys<'_>) -> Option<EmailConfig> {
        let global = self.global;
        let to = self.template(keys, "to").unwrap_or_default();
        if to.is_empty() {
            self.error(keys.at(), "`to` is missing", "add `to: ADDRESS`");
        }
        let from = self.template(keys, "from").filter(|from| !from.is_empty());
        let from = from.unwrap_or_else(|| global.smtp_from.clone());
        if from.is_empty() {
            self.error(keys.at(), "`from` is missing", "add it here, or `global.smtp_from`");
        }
        let smarthost = read_host_port(keys, "smarthost", self.reader.findings);
        let smarthost = smarthost.or_else(|| global.smtp_smarthost.clone());
        if smarthost.is_none() && !keys.has("smarthost") {
            self.error(keys.at(), "`smarthost` is missing", "add it here, or `global.smtp_smarthost`");
        }
        let (auth_password, auth_password_file) = self.mail_password(keys);
        let (auth_secret, auth_secret_file) = self.mail_secret(keys);
        let own_or = |own: Option<String>, global: &str| {
            own.filter(|text| !text.is_empty()).unwrap_or_else(|| global.to_owned())
        };
        Some(EmailConfig {
            send_resolved: self.flag(keys, "send_resolved", false),
            to,
            from,
            hello: own_or(self.text(keys, "hello"), &global.smtp_hello),
            auth_username: own_or(self.text(keys, "auth_username"), &global.smtp_auth_username),
            auth_password,
            auth_password_file,
            auth_secret,
            auth_secret_file,
            auth_identity: own_or(self.text(keys, "auth_identity"), &global.smtp_auth_identity),
            headers: self.headers(keys),
            html: self.template(keys, "html"),
            text: self.template(keys, "text"),
            require_tls: self.flag(keys, "require_tls", global.smtp_require_tls),
            force_implicit_tls: keys
                .boolean("force_implicit_tls", self.reader.findings)
                .or(global.smtp_force_implicit_tls),
            tls_config: self.mail_tls(keys),
            threading: self.threading(keys),
            smarthost: smarthost?,
        })
    }

    fn mail_password(&mut self, keys: &mut Keys<'_>) -> (Option<Secret>, Option<PathBuf>) {
        let own = (self.secret(keys, "auth_password"), self.reader.file(keys, "auth_password_file"));
        match own {
            (None, None) => {
                (self.global.smtp_auth_password.clone(), self.global.smtp_auth_password_file.clone())
            }
            own => own,
        }
    }

    fn mail_secret(&mut self, keys: &mut Keys<'_>) -> (Option<Secret>, Option<PathBuf>) {
        match (self.secret(keys, "auth_secret"), self.reader.file(keys, "auth_secret_file")) {
            (None, None) => (self.global.smtp_auth_secret.clone(), self.global.smtp_auth_secret_file.clone()),
            own => own,
        }
    }

    fn mail_tls(&mut self, keys: &mut Keys<'_>) -> TlsConfig {
        match keys.node("tls_config") {
            Some(node) => read_tls(node, self.reader),
            None => self.global.smtp_tls_config.clone(),
        }
    }

    fn headers(&mut self, keys: &mut Keys<'_>) -> Vec<(String, String)> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, text, at) in keys.text_map("headers", self.reader.findings) {
            let name = canonical_header(&name);
            self.note_template("headers", &text, at);
            if headers.insert(name.clone(), text).is_some() {
                self.error(at, &format!("header `{name}` stands twice"), "delete one");
            }
        }
        headers.into_iter().collect()
    }

    fn threading(&mut self, keys: &mut Keys<'_>) -> Threading {
        let Some(node) = keys.node("threading") else { return Threading::default() };
        let mut keys = Keys::new(node, "threading", self.reader.findings);
        let words = [("daily", "daily"), ("none", "none"), ("", "")];
        let threading = Threading {
            enabled: self.flag(&mut keys, "enabled", false),
            thread_by_date: keys
                .word("thread_by_date", &words, self.reader.findings)
                .unwrap_or_default()
                .to_owned(),
        };
        keys.finish(self.reader.findings);
        threading
    }

    fn sms(&mut self, keys: &mut Keys<'_>) -> Option<SmsConfig> {
        let words = [("aliyun", SmsProvider::Aliyun), ("tencent", SmsProvider::Tencent)];
        let provider = keys.word("provider", &words, self.reader.findings);
        if provider.is_none() && !keys.has("provider") {
            self.error(keys.at(), "`provider` is missing", "write `provider: aliyun` or `provider: tencent`");
        }
        exclude(keys, "access_key_secret", "access_key_secret_file", self.reader);
        let (endpoint, region) = match provider {
            Some(SmsProvider::Tencent) => ("https://sms.tencentcloudapi.com/", "ap-guangzhou"),
            _ => ("https://dysmsapi.aliyuncs.com/", "cn-hangzhou"),
        };
        let config = SmsConfig {
            send_resolved: self.flag(keys, "send_resolved", false),
            provider: provider.unwrap_or(SmsProvider::Aliyun),
            endpoint: self.endpoint(keys, endpoint),
            region: self.text(keys, "region").unwrap_or_else(|| region.to_owned()),
            access_key_id: self.needed(keys, "access_key_id"),
            access_key_secret: self.secret(keys, "access_key_secret"),
            access_key_secret_file: self.reader.file(keys, "access_key_secret_file"),
            sdk_app_id: self.text(keys, "sdk_app_id").unwrap_or_default(),
            sign_name: self.needed(keys, "sign_name"),
            template_id: self.needed(keys, "template_id"),
            template_params: self.template_params(keys),
            phone_numbers: self.phone_numbers(keys),
            per_hour_max: keys.number("per_hour_max", self.reader.findings).unwrap_or(10),
            http_config: self.http(keys),
        };
        if config.access_key_secret.is_none() && config.access_key_secret_file.is_none() {
            let remedy = "add `access_key_secret_file: FILE`";
            self.error(keys.at(), "`access_key_secret` is missing", remedy);
        }
        if config.provider == SmsProvider::Tencent && config.sdk_app_id.is_empty() {
            self.error(keys.at(), "`sdk_app_id` is missing", "Tencent shows it as SmsSdkAppId");
        }
        provider.map(|_| config)
    }

    /// A URL, or a host alone, as the vendors' consoles show it.
    fn endpoint(&mut self, keys: &mut Keys<'_>, default: &str) -> String {
        let at = keys.key_at("endpoint");
        let Some(text) = self.text(keys, "endpoint").filter(|text| !text.is_empty()) else {
            return default.to_owned();
        };
        let url = if text.contains("://") { text } else { format!("https://{text}/") };
        if let Err(reason) = http_url(&url) {
            self.error(at, &format!("`endpoint`: {reason}"), "write `https://HOST/`");
        }
        url
    }

    fn needed(&mut self, keys: &mut Keys<'_>, key: &str) -> String {
        let text = self.text(keys, key).unwrap_or_default();
        if text.is_empty() {
            self.error(keys.at(), &format!("`{key}` is missing"), &format!("add `{key}: …`"));
        }
        text
    }

    /// A mapping from names to templates, or a list of templates.
    fn template_params(&mut self, keys: &mut Keys<'_>) -> Option<Vec<(String, String)>> {
        let node = keys.node("template_params")?;
        let params: Vec<(String, String)> = match &node.value {
            Value::List(_) => {
                let texts = self.texts(keys, "template_params");
                texts.into_iter().enumerate().map(|(at, text)| ((at + 1).to_string(), text)).collect()
            }
            _ => {
                let pairs = keys.text_map("template_params", self.reader.findings);
                pairs.into_iter().map(|(name, text, _)| (name, text)).collect()
            }
        };
        params.iter().for_each(|(_, text)| self.note_template("template_params", text, node.at));
        Some(params)
    }

    fn phone_numbers(&mut self, keys: &mut Keys<'_>) -> Vec<String> {
        let numbers = keys.texts("phone_numbers", self.reader.findings);
        if numbers.is_empty() {
            self.error(keys.at(), "`phone_numbers` is missing", "add `phone_numbers: ['138…']`");
        }
        for (number, at) in &numbers {
            let digits = number.strip_prefix('+').unwrap_or(number);
            if !(5..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let remedy = "write digits only, abroad with `+` and the country";
                self.error(*at, &format!("`{number}` is no phone number"), remedy);
            }
        }
        numbers.into_iter().map(|(number, _)| number).collect()
    }
}

/// A text that must not be shown; an empty one is none.
fn secret(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Option<Secret> {
    keys.text(key, findings).filter(|text| !text.is_empty()).map(Secret::new)
}

fn read_http(keys: &mut Keys<'_>, default: &HttpClientConfig, reader: &mut Reader<'_>) -> HttpClientConfig {
    let Some(node) = keys.node("http_config") else { return default.clone() };
    let mut http = Keys::new(node, "http_config", reader.findings);
    let config = HttpClientConfig::read(&mut http, reader);
    http.finish(reader.findings);
    config
}

/// Ends in `/`, whether the file says so or not.
fn read_api_url(keys: &mut Keys<'_>, key: &str, default: &str, findings: &mut Diagnostics) -> String {
    if keys.node(key).is_none() {
        return default.to_owned();
    }
    check_url(keys, key, findings);
    let mut url = keys.text(key, findings).unwrap_or_default();
    if !url.ends_with('/') {
        url.push('/');
    }
    url
}

/// Reports what is no URL, without showing it: it may hold a key. What we show ourselves, `<secret>`, is taken.
pub(super) fn check_url(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) {
    let at = keys.node(key).map_or(keys.at(), |node| node.at);
    let Some(text) = keys.text(key, findings).filter(|text| text != "<secret>") else { return };
    if let Err(reason) = http_url(&text) {
        findings.error(at, format!("`{key}`: {reason}"), "write `https://HOST/PATH`");
    }
}

/// Whether a text is `http://HOST…` or `https://HOST…`, as Go's `url.Parse` and Alertmanager see it.
fn http_url(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|character| character.is_ascii_control()) {
        return Err("a control character in a URL");
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err("a URL must begin with http:// or https://");
    }
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let authority =
        rest.strip_prefix("//").unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() {
        return Err("a URL without a host");
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port of a URL must be a number");
    }
    if name.chars().any(|character| character.is_whitespace() || "<>\"\\^`{|}".contains(character)) {
        return Err("a character in a URL's host that cannot stand there");
    }
    Ok(())
}

/// `host:port`, IPv6 in brackets; the port must not be empty.
fn read_host_port(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Option<HostPort> {
    let at = keys.node(key)?.at;
    let text = keys.text(key, findings).filter(|text| !text.is_empty())?;
    let split = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").filter(|(_, port)| !port.contains(':')),
        None => text.split_once(':').filter(|(host, port)| !port.contains(':') && !host.contains(']')),
    };
    match split {
        Some((host, port)) if !port.is_empty() => {
            Some(HostPort { host: host.to_owned(), port: port.to_owned() })
        }
        _ => {
            let remedy = "write `HOST:PORT`, for instance smtp.exmail.qq.com:465";
            findings.error(at, format!("`{key}`: `{text}` is no host and port"), remedy);
            None
        }
    }
}

/// As Go's `textproto.CanonicalMIMEHeaderKey`: `message-id` becomes `Message-Id`.
fn canonical_header(name: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut begins = true;
    let canonical = name.chars().map(|character| {
        let letter = if begins { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() };
        begins = character == '-';
        letter
    });
    canonical.collect()
}
