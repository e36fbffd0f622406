//! Ending a group: one compare-and-set of the group's row, its members and their orders in the same transaction. Who pays
//! after the group has failed is dealt with in the same way, alone. What members paid goes back by refunds of their own,
//! which are found by the state of their orders.

use lingshao_model::Timestamp;

use super::{Effect, Event, Fact, FactKind, ShopAnswer, ShopTx, Subject};
use crate::safety::Mode;
use crate::{GroupKey, OrderKey};

/// How a group ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It came together.
    Success,
    /// It did not.
    Failed,
    /// It had failed before this member paid.
    LateMember,
}

/// An end under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settle {
    key: GroupKey,
    ending: Ending,
    subject: Subject,
    mode: Mode,
    waits: bool,
}

impl Settle {
    /// An open group that ends; `success` is [`crate::group::verdict`]'s word. Begins with [`Event::Start`].
    pub fn group(group: GroupKey, success: bool, mode: Mode) -> Settle {
        let ending = if success { Ending::Success } else { Ending::Failed };
        Settle { subject: Subject::Group(group.clone()), key: group, ending, mode, waits: false }
    }

    /// A member, by the key of its own row and by its order, who paid after the group had failed.
    pub fn late_member(member: GroupKey, order: OrderKey, mode: Mode) -> Settle {
        Settle { key: member, ending: Ending::LateMember, subject: Subject::Order(order), mode, waits: false }
    }

    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Start if self.mode == Mode::Observe => vec![self.fact(FactKind::WouldSettle, "", now)],
            Event::Start => {
                self.waits = true;
                let (group, ending) = (self.key.clone(), self.ending);
                let settle =
                    Effect::ShopTx(ShopTx::Settle { group, ending, rehearse: self.mode != Mode::Act });
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
        let ended = match self.ending {
            Ending::Success => FactKind::GroupSucceeded,
            Ending::Failed => FactKind::GroupFailed,
            Ending::LateMember => FactKind::LateMemberFailed,
        };
        match answer {
            ShopAnswer::Done if self.mode != Mode::Act => self.fact(FactKind::WouldSettle, "", now),
            ShopAnswer::Done => self.fact(ended, "", now),
            ShopAnswer::Lost => self.fact(FactKind::SettleLost, "", now),
            ShopAnswer::Mismatch(why) => self.fact(FactKind::RowsMismatch, why, now),
            ShopAnswer::NotDone(why) => self.fact(FactKind::SettlePostponed, why, now),
            // Whether it happened shows at the next tick: it is then found again, or not.
            ShopAnswer::Doubt | ShopAnswer::State(_) => {
                self.fact(FactKind::SettlePostponed, "the commit had no answer", now)
            }
        }
    }

    fn fact(&self, kind: FactKind, detail: impl Into<Box<str>>, at: Timestamp) -> Effect {
        let detail = match (detail.into(), self.ending) {
            (detail, _) if !detail.is_empty() => detail,
            (_, Ending::Success) => "full".into(),
            (_, Ending::Failed) => "late".into(),
            (_, Ending::LateMember) => "paid after its group had failed".into(),
        };
        Effect::Audit(Fact::new(kind, self.subject.clone(), None, detail, at))
    }
}
