//! What a round of a rule with 10,000 active alerts costs, expression and storage aside.
//!
//! `cargo bench -p lingshao-alerting --bench rules` prints the median of 50 rounds.
#![allow(clippy::print_stdout, reason = "a benchmark speaks on stdout")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use lingshao_alerting::rules::{AlertingRule, Observed, RecordingRule, Round, RuleKey};
use lingshao_alerting::template::Context;
use lingshao_model::{Labels, Rule, RuleKind, TimeDelta, Timestamp};

const ALERTS: usize = 10_000;
const ROUNDS: i64 = 50;

fn elements(value: f64) -> Vec<(Labels, f64)> {
    let element = |index: usize| {
        let product = format!("sku-{index:05}");
        let pairs =
            [("__name__", "product_stock"), ("job", "shop"), ("product_id", &product), ("zone", "cn")];
        (Labels::from_pairs(pairs).expect("four different names"), value + index as f64)
    };
    (0..ALERTS).map(element).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn alerting(annotations: &[(&str, &str)]) -> AlertingRule {
    let kind = RuleKind::Alerting {
        hold: TimeDelta::from_secs(60),
        keep_firing_for: TimeDelta::ZERO,
        annotations: pairs(annotations),
    };
    let rule = Rule {
        name: "LowStock".to_owned(),
        expr: "product_stock < 10".to_owned(),
        labels: pairs(&[("severity", "warning")]),
        kind,
        line: 1,
    };
    let text = |text: &str| text.to_owned();
    let key = RuleKey { file: text("f"), group: text("g"), name: text("LowStock"), identity: text("") };
    AlertingRule::new(&rule, Arc::new(key), text("http://x")).expect("it alerts").expect("it parses")
}

/// Rounds 15 s apart; `moves` lets every value change in each.
fn measure(what: &str, rule: &mut AlertingRule, moves: bool) {
    let sets = [elements(0.0), elements(if moves { 0.5 } else { 0.0 })];
    let external_labels = Labels::empty();
    let mut took = Vec::new();
    for index in 0..ROUNDS {
        let at = Timestamp(index * 15_000);
        let round = Round {
            at,
            interval: TimeDelta::from_secs(15),
            limit: 0,
            external_labels: &external_labels,
            external_url: "http://x",
        };
        let result = &sets[index as usize % 2];
        let mut observed = Observed::default();
        let began = Instant::now();
        let elements = result.iter().map(|(labels, value)| (labels, *value));
        rule.observe(elements, &round, &mut Context::at(at), &mut observed).expect("no limit");
        took.push(began.elapsed());
        assert_eq!(observed.samples.len() % ALERTS, 0);
        black_box(observed);
    }
    let first = took[0];
    took.sort();
    let worst = took[took.len() - 1];
    println!("{what}: first {first:?}, median {:?}, worst {worst:?}", took[took.len() / 2]);
}

fn record() {
    let kind = RuleKind::Recording;
    let rule =
        Rule { name: "a:b".to_owned(), expr: "x".to_owned(), labels: pairs(&[("k", "v")]), kind, line: 1 };
    let mut rule = RecordingRule::new(&rule);
    let result = elements(0.0);
    let mut took: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let mut samples = Vec::new();
            let began = Instant::now();
            let elements = result.iter().map(|(labels, value)| (labels, *value));
            rule.observe(elements, 0, &mut samples).expect("no limit");
            let took = began.elapsed();
            black_box(samples);
            took
        })
        .collect();
    took.sort();
    println!("{ALERTS} recorded series: median {:?}", took[took.len() / 2]);
}

fn main() {
    let fixed = [("summary", "库存不足"), ("runbook", "http://wiki/stock")];
    measure("10000 alerts, fixed texts", &mut alerting(&fixed), false);
    let templates = [("summary", "{{ $labels.product_id }} has {{ $value }} left"), ("team", "shop")];
    measure("10000 alerts, templates, values stay", &mut alerting(&templates), false);
    measure("10000 alerts, templates, values change", &mut alerting(&templates), true);
    record();
}
