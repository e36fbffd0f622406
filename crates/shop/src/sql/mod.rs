//! The shop's database: reading it, and the few guarded transactions that change it.
//!
//! Contract: PostgreSQL, MySQL, MariaDB and SQLite, in one way. Instants are compared by the *database's* clock; SQLite
//! has none, so there the caller's `now` counts. A transaction begins with its compare-and-set, has bounded waits, and is
//! rolled back whenever anything in it is not as expected. Nothing here decides.

mod attempts;
pub mod check;
mod database;
mod dialect;
mod find;
mod marks;
mod place;
mod render;
mod tail;
mod total;
mod transact;

pub use attempts::{AttemptFigures, AttemptLabels, AttemptTail};
pub use database::{Database, DatabaseError};
pub use dialect::Dialect;
pub use find::{EndedGroup, Expired, FoundGroup, LateMember, OrderFacts, StockLevel, Trades};
pub use tail::{DayFigures, Drift, Tail, TailLimits};
pub use total::CountedOrders;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lingshao_model::Timestamp;

use crate::Fen;
use crate::mapping::lint::{Finding, lint};
use crate::mapping::{Mapping, MoneyUnit};
use render::Param;

/// A shop: its database, and what its tables mean.
#[derive(Clone, Debug)]
pub struct Shop {
    database: Database,
    mapping: Mapping,
    unreadable: Arc<Mutex<BTreeMap<String, String>>>,
}

/// Why the shop's database did not tell.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// A question had no answer.
    #[error("the shop's database did not answer: {what}")]
    Database {
        /// What was asked.
        what: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// Nobody answers at its address, or nobody in time.
    #[error("no connection to the shop's database within {} s: it is away, or full", database::CONNECT_TIMEOUT.as_secs())]
    Away,
    /// The database answers that it will not.
    #[error("the shop's database refuses to tell {what}: {said}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its own words.
        said: String,
    },
    /// An answer that is not what the mapping says.
    #[error("{what}: `{found}` is not what the mapping promises; correct the mapping")]
    Unexpected {
        /// What was asked.
        what: &'static str,
        /// What came.
        found: String,
    },
    /// A statement that cannot be written for this database.
    #[error("{0}")]
    Statement(String),
}

impl ShopError {
    /// A question that had no answer, or a no.
    fn of(what: &'static str, source: sqlx::Error) -> ShopError {
        match source {
            sqlx::Error::Database(error) => ShopError::Refused { what, said: error.message().to_owned() },
            sqlx::Error::PoolTimedOut => ShopError::Away,
            source => ShopError::Database { what, source },
        }
    }

    /// Whether the database has answered, with what the mapping does not promise.
    pub fn is_of_mapping(&self) -> bool {
        matches!(self, ShopError::Unexpected { .. } | ShopError::Statement(_))
    }

    /// Whether the next question would wait as long, for as little.
    pub fn is_away(&self) -> bool {
        matches!(self, ShopError::Away | ShopError::Database { source: sqlx::Error::Io(_), .. })
    }
}

impl Shop {
    /// A shop whose mapping has no errors; else all that is wrong with it.
    pub fn new(database: Database, mapping: Mapping) -> Result<Shop, Vec<Finding>> {
        let findings = lint(&mapping);
        if findings.iter().any(|finding| finding.is_error) {
            return Err(findings);
        }
        Ok(Shop { database, mapping, unreadable: Arc::default() })
    }

    /// Closes all connections to its database.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Orders that questions since the last call have passed over, by key, each with what of it is not as the mapping promises.
    pub fn take_unreadable(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.unreadable.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Passes an order over. No more are kept than one question brings.
    fn pass_over(&self, key: &str, error: &ShopError) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        if unreadable.len() < find::ROWS_MAX {
            unreadable.insert(key.to_owned(), error.to_string());
        }
    }

    /// What its tables mean.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Which family its database belongs to.
    pub fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// The column as milliseconds since 1970.
    fn millis(&self, column: &str) -> String {
        self.dialect().millis(self.mapping.clock.column, column)
    }

    /// An instant as it is written into a column of time.
    fn instant(&self, at: Timestamp) -> String {
        self.dialect().instant(self.mapping.clock.column, at)
    }

    fn money(&self, amount: Fen) -> Param {
        Param::Sql(match self.mapping.money {
            MoneyUnit::Yuan => amount.yuan(),
            MoneyUnit::Fen => amount.0.to_string(),
        })
    }

    fn read_money(&self, what: &'static str, text: Option<&str>) -> Result<Fen, ShopError> {
        let Some(text) = text else { return Ok(Fen::ZERO) };
        let amount = match self.mapping.money {
            MoneyUnit::Yuan => Fen::from_yuan(text),
            MoneyUnit::Fen => Fen::from_fen(text),
        };
        amount.map_err(|_| ShopError::Unexpected { what, found: text.to_owned() })
    }

    /// `AND NOT (excluded)`, for a WHERE of the orders' table.
    fn not_excluded(&self) -> String {
        self.and_not(self.mapping.orders.exclude.as_deref())
    }

    /// The same for another condition that excludes rows.
    fn and_not(&self, exclude: Option<&str>) -> String {
        match exclude {
            // A column that is NULL excludes nothing.
            Some(exclude) => format!(" AND NOT COALESCE(({exclude}), {})", self.dialect().falsehood()),
            None => String::new(),
        }
    }
}
