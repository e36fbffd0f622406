//! Business figures of the running days, kept by reading what is new and re-reading what may change.
//!
//! New rows are found behind the last key seen, from a little before it: a transaction that began earlier may commit later.
//! Rows that can still change are read again by primary key, some each time. So no index of ours is needed, and a tick
//! costs as much as there is news. Where keys do not grow, new rows are found by the time when they were placed, which needs
//! an index ([`super::place`]). Once a night [`Tail::recount`] counts exactly and says how far the figures had drifted.

use std::collections::BTreeMap;
use std::ops::Bound;

use lingshao_model::{TimeDelta, Timestamp};

use super::find::{OrderFacts, integer};
use super::marks::Marks;
use super::place::Place;
use super::render::Statement;
use super::total::{CountedOrders, OrderTotal};
use super::{Shop, ShopError};
use crate::act::OrderState;
use crate::day::{DAY, begin_of, day};
use crate::{Fen, OrderKey};

/// How much a tail reads and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailLimits {
    /// Keys seen within so long are looked at again for rows between them.
    pub overlap: TimeDelta,
    /// Orders placed longer ago are forgotten.
    pub keep: TimeDelta,
    /// Orders re-read in one tick.
    pub reread_per_tick: usize,
    /// New orders read in one tick; the rest comes with the next.
    pub new_per_tick: usize,
    /// Orders kept; more, and the oldest are forgotten early.
    pub orders_max: usize,
}

impl Default for TailLimits {
    fn default() -> TailLimits {
        TailLimits {
            overlap: TimeDelta::from_secs(120),
            keep: TimeDelta::from_secs(8 * 86_400),
            reread_per_tick: 2_000,
            new_per_tick: 20_000,
            orders_max: 1_000_000,
        }
    }
}

/// Of what is read in a tick, so much more may be known than new: a shop with more orders within the overlap is none of ours.
const KNOWN_FACTOR: usize = 10;

/// One new order that cannot be read is that order's matter; so many, and no other, are the mapping's.
const UNREADABLE_MAX: usize = 20;

/// Figures of one day of the shop, [00:00, 24:00) in Asia/Shanghai.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayFigures {
    /// Orders placed, whatever became of them.
    pub orders: i64,
    /// Money paid on this day, refunds not deducted.
    pub sales: Fen,
    /// Money that went back on this day.
    pub refunds: Fen,
}

/// Exact figures minus ours, before ours were put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Orders.
    pub orders: i64,
    /// Fen of sales.
    pub sales_fen: i64,
    /// Fen of refunds.
    pub refunds_fen: i64,
}

/// The reader.
#[derive(Clone, Debug)]
pub struct Tail {
    limits: TailLimits,
    /// As they came.
    orders: BTreeMap<Place, OrderFacts>,
    marks: Marks,
    total: Option<OrderTotal>,
    /// Whether it has ever come to the end of the table.
    caught_up: bool,
    /// What lies up to there is never read.
    before: i64,
    /// Behind which re-reading goes on; none: at the first.
    reread_from: Option<Place>,
    /// Put right by a recount, day by day.
    corrections: BTreeMap<i64, Drift>,
}

impl Tail {
    /// A reader that begins with the orders of the last days.
    pub async fn start(shop: &Shop, limits: TailLimits, now: Timestamp) -> Result<Tail, ShopError> {
        let before = shop.place_before(now - limits.keep).await?;
        Ok(Tail {
            limits,
            orders: BTreeMap::new(),
            marks: Marks::new(limits.overlap, before),
            before,
            total: None,
            caught_up: false,
            reread_from: None,
            corrections: BTreeMap::new(),
        })
    }

    /// Reads what is new and what may have changed. `true` when it has come to the end of the table.
    pub async fn tick(&mut self, shop: &Shop, now: Timestamp) -> Result<bool, ShopError> {
        self.reread(shop).await?;
        let ended = self.read_new(shop, now).await?;
        self.caught_up |= ended;
        self.forget(now);
        Ok(ended)
    }

    /// Whether it has read all orders of the last days; before that, its figures say too little.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Begins to count all orders that there ever were, by a count of the table, or of what came since an earlier life.
    pub async fn count_all(
        &mut self,
        shop: &Shop,
        earlier: Option<CountedOrders>,
        now: Timestamp,
    ) -> Result<(), ShopError> {
        let floor = self.floor(shop, now);
        self.total = Some(OrderTotal::start(shop, floor, earlier, self.orders.keys(), now).await?);
        Ok(())
    }

    /// How many orders there ever were, once all of them are counted.
    pub fn counted(&self) -> Option<CountedOrders> {
        self.total.as_ref().filter(|_| self.caught_up).map(OrderTotal::counted)
    }

    /// Counts all orders again: how many more there are than we counted, which puts ours right, or fewer, as some were
    /// deleted. For a quiet hour: it reads the whole table.
    pub async fn recount_all(&mut self, shop: &Shop) -> Result<Option<i64>, ShopError> {
        match &mut self.total {
            Some(total) => total.recount(shop).await.map(Some),
            None => Ok(None),
        }
    }

    /// The figures of the day in which `now` lies.
    pub fn today(&self, now: Timestamp) -> DayFigures {
        let today = day(now);
        let correction = self.corrections.get(&today).copied().unwrap_or_default();
        let counted = self.count(today);
        DayFigures {
            orders: counted.orders + correction.orders,
            sales: Fen(counted.sales.0.saturating_add(correction.sales_fen)),
            refunds: Fen(counted.refunds.0.saturating_add(correction.refunds_fen)),
        }
    }

    /// The orders in this state, oldest first.
    pub fn in_state(&self, state: OrderState) -> impl Iterator<Item = &OrderFacts> {
        self.orders.values().filter(move |order| order.state == state)
    }

    /// Counts the day of `at` exactly, in the database, and puts the figures right. For a quiet hour: it reads a day.
    pub async fn recount(&mut self, shop: &Shop, at: Timestamp) -> Result<Drift, ShopError> {
        let exact = shop.count_day(at).await?;
        let ours = self.today(at);
        let drift = Drift {
            orders: exact.orders - ours.orders,
            sales_fen: exact.sales.0 - ours.sales.0,
            refunds_fen: exact.refunds.0 - ours.refunds.0,
        };
        let correction = self.corrections.entry(day(at)).or_default();
        correction.orders += drift.orders;
        correction.sales_fen += drift.sales_fen;
        correction.refunds_fen += drift.refunds_fen;
        Ok(drift)
    }

    fn count(&self, day_wanted: i64) -> DayFigures {
        let on_day = |at: Option<Timestamp>| at.is_some_and(|at| day(at) == day_wanted);
        let orders = self.orders.values().filter(|order| on_day(Some(order.created))).count();
        let sum = |at: fn(&OrderFacts) -> Option<Timestamp>| {
            self.orders.values().filter(|order| on_day(at(order))).map(|order| order.amount).sum()
        };
        DayFigures {
            orders: i64::try_from(orders).unwrap_or(i64::MAX),
            sales: sum(|order| order.paid_at),
            refunds: sum(|order| order.refunded_at),
        }
    }

    async fn read_new(&mut self, shop: &Shop, now: Timestamp) -> Result<bool, ShopError> {
        let mut from = self.floor(shop, now);
        if let Some(total) = &mut self.total {
            total.settle(from);
        }
        let (mut read, mut news) = (0, 0);
        loop {
            let begun = from;
            let found = shop.facts("new orders", &shop.behind(from), shop.place_column()).await?;
            if found.orders.is_empty() && UNREADABLE_MAX < found.unreadable {
                let found = format!("{} orders, none of which can be read", found.unreadable);
                return Err(ShopError::Unexpected { what: "new orders", found });
            }
            let (found, full) = (found.orders, found.is_full);
            let placed = found.last().map(|order| order.created);
            read += found.len();
            news += self.saw(shop, found, &mut from)?;
            if full {
                if from <= begun {
                    let found = format!("a text in `{}`, or another zone", shop.place_column());
                    return Err(ShopError::Unexpected { what: "the order in which orders came", found });
                }
                let rest = shop.rest_of_page(from).await?;
                read += rest.len();
                news += self.saw(shop, rest, &mut from)?;
            }
            let reached = shop.reached(from, !full, now);
            self.marks.page(reached, placed.filter(|_| full), shop.mapping().clock.skew_max, now);
            if !full {
                return Ok(true);
            }
            if news >= self.limits.new_per_tick || read >= KNOWN_FACTOR * self.limits.new_per_tick {
                return Ok(false);
            }
        }
    }

    /// Pending and refunding orders change soonest; then those of the last days in turn.
    async fn reread(&mut self, shop: &Shop) -> Result<(), ShopError> {
        let soon = |order: &OrderFacts| matches!(order.state, OrderState::Pending | OrderState::Refunding);
        let mut keys: Vec<(Place, OrderKey)> = Vec::new();
        let named = |(place, order): (&Place, &OrderFacts)| (place.clone(), order.order.clone());
        let first = self.orders.iter().filter(|(_, order)| soon(order));
        keys.extend(first.take(self.limits.reread_per_tick).map(named));
        let room = self.limits.reread_per_tick - keys.len();
        let later = self.reread_from.take().map_or(Bound::Unbounded, Bound::Excluded);
        let turn = self.orders.range((later, Bound::Unbounded)).filter(|(_, order)| !soon(order));
        let turn: Vec<_> = turn.take(room).map(named).collect();
        self.reread_from = turn.last().filter(|_| turn.len() == room).map(|(place, _)| place.clone());
        keys.extend(turn);
        let names: Vec<_> = keys.iter().map(|(_, key)| key.clone()).collect();
        let found = shop.orders(&names).await?;
        // A row that is gone, or deleted softly, counts no more.
        keys.iter().for_each(|(place, _)| {
            self.orders.remove(place);
        });
        for order in found {
            self.orders.insert(shop.place_of(&order)?, order);
        }
        Ok(())
    }

    /// Behind which it is read.
    fn floor(&mut self, shop: &Shop, now: Timestamp) -> i64 {
        shop.again_from(self.marks.floor(now), now).max(self.before)
    }

    /// Takes what was read from a place on, which moves to the last of it. How many of them were not known: what is read
    /// again and again must not use up what a tick may read, or it would never come further.
    fn saw(&mut self, shop: &Shop, found: Vec<OrderFacts>, from: &mut i64) -> Result<usize, ShopError> {
        let mut news = 0;
        for order in found {
            let place = shop.place_of(&order)?;
            *from = place.at.max(*from);
            if let Some(total) = &mut self.total {
                total.saw(&place);
            }
            news += usize::from(self.orders.insert(place, order).is_none());
        }
        Ok(news)
    }

    fn forget(&mut self, now: Timestamp) {
        let keep = self.limits.keep;
        self.orders.retain(|_, order| now - order.created <= keep);
        while self.orders.len() > self.limits.orders_max {
            self.orders.pop_first();
        }
        self.corrections.retain(|day_corrected, _| day(now) - day_corrected <= keep.0 / DAY.0);
    }
}

impl Shop {
    /// The exact figures of the day of `at`.
    async fn count_day(&self, at: Timestamp) -> Result<DayFigures, ShopError> {
        let begins = begin_of(day(at));
        let within = |column: &str| {
            let (from, to) = (self.instant(begins), self.instant(begins + DAY));
            format!("{column} >= {from} AND {column} < {to}{}", self.not_excluded())
        };
        let orders = &self.mapping().orders;
        let table = &orders.table;
        let count = format!(
            "SELECT {} FROM {table} WHERE {}",
            self.dialect().integer("COUNT(*)"),
            within(&orders.created)
        );
        let count = self.ask("orders of a day", Statement::plain(count)).await?;
        let mut sums = Vec::new();
        for column in [Some(&orders.paid_at), orders.refunded_at.as_ref()] {
            let Some(column) = column else {
                sums.push(Fen::ZERO);
                continue;
            };
            let sum = self.dialect().text(&self.sum(&orders.amount));
            let sql = format!("SELECT {sum} FROM {table} WHERE {}", within(column));
            let rows = self.ask("money of a day", Statement::plain(sql)).await?;
            sums.push(self.read_money("money of a day", rows.first().and_then(|row| row[0].1.text()))?);
        }
        let orders = count.first().map_or(Ok(0), |row| integer("orders of a day", row, 0))?;
        Ok(DayFigures { orders, sales: sums[0], refunds: sums[1] })
    }

    /// SQLite adds decimals as floating point; whole fen are added exactly.
    fn sum(&self, column: &str) -> String {
        match (self.dialect(), self.mapping().money) {
            (super::Dialect::Sqlite, crate::mapping::MoneyUnit::Yuan) => {
                format!(
                    "printf('%d.%02d', SUM(CAST(ROUND({column}*100) AS INTEGER))/100, SUM(CAST(ROUND({column}*100) AS INTEGER))%100)"
                )
            }
            _ => format!("SUM({column})"),
        }
    }
}
