//! The shop's own jobs. Their timers go `speed` times as fast as in a real shop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tokio::time::{MissedTickBehavior, interval};

use super::books::Looked;
use super::error::ShopError;
use super::schema::Database;
use super::status::{group, order, rule};
use super::{Shop, groups, orders, payments, seed};
use crate::catalogue::{RESTOCK_BELOW, RESTOCK_BY};
use crate::history::STOCKS;
use crate::provider::{self, Amount, Answer, Notice, Provider};
use crate::time::{DAY_MS, Moment};

/// An order that is not paid within this time is closed.
pub(super) const UNPAID_AFTER: Duration = Duration::from_secs(30 * 60);
/// How long a rule of group buys is in force.
const RULE_LIFE: Duration = Duration::from_secs(2 * 3_600);
/// A paid order is sent after this time.
const SHIPPED_AFTER: Duration = Duration::from_secs(10 * 60);
/// Rows live this long. Today must be there to be counted; yesterday is a courtesy to whoever looks.
const KEPT: Duration = Duration::from_millis(DAY_MS as u64 * 3 / 2);
/// The provider remembers longer, as real ones do: money can be given back for longer than orders are kept here.
const KEPT_BY_PROVIDER: Duration = Duration::from_millis(DAY_MS as u64 * 3);
/// Most orders that one round closes or prunes, so that customers do not wait behind it.
const PER_ROUND: i64 = 500;
/// Most groups that are shown.
const GROUPS_SHOWN_MAX: i64 = 100;
/// A group that has ended is shown this long.
const ENDED_SHOWN: Duration = Duration::from_secs(3_600);
/// Below this, a product is shown whether it is wanted or not: twice what the rule in `alerts.yml` warns of.
const NEARLY_GONE: i64 = 20;

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    CloseUnpaid,
    SettleGroups,
    Refund,
    Restock,
    Ship,
    Prune,
    Look,
    RememberTime,
}

impl Job {
    pub(super) const ALL: [Job; 8] = [
        Job::CloseUnpaid,
        Job::SettleGroups,
        Job::Refund,
        Job::Restock,
        Job::Ship,
        Job::Prune,
        Job::Look,
        Job::RememberTime,
    ];

    /// Whether business monitors do it where there are some. Rules of group buys are renewed all the same.
    pub(super) fn is_left_to_others(self) -> bool {
        matches!(self, Job::CloseUnpaid | Job::Refund)
    }

    /// Time between two rounds at speed 1, and the least at any speed.
    fn period(self, speed: f64) -> Duration {
        let scaled = |seconds: f64, least: f64| Duration::from_secs_f64((seconds / speed).max(least));
        match self {
            Job::CloseUnpaid => scaled(10.0, 0.5),
            Job::SettleGroups | Job::Refund => scaled(2.0, 0.5),
            Job::Restock => scaled(5.0, 0.2),
            Job::Ship => scaled(60.0, 1.0),
            Job::Prune => scaled(300.0, 5.0),
            Job::Look => Duration::from_secs(1),
            Job::RememberTime => Duration::from_secs(15),
        }
    }

    /// Does the job again and again.
    pub(super) async fn run(self, shop: Arc<Shop>, provider: Arc<Provider>) {
        let mut rounds = interval(self.period(shop.speed));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if self.round(&shop, &provider).await.is_err() {
                shop.books.job_failed();
            }
        }
    }

    pub(super) async fn round(self, shop: &Shop, provider: &Provider) -> Result<(), ShopError> {
        match self {
            Job::CloseUnpaid => close_unpaid(shop).await,
            Job::SettleGroups => settle_groups(shop).await,
            Job::Refund => refund_planned(shop).await,
            Job::Restock => restock(shop).await,
            Job::Ship => ship(shop).await,
            Job::Prune => {
                provider.prune(KEPT_BY_PROVIDER).await?;
                prune(shop).await
            }
            Job::Look => look(shop).await,
            Job::RememberTime => seed::note(&shop.database, shop.clock.now()).await,
        }
    }
}

/// What ran out while the shop was closed: nobody looked after it, and a monitor that finds half of what waits for payment
/// overdue rightly stops and asks a person.
pub(super) async fn before_opening(shop: &Shop) -> Result<(), ShopError> {
    close_unpaid(shop).await?;
    end_late_groups(shop).await?;
    refund_planned(shop).await
}

/// Closes what was not paid in time: first at the provider, so that nobody can pay any more; then here.
async fn close_unpaid(shop: &Shop) -> Result<(), ShopError> {
    let before = shop.clock.now().minus(UNPAID_AFTER.div_f64(shop.speed)).datetime();
    // The literal status lets SQLite use the partial index.
    let statement = "SELECT id FROM litemall_order WHERE order_status = 101 AND add_time <= ?1 ORDER BY add_time LIMIT ?2";
    let query = sqlx::query_scalar(statement).bind(before).bind(PER_ROUND);
    let late: Vec<i64> = query.fetch_all(&shop.database.desk).await?;
    for order_id in late {
        if nobody_can_pay(shop, order_id).await? {
            orders::close(&shop.database, order_id, shop.clock.now()).await?;
        }
    }
    Ok(())
}

/// Closes an order's payments at the provider. False: one was paid, and is taken now; or the provider does not say.
async fn nobody_can_pay(shop: &Shop, order_id: i64) -> Result<bool, ShopError> {
    for out_trade_no in payments::waiting(&shop.database, order_id).await? {
        match shop.merchant.close(&out_trade_no).await {
            Answer::Done(_) => {}
            Answer::Refused(code) if code == "ORDER_NOT_EXIST" => {}
            Answer::Refused(_) => {
                take_by_query(shop, out_trade_no).await?;
                return Ok(false);
            }
            Answer::Unknown(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// A payment whose notice never came.
async fn take_by_query(shop: &Shop, out_trade_no: String) -> Result<(), ShopError> {
    let Answer::Done(trade) = shop.merchant.query(&out_trade_no).await else { return Ok(()) };
    if trade["trade_state"] == "SUCCESS" {
        let amount = Amount { total: trade["amount"]["total"].as_i64().unwrap_or_default() };
        let transaction_id = provider::transaction(&out_trade_no);
        shop.take(&Notice { out_trade_no, transaction_id, trade_state: "SUCCESS".into(), amount }).await?;
    }
    Ok(())
}

/// Keeps group buys on offer.
pub(super) async fn renew_rules(database: &Database, speed: f64, now: Moment) -> Result<(), ShopError> {
    groups::renew_rules(database, RULE_LIFE.div_f64(speed), now).await
}

async fn settle_groups(shop: &Shop) -> Result<(), ShopError> {
    renew_rules(&shop.database, shop.speed, shop.clock.now()).await?;
    if shop.is_looked_after {
        return Ok(());
    }
    end_late_groups(shop).await
}

async fn end_late_groups(shop: &Shop) -> Result<(), ShopError> {
    for ended in groups::settle(&shop.database, shop.clock.now()).await? {
        shop.books.group_ended(ended);
    }
    Ok(())
}

/// Gives money back. The number is the same whenever it is tried again, so that the provider does it once.
async fn refund_planned(shop: &Shop) -> Result<(), ShopError> {
    for refund in payments::planned_refunds(&shop.database, PER_ROUND).await? {
        let answer = shop.merchant.refund(&refund.out_refund_no, &refund.out_trade_no, refund.amount.0).await;
        if let Answer::Done(_) = answer {
            payments::refunded(&shop.database, &refund, shop.clock.now()).await?;
            shop.books.refunded();
        }
    }
    Ok(())
}

/// Orders more of what runs out. At high speed more is sold between two rounds, so more is kept.
async fn restock(shop: &Shop) -> Result<(), ShopError> {
    if shop.switches.nobody_restocks.load(Ordering::Relaxed) {
        return Ok(());
    }
    let statement =
        "UPDATE litemall_goods_product SET number = number + ?1, update_time = ?2 WHERE number < ?3";
    let more = shop.speed.ceil() as u32;
    let query = sqlx::query(statement).bind(i64::from(RESTOCK_BY * more)).bind(shop.clock.now().datetime());
    query.bind(i64::from(RESTOCK_BELOW * more)).execute(&shop.database.desk).await?;
    Ok(())
}

/// Sends what was paid a while ago; of groups, what has succeeded.
async fn ship(shop: &Shop) -> Result<(), ShopError> {
    let now = shop.clock.now();
    let before = now.minus(SHIPPED_AFTER.div_f64(shop.speed)).datetime();
    let statement = "UPDATE litemall_order SET order_status = ?1, ship_time = ?2, update_time = ?2
        WHERE id IN (SELECT id FROM litemall_order WHERE order_status = 201 AND pay_time <= ?3 LIMIT ?4)
            AND order_status = 201
            AND NOT EXISTS (SELECT 1 FROM litemall_groupon g WHERE g.order_id = litemall_order.id AND g.status <> ?5)";
    let query = sqlx::query(statement).bind(order::SHIPPED).bind(now.datetime()).bind(before);
    query.bind(PER_ROUND * 4).bind(group::SUCCESS).execute(&shop.database.desk).await?;
    Ok(())
}

/// Deletes what is old and over, in small transactions.
async fn prune(shop: &Shop) -> Result<(), ShopError> {
    let before = shop.clock.now().minus(KEPT).datetime();
    loop {
        let mut transaction = shop.database.desk.begin_with("BEGIN IMMEDIATE").await?;
        let statement = "SELECT max(id) FROM (SELECT id FROM litemall_order
            WHERE add_time < ?1 AND order_status NOT IN (101, 202) ORDER BY id LIMIT ?2)";
        let query = sqlx::query_scalar(statement).bind(&before).bind(PER_ROUND);
        let last: Option<i64> = query.fetch_one(&mut *transaction).await?;
        let Some(last) = last else { break };
        let old = "(SELECT id FROM litemall_order WHERE id <= ?1 AND order_status NOT IN (101, 202))";
        for (table, column) in [
            ("litemall_order_goods", "order_id"),
            ("litemall_groupon", "order_id"),
            ("demo_payment", "order_id"),
            ("demo_refund", "order_id"),
            ("litemall_order", "id"),
        ] {
            let statement = format!("DELETE FROM {table} WHERE {column} IN {old}");
            sqlx::query(AssertSqlSafe(statement)).bind(last).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    let carts = sqlx::query("DELETE FROM litemall_cart WHERE update_time < ?1").bind(&before);
    carts.execute(&shop.database.desk).await?;
    let statement = "DELETE FROM litemall_groupon_rules WHERE status <> ?1 AND expire_time < ?2
        AND NOT EXISTS (SELECT 1 FROM litemall_groupon g WHERE g.rules_id = litemall_groupon_rules.id)";
    sqlx::query(statement).bind(rule::ON).bind(&before).execute(&shop.database.desk).await?;
    Ok(())
}

/// Looks at what cannot be counted as it happens.
async fn look(shop: &Shop) -> Result<(), ShopError> {
    let now = shop.clock.now();
    let pairs = |rows: Vec<SqliteRow>| -> Result<Vec<(i64, i64)>, sqlx::Error> {
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    };
    let mut connection = shop.database.desk.acquire().await?;
    let statement = "SELECT id, number FROM litemall_goods_product WHERE id <= ?1 OR number < ?2 ORDER BY id";
    let query = sqlx::query(statement).bind(STOCKS as i64).bind(NEARLY_GONE);
    let stocks = pairs(query.fetch_all(&mut *connection).await?)?;
    let groups = pairs(groups(&mut connection, now).await?)?;
    let expired_unsettled = unsettled(&mut connection, now).await?;
    shop.books.looked(Looked { stocks, groups, expired_unsettled });
    Ok(())
}

/// Members whose money has not gone back: a refund of the shop's own is planned, or whoever looks after the shop has marked
/// the order as one to be refunded.
const OWED: &str =
    "(SELECT m.id, CASE m.groupon_id WHEN 0 THEN m.id ELSE m.groupon_id END AS leader FROM litemall_groupon m
        JOIN litemall_order o ON o.id = m.order_id WHERE m.status = 3 AND (
            (o.order_status = 203 AND o.refund_type = 'lingshao-pending')
            OR EXISTS (SELECT 1 FROM demo_refund r WHERE r.order_id = m.order_id AND r.status = 0)))";

/// Groups that are open or ended lately, with their state; a failed one is 3 while a member is owed money, then 4.
async fn groups(connection: &mut SqliteConnection, now: Moment) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let statement = format!(
        "SELECT g.id, CASE WHEN g.status <> ?2 THEN g.status WHEN g.id IN (SELECT leader FROM {OWED}) THEN 3 ELSE 4 END
        FROM litemall_groupon g
        WHERE g.groupon_id = 0 AND g.status > 0 AND (g.status = ?1 OR g.update_time > ?3)
        ORDER BY g.id DESC LIMIT ?4"
    );
    let query = sqlx::query(AssertSqlSafe(statement)).bind(group::ON).bind(group::FAILED);
    query.bind(now.minus(ENDED_SHOWN).datetime()).bind(GROUPS_SHOWN_MAX).fetch_all(connection).await
}

/// Groups that are out of time and not over: not settled, or with money of a member that has not gone back.
async fn unsettled(connection: &mut SqliteConnection, now: Moment) -> Result<i64, sqlx::Error> {
    let statement = format!(
        "SELECT (SELECT count(*) FROM litemall_groupon g JOIN litemall_groupon_rules r ON r.id = g.rules_id
            WHERE g.groupon_id = 0 AND g.status = ?1 AND r.expire_time <= ?2)
        + (SELECT count(DISTINCT leader) FROM {OWED})"
    );
    let query = sqlx::query_scalar(AssertSqlSafe(statement)).bind(group::ON).bind(now.datetime());
    query.fetch_one(connection).await
}
