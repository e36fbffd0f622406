//! Questions to the shop, none of which needs an index that the shop does not have.
//!
//! Where keys grow, whatever lies within the last days is a range of the primary key, whose beginning is searched for by
//! halving; other keys need an index on the time of creation, which `shop check` suggests.

use std::collections::BTreeMap;

use lingshao_model::{TimeDelta, Timestamp};

use super::database::ValueRow;
use super::render::{Params, Statement, Value, key, render};
use super::transact::first_integer;
use super::{Shop, ShopError};
use crate::act::OrderState;
use crate::group::Group;
use crate::mapping::{KeyKind, Listing, Stock};
use crate::safety::Candidate;
use crate::{Fen, GroupKey, KeyError, OrderKey, OrderNumber};

/// What one question brings at most; a tick does not act on more.
pub(super) const ROWS_MAX: usize = 1_000;
/// Keys in one `IN (…)`.
pub(super) const KEYS_PER_QUESTION: usize = 200;
/// Trades of one order: nobody tries to pay more often.
const TRADES_MAX: usize = 50;

/// An order, as far as monitors look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// Its key.
    pub order: OrderKey,
    /// Its number.
    pub number: OrderNumber,
    /// When it was placed.
    pub created: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// When its money went back.
    pub refunded_at: Option<Timestamp>,
    /// What it costs.
    pub amount: Fen,
    /// How it stands.
    pub state: OrderState,
    /// Whether the mapping's statements can cancel it in full.
    pub cancellable: bool,
}

impl OrderFacts {
    /// As [`crate::safety::Gate`] takes it.
    pub fn candidate(&self) -> Candidate {
        Candidate { order: self.order.clone(), created: self.created }
    }
}

/// Where an order may have been paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trades {
    /// Every number under which the provider may be paid for it.
    pub numbers: Vec<OrderNumber>,
    /// It may have been paid in a way that this provider is not asked about, too: the mapping's statement gave NULL for an
    /// attempt at another provider, or a number that is none, or more than [`TRADES_MAX`].
    pub elsewhere: bool,
}

/// What one question brings.
pub(super) struct Page {
    pub(super) orders: Vec<OrderFacts>,
    /// How many more there are that cannot be read.
    pub(super) unreadable: usize,
    /// There may be more.
    pub(super) is_full: bool,
}

/// What was not paid in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Oldest first.
    pub orders: Vec<OrderFacts>,
    /// How many orders are pending in all.
    pub pending: usize,
    /// The clock by which they are late.
    pub now: Timestamp,
}

/// An open group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundGroup {
    /// As [`crate::group::verdict`] takes it.
    pub group: Group,
}

/// A group that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedGroup {
    /// Which.
    pub key: GroupKey,
    /// Whether it came together.
    pub succeeded: bool,
    /// When.
    pub ended_at: Timestamp,
    /// Members whose money is still to go back.
    pub outstanding: u32,
}

/// A member who paid after the group had failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateMember {
    /// The member's own row.
    pub key: GroupKey,
    /// The order that was paid.
    pub order: OrderFacts,
}

/// Something to sell of which there is little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockLevel {
    /// Its key.
    pub id: String,
    /// How much can be sold; below zero, more was sold than there is.
    pub sellable: i64,
}

impl Shop {
    /// The clock by which orders are late: the database's, or `now` where it has none.
    pub async fn now(&self, now: Timestamp) -> Result<Timestamp, ShopError> {
        let Some(sql) = self.dialect().now() else { return Ok(now) };
        let rows = self.ask("the time", Statement::plain(sql.to_owned())).await?;
        first_integer(&rows)
            .map(Timestamp)
            .ok_or(ShopError::Unexpected { what: "the time", found: String::new() })
    }

    /// Pending orders placed more than `after` ago, but no longer than `age_max`.
    pub async fn expired(
        &self,
        after: TimeDelta,
        age_max: TimeDelta,
        now: Timestamp,
    ) -> Result<Expired, ShopError> {
        let now = self.now(now).await?;
        let since = self.since(now - age_max).await?;
        let pending = format!("({}) AND {since}", self.mapping.orders.states.pending);
        let created = &self.mapping.orders.created;
        let late = format!("{pending} AND {created} <= {}", self.instant(now - after));
        let orders = self.facts("expired orders", &late, created).await?.orders;
        let sql = format!(
            "SELECT {} FROM {} WHERE {pending}{}",
            self.dialect().integer("COUNT(*)"),
            self.mapping.orders.table,
            self.not_excluded()
        );
        let rows = self.ask("pending orders", Statement::plain(sql)).await?;
        let pending = first_integer(&rows).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        Ok(Expired { orders, pending, now })
    }

    /// Orders that were cancelled, by anybody, and placed since then: where payments may have come too late.
    pub async fn cancelled_since(&self, created: Timestamp) -> Result<Vec<OrderFacts>, ShopError> {
        let since = self.since(created).await?;
        let states = &self.mapping.orders.states;
        let condition = format!("({}) AND {since}", states.cancelled);
        Ok(self.facts("cancelled orders", &condition, &self.mapping.orders.id).await?.orders)
    }

    /// Orders by their keys; those that are gone, or excluded, are left out.
    pub async fn orders(&self, keys: &[OrderKey]) -> Result<Vec<OrderFacts>, ShopError> {
        self.orders_but(keys, &self.not_excluded()).await
    }

    /// Orders of a group, also when the customer has deleted them meanwhile: money is due all the same.
    async fn members(&self, keys: &[OrderKey]) -> Result<Vec<OrderFacts>, ShopError> {
        self.orders_but(keys, "").await
    }

    async fn orders_but(&self, keys: &[OrderKey], excluded: &str) -> Result<Vec<OrderFacts>, ShopError> {
        let mut orders = Vec::new();
        for keys in keys.chunks(KEYS_PER_QUESTION) {
            let list: Vec<_> = keys.iter().map(|key| format!("'{key}'")).collect();
            let condition = format!("{} IN ({}){excluded}", self.mapping.orders.id, list.join(","));
            let found = self.rows_that("orders by key", &condition, &self.mapping.orders.id).await?;
            orders.extend(found.orders);
        }
        Ok(orders)
    }

    /// How an order stands; excluded ones too.
    pub async fn state(&self, order: &OrderKey) -> Result<OrderState, ShopError> {
        let orders = &self.mapping.orders;
        let sql = format!(
            "SELECT {} AS state FROM {} WHERE {}='{order}'",
            self.state_case(),
            orders.table,
            orders.id
        );
        let rows = self.ask("an order's state", Statement::plain(sql)).await?;
        match rows.first() {
            None => Ok(OrderState::Missing),
            Some(row) => read_state(&row[0].1),
        }
    }

    /// Where this order may have been paid.
    pub async fn trades(&self, order: &OrderFacts) -> Result<Trades, ShopError> {
        let Some(trades) = &self.mapping.orders.trades else {
            return Ok(Trades { numbers: vec![order.number.clone()], elsewhere: false });
        };
        let params = Params::from([("id".to_owned(), key(order.order.as_str()))]);
        let rows = self.ask("an order's trades", render(self.dialect(), trades, &params)?).await?;
        // One order with a number that is none, or with more of them than anybody asks for, must not stop the others.
        let last = rows.iter().skip(rows.len().saturating_sub(TRADES_MAX));
        let numbers = last.filter_map(|row| parse("an order's trades", &row[0].1, OrderNumber::new).ok());
        let numbers: Vec<_> = numbers.collect();
        Ok(Trades { elsewhere: numbers.len() < rows.len(), numbers })
    }

    /// Groups that are open.
    pub async fn open_groups(&self) -> Result<Vec<FoundGroup>, ShopError> {
        const WHAT: &str = "open groups";
        let Some(groups) = &self.mapping.groups else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM ({}) q WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT {ROWS_MAX}",
            self.dialect().text("group_key"),
            self.dialect().integer("required"),
            self.dialect().integer("paid"),
            self.millis("expires_at"),
            groups.open
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        self.readable_of_question(&rows, |row| {
            let count =
                |index: usize| u32::try_from(integer(WHAT, row, index)?).map_err(|_| unexpected(WHAT, row));
            Ok(FoundGroup {
                group: Group {
                    key: parse(WHAT, &row[0].1, GroupKey::new)?,
                    required: count(1)?,
                    paid: count(2)?,
                    expires_at: Timestamp(integer(WHAT, row, 3)?),
                },
            })
        })
    }

    /// Members who paid after their group had failed, and whose orders are still paid ones.
    pub async fn late_members(&self) -> Result<Vec<LateMember>, ShopError> {
        const WHAT: &str = "late members";
        let Some(late) = self.mapping.groups.as_ref().and_then(|groups| groups.late.as_ref()) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {}, {} FROM ({}) q LIMIT {ROWS_MAX}",
            self.dialect().text("order_key"),
            self.dialect().text("group_key"),
            late.find
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        let members = self.readable_of_question(&rows, |row| {
            Ok((parse(WHAT, &row[0].1, OrderKey::new)?, parse(WHAT, &row[1].1, GroupKey::new)?))
        })?;
        let mut members: BTreeMap<OrderKey, GroupKey> = members.into_iter().collect();
        let keys: Vec<_> = members.keys().cloned().collect();
        let paid = self.members(&keys).await?.into_iter().filter(|order| order.state == OrderState::Paid);
        Ok(paid.filter_map(|order| Some(LateMember { key: members.remove(&order.order)?, order })).collect())
    }

    /// Groups that ended since then, and those whose money is not back yet, newest first.
    pub async fn ended_groups(&self, since: Timestamp) -> Result<Vec<EndedGroup>, ShopError> {
        const WHAT: &str = "groups that ended";
        let Some(ended) = self.mapping.groups.as_ref().and_then(|groups| groups.ended.as_ref()) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM ({ended}) q WHERE ended_at >= {} OR (outstanding > 0 AND ended_at IS NOT NULL) \
             ORDER BY ended_at DESC LIMIT {ROWS_MAX}",
            self.dialect().text("group_key"),
            self.dialect().integer("succeeded"),
            self.millis("ended_at"),
            self.dialect().integer("outstanding"),
            self.instant(since),
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        Ok(self.readable(&rows, |row| {
            Ok(EndedGroup {
                key: parse(WHAT, &row[0].1, GroupKey::new)?,
                succeeded: integer(WHAT, row, 1)? != 0,
                ended_at: Timestamp(integer(WHAT, row, 2)?),
                outstanding: u32::try_from(integer(WHAT, row, 3)?).map_err(|_| unexpected(WHAT, row))?,
            })
        }))
    }

    /// Orders whose group failed and whose money is to go back.
    pub async fn refundable(&self) -> Result<Vec<OrderFacts>, ShopError> {
        let Some(groups) = &self.mapping.groups else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {} FROM ({}) q LIMIT {ROWS_MAX}",
            self.dialect().text("order_key"),
            groups.refundable
        );
        let rows = self.ask("members to refund", Statement::plain(sql)).await?;
        let keys =
            self.readable_of_question(&rows, |row| parse("members to refund", &row[0].1, OrderKey::new))?;
        let orders = self.members(&keys).await?;
        Ok(orders.into_iter().filter(|order| order.state == OrderState::Refunding).collect())
    }

    /// What can be sold less than `below` times, least first.
    pub async fn low_stock(&self, below: i64, rows_max: usize) -> Result<Vec<StockLevel>, ShopError> {
        const WHAT: &str = "low stock";
        let Some(stock) = &self.mapping.stock else { return Ok(Vec::new()) };
        let (id, sellable) = (self.dialect().text(&stock.id), self.sellable(stock));
        let sql = format!(
            "SELECT {id}, {sellable} AS sellable FROM {} WHERE {sellable} < {below}{} \
             ORDER BY sellable, {} LIMIT {rows_max}",
            stock.table,
            self.and_for_sale(stock),
            stock.id
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        let level = |row: &ValueRow| {
            let id = row[0].1.text().ok_or_else(|| unexpected(WHAT, row))?.to_owned();
            Ok(StockLevel { id, sellable: integer(WHAT, row, 1)? })
        };
        rows.iter().map(level).collect()
    }

    /// How many can be sold less often than each of these bounds: one look at the table, however many there are.
    pub async fn stock_below<const N: usize>(&self, bounds: [i64; N]) -> Result<[usize; N], ShopError> {
        const WHAT: &str = "how much is low";
        let Some(stock) = &self.mapping.stock else { return Ok([0; N]) };
        let sellable = self.sellable(stock);
        let sums = bounds.map(|below| {
            let sum = format!("COALESCE(SUM(CASE WHEN {sellable} < {below} THEN 1 ELSE 0 END), 0)");
            self.dialect().integer(&sum)
        });
        let for_sale = self.and_for_sale(stock);
        let sql = format!("SELECT {} FROM {} WHERE 1=1{for_sale}", sums.join(", "), stock.table);
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        let mut counts = [0; N];
        for (index, count) in counts.iter_mut().enumerate() {
            let row = rows.first().ok_or(ShopError::Unexpected { what: WHAT, found: String::new() })?;
            *count = usize::try_from(integer(WHAT, row, index)?).map_err(|_| unexpected(WHAT, row))?;
        }
        Ok(counts)
    }

    /// Leaves out what is not for sale.
    fn and_for_sale(&self, stock: &Stock) -> String {
        let mut condition = self.and_not(stock.exclude.as_deref());
        if let Some(Listing { table, id, reference, exclude }) = &stock.listing {
            // What names no goods is for sale.
            condition += &format!(
                " AND ({reference} IS NULL OR {reference} NOT IN (SELECT {id} FROM {table} WHERE {exclude}))"
            );
        }
        condition
    }

    fn sellable(&self, stock: &Stock) -> String {
        self.dialect().integer(&format!("({})", stock.sellable))
    }

    /// A condition for orders placed since then.
    pub(super) async fn since(&self, at: Timestamp) -> Result<String, ShopError> {
        let orders = &self.mapping.orders;
        match orders.key {
            KeyKind::Growing => Ok(format!("{} >= {}", orders.id, self.first_key_since(at).await?)),
            KeyKind::Integer | KeyKind::Text => Ok(format!("{} >= {}", orders.created, self.instant(at))),
        }
    }

    /// The first of growing keys that was placed at `at` or later: about 30 questions by primary key.
    pub(super) async fn first_key_since(&self, at: Timestamp) -> Result<i64, ShopError> {
        let orders = &self.mapping.orders;
        self.first_key_of(&orders.table, &orders.id, &orders.created, at).await
    }

    /// The same of any table whose keys grow.
    pub(super) async fn first_key_of(
        &self,
        table: &str,
        id: &str,
        created: &str,
        at: Timestamp,
    ) -> Result<i64, ShopError> {
        const WHAT: &str = "the first key of a time";
        let Some((mut low, last)) = self.bounds_of(WHAT, table, id).await? else { return Ok(0) };
        let mut high = last.saturating_add(1);
        while low < high {
            let middle = low + (high - low) / 2;
            let sql = format!(
                "SELECT {} FROM {table} WHERE {id} >= {middle} AND {created} IS NOT NULL ORDER BY {id} LIMIT 1",
                self.millis(created)
            );
            let rows = self.ask(WHAT, Statement::plain(sql)).await?;
            match first_integer(&rows) {
                Some(created) if created < at.0 => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The first and the last of growing keys; none in an empty table.
    pub(super) async fn bounds_of(
        &self,
        what: &'static str,
        table: &str,
        id: &str,
    ) -> Result<Option<(i64, i64)>, ShopError> {
        // Asked together of one table, SQLite would read all of it.
        let end = |function: &str| self.dialect().integer(&format!("(SELECT {function}({id}) FROM {table})"));
        let sql = format!("SELECT {}, {}", end("MIN"), end("MAX"));
        let rows = self.ask(what, Statement::plain(sql)).await?;
        Ok(rows.first().and_then(|row| row[0].1.integer().zip(row[1].1.integer())))
    }

    /// Orders that meet a condition, but for excluded ones.
    pub(super) async fn facts(
        &self,
        what: &'static str,
        condition: &str,
        order_by: &str,
    ) -> Result<Page, ShopError> {
        self.rows_that(what, &format!("{condition}{}", self.not_excluded()), order_by).await
    }

    /// One that cannot be read (a number with a `/`, a part of a fen) is passed over, so that it stops no other.
    async fn rows_that(
        &self,
        what: &'static str,
        condition: &str,
        order_by: &str,
    ) -> Result<Page, ShopError> {
        let orders = &self.mapping.orders;
        let text = |column: &str| self.dialect().text(column);
        let refunded_at = orders.refunded_at.as_ref().map_or("NULL".to_owned(), |column| self.millis(column));
        let sql = format!(
            "SELECT {}, {}, {}, {}, {refunded_at}, {}, {}, CASE WHEN {} THEN 1 ELSE 0 END FROM {} \
             WHERE {condition} ORDER BY {}.{order_by} LIMIT {ROWS_MAX}",
            text(&orders.id),
            text(&orders.number),
            self.millis(&orders.created),
            self.millis(&orders.paid_at),
            text(&orders.amount),
            self.state_case(),
            orders.cancellable.as_deref().map_or("1=1".to_owned(), |condition| format!("({condition})")),
            orders.table,
            // The column, not what is selected: PostgreSQL calls `CAST(id AS TEXT)` by the same name, and 10 comes before 9.
            orders.table,
        );
        let rows = self.ask(what, Statement::plain(sql)).await?;
        let readable = self.readable(&rows, |row| self.order(what, row));
        let page = Page {
            unreadable: rows.len() - readable.len(),
            orders: readable,
            is_full: rows.len() == ROWS_MAX,
        };
        match page.orders.is_empty() && page.is_full {
            true => Err(unexpected(what, &rows[0])), // What lies behind them would never be seen.
            false => Ok(page),
        }
    }

    /// What can be read of these rows, whose first column is a key; the others are passed over, each by itself.
    fn readable<T>(&self, rows: &[ValueRow], read: impl Fn(&ValueRow) -> Result<T, ShopError>) -> Vec<T> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            match read(row) {
                Ok(one) => found.push(one),
                Err(error) => self.pass_over(row[0].1.text().unwrap_or_default(), &error),
            }
        }
        found
    }

    /// The same of a question of the mapping's own: where no row can be read, it is the question that is wrong.
    fn readable_of_question<T>(
        &self,
        rows: &[ValueRow],
        read: impl Fn(&ValueRow) -> Result<T, ShopError>,
    ) -> Result<Vec<T>, ShopError> {
        let found = self.readable(rows, &read);
        match rows.first().filter(|_| found.is_empty()) {
            Some(row) => Err(read(row).err().unwrap_or_else(|| unexpected("a question", row))),
            None => Ok(found),
        }
    }

    fn order(&self, what: &'static str, row: &ValueRow) -> Result<OrderFacts, ShopError> {
        Ok(OrderFacts {
            order: parse(what, &row[0].1, OrderKey::new)?,
            number: parse(what, &row[1].1, OrderNumber::new)?,
            created: Timestamp(integer(what, row, 2)?),
            paid_at: row[3].1.integer().map(Timestamp),
            refunded_at: row[4].1.integer().map(Timestamp),
            amount: self.read_money(what, row[5].1.text())?,
            state: read_state(&row[6].1)?,
            cancellable: row[7].1.is_true(),
        })
    }

    /// The state's name, the first that is true.
    fn state_case(&self) -> String {
        let states = self.mapping.orders.states.all();
        let cases: Vec<_> = states
            .iter()
            .map(|(state, expression)| format!("WHEN {expression} THEN '{}'", state.name()))
            .collect();
        self.dialect().text(&format!("CASE {} ELSE 'other' END", cases.join(" ")))
    }

    pub(super) async fn ask(
        &self,
        what: &'static str,
        statement: Statement,
    ) -> Result<Vec<ValueRow>, ShopError> {
        self.database.rows(statement).await.map_err(|source| ShopError::of(what, source))
    }
}

fn read_state(value: &Value) -> Result<OrderState, ShopError> {
    use OrderState::*;
    let text = value.text().unwrap_or_default();
    let found =
        [Pending, Paid, Cancelled, Refunding, Refunded, Other].into_iter().find(|state| state.name() == text);
    found.ok_or_else(|| ShopError::Unexpected { what: "an order's state", found: text.to_owned() })
}

fn parse<T>(
    what: &'static str,
    value: &Value,
    new: impl Fn(&str) -> Result<T, KeyError>,
) -> Result<T, ShopError> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Integer(integer) => integer.to_string(),
        Value::Null => String::new(),
    };
    new(text.trim()).map_err(|error| ShopError::Unexpected { what, found: error.to_string() })
}

pub(super) fn integer(what: &'static str, row: &ValueRow, index: usize) -> Result<i64, ShopError> {
    row[index].1.integer().ok_or_else(|| unexpected(what, row))
}

fn unexpected(what: &'static str, row: &ValueRow) -> ShopError {
    ShopError::Unexpected { what, found: format!("{row:?}") }
}
