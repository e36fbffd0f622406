//! The shop on real sockets over real SQLite.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::Instant;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::sleep;

use super::*;
use crate::catalogue::{CATALOGUE, GROUP_PRODUCTS, first_stock};
use crate::history::{self, Scope, Target};
use crate::http::{Client, Sent};
use crate::incident::Phase;
use crate::plan::Step;
use crate::provider::{Amount, Notice};
use crate::time::Moment;

/// Half past two in the night of a Tuesday in Shanghai: few orders to begin with.
const NIGHT: Moment = Moment(1_772_476_200_000);

/// A shop without customers, unless a test brings some.
struct Bench {
    running: DemoShop,
    client: Client,
    _folder: TempDir,
}

fn settings(folder: &TempDir, speed: f64) -> Settings {
    Settings {
        data: folder.path().join("shop"),
        seed: 42,
        speed,
        logs_to: None,
        listen: None,
        is_looked_after: false,
    }
}

async fn bench() -> Bench {
    bench_at(NIGHT, 1.0, false).await
}

async fn bench_at(start: Moment, speed: f64, with_customers: bool) -> Bench {
    let folder = TempDir::new().expect("a folder");
    bench_of(settings(&folder, speed), folder, start, with_customers).await
}

async fn bench_of(settings: Settings, folder: TempDir, start: Moment, with_customers: bool) -> Bench {
    let clock = Clock::starting_at(start);
    let running = DemoShop::start_at(settings, clock, with_customers).await.expect("it starts");
    Bench { running, client: Client::new(), _folder: folder }
}

impl Bench {
    fn shop(&self) -> &Shop {
        &self.running.shop
    }

    async fn ask(&self, method: Method, user: u32, path: &str, body: Value) -> Sent {
        let url = format!("http://{}{path}", self.running.address());
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.client.send(method, &url, &[("x-user-id", user.into())], body).await.expect("an answer")
    }

    async fn put_into_cart(&self, user: u32, product: usize, quantity: u32) -> Sent {
        let line = json!({ "product_id": product + 1, "quantity": quantity });
        self.ask(Method::POST, user, "/api/v1/cart", line).await
    }

    /// Places an order of one product; answers its number and its amount.
    async fn order(&self, user: u32, product: usize, quantity: u32) -> (i64, i64) {
        assert_eq!(self.put_into_cart(user, product, quantity).await.status, StatusCode::OK);
        self.place(user, json!({})).await
    }

    async fn place(&self, user: u32, order: Value) -> (i64, i64) {
        let placed = self.ask(Method::POST, user, "/api/v1/orders", order).await;
        assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.json);
        (
            placed.json["order_id"].as_i64().expect("a number"),
            placed.json["amount_fen"].as_i64().expect("fen"),
        )
    }

    async fn begin_payment(&self, user: u32, order: i64) -> Sent {
        self.ask(Method::POST, user, &format!("/api/v1/payments/{order}"), json!({ "provider": "wechat" }))
            .await
    }

    /// Pays at the cashier; the shop hears of it a moment later.
    async fn pay(&self, user: u32, order: i64) {
        let payment = self.begin_payment(user, order).await;
        assert_eq!(payment.status, StatusCode::OK, "{}", payment.json);
        let url = payment.json["pay_url"].as_str().expect("an address");
        let paid = self.client.send(Method::POST, url, &[], b"{}".to_vec()).await.expect("an answer");
        assert_eq!(paid.status, StatusCode::OK, "{}", paid.json);
        self.until("the order is paid", async || self.status(order).await != 101).await;
    }

    async fn in_group(&self, user: u32, rules_id: i64, groupon_id: i64) -> i64 {
        let group = json!({ "rules_id": rules_id, "groupon_id": groupon_id, "is_shared": true });
        self.place(user, json!({ "group": group })).await.0
    }

    async fn status(&self, order: i64) -> i64 {
        self.number(&format!("SELECT order_status FROM litemall_order WHERE id = {order}")).await
    }

    async fn stock(&self, product: usize) -> i64 {
        self.number(&format!("SELECT number FROM litemall_goods_product WHERE id = {}", product + 1)).await
    }

    async fn number(&self, statement: &str) -> i64 {
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(statement.to_owned()));
        query.fetch_one(&self.shop().database.desk).await.expect("a number")
    }

    async fn sql(&self, statement: &str) {
        let query = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()));
        query.execute(&self.shop().database.desk).await.expect("it is done");
    }

    async fn job(&self, job: Job) {
        job.round(&self.running.shop, &self.running.provider).await.expect("a round");
    }

    /// The provider's notice, as the provider would sign it.
    async fn notice(&self, notice: &Notice, key: &Key) -> StatusCode {
        let path = "/api/v1/payments/notify/wechat";
        let body = serde_json::to_vec(notice).expect("JSON");
        let headers = key.sign("POST", path, &body, self.shop().clock.now()).expect("random numbers");
        let url = format!("http://{}{path}", self.running.address());
        self.client.send(Method::POST, &url, &headers, body).await.expect("an answer").status
    }

    /// A payment that was begun at the provider, with a notice that never comes.
    async fn pay_unheard(&self, user: u32, order: i64) -> Notice {
        let shop = self.shop();
        let now = shop.clock.now();
        let begun = payments::begin(&shop.database, order, user.into(), plan::Provider::Wechat, now).await;
        let attempt = begun.expect("it waits for payment");
        shop.merchant.pay(&attempt.out_trade_no, attempt.amount.0, "nowhere").await;
        let url = shop.cashier(&attempt.out_trade_no);
        let paid = self.client.send(Method::POST, &url, &[], b"{}".to_vec()).await.expect("an answer");
        assert_eq!(paid.status, StatusCode::OK, "{}", paid.json);
        Notice {
            transaction_id: format!("4200{}", attempt.out_trade_no),
            out_trade_no: attempt.out_trade_no,
            trade_state: "SUCCESS".into(),
            amount: Amount { total: attempt.amount.0 },
        }
    }

    /// The value of the sample that begins so, as a scrape sees it.
    async fn metric(&self, beginning: &str) -> Option<f64> {
        let page = self.page().await;
        let line =
            page.lines().find(|line| line.strip_prefix(beginning).is_some_and(|rest| rest.starts_with(' ')));
        line?.rsplit(' ').next()?.parse().ok()
    }

    async fn page(&self) -> String {
        self.job(Job::Look).await;
        self.running.telemetry.render()
    }

    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < Duration::from_secs(30), "in vain: {what}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn an_order_goes_from_the_cart_to_the_callback() {
    let bench = bench().await;
    let (before, stock) = (bench.running.figures(), bench.stock(0).await);
    let (order, amount) = bench.order(12_345, 0, 3).await;
    assert_eq!((bench.status(order).await, bench.stock(0).await), (101, stock - 3));
    bench.pay(12_345, order).await;
    assert_eq!((bench.status(order).await, bench.stock(0).await), (201, stock - 3));
    let seen = bench.ask(Method::GET, 12_345, &format!("/api/v1/orders/{order}"), Value::Null).await;
    assert_eq!((&seen.json["status"], &seen.json["amount_fen"]), (&201.into(), &amount.into()));
    let paid =
        format!("SELECT CAST(ROUND(actual_price * 100) AS INTEGER) FROM litemall_order WHERE id = {order}");
    assert_eq!(bench.number(&paid).await, amount);
    assert_eq!(amount, 3 * CATALOGUE[0].price.0 + 800, "goods and sending");

    let after = bench.running.figures();
    assert_eq!(after.orders_today, before.orders_today + 1);
    assert_eq!(after.orders_total, before.orders_total + 1);
    assert_eq!(after.sales_today_fen, before.sales_today_fen + amount);
    assert_eq!(after.active_users, 1);
    let today = seed::today(&bench.shop().database, bench.shop().clock.now()).await.expect("counted");
    assert_eq!((today.orders_today, today.sales_today_fen), (after.orders_today, after.sales_today_fen));
    for (name, value) in [
        (r#"payment_requests_total{provider="wechat"}"#, 1.0),
        (r#"payment_failures_total{provider="wechat"}"#, 0.0),
        (r#"payment_requests_total{provider="alipay"}"#, 0.0),
        ("orders_created_total", 1.0),
        ("orders_today", after.orders_today as f64),
        ("sales_today_fen", after.sales_today_fen as f64),
        ("active_users", 1.0),
        (r#"http_requests_total{method="POST",endpoint="/api/v1/orders",status="201"}"#, 1.0),
        (
            r#"http_requests_total{method="POST",endpoint="/api/v1/payments/notify/{provider}",status="200"}"#,
            1.0,
        ),
        (r#"product_stock{product_id="1",on_sale="1"}"#, (stock - 3) as f64),
        ("db_pool_size", 8.0),
        ("db_pool_available", 8.0),
        ("group_buy_expired_unsettled", 0.0),
        (r#"group_buys_ended_total{result="success"}"#, 0.0),
        ("demo_job_errors_total", 0.0),
    ] {
        bench.until(name, async || bench.metric(name).await == Some(value)).await;
    }
    assert!(bench.page().await.contains(
        r#"http_request_duration_seconds_bucket{method="POST",endpoint="/api/v1/orders",le="2"} 1"#
    ));
}

#[tokio::test]
async fn what_cannot_be_had_changes_nothing() {
    let bench = bench().await;
    let stock = bench.stock(3).await;
    bench.shop().switches.nobody_restocks.store(true, Ordering::Relaxed);
    bench.sql("UPDATE litemall_goods_product SET number = 4 WHERE id = 4").await;
    let before = bench.running.figures();
    bench.put_into_cart(7, 0, 1).await;
    bench.put_into_cart(7, 3, 5).await;
    let first = bench.stock(0).await;
    let refused = bench.ask(Method::POST, 7, "/api/v1/orders", json!({})).await;
    assert_eq!(
        (refused.status, &refused.json["error"]),
        (StatusCode::CONFLICT, &"product 4 is out of stock".into())
    );
    assert_eq!((bench.stock(0).await, bench.stock(3).await), (first, 4), "nothing was taken");
    assert_eq!(bench.running.figures().orders_today, before.orders_today);
    assert!(stock > 4);

    let (order, _) = bench.order(8, 0, 1).await;
    let address = format!("/api/v1/orders/{order}");
    let ask =
        async |method, user, path: &str, body| bench.ask(method, user, path, body).await.status.as_u16();
    assert_eq!(ask(Method::GET, 9, &address, Value::Null).await, 404, "somebody else's");
    assert_eq!(ask(Method::POST, 9, &format!("{address}/cancel"), json!({})).await, 404);
    assert_eq!(bench.begin_payment(9, order).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::POST, 8, "/api/v1/orders", json!({})).await, 400, "an empty cart");
    assert_eq!(bench.put_into_cart(8, 0, 51).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.put_into_cart(8, 0, 0).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.put_into_cart(8, 999, 1).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::GET, 0, "/api/v1/products", Value::Null).await, 401);
    assert_eq!(ask(Method::GET, 8, "/api/v1/nothing", Value::Null).await, 404);
}

#[tokio::test]
async fn an_abandoned_order_is_closed_and_its_stock_comes_back_once() {
    let bench = bench().await;
    let stock = bench.stock(1).await;
    let (order, _) = bench.order(20, 1, 4).await;
    let payment = bench.begin_payment(20, order).await;
    bench.job(Job::CloseUnpaid).await;
    assert_eq!(bench.status(order).await, 101, "its half hour is not over");
    bench
        .sql(&format!("UPDATE litemall_order SET add_time = '2026-01-01 00:00:00' WHERE id = {order}"))
        .await;
    for _ in 0..2 {
        bench.job(Job::CloseUnpaid).await;
        assert_eq!((bench.status(order).await, bench.stock(1).await), (103, stock));
    }
    let url = payment.json["pay_url"].as_str().expect("an address");
    let late = bench.client.send(Method::POST, url, &[], b"{}".to_vec()).await.expect("an answer");
    assert_eq!((late.status, &late.json["code"]), (StatusCode::CONFLICT, &"ORDER_CLOSED".into()));
    assert_eq!(bench.begin_payment(20, order).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_payment_that_nobody_told_of_is_taken_before_its_order_is_closed() {
    let bench = bench().await;
    let (order, _) = bench.order(21, 1, 1).await;
    bench.pay_unheard(21, order).await;
    bench
        .sql(&format!("UPDATE litemall_order SET add_time = '2026-01-01 00:00:00' WHERE id = {order}"))
        .await;
    bench.job(Job::CloseUnpaid).await;
    assert_eq!(bench.status(order).await, 201);
}

#[tokio::test]
async fn a_notice_counts_once_and_only_if_it_is_the_providers() {
    let bench = bench().await;
    let (order, amount) = bench.order(22, 2, 1).await;
    let notice = bench.pay_unheard(22, order).await;
    let key = bench.shop().provider_key.clone();
    let before = bench.running.figures().sales_today_fen;
    let forger = Key::generate().expect("random numbers");
    assert_eq!(bench.notice(&notice, &forger).await, StatusCode::UNAUTHORIZED);
    let less = Notice { amount: Amount { total: 1 }, ..notice.clone() };
    assert_eq!(bench.notice(&less, &key).await, StatusCode::BAD_REQUEST);
    let unknown = Notice { out_trade_no: "20260101-1".into(), ..notice.clone() };
    assert_eq!(bench.notice(&unknown, &key).await, StatusCode::NOT_FOUND);
    assert_eq!((bench.status(order).await, bench.running.figures().sales_today_fen), (101, before));
    for _ in 0..3 {
        assert_eq!(bench.notice(&notice, &key).await, StatusCode::OK);
        assert_eq!(
            (bench.status(order).await, bench.running.figures().sales_today_fen),
            (201, before + amount)
        );
    }
    let failed = Notice { trade_state: "PAYERROR".into(), ..notice };
    assert_eq!(bench.notice(&failed, &key).await, StatusCode::OK);
    assert_eq!(
        bench.metric(r#"payment_failures_total{provider="wechat"}"#).await,
        Some(0.0),
        "paid stays paid"
    );
}

#[tokio::test]
async fn money_that_comes_too_late_goes_back_once() {
    let bench = bench().await;
    let stock = bench.stock(6).await;
    let (order, amount) = bench.order(23, 6, 2).await;
    let notice = bench.pay_unheard(23, order).await;
    let cancelled = bench.ask(Method::POST, 23, &format!("/api/v1/orders/{order}/cancel"), json!({})).await;
    assert_eq!((cancelled.status, bench.status(order).await), (StatusCode::OK, 102));
    let before = bench.running.figures().sales_today_fen;
    let key = bench.shop().provider_key.clone();
    assert_eq!(bench.notice(&notice, &key).await, StatusCode::OK);
    assert_eq!(bench.notice(&notice, &key).await, StatusCode::OK);
    bench.job(Job::Refund).await;
    bench.job(Job::Refund).await;
    assert_eq!((bench.status(order).await, bench.stock(6).await), (102, stock));
    assert_eq!(bench.running.figures().sales_today_fen, before);
    let trade = bench.shop().merchant.query(&notice.out_trade_no).await;
    let crate::provider::Answer::Done(trade) = trade else { panic!("{trade:?}") };
    assert_eq!(trade["refunded"], amount);
    assert_eq!(bench.number("SELECT count(*) FROM demo_refund WHERE status = 10").await, 1);
}

#[tokio::test]
async fn the_provider_does_what_the_shop_signed_and_no_more() {
    let bench = bench().await;
    let (order, amount) = bench.order(24, 6, 1).await;
    let notice = bench.pay_unheard(24, order).await;
    let merchant = &bench.shop().merchant;
    let refused = |code: &str| crate::provider::Answer::Refused(code.into());
    let refund = async |number: &str, fen: i64| merchant.refund(number, &notice.out_trade_no, fen).await;
    assert_eq!(refund("a", amount + 1).await, refused("INVALID_REQUEST"));
    assert!(matches!(refund("a", amount).await, crate::provider::Answer::Done(_)));
    assert!(
        matches!(refund("a", amount).await, crate::provider::Answer::Done(_)),
        "the same number: the same refund"
    );
    assert_eq!(refund("b", 1).await, refused("INVALID_REQUEST"));
    assert_eq!(merchant.refund("c", "unknown", 1).await, refused("RESOURCE_NOT_EXISTS"));
    assert_eq!(merchant.close(&notice.out_trade_no).await, refused("ORDERPAID"));
    let clock = bench.shop().clock;
    let stranger = Merchant::new(bench.running.provider_address(), Key::generate().expect("random"), clock);
    assert_eq!(stranger.query(&notice.out_trade_no).await, refused("SIGN_ERROR"));
}

/// A rule of group buys, the number of its product, and its stock.
async fn group_rule(bench: &Bench) -> (i64, usize, i64) {
    let product = GROUP_PRODUCTS[1];
    let offer =
        bench.ask(Method::GET, 1, &format!("/api/v1/groups?product_id={}", product + 1), Value::Null).await;
    (offer.json["rules_id"].as_i64().expect("a rule in force"), product, bench.stock(product).await)
}

async fn group_of(bench: &Bench, order: i64) -> i64 {
    bench.number(&format!("SELECT id FROM litemall_groupon WHERE order_id = {order}")).await
}

async fn group_status(bench: &Bench, order: i64) -> i64 {
    bench.number(&format!("SELECT status FROM litemall_groupon WHERE order_id = {order}")).await
}

async fn expire(bench: &Bench, rules_id: i64) {
    let statement = "UPDATE litemall_groupon_rules SET expire_time = '2026-01-01 00:00:00' WHERE id =";
    bench.sql(&format!("{statement} {rules_id}")).await;
}

#[tokio::test]
async fn a_group_succeeds_with_its_second_payment() {
    let bench = bench().await;
    let (rules_id, product, _) = group_rule(&bench).await;
    let leader = bench.in_group(31, rules_id, 0).await;
    bench.pay(31, leader).await;
    let group = group_of(&bench, leader).await;
    let path = format!("/api/v1/groups?product_id={}", product + 1);
    assert_eq!(bench.ask(Method::GET, 32, &path, Value::Null).await.json["open"], json!([group]));
    let member = bench.in_group(32, rules_id, group).await;
    assert_eq!(group_status(&bench, member).await, 0, "who has not paid is no member");
    assert_eq!(bench.metric(&format!("group_buy_status{{group_id=\"{group}\"}}")).await, Some(1.0));
    expire(&bench, rules_id).await;
    bench.pay(32, member).await; // Full beats late: nobody has settled it yet.
    bench.job(Job::SettleGroups).await;
    assert_eq!((group_status(&bench, leader).await, group_status(&bench, member).await), (2, 2));
    assert_eq!((bench.status(leader).await, bench.status(member).await), (201, 201));
    let ended = |result: &str| format!("group_buys_ended_total{{result=\"{result}\"}}");
    assert_eq!(bench.metric(&ended("success")).await, Some(1.0));
    assert_eq!(bench.metric(&ended("failed")).await, Some(0.0));
    assert_eq!(bench.metric(&format!("group_buy_status{{group_id=\"{group}\"}}")).await, Some(2.0));
}

#[tokio::test]
async fn a_group_that_fails_gives_everything_back() {
    let bench = bench().await;
    let (rules_id, product, stock) = group_rule(&bench).await;
    let leader = bench.in_group(33, rules_id, 0).await;
    bench.pay(33, leader).await;
    let late = bench.in_group(34, rules_id, group_of(&bench, leader).await).await;
    assert_eq!(bench.stock(product).await, stock - 2);
    expire(&bench, rules_id).await;
    bench.job(Job::SettleGroups).await;
    bench.job(Job::SettleGroups).await;
    bench.job(Job::Refund).await;
    assert_eq!((bench.status(leader).await, group_status(&bench, leader).await), (203, 3));
    assert_eq!(bench.stock(product).await, stock - 1);
    let group = group_of(&bench, leader).await;
    assert_eq!(bench.metric(&format!("group_buy_status{{group_id=\"{group}\"}}")).await, Some(4.0));
    assert_eq!(bench.metric(r#"group_buys_ended_total{result="failed"}"#).await, Some(1.0));
    bench.pay(34, late).await; // Joined in time, paid too late.
    bench.job(Job::Refund).await;
    assert_eq!((bench.status(late).await, bench.stock(product).await), (203, stock));
    assert_eq!(bench.number("SELECT count(*) FROM demo_refund WHERE status = 10").await, 2);
    assert_eq!(bench.metric("refunds_total").await, Some(2.0));
}

#[tokio::test]
async fn who_pays_after_the_group_has_failed_is_left_to_whoever_looks_after_the_shop() {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings { is_looked_after: true, ..settings(&folder, 1.0) };
    let bench = bench_of(settings, folder, NIGHT, false).await;
    let (rules_id, _, _) = group_rule(&bench).await;
    let leader = bench.in_group(33, rules_id, 0).await;
    bench.pay(33, leader).await;
    let late = bench.in_group(34, rules_id, group_of(&bench, leader).await).await;
    let failed = "UPDATE litemall_groupon SET status = 3 WHERE order_id =";
    bench.sql(&format!("{failed} {leader}")).await;
    bench.pay(34, late).await;
    assert_eq!((bench.status(late).await, group_status(&bench, late).await), (201, 1));
}

#[tokio::test]
async fn of_customer_provider_and_clock_one_wins() {
    let bench = bench().await;
    let stock = bench.stock(9).await;
    let key = bench.shop().provider_key.clone();
    let mut orders = Vec::new();
    for user in 100..112 {
        let (order, _) = bench.order(user, 9, 2).await;
        let notice = bench.pay_unheard(user, order).await;
        let path = format!("/api/v1/orders/{order}/cancel");
        let (cancel, paid, again, closed) = tokio::join!(
            bench.ask(Method::POST, user, &path, json!({})),
            bench.notice(&notice, &key),
            bench.notice(&notice, &key),
            orders::close(&bench.shop().database, order, bench.shop().clock.now()),
        );
        assert_eq!((paid, again), (StatusCode::OK, StatusCode::OK));
        let status = bench.status(order).await;
        assert_eq!(status == 102, cancel.status == StatusCode::OK);
        assert_eq!(status == 103, closed.expect("the database is well"));
        orders.push(status);
    }
    bench.job(Job::Refund).await;
    let paid = orders.iter().filter(|status| **status == 201).count() as i64;
    assert_eq!(bench.stock(9).await, stock - 2 * paid, "{orders:?}");
    let refunds = bench.number("SELECT count(*) FROM demo_refund WHERE status = 10").await;
    assert_eq!(refunds, orders.len() as i64 - paid, "who paid in vain has the money back");
}

#[tokio::test]
async fn a_payment_outage_is_seen_and_passes() {
    let bench = bench().await;
    bench.running.begin(Incident::PaymentOutage).expect("idle");
    assert!(bench.running.begin(Incident::PaymentOutage).is_err());
    let failures = r#"payment_failures_total{provider="wechat"}"#;
    // Six who are in a hurry and twelve whose orders have been open longest, three times each.
    bench.until("54 failures", async || bench.metric(failures).await == Some(54.0)).await;
    assert_eq!(bench.metric(r#"payment_requests_total{provider="wechat"}"#).await, Some(54.0));
    let route = "method=\"POST\",endpoint=\"/api/v1/payments/{order_id}\"";
    for status in [402, 500] {
        let name = format!("http_requests_total{{{route},status=\"{status}\"}}");
        assert!(bench.metric(&name).await.is_some_and(|count| count >= 8.0), "{status}");
    }
    // Of orders that are about to run out of time there is something to ask the provider.
    let tries = "SELECT count(*) FROM demo_payment WHERE order_id IN
        (SELECT id FROM litemall_order WHERE order_status = 101 ORDER BY add_time LIMIT 12)";
    assert_eq!(bench.number(tries).await, 36);
    bench.running.end(Incident::PaymentOutage);
    bench.until("it has ended", async || bench.running.incidents()[0].phase != Phase::Running).await;
    sleep(Duration::from_millis(100)).await;
    let (order, _) = bench.order(40, 0, 1).await;
    bench.pay(40, order).await;
}

#[tokio::test]
async fn a_slow_database_makes_everybody_wait() {
    let bench = bench().await;
    bench.running.begin(Incident::SlowDatabase).expect("idle");
    bench.until("no connection is free", async || bench.metric("db_pool_available").await == Some(0.0)).await;
    let look = async || {
        let begun = Instant::now();
        let answer = bench.ask(Method::GET, 41, "/api/v1/products/1", Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK);
        begun.elapsed()
    };
    bench.until("a request waits for over two seconds", async || look().await > Duration::from_secs(2)).await;
    let bucket = |le: &str| {
        format!(
            "http_request_duration_seconds_bucket{{method=\"GET\",endpoint=\"/api/v1/products/{{product_id}}\",le=\"{le}\"}}"
        )
    };
    let count = async |le: &str| bench.metric(&bucket(le)).await.unwrap_or_default();
    bench
        .until("half of many requests do", async || {
            let (all, quick) = (count("+Inf").await, count("2").await);
            all > 40.0 && (all - quick) / all > 0.45
        })
        .await;
    bench.running.end(Incident::SlowDatabase);
    bench.until("connections are free", async || bench.metric("db_pool_available").await == Some(8.0)).await;
    bench.until("requests are quick again", async || look().await < Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_failed_group_is_owed_its_money_until_the_merchant_has_some() {
    let bench = bench().await;
    bench.running.begin(Incident::FailedGroup).expect("idle");
    let unsettled = "group_buy_expired_unsettled";
    bench.until("a group is overdue", async || bench.metric(unsettled).await == Some(1.0)).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.metric(unsettled).await, Some(1.0));
    bench.running.end(Incident::FailedGroup);
    bench.until("nothing is owed", async || bench.metric(unsettled).await == Some(0.0)).await;
    assert_eq!(bench.metric(r#"group_buys_ended_total{result="failed"}"#).await, Some(1.0));
    assert_eq!(bench.metric("refunds_total").await, Some(1.0));
}

#[tokio::test]
async fn stock_runs_down_until_somebody_restocks() {
    let bench = bench().await;
    bench.running.begin(Incident::StockRunDown).expect("idle");
    let stock = r#"product_stock{product_id="5",on_sale="1"}"#;
    bench.until("hardly any is left", async || bench.metric(stock).await == Some(6.0)).await;
    bench.job(Job::Restock).await;
    assert_eq!(bench.metric(stock).await, Some(6.0), "nobody restocks");
    bench.running.end(Incident::StockRunDown);
    bench.until("there is more", async || bench.metric(stock).await.is_some_and(|left| left >= 60.0)).await;
}

#[tokio::test]
async fn the_watchman_is_asked_while_something_is_wrong() {
    let bench = bench().await;
    let alerts = json!({ "status": "success", "data": { "alerts": [
        { "labels": { "alertname": "LowStock", "edition": "corrected" }, "state": "pending" },
        { "labels": { "alertname": "LowStock" }, "state": "firing" }, // Of the plan's own file.
        { "labels": { "alertname": "GroupBuyUnsettled", "edition": "corrected" }, "state": "firing" },
    ] } });
    let router =
        Router::new().route("/monitor/api/v1/alerts", axum::routing::get(async move || axum::Json(alerts)));
    let (listener, address) = listen(None).await.expect("a port");
    let (_open, closed) = watch::channel(());
    serve(listener, router, closed);
    bench.running.watch(format!("http://{address}/monitor/"));
    bench.running.begin(Incident::FailedGroup).expect("idle");
    bench.running.begin(Incident::StockRunDown).expect("idle");
    let state = |incident: Incident| bench.running.incidents()[incident as usize].clone();
    bench.until("it fires", async || state(Incident::FailedGroup).alert_fired_at.is_some()).await;
    let (group, stock) = (state(Incident::FailedGroup), state(Incident::StockRunDown));
    assert_eq!(group.ends_at, group.alert_fired_at.map(|fired| fired + Duration::from_secs(30)));
    assert_eq!((stock.phase, stock.alert_fired_at), (Phase::Running, None));
}

/// What was ordered under each plan: customer, amount, products.
async fn ordered(bench: &Bench) -> BTreeMap<String, (i64, i64, String)> {
    let statement = "SELECT o.message, o.user_id, CAST(ROUND(o.actual_price * 100) AS INTEGER),
            (SELECT group_concat(product_id || 'x' || number) FROM
                (SELECT product_id, number FROM litemall_order_goods WHERE order_id = o.id ORDER BY product_id))
        FROM litemall_order o WHERE message LIKE 'plan %'";
    let rows: Vec<(String, i64, i64, String)> =
        sqlx::query_as(statement).fetch_all(&bench.shop().database.desk).await.expect("rows");
    rows.into_iter().map(|(plan, user, amount, lines)| (plan, (user, amount, lines))).collect()
}

#[tokio::test]
async fn the_same_seed_brings_the_same_orders() {
    let start = Moment(NIGHT.0 - NIGHT.0 % 30_000);
    let (one, other) = tokio::join!(bench_at(start, 40.0, true), bench_at(start, 40.0, true));
    sleep(Duration::from_secs(10)).await;
    let (first, second) = (ordered(&one).await, ordered(&other).await);
    let live: Vec<plan::OrderPlan> = plan::orders(42, Step::of(start), 40.0);
    // Before, the shop was opening; those who came later may not have ordered yet on a slow machine.
    let opened = start.0 + 2_000;
    let early: Vec<&plan::OrderPlan> =
        live.iter().filter(|plan| (opened..opened + 3_000).contains(&plan.at.0)).collect();
    assert!(early.len() > 10, "{}", early.len());
    for plan in early {
        let key = remark(plan.number);
        let (here, there) = (first.get(&key), second.get(&key));
        assert_eq!(here, there, "{plan:?}");
        let (user, amount, _) = here.unwrap_or_else(|| panic!("nobody ordered {plan:?}"));
        assert_eq!((*user, *amount), (i64::from(plan.user_id), plan.amount().0), "{plan:?}");
    }
    let never_paid =
        live.iter().filter(|plan| plan.paid_at().is_none()).map(|plan| format!("'{}'", remark(plan.number)));
    let statement = format!(
        "SELECT count(*) FROM litemall_order WHERE message IN ({}) AND order_status NOT IN (101, 102, 103)",
        never_paid.collect::<Vec<String>>().join(",")
    );
    assert_eq!(one.number(&statement).await, 0, "who does not mean to pay does not");
}

#[tokio::test]
async fn the_first_figures_are_where_the_history_ends() {
    let start = Moment(1_772_541_000_000); // Half past eight in the evening.
    let begun = Instant::now();
    let bench = bench_at(start, 1.0, false).await;
    println!("started in {:?}", begun.elapsed());
    let figures = bench.running.figures();
    let target = Target { job: "shop".into(), instance: "shop:1".into() };
    let mut scope = Scope::two_weeks(42, start.0, target, None);
    scope.start_ms = start.0 - 60_000;
    let last = |name: &str| {
        let named = |series: &history::Series| series.labels.contains(&("__name__".into(), name.into()));
        history::series(&scope).find(named).and_then(|series| series.values.last().copied()).expect("a value")
    };
    assert!(figures.orders_today > 20_000);
    // The shop opened some moments later than the history ends.
    let near =
        |live: f64, told: f64| assert!((0.0..0.001).contains(&((live - told) / told)), "{live} {told}");
    near(figures.orders_today as f64, last("orders_today"));
    near(figures.sales_today_fen as f64, last("sales_today_fen"));
    near(figures.orders_total as f64, last("orders_total"));
    assert_eq!(bench.stock(0).await, i64::from(first_stock(0)));
    assert_eq!(last("product_stock"), f64::from(first_stock(0)));
}

#[tokio::test]
async fn a_shop_that_was_closed_has_had_its_orders_all_the_same() {
    let folder = TempDir::new().expect("a folder");
    let start = |at: Moment| DemoShop::start_at(settings(&folder, 1.0), Clock::starting_at(at), false);
    let first = start(NIGHT).await.expect("it starts");
    let before = first.figures();
    first.stop().await;
    let later = Moment(NIGHT.0 + 3_600_000);
    let second = start(later).await.expect("it starts again");
    let after = second.figures();
    let steps = Step::of(NIGHT).0..=Step::of(later).0;
    let planned = steps.flat_map(|step| plan::orders(42, Step(step), 1.0));
    let planned = planned.filter(|plan| (NIGHT..later).contains(&plan.at)).count() as u64;
    let missed = after.orders_today - before.orders_today;
    assert!(planned.abs_diff(missed) < 20 && missed > 700, "{missed} of {planned}");
    assert_eq!(after.orders_total - before.orders_total, missed);
    second.stop().await;
}

#[tokio::test]
async fn old_rows_go_and_what_is_not_over_stays() {
    let bench = bench().await;
    let (open, _) = bench.order(50, 0, 1).await;
    let before = bench.number("SELECT count(*) FROM litemall_order").await;
    assert!(before > 1_000);
    bench.sql("UPDATE litemall_order SET add_time = '2026-01-01 00:00:00'").await;
    bench.job(Job::Prune).await;
    let left = bench.number("SELECT count(*) FROM litemall_order").await;
    assert_eq!(
        left,
        bench.number("SELECT count(*) FROM litemall_order WHERE order_status IN (101, 202)").await
    );
    assert_eq!(bench.status(open).await, 101);
    let orphans =
        "SELECT count(*) FROM litemall_order_goods WHERE order_id NOT IN (SELECT id FROM litemall_order)";
    assert_eq!(bench.number(orphans).await, 0);
}

#[tokio::test]
async fn every_request_is_one_record() {
    let (listener, address) = listen(None).await.expect("a port");
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(&folder, 1.0);
    settings.logs_to = Some(address);
    let running = DemoShop::start_at(settings, Clock::starting_at(NIGHT), false).await.expect("it starts");
    let client = Client::new();
    for (user, path) in [(12_345_u32, "/api/v1/products/3"), (12_345, "/api/v1/orders/1"), (0, "/metrics")] {
        let url = format!("http://{}{path}", running.address());
        client.send(Method::GET, &url, &[("x-user-id", user.into())], Vec::new()).await.expect("an answer");
    }
    running.stop().await;
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut lines = BufReader::new(stream).lines();
    let mut records: Vec<Value> = Vec::new();
    while let Some(line) = lines.next_line().await.expect("text") {
        records.push(serde_json::from_str(&line).expect("JSON"));
    }
    let brief = |record: &Value| {
        ["route", "status_code", "level", "user_id", "client_ip", "service", "error"]
            .map(|field| record[field].clone())
    };
    assert_eq!(records.len(), 2, "{records:?}");
    let expected: [Value; 7] = [
        "/api/v1/products/{product_id}".into(),
        200.into(),
        "INFO".into(),
        "12345".into(),
        "127.0.0.1".into(),
        "lingxian".into(),
        Value::Null,
    ];
    assert_eq!(brief(&records[0]), expected);
    assert_eq!(records[1]["error"]["message"], "there is no order of this number");
    assert_eq!(records[1]["level"], "WARNING");
}

#[tokio::test]
async fn a_shop_that_is_dropped_is_gone() {
    let bench = bench().await;
    let (address, provider) = (bench.running.address(), bench.running.provider_address());
    assert!(TcpStream::connect(address).is_ok());
    drop(bench);
    let gone = || TcpStream::connect(address).is_err() && TcpStream::connect(provider).is_err();
    let begun = Instant::now();
    while !gone() {
        assert!(begun.elapsed() < Duration::from_secs(5), "somebody still listens");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_start_that_cannot_be_says_why() {
    let folder = TempDir::new().expect("a folder");
    let wrong = Settings { speed: 1_000.0, ..settings(&folder, 1.0) };
    let error = DemoShop::start(wrong).await.expect_err("too fast");
    assert_eq!(error.to_string(), "a speed of 1000 is not possible; choose one from 0.1 to 100");
    let (_listener, taken) = listen(None).await.expect("a port");
    let wrong = Settings { listen: Some(taken), ..settings(&folder, 1.0) };
    let error = DemoShop::start(wrong).await.expect_err("a port that is taken");
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    std::fs::create_dir_all(folder.path().join("shop")).expect("a folder");
    std::fs::write(folder.path().join("shop/shop.db"), "no database, but quite a lot of other text")
        .expect("written");
    let error = DemoShop::start(settings(&folder, 1.0)).await.expect_err("no database");
    assert!(error.to_string().contains("shop.db") && error.to_string().contains("delete it"), "{error}");
}
