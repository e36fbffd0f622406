//! Aggregations: what is asked of the storage, what is computed over its answer, and how both are shown.
//!
//! Figures and buckets come from the storage ([`lingshao_model::log::Aggregation`]). Pipeline aggregations (`derivative`,
//! `bucket_script`, …) are computed here over its answer, which has at most as many buckets as the storage allows.

mod bucket;
mod metric;
mod order;
mod outcome;
mod pipeline;
mod rate;
mod read;
mod render;
mod script;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use lingshao_model::log::{Aggregation, AggregationKind, LogQuery};

use super::search::SearchRequest;
use crate::date_math::DateFormats;
pub(crate) use outcome::outcomes;
use pipeline::Pipeline;
use rate::Rate;
pub(crate) use read::read;
pub(crate) use render::render;

/// Deepest nesting: each level multiplies the buckets, and reading recurses. Boards have four.
pub(crate) const DEPTH_MAX: usize = 8;
/// Most aggregations of one search: each is computed for every record that is found.
pub(crate) const NODES_MAX: usize = 256;

/// One aggregation as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    name: String,
    /// Given back, JSON.
    meta: Option<String>,
    what: What,
    inner: Vec<Asked>,
}

#[derive(Clone, Debug)]
enum What {
    /// The storage computes it.
    Stored(AggregationKind, Shown),
    /// It is computed over the others' results.
    Pipeline(Pipeline),
}

/// How a result of the storage is shown.
#[derive(Clone, Debug)]
enum Shown {
    Terms {
        times: Times,
    },
    DateHistogram {
        times: Times,
        keyed: bool,
    },
    Histogram {
        keyed: bool,
    },
    Ranges {
        keyed: bool,
    },
    DateRanges {
        times: Times,
        keyed: bool,
    },
    Filters {
        keyed: bool,
    },
    /// One bucket; with the name of its kind.
    Single(&'static str),
    /// How times of each source are shown; `None`: as milliseconds.
    Composite(Vec<(String, Option<Times>)>),
    Figure(Figure, Times),
    Stats(Times),
    ExtendedStats {
        sigma: f64,
        times: Times,
    },
    Percentiles {
        keyed: bool,
    },
    /// A sum or a count, of which a bucket's length makes a rate.
    Rate(Rate),
    TopHits(Box<SearchRequest>),
    TopMetrics {
        request: Box<SearchRequest>,
        fields: Vec<String>,
    },
}

/// Which of several figures is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Avg,
    Sum,
    Min,
    Max,
    ValueCount,
    Cardinality,
}

/// How instants are written.
#[derive(Clone, Debug)]
struct Times {
    format: DateFormats,
    zone: TimeZone,
}

impl Default for Times {
    fn default() -> Times {
        Times { format: DateFormats::iso(), zone: TimeZone::UTC }
    }
}

/// What the storage is asked.
pub(crate) fn questions(asked: &[Asked]) -> Vec<Aggregation> {
    let question = |asked: &Asked| match &asked.what {
        What::Stored(kind, _) => {
            Some(Aggregation { name: asked.name.clone(), kind: kind.clone(), inner: questions(&asked.inner) })
        }
        What::Pipeline(_) => None,
    };
    asked.iter().filter_map(question).collect()
}

/// Hands the search's query to the highlights of `top_hits`.
pub(crate) fn mark(asked: &mut [Asked], query: &LogQuery) {
    for asked in asked {
        if let What::Stored(_, Shown::TopHits(request)) = &mut asked.what {
            request.mark_for(query);
        }
        mark(&mut asked.inner, query);
    }
}
