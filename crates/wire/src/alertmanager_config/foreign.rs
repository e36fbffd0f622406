//! Receivers of Alertmanager 0.34 that we do not speak. They are judged as Alertmanager judges them, as far as their
//! own keys go, and then nobody is told through them: a warning says so.

use crate::prometheus_config::Reader;
use crate::prometheus_config::http::{HttpClientConfig, exclude};
use crate::yaml::{Keys, Node, Value};

use super::read::check_url;

/// A kind of receiver.
pub(super) struct Kind {
    /// Without `_configs`.
    name: &'static str,
    /// As people call it.
    title: &'static str,
    /// Every key besides `send_resolved` and `http_config`.
    keys: &'static [&'static str],
    /// Those that must be `http://…` or `https://…`.
    urls: &'static [&'static str],
    /// Of each list one must be there, here or in `global`.
    needs: &'static [&'static [&'static str]],
    /// Of each pair at most one.
    excludes: &'static [(&'static str, &'static str)],
}

/// All of them.
pub(super) const KINDS: [Kind; 15] = [
    Kind {
        name: "discord",
        title: "Discord",
        keys: &["webhook_url", "webhook_url_file", "title", "message", "content", "username", "avatar_url"],
        urls: &["webhook_url"],
        needs: &[&["webhook_url", "webhook_url_file"]],
        excludes: &[("webhook_url", "webhook_url_file")],
    },
    Kind {
        name: "incidentio",
        title: "incident.io",
        keys: &[
            "url",
            "url_file",
            "alert_source_token",
            "alert_source_token_file",
            "max_alerts",
            "timeout",
            "metadata",
        ],
        urls: &["url"],
        needs: &[&["url", "url_file"]],
        excludes: &[("url", "url_file"), ("alert_source_token", "alert_source_token_file")],
    },
    Kind {
        name: "jira",
        title: "Jira",
        keys: &[
            "api_url",
            "api_type",
            "project",
            "summary",
            "description",
            "labels",
            "priority",
            "issue_type",
            "reopen_transition",
            "resolve_transition",
            "wont_fix_resolution",
            "reopen_duration",
            "fields",
            "custom_fields",
        ],
        urls: &["api_url"],
        needs: &[&["project"], &["issue_type"], &["api_url", "global:jira_api_url"]],
        excludes: &[],
    },
    Kind {
        name: "mattermost",
        title: "Mattermost",
        keys: &[
            "webhook_url",
            "webhook_url_file",
            "channel",
            "username",
            "icon_url",
            "icon_emoji",
            "text",
            "fallback",
            "color",
            "pretext",
            "author_name",
            "author_link",
            "author_icon",
            "title",
            "title_link",
            "fields",
            "thumb_url",
            "image_url",
            "footer",
            "footer_icon",
            "attachments",
            "props",
            "type",
            "priority",
        ],
        urls: &["webhook_url"],
        needs: &[&[
            "webhook_url",
            "webhook_url_file",
            "global:mattermost_webhook_url",
            "global:mattermost_webhook_url_file",
        ]],
        excludes: &[("webhook_url", "webhook_url_file")],
    },
    Kind {
        name: "msteams",
        title: "Microsoft Teams",
        keys: &["webhook_url", "webhook_url_file", "title", "summary", "text"],
        urls: &["webhook_url"],
        needs: &[&["webhook_url", "webhook_url_file"]],
        excludes: &[("webhook_url", "webhook_url_file")],
    },
    Kind {
        name: "msteamsv2",
        title: "Microsoft Teams",
        keys: &["webhook_url", "webhook_url_file", "title", "text"],
        urls: &["webhook_url"],
        needs: &[&["webhook_url", "webhook_url_file"]],
        excludes: &[("webhook_url", "webhook_url_file")],
    },
    Kind {
        name: "opsgenie",
        title: "Opsgenie",
        keys: &[
            "api_key",
            "api_key_file",
            "api_url",
            "message",
            "description",
            "source",
            "details",
            "entity",
            "responders",
            "actions",
            "tags",
            "note",
            "priority",
            "update_alerts",
        ],
        urls: &["api_url"],
        needs: &[&["api_key", "api_key_file", "global:opsgenie_api_key", "global:opsgenie_api_key_file"]],
        excludes: &[("api_key", "api_key_file")],
    },
    Kind {
        name: "pagerduty",
        title: "PagerDuty",
        keys: &[
            "service_key",
            "service_key_file",
            "routing_key",
            "routing_key_file",
            "url",
            "client",
            "client_url",
            "description",
            "details",
            "images",
            "links",
            "source",
            "severity",
            "class",
            "component",
            "group",
            "timeout",
        ],
        urls: &["url"],
        needs: &[&["service_key", "service_key_file", "routing_key", "routing_key_file"]],
        excludes: &[("routing_key", "routing_key_file"), ("service_key", "service_key_file")],
    },
    Kind {
        name: "pushover",
        title: "Pushover",
        keys: &[
            "user_key",
            "user_key_file",
            "token",
            "token_file",
            "title",
            "message",
            "url",
            "url_title",
            "device",
            "sound",
            "priority",
            "retry",
            "expire",
            "ttl",
            "html",
            "monospace",
        ],
        urls: &[],
        needs: &[&["user_key", "user_key_file"], &["token", "token_file"]],
        excludes: &[("user_key", "user_key_file"), ("token", "token_file")],
    },
    Kind {
        name: "rocketchat",
        title: "Rocket.Chat",
        keys: &[
            "api_url",
            "channel",
            "token",
            "token_file",
            "token_id",
            "token_id_file",
            "color",
            "title",
            "title_link",
            "text",
            "emoji",
            "icon_url",
            "short_fields",
            "fields",
            "image_url",
            "thumb_url",
            "link_names",
            "actions",
        ],
        urls: &["api_url"],
        needs: &[
            &["token", "token_file", "global:rocketchat_token", "global:rocketchat_token_file"],
            &["token_id", "token_id_file", "global:rocketchat_token_id", "global:rocketchat_token_id_file"],
        ],
        excludes: &[("token", "token_file"), ("token_id", "token_id_file")],
    },
    Kind {
        name: "slack",
        title: "Slack",
        keys: &[
            "api_url",
            "api_url_file",
            "app_token",
            "app_token_file",
            "app_url",
            "channel",
            "username",
            "color",
            "title",
            "title_link",
            "pretext",
            "text",
            "message_text",
            "fields",
            "short_fields",
            "footer",
            "fallback",
            "callback_id",
            "icon_emoji",
            "icon_url",
            "image_url",
            "thumb_url",
            "link_names",
            "mrkdwn_in",
            "actions",
            "timeout",
            "update_message",
            "edit_messages",
        ],
        urls: &["api_url", "app_url"],
        needs: &[&[
            "api_url",
            "api_url_file",
            "app_token",
            "app_token_file",
            "global:slack_api_url",
            "global:slack_api_url_file",
            "global:slack_app_token",
            "global:slack_app_token_file",
        ]],
        excludes: &[("api_url", "api_url_file"), ("app_token", "app_token_file")],
    },
    Kind {
        name: "sns",
        title: "Amazon SNS",
        keys: &[
            "api_url",
            "sigv4",
            "topic_arn",
            "phone_number",
            "target_arn",
            "subject",
            "message",
            "attributes",
        ],
        urls: &[],
        needs: &[&["topic_arn", "phone_number", "target_arn"]],
        excludes: &[
            ("topic_arn", "phone_number"),
            ("topic_arn", "target_arn"),
            ("phone_number", "target_arn"),
        ],
    },
    Kind {
        name: "telegram",
        title: "Telegram",
        keys: &[
            "api_url",
            "bot_token",
            "bot_token_file",
            "chat_id",
            "chat_id_file",
            "message_thread_id",
            "message",
            "disable_notifications",
            "parse_mode",
        ],
        urls: &["api_url"],
        needs: &[
            &["bot_token", "bot_token_file", "global:telegram_bot_token", "global:telegram_bot_token_file"],
            &["chat_id", "chat_id_file"],
        ],
        excludes: &[("bot_token", "bot_token_file"), ("chat_id", "chat_id_file")],
    },
    Kind {
        name: "victorops",
        title: "VictorOps",
        keys: &[
            "api_key",
            "api_key_file",
            "api_url",
            "routing_key",
            "message_type",
            "state_message",
            "entity_display_name",
            "monitoring_tool",
            "custom_fields",
        ],
        urls: &["api_url"],
        needs: &[
            &["routing_key"],
            &["api_key", "api_key_file", "global:victorops_api_key", "global:victorops_api_key_file"],
        ],
        excludes: &[("api_key", "api_key_file")],
    },
    Kind {
        name: "webex",
        title: "Webex",
        keys: &["api_url", "message", "room_id"],
        urls: &["api_url"],
        needs: &[&["room_id"]],
        excludes: &[],
    },
];

/// Judges the entries of one kind and says that nobody is told through them.
pub(super) fn read(
    kind: &Kind,
    receiver: &mut Keys<'_>,
    receiver_name: &str,
    global: Option<&Node>,
    reader: &mut Reader<'_>,
) {
    let list = format!("{}_configs", kind.name);
    let at = receiver.key_at(&list);
    let nodes = receiver.list(&list, reader.findings);
    nodes.iter().for_each(|node| check(kind, &list, node, global, reader));
    if !nodes.is_empty() {
        let message =
            format!("`{receiver_name}` tells nobody through {}: `{list}` is not spoken here", kind.title);
        let remedy = "use webhook_configs, email_configs, wecom_configs, dingtalk_configs, feishu_configs or sms_configs";
        reader.findings.warning(at, message, remedy);
    }
}

fn check(kind: &Kind, list: &str, node: &Node, global: Option<&Node>, reader: &mut Reader<'_>) {
    let mut keys = Keys::new(node, list, reader.findings);
    keys.boolean("send_resolved", reader.findings);
    let http = keys.node("http_config").map(|node| {
        let mut http = Keys::new(node, "http_config", reader.findings);
        let config = HttpClientConfig::read(&mut http, reader);
        http.finish(reader.findings);
        config
    });
    for key in kind.keys {
        keys.node(key);
    }
    for key in kind.urls {
        if keys.node(key).is_some() {
            check_url(&mut keys, key, reader.findings);
        }
    }
    for needed in kind.needs {
        let is_there = |key: &&str| match key.strip_prefix("global:") {
            Some(key) => global.and_then(|global| global.get(key)).is_some_and(is_filled),
            None => node.get(key).is_some_and(is_filled),
        };
        if !needed.iter().any(is_there) {
            let names: Vec<String> =
                needed.iter().map(|key| format!("`{}`", key.replace("global:", "global."))).collect();
            reader.findings.error(node.at, format!("`{list}` lacks {}", names.join(" or ")), "");
        }
    }
    for (one, other) in kind.excludes {
        exclude(&keys, one, other, reader);
    }
    if kind.name == "webex" && http.is_none_or(|http| http.authorization.is_none()) {
        reader.findings.error(node.at, "`webex_configs` lacks `http_config.authorization`", "");
    }
    if kind.name == "opsgenie" {
        check_responders(&mut keys, reader);
    }
    keys.finish(reader.findings);
}

fn is_filled(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Scalar { text, .. } => !text.is_empty() && text != "0",
        Value::List(_) | Value::Map(_) => true,
    }
}

/// Who is called, as Opsgenie names it; a type with a template is decided later.
fn check_responders(keys: &mut Keys<'_>, reader: &mut Reader<'_>) {
    for node in keys.list("responders", reader.findings) {
        let mut responder = Keys::new(node, "responders", reader.findings);
        let known: Vec<bool> = ["id", "name", "username"]
            .iter()
            .map(|key| responder.text(key, reader.findings).is_some_and(|text| !text.is_empty()))
            .collect();
        if !known.contains(&true) {
            reader.findings.error(node.at, "a responder needs an `id`, `name` or `username`", "");
        }
        let kind = responder.text("type", reader.findings).unwrap_or_default().to_ascii_lowercase();
        let kinds = ["team", "teams", "user", "escalation", "schedule"];
        if !kind.contains("{{") && !kinds.contains(&kind.as_str()) {
            reader.findings.error(
                node.at,
                "unknown `type` of a responder",
                format!("write one of: {}", kinds.join(", ")),
            );
        }
        responder.finish(reader.findings);
    }
}
