//! Orders: placed, cancelled, closed, paid.
//!
//! Contract: each function is one transaction, or part of one that its caller began with BEGIN IMMEDIATE. A status
//! changes only from the status that was expected (one row, or nothing happens), and stock moves in the same transaction.

use sqlx::{Row, SqliteConnection};

use super::error::ShopError;
use super::schema::Database;
use super::status::{group, order, payment};
use crate::catalogue;
use crate::money::Fen;
use crate::time::Moment;

/// What a customer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) user_id: i64,
    pub(crate) message: String,
    /// One product in a group; nothing: what lies in the cart.
    pub(crate) group: Option<GroupWish>,
}

/// What a customer asks for in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupWish {
    pub(crate) rules_id: i64,
    /// The leader's row; 0 opens a group.
    pub(crate) groupon_id: i64,
    pub(crate) is_shared: bool,
}

/// An order that was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) order_id: i64,
    pub(crate) order_sn: String,
    pub(crate) amount: Fen,
}

#[derive(Clone, Debug)]
struct Line {
    product_id: i64,
    goods_id: i64,
    number: i64,
    price: Fen,
}

/// Places an order: takes the stock, empties the cart, joins or opens the group.
pub(crate) async fn place(database: &Database, wish: &Wish, now: Moment) -> Result<Placed, ShopError> {
    let mut transaction = database.pool.begin_with("BEGIN IMMEDIATE").await?;
    let time = now.datetime();
    let (lines, discount) = match wish.group {
        None => (cart(&mut transaction, wish.user_id).await?, Fen(0)),
        Some(wish) => group_line(&mut transaction, wish, &time).await?,
    };
    if lines.is_empty() {
        return Err(ShopError::Unfit("the cart is empty"));
    }
    for line in &lines {
        take_stock(&mut transaction, line, &time).await?;
    }
    let placed = insert(&mut transaction, wish, &lines, discount, &time).await?;
    match wish.group {
        Some(group) => join(&mut transaction, wish.user_id, group, placed.order_id, &time).await?,
        None => {
            let emptied = sqlx::query("DELETE FROM litemall_cart WHERE user_id = ?1").bind(wish.user_id);
            emptied.execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await?;
    Ok(placed)
}

async fn cart(connection: &mut SqliteConnection, user_id: i64) -> Result<Vec<Line>, ShopError> {
    let statement = "SELECT p.id, p.goods_id, c.number, CAST(ROUND(p.price * 100) AS INTEGER) AS fen
        FROM litemall_cart c JOIN litemall_goods_product p ON p.id = c.product_id
        WHERE c.user_id = ?1 ORDER BY p.id";
    let rows = sqlx::query(statement).bind(user_id).fetch_all(connection).await?;
    Ok(rows.iter().map(line).collect::<Result<_, _>>()?)
}

fn line(row: &sqlx::sqlite::SqliteRow) -> Result<Line, sqlx::Error> {
    Ok(Line {
        product_id: row.try_get(0)?,
        goods_id: row.try_get(1)?,
        number: row.try_get(2)?,
        price: Fen(row.try_get(3)?),
    })
}

/// The product of a group's rule, and what is taken off its price.
async fn group_line(
    connection: &mut SqliteConnection,
    wish: GroupWish,
    time: &str,
) -> Result<(Vec<Line>, Fen), ShopError> {
    let statement = "SELECT p.id, p.goods_id, 1, CAST(ROUND(p.price * 100) AS INTEGER),
            CAST(ROUND(r.discount * 100) AS INTEGER) AS discount
        FROM litemall_groupon_rules r JOIN litemall_goods_product p ON p.goods_id = r.goods_id
        WHERE r.id = ?1 AND r.status = 0 AND r.expire_time > ?2";
    let row = sqlx::query(statement).bind(wish.rules_id).bind(time).fetch_optional(&mut *connection).await?;
    let row = row.ok_or(ShopError::NotFound("group buy under this rule"))?;
    if wish.groupon_id != 0 {
        let statement = "SELECT 1 FROM litemall_groupon WHERE id = ?1 AND rules_id = ?2 AND groupon_id = 0 AND status = ?3";
        let query = sqlx::query(statement).bind(wish.groupon_id).bind(wish.rules_id).bind(group::ON);
        if query.fetch_optional(connection).await?.is_none() {
            return Err(ShopError::NotFound("open group of this number"));
        }
    }
    Ok((vec![line(&row)?], Fen(row.try_get(4)?)))
}

async fn take_stock(connection: &mut SqliteConnection, line: &Line, time: &str) -> Result<(), ShopError> {
    let statement = "UPDATE litemall_goods_product SET number = number - ?1, update_time = ?2
        WHERE id = ?3 AND number >= ?1";
    let query = sqlx::query(statement).bind(line.number).bind(time).bind(line.product_id);
    match query.execute(connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(ShopError::OutOfStock(line.product_id)),
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    wish: &Wish,
    lines: &[Line],
    discount: Fen,
    time: &str,
) -> Result<Placed, ShopError> {
    let goods: Fen = lines.iter().map(|line| Fen(line.price.0 * line.number)).sum();
    let freight = catalogue::freight(goods);
    let amount = (goods + freight).less(discount);
    let next = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM litemall_order");
    let order_id: i64 = next.fetch_one(&mut *connection).await?;
    let order_sn = order_sn(time, order_id);
    let statement = "INSERT INTO litemall_order (id, user_id, order_sn, order_status, consignee, mobile, address, message,
            goods_price, freight_price, coupon_price, integral_price, groupon_price, order_price, actual_price,
            add_time, update_time)
        SELECT ?1, ?2, ?3, 101, '顾客' || ?2, coalesce((SELECT mobile FROM litemall_user WHERE id = ?2), ''),
            '上海市浦东新区世纪大道 ' || ?2 || ' 号', ?4, ?5, ?6, 0, 0, ?7, ?8, ?8, ?9, ?9";
    let query = sqlx::query(statement).bind(order_id).bind(wish.user_id).bind(&order_sn).bind(&wish.message);
    let query =
        query.bind(goods.yuan()).bind(freight.yuan()).bind(discount.yuan()).bind(amount.yuan()).bind(time);
    query.execute(&mut *connection).await?;
    for line in lines {
        let statement = "INSERT INTO litemall_order_goods
            (order_id, goods_id, goods_sn, product_id, number, price, add_time, update_time)
            VALUES (?1, ?2, printf('%05d', ?2), ?3, ?4, ?5, ?6, ?6)";
        let query = sqlx::query(statement).bind(order_id).bind(line.goods_id).bind(line.product_id);
        query.bind(line.number).bind(line.price.yuan()).bind(time).execute(&mut *connection).await?;
    }
    Ok(Placed { order_id, order_sn, amount })
}

/// An order's number: its day and its id.
pub(crate) fn order_sn(time: &str, order_id: i64) -> String {
    let day: String = time.chars().take(10).filter(char::is_ascii_digit).collect();
    format!("{day}{order_id:08}")
}

async fn join(
    connection: &mut SqliteConnection,
    user_id: i64,
    wish: GroupWish,
    order_id: i64,
    time: &str,
) -> Result<(), ShopError> {
    let statement = "INSERT INTO litemall_groupon (order_id, groupon_id, rules_id, user_id, share_url, creator_user_id,
            creator_user_time, status, add_time, update_time)
        VALUES (?1, ?2, ?3, ?4, ?5, coalesce((SELECT user_id FROM litemall_groupon WHERE id = ?2), ?4), ?6, 0, ?6, ?6)";
    let share_url = wish.is_shared.then(|| format!("/groups/{order_id}"));
    let query = sqlx::query(statement).bind(order_id).bind(wish.groupon_id).bind(wish.rules_id).bind(user_id);
    query.bind(share_url).bind(time).execute(connection).await?;
    Ok(())
}

/// Cancels an order for its customer. False: it was not waiting for payment.
pub(crate) async fn cancel(
    database: &Database,
    order_id: i64,
    user_id: i64,
    now: Moment,
) -> Result<bool, ShopError> {
    let mut transaction = database.pool.begin_with("BEGIN IMMEDIATE").await?;
    let owned = sqlx::query("SELECT 1 FROM litemall_order WHERE id = ?1 AND user_id = ?2")
        .bind(order_id)
        .bind(user_id);
    if owned.fetch_optional(&mut *transaction).await?.is_none() {
        return Err(ShopError::NotFound("order of this number"));
    }
    let done = void(&mut transaction, order_id, order::CANCELLED_BY_USER, now).await?;
    transaction.commit().await?;
    Ok(done)
}

/// Orders that have waited for their payment longest, and whose they are.
pub(crate) async fn oldest_unpaid(database: &Database, at_most: i64) -> Result<Vec<(i64, u32)>, sqlx::Error> {
    // The literal status lets SQLite use the partial index.
    let statement =
        "SELECT id, user_id FROM litemall_order WHERE order_status = 101 ORDER BY add_time LIMIT ?1";
    sqlx::query_as(statement).bind(at_most).fetch_all(&database.desk).await
}

/// Closes an order that nobody paid in time. False: somebody was faster.
pub(crate) async fn close(database: &Database, order_id: i64, now: Moment) -> Result<bool, ShopError> {
    let mut transaction = database.desk.begin_with("BEGIN IMMEDIATE").await?;
    let done = void(&mut transaction, order_id, order::CANCELLED_BY_SYSTEM, now).await?;
    transaction.commit().await?;
    Ok(done)
}

/// From unpaid to `status`, with its stock back on the shelf and its payments closed.
async fn void(
    connection: &mut SqliteConnection,
    order_id: i64,
    status: i64,
    now: Moment,
) -> Result<bool, ShopError> {
    let time = now.datetime();
    let statement = "UPDATE litemall_order SET order_status = ?1, end_time = ?2, update_time = ?2
        WHERE id = ?3 AND order_status = ?4";
    let query = sqlx::query(statement).bind(status).bind(&time).bind(order_id).bind(order::UNPAID);
    if query.execute(&mut *connection).await?.rows_affected() != 1 {
        return Ok(false);
    }
    return_stock(connection, order_id, &time).await?;
    let statement = "UPDATE demo_payment SET status = ?1 WHERE order_id = ?2 AND status = ?3";
    let query = sqlx::query(statement).bind(payment::CLOSED).bind(order_id).bind(payment::WAITING);
    query.execute(connection).await?;
    Ok(true)
}

/// Puts an order's goods back. The caller has just changed its status, so that it happens once.
pub(crate) async fn return_stock(
    connection: &mut SqliteConnection,
    order_id: i64,
    time: &str,
) -> Result<(), ShopError> {
    let statement = "UPDATE litemall_goods_product SET update_time = ?1,
            number = number + (SELECT sum(g.number) FROM litemall_order_goods g
                WHERE g.order_id = ?2 AND g.product_id = litemall_goods_product.id)
        WHERE id IN (SELECT product_id FROM litemall_order_goods WHERE order_id = ?2)";
    sqlx::query(statement).bind(time).bind(order_id).execute(connection).await?;
    Ok(())
}

/// From unpaid to paid. False: it is not unpaid any more, and the money must go back.
pub(crate) async fn pay(
    connection: &mut SqliteConnection,
    order_id: i64,
    pay_id: &str,
    time: &str,
) -> Result<bool, ShopError> {
    let statement =
        "UPDATE litemall_order SET order_status = ?1, pay_id = ?2, pay_time = ?3, update_time = ?3
        WHERE id = ?4 AND order_status = ?5";
    let query =
        sqlx::query(statement).bind(order::PAID).bind(pay_id).bind(time).bind(order_id).bind(order::UNPAID);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}
