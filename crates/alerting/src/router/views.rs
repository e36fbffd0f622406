//! What the API shows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use lingshao_model::{Alert, Fingerprint, Labels, Matcher, Timestamp};
use regex::Regex;

use super::Router;
use super::inhibition::Inhibition;
use super::routes::{all_match, compare_sets, sort_alerts};
use super::silences::{Silence, SilenceId, SilenceState, Silences};
use super::state::Entry;

/// An alert that has not ended, and what keeps it from being told.
#[derive(Clone, Debug)]
pub struct AlertView {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Names of the receivers of its routes: in the order of the routes for single alerts, sorted within groups.
    pub receivers: Vec<String>,
    /// Active silences, sorted.
    pub silenced_by: Vec<SilenceId>,
    /// One alert that inhibits it, if there is one.
    pub inhibited_by: Vec<Fingerprint>,
    /// Names of the time intervals that mute its group: empty outside of groups.
    pub muted_by: Vec<String>,
}

impl AlertView {
    /// Whether it is silenced or inhibited: the API's `suppressed`, else `active`.
    pub fn is_suppressed(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty()
    }
}

/// Alerts that are told together.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Alertmanager's key of it.
    pub group_key: String,
    /// The labels by which it is grouped.
    pub labels: Labels,
    /// Who is told.
    pub receiver: String,
    /// In the order in which they are told; never empty.
    pub alerts: Vec<AlertView>,
}

/// Which alerts are asked for.
#[derive(Clone, Debug)]
pub struct AlertFilter {
    /// All must hold, by the rules of Alertmanager's `filter` parameter.
    pub matchers: Vec<Matcher>,
    /// An anchored pattern of which one receiver's name must be.
    pub receiver: Option<Regex>,
    /// Whether those are wanted that nothing suppresses.
    pub active: bool,
    /// Whether silenced ones are wanted.
    pub silenced: bool,
    /// Whether inhibited ones are wanted.
    pub inhibited: bool,
    /// Whether groups are wanted that a time interval mutes.
    pub muted: bool,
}

impl Default for AlertFilter {
    /// All of them.
    fn default() -> AlertFilter {
        AlertFilter {
            matchers: Vec::new(),
            receiver: None,
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
        }
    }
}

/// How many there are, for figures and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that have not ended and are not suppressed.
    pub alerts_active: usize,
    /// Alerts that have not ended and are silenced or inhibited.
    pub alerts_suppressed: usize,
    /// Groups.
    pub groups: usize,
    /// Silences that mute.
    pub silences_active: usize,
    /// Silences that will.
    pub silences_pending: usize,
    /// Silences that did.
    pub silences_expired: usize,
    /// Rows of the notification log.
    pub log: usize,
    /// Deliveries that wait for their outcome.
    pub outbox: usize,
}

impl Router {
    /// Alerts that have not ended, by fingerprint.
    pub fn alerts(&mut self, filter: &AlertFilter, now: Timestamp) -> Vec<AlertView> {
        let mut views: Vec<AlertView> = Vec::new();
        for (fingerprint, at) in &self.by_fingerprint {
            let entry = &self.alerts[*at];
            if entry.alert.is_resolved(now) || !all_match(&filter.matchers, &entry.alert.labels) {
                continue;
            }
            let routes = self.tree.matching(&entry.alert.labels);
            let receivers: Vec<String> =
                routes.into_iter().map(|route| self.tree.receiver_of(route).name.clone()).collect();
            if filter
                .receiver
                .as_ref()
                .is_some_and(|wanted| !receivers.iter().any(|own| wanted.is_match(own)))
            {
                continue;
            }
            let parts = (&mut self.alerts[*at], &mut self.inhibition, &self.silences);
            views.extend(view(parts, *fingerprint, filter, now).map(|view| AlertView { receivers, ..view }));
        }
        views.sort_by_key(|view| view.fingerprint);
        views
    }

    /// Groups with alerts that have not ended, sorted by labels, then receiver.
    pub fn groups(&mut self, filter: &AlertFilter, now: Timestamp) -> Vec<GroupView> {
        let mut hours = self.hours(now);
        let mut receivers: HashMap<Fingerprint, BTreeSet<String>> = HashMap::new();
        let mut views: Vec<GroupView> = Vec::new();
        let groups: Vec<u32> = self.groups.iter().map(|(group, _)| group).collect();
        for group in groups {
            let own = &self.groups[group];
            let receiver = self.tree.receiver_of(own.route).name.clone();
            let muted_by = self.muted_by(own.route, &mut hours);
            let unwanted = filter.receiver.as_ref().is_some_and(|wanted| !wanted.is_match(&receiver));
            if unwanted || (!filter.muted && !muted_by.is_empty()) {
                continue;
            }
            let mut alerts = Vec::new();
            for (fingerprint, at) in &own.members {
                let entry = &mut self.alerts[*at];
                if entry.alert.is_resolved(now) || !all_match(&filter.matchers, &entry.alert.labels) {
                    continue;
                }
                let parts = (entry, &mut self.inhibition, &self.silences);
                if let Some(view) = view(parts, *fingerprint, filter, now) {
                    receivers.entry(*fingerprint).or_default().insert(receiver.clone());
                    alerts.push(AlertView { muted_by: muted_by.clone(), ..view });
                }
            }
            if !alerts.is_empty() {
                let alerts = sort_alerts(alerts, |view| &view.alert);
                let group_key = self.group_key(group).group_key;
                views.push(GroupView {
                    group_key,
                    labels: self.groups[group].labels.clone(),
                    receiver,
                    alerts,
                });
            }
        }
        for alert in views.iter_mut().flat_map(|group| &mut group.alerts) {
            alert.receivers = receivers[&alert.fingerprint].iter().cloned().collect();
        }
        views.sort_by(|a, b| compare_sets(&a.labels, &b.labels).then_with(|| a.receiver.cmp(&b.receiver)));
        views
    }

    /// All silences: active ones by their end, pending ones by their start, expired ones by their end, last first.
    pub fn silences(&self, now: Timestamp) -> Vec<Arc<Silence>> {
        self.silences.sorted(now)
    }

    /// One silence.
    pub fn silence(&self, id: &SilenceId) -> Option<Arc<Silence>> {
        self.silences.get(id).cloned()
    }

    /// How many there are of everything.
    pub fn counts(&mut self, now: Timestamp) -> Counts {
        let mut counts = Counts { groups: self.groups.len(), ..Counts::default() };
        for (_, entry) in self.alerts.iter_mut() {
            if entry.alert.is_resolved(now) {
                continue;
            }
            let labels = &entry.alert.labels;
            let suppressed = self.silences.mutes(labels, &mut entry.silences, now)
                || self.inhibition.inhibitor(labels, &entry.roles, now).is_some();
            *(if suppressed { &mut counts.alerts_suppressed } else { &mut counts.alerts_active }) += 1;
        }
        for silence in self.silences.iter() {
            *(match silence.state(now) {
                SilenceState::Active => &mut counts.silences_active,
                SilenceState::Pending => &mut counts.silences_pending,
                SilenceState::Expired => &mut counts.silences_expired,
            }) += 1;
        }
        counts.log = self.channels.iter().filter(|(_, own)| own.told.is_some()).count();
        counts.outbox = self.channels.iter().filter(|(_, own)| own.waiting.is_some()).count();
        counts
    }
}

/// An alert as it is shown, without its receivers; `None` when its state is not asked for
/// (`api/v2.API.alertFilter`).
fn view(
    (entry, inhibition, silences): (&mut Entry, &mut Inhibition, &Silences),
    fingerprint: Fingerprint,
    filter: &AlertFilter,
    now: Timestamp,
) -> Option<AlertView> {
    let labels = &entry.alert.labels;
    let silenced_by: Vec<SilenceId> = silences
        .matching(labels, &mut entry.silences)
        .iter()
        .filter(|own| own.state(now) == SilenceState::Active)
        .map(|own| own.id.clone())
        .collect();
    let inhibited_by: Vec<Fingerprint> =
        inhibition.inhibitor(labels, &entry.roles, now).into_iter().collect();
    let active = silenced_by.is_empty() && inhibited_by.is_empty();
    let unwanted = (active && !filter.active)
        || (!silenced_by.is_empty() && !filter.silenced)
        || (!inhibited_by.is_empty() && !filter.inhibited);
    let view = AlertView {
        alert: Arc::clone(&entry.alert),
        fingerprint,
        receivers: Vec::new(),
        silenced_by,
        inhibited_by,
        muted_by: Vec::new(),
    };
    (!unwanted).then_some(view)
}
