//! Rows out and in: what has changed, what a restart or another process brings, a jump of the clock, a new routing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use lingshao_model::{
    Alert, Delivery, DeliveryId, Fingerprint, LabelsBuilder, Routing, TimeDelta, Timestamp,
};

use super::Router;
use super::decide::Told;
use super::inhibition::Inhibition;
use super::routes::Tree;
use super::rows::{Change, Changes, ForeignRows, GroupKey, GroupRow, LogEntry, LogKey, Saved};
use super::sets::Slab;
use super::state::{Waiting, alert_bytes};

/// Timers of groups, found by their identity.
type Timers = HashMap<GroupKey, GroupRow>;

impl Router {
    pub(super) fn collect_changes(&mut self) -> Changes {
        let mut dirty = std::mem::take(&mut self.dirty);
        let mut alerts: Vec<Fingerprint> = dirty.alerts.drain().collect();
        alerts.sort_unstable();
        let alert = |fingerprint| match self.by_fingerprint.get(&fingerprint) {
            Some(at) => Change::Put((*self.alerts[*at].alert).clone()),
            None => Change::Gone(fingerprint),
        };
        let alerts = alerts.into_iter().map(alert).collect();

        let rows: BTreeMap<GroupKey, GroupRow> = dirty
            .groups
            .drain()
            .map(|group| self.group_row(group))
            .map(|row| (row.key.clone(), row))
            .collect();
        let gone: BTreeSet<GroupKey> =
            dirty.gone_groups.drain().filter(|key| !rows.contains_key(key)).collect();
        let groups = gone.into_iter().map(Change::Gone).chain(rows.into_values().map(Change::Put)).collect();

        let keys: BTreeSet<Arc<LogKey>> = dirty.log.drain().collect();
        let entry = |key: Arc<LogKey>| match self.log_entry(&key) {
            Some(entry) => Change::Put(entry),
            None => Change::Gone((*key).clone()),
        };
        let log = keys.into_iter().map(entry).collect();

        let ids: BTreeSet<DeliveryId> = dirty.outbox.drain().collect();
        let row = |id: DeliveryId| {
            let waiting = self.outbox.get(&id).and_then(|channel| self.delivery(*channel));
            waiting.filter(|delivery| delivery.id == id).map_or(Change::Gone(id), Change::Put)
        };
        let outbox = ids.into_iter().map(row).collect();
        Changes { alerts, groups, silences: self.silences.take_changes(), log, outbox }
    }

    fn group_row(&self, group: u32) -> GroupRow {
        let own = &self.groups[group];
        GroupRow {
            key: self.group_key(group),
            labels: own.labels.clone(),
            next_at: own.next_at,
            flushed: own.flushed,
            left: own.left.iter().copied().collect(),
        }
    }

    fn log_entry(&self, key: &LogKey) -> Option<LogEntry> {
        let own = &self.channels[*self.channel_index.get(key)?];
        let told = own.told.as_ref()?;
        Some(LogEntry {
            key: key.clone(),
            firing: told.firing.clone(),
            resolved: told.resolved.clone(),
            muted: told.muted.clone(),
            at: told.at,
            expires_at: told.expires_at,
            repeat_interval: told.repeat_interval,
        })
    }

    pub(super) fn read_back(&mut self, saved: Saved, now: Timestamp) {
        saved.silences.into_iter().for_each(|silence| self.silences.place(silence));
        saved.log.into_iter().for_each(|entry| self.place_entry(entry));
        saved.outbox.into_iter().for_each(|delivery| self.place_delivery(delivery, false));
        let downtime = saved.saved_at.map_or(TimeDelta::ZERO, |at| (now - at).max(TimeDelta::ZERO));
        let mut timers: Timers = saved.groups.into_iter().map(|row| (row.key.clone(), row)).collect();
        for mut alert in saved.alerts {
            let fingerprint = alert.fingerprint();
            if self.by_fingerprint.contains_key(&fingerprint) {
                continue;
            }
            let still_fired = saved.saved_at.is_some_and(|at| !alert.is_resolved(at));
            if still_fired && downtime > TimeDelta::ZERO && alert.ends_at.is_some() {
                alert.ends_at = alert.ends_at.map(|ends_at| ends_at + downtime);
                self.dirty.alerts.insert(fingerprint);
            }
            self.bring_back(fingerprint, alert, &timers, now);
        }
        self.set_timers(&timers, now, |row| (row.next_at, row.flushed));
        let present: HashSet<GroupKey> = self.groups.iter().map(|(group, _)| self.group_key(group)).collect();
        timers.retain(|key, _| !present.contains(key));
        self.dirty.gone_groups.extend(timers.into_keys());
        self.withdraw_homeless();
        self.want_sweep(now);
    }

    /// Files an alert under the routes of today, into the groups that had it before; into others when it fires, or is still
    /// believed to.
    fn bring_back(&mut self, fingerprint: Fingerprint, alert: Alert, timers: &Timers, now: Timestamp) {
        let labels = alert.labels.clone();
        let (ended, bytes) = (alert.is_resolved(now), alert_bytes(&alert));
        let at = self.file(fingerprint, alert, bytes);
        let mut builder = LabelsBuilder::default();
        for route in self.tree.matching(&labels) {
            self.tree.node(route).group_labels(&labels, &mut builder);
            let group = match self.find_group(route, &mut builder) {
                Some(group) => group,
                None => {
                    let group = self.new_group(route, &mut builder, now);
                    self.dirty.groups.remove(&group);
                    group
                }
            };
            let row = timers.get(&self.group_key(group));
            let joins = match row {
                Some(row) => !row.left.contains(&fingerprint),
                None => !ended || self.knows(group, fingerprint),
            };
            if joins {
                self.join(at, fingerprint, group);
                if row.is_some() {
                    self.dirty.groups.remove(&group);
                } else {
                    self.dirty.groups.insert(group);
                }
            } else if row.is_some() {
                self.join(at, fingerprint, group);
                self.part(at, fingerprint, group, now);
            }
        }
        if self.alerts[at].places.iter().all(|place| !place.member) {
            self.drop_alert(at, fingerprint);
            self.dirty.alerts.insert(fingerprint);
        }
    }

    /// Gives groups the timers that they had.
    fn set_timers(
        &mut self,
        timers: &Timers,
        now: Timestamp,
        timer: impl Fn(&GroupRow) -> (Timestamp, bool),
    ) {
        let groups: Vec<u32> = self.groups.iter().map(|(group, _)| group).collect();
        for group in groups {
            match timers.get(&self.group_key(group)) {
                Some(row) => {
                    let (next_at, flushed) = timer(row);
                    self.retime(group, |group| (group.next_at, group.flushed) = (next_at, flushed));
                }
                None => {
                    let wait = self.tree.node(self.groups[group].route).group_wait;
                    let members = self.groups[group].members.values();
                    let oldest = members.map(|at| self.alerts[*at].alert.starts_at).min();
                    if oldest.is_some_and(|starts_at| starts_at + wait < now) {
                        self.retime(group, |group| group.next_at = now);
                    }
                }
            }
        }
    }

    fn place_entry(&mut self, entry: LogEntry) {
        let channel = self.channel(entry.key);
        self.channels[channel].told = Some(Told {
            firing: ascending(entry.firing),
            resolved: ascending(entry.resolved),
            muted: ascending(entry.muted),
            at: entry.at,
            expires_at: entry.expires_at,
            repeat_interval: entry.repeat_interval,
        });
    }

    fn place_delivery(&mut self, delivery: Delivery, foreign: bool) {
        let prints = |ended: bool| {
            let alerts =
                delivery.alerts.iter().filter(|alert| alert.is_resolved(delivery.decided_at) == ended);
            ascending(alerts.map(Alert::fingerprint).collect())
        };
        let (firing, resolved) = (prints(false), prints(true));
        let channel = self.channel(LogKey { group_key: delivery.group_key, to: delivery.to });
        self.outbox.insert(delivery.id, channel);
        self.channels[channel].waiting = Some(Waiting {
            id: delivery.id,
            group_labels: delivery.group_labels,
            alerts: delivery.alerts.into_iter().map(Arc::new).collect(),
            firing,
            resolved,
            decided_at: delivery.decided_at,
            reason: delivery.reason,
            foreign,
        });
    }

    /// Withdraws what waits for integrations that are gone, and what speaks of firing alerts of groups that are gone.
    fn withdraw_homeless(&mut self) {
        let homeless: Vec<u32> = self
            .channels
            .iter()
            .filter(|(_, own)| {
                let gone = self.tree.send_resolved(&own.key.to).is_none();
                let fires = |waiting: &Waiting| {
                    gone || (own.group.is_none() && !waiting.foreign && !waiting.firing.is_empty())
                };
                own.waiting.as_ref().is_some_and(fires)
            })
            .map(|(channel, _)| channel)
            .collect();
        for channel in homeless {
            if let Some(old) = self.take_waiting(channel) {
                self.withdrawn.push(old.id);
            }
            if self.channels[channel].group.is_none() {
                self.drop_idle_channel(channel);
            }
        }
    }

    pub(super) fn adopt_rows(&mut self, foreign: ForeignRows, now: Timestamp) {
        foreign.silences.into_iter().for_each(|change| self.silences.adopt(change));
        for change in foreign.log {
            match change {
                Change::Put(entry) => {
                    let channel = self.channel(entry.key.clone());
                    if self.channels[channel].told.as_ref().is_none_or(|own| own.at <= entry.at) {
                        self.dirty.log.remove(&entry.key);
                        self.place_entry(entry);
                    }
                }
                Change::Gone(key) => {
                    if let Some(channel) = self.channel_index.get(&key).copied() {
                        self.dirty.log.remove(&key);
                        self.channels[channel].told = None;
                        self.drop_if_alone(channel);
                    }
                }
            }
        }
        foreign.outbox.into_iter().for_each(|change| self.adopt_delivery(change));
        self.want_sweep(now);
    }

    fn adopt_delivery(&mut self, change: Change<DeliveryId, Delivery>) {
        match change {
            Change::Put(delivery) => {
                let channel =
                    self.channel(LogKey { group_key: delivery.group_key.clone(), to: delivery.to.clone() });
                if self.channels[channel].waiting.as_ref().is_some_and(|own| own.id == delivery.id) {
                    return;
                }
                if let Some(old) = self.take_waiting(channel) {
                    self.dirty.outbox.remove(&old.id); // Whoever replaced it has deleted it.
                }
                self.place_delivery(delivery, true);
            }
            Change::Gone(id) => {
                self.dirty.outbox.remove(&id);
                let Some(channel) = self.outbox.get(&id).copied() else { return };
                if self.channels[channel].waiting.as_ref().is_some_and(|own| own.id == id) {
                    self.take_waiting(channel);
                    self.dirty.outbox.remove(&id);
                    self.drop_if_alone(channel);
                }
            }
        }
    }

    fn drop_if_alone(&mut self, channel: u32) {
        if self.channels[channel].group.is_none() {
            self.drop_idle_channel(channel);
        }
    }

    pub(super) fn shift_clock(&mut self, by: TimeDelta) {
        self.silences.shift(by, self.seen_at);
        let mut inhibition = std::mem::take(&mut self.inhibition);
        for (_, entry) in self.alerts.iter_mut() {
            let alert = Arc::make_mut(&mut entry.alert);
            alert.starts_at = alert.starts_at + by;
            alert.updated_at = alert.updated_at + by;
            alert.ends_at = alert.ends_at.map(|ends_at| ends_at + by);
            let fingerprint = alert.fingerprint();
            inhibition.set(&alert.labels, fingerprint, &entry.roles, alert.ends_at);
            self.dirty.alerts.insert(fingerprint);
        }
        self.inhibition = inhibition;
        self.timers.clear();
        for (at, group) in self.groups.iter_mut() {
            group.next_at = group.next_at + by;
            group.empty_since = group.empty_since.map(|since| since + by);
            self.timers.insert((group.timer(), at));
            self.dirty.groups.insert(at);
        }
        for (_, channel) in self.channels.iter_mut() {
            if let Some(told) = channel.told.as_mut().filter(|told| !told.is_nothing()) {
                told.at = told.at + by;
                told.expires_at = told.expires_at + by;
                self.dirty.log.insert(Arc::clone(&channel.key));
            }
        }
        self.next_sweep = self.next_sweep.map(|at| at + by);
        self.seen_at = self.seen_at + by;
    }

    pub(super) fn route_anew(&mut self, routing: &Routing, now: Timestamp) {
        let timers: Timers = self
            .groups
            .iter()
            .map(|(group, _)| self.group_row(group))
            .map(|row| (row.key.clone(), row))
            .collect();
        self.tree = Tree::new(routing);
        self.inhibition = Inhibition::new(&routing.inhibit_rules);
        self.group_index = self.tree.nodes.iter().map(|_| HashMap::new()).collect();
        self.groups = Slab::default();
        self.timers.clear();
        for (_, channel) in self.channels.iter_mut() {
            channel.group = None;
            channel.send_resolved = self.tree.send_resolved(&channel.key.to).unwrap_or(false);
        }
        let old = std::mem::take(&mut self.alerts);
        self.by_fingerprint.clear();
        self.alert_bytes = 0;
        for (_, entry) in old.iter() {
            self.bring_back(entry.alert.fingerprint(), (*entry.alert).clone(), &timers, now);
        }
        // Alertmanager starts all timers anew: what the new routing changes is seen at once.
        self.set_timers(&timers, now, |row| (if row.flushed { now } else { row.next_at }, row.flushed));
        let present: HashSet<GroupKey> = self.groups.iter().map(|(group, _)| self.group_key(group)).collect();
        self.dirty.groups = self.groups.iter().map(|(group, _)| group).collect();
        self.dirty.gone_groups.extend(timers.into_keys().filter(|key| !present.contains(key)));
        self.withdraw_homeless();
        self.want_sweep(now);
    }
}

fn ascending(mut set: Vec<Fingerprint>) -> Vec<Fingerprint> {
    set.sort_unstable();
    set.dedup();
    set
}
