//! Samples of many series on their way from a decoder to the storage, as columns.

use std::fmt;

use crate::{Labels, LabelsBuilder, LabelsError, Timestamp};

/// Series with their samples, flat: one arena of label bytes, one column each of times, values and starts.
/// Decoders fill it outside of every lock and reuse its memory from request to request.
#[derive(Clone, Debug, Default)]
pub struct SeriesBatch {
    label_bytes: Vec<u8>,
    series: Vec<SeriesEnd>,
    /// Milliseconds since the epoch.
    times: Vec<i64>,
    values: Vec<f64>,
    /// Milliseconds since the epoch, 0 where unknown; empty or as long as `times`.
    starts: Vec<i64>,
}

/// Where one series' label bytes and samples end; they begin where the previous one's end.
#[derive(Clone, Copy, Debug)]
struct SeriesEnd {
    labels: u32,
    samples: u32,
}

/// One series of a [`SeriesBatch`].
#[derive(Clone, Copy, Debug)]
pub struct BatchSeries<'a> {
    /// Labels in the encoding of [`Labels`], sorted and without duplicates.
    pub labels: &'a [u8],
    /// Milliseconds since the epoch, in the sender's order.
    pub times: &'a [i64],
    /// As long as `times`.
    pub values: &'a [f64],
    /// As long as `times`, 0 where unknown, or empty.
    pub starts: &'a [i64],
}

impl SeriesBatch {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.label_bytes.clear();
        self.series.clear();
        self.times.clear();
        self.values.clear();
        self.starts.clear();
    }

    /// How many samples were pushed since the last finished series.
    #[inline]
    pub fn pending(&self) -> usize {
        self.times.len() - self.series.last().map_or(0, |end| end.samples as usize)
    }

    /// Adds a sample to the series that the next [`SeriesBatch::finish_series`] names.
    #[inline]
    pub fn push(&mut self, t: Timestamp, start: Option<Timestamp>, value: f64) {
        if start.is_some() && self.starts.is_empty() {
            self.starts.resize(self.times.len(), 0);
        }
        self.times.push(t.0);
        self.values.push(value);
        if start.is_some() || !self.starts.is_empty() {
            self.starts.push(start.map_or(0, |start| start.0));
        }
    }

    /// Names the series of the samples pushed since the last one; on bad labels these samples are dropped and
    /// their number is returned with the reason.
    pub fn finish_series(&mut self, labels: &mut LabelsBuilder) -> Result<(), (u64, LabelsError)> {
        match labels.encoded() {
            Ok(bytes) => {
                self.end_series(bytes);
                Ok(())
            }
            Err(error) => Err((self.drop_pending(), error)),
        }
    }

    /// Names the series of the samples pushed since the last one by labels that are a set already.
    pub fn finish_series_of(&mut self, labels: &Labels) {
        self.end_series(labels.encoded());
    }

    fn end_series(&mut self, labels: &[u8]) {
        self.label_bytes.extend_from_slice(labels);
        self.series.push(SeriesEnd {
            labels: u32::try_from(self.label_bytes.len()).expect("bodies are limited far below 4 GiB"),
            samples: u32::try_from(self.times.len()).expect("bodies are limited far below 4 GiB"),
        });
    }

    /// Drops the samples pushed since the last finished series; answers how many.
    pub fn drop_pending(&mut self) -> u64 {
        let dropped = self.pending();
        let kept = self.times.len() - dropped;
        self.times.truncate(kept);
        self.values.truncate(kept);
        self.starts.truncate(kept);
        dropped as u64
    }

    /// The series in the order they were finished.
    pub fn series(&self) -> impl ExactSizeIterator<Item = BatchSeries<'_>> {
        let (mut label, mut sample) = (0, 0);
        self.series.iter().map(move |end| {
            let (labels, samples) = (label..end.labels as usize, sample..end.samples as usize);
            (label, sample) = (labels.end, samples.end);
            BatchSeries {
                labels: &self.label_bytes[labels],
                times: &self.times[samples.clone()],
                values: &self.values[samples.clone()],
                starts: if self.starts.is_empty() { &[] } else { &self.starts[samples] },
            }
        })
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// How many samples there are.
    pub fn sample_count(&self) -> usize {
        self.times.len()
    }
}

/// Why a sample or series was permanently refused. A sender must not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// Labels that are no label set: a name twice, an empty name, not UTF-8.
    InvalidLabels,
    /// A label's name or value is longer than allowed, or there are too many labels.
    LabelLimit,
    /// The series would be one more than allowed.
    SeriesLimit,
    /// Older than the out-of-order window.
    TooOld,
    /// Further ahead of our clock than allowed.
    TooFarAhead,
    /// Another value is already kept for this series and instant.
    DuplicateTimestamp,
    /// A native histogram; they are not kept yet.
    NativeHistogram,
    /// A series without samples where the protocol demands some (remote write 2.0).
    NoSamples,
}

impl Refusal {
    /// The value of the `reason` label on our own counters.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::InvalidLabels => "invalid_labels",
            Refusal::LabelLimit => "label_limit",
            Refusal::SeriesLimit => "series_limit",
            Refusal::TooOld => "too_old",
            Refusal::TooFarAhead => "too_far_ahead",
            Refusal::DuplicateTimestamp => "duplicate_timestamp",
            Refusal::NativeHistogram => "native_histogram",
            Refusal::NoSamples => "no_samples",
        }
    }

    /// For the sender: what is wrong.
    pub fn explanation(self) -> &'static str {
        match self {
            Refusal::InvalidLabels => "invalid labels",
            Refusal::LabelLimit => "label over the limit",
            Refusal::SeriesLimit => "series limit reached (metrics.series_max)",
            Refusal::TooOld => "older than the out-of-order window",
            Refusal::TooFarAhead => "too far in the future; check the sender's clock",
            Refusal::DuplicateTimestamp => "another value is already kept for this timestamp",
            Refusal::NativeHistogram => "native histograms are not kept yet",
            Refusal::NoSamples => "a series must have at least one sample or histogram",
        }
    }
}

/// What of a batch was refused: counts by reason, and one example each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals(Vec<Refused>);

/// One reason's share of [`Refusals`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// How many samples (for series without samples: series).
    pub count: u64,
    /// The first series refused so, with what exceeded which limit.
    pub example: String,
}

impl Refusals {
    /// Counts `count` samples; `example` is only called for the first of its reason.
    pub fn add(&mut self, reason: Refusal, count: u64, example: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|refused| refused.reason == reason) {
            Some(refused) => refused.count += count,
            None => self.0.push(Refused { reason, count, example: example() }),
        }
    }

    /// Adds another batch's counts.
    pub fn merge(&mut self, other: Refusals) {
        for refused in other.0 {
            self.add(refused.reason, refused.count, || refused.example);
        }
    }

    /// By reason, in the order they first occurred.
    pub fn iter(&self) -> impl Iterator<Item = &Refused> {
        self.0.iter()
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many samples were refused in all.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|refused| refused.count).sum()
    }
}

/// One line for the sender: `3 samples refused: label over the limit (2, e.g. …); …`.
impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples refused", self.total())?;
        let mut separator = ": ";
        for Refused { reason, count, example } in &self.0 {
            write!(f, "{separator}{} ({count}, e.g. {example})", reason.explanation())?;
            separator = "; ";
        }
        Ok(())
    }
}

impl BatchSeries<'_> {
    /// The labels as a set; the encoding was checked when the series was finished.
    pub fn labels(&self) -> Labels {
        Labels::from_encoded(self.labels).expect("a batch holds checked label sets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_back_as_they_were_pushed_and_bad_ones_leave_nothing() {
        let mut batch = SeriesBatch::default();
        let mut labels = LabelsBuilder::default();
        batch.push(Timestamp(1), None, 1.0);
        labels.push("job", "b");
        labels.push("__name__", "up");
        batch.finish_series(&mut labels).unwrap();

        let known = Labels::from_pairs([("__name__", "known")]).unwrap();
        batch.push(Timestamp(1), None, 7.0);
        batch.finish_series_of(&known);

        labels.clear();
        labels.push("a", "1");
        labels.push("a", "2");
        batch.push(Timestamp(1), None, 9.0);
        let (dropped, error) = batch.finish_series(&mut labels).unwrap_err();
        assert_eq!((dropped, error), (1, LabelsError::Duplicate("a".to_owned())));

        labels.clear();
        labels.push("__name__", "started");
        batch.push(Timestamp(2), Some(Timestamp(1)), 2.0);
        batch.push(Timestamp(3), None, 3.0);
        batch.finish_series(&mut labels).unwrap();

        let seen: Vec<_> = batch
            .series()
            .map(|series| (series.labels().to_string(), series.times.to_vec(), series.starts.to_vec()))
            .collect();
        assert_eq!(
            seen,
            [
                (r#"up{job="b"}"#.to_owned(), vec![1], vec![0]),
                ("known".to_owned(), vec![1], vec![0]),
                ("started".to_owned(), vec![2, 3], vec![1, 0])
            ]
        );
    }

    #[test]
    fn refusals_read_as_one_line() {
        let mut refusals = Refusals::default();
        refusals.add(Refusal::TooOld, 2, || "up{}".to_owned());
        refusals.add(Refusal::TooOld, 1, || unreachable!("only the first example is made"));
        assert_eq!(
            refusals.to_string(),
            "3 samples refused: older than the out-of-order window (3, e.g. up{})"
        );
    }
}
