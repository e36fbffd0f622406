//! How a shop's tables mean what we mean: which column is what, which expression is which state, and the guarded steps of
//! each act.
//!
//! A mapping is data that a person wrote; [`lint::lint`] must find no error in it before anything runs. Its SQL is bound by
//! parameters (`:id`, `:now`, …), one statement a step, UPDATE or INSERT only, on tables of the mapping only.

pub mod lint;
mod presets;
#[cfg(test)]
mod tests;
mod token;

pub use presets::{litemall, preset, ruoyi_mall};
pub(crate) use token::{Token, TokenKind, tokens};

use lingshao_model::TimeDelta;

use crate::act::{Ending, OrderState};

/// A shop's database, read and written in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// What its amounts are.
    pub money: MoneyUnit,
    /// What its instants are.
    pub clock: Clock,
    /// Its orders.
    pub orders: Orders,
    /// Every further table that a statement may name.
    pub tables: Vec<String>,
    /// From pending to cancelled, with all that is undone; none when the shop's own API must do it.
    pub cancel: Option<SqlAction>,
    /// From cancelled to refunding; none: orphans are reported, never refunded.
    pub claim: Option<SqlAction>,
    /// From refunding to refunded; none: the shop learns it from the provider's callback.
    pub mark_refunded: Option<SqlAction>,
    /// Its group buys.
    pub groups: Option<Groups>,
    /// Its stock.
    pub stock: Option<Stock>,
    /// Its attempts to pay; none: nothing is said of them.
    pub payments: Option<Payments>,
}

/// What a column of money holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// DECIMAL yuan.
    Yuan,
    /// Whole fen.
    Fen,
}

/// What a column of time holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How an instant is written.
    pub column: ColumnClock,
    /// How far the newest order may lie in the database's future before nothing is done any more.
    pub skew_max: TimeDelta,
}

/// How an instant is written into a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnClock {
    /// Date and time without a zone, so far ahead of UTC (litemall: 8 hours).
    Local(TimeDelta),
    /// Date and time with a zone (PostgreSQL's `timestamptz`).
    Zoned,
    /// Seconds since 1970, as a number.
    EpochSeconds,
}

/// The table of orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Its name.
    pub table: String,
    /// The primary key's column.
    pub id: String,
    /// What a key looks like.
    pub key: KeyKind,
    /// The column of the number that customers and providers see.
    pub number: String,
    /// The column of when it was placed.
    pub created: String,
    /// The column of when it was paid.
    pub paid_at: String,
    /// The column of what is to be paid.
    pub amount: String,
    /// The column of when its money went back, where there is one.
    pub refunded_at: Option<String>,
    /// The expression of each state.
    pub states: States,
    /// Rows that are none: soft-deleted, or paid in cash.
    pub exclude: Option<String>,
    /// Which pending orders [`Mapping::cancel`] can undo in full; the others are reported only.
    pub cancellable: Option<String>,
    /// SELECT of every number under which the provider may be paid for order `:id`, NULL for an attempt at another provider;
    /// none: the order's own number.
    pub trades: Option<String>,
}

/// What a key looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Integers that grow with every new row: new rows are found by key.
    Growing,
    /// Integers in any order.
    Integer,
    /// Words or UUIDs: new rows are found by time, which needs an index.
    Text,
}

/// One expression per state, over columns of the orders' table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    /// Waits for payment.
    pub pending: String,
    /// Paid; will be or was shipped.
    pub paid: String,
    /// Cancelled by anybody.
    pub cancelled: String,
    /// Waits for its refund and is not shipped.
    pub refunding: String,
    /// Its money went back.
    pub refunded: String,
}

impl States {
    /// Each state with its expression, in the order in which they are tried.
    pub(crate) fn all(&self) -> [(OrderState, &str); 5] {
        [
            (OrderState::Pending, &self.pending),
            (OrderState::Paid, &self.paid),
            (OrderState::Cancelled, &self.cancelled),
            (OrderState::Refunding, &self.refunding),
            (OrderState::Refunded, &self.refunded),
        ]
    }
}

/// Guarded steps that run in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlAction {
    /// The first is the guard: an UPDATE of one row that names the key and the state that it leaves.
    pub steps: Vec<Step>,
    /// A SELECT whose one value must be true at the end, or all is rolled back.
    pub verify: Option<String>,
}

/// One statement of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// A SELECT; the statement runs once for each of its rows, whose columns are parameters.
    pub each: Option<String>,
    /// An UPDATE or INSERT.
    pub exec: String,
    /// How many rows it may change.
    pub rows: Rows,
}

/// How many rows a statement may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Rows {
    /// Exactly one.
    pub const ONE: Rows = Rows { min: 1, max: 1 };
    /// None or one.
    pub const AT_MOST_ONE: Rows = Rows { min: 0, max: 1 };
}

/// Group buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// SELECT of open groups: `group_key`, `required`, `paid` (members who paid) and `expires_at` (a column of time).
    pub open: String,
    /// The columns that say how a group stands; the guards must name one.
    pub state_columns: Vec<String>,
    /// From open to success. `:group` is its key.
    pub success: SqlAction,
    /// From open to failed; its members' paid orders become refunding.
    pub fail: SqlAction,
    /// What is done with who pays after the group has failed; none: the shop itself makes their orders refunding.
    pub late: Option<LateMembers>,
    /// SELECT `order_key` of orders in state refunding whose group failed: their money goes back.
    pub refundable: String,
    /// SELECT of groups that ended: `group_key`, `succeeded` (1 or 0), `ended_at` (a column of time) and `outstanding`
    /// (members whose money is still to go back). None: only those that we ended are counted.
    pub ended: Option<String>,
}

impl Groups {
    /// The statements that end a group this way.
    pub fn action(&self, ending: Ending) -> Option<&SqlAction> {
        match ending {
            Ending::Success => Some(&self.success),
            Ending::Failed => Some(&self.fail),
            Ending::LateMember => self.late.as_ref().map(|late| &late.fail),
        }
    }
}

/// Members who pay after their group has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateMembers {
    /// SELECT of those whose order is paid: `group_key` (of the member's own row) and `order_key`.
    pub find: String,
    /// As [`Groups::fail`], for that row alone: `:group` is its key.
    pub fail: SqlAction,
}

/// What can be sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// The table.
    pub table: String,
    /// Its key's column.
    pub id: String,
    /// What is sellable: a column, or an expression like `stock - lock_stock`.
    pub sellable: String,
    /// Rows that are none.
    pub exclude: Option<String>,
    /// Where it stands what is for sale, if not in the same table.
    pub listing: Option<Listing>,
}

/// Goods, of which the rows of the stock are the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The table.
    pub table: String,
    /// Its key's column.
    pub id: String,
    /// The stock's column that names it.
    pub reference: String,
    /// Goods that are not for sale.
    pub exclude: String,
}

/// The table of attempts to pay. It is only read; its keys must be whole numbers that grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payments {
    /// Its name.
    pub table: String,
    /// The primary key's column.
    pub id: String,
    /// The column of when it was begun.
    pub created: String,
    /// The expression of each end.
    pub states: PaymentStates,
    /// By whom it is paid: a column, or an expression.
    pub provider: Option<String>,
    /// How it is paid.
    pub method: Option<String>,
    /// Rows that are none.
    pub exclude: Option<String>,
}

/// One expression per end of an attempt, over columns of its table; an attempt that has none is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentStates {
    /// Paid, also if the money went back later.
    pub paid: String,
    /// The provider said no; none where the shop does not keep it: then no failures are counted.
    pub failed: Option<String>,
    /// Nobody paid in time.
    pub closed: Option<String>,
}

impl Mapping {
    /// Every table that statements may read or write.
    pub fn all_tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
        tables.push(&self.orders.table);
        tables.extend(self.stock.iter().map(|stock| stock.table.as_str()));
        let listing = self.stock.as_ref().and_then(|stock| stock.listing.as_ref());
        tables.extend(listing.map(|listing| listing.table.as_str()));
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Every table that is looked at: those, and the one of payments, to which no statement of an action leads.
    pub fn read_tables(&self) -> Vec<&str> {
        let mut tables = self.all_tables();
        tables.extend(self.payments.iter().map(|payments| payments.table.as_str()));
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// The columns of the orders' table that say in which state an order is.
    pub fn state_columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = self
            .orders
            .states
            .all()
            .into_iter()
            .flat_map(|(_, expression)| lint::columns_of(expression))
            .collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The actions, with the place of each in the configuration.
    pub fn actions(&self) -> Vec<(&'static str, &SqlAction)> {
        let groups = self.groups.as_ref();
        [
            ("order_timeout.action", self.cancel.as_ref()),
            ("orphans.claim", self.claim.as_ref()),
            ("refunds.mark", self.mark_refunded.as_ref()),
            ("group_settle.success", groups.map(|groups| &groups.success)),
            ("group_settle.fail", groups.map(|groups| &groups.fail)),
            ("group_settle.late.fail", groups.and_then(|groups| groups.action(Ending::LateMember))),
        ]
        .into_iter()
        .filter_map(|(place, action)| Some((place, action?)))
        .collect()
    }
}
