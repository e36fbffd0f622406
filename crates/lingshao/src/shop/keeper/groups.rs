//! Group buys: ended when they are full or late, and shown as they stand. Who pays after a group has failed fails alone.

use std::collections::BTreeMap;

use lingshao_model::Timestamp;
use lingshao_shop::OrderKey;
use lingshao_shop::act::{Act, Settle};
use lingshao_shop::day::DAY;
use lingshao_shop::group::{Group, Verdict, verdict};
use lingshao_shop::safety::{Candidate, Gate, Mode, Pending};
use lingshao_shop::sql::LateMember;

use super::gates::Gates;
use super::{Failed, Keeper};
use crate::clock::now;
use crate::shop::desk::{Wanted, group_name, late_member_name};
use crate::shop::monitor::Monitor;
use crate::shop::view::GroupView;

/// What is to be done.
enum Due<'a> {
    Group { group: &'a Group, success: bool },
    LateMember(&'a LateMember),
}

impl Due<'_> {
    /// What the gate and people call it.
    fn name(&self) -> OrderKey {
        match self {
            Due::Group { group, .. } => group_name(&group.key),
            Due::LateMember(member) => late_member_name(&member.order.order),
        }
    }

    fn since(&self) -> Timestamp {
        match self {
            Due::Group { group, .. } => group.expires_at,
            Due::LateMember(LateMember { order, .. }) => order.paid_at.unwrap_or(order.created),
        }
    }

    fn act(&self, mode: Mode) -> Settle {
        match self {
            Due::Group { group, success } => Settle::group(group.key.clone(), *success, mode),
            Due::LateMember(member) => {
                Settle::late_member(member.key.clone(), member.order.order.clone(), mode)
            }
        }
    }
}

impl Keeper {
    pub(super) async fn group_settle(&mut self, at: Timestamp, wanted: &[Wanted]) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::GroupSettle;
        let desk = self.desk.clone();
        if desk.hands.shop.mapping().groups.is_none() {
            return Ok(());
        }
        let shop = &desk.hands.shop;
        let clock = shop.now(at).await?;
        let open = shop.open_groups().await?;
        let late = open.iter().filter(|found| found.group.expires_at <= clock).count();
        let keys = open.iter().map(|found| found.group.key.to_string()).collect();
        self.look_at_groups(keys, late, clock).await?;
        // Whatever is wrong with one question, the others go on.
        let (members, trouble) = match shop.late_members().await {
            Ok(members) => (members, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let ending = |wanted: Verdict| {
            let these = open.iter().map(|found| &found.group);
            these.filter(move |group| verdict(group, clock) == wanted)
        };
        let full: Vec<_> =
            ending(Verdict::Success).map(|group| Due::Group { group, success: true }).collect();
        let late: Vec<_> =
            ending(Verdict::Failed).map(|group| Due::Group { group, success: false }).collect();
        let members: Vec<_> = members.iter().map(Due::LateMember).collect();
        let found = full.len() + late.len() + members.len();
        self.tally(MONITOR).found = found;
        if self.refuses(MONITOR, at, found) {
            return Ok(());
        }
        let by_hand: Vec<_> = wanted.iter().filter(|wanted| wanted.monitor == MONITOR).collect();
        let pending = Pending { orders: open.len() };
        self.settle_these(&full, |gates| &mut gates.success, pending, &by_hand, clock).await?;
        self.settle_these(&late, |gates| &mut gates.fail, pending, &by_hand, clock).await?;
        self.settle_these(&members, |gates| &mut gates.late, pending, &by_hand, clock).await?;
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        trouble.map_or(Ok(()), |error| Err(error.into()))
    }

    /// What a person ordered first, then what the gate lets through.
    async fn settle_these(
        &mut self,
        due: &[Due<'_>],
        gate: fn(&mut Gates) -> &mut Gate,
        pending: Pending,
        by_hand: &[&Wanted],
        clock: Timestamp,
    ) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::GroupSettle;
        let ordered_by = |due: &&Due<'_>| {
            let name = due.name();
            by_hand.iter().find(|wanted| wanted.keys.iter().any(|key| key == name.as_str()))
        };
        let (ordered, others): (Vec<_>, Vec<_>) = due.iter().partition(|due| ordered_by(due).is_some());
        for due in ordered {
            if self.must_stop(MONITOR) {
                break;
            }
            self.settle(due, Mode::Act, ordered_by(&due).map_or("", |wanted| wanted.by.as_str())).await?;
            self.done_by_hand.insert(due.name().to_string());
        }
        let candidates =
            others.iter().map(|due| Candidate { order: due.name(), created: due.since() }).collect();
        let before = self.gates.halted(MONITOR);
        let admission = gate(&mut self.gates).admit(candidates, pending, clock);
        for candidate in self.admitted(MONITOR, before, admission).await {
            if self.must_stop(MONITOR) {
                break;
            }
            if let Some(due) = others.iter().find(|due| due.name() == candidate.order) {
                self.settle(due, self.desk.config.group_settle.mode, "").await?;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, due: &Due<'_>, mode: Mode, by: &str) -> Result<(), Failed> {
        let mut act = Act::Settle(due.act(mode));
        let carried = self.carry(Monitor::GroupSettle, &mut act, by).await?;
        self.tally(Monitor::GroupSettle).acted += 1;
        self.learn(Monitor::GroupSettle, Some(&due.name()), &carried).await;
        Ok(())
    }

    /// How groups stand, and which have ended since the last look. `late`: open ones whose time is over.
    async fn look_at_groups(
        &mut self,
        open: Vec<String>,
        late: usize,
        clock: Timestamp,
    ) -> Result<(), Failed> {
        let ended = self.desk.hands.shop.ended_groups(clock - DAY).await?;
        let status = |succeeded: bool, outstanding: u32| match (succeeded, outstanding) {
            (true, _) => 2,
            (false, 0) => 4,
            (false, _) => 3,
        };
        let is_first = self.groups.is_empty() && self.ended.is_empty();
        let seen: BTreeMap<String, bool> =
            ended.iter().map(|group| (group.key.to_string(), group.succeeded)).collect();
        if !is_first {
            for (_, succeeded) in seen.iter().filter(|(key, _)| !self.ended.contains_key(*key)) {
                *self.groups_ended.entry(if *succeeded { "success" } else { "failed" }).or_default() += 1;
            }
        }
        self.ended = seen;
        let open = open.into_iter().map(|group| GroupView { group, status: 1 });
        let ended = ended.iter().map(|group| GroupView {
            group: group.key.to_string(),
            status: status(group.succeeded, group.outstanding),
        });
        self.groups = open.chain(ended).collect();
        self.groups_unsettled = late + self.groups.iter().filter(|group| group.status == 3).count();
        Ok(())
    }
}
