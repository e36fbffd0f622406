//! What happened in the shop, counted by steps of time.

use super::{Scope, past};
use crate::catalogue;
use crate::incident::Incident;
use crate::plan::{self, GroupWish, OrderPlan, Provider, Step, Then};
use crate::rhythm::{Address, STEP_MS, rhythm};
use crate::time::{Day, Moment};

/// Products whose stock is measured: the most wanted.
pub(crate) const STOCKS: usize = 20;

/// Levels of business by which latencies are told apart.
pub(super) const LEVELS: usize = 64;
const LEVEL_WIDTH: f64 = 0.06;

/// The busiest rhythm of a level.
pub(super) fn rhythm_of(level: u8) -> f64 {
    1.0 + f64::from(level) * LEVEL_WIDTH
}

/// What happened in one step.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) orders: u32,
    pub(super) group_orders: u32,
    pub(super) lines: u32,
    pub(super) cancelled: u32,
    pub(super) visits: u32,
    pub(super) views: u32,
    /// Payments tried, by provider.
    pub(super) attempts: [u32; 2],
    /// Payments that the provider refused.
    pub(super) refusals: [u32; 2],
    /// Refusals while it took no money at all.
    pub(super) outages: u32,
    pub(super) paid_fen: i64,
    pub(super) group_payments: u32,
    pub(super) lonely_groups: u32,
    pub(super) sold: [u16; STOCKS],
    /// How busy the shop was.
    pub(super) level: u8,
    pub(super) incident: Option<Incident>,
}

/// The steps from midnight before the first sample to the last sample.
pub(super) struct Story {
    first: Step,
    steps: Vec<Counts>,
    /// For each sample, the number of steps that had ended.
    pub(super) samples: Vec<usize>,
    /// The time of each sample.
    pub(super) times: Vec<Moment>,
}

impl Story {
    pub(super) fn new(scope: &Scope, times: &[i64]) -> Story {
        let times: Vec<Moment> = times.iter().map(|time| Moment(*time)).collect();
        let start = times.first().copied().unwrap_or(Moment(scope.start_ms));
        let end = times.last().copied().unwrap_or(start);
        let first = Step::of(start.day().begin());
        let length = (Step::of(end).0 - first.0).max(0) as usize;
        let mut story = Story { first, steps: vec![Counts::default(); length], samples: Vec::new(), times };
        story.samples = story.times.iter().map(|at| (Step::of(*at).0 - first.0) as usize).collect();
        story.mark(scope.seed, end.day());
        story.tell(scope.seed);
        story
    }

    /// Notes how busy each step was, and what was wrong in it. Today nothing was: the shop's database knows today.
    fn mark(&mut self, seed: u64, today: Day) {
        let mut known: Option<(Day, Option<past::Past>)> = None;
        for (index, counts) in self.steps.iter_mut().enumerate() {
            let at = Step(self.first.0 + index as i64).begin();
            let day = at.day();
            if known.is_none_or(|(of, _)| of != day) {
                known = Some((day, (day < today).then(|| past::on(seed, day)).flatten()));
            }
            let past = known.and_then(|(_, past)| past).filter(|past| past.covers(at));
            counts.incident = past.map(|past| past.incident);
            counts.level = (((rhythm(at) - 1.0) / LEVEL_WIDTH) as usize).min(LEVELS - 1) as u8;
        }
    }

    fn tell(&mut self, seed: u64) {
        // Payments of orders from before midnight belong to the first day: nobody takes longer than half an hour.
        let lead = (30 * 60_000) / STEP_MS;
        for step in self.first.0 - lead..self.first.0 + self.steps.len() as i64 {
            for order in plan::orders(seed, Step(step), 1.0) {
                self.order(&order);
            }
            if let Some(index) = self.index(Step(step).begin()) {
                for visit in plan::visits(seed, Step(step), 1.0) {
                    self.steps[index].visits += 1;
                    self.steps[index].views += visit.products.len() as u32;
                }
            }
        }
    }

    fn index(&self, at: Moment) -> Option<usize> {
        usize::try_from(Step::of(at).0 - self.first.0).ok().filter(|index| *index < self.steps.len())
    }

    fn order(&mut self, order: &OrderPlan) {
        if let Some(index) = self.index(order.at) {
            let counts = &mut self.steps[index];
            counts.orders += 1;
            counts.group_orders += u32::from(order.group.is_some());
            counts.lonely_groups +=
                u32::from(order.group == Some(GroupWish::Unshared) && order.paid_at().is_some());
            counts.lines += order.lines.len() as u32;
            for (product, quantity) in order.lines.iter().filter(|(product, _)| *product < STOCKS) {
                counts.sold[*product] += *quantity as u16;
            }
        }
        match order.then {
            Then::Cancelled { after } => {
                if let Some(index) = self.index(order.at.plus(after)) {
                    self.steps[index].cancelled += 1;
                }
            }
            Then::Paid { after, refused } => self.payment(order, order.at.plus(after), refused),
            Then::Forgotten => {}
        }
    }

    fn payment(&mut self, order: &OrderPlan, tried_at: Moment, refused: bool) {
        let provider = Provider::ALL.iter().position(|one| *one == order.provider).unwrap_or_default();
        let Some(index) = self.index(tried_at) else { return };
        let counts = &mut self.steps[index];
        if counts.incident == Some(Incident::PaymentOutage) {
            counts.attempts[provider] += 2; // People try twice, and then they give up.
            counts.refusals[provider] += 2;
            counts.outages += 2;
            return;
        }
        counts.attempts[provider] += 1;
        counts.refusals[provider] += u32::from(refused);
        let Some(index) = order.paid_at().and_then(|at| self.index(at)) else { return };
        let counts = &mut self.steps[index];
        counts.attempts[provider] += u32::from(refused);
        counts.paid_fen += order.amount().0;
        counts.group_payments += u32::from(order.group == Some(GroupWish::Shared));
    }

    /// A counter of whole events from 0 at the first sample on.
    pub(super) fn counter(&self, per_step: impl Fn(&Counts) -> f64) -> Vec<f64> {
        self.sum(per_step).into_iter().map(f64::floor).collect()
    }

    /// A counter of anything.
    pub(super) fn sum(&self, per_step: impl Fn(&Counts) -> f64) -> Vec<f64> {
        let (mut total, mut next) = (0.0, self.samples.first().copied().unwrap_or_default());
        let at = |sample: &usize| {
            total += self.steps[next..*sample].iter().map(&per_step).sum::<f64>();
            next = *sample;
            total
        };
        self.samples.iter().map(at).collect()
    }

    /// A figure of the day, from 0 at midnight on.
    pub(super) fn today(&self, per_step: impl Fn(&Counts) -> f64) -> Vec<f64> {
        let (mut total, mut next, mut day) = (0.0, 0, self.first.begin().day());
        let mut at = |(sample, time): (&usize, &Moment)| {
            if time.day() != day {
                day = time.day();
                total = 0.0;
                next = (Step::of(day.begin()).0 - self.first.0) as usize;
            }
            total += self.steps[next..*sample].iter().map(&per_step).sum::<f64>();
            next = *sample;
            total
        };
        self.samples.iter().zip(&self.times).map(&mut at).collect()
    }

    /// A gauge, from the `window` steps before each sample.
    pub(super) fn gauge(&self, window: usize, value: impl Fn(&[Counts]) -> f64) -> Vec<f64> {
        let steps = |sample: &usize| &self.steps[sample.saturating_sub(window)..*sample];
        self.samples.iter().map(|sample| value(steps(sample))).collect()
    }

    /// What the shop has of a product: so that the last value is that of a shop that opens.
    pub(super) fn stock(&self, product: usize) -> Vec<f64> {
        let (mut stock, mut next) = (i64::from(catalogue::first_stock(product)), self.steps.len());
        let ceiling = i64::from(catalogue::RESTOCK_BELOW + catalogue::RESTOCK_BY);
        let mut values: Vec<f64> = Vec::with_capacity(self.samples.len());
        for sample in self.samples.iter().rev() {
            for counts in self.steps[*sample..next].iter().rev() {
                stock += i64::from(counts.sold[product]);
                if stock >= ceiling {
                    stock -= i64::from(catalogue::RESTOCK_BY);
                }
            }
            next = *sample;
            let last = self.steps[..*sample].last();
            let run_down =
                product == 4 && last.is_some_and(|last| last.incident == Some(Incident::StockRunDown));
            values.push(if run_down { 4.0 } else { stock as f64 });
        }
        values.reverse();
        values
    }
}

impl Counts {
    /// Requests to an address.
    pub(super) fn requests(&self, address: Address) -> u32 {
        let usual = self.orders - self.group_orders;
        let attempts = self.attempts.iter().sum::<u32>();
        match address {
            Address::Products => self.visits + self.orders,
            Address::Product => self.views + self.lines,
            Address::Cart => usual,
            Address::IntoCart => self.lines.saturating_sub(self.group_orders),
            Address::PlaceOrder => self.orders,
            Address::Order => attempts - self.refusals.iter().sum::<u32>(),
            Address::CancelOrder => self.cancelled,
            Address::Pay => attempts,
            Address::Notify => attempts - self.outages,
            Address::Groups => self.group_orders,
        }
    }
}
