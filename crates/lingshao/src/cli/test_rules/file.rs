//! A file of unit tests in promtool's format (`cmd/promtool/unittest.go` of Prometheus 3).

use std::path::Path;

use lingshao_model::{Labels, TimeDelta, Timestamp};
use lingshao_wire::prometheus_api;
use lingshao_wire::yaml::{Diagnostics, Keys, Node, Position, Value};

/// Everything in it.
#[derive(Debug)]
pub(super) struct TestFile {
    /// Patterns, relative to the file's folder.
    pub(super) rule_files: Vec<(String, Position)>,
    /// Between rounds.
    pub(super) evaluation_interval: TimeDelta,
    /// Groups that come first, in order.
    pub(super) group_eval_order: Vec<String>,
    /// Values may differ in their last bit.
    pub(super) fuzzy_compare: bool,
    pub(super) tests: Vec<Test>,
}

/// An entry of `tests`.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) at: Position,
    pub(super) name: String,
    /// Between the points of the input.
    pub(super) interval: TimeDelta,
    pub(super) start: Timestamp,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) input: Vec<Input>,
    pub(super) alerts: Vec<AlertTest>,
    pub(super) expressions: Vec<ExpressionTest>,
}

/// An entry of `input_series`.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) at: Position,
    pub(super) series: String,
    pub(super) values: String,
}

/// An entry of `alert_rule_test`.
#[derive(Debug)]
pub(super) struct AlertTest {
    pub(super) at: Position,
    /// Since the start.
    pub(super) eval_time: TimeDelta,
    pub(super) name: String,
    pub(super) expected: Vec<ExpectedAlert>,
}

/// Names and texts, sorted by name.
type Pairs = Vec<(String, String)>;

/// An entry of `exp_alerts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExpectedAlert {
    /// With `alertname`.
    pub(super) labels: Pairs,
    pub(super) annotations: Pairs,
}

/// An entry of `promql_expr_test`.
#[derive(Debug)]
pub(super) struct ExpressionTest {
    pub(super) at: Position,
    /// Since the start.
    pub(super) eval_time: TimeDelta,
    pub(super) expr: String,
    pub(super) samples: Vec<ExpectedSample>,
}

/// An entry of `exp_samples`.
#[derive(Debug)]
pub(super) struct ExpectedSample {
    pub(super) at: Position,
    pub(super) labels: String,
    pub(super) value: f64,
}

const EVALUATION_INTERVAL_DEFAULT: TimeDelta = TimeDelta::from_secs(60);

impl TestFile {
    /// Reads a file's text; with errors among the findings it cannot be run.
    pub(super) fn read(text: &str, file: &Path) -> (TestFile, Diagnostics) {
        let mut findings = Diagnostics::new(file);
        let root = Node::parse_first(text).map(|(root, _)| root).unwrap_or_else(|error| {
            findings.error(error.at, error.message, "");
            Node { at: Position::START, value: Value::Null }
        });
        let mut keys = Keys::new(&root, "a file of rule tests", &mut findings);
        let rule_files = keys.texts("rule_files", &mut findings);
        let evaluation_interval = keys.duration("evaluation_interval", &mut findings);
        let order = keys.texts("group_eval_order", &mut findings);
        let fuzzy_compare = keys.boolean("fuzzy_compare", &mut findings).unwrap_or(false);
        let tests = keys.list("tests", &mut findings);
        keys.finish(&mut findings);
        for (index, (name, at)) in order.iter().enumerate() {
            if order[..index].iter().any(|(earlier, _)| earlier == name) {
                let message = format!("group name repeated in evaluation order: {name}");
                findings.error(*at, message, "name each group once");
            }
        }
        let interval = evaluation_interval.filter(|span| *span > TimeDelta::ZERO);
        let interval = interval.unwrap_or(EVALUATION_INTERVAL_DEFAULT);
        let read = |node: &Node| read_test(node, interval, &mut findings);
        let tests = tests.iter().map(read).collect();
        let group_eval_order = order.into_iter().map(|(name, _)| name).collect();
        let file =
            TestFile { rule_files, evaluation_interval: interval, group_eval_order, fuzzy_compare, tests };
        (file, findings)
    }
}

fn read_test(node: &Node, evaluation_interval: TimeDelta, findings: &mut Diagnostics) -> Test {
    let mut keys = Keys::new(node, "an entry of `tests`", findings);
    let interval = keys.duration("interval", findings).filter(|span| *span > TimeDelta::ZERO);
    let name = keys.text("name", findings).unwrap_or_default();
    let start = read_start(&mut keys, findings);
    let pairs = keys.text_map("external_labels", findings);
    let external_labels = Labels::from_pairs(pairs.iter().map(|(name, value, _)| (name, value)));
    let external_url = keys.text("external_url", findings).unwrap_or_default();
    let input = keys.list("input_series", findings);
    let alerts = keys.list("alert_rule_test", findings);
    let expressions = keys.list("promql_expr_test", findings);
    keys.finish(findings);
    Test {
        at: node.at,
        name,
        interval: interval.unwrap_or(evaluation_interval),
        start,
        external_labels: external_labels.unwrap_or_default(),
        external_url,
        input: input.iter().map(|node| read_input(node, findings)).collect(),
        alerts: alerts.iter().map(|node| read_alert_test(node, findings)).collect(),
        expressions: expressions.iter().map(|node| read_expression_test(node, findings)).collect(),
    }
}

/// RFC 3339, or seconds since the epoch.
fn read_start(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Timestamp {
    let Some(text) = keys.text("start_timestamp", findings) else { return Timestamp(0) };
    prometheus_api::time("start_timestamp", &text).unwrap_or_else(|error| {
        let remedy = "write 2026-01-31T12:00:00Z, or seconds since the epoch";
        findings.error(keys.key_at("start_timestamp"), error.to_string(), remedy);
        Timestamp(0)
    })
}

fn read_input(node: &Node, findings: &mut Diagnostics) -> Input {
    let mut keys = Keys::new(node, "an entry of `input_series`", findings);
    let series = keys.text("series", findings).unwrap_or_default();
    let values = keys.text("values", findings).unwrap_or_default();
    keys.finish(findings);
    Input { at: node.at, series, values }
}

fn read_alert_test(node: &Node, findings: &mut Diagnostics) -> AlertTest {
    let mut keys = Keys::new(node, "an entry of `alert_rule_test`", findings);
    let eval_time = keys.duration("eval_time", findings).unwrap_or_default();
    let name = keys.text("alertname", findings).unwrap_or_default();
    let expected = keys.list("exp_alerts", findings);
    keys.finish(findings);
    let expected = expected.iter().map(|node| read_alert(node, &name, findings)).collect();
    AlertTest { at: node.at, eval_time, name, expected }
}

fn read_alert(node: &Node, name: &str, findings: &mut Diagnostics) -> ExpectedAlert {
    let mut keys = Keys::new(node, "an entry of `exp_alerts`", findings);
    let mut pairs = |key: &str, findings: &mut Diagnostics| {
        let pairs = keys.text_map(key, findings).into_iter();
        pairs.map(|(name, text, _)| (name, text)).collect::<Pairs>()
    };
    let mut labels = pairs("exp_labels", findings);
    let mut annotations = pairs("exp_annotations", findings);
    keys.finish(findings);
    labels.retain(|(own, _)| own != "alertname");
    labels.push(("alertname".to_owned(), name.to_owned()));
    labels.sort();
    annotations.sort();
    ExpectedAlert { labels, annotations }
}

fn read_expression_test(node: &Node, findings: &mut Diagnostics) -> ExpressionTest {
    let mut keys = Keys::new(node, "an entry of `promql_expr_test`", findings);
    let expr = keys.text("expr", findings).unwrap_or_default();
    let eval_time = keys.duration("eval_time", findings).unwrap_or_default();
    let samples = keys.list("exp_samples", findings);
    keys.finish(findings);
    let samples = samples.iter().map(|node| read_sample(node, findings)).collect();
    ExpressionTest { at: node.at, eval_time, expr, samples }
}

fn read_sample(node: &Node, findings: &mut Diagnostics) -> ExpectedSample {
    let mut keys = Keys::new(node, "an entry of `exp_samples`", findings);
    let labels = keys.text("labels", findings).unwrap_or_default();
    let value = keys.text("value", findings);
    if keys.has("histogram") {
        let remedy = "compare histogram_quantile(…) or histogram_count(…) of classic buckets instead";
        findings.error(keys.key_at("histogram"), "`histogram`: native histograms are not kept yet", remedy);
    }
    keys.node("histogram");
    let parsed = value.as_deref().map_or(Some(0.0), float);
    if parsed.is_none() {
        let at = keys.key_at("value");
        findings.error(at, format!("`value`: `{}` is not a number", value.unwrap_or_default()), "");
    }
    keys.finish(findings);
    ExpectedSample { at: node.at, labels, value: parsed.unwrap_or(0.0) }
}

/// A float as YAML 1.1 writes it.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = match unsigned {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        _ if unsigned.starts_with("0x") => u64::from_str_radix(&unsigned[2..], 16).ok()? as f64,
        _ if unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            unsigned.replace('_', "").parse().ok()?
        }
        _ => return None,
    };
    Some(if text.starts_with('-') { -value } else { value })
}
