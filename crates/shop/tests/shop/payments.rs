//! Attempts to pay, in a table of nobody's preset.

use std::collections::BTreeMap;

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::mapping::{Mapping, PaymentStates, Payments, litemall};
use lingshao_shop::sql::check::Known;
use lingshao_shop::sql::{AttemptFigures, AttemptTail, Database, Shop};

use super::litemall::{NOW, ago, make};
use super::servers::{Client, KINDS, Server, start};

const MINUTE: i64 = 60;

fn payments() -> Payments {
    Payments {
        table: "pay_log".to_owned(),
        id: "pay_id".to_owned(),
        created: "begun".to_owned(),
        states: PaymentStates {
            paid: "st IN (1, 4)".to_owned(),
            failed: Some("st=2".to_owned()),
            closed: Some("st=3".to_owned()),
        },
        provider: Some("CASE WHEN channel LIKE 'wx%' THEN 'wechat' ELSE channel END".to_owned()),
        method: Some("kind".to_owned()),
        exclude: Some("test=1".to_owned()),
    }
}

fn shop(server: &Server, change: impl FnOnce(&mut Mapping)) -> Shop {
    let mut mapping = litemall();
    mapping.payments = Some(payments());
    change(&mut mapping);
    Shop::new(Database::new(&server.url).unwrap(), mapping).unwrap()
}

async fn table(client: &mut Client, key: &str) {
    let time = if matches!(client, Client::Postgres(_)) { "TIMESTAMP" } else { "DATETIME" };
    client.run("DROP TABLE IF EXISTS pay_log").await;
    client
        .run(&format!(
            "CREATE TABLE pay_log (pay_id {key} PRIMARY KEY, begun {time}, st SMALLINT, channel VARCHAR(20), \
             kind VARCHAR(20), test SMALLINT)"
        ))
        .await;
}

async fn attempt(client: &mut Client, id: i64, seconds: i64, state: i64, channel: &str) {
    let begun = ago(client, seconds);
    client.run(&format!("INSERT INTO pay_log VALUES ({id}, {begun}, {state}, {channel}, 'app', NULL)")).await;
}

fn figures(tail: &AttemptTail, now: Timestamp) -> BTreeMap<String, AttemptFigures> {
    let figures = tail.figures(now).unwrap();
    let name = |text: Option<Box<str>>| text.map_or("-".to_owned(), String::from);
    figures
        .into_iter()
        .map(|(labels, figures)| (format!("{} {}", name(labels.provider), name(labels.method)), figures))
        .collect()
}

#[tokio::test]
async fn attempts_are_counted_alike_on_every_database() {
    for kind in KINDS {
        let server = start(kind).await;
        let mut client = make(&server).await;
        table(&mut client, "BIGINT").await;
        counted(&server, &mut client).await;
        checked(&server, &mut client).await;
    }
}

async fn counted(server: &Server, client: &mut Client) {
    let (shop, payments) = (shop(server, |_| ()), payments());
    for (id, minutes, state, channel) in [
        (0, 300, 0, "NULL"),
        (1, 40, 1, "'wx_app'"),
        (2, 30, 4, "'wx_app'"),
        (3, 20, 2, "'alipay'"),
        (4, 10, 3, "'wx_pub'"),
        (5, 8, 0, "'wx_pub'"),
        (6, 1, 2, "'wx_pub'"),
        (7, 10, 1, "'wx_pub'"),
    ] {
        attempt(client, id, minutes * MINUTE, state, channel).await;
    }
    client.run("UPDATE pay_log SET test=1 WHERE pay_id=7").await;
    let now = shop.now(NOW).await.unwrap();
    let mut tail = AttemptTail::start(&shop, &payments, now).await.unwrap();
    assert!(tail.figures(now).is_none());
    assert!(tail.tick(&shop, &payments, now).await.unwrap());
    let none = AttemptFigures::default();
    // What ended before the start is no news; of the cohort one of three was paid.
    let before = figures(&tail, now);
    assert_eq!(before["wechat app"], AttemptFigures { paid: 1, closed: 1, open: 1, ..none });
    assert_eq!(before["alipay app"], AttemptFigures { failed: 1, ..none });
    assert_eq!((before.len(), before["alipay app"].success_rate()), (2, Some(0.0)));

    attempt(client, 9, 0, 0, "'wx_app'").await;
    attempt(client, 11, 0, 2, "'alipay'").await;
    tail.tick(&shop, &payments, now).await.unwrap();
    // One that was open at the start is refused; a lower key commits later; whoever gives up is no failure.
    client.run("UPDATE pay_log SET st=2 WHERE pay_id=5").await;
    client.run("UPDATE pay_log SET st=3 WHERE pay_id=9").await;
    attempt(client, 10, 0, 1, "NULL").await;
    for seconds in [10, 20, 150, 160] {
        tail.tick(&shop, &payments, now + TimeDelta::from_secs(seconds)).await.unwrap();
        let found = figures(&tail, now);
        let wechat = AttemptFigures { requests: 1, failures: 1, paid: 1, closed: 1, failed: 1, open: 0 };
        assert_eq!(found["wechat app"], wechat, "at {seconds}");
        assert_eq!(found["alipay app"], AttemptFigures { requests: 1, failures: 1, failed: 1, ..none });
        assert_eq!(found["unknown app"], AttemptFigures { requests: 1, ..none });
    }
    // Half an hour on, the cohort is another one.
    let later = figures(&tail, now + TimeDelta::from_secs(30 * MINUTE));
    assert_eq!(
        later["wechat app"],
        AttemptFigures { requests: 1, failures: 1, failed: 1, closed: 1, ..none }
    );
    assert_eq!(later["unknown app"].success_rate(), Some(1.0));
}

async fn checked(server: &Server, client: &mut Client) {
    let findings = async |shop: Shop| {
        let report = shop.check(Known::default(), NOW).await.unwrap();
        let of = |finding: &&lingshao_shop::sql::check::CheckFinding| finding.is_error;
        let findings: Vec<String> = report.findings.iter().filter(of).map(ToString::to_string).collect();
        (findings, report.grants, report.fingerprint)
    };
    let (clean, grants, fingerprint) = findings(shop(server, |_| ())).await;
    assert_eq!(clean, Vec::<String>::new());
    if !server.url.starts_with("sqlite") {
        assert!(grants.iter().any(|grant| grant.starts_with("GRANT SELECT ON pay_log TO ")), "{grants:?}");
        assert!(!grants.iter().any(|grant| grant.contains("pay_log") && !grant.contains("SELECT")));
    }
    let refused = shop(server, |mapping| mapping.payments.as_mut().unwrap().created = "made".to_owned());
    let (found, ..) = findings(refused).await;
    assert!(
        found.len() == 1 && found[0].starts_with("payments: error: the database refuses it"),
        "{found:?}"
    );
    // A key that does not grow; tables on which nothing is done may change without anybody's word.
    table(client, "VARCHAR(36)").await;
    let (found, _, same) = findings(shop(server, |_| ())).await;
    let lacks = "payments: error: new rows are found behind the last key, which must be whole numbers that grow; `pay_id` is ";
    assert!(found.len() == 1 && found[0].starts_with(lacks), "{found:?}");
    assert_eq!(same, fingerprint);
    client.run("DROP TABLE pay_log").await;
    let (found, ..) = findings(shop(server, |_| ())).await;
    let gone = "payments: error: table `pay_log` is not in the database, or its user may not see it";
    assert_eq!(found, [gone]);
}
