//! The nouns of Lingshao and the traits where its engines meet.
//!
//! Contract: plain data, no I/O, no clock, no serde. Every other crate may use this one; it uses none of ours.
//!
//! - [`Timestamp`] and [`TimeDelta`]: milliseconds, never a bare `i64` in a signature that is not a column.
//! - [`Labels`]: sorted name/value pairs in one allocation; the identity of a series.
//! - [`Matcher`]: one condition of a selector; regular expressions are linear-time and anchored.
//! - [`SeriesBatch`]: many samples on their way from a decoder to the storage; [`Refusals`]: what of it was not kept.
//! - [`SeriesSource`]: how an expression reads series, whatever keeps them.
//! - [`log`]: records, batches of them, and questions about them.
//! - [`RuleGroup`], [`Routing`]: what is judged, and who is told; [`Alert`], [`Delivery`]: what came of it.

mod alert;
mod batch;
mod labels;
pub mod log;
mod matcher;
mod routing;
mod rule;
mod source;
mod stale;
mod time;

pub use alert::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryOutcome, DeliveryReason, Fingerprint, IntegrationId,
    IntegrationKind,
};
pub use batch::{BatchSeries, Refusal, Refusals, Refused, SeriesBatch};
pub use labels::{Labels, LabelsBuilder, LabelsError, METRIC_NAME};
pub use matcher::{MatchOp, Matcher, MatcherError, anchored_regex, expand_template, unanchored_regex};
pub use routing::{
    GroupBy, InhibitRule, IntegrationShape, ReceiverShape, Route, Routing, TimeInterval, TimeSpan,
};
pub use rule::{Rule, RuleGroup, RuleKind};
pub use source::{Cancel, SelectError, Selection, SeriesColumns, SeriesSource, Visit};
pub use stale::{STALE_NAN_BITS, is_stale, stale_nan};
pub use time::{DurationError, TimeDelta, Timestamp};
