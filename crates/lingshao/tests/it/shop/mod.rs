//! The business monitors on the real binary: real databases, a payment provider on a socket.

mod kills;
mod world;

use serde_json::{Value, json};
use world::{Kind, Order, Watched, World, number_of};

use lingshao_demo::fakes::{Fault, NoticeFault, RefundState};

use crate::harness::{Server, command, eventually, text};

const ACT: &str = "order_timeout: {mode: act}\ngroup_settle: {mode: act}\nrefunds: {mode: act}";
/// Longer ago than 30 minutes and the callback's 3.
const LATE: i64 = 2_400;

/// One of each: unpaid, paid where the shop has not heard of it, young, a full group, a failed one, money without an order.
fn fill(world: &mut World) {
    for (id, status, placed) in [
        (1, 101, LATE),
        (2, 101, LATE),
        (3, 101, 60),
        (4, 201, LATE),
        (5, 201, LATE),
        (6, 201, LATE),
        (7, 102, LATE),
    ] {
        world.place(Order { id, status, placed });
    }
    world.provider.pay(&number_of(2)).unwrap();
    world.provider.pay(&number_of(7)).unwrap();
    world.group(1, &[4, 5], 2, 60);
    world.group(2, &[6], 2, 60);
}

fn journey(kind: Kind) {
    let mut world = World::new(kind);
    fill(&mut world);
    let watched = world.watch(ACT);
    for fact in [
        "cancelled:1",
        "paid_but_pending:2",
        "group_succeeded:1",
        "group_failed:2",
        "refund_accepted:6",
        "orphan_payment:7",
    ] {
        watched.wait_fact(fact);
    }
    watched.hurry(6, "DONE");

    // The shop's own rows.
    assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|id| world.status(id)), [103, 101, 101, 201, 201, 203, 102]);
    assert_eq!(world.stock(1), 1_000 + 2 + 2, "of the cancelled order and of the failed group");
    assert_eq!(world.number("SELECT status FROM litemall_coupon_user WHERE id=1"), 0);
    assert_eq!(world.number("SELECT status FROM litemall_coupon_user WHERE id=2"), 1);
    let refunded =
        "SELECT COUNT(*) FROM litemall_order WHERE id=6 AND refund_type='lingshao' AND refund_amount=19.90";
    assert_eq!(world.number(refunded), 1);
    // The provider's books.
    assert_eq!([6, 7, 4].map(|id| world.refunded(id)), [1_990, 0, 0]);
    let numbers: Vec<String> = world.provider.refunds().into_iter().map(|refund| refund.number).collect();
    assert_eq!(numbers, ["LSlx-6-f0"]);
    // What people see.
    let shop = watched.look();
    assert_eq!(shop["orphans"][0]["order"], "7", "{shop:#}");
    assert_eq!(shop["orphans"][0]["fen"], 1_990);
    assert_eq!(shop["stock"]["low"], 1, "{shop:#}");
    eventually("two orders pending", || watched.look()["figures"]["pending"] == 2);
    assert_eq!(
        watched.0.get("/api/lingshao/v1/shop/audit/verify").json(),
        json!({"whole": true, "brokenAt": null})
    );
    let export = watched.0.get("/api/lingshao/v1/shop/audit/export").body;
    // Between the lengths of its chunks.
    let cancelled: Vec<Value> = export
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|row: &Value| row["kind"] == "cancelled")
        .collect();
    assert_eq!(cancelled.len(), 1, "{export}");
    assert_eq!((&cancelled[0]["before"], &cancelled[0]["after"]), (&json!("pending"), &json!("cancelled")));
    // Figures that rules judge, and records that people search.
    for (series, expected) in [
        (r#"product_stock{product_id="3"}"#, "4"),
        (r#"group_buy_status{group_id="2"}"#, "4"),
        ("orphan_payments_fen", "1990"),
        ("group_buy_expired_unsettled", "0"),
        (r#"lingshao_shop_facts_total{monitor="order_timeout",fact="cancelled"}"#, "1"),
        ("orders_pending", "2"),
        (r#"orders_total{job="lingshao-shop"}"#, "7"),
    ] {
        let path = format!("/api/v1/query?query={}", crate::harness::encoded(series));
        eventually(series, || watched.0.data(&path)["result"][0]["value"][1] == expected);
    }
    let body = json!({"query": "fact:refund_done", "index": "lingshao-shop"}).to_string();
    let headers = [("content-type", "application/json")];
    let found = watched.0.request("POST", "/api/lingshao/v1/logs/search", &headers, body.as_bytes());
    assert!(found.body.contains("LSlx-6-f0"), "{}", found.body);
}

#[test]
fn an_orders_journey_on_sqlite() {
    journey(Kind::Sqlite);
}

#[test]
fn an_orders_journey_on_postgresql() {
    journey(Kind::Postgres);
}

#[test]
fn an_orders_journey_on_mariadb() {
    journey(Kind::Mariadb);
}

#[test]
fn what_nobody_switched_on_changes_nothing() {
    let mut world = World::new(Kind::Sqlite);
    fill(&mut world);
    let watched = world.watch("order_timeout: {}");
    for fact in ["would_cancel:1", "would_cancel:2", "would_settle:1", "would_settle:2"] {
        watched.wait_fact(fact);
    }
    assert_eq!([1, 2, 4, 6].map(|id| world.status(id)), [101, 101, 201, 201]);
    assert_eq!((world.stock(1), world.provider.refunds().len()), (1_000, 0));
    // The corrected rules of examples/lingxian judge these.
    for (expression, expected) in [
        ("max by (job) (group_buy_expired_unsettled) > 0", "2"),
        (r#"min by (product_id) (product_stock{on_sale!="0"}) < 10"#, "4"),
    ] {
        let path = format!("/api/v1/query?query={}", crate::harness::encoded(expression));
        eventually(expression, || watched.0.data(&path)["result"][0]["value"][1] == expected);
    }
    assert_eq!(world.provider.received().iter().filter(|one| one.request.method == "POST").count(), 0);
}

#[test]
fn all_orders_are_counted_and_what_the_shop_exports_itself_is_left_out() {
    let mut world = World::new(Kind::Sqlite);
    for id in 1..=3 {
        world.place(Order { id, status: 401, placed: 90 * 86_400 });
    }
    world.place(Order { id: 4, status: 201, placed: 60 });
    let watched = world.watch("low_stock: {below: 10}");
    let path = "/api/v1/query?query=orders_total";
    let counts = |watched: &Watched, expected: &str| {
        eventually("orders_total", || watched.0.data(path)["result"][0]["value"][1] == expected);
    };
    counts(&watched, "4");
    world.place(Order { id: 5, status: 101, placed: 0 });
    counts(&watched, "5");
    // What is archived was ordered all the same, before and after a restart.
    drop(watched);
    world.run("DELETE FROM litemall_order WHERE id<=2");
    let watched = world.watch("low_stock: {below: 10}");
    watched.tick();
    counts(&watched, "5");
    drop(watched);
    world.shop_lines = "figures: {leave_out: [orders_total, product_stock]}".to_owned();
    let watched = world.watch_in(&[], "other", "low_stock: {below: 10}");
    for (name, expected) in
        [("orders_today", 1), ("product_stock_low", 1), ("orders_total", 0), ("product_stock", 0)]
    {
        let path = format!("/api/v1/query?query={name}");
        watched.tick();
        watched.tick();
        let found = || watched.0.data(&path)["result"].as_array().map_or(0, Vec::len);
        eventually(name, || found() == expected);
    }
}

#[test]
fn orders_whose_keys_do_not_grow_have_figures_once_an_index_leads_to_them() {
    let mut world = World::new(Kind::Sqlite);
    for (id, placed) in [(7, 90 * 86_400), (3, 60), (5, 30)] {
        world.place(Order { id, status: 201, placed });
    }
    world.shop_lines = "orders: {key: {id: id, no: order_sn, kind: text}}".to_owned();
    let watched = world.watch("order_timeout: {}");
    let refuses = || watched.monitor("figures")["refuses"].clone();
    eventually("the figures say what they lack", || refuses()["reason"] == "mapping");
    let why = "orders.created: it reads all of a table, as no index leads to its rows";
    assert_eq!(refuses()["detail"], why);
    assert_eq!(watched.look()["figures"], Value::Null);
    let indexes = watched.look()["check"]["indexes"].clone();
    let index = "CREATE INDEX lingshao_created ON litemall_order (add_time);";
    assert!(indexes.as_array().unwrap().iter().any(|one| one == index), "{indexes:#}");
    // The others go on.
    assert_eq!(watched.monitor("order_timeout")["refuses"], Value::Null);
    drop(watched);
    world.run(index.trim_end_matches(';'));
    let watched = world.watch("order_timeout: {}");
    let path = "/api/v1/query?query=orders_total";
    let counts = |expected: &str| {
        eventually("orders_total", || watched.0.data(path)["result"][0]["value"][1] == expected);
    };
    counts("3");
    world.place(Order { id: 1, status: 101, placed: 0 });
    counts("4");
    assert_eq!(watched.monitor("figures")["refuses"], Value::Null);
}

/// Any table of attempts: nothing of it is a preset's.
fn payments(kind: Kind) {
    let mut world = World::new(kind);
    let time = if kind == Kind::Postgres { "TIMESTAMP" } else { "DATETIME" };
    world.run(&format!(
        "CREATE TABLE pay_log (pay_id BIGINT PRIMARY KEY, begun {time}, st SMALLINT, channel VARCHAR(20))"
    ));
    let attempt = |world: &mut World, id: i64, minutes: i64, state: i64, channel: &str| {
        let begun = world.ago(minutes * 60);
        world.run(&format!("INSERT INTO pay_log VALUES ({id}, {begun}, {state}, '{channel}')"));
    };
    for (id, minutes, state) in [(1, 10, 1), (2, 12, 1), (3, 14, 1), (4, 20, 2), (5, 20, 3)] {
        attempt(&mut world, id, minutes, state, "wechat");
    }
    let lines = "payments:\n  table: pay_log\n  id: pay_id\n  created: begun\n  \
                 states: {paid: 'st=1', failed: 'st=2', closed: 'st=3'}\n  provider: channel";
    world.shop_lines = lines.to_owned();
    let watched = world.watch("{}");
    let value = |watched: &Watched, query: &str| {
        let path = format!("/api/v1/query?query={}", crate::harness::encoded(query));
        watched.0.data(&path)["result"][0]["value"][1].clone()
    };
    eventually("the cohort", || value(&watched, "payment_success_rate") == "0.6");
    assert_eq!(value(&watched, r#"payment_requests_total{provider="wechat"}"#), "0");
    attempt(&mut world, 6, 0, 0, "wechat");
    attempt(&mut world, 7, 0, 2, "alipay");
    for (query, expected) in [
        (r#"payment_requests_total{job="lingshao-shop",provider="wechat"}"#, "1"),
        (r#"payment_failures_total{provider="wechat"}"#, "0"),
        (r#"payment_requests_total{provider="alipay"}"#, "1"),
        (r#"payment_failures_total{provider="alipay"}"#, "1"),
        (r#"payment_cohort_attempts{provider="wechat",outcome="closed"}"#, "1"),
        (r#"payment_cohort_attempts{provider="wechat",outcome="paid"}"#, "3"),
        (r#"count(payment_success_rate{provider="alipay"}) or vector(0)"#, "0"),
    ] {
        eventually(query, || value(&watched, query) == expected);
    }
    world.run("UPDATE pay_log SET st=2 WHERE pay_id=6");
    eventually("refused", || value(&watched, r#"payment_failures_total{provider="wechat"}"#) == "1");
}

#[test]
fn payments_of_any_table_on_sqlite() {
    payments(Kind::Sqlite);
}

#[test]
fn payments_of_any_table_on_postgresql() {
    payments(Kind::Postgres);
}

#[test]
fn payments_of_any_table_on_mariadb() {
    payments(Kind::Mariadb);
}

#[test]
fn attempts_that_are_not_mapped_or_do_not_fit_are_no_figures() {
    let mut world = World::new(Kind::Sqlite);
    let count = |watched: &Watched| {
        let query =
            crate::harness::encoded(r#"count({__name__=~"payment_(requests|failures|cohort|success).*"})"#);
        watched.tick();
        watched.tick();
        watched.0.data(&format!("/api/v1/query?query={query}"))["result"].as_array().unwrap().len()
    };
    let watched = world.watch("order_timeout: {mode: act}");
    assert_eq!(count(&watched), 0);
    drop(watched);
    world.shop_lines =
        "payments: {table: pay_log, id: pay_id, created: begun, states: {paid: 'st=1'}}".to_owned();
    world.place(Order { id: 1, status: 101, placed: LATE });
    let watched = world.watch("order_timeout: {mode: act}");
    assert_eq!(count(&watched), 0);
    let refuses = watched.monitor("figures")["refuses"].clone();
    assert_eq!(
        (refuses["reason"].clone(), world.number("SELECT COUNT(*) FROM litemall_order")),
        (json!("mapping"), 1)
    );
    assert!(
        refuses["detail"].as_str().is_some_and(|why| why.starts_with("payments: table `pay_log`")),
        "{refuses}"
    );
    // The others go on.
    watched.wait_fact("cancelled:1");
}

#[test]
fn a_word_that_changes_something_is_said_twice() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    let watched = world.watch("order_timeout: {mode: observe}");
    watched.wait_fact("would_cancel:1");
    // Not without its second word, not with another one's, not with an invented one.
    let body = json!({"keys": ["1"]});
    let asked = watched.post("monitors/order_timeout/run", &body);
    assert_eq!(asked.status, 428, "{}", asked.body);
    let token = asked.json()["confirm"].clone();
    assert_eq!(watched.post("stop", &json!({"confirm": token})).status, 409);
    let other = json!({"keys": ["2"], "confirm": token});
    assert_eq!(watched.post("monitors/order_timeout/run", &other).status, 409);
    assert_eq!(
        watched.post("monitors/order_timeout/run", &json!({"keys": ["1"], "confirm": "1-ff"})).status,
        409
    );
    assert_eq!(watched.post("monitors/order_timeout/run", &json!({"keys": []})).status, 400);
    assert_eq!(watched.post("monitors/order_timeout/run", &json!({"keys": ["<b>"]})).status, 400);
    assert_eq!(watched.post("monitors/nothing/pause", &json!({})).status, 404);
    watched.tick();
    assert_eq!(world.status(1), 101);
    // With it, this one order goes, though the monitor only observes.
    assert_eq!(
        watched.post("monitors/order_timeout/run", &json!({"keys": ["1"], "confirm": token})).status,
        200
    );
    watched.wait_fact("cancelled:1");
    assert_eq!(world.status(1), 103);
    let audit = watched.0.get("/api/lingshao/v1/shop/audit").body;
    assert!(audit.contains(r#""by":"local""#) && audit.contains("acted_by_hand"), "{audit}");
}

#[test]
fn brakes_hold_and_are_remembered() {
    let mut world = World::new(Kind::Sqlite);
    let watched = world.watch(ACT);
    watched.tick();
    assert_eq!(watched.command("monitors/order_timeout/pause", json!({})).status, 200);
    world.place(Order { id: 1, status: 101, placed: LATE });
    watched.tick();
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!(
        (&monitor["refuses"]["reason"], &monitor["found"]),
        (&json!("paused"), &json!(1)),
        "{monitor:#}"
    );
    // Nor by hand: whoever wants it lets it go on first.
    let refused = watched.post("monitors/order_timeout/run", &json!({"keys": ["1"]}));
    assert_eq!((refused.status, refused.json()["error"]["code"].clone()), (409, json!("refuses")));
    drop(watched);
    // A restart forgets no brake.
    let watched = world.watch(ACT);
    watched.tick();
    assert_eq!(watched.monitor("order_timeout")["pausedBy"], "local");
    assert_eq!(world.status(1), 101);
    // Nor does anything act while the file is there, whoever made it.
    let switch = world.folder.path().join("data/shop.stop");
    std::fs::write(&switch, "").unwrap();
    assert_eq!(watched.command("monitors/order_timeout/resume", json!({})).status, 200);
    watched.tick();
    watched.tick();
    assert_eq!(watched.monitor("order_timeout")["refuses"]["reason"], "stopped");
    assert_eq!(world.status(1), 101);
    assert_eq!(watched.command("go", json!({})).status, 200);
    watched.wait_fact("cancelled:1");
    assert!(!switch.exists());
    assert_eq!(watched.command("stop", json!({})).status, 200);
    assert!(switch.exists());
}

#[test]
fn a_halt_is_a_figure_that_says_why() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    let limits = "{max_share_of_pending: 50%, share_counts_from: 1, two_ticks: false}";
    let watched = world.watch(&format!("order_timeout: {{mode: act, limits: {limits}}}"));
    let series = r#"lingshao_shop_monitor_refuses{monitor="order_timeout",reason="halted",halt="share"}"#;
    let path = format!("/api/v1/query?query={}", crate::harness::encoded(series));
    eventually(series, || watched.0.data(&path)["result"][0]["value"][1] == "1");
    assert_eq!(world.status(1), 101);
}

#[test]
fn tables_that_changed_are_agreed_to_by_a_person() {
    let mut world = World::new(Kind::Sqlite);
    let watched = world.watch(ACT);
    watched.tick();
    drop(watched);
    world.run("ALTER TABLE litemall_order ADD COLUMN points INT");
    world.place(Order { id: 1, status: 101, placed: LATE });
    let watched = world.watch(ACT);
    watched.tick();
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!(monitor["refuses"]["reason"], "mapping", "{monitor:#}");
    assert_eq!((watched.look()["check"]["changed"].clone(), world.status(1)), (json!(true), 101));
    assert_eq!(watched.command("tables/agree", json!({})).status, 200);
    watched.wait_fact("cancelled:1");
}

#[test]
fn rights_that_come_later_are_seen_without_a_word_and_are_no_change_of_the_tables() {
    let mut world = World::new(Kind::Postgres);
    world.place(Order { id: 1, status: 101, placed: LATE });
    world.run("CREATE ROLE watcher LOGIN");
    world.as_user("watcher");
    let watched = world.watch("order_timeout: {mode: act}");
    watched.tick();
    let refuses = watched.monitor("order_timeout")["refuses"].clone();
    assert_eq!(refuses["reason"], "mapping", "{refuses:#}");
    watched.tick();
    // Told once, in the database's words, and not at every tick.
    let log = watched.0.log();
    let told = "monitor=\"order_timeout\" error=the shop's database refuses to tell the first key of a time: permission \
                denied for table litemall_order\n";
    assert_eq!(log.matches("monitor=\"order_timeout\" error").count(), 1, "{log}");
    assert!(log.contains(told), "{log}");
    let output =
        command().args(["shop", "preview", "--config", &world.configure("order_timeout: {}")]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        said.contains("`lingshao shop check` tells what is wrong, and which rights are enough"),
        "{said}"
    );
    for grant in watched.look()["check"]["grants"].as_array().unwrap() {
        world.run(grant.as_str().unwrap());
    }
    watched.wait_fact("cancelled:1");
    assert_eq!(watched.look()["check"]["changed"], false);
}

#[test]
fn a_database_that_goes_away_is_seen_and_its_return_too() {
    let mut world = World::new(Kind::Postgres);
    let watched = world.watch("order_timeout: {}");
    eventually("up", || watched.look()["up"] == true);
    world.database.stop();
    eventually("away", || watched.look()["up"] == false);
    assert!(watched.monitor("low_stock")["error"].is_string(), "it would have been asked in vain");
    world.start_database();
    eventually("up again", || watched.look()["up"] == true);
    eventually("all look again", || watched.monitor("low_stock")["error"].is_null());
}

#[test]
fn a_database_that_is_away_costs_one_wait_a_tick_and_one_line_a_monitor() {
    let world = World::new(Kind::Sqlite);
    world.at("postgres://lingshao@127.0.0.1:1/shop"); // Nobody listens there.
    let watched = world.watch("order_timeout: {}");
    let away = "no connection to the shop's database within 5 s: it is away, or full";
    eventually("away", || watched.monitor("low_stock")["error"] == away);
    watched.tick();
    let shop = watched.look();
    assert_eq!((&shop["up"], &shop["error"]), (&json!(false), &json!(away)));
    let seconds = shop["tickSeconds"].as_f64().unwrap();
    assert!(seconds < 8.0, "each of five monitors waited: {seconds} s");
    let log = watched.0.log();
    assert_eq!(log.matches(away).count(), 5, "{log}");
}

#[test]
fn a_monitor_whose_statements_do_not_fit_stops_and_the_others_go_on() {
    let mut world = World::new(Kind::Sqlite);
    world.run("DROP TABLE litemall_coupon_user");
    world.run("CREATE TABLE litemall_coupon_user (id BIGINT PRIMARY KEY, status SMALLINT, order_id BIGINT)");
    world.run("CREATE INDEX coupons ON litemall_coupon_user (order_id)");
    for table in ["litemall_order", "litemall_order_goods"] {
        let values = if table == "litemall_order" {
            "(id, user_id, order_sn, order_status, actual_price, add_time, pay_time) \
             VALUES (1, 1, '20261126000001', 101, 19.90, datetime('now', '+26400 seconds'), NULL), \
             (6, 1, '20261126000006', 201, 19.90, datetime('now', '+26400 seconds'), datetime('now', '+26400 seconds'))"
        } else {
            "(id, order_id, product_id, number) VALUES (1, 1, 1, 2), (6, 6, 1, 2)"
        };
        world.run(&format!("INSERT INTO {table} {values}"));
    }
    world.group(2, &[6], 2, 60);
    let watched = world.watch(ACT);
    watched.wait_fact("group_failed:2");
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!(monitor["refuses"]["reason"], "mapping", "{monitor:#}");
    let detail = monitor["refuses"]["detail"].as_str().unwrap_or("");
    assert!(detail.starts_with("order_timeout.action.sql[2].exec"), "{detail}");
    assert_eq!((world.status(1), world.status(6)), (101, 203));
}

#[test]
fn two_processes_on_one_shop_act_once() {
    let mut world = World::new(Kind::Sqlite);
    for id in 1..=4 {
        world.place(Order { id, status: 101, placed: LATE });
    }
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    let first = world.watch_in(&[], "one", ACT);
    let second = world.watch_in(&[], "two", ACT);
    eventually("all cancelled", || (1..=4).all(|id| world.status(id) == 103));
    eventually("refunded", || world.refunded(6) == 1_990);
    for watched in [&first, &second] {
        watched.tick();
        watched.tick();
    }
    assert_eq!(world.stock(1), 1_000 + 4 * 2 + 2);
    let numbers: Vec<String> = world.provider.refunds().into_iter().map(|refund| refund.number).collect();
    assert_eq!(numbers, ["LSlx-6-f0"]);
}

#[test]
fn lost_callbacks_pause_the_timeout_by_themselves() {
    let mut world = World::new(Kind::Sqlite);
    for id in 1..=4 {
        world.place(Order { id, status: 101, placed: LATE });
    }
    for id in 1..=3 {
        world.provider.pay(&number_of(id)).unwrap();
    }
    let offset = world.folder.path().join("offset");
    std::fs::write(&offset, "0").unwrap();
    let name = text(&offset);
    let watched =
        world.watch_in(&[("LINGSHAO_CLOCK_OFFSET_FILE", &name)], "data", "order_timeout: {mode: act}");
    watched.wait_fact("paid_but_pending:3");
    watched.wait_fact("cancelled:4");
    // Two minutes later three callbacks are late: nothing is cancelled, whoever has not paid.
    std::fs::write(&offset, "130000").unwrap();
    world.place(Order { id: 5, status: 101, placed: LATE });
    watched.tick();
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!(monitor["refuses"]["reason"], "callbacks", "{monitor:#}");
    assert_eq!((watched.look()["callbacks"]["late"].clone(), world.status(5)), (json!(3), 101));
    // They arrive, and it goes on by itself.
    world.run("UPDATE litemall_order SET order_status=201 WHERE id<=3");
    watched.wait_fact("cancelled:5");
}

#[test]
fn a_provider_that_says_nothing_pauses_the_timeout_which_goes_on_with_its_first_word() {
    let mut world = World::new(Kind::Sqlite);
    for id in 1..=4 {
        world.place(Order { id, status: 101, placed: LATE });
    }
    for id in 5..=9 {
        world.place(Order { id, status: 101, placed: 60 });
    }
    world.provider.always(Some(Fault::Status(502, None)));
    let watched = world.watch("order_timeout: {mode: act}");
    eventually("it waits", || watched.monitor("order_timeout")["refuses"]["reason"] == "provider");
    watched.tick();
    watched.tick();
    assert_eq!([1, 2, 3, 4].map(|id| world.status(id)), [101; 4]);
    // All have been asked for, and nobody places a new order: only what it said nothing of can tell that it is back.
    world.provider.always(None);
    for id in 1..=4 {
        watched.wait_fact(&format!("cancelled:{id}"));
    }
    assert_eq!(watched.monitor("order_timeout")["refuses"], Value::Null);
}

#[test]
fn what_was_paid_another_way_is_neither_cancelled_nor_forgotten() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    for (id, status) in [(1, 101), (2, 101), (3, 201), (4, 101)] {
        world.place(Order { id, status, placed: LATE });
    }
    world.group(1, &[3], 2, 60);
    // The second was tried by another provider; the third paid there; and no provider would take the number of the fourth.
    for (order, number) in [(1, "'SN1'"), (2, "'SN2'"), (2, "NULL"), (3, "NULL"), (4, "'A4'")] {
        world.run(&format!("INSERT INTO attempts (order_id, no) VALUES ({order}, {number})"));
    }
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id ORDER BY id'\ntables: [attempts]"
            .to_owned();
    let watched = world.watch(ACT);
    for fact in ["cancelled:1", "cancelled:4", "group_failed:1", "refund_needs_human:3"] {
        watched.wait_fact(fact);
    }
    watched.tick();
    assert_eq!([1, 2, 3, 4].map(|id| world.status(id)), [103, 101, 203, 103]);
    assert_eq!(world.provider.refunds(), Vec::new());
    let ledger = watched.0.get("/api/lingshao/v1/shop/refunds").json();
    assert_eq!(
        (&ledger["refunds"][0]["state"], &ledger["refunds"][0]["order"]),
        (&json!("HUMAN"), &json!("3")),
        "{ledger:#}"
    );
    for name in ["order_timeout", "group_settle", "refunds"] {
        assert_eq!(watched.monitor(name)["refuses"], Value::Null, "{name}");
    }
    // A person gives it back where it was paid, and says so.
    assert_eq!(watched.command("refunds/LSlx-3-f0/settle", json!({})).status, 200);
    let shown = "SELECT COUNT(*) FROM litemall_order WHERE id=3 AND refund_type='lingshao'";
    eventually("the order shows it", || world.number(shown) == 1);
    let needed = || watched.0.data("/api/v1/query?query=refunds_need_human")["result"][0]["value"][1].clone();
    eventually("nobody is needed", || needed() == "0");
    assert_eq!(world.provider.refunds(), Vec::new());
    let again = watched.post("refunds/LSlx-3-f0/settle", &json!({}));
    let again = watched.post("refunds/LSlx-3-f0/settle", &json!({"confirm": again.json()["confirm"]}));
    assert_eq!(again.status, 409, "{}", again.body);
}

#[test]
fn money_of_an_orphan_that_a_person_gave_back_is_no_orphan_any_more() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 7, status: 102, placed: LATE });
    world.provider.pay(&number_of(7)).unwrap();
    let offset = world.folder.path().join("offset");
    std::fs::write(&offset, "0").unwrap();
    let name = text(&offset);
    let watched = world.watch_in(&[("LINGSHAO_CLOCK_OFFSET_FILE", &name)], "data", ACT);
    watched.wait_fact("orphan_payment:7");
    world.refund_by_hand(&number_of(7), "BYHAND7", 1_990, "https://shop.example/notify");
    watched.tick();
    assert_eq!(watched.look()["orphans"][0]["order"], "7");
    std::fs::write(&offset, "270000").unwrap();
    eventually("no orphan", || watched.look()["orphans"] == json!([]));
}

#[test]
fn who_paid_twice_for_a_cancelled_order_is_seen_with_both() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    world.place(Order { id: 7, status: 102, placed: LATE });
    world.run(&format!("INSERT INTO attempts (order_id, no) VALUES (7, '{}'), (7, 'AGAIN7')", number_of(7)));
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id ORDER BY id'\ntables: [attempts]"
            .to_owned();
    world.provider.open_trade("AGAIN7", 1_990, None);
    for trade in [number_of(7), "AGAIN7".to_owned()] {
        world.provider.pay(&trade).unwrap();
    }
    let watched = world.watch("refunds: {mode: act, orphans: true}");
    // One goes back by itself; the other stays where people see it.
    watched.hurry(7, "DONE");
    eventually("one is left", || watched.look()["orphans"].as_array().unwrap().len() == 1);
    watched.tick();
    let orphans = watched.look()["orphans"].clone();
    assert_eq!((orphans.as_array().unwrap().len(), &orphans[0]["order"]), (1, &json!("7")), "{orphans:#}");
    let back = [number_of(7), "AGAIN7".to_owned()].map(|trade| world.provider.refunded_fen(&trade));
    assert_eq!(back.iter().sum::<i64>(), 1_990, "{back:?}");
}

#[test]
fn a_member_of_a_failed_group_who_paid_twice_has_one_refund_by_itself_and_the_other_payment_is_shown() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    world.run(&format!("INSERT INTO attempts (order_id, no) VALUES (6, '{}'), (6, 'AGAIN6')", number_of(6)));
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id ORDER BY id'\ntables: [attempts]"
            .to_owned();
    world.provider.open_trade("AGAIN6", 1_990, None);
    world.provider.pay("AGAIN6").unwrap();
    let watched = world
        .watch("group_settle: {mode: act}\nrefunds: {mode: act, orphans: true}\norder_timeout: {mode: act}");
    watched.hurry(6, "DONE");
    let ledger = watched.0.get("/api/lingshao/v1/shop/refunds").json();
    assert_eq!(ledger["refunds"].as_array().unwrap().len(), 1, "{ledger:#}");
    assert_eq!(ledger["refunds"][0]["trade"], number_of(6).as_str(), "{ledger:#}");
    let back = [number_of(6), "AGAIN6".to_owned()].map(|trade| world.provider.refunded_fen(&trade));
    assert_eq!(back, [1_990, 0]);
    watched.tick();
    let orphans = watched.look()["orphans"].clone();
    assert_eq!(
        (orphans.as_array().unwrap().len(), &orphans[0]["trade"]),
        (1, &json!("AGAIN6")),
        "{orphans:#}"
    );
}

/// The second payment must not take the place of the first while nobody can tell of it.
#[test]
fn the_refund_of_a_member_is_of_the_groups_payment_and_waits_until_all_is_clear() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    world.run(&format!("INSERT INTO attempts (order_id, no) VALUES (6, '{}'), (6, 'AGAIN6')", number_of(6)));
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id ORDER BY id'\ntables: [attempts]"
            .to_owned();
    world.provider.open_trade("AGAIN6", 1_990, None);
    world.provider.pay("AGAIN6").unwrap();
    let watched = world.watch("group_settle: {mode: act}\nrefunds: {mode: dry_run, orphans: true}");
    eventually("both are known", || watched.look()["orphans"][0]["trade"] == "AGAIN6");
    world.provider.always(Some(Fault::Status(502, None)));
    world.configure("group_settle: {mode: act}\nrefunds: {mode: act, orphans: true}");
    assert_eq!(watched.0.request("POST", "/-/reload", &[], b"").status, 200);
    watched.tick();
    watched.tick();
    world.provider.always(None);
    watched.tick();
    watched.tick();
    let ledger = watched.0.get("/api/lingshao/v1/shop/refunds").json();
    assert_eq!((&ledger["refunds"], world.provider.refunds()), (&json!([]), Vec::new()));
    assert_eq!(watched.look()["orphans"][0]["trade"], "AGAIN6");
}

/// An orphan that is too large to go back by itself, which a person gives back in cash.
#[test]
fn an_orphan_that_was_given_back_by_hand_is_none_any_more_and_its_order_shows_it() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 7, status: 102, placed: LATE });
    world.provider.pay(&number_of(7)).unwrap();
    let monitors = "refunds: {mode: act, orphans: true, limits: {fen_per_refund: 1000}}";
    let watched = world.watch(monitors);
    watched.wait_fact("refund_needs_human:7");
    assert_eq!(watched.command("refunds/LSlx-7-f0/settle", json!({})).status, 200);
    let shown =
        "SELECT COUNT(*) FROM litemall_order WHERE id=7 AND order_status=203 AND refund_type='lingshao'";
    eventually("the order shows it", || world.number(shown) == 1);
    eventually("no orphan", || watched.look()["orphans"] == json!([]));
    watched.0.kill();
    let watched = world.watch(monitors);
    watched.tick();
    watched.tick();
    assert_eq!((watched.look()["orphans"].clone(), world.provider.refunds()), (json!([]), Vec::new()));
}

#[test]
fn an_orphan_is_remembered_over_a_restart_until_it_is_none() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 7, status: 102, placed: LATE });
    world.provider.pay(&number_of(7)).unwrap();
    let watched = world.watch("refunds: {mode: act}");
    watched.wait_fact("orphan_payment:7");
    watched.0.kill();
    // In the next life its order is too old to be looked at.
    let later = "refunds: {mode: act, look_back: 10m}";
    let watched = world.watch(later);
    watched.tick();
    let shop = watched.look();
    assert_eq!((&shop["orphans"][0]["order"], &shop["orphans"][0]["fen"]), (&json!("7"), &json!(1_990)));
    world.run("UPDATE litemall_order SET order_status=201 WHERE id=7");
    eventually("no orphan", || watched.look()["orphans"] == json!([]));
    watched.0.kill();
    world.run("UPDATE litemall_order SET order_status=102 WHERE id=7");
    let watched = world.watch(later);
    watched.tick();
    watched.tick();
    assert_eq!(watched.look()["orphans"], json!([]));
}

/// As litemall does it: the order becomes a paid one and the member's row counts, however the group has ended.
fn who_pays_after_the_group_has_failed_gets_the_money_back(kind: Kind) {
    let mut world = World::new(kind);
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.place(Order { id: 8, status: 101, placed: 600 });
    world.group(2, &[6, 8], 3, 60);
    world.run("UPDATE litemall_groupon SET status=0 WHERE order_id=8");
    let watched = world.watch("group_settle: {mode: act}\nrefunds: {mode: act}");
    watched.wait_fact("group_failed:2");
    watched.hurry(6, "DONE");
    world.provider.pay(&number_of(8)).unwrap();
    let paid = world.ago(0);
    world.run(&format!("UPDATE litemall_order SET order_status=201, pay_time={paid} WHERE id=8"));
    world.run("UPDATE litemall_groupon SET status=1 WHERE order_id=8");
    watched.wait_fact("late_member_failed:8");
    watched.hurry(8, "DONE");
    assert_eq!([6, 8].map(|id| (world.status(id), world.refunded(id))), [(203, 1_990), (203, 1_990)]);
    assert_eq!(world.number("SELECT status FROM litemall_groupon WHERE order_id=8"), 3);
    assert_eq!(world.stock(1), 1_000 + 2 + 2);
    let numbers: Vec<String> = world.provider.refunds().into_iter().map(|refund| refund.number).collect();
    assert_eq!(numbers, ["LSlx-6-f0", "LSlx-8-f0"]);
    let settled = || watched.look()["groups"][0]["status"].clone();
    eventually("nobody's money is outstanding", || settled() == 4);
}

#[test]
fn who_pays_after_the_group_has_failed_gets_the_money_back_on_sqlite() {
    who_pays_after_the_group_has_failed_gets_the_money_back(Kind::Sqlite);
}

#[test]
fn who_pays_after_the_group_has_failed_gets_the_money_back_on_mariadb() {
    who_pays_after_the_group_has_failed_gets_the_money_back(Kind::Mariadb);
}

#[test]
fn who_paid_too_late_is_shown_before_anything_is_done_and_a_person_may_have_it_done() {
    let mut world = World::new(Kind::Sqlite);
    for id in [6, 8] {
        world.place(Order { id, status: 201, placed: LATE });
    }
    world.group(2, &[6, 8], 3, 60);
    world.run("UPDATE litemall_groupon SET status=3 WHERE order_id=6");
    let watched = world.watch("group_settle: {}");
    watched.wait_fact("would_settle:8");
    let preview = watched.0.get("/api/lingshao/v1/shop/preview").json();
    let group = &preview["groups"][0];
    let shown = ["group", "order", "verdict"].map(|field| group[field].as_str().unwrap_or_default());
    assert_eq!(shown, ["order-8", &number_of(8), "late_member"], "{preview:#}");
    assert_eq!(world.status(8), 201);
    let done = watched.command("monitors/group_settle/run", json!({"keys": ["order-8"]}));
    assert_eq!(done.status, 200, "{}", done.body);
    watched.wait_fact("late_member_failed:8");
    assert_eq!(world.status(8), 203);
}

#[test]
fn a_refund_that_is_larger_than_one_may_be_waits_for_a_person_who_sends_it() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    // More than a day's money, too.
    let caps = "limits: {fen_per_refund: 1000, fen_per_day: 1500}";
    let watched = world.watch(&format!("group_settle: {{mode: act}}\nrefunds: {{mode: act, {caps}}}"));
    watched.wait_fact("refund_needs_human:6");
    watched.tick();
    let refund = watched.refund(6);
    assert_eq!(refund["state"], "HUMAN", "{refund:#}");
    assert_eq!(refund["why"], "it is larger than `fen_per_refund`", "{refund:#}");
    let audit = watched.0.get("/api/lingshao/v1/shop/audit?limit=100").json();
    let rows = audit["rows"].as_array().unwrap();
    let handed_over = rows.iter().find(|row| row["kind"] == "refund_needs_human").unwrap();
    assert_eq!((&handed_over["before"], &handed_over["after"]), (&json!("PLANNED"), &json!("HUMAN")));
    assert_eq!((world.provider.refunds(), world.status(6)), (Vec::new(), 203));
    let told = || watched.0.data("/api/v1/query?query=refunds_need_human")["result"][0]["value"][1].clone();
    eventually("people are told", || told() == "1");
    let sent = watched.command("refunds/LSlx-6-f0/retry", json!({}));
    assert_eq!(sent.status, 200, "{}", sent.body);
    eventually("the money is back", || world.refunded(6) == 1_990);
    let numbers: Vec<String> = world.provider.refunds().into_iter().map(|refund| refund.number).collect();
    assert_eq!(numbers, ["LSlx-6-f1"]);
    // It is decided: nobody is called again, nor can it be decided twice.
    eventually("nobody is needed", || told() == "0");
    let again = watched.post("refunds/LSlx-6-f0/retry", &json!({}));
    let again = watched.post("refunds/LSlx-6-f0/retry", &json!({"confirm": again.json()["confirm"]}));
    assert!(again.body.contains("refund LSlx-6-f0 was replaced by LSlx-6-f1"), "{}", again.body);
}

/// A refund on its way, and a shop whose groups cannot be read any more.
#[test]
fn what_has_left_is_asked_for_whatever_of_the_shop_cannot_be_looked_at() {
    let mut world = World::new(Kind::Sqlite);
    world.provider.hold_refunds();
    world.place(Order { id: 6, status: 201, placed: LATE });
    world.group(2, &[6], 2, 60);
    let watched = world.watch(ACT);
    watched.wait_fact("refund_accepted:6");
    world.run("ALTER TABLE litemall_groupon RENAME TO litemall_groupon_old");
    eventually("it is told", || watched.monitor("refunds")["error"].is_string());
    assert!(world.provider.finish_refund("LSlx-6-f0", RefundState::Done));
    watched.hurry(6, "DONE");
    assert_eq!(world.number("SELECT COUNT(*) FROM litemall_order WHERE refund_type='lingshao'"), 1);
}

#[test]
fn orders_that_were_tried_another_way_use_up_no_limit() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    for id in 1..=12 {
        world.place(Order { id, status: 101, placed: LATE - id });
        let number = if id <= 10 { "NULL".to_owned() } else { format!("'{}'", number_of(id)) };
        world.run(&format!("INSERT INTO attempts (order_id, no) VALUES ({id}, {number})"));
    }
    for id in 20..24 {
        world.place(Order { id, status: 101, placed: 60 });
    }
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id'\ntables: [attempts]".to_owned();
    // Twelve of sixteen would be a share that halts; ten would be more than the hour has room for.
    let watched = world.watch("order_timeout: {mode: act, limits: {per_hour: 2, share_counts_from: 3}}");
    watched.wait_fact("cancelled:11");
    watched.wait_fact("cancelled:12");
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!((&monitor["held"]["elsewhere"], &monitor["halted"]), (&json!(10), &Value::Null));
}

/// The customer taps "pay" once more between the two lives.
#[test]
fn a_cancellation_that_goes_on_after_a_crash_asks_for_what_was_tried_since() {
    let mut world = World::new(Kind::Sqlite);
    world.run("CREATE TABLE attempts (id INTEGER PRIMARY KEY, order_id INTEGER, no TEXT)");
    for id in [1, 2] {
        world.place(Order { id, status: 101, placed: LATE });
        world.run(&format!("INSERT INTO attempts (order_id, no) VALUES ({id}, '{}')", number_of(id)));
    }
    world.shop_lines =
        "orders:\n  trades: 'SELECT no FROM attempts WHERE order_id=:id'\ntables: [attempts]".to_owned();
    let act = "order_timeout: {mode: act}";
    let mut first = world.watch_in(&[("LINGSHAO_KILL_AT", "shop-before-tx:1")], "data", act);
    eventually("it dies", || first.0.has_ended());
    world.run("INSERT INTO attempts (order_id, no) VALUES (1, 'AGAIN1'), (2, NULL)");
    world.provider.open_trade("AGAIN1", 1_990, None);
    world.provider.pay("AGAIN1").unwrap();
    let watched = world.watch(act);
    watched.wait_fact("paid_but_pending:1");
    watched.tick();
    watched.tick();
    assert_eq!([1, 2].map(|id| world.status(id)), [101; 2], "{:?}", watched.facts());
}

#[test]
fn an_orphan_of_a_provider_that_is_no_longer_there_stops_nothing() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 7, status: 102, placed: LATE });
    world.provider.pay(&number_of(7)).unwrap();
    let watched = world.watch("order_timeout: {mode: act}");
    watched.wait_fact("orphan_payment:7");
    watched.0.kill();
    world.has_provider = false;
    let offset = world.folder.path().join("offset");
    std::fs::write(&offset, "0").unwrap();
    let name = text(&offset);
    let watched =
        world.watch_in(&[("LINGSHAO_CLOCK_OFFSET_FILE", &name)], "data", "order_timeout: {mode: act}");
    for minutes in 1..=3 {
        watched.tick();
        std::fs::write(&offset, (minutes * 245_000).to_string()).unwrap();
    }
    world.place(Order { id: 1, status: 101, placed: LATE });
    watched.wait_fact("cancelled:1");
    assert_eq!(watched.look()["orphans"][0]["order"], "7");
}

#[test]
fn an_order_whose_statements_do_harm_stays_with_a_person_by_hand_and_over_a_restart() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    world.run("UPDATE litemall_order_goods SET product_id=77 WHERE order_id=1");
    let act = "order_timeout: {mode: act, limits: {two_ticks: false}}";
    let watched = world.watch(act);
    let halted = |watched: &Watched| watched.monitor("order_timeout")["halted"].clone();
    let resume = |watched: &Watched| {
        assert_eq!(watched.command("monitors/order_timeout/resume", json!({})).status, 200);
    };
    eventually("it halts", || halted(&watched) == "rows_mismatch");
    resume(&watched);
    eventually("it goes on", || halted(&watched) == Value::Null);
    assert_eq!(watched.command("monitors/order_timeout/run", json!({"keys": ["1"]})).status, 200);
    eventually("it halts again", || halted(&watched) == "rows_mismatch");
    resume(&watched);
    watched.0.kill();
    let watched = world.watch(act);
    world.place(Order { id: 2, status: 101, placed: LATE });
    watched.wait_fact("cancelled:2");
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!((&monitor["halted"], &monitor["quarantined"]), (&Value::Null, &json!(["1"])));
    assert_eq!(world.status(1), 101);
}

#[test]
fn what_was_ordered_by_hand_and_not_done_is_told() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 3, status: 101, placed: 60 });
    let watched = world.watch("order_timeout: {}");
    watched.tick();
    assert_eq!(watched.command("monitors/order_timeout/run", json!({"keys": ["3", "99"]})).status, 200);
    let told = || {
        let audit = watched.0.get("/api/lingshao/v1/shop/audit?limit=100").json();
        let rows = audit["rows"].as_array().unwrap();
        rows.iter().find(|row| row["kind"] == "by_hand_not_done").cloned()
    };
    eventually("it is told", || told().is_some());
    let told = told().unwrap();
    let expected = json!("3,99: it is not due, was tried another way, or statements cannot undo it");
    assert_eq!((&told["detail"], &told["by"]), (&expected, &json!("local")), "{told:#}");
}

/// Two processes that share `state.db`: one looks after the shop, the person is on the other's page.
#[test]
fn a_brake_holds_from_whichever_process_it_is_pulled() {
    let mut world = World::new(Kind::Sqlite);
    let shared = text(world.folder.path().join("shared.db"));
    let act = "order_timeout: {mode: act, limits: {two_ticks: false}}";
    let mut member = |name: &str| {
        world.lines = format!("state: {{url: 'sqlite://{shared}', member: {name}}}");
        world.watch_in(&[], name, act)
    };
    let first = member("one");
    first.tick();
    let second = member("two");
    eventually("it stands by", || second.look()["standby"] == "one");
    assert_eq!(second.command("stop", json!({})).status, 200);
    eventually("both are stopped", || first.look()["stopped"] == true && second.look()["stopped"] == true);
    world.place(Order { id: 1, status: 101, placed: LATE });
    first.tick();
    first.tick();
    assert_eq!(world.status(1), 101);
    // To let it go on is for whoever looks after the shop.
    let refused = second.post("go", &json!({}));
    assert_eq!((refused.status, refused.json()["error"]["code"].clone()), (409, json!("standby")));
    assert!(refused.body.contains("`one` looks after the shop"), "{}", refused.body);
    assert_eq!(second.command("monitors/order_timeout/pause", json!({})).status, 200);
    eventually("it is paused there", || first.monitor("order_timeout")["pausedBy"] == "local");
    assert_eq!(first.command("go", json!({})).status, 200);
    eventually("nobody is stopped", || first.look()["stopped"] == false && second.look()["stopped"] == false);
    first.tick();
    assert_eq!(
        (first.monitor("order_timeout")["refuses"]["reason"].clone(), world.status(1)),
        (json!("paused"), 101)
    );
    assert_eq!(first.command("monitors/order_timeout/resume", json!({})).status, 200);
    first.wait_fact("cancelled:1");
    // Whoever takes over knows why the other has halted.
    world.place(Order { id: 2, status: 101, placed: LATE });
    world.run("UPDATE litemall_order_goods SET product_id=77 WHERE order_id=2");
    eventually("it halts", || first.monitor("order_timeout")["halted"] == "rows_mismatch");
    // Mended meanwhile, so that nothing but what was known would keep the other from going on.
    world.run("UPDATE litemall_order_goods SET product_id=1 WHERE order_id=2");
    world.place(Order { id: 3, status: 101, placed: LATE });
    first.0.signal("-TERM");
    eventually("the other takes over", || second.look()["standby"] == Value::Null);
    second.tick();
    let monitor = second.monitor("order_timeout");
    assert_eq!((&monitor["halted"], world.status(3)), (&json!("rows_mismatch"), 101), "{monitor:#}");
    assert_eq!(second.command("monitors/order_timeout/resume", json!({})).status, 200);
    second.wait_fact("cancelled:3");
    assert_eq!(second.monitor("order_timeout")["quarantined"], json!(["2"]));
}

#[test]
fn an_order_that_cannot_be_read_stops_no_other() {
    let mut world = World::new(Kind::Sqlite);
    for id in [1, 2, 3] {
        world.place(Order { id, status: 101, placed: LATE });
    }
    world.run("UPDATE litemall_order SET order_sn='线下/001' WHERE id=1");
    world.run("UPDATE litemall_order SET actual_price='19.905' WHERE id=2");
    let watched = world.watch("order_timeout: {mode: act}");
    watched.wait_fact("cancelled:3");
    watched.tick();
    let monitor = watched.monitor("order_timeout");
    assert_eq!((&monitor["held"]["unreadable"], &monitor["error"]), (&json!(2), &Value::Null));
    assert_eq!([1, 2, 3].map(|id| world.status(id)), [101, 101, 103]);
    let log = watched.0.log();
    for said in ["order number `线下/001` may have letters", "`19.905` is not what the mapping promises"] {
        assert_eq!(log.matches(said).count(), 1, "{said}: {log}");
    }
}

#[test]
fn who_is_told_that_it_asks_wrongly_asks_no_more_before_a_person_has_looked() {
    let mut world = World::new(Kind::Sqlite);
    for id in 5..=9 {
        world.place(Order { id, status: 101, placed: 600 });
    }
    world.provider.always(Some(Fault::Status(502, None)));
    let watched = world.watch("order_timeout: {mode: act}");
    eventually("it waits", || watched.monitor("order_timeout")["refuses"]["reason"] == "provider");
    // The provider is back, and refuses our key.
    world.provider.always(Some(Fault::Code("SIGN_ERROR")));
    eventually("it halts", || watched.monitor("order_timeout")["halted"] == "our_fault");
    watched.tick();
    let asked = world.provider.received().len();
    watched.tick();
    watched.tick();
    assert_eq!(world.provider.received().len(), asked);
}

#[test]
fn the_shops_own_way_to_cancel_is_called_and_what_it_did_is_looked_at() {
    use std::io::{Read, Write};
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    let api = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = api.local_addr().unwrap();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = api.accept().unwrap();
        let mut bytes = [0; 4_096];
        let length = stream.read(&mut bytes).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    let monitors = format!(
        "order_timeout:\n  mode: act\n  action:\n    http:\n      url: http://{address}/admin/orders/:id/cancel\n      \
         headers: {{x-token: hush}}\n      body: '{{\"no\": \":no\"}}'"
    );
    let watched = world.watch(&monitors);
    let request = heard.join().unwrap();
    assert!(request.starts_with("POST /admin/orders/1/cancel HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("x-token: hush") && request.ends_with(r#"{"no": "20261126000001"}"#),
        "{request}"
    );
    // It said yes and did nothing: that is what counts.
    watched.wait_fact("cancel_postponed:1");
    assert_eq!(world.status(1), 101);
    assert!(!watched.0.get("/api/v1/status/config").body.contains("hush"));
}

/// An API that takes a call and says nothing before it is let go.
#[test]
fn a_reload_does_not_wait_for_the_act_under_way_which_ends_as_it_was_begun() {
    use std::io::{Read, Write};
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    let api = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = api.local_addr().unwrap();
    let monitors = |more: &str| {
        format!(
            "order_timeout:\n  mode: act\n  action: {{http: {{url: 'http://{address}/cancel/:id'}}}}{more}"
        )
    };
    let watched = world.watch(&monitors(""));
    let (mut stream, _) = api.accept().unwrap();
    assert!(stream.read(&mut [0; 4_096]).unwrap() > 0);
    let first = watched.look()["tickAt"].clone();
    world.place(Order { id: 2, status: 101, placed: LATE });
    world.configure(&monitors("\nlow_stock: {below: 3}"));
    let begun = std::time::Instant::now();
    assert_eq!(watched.0.request("POST", "/-/reload", &[], b"").status, 200);
    let took = begun.elapsed();
    assert!(took.as_secs() < 3, "the reload waited for the shop: {took:?}");
    // Nothing of the new one is done beside what the old one does.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(watched.look(), json!(null), "{first}");
    world.run("UPDATE litemall_order SET order_status=103 WHERE id=1");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
    watched.wait_fact("cancelled:1");
    let (mut stream, _) = api.accept().unwrap();
    let mut bytes = [0; 4_096];
    let length = stream.read(&mut bytes).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..length]).starts_with("POST /cancel/2 "));
    world.run("UPDATE litemall_order SET order_status=103 WHERE id=2");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
    watched.wait_fact("cancelled:2");
    watched.tick();
    assert_eq!(watched.look()["stock"]["below"], 3);
}

#[test]
fn a_key_that_was_changed_in_its_file_counts_from_the_next_reload() {
    let mut world = World::new(Kind::Sqlite);
    world.place(Order { id: 1, status: 101, placed: LATE });
    let file = world.folder.path().join("merchant.pem");
    std::fs::write(
        &file,
        include_str!("../../../../demo/src/fakes/wechatpay/keys/demo-only-platform.key.pem"),
    )
    .unwrap();
    let watched = world.watch("order_timeout: {mode: act}");
    watched.wait_fact("our_fault:1");
    eventually("it halts", || watched.monitor("order_timeout")["halted"] == "our_fault");
    std::fs::write(&file, lingshao_demo::fakes::WechatPayAccount::MERCHANT_KEY).unwrap();
    assert_eq!(watched.0.request("POST", "/-/reload", &[], b"").status, 200);
    assert_eq!(watched.command("monitors/order_timeout/resume", json!({})).status, 200);
    watched.wait_fact("cancelled:1");
    assert_eq!(world.status(1), 103);
}

/// Refunds that stay open at the provider until it says otherwise, and callbacks that come as they come.
#[test]
fn callbacks_make_the_ledger_ask_at_once_and_are_never_believed() {
    let mut world = World::new(Kind::Sqlite);
    let port = crate::harness::free_port();
    let path = "/api/lingshao/v1/shop/wechatpay/refund";
    world.wechatpay_lines = format!("api_v3_key_file: v3.key\nnotify_url: 'http://127.0.0.1:{port}{path}'");
    for id in 6..=9 {
        world.place(Order { id, status: 201, placed: LATE });
        world.group(id, &[id], 2, 60);
    }
    world.provider.hold_refunds();
    let file = world.configure(ACT);
    let data = world.folder.path().join("data");
    let listen = format!("127.0.0.1:{port}");
    let watched =
        Watched(Server::try_start_in(&[], &data, &["--config", &file, "--listen", &listen]).unwrap());
    for id in 6..=9 {
        watched.wait_fact(&format!("refund_accepted:{id}"));
    }
    let asked = |world: &World, number: &str| {
        let path = format!("/v3/refund/domestic/refunds/{number}");
        world.provider.received().iter().filter(|one| one.request.path() == path).count()
    };
    let number = |id: i64| format!("LSlx-{id}-f0");
    let before = asked(&world, &number(6));
    // Told twice; told after the next; never told: each ends as the provider's books say, and is asked for at once
    // though the ledger's own time to ask has not come.
    world.provider.script_notices([NoticeFault::Twice, NoticeFault::Late, NoticeFault::Probe]);
    for id in [6, 7, 8] {
        assert!(world.provider.finish_refund(&number(id), RefundState::Done));
    }
    let notices = world.provider.wait_notices(5, crate::harness::PATIENCE).unwrap();
    let told: Vec<_> = notices.iter().map(|notice| (notice.about.clone(), notice.status)).collect();
    let line = |id, status| (number(id), Some(status));
    assert_eq!(told, [line(6, 204), line(6, 204), line(8, 401), line(8, 204), line(7, 204)]);
    for id in [6, 7, 8] {
        eventually("done", || watched.refund(id)["state"] == "DONE");
    }
    assert_eq!(asked(&world, &number(6)) - before, 1, "the same is told twice and asked for once");
    assert_eq!([6, 7, 8, 9].map(|id| world.refunded(id)), [1_990; 4]);
    let before = asked(&world, &number(9));
    // A forger's word changes nothing, and is answered so that WeChat Pay would say it again.
    world.provider.script_notices([NoticeFault::Forged]);
    assert!(world.provider.finish_refund(&number(9), RefundState::Done));
    let notices = world.provider.wait_notices(6, crate::harness::PATIENCE).unwrap();
    assert_eq!(notices.last().unwrap().status, Some(401));
    let refused = watched.0.request("POST", path, &[("content-type", "application/json")], b"{}");
    assert_eq!((refused.status, refused.json()["code"].clone()), (401, json!("FAIL")), "{}", refused.body);
    watched.tick();
    watched.tick();
    assert_eq!(asked(&world, &number(9)), before, "a stranger's word makes nobody ask");
    assert_eq!(watched.refund(9)["state"], "ACCEPTED");
    // A refund that somebody else has sent, and a body that nobody sends.
    world.provider.open_trade("20261126009999", 500, None);
    world.provider.pay("20261126009999").unwrap();
    world.refund_by_hand("20261126009999", "HAND-1", 500, &format!("http://127.0.0.1:{port}{path}"));
    assert!(world.provider.finish_refund("HAND-1", RefundState::Done));
    let notices = world.provider.wait_notices(7, crate::harness::PATIENCE).unwrap();
    assert_eq!((notices[6].about.as_str(), notices[6].status), ("HAND-1", Some(404)));
    let headers = [("wechatpay-signature", "x")];
    let large = watched.0.request("POST", path, &headers, &vec![b'x'; 70_000]);
    assert_eq!((large.status, large.json()["code"].clone()), (413, json!("FAIL")));
    let facts = |fact: &str| {
        watched.0.data(&format!(
            "/api/v1/query?query={}",
            crate::harness::encoded(&format!(
                r#"lingshao_shop_facts_total{{monitor="refunds",fact="{fact}"}}"#
            ))
        ))["result"][0]["value"][1]
            .clone()
    };
    eventually("counted", || facts("callback") == "4");
    eventually("refusals counted", || facts("callback_refused").as_str().is_some_and(|count| count != "0"));
    word_of_an_ended_refund(&mut world, &watched, &number(10));
    word_that_a_crash_left(&mut world, watched, &number(11));
}

/// A card that takes no money is for people, who mend it on the merchant's pages: of that the ledger is told.
fn word_of_an_ended_refund(world: &mut World, watched: &Watched, number: &str) {
    world.place(Order { id: 10, status: 201, placed: LATE });
    world.group(10, &[10], 2, 60);
    watched.wait_fact("refund_accepted:10");
    assert!(world.provider.finish_refund(number, RefundState::Abnormal));
    eventually("a person must look", || watched.refund(10)["state"] == "HUMAN");
    assert!(world.provider.finish_refund(number, RefundState::Done));
    eventually("it is mended", || watched.refund(10)["state"] == "DONE");
    for fact in ["refund_needs_human:10", "refund_told:10", "refund_done:10", "refund_marked:10"] {
        watched.wait_fact(fact);
    }
    assert_eq!((world.refunded(10), world.status(10)), (1_990, 203));
    assert_eq!(watched.look()["refunds"]["human"], 0);
}

/// The same, acknowledged by a life that did not come to ask.
fn word_that_a_crash_left(world: &mut World, watched: Watched, number: &str) {
    world.place(Order { id: 11, status: 201, placed: LATE });
    world.group(11, &[11], 2, 60);
    watched.wait_fact("refund_accepted:11");
    assert!(world.provider.finish_refund(number, RefundState::Abnormal));
    eventually("a person must look", || watched.refund(11)["state"] == "HUMAN");
    drop(watched);
    assert!(world.provider.finish_refund(number, RefundState::Done));
    let data = world.folder.path().join("data");
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                  c.execute('INSERT INTO shop_meta VALUES (?, ?, ?)', ('lx', 'told:' + sys.argv[2], '')); c.commit()";
    let state = text(data.join("state.db"));
    let told = std::process::Command::new("python3").args(["-c", script, &state, number]).status();
    assert!(told.unwrap().success());
    let file = world.configure(ACT);
    let watched = Watched(Server::try_start_in(&[], &data, &["--config", &file]).unwrap());
    eventually("it is mended", || watched.refund(11)["state"] == "DONE");
    watched.wait_fact("refund_marked:11");
    assert_eq!((world.refunded(11), world.status(11)), (1_990, 203));
}

#[test]
fn the_command_line_looks_and_changes_nothing() {
    let mut world = World::new(Kind::Sqlite);
    fill(&mut world);
    let config = world.configure(ACT);
    let run = |what: &str| {
        let output = command().args(["shop", what, "--config", &config]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = run("check");
    assert_eq!(code, Some(0), "{said}");
    for part in
        ["SQLite (litemall)", "order_timeout: act", "nothing is wrong", "CREATE INDEX lingshao_pending"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (code, said) = run("preview");
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "order_timeout (act): 2 of 3 pending orders are late",
        "20261126000001",
        "19.90 yuan",
        "group_settle (act): 2 groups end",
        "2  failed  1 of 2 paid",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!([1, 2, 4, 6].map(|id| world.status(id)), [101, 101, 201, 201]);
    world.run("DROP TABLE litemall_order_goods");
    let (code, said) = run("check");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("litemall_order_goods: error: table `litemall_order_goods` is not in the database"),
        "{said}"
    );
}
