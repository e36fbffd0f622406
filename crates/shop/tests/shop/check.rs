//! A mapping against real catalogues and plans.

use lingshao_shop::mapping::{Mapping, litemall};
use lingshao_shop::sql::check::Known;
use lingshao_shop::sql::{Database, Shop};

use super::litemall::{NOW, make, place};
use super::servers::{KINDS, Server, start};

async fn findings(server: &Server, known: Option<&str>, change: impl FnOnce(&mut Mapping)) -> Vec<String> {
    let mut mapping = litemall();
    change(&mut mapping);
    let shop = Shop::new(Database::new(&server.url).unwrap(), mapping).unwrap();
    let report = shop.check(Known { fingerprint: known, ..Known::default() }, NOW).await.unwrap();
    let line = |is_error, place, problem| {
        format!("{} {place}: {problem}", if is_error { "error" } else { "warning" })
    };
    report.findings.into_iter().map(|found| line(found.is_error, found.place, found.problem)).collect()
}

#[tokio::test]
async fn what_does_not_fit_the_database_keeps_a_monitor_from_acting() {
    for kind in KINDS {
        let server = start(kind).await;
        let mut client = make(&server).await;
        place(&mut client, 1, 101, 60).await;
        let whole = "it reads all of a table, as no index leads to its rows";
        let clean = findings(&server, None, |_| ()).await;
        assert!(clean.iter().all(|line| line.starts_with("warning")), "{kind:?}: {clean:#?}");
        let coupon = format!("warning order_timeout.action.sql[2].exec: {whole}");
        assert!(clean.contains(&coupon), "{kind:?}: {clean:#?}");

        offered_index(&server).await;

        let found = findings(&server, None, |mapping| mapping.orders.amount = "price".to_owned()).await;
        assert!(found[0].starts_with("error orders: the database refuses it: "), "{kind:?}: {found:#?}");
        assert!(found[0].contains("price"), "{kind:?}: {found:#?}");

        let found = findings(&server, None, |mapping| mapping.tables.push("litemall_gift".to_owned())).await;
        let table =
            "error litemall_gift: table `litemall_gift` is not in the database, or its user may not see it";
        assert_eq!(found, [table], "{kind:?}");

        let found = findings(&server, None, |mapping| {
            let listing = mapping.stock.as_mut().unwrap().listing.as_mut().unwrap();
            listing.exclude = "on_shelf=0".to_owned();
        })
        .await;
        let listing = found.iter().find(|line| line.starts_with("error stock.listing: ")).unwrap();
        assert!(listing.contains("on_shelf"), "{kind:?}: {listing}");

        let found = findings(&server, None, |mapping| {
            mapping.groups.as_mut().unwrap().late.as_mut().unwrap().find =
                "SELECT m.id AS group_key FROM litemall_groupon m".to_owned();
        })
        .await;
        let late = found.iter().find(|line| line.starts_with("error group_settle.late.find: ")).unwrap();
        assert!(late.contains("order_key"), "{kind:?}: {late}");

        changed_tables(&server).await;
        let found = findings(&server, None, |mapping| {
            mapping.orders.id = "order_sn".to_owned();
            mapping.claim = None;
            mapping.mark_refunded = None;
            let cancel = mapping.cancel.as_mut().unwrap();
            cancel.steps.truncate(1);
            cancel.steps[0].exec =
                "UPDATE litemall_order SET order_status=103 WHERE order_sn=:id AND order_status=101"
                    .to_owned();
        })
        .await;
        assert!(
            found.contains(&format!("error order_timeout.action.sql[0].exec: {whole}")),
            "{kind:?}: {found:#?}"
        );

        place(&mut client, 2, 101, -8 * 3600).await;
        let found = findings(&server, None, |_| ()).await;
        let clock = found.iter().find(|line| line.starts_with("error clock")).unwrap();
        assert!(
            clock.contains("ahead of the database's clock; 8 hours are China's distance"),
            "{kind:?}: {clock}"
        );
    }
}

/// What is offered is offered until it is there.
async fn offered_index(server: &Server) {
    let shop = Shop::new(Database::new(&server.url).unwrap(), litemall()).unwrap();
    let offered = async || {
        let indexes = shop.check(Known::default(), NOW).await.unwrap().indexes;
        indexes.into_iter().find(|line| line.starts_with("CREATE INDEX lingshao_pending"))
    };
    let wanted = offered().await.expect("none leads to what waits for payment");
    let mut client = super::servers::Client::open(&server.url).await;
    client.run(wanted.trim_end_matches(';')).await;
    assert_eq!(offered().await, None);
    let on = if server.url.starts_with("mysql") { " ON litemall_order" } else { "" };
    client.run(&format!("DROP INDEX lingshao_pending{on}")).await;
}

async fn changed_tables(server: &Server) {
    let shop = Shop::new(Database::new(&server.url).unwrap(), litemall()).unwrap();
    let before = shop.check(Known::default(), NOW).await.unwrap().fingerprint;
    assert_eq!(
        shop.check(Known { fingerprint: Some(&before), ..Known::default() }, NOW).await.unwrap().fingerprint,
        before
    );
    let mut client = super::servers::Client::open(&server.url).await;
    client.run("ALTER TABLE litemall_order ADD COLUMN gift SMALLINT").await;
    let report = shop.check(Known { fingerprint: Some(&before), ..Known::default() }, NOW).await.unwrap();
    assert_ne!(report.fingerprint, before);
    assert!(report.findings[0].is_error && report.findings[0].place == "tables");
}
