//! The data over which every vector of Go's was run.

use lingshao_alerting::template::{Context, NotificationData, RuleData, RuleTemplate, Templates};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels,
    Timestamp,
};

/// 2023-11-14T22:13:20.123Z
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_123);
const URL: &str = "http://h:9090/p";

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn alert(
    own: &[(&str, &str)],
    annotations: &[(&str, &str)],
    starts_at: i64,
    ends_at: Option<i64>,
    url: &str,
) -> Alert {
    let pairs = annotations.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Alert {
        labels: labels(own),
        annotations: Annotations::from_pairs(pairs),
        starts_at: Timestamp(starts_at),
        ends_at: ends_at.map(Timestamp),
        updated_at: NOW,
        generator_url: url.to_owned(),
        timeout: false,
        value: String::new(),
    }
}

pub(crate) fn delivery() -> Delivery {
    let summary = ("summary", "CPU <90%> & \"more\"");
    let own =
        |instance| [("alertname", "HighCPU"), ("instance", instance), ("severity", "critical"), ("zone", "")];
    let mut third = own("db-3:9100");
    third[3].1 = "z";
    Delivery {
        id: DeliveryId(1),
        group_key: "{}:{alertname=\"HighCPU\"}".to_owned(),
        to: IntegrationId { receiver: "team.a".to_owned(), kind: IntegrationKind::Webhook, index: 0 },
        group_labels: labels(&[("alertname", "HighCPU")]),
        alerts: vec![
            alert(
                &own("db-1:9100"),
                &[summary, ("description", "过高")],
                1_699_999_000_000,
                None,
                "http://h/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            ),
            alert(&own("db-2:9100"), &[summary], 1_699_990_000_500, Some(1_699_999_999_999), ""),
            alert(
                &third,
                &[summary, ("runbook", "javascript:alert(1)")],
                1_690_000_000_000,
                None,
                "http://h/x",
            ),
        ],
        decided_at: NOW,
        reason: DeliveryReason::First,
    }
}

/// Two elements for every expression but `empty` and `bad`.
fn answer(expression: &str) -> Result<Vec<(Labels, f64)>, String> {
    match expression {
        "empty" => Ok(Vec::new()),
        "bad" => Err("bad query".to_owned()),
        _ => Ok(vec![
            (labels(&[("__name__", "up"), ("instance", "b"), ("job", "店")]), 21.0),
            (labels(&[("instance", "a"), ("__value__", "v")]), 1.5),
        ]),
    }
}

/// The output, or the error's message.
pub(crate) fn run(set: &str, text: &str) -> Result<String, String> {
    let mut query = |expression: &str, at: Timestamp| {
        assert_eq!(at, NOW);
        answer(expression)
    };
    let mut context = Context { now: NOW, time_zone: Some("Asia/Shanghai"), query: Some(&mut query) };
    let delivery = delivery();
    let data = NotificationData { delivery: &delivery, receiver: "team.a", external_url: URL };
    let result = match set {
        "prom" => {
            let own = labels(&[
                ("alertname", "HighCPU"),
                ("instance", "db-1:9100"),
                ("job", "node"),
                ("shop", "灵鲜 & \"co\""),
                ("path", "/a?b=<c>"),
            ]);
            let external_labels = labels(&[("region", "cn-east")]);
            let (labels, external_labels) = (&own, &external_labels);
            let data = RuleData { labels, value: 1_234_567.891, external_labels, external_url: URL };
            RuleTemplate::parse("__alert_X", text).and_then(|template| template.expand(&data, &mut context))
        }
        "am" => Templates::new().render(text, &data, &mut context),
        "html" => Templates::new().render_html(text, &data, &mut context),
        other => panic!("no set `{other}`"),
    };
    result.map_err(|error| error.message)
}
