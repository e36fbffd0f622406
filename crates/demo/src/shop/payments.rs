//! Payments: tried, paid, refused, and given back.
//!
//! Contract: what a provider says is taken once, however often it says it. Money that comes for an order which does not
//! wait for it any more goes back under a number that depends on the payment alone.

use sqlx::{Row, SqliteConnection};

use super::error::ShopError;
use super::groups::{self, Ended};
use super::orders;
use super::schema::Database;
use super::status::{order, payment, refund};
use crate::money::Fen;
use crate::plan::Provider;
use crate::provider::Notice;
use crate::time::Moment;

/// A payment that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) out_trade_no: String,
    pub(crate) amount: Fen,
}

/// Begins a payment of an order.
pub(crate) async fn begin(
    database: &Database,
    order_id: i64,
    user_id: i64,
    provider: Provider,
    now: Moment,
) -> Result<Attempt, ShopError> {
    let mut transaction = database.pool.begin_with("BEGIN IMMEDIATE").await?;
    let statement = "SELECT order_sn, order_status, CAST(ROUND(actual_price * 100) AS INTEGER),
            (SELECT count(*) FROM demo_payment WHERE order_id = o.id)
        FROM litemall_order o WHERE id = ?1 AND user_id = ?2";
    let query = sqlx::query(statement).bind(order_id).bind(user_id);
    let row =
        query.fetch_optional(&mut *transaction).await?.ok_or(ShopError::NotFound("order of this number"))?;
    let (order_sn, status, tried): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
    let attempt = Attempt { out_trade_no: format!("{order_sn}-{}", tried + 1), amount: Fen(row.try_get(2)?) };
    if status != order::UNPAID {
        return Err(ShopError::NotPayable);
    }
    let statement =
        "INSERT INTO demo_payment (out_trade_no, order_id, provider, amount_fen, status, add_time)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let query = sqlx::query(statement).bind(&attempt.out_trade_no).bind(order_id).bind(provider.as_str());
    let query = query.bind(attempt.amount.0).bind(payment::WAITING).bind(now.datetime());
    query.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(attempt)
}

/// The provider did not take the payment. False: that was known.
pub(crate) async fn refuse(database: &Database, out_trade_no: &str) -> Result<bool, ShopError> {
    let statement = "UPDATE demo_payment SET status = ?1 WHERE out_trade_no = ?2 AND status = ?3";
    let query = sqlx::query(statement).bind(payment::REFUSED).bind(out_trade_no).bind(payment::WAITING);
    Ok(query.execute(&database.pool).await?.rows_affected() == 1)
}

/// What a notice of success changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing: it was known.
    Known,
    /// The order is paid, and perhaps its group has ended by that.
    Paid { amount: Fen, group: Option<Ended> },
    /// The order did not wait for it any more: the money goes back.
    Late,
}

/// The provider says that a payment succeeded.
///
/// `is_looked_after`: money that comes too late is found, and given back, by others.
pub(crate) async fn succeed(
    database: &Database,
    notice: &Notice,
    is_looked_after: bool,
    now: Moment,
) -> Result<Outcome, ShopError> {
    let time = now.datetime();
    let mut transaction = database.pool.begin_with("BEGIN IMMEDIATE").await?;
    let query = sqlx::query("SELECT order_id, amount_fen FROM demo_payment WHERE out_trade_no = ?1");
    let row = query.bind(&notice.out_trade_no).fetch_optional(&mut *transaction).await?;
    let row = row.ok_or(ShopError::NotFound("payment of this number"))?;
    let (order_id, amount): (i64, Fen) = (row.try_get(0)?, Fen(row.try_get(1)?));
    if amount.0 != notice.amount.total {
        return Err(ShopError::Unfit("the amount is not the one that was asked for"));
    }
    let statement =
        "UPDATE demo_payment SET status = ?1, transaction_id = ?2 WHERE out_trade_no = ?3 AND status <> ?1";
    let query =
        sqlx::query(statement).bind(payment::PAID).bind(&notice.transaction_id).bind(&notice.out_trade_no);
    if query.execute(&mut *transaction).await?.rows_affected() != 1 {
        return Ok(Outcome::Known);
    }
    let outcome = if orders::pay(&mut transaction, order_id, &notice.transaction_id, &time).await? {
        Outcome::Paid {
            amount,
            group: groups::member_paid(&mut transaction, order_id, is_looked_after, now).await?,
        }
    } else {
        if !is_looked_after {
            plan_refund_of(&mut transaction, &notice.out_trade_no, &time).await?;
        }
        Outcome::Late
    };
    transaction.commit().await?;
    Ok(outcome)
}

/// Plans to give back what was paid for an order.
pub(crate) async fn plan_refund(
    connection: &mut SqliteConnection,
    order_id: i64,
    time: &str,
) -> Result<(), ShopError> {
    let statement = "SELECT p.out_trade_no FROM demo_payment p JOIN litemall_order o ON o.id = p.order_id
        WHERE o.id = ?1 AND p.status = ?2 AND p.transaction_id = o.pay_id";
    let query = sqlx::query_scalar(statement).bind(order_id).bind(payment::PAID);
    let out_trade_no: Option<String> = query.fetch_optional(&mut *connection).await?;
    match out_trade_no {
        Some(out_trade_no) => plan_refund_of(connection, &out_trade_no, time).await,
        None => Ok(()),
    }
}

async fn plan_refund_of(
    connection: &mut SqliteConnection,
    out_trade_no: &str,
    time: &str,
) -> Result<(), ShopError> {
    let statement = "INSERT OR IGNORE INTO demo_refund
            (out_refund_no, out_trade_no, order_id, provider, amount_fen, status, add_time)
        SELECT 'refund_' || out_trade_no, out_trade_no, order_id, provider, amount_fen, ?1, ?2
        FROM demo_payment WHERE out_trade_no = ?3";
    let query = sqlx::query(statement).bind(refund::PLANNED).bind(time).bind(out_trade_no);
    query.execute(connection).await?;
    Ok(())
}

/// A refund that is planned and not done.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub(crate) out_refund_no: String,
    pub(crate) out_trade_no: String,
    pub(crate) amount: Fen,
}

/// Refunds to be done, the oldest first.
pub(crate) async fn planned_refunds(database: &Database, at_most: i64) -> Result<Vec<Refund>, ShopError> {
    let statement = "SELECT out_refund_no, out_trade_no, amount_fen FROM demo_refund WHERE status = ?1
        ORDER BY id LIMIT ?2";
    let rows = sqlx::query(statement).bind(refund::PLANNED).bind(at_most).fetch_all(&database.desk).await?;
    let refund = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Refund {
            out_refund_no: row.try_get(0)?,
            out_trade_no: row.try_get(1)?,
            amount: Fen(row.try_get(2)?),
        })
    };
    Ok(rows.iter().map(refund).collect::<Result<_, sqlx::Error>>()?)
}

/// The provider has given the money back.
pub(crate) async fn refunded(database: &Database, done: &Refund, now: Moment) -> Result<(), ShopError> {
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let statement =
        "UPDATE demo_refund SET status = ?1 WHERE out_refund_no = ?2 AND status = ?3 RETURNING order_id";
    let query =
        sqlx::query_scalar(statement).bind(refund::DONE).bind(&done.out_refund_no).bind(refund::PLANNED);
    let order_id: Option<i64> = query.fetch_optional(&mut *transaction).await?;
    let statement =
        "UPDATE litemall_order SET order_status = ?1, refund_amount = ?2, refund_type = '原路退回',
            refund_content = ?3, refund_time = ?4, update_time = ?4
        WHERE id = ?5 AND order_status = ?6";
    let query =
        sqlx::query(statement).bind(order::REFUNDED).bind(done.amount.yuan()).bind(&done.out_refund_no);
    let query = query.bind(now.datetime()).bind(order_id).bind(order::REFUND_ASKED);
    query.execute(&mut *transaction).await?; // No row: the order was cancelled before it was paid, and stays so.
    transaction.commit().await?;
    Ok(())
}

/// The payments of an order that still wait.
pub(crate) async fn waiting(database: &Database, order_id: i64) -> Result<Vec<String>, ShopError> {
    let statement = "SELECT out_trade_no FROM demo_payment WHERE order_id = ?1 AND status = ?2";
    let query = sqlx::query_scalar(statement).bind(order_id).bind(payment::WAITING);
    Ok(query.fetch_all(&database.desk).await?)
}
