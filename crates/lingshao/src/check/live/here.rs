//! This server's own data.

use std::collections::HashMap;
use std::slice::from_ref;

use lingshao_model::{Cancel, TimeDelta, Timestamp};
use lingshao_promql::ast::VectorSelector;
use lingshao_promql::lint::{Live, MetricKind};
use lingshao_promql::{Expr, Limits, QueryValue, eval_instant};
use lingshao_tsdb::Snapshot;

use super::{Metrics, bounds};

/// Series that were there within this time count as being there.
const LATELY: TimeDelta = TimeDelta(24 * 3_600_000);
/// Most values that one rule's look may hold: rules of a shop have some thousand.
const SAMPLES_MAX: u64 = 2_000_000;

/// A snapshot, and what its targets say of their metrics.
pub(crate) struct Here {
    snapshot: Snapshot,
    metrics: Metrics,
    now: Timestamp,
    limits: Limits,
}

impl Here {
    /// With the kinds that targets tell.
    pub(crate) fn new(snapshot: Snapshot, kinds: HashMap<String, MetricKind>, now: Timestamp) -> Here {
        let limits = Limits { samples_max: SAMPLES_MAX, bytes_max: 64 << 20, ..Limits::default() };
        let start = Timestamp(now.0 - LATELY.0);
        let names = snapshot.label_values("__name__", &[], start, now, usize::MAX);
        let names = names.map(|found| found.items.into_iter().collect()).unwrap_or_default();
        Here { snapshot, metrics: Metrics { names, kinds }, now, limits }
    }
}

impl Live for Here {
    fn has_metric(&self, name: &str) -> Option<bool> {
        self.metrics.has(name)
    }

    fn nearest_metric(&self, name: &str) -> Option<String> {
        self.metrics.nearest(name)
    }

    fn kind(&self, name: &str) -> Option<MetricKind> {
        self.metrics.kind(name)
    }

    fn label_names(&self, selector: &VectorSelector) -> Option<Vec<String>> {
        let start = Timestamp(self.now.0 - LATELY.0);
        let found = self.snapshot.label_names(from_ref(&selector.matchers), start, self.now, usize::MAX);
        found.ok().map(|found| found.items)
    }

    fn bucket_bounds(&self, selector: &VectorSelector) -> Option<Vec<f64>> {
        let start = Timestamp(self.now.0 - LATELY.0);
        let found =
            self.snapshot.label_values("le", from_ref(&selector.matchers), start, self.now, usize::MAX);
        found.ok().map(|found| bounds(found.items.into_iter()))
    }

    fn count(&self, expr: &Expr) -> Option<usize> {
        let output = eval_instant(expr, &self.snapshot, self.now, &self.limits, &Cancel::default()).ok()?;
        match output.value {
            QueryValue::Vector(samples) => Some(samples.len()),
            _ => None,
        }
    }
}
