//! The books of a fake: what was asked for, paid, closed and given back, by the service's rules.

use std::collections::BTreeMap;

/// "一笔订单最多支持50次部分退款"
const REFUNDS_MAX: usize = 50;

/// How a trade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeState {
    /// `NOTPAY`
    NotPaid,
    /// `USERPAYING`: the customer types the password.
    Paying,
    /// `SUCCESS`, or `REFUND` once a refund was accepted.
    Paid,
    /// `CLOSED`
    Closed,
}

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// `PROCESSING`
    Processing,
    /// `SUCCESS`: the money is back.
    Done,
    /// `ABNORMAL`: the customer's card does not take it.
    Abnormal,
    /// `CLOSED`: given up; the money can be asked for again.
    Closed,
}

/// An order of the shop, as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedTrade {
    /// `out_trade_no`
    pub order: String,
    /// What it costs.
    pub fen: i64,
    /// How it stands.
    pub state: TradeState,
    /// `transaction_id`, once it is paid.
    pub transaction: Option<String>,
    /// Where a payment is told.
    pub notify_url: Option<String>,
}

/// A refund, as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedRefund {
    /// `out_refund_no`
    pub number: String,
    /// `out_trade_no`
    pub order: String,
    /// How much goes back.
    pub fen: i64,
    /// How it stands.
    pub state: RefundState,
    /// `refund_id`
    pub id: String,
    /// Where its end is told.
    pub notify_url: Option<String>,
    /// How often it was asked for.
    pub asked: u32,
}

/// HTTP status, code, message.
pub(crate) type Refusal = (u16, &'static str, &'static str);

/// A wish to refund whose form is right.
pub(crate) struct Wish<'a> {
    pub(crate) order: &'a str,
    pub(crate) number: &'a str,
    pub(crate) fen: i64,
    pub(crate) total_fen: i64,
    pub(super) notify_url: Option<&'a str>,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) trades: BTreeMap<String, BookedTrade>,
    pub(super) refunds: BTreeMap<String, BookedRefund>,
    /// What the merchant's account holds for refunds; without one it has always enough.
    pub(super) balance_fen: Option<i64>,
    numbers: u64,
}

impl Books {
    pub(super) fn open(&mut self, order: &str, fen: i64, notify_url: Option<&str>) {
        assert!(0 < fen, "a payment is at least one fen");
        let trade = BookedTrade {
            order: order.to_owned(),
            fen,
            state: TradeState::NotPaid,
            transaction: None,
            notify_url: notify_url.map(str::to_owned),
        };
        let before = self.trades.insert(order.to_owned(), trade);
        assert!(before.is_none(), "the order {order} was opened before");
    }

    /// The customer pays; the error tells why that cannot be.
    pub(super) fn pay(&mut self, order: &str) -> Result<BookedTrade, Option<TradeState>> {
        let transaction = self.number("42");
        let trade = self.trades.get_mut(order).ok_or(None)?;
        match trade.state {
            TradeState::NotPaid | TradeState::Paying => {
                trade.state = TradeState::Paid;
                trade.transaction = Some(transaction);
                Ok(trade.clone())
            }
            other => Err(Some(other)),
        }
    }

    /// Whether the customer, who has not paid, now types the password, or stops doing so.
    pub(super) fn paying(&mut self, order: &str, is_paying: bool) -> bool {
        let (from, to) = match is_paying {
            true => (TradeState::NotPaid, TradeState::Paying),
            false => (TradeState::Paying, TradeState::NotPaid),
        };
        let trade = self.trades.get_mut(order).filter(|trade| trade.state == from);
        trade.map(|trade| trade.state = to).is_some()
    }

    /// Repeated closing and unknown numbers are fine: merchants have reported 204 for both.
    pub(super) fn close(&mut self, order: &str) -> Result<(), Refusal> {
        let Some(trade) = self.trades.get_mut(order) else { return Ok(()) };
        match trade.state {
            TradeState::Paid => Err((400, "ORDERPAID", "订单已支付")),
            TradeState::Paying => Err((202, "USER_PAYING", "用户支付中，需要输入密码")),
            TradeState::NotPaid | TradeState::Closed => {
                trade.state = TradeState::Closed;
                Ok(())
            }
        }
    }

    /// Gives money back, once for each number. True: for the first time.
    pub(super) fn refund(&mut self, wish: &Wish<'_>) -> Result<(BookedRefund, bool), Refusal> {
        if let Some(known) = self.refunds.get_mut(wish.number) {
            if (known.order.as_str(), known.fen) != (wish.order, wish.fen) {
                return Err((400, "PARAM_ERROR", "订单金额或退款金额与之前请求不一致，请核实后再试"));
            }
            known.asked += 1;
            return Ok((known.clone(), false));
        }
        self.judge(wish)?;
        if let Some(balance) = &mut self.balance_fen {
            *balance -= wish.fen;
        }
        let refund = BookedRefund {
            number: wish.number.to_owned(),
            order: wish.order.to_owned(),
            fen: wish.fen,
            state: RefundState::Processing,
            id: self.number("50"),
            notify_url: wish.notify_url.map(str::to_owned),
            asked: 1,
        };
        self.refunds.insert(wish.number.to_owned(), refund.clone());
        Ok((refund, true))
    }

    fn judge(&self, wish: &Wish<'_>) -> Result<(), Refusal> {
        let trade = self.trades.get(wish.order).ok_or((404, "RESOURCE_NOT_EXISTS", "订单不存在"))?;
        if trade.state != TradeState::Paid {
            return Err((400, "INVALID_REQUEST", "订单未支付"));
        }
        if trade.fen != wish.total_fen {
            return Err((400, "INVALID_REQUEST", "订单总金额与支付金额不一致"));
        }
        let given = self.refunded(wish.order);
        if given == trade.fen {
            return Err((400, "INVALID_REQUEST", "订单已全额退款"));
        }
        if trade.fen - given < wish.fen {
            return Err((400, "INVALID_REQUEST", "累计退款金额大于支付金额"));
        }
        if REFUNDS_MAX <= self.refunds.values().filter(|refund| refund.order == wish.order).count() {
            return Err((400, "INVALID_REQUEST", "部分退款次数超过50次"));
        }
        match self.balance_fen {
            Some(balance) if balance < wish.fen => {
                Err((403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"))
            }
            _ => Ok(()),
        }
    }

    /// Σ of what was or will be given back.
    pub(super) fn refunded(&self, order: &str) -> i64 {
        let counts = |refund: &&BookedRefund| refund.order == order && refund.state != RefundState::Closed;
        self.refunds.values().filter(counts).map(|refund| refund.fen).sum()
    }

    /// A refund comes to an end, or to another one. The true: it is another one than before.
    pub(super) fn finish(&mut self, number: &str, state: RefundState) -> Option<(BookedRefund, bool)> {
        let refund = self.refunds.get_mut(number)?;
        let changed = refund.state != state;
        refund.state = state;
        Some((refund.clone(), changed))
    }

    fn number(&mut self, kind: &str) -> String {
        self.numbers += 1;
        format!("{kind}{:026}", self.numbers)
    }
}
