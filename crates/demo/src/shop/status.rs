//! litemall's codes.

/// `litemall_order.order_status`.
pub(crate) mod order {
    pub(crate) const UNPAID: i64 = 101;
    pub(crate) const CANCELLED_BY_USER: i64 = 102;
    pub(crate) const CANCELLED_BY_SYSTEM: i64 = 103;
    pub(crate) const PAID: i64 = 201;
    pub(crate) const REFUND_ASKED: i64 = 202;
    pub(crate) const REFUNDED: i64 = 203;
    pub(crate) const SHIPPED: i64 = 301;
}

/// `litemall_groupon.status`: the code, not the comment in the DDL.
pub(crate) mod group {
    pub(crate) const NONE: i64 = 0;
    pub(crate) const ON: i64 = 1;
    pub(crate) const SUCCESS: i64 = 2;
    pub(crate) const FAILED: i64 = 3;
}

/// `litemall_groupon_rules.status`.
pub(crate) mod rule {
    pub(crate) const ON: i64 = 0;
    pub(crate) const EXPIRED: i64 = 1;
}

/// `demo_payment.status`.
pub(crate) mod payment {
    pub(crate) const WAITING: i64 = 0;
    pub(crate) const PAID: i64 = 10;
    pub(crate) const REFUSED: i64 = 20;
    pub(crate) const CLOSED: i64 = 30;
}

/// `demo_refund.status`.
pub(crate) mod refund {
    pub(crate) const PLANNED: i64 = 0;
    pub(crate) const DONE: i64 = 10;
}
