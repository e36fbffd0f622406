//! Stock and the figures of the day.

use std::time::Duration;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::day::{DAY, day, hour};
use lingshao_shop::mapping::{KeyKind, Mapping};
use lingshao_shop::sql::check::{PAYMENTS, PLACED};
use lingshao_shop::sql::{
    AttemptFigures, AttemptLabels, AttemptTail, CountedOrders, ShopError, Tail, TailLimits,
};

use super::{Failed, Keeper};
use crate::failure::with_causes;
use crate::shop::monitor::Monitor;
use crate::shop::view::{DriftView, PaymentView, StockItem, StockView};

/// Products that are shown.
const STOCK_ROWS_MAX: usize = 2_000;
/// The hour of the nightly recount: shops are quiet at four.
const RECOUNT_HOUR: i64 = 4;
/// The first look at a large shop goes on for so long, and then with the next tick.
const CATCH_UP_TIME: Duration = Duration::from_secs(10);
/// How many orders there ever were is remembered so often: a restart goes on from there, whatever was deleted meanwhile.
const REMEMBER_EVERY: TimeDelta = TimeDelta::from_secs(60);
const COUNTED_ORDERS: &str = "orders_total";

impl Keeper {
    pub(super) async fn low_stock(&mut self) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if desk.hands.shop.mapping().stock.is_none() {
            return Ok(());
        }
        if self.refuses_misfit(Monitor::LowStock) {
            return Ok(());
        }
        let below = desk.config.low_stock.below;
        let levels = desk.hands.shop.low_stock(below.saturating_mul(2), STOCK_ROWS_MAX).await?;
        let [low, oversold] = desk.hands.shop.stock_below([below, 0]).await?;
        let items =
            levels.into_iter().map(|level| StockItem { id: level.id, sellable: level.sellable }).collect();
        self.stock = StockView { below, low, oversold, items };
        self.tally(Monitor::LowStock).found = low;
        Ok(())
    }

    pub(super) async fn figures(&mut self, at: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        let clock = desk.hands.shop.now(at).await?;
        self.refuses_misfit(Monitor::Figures);
        if self.is_wrong(PLACED) {
            self.tail = None;
        } else if self.finds_orders() {
            self.order_figures(at, clock).await?;
        }
        let read = self.read_payments(clock).await;
        if read.is_err() {
            self.payments = None;
        }
        Ok(read?)
    }

    /// Whether a monitor that only looks has nothing to look at, which is noted.
    fn refuses_misfit(&mut self, monitor: Monitor) -> bool {
        let refusal = self.misfit(monitor);
        let refuses = refusal.is_some();
        if refuses {
            self.tally(monitor).refuses = refusal;
        }
        refuses
    }

    async fn read_payments(&mut self, clock: Timestamp) -> Result<(), ShopError> {
        let desk = self.desk.clone();
        let shop = &desk.hands.shop;
        let Some(payments) = &shop.mapping().payments else { return Ok(()) };
        if self.is_wrong(PAYMENTS) {
            self.payments = None;
            return Ok(());
        }
        if self.attempts.is_none() {
            self.attempts = Some(AttemptTail::start(shop, payments, clock).await?);
        }
        let Some(tail) = &mut self.attempts else { return Ok(()) };
        while !tail.tick(shop, payments, clock).await? {
            if desk.is_ending() || CATCH_UP_TIME < self.begun.elapsed() {
                break;
            }
        }
        let has_failures = payments.states.failed.is_some();
        let view = |(labels, figures)| payment_view(labels, &figures, has_failures);
        self.payments = tail.figures(clock).map(|figures| figures.into_iter().map(view).collect());
        Ok(())
    }

    async fn order_figures(&mut self, at: Timestamp, clock: Timestamp) -> Result<(), Failed> {
        let done = self.read_orders(clock).await;
        self.saw(&done);
        done?;
        self.remember_total(at).await;
        if hour(clock) == RECOUNT_HOUR && self.recounted != day(clock) {
            self.recount(at, clock).await?;
        }
        Ok(())
    }

    async fn read_orders(&mut self, clock: Timestamp) -> Result<(), ShopError> {
        let desk = self.desk.clone();
        let shop = &desk.hands.shop;
        if self.tail.is_none() {
            let mut tail = Tail::start(shop, TailLimits::default(), clock).await?;
            let earlier = self.recall_total().await;
            if let Err(error) = tail.count_all(shop, earlier, clock).await {
                // The other figures need no count of all; it is tried again at night.
                tracing::warn!(error = %with_causes(&error), "the shop's orders cannot be counted: no `orders_total`");
            }
            self.tail = Some(tail);
        }
        let Some(tail) = &mut self.tail else { return Ok(()) };
        while !tail.tick(shop, clock).await? {
            if desk.is_ending() || CATCH_UP_TIME < self.begun.elapsed() {
                break;
            }
        }
        Ok(())
    }

    /// Exactly, once a night.
    async fn recount(&mut self, at: Timestamp, clock: Timestamp) -> Result<(), Failed> {
        let desk = self.desk.clone();
        let shop = &desk.hands.shop;
        let Some(tail) = self.tail.as_mut().filter(|tail| tail.is_caught_up()) else { return Ok(()) };
        let drift = tail.recount(shop, clock - DAY).await;
        if !drift.as_ref().is_err_and(ShopError::is_away) {
            // Not at every tick of this hour, should it take too long.
            self.recounted = day(clock);
        }
        let drift = drift?;
        let mut view = DriftView {
            at: at.0,
            orders: drift.orders,
            sales_fen: drift.sales_fen,
            refunds_fen: drift.refunds_fen,
            orders_total: None,
        };
        let all = match tail.counted() {
            Some(_) => tail.recount_all(shop).await,
            None => tail.count_all(shop, None, clock).await.map(|()| None),
        };
        view.orders_total = all.as_ref().ok().copied().flatten();
        self.drift = Some(view);
        all.map(drop).map_err(Failed::from)
    }

    /// How many orders an earlier life has counted, if it was of the same rows.
    async fn recall_total(&self) -> Option<CountedOrders> {
        match self.desk.store.recall(COUNTED_ORDERS).await {
            Ok(text) => read_counted(&text?, self.desk.hands.shop.mapping()),
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "state.db does not say how many orders there were");
                None
            }
        }
    }

    async fn remember_total(&mut self, at: Timestamp) {
        let Some(counted) = self.tail.as_ref().and_then(Tail::counted) else { return };
        if self.counted == Some(counted) || at - self.counted_at < REMEMBER_EVERY {
            return;
        }
        let text = write_counted(counted, self.desk.hands.shop.mapping());
        self.remember(COUNTED_ORDERS, Some(&text)).await;
        (self.counted, self.counted_at) = (Some(counted), at);
    }
}

/// `has_failures`: the mapping says which attempts failed.
fn payment_view(labels: AttemptLabels, figures: &AttemptFigures, has_failures: bool) -> PaymentView {
    PaymentView {
        provider: labels.provider,
        method: labels.method,
        requests: figures.requests,
        failures: has_failures.then_some(figures.failures),
        success_rate: figures.success_rate(),
        cohort: [
            ("paid", figures.paid),
            ("failed", figures.failed),
            ("closed", figures.closed),
            ("open", figures.open),
        ],
    }
}

/// Which rows are counted: of another table, or with others excluded, the number is another one.
fn counted_rows(mapping: &Mapping) -> String {
    let orders = &mapping.orders;
    let rows = format!("{} {}", orders.table, orders.exclude.as_deref().unwrap_or_default());
    match orders.key {
        KeyKind::Growing => rows,
        // How far it was counted is a time there, as the column's zone has it.
        KeyKind::Integer | KeyKind::Text => {
            format!("{rows} by {} {:?}", orders.created, mapping.clock.column)
        }
    }
}

fn write_counted(counted: CountedOrders, mapping: &Mapping) -> String {
    let CountedOrders { settled, key, total } = counted;
    format!("{settled} {key} {total} {}", counted_rows(mapping))
}

fn read_counted(text: &str, mapping: &Mapping) -> Option<CountedOrders> {
    let mut words = text.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let counted = CountedOrders { settled: number()?, key: number()?, total: number()? };
    (words.next()? == counted_rows(mapping)).then_some(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_other_rows_is_not_gone_on_with() {
        let mapping = lingshao_shop::mapping::litemall();
        let counted = CountedOrders { settled: 7, key: -9, total: 8 };
        let text = write_counted(counted, &mapping);
        assert_eq!(read_counted(&text, &mapping), Some(counted));
        let mut other = mapping.clone();
        other.orders.exclude = None;
        assert_eq!(read_counted(&text, &other), None);
        other = mapping.clone();
        other.orders.key = KeyKind::Text;
        assert_eq!(read_counted(&text, &other), None, "a key is no time");
        assert_eq!(read_counted("7 x 8 litemall_order deleted=1", &mapping), None);
        assert_eq!(read_counted("", &mapping), None);
    }
}
