//! The shop's series.

use tower_lingshao::BUCKETS;

use super::story::{Counts, LEVELS, STOCKS, rhythm_of};
use super::{Recipe, Scope, Story, Target, Values};
use crate::catalogue::GROUP_SIZE;
use crate::dice::{Dice, Purpose};
use crate::incident::Incident;
use crate::plan::Provider;
use crate::rhythm::{Address, Route, slowdown};
use crate::shop::{POOL_SIZE, orders_before};

pub(super) fn recipes(scope: &Scope) -> Vec<Recipe> {
    let mut recipes = Vec::new();
    requests(&scope.shop, &mut recipes);
    Address::ALL.into_iter().for_each(|address| durations(&scope.shop, address, &mut recipes));
    business(scope, &mut recipes);
    payments(&scope.shop, &mut recipes);
    stocks(&scope.shop, &mut recipes);
    recipes
}

fn requests(target: &Target, recipes: &mut Vec<Recipe>) {
    for address in Address::ALL {
        let route = address.route();
        let mut push = |status: u16, count: fn(&Counts, Address) -> f64| {
            let status = status.to_string();
            let labels = [("method", route.method), ("endpoint", route.endpoint), ("status", &status)];
            let values = move |story: &Story| story.counter(|step| count(step, address));
            recipes.push(Recipe::new(target, "http_requests_total", &labels, values));
        };
        if address == Address::Pay {
            // A provider that is out answers half of all tries with an error, and the others with a refusal.
            push(route.status, |step, address| f64::from(step.requests(address) - step.outages));
            push(500, |step, _| f64::from(step.outages) / 2.0);
            push(402, |step, _| f64::from(step.outages) / 2.0);
        } else {
            push(route.status, |step, address| f64::from(step.requests(address)));
        }
    }
}

fn durations(target: &Target, address: Address, recipes: &mut Vec<Recipe>) {
    let route = address.route();
    let own = [("method", route.method), ("endpoint", route.endpoint)];
    let count = move |step: &Counts| f64::from(step.requests(address));
    for bound in BUCKETS {
        let (shares, slow) = (shares(&route, bound), slow_share(bound));
        let values = move |story: &Story| {
            story.counter(|step| {
                let share = if is_slow(step) { slow } else { shares[usize::from(step.level)] };
                count(step) * share
            })
        };
        let bound = bound.to_string();
        let labels = [own[0], own[1], ("le", &bound)];
        recipes.push(Recipe::new(target, "http_request_duration_seconds_bucket", &labels, values));
    }
    let labels = [own[0], own[1], ("le", "+Inf")];
    let all = move |story: &Story| story.counter(count);
    recipes.push(Recipe::new(target, "http_request_duration_seconds_bucket", &labels, all));
    recipes.push(Recipe::new(target, "http_request_duration_seconds_count", &own, all));
    let mean = route.work_median * (route.work_sigma.powi(2) / 2.0).exp();
    let sum = move |story: &Story| {
        story.sum(|step| {
            let mean =
                if is_slow(step) { SLOW_SECONDS / 2.0 } else { mean * slowdown(rhythm_of(step.level)) };
            count(step) * mean
        })
    };
    recipes.push(Recipe::new(target, "http_request_duration_seconds_sum", &own, sum));
}

/// With a slow database, requests wait between nothing and this long.
const SLOW_SECONDS: f64 = 5.0;

fn is_slow(step: &Counts) -> bool {
    step.incident == Some(Incident::SlowDatabase)
}

fn slow_share(bound: f64) -> f64 {
    (bound / SLOW_SECONDS).min(1.0)
}

/// For each level of business, the share of answers that take no longer than `bound`.
fn shares(route: &Route, bound: f64) -> [f64; LEVELS] {
    std::array::from_fn(|level| {
        let median = route.work_median * slowdown(rhythm_of(level as u8));
        normal_share((bound / median).ln() / route.work_sigma)
    })
}

/// The normal distribution function (Abramowitz and Stegun 26.2.17; its error is below 1e-7).
fn normal_share(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let polynomial = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = polynomial.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    let tail = tail * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x > 0.0 { 1.0 - tail } else { tail }
}

fn business(scope: &Scope, recipes: &mut Vec<Recipe>) {
    let target = &scope.shop;
    let mut push = |name: &str, labels: &[(&str, &str)], values: Values| {
        recipes.push(Recipe::new(target, name, labels, values));
    };
    push("up", &[], Box::new(|story| story.gauge(1, |_| 1.0)));
    let seed = scope.seed;
    push("http_requests_in_flight", &[], Box::new(move |story| in_flight(story, seed)));
    push("active_users", &[], Box::new(|story| story.gauge(10, active_users)));
    push("orders_today", &[], Box::new(|story| story.today(|step| f64::from(step.orders))));
    push("sales_today_fen", &[], Box::new(|story| story.today(|step| step.paid_fen as f64)));
    let known = scope.orders_total;
    push("orders_total", &[], Box::new(move |story| orders_total(story, known)));
    push("orders_created_total", &[], Box::new(|story| story.counter(|step| f64::from(step.orders))));
    let full = |step: &Counts| f64::from(step.group_payments) / f64::from(GROUP_SIZE);
    push("group_buys_ended_total", &[("result", "success")], Box::new(move |story| story.counter(full)));
    let lonely = |step: &Counts| f64::from(step.lonely_groups);
    push("group_buys_ended_total", &[("result", "failed")], Box::new(move |story| story.counter(lonely)));
    let unsettled = |steps: &[Counts]| f64::from(u8::from(had(steps, Incident::FailedGroup)));
    push("group_buy_expired_unsettled", &[], Box::new(move |story| story.gauge(1, unsettled)));
    push("db_pool_size", &[], Box::new(|story| story.gauge(1, |_| f64::from(POOL_SIZE))));
    push("db_pool_available", &[], Box::new(|story| story.gauge(1, pool_available)));
}

fn had(steps: &[Counts], incident: Incident) -> bool {
    steps.last().is_some_and(|step| step.incident == Some(incident))
}

fn pool_available(steps: &[Counts]) -> f64 {
    if had(steps, Incident::SlowDatabase) { 0.0 } else { f64::from(POOL_SIZE) }
}

/// People seen within five minutes; of 20,000 hardly anybody comes twice in that time.
fn active_users(steps: &[Counts]) -> f64 {
    f64::from(steps.iter().map(|step| step.orders + step.visits).sum::<u32>())
}

fn in_flight(story: &Story, seed: u64) -> Vec<f64> {
    let mut dice = Dice::new(seed, Purpose::Noise, 0);
    let expected = story.gauge(1, |steps| {
        let requests =
            |step: &Counts| f64::from(Address::ALL.iter().map(|one| step.requests(*one)).sum::<u32>());
        let seconds = if had(steps, Incident::SlowDatabase) { SLOW_SECONDS / 2.0 } else { 0.03 };
        steps.last().map_or(0.0, requests) / 30.0 * seconds
    });
    expected.into_iter().map(|mean| f64::from(dice.poisson(mean))).collect()
}

/// Orders of the shop's life, counted back from the end.
fn orders_total(story: &Story, known: Option<u64>) -> Vec<f64> {
    let counts = story.counter(|step| f64::from(step.orders));
    let today = story.today(|step| f64::from(step.orders));
    let last = |values: &[f64]| values.last().copied().unwrap_or_default();
    let assumed = || story.times.last().map_or(0.0, |end| orders_before(end.day()) as f64) + last(&today);
    let end = known.map_or_else(assumed, |known| known as f64);
    counts.iter().map(|count| end - (last(&counts) - count)).collect()
}

fn payments(target: &Target, recipes: &mut Vec<Recipe>) {
    for (index, provider) in Provider::ALL.into_iter().enumerate() {
        let labels = [("provider", provider.as_str())];
        let attempts = move |story: &Story| story.counter(|step| f64::from(step.attempts[index]));
        recipes.push(Recipe::new(target, "payment_requests_total", &labels, attempts));
        let refusals = move |story: &Story| story.counter(|step| f64::from(step.refusals[index]));
        recipes.push(Recipe::new(target, "payment_failures_total", &labels, refusals));
    }
}

fn stocks(target: &Target, recipes: &mut Vec<Recipe>) {
    for product in 0..STOCKS {
        let id = (product + 1).to_string();
        let labels = [("on_sale", "1"), ("product_id", id.as_str())];
        recipes.push(Recipe::new(target, "product_stock", &labels, move |story| story.stock(product)));
    }
}
