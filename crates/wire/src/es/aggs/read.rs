//! `aggs` of a body.

use super::{Asked, DEPTH_MAX, NODES_MAX, What, bucket, metric, order, pipeline};
use crate::es::EsError;
use crate::es::body::{Body, did_you_mean, token};
use crate::es::options::Options;
use crate::es::params::shorten;
use crate::json::{Node, Value};

/// Those that are computed, for messages.
const NAMES: &[&str] = &[
    "avg",
    "avg_bucket",
    "bucket_script",
    "bucket_selector",
    "bucket_sort",
    "cardinality",
    "composite",
    "cumulative_sum",
    "date_histogram",
    "date_range",
    "derivative",
    "extended_stats",
    "extended_stats_bucket",
    "filter",
    "filters",
    "global",
    "histogram",
    "max",
    "max_bucket",
    "min",
    "min_bucket",
    "missing",
    "moving_fn",
    "nested",
    "percentiles",
    "percentiles_bucket",
    "range",
    "rate",
    "reverse_nested",
    "sampler",
    "serial_diff",
    "stats",
    "stats_bucket",
    "sum",
    "sum_bucket",
    "terms",
    "top_hits",
    "top_metrics",
    "value_count",
];

/// Those that Elasticsearch computes and we do not.
const REFUSED: &[&str] = &[
    "adjacency_matrix",
    "auto_date_histogram",
    "boxplot",
    "bucket_correlation",
    "bucket_count_ks_test",
    "categorize_text",
    "change_point",
    "children",
    "cumulative_cardinality",
    "diversified_sampler",
    "frequent_item_sets",
    "geo_bounds",
    "geo_centroid",
    "geo_distance",
    "geo_line",
    "geohash_grid",
    "geohex_grid",
    "geotile_grid",
    "inference",
    "ip_prefix",
    "ip_range",
    "matrix_stats",
    "median_absolute_deviation",
    "moving_percentiles",
    "multi_terms",
    "normalize",
    "parent",
    "percentile_ranks",
    "random_sampler",
    "rare_terms",
    "scripted_metric",
    "significant_terms",
    "significant_text",
    "string_stats",
    "t_test",
    "time_series",
    "variable_width_histogram",
    "weighted_avg",
];

/// Reads all aggregations of a search.
pub(crate) fn read(body: &Body<'_>, node: &Node) -> Result<Vec<Asked>, EsError> {
    let mut nodes = 0;
    let asked = level(body, node, 1, &mut nodes)?;
    pipeline::check(&asked, None)?;
    Ok(asked)
}

fn level(body: &Body<'_>, node: &Node, depth: usize, nodes: &mut usize) -> Result<Vec<Asked>, EsError> {
    if depth > DEPTH_MAX {
        return Err(body.error(node, format!("aggregations are nested deeper than {DEPTH_MAX} levels")));
    }
    let mut all = Vec::new();
    for (name, node) in body.object(node, "aggregations")? {
        *nodes += 1;
        if *nodes > NODES_MAX {
            return Err(body.error(node, format!("more than {NODES_MAX} aggregations in one search")));
        }
        all.push(one(body, name, node, depth, nodes)?);
    }
    Ok(all)
}

fn one(body: &Body<'_>, name: &str, node: &Node, depth: usize, nodes: &mut usize) -> Result<Asked, EsError> {
    if name.is_empty() || name.contains(['[', ']', '>']) {
        let reason = format!(
            "Invalid aggregation name [{}]. Aggregation names can contain any character except '[', ']', and '>'",
            shorten(name)
        );
        return Err(body.error(node, reason));
    }
    let Value::Object(members) = &node.value else {
        let reason = format!(
            "Aggregation definition for [{name}] starts with a [{}], expected a [START_OBJECT].",
            token(node)
        );
        return Err(body.error(node, reason));
    };
    let (mut definition, mut inner, mut meta) = (None, Vec::new(), None);
    for (key, value) in members {
        match key.as_str() {
            "aggs" | "aggregations" => inner = level(body, value, depth + 1, nodes)?,
            "meta" | "metadata" => {
                body.object(value, "meta")?;
                meta = body.text.get(value.start..value.end).map(str::to_owned);
            }
            kind => match &definition {
                None => definition = Some((kind, value)),
                Some((first, _)) => {
                    let reason =
                        format!("Found two aggregation type definitions in [{name}]: [{first}] and [{kind}]");
                    return Err(body.error(value, reason));
                }
            },
        }
    }
    let Some((kind, value)) = definition else {
        return Err(body.error(node, format!("Missing definition for aggregation [{name}]")));
    };
    let what = what(body, kind, value)?;
    let mut asked = Asked { name: name.to_owned(), meta, what, inner };
    if !asked.inner.is_empty() && !asked.takes_inner() {
        let reason = format!("Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations");
        return Err(EsError::new(400, "aggregation_initialization_exception", reason));
    }
    order::resolve(&mut asked)?;
    Ok(asked)
}

fn what(body: &Body<'_>, kind: &str, node: &Node) -> Result<What, EsError> {
    if !NAMES.contains(&kind) {
        return Err(unknown(body, kind, node));
    }
    let options = Options::new(body, node, kind)?;
    let what = match metric::read(kind, &options)? {
        Some(what) => Some(what),
        None => match bucket::read(kind, &options)? {
            Some(what) => Some(what),
            None => pipeline::read(kind, &options)?.map(What::Pipeline),
        },
    };
    // `filter` and `global` have no options of their own.
    if kind != "filter" {
        options.finish()?;
    }
    what.ok_or_else(|| unknown(body, kind, node))
}

fn unknown(body: &Body<'_>, kind: &str, node: &Node) -> EsError {
    if REFUSED.contains(&kind) {
        let reason = format!("aggregation type [{kind}] is not supported; use one of {}", NAMES.join(", "));
        return body.error(node, reason);
    }
    let meant = did_you_mean(kind, NAMES);
    let at = node.position(body.text);
    let cause = format!("[{}:{}] unknown field [{}]{meant}", at.line, at.column, shorten(kind));
    body.error(node, format!("Unknown aggregation type [{}]{meant}", shorten(kind))).because(EsError::new(
        400,
        "named_object_not_found_exception",
        cause,
    ))
}
