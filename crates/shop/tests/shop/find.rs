//! Finders, transactions and figures, with the same answers on each database.

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_shop::act::{Ending, OrderState, ShopAnswer, ShopTx};
use lingshao_shop::group::{Verdict, verdict};
use lingshao_shop::mapping::{KeyKind, litemall};
use lingshao_shop::sql::check::Known;
use lingshao_shop::sql::{CountedOrders, Database, Drift, Shop, Tail, TailLimits};
use lingshao_shop::{Fen, GroupKey, OrderKey};

use super::litemall::{NOW, ago, make, place, shop};
use super::servers::{Client, KINDS, Kind, Server, start};

const MINUTE: i64 = 60;
const WEEK: TimeDelta = TimeDelta::from_secs(7 * 86_400);

fn key(id: i64) -> OrderKey {
    OrderKey::new(&id.to_string()).unwrap()
}

async fn run(shop: &Shop, call: ShopTx) -> ShopAnswer {
    shop.run(&call, NOW).await
}

#[tokio::test]
async fn every_database_gives_the_same_answers() {
    for kind in KINDS {
        let server = start(kind).await;
        let shop = shop(&server);
        let mut client = make(&server).await;
        expired_orders(&shop, &mut client).await;
        cancelling(&shop, &mut client).await;
        refunds(&shop, &mut client).await;
        groups(&shop, &mut make(&server).await).await;
        unreadable(&server, &shop, &mut client).await;
        stock(&shop, &mut client).await;
        stock_of_no_goods(&server, &mut client).await;
        figures(&shop, &mut make(&server).await).await;
        all_orders(&shop, &mut make(&server).await).await;
        many_orders(&shop, &mut make(&server).await).await;
    }
}

async fn expired_orders(shop: &Shop, client: &mut Client) {
    for (id, status, minutes) in
        [(1, 101, 20_000), (2, 101, 60), (3, 201, 50), (4, 101, 40), (5, 101, 34), (6, 101, 1)]
    {
        place(client, id, status, minutes * MINUTE).await;
    }
    client.run("UPDATE litemall_order SET deleted=1 WHERE id=4").await;
    let found = shop.expired(TimeDelta::from_secs(33 * MINUTE), WEEK, NOW).await.unwrap();
    let orders: Vec<_> =
        found.orders.iter().map(|order| (order.order.as_str(), order.amount, order.state)).collect();
    // Not the one from before the monitor's time, not the deleted one, not the one that has time left.
    assert_eq!(orders, [("2", Fen(1990), OrderState::Pending), ("5", Fen(1990), OrderState::Pending)]);
    assert_eq!(found.pending, 3);
    let age = (found.now - found.orders[0].created).0 / 60_000;
    assert_eq!(age, 60);
    let trades = shop.trades(&found.orders[0]).await.unwrap();
    assert_eq!(trades.numbers.iter().map(|trade| trade.as_str()).collect::<Vec<_>>(), ["SN2"]);
    assert!(!trades.elsewhere);
}

async fn cancelling(shop: &Shop, client: &mut Client) {
    let cancel = |id, rehearse| run(shop, ShopTx::Cancel { order: key(id), rehearse });
    let stock = "SELECT SUM(number) FROM litemall_goods_product";
    assert_eq!(cancel(2, true).await, ShopAnswer::Done);
    assert_eq!(client.number(stock).await, 2_000);
    assert_eq!(shop.state(&key(2)).await.unwrap(), OrderState::Pending);
    assert_eq!(cancel(2, false).await, ShopAnswer::Done);
    assert_eq!(client.number(stock).await, 2_005);
    assert_eq!(client.number("SELECT status FROM litemall_coupon_user WHERE id=2").await, 0);
    assert_eq!(cancel(2, false).await, ShopAnswer::Lost);
    assert_eq!(cancel(3, false).await, ShopAnswer::Lost);
    assert_eq!(cancel(99, false).await, ShopAnswer::Lost);
    assert_eq!(client.number(stock).await, 2_005);
    // A line whose product is gone: nothing at all happens.
    client.run("UPDATE litemall_order_goods SET product_id=77 WHERE id=11").await;
    let why = "step 1 changed 0 rows; it may change 1 to 1".into();
    assert_eq!(cancel(5, false).await, ShopAnswer::Mismatch(why));
    assert_eq!(shop.state(&key(5)).await.unwrap(), OrderState::Pending);
    assert_eq!(client.number(stock).await, 2_005);
}

async fn refunds(shop: &Shop, client: &mut Client) {
    let claim = |id| run(shop, ShopTx::Claim { order: key(id) });
    let mark = |id| run(shop, ShopTx::MarkRefunded { order: key(id), amount: Fen(1990) });
    assert_eq!(mark(2).await, ShopAnswer::Lost);
    assert_eq!(claim(2).await, ShopAnswer::Done);
    assert_eq!(claim(2).await, ShopAnswer::Done);
    assert_eq!(shop.state(&key(2)).await.unwrap(), OrderState::Refunding);
    // litemall's own callback leaves it alone: it asks for 101 to 103 only.
    assert_eq!(claim(3).await, ShopAnswer::Lost);
    assert_eq!(mark(2).await, ShopAnswer::Done);
    assert_eq!(mark(2).await, ShopAnswer::Done);
    assert_eq!(shop.state(&key(2)).await.unwrap(), OrderState::Refunded);
    assert_eq!(client.number("SELECT ROUND(refund_amount*100) FROM litemall_order WHERE id=2").await, 1990);
    assert_eq!(shop.state(&key(99)).await.unwrap(), OrderState::Missing);
}

/// Two groups of three that are late: one with three who paid, one with two and one who did not.
async fn groups(shop: &Shop, client: &mut Client) {
    let late = ago(client, 10 * MINUTE);
    client.run(&format!("INSERT INTO litemall_groupon_rules VALUES (1, 3, {late})")).await;
    for (id, status) in [(1, 201), (2, 201), (3, 201), (4, 201), (5, 201), (6, 101)] {
        place(client, id, status, 60 * MINUTE).await;
        let leader = [0, 1, 1, 0, 4, 4][usize::try_from(id - 1).unwrap()];
        client
            .run(&format!(
                "INSERT INTO litemall_groupon (id, order_id, groupon_id, rules_id, status) VALUES ({id}, {id}, {leader}, 1, 1)"
            ))
            .await;
    }
    let now = shop.now(NOW).await.unwrap();
    let open = shop.open_groups().await.unwrap();
    let mut verdicts: Vec<_> = open
        .iter()
        .map(|found| (found.group.key.as_str(), found.group.paid, verdict(&found.group, now)))
        .collect();
    verdicts.sort_by_key(|verdict| verdict.0);
    assert_eq!(verdicts, [("1", 3, Verdict::Success), ("4", 2, Verdict::Failed)]);
    let settle = |group: &str, success| {
        let ending = if success { Ending::Success } else { Ending::Failed };
        run(shop, ShopTx::Settle { group: GroupKey::new(group).unwrap(), ending, rehearse: false })
    };
    assert_eq!(settle("1", true).await, ShopAnswer::Done);
    assert_eq!(settle("4", false).await, ShopAnswer::Done);
    assert_eq!(settle("4", false).await, ShopAnswer::Lost);
    assert_eq!(settle("4", true).await, ShopAnswer::Lost);
    assert!(shop.open_groups().await.unwrap().is_empty());
    let mut refundable: Vec<_> =
        shop.refundable().await.unwrap().into_iter().map(|order| order.order.to_string()).collect();
    refundable.sort();
    // Who paid; the member who did not is left to the order timeout.
    assert_eq!(refundable, ["4", "5"]);
    assert_eq!(client.number("SELECT SUM(number) FROM litemall_goods_product").await, 2_010);
    assert_eq!(shop.state(&key(1)).await.unwrap(), OrderState::Paid);
    assert_eq!(shop.state(&key(6)).await.unwrap(), OrderState::Pending);
    late_members(shop, client).await;
}

/// As litemall does when that member pays after all: the order is paid, the member's row counts again.
async fn late_members(shop: &Shop, client: &mut Client) {
    let stock = "SELECT SUM(number) FROM litemall_goods_product";
    let fail = |member: &str, rehearse| {
        let group = GroupKey::new(member).unwrap();
        run(shop, ShopTx::Settle { group, ending: Ending::LateMember, rehearse })
    };
    client.run("UPDATE litemall_groupon SET status=0 WHERE id=6").await;
    assert!(shop.late_members().await.unwrap().is_empty());
    assert_eq!(fail("6", false).await, ShopAnswer::Lost);
    client.run("UPDATE litemall_order SET order_status=201 WHERE id=6").await;
    client.run("UPDATE litemall_groupon SET status=1 WHERE id=6").await;
    let found = shop.late_members().await.unwrap();
    let found: Vec<_> = found.iter().map(|late| (late.key.as_str(), late.order.order.as_str())).collect();
    assert_eq!(found, [("6", "6")]);
    assert_eq!(fail("6", true).await, ShopAnswer::Done);
    assert_eq!(client.number(stock).await, 2_010);
    // Shipped in the same moment: it stays as it is.
    client.run("UPDATE litemall_order SET order_status=301 WHERE id=6").await;
    assert_eq!(fail("6", false).await, ShopAnswer::Lost);
    client.run("UPDATE litemall_order SET order_status=201 WHERE id=6").await;
    assert_eq!(fail("6", false).await, ShopAnswer::Done);
    assert_eq!(fail("6", false).await, ShopAnswer::Lost);
    assert_eq!(client.number(stock).await, 2_015);
    assert_eq!(shop.state(&key(6)).await.unwrap(), OrderState::Refunding);
    assert!(shop.late_members().await.unwrap().is_empty());
    // Also when litemall counts the failed group as full by now, and when the customer has deleted the order.
    client.run("UPDATE litemall_groupon SET status=2 WHERE id IN (4,5,6)").await;
    client.run("UPDATE litemall_order SET deleted=1 WHERE id=5").await;
    assert_eq!(shop.refundable().await.unwrap().len(), 3);
    client.run("UPDATE litemall_order SET deleted=0 WHERE id=5").await;
    client.run("UPDATE litemall_groupon SET status=3 WHERE id IN (4,5,6)").await;
}

/// One that cannot be read stops no other, however many they are; a mapping by which none can is an error of the figures.
async fn unreadable(server: &Server, shop: &Shop, client: &mut Client) {
    place(client, 20, 101, 40 * MINUTE).await;
    place(client, 21, 101, 40 * MINUTE).await;
    client.run("UPDATE litemall_order SET order_sn='offline/001' WHERE id=20").await;
    drop(shop.take_unreadable());
    let found = shop.orders(&[key(20), key(21)]).await.unwrap();
    assert_eq!(found.iter().map(|order| order.order.as_str()).collect::<Vec<_>>(), ["21"]);
    let passed: Vec<_> = shop.take_unreadable().into_iter().collect();
    assert_eq!((passed.len(), passed[0].0.as_str()), (1, "20"));
    assert!(passed[0].1.contains("order number `offline/001` may have letters"), "{passed:?}");
    assert!(shop.take_unreadable().is_empty());
    for id in 22..43 {
        place(client, id, 101, 40 * MINUTE).await;
    }
    client.run("UPDATE litemall_order SET order_sn='offline/001' WHERE id BETWEEN 20 AND 42").await;
    let keys: Vec<_> = (20..43).map(key).collect();
    assert!(shop.orders(&keys).await.unwrap().is_empty());
    assert_eq!(shop.take_unreadable().len(), 23);
    let now = shop.now(NOW).await.unwrap();
    let mut mapping = litemall();
    mapping.orders.exclude = Some("id < 20".to_owned());
    let others = Shop::new(Database::new(&server.url).unwrap(), mapping).unwrap();
    let mut tail = Tail::start(&others, TailLimits::default(), now).await.unwrap();
    let error = tail.tick(&others, now).await.unwrap_err().to_string();
    assert!(error.contains("23 orders, none of which can be read"), "{error}");
    client.run("DELETE FROM litemall_order_goods WHERE order_id BETWEEN 20 AND 42").await;
    client.run("DELETE FROM litemall_coupon_user WHERE order_id BETWEEN 20 AND 42").await;
    client.run("DELETE FROM litemall_order WHERE id BETWEEN 20 AND 42").await;
}

async fn stock(shop: &Shop, client: &mut Client) {
    client
        .run("INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (8, 1, 3), (9, 1, -2)")
        .await;
    client
        .run("INSERT INTO litemall_goods_product (id, goods_id, number, deleted) VALUES (10, 1, 0, 1)")
        .await;
    // Goods that are not for sale, with products that are on no shelf.
    client
        .run("INSERT INTO litemall_goods (id, is_on_sale, deleted) VALUES (1, 1, 0), (2, 0, 0), (3, 1, 1)")
        .await;
    client
        .run("INSERT INTO litemall_goods_product (id, goods_id, number) VALUES (11, 2, 0), (12, 3, -5)")
        .await;
    let levels = shop.low_stock(10, 1).await.unwrap();
    let [count, oversold] = shop.stock_below([10, 0]).await.unwrap();
    let levels: Vec<_> = levels.iter().map(|level| (level.id.as_str(), level.sellable)).collect();
    assert_eq!((levels, count), (vec![("9", -2)], 2));
    assert_eq!(oversold, 1);
}

/// What names no goods is for sale.
async fn stock_of_no_goods(server: &Server, client: &mut Client) {
    client.run("DROP TABLE IF EXISTS shelf").await;
    client.run("CREATE TABLE shelf (sku BIGINT PRIMARY KEY, goods BIGINT, n BIGINT)").await;
    client.run("INSERT INTO shelf VALUES (1, 1, 3), (2, 2, 4), (3, NULL, 5)").await;
    let mut mapping = litemall();
    mapping.tables.push("litemall_goods_product".to_owned());
    let stock = mapping.stock.as_mut().unwrap();
    (stock.table, stock.id, stock.sellable) = ("shelf".to_owned(), "sku".to_owned(), "n".to_owned());
    stock.exclude = None;
    stock.listing.as_mut().unwrap().reference = "goods".to_owned();
    let shop = Shop::new(Database::new(&server.url).unwrap(), mapping).unwrap();
    let levels = shop.low_stock(10, 10).await.unwrap();
    assert_eq!(levels.iter().map(|level| level.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
}

/// More than one question brings, whose keys are longer and longer: none is passed over.
async fn many_orders(shop: &Shop, client: &mut Client) {
    let now = shop.now(NOW).await.unwrap();
    let just_now = ago(client, 0);
    let row = |id: i64| format!("({id}, 1, 'SN{id}', 401, 1.00, {just_now}, {just_now})");
    let rows: Vec<_> = (8_500..=11_000).map(row).collect();
    let columns = "id, user_id, order_sn, order_status, actual_price, add_time, pay_time";
    client.run(&format!("INSERT INTO litemall_order ({columns}) VALUES {}", rows.join(","))).await;
    let mut tail = Tail::start(shop, TailLimits::default(), now).await.unwrap();
    tail.count_all(shop, None, now).await.unwrap();
    assert!(tail.tick(shop, now).await.unwrap());
    assert_eq!(tail.counted().unwrap().total, 2_501);
    let begun = shop.now(NOW).await.unwrap();
    assert_eq!((tail.today(begun).orders, tail.today(begun).sales), (2_501, Fen(250_100)));
    assert_eq!(tail.recount(shop, begun).await.unwrap(), Drift::default());
}

/// 2,500 orders of long ago, then a day's: each is counted once, whatever is read again or deleted.
async fn all_orders(shop: &Shop, client: &mut Client) {
    let now = shop.now(NOW).await.unwrap();
    let long_ago = ago(client, 30 * 86_400);
    let rows = |ids: std::ops::RangeInclusive<i64>| {
        let row =
            |id: i64| format!("({id}, 1, 'OLD{id}', 401, 1.00, {long_ago}, {})", i64::from(id % 10 == 0));
        let columns = "id, user_id, order_sn, order_status, actual_price, add_time, deleted";
        let rows: Vec<_> = ids.map(row).collect();
        format!("INSERT INTO litemall_order ({columns}) VALUES {}", rows.join(","))
    };
    client.run(&rows(1..=2_500)).await;
    for id in 2_601..=2_603 {
        place(client, id, 101, 0).await;
    }
    let start = async |earlier| {
        let mut tail = Tail::start(shop, TailLimits::default(), now).await.unwrap();
        tail.count_all(shop, earlier, now).await.unwrap();
        assert!(tail.tick(shop, now).await.unwrap());
        tail
    };
    let total = |tail: &Tail| tail.counted().unwrap().total;
    let mut tail = start(None).await;
    assert_eq!(total(&tail), 2_250 + 3, "soft-deleted ones are none");
    let later = |seconds| now + TimeDelta::from_secs(seconds);
    // A lower key that commits later, met again and again in the overlap; deleted ones were placed all the same.
    place(client, 2_605, 101, 0).await;
    tail.tick(shop, later(10)).await.unwrap();
    place(client, 2_604, 101, 0).await;
    client.run("UPDATE litemall_order SET deleted=1 WHERE id=2601").await;
    for seconds in [20, 30, 200, 400] {
        tail.tick(shop, later(seconds)).await.unwrap();
        assert_eq!(total(&tail), 2_255, "at {seconds}");
    }
    assert_eq!(tail.recount_all(shop).await.unwrap(), Some(-1));
    assert_eq!(total(&tail), 2_255);
    // A row far below, as a restored backup brings them, is seen at night only.
    client.run(&rows(2_511..=2_512)).await;
    tail.tick(shop, later(500)).await.unwrap();
    assert_eq!(total(&tail), 2_255);
    assert_eq!(tail.recount_all(shop).await.unwrap(), Some(1));
    assert_eq!(total(&tail), 2_256);
    // The next life goes on from there, though rows were archived meanwhile.
    let known = tail.counted();
    client.run("DELETE FROM litemall_order WHERE id <= 1000").await;
    place(client, 2_606, 101, 0).await;
    assert_eq!(total(&start(known).await), 2_257);
    assert_eq!(total(&start(None).await), 2_250 - 900 + 2 + 5);
    // A table that ends before the last key is another one.
    client.run("DELETE FROM litemall_order WHERE id > 2000").await;
    assert_eq!(total(&start(known).await), 900);
}

async fn figures(shop: &Shop, client: &mut Client) {
    let now = shop.now(NOW).await.unwrap();
    // Seconds since the day began in Shanghai; a run within its first minute has nothing earlier today.
    let into_day = (now.0 / 1000 + 8 * 3600) % 86_400;
    for (id, seconds) in [(1, into_day + 5), (2, 0), (3, 0)] {
        place(client, id, 101, seconds).await;
    }
    let limits = TailLimits::default();
    let mut tail = Tail::start(shop, limits, now).await.unwrap();
    tail.count_all(shop, None, now).await.unwrap();
    assert!(!tail.is_caught_up() && tail.counted().is_none());
    assert!(tail.tick(shop, now).await.unwrap());
    let of = |tail: &Tail| {
        let today = tail.today(now);
        (today.orders, today.sales.0, today.refunds.0)
    };
    assert_eq!(of(&tail), (2, 0, 0));
    let just_now = ago(client, 0);
    client
        .run(&format!("UPDATE litemall_order SET order_status=201, pay_time={just_now} WHERE id IN (1, 2)"))
        .await;
    tail.tick(shop, now).await.unwrap();
    // Yesterday's order, paid today, is today's money.
    assert_eq!(of(&tail), (2, 3980, 0));
    client
        .run(&format!("UPDATE litemall_order SET order_status=203, refund_time={just_now} WHERE id=2"))
        .await;
    client.run("UPDATE litemall_order SET deleted=1 WHERE id=3").await;
    // A transaction that began earlier commits a lower key later.
    place(client, 20, 101, 0).await;
    tail.tick(shop, now).await.unwrap();
    place(client, 19, 101, 0).await;
    tail.tick(shop, now + TimeDelta::from_secs(10)).await.unwrap();
    assert_eq!(of(&tail), (3, 3980, 1990));
    assert_eq!(tail.in_state(OrderState::Pending).count(), 2);
    assert_eq!(tail.recount(shop, now).await.unwrap(), Drift::default());
    // What nobody can see in the tail, a recount sees.
    client
        .run(&format!("UPDATE litemall_order SET pay_time={just_now}, actual_price=0.07 WHERE id=19"))
        .await;
    let drift = tail.recount(shop, now).await.unwrap();
    assert_eq!(drift, Drift { orders: 0, sales_fen: 7, refunds_fen: 0 });
    assert_eq!(of(&tail), (3, 3987, 1990));
    let tomorrow = Timestamp(now.0 + 86_400_000);
    assert_eq!(tail.today(tomorrow).orders, 0);
}

/// Keys that say nothing of when an order came, as words and UUIDs do: found by the second in which it was placed.
fn by_time(server: &Server) -> Shop {
    let mut mapping = litemall();
    let orders = &mut mapping.orders;
    (orders.id, orders.key) = ("order_sn".to_owned(), KeyKind::Text);
    (orders.trades, orders.cancellable) = (None, None);
    (mapping.cancel, mapping.claim, mapping.mark_refunded, mapping.groups) = (None, None, None, None);
    Shop::new(Database::new(&server.url).unwrap(), mapping).unwrap()
}

#[tokio::test]
async fn orders_whose_keys_do_not_grow_are_counted_by_when_they_were_placed() {
    for kind in KINDS {
        let server = start(kind).await;
        let mut client = make(&server).await;
        let shop = by_time(&server);
        index_by_time(&shop, &mut client).await;
        let now = shop.now(NOW).await.unwrap();
        // In one second more than a question brings, with keys that are in no order; long ago; and some that were deleted.
        let row = |id: i64, number: i64, placed: &str| {
            format!("({id}, 1, 'SN{number}', 401, 1.00, {placed}, {placed}, {})", i64::from(id % 100 == 7))
        };
        let (just_now, long_ago) = (ago(&client, 0), ago(&client, 30 * 86_400));
        let mut rows: Vec<_> =
            (0..2_500).map(|id| row(id, 20_000 + id * 7_919 % 10_007, &just_now)).collect();
        rows.extend((3_000..3_050).map(|id| row(id, 90_000 - id, &long_ago)));
        let columns = "id, user_id, order_sn, order_status, actual_price, add_time, pay_time, deleted";
        client.run(&format!("INSERT INTO litemall_order ({columns}) VALUES {}", rows.join(","))).await;
        let start = async |earlier, now| {
            let mut tail = Tail::start(&shop, TailLimits::default(), now).await.unwrap();
            tail.count_all(&shop, earlier, now).await.unwrap();
            assert!(tail.tick(&shop, now).await.unwrap());
            tail
        };
        let total = |tail: &Tail| tail.counted().unwrap().total;
        let mut tail = start(None, now).await;
        assert_eq!(total(&tail), 2_475 + 49, "{kind:?}");
        let today = tail.today(shop.now(NOW).await.unwrap());
        assert_eq!((today.orders, today.sales), (2_475, Fen(247_500)), "{kind:?}");
        // An order of next year must not hide those of today; a machine whose clock is four minutes late, and a customer who
        // pays.
        let next_year = ago(&client, -400 * 86_400);
        client
            .run(&format!("INSERT INTO litemall_order ({columns}) VALUES {}", row(6_000, 99_000, &next_year)))
            .await;
        let later = |seconds| now + TimeDelta::from_secs(seconds);
        for seconds in [10, 140, 150] {
            tail.tick(&shop, later(seconds)).await.unwrap();
            assert_eq!(total(&tail), 2_525, "{kind:?}");
        }
        client.run("DELETE FROM litemall_order WHERE id=6000").await;
        tail = start(None, now).await;
        place(&mut client, 5_000, 101, 240).await;
        tail.tick(&shop, later(30)).await.unwrap();
        assert_eq!((total(&tail), tail.in_state(OrderState::Pending).count()), (2_525, 1), "{kind:?}");
        let paid = "UPDATE litemall_order SET order_status=201, deleted=0 WHERE order_sn='SN5000'";
        client.run(paid).await;
        client.run("UPDATE litemall_order SET deleted=1 WHERE id=3001").await;
        for seconds in [60, 600, 1_200] {
            tail.tick(&shop, later(seconds)).await.unwrap();
            assert_eq!((total(&tail), tail.in_state(OrderState::Pending).count()), (2_525, 0), "{kind:?}");
        }
        // Of long ago one is gone, which is no news; one was put back, which is.
        assert_eq!(tail.recount_all(&shop).await.unwrap(), Some(-1), "{kind:?}");
        client.run("UPDATE litemall_order SET deleted=0 WHERE id IN (3001, 3007)").await;
        assert_eq!((tail.recount_all(&shop).await.unwrap(), total(&tail)), (Some(1), 2_526), "{kind:?}");
        let today = shop.now(NOW).await.unwrap();
        assert_eq!(tail.recount(&shop, today).await.unwrap(), Drift::default(), "{kind:?}");
        // The next life goes on from there, though rows were archived meanwhile.
        let known = tail.counted();
        client.run("DELETE FROM litemall_order WHERE id BETWEEN 3000 AND 3049").await;
        place(&mut client, 5_001, 101, -1_000).await;
        assert_eq!(total(&start(known, later(1_200)).await), 2_527, "{kind:?}");
        assert_eq!(total(&start(None, later(1_200)).await), 2_477, "{kind:?}");
        // Counted by a clock that was years ahead: it would hide all that comes.
        let ahead = known.map(|counted| CountedOrders { key: counted.key + 100_000_000, ..counted });
        assert_eq!(total(&start(ahead, later(1_200)).await), 2_477, "{kind:?}");
    }
}

/// Without an index the figures are left alone, and nothing else; it is offered until it is there.
async fn index_by_time(shop: &Shop, client: &mut Client) {
    client.run("CREATE UNIQUE INDEX order_number ON litemall_order (order_sn)").await;
    let check = async || shop.check(Known::default(), NOW).await.unwrap();
    let report = check().await;
    let errors: Vec<_> = report.findings.iter().filter(|finding| finding.is_error).collect();
    let line = "orders.created: error: it reads all of a table, as no index leads to its rows";
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [line]);
    let offered = |index: &&String| index.starts_with("CREATE INDEX lingshao_created ");
    let index = report.indexes.iter().find(offered).unwrap();
    client.run(index.trim_end_matches(';')).await;
    let report = check().await;
    assert!(report.findings.iter().all(|finding| !finding.is_error), "{:#?}", report.findings);
    assert_eq!(report.indexes.iter().find(offered), None);
}

/// Read page after page, these would bring the same rows for ever.
#[tokio::test]
async fn times_whose_text_lies_in_another_order_are_told() {
    let server = start(Kind::Sqlite).await;
    let mut client = make(&server).await;
    let shop = by_time(&server);
    index_by_time(&shop, &mut client).await;
    let placed = format!("replace({}, ' ', 'T')", ago(&client, 0));
    let rows: Vec<_> = (0..1_200).map(|id| format!("({id}, 1, 'SN{id}', 401, 1.00, {placed})")).collect();
    let columns = "id, user_id, order_sn, order_status, actual_price, add_time";
    client.run(&format!("INSERT INTO litemall_order ({columns}) VALUES {}", rows.join(","))).await;
    let mut tail = Tail::start(&shop, TailLimits::default(), NOW).await.unwrap();
    assert_eq!(
        tail.tick(&shop, NOW).await.unwrap_err().to_string(),
        "the order in which orders came: `a text in `add_time`, or another zone` is not what the mapping promises; \
         correct the mapping"
    );
}
