//! Orders that were not paid in time, and payments of which the shop has not heard.

use std::collections::BTreeSet;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{Act, Cancel, FactKind, OrderState, recover};
use lingshao_shop::ledger::{CancelRow, CancelState, LedgerRow};
use lingshao_shop::provider::{ProviderCall, Refunded, TradeAnswer};
use lingshao_shop::safety::{Halt, Mode, Pending, Trouble};
use lingshao_shop::sql::{OrderFacts, Trades};
use lingshao_shop::{Fen, OrderKey, OrderNumber};

use super::{Failed, Keeper, QUESTIONS_PER_TICK, fact};
use crate::clock::now;
use crate::shop::desk::Wanted;
use crate::shop::hands::Carried;
use crate::shop::monitor::Monitor;
use crate::shop::provider::Said;

/// Whether an order was paid, as the provider says.
pub(super) enum Paid {
    /// Under this number.
    As(PaidTrade),
    /// Every trade of it is known not to be paid, or not known.
    No,
    /// Not every answer was clear.
    Unclear,
}

/// A payment.
#[derive(Clone)]
pub(super) struct PaidTrade {
    pub(super) trade: OrderNumber,
    pub(super) paid: Fen,
    pub(super) refunded: Refunded,
}

/// The payments of an order.
pub(super) struct Payments {
    pub(super) found: Vec<PaidTrade>,
    /// Whether all answers were clear.
    pub(super) is_clear: bool,
}

/// A payment takes a minute; what is pending for so long may have lost its callback.
const ASK_PENDING_AFTER: TimeDelta = TimeDelta::from_secs(180);
/// What was tried in another way stays so; whether the shop has dropped that attempt is looked at so often.
const ELSEWHERE_FOR: TimeDelta = TimeDelta::from_secs(300);
/// The same order is not asked for more often.
const ASK_AGAIN_AFTER: TimeDelta = TimeDelta::from_secs(600);

impl Keeper {
    pub(super) async fn order_timeout(&mut self, at: Timestamp, wanted: &[Wanted]) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::OrderTimeout;
        let desk = self.desk.clone();
        let config = &desk.config.order_timeout;
        let (after, age_max) = (TimeDelta(config.after.0 + config.grace.0), config.limits.order_age_max);
        let expired = desk.hands.shop.expired(after, age_max, at).await;
        self.saw(&expired);
        let expired = expired?;
        self.pending = expired.pending;
        self.watch_callbacks(&expired.orders, at).await?;
        self.tally(MONITOR).found = expired.orders.len();
        let (orders, left): (Vec<_>, Vec<_>) =
            expired.orders.into_iter().partition(|order| order.cancellable || desk.hands.http.is_some());
        if !left.is_empty() {
            self.tally(MONITOR).held.insert("not_cancellable", left.len());
        }
        if self.refuses(MONITOR, at, orders.len()) {
            return Ok(());
        }
        let mut done = self.go_on_cancelling(config.mode, at).await?;
        let late = orders.len();
        let orders = self.paid_here_or_nowhere(orders, at).await?;
        // What cannot go is no part of what pends, of which a share may go.
        let pending = expired.pending.saturating_sub(left.len() + late - orders.len());
        for wanted in wanted.iter().filter(|wanted| wanted.monitor == MONITOR) {
            for order in
                orders.iter().filter(|order| wanted.keys.iter().any(|key| key == order.order.as_str()))
            {
                if self.must_stop(MONITOR) {
                    break;
                }
                self.cancel(order, Mode::Act, &wanted.by).await?;
                self.done_by_hand.insert(order.order.to_string());
                done.insert(order.order.clone());
            }
        }
        let candidates =
            orders.iter().filter(|order| !done.contains(&order.order)).map(OrderFacts::candidate);
        let pending = Pending { orders: pending };
        let before = self.gates.halted(MONITOR);
        let admission = self.gates.timeout.admit(candidates.collect(), pending, expired.now);
        for candidate in self.admitted(MONITOR, before, admission).await {
            let Some(order) = orders.iter().find(|order| order.order == candidate.order) else { continue };
            if self.must_stop(MONITOR) {
                break;
            }
            self.cancel(order, config.mode, "").await?;
        }
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        Ok(())
    }

    /// What a crash has left between the provider and the shop.
    async fn go_on_cancelling(&mut self, mode: Mode, at: Timestamp) -> Result<BTreeSet<OrderKey>, Failed> {
        let mut done = BTreeSet::new();
        if mode != Mode::Act {
            return Ok(done);
        }
        let mut rows = Vec::new();
        for row in self.desk.store.open_rows().await? {
            if let LedgerRow::Cancel(row) = row {
                rows.extend(self.with_new_trades(row, at).await?.map(LedgerRow::Cancel));
            }
        }
        for mut act in recover(rows, mode) {
            let Act::Cancel(cancel) = &act else { continue };
            if self.must_stop(Monitor::OrderTimeout) {
                break;
            }
            let order = cancel.order().clone();
            let carried = self.carry(Monitor::OrderTimeout, &mut act, "").await?;
            self.learn(Monitor::OrderTimeout, Some(&order), &carried).await;
            done.insert(order);
        }
        Ok(done)
    }

    /// A cancellation that was begun in another life: the customer may have tried to pay once more since. None: in a way that
    /// this provider is not asked about, so that it is dropped.
    async fn with_new_trades(
        &mut self,
        mut row: CancelRow,
        at: Timestamp,
    ) -> Result<Option<CancelRow>, Failed> {
        let shop = &self.desk.hands.shop;
        let found = shop.orders(std::slice::from_ref(&row.order)).await?;
        let Some(order) = found.first().filter(|_| self.desk.hands.provider.is_there()) else {
            return Ok(Some(row));
        };
        let Trades { numbers, elsewhere } = shop.trades(order).await?;
        if elsewhere {
            let row = CancelRow { state: CancelState::Dropped, at, ..row };
            self.desk.store.write(&[LedgerRow::Cancel(row)], &[]).await?;
            return Ok(None);
        }
        let new: Vec<_> = numbers.into_iter().filter(|number| !row.trades.contains(number)).collect();
        row.trades.extend(new);
        Ok(Some(row))
    }

    /// Without the orders that somebody tried to pay in a way that this provider is not asked about. They are known before
    /// anything is admitted: they would use up the limits of the hour and the day, and count as a share of what goes.
    async fn paid_here_or_nowhere(
        &mut self,
        orders: Vec<OrderFacts>,
        at: Timestamp,
    ) -> Result<Vec<OrderFacts>, Failed> {
        let desk = self.desk.clone();
        if !desk.hands.provider.is_there() || desk.hands.shop.mapping().orders.trades.is_none() {
            return Ok(orders);
        }
        self.elsewhere.retain(|_, seen| at - *seen < ELSEWHERE_FOR);
        let mut here = Vec::with_capacity(orders.len());
        for order in orders {
            if self.is_late() {
                break; // The rest comes with the next tick.
            }
            if !self.elsewhere.contains_key(&order.order) {
                if !desk.hands.shop.trades(&order).await?.elsewhere {
                    here.push(order);
                    continue;
                }
                self.elsewhere.insert(order.order.clone(), at);
            }
            *self.tally(Monitor::OrderTimeout).held.entry("elsewhere").or_default() += 1;
        }
        Ok(here)
    }

    async fn cancel(&mut self, order: &OrderFacts, mode: Mode, by: &str) -> Result<(), Failed> {
        let trades = match self.desk.hands.provider.is_there() {
            true => self.desk.hands.shop.trades(order).await?,
            false => Trades::default(),
        };
        if trades.elsewhere {
            self.gates.timeout.put_off(&order.order, now()); // Since a moment ago.
            *self.tally(Monitor::OrderTimeout).held.entry("elsewhere").or_default() += 1;
            return Ok(());
        }
        let mut act = Act::Cancel(Cancel::new(order.order.clone(), trades.numbers, order.amount, mode));
        let carried = self.carry(Monitor::OrderTimeout, &mut act, by).await?;
        self.tally(Monitor::OrderTimeout).acted += 1;
        self.learn(Monitor::OrderTimeout, Some(&order.order), &carried).await;
        Ok(())
    }

    /// Asks the provider for orders that are pending for some minutes: a lost callback shows long before the timeout.
    async fn watch_callbacks(&mut self, expired: &[OrderFacts], at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if !desk.hands.provider.is_there() {
            return Ok(());
        }
        let waiting: Vec<OrderKey> = self.callbacks.waiting().cloned().collect();
        for order in desk.hands.shop.orders(&waiting).await? {
            if order.state != OrderState::Pending {
                self.callbacks.settled(&order.order);
            }
        }
        self.ask_the_silent(at).await?;
        self.asked.retain(|_, asked| at - *asked < ASK_AGAIN_AFTER);
        let old = |order: &&OrderFacts| ASK_PENDING_AFTER <= at - order.created;
        let pending = self.tail.iter().flat_map(|tail| tail.in_state(OrderState::Pending));
        let mut due: Vec<OrderFacts> = pending
            .chain(expired)
            .filter(old)
            .filter(|order| !self.asked.contains_key(&order.order))
            .cloned()
            .collect();
        due.sort_by(|a, b| (a.created, &a.order).cmp(&(b.created, &b.order)));
        due.dedup_by(|a, b| a.order == b.order);
        // Half of the questions; the other half is for payments that nobody has an order for.
        for order in due.into_iter().take(QUESTIONS_PER_TICK / 2) {
            if self.is_late() || self.questions == 0 {
                break;
            }
            self.ask_for(&order, at).await?;
        }
        Ok(())
    }

    /// While the provider says nothing it is asked at each tick for what it has said nothing of, beside what has not been
    /// asked for yet: its first clear answer ends the pause, and the same order would be asked for again only after minutes.
    async fn ask_the_silent(&mut self, at: Timestamp) -> Result<(), Failed> {
        // Who asks wrongly has no better answer before a person has looked.
        let asks_wrongly = self.gates.halted(Monitor::OrderTimeout) == Some(Halt::OurFault);
        let is_silent = matches!(self.callbacks.trouble(at), Some(Trouble::Silent(_)));
        let Some(unclear) = self.unclear.clone().filter(|_| is_silent && !asks_wrongly) else {
            return Ok(());
        };
        match self.desk.hands.shop.orders(&[unclear]).await?.first() {
            Some(order) => self.ask_for(order, at).await,
            None => {
                self.unclear = None;
                Ok(())
            }
        }
    }

    async fn ask_for(&mut self, order: &OrderFacts, at: Timestamp) -> Result<(), Failed> {
        self.asked.insert(order.order.clone(), at);
        if matches!(self.paid_trade(order).await?, Paid::As(_)) && order.state == OrderState::Pending {
            self.callbacks.paid_but_pending(&order.order, at);
            let (amount, number) = (Some(order.amount), order.number.as_str());
            let fact = fact(FactKind::PaidButPending, &order.order, amount, number, at);
            self.desk.hands.tell(Monitor::OrderTimeout, &[fact], &mut self.told).await?;
        }
        Ok(())
    }

    /// Asks the provider whether an order was paid. Of several payments, one of which nothing went back.
    pub(super) async fn paid_trade(&mut self, order: &OrderFacts) -> Result<Paid, Failed> {
        let Payments { found, is_clear } = self.payments_of(order).await?;
        let is_whole = |paid: &&PaidTrade| paid.refunded == Refunded::Nothing;
        Ok(match found.iter().find(is_whole).or(found.first()) {
            Some(paid) => Paid::As(paid.clone()),
            None if is_clear => Paid::No,
            None => Paid::Unclear,
        })
    }

    /// Asks the provider for all trades of an order: who paid twice has paid under two.
    pub(super) async fn payments_of(&mut self, order: &OrderFacts) -> Result<Payments, Failed> {
        let mut payments = Payments { found: Vec::new(), is_clear: true };
        for trade in self.desk.clone().hands.shop.trades(order).await?.numbers {
            match self.ask_trade(&order.order, &trade).await? {
                Paid::As(paid) => payments.found.push(paid),
                Paid::No => {}
                Paid::Unclear => payments.is_clear = false,
            }
        }
        Ok(payments)
    }

    /// Asks the provider for one trade of an order.
    pub(super) async fn ask_trade(&mut self, order: &OrderKey, trade: &OrderNumber) -> Result<Paid, Failed> {
        let desk = self.desk.clone();
        self.questions = self.questions.saturating_sub(1);
        let said = desk.hands.provider.call(&ProviderCall::QueryTrade(trade.clone()), None).await;
        self.answered(order, said.is_clear(), now());
        Ok(match said {
            Said::Trade(TradeAnswer::Paid { paid, refunded }) => {
                Paid::As(PaidTrade { trade: trade.clone(), paid, refunded })
            }
            Said::Trade(TradeAnswer::NotFound | TradeAnswer::NotPaid | TradeAnswer::Closed) => Paid::No,
            Said::Trade(TradeAnswer::OurFault(why)) => {
                let fact = fact(FactKind::OurFault, order, None, &why, now());
                desk.hands.tell(Monitor::OrderTimeout, std::slice::from_ref(&fact), &mut self.told).await?;
                let carried = Carried { facts: vec![fact], ..Carried::default() };
                self.learn(Monitor::OrderTimeout, None, &carried).await;
                Paid::Unclear
            }
            _ => Paid::Unclear,
        })
    }
}
