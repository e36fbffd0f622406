//! Data that are really there: of a running server over HTTP, or of this one.

mod here;
mod remote;

use std::collections::{BTreeSet, HashMap};

use lingshao_promql::Expr;
use lingshao_promql::ast::{Extension, VectorSelector};
use lingshao_promql::lint::MetricKind;
use lingshao_wire::yaml::nearest;

pub(crate) use here::Here;
pub(crate) use remote::Remote;

/// Names and kinds of all metrics, as both ways to ask need them.
#[derive(Debug, Default)]
struct Metrics {
    names: BTreeSet<String>,
    kinds: HashMap<String, MetricKind>,
}

impl Metrics {
    /// A server without any series says nothing about what is missing.
    fn has(&self, name: &str) -> Option<bool> {
        (!self.names.is_empty()).then(|| self.names.contains(name))
    }

    fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// OpenMetrics calls a counter by its name without `_total`.
    fn kind(&self, name: &str) -> Option<MetricKind> {
        self.kinds.get(name).or_else(|| self.kinds.get(name.strip_suffix("_total")?)).copied()
    }
}

fn kind(text: &str) -> MetricKind {
    match text {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        _ => MetricKind::Other,
    }
}

/// The series that a selector means, whatever instant it asks for.
fn plain(selector: &VectorSelector) -> VectorSelector {
    VectorSelector { offset: None, at: None, extension: Extension::None, ..selector.clone() }
}

fn plain_text(selector: &VectorSelector) -> String {
    Expr::Vector(Box::new(plain(selector))).to_string()
}

/// Bounds in ascending order, from the texts of `le`.
fn bounds(texts: impl Iterator<Item = String>) -> Vec<f64> {
    let mut bounds: Vec<f64> =
        texts.filter_map(|text| text.parse().ok()).filter(|bound: &f64| bound.is_finite()).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_numbers_in_order() {
        let texts = ["+Inf", "2.5", "1", "2.50", "x"].map(str::to_owned);
        assert_eq!(bounds(texts.into_iter()), [1.0, 2.5]);
    }

    #[test]
    fn a_server_without_series_misses_nothing() {
        let mut metrics = Metrics::default();
        assert_eq!(metrics.has("a_total"), None);
        metrics.names.insert("orders_created_total".to_owned());
        metrics.kinds.insert("orders_created".to_owned(), MetricKind::Counter);
        assert_eq!((metrics.has("orders_created_total"), metrics.has("a")), (Some(true), Some(false)));
        assert_eq!(metrics.nearest("orders_create_total").as_deref(), Some("orders_created_total"));
        assert_eq!(metrics.nearest("zebras"), None);
        assert_eq!(metrics.kind("orders_created_total"), Some(MetricKind::Counter));
    }
}
