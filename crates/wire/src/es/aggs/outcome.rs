//! Results, with those of pipeline aggregations among them.

use lingshao_model::log::{AggregationResult, BucketKey, ExtendedStats, LogHit};

use super::{Asked, What, pipeline, rate};

/// What came of one aggregation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    /// A pipeline aggregation has no value here.
    Nothing,
    Buckets(GotBuckets),
    Count(u64),
    Percentiles(Vec<(f64, Option<f64>)>),
    Stats(ExtendedStats),
    Hits(u64, Vec<LogHit>),
    /// NaN: none.
    Value(f64),
    /// A value, and the same for one unit of time.
    Slope(f64, f64),
    /// A value, and the keys of the buckets that have it.
    Best(f64, Vec<String>),
}

/// Buckets of one aggregation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GotBuckets {
    pub(super) buckets: Vec<GotBucket>,
    pub(super) others: u64,
    pub(super) error: u64,
}

/// One bucket; what is inside has the order of the question, pipeline aggregations included.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GotBucket {
    pub(super) keys: Vec<BucketKey>,
    pub(super) count: u64,
    pub(super) inner: Vec<Got>,
}

/// Brings the storage's results into the order of the question, and computes pipeline aggregations over them.
pub(crate) fn outcomes(asked: &[Asked], results: Vec<AggregationResult>) -> Vec<Got> {
    let mut results = results.into_iter();
    let mut all: Vec<Got> = asked
        .iter()
        .map(|asked| match asked.what {
            What::Stored(..) => results.next().map_or(Got::Nothing, |result| got(asked, result)),
            What::Pipeline(_) => Got::Nothing,
        })
        .collect();
    pipeline::beside(asked, &mut all);
    all
}

fn got(asked: &Asked, result: AggregationResult) -> Got {
    match result {
        AggregationResult::Count(count) => Got::Count(count),
        AggregationResult::Percentiles(values) => Got::Percentiles(values),
        AggregationResult::Stats(stats) => Got::Stats(stats),
        AggregationResult::Hits(total, hits) => Got::Hits(total, hits),
        AggregationResult::Buckets(buckets) => {
            let bucket = |bucket: lingshao_model::log::Bucket| GotBucket {
                inner: outcomes(&asked.inner, bucket.inner),
                keys: bucket.keys,
                count: bucket.count,
            };
            let mut own = GotBuckets {
                buckets: buckets.buckets.into_iter().map(bucket).collect(),
                others: buckets.others,
                error: buckets.error,
            };
            rate::inside(asked, &mut own);
            pipeline::inside(&asked.inner, &mut own);
            Got::Buckets(own)
        }
    }
}
