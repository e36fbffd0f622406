//! Cancelling an order that was not paid in time.
//!
//! Every trade of the order is asked for and closed before the shop's row is touched, and the row changes only by
//! compare-and-set: a customer who pays in the same instant wins. That a trade is closed is believed when the provider
//! says so of the trade, not as an answer to the wish. "Already paid" and "I do not know" never lead to the
//! compare-and-set; they lead to another question, then to a report or a later try.

use lingshao_model::Timestamp;

use super::{Effect, Event, Fact, FactKind, OrderState, ShopAnswer, ShopTx, Subject};
use crate::ledger::{CancelRow, CancelState, LedgerRow};
use crate::provider::{CloseAnswer, ProviderCall, TradeAnswer};
use crate::safety::Mode;
use crate::{Fen, OrderKey, OrderNumber};

/// A cancellation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cancel {
    order: OrderKey,
    trades: Vec<OrderNumber>,
    amount: Fen,
    mode: Mode,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Idle,
    /// Waits for the word on trade `index`.
    Asking {
        index: usize,
        asked: Asked,
    },
    Closing {
        index: usize,
    },
    Committing,
    /// The compare-and-set lost, or its commit had no answer.
    Reading,
    Ended,
}

/// When a trade is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    First,
    /// Closing it had no clear answer.
    InDoubt,
    /// The provider says that it has closed it: an answer that may be about nothing.
    Closed,
}

impl Cancel {
    /// Begins with [`Event::Start`]. `trades`: all numbers under which the provider may be paid for this order; none when
    /// the customer never came as far as paying.
    pub fn new(order: OrderKey, trades: Vec<OrderNumber>, amount: Fen, mode: Mode) -> Cancel {
        Cancel { order, trades, amount, mode, stage: Stage::Idle }
    }

    /// Which order.
    pub fn order(&self) -> &OrderKey {
        &self.order
    }

    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match (self.stage, event) {
            (Stage::Idle, Event::Start) => self.start(now),
            (Stage::Asking { index, asked }, Event::Trade(answer)) => self.asked(index, asked, &answer, now),
            (Stage::Closing { index }, Event::Close(answer)) => self.closed(index, &answer, now),
            (Stage::Committing, Event::Shop(answer)) => self.committed(answer, now),
            (Stage::Reading, Event::Shop(answer)) => self.read(&answer, now),
            _ => Vec::new(),
        }
    }

    fn start(&mut self, now: Timestamp) -> Vec<Effect> {
        match self.mode {
            Mode::Observe => self.end(FactKind::WouldCancel, "not asked for, as the monitor observes", now),
            Mode::DryRun => self.ask(0),
            Mode::Act => {
                let mut effects =
                    vec![self.fact(FactKind::Cancelling, "", now), self.row(CancelState::Planned, now)];
                effects.extend(self.ask(0));
                effects
            }
        }
    }

    /// The question about trade `index`; behind the last one, the transaction.
    fn ask(&mut self, index: usize) -> Vec<Effect> {
        match self.trades.get(index) {
            Some(_) => self.question(index, Asked::First),
            None => {
                self.stage = Stage::Committing;
                let rehearse = self.mode != Mode::Act;
                vec![Effect::ShopTx(ShopTx::Cancel { order: self.order.clone(), rehearse })]
            }
        }
    }

    fn question(&mut self, index: usize, asked: Asked) -> Vec<Effect> {
        self.stage = Stage::Asking { index, asked };
        vec![Effect::Provider(ProviderCall::QueryTrade(self.trades[index].clone()))]
    }

    fn next(&mut self, index: usize, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        if index + 1 == self.trades.len() && self.mode == Mode::Act {
            effects.push(self.row(CancelState::Closed, now));
        }
        effects.extend(self.ask(index + 1));
        effects
    }

    fn asked(&mut self, index: usize, asked: Asked, answer: &TradeAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            TradeAnswer::Paid { .. } => self.end(FactKind::PaidButPending, self.trade(index), now),
            TradeAnswer::Paying => self.end(FactKind::CustomerPaying, self.trade(index), now),
            TradeAnswer::Doubt(doubt) => self.end(FactKind::CancelPostponed, doubt.name(), now),
            TradeAnswer::OurFault(why) => self.our_fault(why, now),
            TradeAnswer::Closed => self.next(index, now),
            // Closed is what nobody knows, and nobody has paid.
            TradeAnswer::NotFound if asked == Asked::Closed => self.next(index, now),
            // One question after an attempt is enough: the next tick begins anew.
            TradeAnswer::NotPaid | TradeAnswer::NotFound if asked != Asked::First => {
                self.end(FactKind::CancelPostponed, "the trade could not be closed", now)
            }
            TradeAnswer::NotPaid | TradeAnswer::NotFound if self.mode != Mode::Act => self.next(index, now),
            // Not found is not closed: closing it is tried all the same.
            TradeAnswer::NotPaid | TradeAnswer::NotFound => {
                self.stage = Stage::Closing { index };
                vec![Effect::Provider(ProviderCall::CloseTrade(self.trades[index].clone()))]
            }
        }
    }

    fn closed(&mut self, index: usize, answer: &CloseAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            CloseAnswer::Closed => self.question(index, Asked::Closed),
            // It cannot be closed as it does not exist: nobody has paid it. Whoever pays later is an orphan, which is
            // looked for (and the compare-and-set keeps the shop from starting a new payment).
            CloseAnswer::NotFound => self.next(index, now),
            CloseAnswer::Paying => self.end(FactKind::CustomerPaying, self.trade(index), now),
            CloseAnswer::OurFault(why) => self.our_fault(why, now),
            CloseAnswer::AlreadyPaid | CloseAnswer::Doubt(_) => self.question(index, Asked::InDoubt),
        }
    }

    fn committed(&mut self, answer: ShopAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            ShopAnswer::Done if self.mode == Mode::Act => self.end(FactKind::Cancelled, "", now),
            ShopAnswer::Done => {
                self.end(FactKind::WouldCancel, "the transaction was tried and rolled back", now)
            }
            ShopAnswer::Lost | ShopAnswer::Doubt => {
                self.stage = Stage::Reading;
                vec![Effect::ShopTx(ShopTx::Read { order: self.order.clone() })]
            }
            ShopAnswer::Mismatch(why) => self.end(FactKind::RowsMismatch, why, now),
            ShopAnswer::NotDone(why) => self.end(FactKind::CancelPostponed, why, now),
            ShopAnswer::State(_) => Vec::new(),
        }
    }

    fn read(&mut self, answer: &ShopAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            ShopAnswer::State(OrderState::Cancelled) => self.end(FactKind::FoundCancelled, "", now),
            // A commit in doubt that did not happen: the next tick finds the order again.
            ShopAnswer::State(OrderState::Pending) => {
                self.end(FactKind::CancelPostponed, "still pending", now)
            }
            ShopAnswer::State(state) => self.end(FactKind::CancelLost, state.name(), now),
            // The row stays Closed: recovery or the next tick looks again.
            _ => {
                self.stage = Stage::Ended;
                vec![self.fact(FactKind::CancelPostponed, "the order could not be read", now)]
            }
        }
    }

    fn our_fault(&mut self, why: &str, now: Timestamp) -> Vec<Effect> {
        let mut effects = self.end(FactKind::CancelPostponed, why, now);
        effects.push(self.fact(FactKind::OurFault, why, now));
        effects
    }

    fn end(&mut self, kind: FactKind, detail: impl Into<Box<str>>, now: Timestamp) -> Vec<Effect> {
        self.stage = Stage::Ended;
        let mut effects = Vec::new();
        if self.mode == Mode::Act {
            let done = matches!(kind, FactKind::Cancelled | FactKind::FoundCancelled);
            effects.push(self.row(if done { CancelState::Done } else { CancelState::Dropped }, now));
        }
        effects.push(self.fact(kind, detail, now));
        effects
    }

    fn trade(&self, index: usize) -> Box<str> {
        self.trades[index].as_str().into()
    }

    fn row(&self, state: CancelState, at: Timestamp) -> Effect {
        let (order, trades) = (self.order.clone(), self.trades.clone());
        Effect::Ledger(LedgerRow::Cancel(CancelRow { order, trades, amount: self.amount, state, at }))
    }

    fn fact(&self, kind: FactKind, detail: impl Into<Box<str>>, at: Timestamp) -> Effect {
        let subject = Subject::Order(self.order.clone());
        Effect::Audit(Fact::new(kind, subject, Some(self.amount), detail, at))
    }
}
