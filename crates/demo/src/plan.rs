//! What customers mean to do: which orders and visits there are in each step of time.
//!
//! Contract: pure. A step's plan depends on the seed, the step and the speed only, so that the live shop, its history and
//! the rows of its first start tell one story.

use std::time::Duration;

use crate::catalogue::{self, CATALOGUE, GROUP_DISCOUNT, GROUP_PRODUCTS};
use crate::dice::{Dice, Purpose};
use crate::money::Fen;
use crate::rhythm::{STEP_MS, orders_expected, visits_expected};
use crate::time::Moment;

/// Number of customers.
pub(crate) const USERS: usize = 20_000;
/// Of all orders, how many are not paid.
const ABANDONED: f64 = 0.35;
/// Of the orders that are not paid, how many are cancelled by the customer; the others run out of time.
const CANCELLED_OF_ABANDONED: f64 = 0.2;
/// Of all orders, how many are of a group.
const OF_GROUPS: f64 = 0.12;
/// Of those who open a group, how many do not tell others of it, so that nobody joins.
const UNSHARED: f64 = 0.05;
/// Of all payments, how many the provider refuses at first, for want of money.
const REFUSED: f64 = 0.006;
/// Of all payments, how many go through Alipay.
const BY_ALIPAY: f64 = 0.3;
/// Time from order to payment: median and deviation of the logarithm; at most, in seconds.
const PAY_DELAY: (f64, f64, f64) = (40.0, 0.8, 1_500.0);
/// Most orders or visits of one step: ten times what the highest speed brings at its peak would still fit into memory.
const ARRIVALS_MAX: u32 = 20_000;

/// A payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Provider {
    Wechat,
    Alipay,
}

impl Provider {
    pub(crate) const ALL: [Provider; 2] = [Provider::Wechat, Provider::Alipay];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Provider::Wechat => "wechat",
            Provider::Alipay => "alipay",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Provider> {
        Provider::ALL.into_iter().find(|provider| provider.as_str() == name)
    }
}

/// An order that somebody means to place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OrderPlan {
    pub(crate) at: Moment,
    /// Names the plan: no two have the same.
    pub(crate) number: u64,
    pub(crate) user_id: u32,
    /// Products by their number in the catalogue, each once, with quantities.
    pub(crate) lines: Vec<(usize, u32)>,
    pub(crate) group: Option<GroupWish>,
    pub(crate) then: Then,
    pub(crate) provider: Provider,
}

/// How somebody buys in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupWish {
    /// Joins whoever waits; opens a group for others if nobody does.
    Shared,
    /// Opens a group and tells nobody.
    Unshared,
}

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Paid after this time; `refused`: the first try lacks money.
    Paid { after: Duration, refused: bool },
    /// Cancelled by the customer after this time.
    Cancelled { after: Duration },
    /// Forgotten.
    Forgotten,
}

/// Somebody who looks, and orders nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VisitPlan {
    pub(crate) at: Moment,
    pub(crate) number: u64,
    pub(crate) user_id: u32,
    pub(crate) products: Vec<usize>,
}

/// A stretch of time, [`STEP_MS`] long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(pub(crate) i64);

impl Step {
    pub(crate) fn of(at: Moment) -> Step {
        Step(at.0.div_euclid(STEP_MS))
    }

    pub(crate) fn begin(self) -> Moment {
        Moment(self.0 * STEP_MS)
    }

    /// Numbers of what is planned in this step.
    fn numbers(self, count: u32) -> impl Iterator<Item = u64> {
        let first = self.0 as u64 * u64::from(ARRIVALS_MAX);
        (0..u64::from(count)).map(move |index| first + index)
    }
}

impl OrderPlan {
    /// What the goods cost, without discount and sending.
    pub(crate) fn goods_price(&self) -> Fen {
        self.lines.iter().map(|(product, quantity)| CATALOGUE[*product].price.times(*quantity)).sum()
    }

    /// What is to be paid.
    pub(crate) fn amount(&self) -> Fen {
        let goods = self.goods_price();
        let discount = if self.group.is_some() { GROUP_DISCOUNT } else { Fen(0) };
        (goods + catalogue::freight(goods)).less(discount)
    }

    /// When it is paid for good, if it ever is.
    pub(crate) fn paid_at(&self) -> Option<Moment> {
        match self.then {
            Then::Paid { after, refused } => {
                Some(self.at.plus(after + if refused { RETRY_AFTER } else { Duration::ZERO }))
            }
            _ => None,
        }
    }
}

/// How long somebody takes to find another card.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(15);

/// The orders of a step, in the order of time.
pub(crate) fn orders(seed: u64, step: Step, speed: f64) -> Vec<OrderPlan> {
    let mut arrivals = Dice::new(seed, Purpose::Arrivals, step.0 as u64 * 2);
    let count = arrivals.poisson(orders_expected(step.begin()) * speed).min(ARRIVALS_MAX);
    let mut orders: Vec<OrderPlan> = step.numbers(count).map(|number| order(seed, step, number)).collect();
    orders.sort_by_key(|order| (order.at, order.number));
    orders
}

fn order(seed: u64, step: Step, number: u64) -> OrderPlan {
    let mut dice = Dice::new(seed, Purpose::Order, number);
    let at = Moment(step.begin().0 + (dice.unit() * STEP_MS as f64) as i64);
    let user_id = 1 + dice.below(USERS) as u32;
    let group = dice.chance(OF_GROUPS).then(|| match dice.chance(UNSHARED) {
        true => GroupWish::Unshared,
        false => GroupWish::Shared,
    });
    let lines = match group {
        Some(_) => vec![(GROUP_PRODUCTS[dice.below(GROUP_PRODUCTS.len())], 1)],
        None => basket(&mut dice),
    };
    let then = if dice.chance(ABANDONED) {
        let after = Duration::from_secs_f64(dice.log_normal(90.0, 0.6).min(600.0));
        if dice.chance(CANCELLED_OF_ABANDONED) { Then::Cancelled { after } } else { Then::Forgotten }
    } else {
        let (median, sigma, longest) = PAY_DELAY;
        let after = Duration::from_secs_f64(dice.log_normal(median, sigma).min(longest));
        Then::Paid { after, refused: dice.chance(REFUSED) }
    };
    let provider = if dice.chance(BY_ALIPAY) { Provider::Alipay } else { Provider::Wechat };
    OrderPlan { at, number, user_id, lines, group, then, provider }
}

/// One product mostly, five at most; of a product one mostly, four at most.
fn basket(dice: &mut Dice) -> Vec<(usize, u32)> {
    let wanted = dice.log_normal(1.3, 0.55).round().clamp(1.0, 5.0) as usize;
    let mut lines: Vec<(usize, u32)> = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let product = catalogue::draw(dice);
        let quantity = dice.log_normal(1.0, 0.5).round().clamp(1.0, 4.0) as u32;
        if lines.iter().all(|(other, _)| *other != product) {
            lines.push((product, quantity));
        }
    }
    lines
}

/// The visits of a step, in the order of time.
pub(crate) fn visits(seed: u64, step: Step, speed: f64) -> Vec<VisitPlan> {
    let mut arrivals = Dice::new(seed, Purpose::Arrivals, step.0 as u64 * 2 + 1);
    let count = arrivals.poisson(visits_expected(step.begin()) * speed).min(ARRIVALS_MAX);
    let mut visits: Vec<VisitPlan> = step.numbers(count).map(|number| visit(seed, step, number)).collect();
    visits.sort_by_key(|visit| (visit.at, visit.number));
    visits
}

fn visit(seed: u64, step: Step, number: u64) -> VisitPlan {
    let mut dice = Dice::new(seed, Purpose::Visit, number);
    let at = Moment(step.begin().0 + (dice.unit() * STEP_MS as f64) as i64);
    let user_id = 1 + dice.below(USERS) as u32;
    let views = 1 + dice.below(3);
    VisitPlan { at, number, user_id, products: (0..views).map(|_| catalogue::draw(&mut dice)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Day;

    fn day_of_orders(seed: u64) -> Vec<OrderPlan> {
        let first = Step::of(Day(20_500).begin());
        (first.0..first.0 + 2_880).flat_map(|step| orders(seed, Step(step), 1.0)).collect()
    }

    #[test]
    fn the_same_seed_means_the_same_orders() {
        assert_eq!(day_of_orders(7), day_of_orders(7));
        assert_ne!(day_of_orders(7)[..20], day_of_orders(8)[..20]);
    }

    #[test]
    fn a_day_has_the_shares_that_were_promised() {
        let orders = day_of_orders(42);
        let share = |which: &dyn Fn(&&OrderPlan) -> bool| {
            orders.iter().filter(which).count() as f64 / orders.len() as f64
        };
        assert!((25_000..40_000).contains(&orders.len()), "{}", orders.len());
        assert!((share(&|order| order.paid_at().is_none()) - 0.35).abs() < 0.01);
        assert!((share(&|order| order.group.is_some()) - 0.12).abs() < 0.01);
        let mut delays: Vec<i64> = orders.iter().filter_map(|o| Some(o.paid_at()?.0 - o.at.0)).collect();
        delays.sort_unstable();
        assert!((38_000..42_000).contains(&delays[delays.len() / 2]));
        assert!(orders.is_sorted_by_key(|order| order.at));
        let mut numbers: Vec<u64> = orders.iter().map(|order| order.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn every_hour_has_its_floor() {
        let orders = day_of_orders(42);
        for hour in 0..24 {
            let paid = orders.iter().filter(|o| o.at.hour() as i64 == hour && o.paid_at().is_some()).count();
            assert!(paid >= 6 * 60, "hour {hour}: {paid} payments");
        }
    }

    #[test]
    fn speed_brings_more_of_the_same() {
        let step = Step::of(Day(20_500).begin());
        let (slow, fast) = (orders(3, step, 1.0), orders(3, step, 20.0));
        assert!(fast.len() > 10 * slow.len());
        assert!(slow.iter().all(|order| fast.contains(order)));
    }
}
