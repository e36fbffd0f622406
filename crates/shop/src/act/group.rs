//! Ending a group: one compare-and-set of the group's row, its members and their orders in the same transaction. What its
//! members paid goes back by refunds of their own, which are found by the state of their orders.

use lingshao_model::Timestamp;

use super::{Effect, Event, Fact, FactKind, ShopAnswer, ShopTx, Subject};
use crate::GroupKey;
use crate::safety::Mode;

/// A group's end under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settle {
    group: GroupKey,
    success: bool,
    mode: Mode,
    waits: bool,
}

impl Settle {
    /// Begins with [`Event::Start`]; `success` is [`crate::group::verdict`]'s word.
    pub fn new(group: GroupKey, success: bool, mode: Mode) -> Settle {
        Settle { group, success, mode, waits: false }
    }

    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Start if self.mode == Mode::Observe => vec![self.fact(FactKind::WouldSettle, "", now)],
            Event::Start => {
                self.waits = true;
                let (group, success) = (self.group.clone(), self.success);
                let settle =
                    Effect::ShopTx(ShopTx::Settle { group, success, rehearse: self.mode != Mode::Act });
                match self.mode {
                    Mode::Act => vec![self.fact(FactKind::Settling, "", now), settle],
                    Mode::Observe | Mode::DryRun => vec![settle],
                }
            }
            Event::Shop(answer) if std::mem::take(&mut self.waits) => vec![self.settled(answer, now)],
            _ => Vec::new(),
        }
    }

    fn settled(&self, answer: ShopAnswer, now: Timestamp) -> Effect {
        match answer {
            ShopAnswer::Done if self.mode != Mode::Act => self.fact(FactKind::WouldSettle, "", now),
            ShopAnswer::Done if self.success => self.fact(FactKind::GroupSucceeded, "", now),
            ShopAnswer::Done => self.fact(FactKind::GroupFailed, "", now),
            ShopAnswer::Lost => self.fact(FactKind::SettleLost, "", now),
            ShopAnswer::Mismatch(why) => self.fact(FactKind::RowsMismatch, why, now),
            ShopAnswer::NotDone(why) => self.fact(FactKind::SettlePostponed, why, now),
            // Whether it happened shows at the next tick: the group is then still open, or not.
            ShopAnswer::Doubt | ShopAnswer::State(_) => {
                self.fact(FactKind::SettlePostponed, "the commit had no answer", now)
            }
        }
    }

    fn fact(&self, kind: FactKind, detail: impl Into<Box<str>>, at: Timestamp) -> Effect {
        let detail = match (detail.into(), self.success) {
            (detail, _) if !detail.is_empty() => detail,
            (_, true) => "full".into(),
            (_, false) => "late".into(),
        };
        Effect::Audit(Fact { kind, subject: Subject::Group(self.group.clone()), amount: None, detail, at })
    }
}
