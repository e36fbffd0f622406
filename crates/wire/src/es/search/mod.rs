//! `_search`: what is asked, and its answer.

mod fields;
#[cfg(test)]
mod grafana_tests;
mod highlight;
mod read;
mod render;
mod sort;
#[cfg(test)]
mod tests;

use lingshao_model::log::{LogQuery, LogSearch, SortField, SortKey, SortOrder, SortValue, TotalWanted};

use super::aggs::{self, Asked};
use super::json_filter::Filter;
use fields::FieldWanted;
use highlight::Highlight;
pub use read::{PARAMETERS, read};
pub use render::{Answer, Shards, render};
use sort::Sort;

/// Furthest hit that can be reached by `from` and `size` (Elasticsearch: `index.max_result_window`): all hits before it
/// are held in memory.
pub const WINDOW_MAX: usize = 10_000;

/// A search as it was asked.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Which records.
    pub query: LogQuery,
    /// Narrows the hits but not the aggregations.
    pub post_filter: Option<LogQuery>,
    /// How many hits are skipped.
    pub from: usize,
    /// How many hits are wanted.
    pub size: usize,
    /// The point in time to look at.
    pub pit: Option<Pit>,
    /// How long a scroll begun with this search stays, milliseconds.
    pub scroll: Option<u64>,
    /// How long the search may take, milliseconds.
    pub timeout: Option<u64>,
    total: TotalWanted,
    total_as_int: bool,
    sort: Vec<Sort>,
    after: Option<Vec<SortValue>>,
    source: Source,
    fields: Vec<FieldWanted>,
    doc_values: Vec<FieldWanted>,
    highlight: Option<Highlight>,
    track_scores: bool,
    version: bool,
    seq_no: bool,
    profile: bool,
    typed_keys: bool,
    aggregations: Vec<Asked>,
    departures: Vec<String>,
}

/// A point in time and how long it stays from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pit {
    /// As it was given out.
    pub id: String,
    /// Milliseconds; `None`: as before.
    pub keep_alive: Option<u64>,
}

/// What is shown of `_source`.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Whole,
    Nothing,
    Part(Filter),
}

impl SearchRequest {
    /// The question to the storage.
    pub fn search(&self, indices: Vec<String>) -> LogSearch {
        LogSearch {
            indices,
            query: self.query.clone(),
            post_filter: self.post_filter.clone(),
            sort: self.keys(),
            after: self.after.clone(),
            from: self.from,
            size: self.size,
            total: self.total,
            aggregations: aggs::questions(&self.aggregations),
        }
    }

    /// Where the query was read otherwise than Elasticsearch would, for a person.
    pub fn departures(&self) -> Vec<String> {
        self.departures.clone()
    }

    /// The order, with the tie-breaker that a point in time brings along.
    pub(super) fn keys(&self) -> Vec<SortKey> {
        let mut keys: Vec<SortKey> = self.sort.iter().map(|sort| sort.key.clone()).collect();
        if self.pit.is_some() && keys.iter().all(|key| key.field != SortField::Arrival) {
            let missing = lingshao_model::log::Missing::Last;
            keys.push(SortKey { field: SortField::Arrival, order: SortOrder::Ascending, missing });
        }
        keys
    }
}
