//! Log records on their way in, and questions about them on their way to the storage.
//!
//! - [`LogBatch`]: many records, flat, as decoders fill it; [`LogRecord`]: one that was found.
//! - [`LogTime`], [`Level`], [`LogValue`]: what stands in a record.
//! - [`LogQuery`]: the one tree that every query language is read into; [`LogSearch`]: a tree with order, page and
//!   [`Aggregation`]s; [`LogFound`]: its answer.
//! - [`words`]: what a word is, for everyone who cuts texts.
//! - [`Mapping`]: what somebody said about the fields of an index; without it a field takes every value as it comes.

mod aggregate;
mod batch;
mod level;
mod mapping;
mod query;
mod record;
mod search;
mod time;
pub mod words;

pub use aggregate::{
    Aggregation, AggregationKind, AggregationResult, Bucket, BucketKey, BucketOrder, Buckets, CalendarUnit,
    CompositeSource, CompositeSourceKind, ExtendedStats, Interval, RangeSpec, TermsSelection, ValueSource,
};
pub use batch::{BatchField, BatchRecord, LogBatch, RecordBuilder};
pub use level::Level;
pub use mapping::{FieldKind, FieldMapping, Mapping, SeenField, SeenKinds};
pub use query::{Bound, Case, FieldSelection, FieldTest, IpRange, Join, LogQuery, Number, QueryValue, Test};
pub use record::{LogField, LogRecord, LogValue};
pub use search::{
    LogFound, LogHit, LogSearch, Missing, SortField, SortKey, SortOrder, SortValue, TotalWanted,
};
pub use time::{LogTime, date_of, days_from_epoch};
