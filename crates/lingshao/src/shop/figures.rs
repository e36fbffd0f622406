//! The page of business metrics (`job="lingshao-shop"`), under the names of the plan.
//!
//! Days are those of Asia/Shanghai, money is fen. A figure that could not be read is left out: a stale zero would be a
//! wrong alert.

use std::collections::BTreeSet;

use lingshao_shop::safety::Mode;

use super::telemetry::Facts;
use super::view::{PaymentView, View};
use crate::telemetry::Page;

/// Series of one family; more products or groups than this say no more.
const ITEMS_MAX: usize = 2_000;

/// The figures under names that a shop may export itself, and may have left out here.
pub(crate) const NAMES: [&str; 25] = [
    "group_buy_expired_unsettled",
    "group_buy_status",
    "group_buys_ended_total",
    "orders_pending",
    "orders_today",
    "orders_total",
    "orphan_payments",
    "orphan_payments_fen",
    "oversold_skus",
    "paid_after_cancel_orders",
    "payment_callbacks_down",
    "payment_callbacks_late",
    "payment_cohort_attempts",
    "payment_failures_total",
    "payment_requests_total",
    "payment_success_rate",
    "product_stock",
    "product_stock_low",
    "refund_cap_fen",
    "refunds_need_human",
    "refunds_sent_today_fen",
    "refunds_today_fen",
    "refunds_wait_for_money",
    "sales_today_fen",
    "stuck_refunds",
];

/// A page without the families that the shop has itself.
struct Figures<'l> {
    page: Page,
    left_out: &'l BTreeSet<String>,
}

impl Figures<'_> {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        if !self.left_out.contains(name) {
            self.page.family(name, kind, help);
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if !self.left_out.contains(name) {
            self.page.sample(name, labels, value);
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }
}

/// Appends the page.
pub(super) fn render(view: &View, facts: &Facts, left_out: &BTreeSet<String>, out: &mut Vec<u8>) {
    let mut page = Figures { page: Page::default(), left_out };
    let number = |flag: bool| f64::from(u8::from(flag));
    page.gauge("lingshao_shop_up", "1 while the shop's database answers.", number(view.up));
    page.gauge("lingshao_shop_stopped", "1 while all acting is stopped by hand.", number(view.stopped));
    page.gauge(
        "lingshao_shop_tick_timestamp_seconds",
        "When the last tick began.",
        view.tick_at as f64 / 1e3,
    );
    page.gauge("lingshao_shop_tick_duration_seconds", "How long the last tick took.", view.tick_seconds);
    monitors(&mut page, view);
    page.family("lingshao_shop_facts_total", "counter", "What the monitors found and did, by fact.");
    for (monitor, kind, count) in facts.counts() {
        let labels = [("monitor", monitor.name()), ("fact", kind.as_str())];
        page.sample("lingshao_shop_facts_total", &labels, count as f64);
    }
    if view.up {
        of_the_day(&mut page, view);
        stock(&mut page, view);
        groups(&mut page, view);
        payments(&mut page, view.payments.as_deref().unwrap_or_default());
    }
    money(&mut page, view);
    out.extend_from_slice(&page.page.into_bytes());
}

fn monitors(page: &mut Figures<'_>, view: &View) {
    let help = "How far a monitor may go: 0 observe, 1 dry_run, 2 act.";
    page.family("lingshao_shop_monitor_mode", "gauge", help);
    for monitor in view.monitors.iter().filter(|monitor| monitor.acts) {
        let mode = match Mode::from_name(monitor.mode) {
            Some(Mode::Act) => 2.0,
            Some(Mode::DryRun) => 1.0,
            _ => 0.0,
        };
        page.sample("lingshao_shop_monitor_mode", &[("monitor", monitor.name)], mode);
    }
    let help = "1 while a monitor does nothing for this reason.";
    page.family("lingshao_shop_monitor_refuses", "gauge", help);
    for monitor in &view.monitors {
        if let Some(refusal) = &monitor.refuses {
            // `share: 86 of 86 …` halts by `share`: a few words, none of which has a number.
            let halt = monitor.halted.as_deref().filter(|_| refusal.reason == "halted").unwrap_or_default();
            let halt = halt.split(':').next().unwrap_or_default();
            let labels = [("monitor", monitor.name), ("reason", refusal.reason), ("halt", halt)];
            let count = if halt.is_empty() { 2 } else { 3 };
            page.sample("lingshao_shop_monitor_refuses", &labels[..count], 1.0);
        }
    }
    page.family("lingshao_shop_monitor_error", "gauge", "1 while a monitor's look at the shop fails.");
    for monitor in &view.monitors {
        let failed = f64::from(u8::from(monitor.error.is_some()));
        page.sample("lingshao_shop_monitor_error", &[("monitor", monitor.name)], failed);
    }
    let quarantined: usize = view.monitors.iter().map(|monitor| monitor.quarantined.len()).sum();
    let help = "Orders that failed too often and wait for a person.";
    page.gauge("lingshao_shop_quarantined", help, quarantined as f64);
}

fn of_the_day(page: &mut Figures<'_>, view: &View) {
    let Some(figures) = &view.figures else { return };
    page.gauge("orders_today", "Orders placed today, whatever became of them.", figures.orders as f64);
    page.gauge("sales_today_fen", "Money paid today in fen, refunds not deducted.", figures.sales_fen as f64);
    page.gauge("refunds_today_fen", "Money that went back today in fen.", figures.refunds_fen as f64);
    if let Some(total) = figures.orders_total {
        // A gauge of the plan's own name; it never falls.
        page.gauge(
            "orders_total",
            "Orders placed in the shop's life, also those deleted since.",
            total as f64,
        );
    }
    page.gauge("orders_pending", "Orders that wait for payment.", figures.pending as f64);
    if let Some(drift) = &figures.drift {
        let name = "lingshao_shop_drift";
        page.family(name, "gauge", "The exact count of last night minus the running figures, by figure.");
        for (figure, value) in
            [("orders", drift.orders), ("sales_fen", drift.sales_fen), ("refunds_fen", drift.refunds_fen)]
        {
            page.sample(name, &[("figure", figure)], value as f64);
        }
        if let Some(total) = drift.orders_total {
            page.sample(name, &[("figure", "orders_total")], total as f64);
        }
    }
}

fn stock(page: &mut Figures<'_>, view: &View) {
    page.family("product_stock", "gauge", "What can be sold of products of which there is little.");
    for item in view.stock.items.iter().take(ITEMS_MAX) {
        page.sample("product_stock", &[("product_id", item.id.as_str())], item.sellable as f64);
    }
    page.gauge("product_stock_low", "Products below the bound.", view.stock.low as f64);
    page.gauge("oversold_skus", "Products sold more often than there are.", view.stock.oversold as f64);
}

fn groups(page: &mut Figures<'_>, view: &View) {
    let help = "1 open, 2 success, 3 failed with refunds outstanding, 4 failed and refunded.";
    page.family("group_buy_status", "gauge", help);
    for group in view.groups.iter().take(ITEMS_MAX / 2) {
        let labels = [("group_id", group.group.as_str())];
        page.sample("group_buy_status", &labels, f64::from(group.status));
    }
    page.gauge(
        "group_buy_expired_unsettled",
        "Group buys out of time that are open or have refunds outstanding.",
        view.groups_unsettled as f64,
    );
    page.family("group_buys_ended_total", "counter", "Group buys that ended, by result.");
    for result in ["success", "failed"] {
        let count = view.groups_ended.get(result).copied().unwrap_or(0);
        page.sample("group_buys_ended_total", &[("result", result)], count as f64);
    }
}

/// Nothing where attempts are not mapped: a zero would say that nobody pays.
fn payments(page: &mut Figures<'_>, payments: &[PaymentView]) {
    fn labels(payment: &PaymentView) -> Vec<(&'static str, &str)> {
        let labels = [("provider", &payment.provider), ("method", &payment.method)];
        labels.iter().filter_map(|(name, text)| Some((*name, text.as_deref()?))).collect()
    }
    if payments.is_empty() {
        return;
    }
    page.family("payment_requests_total", "counter", "Attempts to pay.");
    for payment in payments {
        page.sample("payment_requests_total", &labels(payment), payment.requests as f64);
    }
    let failures = payments.iter().filter_map(|payment| Some((payment, payment.failures?)));
    for (index, (payment, failures)) in failures.enumerate() {
        if index == 0 {
            let help = "Attempts to pay to which the provider said no; one that nobody pays is none of them.";
            page.family("payment_failures_total", "counter", help);
        }
        page.sample("payment_failures_total", &labels(payment), failures as f64);
    }
    page.family("payment_cohort_attempts", "gauge", "Attempts made 35 to 5 minutes ago, by their outcome.");
    for payment in payments {
        for (outcome, count) in payment.cohort {
            let mut labels = labels(payment);
            labels.push(("outcome", outcome));
            page.sample("payment_cohort_attempts", &labels, count as f64);
        }
    }
    let help = "Paid / attempts of those made 35 to 5 minutes ago; none where nobody tried.";
    page.family("payment_success_rate", "gauge", help);
    for (payment, rate) in payments.iter().filter_map(|payment| Some((payment, payment.success_rate?))) {
        page.sample("payment_success_rate", &labels(payment), rate);
    }
}

fn money(page: &mut Figures<'_>, view: &View) {
    page.family("stuck_refunds", "gauge", "Refunds that are not at their end, older than this.");
    for (age, count) in &view.refunds.older {
        page.sample("stuck_refunds", &[("older", age)], *count as f64);
    }
    page.gauge("refunds_need_human", "Refunds that a person must look at.", view.refunds.human as f64);
    let help = "Refunds that wait until the merchant's account is filled up.";
    page.gauge("refunds_wait_for_money", help, view.refunds.poor as f64);
    let fen: i64 = view.orphans.iter().map(|orphan| orphan.fen).sum();
    page.gauge(
        "orphan_payments",
        "Orders paid at the provider and cancelled here.",
        view.orphans.len() as f64,
    );
    page.gauge("orphan_payments_fen", "The money of these.", fen as f64);
    page.gauge(
        "paid_after_cancel_orders",
        "Cancelled by us and then paid again.",
        view.paid_after_cancel as f64,
    );
    page.gauge(
        "payment_callbacks_late",
        "Orders whose payment the shop has not heard of.",
        view.callbacks.late as f64,
    );
    let down = f64::from(u8::from(view.callbacks.down));
    page.gauge("payment_callbacks_down", "1 while that pauses the order timeout.", down);
    page.gauge("refund_cap_fen", "What one day may give back.", view.refunds.cap_fen as f64);
    page.gauge("refunds_sent_today_fen", "What this day gave back.", view.refunds.sent_today_fen as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::view::{DriftView, FiguresView};

    /// A shop of which everything is known.
    fn whole() -> View {
        let figures = FiguresView {
            orders_total: Some(1),
            drift: Some(DriftView { orders_total: Some(0), ..DriftView::default() }),
            ..FiguresView::default()
        };
        let payment = PaymentView {
            provider: Some("wechat".into()),
            method: None,
            requests: 1,
            failures: Some(0),
            success_rate: Some(1.0),
            cohort: [("paid", 1), ("failed", 0), ("closed", 0), ("open", 0)],
        };
        View { up: true, figures: Some(figures), payments: Some(vec![payment]), ..View::default() }
    }

    fn page(left_out: &[&str]) -> String {
        let left_out = left_out.iter().map(|name| (*name).to_owned()).collect();
        let mut page = Vec::new();
        render(&whole(), &Facts::default(), &left_out, &mut page);
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn all_that_has_a_name_of_the_shops_can_be_left_out() {
        let page_of = page(&[]);
        let names = page_of.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let mut names: Vec<&str> = names.filter(|name| !name.starts_with("lingshao_")).collect();
        names.sort_unstable();
        assert_eq!(names, NAMES);
        let bare = page(&NAMES);
        let other = bare.lines().find(|line| !line.contains("lingshao_"));
        assert_eq!(other, None);
    }
}
