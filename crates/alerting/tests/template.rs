//! Templates of rules and notifications against what Go's own engine, Prometheus and Alertmanager make of them.
#![allow(clippy::unwrap_used)]

#[path = "template/world.rs"]
mod world;

use lingshao_alerting::template::{Context, NotificationData, OUTPUT_BYTES_MAX, RuleTemplate, Templates};
use lingshao_model::Timestamp;
use proptest::prelude::*;
use world::{NOW, delivery, run};

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                _ => '\\',
            },
            plain => plain,
        });
    }
    out
}

#[test]
fn every_vector_of_go_gives_what_go_gave() {
    let (mut count, mut differing) = (0, Vec::new());
    for line in include_str!("template/go.txt").lines().filter(|line| !line.starts_with('#')) {
        let [set, text, expected] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let (text, expected) = (unescaped(text), unescaped(expected));
        let got = match run(set, &text) {
            Ok(out) => format!("={out}"),
            Err(message) => format!("!{message}"),
        };
        if got != expected {
            differing.push(format!("{set}: {text:?}\n  go {expected:?}\n  we {got:?}"));
        }
        count += 1;
    }
    assert!(count > 1000, "{count}");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[track_caller]
fn check(set: &str, text: &str, expected: &str) {
    assert_eq!(run(set, text).unwrap(), expected, "{text}");
}

#[track_caller]
fn check_error(set: &str, text: &str, part: &str) {
    let message = run(set, text).unwrap_err();
    assert!(message.contains(part), "{text}: {message}");
}

#[test]
fn rules_see_their_labels_value_and_url() {
    check("prom", "{{ $labels.instance }} is at {{ $value }}", "db-1:9100 is at 1.234567891e+06");
    check("prom", "{{ .Labels.job }}{{ $labels.missing }}{{ .ExternalURL }}", "nodehttp://h:9090/p");
    check(
        "prom",
        "{{ $externalLabels.region }} {{ pathPrefix }} {{ externalURL }}",
        "cn-east /p http://h:9090/p",
    );
    check("prom", "{{ $value | humanize }} {{ printf \"%.2f\" $value }}", "1.235M 1234567.89");
    check("prom", "{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "21");
    check(
        "prom",
        "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}:{{ .Value }} {{ end }}",
        "a:1.5 b:21 ",
    );
    check("prom", "{{ (now | toTime).Format \"2006-01-02 15:04:05\" }}", "2023-11-14 22:13:20");
    check("prom", "{{ (now | toTime).Local.Format \"01月02日 15:04 MST\" }}", "11月15日 06:13 CST");
    check(
        "prom",
        "{{ (toDuration 90.5).String }} {{ (toDuration 90.5).Minutes }}",
        "1m30.5s 1.5083333333333333",
    );
    check(
        "prom",
        "{{ \"shop.lingxian.cn:8080\" | stripPort }} {{ \"shop.lingxian.cn:8080\" | stripDomain }}",
        "shop.lingxian.cn shop:8080",
    );
    check("prom", "{{ reReplaceAll \"(.*):(\\\\d+)\" \"$2/$1\" $labels.instance }}", "9100/db-1");
    check("prom", "{{ \"订单\" | match \"\\\\w+\" }}", "false");
    check("prom", "plain 文 text }} $labels", "plain 文 text }} $labels");
}

#[test]
fn errors_are_prometheus_words() {
    let preamble = 125; // Columns count what Prometheus puts in front.
    let place = format!("__alert_X:1:{}", preamble + 6);
    let expected = format!(
        "error executing template __alert_X: template: {place}: executing \"__alert_X\" at <.Labels.a.b>: can't \
         evaluate field b in type string"
    );
    let text = "{{ .Labels.a.b }}";
    let message = run("prom", text).unwrap_err();
    let place = message.split("__alert_X:1:").nth(1).unwrap().split(':').next().unwrap();
    assert_eq!(message, expected.replace(&(preamble + 6).to_string(), place));
    let error = RuleTemplate::parse("__alert_X", "a\n{{ nofunc }}").unwrap_err();
    assert_eq!(error.message, "template: __alert_X:2: function \"nofunc\" not defined");
    assert_eq!(error.line, 2);
}

#[test]
fn notifications_see_alertmanagers_data() {
    check(
        "am",
        "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}]",
        "[FIRING:2]",
    );
    check("am", "{{ .GroupLabels.SortedPairs.Values | join \" \" }}", "HighCPU");
    check(
        "am",
        "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \", \" }}{{ end }}",
        "critical",
    );
    check(
        "am",
        "{{ range .Alerts.Resolved }}{{ .Labels.instance }} {{ .EndsAt.Sub .StartsAt }}{{ end }}",
        "db-2:9100 2h46m39.499s",
    );
    check(
        "am",
        "{{ (index .Alerts 0).StartsAt.Format \"15:04 MST\" }} {{ (index .Alerts 0).EndsAt.IsZero }}",
        "21:56 UTC true",
    );
    check("am", "{{ (index .Alerts 0).StartsAt | tz \"Asia/Shanghai\" | date \"15:04 MST\" }}", "05:56 CST");
    check("am", "{{ since (index .Alerts 0).StartsAt | humanizeDuration }}", "16m 40s");
    check("am", "{{ .CommonLabels }} {{ .Receiver }}", "alertname=HighCPU, severity=critical team\\.a");
    check("am", "{{ toJson .CommonLabels }}", r#"{"alertname":"HighCPU","severity":"critical"}"#);
    check(
        "am",
        "{{ range $k, $v := dict \"b\" 1 \"a\" (list 1 \"x\") }}{{ $k }}={{ $v }};{{ end }}",
        "a=[1 x];b=1;",
    );
    check("am", "{{ \"a+b c?\" | base64encode | base64decode | urlquery }}", "a%2Bb+c%3F");
    check("am", "{{ title \"aa bb CC don't\" }}", "Aa Bb Cc Don't");
    check(
        "am",
        "{{ (toDate \"2006-01-02 15:04\" \"2026-08-01 08:30\").UTC }}",
        "2026-08-01 00:30:00 +0000 UTC",
    );
}

#[test]
fn html_is_escaped_for_its_place() {
    check("html", "<a href=\"{{ \"javascript:alert(1)\" }}\">", "<a href=\"#ZgotmplZ\">");
    check("html", "<p>{{ .CommonAnnotations.summary }}</p>", "<p>CPU &lt;90%&gt; &amp; &#34;more&#34;</p>");
    check("html", "<p>{{ \"<b>x</b>\" | safeHtml }}<!-- gone --></p>", "<p><b>x</b></p>");
    check("html", "<script>f({{ \"</script>\" }})</script>", "<script>f(\"\\u003c/script\\u003e\")</script>");
    check("html", "<td style=\"color: {{ \"red;x:url(a)\" }}\">", "<td style=\"color: ZgotmplZ\">");
    check_error("html", "<script>/{{ .Status }}/</script>", "values cannot be written behind a slash");
}

#[test]
fn everything_has_a_bound() {
    check_error("prom", "{{ range 20000 }}{{ end }}", "it takes more than 10000 steps");
    check_error(
        "prom",
        "{{ range 200 }}{{ printf \"%1000d\" 1 }}{{ end }}",
        "it writes more than 65536 bytes",
    );
    check_error(
        "prom",
        "{{ $x := \"ab\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "text longer than 65536 bytes",
    );
    check_error("prom", "{{ printf \"%999999d\" 1 }}", "text longer than 65536 bytes");
    check_error("prom", "{{ range 11 }}{{ query \"up\" | first | value }}{{ end }}", "more than 10 queries");
    check_error(
        "prom",
        "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
        "exceeded maximum template depth",
    );
    check_error(
        "prom",
        "{{ $x := args 1 }}{{ range 100 }}{{ $x = args $x }}{{ end }}",
        "lists within each other",
    );
    check_error(
        "prom",
        &format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500)),
        "max expression depth exceeded",
    );
    check_error("prom", "{{ match \"((a{1000}){1000}){1000}\" \"a\" }}", "error calling match");
    check_error("am", &"{{ if true }}".repeat(5000), "max expression depth exceeded");
    assert!(run("am", &"x".repeat(OUTPUT_BYTES_MAX)).is_ok());
}

#[test]
fn files_define_templates_for_texts() {
    let mut templates = Templates::new();
    templates
        .add("a.tmpl", "{{ define \"title\" }}{{ .Status }}{{ end }}{{ define \"x\" }}1{{ end }}")
        .unwrap();
    templates.add("b.tmpl", "{{ define \"x\" }}2{{ end }}").unwrap();
    let delivery = delivery();
    let data = NotificationData { delivery: &delivery, receiver: "r", external_url: "http://h" };
    let text = "{{ template \"title\" . }}{{ template \"x\" }}";
    assert_eq!(templates.render(text, &data, &mut Context::at(NOW)).unwrap(), "firing2");
    assert_eq!(templates.check(text), Ok(()));
    let missing = templates.check("{{ if true }}{{ template \"none\" . }}{{ end }}").unwrap_err();
    assert_eq!(
        missing.message,
        "template: :1:25: executing \"\" at <{{template \"none\" .}}>: template \"none\" not defined"
    );
    let broken = templates.add("c.tmpl", "{{ define \"y\" }}\n{{ end").unwrap_err();
    assert_eq!((broken.message.as_str(), broken.line), ("template: c.tmpl:2: unclosed action", 2));
}

/// Pieces of which texts are drawn: most of them parse, many run.
const PIECES: [&str; 60] = [
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "{{ end }}",
    "{{ else }}",
    "{{ if ",
    "{{ range ",
    "{{ with ",
    "{{ $x := ",
    "{{ $x = ",
    "{{ define \"t\" }}",
    "{{ template \"t\" . }}",
    "{{ block \"b\" . }}",
    "{{ break }}",
    "{{ continue }}",
    "{{/*",
    "*/}}",
    ".",
    ".Alerts",
    ".Labels",
    "$labels",
    "$value",
    "$x",
    "$",
    "(",
    ")",
    " | ",
    " ",
    "\n",
    "printf \"%v %08.3f %q\" ",
    "print ",
    "index ",
    "slice ",
    "len ",
    "eq ",
    "lt ",
    "and ",
    "or ",
    "not ",
    "html ",
    "humanize ",
    "toTime ",
    "query ",
    "first ",
    "args ",
    "list ",
    "append ",
    "toJson ",
    "date ",
    "1",
    "2.5",
    "-3",
    "\"灵鲜\"",
    "`raw`",
    "'a'",
    "nil",
    "true",
    "<a href=\"",
    "<script>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_is_too_strange(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        let text = pieces.concat();
        for set in ["prom", "am", "html"] {
            match run(set, &text) {
                Ok(out) => prop_assert!(out.len() <= OUTPUT_BYTES_MAX),
                Err(message) => prop_assert!(message.contains("template: "), "{}", message),
            }
        }
    }

    #[test]
    fn no_format_is_too_strange(format in "[ -~灵]{0,20}", verb in "[#0+ -]{0,2}[0-9*\\[\\]]{0,3}(\\.[0-9*]{0,2})?[a-zA-Z%]") {
        let quoted = format!("{format}%{verb}").replace(['`', '{'], "");
        for value in ["1", "2.5", "\"灵鲜\"", "true", ".Labels", "nil", "(1e9 | toTime)"] {
            if let Err(message) = run("prom", &format!("{{{{ printf `{quoted}` {value} }}}}")) {
                prop_assert!(message.contains("template: "), "{}", message);
            }
        }
    }
}

#[test]
fn a_clock_far_away_is_no_trouble() {
    for now in [i64::MIN, i64::MAX, 0] {
        let delivery = delivery();
        let data = NotificationData { delivery: &delivery, receiver: "r", external_url: "" };
        let text = "{{ now }}{{ now.Local }}{{ since now }}{{ (index .Alerts 0).StartsAt.AddDate 9999999 99999999 -99999999999 }}";
        Templates::new().render(text, &data, &mut Context::at(Timestamp(now))).unwrap();
    }
}
