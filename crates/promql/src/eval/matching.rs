//! Which series of two vectors belong together, computed once for all steps.

use std::collections::HashMap;

use lingshao_model::{Labels, LabelsBuilder, METRIC_NAME};

use super::EvalError;
use super::frame::Frame;
use crate::ast::VectorMatching;

/// Rows of both sides by their match group.
#[derive(Debug)]
pub(super) struct Matches {
    /// For each group the rows of the left side that are in it.
    pub(super) left: Vec<Vec<usize>>,
    /// And of the right side.
    pub(super) right: Vec<Vec<usize>>,
}

/// Assigns the rows of both sides to groups, in the order of their first row.
pub(super) fn matched(
    matching: &VectorMatching,
    left: &Frame<'_>,
    right: &Frame<'_>,
) -> Result<Matches, EvalError> {
    let mut signatures = Signatures::new(matching);
    let mut matches = Matches { left: Vec::new(), right: Vec::new() };
    for (frame, is_left) in [(left, true), (right, false)] {
        for (row, key) in frame.keys().iter().enumerate() {
            let group = signatures.group(&key.labels)?;
            if group == matches.left.len() {
                matches.left.push(Vec::new());
                matches.right.push(Vec::new());
            }
            if is_left { matches.left[group].push(row) } else { matches.right[group].push(row) }
        }
    }
    Ok(matches)
}

struct Signatures<'m> {
    names: Vec<&'m str>,
    on: bool,
    builder: LabelsBuilder,
    groups: HashMap<Box<[u8]>, usize>,
}

impl<'m> Signatures<'m> {
    fn new(matching: &'m VectorMatching) -> Signatures<'m> {
        let mut names: Vec<&str> = matching.labels.iter().map(String::as_str).collect();
        names.sort_unstable();
        Signatures { names, on: matching.on, builder: LabelsBuilder::default(), groups: HashMap::new() }
    }

    fn group(&mut self, labels: &Labels) -> Result<usize, EvalError> {
        self.builder.clear();
        for (name, value) in labels {
            let listed = self.names.binary_search(&name).is_ok();
            if listed == self.on && (self.on || name != METRIC_NAME) {
                self.builder.push(name, value);
            }
        }
        let key = self.builder.encoded().map_err(|error| EvalError::execution(error.to_string()))?;
        if let Some(group) = self.groups.get(key) {
            return Ok(*group);
        }
        self.groups.insert(key.into(), self.groups.len());
        Ok(self.groups.len() - 1)
    }
}

/// The labels that decide the match.
pub(super) fn match_labels(labels: &Labels, matching: &VectorMatching) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| label == name);
    labels.filtered(|name| if matching.on { listed(name) } else { !listed(name) && name != METRIC_NAME })
}
