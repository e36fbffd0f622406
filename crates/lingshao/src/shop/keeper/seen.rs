//! The view at the end of a tick.

use std::collections::BTreeMap;

use lingshao_model::Timestamp;

use super::Keeper;
use super::gates::halt_detail;
use crate::shop::monitor::Monitor;
use crate::shop::view::{CallbacksView, CheckView, FiguresView, MonitorView, OrphanView, Refusal, View};

impl Keeper {
    pub(super) async fn view(&mut self, at: Timestamp, standby: Option<String>) -> View {
        let desk = self.desk.clone();
        let figures = self.tail.as_ref().filter(|tail| tail.is_caught_up()).map(|tail| {
            let today = tail.today(at);
            FiguresView {
                orders: today.orders,
                sales_fen: today.sales.0,
                refunds_fen: today.refunds.0,
                pending: self.pending,
                orders_total: tail.counted().map(|counted| counted.total),
                drift: self.drift,
            }
        });
        let orphans = self.orphans.iter().map(|(trade, orphan)| OrphanView {
            order: orphan.order.to_string(),
            trade: trade.to_string(),
            fen: orphan.paid.0,
            at: orphan.at.0,
        });
        let orphans = orphans.collect();
        let check = match self.check.as_ref().map(|checked| &checked.result) {
            Some(Ok(view)) => view.clone(),
            _ => CheckView::default(),
        };
        View {
            name: desk.config.name.to_string(),
            preset: desk.config.preset.clone(),
            database: desk.hands.shop.dialect().name(),
            up: self.up.is_ok(),
            error: self.up.clone().err(),
            provider: if desk.hands.provider.is_there() { "wechatpay" } else { "none" },
            monitors: self.monitor_views(at, standby.as_deref()),
            standby,
            stopped: desk.is_stopped(),
            kill_switch: desk.kill_switch.display().to_string(),
            tick_at: at.0,
            tick_seconds: self.begun.elapsed().as_secs_f64(),
            every_seconds: desk.config.every.0 as f64 / 1e3,
            check,
            callbacks: CallbacksView {
                down: self.callbacks.trouble(at).is_some(),
                late: self.callbacks.late(at),
            },
            refunds: self.refunds.clone(),
            orphans,
            paid_after_cancel: self.paid_after_cancel,
            stock: self.stock.clone(),
            groups: self.groups.clone(),
            groups_unsettled: self.groups_unsettled,
            groups_ended: self.groups_ended.clone(),
            figures,
            payments: self.payments.clone(),
        }
    }

    fn monitor_views(&mut self, at: Timestamp, standby: Option<&str>) -> Vec<MonitorView> {
        let mut facts: BTreeMap<Monitor, BTreeMap<String, u64>> = BTreeMap::new();
        for (monitor, kind, count) in self.desk.hands.facts.counts() {
            facts.entry(monitor).or_default().insert(kind, count);
        }
        let mut views = Vec::new();
        for monitor in Monitor::ALL {
            let mut view = MonitorView::new(monitor, monitor.mode(&self.desk.config).name());
            let tally = self.tallies.remove(&monitor).unwrap_or_default();
            view.paused_by = self.desk.paused_by(monitor);
            view.halted = self.gates.halted(monitor).map(halt_detail);
            view.refuses = match standby {
                Some(member) => Some(Refusal::new("standby", member)),
                None if monitor.acts() => self.refusal(monitor, at),
                None => tally.refuses,
            };
            (view.error, view.found, view.acted, view.held) =
                (tally.error, tally.found, tally.acted, tally.held);
            view.quarantined = self.gates.quarantined(monitor);
            view.facts = facts.remove(&monitor).unwrap_or_default();
            views.push(view);
        }
        views
    }
}
