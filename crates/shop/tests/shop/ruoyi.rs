//! The preset `ruoyi-mall` on tables of that shop's form: orders, coupons, group buys, refunds, stock.

use lingshao_model::TimeDelta;
use lingshao_shop::act::{Ending, OrderState, ShopAnswer, ShopTx};
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::mapping::preset;
use lingshao_shop::sql::check::Known;
use lingshao_shop::sql::{AttemptFigures, AttemptTail, Database, Shop};
use lingshao_shop::{Fen, GroupKey, OrderKey};

use super::litemall::{NOW, ago};
use super::servers::{Client, KINDS, Server, start};

/// The columns that matter here. Every table there also has these three.
const TABLES: [&str; 6] = [
    "trade_order (id BIGINT PRIMARY KEY, no VARCHAR(32) NOT NULL, type INTEGER NOT NULL, user_id BIGINT NOT NULL, \
     status INTEGER NOT NULL, cancel_time TIME_TYPE, cancel_type INTEGER, pay_order_id BIGINT, pay_time TIME_TYPE, \
     pay_price INTEGER NOT NULL, refund_status INTEGER NOT NULL DEFAULT 0, refund_price INTEGER NOT NULL DEFAULT 0, \
     use_point INTEGER NOT NULL DEFAULT 0, COMMON)",
    "trade_order_item (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, sku_id BIGINT NOT NULL, count INTEGER NOT NULL, COMMON)",
    "product_sku (id BIGINT PRIMARY KEY, spu_id BIGINT NOT NULL, stock INTEGER NOT NULL, \
     sales_count INTEGER NOT NULL DEFAULT 0, COMMON)",
    "promotion_coupon (id BIGINT PRIMARY KEY, status INTEGER NOT NULL, use_order_id BIGINT, use_time TIME_TYPE, COMMON)",
    "promotion_combination_record (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, head_id BIGINT NOT NULL, \
     status INTEGER NOT NULL, order_id BIGINT NOT NULL, user_size INTEGER NOT NULL, expire_time TIME_TYPE NOT NULL, \
     end_time TIME_TYPE, COMMON)",
    "pay_order_extension (id BIGINT PRIMARY KEY, no VARCHAR(64) NOT NULL, order_id BIGINT NOT NULL, \
     channel_code VARCHAR(32) NOT NULL, status SMALLINT NOT NULL, COMMON)",
];
const LATE: i64 = 3_600;

async fn make(server: &Server) -> Client {
    let mut client = Client::open(&server.url).await;
    // Its scripts for MySQL and PostgreSQL differ in just these.
    let (time, flag) = match client {
        Client::Postgres(_) => ("TIMESTAMP", "SMALLINT NOT NULL DEFAULT 0"),
        Client::Mysql(_) => ("DATETIME", "BIT(1) NOT NULL DEFAULT b'0'"),
        Client::Sqlite(_) => ("DATETIME", "SMALLINT NOT NULL DEFAULT 0"),
    };
    let common = format!("create_time {time}, update_time {time}, deleted {flag}");
    for table in TABLES {
        let table = table.replace("COMMON", &common).replace("TIME_TYPE", time);
        client.run(&format!("CREATE TABLE {table}")).await;
    }
    client
        .run("INSERT INTO product_sku (id, spu_id, stock, sales_count) VALUES (1, 1, 100, 50), (2, 1, 3, 0)")
        .await;
    client
}

/// An order of 19.90 yuan of two of sku 1 with a coupon, and two attempts to pay it.
async fn place(client: &mut Client, id: i64, status: i64, kind: i64) {
    let placed = ago(client, LATE);
    let paid = if status == 10 { placed.clone() } else { "NULL".to_owned() };
    client
        .run(&format!(
            "INSERT INTO trade_order (id, no, type, user_id, status, pay_order_id, pay_time, pay_price, create_time) \
             VALUES ({id}, 'o{id}', {kind}, 1, {status}, {}, {paid}, 1990, {placed})",
            id + 500
        ))
        .await;
    client
        .run(&format!("INSERT INTO trade_order_item (id, order_id, sku_id, count) VALUES ({id}, {id}, 1, 2)"))
        .await;
    client
        .run(&format!("INSERT INTO promotion_coupon (id, status, use_order_id) VALUES ({id}, 2, {id})"))
        .await;
    for attempt in 1..=2 {
        let (row, order) = (id * 10 + attempt, id + 500);
        client
            .run(&format!(
                "INSERT INTO pay_order_extension (id, no, order_id, channel_code, status, create_time) \
                 VALUES ({row}, 'P{id}-{attempt}', {order}, 'wx_lite', 30, {placed})"
            ))
            .await;
    }
}

fn key(id: i64) -> OrderKey {
    OrderKey::new(&id.to_string()).unwrap()
}

#[tokio::test]
async fn ruoyi_mall_is_found_settled_and_given_back() {
    for server_kind in KINDS {
        let server = start(server_kind).await;
        let mut client = make(&server).await;
        let shop = Shop::new(Database::new(&server.url).unwrap(), preset("ruoyi-mall").unwrap()).unwrap();
        for (id, status, kind) in
            [(1, 0, 0), (2, 0, 1), (3, 10, 0), (4, 10, 3), (5, 10, 3), (6, 10, 3), (7, 0, 0)]
        {
            place(&mut client, id, status, kind).await;
        }
        client.run("UPDATE pay_order_extension SET channel_code='alipay_pc' WHERE no='P7-2'").await;
        let report = shop.check(Known::default(), NOW).await.unwrap();
        let errors: Vec<_> = report.findings.iter().filter(|found| found.is_error).collect();
        assert!(errors.is_empty(), "{server_kind:?}: {errors:#?}");
        unpaid(&shop, &mut client).await;
        groups(&shop, &mut client).await;
        attempts(&shop, &mut client).await;
        let low = shop.low_stock(10, 10).await.unwrap();
        assert_eq!(
            low.iter().map(|level| (level.id.as_str(), level.sellable)).collect::<Vec<_>>(),
            [("2", 3)]
        );
    }
}

async fn unpaid(shop: &Shop, client: &mut Client) {
    let found = shop.expired(TimeDelta::from_secs(1_980), TimeDelta::from_secs(86_400), NOW).await.unwrap();
    assert_eq!(found.pending, 3);
    let order = found.orders.iter().find(|order| order.order == key(1)).unwrap();
    assert_eq!((order.amount, order.state), (Fen(1990), OrderState::Pending));
    let trades = shop.trades(order).await.unwrap();
    assert_eq!(trades.numbers.iter().map(|trade| trade.as_str()).collect::<Vec<_>>(), ["P1-1", "P1-2"]);
    assert!(!trades.elsewhere);
    // Of a payment by Alipay WeChat Pay knows nothing, paid or not.
    let by_alipay = found.orders.iter().find(|order| order.order == key(7)).unwrap();
    let trades = shop.trades(by_alipay).await.unwrap();
    assert_eq!((trades.numbers.len(), trades.elsewhere), (1, true));
    let cancel = async |id| shop.run(&ShopTx::Cancel { order: key(id), rehearse: false }, NOW).await;
    assert_eq!(cancel(1).await, ShopAnswer::Done);
    // What statements cannot undo (a flash sale, a bargain, points) is left to the shop.
    assert_eq!(cancel(2).await, ShopAnswer::Lost);
    assert_eq!(shop.state(&key(1)).await.unwrap(), OrderState::Cancelled);
    assert_eq!(client.number("SELECT stock FROM product_sku WHERE id=1").await, 102);
    assert_eq!(client.number("SELECT sales_count FROM product_sku WHERE id=1").await, 48);
    assert_eq!(client.number("SELECT status FROM promotion_coupon WHERE id=1").await, 1);
    assert_eq!(client.number("SELECT cancel_type FROM trade_order WHERE id=1").await, 10);
}

/// Of ten minutes ago: two by WeChat, one of which was paid and given back since, and one that was closed.
async fn attempts(shop: &Shop, client: &mut Client) {
    let made = ago(client, 600);
    let rows = [(901, "wx_lite", 0), (902, "wx_lite", 20), (903, "alipay_qr", 30), (904, "wallet", 10)];
    for (id, channel, status) in rows {
        client
            .run(&format!(
                "INSERT INTO pay_order_extension (id, no, order_id, channel_code, status, create_time) \
                 VALUES ({id}, 'A{id}', 1, '{channel}', {status}, {made})"
            ))
            .await;
    }
    let payments = shop.mapping().payments.clone().unwrap();
    let now = shop.now(NOW).await.unwrap();
    let mut tail = AttemptTail::start(shop, &payments, now).await.unwrap();
    assert!(tail.tick(shop, &payments, now).await.unwrap());
    let found: Vec<_> = tail
        .figures(now)
        .unwrap()
        .into_iter()
        .map(|(labels, figures)| {
            let AttemptFigures { paid, closed, open, .. } = figures;
            format!("{} {} {paid} {closed} {open}", labels.provider.unwrap(), labels.method.unwrap())
        })
        .collect();
    // Those of an hour ago are known, and not of the cohort.
    let earlier = "alipay alipay_pc 0 0 0";
    assert_eq!(found, [earlier, "alipay alipay_qr 0 1 0", "wallet wallet 1 0 0", "wechat wx_lite 1 0 1"]);
}

/// One group that is full, one that is late with one member.
async fn groups(shop: &Shop, client: &mut Client) {
    let late = ago(client, 60);
    for (id, head, order) in [(1, 0, 4), (2, 1, 5), (3, 0, 6)] {
        client
            .run(&format!(
                "INSERT INTO promotion_combination_record (id, user_id, head_id, status, order_id, user_size, expire_time) \
                 VALUES ({id}, 1, {head}, 0, {order}, 2, {late})"
            ))
            .await;
    }
    let now = shop.now(NOW).await.unwrap();
    let mut open: Vec<_> = shop.open_groups().await.unwrap();
    open.sort_by(|one, other| one.group.key.as_str().cmp(other.group.key.as_str()));
    let verdicts: Vec<_> =
        open.iter().map(|one| (one.group.key.as_str(), verdict(&one.group, now))).collect();
    assert_eq!(verdicts, [("1", Verdict::Success), ("3", Verdict::Failed)]);
    let settle = async |group: &str, success| {
        let group = GroupKey::new(group).unwrap();
        let ending = if success { Ending::Success } else { Ending::Failed };
        shop.run(&ShopTx::Settle { group, ending, rehearse: false }, NOW).await
    };
    assert_eq!(settle("1", true).await, ShopAnswer::Done);
    assert_eq!(settle("3", false).await, ShopAnswer::Done);
    assert_eq!(settle("3", false).await, ShopAnswer::Lost);
    assert_eq!(client.number("SELECT SUM(status) FROM promotion_combination_record").await, 1 + 1 + 2);
    let refundable = shop.refundable().await.unwrap();
    assert_eq!(refundable.iter().map(|order| order.order.clone()).collect::<Vec<_>>(), [key(6)]);
    assert_eq!(shop.state(&key(6)).await.unwrap(), OrderState::Refunding);
    let mark = ShopTx::MarkRefunded { order: key(6), amount: Fen(1990) };
    assert_eq!(shop.run(&mark, NOW).await, ShopAnswer::Done);
    assert_eq!(shop.state(&key(6)).await.unwrap(), OrderState::Refunded);
    assert_eq!(client.number("SELECT refund_price FROM trade_order WHERE id=6").await, 1_990);
    assert!(shop.refundable().await.unwrap().is_empty());
    // The failed member's two are back, those of the full group are not.
    assert_eq!(client.number("SELECT stock FROM product_sku WHERE id=1").await, 104);
}
