//! What the linter sees: every defect is one line.

use super::*;
use lint::{Finding, lint};

fn findings(change: impl FnOnce(&mut Mapping)) -> Vec<String> {
    let mut mapping = litemall();
    change(&mut mapping);
    lint(&mapping).iter().map(Finding::to_string).collect()
}

/// The guard of the cancellation with another text.
#[track_caller]
fn guard(sql: &str, expected: &[&str]) {
    let found = findings(|mapping| mapping.cancel.as_mut().unwrap().steps[0].exec = sql.to_owned());
    let place = "order_timeout.action.sql[0].exec: error: ";
    let expected: Vec<_> = expected.iter().map(|problem| format!("{place}{problem}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn presets_are_clean() {
    for name in ["litemall", "ruoyi-mall"] {
        let found: Vec<_> = lint(&preset(name).unwrap()).iter().map(Finding::to_string).collect();
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
    assert_eq!(preset("magento"), None);
}

#[test]
fn a_guard_names_the_key_and_the_state_it_leaves_and_changes_it() {
    let state = "the guard's WHERE names no state column (order_status, refund_type); without it, an order that was \
                 just paid would be cancelled";
    guard("UPDATE litemall_order SET order_status=103 WHERE id=:id", &[state]);
    guard("UPDATE litemall_order SET order_status=103 WHERE id=:id AND update_time=:now", &[state]);
    guard("UPDATE litemall_order SET order_status=103 WHERE id=:id AND (1=1 OR order_status=101)", &[state]);
    let key = "WHERE does not name the key; add `id = :id`";
    guard(
        "UPDATE litemall_order SET order_status=103 WHERE order_status=101",
        &["WHERE does not name the key; add `KEY = :id`", key],
    );
    guard(
        "UPDATE litemall_order SET deleted=1 WHERE id=:id AND order_status=101",
        &["the guard does not set a state column (order_status, refund_type); it would run again and again"],
    );
    let or = "WHERE has an OR outside of parentheses; it can match rows beside the key's";
    guard("UPDATE litemall_order SET order_status=103 WHERE id=:id AND order_status=101 OR 1=1", &[or, or]);
    let none = "the statement has no WHERE; it would change every row";
    guard("UPDATE litemall_order SET order_status=103", &[none]);
}

#[test]
fn a_step_is_one_update_or_insert() {
    let verb = |found| format!("the statement begins with `{found}`; only UPDATE or INSERT is allowed here");
    let first = "the first step is the guard: it must be an UPDATE without `each`, of exactly one row";
    guard("DELETE FROM litemall_order WHERE id=:id", &[&verb("DELETE"), first]);
    guard("SELECT 1", &[&verb("SELECT"), first]);
    guard("", &[&verb(""), first]);
    let sql = "UPDATE litemall_order SET order_status=103 WHERE id=:id AND order_status=101; DROP TABLE litemall_order";
    guard(sql, &["more than one statement; give every statement a step of its own"]);
    let sql = "UPDATE litemall_order SET order_status=103 WHERE id=:id AND order_status=101 -- AND deleted=0";
    guard(sql, &["comments are not allowed in a statement (byte 77)"]);
    let sql = "UPDATE litemall_order SET order_status=103, number=SLEEP(9) WHERE id=:id AND order_status=101";
    guard(sql, &["`SLEEP` is not allowed in a statement of a monitor"]);
    let sql = "UPDATE litemall_order SET order_status=:next WHERE id=:id AND order_status=101";
    guard(sql, &["`:next` is not given here; there are :id, :now, :amount"]);
}

#[test]
fn statements_stay_on_the_mappings_tables() {
    let all = "litemall_coupon_user, litemall_goods, litemall_goods_product, litemall_groupon, litemall_groupon_rules, \
               litemall_order, litemall_order_goods";
    let table = format!(
        "table `litemall_user` is not one of the mapping's ({all}); add it to `tables` if it is right"
    );
    guard("UPDATE litemall_user SET order_status=103 WHERE id=:id AND order_status=101", &[&table]);
    let sql = "UPDATE litemall_order SET order_status=103 WHERE id=:id AND order_status=101 AND user_id IN \
               (SELECT id FROM litemall_order o, litemall_user u)";
    guard(sql, &[&table]);
}

#[test]
fn undo_steps_name_a_key_and_say_how_many_rows() {
    let undo = |step: Step| {
        let found = findings(|mapping| mapping.cancel.as_mut().unwrap().steps[2] = step);
        found.iter().map(|found| found.replace("order_timeout.action.sql[2].", "")).collect::<Vec<_>>()
    };
    let step = |each: Option<&str>, exec: &str, min, max| Step {
        each: each.map(str::to_owned),
        exec: exec.to_owned(),
        rows: Rows { min, max },
    };
    let all = "UPDATE litemall_coupon_user SET status=0 WHERE status=1";
    assert_eq!(undo(step(None, all, 0, 1)), ["exec: error: WHERE does not name the key; add `KEY = :id`"]);
    let one = "UPDATE litemall_coupon_user SET status=0 WHERE order_id=:id";
    assert_eq!(undo(step(None, one, 2, 1)), ["exec: error: rows 2..1 cannot be"]);
    let each = "SELECT id FROM litemall_coupon_user WHERE order_id=:id";
    assert_eq!(
        undo(step(Some(each), "UPDATE litemall_coupon_user SET status=0 WHERE id=:coupon", 1, 1)),
        [
            "each: warning: `each` has no ORDER BY; two acts may lock the same rows in two orders, and one is rolled back",
            "exec: error: `:coupon` is not given here; there are :id, :now, :amount, :id",
        ]
    );
    let insert = "INSERT INTO litemall_coupon_user (order_id, status) VALUES (:id, 0)";
    assert_eq!(undo(step(None, insert, 1, 1)), Vec::<String>::new());
    let each = "UPDATE litemall_coupon_user SET status=0 WHERE order_id=:id";
    assert_eq!(
        undo(step(Some(each), insert, 1, 1))[0],
        "each: error: the statement begins with `UPDATE`; only SELECT \
                                                          is allowed here"
    );
}

#[test]
fn expressions_cannot_break_out_of_their_place() {
    let pending = |text: &str| findings(|mapping| mapping.orders.states.pending = text.to_owned());
    let found = pending("order_status=101) OR (1=1");
    assert_eq!(found[0], "orders.states.pending: error: the parentheses do not match");
    let found = pending("order_status IN (SELECT 1)");
    assert_eq!(
        found[0],
        "orders.states.pending: error: `SELECT` is not allowed in an expression over columns"
    );
    let found = findings(|mapping| mapping.orders.table = "litemall_order; DROP TABLE x".to_owned());
    assert!(found[0].starts_with("orders.table: error: `litemall_order; DROP TABLE x` is not a plain table"));
}

proptest::proptest! {
    /// Whatever a person writes is judged, never a panic; and nothing with a second statement is ever clean.
    #[test]
    fn any_text_is_judged(text in "[ -~，。\\n]{0,80}", tail in "[;a-zA-Z0-9:'\"`()=,.* -]{0,60}") {
        let guard = "UPDATE litemall_order SET order_status=103 WHERE id=:id AND order_status=101";
        for sql in [text.clone(), format!("{guard}{tail}"), format!("{guard}; {tail}")] {
            let second = sql.starts_with(guard) && sql[guard.len()..].starts_with(';');
            let found = findings(|mapping| {
                mapping.cancel.as_mut().unwrap().steps[0].exec = sql.clone();
                mapping.orders.states.paid = text.clone();
            });
            proptest::prop_assert!(!second || found.iter().any(|line| line.contains("sql[0].exec: error")));
        }
    }
}
