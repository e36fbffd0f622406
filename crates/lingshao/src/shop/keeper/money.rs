//! Money that goes back: of failed groups, and of payments that nobody has an order for.

use std::collections::{BTreeMap, BTreeSet};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{Act, Fact, FactKind, OrderState, Refund, Wish, pause};
use lingshao_shop::day::{DAY, day};
use lingshao_shop::ledger::{Purpose, RefundRow, RefundState};
use lingshao_shop::provider::Refunded;
use lingshao_shop::safety::{Mode, RefundCaps, RefundHeld};
use lingshao_shop::sql::OrderFacts;
use lingshao_shop::{Fen, OrderKey, OrderNumber, RefundNumber};

use super::gates::refund_held_name;
use super::orders::{Paid, PaidTrade, Payments};
use super::{Failed, Keeper, fact};
use crate::clock::now;
use crate::shop::desk::{TOLD_NOW, told_name, told_number};
use crate::shop::monitor::Monitor;
use crate::shop::view::RefundsView;

/// So long after its cancellation was seen an order's payment is looked for: late callbacks come soon or much later.
const ORPHAN_ASKS: [i64; 5] = [0, 300, 3_600, 14_400, 86_400];
/// Whether money of an orphan went back some other way is asked for so often.
const ORPHAN_AGAIN: TimeDelta = TimeDelta::from_secs(240);
/// After an unclear answer others come first.
const UNCLEAR_AGAIN: TimeDelta = TimeDelta::from_secs(300);
/// So long a member's payment is kept back while another of the same order is not clear; then a person decides.
const CLEAR_WITHIN: TimeDelta = TimeDelta::from_secs(3_600);
/// Orders of failed groups that the provider is asked about in one tick: it answers tens in a second.
const REFUND_QUESTIONS_PER_TICK: usize = 20;
/// Cancelled orders that are watched for late payments.
const WATCHED_MAX: usize = 20_000;
/// Why only a person may send a refund.
const PAID_ELSEWHERE: &str = "the provider knows no payment of this order: was it paid another way?";
const NOT_CLEAR: &str = "another trade of this order is not clear: was it paid twice?";
const TOO_LARGE: &str = "it is larger than `fen_per_refund`";
/// Our cancelled orders are read again so often.
const REVIEW_EVERY: TimeDelta = TimeDelta::from_secs(60);

/// Under which name an orphan is remembered over restarts, by its trade: in a later life its order may be too old to be looked
/// at.
const ORPHAN: &str = "orphan:";

/// A payment that nobody has an order for: the order is cancelled, or was paid twice.
#[derive(Clone)]
pub(super) struct Orphan {
    pub(super) order: OrderKey,
    pub(super) paid: Fen,
    pub(super) at: Timestamp,
    asked: Timestamp,
}

impl Orphan {
    fn write(&self) -> String {
        format!("{} {} {}", self.order, self.paid.0, self.at.0)
    }

    /// One that is remembered, by its trade; none if it is something else.
    pub(super) fn read(name: &str, value: &str) -> Option<(OrderNumber, Orphan)> {
        let trade = OrderNumber::new(name.strip_prefix(ORPHAN)?).ok()?;
        let mut words = value.split(' ');
        let order = OrderKey::new(words.next()?).ok()?;
        let (paid, at) = (Fen(words.next()?.parse().ok()?), Timestamp(words.next()?.parse().ok()?));
        Some((trade, Orphan { order, paid, at, asked: Timestamp(0) }))
    }
}

/// A refund that had ended, and word of it.
struct ToldOf {
    row: RefundRow,
    /// How often it was asked for without a clear answer.
    asked: u32,
}

fn has_ended_without_money(row: &RefundRow) -> bool {
    matches!(row.state, RefundState::Human | RefundState::Failed)
}

/// Of an order's trades not all are clear.
pub(super) struct Doubt {
    since: Timestamp,
    asked: Timestamp,
}

impl Doubt {
    /// Of an earlier life's orders nobody knows whether all was clear.
    pub(super) fn new(at: Timestamp) -> Doubt {
        Doubt { since: at, asked: at }
    }
}

/// What a member of a failed group has paid.
enum Payment {
    Clear(PaidTrade),
    /// This, and perhaps more: it did not become clear in time.
    Doubtful(PaidTrade),
    /// Nothing that this provider knows of.
    Elsewhere,
    Waits,
}

/// A cancelled order that may still be paid.
pub(super) struct Watch {
    pub(super) since: Timestamp,
    pub(super) asks: usize,
    unclear_at: Option<Timestamp>,
}

impl Keeper {
    /// `is_away`: the shop's database is known not to answer; only what has left is asked for.
    pub(super) async fn money_back(&mut self, at: Timestamp, is_away: bool) -> Result<(), Failed> {
        const MONITOR: Monitor = Monitor::Refunds;
        let desk = self.desk.clone();
        let looked = if is_away { Ok(()) } else { self.look_for_payments(at).await };
        let refusal = self.refusal(MONITOR, at);
        // What may have left is asked for, whatever is switched off.
        let mode = if refusal.is_some() || is_away { Mode::Observe } else { desk.config.refunds.mode };
        let planned = match (&refusal, &looked) {
            (None, Ok(())) if !is_away => self.plan_refunds(mode, at).await,
            _ => Ok(Vec::new()),
        };
        // Whatever could not be looked at, the ledger goes on.
        let (planned, trouble) = match planned {
            Ok(planned) => (planned, looked.err()),
            Err(error) => (Vec::new(), Some(error)),
        };
        let all = desk.store.refunds_since(at - TimeDelta(2 * DAY.0)).await?;
        let mut open: Vec<RefundRow> = all.iter().filter(|row| row.is_open()).cloned().collect();
        let tally = self.tally(MONITOR);
        tally.found = open.len() + planned.len();
        tally.refuses = refusal;
        open.extend(planned);
        let told = self.told_of_ended().await?;
        self.nudge(&mut open, at).await?;
        open.extend(told.iter().map(|told| told.row.clone()));
        let (go, held) = desk.config.refunds.caps.admit(&open, &all, at);
        for (index, why) in held {
            let row = &open[index];
            if why == RefundHeld::SizeCap && self.refusal(MONITOR, now()).is_none() {
                self.hand_over(row.clone(), TOO_LARGE, mode).await?;
            }
            *self.tally(MONITOR).held.entry(refund_held_name(why)).or_default() += 1;
        }
        for index in go {
            if self.is_late() {
                break;
            }
            let mut row = open[index].clone();
            if has_ended_without_money(&row) {
                // A person may have decided since.
                match desk.store.refund(&row.number).await?.filter(has_ended_without_money) {
                    Some(now) => row = now,
                    None => continue,
                }
            }
            // The brake may have been pulled since.
            let mode = if self.refusal(MONITOR, now()).is_some() { Mode::Observe } else { mode };
            let may_have_left = row.state != RefundState::Planned;
            if (is_away || self.tally(MONITOR).refuses.is_some()) && !may_have_left {
                continue;
            }
            let others = desk.store.refunds_of(&row.trade).await?;
            let (trade, number) = (row.trade.clone(), row.number.clone());
            let mut act = Act::Refund(Refund::new(row, &others, mode));
            let carried = self.carry(MONITOR, &mut act, "").await?;
            desk.was_nudged(number.as_str());
            if let Some(told) = told.iter().find(|told| told.row.number == number) {
                let again = format!("{} {}", told.asked + 1, (now() + pause(told.asked)).0);
                let is_clear = !carried.facts.is_empty();
                desk.keep_replaced(&number).await?;
                self.remember(&told_name(&number), (!is_clear).then_some(&again)).await;
            }
            if carried.has(FactKind::RefundDropped) {
                // A person wished a new number, and the money goes back under an earlier one: that one is asked for to its end.
                for earlier in
                    others.iter().filter(|row| row.state == RefundState::Human && row.number != number)
                {
                    self.remember(&told_name(&earlier.number), Some(TOLD_NOW)).await;
                }
            }
            self.tally(MONITOR).acted += 1;
            self.learn(MONITOR, None, &carried).await;
            if carried.has(FactKind::RefundMarked) || carried.has(FactKind::RefundDone) {
                self.orphan_ends(&trade).await;
            }
        }
        self.sum_refunds(at).await?;
        self.tally(MONITOR).refuses = self.refusal(MONITOR, now());
        trouble.map_or(Ok(()), Err)
    }

    async fn look_for_payments(&mut self, at: Timestamp) -> Result<(), Failed> {
        self.look_for_orphans(at).await?;
        self.look_at_orphans(at).await?;
        self.review(at).await
    }

    /// The pause of these refunds is over; they are nudged until they are asked for.
    async fn nudge(&self, open: &mut [RefundRow], at: Timestamp) -> Result<(), Failed> {
        for text in self.desk.nudged() {
            if let Some(row) = open.iter_mut().find(|row| row.number.as_str() == text) {
                row.next_at = at;
                continue;
            }
            // It has come to an end since; if that was one without money, the word counts as one of an ended refund.
            if let Ok(number) = RefundNumber::new(&text)
                && let Some(row) = self.desk.store.refund(&number).await?
                && has_ended_without_money(&row)
            {
                self.remember(&told_name(&number), Some(TOLD_NOW)).await;
            }
            self.desk.was_nudged(&text);
        }
        Ok(())
    }

    /// Refunds that had ended without money, and of which the provider has sent word since: to be asked for until there is a
    /// clear answer, whoever took that word, and in whichever life.
    async fn told_of_ended(&self) -> Result<Vec<ToldOf>, Failed> {
        let mut told = Vec::new();
        for (name, value) in self.desk.store.remembered().await? {
            let Some(number) = told_number(&name) else { continue };
            let mut words = value.split(' ').map(str::parse::<i64>);
            let mut number_of = || words.next().and_then(Result::ok).unwrap_or(0);
            let (asked, next_at) = (u32::try_from(number_of()).unwrap_or(0), Timestamp(number_of()));
            match self.desk.store.refund(&number).await? {
                Some(row) if has_ended_without_money(&row) => {
                    told.push(ToldOf { row: RefundRow { next_at, ..row }, asked });
                }
                Some(row) if row.is_open() => {
                    self.desk.nudge(number.as_str());
                    self.remember(&name, None).await;
                }
                // It is at its end.
                _ => self.remember(&name, None).await,
            }
        }
        Ok(told)
    }

    /// Refunds that are due and stand in no ledger yet.
    async fn plan_refunds(&mut self, mode: Mode, at: Timestamp) -> Result<Vec<RefundRow>, Failed> {
        // Of what is looked at no more the doubt ends in a day.
        self.doubtful.retain(|_, doubt| at - doubt.asked < DAY);
        let members = self.desk.hands.shop.refundable().await?;
        let of_groups: BTreeSet<OrderKey> = members.iter().map(|order| order.order.clone()).collect();
        let mut rows = self.plan_members(members, mode, at).await?;
        if self.desk.config.refunds.orphans {
            for (trade, Orphan { order, paid, .. }) in self.orphans.clone() {
                // An order has one refund by itself, which a member of a group has for the group. A second payment stays
                // one that people are told of.
                let has_one = of_groups.contains(&order) || rows.iter().any(|row| row.order == order);
                // To give it back would take its order from what is looked at, before all of it is clear.
                let waits = self.doubtful.contains_key(&order);
                if !has_one && !waits && self.is_new_refund(&order, Purpose::Orphan).await? {
                    let wish = Wish { trade, purpose: Purpose::Orphan, paid, amount: paid };
                    rows.extend(self.plan(order, wish, at));
                }
            }
        }
        Ok(rows)
    }

    /// Those of members of failed groups.
    async fn plan_members(
        &mut self,
        members: Vec<OrderFacts>,
        mode: Mode,
        at: Timestamp,
    ) -> Result<Vec<RefundRow>, Failed> {
        let has_trades = self.desk.hands.shop.mapping().orders.trades.is_some();
        let (mut rows, mut questions) = (Vec::new(), REFUND_QUESTIONS_PER_TICK);
        for member in members {
            let rests =
                self.doubtful.get(&member.order).is_some_and(|doubt| at - doubt.asked < UNCLEAR_AGAIN);
            if rests || !self.is_new_refund(&member.order, Purpose::GroupFailed).await? {
                continue;
            }
            let (trade, paid) = if has_trades {
                if questions == 0 || self.is_late() {
                    break;
                }
                questions -= 1;
                let (trade, paid, why) = match self.payment_of_member(&member, at).await? {
                    Payment::Clear(PaidTrade { trade, paid, .. }) => (trade, paid, None),
                    Payment::Doubtful(PaidTrade { trade, paid, .. }) => (trade, paid, Some(NOT_CLEAR)),
                    Payment::Elsewhere => (member.number.clone(), member.amount, Some(PAID_ELSEWHERE)),
                    Payment::Waits => continue, // Asked again some minutes later.
                };
                if let Some(why) = why {
                    let wish = Wish { trade, purpose: Purpose::GroupFailed, paid, amount: paid };
                    if let Some(row) = self.plan(member.order, wish, at) {
                        self.hand_over(row, why, mode).await?;
                    }
                    continue;
                }
                (trade, paid)
            } else {
                (member.number, member.amount)
            };
            let wish = Wish { trade, purpose: Purpose::GroupFailed, paid, amount: paid };
            rows.extend(self.plan(member.order, wish, at));
        }
        Ok(rows)
    }

    /// Which payment of a member goes back; people are told of a second one.
    async fn payment_of_member(&mut self, member: &OrderFacts, at: Timestamp) -> Result<Payment, Failed> {
        let payments = self.payments_of(member).await?;
        let mut whole = payments.found.iter().filter(|paid| paid.refunded == Refunded::Nothing);
        let first = whole.next().or(payments.found.first()).cloned();
        for second in whole {
            self.orphan_is_found(&member.order, second, at).await?;
        }
        let waits = self.waits_to_be_clear(&member.order, &payments, at);
        Ok(match first {
            Some(paid) if payments.is_clear => Payment::Clear(paid),
            Some(paid) if !waits => Payment::Doubtful(paid),
            None if payments.is_clear => Payment::Elsewhere,
            _ => Payment::Waits,
        })
    }

    /// Whether nothing of an order's money goes back yet, as it may have been paid twice: until all is clear, and for an hour
    /// at most from when a payment was known.
    fn waits_to_be_clear(&mut self, order: &OrderKey, payments: &Payments, at: Timestamp) -> bool {
        if payments.is_clear {
            self.doubtful.remove(order);
            return false;
        }
        let doubt = self.doubtful.entry(order.clone()).or_insert_with(|| Doubt::new(at));
        doubt.asked = at;
        if payments.found.is_empty() {
            doubt.since = at;
        }
        CLEAR_WITHIN > at - doubt.since
    }

    /// Writes a refund into the ledger that only a person may send.
    async fn hand_over(&mut self, row: RefundRow, why: &str, mode: Mode) -> Result<(), Failed> {
        let mut act = Act::Refund(Refund::hand_over(row, why, mode));
        self.carry(Monitor::Refunds, &mut act, "").await?;
        Ok(())
    }

    fn plan(&self, order: OrderKey, wish: Wish, at: Timestamp) -> Option<RefundRow> {
        match Refund::plan(&self.desk.config.name, order, wish, at) {
            Ok(row) => Some(row),
            Err(error) => {
                tracing::error!(%error, "an order's key is too long for a refund's number");
                None
            }
        }
    }

    async fn is_new_refund(&self, order: &OrderKey, purpose: Purpose) -> Result<bool, Failed> {
        let Ok(number) = RefundNumber::of(&self.desk.config.name, order, purpose, 0) else {
            return Ok(false);
        };
        Ok(self.desk.store.refund(&number).await?.is_none())
    }

    /// Payments of cancelled orders: asked for soon, later, and much later.
    async fn look_for_orphans(&mut self, at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if !desk.hands.provider.is_there() {
            return Ok(());
        }
        let look_back = desk.config.refunds.look_back;
        // The tail has all of them; without one, a question brings the oldest thousand.
        let asked;
        let cancelled: Vec<&OrderFacts> = match &self.tail {
            Some(tail) => {
                let recent = |order: &&OrderFacts| at - order.created <= look_back;
                tail.in_state(OrderState::Cancelled).filter(recent).collect()
            }
            None => {
                asked = desk.hands.shop.cancelled_since(at - look_back).await?;
                asked.iter().collect()
            }
        };
        self.watched.retain(|_, watch| at - DAY - watch.since <= look_back);
        let mut due = Vec::new();
        for order in cancelled {
            if self.watched.len() < WATCHED_MAX || self.watched.contains_key(&order.order) {
                let watch = self.watched.entry(order.order.clone()).or_insert(Watch {
                    since: at,
                    asks: 0,
                    unclear_at: None,
                });
                let wait = ORPHAN_ASKS.get(watch.asks).map(|seconds| TimeDelta::from_secs(*seconds));
                let rests = watch.unclear_at.is_some_and(|unclear_at| at - unclear_at < UNCLEAR_AGAIN);
                if wait.is_some_and(|wait| wait <= at - watch.since) && !rests {
                    due.push(order.clone());
                }
            }
        }
        for order in due {
            if self.is_late() || self.questions == 0 {
                break;
            }
            let payments = self.payments_of(&order).await?;
            if let Some(watch) = self.watched.get_mut(&order.order) {
                match payments.is_clear {
                    true => watch.asks += 1,
                    false => watch.unclear_at = Some(at),
                }
            }
            // Of one that is not clear yet nothing goes back: its order would be looked at no more.
            self.waits_to_be_clear(&order.order, &payments, at);
            for paid in payments.found.iter().filter(|paid| paid.refunded == Refunded::Nothing) {
                self.orphan_is_found(&order.order, paid, at).await?;
            }
        }
        Ok(())
    }

    async fn orphan_is_found(
        &mut self,
        order: &OrderKey,
        PaidTrade { trade, paid, .. }: &PaidTrade,
        at: Timestamp,
    ) -> Result<(), Failed> {
        if self.went_back(trade).await? {
            return Ok(());
        }
        let fact = fact(FactKind::OrphanPayment, order, Some(*paid), trade.as_str(), at);
        self.desk.clone().hands.tell(Monitor::Refunds, &[fact], &mut self.told).await?;
        if !self.orphans.contains_key(trade) {
            let orphan = Orphan { order: order.clone(), paid: *paid, at, asked: at };
            self.remember(&format!("{ORPHAN}{trade}"), Some(&orphan.write())).await;
            self.orphans.insert(trade.clone(), orphan);
        }
        Ok(())
    }

    /// By the ledger: also in some other way, of which the provider knows nothing.
    async fn went_back(&self, trade: &OrderNumber) -> Result<bool, Failed> {
        let refunds = self.desk.store.refunds_of(trade).await?;
        Ok(refunds.iter().any(|row| row.state == RefundState::Done))
    }

    async fn orphan_ends(&mut self, trade: &OrderNumber) {
        if self.orphans.remove(trade).is_some() {
            self.remember(&format!("{ORPHAN}{trade}"), None).await;
        }
    }

    /// An orphan is one until its order is waiting for its payment, or paid, again, or until the provider says that money went
    /// back, by whomever; also when the shop has deleted the order.
    async fn look_at_orphans(&mut self, at: Timestamp) -> Result<(), Failed> {
        let keys: BTreeSet<OrderKey> = self.orphans.values().map(|orphan| orphan.order.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<OrderKey> = keys.into_iter().collect();
        for order in self.desk.clone().hands.shop.orders(&keys).await? {
            if matches!(order.state, OrderState::Pending | OrderState::Paid | OrderState::Other) {
                let its = self.orphans.iter().filter(|(_, orphan)| orphan.order == order.order);
                for trade in its.map(|(trade, _)| trade.clone()).collect::<Vec<_>>() {
                    self.orphan_ends(&trade).await;
                }
            }
        }
        if !self.desk.hands.provider.is_there() {
            return Ok(()); // Nobody can be asked, and no answer says nothing of a provider.
        }
        let due = self.orphans.iter().filter(|(_, orphan)| ORPHAN_AGAIN <= at - orphan.asked);
        let due: Vec<_> = due.map(|(trade, orphan)| (trade.clone(), orphan.order.clone())).collect();
        for (trade, order) in due {
            if self.is_late() || self.questions == 0 {
                break;
            }
            if self.went_back(&trade).await? {
                self.orphan_ends(&trade).await;
                continue;
            }
            match self.ask_trade(&order, &trade).await? {
                Paid::As(PaidTrade { refunded: Refunded::Nothing, .. }) | Paid::Unclear => {
                    self.orphans.entry(trade).and_modify(|orphan| orphan.asked = at);
                }
                Paid::As(_) | Paid::No => self.orphan_ends(&trade).await,
            }
        }
        Ok(())
    }

    /// Orders that we cancelled, and that the shop has made paid ones again: their stock was given back and is sold twice.
    async fn review(&mut self, at: Timestamp) -> Result<(), Failed> {
        if at - self.reviewed_at < REVIEW_EVERY {
            return Ok(());
        }
        let desk = self.desk.clone();
        let rows = desk.store.cancelled_since(at - desk.config.refunds.look_back).await?;
        let keys: Vec<OrderKey> = rows.into_iter().map(|row| row.order).collect();
        let orders = desk.hands.shop.orders(&keys).await?;
        let again: Vec<_> = orders.iter().filter(|order| order.state == OrderState::Paid).collect();
        let facts: Vec<Fact> = again
            .iter()
            .map(|order| {
                let detail = "its stock was given back and must be taken again";
                fact(FactKind::PaidAfterCancel, &order.order, Some(order.amount), detail, at)
            })
            .collect();
        desk.hands.tell(Monitor::OrderTimeout, &facts, &mut self.told).await?;
        (self.paid_after_cancel, self.reviewed_at) = (again.len(), at);
        Ok(())
    }

    async fn sum_refunds(&mut self, at: Timestamp) -> Result<(), Failed> {
        let rows = self.desk.store.refunds_since(at - TimeDelta(30 * DAY.0)).await?;
        let open: Vec<RefundRow> = rows.iter().filter(|row| row.is_open()).cloned().collect();
        let mut by_state = BTreeMap::new();
        for row in &open {
            *by_state.entry(row.state.name()).or_default() += 1;
        }
        let today = |row: &&RefundRow| row.sent_at.is_some_and(|sent| day(sent) == day(at));
        let sent: Fen = rows.iter().filter(today).map(|row| row.amount).sum();
        self.refunds = RefundsView {
            open: by_state,
            older: RefundCaps::ages(&open, at).into_iter().collect(),
            cap_fen: self.desk.config.refunds.caps.fen_per_day.0,
            sent_today_fen: sent.0,
            poor: open.iter().filter(|row| row.waits_for_money()).count(),
            human: rows.iter().filter(|row| row.needs_human()).count(),
        };
        Ok(())
    }
}
