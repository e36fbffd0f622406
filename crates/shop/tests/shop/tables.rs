//! litemall's tables, with the columns that matter here. `TIME_TYPE`: what the database calls a time without a zone.

pub(crate) const LITEMALL: [&str; 8] = [
    "litemall_goods (id BIGINT PRIMARY KEY, is_on_sale SMALLINT DEFAULT 1, deleted SMALLINT DEFAULT 0)",
    "litemall_goods_product (id BIGINT PRIMARY KEY, goods_id BIGINT NOT NULL, number BIGINT NOT NULL, \
     update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_order (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, order_sn VARCHAR(63) NOT NULL, \
     order_status SMALLINT NOT NULL, actual_price DECIMAL(10,2) NOT NULL, pay_time TIME_TYPE, \
     refund_amount DECIMAL(10,2), refund_type VARCHAR(63), refund_time TIME_TYPE, end_time TIME_TYPE, \
     add_time TIME_TYPE, update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_order_goods (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, \
     number SMALLINT NOT NULL)",
    "litemall_coupon_user (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, coupon_id BIGINT NOT NULL, status SMALLINT, \
     used_time TIME_TYPE, order_id BIGINT, update_time TIME_TYPE)",
    "litemall_groupon (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, groupon_id BIGINT, rules_id BIGINT NOT NULL, \
     status SMALLINT, update_time TIME_TYPE, deleted SMALLINT DEFAULT 0)",
    "litemall_groupon_rules (id BIGINT PRIMARY KEY, discount_member BIGINT NOT NULL, expire_time TIME_TYPE)",
    "litemall_user (id BIGINT PRIMARY KEY)",
];
