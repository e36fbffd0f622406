//! One series of the head: its labels, its encoded chunks, and what came late.

use lingshao_model::Labels;

use crate::chunk::{self, Columns, Encoder, SAMPLES_PER_CHUNK};

/// Late samples of one series that are kept apart before they are merged into its chunks: merging costs a pass
/// over the series, inserting costs a move of what lies behind.
const LATE_MAX: usize = 1024;

/// Where a finished chunk stands in [`Series::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkHead {
    pub(crate) first_t: i64,
    pub(crate) last_t: i64,
    pub(crate) offset: u32,
    pub(crate) count: u16,
}

/// A series of one generation.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// All chunks, one behind the other; the open one last.
    pub(crate) bytes: Vec<u8>,
    /// The finished ones.
    finished: Vec<ChunkHead>,
    open: Encoder,
    open_offset: u32,
    open_first_t: i64,
    /// Whether the log of this generation holds the labels.
    pub(crate) defined: bool,
    /// Samples that came behind later ones, ascending.
    late: Option<Box<Columns>>,
}

/// What a sample would be to a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind all others.
    End,
    /// Between or before others.
    Late,
    /// There already, with the same value.
    Repeated,
    /// There already, with another value.
    Conflict,
}

impl Series {
    pub(crate) fn new(labels: Labels) -> Series {
        Series {
            labels,
            bytes: Vec::new(),
            finished: Vec::new(),
            open: Encoder::EMPTY,
            open_offset: 0,
            open_first_t: 0,
            defined: false,
            late: None,
        }
    }

    /// Time of the sample furthest ahead.
    #[inline]
    pub(crate) fn last_t(&self) -> Option<i64> {
        (self.open.count > 0).then_some(self.open.t)
    }

    /// Where a sample would go.
    #[inline]
    pub(crate) fn place(&self, t: i64, value: f64) -> Place {
        match self.last_t() {
            Some(last) if t < last => self.place_late(t, value),
            Some(last) if t == last => same_or_conflict(self.open.bits, value),
            _ => Place::End,
        }
    }

    #[cold]
    fn place_late(&self, t: i64, value: f64) -> Place {
        if let Some(late) = &self.late
            && let Ok(index) = late.times.binary_search(&t)
        {
            return same_or_conflict(late.values[index].to_bits(), value);
        }
        let mut columns = Columns::default();
        self.read_chunks(t, t, &mut columns);
        match columns.times.binary_search(&t) {
            Ok(index) => same_or_conflict(columns.values[index].to_bits(), value),
            Err(_) => Place::Late,
        }
    }

    /// Keeps a sample; one whose instant is taken is ignored. Answers how many bytes the series grew.
    #[inline]
    pub(crate) fn push(&mut self, t: i64, start: i64, value: f64) -> usize {
        match self.place(t, value) {
            Place::End => self.push_end(t, start, value),
            Place::Late => self.push_late(t, start, value),
            Place::Repeated | Place::Conflict => 0,
        }
    }

    #[inline]
    fn push_end(&mut self, t: i64, start: i64, value: f64) -> usize {
        let before = self.bytes.len();
        if self.open.count == SAMPLES_PER_CHUNK {
            self.finish_chunk();
        }
        if self.open.count == 0 {
            self.open_first_t = t;
        }
        self.open.push(&mut self.bytes, t, start, value);
        self.bytes.len() - before
    }

    fn finish_chunk(&mut self) {
        self.finished.push(self.open_head());
        self.open_offset =
            u32::try_from(self.bytes.len()).expect("a generation is sealed long before 4 GiB a series");
        self.open = Encoder::EMPTY;
    }

    fn open_head(&self) -> ChunkHead {
        ChunkHead {
            first_t: self.open_first_t,
            last_t: self.open.t,
            offset: self.open_offset,
            count: self.open.count,
        }
    }

    #[cold]
    fn push_late(&mut self, t: i64, start: i64, value: f64) -> usize {
        let late = self.late.get_or_insert_default();
        let at = late.times.partition_point(|own| *own < t);
        if start != 0 && late.starts.is_empty() {
            late.starts.resize(late.times.len(), 0);
        }
        late.times.insert(at, t);
        late.values.insert(at, value);
        if start != 0 || !late.starts.is_empty() {
            late.starts.insert(at, start);
        }
        if late.times.len() >= LATE_MAX {
            self.fold_late();
        }
        24
    }

    /// Merges what came late into the chunks.
    fn fold_late(&mut self) {
        let mut columns = Columns::default();
        self.read(i64::MIN, i64::MAX, &mut columns);
        let mut folded = Series::new(self.labels.clone());
        folded.defined = self.defined;
        for (index, (t, value)) in columns.times.iter().zip(&columns.values).enumerate() {
            folded.push_end(*t, columns.start(index), *value);
        }
        *self = folded;
    }

    /// Appends the samples with `from <= t <= to` to the columns, ascending.
    pub(crate) fn read(&self, from: i64, to: i64, out: &mut Columns) {
        let begin = out.times.len();
        assert_eq!(begin, 0, "series are read into empty columns");
        self.read_chunks(from, to, out);
        if let Some(late) = &self.late {
            let mut late = (**late).clone();
            late.clip(from, to);
            merge_into(out, &late);
        }
    }

    fn read_chunks(&self, from: i64, to: i64, out: &mut Columns) {
        for (head, bytes) in self.chunks() {
            if head.first_t <= to && from <= head.last_t {
                chunk::decode(bytes, head.first_t, head.count, out)
                    .expect("the head decodes only what it has encoded");
            }
        }
        out.clip(from, to);
    }

    /// Chunks in ascending order of time, without what came late.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (ChunkHead, &[u8])> {
        let open = (self.open.count > 0).then(|| self.open_head());
        let ends = self.finished.iter().skip(1).map(|head| head.offset as usize);
        let ends =
            ends.chain([self.open_offset as usize]).take(self.finished.len()).chain([self.bytes.len()]);
        self.finished
            .iter()
            .copied()
            .chain(open)
            .zip(ends)
            .map(|(head, end)| (head, &self.bytes[head.offset as usize..end]))
    }

    pub(crate) fn has_late(&self) -> bool {
        self.late.is_some()
    }
}

fn same_or_conflict(bits: u64, value: f64) -> Place {
    if bits == value.to_bits() { Place::Repeated } else { Place::Conflict }
}

/// Merges `newer` into `out`, both ascending; of two samples at one instant, `out`'s stays.
pub(crate) fn merge_into(out: &mut Columns, newer: &Columns) {
    let (Some(first), Some(last)) = (newer.times.first(), out.times.last()) else {
        if out.times.is_empty() {
            out.clone_from(newer);
        }
        return;
    };
    if last < first {
        for (index, (t, value)) in newer.times.iter().zip(&newer.values).enumerate() {
            out.push(*t, newer.start(index), *value);
        }
        return;
    }
    let old = std::mem::take(out);
    let (mut a, mut b) = (0, 0);
    while a < old.times.len() || b < newer.times.len() {
        let take_old = b == newer.times.len() || (a < old.times.len() && old.times[a] <= newer.times[b]);
        let (columns, index) = if take_old { (&old, &mut a) } else { (newer, &mut b) };
        let t = columns.times[*index];
        if out.times.last() != Some(&t) {
            out.push(t, columns.start(*index), columns.values[*index]);
        }
        *index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Whatever the order of arrival, a series is the map from instants to the first value seen there.
        #[test]
        fn a_series_is_a_map(samples in proptest::collection::vec((0..3000_i64, 0..3_i64, -5..5_i32), 1..3000), from in 0..3000_i64, span in 0..3000_i64) {
            let mut series = Series::new(Labels::empty());
            let mut reference = BTreeMap::new();
            for (t, start, value) in samples {
                let value = f64::from(value);
                let expected = match reference.get(&t) {
                    None if reference.last_key_value().is_some_and(|(last, _)| *last > t) => Place::Late,
                    None => Place::End,
                    Some((_, old)) if *old == value => Place::Repeated,
                    Some(_) => Place::Conflict,
                };
                prop_assert_eq!(series.place(t, value), expected);
                series.push(t, start, value);
                reference.entry(t).or_insert((start, value));
            }
            let mut columns = Columns::default();
            series.read(from, from + span, &mut columns);
            let read: Vec<_> = (0..columns.times.len()).map(|i| (columns.times[i], columns.start(i), columns.values[i])).collect();
            let expected: Vec<_> = reference.range(from..=from + span).map(|(t, (start, value))| (*t, *start, *value)).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
