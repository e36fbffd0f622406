//! The rules' figures, under Prometheus' names, because boards and alerts ask for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingshao_model::{TimeDelta, Timestamp};

use super::Page;
use crate::rules::RoundFigures;

/// Figures of all groups.
#[derive(Debug, Default)]
pub(crate) struct RulesTelemetry(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    /// By `FILE;NAME`.
    groups: BTreeMap<String, GroupFigures>,
    rounds: Sum,
    evaluations: Sum,
}

#[derive(Debug, Default)]
struct Sum {
    count: u64,
    took: Duration,
}

#[derive(Debug, Default)]
struct GroupFigures {
    interval: TimeDelta,
    rules: usize,
    evaluations: u64,
    failures: u64,
    iterations: u64,
    missed: u64,
    last_took: Duration,
    last_rules_took: Duration,
    last_at: Option<Timestamp>,
    last_samples: u64,
}

/// How Prometheus names a group in its figures.
fn key(file: &str, group: &str) -> String {
    format!("{file};{group}")
}

impl RulesTelemetry {
    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A group is in force.
    pub(crate) fn declare(&self, file: &str, group: &str, interval: TimeDelta, rules: usize) {
        let mut figures = self.figures();
        let figures = figures.groups.entry(key(file, group)).or_default();
        (figures.interval, figures.rules) = (interval, rules);
    }

    /// A group is gone.
    pub(crate) fn forget(&self, file: &str, group: &str) {
        self.figures().groups.remove(&key(file, group));
    }

    /// A round has ended; `missed` slots had passed before it.
    pub(crate) fn round(&self, file: &str, group: &str, missed: u64, at: Timestamp, round: &RoundFigures) {
        let mut all = self.figures();
        all.rounds.count += 1;
        all.rounds.took += round.took;
        all.evaluations.count += round.evaluations;
        all.evaluations.took += round.rules_took;
        let Some(figures) = all.groups.get_mut(&key(file, group)) else { return };
        figures.evaluations += round.evaluations;
        figures.failures += round.failures;
        figures.iterations += 1 + missed;
        figures.missed += missed;
        (figures.last_took, figures.last_rules_took) = (round.took, round.rules_took);
        (figures.last_at, figures.last_samples) = (Some(at), round.samples);
    }

    /// Adds all of them.
    pub(super) fn render(&self, page: &mut Page) {
        let figures = self.figures();
        let sums = [
            ("prometheus_rule_evaluation_duration_seconds", "Time of one rule.", &figures.evaluations),
            ("prometheus_rule_group_duration_seconds", "Time of one round of a group.", &figures.rounds),
        ];
        for (name, help, sum) in sums {
            page.family(name, "summary", help);
            page.sample(&format!("{name}_sum"), &[], sum.took.as_secs_f64());
            page.sample(&format!("{name}_count"), &[], sum.count as f64);
        }
        for (name, kind, help, value) in FAMILIES {
            page.family(name, kind, help);
            for (group, own) in &figures.groups {
                page.sample(name, &[("rule_group", group)], value(own));
            }
        }
    }
}

type Family = (&'static str, &'static str, &'static str, fn(&GroupFigures) -> f64);

const FAMILIES: [Family; 10] = [
    ("prometheus_rule_evaluations_total", "counter", "Rules evaluated.", |own| own.evaluations as f64),
    ("prometheus_rule_evaluation_failures_total", "counter", "Rules that failed.", |own| own.failures as f64),
    ("prometheus_rule_group_interval_seconds", "gauge", "Time between rounds.", |own| {
        own.interval.as_seconds()
    }),
    (
        "prometheus_rule_group_iterations_total",
        "counter",
        "Rounds that were due, missed ones included.",
        |own| own.iterations as f64,
    ),
    (
        "prometheus_rule_group_iterations_missed_total",
        "counter",
        "Rounds that were missed because another one took too long.",
        |own| own.missed as f64,
    ),
    ("prometheus_rule_group_last_duration_seconds", "gauge", "Time of the last round.", |own| {
        own.last_took.as_secs_f64()
    }),
    (
        "prometheus_rule_group_last_rule_duration_sum_seconds",
        "gauge",
        "Time of all rules of the last round.",
        |own| own.last_rules_took.as_secs_f64(),
    ),
    (
        "prometheus_rule_group_last_evaluation_timestamp_seconds",
        "gauge",
        "When the last round ended.",
        |own| own.last_at.map_or(0.0, Timestamp::as_seconds),
    ),
    ("prometheus_rule_group_last_evaluation_samples", "gauge", "Samples of the last round.", |own| {
        own.last_samples as f64
    }),
    ("prometheus_rule_group_rules", "gauge", "Rules of the group.", |own| own.rules as f64),
];
