//! Which group of an aggregation a series belongs to.

use std::collections::HashMap;

use lingshao_model::{Labels, LabelsBuilder, METRIC_NAME};

use super::EvalError;
use crate::ast::Aggregate;

/// Groups in the order of their first series.
#[derive(Debug)]
pub(super) struct Groups<'n> {
    /// Sorted.
    names: Vec<&'n str>,
    without: bool,
    builder: LabelsBuilder,
    by_key: HashMap<Box<[u8]>, usize>,
    labels: Vec<Labels>,
}

impl<'n> Groups<'n> {
    pub(super) fn new(node: &'n Aggregate) -> Groups<'n> {
        Groups::by(node.grouping.iter().map(String::as_str).collect(), node.without)
    }

    pub(super) fn by(mut names: Vec<&'n str>, without: bool) -> Groups<'n> {
        names.sort_unstable();
        names.dedup();
        Groups {
            names,
            without,
            builder: LabelsBuilder::default(),
            by_key: HashMap::new(),
            labels: Vec::new(),
        }
    }

    /// The group of a series; a new one is the last.
    pub(super) fn of(&mut self, labels: &Labels) -> Result<usize, EvalError> {
        if self.names.is_empty() && !self.without {
            if self.labels.is_empty() {
                self.labels.push(Labels::empty());
            }
            return Ok(0);
        }
        self.builder.clear();
        for (name, value) in labels {
            let listed = self.names.binary_search(&name).is_ok();
            if listed != self.without && !(self.without && name == METRIC_NAME) {
                self.builder.push(name, value);
            }
        }
        let damaged = |error: lingshao_model::LabelsError| EvalError::execution(error.to_string());
        let key = self.builder.encoded().map_err(damaged)?;
        if let Some(group) = self.by_key.get(key) {
            return Ok(*group);
        }
        self.by_key.insert(key.into(), self.labels.len());
        self.labels.push(self.builder.finish().map_err(damaged)?);
        Ok(self.labels.len() - 1)
    }

    /// Labels of each group.
    pub(super) fn labels(&self) -> &[Labels] {
        &self.labels
    }
}
