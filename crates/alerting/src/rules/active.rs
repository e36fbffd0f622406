//! One alert of a rule, from its first round to the end of its retention.

use std::sync::Arc;

use lingshao_model::{Alert, Annotations, Labels, METRIC_NAME, TimeDelta, Timestamp, stale_nan};

use super::text::{RuleText, value_for_people};
use super::{
    AlertState, OUTAGE_TOLERANCE, Observed, RESEND_DELAY, RESOLVED_RETENTION, Round, RuleKey, Sample,
    SavedAlert, SavedChange, SavedKey,
};

/// An alert that is pending, fires, or has ended less than [`RESOLVED_RETENTION`] ago.
#[derive(Debug)]
pub(super) struct Active {
    /// The labels of its element; of an alert that was restored they are not known before it is seen again.
    pub(super) source: Option<Labels>,
    pub(super) annotations: Annotations,
    pub(super) state: AlertState,
    pub(super) active_at: Timestamp,
    pub(super) fired_at: Option<Timestamp>,
    pub(super) resolved_at: Option<Timestamp>,
    pub(super) keep_firing_since: Option<Timestamp>,
    /// When it was said last; [`Timestamp::MIN`] when it was said and shall be again.
    pub(super) sent_at: Option<Timestamp>,
    pub(super) value: f64,
    /// The table has a row of it.
    pub(super) saved: bool,
    /// That row is not like this.
    pub(super) changed: bool,
    /// Under which state `ALERTS` was written last, and not ended since.
    pub(super) shown: Option<AlertState>,
    pub(super) series: Series,
}

/// Names of an alert's series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) pending: Labels,
    pub(super) firing: Labels,
    pub(super) for_state: Labels,
}

impl Series {
    /// As in Prometheus, a label whose template came to nothing stands there as it is written.
    pub(super) fn of(labels: &Labels, rule_labels: &[RuleText]) -> Series {
        let absent = |label: &&RuleText| labels.get(&label.name).is_none();
        let whole = rule_labels
            .iter()
            .filter(absent)
            .fold(labels.clone(), |labels, label| labels.with(&label.name, &label.written));
        let alerts = whole.with(METRIC_NAME, "ALERTS");
        Series {
            pending: alerts.with("alertstate", AlertState::Pending.name()),
            firing: alerts.with("alertstate", AlertState::Firing.name()),
            for_state: whole.with(METRIC_NAME, "ALERTS_FOR_STATE"),
        }
    }

    fn alerts(&self, state: AlertState) -> &Labels {
        if state == AlertState::Firing { &self.firing } else { &self.pending }
    }
}

impl Active {
    pub(super) fn new(series: Series, at: Timestamp) -> Active {
        Active {
            source: None,
            annotations: Annotations::default(),
            state: AlertState::Pending,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            keep_firing_since: None,
            sent_at: None,
            value: 0.0,
            saved: false,
            changed: true,
            shown: None,
            series,
        }
    }

    /// From a row. What was pending waits on from where it stood; without a trace of its last evaluation, from its
    /// beginning.
    pub(super) fn restored(
        row: SavedAlert,
        series: Series,
        now: Timestamp,
        last_seen: Option<Timestamp>,
    ) -> Active {
        let mut alert = Active {
            annotations: row.annotations,
            state: row.state,
            fired_at: row.fired_at,
            resolved_at: row.resolved_at,
            keep_firing_since: row.keep_firing_since,
            // Its row was written together with what was said.
            sent_at: (row.state == AlertState::Firing).then_some(Timestamp::MIN),
            value: row.value,
            saved: true,
            changed: false,
            shown: (row.state != AlertState::Resolved).then_some(row.state),
            ..Active::new(series, row.active_at)
        };
        let stamps = [alert.fired_at, alert.resolved_at, alert.keep_firing_since];
        let latest = stamps.into_iter().flatten().fold(alert.active_at, Timestamp::max);
        if latest > now {
            alert.shift(now - latest); // The clock was set back while nobody looked.
        }
        if alert.state == AlertState::Pending {
            let last_seen = last_seen.unwrap_or(alert.active_at).max(alert.active_at);
            let pause = TimeDelta((now - last_seen).0.max(0));
            alert.active_at = if pause > OUTAGE_TOLERANCE { now } else { alert.active_at + pause };
            alert.changed = true;
        }
        alert
    }

    /// After it has ended; its row and its series stay what they are.
    pub(super) fn begin_anew(&mut self, at: Timestamp) {
        self.source = None;
        self.state = AlertState::Pending;
        self.active_at = at;
        (self.fired_at, self.resolved_at, self.sent_at) = (None, None, None);
        self.keep_firing_since = None;
        self.changed = true;
    }

    /// It fires no longer, because it must have been there for longer.
    pub(super) fn wait_again(&mut self) {
        self.state = AlertState::Pending;
        (self.fired_at, self.sent_at, self.keep_firing_since) = (None, None, None);
        self.changed = true;
    }

    /// Restored, and not seen since.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.source.is_none() && self.state != AlertState::Resolved
    }

    /// Whether it goes on firing although the expression does not have it.
    pub(super) fn is_kept_firing(&mut self, keep_firing_for: TimeDelta, at: Timestamp) -> bool {
        if self.state != AlertState::Firing || keep_firing_for <= TimeDelta::ZERO {
            return false;
        }
        self.changed |= self.keep_firing_since.is_none();
        at - *self.keep_firing_since.get_or_insert(at) < keep_firing_for
    }

    /// The expression does not have it any more; whether nothing is left of it.
    pub(super) fn ends(&mut self, at: Timestamp) -> bool {
        match self.state {
            AlertState::Pending => true,
            AlertState::Resolved => {
                self.resolved_at.is_none_or(|resolved_at| at - resolved_at > RESOLVED_RETENTION)
            }
            AlertState::Firing => {
                (self.state, self.resolved_at, self.changed) = (AlertState::Resolved, Some(at), true);
                false
            }
        }
    }

    pub(super) fn needs_sending(&self, at: Timestamp) -> bool {
        match (self.state, self.sent_at) {
            (AlertState::Pending, _) => false,
            (_, None) => true,
            (_, Some(sent_at)) => self.resolved_at > Some(sent_at) || sent_at + RESEND_DELAY < at,
        }
    }

    /// For the router; nothing when it never fired.
    pub(super) fn told(
        &self,
        labels: &Labels,
        ends_at: Option<Timestamp>,
        at: Timestamp,
        generator_url: &str,
    ) -> Option<Alert> {
        Some(Alert {
            labels: labels.clone(),
            annotations: self.annotations.clone(),
            starts_at: self.fired_at?,
            ends_at,
            updated_at: at,
            generator_url: generator_url.to_owned(),
            timeout: false,
            value: value_for_people(self.value),
        })
    }

    /// It was told that it fires, and that will not be said again: Prometheus leaves it to end four intervals after it
    /// was said last.
    pub(super) fn timing_out(
        &self,
        labels: &Labels,
        round: &Round<'_>,
        generator_url: &str,
    ) -> Option<Alert> {
        let sent_at = self.sent_at.filter(|_| self.state == AlertState::Firing)?;
        let patience = TimeDelta(round.interval.max(RESEND_DELAY).0.saturating_mul(4));
        self.told(labels, Some((sent_at + patience).max(round.at)), round.at, generator_url)
    }

    pub(super) fn row(&self, key: &Arc<RuleKey>, labels: &Labels) -> SavedAlert {
        SavedAlert {
            rule: Arc::clone(key),
            labels: labels.clone(),
            annotations: self.annotations.clone(),
            state: self.state,
            active_at: self.active_at,
            fired_at: self.fired_at,
            resolved_at: self.resolved_at,
            keep_firing_since: self.keep_firing_since,
            value: self.value,
        }
    }

    /// The samples of a round, and markers for series that it does not write any more.
    pub(super) fn store(&mut self, samples: &mut Vec<Sample>) {
        if self.is_unconfirmed() && self.state == AlertState::Pending {
            return; // After a restart: neither seen again nor given up.
        }
        let shows = (self.state != AlertState::Resolved).then_some(self.state);
        if let Some(state) = shows {
            samples.push(Sample { labels: self.series.alerts(state).clone(), value: 1.0 });
            let since = self.active_at.0.div_euclid(1000) as f64; // Whole seconds, as Prometheus writes it.
            samples.push(Sample { labels: self.series.for_state.clone(), value: since });
        }
        if let Some(shown) = self.shown
            && shows != Some(shown)
        {
            samples.push(Sample { labels: self.series.alerts(shown).clone(), value: stale_nan() });
            if shows.is_none() {
                samples.push(Sample { labels: self.series.for_state.clone(), value: stale_nan() });
            }
        }
        self.shown = shows;
    }

    /// The series that it has written and not ended.
    pub(super) fn shown_series(&self) -> impl Iterator<Item = &Labels> {
        let names = self.shown.map(|state| [self.series.alerts(state), &self.series.for_state]);
        names.into_iter().flatten()
    }

    /// Nothing is left of it: its row goes, and its series end.
    pub(super) fn leave(self, key: &Arc<RuleKey>, labels: Labels, observed: &mut Observed) {
        let ended = self.shown_series().map(|labels| Sample { labels: labels.clone(), value: stale_nan() });
        observed.samples.extend(ended);
        if self.saved {
            observed.changes.push(SavedChange::Gone(SavedKey { rule: Arc::clone(key), labels }));
        }
    }

    pub(super) fn shift(&mut self, by: TimeDelta) {
        self.active_at = self.active_at + by;
        let stamps =
            [&mut self.fired_at, &mut self.resolved_at, &mut self.keep_firing_since, &mut self.sent_at];
        for stamp in stamps.into_iter().flatten() {
            *stamp = *stamp + by;
        }
        self.changed = true;
    }
}
