//! One generation of the head: the series that arrived since the last cut, in memory.
//!
//! Series lie in pages behind reference counts. A snapshot clones the references; a writer that meets a page which
//! a snapshot still holds copies that page first. So readers hold no lock and see one instant, and writers pay
//! only for what they change while somebody reads.

use std::sync::{Arc, RwLock};

use hashbrown::HashTable;
use lingshao_model::{Labels, Matcher, Timestamp};
use rapidhash::v3::rapidhash_v3;

use crate::chunk::Columns;
use crate::index::Index;
use crate::series::Series;

/// Series per page: few enough that copying a page is microseconds, enough that a snapshot of a million series
/// clones 16,000 references.
const PAGE: usize = 64;

type Page = Vec<Series>;

/// The generation that is being written.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// First log segment that holds its records.
    pub(crate) segment: u64,
    pages: Vec<Arc<Page>>,
    index: Arc<RwLock<Index>>,
    by_labels: HashTable<u32>,
    pub(crate) extent: Extent,
}

/// How much a generation holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    pub(crate) samples: u64,
    /// Bytes of chunks and labels, roughly what memory they take.
    pub(crate) bytes: u64,
}

/// A generation as it was at one instant.
#[derive(Clone, Debug)]
pub(crate) struct GenerationView {
    pub(crate) number: u64,
    pages: Arc<[Arc<Page>]>,
    index: Arc<RwLock<Index>>,
    series_count: u32,
    pub(crate) extent: Extent,
}

impl Extent {
    pub(crate) const EMPTY: Extent = Extent { min_t: i64::MAX, max_t: i64::MIN, samples: 0, bytes: 0 };

    /// Whether a range touches the samples.
    pub(crate) fn overlaps(&self, from: i64, to: i64) -> bool {
        self.min_t <= to && from <= self.max_t
    }
}

/// First and last instant of samples that lie in these.
pub(crate) fn time_range(extents: impl Iterator<Item = Extent>) -> Option<(Timestamp, Timestamp)> {
    extents
        .filter(|extent| extent.samples > 0)
        .map(|extent| (Timestamp(extent.min_t), Timestamp(extent.max_t)))
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

impl Generation {
    pub(crate) fn new(number: u64, segment: u64) -> Generation {
        Generation {
            number,
            segment,
            pages: Vec::new(),
            index: Arc::default(),
            by_labels: HashTable::new(),
            extent: Extent::EMPTY,
        }
    }

    pub(crate) fn series_count(&self) -> u32 {
        self.pages.last().map_or(0, |last| ((self.pages.len() - 1) * PAGE + last.len()) as u32)
    }

    pub(crate) fn series(&self, series: u32) -> Option<&Series> {
        self.pages.get(series as usize / PAGE)?.get(series as usize % PAGE)
    }

    /// Finds a series. `guess` is tried first: senders repeat their order, so the series behind the last one found
    /// is nearly always the one wanted, and comparing it costs less than hashing.
    #[inline]
    pub(crate) fn find(&self, labels: &[u8], guess: u32) -> Option<u32> {
        if self.series(guess).is_some_and(|series| series.labels.encoded() == labels) {
            return Some(guess);
        }
        self.by_labels.find(rapidhash_v3(labels), |series| self.encoded(*series) == labels).copied()
    }

    /// Adds a series that [`Generation::find`] did not find.
    pub(crate) fn add(&mut self, labels: Labels) -> u32 {
        let number = self.index.write().expect("no panic while indexing").add(&labels);
        let hash = rapidhash_v3(labels.encoded());
        self.extent.bytes += (size_of::<Series>() + 2 * labels.encoded().len()) as u64;
        let pages = &mut self.pages;
        if (number as usize).is_multiple_of(PAGE) {
            pages.push(Arc::new(Vec::with_capacity(PAGE)));
        }
        let page = pages.last_mut().expect("a page was pushed for the first series of it");
        Arc::make_mut(page).push(Series::new(labels));
        let pages = &self.pages;
        self.by_labels.insert_unique(hash, number, |series| rapidhash_v3(encoded(pages, *series)));
        number
    }

    fn encoded(&self, series: u32) -> &[u8] {
        encoded(&self.pages, series)
    }

    /// The page of a series, to be changed: copied first when a snapshot holds it.
    #[inline]
    pub(crate) fn page_mut(&mut self, series: u32) -> Option<PageMut<'_>> {
        let page = series as usize / PAGE;
        let first = (page * PAGE) as u32;
        let series = Arc::make_mut(self.pages.get_mut(page)?);
        Some(PageMut { first, series, extent: &mut self.extent })
    }

    pub(crate) fn view(&self) -> GenerationView {
        GenerationView {
            number: self.number,
            pages: self.pages.as_slice().into(),
            index: Arc::clone(&self.index),
            series_count: self.series_count(),
            extent: self.extent,
        }
    }
}

fn encoded(pages: &[Arc<Page>], series: u32) -> &[u8] {
    pages[series as usize / PAGE][series as usize % PAGE].labels.encoded()
}

/// Some series next to each other, to be changed.
pub(crate) struct PageMut<'a> {
    first: u32,
    series: &'a mut Page,
    extent: &'a mut Extent,
}

impl PageMut<'_> {
    /// The series of that number, if it is in this page.
    #[inline]
    pub(crate) fn get(&mut self, series: u32) -> Option<&mut Series> {
        self.series.get_mut(series.checked_sub(self.first)? as usize)
    }

    /// Keeps a sample of a series in this page; answers `false` when the series is not here.
    #[inline]
    pub(crate) fn push(&mut self, series: u32, t: i64, start: i64, value: f64) -> bool {
        let Some(series) =
            series.checked_sub(self.first).and_then(|index| self.series.get_mut(index as usize))
        else {
            return false;
        };
        self.extent.bytes += series.push(t, start, value) as u64;
        self.extent.samples += 1;
        self.extent.min_t = self.extent.min_t.min(t);
        self.extent.max_t = self.extent.max_t.max(t);
        true
    }
}

impl GenerationView {
    pub(crate) fn series(&self, series: u32) -> &Series {
        &self.pages[series as usize / PAGE][series as usize % PAGE]
    }

    /// Series that pass all matchers, in ascending order of labels.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<u32> {
        let index = self.index.read().expect("no panic while indexing");
        let found = index.select(matchers, self.series_count);
        if index.is_sorted() {
            return index.in_label_order(found);
        }
        drop(index);
        self.sort_all();
        let index = self.index.read().expect("no panic while indexing");
        if index.is_sorted() {
            return index.in_label_order(found);
        }
        // Series keep arriving faster than they are ranked: sort what this query found by itself.
        let mut found = found;
        found.sort_unstable_by(|a, b| self.series(*a).labels.cmp(&self.series(*b).labels));
        found
    }

    fn sort_all(&self) {
        let mut index = self.index.write().expect("no panic while indexing");
        if index.series_count() == self.series_count {
            index.sort(|series| &self.series(series).labels);
        }
    }

    /// Reads a series within a range into empty columns.
    pub(crate) fn read(&self, series: u32, from: i64, to: i64, out: &mut Columns) {
        self.series(series).read(from, to, out);
    }

    /// Calls `visit` with the index: for label names and values and for statistics.
    pub(crate) fn with_index<R>(&self, visit: impl FnOnce(&Index) -> R) -> R {
        visit(&self.index.read().expect("no panic while indexing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(n: u32) -> Labels {
        Labels::from_pairs([("__name__", "m"), ("n", &format!("{n:05}"))]).unwrap()
    }

    fn push(generation: &mut Generation, series: u32, t: i64) {
        assert!(generation.page_mut(series).unwrap().push(series, t, 0, t as f64));
    }

    #[test]
    fn a_view_does_not_change_while_the_generation_grows() {
        let mut generation = Generation::new(1, 1);
        for n in 0..200 {
            let series = generation.add(labels(n));
            push(&mut generation, series, 1);
        }
        let view = generation.view();
        for n in 200..300 {
            generation.add(labels(n));
        }
        push(&mut generation, 7, 2);
        let all = Matcher::equal("__name__", "m");
        assert_eq!(view.select(std::slice::from_ref(&all)).len(), 200);
        assert_eq!(generation.view().select(&[all]).len(), 300);
        let mut columns = Columns::default();
        view.read(7, 0, 10, &mut columns);
        assert_eq!(columns.times, [1]);
        columns.clear();
        generation.view().read(7, 0, 10, &mut columns);
        assert_eq!(columns.times, [1, 2]);
    }

    #[test]
    fn a_series_is_found_with_a_right_guess_a_wrong_one_and_none() {
        let mut generation = Generation::new(1, 1);
        (0..100).for_each(|n| assert_eq!(generation.add(labels(n)), n));
        for guess in [41, 42, u32::MAX] {
            assert_eq!(generation.find(labels(42).encoded(), guess), Some(42));
        }
        assert_eq!(generation.find(labels(100).encoded(), 42), None);
    }
}
