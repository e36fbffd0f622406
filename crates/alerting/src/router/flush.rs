//! Looking at a group: what fires, what has ended, what of it may be told, and who has to be told.

use std::borrow::Cow;
use std::sync::Arc;

use lingshao_model::{
    Alert, Delivery, DeliveryId, DeliveryOutcome, DeliveryReason, Fingerprint, IntegrationId, Timestamp,
};

use super::decide::{Told, Verdict, Word, decide};
use super::routes::sort_alerts;
use super::sets::{contains, difference, intersects, union};
use super::state::{EMPTY_GROUP_KEPT, Group, Superseded, Waiting};
use super::{Router, SUPERSEDED_MAX, SWEEP_INTERVAL};

/// What a look at a group saw; all sets ascend.
#[derive(Debug, Default)]
struct Sight {
    /// Fires, and may be told.
    firing: Vec<Fingerprint>,
    /// Has ended, and may be told.
    ended: Vec<Fingerprint>,
    /// Has ended, muted or not.
    all_ended: Vec<Fingerprint>,
    /// May not be told.
    muted: Vec<Fingerprint>,
}

/// Which time intervals hold at an instant, found once for all groups.
#[derive(Debug)]
pub(super) struct Hours {
    now: Timestamp,
    holds: Vec<Option<bool>>,
}

impl Router {
    pub(super) fn hours(&self, now: Timestamp) -> Hours {
        Hours { now, holds: vec![None; self.tree.intervals.len()] }
    }

    /// Names of the intervals that mute a route: those of its mute times that hold, or all its active times, when none of
    /// these does.
    pub(super) fn muted_by(&self, route: u32, hours: &mut Hours) -> Vec<String> {
        let node = self.tree.node(route);
        let intervals = &self.tree.intervals;
        let mut holds =
            |at: u32| *hours.holds[at as usize].get_or_insert_with(|| intervals.contains(at, hours.now));
        let names = |list: Vec<u32>| list.into_iter().map(|at| intervals.name(at).to_owned()).collect();
        if !node.active.is_empty() && !node.active.iter().any(|at| holds(*at)) {
            return names(node.active.clone());
        }
        names(node.mute.iter().copied().filter(|at| holds(*at)).collect())
    }

    /// One round over all groups whose time has come.
    pub(super) fn flush_due(&mut self, now: Timestamp) -> Vec<Delivery> {
        let mut told = Vec::new();
        let mut hours = self.hours(now);
        while let Some((at, group)) = self.timers.first().copied()
            && at <= now
        {
            let own = &self.groups[group];
            let idle = own.members.is_empty() && own.left.is_empty();
            if idle
                && own.empty_since.is_some_and(|since| since + EMPTY_GROUP_KEPT <= now)
                && !self.is_awaited(group)
            {
                self.drop_group(group);
            } else {
                self.flush(group, now, &mut hours, &mut told);
            }
        }
        told
    }

    /// Whether a delivery about this group waits.
    fn is_awaited(&self, group: u32) -> bool {
        self.groups[group].channels.iter().any(|channel| self.channels[*channel].waiting.is_some())
    }

    fn flush(&mut self, group: u32, now: Timestamp, hours: &mut Hours, told: &mut Vec<Delivery>) {
        let sight = self.look(group, now, hours);
        let mut is_news = !self.groups[group].flushed;
        for index in 0..self.groups[group].channels.len() {
            let channel = self.groups[group].channels[index];
            if let Some(id) = self.settle(group, channel, &sight, now) {
                is_news = true;
                told.extend(self.delivery(channel).filter(|delivery| delivery.id == id));
            }
        }
        for fingerprint in sight.all_ended {
            if !self.knows(group, fingerprint) {
                self.leave(group, fingerprint, now);
            }
        }
        let interval = self.tree.node(self.groups[group].route).group_interval;
        if is_news {
            // Otherwise the row's timer may stay in the past: after a restart the group is looked at a little early.
            self.dirty.groups.insert(group);
        }
        self.retime(group, |own| {
            own.next_at = now + interval.max(super::GROUP_INTERVAL_MIN);
            own.flushed = true;
            // Looked at while empty: kept only because something else needs it.
            own.empty_since =
                own.empty_since.map(|since| if since + EMPTY_GROUP_KEPT <= now { now } else { since });
        });
    }

    fn look(&mut self, group: u32, now: Timestamp, hours: &mut Hours) -> Sight {
        let own = &self.groups[group];
        let route_muted = !self.muted_by(own.route, hours).is_empty();
        let own = &self.groups[group];
        let mut sight = Sight::default();
        for (fingerprint, at) in &own.members {
            let entry = &mut self.alerts[*at];
            let labels = &entry.alert.labels;
            let ended = entry.alert.is_resolved(now);
            if ended {
                sight.all_ended.push(*fingerprint);
            }
            let muted = route_muted
                || self.inhibition.inhibitor(labels, &entry.roles, now).is_some()
                || self.silences.mutes(labels, &mut entry.silences, now);
            match (muted, ended) {
                (true, _) => sight.muted.push(*fingerprint),
                (false, true) => sight.ended.push(*fingerprint),
                (false, false) => sight.firing.push(*fingerprint),
            }
        }
        sight
    }

    /// Decides for one integration; the id of the row that is new.
    fn settle(&mut self, group: u32, channel: u32, sight: &Sight, now: Timestamp) -> Option<DeliveryId> {
        let send_resolved = self.channels[channel].send_resolved;
        self.refresh_told(group, channel, send_resolved, sight, now);
        let repeat_interval = self.tree.node(self.groups[group].route).repeat_interval;
        let own = &self.channels[channel];
        let mut ended = if send_resolved {
            difference(&sight.ended, own.told.as_ref().map_or(&[], |told| &told.resolved))
        } else {
            Vec::new()
        };
        let mut firing = Cow::Borrowed(&sight.firing);
        if let Some(waiting) = own.waiting.as_ref().filter(|waiting| waiting.foreign) {
            let members = &self.groups[group].members;
            let unknown = |set: &[Fingerprint]| -> Vec<Fingerprint> {
                set.iter().copied().filter(|fingerprint| !members.contains_key(fingerprint)).collect()
            };
            firing = Cow::Owned(union(&sight.firing, &unknown(&waiting.firing)));
            ended = union(&ended, &unknown(&waiting.resolved));
        }
        let word = Word { firing: &firing, ended: &ended };
        let waiting = own.waiting.as_ref().map(|waiting| (&waiting.firing[..], &waiting.resolved[..]));
        match decide(&word, own.told.as_ref(), waiting, repeat_interval, now) {
            Verdict::Leave => None,
            Verdict::Withdraw => {
                let old = self.take_waiting(channel)?;
                self.withdrawn.push(old.id);
                self.mark_perhaps_told(channel, &old, sight);
                None
            }
            Verdict::Tell(reason) => {
                let (firing, ended) = (firing.into_owned(), ended);
                Some(self.tell(group, channel, (firing, ended), sight, reason, now))
            }
        }
    }

    /// Lets an entry of the log expire; and an integration that is not told of ends shall hear of it when one fires again.
    fn refresh_told(&mut self, group: u32, channel: u32, send_resolved: bool, sight: &Sight, now: Timestamp) {
        let members = &self.groups[group].members;
        let own = &mut self.channels[channel];
        let Some(told) = &mut own.told else { return };
        let mut known = told.firing.iter().chain(&told.muted);
        if told.expires_at <= now && !known.any(|fingerprint| members.contains_key(fingerprint)) {
            self.forget_told(channel);
        } else if !send_resolved && intersects(&told.firing, &sight.all_ended) {
            told.firing = difference(&told.firing, &sight.all_ended);
            self.dirty.log.insert(Arc::clone(&own.key));
        }
    }

    /// Puts a row into the outbox.
    fn tell(
        &mut self,
        group: u32,
        channel: u32,
        (firing, resolved): (Vec<Fingerprint>, Vec<Fingerprint>),
        sight: &Sight,
        reason: DeliveryReason,
        now: Timestamp,
    ) -> DeliveryId {
        let old = self.take_waiting(channel);
        if let Some(old) = &old {
            self.mark_perhaps_told(channel, old, sight);
        }
        let own = &self.groups[group];
        let mut alerts: Vec<Arc<Alert>> = firing
            .iter()
            .chain(&resolved)
            .filter_map(|fingerprint| own.members.get(fingerprint))
            .map(|at| Arc::clone(&self.alerts[*at].alert))
            .collect();
        if let Some(old) = old.filter(|old| old.foreign) {
            let unknown = |alert: &Arc<Alert>| !own.members.contains_key(&alert.fingerprint());
            alerts.extend(old.alerts.into_iter().filter(unknown));
        }
        let alerts = sort_alerts(alerts, |alert| alert);
        let key = Arc::clone(&self.channels[channel].key);
        if let Some(told) = &mut self.channels[channel].told
            && intersects(&told.resolved, &firing)
        {
            // From now on the receiver may hear that these fire: that it heard of an earlier end does not count.
            told.resolved = difference(&told.resolved, &firing);
            self.dirty.log.insert(Arc::clone(&key));
        }
        let id = delivery_id(&key.group_key, &key.to, &firing, &resolved, now);
        let group_labels = own.labels.clone();
        let waiting =
            Waiting { id, group_labels, alerts, firing, resolved, decided_at: now, reason, foreign: false };
        self.channels[channel].waiting = Some(waiting);
        self.outbox.insert(id, channel);
        self.dirty.outbox.insert(id);
        id
    }

    /// Takes the row that waits out of the outbox; its outcome may still come.
    pub(super) fn take_waiting(&mut self, channel: u32) -> Option<Waiting> {
        let own = &mut self.channels[channel];
        let old = own.waiting.take()?;
        self.dirty.outbox.insert(old.id);
        let superseded =
            Superseded { id: old.id, firing: old.firing.clone(), resolved: old.resolved.clone() };
        own.superseded.push(superseded);
        if own.superseded.len() > SUPERSEDED_MAX {
            let oldest = own.superseded.remove(0);
            self.outbox.remove(&oldest.id);
        }
        Some(old)
    }

    /// What a row said that is muted now may have reached the receiver, if it was on its way: its end will be told.
    fn mark_perhaps_told(&mut self, channel: u32, old: &Waiting, sight: &Sight) {
        let mut perhaps = union(&old.firing, &old.resolved);
        perhaps.retain(|fingerprint| contains(&sight.muted, *fingerprint));
        self.add_perhaps_told(channel, &perhaps);
    }

    fn add_perhaps_told(&mut self, channel: u32, perhaps: &[Fingerprint]) {
        let own = &mut self.channels[channel];
        if perhaps.is_empty() || !own.send_resolved {
            return;
        }
        let told = own.told.get_or_insert_with(Told::nothing);
        told.muted = union(&told.muted, &difference(perhaps, &told.firing));
        told.resolved = difference(&told.resolved, &told.muted);
        self.dirty.log.insert(Arc::clone(&own.key));
    }

    /// A receiver that takes nothing is told of what fires whenever a group is looked at; of what has ended only until the
    /// log forgets, or what has ended would pile up for ever.
    fn give_up(&mut self, channel: u32, firing: &[Fingerprint], resolved: &[Fingerprint], now: Timestamp) {
        self.add_perhaps_told(channel, firing); // An earlier attempt may have arrived.
        let own = &mut self.channels[channel];
        let Some(told) = own.told.as_mut().filter(|told| told.expires_at <= now) else { return };
        told.firing = difference(&told.firing, resolved);
        told.muted = difference(&told.muted, resolved);
        self.dirty.log.insert(Arc::clone(&own.key));
    }

    /// The row of a channel as others see it.
    pub(super) fn delivery(&self, channel: u32) -> Option<Delivery> {
        let own = &self.channels[channel];
        let waiting = own.waiting.as_ref()?;
        // What fires shall not end while the message is on its way.
        let as_told = |alert: &Arc<Alert>| Alert {
            ends_at: alert.ends_at.filter(|ends_at| *ends_at <= waiting.decided_at),
            ..(**alert).clone()
        };
        Some(Delivery {
            id: waiting.id,
            group_key: own.key.group_key.clone(),
            to: own.key.to.clone(),
            group_labels: waiting.group_labels.clone(),
            alerts: waiting.alerts.iter().map(as_told).collect(),
            decided_at: waiting.decided_at,
            reason: waiting.reason,
        })
    }

    /// The outcome of a row, also of one that was replaced since.
    pub(super) fn settle_outcome(&mut self, id: DeliveryId, outcome: &DeliveryOutcome, now: Timestamp) {
        let Some(channel) = self.outbox.get(&id).copied() else { return };
        let own = &mut self.channels[channel];
        let (firing, resolved) = match own.superseded.iter().position(|superseded| superseded.id == id) {
            Some(at) => {
                let mut done: Vec<Superseded> = own.superseded.drain(..=at).collect();
                let last = done.pop().expect("the range holds at least one");
                for earlier in done {
                    self.outbox.remove(&earlier.id);
                }
                (last.firing, last.resolved)
            }
            None => {
                let Some(row) = own.waiting.take_if(|waiting| waiting.id == id) else { return };
                for earlier in own.superseded.drain(..) {
                    self.outbox.remove(&earlier.id);
                }
                self.dirty.outbox.insert(id);
                (row.firing, row.resolved)
            }
        };
        self.outbox.remove(&id);
        let group = self.channels[channel].group;
        match outcome {
            DeliveryOutcome::Sent(_) => self.advance_log(channel, group, firing, &resolved, now),
            DeliveryOutcome::Failed(_) => self.give_up(channel, &firing, &resolved, now),
        }
        match group {
            Some(group) => self.let_go(group, &resolved, now),
            None => self.drop_idle_channel(channel),
        }
    }

    fn advance_log(
        &mut self,
        channel: u32,
        group: Option<u32>,
        firing: Vec<Fingerprint>,
        resolved: &[Fingerprint],
        now: Timestamp,
    ) {
        let group: Option<&Group> = group.map(|group| &self.groups[group]);
        let is_member =
            |fingerprint: &Fingerprint| group.is_some_and(|group| group.members.contains_key(fingerprint));
        let own = &mut self.channels[channel];
        let old = own.told.take().unwrap_or_default();
        let said = union(&firing, resolved);
        let mut muted = Vec::new();
        if own.send_resolved {
            muted = difference(&union(&old.firing, &old.muted), &said);
            muted.retain(is_member);
        }
        let mut resolved = union(&difference(&old.resolved, &firing), resolved);
        resolved.retain(|fingerprint| is_member(fingerprint) || contains(&said, *fingerprint));
        if let Some(next) = &own.waiting {
            resolved = difference(&resolved, &next.firing); // It may be on its way already.
        }
        let repeat_interval =
            group.map_or(self.tree.node(0), |group| self.tree.node(group.route)).repeat_interval;
        own.told = Some(Told {
            firing,
            resolved,
            muted,
            at: now,
            expires_at: now + repeat_interval + repeat_interval,
            repeat_interval,
        });
        self.dirty.log.insert(Arc::clone(&own.key));
        self.want_sweep(now);
    }

    /// Lets those go whose end was told to all.
    fn let_go(&mut self, group: u32, resolved: &[Fingerprint], now: Timestamp) {
        for fingerprint in resolved {
            let member = self.groups[group].members.get(fingerprint);
            let ended = member.is_some_and(|at| self.alerts[*at].alert.is_resolved(now));
            if ended && !self.knows(group, *fingerprint) {
                self.leave(group, *fingerprint, now);
            }
        }
    }

    /// Some time from now something may have to be forgotten.
    pub(super) fn want_sweep(&mut self, now: Timestamp) {
        self.next_sweep.get_or_insert(now + SWEEP_INTERVAL);
    }

    /// Forgets silences that ended long ago, and what was told about groups that are no more.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        if self.next_sweep.is_none_or(|at| now < at) {
            return;
        }
        self.next_sweep = None;
        self.silences.sweep(now);
        let expired = |told: &Told| told.expires_at <= now;
        let orphans: Vec<u32> = self
            .channels
            .iter()
            .filter(|(_, own)| own.group.is_none() && own.told.as_ref().is_none_or(expired))
            .map(|(at, _)| at)
            .collect();
        for channel in orphans {
            self.forget_told(channel);
            self.drop_idle_channel(channel);
        }
        if !self.silences.is_empty() || self.channels.len() > 0 {
            self.want_sweep(now);
        }
    }
}

/// 128-bit FNV-1a of what is told to whom and when: the same decision has the same id.
fn delivery_id(
    group_key: &str,
    to: &IntegrationId,
    firing: &[Fingerprint],
    resolved: &[Fingerprint],
    now: Timestamp,
) -> DeliveryId {
    let mut sum: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            sum = (sum ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    };
    add(group_key.as_bytes());
    add(&[0xff]);
    add(to.receiver.as_bytes());
    add(&[0xff]);
    add(to.kind.name().as_bytes());
    add(&to.index.to_le_bytes());
    add(&now.0.to_le_bytes());
    for set in [firing, resolved] {
        add(&set.len().to_le_bytes());
        set.iter().for_each(|fingerprint| add(&fingerprint.0.to_le_bytes()));
    }
    DeliveryId(sum)
}
