//! Results of a recording rule become samples of its series.

use lingshao_model::{Labels, METRIC_NAME, Rule, stale_nan};
use rapidhash::RapidHashSet;

use super::roster::Roster;
use super::{RuleError, Sample};

/// A recording rule and the series that it wrote last.
#[derive(Debug)]
pub struct RecordingRule {
    name: String,
    labels: Vec<(String, String)>,
    written: Roster<()>,
}

impl RecordingRule {
    /// One that has written nothing yet.
    pub fn new(rule: &Rule) -> RecordingRule {
        RecordingRule { name: rule.name.clone(), labels: rule.labels.clone(), written: Roster::new() }
    }

    /// One round. Writes a sample per element, and a staleness marker for each series that has gone; after an error
    /// nothing has changed. A `limit` of 0 is none.
    pub fn observe<'r>(
        &mut self,
        result: impl ExactSizeIterator<Item = (&'r Labels, f64)>,
        limit: u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), RuleError> {
        let begun = samples.len();
        let outcome = self.write(result, limit, samples);
        if outcome.is_err() {
            samples.truncate(begun);
        }
        outcome
    }

    fn write<'r>(
        &mut self,
        result: impl ExactSizeIterator<Item = (&'r Labels, f64)>,
        limit: u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), RuleError> {
        self.written.begin();
        let series = result.len() as u64;
        let mut fresh: Vec<(Labels, &Labels)> = Vec::new();
        let mut fresh_labels = RapidHashSet::default();
        for (source, value) in result {
            let labels = match self.place(source) {
                Ok(at) if self.written.see(at) => self.written.labels(at),
                Err(labels) if fresh_labels.insert(labels.clone()) => {
                    fresh.push((labels.clone(), source));
                    labels
                }
                _ => return Err(RuleError::SameSeries),
            };
            samples.push(Sample { labels, value });
        }
        if limit > 0 && series > limit {
            return Err(RuleError::TooManySeries { limit, series });
        }
        for (labels, source) in fresh {
            let at = self.written.insert(labels, ());
            self.written.bind(at, source);
        }
        self.end_gone(samples);
        Ok(())
    }

    /// Where an element is kept, or under which labels it will be.
    fn place(&mut self, source: &Labels) -> Result<usize, Labels> {
        if let Some(at) = self.written.of_source(source) {
            return Ok(at);
        }
        let labels = self.identity(source);
        let at = self.written.of_labels(&labels).ok_or(labels)?;
        self.written.bind(at, source);
        Ok(at)
    }

    /// Takes over what the rule wrote before a reload.
    pub fn copy_state(&mut self, old: RecordingRule) {
        self.written = old.written;
    }

    /// The series that were written in the last round: when the rule is removed, they have ended.
    pub fn series(&self) -> impl Iterator<Item = &Labels> {
        self.written.iter().map(|entry| &entry.labels)
    }

    fn identity(&self, source: &Labels) -> Labels {
        let named = source.with(METRIC_NAME, &self.name);
        self.labels.iter().fold(named, |labels, (name, value)| labels.with(name, value))
    }

    fn end_gone(&mut self, samples: &mut Vec<Sample>) {
        for at in self.written.places() {
            if !self.written.is_seen(at)
                && let Some(entry) = self.written.remove(at)
            {
                samples.push(Sample { labels: entry.labels, value: stale_nan() });
            }
        }
    }
}
