//! Everybody wants the same order in the same instant: a customer who pays, the shop's own job, and two of us.
//!
//! Afterwards no paid order is cancelled, and every piece of stock is where it belongs. The same race with an update that
//! reads first and writes later must be seen to break that.

use std::time::Duration;

use lingshao_shop::OrderKey;
use lingshao_shop::act::{ShopAnswer, ShopTx};
use lingshao_shop::sql::Shop;

use super::litemall::{NOW, ago, make, place, shop};
use super::servers::{Client, KINDS, Kind, Server, start};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Canceller {
    Ours,
    /// Reads, sees that it is pending, and writes.
    Naive,
    /// Writes where the time of the last change, in seconds, is still what it was.
    OneSecondLock,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    paid_and_cancelled: i64,
    neither: i64,
    stock_drift: i64,
    coupon_drift: i64,
}

/// Runs of `make soak` are larger.
fn orders() -> i64 {
    std::env::var("LINGSHAO_SOAK").map_or(300, |_| 5_000)
}

async fn pay(client: &mut Client, id: i64) -> bool {
    let now = ago(client, 0);
    let sql = format!(
        "UPDATE litemall_order SET order_status=201, pay_time={now}, update_time={now} \
         WHERE id={id} AND order_status=101"
    );
    retried(client, &[sql]).await
}

/// The shop's own job, as it should be.
async fn job(client: &mut Client, id: i64) -> bool {
    let now = ago(client, 0);
    let mut statements = vec![format!(
        "UPDATE litemall_order SET order_status=103, update_time={now} WHERE id={id} AND order_status=101"
    )];
    statements.extend(undo(id));
    retried(client, &statements).await
}

fn undo(id: i64) -> [String; 3] {
    [
        "UPDATE litemall_goods_product SET number=number+2 WHERE id=1".to_owned(),
        "UPDATE litemall_goods_product SET number=number+3 WHERE id=2".to_owned(),
        format!("UPDATE litemall_coupon_user SET status=0 WHERE id={id}"),
    ]
}

async fn broken(client: &mut Client, id: i64, canceller: Canceller) -> bool {
    let order = format!("FROM litemall_order WHERE id={id}");
    if client.number(&format!("SELECT order_status {order}")).await != 101 {
        return false;
    }
    tokio::time::sleep(Duration::from_millis(3)).await;
    let lock = match canceller {
        // Orders of this race were changed in the second in which they are paid.
        Canceller::OneSecondLock => format!(" AND update_time >= {}", ago(client, 1)),
        _ => String::new(),
    };
    let mut statements = vec![format!("UPDATE litemall_order SET order_status=103 WHERE id={id}{lock}")];
    statements.extend(undo(id));
    retried(client, &statements).await
}

/// Whoever is the victim of a deadlock, or waits too long, tries again, as shops do.
async fn retried(client: &mut Client, statements: &[String]) -> bool {
    for _ in 0..100 {
        if let Ok(done) = client.together(statements).await {
            return done;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("a hundred tries: {statements:?}");
}

async fn ours(shop: &Shop, id: i64) -> bool {
    let order = OrderKey::new(&id.to_string()).unwrap();
    for _ in 0..100 {
        match shop.run(&ShopTx::Cancel { order: order.clone(), rehearse: false }, NOW).await {
            ShopAnswer::Done => return true,
            ShopAnswer::Lost => return false,
            ShopAnswer::NotDone(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => panic!("order {id}: {other:?}"),
        }
    }
    panic!("order {id}: a hundred tries");
}

async fn race(server: &Server, canceller: Canceller, count: i64) -> Outcome {
    let mut look = make(server).await;
    for id in 1..=count {
        place(&mut look, id, 101, if canceller == Canceller::OneSecondLock { 0 } else { 2_400 }).await;
    }
    let (mut payer, mut own_job) = (Client::open(&server.url).await, Client::open(&server.url).await);
    let (mut third, mut fourth) = (Client::open(&server.url).await, Client::open(&server.url).await);
    let shops = [shop(server), shop(server)];
    let (mut paid, mut cancelled) = (Vec::new(), 0);
    for id in 1..=count {
        let (by_payer, by_job, by_third, by_fourth) = tokio::join!(
            pay(&mut payer, id),
            async {
                // Comes too late every other time, or it would always be the first.
                tokio::time::sleep(Duration::from_micros(if id % 2 == 0 { 0 } else { 900 })).await;
                job(&mut own_job, id).await
            },
            cancel(&shops[0], &mut third, id, canceller),
            cancel(&shops[1], &mut fourth, id, canceller),
        );
        if by_payer {
            paid.push(id);
        }
        cancelled += i64::from(by_job) + i64::from(by_third) + i64::from(by_fourth);
    }
    let outcome = audit(&mut look, &paid, cancelled, count).await;
    println!("{canceller:?}: {} paid, {cancelled} cancelled of {count}: {outcome:?}", paid.len());
    outcome
}

async fn cancel(shop: &Shop, client: &mut Client, id: i64, canceller: Canceller) -> bool {
    match canceller {
        Canceller::Ours => ours(shop, id).await,
        canceller => broken(client, id, canceller).await,
    }
}

async fn audit(look: &mut Client, paid: &[i64], cancelled: i64, count: i64) -> Outcome {
    let list = paid.iter().map(i64::to_string).chain(["0".to_owned()]).collect::<Vec<_>>().join(",");
    let number = async |look: &mut Client, condition: String| {
        look.number(&format!("SELECT COUNT(*) FROM litemall_order WHERE {condition}")).await
    };
    let paid_and_cancelled = number(look, format!("id IN ({list}) AND order_status<>201")).await;
    let neither = number(look, "order_status NOT IN (103, 201)".to_owned()).await;
    let really = number(look, "order_status=103".to_owned()).await;
    let stock = look.number("SELECT SUM(number) FROM litemall_goods_product").await;
    let coupons = look.number("SELECT COUNT(*) FROM litemall_coupon_user WHERE status=0").await;
    assert!(cancelled >= really && i64::try_from(paid.len()).unwrap() <= count);
    Outcome {
        paid_and_cancelled,
        neither,
        stock_drift: stock - 2_000 - 5 * (count - i64::try_from(paid.len()).unwrap()),
        coupon_drift: coupons - (count - i64::try_from(paid.len()).unwrap()),
    }
}

async fn holds(kind: Kind) {
    let server = start(kind).await;
    assert_eq!(race(&server, Canceller::Ours, orders()).await, Outcome::default(), "{kind:?}");
    for broken in [Canceller::Naive, Canceller::OneSecondLock] {
        let outcome = race(&server, broken, 60).await;
        assert!(
            outcome.paid_and_cancelled > 0 || outcome.stock_drift > 0,
            "{kind:?}: {broken:?} is not seen"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_never_cancels_what_was_paid() {
    holds(KINDS[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_never_cancels_what_was_paid() {
    holds(KINDS[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_never_cancels_what_was_paid() {
    holds(KINDS[2]).await;
}
