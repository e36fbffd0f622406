//! The first rows, and those of a time in which the shop was closed: what customers would have done.
//!
//! Rows go in by the thousand: one JSON array a statement, taken apart by SQLite. One statement a row would take seconds.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::error::ShopError;
use super::jobs::UNPAID_AFTER;
use super::schema::{Database, recall, remember};
use super::status::{group, order};
use super::{Figures, orders, orders_before};
use crate::catalogue::{self, CATALOGUE, GROUP_DISCOUNT, GROUP_PRODUCTS};
use crate::money::Fen;
use crate::plan::{self, GroupWish, OrderPlan, Step, Then, USERS};
use crate::rhythm::STEP_MS;
use crate::time::Moment;

/// Rows of one statement: a megabyte of JSON.
const ROWS_MAX: usize = 4_000;

/// What the shop begins with.
#[derive(Debug)]
pub(super) struct Seeded {
    pub(super) figures: Figures,
    /// Orders from this moment on are the customers'.
    pub(super) until: Moment,
    /// Orders that somebody still means to pay or to cancel, with their number in the database.
    pub(super) pending: Vec<(i64, OrderPlan)>,
}

/// Fills an empty database, or the gap since it was last used.
pub(super) async fn seed(database: &Database, seed: u64, now: Moment) -> Result<Seeded, ShopError> {
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let query = sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM litemall_goods)");
    let is_new: bool = query.fetch_one(&mut *transaction).await?;
    if is_new {
        goods(&mut transaction, now).await?;
        users(&mut transaction, now).await?;
    }
    // Who ordered shortly before midnight pays after it.
    let midnight = now.day().begin().minus(UNPAID_AFTER);
    let from = last_alive(&mut transaction).await?.map_or(midnight, |alive| alive.max(midnight));
    let pending = gap(&mut transaction, seed, from, now).await?;
    transaction.commit().await?;
    database.index().await?;
    let figures = today(database, now).await?;
    let orders_total = lifetime(database, orders_before(now.day()) + figures.orders_today, now).await?;
    Ok(Seeded { figures: Figures { orders_total, ..figures }, until: now, pending })
}

/// Orders of the shop's life: what was noted and those since then, or `first` if nothing was.
async fn lifetime(database: &Database, first: u64, now: Moment) -> Result<u64, ShopError> {
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    if recall(&mut transaction, "orders_total").await?.is_none() {
        let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM litemall_order")
            .fetch_one(&mut *transaction)
            .await?;
        remember(&mut transaction, "orders_total", first as i64).await?;
        remember(&mut transaction, "orders_total_at_id", newest).await?;
    }
    transaction.commit().await?;
    note(database, now).await?;
    let mut connection = database.desk.acquire().await?;
    let noted = recall(&mut connection, "orders_total").await?;
    Ok(noted.map_or(first, |noted| noted as u64))
}

/// When the shop was last open: as it noted, or its newest order if that is later, after a crash.
async fn last_alive(connection: &mut SqliteConnection) -> Result<Option<Moment>, ShopError> {
    let noted = recall(connection, "alive_ms").await?.map(Moment);
    let newest =
        "SELECT (CAST(strftime('%s', max(add_time)) AS INTEGER) - 8 * 3600 + 1) * 1000 FROM litemall_order";
    let newest: Option<i64> = sqlx::query_scalar(newest).fetch_one(connection).await?;
    Ok(noted.max(newest.map(Moment)))
}

/// Notes the time and how many orders there were in the shop's life, for the next start.
pub(super) async fn note(database: &Database, now: Moment) -> Result<(), ShopError> {
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let counted = "UPDATE demo_meta SET value = value + (SELECT count(*) FROM litemall_order
            WHERE id > (SELECT value FROM demo_meta WHERE name = 'orders_total_at_id'))
        WHERE name = 'orders_total'";
    sqlx::query(counted).execute(&mut *transaction).await?;
    let newest = "UPDATE demo_meta SET value = (SELECT coalesce(max(id), 0) FROM litemall_order)
        WHERE name = 'orders_total_at_id'";
    sqlx::query(newest).execute(&mut *transaction).await?;
    remember(&mut transaction, "alive_ms", now.0).await?;
    transaction.commit().await?;
    Ok(())
}

async fn goods(connection: &mut SqliteConnection, now: Moment) -> Result<(), ShopError> {
    let row = |(index, product): (usize, &catalogue::Product)| {
        json!([index + 1, product.name, product.price.yuan(), catalogue::first_stock(index)])
    };
    let rows = Value::from(CATALOGUE.iter().enumerate().map(row).collect::<Vec<Value>>()).to_string();
    let time = now.datetime();
    for statement in [
        "INSERT INTO litemall_goods (id, goods_sn, name, counter_price, retail_price, add_time, update_time)
            SELECT value ->> 0, printf('%05d', value ->> 0), value ->> 1, value ->> 2, value ->> 2, ?2, ?2
            FROM json_each(?1)",
        "INSERT INTO litemall_goods_product (id, goods_id, price, number, add_time, update_time)
            SELECT value ->> 0, value ->> 0, value ->> 2, value ->> 3, ?2, ?2 FROM json_each(?1)",
    ] {
        sqlx::query(statement).bind(&rows).bind(&time).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn users(connection: &mut SqliteConnection, now: Moment) -> Result<(), ShopError> {
    let statement = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
        INSERT INTO litemall_user (id, mobile, add_time, update_time)
        SELECT id, printf('138%08d', id * 4871 % 100000000), ?2, ?2 FROM n";
    sqlx::query(statement).bind(USERS as i64).bind(now.datetime()).execute(connection).await?;
    Ok(())
}

/// The orders between two moments, as they stand at the second one. Answers those that go on.
async fn gap(
    connection: &mut SqliteConnection,
    seed: u64,
    from: Moment,
    now: Moment,
) -> Result<Vec<(i64, OrderPlan)>, ShopError> {
    let plans = (Step::of(from).0..=Step::of(now).0).flat_map(|step| plan::orders(seed, Step(step), 1.0));
    let plans: Vec<OrderPlan> = plans.filter(|plan| from <= plan.at && plan.at < now).collect();
    let first = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM litemall_order");
    let first: i64 = first.fetch_one(&mut *connection).await?;
    let numbered: Vec<(i64, OrderPlan)> = (first..).zip(plans).collect();
    for some in numbered.chunks(ROWS_MAX) {
        insert_orders(connection, some, now).await?;
        insert_lines(connection, some).await?;
        insert_groups(connection, some, now).await?;
    }
    let goes_on = |plan: &OrderPlan| match plan.then {
        Then::Paid { .. } => plan.paid_at().is_some_and(|at| now <= at),
        Then::Cancelled { after } => now <= plan.at.plus(after),
        Then::Forgotten => false,
    };
    Ok(numbered.into_iter().filter(|(_, plan)| goes_on(plan)).collect())
}

/// The status that an order has reached, and when it was paid and when it ended.
fn standing(plan: &OrderPlan, now: Moment) -> (i64, Option<Moment>, Option<Moment>) {
    let paid_at = plan.paid_at().filter(|at| *at < now);
    let voided =
        |status, at: Moment| if at < now { (status, None, Some(at)) } else { (order::UNPAID, None, None) };
    match (plan.then, paid_at) {
        // Nobody joined: the money went back at once, which no chart can tell from an hour later.
        (_, Some(at)) if plan.group == Some(GroupWish::Unshared) => (order::REFUNDED, Some(at), None),
        (_, Some(at)) => (order::PAID, Some(at), None),
        (Then::Paid { .. }, None) => (order::UNPAID, None, None),
        (Then::Cancelled { after }, None) => voided(order::CANCELLED_BY_USER, plan.at.plus(after)),
        (Then::Forgotten, None) => voided(order::CANCELLED_BY_SYSTEM, plan.at.plus(UNPAID_AFTER)),
    }
}

async fn insert_orders(
    connection: &mut SqliteConnection,
    orders: &[(i64, OrderPlan)],
    now: Moment,
) -> Result<(), ShopError> {
    let row = |(id, plan): &(i64, OrderPlan)| {
        let (status, paid_at, ended_at) = standing(plan, now);
        let goods = plan.goods_price();
        let discount = if plan.group.is_some() { GROUP_DISCOUNT } else { Fen(0) };
        let added = plan.at.datetime();
        json!([
            id,
            plan.user_id,
            orders::order_sn(&added, *id),
            status,
            remark(plan.number),
            goods.yuan(),
            catalogue::freight(goods).yuan(),
            discount.yuan(),
            plan.amount().yuan(),
            added,
            paid_at.map(Moment::datetime),
            ended_at.map(Moment::datetime),
        ])
    };
    let rows = Value::from(orders.iter().map(row).collect::<Vec<Value>>()).to_string();
    let statement = "INSERT INTO litemall_order (id, user_id, order_sn, order_status, consignee, mobile, address, message,
            goods_price, freight_price, coupon_price, integral_price, groupon_price, order_price, actual_price,
            pay_id, pay_time, end_time, refund_amount, refund_time, add_time, update_time)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, '顾客' || (value ->> 1),
            coalesce((SELECT mobile FROM litemall_user WHERE id = value ->> 1), ''),
            '上海市浦东新区世纪大道 ' || (value ->> 1) || ' 号', value ->> 4,
            value ->> 5, value ->> 6, 0, 0, value ->> 7, value ->> 8, value ->> 8,
            CASE WHEN value ->> 10 IS NOT NULL THEN '4200' || (value ->> 2) END, value ->> 10, value ->> 11,
            CASE WHEN value ->> 3 = 203 THEN value ->> 8 END, CASE WHEN value ->> 3 = 203 THEN value ->> 10 END,
            value ->> 9, value ->> 9
        FROM json_each(?1)";
    sqlx::query(statement).bind(rows).execute(connection).await?;
    Ok(())
}

/// What a customer writes to the shop: which plan it is, so that a person can find it again.
pub(crate) fn remark(number: u64) -> String {
    format!("plan {number}")
}

async fn insert_lines(
    connection: &mut SqliteConnection,
    orders: &[(i64, OrderPlan)],
) -> Result<(), ShopError> {
    let row = |(id, plan): &(i64, OrderPlan)| {
        let (id, added) = (*id, plan.at.datetime());
        let line = move |(product, quantity): &(usize, u32)| {
            json!([id, product + 1, quantity, CATALOGUE[*product].price.yuan(), added])
        };
        plan.lines.iter().map(line).collect::<Vec<Value>>()
    };
    let rows = Value::from(orders.iter().flat_map(row).collect::<Vec<Value>>()).to_string();
    let statement = "INSERT INTO litemall_order_goods
            (order_id, goods_id, goods_sn, product_id, number, price, add_time, update_time)
        SELECT value ->> 0, value ->> 1, printf('%05d', value ->> 1), value ->> 1, value ->> 2, value ->> 3,
            value ->> 4, value ->> 4 FROM json_each(?1)";
    sqlx::query(statement).bind(rows).execute(connection).await?;
    Ok(())
}

/// The groups of paid orders, all over: what is open at the start will be opened by living customers.
async fn insert_groups(
    connection: &mut SqliteConnection,
    orders: &[(i64, OrderPlan)],
    now: Moment,
) -> Result<(), ShopError> {
    let (first, time) =
        (GROUP_PRODUCTS[0] as i64 + 1, now.minus(Duration::from_millis(STEP_MS as u64)).datetime());
    let rules: Option<i64> =
        sqlx::query_scalar("SELECT min(id) FROM litemall_groupon_rules").fetch_one(&mut *connection).await?;
    let rules_id = match rules {
        Some(rules_id) => rules_id,
        None => super::groups::insert_rule(connection, first, now, &time).await?,
    };
    let paid = orders.iter().filter(|(_, plan)| plan.paid_at().is_some_and(|at| at < now));
    let row = |(id, plan): &(i64, OrderPlan)| {
        let status = match plan.group? {
            GroupWish::Shared => group::SUCCESS,
            GroupWish::Unshared => group::FAILED,
        };
        Some(json!([id, plan.user_id, status, plan.at.datetime()]))
    };
    let rows = Value::from(paid.filter_map(row).collect::<Vec<Value>>()).to_string();
    let statement = "INSERT INTO litemall_groupon
            (order_id, groupon_id, rules_id, user_id, creator_user_id, status, add_time, update_time)
        SELECT value ->> 0, 0, ?2, value ->> 1, value ->> 1, value ->> 2, value ->> 3, value ->> 3
        FROM json_each(?1)";
    sqlx::query(statement).bind(rows).bind(rules_id).execute(connection).await?;
    Ok(())
}

/// The figures of the day, from the rows.
pub(super) async fn today(database: &Database, now: Moment) -> Result<Figures, ShopError> {
    let midnight = now.day().begin().datetime();
    let orders =
        sqlx::query_scalar("SELECT count(*) FROM litemall_order WHERE add_time >= ?1 AND deleted = 0");
    let orders: i64 = orders.bind(&midnight).fetch_one(&database.desk).await?;
    let sales = "SELECT coalesce(sum(CAST(ROUND(actual_price * 100) AS INTEGER)), 0) FROM litemall_order WHERE pay_time >= ?1";
    let sales: i64 = sqlx::query_scalar(sales).bind(&midnight).fetch_one(&database.desk).await?;
    Ok(Figures { orders_today: orders as u64, sales_today_fen: sales, ..Figures::default() })
}
