//! Series in memory, of which only the past can be seen: a test's clock runs over input that is all there already.

use lingshao_alerting::rules::Sample;
use lingshao_model::{
    Cancel, Labels, METRIC_NAME, MatchOp, Refusal, Refusals, SelectError, Selection, SeriesColumns,
    SeriesSource, Timestamp, Visit,
};
use rapidhash::{HashMapExt, RapidHashMap};

use crate::rules::Store;

/// The series, by name and in order of their labels.
#[derive(Debug)]
pub(super) struct Memory {
    series: Vec<Columns>,
    by_labels: RapidHashMap<Labels, usize>,
    /// Places in `series`, sorted by labels.
    by_name: RapidHashMap<String, Vec<usize>>,
    /// What is later does not exist yet.
    now: Timestamp,
}

#[derive(Debug)]
struct Columns {
    labels: Labels,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory {
            series: Vec::new(),
            by_labels: RapidHashMap::new(),
            by_name: RapidHashMap::new(),
            now: Timestamp::MIN,
        }
    }

    /// Moves on.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Replaces a series.
    pub(super) fn set(&mut self, labels: &Labels, times: Vec<i64>, values: Vec<f64>) {
        let at = self.place(labels);
        (self.series[at].times, self.series[at].values) = (times, values);
    }

    fn place(&mut self, labels: &Labels) -> usize {
        if let Some(at) = self.by_labels.get(labels) {
            return *at;
        }
        let at = self.series.len();
        let columns = Columns { labels: labels.clone(), times: Vec::new(), values: Vec::new() };
        self.series.push(columns);
        self.by_labels.insert(labels.clone(), at);
        let name = labels.metric_name().unwrap_or("").to_owned();
        let places = self.by_name.entry(name).or_default();
        let sorted = places.partition_point(|own| self.series[*own].labels < *labels);
        places.insert(sorted, at);
        at
    }

    /// Adds a sample; one of another value for an instant that is taken is refused.
    fn push(&mut self, sample: &Sample, t: Timestamp) -> bool {
        let at = self.place(&sample.labels);
        let columns = &mut self.series[at];
        match columns.times.binary_search(&t.0) {
            Ok(at) => columns.values[at].to_bits() == sample.value.to_bits(),
            Err(at) => {
                columns.times.insert(at, t.0);
                columns.values.insert(at, sample.value);
                true
            }
        }
    }

    /// All that can match, in order of labels.
    fn candidates(&self, selection: &Selection<'_>) -> Vec<usize> {
        let named = selection.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME);
        match named.filter(|matcher| matcher.op() == MatchOp::Equal) {
            Some(name) => self.by_name.get(name.value()).cloned().unwrap_or_default(),
            None => {
                let mut all: Vec<usize> = (0..self.series.len()).collect();
                all.sort_by(|a, b| self.series[*a].labels.cmp(&self.series[*b].labels));
                all
            }
        }
    }
}

impl SeriesSource for Memory {
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        let end = selection.end.min(self.now);
        for at in self.candidates(selection) {
            if cancel.is_cancelled() {
                return Err(SelectError::Cancelled);
            }
            let Columns { labels, times, values } = &self.series[at];
            let from = times.partition_point(|t| *t < selection.start.0);
            let to = times.partition_point(|t| *t <= end.0);
            let matches = |matcher: &lingshao_model::Matcher| {
                matcher.matches(labels.get(matcher.name()).unwrap_or_default())
            };
            if from >= to || !selection.matchers.iter().all(matches) {
                continue;
            }
            let (times, values) = (&times[from..to], &values[from..to]);
            if visit(SeriesColumns { labels, times, values, starts: &[] }).is_break() {
                break;
            }
        }
        Ok(Vec::new())
    }
}

/// A borrowed view: the source of a snapshot, which nobody writes to while it is held.
struct Now<'m>(&'m Memory);

impl SeriesSource for Now<'_> {
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        self.0.select(selection, cancel, visit)
    }
}

impl Store for Memory {
    fn snapshot(&self) -> Box<dyn SeriesSource + '_> {
        Box::new(Now(self))
    }

    fn append(&mut self, at: Timestamp, samples: &[Sample]) -> Result<Refusals, String> {
        let mut refusals = Refusals::default();
        for sample in samples {
            if !self.push(sample, at) {
                refusals.add(Refusal::DuplicateTimestamp, 1, || sample.labels.to_string());
            }
        }
        Ok(refusals)
    }
}
