//! The same templates through Debian's promtool and amtool, where they are installed (`scripts/setup.sh`).
#![allow(clippy::unwrap_used)]

#[path = "template/world.rs"]
mod world;

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::process::{Command, Output};

use world::{delivery, run};

/// What the tool said; nothing when it is not installed.
fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("lingshao-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// In double quotes, as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{feff}' => {
                write!(out, "\\u{:04x}", u32::from(character)).unwrap();
            }
            plain => out.push(plain),
        }
    }
    out + "\""
}

const VALUES: [&str; 18] = [
    "$value",
    "$labels.instance",
    "$labels.shop",
    "$labels.none",
    "$externalLabels.region",
    "1",
    "-2.5",
    "1e6",
    "1234567.0",
    "0.00012",
    "\"灵鲜 <b>\"",
    "\"1700000000.5\"",
    "\"db-1.shop.cn:80\"",
    "true",
    "$labels",
    "\"\"",
    "899.99",
    "1e21",
];

/// Every function of both of Prometheus' generations, and printf's verbs, over every value.
fn rule_texts() -> Vec<String> {
    let mut texts = Vec::new();
    for value in VALUES {
        for function in [
            "humanize",
            "humanize1024",
            "humanizeDuration",
            "humanizePercentage",
            "humanizeTimestamp",
            "title",
            "toUpper",
            "toLower",
            "stripPort",
            "stripDomain",
            "graphLink",
            "tableLink",
            "safeHtml",
            "len",
            "html",
            "js",
            "urlquery",
            "print",
            "println",
            "not",
            "match \"[a-d]+\"",
            "reReplaceAll \"([a-z]+)-(.)\" \"$2_${1}\"",
            "parseDuration",
            "toTime",
            "printf \"%v|%T\" 1",
            "eq 1",
            "lt 1",
            "slice",
            "index",
        ] {
            texts.push(format!("{{{{ {value} | {function} }}}}"));
        }
        for verb in [
            "%v", "%s", "%d", "%q", "%5d|", "%-8s|", "%05.1f", "%.2f", "%e", "%g", "%t", "%T", "%6.2f%%",
            "%!", "%",
        ] {
            texts.push(format!("{{{{ printf {verb:?} {value} }}}}"));
        }
    }
    let others = [
        "{{ (1700000000.25 | toTime).Format \"2006-01-02T15:04:05.000Z07:00 Mon Jan _2 3:04PM MST\" }}",
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
        "{{ range $i, $x := query \"vector(7)\" }}{{ $i }}:{{ $x.Value }}{{ end }}",
        "{{ with query \"vector(1) > 2\" }}some{{ else }}none{{ end }}",
        "{{ query \"vector(1) > 2\" | first }}",
        "{{ query \"up{\" }}",
        "{{ define \"t\" }}<{{ .arg0 }}/{{ .arg1 }}>{{ end }}{{ template \"t\" (args 1 $labels.shop) }}",
        "{{ if and $labels.instance (gt $value 1.0) }}a{{ else if true }}b{{ end }}",
        "{{ .Nope }}",
        "{{ $labels.a.b }}",
        "{{ .ExternalURL }} {{ $externalURL }}",
        "a {{- /* c */ -}} b",
        "{{ range $i, $x := (args 1 2 3) }}{{ if eq $x 2 }}{{ continue }}{{ end }}{{ $x }}{{ break }}{{ end }}",
    ];
    texts.extend(others.map(str::to_owned));
    texts
}

/// What we make of a text over the data that promtool is given.
fn expanded(text: &str) -> String {
    use lingshao_alerting::template::{Context, RuleData, RuleTemplate};
    let labels = world::labels(&[("__name__", "x"), ("instance", "db-1:9100"), ("shop", "灵鲜 & \"co\"")]);
    let external_labels = world::labels(&[("region", "cn-east")]);
    let mut query = |expression: &str, _| match expression {
        "vector(7)" => Ok(vec![(world::labels(&[]), 7.0)]),
        "vector(1) > 2" => Ok(Vec::new()),
        _ => Err("parse error".to_owned()),
    };
    let mut context = Context { now: lingshao_model::Timestamp(0), time_zone: None, query: Some(&mut query) };
    let external_url = "http://h:9090/p";
    let (labels, external_labels) = (&labels, &external_labels);
    let data = RuleData { labels, value: 1_234_567.891, external_labels, external_url };
    let template = RuleTemplate::parse("__alert_A", text).unwrap();
    template
        .expand(&data, &mut context)
        .unwrap_or_else(|error| format!("<error expanding template: {}>", older(&error.message)))
}

/// As Go 1.19 said it, with which Debian's tools are built: newer ones add the types.
fn older(message: &str) -> &str {
    const WORDS: &str = "incompatible types for comparison";
    message.find(WORDS).map_or(message, |at| &message[..at + WORDS.len()])
}

#[test]
fn annotations_are_those_of_promtool() {
    let texts: Vec<String> = rule_texts()
        .into_iter()
        .filter(|text| {
            !text.contains("up{")
                && !text.contains("00.5\" | parseDuration")
                && !text.contains("1e21 | humanizeDuration")
        })
        .collect();
    let folder = folder("promtool");
    let (mut annotations, mut expected) = (String::new(), String::new());
    for (index, text) in texts.iter().enumerate() {
        writeln!(annotations, "      a{index}: {}", quoted(text)).unwrap();
        writeln!(expected, "            a{index}: {}", quoted(&expanded(text))).unwrap();
    }
    let rules = format!(
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: x > 0\n    annotations:\n{annotations}"
    );
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    let shop = quoted("灵鲜 & \"co\"");
    let series = quoted("x{instance=\"db-1:9100\",shop=\"灵鲜 & \\\"co\\\"\"}");
    let test = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  external_labels: {{region: cn-east}}\n  \
         external_url: http://h:9090/p\n  input_series:\n  - series: {series}\n    values: '1234567.891'\n  \
         alert_rule_test:\n  - eval_time: 0m\n    alertname: A\n    exp_alerts:\n    - exp_labels: {{instance: \
         'db-1:9100', shop: {shop}}}\n      exp_annotations:\n{expected}"
    );
    let test = test
        .replace("\n            a", "\n        a")
        .replace("exp_annotations:\n            a", "exp_annotations:\n        a");
    let path = folder.join("test.yml");
    std::fs::write(&path, test).unwrap();
    let Some(output) = tool("promtool", &["test", "rules", path.to_str().unwrap()]) else { return };
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

const DATA: [&str; 22] = [
    ".",
    ".Alerts",
    ".Alerts.Firing",
    ".Alerts.Resolved",
    ".Status",
    ".Receiver",
    ".ExternalURL",
    ".GroupLabels",
    ".CommonLabels.SortedPairs",
    ".CommonLabels.Names",
    ".CommonLabels.Values",
    ".CommonLabels.severity",
    ".CommonAnnotations.summary",
    "(.CommonLabels.Remove .GroupLabels.Names).Values",
    "(index .Alerts 0).StartsAt",
    "(index .Alerts 1).EndsAt",
    "(index .Alerts 0).EndsAt",
    "(index .Alerts 0).Labels.SortedPairs",
    "(index .Alerts 2).Annotations.runbook",
    "(index .Alerts 0).GeneratorURL",
    "(index .Alerts 2).Labels.none",
    "((index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt)",
];

fn notification_texts() -> Vec<String> {
    let mut texts = Vec::new();
    for value in DATA {
        for function in [
            "len",
            "printf \"%T\"",
            "toUpper",
            "title",
            "join \", \"",
            "html",
            "urlquery",
            "match \"[A-C]+\"",
            "reReplaceAll \"[0-9]+\" \"<$0>\"",
            "printf \"%v\"",
            "stringSlice",
            "not",
            "eq \"critical\"",
        ] {
            texts.push(format!("{{{{ {value} | {function} }}}}"));
        }
    }
    let others = [
        "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ range .Alerts }}{{ .Labels.instance }};{{ end }}",
        "{{ range .Alerts.Firing }}{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}Source: {{ .GeneratorURL }}\n{{ end }}",
        "{{ (index .Alerts 0).StartsAt.Format \"Jan 02, 2006 15:04:05 UTC\" }} {{ (index .Alerts 1).EndsAt.Unix }}",
        "{{ template \"__subject\" . }}",
        "{{ template \"__alertmanagerURL\" . }}",
        "{{ template \"default.title\" . }}",
        "{{ template \"slack.default.title\" . }}",
        "{{ template \"__text_alert_list\" .Alerts.Firing }}",
        "{{ template \"pagerduty.default.description\" . }}",
        "{{ template \"wechat.default.message\" . }}",
        "{{ template \"email.default.subject\" . }}",
        "{{ .Nope }}",
        "{{ .CommonLabels.a.b }}",
        "{{ template \"none\" }}",
    ];
    texts.extend(others.map(str::to_owned));
    texts
}

/// Alertmanager's JSON of the delivery.
fn json() -> String {
    let delivery = delivery();
    let object = |pairs: Vec<(&str, &str)>| {
        let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{}:{}", quoted(n), quoted(v))).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let time = |millis: i64| {
        let text = run(
            "am",
            &format!(
                "{{{{ toJson ((index .Alerts 0).StartsAt.Add {}) }}}}",
                (millis - 1_699_999_000_000) * 1_000_000
            ),
        );
        text.unwrap()
    };
    let alerts: Vec<String> = delivery
        .alerts
        .iter()
        .map(|alert| {
            let resolved = alert.is_resolved(delivery.decided_at);
            let ends_at = alert.ends_at.map_or("\"0001-01-01T00:00:00Z\"".to_owned(), |end| time(end.0));
            format!(
                "{{\"status\":{},\"labels\":{},\"annotations\":{},\"startsAt\":{},\"endsAt\":{ends_at},\"generatorURL\":{},\"fingerprint\":{}}}",
                quoted(if resolved { "resolved" } else { "firing" }),
                object(alert.labels.iter().collect()),
                object(alert.annotations.iter().collect()),
                time(alert.starts_at.0),
                quoted(&alert.generator_url),
                quoted(&alert.fingerprint().to_string()),
            )
        })
        .collect();
    format!(
        "{{\"receiver\":\"team\\\\.a\",\"status\":\"firing\",\"alerts\":[{}],\"groupLabels\":{},\"commonLabels\":{},\
         \"commonAnnotations\":{},\"externalURL\":\"http://h:9090/p\"}}",
        alerts.join(","),
        object(vec![("alertname", "HighCPU")]),
        object(vec![("alertname", "HighCPU"), ("severity", "critical")]),
        object(vec![("summary", "CPU <90%> & \"more\"")]),
    )
}

/// Alertmanager's own templates, from Debian's package; nothing when it is not installed.
fn default_templates() -> Option<lingshao_alerting::template::Templates> {
    let folder = std::path::Path::new("/usr/share/prometheus/alertmanager");
    let mut templates = lingshao_alerting::template::Templates::new();
    for name in ["default.tmpl", "email.tmpl"] {
        templates.add(name, &std::fs::read_to_string(folder.join(name)).ok()?).unwrap();
    }
    Some(templates)
}

#[test]
fn notifications_are_those_of_amtool() {
    let Some(templates) = default_templates() else { return };
    let folder = folder("amtool");
    let path = folder.join("data.json");
    std::fs::write(&path, json()).unwrap();
    let data_flag = format!("--template.data={}", path.display());
    let delivery = delivery();
    let data = lingshao_alerting::template::NotificationData {
        delivery: &delivery,
        receiver: "team.a",
        external_url: "http://h:9090/p",
    };
    let mut differing = Vec::new();
    for (kind, text) in notification_texts().into_iter().map(|text| ("text", text)).chain(
        [
            "{{ template \"email.default.html\" . }}",
            "<p title=\"{{ .CommonAnnotations.summary }}\">{{ .Receiver }}</p>",
        ]
        .map(|text| ("html", text.to_owned())),
    ) {
        let flags = [format!("--template.text={text}"), format!("--template.type={kind}")];
        let glob = "--template.glob=/usr/share/prometheus/alertmanager/*.tmpl";
        let Some(output) = tool("amtool", &["template", "render", glob, &flags[0], &flags[1], &data_flag])
        else {
            return;
        };
        let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut context = lingshao_alerting::template::Context::at(world::NOW);
        let ours = match kind {
            "text" => templates.render(&text, &data, &mut context),
            _ => templates.render_html(&text, &data, &mut context),
        };
        let same = match &ours {
            Ok(ours) => output.status.success() && *ours == theirs,
            Err(_) => !output.status.success(),
        };
        // Printing whole structures differs: 0.25 has neither the reason nor `String` of names and values.
        let newer = text.contains("{{ . |")
            || text.contains("{{ .Alerts")
            || text.contains("{{ .GroupLabels |")
            || text.contains("SortedPairs |");
        if !same && !newer {
            differing.push(format!(
                "{text:?}\n  amtool {theirs:?} {}\n  we     {ours:?}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    std::fs::remove_dir_all(folder).unwrap();
}
