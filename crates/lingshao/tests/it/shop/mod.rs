//! The business monitors on the real binary: real databases, a payment provider on a socket.

mod world;

#[path = "../../../../shop/tests/shop/servers.rs"]
#[allow(dead_code, reason = "each test program uses its own part of this")]
mod servers;

use serde_json::json;
use world::{Kind, Order, World, number_of};

use crate::harness::{command, eventually, text};

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
    let refunded = "SELECT COUNT(*) FROM litemall_order WHERE id=6 AND refund_type='lingshao' AND refund_amount=19.90";
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
    assert_eq!(shop["figures"]["orders"], 7, "{shop:#}");
    assert_eq!(watched.0.get("/api/lingshao/v1/shop/audit/verify").json(), json!({"whole": true, "brokenAt": null}));
    let export = watched.0.get("/api/lingshao/v1/shop/audit/export").body;
    let cancelled: Vec<serde_json::Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|row: &serde_json::Value| row["kind"] == "cancelled")
        .collect();
    assert_eq!(cancelled.len(), 1, "{export}");
    assert_eq!((&cancelled[0]["before"], &cancelled[0]["after"]), (&json!("pending"), &json!("cancelled")));
    // Figures that rules judge, and records that people search.
    for (series, expected) in [
        (r#"product_stock{product_id="3"}"#, "4"),
        (r#"group_buy_status{group_id="2"}"#, "4"),
        ("orphan_payments_fen", "1990"),
        (r#"lingshao_shop_facts_total{monitor="order_timeout",fact="cancelled"}"#, "1"),
        ("orders_today > 0", "7"),
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
    assert_eq!(world.provider.received().iter().filter(|one| one.request.method == "POST").count(), 0);
}
