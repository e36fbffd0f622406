//! In which order a shop's orders came: by their growing key, or, where a key says nothing of it, by the second in which they
//! were placed.
//!
//! Seconds, as no column of time is sure to hold more. Several orders lie in one second, so that a page may end in the midst
//! of it, and clocks of several machines are apart, so that what is placed later may lie before it: both are the reader's to
//! mind.

use lingshao_model::Timestamp;

use super::find::{OrderFacts, ROWS_MAX};
use super::{Shop, ShopError};
use crate::OrderKey;
use crate::mapping::KeyKind;

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
    pub(super) fn again_from(&self, at: i64) -> i64 {
        let apart = if self.keys_grow() { 0 } else { self.mapping().clock.skew_max.0 / 1_000 };
        at.saturating_sub(apart)
    }

    /// Behind this place lies all that was placed since then.
    pub(super) async fn place_before(&self, at: Timestamp) -> Result<i64, ShopError> {
        if self.keys_grow() {
            return Ok(self.first_key_since(at).await?.saturating_sub(1));
        }
        let before = second(at).saturating_sub(1);
        Ok(self.place_bounds().await?.map_or(before, |(_, last)| before.min(last)))
    }

    /// The first and the last place; none in an empty table.
    pub(super) async fn place_bounds(&self) -> Result<Option<(i64, i64)>, ShopError> {
        const WHAT: &str = "all orders";
        let orders = &self.mapping().orders;
        if self.keys_grow() {
            return self.bounds_of(WHAT, &orders.table, |end| format!("{end}({})", orders.id)).await;
        }
        let created = |end: &str| self.millis(&format!("{end}({})", orders.created));
        let bounds = self.bounds_of(WHAT, &orders.table, created).await?;
        Ok(bounds.map(|(first, last)| (second(Timestamp(first)), second(Timestamp(last)))))
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
            let is_full = page.len() == ROWS_MAX;
            found.extend(page);
            if !is_full {
                return Ok(found);
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
