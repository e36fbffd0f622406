//! Alertmanager's file: what is inherited, what is shown, what is said of mistakes. Which files are right at all is
//! compared with amtool in `crates/lingshao/tests/verdicts.rs`.

use lingshao_model::{IntegrationKind, TimeSpan};

use super::*;

fn read(text: &str) -> (AlertmanagerConfig, Vec<String>) {
    let mut findings = Diagnostics::new(Path::new("a.yml"));
    let zone = |name: &str| (name == "Asia/Shanghai").then(|| name.to_owned());
    let config = AlertmanagerConfig::read_file(text, Path::new("/etc/a"), &zone, &mut findings);
    (config, findings.finish().iter().map(ToString::to_string).collect())
}

/// A file with every kind of secret.
const WHOLE: &str = include_str!("testdata/whole.yml");

#[test]
fn routes_inherit_and_receivers_take_the_global_defaults() {
    let (config, found) = read(WHOLE);
    let errors: Vec<_> = found.iter().filter(|line| line.contains(": error ")).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let root = &config.routing.root;
    assert_eq!((root.group_wait, root.group_interval), (TimeDelta::from_secs(1), TimeDelta::from_secs(300)));
    let child = &root.routes[0];
    assert_eq!((child.receiver.as_str(), child.group_wait), ("team", TimeDelta::from_secs(1)));
    assert_eq!(child.group_by, GroupBy::Labels(vec!["alertname".to_owned(), "业务".to_owned()]));
    let written: Vec<String> = child.matchers.iter().map(crate::label_matchers::format).collect();
    assert_eq!(written, [r#"a="b""#, r#"c=~"^(?:d|e)$""#, r#""f g"="h""#, r#"i=~"j|k""#]);
    assert!(child.goes_on && child.mute_time_intervals == ["night"]);
    assert_eq!(child.routes[0].group_by, GroupBy::All);
    assert!(child.routes[0].mute_time_intervals.is_empty(), "intervals are not inherited");
    let email = &config.receivers[0].email[0];
    assert_eq!((email.smarthost.to_string(), email.from.as_str()), ("smtp:465".to_owned(), "from@shop"));
    assert_eq!(email.auth_password.as_ref().unwrap().reveal(), "mail-secret");
    assert_eq!(email.headers, [("Subject".to_owned(), "{{ .Status }}".to_owned())]);
    assert_eq!(email.auth_secret_file.as_deref(), Some(Path::new("/etc/a/cram")));
    let webhook = &config.receivers[0].webhook[0];
    assert_eq!(webhook.http_config.basic_auth.as_ref().unwrap().username, "global-user");
    assert_eq!(config.receivers[0].wechat[0].corp_id, "corp");
    assert_eq!(config.receivers[1].sms[0].template_params.as_ref().unwrap()[1].0, "2");
    assert_eq!(config.templates, [Path::new("/etc/a/t/*.tmpl")]);
    let keys: Vec<&str> = config.files.iter().map(|file| file.key).collect();
    assert_eq!(keys, ["smtp_auth_secret_file", "url_file"]);
    let texts: Vec<&str> = config.texts.iter().map(|text| text.key.as_str()).collect();
    assert_eq!(texts, ["headers", "message", "template_params"]);
}

#[test]
fn integrations_are_grouped_by_kind() {
    let (config, _) = read(WHOLE);
    let shapes: Vec<_> = config.routing.receivers[1]
        .integrations
        .iter()
        .map(|one| (one.kind, one.index, one.send_resolved))
        .collect();
    assert_eq!(
        shapes,
        [
            (IntegrationKind::WeCom, 0, true),
            (IntegrationKind::WeCom, 1, false),
            (IntegrationKind::DingTalk, 0, true),
            (IntegrationKind::Feishu, 0, true),
            (IntegrationKind::Sms, 0, false),
        ]
    );
}

#[test]
fn time_intervals_are_read() {
    let (config, _) = read(WHOLE);
    let span = TimeSpan {
        times: vec![(0, 360), (1320, 1440)],
        weekdays: vec![(1, 5), (0, 0)],
        days_of_month: vec![(1, 5), (-3, -1)],
        months: vec![(5, 8), (12, 12)],
        years: vec![(2020, 2030)],
        location: Some("Asia/Shanghai".to_owned()),
    };
    assert_eq!(config.routing.time_intervals[0].spans, [span]);
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let (config, _) = read(WHOLE);
    let (shown, debug) = (config.to_masked_yaml(), format!("{config:?}"));
    let secrets = [
        "mail-secret",
        "hook-key",
        "global-pass",
        "robot-key",
        "ding-secret",
        "feishu-key",
        "feishu-secret",
        "sms-secret",
        "app-secret",
        "slack-key",
    ];
    for secret in secrets {
        assert!(WHOLE.contains(secret), "{secret}");
        assert!(!shown.contains(secret) && !debug.contains(secret), "{secret} in {shown}");
    }
    let (again, found) = read(&shown);
    let errors: Vec<_> = found.iter().filter(|line| line.contains(": error ")).collect();
    assert!(errors.is_empty(), "{errors:?}\n{shown}");
    assert_eq!(again.to_masked_yaml(), shown);
}

#[test]
fn without_a_route_everybody_is_told_and_by_short_message_only_of_what_is_critical() {
    let text = "receivers:\n- name: team\n  wecom_configs: [{url: 'https://h/?key=k'}]\n  sms_configs: [{provider: aliyun, \
        access_key_id: a, access_key_secret: b, sign_name: s, template_id: SMS_1, phone_numbers: ['13800000000']}]\n\
        - name: boss\n  email_configs: [{to: b@h, from: a@h, smarthost: 'h:25'}]\n";
    let node = Node::parse(text).unwrap();
    let mut findings = Diagnostics::new(Path::new("a.yml"));
    let mut keys = Keys::new(&node, "alerting", &mut findings);
    let config = AlertmanagerConfig::read(&mut keys, Path::new(""), &|_| None, &mut findings);
    assert!(!findings.has_errors());
    let told: Vec<(&str, usize, bool)> = config
        .routing
        .root
        .routes
        .iter()
        .map(|route| (route.receiver.as_str(), route.matchers.len(), route.goes_on))
        .collect();
    assert_eq!(told, [("team", 0, true), ("team/sms", 1, true), ("boss", 0, true)]);
    assert_eq!(config.routing.root.routes[1].matchers, [Matcher::equal("severity", "critical")]);
    let names: Vec<&str> = config.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    assert_eq!(names, ["nobody", "team", "team/sms", "boss"]);
    let shapes: Vec<&str> = config.routing.receivers.iter().map(|shape| shape.name.as_str()).collect();
    assert_eq!(shapes, names);
    assert_eq!(AlertmanagerConfig::default().routing.root.receiver, NOBODY);
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(read(text).1.first().map(String::as_str), Some(expected), "{text}");
}

#[test]
fn mistakes_name_place_receiver_and_remedy() {
    check(
        "route: {receiver: taem}\nreceivers: [{name: team}]\n",
        "a.yml:1:19: error the route uses the receiver `taem`, which is not defined\n    did you mean `team`?",
    );
    check(
        "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'https://h/slack-key'}]}]\n",
        "a.yml:2:23: warning receiver a: `a` tells nobody through Slack: `slack_configs` is not spoken here\n    \
         use webhook_configs, email_configs, wecom_configs, dingtalk_configs, feishu_configs or sms_configs",
    );
    check(
        "route: {receiver: a}\nreceivers: [{name: a, wecom_configs: [{ulr: x}]}]\n",
        "a.yml:2:39: error receiver a: one of `url` and `url_file` must be there\n    add `url: https://…`",
    );
    check(
        "route: {receiver: a, routes: [{matchers: ['a=b', 'c']}]}\nreceivers: [{name: a}]\n",
        "a.yml:1:50: error bad matcher format: c\n    write `name=\"value\"`; operators are =, !=, =~ and !~",
    );
    check(
        "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: t, time_intervals: [{weekdays: [mon]}]}]\n",
        "a.yml:3:57: error time interval t: `weekdays`: `mon` is no weekday",
    );
    check("receivers: []\n", "a.yml:1:1: error no `route`\n    add `route: {receiver: NAME}`");
}

#[test]
fn a_wrong_url_is_reported_without_its_key() {
    let text =
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'htp://h/?key=hook-key'}]}]\n";
    let (_, found) = read(text);
    assert_eq!(
        found,
        [
            "a.yml:2:47: error receiver a: `url`: a URL must begin with http:// or https://\n    write `https://HOST/PATH`"
        ]
    );
}
