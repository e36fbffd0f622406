//! A shop of litemall's kind on a database of this run's own, its payment provider, and the real binary beside both.

use std::fmt::Write as _;
use std::time::Duration;

use lingshao_demo::fakes::{FakeWechatPay, WechatPayAccount as Account};
use lingshao_model::Timestamp;
use lingshao_wire::wechatpay::{Merchant, MerchantKey, PlatformKeys, RefundOrder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::{Answer, Server, eventually, folder, text};
use crate::servers::Client;
pub(crate) use crate::servers::{Kind, Server as DatabaseServer, start};
use crate::tables::LITEMALL;

/// What of an order stands where: `placed` seconds ago, in this state.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) status: i64,
    pub(crate) placed: i64,
}

/// The database, its client, the provider and the folder of the monitors.
pub(crate) struct World {
    pub(crate) provider: FakeWechatPay,
    pub(crate) folder: TempDir,
    /// Further lines of `shop:` and of `shop.provider.wechatpay:`, without the indentation.
    pub(crate) shop_lines: String,
    pub(crate) wechatpay_lines: String,
    /// Further lines of the configuration.
    pub(crate) lines: String,
    pub(crate) has_provider: bool,
    runtime: Runtime,
    client: Client,
    pub(crate) database: DatabaseServer,
}

impl World {
    pub(crate) fn new(kind: Kind) -> World {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(start(kind));
        let client = runtime.block_on(Client::open(&database.url));
        let provider = FakeWechatPay::start().unwrap();
        let (shop_lines, wechatpay_lines, lines) = <(String, String, String)>::default();
        let (folder, has_provider) = (folder(), true);
        let mut world = World {
            provider,
            folder,
            shop_lines,
            wechatpay_lines,
            lines,
            has_provider,
            runtime,
            client,
            database,
        };
        let time = if kind == Kind::Postgres { "TIMESTAMP" } else { "DATETIME" };
        for table in LITEMALL {
            world.run(&format!("CREATE TABLE {}", table.replace("TIME_TYPE", time)));
        }
        for (name, column) in [
            ("order_goods_order", "litemall_order_goods (order_id)"),
            ("coupon_order", "litemall_coupon_user (order_id)"),
            ("groupon_leader", "litemall_groupon (groupon_id)"),
            ("groupon_order", "litemall_groupon (order_id)"),
        ] {
            world.run(&format!("CREATE INDEX {name} ON {column}"));
        }
        world.furnish();
        world
    }

    /// Another shop on the same server: nobody has ordered yet, and nobody has watched.
    pub(crate) fn clear(&mut self) {
        for table in LITEMALL {
            let name = table.split(' ').next().unwrap();
            self.run(&format!("DELETE FROM {name}"));
        }
        (self.provider, self.folder) = (FakeWechatPay::start().unwrap(), folder());
        self.furnish();
    }

    /// Goods on the shelves, keys in the folder.
    fn furnish(&mut self) {
        self.run("INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (1, 1, 1000), (2, 2, 15), (3, 3, 4)");
        for (name, text) in [
            ("merchant.pem", Account::MERCHANT_KEY),
            ("platform.pem", Account::PLATFORM_CERTIFICATE),
            ("v3.key", Account::API_V3_KEY),
            ("shop.url", self.database.url.clone().as_str()),
        ] {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        }
    }

    pub(crate) fn start_database(&mut self) {
        self.runtime.block_on(self.database.start_again());
    }

    /// The monitors are to come as this role of PostgreSQL.
    pub(crate) fn as_user(&self, name: &str) {
        self.at(&self.database.url.replacen("//shop@", &format!("//{name}@"), 1));
    }

    /// The monitors are to look for the database there.
    pub(crate) fn at(&self, url: &str) {
        std::fs::write(self.folder.path().join("shop.url"), url).unwrap();
    }

    pub(crate) fn run(&mut self, sql: &str) {
        self.runtime.block_on(self.client.run(sql));
    }

    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        self.runtime.block_on(self.client.number(sql))
    }

    /// A time in Shanghai, so many seconds ago, as the database's own expression.
    pub(crate) fn ago(&self, seconds: i64) -> String {
        let ahead = 8 * 3600 - seconds;
        match &self.client {
            Client::Postgres(_) => {
                format!(
                    "date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC' + INTERVAL '{ahead} seconds')"
                )
            }
            Client::Mysql(_) => format!("UTC_TIMESTAMP() + INTERVAL {ahead} SECOND"),
            Client::Sqlite(_) => format!("datetime('now', '{ahead} seconds')"),
        }
    }

    /// An order of 19.90 yuan with two of product 1 and a coupon; the customer stands before the page on which one pays.
    pub(crate) fn place(&mut self, order: Order) {
        let Order { id, status, placed } = order;
        let placed = self.ago(placed);
        let paid = if status == 201 { placed.clone() } else { "NULL".to_owned() };
        self.run(&format!(
            "INSERT INTO litemall_order (id, user_id, order_sn, order_status, actual_price, add_time, update_time, pay_time) \
             VALUES ({id}, 1, '{}', {status}, 19.90, {placed}, {placed}, {paid})",
            number_of(id)
        ));
        self.run(&format!(
            "INSERT INTO litemall_order_goods (id, order_id, product_id, number) VALUES ({id}, {id}, 1, 2)"
        ));
        self.run(&format!(
            "INSERT INTO litemall_coupon_user (id, user_id, coupon_id, status, used_time, order_id) \
             VALUES ({id}, 1, 1, 1, {placed}, {id})"
        ));
        self.provider.open_trade(&number_of(id), 1_990, None);
        if status == 201 {
            self.provider.pay(&number_of(id)).unwrap();
        }
    }

    /// A group whose leader's row is `id` and whose members are these paid orders; it wants `required` of them.
    pub(crate) fn group(&mut self, id: i64, orders: &[i64], required: i64, expired: i64) {
        let expires = self.ago(expired);
        self.run(&format!("INSERT INTO litemall_groupon_rules VALUES ({id}, {required}, {expires})"));
        for (index, order) in orders.iter().enumerate() {
            let (row, leader) = if index == 0 { (id, 0) } else { (id * 100 + index as i64, id) };
            self.run(&format!(
                "INSERT INTO litemall_groupon (id, order_id, groupon_id, rules_id, status) \
                 VALUES ({row}, {order}, {leader}, {id}, 1)"
            ));
        }
    }

    pub(crate) fn status(&mut self, order: i64) -> i64 {
        self.number(&format!("SELECT order_status FROM litemall_order WHERE id={order}"))
    }

    pub(crate) fn stock(&mut self, product: i64) -> i64 {
        self.number(&format!("SELECT number FROM litemall_goods_product WHERE id={product}"))
    }

    /// What goes back of an order, by the provider's books.
    pub(crate) fn refunded(&self, order: i64) -> i64 {
        self.provider.refunded_fen(&number_of(order))
    }

    /// A refund that the shop's people send themselves, under a number of their own.
    pub(crate) fn refund_by_hand(&self, order: &str, number: &str, fen: i64, notify_url: &str) {
        let key = MerchantKey::from_pem(Account::MERCHANT_KEY).unwrap();
        let (base, keys) = (self.provider.base(), PlatformKeys::new());
        let merchant = Merchant::new(&base, Account::MCHID, Account::MERCHANT_SERIAL, key, keys).unwrap();
        let notify_url = Some(notify_url);
        let refund = RefundOrder { order, number, fen, total_fen: fen, reason: None, notify_url };
        let now = Timestamp(crate::harness::now_millis());
        let request = merchant.refund(&refund, "0123456789abcdef0123456789abcdef", now).unwrap();
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (address, path) = (base.replace("http://", ""), request.url.replace(&base, ""));
        let answer = crate::harness::request(&address, "POST", &path, &headers, &request.body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Writes `lingshao.yml`; the monitors are indented by six.
    pub(crate) fn configure(&self, monitors: &str) -> String {
        let provider = match self.has_provider {
            true => format!(
                "\n    wechatpay:\n      endpoint: {}\n      mchid: '{}'\n      serial: {}\n      \
                 private_key_file: merchant.pem\n      certificate_files: [platform.pem]",
                self.provider.base(),
                Account::MCHID,
                Account::MERCHANT_SERIAL
            ),
            false => " none".to_owned(),
        };
        let mut config = format!(
            "global: {{scrape_interval: 1s}}\n{}\nshop:\n  name: lx\n  every: 1s\n  database: {{url_file: shop.url}}\n  \
             preset: litemall\n  provider:{provider}\n",
            self.lines
        );
        let mut lines = |lines: &str, indent: usize| {
            for line in lines.lines() {
                writeln!(config, "{:indent$}{}", "", line.trim_end()).unwrap();
            }
        };
        lines(&self.wechatpay_lines, 6);
        lines(&self.shop_lines, 2);
        lines("monitors:", 2);
        lines(monitors, 4);
        let path = self.folder.path().join("lingshao.yml");
        std::fs::write(&path, config).unwrap();
        text(path)
    }

    pub(crate) fn watch(&self, monitors: &str) -> Watched {
        self.watch_in(&[], "data", monitors)
    }

    /// With variables in its environment, and the data in another folder.
    pub(crate) fn watch_in(&self, environment: &[(&str, &str)], data: &str, monitors: &str) -> Watched {
        let file = self.configure(monitors);
        let data = self.folder.path().join(data);
        Watched(Server::try_start_in(environment, &data, &["--config", &file]).expect("the server starts"))
    }
}

pub(crate) fn number_of(order: i64) -> String {
    format!("2026112600{order:04}")
}

/// The real binary.
pub(crate) struct Watched(pub(crate) Server);

impl Watched {
    pub(crate) fn look(&self) -> Value {
        self.0.get("/api/lingshao/v1/shop").json()["shop"].clone()
    }

    pub(crate) fn monitor(&self, name: &str) -> Value {
        let shop = self.look();
        let monitors = shop["monitors"].as_array().cloned().unwrap_or_default();
        monitors.into_iter().find(|monitor| monitor["name"] == name).unwrap_or_default()
    }

    /// Waits for a tick that begins after this call.
    pub(crate) fn tick(&self) {
        let ticked = |after: i64| {
            eventually("a tick", || after < self.look()["tickAt"].as_i64().unwrap_or(0));
            self.look()["tickAt"].as_i64().unwrap()
        };
        let first = ticked(0);
        ticked(first);
    }

    /// Kinds of facts of the audit trail, oldest first, as `kind:order-or-group`.
    pub(crate) fn facts(&self) -> Vec<String> {
        let audit = self.0.get("/api/lingshao/v1/shop/audit?limit=1000").json();
        let rows = audit["rows"].as_array().cloned().unwrap_or_default();
        let said = |row: &Value| {
            let subject = row["order"].as_str().or(row["group"].as_str()).unwrap_or("");
            format!("{}:{subject}", row["kind"].as_str().unwrap_or(""))
        };
        rows.iter().rev().map(said).collect()
    }

    pub(crate) fn wait_fact(&self, fact: &str) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !self.facts().iter().any(|found| found == fact) {
            assert!(
                std::time::Instant::now() < deadline,
                "no {fact}: {:?}\n{:#}\n{}",
                self.facts(),
                self.look(),
                self.0.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.0.request(
            "POST",
            &format!("/api/lingshao/v1/shop/{path}"),
            &headers,
            body.to_string().as_bytes(),
        )
    }

    /// Says it twice.
    pub(crate) fn command(&self, path: &str, mut body: Value) -> Answer {
        let asked = self.post(path, &body);
        assert_eq!(asked.status, 428, "{}", asked.body);
        body["confirm"] = asked.json()["confirm"].clone();
        self.post(path, &body)
    }

    /// The refund of an order as the ledger has it.
    pub(crate) fn refund(&self, order: i64) -> Value {
        let refunds = self.0.get("/api/lingshao/v1/shop/refunds").json();
        let refunds = refunds["refunds"].as_array().cloned().unwrap_or_default();
        let key = order.to_string();
        refunds.into_iter().find(|refund| refund["order"] == key.as_str()).unwrap_or_default()
    }

    /// Has a refund asked for at once, until it is at its end.
    pub(crate) fn hurry(&self, order: i64, state: &str) {
        eventually("the refund's end", || {
            let refund = self.refund(order);
            let is_there = refund["state"] == state && !refund["open"].as_bool().unwrap_or(true);
            if let (false, Some(number)) = (is_there, refund["number"].as_str()) {
                let path = format!("refunds/{number}/retry");
                let asked = self.post(&path, &json!({}));
                if asked.status == 428 {
                    self.post(&path, &json!({ "confirm": asked.json()["confirm"] }));
                }
            }
            is_there
        });
    }
}
