//! Loaded series, in memory.

use std::collections::BTreeMap;

use lingshao_model::{Cancel, Labels, SelectError, Selection, SeriesColumns, SeriesSource, Visit};

/// One series; the columns are equally long.
#[derive(Default)]
struct Columns {
    times: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
}

/// All series, in order of their labels.
#[derive(Default)]
pub(crate) struct Storage(BTreeMap<Labels, Columns>);

/// One loaded sample; `start` 0 where unknown.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) t: i64,
    pub(crate) start: i64,
    pub(crate) value: f64,
}

impl Storage {
    /// Adds samples to a series; one for an instant that it already has is left out.
    pub(crate) fn add(&mut self, labels: &Labels, samples: &[Sample]) {
        if samples.is_empty() {
            return;
        }
        let columns = self.0.entry(labels.clone()).or_default();
        for sample in samples {
            let Err(at) = columns.times.binary_search(&sample.t) else { continue };
            columns.times.insert(at, sample.t);
            columns.values.insert(at, sample.value);
            columns.starts.insert(at, sample.start);
        }
    }
}

impl SeriesSource for Storage {
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        for (labels, columns) in &self.0 {
            if cancel.is_cancelled() {
                return Err(SelectError::Cancelled);
            }
            let matches = |matcher: &lingshao_model::Matcher| {
                matcher.matches(labels.get(matcher.name()).unwrap_or_default())
            };
            let from = columns.times.partition_point(|t| *t < selection.start.0);
            let to = columns.times.partition_point(|t| *t <= selection.end.0);
            if from >= to || !selection.matchers.iter().all(matches) {
                continue;
            }
            let starts = &columns.starts[from..to];
            let series = SeriesColumns {
                labels,
                times: &columns.times[from..to],
                values: &columns.values[from..to],
                starts: if starts.iter().all(|start| *start == 0) { &[] } else { starts },
            };
            if visit(series).is_break() {
                break;
            }
        }
        Ok(Vec::new())
    }
}
