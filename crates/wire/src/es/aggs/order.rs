//! `order` of buckets.

use lingshao_model::log::{AggregationKind, BucketOrder};

use super::{Asked, Figure, Shown, What};
use crate::es::EsError;
use crate::es::body::{Body, token};
use crate::es::params::shorten;
use crate::json::{Node, Value};

/// Reads `{"_count": "desc"}`, `{"agg>inner.avg": "asc"}`, or a list of such.
pub(super) fn read(body: &Body<'_>, node: &Node) -> Result<Vec<BucketOrder>, EsError> {
    let mut orders = Vec::new();
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for item in items {
        let members = match &item.value {
            Value::Object(members) => members,
            _ => {
                let reason =
                    format!("Order must be an object or a list of objects, but found [{}]", token(item));
                return Err(body.error(item, reason));
            }
        };
        for (path, direction) in members {
            orders.push(one(body, path, direction)?);
        }
    }
    if orders.len() > 10 {
        return Err(body.error(node, "more than 10 orders"));
    }
    Ok(orders)
}

fn one(body: &Body<'_>, path: &str, node: &Node) -> Result<BucketOrder, EsError> {
    let direction = body.scalar(node, "order")?;
    let descending = match direction.to_ascii_lowercase().as_str() {
        "asc" => false,
        "desc" => true,
        _ => {
            return Err(body.error(node, format!("Unknown order direction [{}]", shorten(&direction))));
        }
    };
    Ok(match path {
        "_count" => BucketOrder::Count { descending },
        "_key" | "_term" | "_time" => BucketOrder::Key { descending },
        _ => {
            let (path, property) = split(path);
            BucketOrder::Inner { path, property, descending }
        }
    })
}

/// Names on the way, and what of the last one: `a>b.avg`, `a[99.0]`, `a.99`.
pub(super) fn split(path: &str) -> (Vec<String>, String) {
    let mut names: Vec<String> = path.split('>').map(|name| name.trim().to_owned()).collect();
    let last = names.pop().unwrap_or_default();
    let (name, property) = match last.strip_suffix(']').and_then(|last| last.split_once('[')) {
        Some((name, property)) => (name, property.trim_matches(['\'', '"'])),
        None => last.split_once('.').unwrap_or((&last, "")),
    };
    let property = property.to_owned();
    names.push(name.to_owned());
    (names, property)
}

/// Makes the properties of inner figures those that the storage knows.
pub(super) fn resolve(asked: &mut Asked) -> Result<(), EsError> {
    let inner = &asked.inner;
    let What::Stored(kind, _) = &mut asked.what else { return Ok(()) };
    let order = match kind {
        AggregationKind::Terms { order, .. }
        | AggregationKind::DateHistogram { order, .. }
        | AggregationKind::Histogram { order, .. } => order,
        _ => return Ok(()),
    };
    for order in order {
        if let BucketOrder::Inner { path, property, .. } = order {
            *property =
                stored_property(inner, path, property).ok_or_else(|| wrong_path(inner, path, property))?;
        }
    }
    Ok(())
}

fn wrong_path(inner: &[Asked], path: &[String], property: &str) -> EsError {
    let path_text = path.join(">");
    let exists = path.first().is_some_and(|first| inner.iter().any(|asked| asked.name == *first));
    let reason = match exists && !property.is_empty() {
        true => format!(
            "Invalid aggregator order path [{path_text}.{property}]: buckets are ordered by a count, sum, min, max, avg or percentile"
        ),
        false => format!(
            "Invalid aggregator order path [{path_text}]. The provided aggregation [{path_text}] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets."
        ),
    };
    EsError::new(400, "aggregation_execution_exception", reason).of_shards()
}

fn stored_property(inner: &[Asked], path: &[String], property: &str) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let asked = inner.iter().find(|asked| asked.name == *first)?;
    let What::Stored(_, shown) = &asked.what else { return None };
    if !rest.is_empty() {
        return stored_property(&asked.inner, rest, property);
    }
    let property = match (shown, property) {
        (Shown::Figure(figure, _), "" | "value") => match figure {
            Figure::Avg => "avg",
            Figure::Sum => "sum",
            Figure::Min => "min",
            Figure::Max => "max",
            Figure::ValueCount | Figure::Cardinality => "value",
        },
        (Shown::Stats(_), "count" | "sum" | "min" | "max" | "avg") => property,
        // Those that the storage can order by.
        (Shown::ExtendedStats { .. }, "count" | "sum" | "min" | "max" | "avg" | "sum_of_squares") => property,
        (Shown::Percentiles { .. }, property) => {
            let percent: f64 = property.parse().ok()?;
            return Some(format!("{percent:?}"));
        }
        (Shown::Single(_), "" | "doc_count" | "_count") => "doc_count",
        _ => return None,
    };
    Some(property.to_owned())
}
