//! Alerts and the groups in which they are: taking them in, and letting them go.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use lingshao_model::{
    Alert, DeliveryId, DeliveryReason, Fingerprint, IntegrationId, Labels, LabelsBuilder, TimeDelta,
    Timestamp,
};

use super::decide::Told;
use super::inhibition::Roles;
use super::rows::{GroupKey, LogKey};
use super::sets::contains;
use super::silences::Matching;
use super::{ALERT_BYTES_MAX, ALERT_BYTES_TOTAL_MAX, ALERTS_MAX, AlertRefusal, GROUPS_MAX, Router};

/// How long an empty group keeps its timer: an alert that comes back meanwhile waits for the group's next look
/// (`dispatch.Dispatcher.run` cleans up every 30 s).
pub(super) const EMPTY_GROUP_KEPT: TimeDelta = TimeDelta::from_secs(30);

/// An alert that fires, or has ended and somebody is still to be told.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) alert: Arc<Alert>,
    bytes: usize,
    /// The groups into which its labels put it.
    pub(super) places: Vec<Place>,
    /// Whether `places` lacks some, because there were too many groups.
    refused: bool,
    pub(super) roles: Roles,
    pub(super) silences: Matching,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) group: u32,
    /// Whether the group still has it: one that was told of its end has not.
    pub(super) member: bool,
}

/// Alerts that are told together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) route: u32,
    pub(super) labels: Labels,
    pub(super) members: BTreeMap<Fingerprint, u32>,
    /// Those that it has let go, while another group has not.
    pub(super) left: BTreeSet<Fingerprint>,
    /// When it is looked at.
    pub(super) next_at: Timestamp,
    pub(super) flushed: bool,
    pub(super) empty_since: Option<Timestamp>,
    /// One for each integration of its receiver.
    pub(super) channels: Vec<u32>,
}

impl Group {
    /// When something is to be done for it.
    pub(super) fn timer(&self) -> Timestamp {
        match self.empty_since {
            Some(since) => self.next_at.min(since + EMPTY_GROUP_KEPT),
            None => self.next_at,
        }
    }
}

/// What one integration was told about one group, and is to be told.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: Arc<LogKey>,
    /// The group, if it is there: what was told outlives it.
    pub(super) group: Option<u32>,
    /// Whether it is told of ends.
    pub(super) send_resolved: bool,
    pub(super) told: Option<Told>,
    pub(super) waiting: Option<Waiting>,
    /// Rows that were replaced, oldest first: one of them may be on its way.
    pub(super) superseded: Vec<Superseded>,
}

/// A row of the outbox.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: DeliveryId,
    pub(super) group_labels: Labels,
    /// As they are told, in their order.
    pub(super) alerts: Vec<Arc<Alert>>,
    pub(super) firing: Vec<Fingerprint>,
    pub(super) resolved: Vec<Fingerprint>,
    pub(super) decided_at: Timestamp,
    pub(super) reason: DeliveryReason,
    /// Another process decided it, and may know alerts that we do not.
    pub(super) foreign: bool,
}

impl Waiting {
    pub(super) fn has(&self, fingerprint: Fingerprint) -> bool {
        contains(&self.firing, fingerprint) || contains(&self.resolved, fingerprint)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Superseded {
    pub(super) id: DeliveryId,
    pub(super) firing: Vec<Fingerprint>,
    pub(super) resolved: Vec<Fingerprint>,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) alerts: HashSet<Fingerprint>,
    /// Groups that are gone are in `gone_groups`.
    pub(super) groups: HashSet<u32>,
    pub(super) gone_groups: HashSet<GroupKey>,
    pub(super) log: HashSet<Arc<LogKey>>,
    /// Rows that are gone, and those that are new.
    pub(super) outbox: HashSet<DeliveryId>,
}

/// Where groups of a route are found by the bytes of their labels.
pub(super) type GroupIndex = Vec<HashMap<Box<[u8]>, u32>>;

impl Router {
    /// Takes one in: `provider/mem.Alerts.Put` and `dispatch.Dispatcher.processAlert`.
    pub(super) fn take_in(&mut self, alert: Alert, now: Timestamp) -> Result<(), AlertRefusal> {
        check(&alert)?;
        let fingerprint = alert.fingerprint();
        match self.by_fingerprint.get(&fingerprint) {
            Some(at) => self.update(*at, fingerprint, alert, now),
            None => self.add(fingerprint, alert, now),
        }
    }

    /// Alerts without an end that are not among these, ended now.
    pub(super) fn unclaimed(&self, claimed: &HashSet<Labels>, now: Timestamp) -> Vec<Alert> {
        let lost = |alert: &&Alert| alert.ends_at.is_none() && !claimed.contains(&alert.labels);
        let end = |alert: &Alert| Alert {
            ends_at: Some(now.max(alert.starts_at)),
            updated_at: now,
            ..alert.clone()
        };
        self.alerts.iter().map(|(_, entry)| &*entry.alert).filter(lost).map(end).collect()
    }

    fn update(
        &mut self,
        at: u32,
        fingerprint: Fingerprint,
        alert: Alert,
        now: Timestamp,
    ) -> Result<(), AlertRefusal> {
        let entry = &mut self.alerts[at];
        if entry.alert.labels != alert.labels {
            return Err(AlertRefusal::Collision);
        }
        let merged = merge(&entry.alert, alert, now);
        let bytes = alert_bytes(&merged);
        let total = self.alert_bytes - entry.bytes + bytes;
        if total > ALERT_BYTES_TOTAL_MAX && bytes > entry.bytes {
            return Err(AlertRefusal::TooManyBytes(ALERT_BYTES_TOTAL_MAX));
        }
        self.alert_bytes = total;
        entry.bytes = bytes;
        if !is_same(&entry.alert, &merged) {
            self.dirty.alerts.insert(fingerprint);
            self.inhibition.set(&merged.labels, fingerprint, &entry.roles, merged.ends_at);
        }
        entry.alert = Arc::new(merged);
        if entry.refused || entry.places.iter().any(|place| !place.member) {
            return self.join_all(at, fingerprint, now);
        }
        let starts_at = entry.alert.starts_at;
        for index in 0..self.alerts[at].places.len() {
            self.hurry(self.alerts[at].places[index].group, starts_at, now);
        }
        Ok(())
    }

    fn add(&mut self, fingerprint: Fingerprint, alert: Alert, now: Timestamp) -> Result<(), AlertRefusal> {
        let bytes = alert_bytes(&alert);
        if self.alerts.len() >= ALERTS_MAX {
            return Err(AlertRefusal::TooManyAlerts(ALERTS_MAX));
        }
        if self.alert_bytes + bytes > ALERT_BYTES_TOTAL_MAX {
            return Err(AlertRefusal::TooManyBytes(ALERT_BYTES_TOTAL_MAX));
        }
        let at = self.file(fingerprint, alert, bytes);
        let joined = self.join_all(at, fingerprint, now);
        if self.alerts[at].places.iter().any(|place| place.member) {
            self.dirty.alerts.insert(fingerprint);
        } else {
            self.drop_alert(at, fingerprint); // It has ended, and nobody was ever told of it.
            self.dirty.alerts.remove(&fingerprint);
        }
        joined
    }

    /// Keeps an alert, in no group yet.
    pub(super) fn file(&mut self, fingerprint: Fingerprint, alert: Alert, bytes: usize) -> u32 {
        let roles = self.inhibition.roles(&alert.labels);
        self.inhibition.set(&alert.labels, fingerprint, &roles, alert.ends_at);
        self.alert_bytes += bytes;
        let entry = Entry {
            alert: Arc::new(alert),
            bytes,
            places: Vec::new(),
            refused: false,
            roles,
            silences: Matching::default(),
        };
        let at = self.alerts.insert(entry);
        self.by_fingerprint.insert(fingerprint, at);
        at
    }

    /// Puts an alert into its groups. One that has ended joins only those that may still believe that it fires.
    fn join_all(&mut self, at: u32, fingerprint: Fingerprint, now: Timestamp) -> Result<(), AlertRefusal> {
        let alert = Arc::clone(&self.alerts[at].alert);
        let ended = alert.is_resolved(now);
        let mut builder = std::mem::take(&mut self.scratch);
        let mut refused = false;
        for route in self.tree.matching(&alert.labels) {
            self.tree.node(route).group_labels(&alert.labels, &mut builder);
            match self.find_group(route, &mut builder) {
                Some(group) => {
                    if !ended
                        || self.groups[group].members.contains_key(&fingerprint)
                        || self.knows(group, fingerprint)
                    {
                        self.join(at, fingerprint, group);
                        self.hurry(group, alert.starts_at, now);
                    }
                }
                None if ended && !self.would_know(route, &mut builder, fingerprint) => {}
                None if self.groups.len() >= GROUPS_MAX => refused = true,
                None => {
                    let group = self.new_group(route, &mut builder, now);
                    self.join(at, fingerprint, group);
                    self.hurry(group, alert.starts_at, now);
                }
            }
        }
        self.scratch = builder;
        self.alerts[at].refused = refused;
        if refused { Err(AlertRefusal::TooManyGroups(GROUPS_MAX)) } else { Ok(()) }
    }

    pub(super) fn find_group(&self, route: u32, builder: &mut LabelsBuilder) -> Option<u32> {
        let encoded = builder.encoded().expect("a label set's part is in order");
        self.group_index[route as usize].get(encoded).copied()
    }

    /// Makes a group and its channels; its timer runs.
    pub(super) fn new_group(&mut self, route: u32, builder: &mut LabelsBuilder, now: Timestamp) -> u32 {
        let labels = builder.finish().expect("a label set's part is in order");
        let node = self.tree.node(route);
        let group_key = node.group_key(&labels);
        let next_at = now + node.group_wait;
        let integrations: Vec<IntegrationId> =
            self.tree.receiver_of(route).integrations.iter().map(|(to, _)| to.clone()).collect();
        let channels: Vec<u32> = integrations
            .into_iter()
            .map(|to| self.channel(LogKey { group_key: group_key.clone(), to }))
            .collect();
        let encoded = labels.encoded().into();
        let group = self.groups.insert(Group {
            route,
            labels,
            members: BTreeMap::new(),
            left: BTreeSet::new(),
            next_at,
            flushed: false,
            empty_since: Some(now),
            channels: channels.clone(),
        });
        channels.iter().for_each(|channel| self.channels[*channel].group = Some(group));
        self.group_index[route as usize].insert(encoded, group);
        self.timers.insert((self.groups[group].timer(), group));
        self.dirty.groups.insert(group);
        group
    }

    /// The channel of that key; a new one, when there is none.
    pub(super) fn channel(&mut self, key: LogKey) -> u32 {
        if let Some(at) = self.channel_index.get(&key) {
            return *at;
        }
        let key = Arc::new(key);
        let at = self.channels.insert(Channel {
            key: Arc::clone(&key),
            group: None,
            send_resolved: self.tree.send_resolved(&key.to).unwrap_or(false),
            told: None,
            waiting: None,
            superseded: Vec::new(),
        });
        self.channel_index.insert(key, at);
        at
    }

    /// Makes an alert a member of a group.
    pub(super) fn join(&mut self, at: u32, fingerprint: Fingerprint, group: u32) {
        let places = &mut self.alerts[at].places;
        match places.iter_mut().find(|place| place.group == group) {
            Some(place) => place.member = true,
            None => places.push(Place { group, member: true }),
        }
        let own = &mut self.groups[group];
        own.members.insert(fingerprint, at);
        let came_back = own.left.remove(&fingerprint);
        if own.empty_since.is_some() || came_back {
            self.dirty.groups.insert(group);
            self.retime(group, |group| group.empty_since = None);
        }
    }

    /// A new group does not wait for company when its first alert is older than `group_wait`.
    fn hurry(&mut self, group: u32, starts_at: Timestamp, now: Timestamp) {
        let own = &self.groups[group];
        if !own.flushed && own.next_at > now && starts_at + self.tree.node(own.route).group_wait < now {
            self.dirty.groups.insert(group);
            self.retime(group, |group| group.next_at = now);
        }
    }

    /// Changes something on which a group's timer depends.
    pub(super) fn retime(&mut self, group: u32, change: impl FnOnce(&mut Group)) {
        let own = &mut self.groups[group];
        let before = own.timer();
        change(own);
        let after = own.timer();
        if before != after {
            self.timers.remove(&(before, group));
        }
        self.timers.insert((after, group));
    }

    /// Whether somebody may believe that the alert fires, and wants to be told of ends.
    pub(super) fn knows(&self, group: u32, fingerprint: Fingerprint) -> bool {
        self.groups[group].channels.iter().any(|channel| self.channel_knows(*channel, fingerprint))
    }

    fn channel_knows(&self, channel: u32, fingerprint: Fingerprint) -> bool {
        let channel = &self.channels[channel];
        let believes =
            |told: &Told| contains(&told.firing, fingerprint) || contains(&told.muted, fingerprint);
        channel.waiting.as_ref().is_some_and(|waiting| waiting.has(fingerprint))
            || channel.send_resolved && channel.told.as_ref().is_some_and(believes)
    }

    /// The same of a group that is not there.
    fn would_know(&self, route: u32, builder: &mut LabelsBuilder, fingerprint: Fingerprint) -> bool {
        if self.channels.len() == 0 {
            return false;
        }
        let labels = builder.finish().expect("a label set's part is in order");
        let group_key = self.tree.node(route).group_key(&labels);
        self.tree.receiver_of(route).integrations.iter().any(|(to, _)| {
            let key = LogKey { group_key: group_key.clone(), to: to.clone() };
            self.channel_index.get(&key).is_some_and(|channel| self.channel_knows(*channel, fingerprint))
        })
    }

    /// A group lets an alert go; when it was the last, the alert is forgotten.
    pub(super) fn leave(&mut self, group: u32, fingerprint: Fingerprint, now: Timestamp) {
        let own = &mut self.groups[group];
        let Some(at) = own.members.remove(&fingerprint) else { return };
        own.left.insert(fingerprint);
        if own.members.is_empty() {
            self.retime(group, |group| group.empty_since = Some(now));
        }
        self.dirty.groups.insert(group);
        let places = &mut self.alerts[at].places;
        places.iter_mut().filter(|place| place.group == group).for_each(|place| place.member = false);
        if places.iter().all(|place| !place.member) {
            self.drop_alert(at, fingerprint);
            self.dirty.alerts.insert(fingerprint);
        }
    }

    /// Notes that a group has let an alert go before, without a change.
    pub(super) fn part(&mut self, at: u32, fingerprint: Fingerprint, group: u32, now: Timestamp) {
        let own = &mut self.groups[group];
        own.members.remove(&fingerprint);
        own.left.insert(fingerprint);
        if own.members.is_empty() {
            self.retime(group, |group| group.empty_since = Some(now));
        }
        self.dirty.groups.remove(&group);
        let places = &mut self.alerts[at].places;
        places.iter_mut().filter(|place| place.group == group).for_each(|place| place.member = false);
    }

    /// Forgets an alert.
    pub(super) fn drop_alert(&mut self, at: u32, fingerprint: Fingerprint) {
        let entry = self.alerts.remove(at);
        self.by_fingerprint.remove(&fingerprint);
        self.alert_bytes -= entry.bytes;
        self.inhibition.remove(&entry.alert.labels, fingerprint, &entry.roles);
        for place in entry.places {
            let group = &mut self.groups[place.group];
            group.members.remove(&fingerprint);
            if group.left.remove(&fingerprint) {
                self.dirty.groups.insert(place.group);
            }
        }
    }

    /// The identity of a group's row.
    pub(super) fn group_key(&self, group: u32) -> GroupKey {
        let own = &self.groups[group];
        GroupKey {
            group_key: self.tree.node(own.route).group_key(&own.labels),
            receiver: self.tree.receiver_of(own.route).name.clone(),
        }
    }

    /// Removes a group in which nothing is left.
    pub(super) fn drop_group(&mut self, group: u32) {
        let key = self.group_key(group);
        let own = self.groups.remove(group);
        self.timers.remove(&(own.timer(), group));
        self.group_index[own.route as usize].remove(own.labels.encoded());
        self.dirty.groups.remove(&group);
        self.dirty.gone_groups.insert(key);
        for channel in own.channels {
            self.channels[channel].group = None;
            let known = |told: &Told| !told.firing.is_empty() || !told.muted.is_empty();
            if !self.channels[channel].told.as_ref().is_some_and(known) {
                self.forget_told(channel); // An entry without firing alerts decides nothing for a new group.
            }
            self.drop_idle_channel(channel);
        }
    }

    /// Deletes the row of the notification log.
    pub(super) fn forget_told(&mut self, channel: u32) {
        let own = &mut self.channels[channel];
        if own.told.take().is_some() {
            self.dirty.log.insert(Arc::clone(&own.key));
        }
    }

    /// Removes a channel that holds nothing; only when no group uses it.
    pub(super) fn drop_idle_channel(&mut self, channel: u32) {
        let own = &self.channels[channel];
        if own.told.is_none() && own.waiting.is_none() {
            let own = self.channels.remove(channel);
            self.channel_index.remove(&*own.key);
            for superseded in own.superseded {
                self.outbox.remove(&superseded.id);
            }
        }
    }
}

fn check(alert: &Alert) -> Result<(), AlertRefusal> {
    if alert.labels.is_empty() {
        return Err(AlertRefusal::NoLabels);
    }
    if alert.ends_at.is_some_and(|ends_at| ends_at < alert.starts_at) {
        return Err(AlertRefusal::EndBeforeStart);
    }
    let bytes = alert_bytes(alert);
    if bytes > ALERT_BYTES_MAX {
        return Err(AlertRefusal::TooLarge { bytes, limit: ALERT_BYTES_MAX });
    }
    Ok(())
}

/// What an alert's texts take.
pub(super) fn alert_bytes(alert: &Alert) -> usize {
    let annotations: usize = alert.annotations.iter().map(|(name, text)| name.len() + text.len()).sum();
    alert.labels.encoded().len() + annotations + alert.generator_url.len() + alert.value.len()
}

/// Whether nothing changed but the time at which it was said and the value, which alone is not worth a write.
fn is_same(own: &Alert, other: &Alert) -> bool {
    own.starts_at == other.starts_at
        && own.ends_at == other.ends_at
        && own.timeout == other.timeout
        && own.annotations == other.annotations
        && own.generator_url == other.generator_url
}

/// What is known and what is said now: one alert when the two overlap, else the new one (`mem.Alerts.Put`,
/// `types.Alert.Merge`). No end is later than any.
pub(super) fn merge(old: &Alert, new: Alert, now: Timestamp) -> Alert {
    let end = |alert: &Alert| alert.ends_at.unwrap_or(Timestamp::MAX);
    let overlap = (end(&new) > old.starts_at && end(&new) < end(old))
        || (new.starts_at > old.starts_at && new.starts_at < end(old));
    if !overlap {
        return new;
    }
    let (elder, mut younger) =
        if new.updated_at < old.updated_at { (&new, old.clone()) } else { (old, new.clone()) };
    younger.starts_at = younger.starts_at.min(elder.starts_at);
    let later = end(elder) > end(&younger);
    let elder_rules = if younger.is_resolved(now) { elder.is_resolved(now) } else { !elder.timeout };
    if later && elder_rules {
        (younger.ends_at, younger.timeout) = (elder.ends_at, elder.timeout);
    }
    younger
}
