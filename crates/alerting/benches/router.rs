//! What the pipeline costs: alerts put for the first time and again, looks at groups with and without something to say,
//! inhibition, silences, rows for the database, restore.
//!
//! `cargo bench -p lingshao-alerting --bench router` prints nanoseconds per alert for 10,000 and 100,000 alerts, and what
//! the process holds for each.
#![allow(clippy::print_stdout, reason = "a benchmark speaks on stdout")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use lingshao_alerting::router::{Change, Changes, NewSilence, Router, Saved, SilenceId};
use lingshao_model::{
    Alert, Annotations, DeliveryOutcome, GroupBy, InhibitRule, IntegrationKind, IntegrationShape, Labels,
    Matcher, ReceiverShape, Route, Routing, TimeDelta, Timestamp,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn main() {
    for count in [10_000, 100_000] {
        for (name, group_by) in
            [("one group", vec![]), ("groups of 100", vec!["batch"]), ("alone", vec!["instance"])]
        {
            run(count, name, group_by);
        }
    }
}

fn routing(group_by: Vec<&str>) -> Arc<Routing> {
    let root = Route {
        receiver: "team".to_owned(),
        group_by: GroupBy::Labels(group_by.into_iter().map(str::to_owned).collect()),
        matchers: Vec::new(),
        goes_on: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        group_wait: TimeDelta::from_secs(30),
        group_interval: TimeDelta::from_secs(300),
        repeat_interval: TimeDelta::from_secs(4 * 3600),
        routes: Vec::new(),
    };
    let critical = Route {
        receiver: "sms".to_owned(),
        matchers: vec![Matcher::equal("severity", "critical")],
        ..root.clone()
    };
    let integration = IntegrationShape { kind: IntegrationKind::WeCom, index: 0, send_resolved: true };
    let receiver = |name: &str| ReceiverShape { name: name.to_owned(), integrations: vec![integration] };
    let down = InhibitRule {
        source: vec![Matcher::equal("alertname", "NodeDown")],
        target: vec![Matcher::equal("severity", "warning")],
        equal: vec!["zone".to_owned()],
    };
    Arc::new(Routing {
        root: Route { routes: vec![critical], ..root },
        receivers: vec![receiver("team"), receiver("sms")],
        inhibit_rules: vec![down],
        time_intervals: Vec::new(),
    })
}

fn alert(at: usize) -> Alert {
    let (instance, batch) = (format!("10.0.{}.{}:9100", at / 256, at % 256), format!("batch-{}", at / 100));
    let pairs = [
        ("alertname", "HighLatency"),
        ("instance", &instance),
        ("batch", &batch),
        ("job", "shop"),
        ("severity", "warning"),
        ("zone", if at.is_multiple_of(2) { "a" } else { "b" }),
    ];
    let texts = [
        ("summary", "latency is high"),
        ("description", "P95 of the last five minutes is above two seconds"),
    ];
    Alert {
        labels: Labels::from_pairs(pairs).expect("different names"),
        annotations: Annotations::from_pairs(texts.map(|(name, text)| (name.to_owned(), text.to_owned()))),
        starts_at: NOW,
        ends_at: None,
        updated_at: NOW,
        generator_url: "http://127.0.0.1:9090/graph?g0.expr=up".to_owned(),
        timeout: false,
        value: String::new(),
    }
}

fn run(count: usize, name: &str, group_by: Vec<&str>) {
    println!("{count} alerts, {name}");
    let routing = routing(group_by);
    let alerts: Vec<Alert> = (0..count).map(alert).collect();
    let mut router = Router::new(Arc::clone(&routing));
    let per_alert = |what: &str, from: Instant| {
        println!("  {what:<38} {:>8.0} ns per alert", from.elapsed().as_nanos() as f64 / count as f64);
    };
    let before = resident_bytes();
    let (first, again) = (alerts.clone(), alerts);
    let copies = resident_bytes().saturating_sub(before);

    let from = Instant::now();
    assert!(router.put(first, NOW).is_empty());
    per_alert("put, new", from);
    let from = Instant::now();
    assert!(router.put(again, NOW).is_empty());
    per_alert("put, known and unchanged", from);
    if name == "one group" {
        // Later runs use memory again.
        println!(
            "  {:<38} {:>8} bytes per alert (an alert by itself: {})",
            "memory",
            (resident_bytes().saturating_sub(before)) / count,
            copies / count
        );
    }

    let from = Instant::now();
    let told = router.due(NOW + TimeDelta::from_secs(30));
    per_alert("due, all is new", from);
    assert_eq!(told.iter().map(|delivery| delivery.alerts.len()).sum::<usize>(), count);
    let from = Instant::now();
    let changes = router.take_changes();
    per_alert("take_changes, all is new", from);
    let mut saved = saved(changes);
    let from = Instant::now();
    for delivery in &told {
        router.finished(delivery.id, &DeliveryOutcome::Sent(String::new()), NOW + TimeDelta::from_secs(31));
    }
    per_alert("finished", from);
    black_box(router.take_changes());

    let mut now = NOW + TimeDelta::from_secs(330);
    let mut look = |router: &mut Router, what: &str| {
        let from = Instant::now();
        let told = router.due(now);
        per_alert(what, from);
        now = now + TimeDelta::from_secs(300);
        told.len()
    };
    assert_eq!(look(&mut router, "due, nothing to say"), 0);
    for silence in 0..1000 {
        let new = NewSilence {
            id: None,
            matchers: vec![Matcher::equal("instance", &format!("other-{silence}"))],
            starts_at: NOW,
            ends_at: NOW + TimeDelta::from_secs(1_000_000),
            created_by: String::new(),
            comment: String::new(),
        };
        router.set_silence(new, SilenceId(silence.to_string()), NOW).expect("a good silence");
    }
    assert_eq!(look(&mut router, "due, first with 1,000 silences"), 0);
    assert_eq!(look(&mut router, "due, again with 1,000 silences"), 0);
    let source = |zone: &str| Alert {
        labels: Labels::from_pairs([("alertname", "NodeDown"), ("zone", zone)]).expect("different names"),
        ..alert(0)
    };
    assert!(router.put(vec![source("a"), source("b")], NOW).is_empty());
    look(&mut router, "due, all inhibited");

    saved.saved_at = Some(NOW);
    let from = Instant::now();
    let mut second = Router::new(routing);
    second.restore(saved, NOW + TimeDelta::from_secs(31));
    per_alert("restore", from);
    assert_eq!(second.waiting().iter().map(|delivery| delivery.alerts.len()).sum::<usize>(), count);
}

fn rows<K, V>(changes: Vec<Change<K, V>>) -> Vec<V> {
    let row = |change| match change {
        Change::Put(row) => Some(row),
        Change::Gone(_) => None,
    };
    changes.into_iter().filter_map(row).collect()
}

fn saved(changes: Changes) -> Saved {
    Saved {
        saved_at: None,
        alerts: rows(changes.alerts),
        groups: rows(changes.groups),
        silences: rows(changes.silences),
        log: rows(changes.log),
        outbox: rows(changes.outbox),
    }
}

/// Linux only; elsewhere nothing.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
