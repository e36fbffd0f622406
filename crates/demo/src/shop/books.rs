//! What the shop knows of its own business, as figures and as metrics.
//!
//! Counted when a transaction has committed, and never by a query under a customer's eyes; the figures of the day are read
//! from the database at the start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tower_lingshao::{MetricKind, MetricsPage};

use super::groups::Ended;
use super::{Figures, POOL_SIZE};
use crate::money::Fen;
use crate::plan::Provider;
use crate::time::{Day, Moment};

/// Who was seen within this time is active.
const ACTIVE: Duration = Duration::from_secs(300);

/// The books.
#[derive(Debug)]
pub(crate) struct Books {
    pages: Mutex<Pages>,
    /// Whether others count what becomes of group buys and refunds, because they do it.
    is_looked_after: bool,
}

#[derive(Debug)]
struct Pages {
    day: Day,
    orders_today: u64,
    sales_today: Fen,
    orders_total: u64,
    orders_created: u64,
    /// Tried and refused, by provider.
    payments: [[u64; 2]; Provider::ALL.len()],
    groups_succeeded: u64,
    groups_failed: u64,
    refunds: u64,
    /// At most as many as there are customers.
    seen: HashMap<u32, Instant>,
    customers_turned_away: u64,
    job_errors: u64,
    looked: Looked,
}

/// What is read from the database now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Product and what is left: the most wanted, and all that are nearly gone.
    pub(crate) stocks: Vec<(i64, i64)>,
    /// Group and its state: 1 open, 2 success, 3 failed with refunds outstanding, 4 failed and given back.
    pub(crate) groups: Vec<(i64, i64)>,
    pub(crate) expired_unsettled: i64,
}

impl Books {
    pub(crate) fn new(now: Moment, figures: Figures, is_looked_after: bool) -> Books {
        let pages = Mutex::new(Pages {
            day: now.day(),
            orders_today: figures.orders_today,
            sales_today: Fen(figures.sales_today_fen),
            orders_total: figures.orders_total,
            orders_created: 0,
            payments: [[0; 2]; Provider::ALL.len()],
            groups_succeeded: 0,
            groups_failed: 0,
            refunds: 0,
            seen: HashMap::new(),
            customers_turned_away: 0,
            job_errors: 0,
            looked: Looked::default(),
        });
        Books { pages, is_looked_after }
    }

    pub(crate) fn placed(&self, now: Moment) {
        let mut pages = self.of(now);
        pages.orders_today += 1;
        pages.orders_total += 1;
        pages.orders_created += 1;
    }

    pub(crate) fn tried(&self, provider: Provider) {
        self.pages().payments[provider as usize][0] += 1;
    }

    pub(crate) fn refused(&self, provider: Provider) {
        self.pages().payments[provider as usize][1] += 1;
    }

    pub(crate) fn paid(&self, amount: Fen, now: Moment) {
        let mut pages = self.of(now);
        pages.sales_today = pages.sales_today + amount;
    }

    pub(crate) fn group_ended(&self, ended: Ended) {
        let mut pages = self.pages();
        match ended {
            Ended::Success => pages.groups_succeeded += 1,
            Ended::Failed => pages.groups_failed += 1,
        }
    }

    pub(crate) fn refunded(&self) {
        self.pages().refunds += 1;
    }

    pub(crate) fn seen(&self, user_id: u32) {
        self.pages().seen.insert(user_id, Instant::now());
    }

    pub(crate) fn turned_away(&self) {
        self.pages().customers_turned_away += 1;
    }

    pub(crate) fn job_failed(&self) {
        self.pages().job_errors += 1;
    }

    pub(crate) fn looked(&self, looked: Looked) {
        self.pages().looked = looked;
    }

    pub(crate) fn expired_unsettled(&self) -> i64 {
        self.pages().looked.expired_unsettled
    }

    pub(crate) fn figures(&self, now: Moment) -> Figures {
        let mut pages = self.of(now);
        pages.seen.retain(|_, seen| seen.elapsed() < ACTIVE);
        Figures {
            orders_today: pages.orders_today,
            sales_today_fen: pages.sales_today.0,
            orders_total: pages.orders_total,
            active_users: pages.seen.len() as u64,
        }
    }

    /// Writes the metrics. `pool_available`: connections that are not in use.
    pub(crate) fn write(&self, page: &mut MetricsPage, now: Moment, pool_available: u32) {
        let figures = self.figures(now);
        let pages = self.pages();
        let mut gauge = |name: &str, help: &str, value: f64| {
            page.family(name, MetricKind::Gauge, help).sample(&[], value);
        };
        gauge("active_users", "Customers seen in the last five minutes.", figures.active_users as f64);
        gauge("orders_today", "Orders placed since midnight in Shanghai.", figures.orders_today as f64);
        gauge("sales_today_fen", "Money paid since midnight in Shanghai.", figures.sales_today_fen as f64);
        gauge("orders_total", "Orders placed in the shop's life.", figures.orders_total as f64);
        gauge("db_pool_size", "Connections of the database pool.", f64::from(POOL_SIZE));
        gauge("db_pool_available", "Connections of the pool that are not in use.", f64::from(pool_available));
        if !self.is_looked_after {
            let help = "Group buys that are out of time, and not settled or not given back.";
            gauge("group_buy_expired_unsettled", help, pages.looked.expired_unsettled as f64);
        }
        let mut counter = |name: &str, help: &str, value: u64| {
            page.family(name, MetricKind::Counter, help).sample(&[], value as f64);
        };
        counter("orders_created_total", "Orders placed since the start.", pages.orders_created);
        let help = "Customers who were not served because too many were about.";
        counter("demo_customers_turned_away_total", help, pages.customers_turned_away);
        counter("demo_job_errors_total", "Rounds of the shop's own jobs that failed.", pages.job_errors);
        if !self.is_looked_after {
            counter("refunds_total", "Payments given back.", pages.refunds);
            pages.write_groups(page);
        }
        pages.write_payments(page);
        pages.write_stocks(page);
    }

    /// The pages of the day on which it is `now`.
    fn of(&self, now: Moment) -> MutexGuard<'_, Pages> {
        let mut pages = self.pages();
        if pages.day < now.day() {
            pages.day = now.day();
            (pages.orders_today, pages.sales_today) = (0, Fen(0));
        }
        pages
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Every change is one addition: a panic leaves nothing half done.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn write_payments(&self, page: &mut MetricsPage) {
        let families = [
            ("payment_requests_total", "Payments that were tried."),
            ("payment_failures_total", "Payments that the provider did not take."),
        ];
        for (index, (name, help)) in families.into_iter().enumerate() {
            let mut family = page.family(name, MetricKind::Counter, help);
            for provider in Provider::ALL {
                let value = self.payments[provider as usize][index];
                family.sample(&[("provider", provider.as_str())], value as f64);
            }
        }
    }

    fn write_groups(&self, page: &mut MetricsPage) {
        page.family("group_buys_ended_total", MetricKind::Counter, "Group buys that have ended.")
            .sample(&[("result", "success")], self.groups_succeeded as f64)
            .sample(&[("result", "failed")], self.groups_failed as f64);
        let help =
            "Unsettled and recent group buys: 1 open, 2 success, 3 failed and not given back, 4 given back.";
        let mut family = page.family("group_buy_status", MetricKind::Gauge, help);
        for (group, status) in &self.looked.groups {
            family.sample(&[("group_id", &group.to_string())], *status as f64);
        }
    }

    fn write_stocks(&self, page: &mut MetricsPage) {
        let help = "What is left of the most wanted products and of all that are nearly gone.";
        let mut family = page.family("product_stock", MetricKind::Gauge, help);
        for (product, left) in &self.looked.stocks {
            family.sample(&[("product_id", &product.to_string()), ("on_sale", "1")], *left as f64);
        }
    }
}
