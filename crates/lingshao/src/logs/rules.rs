//! `logs.log_rules`: queries that every record is held against as it is stored.

use anyhow::Context;
use lingshao_logs::RecordFilter;
use lingshao_model::log::{BatchRecord, LogQuery, LogTime};

use super::query::parse_query;
use crate::config::LogRule;
use lingshao_wire::mask::Masker;

/// All rules, ready for use.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The counter's `rule` label.
    pub(crate) name: String,
    /// Further labels.
    pub(crate) labels: Vec<(String, String)>,
    /// What it looks for.
    pub(crate) query: LogQuery,
    filter: RecordFilter,
}

impl Rules {
    /// Reads the queries; the first one that cannot be read is the error.
    pub(crate) fn new(rules: &[LogRule], time_zone: &str, masker: Option<&Masker>) -> anyhow::Result<Rules> {
        let built = rules.iter().map(|rule| {
            let built = Rule::new(rule, time_zone, masker);
            built.with_context(|| format!("log rule `{}` cannot be used", rule.name))
        });
        built.collect::<anyhow::Result<_>>().map(Rules)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// In the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Their names, in that order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.name.as_str())
    }

    /// Adds one to the places of the rules that find a record.
    pub(crate) fn count(&self, record: BatchRecord<'_>, arrived: LogTime, found: &mut [u64]) {
        for (rule, found) in self.0.iter().zip(found) {
            *found += u64::from(rule.filter.holds(&record, arrived));
        }
    }
}

impl Rule {
    fn new(rule: &LogRule, time_zone: &str, masker: Option<&Masker>) -> anyhow::Result<Rule> {
        let query = parse_query(&rule.query, time_zone)?;
        let query = masker.map_or_else(|| query.clone(), |masker| masker.query(query.clone()));
        let filter = RecordFilter::new(&query)?;
        Ok(Rule { name: rule.name.clone(), labels: rule.labels.clone(), query, filter })
    }
}
