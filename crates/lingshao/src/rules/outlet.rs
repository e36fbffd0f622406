//! Alerts as they leave us: with the labels of the whole installation, and relabelled.

use lingshao_model::{Alert, Labels, LabelsBuilder, Timestamp};
use lingshao_wire::relabel::{self, Relabel};

/// What Prometheus' notifier does to alerts before it sends them.
#[derive(Debug, PartialEq)]
pub(super) struct Outlet {
    external_labels: Labels,
    relabel: Vec<Relabel>,
}

impl Outlet {
    pub(super) fn new(external_labels: Labels, relabel: Vec<Relabel>) -> Outlet {
        Outlet { external_labels, relabel }
    }

    /// Those that are kept, dressed.
    pub(super) fn dress(&self, mut alerts: Vec<Alert>) -> Vec<Alert> {
        if self.external_labels.is_empty() && self.relabel.is_empty() {
            return alerts;
        }
        alerts.retain_mut(|alert| {
            let labels = self.labels(&alert.labels);
            let is_kept = labels.is_some();
            alert.labels = labels.unwrap_or_default();
            is_kept
        });
        alerts
    }

    /// Under which labels an alert is told; `None` when it is not.
    pub(super) fn labels(&self, own: &Labels) -> Option<Labels> {
        let absent = self.external_labels.iter().filter(|(name, _)| own.get(name).is_none());
        let mut labels = LabelsBuilder::default();
        own.iter().chain(absent).for_each(|(name, value)| labels.push(name, value));
        if !relabel::apply(&self.relabel, &mut labels) {
            return None;
        }
        labels.finish().ok()
    }

    /// What of alerts that were told by this outlet has to end, because `next` tells them under other labels.
    pub(super) fn superseded(
        &self,
        next: &Outlet,
        told: impl Iterator<Item = Alert>,
        at: Timestamp,
    ) -> Vec<Alert> {
        if self == next {
            return Vec::new();
        }
        let ended = |alert: Alert| {
            let labels = self.labels(&alert.labels)?;
            let is_other = next.labels(&alert.labels).as_ref() != Some(&labels);
            is_other.then_some(Alert { labels, ends_at: Some(at), updated_at: at, ..alert })
        };
        told.filter_map(ended).collect()
    }
}
