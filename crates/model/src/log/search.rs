//! A question to the storage, and its answer.

use std::cmp::Ordering;

use super::{Aggregation, AggregationResult, LogQuery, LogRecord, Number};

/// Which records, in which order, and what is counted among them.
#[derive(Clone, Debug)]
pub struct LogSearch {
    /// Indices that exist, by name.
    pub indices: Vec<String>,
    /// Which records.
    pub query: LogQuery,
    /// Narrows the hits but not the aggregations (`post_filter`).
    pub post_filter: Option<LogQuery>,
    /// First by the first; ties by arrival. Empty: newest first.
    pub sort: Vec<SortKey>,
    /// Begins behind the record with these values, one a key and, where one more is given, its `seq`.
    pub after: Option<Vec<SortValue>>,
    /// How many hits are skipped.
    pub from: usize,
    /// How many hits are wanted at most.
    pub size: usize,
    /// Whether all of them have to be counted.
    pub total: TotalWanted,
    /// What is computed over all records that the query finds.
    pub aggregations: Vec<Aggregation>,
}

impl LogSearch {
    /// The first `size` records of some indices that a query finds, newest first and not counted.
    pub fn new(indices: Vec<String>, query: LogQuery, size: usize) -> LogSearch {
        LogSearch {
            indices,
            query,
            post_filter: None,
            sort: Vec::new(),
            after: None,
            from: 0,
            size,
            total: TotalWanted::Nothing,
            aggregations: Vec::new(),
        }
    }
}

/// How exactly records are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalWanted {
    /// All.
    Exact,
    /// At least up to here.
    UpTo(u64),
    /// Not at all.
    Nothing,
}

/// One criterion of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// By what.
    pub field: SortField,
    /// Which way.
    pub order: SortOrder,
    /// Where records without a value go.
    pub missing: Missing,
}

/// By what records are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortField {
    /// When they happened.
    Time,
    /// When they arrived: `_doc`, `_shard_doc`.
    Arrival,
    /// All alike: `_score`.
    Score,
    /// The lowest value of a field when ascending, its highest when descending.
    Field(String),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// Small first.
    Ascending,
    /// Large first.
    Descending,
}

/// Where records without a value go.
#[derive(Clone, Debug, PartialEq)]
pub enum Missing {
    /// Behind all others.
    Last,
    /// Before all others.
    First,
    /// Where this value would be.
    Value(SortValue),
}

/// A value that records are ordered by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// None.
    Null,
    /// Numbers; instants in nanoseconds; arrival numbers; booleans as 0 and 1.
    Number(Number),
    /// Text.
    Text(String),
}

impl SortValue {
    /// Numbers before texts; `Null` is equal to itself and before all others: [`Missing`] is the caller's business.
    pub fn compare(&self, other: &SortValue) -> Ordering {
        match (self, other) {
            (SortValue::Number(a), SortValue::Number(b)) => a.compare(*b),
            (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            SortValue::Null => 0,
            SortValue::Number(_) => 1,
            SortValue::Text(_) => 2,
        }
    }
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct LogHit {
    /// It.
    pub record: LogRecord,
    /// One value a key of the order.
    pub sort: Vec<SortValue>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct LogFound {
    /// How many records the query finds, as far as they were counted.
    pub total: u64,
    /// Whether there may be more.
    pub more: bool,
    /// In order.
    pub hits: Vec<LogHit>,
    /// In the order of the question.
    pub aggregations: Vec<AggregationResult>,
    /// What could not be read of the storage, for a person; what is here is right but not all.
    pub damage: Vec<String>,
}
