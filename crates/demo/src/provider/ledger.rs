//! The provider's own books, in a file of its own: what was asked for, paid, closed and given back.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, SqliteExecutor};

use crate::time::Moment;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS trade (
  out_trade_no TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (total >= 0), notify_url TEXT NOT NULL,
  state TEXT NOT NULL, refunded INTEGER NOT NULL DEFAULT 0, made_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refund (
  out_refund_no TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0),
  made_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS trade_made ON trade (made_ms);
CREATE INDEX IF NOT EXISTS refund_made ON refund (made_ms);
";

/// State of a trade, by WeChat's words.
pub(crate) mod state {
    pub(crate) const NOT_PAID: &str = "NOTPAY";
    pub(crate) const SUCCESS: &str = "SUCCESS";
    pub(crate) const CLOSED: &str = "CLOSED";
}

/// A trade.
#[derive(Clone, Debug)]
pub(crate) struct Trade {
    pub(crate) out_trade_no: String,
    pub(crate) total: i64,
    pub(crate) notify_url: String,
    pub(crate) state: String,
    pub(crate) refunded: i64,
}

/// What became of a wish to refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refunded {
    /// Given back, now or under the same number before.
    Done,
    /// There is no such trade, or it is not paid.
    NoTrade,
    /// The merchant's account is empty.
    Poor,
    /// More than was paid, or another amount under the same number.
    WrongAmount,
}

#[derive(Clone, Debug)]
pub(crate) struct Ledger(SqlitePool);

impl Ledger {
    pub(crate) async fn open(path: &Path) -> Result<Ledger, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-256")
            .disable_statement_logging();
        // One connection: what it does takes well below a millisecond.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.test_before_acquire(false).connect_with(options).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        Ok(Ledger(pool))
    }

    /// Notes a trade. False: the number was used for another amount.
    pub(crate) async fn make(&self, trade: &Trade, now: Moment) -> Result<bool, sqlx::Error> {
        let statement =
            "INSERT INTO trade (out_trade_no, total, notify_url, state, made_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (out_trade_no) DO NOTHING";
        let query =
            sqlx::query(statement).bind(&trade.out_trade_no).bind(trade.total).bind(&trade.notify_url);
        query.bind(&trade.state).bind(now.0).execute(&self.0).await?;
        Ok(self.find(&trade.out_trade_no).await?.is_some_and(|found| found.total == trade.total))
    }

    pub(crate) async fn find(&self, out_trade_no: &str) -> Result<Option<Trade>, sqlx::Error> {
        let statement =
            "SELECT out_trade_no, total, notify_url, state, refunded FROM trade WHERE out_trade_no = ?1";
        let row = sqlx::query(statement).bind(out_trade_no).fetch_optional(&self.0).await?;
        row.map(|row| {
            Ok(Trade {
                out_trade_no: row.try_get(0)?,
                total: row.try_get(1)?,
                notify_url: row.try_get(2)?,
                state: row.try_get(3)?,
                refunded: row.try_get(4)?,
            })
        })
        .transpose()
    }

    /// From not paid to another state. False: it was not in that state.
    pub(crate) async fn leave_not_paid(&self, out_trade_no: &str, state: &str) -> Result<bool, sqlx::Error> {
        let statement = "UPDATE trade SET state = ?1 WHERE out_trade_no = ?2 AND state = ?3";
        let query = sqlx::query(statement).bind(state).bind(out_trade_no).bind(state::NOT_PAID);
        Ok(query.execute(&self.0).await?.rows_affected() == 1)
    }

    /// Gives money back, once for each number.
    pub(crate) async fn refund(
        &self,
        out_refund_no: &str,
        out_trade_no: &str,
        amount: i64,
        now: Moment,
    ) -> Result<Refunded, sqlx::Error> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(known) = known_refund(&mut *transaction, out_refund_no).await? {
            let same = known == (out_trade_no.to_owned(), amount);
            return Ok(if same { Refunded::Done } else { Refunded::WrongAmount });
        }
        let statement = "SELECT 1 FROM trade WHERE out_trade_no = ?1 AND state = ?2";
        let paid = sqlx::query(statement).bind(out_trade_no).bind(state::SUCCESS);
        if paid.fetch_optional(&mut *transaction).await?.is_none() {
            return Ok(Refunded::NoTrade);
        }
        let statement = "UPDATE trade SET refunded = refunded + ?1 WHERE out_trade_no = ?2 AND ?1 > 0 AND refunded + ?1 <= total";
        let taken = sqlx::query(statement).bind(amount).bind(out_trade_no).execute(&mut *transaction).await?;
        if taken.rows_affected() != 1 {
            return Ok(Refunded::WrongAmount);
        }
        let statement =
            "INSERT INTO refund (out_refund_no, out_trade_no, amount, made_ms) VALUES (?1, ?2, ?3, ?4)";
        let query = sqlx::query(statement).bind(out_refund_no).bind(out_trade_no).bind(amount).bind(now.0);
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Refunded::Done)
    }

    /// The trade and the amount of a refund.
    pub(crate) async fn refund_of(&self, out_refund_no: &str) -> Result<Option<(String, i64)>, sqlx::Error> {
        known_refund(&self.0, out_refund_no).await
    }

    /// Forgets what is older than `before`.
    pub(crate) async fn prune(&self, before: Moment) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM trade WHERE made_ms < ?1").bind(before.0).execute(&self.0).await?;
        sqlx::query("DELETE FROM refund WHERE made_ms < ?1").bind(before.0).execute(&self.0).await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

/// The trade and the amount of a refund.
async fn known_refund(
    books: impl SqliteExecutor<'_>,
    out_refund_no: &str,
) -> Result<Option<(String, i64)>, sqlx::Error> {
    let statement = "SELECT out_trade_no, amount FROM refund WHERE out_refund_no = ?1";
    sqlx::query_as(statement).bind(out_refund_no).fetch_optional(books).await
}
