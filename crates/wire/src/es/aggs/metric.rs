//! Figures.

use lingshao_model::log::{AggregationKind, ValueSource};

use super::{Figure, Shown, Times, What, rate};
use crate::date_math::DateFormats;
use crate::es::EsError;
use crate::es::dates;
use crate::es::options::Options;
use crate::es::search::SearchRequest;
use crate::json::Value;

/// What `percentiles` computes when it is not said.
const PERCENTS: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];
/// Most percents of one aggregation: as many as there are whole ones.
const PERCENTS_MAX: usize = 101;
/// Most hits of one `top_hits` (Elasticsearch: `index.max_inner_result_window`, the same): they are kept for every bucket.
const TOP_HITS_MAX: usize = 100;

/// Reads a figure; `None` if `kind` is none.
pub(super) fn read(kind: &str, options: &Options<'_>) -> Result<Option<What>, EsError> {
    let figure = match kind {
        "avg" => Figure::Avg,
        "sum" => Figure::Sum,
        "min" => Figure::Min,
        "max" => Figure::Max,
        "value_count" => Figure::ValueCount,
        "cardinality" => Figure::Cardinality,
        "stats" | "extended_stats" => return stats(kind, options).map(Some),
        "rate" => return rate::read(options).map(Some),
        "percentiles" => return percentiles(options).map(Some),
        "top_hits" => return top_hits(options).map(Some),
        "top_metrics" => return top_metrics(options).map(Some),
        _ => return Ok(None),
    };
    let source = source(options)?;
    options.accept(&["precision_threshold", "rehash", "execution_hint"]);
    let times = times(options)?;
    let stored = match figure {
        Figure::ValueCount => AggregationKind::ValueCount(source),
        Figure::Cardinality => AggregationKind::Cardinality(source),
        _ => AggregationKind::Stats(source),
    };
    Ok(Some(What::Stored(stored, Shown::Figure(figure, times))))
}

/// `field` and `missing`.
pub(super) fn source(options: &Options<'_>) -> Result<ValueSource, EsError> {
    if options.get("script").is_some() {
        let reason = format!("[{}] with a [script] is not supported; name a [field]", options.what);
        return Err(options.body.error(options.node, reason));
    }
    options.accept(&["value_type"]);
    let missing = options.text("missing")?;
    let Some(field) = options.text("field")? else {
        let reason = "Required one of fields [field, script], but none were specified. ";
        return Err(EsError::argument(reason));
    };
    Ok(ValueSource { field, missing })
}

/// `format` and `time_zone`.
pub(super) fn times(options: &Options<'_>) -> Result<Times, EsError> {
    let format = match options.text("format")? {
        // Patterns of numbers (`0.00`) say nothing of times.
        Some(text) if text.contains(['0', '#']) => DateFormats::iso(),
        Some(text) => dates::formats(&text)?,
        None => DateFormats::iso(),
    };
    let zone = match options.text("time_zone")? {
        Some(text) => dates::read_zone(&text)?,
        None => jiff::tz::TimeZone::UTC,
    };
    Ok(Times { format, zone })
}

fn stats(kind: &str, options: &Options<'_>) -> Result<What, EsError> {
    let source = AggregationKind::Stats(source(options)?);
    let times = times(options)?;
    if kind == "stats" {
        return Ok(What::Stored(source, Shown::Stats(times)));
    }
    let sigma = options.number("sigma")?.unwrap_or(2.0);
    if sigma < 0.0 {
        return Err(EsError::argument(format!(
            "[sigma] must be greater than or equal to 0. Found [{sigma}]"
        )));
    }
    Ok(What::Stored(source, Shown::ExtendedStats { sigma, times }))
}

fn percentiles(options: &Options<'_>) -> Result<What, EsError> {
    let source = source(options)?;
    options.accept(&["tdigest", "hdr", "compression", "method", "number_of_significant_value_digits"]);
    let keyed = options.flag("keyed")?.unwrap_or(true);
    times(options)?;
    let percents = match options.get("percents") {
        None => PERCENTS.to_vec(),
        Some(node) => percents(options, node)?,
    };
    Ok(What::Stored(AggregationKind::Percentiles { source, percents }, Shown::Percentiles { keyed }))
}

/// They are answered in ascending order.
fn percents(options: &Options<'_>, node: &crate::json::Node) -> Result<Vec<f64>, EsError> {
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let numbers: Result<Vec<f64>, EsError> =
        items.iter().map(|item| options.body.number(item, "percents")).collect();
    let mut numbers = numbers?;
    if numbers.is_empty() || numbers.len() > PERCENTS_MAX {
        return Err(EsError::argument(format!("[percents] must hold 1 to {PERCENTS_MAX} numbers")));
    }
    if let Some(wrong) = numbers.iter().find(|number| !(0.0..=100.0).contains(*number)) {
        return Err(EsError::argument(format!("percent must be in [0,100], got [{wrong}]")));
    }
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    Ok(numbers)
}

fn top_hits(options: &Options<'_>) -> Result<What, EsError> {
    let names = [
        "from",
        "size",
        "sort",
        "_source",
        "fields",
        "docvalue_fields",
        "stored_fields",
        "highlight",
        "version",
        "seq_no_primary_term",
        "track_scores",
        "explain",
        "script_fields",
    ];
    let request = SearchRequest::of_members(options, &names, 3)?;
    let (from, size) = (request.from, request.size);
    if from + size > TOP_HITS_MAX {
        return Err(EsError::shard_argument(format!(
            "Top hits result window is too large, the top hits aggregator's from + size must be less than or equal to: [{TOP_HITS_MAX}] but was [{}].",
            from + size
        )));
    }
    let kind = AggregationKind::TopHits { sort: request.keys(), from, size };
    Ok(What::Stored(kind, Shown::TopHits(Box::new(request))))
}

fn top_metrics(options: &Options<'_>) -> Result<What, EsError> {
    let metrics = options.get("metrics");
    let items = match metrics.map(|node| &node.value) {
        Some(Value::Array(items)) => items.as_slice(),
        Some(_) => metrics.map(std::slice::from_ref).unwrap_or_default(),
        None => return Err(options.body.content_error(options.node, "[top_metrics] Required [metrics]")),
    };
    let mut fields = Vec::new();
    for item in items.iter().take(10) {
        let metric = Options::new(options.body, item, "metrics")?;
        metric.accept(&["missing"]);
        fields.push(metric.required("field")?);
        metric.finish()?;
    }
    let request = SearchRequest::of_members(options, &["size", "sort"], 1)?;
    let size = request.size.min(TOP_HITS_MAX);
    let kind = AggregationKind::TopHits { sort: request.keys(), from: 0, size };
    Ok(What::Stored(kind, Shown::TopMetrics { request: Box::new(request), fields }))
}
