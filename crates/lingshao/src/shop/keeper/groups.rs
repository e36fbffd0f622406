//! Group buys: ended when they are full or late, and shown as they stand.

use std::collections::BTreeMap;

use lingshao_model::Timestamp;
use lingshao_shop::act::{Act, Settle};
use lingshao_shop::day::DAY;
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::safety::{Candidate, Mode, Pending};
use lingshao_shop::{GroupKey, OrderKey};

use super::{Failed, Keeper};
use crate::clock::now;
use crate::shop::desk::Wanted;
use crate::shop::monitor::Monitor;
use crate::shop::view::GroupView;

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
        let judged = open.iter().map(|found| (&found.group, verdict(&found.group, clock)));
        let ending: Vec<_> = judged.filter(|(_, verdict)| *verdict != Verdict::Ongoing).collect();
        self.tally(MONITOR).found = ending.len();
        if self.refuses(MONITOR, at, ending.len()) {
            return Ok(());
        }
        let mode = desk.config.group_settle.mode;
        let by_hand = wanted.iter().find(|wanted| wanted.monitor == MONITOR);
        for success in [true, false] {
            let wanted_verdict = if success { Verdict::Success } else { Verdict::Failed };
            let these = ending.iter().filter(|(_, verdict)| *verdict == wanted_verdict);
            let (ordered, others): (Vec<_>, Vec<_>) = these.partition(|(group, _)| {
                by_hand.is_some_and(|wanted| wanted.keys.iter().any(|key| key == group.key.as_str()))
            });
            for (group, _) in ordered {
                if self.must_stop(MONITOR) {
                    break;
                }
                let by = by_hand.map_or("", |wanted| wanted.by.as_str());
                self.settle(&group.key, success, Mode::Act, by).await?;
            }
            // A key of a group is one of an order to the gate, which only counts.
            let candidates = others.iter().filter_map(|(group, _)| {
                Some(Candidate { order: OrderKey::new(group.key.as_str()).ok()?, created: group.expires_at })
            });
            let before = self.gates.halted(MONITOR);
            let gate = if success { &mut self.gates.success } else { &mut self.gates.fail };
            let admission = gate.admit(candidates.collect(), Pending { orders: open.len() }, clock);
            for candidate in self.admitted(MONITOR, before, admission).await {
                if self.must_stop(MONITOR) {
                    break;
                }
                let Some((group, _)) =
                    others.iter().find(|(group, _)| group.key.as_str() == candidate.order.as_str())
                else {
                    continue;
                };
                self.settle(&group.key, success, mode, "").await?;
            }
        }
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        Ok(())
    }

    async fn settle(&mut self, group: &GroupKey, success: bool, mode: Mode, by: &str) -> Result<(), Failed> {
        let mut act = Act::Settle(Settle::new(group.clone(), success, mode));
        let carried = self.carry(Monitor::GroupSettle, &mut act, by).await?;
        self.tally(Monitor::GroupSettle).acted += 1;
        let key = OrderKey::new(group.as_str()).ok();
        self.learn(Monitor::GroupSettle, key.as_ref(), &carried).await;
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
