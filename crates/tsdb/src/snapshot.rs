//! A consistent picture of everything that is kept, held without locks.

use std::collections::BTreeSet;
use std::sync::Arc;

use lingshao_model::{
    Cancel, Labels, Matcher, SelectError, Selection, SeriesColumns, SeriesSource, Timestamp, Visit,
};

use crate::block::{Block, BlockCursor, BlockError};
use crate::cursor::{Cursor, Cursors};
use crate::generation::{GenerationView, time_range};

/// All samples that were appended before it was taken, and none that came after.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Oldest first.
    pub(crate) blocks: Arc<[Arc<Block>]>,
    /// Oldest first; the last one is the generation that is being written.
    pub(crate) generations: Arc<[GenerationView]>,
}

/// An answer with what could not be read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// In ascending order.
    pub items: Vec<T>,
    /// For the user: data that is missing, and why.
    pub warnings: Vec<String>,
    /// Whether the limit cut something off.
    pub truncated: bool,
}

/// Series looked at between two looks at the cancel flag.
const SERIES_PER_CANCEL_CHECK: u32 = 64;

impl Snapshot {
    /// First and last instant of which samples are kept.
    pub fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        let blocks = self.blocks.iter().map(|block| block.extent);
        time_range(blocks.chain(self.generations.iter().map(|view| view.extent)))
    }

    /// Label names of the series in a range that pass all matchers of at least one set; no set: of all series.
    pub fn label_names(
        &self,
        sets: &[Vec<Matcher>],
        start: Timestamp,
        end: Timestamp,
        limit: usize,
    ) -> Result<Found<String>, SelectError> {
        if !sets.is_empty() {
            return self.collect(sets, start, end, limit, |labels, items| {
                items.extend(labels.iter().map(|(name, _)| name.to_owned()));
            });
        }
        let mut names = BTreeSet::new();
        for block in self.blocks_in(start, end) {
            names.extend(block.names().map(str::to_owned));
        }
        for view in self.views_in(start, end) {
            view.with_index(|index| names.extend(index.names().map(str::to_owned)));
        }
        Ok(limited(names, limit, Vec::new()))
    }

    /// Values of one label over the series that [`Snapshot::label_names`] would look at.
    pub fn label_values(
        &self,
        name: &str,
        sets: &[Vec<Matcher>],
        start: Timestamp,
        end: Timestamp,
        limit: usize,
    ) -> Result<Found<String>, SelectError> {
        if !sets.is_empty() {
            return self.collect(sets, start, end, limit, |labels, items| {
                items.extend(labels.get(name).map(str::to_owned));
            });
        }
        let (mut values, mut warnings) = (BTreeSet::new(), Vec::new());
        for block in self.blocks_in(start, end) {
            match block.values(name) {
                Ok(own) => values.extend(own.into_iter().map(String::from)),
                Err(error) => warnings.push(unreadable(&block, &error)),
            }
        }
        for view in self.views_in(start, end) {
            view.with_index(|index| values.extend(index.values(name).map(|(value, _)| value.to_owned())));
        }
        Ok(limited(values, limit, warnings))
    }

    /// Label sets of the series that pass all matchers of at least one set and lie in blocks or generations that
    /// touch the range.
    pub fn series(
        &self,
        sets: &[Vec<Matcher>],
        start: Timestamp,
        end: Timestamp,
        limit: usize,
    ) -> Result<Found<Labels>, SelectError> {
        self.collect(sets, start, end, limit, |labels, items| {
            items.insert(labels.clone());
        })
    }

    fn collect<T: Ord>(
        &self,
        sets: &[Vec<Matcher>],
        start: Timestamp,
        end: Timestamp,
        limit: usize,
        take: impl Fn(&Labels, &mut BTreeSet<T>),
    ) -> Result<Found<T>, SelectError> {
        let (mut items, mut warnings) = (BTreeSet::new(), Vec::new());
        for matchers in sets {
            let mut cursors = self.cursors(matchers, start, end, &mut warnings);
            while let Some(labels) = cursors.labels() {
                take(labels, &mut items);
                if items.len() > limit {
                    break;
                }
                cursors.advance();
            }
            warnings.append(&mut cursors.take_damage());
        }
        Ok(limited(items, limit, warnings))
    }

    fn blocks_in(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = Arc<Block>> {
        self.blocks.iter().filter(move |block| block.extent.overlaps(start.0, end.0)).cloned()
    }

    fn views_in(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = &GenerationView> {
        self.generations.iter().filter(move |view| view.extent.overlaps(start.0, end.0))
    }

    fn cursors(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        warnings: &mut Vec<String>,
    ) -> Cursors {
        let mut cursors = Vec::new();
        for block in self.blocks_in(start, end) {
            match block.select(matchers) {
                Ok(series) if series.is_empty() => {}
                Ok(series) => cursors.push(Cursor::Block(BlockCursor::new(block, series))),
                Err(error) => warnings.push(unreadable(&block, &error)),
            }
        }
        for view in self.views_in(start, end) {
            let series = view.select(matchers);
            if !series.is_empty() {
                cursors.push(Cursor::head(view.clone(), series));
            }
        }
        Cursors::new(cursors)
    }
}

impl SeriesSource for Snapshot {
    fn select(
        &self,
        selection: &Selection<'_>,
        cancel: &Cancel,
        visit: &mut dyn FnMut(SeriesColumns<'_>) -> Visit,
    ) -> Result<Vec<String>, SelectError> {
        let mut warnings = Vec::new();
        let (from, to) = (selection.start, selection.end);
        let mut cursors = self.cursors(selection.matchers, from, to, &mut warnings);
        let mut until_check = 0;
        while let Some((labels, columns)) = cursors.read(from.0, to.0) {
            if until_check == 0 {
                if cancel.is_cancelled() {
                    return Err(SelectError::Cancelled);
                }
                until_check = SERIES_PER_CANCEL_CHECK;
            }
            until_check -= 1;
            if !columns.times.is_empty() {
                let columns = SeriesColumns {
                    labels,
                    times: &columns.times,
                    values: &columns.values,
                    starts: &columns.starts,
                };
                if visit(columns).is_break() {
                    break;
                }
            }
            cursors.advance();
        }
        warnings.append(&mut cursors.take_damage());
        Ok(warnings)
    }
}

fn unreadable(block: &Block, error: &BlockError) -> String {
    format!("samples between {} and {} (ms) may be missing: {error}", block.extent.min_t, block.extent.max_t)
}

fn limited<T: Ord>(items: BTreeSet<T>, limit: usize, warnings: Vec<String>) -> Found<T> {
    let truncated = items.len() > limit;
    Found { items: items.into_iter().take(limit).collect(), warnings, truncated }
}
