//! Mappings of shops that many run.

use lingshao_model::TimeDelta;

use super::{
    Clock, ColumnClock, Groups, KeyKind, LateMembers, Listing, Mapping, MoneyUnit, Orders, PaymentStates,
    Payments, Rows, SqlAction, States, Step, Stock,
};

/// China, where these shops are, has no summer time.
const SHANGHAI: TimeDelta = TimeDelta::from_secs(8 * 3600);
/// An order placed five minutes in the future is a clock that is wrong.
const SKEW_MAX: TimeDelta = TimeDelta::from_secs(300);
/// Members of one group; more than any shop allows.
const MEMBERS: Rows = Rows { min: 0, max: 1_000 };

/// The preset of this name: `litemall` or `ruoyi-mall`.
pub fn preset(name: &str) -> Option<Mapping> {
    match name {
        "litemall" => Some(litemall()),
        "ruoyi-mall" => Some(ruoyi_mall()),
        _ => None,
    }
}

fn exec(sql: &str, rows: Rows) -> Step {
    Step { each: None, exec: sql.to_owned(), rows }
}

fn each(each: &str, sql: &str, rows: Rows) -> Step {
    Step { each: Some(each.to_owned()), exec: sql.to_owned(), rows }
}

fn action(steps: Vec<Step>, verify: &str) -> SqlAction {
    SqlAction { steps, verify: Some(verify.to_owned()) }
}

/// linlinjava/litemall.
///
/// An order that is to be refunded stands at 203 (refunded) with `refund_type` `lingshao-pending`, not at 202 (refund
/// asked): at 202 a person can refund it by hand in the admin pages, under another number and with its stock once more, and
/// at 102 to 104 a late payment callback would make it a paid one again.
pub fn litemall() -> Mapping {
    Mapping {
        money: MoneyUnit::Yuan,
        clock: Clock { column: ColumnClock::Local(SHANGHAI), skew_max: SKEW_MAX },
        orders: litemall_orders(),
        tables: [
            "litemall_order_goods",
            "litemall_coupon_user",
            "litemall_groupon",
            "litemall_groupon_rules",
        ]
        .map(str::to_owned)
        .into(),
        cancel: Some(litemall_cancel()),
        claim: Some(action(
            vec![exec(
                "UPDATE litemall_order SET order_status=203, refund_type='lingshao-pending', update_time=:now \
                 WHERE id=:id AND order_status IN (102,103,104)",
                Rows::ONE,
            )],
            "SELECT order_status=203 FROM litemall_order WHERE id=:id",
        )),
        mark_refunded: Some(action(
            vec![exec(
                "UPDATE litemall_order SET refund_type='lingshao', refund_amount=:amount, refund_time=:now, \
                 update_time=:now WHERE id=:id AND order_status=203 AND refund_type='lingshao-pending'",
                Rows::ONE,
            )],
            "SELECT refund_type='lingshao' FROM litemall_order WHERE id=:id",
        )),
        groups: Some(litemall_groups()),
        stock: Some(Stock {
            table: "litemall_goods_product".to_owned(),
            id: "id".to_owned(),
            sellable: "number".to_owned(),
            exclude: Some("deleted=1".to_owned()),
            // What is taken off sale keeps its products, with whatever number they had.
            listing: Some(Listing {
                table: "litemall_goods".to_owned(),
                id: "id".to_owned(),
                reference: "goods_id".to_owned(),
                exclude: "is_on_sale=0 OR deleted=1".to_owned(),
            }),
        }),
        payments: None,
    }
}

fn litemall_orders() -> Orders {
    Orders {
        table: "litemall_order".to_owned(),
        id: "id".to_owned(),
        key: KeyKind::Growing,
        number: "order_sn".to_owned(),
        created: "add_time".to_owned(),
        paid_at: "pay_time".to_owned(),
        amount: "actual_price".to_owned(),
        refunded_at: Some("refund_time".to_owned()),
        states: States {
            pending: "order_status=101".to_owned(),
            paid: "order_status IN (201,202,301,401,402)".to_owned(),
            cancelled: "order_status IN (102,103,104)".to_owned(),
            refunding: "order_status=203 AND refund_type='lingshao-pending'".to_owned(),
            refunded: "order_status=203".to_owned(),
        },
        exclude: Some("deleted=1".to_owned()),
        cancellable: None,
        trades: None,
    }
}

/// The guard also sets `update_time`, by which litemall's own job sees that somebody was faster.
fn litemall_cancel() -> SqlAction {
    action(
        vec![
            exec(
                "UPDATE litemall_order SET order_status=103, end_time=:now, update_time=:now \
                 WHERE id=:id AND order_status=101",
                Rows::ONE,
            ),
            each(
                "SELECT product_id, number FROM litemall_order_goods WHERE order_id=:id ORDER BY product_id",
                "UPDATE litemall_goods_product SET number=number+:number, update_time=:now WHERE id=:product_id",
                Rows::ONE,
            ),
            exec(
                "UPDATE litemall_coupon_user SET status=0, used_time=NULL, update_time=:now \
                 WHERE order_id=:id AND status=1",
                Rows::AT_MOST_ONE,
            ),
        ],
        "SELECT order_status=103 FROM litemall_order WHERE id=:id",
    )
}

fn litemall_groups() -> Groups {
    let end = |status: u8| {
        [
            exec(
                &format!(
                    "UPDATE litemall_groupon SET status={status}, update_time=:now WHERE id=:group AND status=1"
                ),
                Rows::ONE,
            ),
            exec(
                &format!(
                    "UPDATE litemall_groupon SET status={status}, update_time=:now WHERE groupon_id=:group AND status=1"
                ),
                MEMBERS,
            ),
        ]
    };
    let mut fail = Vec::from(end(3));
    fail.extend([
        each(
            "SELECT o.id AS order_id FROM litemall_order o JOIN litemall_groupon g ON g.order_id=o.id \
             WHERE (g.id=:group OR g.groupon_id=:group) AND o.order_status=201 ORDER BY o.id",
            "UPDATE litemall_order SET order_status=203, refund_type='lingshao-pending', end_time=:now, update_time=:now \
             WHERE id=:order_id AND order_status=201",
            Rows::AT_MOST_ONE,
        ),
        // Those, and only those, that the step before has changed.
        each(
            "SELECT i.product_id AS product_id, i.number AS number FROM litemall_order_goods i \
             JOIN litemall_order o ON o.id=i.order_id JOIN litemall_groupon g ON g.order_id=o.id \
             WHERE (g.id=:group OR g.groupon_id=:group) AND o.order_status=203 AND o.refund_type='lingshao-pending' \
             AND o.end_time=:now ORDER BY i.product_id",
            "UPDATE litemall_goods_product SET number=number+:number, update_time=:now WHERE id=:product_id",
            Rows::ONE,
        ),
    ]);
    Groups {
        open: "SELECT g.id AS group_key, r.discount_member AS required, \
               (SELECT COUNT(*) FROM litemall_groupon m JOIN litemall_order o ON o.id=m.order_id \
               WHERE (m.id=g.id OR m.groupon_id=g.id) AND m.deleted=0 AND o.order_status IN (201,301,401,402)) AS paid, \
               r.expire_time AS expires_at FROM litemall_groupon g JOIN litemall_groupon_rules r ON r.id=g.rules_id \
               WHERE g.groupon_id=0 AND g.status=1 AND g.deleted=0"
            .to_owned(),
        state_columns: vec!["status".to_owned()],
        success: SqlAction { steps: end(2).into(), verify: None },
        fail: SqlAction { steps: fail, verify: None },
        late: Some(litemall_late_members()),
        // However the group stands: its own counting can make a failed one a success when one more pays.
        refundable: "SELECT o.id AS order_key FROM litemall_order o JOIN litemall_groupon g ON g.order_id=o.id \
                     WHERE o.order_status=203 AND o.refund_type='lingshao-pending'"
            .to_owned(),
        ended: Some(
            "SELECT g.id AS group_key, CASE WHEN g.status=2 THEN 1 ELSE 0 END AS succeeded, g.update_time AS ended_at, \
             (SELECT COUNT(*) FROM litemall_groupon m JOIN litemall_order o ON o.id=m.order_id \
             WHERE (m.id=g.id OR m.groupon_id=g.id) AND (m.status=3 OR (g.status=3 AND m.status=1)) AND \
             (o.order_status IN (201,202) OR \
             (o.order_status=203 AND o.refund_type='lingshao-pending'))) AS outstanding \
             FROM litemall_groupon g WHERE g.groupon_id=0 AND g.status IN (2,3) AND g.deleted=0"
                .to_owned(),
        ),
    }
}

/// A member's row goes from 0 to 1 when the order is paid, also when the leader's is at 3 by then.
fn litemall_late_members() -> LateMembers {
    let steps = vec![
        exec(
            "UPDATE litemall_groupon SET status=3, update_time=:now WHERE id=:group AND status=1 AND EXISTS \
             (SELECT 1 FROM litemall_order o WHERE o.id=litemall_groupon.order_id AND o.order_status=201)",
            Rows::ONE,
        ),
        each(
            "SELECT order_id FROM litemall_groupon WHERE id=:group ORDER BY order_id",
            "UPDATE litemall_order SET order_status=203, refund_type='lingshao-pending', end_time=:now, update_time=:now \
             WHERE id=:order_id AND order_status=201",
            Rows::AT_MOST_ONE,
        ),
        each(
            "SELECT i.product_id AS product_id, i.number AS number FROM litemall_order_goods i \
             JOIN litemall_order o ON o.id=i.order_id JOIN litemall_groupon g ON g.order_id=o.id \
             WHERE g.id=:group AND o.order_status=203 AND o.refund_type='lingshao-pending' AND o.end_time=:now \
             ORDER BY i.product_id",
            "UPDATE litemall_goods_product SET number=number+:number, update_time=:now WHERE id=:product_id",
            Rows::ONE,
        ),
    ];
    LateMembers {
        find: "SELECT m.id AS group_key, o.id AS order_key FROM litemall_groupon m \
               JOIN litemall_groupon g ON g.id=m.groupon_id JOIN litemall_order o ON o.id=m.order_id \
               WHERE m.status=1 AND g.status=3 AND m.deleted=0 AND o.order_status=201"
            .to_owned(),
        fail: SqlAction { steps, verify: None },
    }
}

/// YunaiV/ruoyi-vue-pro, mall.
///
/// It cancels through nine handlers. Three can be undone by statements (stock, sales, coupon), so only plain orders
/// without points are cancelled that way; for the others its own API must be called.
pub fn ruoyi_mall() -> Mapping {
    Mapping {
        money: MoneyUnit::Fen,
        clock: Clock { column: ColumnClock::Local(SHANGHAI), skew_max: SKEW_MAX },
        orders: ruoyi_orders(),
        tables: [
            "trade_order_item",
            "promotion_coupon",
            "promotion_combination_record",
            "pay_order_extension",
        ]
        .map(str::to_owned)
        .into(),
        cancel: Some(ruoyi_cancel()),
        claim: Some(action(
            vec![exec(
                "UPDATE trade_order SET pay_time=:now, update_time=:now WHERE id=:id AND status=40 AND pay_time IS NULL",
                Rows::ONE,
            )],
            "SELECT status=40 FROM trade_order WHERE id=:id",
        )),
        mark_refunded: Some(action(
            vec![exec(
                "UPDATE trade_order SET refund_status=20, refund_price=:amount, update_time=:now \
                 WHERE id=:id AND status=40 AND refund_status=0",
                Rows::ONE,
            )],
            "SELECT refund_status=20 FROM trade_order WHERE id=:id",
        )),
        groups: Some(ruoyi_groups()),
        stock: Some(Stock {
            table: "product_sku".to_owned(),
            id: "id".to_owned(),
            sellable: "stock".to_owned(),
            exclude: Some("deleted<>0".to_owned()),
            listing: None,
        }),
        payments: Some(ruoyi_payments()),
    }
}

/// A row an attempt, of whatever is paid there: an order, or a wallet that is filled. That a provider said no is in none of its
/// states.
fn ruoyi_payments() -> Payments {
    Payments {
        table: "pay_order_extension".to_owned(),
        id: "id".to_owned(),
        created: "create_time".to_owned(),
        states: PaymentStates {
            paid: "status IN (10,20)".to_owned(),
            failed: None,
            closed: Some("status=30".to_owned()),
        },
        provider: Some(
            "CASE WHEN channel_code LIKE 'wx%' THEN 'wechat' WHEN channel_code LIKE 'alipay%' THEN 'alipay' \
             ELSE channel_code END"
                .to_owned(),
        ),
        method: Some("channel_code".to_owned()),
        exclude: Some("deleted<>0".to_owned()),
    }
}

fn ruoyi_orders() -> Orders {
    Orders {
        table: "trade_order".to_owned(),
        id: "id".to_owned(),
        key: KeyKind::Growing,
        number: "no".to_owned(),
        created: "create_time".to_owned(),
        paid_at: "pay_time".to_owned(),
        amount: "pay_price".to_owned(),
        refunded_at: None,
        states: States {
            pending: "status=0".to_owned(),
            paid: "status IN (10,20,30)".to_owned(),
            cancelled: "status=40 AND pay_time IS NULL".to_owned(),
            refunding: "status=40 AND refund_status=0".to_owned(),
            refunded: "status=40".to_owned(),
        },
        exclude: Some("deleted<>0".to_owned()),
        cancellable: Some("type=0 AND use_point=0".to_owned()),
        // Every attempt to pay has a number of its own at the provider; of one by Alipay or wallet WeChat Pay knows nothing.
        trades: Some(
            "SELECT CASE WHEN e.channel_code LIKE 'wx%' THEN e.no END FROM pay_order_extension e JOIN trade_order o ON o.pay_order_id=e.order_id \
             WHERE o.id=:id ORDER BY e.id"
                .to_owned(),
        ),
    }
}

fn ruoyi_cancel() -> SqlAction {
    action(
        vec![
            exec(
                "UPDATE trade_order SET status=40, cancel_type=10, cancel_time=:now, update_time=:now \
                 WHERE id=:id AND status=0 AND type=0 AND use_point=0",
                Rows::ONE,
            ),
            each(
                "SELECT sku_id, count AS quantity FROM trade_order_item WHERE order_id=:id ORDER BY sku_id",
                "UPDATE product_sku SET stock=stock+:quantity, sales_count=sales_count-:quantity, update_time=:now \
                 WHERE id=:sku_id",
                Rows::ONE,
            ),
            exec(
                "UPDATE promotion_coupon SET status=1, use_order_id=NULL, use_time=NULL, update_time=:now \
                 WHERE use_order_id=:id AND status=2",
                Rows::AT_MOST_ONE,
            ),
        ],
        "SELECT status=40 FROM trade_order WHERE id=:id",
    )
}

fn ruoyi_groups() -> Groups {
    let end = |status: u8| {
        ["id", "head_id"].map(|key| {
            let rows = if key == "id" { Rows::ONE } else { MEMBERS };
            let sql = format!(
                "UPDATE promotion_combination_record SET status={status}, end_time=:now, update_time=:now \
                 WHERE {key}=:group AND status=0"
            );
            exec(&sql, rows)
        })
    };
    let mut fail = Vec::from(end(2));
    fail.extend([
        each(
            "SELECT order_id FROM promotion_combination_record WHERE (id=:group OR head_id=:group) AND deleted=0 \
             ORDER BY order_id",
            "UPDATE trade_order SET status=40, cancel_type=40, cancel_time=:now, update_time=:now \
             WHERE id=:order_id AND status=10",
            Rows::AT_MOST_ONE,
        ),
        each(
            "SELECT i.sku_id AS sku_id, i.count AS quantity FROM trade_order_item i \
             JOIN trade_order o ON o.id=i.order_id JOIN promotion_combination_record g ON g.order_id=o.id \
             WHERE (g.id=:group OR g.head_id=:group) AND o.status=40 AND o.cancel_type=40 AND o.cancel_time=:now \
             ORDER BY i.sku_id",
            "UPDATE product_sku SET stock=stock+:quantity, sales_count=sales_count-:quantity, update_time=:now \
             WHERE id=:sku_id",
            Rows::ONE,
        ),
    ]);
    Groups {
        open: "SELECT h.id AS group_key, h.user_size AS required, \
               (SELECT COUNT(*) FROM promotion_combination_record m \
               WHERE (m.id=h.id OR m.head_id=h.id) AND m.status=0 AND m.deleted=0) AS paid, \
               h.expire_time AS expires_at FROM promotion_combination_record h \
               WHERE h.head_id=0 AND h.status=0 AND h.deleted=0"
            .to_owned(),
        state_columns: vec!["status".to_owned()],
        success: SqlAction { steps: end(1).into(), verify: None },
        fail: SqlAction { steps: fail, verify: None },
        // Who joins a group that has failed cannot pay: the shop's own callback refuses it.
        late: None,
        refundable: "SELECT o.id AS order_key FROM trade_order o JOIN promotion_combination_record g ON g.order_id=o.id \
                     WHERE g.status=2 AND o.status=40 AND o.cancel_type=40 AND o.refund_status=0"
            .to_owned(),
        ended: Some(
            "SELECT h.id AS group_key, CASE WHEN h.status=1 THEN 1 ELSE 0 END AS succeeded, h.end_time AS ended_at, \
             (SELECT COUNT(*) FROM promotion_combination_record m JOIN trade_order o ON o.id=m.order_id \
             WHERE (m.id=h.id OR m.head_id=h.id) AND m.status=2 AND o.pay_time IS NOT NULL AND o.refund_status=0) \
             AS outstanding FROM promotion_combination_record h \
             WHERE h.head_id=0 AND h.status IN (1,2) AND h.deleted=0"
                .to_owned(),
        ),
    }
}
