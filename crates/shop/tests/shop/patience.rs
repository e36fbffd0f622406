//! A database that lets us wait: every act gives up, and says whether it may have happened.

use std::time::{Duration, Instant};

use lingshao_shop::OrderKey;
use lingshao_shop::act::{OrderState, ShopAnswer, ShopTx};

use super::litemall::{NOW, make, place, shop};
use super::servers::{Client, Kind, start};

fn cancel() -> ShopTx {
    ShopTx::Cancel { order: OrderKey::new("1").unwrap(), rehearse: false }
}

/// A table that is being altered: the statement waits for a lock that is not one of a row.
#[tokio::test]
async fn an_act_gives_up_on_a_table_that_is_being_altered() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = start(kind).await;
        let (mut client, shop) = (make(&server).await, shop(&server));
        place(&mut client, 1, 101, 3_600).await;
        // Whoever reads holds the table; whoever alters it waits; whoever comes then waits behind that one.
        let mut reader = Client::open(&server.url).await;
        let mut alterer = Client::open(&server.url).await;
        reader.run("BEGIN").await;
        reader.number("SELECT COUNT(*) FROM litemall_order").await;
        let altered = tokio::spawn(async move {
            alterer.run("ALTER TABLE litemall_order ADD COLUMN remark INT").await;
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        let answer = shop.run(&cancel(), NOW).await;
        assert!(matches!(&answer, ShopAnswer::NotDone(why) if !why.is_empty()), "{kind:?}: {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{kind:?}: it waited as long as the other");
        reader.run("ROLLBACK").await;
        altered.await.unwrap();
        assert_eq!(shop.state(&OrderKey::new("1").unwrap()).await.unwrap(), OrderState::Pending);
        assert_eq!(shop.run(&cancel(), NOW).await, ShopAnswer::Done);
    }
}

/// A server that stops in mid-answer, as a machine does that is switched off: nobody else would end the wait.
#[tokio::test]
async fn a_server_that_says_nothing_more_is_not_waited_for_without_end() {
    let server = start(Kind::Mariadb).await;
    let (mut client, shop) = (make(&server).await, shop(&server));
    place(&mut client, 1, 101, 3_600).await;
    assert_eq!(shop.state(&OrderKey::new("1").unwrap()).await.unwrap(), OrderState::Pending);
    server.freeze();
    let begun = Instant::now();
    let answer = shop.run(&cancel(), NOW).await;
    assert!(matches!(answer, ShopAnswer::NotDone(_) | ShopAnswer::Doubt), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(120), "it waited for ever");
}
