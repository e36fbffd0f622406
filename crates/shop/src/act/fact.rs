//! Audit facts: what was done, would have been done, or must be told.

use lingshao_model::Timestamp;

use crate::{Fen, GroupKey, OrderKey, RefundNumber};

/// One line of the audit trail. People are told by rules over facts, not by whoever writes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fact {
    /// What.
    pub kind: FactKind,
    /// How its subject stood before and stands after it, where it changed.
    pub change: Option<(&'static str, &'static str)>,
    /// On what.
    pub subject: Subject,
    /// How much money it is about, where it is about money.
    pub amount: Option<Fen>,
    /// More of it, for a person.
    pub detail: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An order.
    Order(OrderKey),
    /// A refund of an order.
    Refund(OrderKey, RefundNumber),
    /// A group.
    Group(GroupKey),
}

/// Every kind of fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// In observe or dry_run: the order would have been cancelled.
    WouldCancel,
    /// About to close the trade at the provider.
    Cancelling,
    /// Cancelled by us.
    Cancelled,
    /// Cancelled, by the shop itself or by us before a crash.
    FoundCancelled,
    /// Somebody was faster; nothing was changed.
    CancelLost,
    /// Paid at the provider, pending in the shop: a callback was lost.
    PaidButPending,
    /// The customer is paying now; looked at again at the next tick.
    CustomerPaying,
    /// Could not be decided; tried again later.
    CancelPostponed,
    /// A transaction changed what it must not change and was rolled back: all acting halts.
    RowsMismatch,
    /// In observe or dry_run: money would have gone back.
    WouldRefund,
    /// Decided.
    RefundPlanned,
    /// About to be sent.
    RefundSent,
    /// Taken by the provider.
    RefundAccepted,
    /// The money is back.
    RefundDone,
    /// The order shows it.
    RefundMarked,
    /// It may have happened; asked for later.
    RefundUnknown,
    /// The merchant's account is empty.
    RefundWaitsForMoney,
    /// Not sent, and nothing to be done.
    RefundDropped,
    /// A person must look.
    RefundNeedsHuman,
    /// The provider says that our request is wrong: all acting halts.
    OurFault,
    /// In observe or dry_run: the group would have ended.
    WouldSettle,
    /// About to end the group.
    Settling,
    /// Came together.
    GroupSucceeded,
    /// Did not; its members are to get their money back.
    GroupFailed,
    /// Paid after the group had failed, and is to get the money back.
    LateMemberFailed,
    /// Somebody else ended it.
    SettleLost,
    /// Could not be done; tried again later.
    SettlePostponed,
    /// Paid at the provider, cancelled in the shop: money without goods, until it goes back.
    OrphanPayment,
    /// We cancelled it and gave its stock back, and the shop has made it a paid one again: sold twice.
    PaidAfterCancel,
}

impl Fact {
    /// A fact whose kind says what changed.
    pub fn new(
        kind: FactKind,
        subject: Subject,
        amount: Option<Fen>,
        detail: impl Into<Box<str>>,
        at: Timestamp,
    ) -> Fact {
        Fact { kind, change: kind.change(), subject, amount, detail: detail.into(), at }
    }
}

impl FactKind {
    /// As it stands in the audit trail and in the `fact` label.
    pub fn name(self) -> &'static str {
        match self {
            FactKind::WouldCancel => "would_cancel",
            FactKind::Cancelling => "cancelling",
            FactKind::Cancelled => "cancelled",
            FactKind::FoundCancelled => "found_cancelled",
            FactKind::CancelLost => "cancel_lost",
            FactKind::PaidButPending => "paid_but_pending",
            FactKind::CustomerPaying => "customer_paying",
            FactKind::CancelPostponed => "cancel_postponed",
            FactKind::RowsMismatch => "rows_mismatch",
            FactKind::WouldRefund => "would_refund",
            FactKind::RefundPlanned => "refund_planned",
            FactKind::RefundSent => "refund_sent",
            FactKind::RefundAccepted => "refund_accepted",
            FactKind::RefundDone => "refund_done",
            FactKind::RefundMarked => "refund_marked",
            FactKind::RefundUnknown => "refund_unknown",
            FactKind::RefundWaitsForMoney => "refund_waits_for_money",
            FactKind::RefundDropped => "refund_dropped",
            FactKind::RefundNeedsHuman => "refund_needs_human",
            FactKind::OurFault => "our_fault",
            FactKind::WouldSettle => "would_settle",
            FactKind::Settling => "settling",
            FactKind::GroupSucceeded => "group_succeeded",
            FactKind::GroupFailed => "group_failed",
            FactKind::LateMemberFailed => "late_member_failed",
            FactKind::SettleLost => "settle_lost",
            FactKind::SettlePostponed => "settle_postponed",
            FactKind::OrphanPayment => "orphan_payment",
            FactKind::PaidAfterCancel => "paid_after_cancel",
        }
    }

    /// The change that is the same in every fact of this kind. How a refund moves from state to state, its machine says.
    pub fn change(self) -> Option<(&'static str, &'static str)> {
        match self {
            FactKind::Cancelled => Some(("pending", "cancelled")),
            FactKind::RefundPlanned => Some(("", "PLANNED")),
            FactKind::RefundMarked => Some(("refunding", "refunded")),
            FactKind::GroupSucceeded => Some(("open", "success")),
            FactKind::GroupFailed => Some(("open", "failed")),
            FactKind::LateMemberFailed => Some(("paid", "refunding")),
            FactKind::PaidAfterCancel => Some(("cancelled", "paid")),
            _ => None,
        }
    }

    /// Whether nothing may be done any more until a person has looked.
    pub fn halts(self) -> bool {
        matches!(self, FactKind::RowsMismatch | FactKind::OurFault)
    }
}
