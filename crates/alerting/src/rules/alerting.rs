//! One alerting rule and its alerts.

use std::sync::Arc;

use lingshao_model::{Alert, Annotations, Labels, Rule, RuleKind, TimeDelta, Timestamp};
use rapidhash::RapidHashSet;

use super::active::{Active, Series};
use super::roster::{Entry, Roster};
use super::text::{Depends, RuleText};
use super::{ActiveAlert, AlertState, Observed, Round, RuleError, RuleKey, SavedAlert, SavedChange};
use crate::template::{Context, TemplateError};

/// The label of the alert's name.
const ALERT_NAME: &str = "alertname";

/// A rule with the alerts that it has raised.
#[derive(Debug)]
pub struct AlertingRule {
    key: Arc<RuleKey>,
    hold: TimeDelta,
    keep_firing_for: TimeDelta,
    labels: Vec<RuleText>,
    annotations: Vec<RuleText>,
    generator_url: String,
    roster: Roster<Active>,
    /// The texts are not those that the annotations were made of.
    texts_changed: bool,
    /// After a restart.
    grace: Option<Grace>,
}

/// How long restored alerts that the expression does not have are left alone: data may still be on their way.
#[derive(Clone, Copy, Debug)]
struct Grace {
    /// So many have passed.
    rounds: u32,
    until: Timestamp,
}

/// Rounds that have to pass after a restart before anything that was restored can end.
const GRACE_ROUNDS: u32 = 2;
/// The longest that this takes at long intervals.
const GRACE_MAX: TimeDelta = TimeDelta::from_secs(60);

/// An element of the result.
struct Seen<'r> {
    source: &'r Labels,
    value: f64,
    /// Where its alert is kept; a new one has labels instead.
    place: Result<usize, Labels>,
}

impl AlertingRule {
    /// One without alerts; `None` for a recording rule. `generator_url` is where the expression can be looked at.
    pub fn new(
        rule: &Rule,
        key: Arc<RuleKey>,
        generator_url: String,
    ) -> Option<Result<AlertingRule, TemplateError>> {
        let RuleKind::Alerting { hold, keep_firing_for, annotations } = &rule.kind else { return None };
        let template = format!("__alert_{}", rule.name);
        let parse = |pairs: &[(String, String)]| {
            let texts = pairs.iter().map(|(name, text)| RuleText::parse(&template, name, text));
            texts.collect::<Result<Vec<_>, TemplateError>>()
        };
        Some(parse(&rule.labels).and_then(|labels| {
            Ok(AlertingRule {
                key,
                hold: *hold,
                keep_firing_for: *keep_firing_for,
                labels,
                annotations: parse(annotations)?,
                generator_url,
                roster: Roster::new(),
                texts_changed: false,
                grace: None,
            })
        }))
    }

    /// What its rows are stored under.
    pub fn key(&self) -> &Arc<RuleKey> {
        &self.key
    }

    /// One round. After [`RuleError::SameAlert`] nothing has changed; after [`RuleError::TooManyAlerts`] all alerts are
    /// forgotten, and `observed` says so. `context` answers the templates' queries.
    pub fn observe<'r>(
        &mut self,
        result: impl Iterator<Item = (&'r Labels, f64)>,
        round: &Round<'_>,
        context: &mut Context<'_>,
        observed: &mut Observed,
    ) -> Result<(), RuleError> {
        let seen = self.recognise(result, round, context)?;
        for Seen { source, value, place } in seen {
            let at = place.unwrap_or_else(|labels| {
                let series = Series::of(&labels, &self.labels);
                self.roster.insert(labels, Active::new(series, round.at))
            });
            self.refresh(at, source, value, round, context);
        }
        self.texts_changed = false;
        let alerts = self.judge(round, observed);
        if round.limit > 0 && alerts > round.limit {
            self.forget(round, observed);
            return Err(RuleError::TooManyAlerts { limit: round.limit, alerts });
        }
        self.report(round, observed);
        Ok(())
    }

    /// Finds the alert of each element, without changing any.
    fn recognise<'r>(
        &mut self,
        result: impl Iterator<Item = (&'r Labels, f64)>,
        round: &Round<'_>,
        context: &mut Context<'_>,
    ) -> Result<Vec<Seen<'r>>, RuleError> {
        let mut fresh = RapidHashSet::default();
        let mut all = Vec::with_capacity(result.size_hint().0);
        self.roster.begin();
        for (source, value) in result {
            let place = match self.roster.of_source(source) {
                Some(at) => Ok(at),
                None => {
                    let labels = self.identity(source, value, round, context);
                    self.roster.of_labels(&labels).ok_or(labels)
                }
            };
            let is_single = match &place {
                Ok(at) => self.roster.see(*at),
                Err(labels) => fresh.insert(labels.clone()),
            };
            if !is_single {
                return Err(RuleError::SameAlert);
            }
            all.push(Seen { source, value, place });
        }
        Ok(all)
    }

    /// The labels of an element's alert.
    fn identity(&self, source: &Labels, value: f64, round: &Round<'_>, context: &mut Context<'_>) -> Labels {
        let mut labels = source.without_name();
        for label in &self.labels {
            labels = labels.with(&label.name, &label.expand(source, value, round, context));
        }
        labels.with(ALERT_NAME, &self.key.name)
    }

    /// Gives an alert its value and annotations of this round. One that had ended begins anew.
    fn refresh(
        &mut self,
        at: usize,
        source: &Labels,
        value: f64,
        round: &Round<'_>,
        context: &mut Context<'_>,
    ) {
        let Some(Entry { value: alert, .. }) = self.roster.get_mut(at) else { return };
        if alert.state == AlertState::Resolved {
            alert.begin_anew(round.at);
        }
        let is_other = self.texts_changed || alert.source.as_ref() != Some(source);
        let is_outdated = |annotation: &RuleText| match annotation.depends() {
            Depends::Nothing | Depends::Labels => is_other,
            Depends::Value => is_other || alert.value.to_bits() != value.to_bits(),
            Depends::Time => true,
        };
        if self.annotations.iter().any(is_outdated) {
            let texts = self.annotations.iter().map(|annotation| {
                (annotation.name.clone(), annotation.expand(source, value, round, context))
            });
            alert.annotations = Annotations::from_pairs(texts);
        }
        alert.value = value;
        if is_other {
            alert.source = Some(source.clone());
            // Otherwise one element may be another alert in each round.
            if self.labels.iter().all(|label| label.depends() <= Depends::Labels) {
                self.roster.bind(at, source);
            }
        }
    }

    /// Moves every alert on; answers how many are pending or fire.
    fn judge(&mut self, round: &Round<'_>, observed: &mut Observed) -> u64 {
        if let Some(grace) = &mut self.grace {
            grace.rounds += 1;
        }
        self.grace = self.grace.filter(|grace| grace.covers(round.at));
        let mut count = 0;
        for at in self.roster.places() {
            let is_seen = self.roster.is_seen(at);
            let Some(Entry { labels, value: alert, .. }) = self.roster.get_mut(at) else { continue };
            let is_awaited = !is_seen && self.grace.is_some() && alert.is_unconfirmed();
            if is_seen {
                alert.changed |= alert.keep_firing_since.take().is_some();
            } else if !is_awaited && !alert.is_kept_firing(self.keep_firing_for, round.at) {
                if alert.ends(round.at) {
                    self.remove(at, observed);
                }
                continue;
            }
            count += 1;
            let is_held = round.at - alert.active_at >= self.hold;
            if alert.state == AlertState::Pending && is_held && is_seen {
                (alert.state, alert.fired_at, alert.changed) = (AlertState::Firing, Some(round.at), true);
            } else if alert.state == AlertState::Firing && !is_held {
                // A reload made `for` longer.
                observed.alerts.extend(alert.timing_out(labels, round, &self.generator_url));
                alert.wait_again();
            }
        }
        count
    }

    /// Says, writes and stores what there is of each alert.
    fn report(&mut self, round: &Round<'_>, observed: &mut Observed) {
        for at in self.roster.places() {
            let Some(Entry { labels, value: alert, .. }) = self.roster.get_mut(at) else { continue };
            if alert.needs_sending(round.at) {
                alert.sent_at = Some(round.at);
                observed.alerts.extend(alert.told(labels, alert.resolved_at, round.at, &self.generator_url));
            }
            if std::mem::take(&mut alert.changed) {
                alert.saved = true;
                observed.changes.push(SavedChange::Put(alert.row(&self.key, labels)));
            }
            alert.store(&mut observed.samples);
        }
    }

    /// Drops all alerts; what was told of them is left to time out, as Prometheus leaves it.
    fn forget(&mut self, round: &Round<'_>, observed: &mut Observed) {
        for Entry { labels, value: alert, .. } in self.roster.drain() {
            observed.alerts.extend(alert.timing_out(&labels, round, &self.generator_url));
            alert.leave(&self.key, labels, observed);
        }
    }

    fn remove(&mut self, at: usize, observed: &mut Observed) {
        if let Some(Entry { labels, value: alert, .. }) = self.roster.remove(at) {
            alert.leave(&self.key, labels, observed);
        }
    }

    /// The rule is no longer there: what fires has ended. Its series have too, but when they are marked is the caller's
    /// matter: another rule may go on writing them.
    pub fn retire(mut self, at: Timestamp, observed: &mut Observed) {
        for Entry { labels, value: mut alert, .. } in self.roster.drain() {
            if alert.state == AlertState::Firing {
                observed.alerts.extend(alert.told(&labels, Some(at), at, &self.generator_url));
            }
            alert.shown = None;
            alert.leave(&self.key, labels, observed);
        }
    }

    /// Takes over the alerts of the rule with the same key, after a reload.
    pub fn copy_state(&mut self, old: AlertingRule) {
        self.roster = old.roster;
        self.grace = old.grace;
        self.texts_changed = true;
    }

    /// Takes back rows of this rule's key after a restart. Pending alerts go on where they stood when they were last
    /// evaluated, which `last_seen` tells of the series `ALERTS_FOR_STATE`; a pause longer than
    /// [`OUTAGE_TOLERANCE`](super::OUTAGE_TOLERANCE) lets them begin anew.
    pub fn restore(
        &mut self,
        saved: Vec<SavedAlert>,
        now: Timestamp,
        interval: TimeDelta,
        last_seen: impl Fn(&Labels) -> Option<Timestamp>,
    ) {
        let grace = TimeDelta(interval.0.saturating_mul(4)).min(GRACE_MAX);
        self.grace = Some(Grace { rounds: 0, until: now + grace });
        for row in saved {
            let labels = row.labels.clone();
            let series = Series::of(&labels, &self.labels);
            let last_seen = last_seen(&series.for_state);
            if self.roster.of_labels(&labels).is_none() {
                self.roster.insert(labels, Active::restored(row, series, now, last_seen));
            }
        }
    }

    /// The wall clock was set; all stamps move with it, so that nothing begins or ends because of that.
    pub fn clock_moved(&mut self, by: TimeDelta) {
        self.for_each(|alert| alert.shift(by));
        if let Some(grace) = &mut self.grace {
            grace.until = grace.until + by;
        }
    }

    /// What fires is said in the next round, whenever it was said last.
    pub fn say_again(&mut self) {
        self.for_each(|alert| alert.sent_at = alert.sent_at.map(|_| Timestamp::MIN));
    }

    fn for_each(&mut self, mut change: impl FnMut(&mut Active)) {
        for at in self.roster.places() {
            if let Some(entry) = self.roster.get_mut(at) {
                change(&mut entry.value);
            }
        }
    }

    /// The furthest that any of its alerts has come.
    pub fn state(&self) -> AlertState {
        let states = self.roster.iter().map(|entry| entry.value.state);
        states.max().unwrap_or(AlertState::Resolved)
    }

    /// Those that are pending or fire.
    pub fn active(&self) -> impl Iterator<Item = ActiveAlert> {
        let active = self.roster.iter().filter(|entry| entry.value.state != AlertState::Resolved);
        active.map(|Entry { labels, value: alert, .. }| ActiveAlert {
            labels: labels.clone(),
            annotations: alert.annotations.clone(),
            state: alert.state,
            active_at: alert.active_at,
            keep_firing_since: alert.keep_firing_since,
            value: alert.value,
        })
    }

    /// What fires, as it was told last.
    pub fn told(&self) -> impl Iterator<Item = Alert> {
        self.roster.iter().filter_map(|Entry { labels, value: alert, .. }| {
            let sent_at = alert.sent_at.filter(|_| alert.state == AlertState::Firing)?;
            alert.told(labels, None, sent_at, &self.generator_url)
        })
    }

    /// The series that it has written and not ended.
    pub fn series(&self) -> impl Iterator<Item = &Labels> {
        self.roster.iter().flat_map(|entry| entry.value.shown_series())
    }
}

impl Grace {
    fn covers(&self, at: Timestamp) -> bool {
        self.rounds <= GRACE_ROUNDS || at < self.until
    }
}
