//! Stock and the figures of the day.

use lingshao_model::Timestamp;
use lingshao_shop::day::{DAY, day, hour};
use lingshao_shop::mapping::KeyKind;
use lingshao_shop::sql::{Tail, TailLimits};

use super::{Failed, Keeper};
use crate::clock::now;
use crate::shop::hands::describe;
use crate::shop::monitor::Monitor;
use crate::shop::view::{DriftView, StockItem, StockView};

/// Products that are shown.
const STOCK_ROWS_MAX: usize = 2_000;
/// The hour of the nightly recount: shops are quiet at four.
const RECOUNT_HOUR: i64 = 4;

impl Keeper {
    pub(super) async fn low_stock(&mut self) -> Result<(), Failed> {
        let desk = self.desk.clone();
        if desk.hands.shop.mapping().stock.is_none() {
            return Ok(());
        }
        if let Some(refusal) =
            self.refusal(Monitor::LowStock, now()).filter(|refusal| refusal.reason == "mapping")
        {
            self.tally(Monitor::LowStock).refuses = Some(refusal);
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
        let shop = &desk.hands.shop;
        if shop.mapping().orders.key != KeyKind::Growing {
            return Ok(());
        }
        let clock = shop.now(at).await?;
        let done = match &mut self.tail {
            Some(tail) => tail.tick(shop, clock).await.map(drop),
            None => Tail::start(shop, TailLimits::default(), clock).await.map(|tail| self.tail = Some(tail)),
        };
        self.up = done.as_ref().map(drop).map_err(|error| describe(error));
        done?;
        if hour(clock) == RECOUNT_HOUR && self.recounted != day(clock) {
            let yesterday = clock - DAY;
            if let Some(tail) = &mut self.tail {
                let drift = tail.recount(shop, yesterday).await?;
                self.recounted = day(clock);
                self.drift = Some(DriftView {
                    at: at.0,
                    orders: drift.orders,
                    sales_fen: drift.sales_fen,
                    refunds_fen: drift.refunds_fen,
                });
            }
        }
        Ok(())
    }
}
