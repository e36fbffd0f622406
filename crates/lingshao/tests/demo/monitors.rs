//! The business monitors act on the demo's shop: what they say they did stands in the shop's and the provider's own books.

use std::path::Path;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::harness::Server;
use crate::incidents::{begin, messages, start, wait};

/// One figure of a database of the demo.
fn figure(folder: &Path, file: &str, question: &'static str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(folder.join("shop").join(file)).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query_scalar(question).fetch_one(&mut connection).await.unwrap()
    })
}

fn shop(server: &Server) -> Value {
    server.get("/api/lingshao/v1/shop").json()["shop"].clone()
}

/// Facts of the audit trail of that kind.
fn facts(server: &Server, kind: &str) -> Vec<Value> {
    let audit = server.get("/api/lingshao/v1/shop/audit?limit=1000").json();
    audit["rows"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).cloned().collect()
}

#[test]
fn unpaid_orders_are_cancelled_failed_groups_have_their_money_back_and_an_outage_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    // An outage lasts a minute. Of what waits for its payment, three minutes' worth at this speed, fewer than half are
    // late when it ends; more would be left to a person.
    let server = start(&folder);
    wait(&server, "the monitors have looked", || shop(&server)["monitors"].is_array());
    let mode = |name: &str| {
        let monitors = shop(&server)["monitors"].as_array().cloned().unwrap_or_default();
        monitors.into_iter().find(|monitor| monitor["name"] == name).map(|monitor| monitor["mode"].clone())
    };
    for name in ["order_timeout", "group_settle", "refunds"] {
        assert_eq!(mode(name), Some("act".into()), "{name}");
    }
    begin(&server, "failed-group");
    wait(&server, "the refund waits for money", || !facts(&server, "refund_waits_for_money").is_empty());
    assert_eq!(figure(folder.path(), "provider.db", "SELECT count(*) FROM refund"), 0);
    wait(&server, "whoever can fill the account up is told", || {
        !messages(&server, "wecom", &["商户账户余额不足"]).is_empty()
    });
    wait(&server, "an order is cancelled", || !facts(&server, "cancelled").is_empty());
    wait(&server, "the money is back", || !facts(&server, "refund_marked").is_empty());

    let back = "SELECT count(*) FROM litemall_order WHERE order_status=203 AND refund_type='lingshao'";
    let (back, booked) = (
        figure(folder.path(), "shop.db", back),
        figure(folder.path(), "provider.db", "SELECT count(*) FROM refund"),
    );
    assert!(0 < back && back <= booked, "{back} of {booked}");
    let above = "SELECT count(*) FROM trade WHERE refunded > total";
    assert_eq!(figure(folder.path(), "provider.db", above), 0);
    let cancelled = "SELECT count(*) FROM litemall_order WHERE order_status=103 AND end_time IS NOT NULL";
    assert!(figure(folder.path(), "shop.db", cancelled) > 0);
    let verified = server.get("/api/lingshao/v1/shop/audit/verify").json();
    assert_eq!(verified["whole"], true, "{verified}");
    for monitor in shop(&server)["monitors"].as_array().unwrap() {
        assert_eq!(monitor["refuses"], Value::Null, "{monitor}");
    }

    // Who does not know what was paid cancels nothing.
    begin(&server, "payment-outage");
    let refuses = || {
        let monitors = shop(&server)["monitors"].as_array().cloned().unwrap_or_default();
        let timeout = monitors.into_iter().find(|monitor| monitor["name"] == "order_timeout").unwrap();
        timeout["refuses"]["reason"].as_str().map(str::to_owned)
    };
    let waits = || match refuses().as_deref() {
        None => false,
        Some("provider") => true,
        Some(other) => panic!("the order timeout does nothing because of {other}"),
    };
    wait(&server, "the order timeout waits", waits);
    let cancelled = facts(&server, "cancelled").len();
    wait(&server, "the order timeout goes on", || !waits());
    wait(&server, "and cancels again", || !waits() && cancelled < facts(&server, "cancelled").len());
}
