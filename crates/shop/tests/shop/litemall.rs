//! A shop of litemall's kind, with orders placed forty minutes ago.

use lingshao_model::Timestamp;
use lingshao_shop::mapping::litemall;
use lingshao_shop::sql::{Database, Shop};

use super::servers::{Client, Server};
use super::tables::LITEMALL;

/// What SQLite takes for now; the others have their own clocks, by which the orders are placed.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A time in Shanghai, so many seconds ago, as the database's own expression.
pub(crate) fn ago(client: &Client, seconds: i64) -> String {
    let ahead = 8 * 3600 - seconds;
    match client {
        Client::Postgres(_) => {
            format!("date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC' + INTERVAL '{ahead} seconds')")
        }
        Client::Mysql(_) => format!("UTC_TIMESTAMP() + INTERVAL {ahead} SECOND"),
        Client::Sqlite(_) => {
            let now = NOW.0 / 1000 + ahead;
            format!("datetime({now}, 'unixepoch')")
        }
    }
}

pub(crate) async fn make(server: &Server) -> Client {
    let mut client = Client::open(&server.url).await;
    let time = if matches!(client, Client::Postgres(_)) { "TIMESTAMP" } else { "DATETIME" };
    for table in LITEMALL {
        let name = table.split(' ').next().unwrap();
        client.run(&format!("DROP TABLE IF EXISTS {name}")).await;
        client.run(&format!("CREATE TABLE {}", table.replace("TIME_TYPE", time))).await;
    }
    client.run("CREATE INDEX order_goods_order ON litemall_order_goods (order_id)").await;
    client
        .run("INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (1, 1, 1000), (2, 2, 1000)")
        .await;
    client
}

/// Order `id`, of 19.90 yuan, with two lines and a coupon, placed so long ago.
pub(crate) async fn place(client: &mut Client, id: i64, status: i64, seconds_ago: i64) {
    let placed = ago(client, seconds_ago);
    client
        .run(&format!(
            "INSERT INTO litemall_order (id, user_id, order_sn, order_status, actual_price, add_time, update_time) \
             VALUES ({id}, 1, 'SN{id}', {status}, 19.90, {placed}, {placed})"
        ))
        .await;
    let (first, second) = (2 * id, 2 * id + 1);
    client
        .run(&format!(
            "INSERT INTO litemall_order_goods (id, order_id, product_id, number) \
             VALUES ({first}, {id}, 1, 2), ({second}, {id}, 2, 3)"
        ))
        .await;
    client
        .run(&format!(
            "INSERT INTO litemall_coupon_user (id, user_id, coupon_id, status, used_time, order_id) \
             VALUES ({id}, 1, 1, 1, {placed}, {id})"
        ))
        .await;
}

pub(crate) fn shop(server: &Server) -> Shop {
    Shop::new(Database::new(&server.url).unwrap(), litemall()).unwrap()
}
