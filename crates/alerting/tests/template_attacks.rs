//! Templates that would take all time or memory, over the largest data there can be.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use lingshao_alerting::template::{Context, NotificationData, RuleData, RuleTemplate, Templates};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels,
    Timestamp,
};

/// In a build without optimization on a busy machine; without bounds each of these would take minutes.
const TIME_MAX: Duration = Duration::from_secs(30);

fn delivery(alerts: usize, labels: usize) -> Delivery {
    let alert = |number: usize| {
        let mut pairs =
            vec![("alertname".to_owned(), "Storm".to_owned()), ("n".to_owned(), number.to_string())];
        pairs.extend((0..labels).map(|label| (format!("l{label}"), "x".to_owned())));
        Alert {
            labels: Labels::from_pairs(pairs).unwrap(),
            annotations: Annotations::default(),
            starts_at: Timestamp(0),
            ends_at: None,
            updated_at: Timestamp(0),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        }
    };
    Delivery {
        id: DeliveryId(1),
        group_key: String::new(),
        to: IntegrationId { receiver: "r".to_owned(), kind: IntegrationKind::Webhook, index: 0 },
        group_labels: Labels::empty(),
        alerts: (0..alerts).map(alert).collect(),
        decided_at: Timestamp(0),
        reason: DeliveryReason::First,
    }
}

/// Renders as text and as HTML.
#[track_caller]
fn check(delivery: &Delivery, text: &str, part: &str) {
    let data = NotificationData { delivery, receiver: "r", external_url: "http://h" };
    let begun = Instant::now();
    for is_html in [false, true] {
        let mut context = Context::at(Timestamp(0));
        let templates = Templates::new();
        let result = match is_html {
            false => templates.render(text, &data, &mut context),
            true => templates.render_html(text, &data, &mut context),
        };
        let message = result.unwrap_err().message;
        assert!(message.contains(part), "{text}: {message}");
    }
    assert!(begun.elapsed() < TIME_MAX, "{text} took {:?}", begun.elapsed());
}

#[test]
fn a_width_is_not_filled_up_for_every_one_of_many_alerts() {
    let storm = delivery(20_000, 4);
    for text in [
        "{{ printf \"%1000000v\" .Alerts }}",
        "{{ printf \"%60000s\" .Alerts }}",
        "{{ printf \"%065000x\" .Alerts.Firing }}",
        "{{ range .Alerts }}{{ printf \"%060000d\" $.Alerts }}{{ end }}",
        "{{ printf \"%1000000q %1000000v\" .Alerts . }}",
        "{{ print . . . . . }}",
    ] {
        check(&storm, text, "text longer than 65536 bytes");
    }
    check(&storm, "{{ . }}", "it writes more than 65536 bytes");
    check(&storm, "{{ .Alerts }}", "it writes more than 65536 bytes");
}

#[test]
fn lists_within_lists_end() {
    let storm = delivery(20_000, 4);
    for text in [
        "{{ range .Alerts }}{{ range $.Alerts }}{{ break }}{{ end }}{{ end }}",
        "{{ range .Alerts }}{{ range $.Alerts.Firing }}{{ end }}{{ end }}",
        "{{ define \"a\" }}{{ range .Alerts }}{{ template \"a\" $ }}{{ end }}{{ end }}{{ template \"a\" . }}",
        "{{ range .Alerts }}{{ $p := .Labels.n }}{{ range $.Alerts }}{{ $x := match $p \"a\" }}{{ end }}{{ end }}",
    ] {
        check(&storm, text, "it takes more than 10000 steps");
    }
    let wide = delivery(2, 2000);
    for text in [
        "{{ range 10000 }}{{ range $.CommonLabels }}{{ break }}{{ end }}{{ end }}",
        "{{ range 10000 }}{{ $x := $.CommonLabels.Remove $.CommonLabels.Names }}{{ end }}",
        "{{ range 10000 }}{{ $x := $.CommonLabels.SortedPairs.Values }}{{ end }}",
    ] {
        check(&wide, text, "it takes more than 10000 steps");
    }
}

#[test]
fn patterns_are_not_compiled_without_end() {
    let one = delivery(1, 1);
    let text =
        "{{ $p := \"((a{1,50}b){1,30}c){1,5}\" }}{{ range 9000 }}{{ $x := match $p \"abc\" }}{{ end }}";
    check(&one, text, "it takes more than 10000 steps");
}

#[test]
fn a_rules_text_doubles_no_further_than_it_may() {
    let labels = Labels::from_pairs([("x", "y".repeat(60_000))]).unwrap();
    let data =
        RuleData { labels: &labels, value: 1.0, external_labels: &Labels::empty(), external_url: "http://h" };
    for text in [
        "{{ $a := $labels.x }}{{ range 100 }}{{ $a = print $a $a }}{{ end }}",
        "{{ $a := $labels.x }}{{ range 100 }}{{ $a = printf \"%[1]s%[1]s%[1]s\" $a }}{{ end }}",
        "{{ reReplaceAll \"y\" $labels.x $labels.x }}",
        "{{ range 9000 }}{{ $labels.x }}{{ end }}",
        "{{ printf \"%1000000.1000000f\" 1.0 }}",
    ] {
        let template = RuleTemplate::parse("t", text).unwrap();
        let begun = Instant::now();
        let message = template.expand(&data, &mut Context::at(Timestamp(0))).unwrap_err().message;
        assert!(message.contains("65536 bytes"), "{text}: {message}");
        assert!(begun.elapsed() < TIME_MAX, "{text} took {:?}", begun.elapsed());
    }
}
