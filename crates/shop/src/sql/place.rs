//! In which order a shop's orders came: by their growing key, or, where a key says nothing of it, by the second in which they
//! were placed.
//!
//! Seconds, as no column of time is sure to hold more. Several orders lie in one second, so that a page may end in the midst
//! of it; clocks of several machines are apart, so that what is placed later may lie before it; and a row may say that it is
//! of next year. So nothing counts as read up to a time that has not come, and all is read again as far back as clocks may be
//! apart.

use lingshao_model::Timestamp;

use super::find::OrderFacts;
use super::render::Statement;
use super::transact::first_integer;
use super::{Shop, ShopError};
use crate::OrderKey;
use crate::mapping::KeyKind;

/// More orders of one second than this say that the column holds days, or something else.
const SECOND_MAX: usize = 100_000;

/// Where an order lies among the others; orders of one second by their keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The growing key, or the second since 1970.
    pub(super) at: i64,
    key: Option<OrderKey>,
}

impl Place {
    /// Before all others there.
    pub(super) fn first(at: i64) -> Place {
        Place { at, key: None }
    }
}

impl Shop {
    fn keys_grow(&self) -> bool {
        self.mapping().orders.key == KeyKind::Growing
    }

    /// The column by which orders lie as they came.
    pub(super) fn place_column(&self) -> &str {
        let orders = &self.mapping().orders;
        if self.keys_grow() { &orders.id } else { &orders.created }
    }

    pub(super) fn place_of(&self, order: &OrderFacts) -> Result<Place, ShopError> {
        if !self.keys_grow() {
            return Ok(Place { at: second(order.created), key: Some(order.order.clone()) });
        }
        let at = order.order.as_integer();
        let at = at
            .ok_or_else(|| ShopError::Unexpected { what: "a growing key", found: order.order.to_string() })?;
        Ok(Place::first(at))
    }

    /// A condition for orders behind `at`.
    pub(super) fn behind(&self, at: i64) -> String {
        let column = self.place_column();
        if self.keys_grow() {
            format!("{column} > {at}")
        } else {
            format!("{column} >= {}", self.instant(end_of(at)))
        }
    }

    /// A condition for orders up to `at`.
    pub(super) fn up_to(&self, at: i64) -> String {
        let column = self.place_column();
        if self.keys_grow() {
            format!("{column} <= {at}")
        } else {
            format!("{column} < {}", self.instant(end_of(at)))
        }
    }

    /// Where it is read from again, if all up to `at` was read: clocks may be apart, keys are not.
    pub(super) fn again_from(&self, at: i64, now: Timestamp) -> i64 {
        if self.keys_grow() {
            return at;
        }
        at.min(second(now)).saturating_sub(self.mapping().clock.skew_max.0 / 1_000)
    }

    /// Up to where all is read, when a page has ended at `at` and the table with it, or not.
    pub(super) fn reached(&self, at: i64, is_end: bool, now: Timestamp) -> i64 {
        match (self.keys_grow(), is_end) {
            (true, _) => at,
            (false, true) => second(now),
            (false, false) => at.min(second(now)),
        }
    }

    /// Nothing that was counted lies behind it. Where keys do not grow, an emptied table is not told from a quiet one.
    pub(super) fn end(&self, bounds: Option<(i64, i64)>, now: Timestamp) -> Option<i64> {
        if self.keys_grow() { bounds.map(|(_, last)| last) } else { Some(second(now)) }
    }

    /// Behind this place lies all that was placed since then.
    pub(super) async fn place_before(&self, at: Timestamp) -> Result<i64, ShopError> {
        if self.keys_grow() {
            return Ok(self.first_key_since(at).await?.saturating_sub(1));
        }
        Ok(second(at).saturating_sub(1))
    }

    /// The first place, and one behind which there is none; none in an empty table.
    pub(super) async fn place_bounds(&self) -> Result<Option<(i64, i64)>, ShopError> {
        const WHAT: &str = "all orders";
        let orders = &self.mapping().orders;
        if self.keys_grow() {
            return self.bounds_of(WHAT, &orders.table, &orders.id).await;
        }
        // Not the least: MySQL's `0000-00-00` is no time, and not all columns hold the first second of 1970.
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT 1",
            self.millis(&orders.created),
            orders.table,
            self.behind(86_400),
            orders.created
        );
        let rows = self.ask(WHAT, Statement::plain(sql)).await?;
        Ok(first_integer(&rows).map(|first| (second(Timestamp(first)), i64::MAX)))
    }

    /// What a page that ended at `at` may have cut off: the orders of that second, in pages by key.
    pub(super) async fn rest_of_page(&self, at: i64) -> Result<Vec<OrderFacts>, ShopError> {
        let mut found: Vec<OrderFacts> = Vec::new();
        if self.keys_grow() {
            return Ok(found);
        }
        let id = &self.mapping().orders.id;
        let within = format!("{} AND {}", self.behind(at.saturating_sub(1)), self.up_to(at));
        loop {
            let after = found.last().map(|order| format!(" AND {id} > '{}'", order.order));
            let condition = format!("{within}{}", after.unwrap_or_default());
            let page = self.facts("orders of one second", &condition, id).await?;
            found.extend(page.orders);
            if !page.is_full {
                return Ok(found);
            }
            if SECOND_MAX < found.len() {
                let found = format!("more than {SECOND_MAX} orders in a second of `{}`", self.place_column());
                return Err(ShopError::Unexpected { what: "when orders were placed", found });
            }
        }
    }
}

fn second(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000)
}

fn end_of(second: i64) -> Timestamp {
    Timestamp(second.saturating_add(1).saturating_mul(1_000))
}
