//! A page under construction, in any order: samples of one metric gather under its name.

use std::collections::BTreeMap;

use lingshao_wire::exposition::{MetricType, PageWriter};

/// Metrics by name.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, Family>);

#[derive(Debug)]
struct Family {
    kind: MetricType,
    help: String,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Figures {
    /// A metric with one series and no labels.
    pub(super) fn set(&mut self, name: &str, kind: MetricType, help: &str, value: f64) {
        self.add(name, kind, help, Vec::new(), value);
    }

    /// One series of a metric; its first one's type and help count. Empty labels are left out, as they mean nothing.
    pub(super) fn add(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        labels: Vec<(&'static str, String)>,
        value: f64,
    ) {
        self.add_part(name, "", kind, help, labels, value);
    }

    /// One part of a summary: `_sum`, `_count` or a quantile.
    pub(super) fn add_part(
        &mut self,
        name: &str,
        suffix: &'static str,
        kind: MetricType,
        help: &str,
        mut labels: Vec<(&'static str, String)>,
        value: f64,
    ) {
        labels.retain(|(_, value)| !value.is_empty());
        let sample = Sample { suffix, labels, value };
        if let Some(family) = self.0.get_mut(name) {
            family.samples.push(sample);
            return;
        }
        let family = Family { kind, help: help.to_owned(), samples: vec![sample] };
        self.0.insert(name.to_owned(), family);
    }

    /// The page in Prometheus' text format.
    pub(super) fn page(&self) -> Vec<u8> {
        let mut writer = PageWriter::default();
        for (name, family) in &self.0 {
            writer.family(name, family.kind, &family.help);
            for sample in &family.samples {
                let labels: Vec<(&str, &str)> =
                    sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                writer.sample(&format!("{name}{}", sample.suffix), &labels, sample.value);
            }
        }
        writer.finish()
    }
}
