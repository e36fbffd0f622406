//! Runs one test: the rules' own engine over the input, on the test's clock.

use std::sync::{Mutex, PoisonError};

use lingshao_alerting::rules::AlertState;
use lingshao_model::{Cancel, Labels, MatchOp, RuleGroup, TimeDelta};
use lingshao_promql::{Limits, QueryValue, VectorSample, eval_instant, parse_selector};
use lingshao_wire::series_notation::{self, Point};
use lingshao_wire::yaml::Position;

use super::file::{AlertTest, ExpectedAlert, ExpressionTest, Input, Test, TestFile};
use super::memory::Memory;
use super::report;
use crate::rules::{Group, Options, Settings, run_round};

/// Something that is not as the test has it.
#[derive(Debug)]
pub(super) struct Failure {
    /// Where the expectation stands.
    pub(super) at: Position,
    /// Over several lines.
    pub(super) text: String,
}

impl Failure {
    fn new(at: Position, text: impl Into<String>) -> Failure {
        Failure { at, text: text.into() }
    }
}

/// Most rounds of a test: ten days of every second.
const ROUNDS_MAX: i64 = 1_000_000;

/// Runs a test over these groups.
pub(super) fn run(test: &Test, file: &TestFile, groups: &[RuleGroup]) -> Vec<Failure> {
    let mut memory = Memory::new();
    for input in &test.input {
        if let Err(why) = load(input, test, &mut memory) {
            return vec![Failure::new(input.at, why)];
        }
    }
    if let Some(nameless) = test.alerts.iter().find(|alert| alert.name.is_empty()) {
        let text = format!(
            "an item under alert_rule_test misses required attribute alertname at eval_time {}",
            nameless.eval_time
        );
        return vec![Failure::new(nameless.at, text)];
    }
    let limits = limits(file);
    let options = Options {
        evaluation_interval: test.interval,
        external_labels: test.external_labels.clone(),
        external_url: test.external_url.clone(),
        limits: limits.clone(),
        ..Options::default()
    };
    let groups = match Settings::new(groups, options) {
        Ok(settings) => settings.into_groups().into_iter().map(Mutex::new).collect(),
        Err(error) => return vec![Failure::new(test.at, error.to_string())],
    };
    let mut run = Run { test, file, groups, memory, failures: Vec::new() };
    if run.rounds() {
        for expression in &test.expressions {
            let outcome = run.check_expression(expression, &limits);
            run.failures.extend(outcome.err());
        }
    }
    run.failures
}

fn limits(file: &TestFile) -> Limits {
    Limits { subquery_step: file.evaluation_interval, ..Limits::default() }
}

/// Puts an input series into the storage; a second one of the same labels replaces the first.
fn load(input: &Input, test: &Test, memory: &mut Memory) -> Result<(), String> {
    let line = format!("{} {}", input.series, input.values);
    let split = series_notation::split_metric(&line).map_err(|error| error.to_string());
    let (metric, values) = split.map_err(|why| format!("series `{}`: {why}", input.series))?;
    let told = |why: String| format!("series `{}`, values `{}`: {why}", input.series, input.values);
    let labels = labels(metric).map_err(told)?;
    let points = series_notation::points(values).map_err(|error| told(error.to_string()))?;
    let (mut times, mut numbers) = (Vec::new(), Vec::new());
    for (index, point) in points.iter().enumerate() {
        match point {
            Point::Missing => {}
            Point::Value(value) => {
                times.push(test.start.0.saturating_add(test.interval.0.saturating_mul(index as i64)));
                numbers.push(*value);
            }
            Point::Histogram => return Err(told("native histograms are not kept yet".to_owned())),
        }
    }
    memory.set(&labels, times, numbers);
    Ok(())
}

/// A metric with plain labels, as PromQL writes a selector of it.
fn labels(metric: &str) -> Result<Labels, String> {
    if metric.trim().is_empty() || metric.trim() == "{}" {
        return Ok(Labels::empty());
    }
    let matchers = parse_selector(metric).map_err(|error| error.to_string())?;
    if let Some(other) = matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("a series has labels, no conditions: write `{}=`", other.name()));
    }
    let pairs = matchers.iter().map(|matcher| (matcher.name(), matcher.value()));
    Labels::from_pairs(pairs).map_err(|error| error.to_string())
}

/// A test under way.
struct Run<'t> {
    test: &'t Test,
    file: &'t TestFile,
    groups: Vec<Mutex<Group>>,
    memory: Memory,
    failures: Vec<Failure>,
}

impl Run<'_> {
    /// Evaluates up to the last expectation, and compares alerts on the way; false when a rule failed.
    fn rounds(&mut self) -> bool {
        let interval = self.file.evaluation_interval;
        let alert_times = self.test.alerts.iter().map(|alert| alert.eval_time);
        let expression_times = self.test.expressions.iter().map(|expression| expression.eval_time);
        let last = alert_times.chain(expression_times).max().unwrap_or_default();
        if last.0 / interval.0 > ROUNDS_MAX {
            let text = format!("more than {ROUNDS_MAX} rounds of {interval} to {last}");
            self.failures.push(Failure::new(self.test.at, text));
            return false;
        }
        let mut since_start = TimeDelta::ZERO;
        while since_start <= last {
            if !self.round(since_start) {
                return false;
            }
            let next = TimeDelta(since_start.0 + interval.0);
            let due = |alert: &&AlertTest| (since_start..next).contains(&alert.eval_time);
            for alert in self.test.alerts.iter().filter(due) {
                let failure = self.check_alerts(alert);
                self.failures.extend(failure);
            }
            since_start = next;
        }
        true
    }

    /// One round of every group; false when a rule failed.
    fn round(&mut self, since_start: TimeDelta) -> bool {
        let at = self.test.start + since_start;
        self.memory.set_now(at);
        let mut is_well = true;
        for group in &mut self.groups {
            let figures = run_round(group, at, &mut self.memory, &Cancel::default());
            let group = group.get_mut().unwrap_or_else(PoisonError::into_inner);
            group.forget_outbox(); // Nobody is told.
            if figures.failures == 0 {
                continue;
            }
            is_well = false;
            for (rule, error) in group.errors() {
                let text = format!("rule: {rule}, time: {since_start}, err: {error}");
                self.failures.push(Failure::new(self.test.at, text));
            }
        }
        is_well
    }

    /// Compares those that fire under a name.
    fn check_alerts(&mut self, wanted: &AlertTest) -> Option<Failure> {
        let mut found = Vec::new();
        for group in &mut self.groups {
            let group = group.get_mut().unwrap_or_else(PoisonError::into_inner);
            let firing = group.alerts(&wanted.name).filter(|alert| alert.state == AlertState::Firing);
            found.extend(firing.map(|alert| ExpectedAlert {
                labels: owned(alert.labels.iter()),
                annotations: owned(alert.annotations.iter()),
            }));
        }
        let mut expected = wanted.expected.clone();
        expected.sort();
        found.sort();
        let differs = expected != found;
        differs.then(|| Failure::new(wanted.at, report::alerts(wanted, &expected, &found)))
    }

    fn check_expression(&self, wanted: &ExpressionTest, limits: &Limits) -> Result<(), Failure> {
        let told = |why: String| {
            let text = format!("expr: {:?}, time: {}, err: {why}", wanted.expr, wanted.eval_time);
            Failure::new(wanted.at, text)
        };
        let at = self.test.start + wanted.eval_time;
        let expr = lingshao_promql::parse(&wanted.expr).map_err(|error| told(error.to_string()))?;
        let output = eval_instant(&expr, &self.memory, at, limits, &Cancel::default());
        let mut found: Vec<(Labels, f64)> = match output.map_err(|error| told(error.to_string()))?.value {
            QueryValue::Vector(samples) => {
                samples.into_iter().map(|VectorSample { labels, v, .. }| (labels, v)).collect()
            }
            QueryValue::Scalar { v, .. } => vec![(Labels::empty(), v)],
            _ => return Err(told("rule result is not a vector or scalar".to_owned())),
        };
        let mut expected = Vec::new();
        for sample in &wanted.samples {
            let labels = labels(&sample.labels).map_err(|why| Failure {
                at: sample.at,
                ..told(format!("labels {:?}: {why}", sample.labels))
            })?;
            expected.push((labels, sample.value));
        }
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let equal = |(a, b): (&(Labels, f64), &(Labels, f64))| {
            a.0 == b.0 && values_equal(a.1, b.1, self.file.fuzzy_compare)
        };
        if expected.len() == found.len() && expected.iter().zip(&found).all(equal) {
            return Ok(());
        }
        Err(Failure::new(wanted.at, report::samples(wanted, &expected, &found)))
    }
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// As in promtool NaN equals nothing; fuzzily, neighbours are equal.
fn values_equal(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || fuzzy && (a.next_up() == b || a.next_down() == b)
}
