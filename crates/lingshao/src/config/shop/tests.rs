use std::collections::BTreeSet;
use std::path::Path;

use lingshao_demo::fakes::WechatPayAccount as Account;
use lingshao_model::TimeDelta;
use lingshao_shop::Fen;
use lingshao_shop::mapping::{ColumnClock, KeyKind, Listing, MoneyUnit, Rows, Stock};
use lingshao_shop::safety::{Limits, Mode};

use super::*;
use crate::config::{Config, parse};
use crate::shop::provider::ENDPOINT;

const BY_HAND: &str = r#"
shop:
  name: hand
  database: sqlite:shop.db
  money: {unit: fen, currency: CNY}
  clock: {column_zone: "-03:30", max_skew: 1m}
  orders:
    table: sales
    key: {id: sale_id, no: sale_no, monotonic: true}
    created: made_at
    paid_at: payed_at
    amount: total
    states: {pending: "state=0", paid: "state=1", cancelled: "state=2"}
    exclude: "cash=1"
  tables: [lines, items]
  stock:
    table: items
    id: sku
    sellable: "have - reserved"
    listing: {table: goods, id: goods_id, reference: goods, exclude: "shown=0"}
  monitors:
    order_timeout:
      mode: dry_run
      after: 20m
      grace: 1m
      before: [provider.query, provider.close]
      action:
        sql:
          - {exec: "UPDATE sales SET state=2 WHERE sale_id=:id AND state=0", rows: 1}
          - each: "SELECT sku, n FROM lines WHERE sale_id=:id ORDER BY sku"
            exec: "UPDATE items SET have=have+:n WHERE sku=:sku"
            rows: 0..1
        verify: "SELECT state=2 FROM sales WHERE sale_id=:id"
      limits: {per_run: 7, max_share_of_pending: 25%, order_age_max: 1d, two_ticks: false}
    low_stock: {below: 3}
  figures: {leave_out: [orders_total]}
"#;

fn config(text: &str) -> Config {
    parse(text, Path::new("lingshao.yml"))
        .map(|loaded| loaded.config)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn findings(text: &str) -> Vec<String> {
    match parse(text, Path::new("lingshao.yml")) {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
        Err(invalid) => invalid.diagnostics.iter().map(ToString::to_string).collect(),
    }
}

/// The first finding begins like this, with the line and column of what is wrong.
#[track_caller]
fn wrong(text: &str, expected: &str) {
    let found = findings(text);
    assert!(
        found.first().is_some_and(|first| first.starts_with(expected)),
        "{found:#?}\nexpected {expected}"
    );
}

#[test]
fn a_schema_of_any_kind_needs_yaml_only() {
    let shop = config(BY_HAND).shop.unwrap();
    assert_eq!((shop.name.as_str(), shop.every), ("hand", TimeDelta::from_secs(30)));
    assert_eq!(shop.mapping.money, MoneyUnit::Fen);
    assert_eq!(shop.mapping.clock.column, ColumnClock::Local(TimeDelta::from_secs(-12_600)));
    assert_eq!(shop.mapping.orders.key, KeyKind::Growing);
    assert_eq!(shop.mapping.orders.states.refunding, "FALSE");
    let cancel = shop.mapping.cancel.unwrap();
    assert_eq!(cancel.steps[1].rows, Rows::AT_MOST_ONE);
    assert_eq!(cancel.verify.as_deref(), Some("SELECT state=2 FROM sales WHERE sale_id=:id"));
    let timeout = shop.order_timeout;
    assert_eq!((timeout.mode, timeout.after), (Mode::DryRun, TimeDelta::from_secs(1_200)));
    let Limits { per_run, share_of_pending_percent_max, two_ticks, .. } = timeout.limits;
    assert_eq!((per_run, share_of_pending_percent_max, two_ticks), (7, 25, false));
    assert_eq!(shop.low_stock.below, 3);
    let listing = shop.mapping.stock.unwrap().listing.unwrap();
    let Listing { table, id, reference, exclude } = &listing;
    assert_eq!([table, id, reference, exclude], ["goods", "goods_id", "goods", "shown=0"]);
    assert_eq!(shop.left_out, BTreeSet::from(["orders_total".to_owned()]));
    assert_eq!((shop.group_settle.mode, shop.refunds.mode), (Mode::Observe, Mode::Observe));
}

#[test]
fn a_preset_needs_no_more_than_its_name() {
    let shop =
        config("shop: {database: {url: 'mysql://u:hunter2@h/litemall'}, preset: litemall}\n").shop.unwrap();
    assert_eq!(shop.mapping, lingshao_shop::mapping::litemall());
    assert_eq!(shop.order_timeout.mode, Mode::Observe);
    assert!(!format!("{shop:?}").contains("hunter2"));
    let shown =
        config("shop: {database: 'mysql://u:hunter2@h/litemall', preset: litemall}\n").to_masked_yaml();
    assert!(!shown.contains("hunter2") && shown.contains("preset: litemall"), "{shown}");
    // Parts of it may be other ones here.
    let other = "shop: {database: 'sqlite:x', preset: litemall, clock: {column_zone: utc}, \
                 orders: {exclude: 'deleted=1 OR mobile IS NULL'}, groups: off, \
                 stock: {sellable: number - held, listing: off}}\n";
    let shop = config(other).shop.unwrap();
    assert_eq!(shop.mapping.clock.column, ColumnClock::Local(TimeDelta::ZERO));
    assert_eq!(shop.mapping.orders.exclude.as_deref(), Some("deleted=1 OR mobile IS NULL"));
    assert_eq!((shop.mapping.orders.table.as_str(), shop.mapping.groups), ("litemall_order", None));
    let stock = shop.mapping.stock.unwrap();
    let Stock { table, sellable, exclude, listing, .. } = stock;
    assert_eq!((table.as_str(), sellable.as_str()), ("litemall_goods_product", "number - held"));
    assert_eq!((exclude.as_deref(), listing), (Some("deleted=1"), None));
    let elsewhere =
        "shop: {database: 'sqlite:x', preset: litemall, stock: {table: t, id: id, sellable: n}}\n";
    assert_eq!(config(elsewhere).shop.unwrap().mapping.stock.unwrap().exclude, None);
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let preset = "shop:\n  database: sqlite:x\n  preset: litemall\n";
    wrong("shop: {preset: litemall}\n", "lingshao.yml:1:7: error a shop needs its `database`");
    wrong(
        "shop:\n  database: oracle://x\n  preset: litemall\n",
        "lingshao.yml:2:13: error `database`: the shop's database URL must begin",
    );
    wrong(
        "shop:\n  database: sqlite:x\n  preset: litemal\n",
        "lingshao.yml:3:3: error there is no preset `litemal`",
    );
    wrong("shop:\n  database: sqlite:x\n", "lingshao.yml:2:3: error a shop without a preset needs `money`");
    let payments =
        |more: &str| format!("{preset}  payments:\n    table: pay\n    id: id\n    created: at\n{more}");
    wrong(&payments(""), "lingshao.yml:5:5: error `payments` needs `states`");
    wrong(
        &payments("    states: {paid: 'st=1', failed: 'st=2; DROP'}\n"),
        "lingshao.yml:8:28: error `payments.states.failed`",
    );
    wrong(
        &payments("    states: {paid: 'st=1'}\n    provider: (SELECT 1)\n"),
        "lingshao.yml:9:5: error `payments.provider`",
    );
    let listing = "listing: {table: g, id: id, exclude: 'off=1'}";
    let listed = format!("{preset}  stock: {{table: t, id: id, sellable: n, {listing}}}\n");
    wrong(&listed, "lingshao.yml:4:51: error `stock.listing` needs `reference`");
    let harm = listed.replace("table: g", "table: 'g; DROP TABLE g', reference: g");
    wrong(&harm, "lingshao.yml:4:52: error `stock.listing.table`");
    wrong(
        &format!("{preset}  figures:\n    leave_out: [orders_total, orders]\n"),
        "lingshao.yml:5:31: error `leave_out`: there is no figure `orders`",
    );
    wrong(&format!("{preset}  every: 1h\n"), "lingshao.yml:4:3: error `every` of 1h is not possible");
    wrong(&format!("{preset}  name: 'two words'\n"), "lingshao.yml:4:3: error `name`: shop name");
    wrong(
        &format!("{preset}  monitors:\n    order_timeout: {{after: 10s}}\n"),
        "lingshao.yml:5:21: error `after` of 10s is too short",
    );
    wrong(
        &format!("{preset}  monitors:\n    order_timeout: {{mod: act}}\n"),
        "lingshao.yml:5:21: error unknown key `mod`",
    );
    // Acting without anybody who could say that an order is paid must be meant.
    wrong(
        &format!("{preset}  monitors: {{order_timeout: {{mode: act}}}}\n"),
        "lingshao.yml:2:3: error `order_timeout` is to act, and no `provider`",
    );
    assert_eq!(
        findings(&format!("{preset}  provider: none\n  monitors: {{order_timeout: {{mode: act}}}}\n")),
        Vec::<String>::new()
    );
    wrong(
        &format!("{preset}  provider: none\n  monitors: {{refunds: {{mode: act}}}}\n"),
        "lingshao.yml:2:3: error `refunds` is switched on, and there is no `provider`",
    );
}

#[test]
fn statements_that_could_do_harm_are_refused_at_their_line() {
    let with = |exec: &str| {
        format!(
            "shop:\n  database: sqlite:x\n  preset: litemall\n  monitors:\n    order_timeout:\n      action:\n        sql:\n          - {{exec: \"{exec}\", rows: 1}}\n"
        )
    };
    wrong(
        &with("DELETE FROM litemall_order WHERE id=:id AND order_status=101"),
        "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`",
    );
    // The guard names no state: an order that was just paid would be cancelled.
    wrong(
        &with("UPDATE litemall_order SET order_status=103 WHERE id=:id"),
        "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: the guard's WHERE names no state column",
    );
    wrong(
        &with("UPDATE litemall_order SET order_status=103 WHERE order_status=101"),
        "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: WHERE does not name the key",
    );
    wrong(
        &with("UPDATE secrets SET order_status=103 WHERE id=:id AND order_status=101"),
        "lingshao.yml:8:14: error `order_timeout.action.sql[0].exec`: table `secrets`",
    );
}

#[test]
fn keys_of_wechat_pay_are_tried_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lingshao.yml");
    let text = format!(
        "shop:\n  database: sqlite:x\n  preset: litemall\n  provider:\n    wechatpay:\n      mchid: '{}'\n      serial: {}\n      \
         private_key_file: k.pem\n      certificate_files: [c.pem]\n  monitors: {{refunds: {{mode: act, orphans: true, limits: {{fen_per_day: 9000}}}}}}\n",
        Account::MCHID,
        Account::MERCHANT_SERIAL
    );
    let read = || parse(&text, &file);
    let error = read().unwrap_err().to_string();
    assert!(error.contains(":6:7: error `wechatpay`: cannot read"), "{error}");
    std::fs::write(folder.path().join("k.pem"), Account::MERCHANT_KEY).unwrap();
    std::fs::write(folder.path().join("c.pem"), Account::MERCHANT_KEY).unwrap();
    assert!(read().unwrap_err().to_string().contains("c.pem"));
    std::fs::write(folder.path().join("c.pem"), Account::PLATFORM_CERTIFICATE).unwrap();
    let called = |lines: &str| {
        let text =
            text.replace("certificate_files: [c.pem]\n", &format!("certificate_files: [c.pem]\n{lines}"));
        parse(&text, &file).map(|_| ()).map_err(|error| error.to_string())
    };
    let lacks = called("      notify_url: https://h/x\n").unwrap_err();
    assert!(lacks.contains(":10:7: error `notify_url`: without the APIv3 key"), "{lacks}");
    std::fs::write(folder.path().join("v3"), "short").unwrap();
    let short = called("      api_v3_key_file: v3\n").unwrap_err();
    assert!(short.contains("v3`") && short.contains('5'), "{short}");
    std::fs::write(folder.path().join("v3"), Account::API_V3_KEY).unwrap();
    let strange = called("      api_v3_key_file: v3\n      notify_url: 'https://h/x?y'\n").unwrap_err();
    assert!(strange.contains(":11:7: error `notify_url`: `https://h/x?y` is no address"), "{strange}");
    called("      api_v3_key_file: v3\n      notify_url: https://h/x\n").unwrap();
    let shop = read().unwrap().config.shop.unwrap();
    assert_eq!((shop.refunds.caps.fen_per_day, shop.refunds.orphans), (Fen(9_000), true));
    assert!(matches!(shop.provider, Provider::Wechatpay(wechatpay) if wechatpay.endpoint == ENDPOINT));
}
