//! The monitors by name.

use lingshao_shop::safety::Mode;
use lingshao_shop::sql::check::{PAYMENTS, PLACED};

use crate::config::shop::Shop;

/// What looks after one thing in the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Monitor {
    /// Orders that were not paid in time; the plan's two monitors of orders and of payments are its two views.
    OrderTimeout,
    /// Group buys.
    GroupSettle,
    /// Money that goes back, and payments that nobody has an order for.
    Refunds,
    /// Products of which there is little.
    LowStock,
    /// Figures of the day.
    Figures,
}

impl Monitor {
    /// In the order in which they are shown.
    pub(crate) const ALL: [Monitor; 5] =
        [Monitor::OrderTimeout, Monitor::GroupSettle, Monitor::Refunds, Monitor::LowStock, Monitor::Figures];

    /// In labels, addresses and the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Monitor::OrderTimeout => "order_timeout",
            Monitor::GroupSettle => "group_settle",
            Monitor::Refunds => "refunds",
            Monitor::LowStock => "low_stock",
            Monitor::Figures => "figures",
        }
    }

    /// Back from its name.
    pub(crate) fn from_name(name: &str) -> Option<Monitor> {
        Monitor::ALL.into_iter().find(|monitor| monitor.name() == name)
    }

    /// Whether it changes anything when it may.
    pub(crate) fn acts(self) -> bool {
        matches!(self, Monitor::OrderTimeout | Monitor::GroupSettle | Monitor::Refunds)
    }

    /// How far it may go.
    pub(crate) fn mode(self, config: &Shop) -> Mode {
        match self {
            Monitor::OrderTimeout => config.order_timeout.mode,
            Monitor::GroupSettle => config.group_settle.mode,
            Monitor::Refunds => config.refunds.mode,
            Monitor::LowStock | Monitor::Figures => Mode::Observe,
        }
    }

    /// Whether a finding at this place of the mapping concerns it: what is wrong with the orders concerns all that act.
    pub(crate) fn is_concerned_by(self, place: &str) -> bool {
        let own: &[&str] = match self {
            Monitor::OrderTimeout => &["order_timeout"],
            Monitor::GroupSettle => &["group_settle"],
            Monitor::Refunds => &["refunds", "orphans", "group_settle.refundable"],
            Monitor::LowStock => &["stock"],
            Monitor::Figures => &[PAYMENTS, PLACED],
        };
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| place.starts_with(prefix));
        let special = ["order_timeout", "group_settle", "refunds", "orphans", "stock", PAYMENTS, PLACED];
        begins(own) || (self.acts() && !begins(&special))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: &str, expected: &[Monitor]) {
        let found: Vec<_> =
            Monitor::ALL.into_iter().filter(|monitor| monitor.is_concerned_by(place)).collect();
        assert_eq!(found, expected, "{place}");
    }

    #[test]
    fn what_is_wrong_stops_those_whom_it_concerns() {
        check("order_timeout.action.sql[0].exec", &[Monitor::OrderTimeout]);
        check("group_settle.fail.sql[2].each", &[Monitor::GroupSettle]);
        check("orphans.claim.sql[0].exec", &[Monitor::Refunds]);
        // Members whose money cannot be found must not be made such ones.
        check("group_settle.refundable", &[Monitor::GroupSettle, Monitor::Refunds]);
        check("stock", &[Monitor::LowStock]);
        check("payments", &[Monitor::Figures]);
        check("orders.created", &[Monitor::Figures]);
        for place in ["orders", "clock", "tables", "litemall_order"] {
            check(place, &[Monitor::OrderTimeout, Monitor::GroupSettle, Monitor::Refunds]);
        }
    }
}
