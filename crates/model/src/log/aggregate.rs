//! Figures over the records that a query finds: the aggregations of Elasticsearch, without their JSON.

use super::{LogHit, LogQuery, LogTime, Number, SortKey};

/// A figure, or buckets with figures of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation {
    /// As the caller names it.
    pub name: String,
    /// What is computed.
    pub kind: AggregationKind,
    /// In every bucket of it.
    pub inner: Vec<Aggregation>,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueSource {
    /// The field.
    pub field: String,
    /// What a record without the field counts as; `None`: it does not count.
    pub missing: Option<String>,
}

/// What is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregationKind {
    /// A bucket a value. For text fields that are mapped as words: a bucket a word.
    Terms {
        /// Of what.
        source: ValueSource,
        /// How many at most.
        size: usize,
        /// Which first.
        order: Vec<BucketOrder>,
        /// Rarer ones are left out; 0 adds values that only other records have.
        min_count: u64,
        /// Only these.
        selection: TermsSelection,
    },
    /// A bucket a span of time.
    DateHistogram {
        /// Of what.
        source: ValueSource,
        /// How long.
        interval: Interval,
        /// IANA name or `+08:00`.
        time_zone: String,
        /// Moves the buckets' beginnings, nanoseconds.
        offset: i64,
        /// Emptier ones are left out.
        min_count: u64,
        /// Buckets from here to there exist, also empty ones.
        extended_bounds: Option<(LogTime, LogTime)>,
        /// Buckets outside do not exist.
        hard_bounds: Option<(LogTime, LogTime)>,
        /// In this order.
        order: Vec<BucketOrder>,
    },
    /// A bucket a span of numbers.
    Histogram {
        /// Of what.
        source: ValueSource,
        /// How wide, above 0.
        interval: f64,
        /// Moves the buckets' beginnings.
        offset: f64,
        /// Emptier ones are left out.
        min_count: u64,
        /// Buckets from here to there exist, also empty ones.
        extended_bounds: Option<(f64, f64)>,
        /// In this order.
        order: Vec<BucketOrder>,
    },
    /// A bucket a range of numbers.
    Range {
        /// Of what.
        source: ValueSource,
        /// From (included), to (excluded), which may overlap.
        ranges: Vec<RangeSpec<f64>>,
    },
    /// A bucket a range of instants.
    DateRange {
        /// Of what.
        source: ValueSource,
        /// From (included), to (excluded), which may overlap.
        ranges: Vec<RangeSpec<LogTime>>,
    },
    /// A bucket a query.
    Filters {
        /// Names and queries.
        filters: Vec<(String, LogQuery)>,
        /// The name of one more bucket, for records that none of them finds.
        other: Option<String>,
    },
    /// One bucket.
    Filter(LogQuery),
    /// One bucket of the records without a value.
    Missing {
        /// Of this field.
        field: String,
    },
    /// One bucket of all records of the indices, whatever the query finds.
    Global,
    /// A bucket a combination, page by page.
    Composite {
        /// Of these, the first one slowest.
        sources: Vec<CompositeSource>,
        /// How many a page.
        size: usize,
        /// The last combination of the page before, one key a source.
        after: Option<Vec<BucketKey>>,
    },
    /// How many different values: exact up to 65,536 (counted by hash, HyperLogLog beyond).
    Cardinality(ValueSource),
    /// Values below which so many per cent lie: exact up to a bound that the storage states, t-digest-like beyond.
    Percentiles {
        /// Of what.
        source: ValueSource,
        /// From 0 to 100.
        percents: Vec<f64>,
    },
    /// Count, sum, minimum, maximum of numbers or instants (in milliseconds), and sum of squares.
    Stats(ValueSource),
    /// How many values.
    ValueCount(ValueSource),
    /// Some of the records.
    TopHits {
        /// Which first.
        sort: Vec<SortKey>,
        /// How many are skipped.
        from: usize,
        /// How many at most.
        size: usize,
    },
}

/// Which values become buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TermsSelection {
    /// Only values that match this (a pattern of the `regex` crate, anchored); `None`: all.
    pub include: Option<String>,
    /// And none that match this.
    pub exclude: Option<String>,
    /// Only these; `None`: all.
    pub only: Option<Vec<String>>,
    /// And none of these.
    pub never: Vec<String>,
}

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Nanoseconds, above 0.
    Fixed(i64),
    /// By the calendar of a time zone.
    Calendar(CalendarUnit),
}

/// Units whose length differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CalendarUnit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A range of an aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeSpec<T> {
    /// As the caller names it; the renderer makes one otherwise.
    pub key: Option<String>,
    /// Included.
    pub from: Option<T>,
    /// Excluded.
    pub to: Option<T>,
}

/// What one part of a combination is.
#[derive(Clone, Debug, PartialEq)]
pub struct CompositeSource {
    /// As the caller names it.
    pub name: String,
    /// The field.
    pub field: String,
    /// How its values become keys.
    pub kind: CompositeSourceKind,
    /// Large ones first.
    pub descending: bool,
    /// Records without a value are a bucket, too.
    pub missing_bucket: bool,
}

/// How values become keys of combinations.
#[derive(Clone, Debug, PartialEq)]
pub enum CompositeSourceKind {
    /// As they are.
    Terms,
    /// By spans of numbers.
    Histogram(f64),
    /// By spans of time.
    DateHistogram {
        /// How long.
        interval: Interval,
        /// IANA name or `+08:00`.
        time_zone: String,
    },
}

/// Which bucket comes first; `descending` turns it round.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BucketOrder {
    /// By how many records it has.
    Count { descending: bool },
    /// By its key.
    Key { descending: bool },
    /// By a figure inside: the names on the way to it, and what of it (`avg`, `99.0`, `value`).
    Inner { path: Vec<String>, property: String, descending: bool },
}

/// What came of an aggregation.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregationResult {
    /// Of those that make buckets. One bucket of `Filter`, `Missing` and `Global`.
    Buckets(Buckets),
    /// Of `Cardinality` and `ValueCount`.
    Count(u64),
    /// Of `Percentiles`: one value a percent, `None` without values.
    Percentiles(Vec<(f64, Option<f64>)>),
    /// Of `Stats`.
    Stats(ExtendedStats),
    /// Of `TopHits`: how many there are, and some of them.
    Hits(u64, Vec<LogHit>),
}

/// Several buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// In their order.
    pub buckets: Vec<Bucket>,
    /// Records in buckets beyond `size`.
    pub others: u64,
    /// Most records that a bucket may have been counted too few; 0: exact.
    pub error: u64,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// One, or of combinations one a source; none of `Filter` and its like.
    pub keys: Vec<BucketKey>,
    /// How many records.
    pub count: u64,
    /// What was computed inside, in the order of the question.
    pub inner: Vec<AggregationResult>,
}

/// What a bucket is for.
#[derive(Clone, Debug, PartialEq)]
pub enum BucketKey {
    /// Records without a value.
    Null,
    /// A value.
    Text(String),
    /// A value.
    Number(Number),
    /// A value.
    Bool(bool),
    /// An instant.
    Time(LogTime),
    /// A range, filled by the question's own order: its place there.
    Place(usize),
}

/// Figures of numbers. Without any: all are 0, the minimum is `+∞`, the maximum `-∞`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExtendedStats {
    /// How many values.
    pub count: u64,
    /// Their sum, compensated (Neumaier).
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
    /// Whether they are instants; then the figures are milliseconds.
    pub times: bool,
}
