//! Group buys: open until full or out of time; then settled once, for all members.
//!
//! Contract: full beats late. The leader's row decides: it leaves `ON` once, by compare-and-set, and what follows for the
//! members happens in the same transaction.

use std::time::Duration;

use sqlx::{Row, SqliteConnection};

use super::error::ShopError;
use super::schema::Database;
use super::status::{group, order, rule};
use super::{orders, payments};
use crate::catalogue::{GROUP_DISCOUNT, GROUP_PRODUCTS, GROUP_SIZE};
use crate::time::Moment;

/// Most groups that one round settles; the next comes in seconds.
const PER_ROUND: i64 = 100;

/// How a group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Success,
    Failed,
}

/// An order of a group was paid. Answers how the group ended, if it did by this. `is_looked_after`: whoever pays after the
/// group has failed is found by others, and counts as a member until then, as litemall has it.
pub(crate) async fn member_paid(
    connection: &mut SqliteConnection,
    order_id: i64,
    is_looked_after: bool,
    now: Moment,
) -> Result<Option<Ended>, ShopError> {
    let time = now.datetime();
    let statement =
        "UPDATE litemall_groupon SET status = ?1, update_time = ?2 WHERE order_id = ?3 AND status = ?4
        RETURNING id, groupon_id";
    let query = sqlx::query(statement).bind(group::ON).bind(&time).bind(order_id).bind(group::NONE);
    let Some(row) = query.fetch_optional(&mut *connection).await? else {
        return Ok(None); // Not of a group.
    };
    let (id, groupon_id): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let leader = if groupon_id == 0 { id } else { groupon_id };
    let query = sqlx::query_scalar("SELECT status FROM litemall_groupon WHERE id = ?1").bind(leader);
    let status: i64 = query.fetch_one(&mut *connection).await?;
    match status {
        group::ON if is_full(connection, leader).await? => succeed(connection, leader, &time).await,
        group::SUCCESS => {
            mark(connection, id, group::SUCCESS, &time).await?; // One more than needed is welcome.
            Ok(None)
        }
        group::FAILED if !is_looked_after => {
            mark(connection, id, group::FAILED, &time).await?;
            give_back(connection, order_id, &time).await?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Whether enough members have paid.
async fn is_full(connection: &mut SqliteConnection, leader: i64) -> Result<bool, ShopError> {
    let statement =
        "SELECT (SELECT count(*) FROM litemall_groupon WHERE (id = ?1 OR groupon_id = ?1) AND status = ?2)
            >= (SELECT r.discount_member FROM litemall_groupon_rules r
                JOIN litemall_groupon g ON g.rules_id = r.id WHERE g.id = ?1)";
    let query = sqlx::query_scalar(statement).bind(leader).bind(group::ON);
    Ok(query.fetch_one(connection).await?)
}

async fn succeed(
    connection: &mut SqliteConnection,
    leader: i64,
    time: &str,
) -> Result<Option<Ended>, ShopError> {
    if !leave_on(connection, leader, group::SUCCESS, time).await? {
        return Ok(None);
    }
    let statement =
        "UPDATE litemall_groupon SET status = ?1, update_time = ?2 WHERE groupon_id = ?3 AND status = ?4";
    let query = sqlx::query(statement).bind(group::SUCCESS).bind(time).bind(leader).bind(group::ON);
    query.execute(connection).await?;
    Ok(Some(Ended::Success))
}

async fn leave_on(
    connection: &mut SqliteConnection,
    leader: i64,
    status: i64,
    time: &str,
) -> Result<bool, ShopError> {
    let statement = "UPDATE litemall_groupon SET status = ?1, update_time = ?2 WHERE id = ?3 AND status = ?4";
    let query = sqlx::query(statement).bind(status).bind(time).bind(leader).bind(group::ON);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

async fn mark(connection: &mut SqliteConnection, id: i64, status: i64, time: &str) -> Result<(), ShopError> {
    let statement = "UPDATE litemall_groupon SET status = ?1, update_time = ?2 WHERE id = ?3";
    sqlx::query(statement).bind(status).bind(time).bind(id).execute(connection).await?;
    Ok(())
}

/// A paid order of a group that failed: its money is to go back, its goods are for others.
async fn give_back(connection: &mut SqliteConnection, order_id: i64, time: &str) -> Result<(), ShopError> {
    let statement =
        "UPDATE litemall_order SET order_status = ?1, update_time = ?2 WHERE id = ?3 AND order_status = ?4";
    let query = sqlx::query(statement).bind(order::REFUND_ASKED).bind(time).bind(order_id).bind(order::PAID);
    if query.execute(&mut *connection).await?.rows_affected() == 1 {
        orders::return_stock(connection, order_id, time).await?;
        payments::plan_refund(connection, order_id, time).await?;
    }
    Ok(())
}

/// Settles groups whose time is over. Answers how they ended.
pub(crate) async fn settle(database: &Database, now: Moment) -> Result<Vec<Ended>, ShopError> {
    let statement = "SELECT g.id FROM litemall_groupon g JOIN litemall_groupon_rules r ON r.id = g.rules_id
        WHERE g.groupon_id = 0 AND g.status = ?1 AND r.expire_time <= ?2 ORDER BY g.id LIMIT ?3";
    let query = sqlx::query_scalar(statement).bind(group::ON).bind(now.datetime()).bind(PER_ROUND);
    let leaders: Vec<i64> = query.fetch_all(&database.desk).await?;
    let mut ended = Vec::new();
    for leader in leaders {
        ended.extend(settle_one(database, leader, now).await?);
    }
    Ok(ended)
}

async fn settle_one(database: &Database, leader: i64, now: Moment) -> Result<Option<Ended>, ShopError> {
    let time = now.datetime();
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let ended = if is_full(&mut transaction, leader).await? {
        succeed(&mut transaction, leader, &time).await?
    } else {
        fail(&mut transaction, leader, &time).await?
    };
    transaction.commit().await?;
    Ok(ended)
}

async fn fail(
    connection: &mut SqliteConnection,
    leader: i64,
    time: &str,
) -> Result<Option<Ended>, ShopError> {
    if !leave_on(connection, leader, group::FAILED, time).await? {
        return Ok(None);
    }
    let statement =
        "SELECT order_id FROM litemall_groupon WHERE id = ?1 OR (groupon_id = ?1 AND status = ?2)";
    let query = sqlx::query_scalar(statement).bind(leader).bind(group::ON);
    let members: Vec<i64> = query.fetch_all(&mut *connection).await?;
    let statement =
        "UPDATE litemall_groupon SET status = ?1, update_time = ?2 WHERE groupon_id = ?3 AND status = ?4";
    let query = sqlx::query(statement).bind(group::FAILED).bind(time).bind(leader).bind(group::ON);
    query.execute(&mut *connection).await?;
    for order_id in members {
        give_back(connection, order_id, time).await?;
    }
    Ok(Some(Ended::Failed))
}

/// Keeps one rule in force for each product that groups are bought of. Rules of several products end at different times.
pub(crate) async fn renew_rules(database: &Database, life: Duration, now: Moment) -> Result<(), ShopError> {
    let time = now.datetime();
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let statement = "UPDATE litemall_groupon_rules SET status = ?1, update_time = ?2 WHERE status = ?3 AND expire_time <= ?2";
    let query = sqlx::query(statement).bind(rule::EXPIRED).bind(&time).bind(rule::ON);
    query.execute(&mut *transaction).await?;
    for (index, product) in GROUP_PRODUCTS.into_iter().enumerate() {
        let goods_id = product as i64 + 1;
        let exists = sqlx::query("SELECT 1 FROM litemall_groupon_rules WHERE goods_id = ?1 AND status = ?2");
        let exists = exists.bind(goods_id).bind(rule::ON).fetch_optional(&mut *transaction).await?.is_some();
        let is_first = sqlx::query("SELECT 1 FROM litemall_groupon_rules WHERE goods_id = ?1").bind(goods_id);
        let is_first = is_first.fetch_optional(&mut *transaction).await?.is_none();
        if !exists {
            // The first ones live differently long.
            let share = if is_first { (index + 1) as u32 } else { GROUP_PRODUCTS.len() as u32 };
            let ends = now.plus(life * share / GROUP_PRODUCTS.len() as u32);
            insert_rule(&mut transaction, goods_id, ends, &time).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// A rule for one product.
pub(crate) async fn insert_rule(
    connection: &mut SqliteConnection,
    goods_id: i64,
    ends: Moment,
    time: &str,
) -> Result<i64, ShopError> {
    let statement = "INSERT INTO litemall_groupon_rules
            (goods_id, discount, discount_member, expire_time, status, add_time, update_time)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
    let query = sqlx::query(statement).bind(goods_id).bind(GROUP_DISCOUNT.yuan()).bind(i64::from(GROUP_SIZE));
    let query = query.bind(ends.datetime()).bind(rule::ON).bind(time);
    Ok(query.execute(connection).await?.last_insert_rowid())
}

/// What a customer sees: the rule in force and groups that can be joined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) rules_id: Option<i64>,
    pub(crate) open: Vec<i64>,
}

/// What is offered for a product.
pub(crate) async fn offer(database: &Database, product_id: i64, now: Moment) -> Result<Offer, ShopError> {
    let mut connection = database.pool.acquire().await?;
    let time = now.datetime();
    let statement =
        "SELECT max(id) FROM litemall_groupon_rules WHERE goods_id = ?1 AND status = 0 AND expire_time > ?2";
    let query = sqlx::query_scalar(statement).bind(product_id).bind(&time);
    let rules_id: Option<i64> = query.fetch_one(&mut *connection).await?;
    let statement = "SELECT id FROM litemall_groupon
        WHERE groupon_id = 0 AND status = ?1 AND rules_id = ?2 AND share_url IS NOT NULL ORDER BY id LIMIT 5";
    let query = sqlx::query_scalar(statement).bind(group::ON).bind(rules_id);
    let open = query.fetch_all(&mut *connection).await?;
    Ok(Offer { rules_id, open })
}
