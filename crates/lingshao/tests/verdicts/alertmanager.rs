//! Alertmanager files, right and wrong.

use super::Verdict::{self, Bad, Good, GoodSince};

pub(super) fn cases() -> Vec<(Verdict, &'static str)> {
    let mut cases = Vec::new();
    cases.extend_from_slice(FILES);
    cases.extend_from_slice(ROUTES);
    cases.extend_from_slice(MATCHERS);
    cases.extend_from_slice(INHIBITION);
    cases.extend_from_slice(TIMES);
    cases.extend_from_slice(RECEIVERS);
    cases.extend_from_slice(OURS);
    cases
}

const FILES: &[(Verdict, &str)] = &[
    (Good, "route: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Good, "global:\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Good, "global: {resolve_timeout: 1m}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Good, "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['/nowhere/*.tmpl']\n"),
    (Good, "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['/nowhere/x.tmpl']\n"),
    (Good, "route: {receiver: a}\nreceivers: [{name: a}]\n---\nfoo: 1\n"),
    (Bad, "receivers: [{name: a}]\n"),
    (Bad, "route:\nreceivers: [{name: a}]\n"),
    (Bad, "route: {receiver: a}\n"),
    (Bad, "route: {receiver: a}\nreceivers: [{name: a}]\nfoo: 1\n"),
    (Bad, "global: {foo: 1}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Bad, "global: {resolve_timeout: 1}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Bad, "global: {slack_api_url: foo}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (
        Bad,
        "global: {slack_api_url: 'http://a', slack_api_url_file: b}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    ),
    (Bad, "global: {smtp_smarthost: 'a:'}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
    (Bad, "route: {receiver: a}\nroute: {receiver: a}\nreceivers: [{name: a}]\n"),
];

macro_rules! route {
    ($text:literal) => {
        concat!("receivers: [{name: a}, {name: b}]\nroute:\n  receiver: a\n", $text)
    };
}

const ROUTES: &[(Verdict, &str)] = &[
    (
        Good,
        route!(
            "  group_by: [alertname, job]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\n"
        ),
    ),
    (Good, route!("  group_by: ['...']\n")),
    (Good, route!("  group_by: []\n")),
    (Good, route!("  continue: false\n")),
    (Good, route!("  routes: [{receiver: b, continue: true, match: {x: y}}, {routes: [{receiver: a}]}]\n")),
    (Good, route!("  routes: [{match_re: {x: '(a|b).*'}}]\n")),
    (Good, route!("  routes: [{match: {x: 1, y: true}}]\n")),
    (Good, route!("  matchers: []\n")),
    (Bad, "receivers: [{name: a}]\nroute: {group_by: [a]}\n"),
    (Bad, "receivers: [{name: a}]\nroute: {receiver: b}\n"),
    (Bad, route!("  continue: true\n")),
    (Bad, route!("  match: {a: b}\n")),
    (Bad, route!("  match_re: {a: b}\n")),
    (Bad, route!("  matchers: ['a=b']\n")),
    (Bad, route!("  group_by: [a, a]\n")),
    (Bad, route!("  group_by: ['...', a]\n")),
    (Bad, route!("  group_by: ['']\n")),
    (Bad, route!("  group_by: a\n")),
    (Bad, route!("  group_interval: 0s\n")),
    (Bad, route!("  repeat_interval: 0s\n")),
    (Bad, route!("  group_wait: soon\n")),
    (Bad, route!("  routes: [{receiver: c}]\n")),
    (Bad, route!("  routes: [{routes: [{receiver: c}]}]\n")),
    (Bad, route!("  routes: [{match: {a-b: c}}]\n")),
    (Bad, route!("  routes: [{match_re: {a: '('}}]\n")),
    (Bad, route!("  routes: [{match_re: {a: }}]\n")),
];

macro_rules! matchers {
    ($text:literal) => {
        concat!(
            "receivers: [{name: a}]\nroute:\n  receiver: a\n  routes:\n  - matchers:\n    - ",
            $text,
            "\n"
        )
    };
}

const MATCHERS: &[(Verdict, &str)] = &[
    (Good, matchers!("a=b")),
    (Good, matchers!("a = \"b\"")),
    (Good, matchers!("a=~\"b|c\"")),
    (Good, matchers!("a!=b")),
    (Good, matchers!("a!~b.*")),
    (Good, matchers!("'{a=\"b\", c=~\"d\"}'")),
    (Good, matchers!("a=b,c=d,")),
    (Good, matchers!("''")),
    (Good, matchers!("'{}'")),
    (Good, matchers!("'{a=b'")),
    (Good, matchers!("'a=b}'")),
    (Good, matchers!("'a=\"b,c\"'")),
    (Good, matchers!("'a=\"\\\"\"'")),
    (Good, matchers!("a=中文")),
    (Good, matchers!("a=")),
    (Good, matchers!("'a==b'")),
    (Good, matchers!("'a:b=c'")),
    (Bad, matchers!("a")),
    (Bad, matchers!("1a=b=c")),
    (Bad, matchers!("'a=\"b'")),
    (Bad, matchers!("'a=b\"c'")),
    (Bad, matchers!("'a=~\"(\"'")),
    (Bad, matchers!("a=b,,c=d")),
    (Bad, matchers!("'=b'")),
    (Bad, matchers!("[a=b]")),
    // The grammar of 0.27.
    (GoodSince, matchers!("'\"a b\"=c'")),
    (GoodSince, matchers!("中文=c")),
    (GoodSince, matchers!("'{\"a\"=\"b\"}'")),
    (GoodSince, matchers!("a-b=c")),
    (GoodSince, "receivers: [{name: a}]\nroute: {receiver: a, group_by: [业务]}\n"),
];

macro_rules! inhibit {
    ($text:literal) => {
        concat!("receivers: [{name: a}]\nroute: {receiver: a}\ninhibit_rules:\n- ", $text, "\n")
    };
}

const INHIBITION: &[(Verdict, &str)] = &[
    (Good, inhibit!("{source_match: {s: a}, target_match: {s: b}, equal: [x]}")),
    (Good, inhibit!("{source_matchers: [s=a], target_matchers: [s=b], equal: [x, x]}")),
    (Good, inhibit!("{source_match_re: {s: 'a.*'}, target_match_re: {s: b}}")),
    (Good, inhibit!("{}")),
    (Bad, inhibit!("{source_match: {s-t: a}}")),
    (Bad, inhibit!("{target_match_re: {s: '('}}")),
    (Bad, inhibit!("{target_match_re: {s: }}")),
    (Bad, inhibit!("{source_matchers: [s]}")),
    (Bad, inhibit!("{equal: x}")),
    (Bad, inhibit!("{equal: ['']}")),
    (Bad, inhibit!("{source: a}")),
    (GoodSince, inhibit!("{name: n, source_matchers: [s=a], target_matchers: [s=b]}")), // 0.29
    (GoodSince, inhibit!("{source_matchers: [s=a], target_matchers: [s=b], equal: [业务]}")), // 0.27
];

macro_rules! time {
    ($text:literal) => {
        concat!(
            "receivers: [{name: a}]\nroute: {receiver: a, routes: [{mute_time_intervals: [t]}]}\n",
            "time_intervals:\n- name: t\n  time_intervals:\n  - ",
            $text,
            "\n"
        )
    };
}

const TIMES: &[(Verdict, &str)] = &[
    (Good, time!("{}")),
    (Good, time!("{times: [{start_time: '00:00', end_time: '24:00'}]}")),
    (Good, time!("{times: [{start_time: 09:00, end_time: 17:30}]}")),
    (Bad, time!("{weekdays: [monday, 'Saturday:sunday']}")),
    (Good, time!("{weekdays: ['monday:friday', Sunday]}")),
    (Good, time!("{days_of_month: ['1:5', '-3:-1', '31', '1:-1']}")),
    (Good, time!("{days_of_month: [1]}")),
    (Good, time!("{months: ['1:3', 'may:August', december, '12']}")),
    (Good, time!("{months: ['0:20']}")),
    (Good, time!("{years: ['2020:2022', 2030]}")),
    (Good, time!("{years: ['-5']}")),
    (Good, time!("{location: Asia/Shanghai}")),
    (Good, time!("{location: UTC}")),
    (Good, time!("{location: ''}")),
    (Good, time!("{location: Local}")),
    (Bad, time!("{location: Mars/Olympus}")),
    (Bad, time!("{times: [{start_time: '17:00', end_time: '09:00'}]}")),
    (Bad, time!("{times: [{start_time: '09:00', end_time: '09:00'}]}")),
    (Bad, time!("{times: [{start_time: '9:00', end_time: '10:00'}]}")),
    (Bad, time!("{times: [{start_time: '09:00', end_time: '24:01'}]}")),
    (Bad, time!("{times: [{start_time: '09:60', end_time: '10:00'}]}")),
    (Bad, time!("{times: [{start_time: '09:00'}]}")),
    (Bad, time!("{times: [{end_time: '09:00'}]}")),
    (Bad, time!("{times: [{start_time: '09:00', end_time: '10:00', x: 1}]}")),
    (Bad, time!("{times: ['09:00']}")),
    (Bad, time!("{weekdays: [mon]}")),
    (Bad, time!("{weekdays: ['friday:monday']}")),
    (Bad, time!("{weekdays: ['1:3']}")),
    (Bad, time!("{weekdays: ['monday:tuesday:friday']}")),
    (Bad, time!("{weekdays: monday}")),
    (Bad, time!("{days_of_month: ['0']}")),
    (Bad, time!("{days_of_month: ['32']}")),
    (Bad, time!("{days_of_month: ['-32']}")),
    (Bad, time!("{days_of_month: ['5:1']}")),
    (Bad, time!("{days_of_month: ['-1:5']}")),
    (Bad, time!("{days_of_month: ['-1:-5']}")),
    (Bad, time!("{days_of_month: ['30:-2']}")),
    (Bad, time!("{days_of_month: [x]}")),
    (Bad, time!("{months: [foo]}")),
    (Bad, time!("{months: ['5:1']}")),
    (Bad, time!("{years: ['2022:2020']}")),
    (Bad, time!("{years: [x]}")),
    (Bad, time!("{seasons: [spring]}")),
    (
        Good,
        "receivers: [{name: a}]\nroute: {receiver: a, routes: [{active_time_intervals: [t]}]}\nmute_time_intervals: [{name: t, time_intervals: []}]\n",
    ),
    (Bad, "receivers: [{name: a}]\nroute: {receiver: a}\ntime_intervals: [{name: t}, {name: t}]\n"),
    (
        Bad,
        "receivers: [{name: a}]\nroute: {receiver: a}\ntime_intervals: [{name: t}]\nmute_time_intervals: [{name: t}]\n",
    ),
    (Bad, "receivers: [{name: a}]\nroute: {receiver: a}\ntime_intervals: [{time_intervals: []}]\n"),
    (Bad, "receivers: [{name: a}]\nroute: {receiver: a, routes: [{mute_time_intervals: [t]}]}\n"),
    (
        Bad,
        "receivers: [{name: a}]\nroute: {receiver: a, mute_time_intervals: [t]}\ntime_intervals: [{name: t}]\n",
    ),
    (
        Bad,
        "receivers: [{name: a}]\nroute: {receiver: a, active_time_intervals: [t]}\ntime_intervals: [{name: t}]\n",
    ),
];

macro_rules! receiver {
    ($text:literal) => {
        concat!("route: {receiver: a}\nreceivers:\n- name: a\n  ", $text, "\n")
    };
    ($global:literal, $text:literal) => {
        concat!("global: ", $global, "\nroute: {receiver: a}\nreceivers:\n- name: a\n  ", $text, "\n")
    };
}

const RECEIVERS: &[(Verdict, &str)] = &[
    (Good, receiver!("webhook_configs: [{url: 'http://h'}]")),
    (
        Good,
        receiver!("webhook_configs: [{url: 'https://u:p@h:80/x?y=z', max_alerts: 5, send_resolved: false}]"),
    ),
    (Good, receiver!("webhook_configs: [{url: 'http://[::1]:80/'}]")),
    (Good, receiver!("webhook_configs:")),
    (
        Good,
        receiver!(
            "webhook_configs: [{url: 'http://h', http_config: {basic_auth: {username: a, password: b}}}]"
        ),
    ),
    (Good, receiver!("webhook_configs: [{url: 'HTTP://h'}]")),
    (Bad, receiver!("webhook_configs: [{}]")),
    (Bad, receiver!("webhook_configs: [{url: h}]")),
    (Bad, receiver!("webhook_configs: [{url: 'ftp://h'}]")),
    (Bad, receiver!("webhook_configs: [{url: 'http://'}]")),
    (Bad, receiver!("webhook_configs: [{url: 'http://h:x'}]")),
    (Bad, receiver!("webhook_configs: [{url: 'http://h', max_alerts: -1}]")),
    (Bad, receiver!("webhook_configs: [{url: 'http://h', foo: 1}]")),
    (Bad, receiver!("webhook_configs: {url: 'http://h'}")),
    (
        Bad,
        receiver!(
            "webhook_configs: [{url: 'http://h', http_config: {bearer_token: a, basic_auth: {username: a}}}]"
        ),
    ),
    (
        Bad,
        receiver!(
            "webhook_configs: [{url: 'http://h', http_config: {basic_auth: {password: a, password_file: b}}}]"
        ),
    ),
    (Bad, receiver!("webhook_configs: [{url: 'http://h', http_config: {foo: 1}}]")),
    (Bad, receiver!("webhook_configs: [{url: 'http://h', send_resolved: maybe}]")),
    (Bad, "route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n"),
    (Bad, "route: {receiver: a}\nreceivers: [{name: a}, {}]\n"),
    (Bad, receiver!("foo_configs: []")),
    (Good, receiver!("{smtp_smarthost: 'h:25', smtp_from: f}", "email_configs: [{to: t}]")),
    (
        Good,
        receiver!(
            "email_configs: [{to: t, smarthost: 'h:25', from: f, require_tls: false, html: '', text: x}]"
        ),
    ),
    (
        Good,
        receiver!("email_configs: [{to: t, smarthost: '[::1]:25', from: f, headers: {subject: a, to: b}}]"),
    ),
    (
        Good,
        receiver!(
            "email_configs: [{to: t, smarthost: ':smtp', from: f, auth_username: u, auth_password: p}]"
        ),
    ),
    (
        Good,
        receiver!(
            "{smtp_smarthost: 'h:25', smtp_from: f, smtp_auth_password: p}",
            "email_configs: [{to: t, auth_password: q}]"
        ),
    ),
    (Bad, receiver!("email_configs: [{to: t, from: f}]")),
    (Bad, receiver!("email_configs: [{to: t, smarthost: 'h:25'}]")),
    (Bad, receiver!("email_configs: [{smarthost: 'h:25', from: f}]")),
    (Bad, receiver!("email_configs: [{to: t, smarthost: h, from: f}]")),
    (
        Bad,
        receiver!("email_configs: [{to: t, smarthost: 'h:25', from: f, headers: {subject: a, Subject: b}}]"),
    ),
    (Bad, receiver!("email_configs: [{to: t, smarthost: '::1:25', from: f}]")),
    (Bad, receiver!("{smtp_auth_password: a, smtp_auth_password_file: b}", "email_configs: []")),
    (Good, receiver!("wechat_configs: [{api_secret: s, corp_id: c}]")),
    (
        Good,
        receiver!(
            "{wechat_api_secret: s, wechat_api_corp_id: c}",
            "wechat_configs: [{message_type: markdown, to_user: '@all'}]"
        ),
    ),
    (Bad, receiver!("wechat_configs: [{corp_id: c}]")),
    (Bad, receiver!("wechat_configs: [{api_secret: s}]")),
    (Bad, receiver!("wechat_configs: [{api_secret: s, corp_id: c, message_type: news}]")),
    (Bad, receiver!("wechat_configs: [{api_secret: s, corp_id: c, api_url: x}]")),
    (Good, receiver!("slack_configs: [{api_url: 'http://h', channel: '#a'}]")),
    (Good, receiver!("{slack_api_url: 'http://h'}", "slack_configs: [{channel: '#a'}]")),
    (Bad, receiver!("slack_configs: [{channel: '#a'}]")),
    (Bad, receiver!("slack_configs: [{api_url: 'http://h', chanel: a}]")),
    (Bad, receiver!("slack_configs: [{api_url: 'http://h', api_url_file: f}]")),
    (Good, receiver!("pagerduty_configs: [{routing_key: a}]")),
    (Bad, receiver!("pagerduty_configs: [{}]")),
    (Bad, receiver!("pagerduty_configs: [{routing_key: a, routing_key_file: b}]")),
    (Good, receiver!("opsgenie_configs: [{api_key: a, responders: [{name: x, type: team}]}]")),
    (Bad, receiver!("opsgenie_configs: [{api_key: a, responders: [{type: team}]}]")),
    (Bad, receiver!("opsgenie_configs: [{api_key: a, responders: [{name: x, type: robot}]}]")),
    (Good, receiver!("telegram_configs: [{bot_token: a, chat_id: -5}]")),
    (Bad, receiver!("telegram_configs: [{bot_token: a}]")),
    (Bad, receiver!("telegram_configs: [{bot_token: a, chat_id: 0}]")),
    (Good, receiver!("discord_configs: [{webhook_url: 'http://h'}]")),
    (Bad, receiver!("discord_configs: [{}]")),
    (Good, receiver!("webex_configs: [{room_id: a, http_config: {authorization: {credentials: x}}}]")),
    (Bad, receiver!("webex_configs: [{room_id: a}]")),
    (Good, receiver!("pushover_configs: [{user_key: a, token: b}]")),
    (Bad, receiver!("pushover_configs: [{user_key: a}]")),
    (Good, receiver!("victorops_configs: [{api_key: a, routing_key: b}]")),
    (Bad, receiver!("victorops_configs: [{api_key: a}]")),
    (Good, receiver!("sns_configs: [{topic_arn: a, sigv4: {region: x}}]")),
];

/// Ours, and what came after 0.25.
const OURS: &[(Verdict, &str)] = &[
    (GoodSince, receiver!("wecom_configs: [{url: 'https://h/?key=k', mentioned_mobile_list: ['@all']}]")),
    (GoodSince, receiver!("dingtalk_configs: [{url: 'https://h/?access_token=k', secret: SEC}]")),
    (GoodSince, receiver!("feishu_configs: [{url: 'https://h/hook/k', secret: s, message_type: text}]")),
    (
        GoodSince,
        receiver!(
            "sms_configs: [{provider: aliyun, access_key_id: a, access_key_secret: b, sign_name: s, template_id: SMS_1, phone_numbers: ['13800000000']}]"
        ),
    ),
    (
        GoodSince,
        receiver!(
            "sms_configs: [{provider: tencent, sdk_app_id: 1, access_key_id: a, access_key_secret: b, sign_name: s, template_id: 1, template_params: [a, b], phone_numbers: ['+8613800000000']}]"
        ),
    ),
    (Bad, receiver!("wecom_configs: [{}]")),
    (Bad, receiver!("wecom_configs: [{url: 'https://h', url_file: f}]")),
    (Bad, receiver!("wecom_configs: [{url: h}]")),
    (Bad, receiver!("dingtalk_configs: [{url: 'https://h', secret: a, secret_file: b}]")),
    (Bad, receiver!("feishu_configs: [{url: 'https://h', message_type: post}]")),
    (Bad, receiver!("sms_configs: [{provider: huawei}]")),
    (
        Bad,
        receiver!(
            "sms_configs: [{provider: aliyun, access_key_id: a, sign_name: s, template_id: SMS_1, phone_numbers: ['13800000000']}]"
        ),
    ),
    (
        Bad,
        receiver!(
            "sms_configs: [{provider: aliyun, access_key_id: a, access_key_secret: b, sign_name: s, template_id: SMS_1, phone_numbers: [li]}]"
        ),
    ),
    (GoodSince, receiver!("webhook_configs: [{url: 'http://h', timeout: 5s}]")), // 0.28
    (GoodSince, receiver!("msteams_configs: [{webhook_url: 'http://h'}]")),      // 0.26
    (GoodSince, receiver!("telegram_configs: [{bot_token_file: a, chat_id: 1}]")), // 0.26
    (GoodSince, receiver!("{telegram_bot_token: a}", "telegram_configs: [{chat_id: 1}]")), // 0.31
    (
        GoodSince,
        receiver!(
            "{smtp_smarthost: 'h:25', smtp_from: f, smtp_force_implicit_tls: true}",
            "email_configs: [{to: t}]"
        ),
    ),
    (
        GoodSince,
        receiver!(
            "{smtp_smarthost: 'h:25', smtp_from: f}",
            "email_configs: [{to: t, threading: {enabled: true, thread_by_date: daily}}]"
        ),
    ),
    (GoodSince, receiver!("webhook_configs: [{url: <secret>}]")), // what `config.original` shows, since 0.26
];
