//! The rows of the action ledger: what must be on disk before the effect behind it begins.
//!
//! `lingshao` keeps them in state.db (docs/format/ledger.md) and hands all unfinished ones to [`crate::act::recover`]
//! after a start. A row and the shop's and provider's own words are all that is needed to go on.

use lingshao_model::Timestamp;

use crate::{Fen, OrderKey, OrderNumber, RefundNumber};

/// One row, as it is to be written: the newest of its key counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LedgerRow {
    /// Of a cancellation; the key is the order.
    Cancel(CancelRow),
    /// Of a refund; the key is the number.
    Refund(RefundRow),
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The group buy did not come together.
    GroupFailed,
    /// Paid at the provider, cancelled in the shop.
    Orphan,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundState {
    /// Decided; nothing was sent.
    Planned,
    /// On its way to the provider, or lost there with us in a crash.
    Sent,
    /// The provider has taken it.
    Accepted,
    /// The money is back.
    Done,
    /// It will not be sent: nothing to give back, or no longer right. No money moved under this number.
    Failed,
    /// It may have happened. Asked for before anything is sent again.
    Unknown,
    /// A person must look. Nothing is sent under this number any more.
    Human,
}

/// Where a cancellation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CancelState {
    /// The provider is about to be told to close the trades.
    Planned,
    /// Closed there; the shop's transaction is about to run.
    Closed,
    /// The order is cancelled.
    Done,
    /// It is not, and is not going to be by this act.
    Dropped,
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
            /// As it stands in the ledger and in labels.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),* }
            }

            /// Back from its name.
            pub fn from_name(name: &str) -> Option<$type> {
                match name { $($name => Some($type::$variant),)* _ => None }
            }
        }
    };
}

names!(Purpose { GroupFailed = "group_failed", Orphan = "orphan" });
names!(RefundState {
    Planned = "PLANNED",
    Sent = "SENT",
    Accepted = "ACCEPTED",
    Done = "DONE",
    Failed = "FAILED",
    Unknown = "UNKNOWN",
    Human = "HUMAN",
});
names!(CancelState { Planned = "PLANNED", Closed = "CLOSED", Done = "DONE", Dropped = "DROPPED" });

impl Purpose {
    /// Its letter in a refund's number; never changed, as old numbers must stay what they are. Both purposes give all of
    /// an order's money back, and share a letter: an order of a failed group that is an orphan too has one refund.
    pub(crate) fn letter(self) -> char {
        match self {
            Purpose::GroupFailed | Purpose::Orphan => 'f',
        }
    }
}

impl RefundState {
    /// Whether money went, goes, or may have gone back under this number: what counts against what was paid.
    pub fn may_have_moved_money(self) -> bool {
        !matches!(self, RefundState::Planned | RefundState::Failed)
    }
}

/// A cancellation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CancelRow {
    /// Which order.
    pub order: OrderKey,
    /// All numbers under which the provider may have been paid for it.
    pub trades: Vec<OrderNumber>,
    /// What it would have cost.
    pub amount: Fen,
    /// Where it stands.
    pub state: CancelState,
    /// When this was written.
    pub at: Timestamp,
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefundRow {
    /// Its number at the provider, [`RefundNumber::of`] the fields below.
    pub number: RefundNumber,
    /// Numbers of lower generations, which a person has given up: asked for once more before this one is sent.
    pub earlier: Vec<RefundNumber>,
    /// Which order.
    pub order: OrderKey,
    /// The trade it belongs to.
    pub trade: OrderNumber,
    /// Why.
    pub purpose: Purpose,
    /// What was paid in all.
    pub paid: Fen,
    /// What goes back.
    pub amount: Fen,
    /// Where it stands.
    pub state: RefundState,
    /// Whether the shop's order shows it as refunded.
    pub marked: bool,
    /// How often it was tried without an end.
    pub attempts: u32,
    /// When it was decided.
    pub planned_at: Timestamp,
    /// When the request first left; what a day's cap counts.
    pub sent_at: Option<Timestamp>,
    /// Not to be touched before.
    pub next_at: Timestamp,
    /// The number under which a person has had it tried anew.
    pub replaced_by: Option<RefundNumber>,
    /// Why it stands where it stands, for a person.
    pub why: Box<str>,
}

/// Why a refund waits that the merchant has no money for.
pub(crate) const ACCOUNT_EMPTY: &str = "the account is empty";

impl RefundRow {
    /// Whether anything is left to do for it.
    pub fn is_open(&self) -> bool {
        match self.state {
            RefundState::Planned | RefundState::Sent | RefundState::Accepted | RefundState::Unknown => true,
            RefundState::Done => !self.is_done(),
            RefundState::Failed | RefundState::Human => false,
        }
    }

    /// Whether nothing is done before a person has decided.
    pub fn needs_human(&self) -> bool {
        self.state == RefundState::Human && self.replaced_by.is_none()
    }

    /// Whether the money is back and the order shows it.
    pub fn is_done(&self) -> bool {
        self.state == RefundState::Done && self.marked
    }

    /// Whether the merchant's account must be filled up before it can go on.
    pub fn waits_for_money(&self) -> bool {
        self.is_open() && &*self.why == ACCOUNT_EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_survive_the_way_through_their_names() {
        use RefundState::*;
        for state in [Planned, Sent, Accepted, Done, Failed, Unknown, Human] {
            assert_eq!(RefundState::from_name(state.name()), Some(state));
        }
        for state in [CancelState::Planned, CancelState::Closed, CancelState::Done, CancelState::Dropped] {
            assert_eq!(CancelState::from_name(state.name()), Some(state));
        }
        for purpose in [Purpose::GroupFailed, Purpose::Orphan] {
            assert_eq!(Purpose::from_name(purpose.name()), Some(purpose));
        }
        assert_eq!(RefundState::from_name("planned"), None);
    }
}
