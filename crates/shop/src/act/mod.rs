//! The step machines: what comes next in an act on an order, a refund or a group.
//!
//! Contract: [`step`] is pure. It returns effects in the order in which they are to be carried out; each must have
//! *happened* (a [`Effect::Ledger`] row: be on disk) before the next begins. At most one of them, always the last, has an
//! answer; that answer is the next [`Event`]. No effect with an answer means that the act rests or has ended. A crash
//! between any two effects is survived by [`recover`] from the rows alone.

mod cancel;
mod fact;
mod group;
#[cfg(test)]
mod model;
mod refund;
#[cfg(test)]
mod tests;

pub use cancel::Cancel;
pub use fact::{Fact, FactKind, Subject};
pub use group::{Ending, Settle};
pub use refund::{ATTEMPTS_MAX, NextGenerationError, Refund, Wish, next_generation, pause};

use lingshao_model::Timestamp;

use crate::ledger::{CancelState, LedgerRow};
use crate::provider::{CloseAnswer, ProviderCall, RefundAnswer, TradeAnswer};
use crate::safety::Mode;
use crate::{Fen, GroupKey, OrderKey};

/// One act under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// An order that was not paid in time.
    Cancel(Cancel),
    /// Money that goes back.
    Refund(Refund),
    /// A group that ends, or a member who paid after its end.
    Settle(Settle),
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The act begins, or goes on after a rest or a crash.
    Start,
    /// The provider's word on a trade.
    Trade(TradeAnswer),
    /// What came of closing a trade.
    Close(CloseAnswer),
    /// The provider's word on a refund.
    Refund(RefundAnswer),
    /// What came of a transaction, or of looking, in the shop's database.
    Shop(ShopAnswer),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Write this row and sync it before anything else.
    Ledger(LedgerRow),
    /// Ask or tell the provider. Has an answer.
    Provider(ProviderCall),
    /// Run this in the shop's database. Has an answer.
    ShopTx(ShopTx),
    /// Write this down for people: audit trail, counter and log record.
    Audit(Fact),
}

/// One transaction in the shop's database, by name; [`crate::sql`] knows the statements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ShopTx {
    /// Compare-and-set from pending to cancelled, and what is undone with it.
    Cancel {
        /// Which order.
        order: OrderKey,
        /// Roll it back at the end: only to see whether it would work.
        rehearse: bool,
    },
    /// Make an order that is to be refunded one that cannot be shipped. Done, too, when it is so already.
    Claim {
        /// Which order.
        order: OrderKey,
    },
    /// Show the order as refunded. Done, too, when it is so already.
    MarkRefunded {
        /// Which order.
        order: OrderKey,
        /// How much went back.
        amount: Fen,
    },
    /// Only look how the order stands.
    Read {
        /// Which order.
        order: OrderKey,
    },
    /// Compare-and-set an open group to its end, its members with it; or a member who paid after the end.
    Settle {
        /// Which group; of a late member, its own row.
        group: GroupKey,
        /// How it ends.
        ending: Ending,
        /// Roll it back at the end.
        rehearse: bool,
    },
}

/// What came of a [`ShopTx`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ShopAnswer {
    /// Committed.
    Done,
    /// The compare-and-set found another state: somebody was faster. Nothing was changed.
    Lost,
    /// A step changed other rows than it may, or the result was not as expected. Rolled back.
    Mismatch(Box<str>),
    /// It did not run, or was rolled back, for a reason that may pass (no connection, deadlock).
    NotDone(Box<str>),
    /// The connection broke while committing: it may have happened.
    Doubt,
    /// How the order stands.
    State(OrderState),
}

/// How an order stands in the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderState {
    /// Waits for payment.
    Pending,
    /// Paid, and will be or was shipped.
    Paid,
    /// Cancelled.
    Cancelled,
    /// Waits for its refund, and is not shipped.
    Refunding,
    /// Refunded.
    Refunded,
    /// None of the mapped states.
    Other,
    /// There is no such order.
    Missing,
}

impl OrderState {
    /// As it stands in audit facts.
    pub fn name(self) -> &'static str {
        match self {
            OrderState::Pending => "pending",
            OrderState::Paid => "paid",
            OrderState::Cancelled => "cancelled",
            OrderState::Refunding => "refunding",
            OrderState::Refunded => "refunded",
            OrderState::Other => "other",
            OrderState::Missing => "missing",
        }
    }
}

/// Says what comes next. An event that the act does not wait for (an answer that came twice, or too late) changes nothing.
pub fn step(act: &mut Act, event: Event, now: Timestamp) -> Vec<Effect> {
    match act {
        Act::Cancel(cancel) => cancel.step(event, now),
        Act::Refund(refund) => refund.step(event, now),
        Act::Settle(settle) => settle.step(event, now),
    }
}

/// The acts that a crash or a stop has left unfinished, from the newest row of every key. Each goes on with
/// [`Event::Start`]. `mode` is what is set for the monitors now: an act that was begun is not carried on when acting was
/// switched off meanwhile, but for refunds that may have been sent, which are still asked for.
pub fn recover(rows: Vec<LedgerRow>, mode: Mode) -> Vec<Act> {
    let refunds: Vec<_> = rows
        .iter()
        .filter_map(|row| match row {
            LedgerRow::Refund(row) => Some(row.clone()),
            LedgerRow::Cancel(_) => None,
        })
        .collect();
    let unfinished = |row| match row {
        LedgerRow::Cancel(row) => matches!(row.state, CancelState::Planned | CancelState::Closed)
            .then(|| Act::Cancel(Cancel::new(row.order, row.trades, row.amount, mode))),
        LedgerRow::Refund(row) => row.is_open().then(|| Act::Refund(Refund::new(row, &refunds, mode))),
    };
    rows.into_iter().filter_map(unfinished).collect()
}
