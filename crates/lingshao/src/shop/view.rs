//! What people and metrics see of the monitors: a snapshot, made at the end of every tick.

use std::collections::BTreeMap;

use serde::Serialize;

use super::monitor::Monitor;

/// The shop at the end of a tick. Instants are milliseconds since 1970, money is fen.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    /// Its short name.
    pub(crate) name: String,
    /// Whose tables they are.
    pub(crate) preset: Option<String>,
    /// PostgreSQL, MySQL or SQLite.
    pub(crate) database: &'static str,
    /// Whether the database answered at the last tick, and what it said else.
    pub(crate) up: bool,
    /// Why not.
    pub(crate) error: Option<String>,
    /// Who may be asked about payments.
    pub(crate) provider: &'static str,
    /// Another process looks after this shop.
    pub(crate) standby: Option<String>,
    /// All acting is stopped by hand, and by which file.
    pub(crate) stopped: bool,
    /// Its path.
    pub(crate) kill_switch: String,
    /// When the last tick began, and how long it took.
    pub(crate) tick_at: i64,
    /// In seconds.
    pub(crate) tick_seconds: f64,
    /// From tick to tick, in seconds.
    pub(crate) every_seconds: f64,
    /// Mapping against database.
    pub(crate) check: CheckView,
    /// In the order of [`Monitor::ALL`].
    pub(crate) monitors: Vec<MonitorView>,
    /// Payments whose callback is late, and whether that pauses the timeout.
    pub(crate) callbacks: CallbacksView,
    /// The ledger's sums.
    pub(crate) refunds: RefundsView,
    /// Paid at the provider, cancelled in the shop.
    pub(crate) orphans: Vec<OrphanView>,
    /// Paid again after we had cancelled.
    pub(crate) paid_after_cancel: usize,
    /// What there is little of.
    pub(crate) stock: StockView,
    /// Groups that are open, or ended within a day.
    pub(crate) groups: Vec<GroupView>,
    /// Groups out of time that are not at their end: still open, or with refunds outstanding.
    pub(crate) groups_unsettled: usize,
    /// Groups that ended since the start, by result.
    pub(crate) groups_ended: BTreeMap<&'static str, u64>,
    /// Of the day, in Asia/Shanghai.
    pub(crate) figures: Option<FiguresView>,
    /// Attempts to pay, by provider and method; `None` where they are not mapped, or could not be read.
    pub(crate) payments: Option<Vec<PaymentView>>,
}

/// What the last comparison of mapping and database said.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckView {
    /// When.
    pub(crate) at: Option<i64>,
    /// What is wrong.
    pub(crate) findings: Vec<FindingView>,
    /// Rights that are enough.
    pub(crate) grants: Vec<String>,
    /// Indexes that would make it cheaper; they are never made by us.
    pub(crate) indexes: Vec<String>,
    /// Of the tables.
    pub(crate) fingerprint: String,
    /// The tables are not those that a person agreed to.
    pub(crate) changed: bool,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FindingView {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// Where in the mapping.
    pub(crate) place: String,
    /// What.
    pub(crate) message: String,
}

/// One monitor.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonitorView {
    /// [`Monitor::name`].
    pub(crate) name: &'static str,
    /// `observe`, `dry_run` or `act`.
    pub(crate) mode: &'static str,
    /// Whether it ever changes anything.
    pub(crate) acts: bool,
    /// Who has paused it.
    pub(crate) paused_by: Option<String>,
    /// Why it does nothing until a person has looked.
    pub(crate) halted: Option<String>,
    /// Why it does nothing at the moment: the first reason of all.
    pub(crate) refuses: Option<Refusal>,
    /// Why its last look failed.
    pub(crate) error: Option<String>,
    /// What it found at the last tick.
    pub(crate) found: usize,
    /// What it did, or would have done, at the last tick.
    pub(crate) acted: usize,
    /// What it left alone at the last tick, by reason.
    pub(crate) held: BTreeMap<&'static str, usize>,
    /// Orders that failed too often, for a person.
    pub(crate) quarantined: Vec<String>,
    /// Facts since the start, by kind.
    pub(crate) facts: BTreeMap<String, u64>,
}

/// Why a monitor does not act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    /// `standby`, `stopped`, `paused`, `halted`, `mapping`, `database`, `callbacks`, `provider`.
    pub(crate) reason: &'static str,
    /// More of it.
    pub(crate) detail: String,
}

impl Refusal {
    /// A reason with its detail.
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Refusal {
        Refusal { reason, detail: detail.into() }
    }
}

/// Payments that the shop has not heard of.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct CallbacksView {
    /// They pause the timeout.
    pub(crate) down: bool,
    /// How many orders.
    pub(crate) late: usize,
}

/// Sums over the ledger of refunds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundsView {
    /// Rows that are open, by state.
    pub(crate) open: BTreeMap<&'static str, usize>,
    /// Open for longer than that.
    pub(crate) older: BTreeMap<&'static str, usize>,
    /// What a day may give.
    pub(crate) cap_fen: i64,
    /// What this day gave.
    pub(crate) sent_today_fen: i64,
    /// Waiting for a person.
    pub(crate) human: usize,
    /// Waiting until the merchant's account is filled up.
    pub(crate) poor: usize,
}

/// Money without an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OrphanView {
    /// The order's key.
    pub(crate) order: String,
    /// The number under which it was paid.
    pub(crate) trade: String,
    /// How much.
    pub(crate) fen: i64,
    /// When it was found.
    pub(crate) at: i64,
}

/// Stock.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StockView {
    /// The bound.
    pub(crate) below: i64,
    /// How many products have less.
    pub(crate) low: usize,
    /// How many were sold more often than there are.
    pub(crate) oversold: usize,
    /// Those below twice the bound, least first.
    pub(crate) items: Vec<StockItem>,
}

/// One product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StockItem {
    /// Its key.
    pub(crate) id: String,
    /// How many can be sold.
    pub(crate) sellable: i64,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GroupView {
    /// Its key.
    pub(crate) group: String,
    /// 1 open, 2 success, 3 failed with refunds outstanding, 4 failed and all refunded.
    pub(crate) status: u8,
}

/// Figures of a day.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FiguresView {
    /// Placed.
    pub(crate) orders: i64,
    /// Paid.
    pub(crate) sales_fen: i64,
    /// Given back.
    pub(crate) refunds_fen: i64,
    /// Placed in the shop's life; `None` while they cannot be counted.
    pub(crate) orders_total: Option<i64>,
    /// Waiting for payment now.
    pub(crate) pending: usize,
    /// The last nightly recount minus ours.
    pub(crate) drift: Option<DriftView>,
}

/// Attempts to pay by one provider and method.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentView {
    /// By whom, if the mapping says it.
    pub(crate) provider: Option<Box<str>>,
    /// How, if the mapping says it.
    pub(crate) method: Option<Box<str>>,
    /// Attempts since the start.
    pub(crate) requests: u64,
    /// Those to which the provider said no, if the mapping says which they are.
    pub(crate) failures: Option<u64>,
    /// Paid ÷ attempts of those made 35 to 5 minutes ago.
    pub(crate) success_rate: Option<f64>,
    /// How these ended.
    pub(crate) cohort: [(&'static str, usize); 4],
}

/// How far ours had drifted.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DriftView {
    /// When it was counted.
    pub(crate) at: i64,
    /// Orders.
    pub(crate) orders: i64,
    /// Money.
    pub(crate) sales_fen: i64,
    /// Money.
    pub(crate) refunds_fen: i64,
    /// Orders of the shop's life; negative, when rows were deleted since they were counted.
    pub(crate) orders_total: Option<i64>,
}

impl MonitorView {
    /// Nothing done yet.
    pub(crate) fn new(monitor: Monitor, mode: &'static str) -> MonitorView {
        MonitorView {
            name: monitor.name(),
            mode,
            acts: monitor.acts(),
            paused_by: None,
            halted: None,
            refuses: None,
            error: None,
            found: 0,
            acted: 0,
            held: BTreeMap::new(),
            quarantined: Vec::new(),
            facts: BTreeMap::new(),
        }
    }
}
