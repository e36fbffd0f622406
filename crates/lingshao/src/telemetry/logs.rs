//! Log records: what came, what was refused, what the rules counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lingshao_logs::{Appended, Outcome, RecordRefusal, Stats};
use lingshao_model::log::{Level, LogBatch, LogTime};
use lingshao_wire::log_json::Counts;

use super::page::{Counter, Page};
use crate::logs::rules::Rules;

/// Since the start.
#[derive(Debug, Default)]
pub(crate) struct LogsTelemetry {
    /// Bytes of bodies and lines, as they came.
    pub(crate) bytes: Counter,
    /// Bodies refused for the moment.
    pub(crate) overloads: Counter,
    /// Datagrams that were lost because nothing could be stored.
    pub(crate) datagrams_lost: Counter,
    /// By [`Level`]; the last is for records that name none.
    levels: [Counter; Level::ALL.len() + 1],
    repeated: Counter,
    conflicts: Counter,
    fields_dropped: Counter,
    values_cut: Counter,
    values_masked: Counter,
    /// Records refused for good, by reason.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    /// By the rule's name; those that have counted something, and those in force.
    rules: Mutex<BTreeMap<String, u64>>,
}

impl LogsTelemetry {
    /// Counts what of a batch was stored.
    pub(crate) fn observe(&self, batch: &LogBatch, appended: &Appended, rules: &Rules, arrived: LogTime) {
        let mut found = vec![0_u64; rules.len()];
        for (record, outcome) in batch.records().zip(&appended.outcomes) {
            match outcome {
                Outcome::Created { .. } => {
                    let level = record.level().map_or(Level::ALL.len(), |level| level as usize);
                    self.levels[level].add(1);
                    rules.count(record, arrived, &mut found);
                }
                Outcome::Same { .. } => self.repeated.add(1),
                Outcome::Conflict { .. } => self.conflicts.add(1),
                Outcome::Refused(refusal) => {
                    let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                    *refused.entry(code(refusal)).or_default() += 1;
                }
            }
        }
        if !found.is_empty() {
            let mut counts = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, found) in rules.names().zip(found) {
                *counts.entry(name.to_owned()).or_default() += found;
            }
        }
    }

    /// Counts what a reader left out between two looks.
    pub(crate) fn changed(&self, before: Counts, after: Counts) {
        self.fields_dropped.add(after.fields_dropped - before.fields_dropped);
        self.values_cut.add(after.values_cut - before.values_cut);
        self.values_masked.add(after.values_masked - before.values_masked);
    }

    /// What a rule has counted.
    fn counted(&self, name: &str) -> u64 {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }

    /// Adds all of it to a page.
    pub(crate) fn render(&self, page: &mut Page, rules: &Rules, stats: &Stats) {
        let name = "lingshao_log_records_total";
        page.family(name, "counter", "Log records stored, by level.");
        let levels = Level::ALL.iter().map(|level| level.name()).chain(["none"]);
        for (level, count) in levels.zip(&self.levels) {
            page.sample(name, &[("level", level)], count.get() as f64);
        }
        let counters = [
            ("lingshao_log_bytes_total", "Bytes of log records received.", &self.bytes),
            ("lingshao_log_overloads_total", "Bodies refused for the moment.", &self.overloads),
            (
                "lingshao_log_datagrams_lost_total",
                "Syslog datagrams that could not be stored.",
                &self.datagrams_lost,
            ),
            ("lingshao_log_repeated_total", "Records that were sent again and stored once.", &self.repeated),
            ("lingshao_log_conflicts_total", "Records whose id another record had.", &self.conflicts),
            (
                "lingshao_log_fields_dropped_total",
                "Fields beyond the limits of a record.",
                &self.fields_dropped,
            ),
            (
                "lingshao_log_values_cut_total",
                "Values that were cut because they were too long.",
                &self.values_cut,
            ),
        ];
        for (name, help, counter) in counters {
            page.counter(name, help, counter.get() as f64);
        }
        let name = "lingshao_log_refused_total";
        page.family(name, "counter", "Log records refused for good, by reason.");
        for (reason, count) in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            page.sample(name, &[("reason", reason)], *count as f64);
        }
        self.render_rules(page, rules);
        render_storage(page, stats);
    }

    fn render_rules(&self, page: &mut Page, rules: &Rules) {
        let name = "lingshao_log_rule_total";
        page.family(name, "counter", "Log records that a rule of `logs.log_rules` has found.");
        for rule in rules.iter() {
            let labels = rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels: Vec<_> = [("rule", rule.name.as_str())].into_iter().chain(labels).collect();
            page.sample(name, &labels, self.counted(&rule.name) as f64);
        }
    }
}

/// A name that stays.
fn code(refusal: &RecordRefusal) -> &'static str {
    match refusal {
        RecordRefusal::IndexName { .. } => "index_name",
        RecordRefusal::TooManyIndices { .. } => "too_many_indices",
        RecordRefusal::TooManyFields { .. } => "too_many_fields",
        RecordRefusal::TooManyNames { .. } => "too_many_names",
        RecordRefusal::TooLarge { .. } => "too_large",
        RecordRefusal::Id { .. } => "id",
    }
}

fn render_storage(page: &mut Page, stats: &Stats) {
    let gauges = [
        ("lingshao_log_indices", "Indices.", stats.indices),
        ("lingshao_log_stored_records", "Log records that are kept.", stats.records),
        ("lingshao_log_tail_records", "Log records that are not sealed yet.", stats.tail_records),
        ("lingshao_log_tail_bytes", "About what memory they take.", stats.tail_bytes),
        ("lingshao_log_wal_bytes", "Bytes of the log records' write-ahead log.", stats.wal_bytes),
        ("lingshao_log_parts", "Files of sealed log records.", stats.parts),
        ("lingshao_log_part_bytes", "Their bytes.", stats.part_bytes),
        ("lingshao_log_known_ids", "Ids of the last day that are known.", stats.ids),
        ("lingshao_log_cache_bytes", "Memory of the log storage's cache.", stats.cache_bytes),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help, value as f64);
    }
    if let Some((first, _)) = stats.times {
        let name = "lingshao_log_oldest_record_timestamp_seconds";
        page.gauge(name, "When the oldest log record happened.", first.as_millis() as f64 / 1000.0);
    }
}
