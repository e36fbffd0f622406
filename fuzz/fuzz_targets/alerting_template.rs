//! Any text: it does not parse, it fails, or it gives a text within the bounds; always in Go's words, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_alerting::template::{
    Context, NotificationData, OUTPUT_BYTES_MAX, RuleData, RuleTemplate, TemplateError, Templates,
};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels, Timestamp,
};

fn check(result: Result<String, TemplateError>) {
    match result {
        Ok(text) => assert!(text.len() <= OUTPUT_BYTES_MAX),
        Err(error) => assert!(error.message.contains("template: ") && error.line > 0),
    }
}

fn delivery(labels: &Labels) -> Delivery {
    let alert = |ends_at| Alert {
        labels: labels.clone(),
        annotations: Annotations::from_pairs([("summary".to_owned(), "a <b> & \"灵鲜\"".to_owned())]),
        starts_at: Timestamp(1_000_000),
        ends_at,
        updated_at: Timestamp(1_000_000),
        generator_url: "http://h/graph?g0.expr=up".to_owned(),
        timeout: false,
        value: String::new(),
    };
    Delivery {
        id: DeliveryId(1),
        group_key: "{}:{}".to_owned(),
        to: IntegrationId { receiver: "r".to_owned(), kind: IntegrationKind::Webhook, index: 0 },
        group_labels: labels.clone(),
        alerts: vec![alert(None), alert(Some(Timestamp(2_000_000)))],
        decided_at: Timestamp(3_000_000),
        reason: DeliveryReason::First,
    }
}

fuzz_target!(|text: &str| {
    let labels = Labels::from_pairs([("alertname", "A"), ("instance", "db-1:9100")]).expect("names differ");
    let mut query = |_: &str, _: Timestamp| Ok(vec![(labels.clone(), 1.5)]);
    let mut context = Context { now: Timestamp(3_000_000), time_zone: Some("Asia/Shanghai"), query: Some(&mut query) };
    if let Ok(template) = RuleTemplate::parse("__alert_A", text) {
        let (labels, external_labels, external_url) = (&labels, &labels, "http://h:9090/p");
        let data = RuleData { labels, value: 1_234_567.891, external_labels, external_url };
        check(template.expand(&data, &mut context));
    }
    let delivery = delivery(&labels);
    let data = NotificationData { delivery: &delivery, receiver: "r", external_url: "http://h:9090/p" };
    let mut templates = Templates::new();
    if templates.add("a.tmpl", text).is_ok() {
        check(templates.render(text, &data, &mut context));
        check(templates.render_html(text, &data, &mut context));
    }
});
