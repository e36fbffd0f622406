//! Incidents under way: who makes them, and when they end.
//!
//! Contract: an incident ends 30 s after its alert was seen firing, or after ten minutes; it is idle again when the alert
//! is seen no more. The alert is asked for as any client would, at `GET {url}/api/v1/alerts`, and known by its name and by
//! the label of the corrected rules.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::catalogue::{self, GROUP_PRODUCTS};
use crate::customers::Customers;
use crate::dice::{Dice, Purpose};
use crate::http::Client;
use crate::incident::{EDITION, Incident, IncidentError, IncidentState, Phase};
use crate::plan::{Provider, USERS};
use crate::provider;
use crate::rhythm::rhythm;
use crate::shop::{POOL_SIZE, Shop, insert_rule, oldest_unpaid};
use crate::time::Moment;

/// How long an incident goes on after its alert fired.
const AFTER_FIRING: Duration = Duration::from_secs(30);
/// How long it goes on if its alert never fires.
const AT_MOST: Duration = Duration::from_secs(600);
/// How long an incident that has ended waits for its alert to resolve: the rules look back over five minutes.
const RESOLVING_AT_MOST: Duration = Duration::from_secs(900);
/// How often alerts are asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long they may take: the shop must not hang on its watchman.
const ASK_PATIENCE: Duration = Duration::from_secs(3);

/// What an incident may switch off.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    pub(crate) nobody_restocks: AtomicBool,
}

/// The incidents.
#[derive(Debug)]
pub(crate) struct Desk {
    states: Mutex<[IncidentState; Incident::ALL.len()]>,
    watched: Mutex<Option<String>>,
    news: Notify,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let idle = Incident::ALL.map(|incident| IncidentState {
            incident,
            phase: Phase::Idle,
            started_at: None,
            alert_fired_at: None,
            ends_at: None,
        });
        Desk { states: Mutex::new(idle), watched: Mutex::default(), news: Notify::new() }
    }

    pub(crate) fn watch(&self, mut url: String) {
        url.truncate(url.trim_end_matches('/').len());
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    pub(crate) fn states(&self) -> Vec<IncidentState> {
        self.locked().to_vec()
    }

    pub(crate) fn begin(&self, incident: Incident) -> Result<IncidentState, IncidentError> {
        let mut states = self.locked();
        let state = &mut states[incident as usize];
        if state.phase != Phase::Idle {
            return Err(IncidentError::UnderWay(incident));
        }
        let now = SystemTime::now();
        *state = IncidentState {
            incident,
            phase: Phase::Running,
            started_at: Some(now),
            alert_fired_at: None,
            ends_at: Some(now + AT_MOST),
        };
        let begun = state.clone();
        drop(states);
        self.news.notify_one();
        Ok(begun)
    }

    pub(crate) fn end(&self, incident: Incident) {
        let mut states = self.locked();
        let state = &mut states[incident as usize];
        if state.phase == Phase::Running {
            (state.phase, state.ends_at) = (Phase::Ending, Some(SystemTime::now()));
        }
        drop(states);
        self.news.notify_one();
    }

    fn locked(&self) -> MutexGuard<'_, [IncidentState; Incident::ALL.len()]> {
        // States are replaced whole: a panic leaves none half written.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets incidents happen, for ever.
    pub(crate) async fn run(self: Arc<Desk>, stage: Stage) {
        let (client, mut actors) = (Client::new(), Actors::default());
        loop {
            let is_calm = self.locked().iter().all(|state| state.phase == Phase::Idle);
            actors.follow(&stage, &self.states());
            if is_calm {
                self.news.notified().await;
                continue;
            }
            let next = Instant::now() + ASK_EVERY;
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let firing = match watched {
                Some(url) => firing(&client, &url).await,
                None => None,
            };
            let now = SystemTime::now();
            self.locked().iter_mut().for_each(|state| advance(state, firing.as_deref(), now));
            let _ = timeout(next.saturating_duration_since(Instant::now()), self.news.notified()).await;
        }
    }
}

/// What becomes of an incident. `firing`: the names of the alerts that fire; nothing: nobody could say.
fn advance(state: &mut IncidentState, firing: Option<&[String]>, now: SystemTime) {
    let fires = firing.map(|names| names.iter().any(|name| name == state.incident.alert()));
    match state.phase {
        Phase::Idle => {}
        Phase::Running => {
            if fires == Some(true) && state.alert_fired_at.is_none() {
                state.alert_fired_at = Some(now);
                state.ends_at = state.ends_at.map(|ends| ends.min(now + AFTER_FIRING));
            }
            if state.ends_at.is_some_and(|ends| ends <= now) {
                (state.phase, state.ends_at) = (Phase::Ending, Some(now));
            }
        }
        Phase::Ending => {
            let ended = state.ends_at.unwrap_or(now);
            if fires == Some(false) || ended + RESOLVING_AT_MOST <= now {
                (state.phase, state.started_at) = (Phase::Idle, None);
                (state.alert_fired_at, state.ends_at) = (None, None);
            }
        }
    }
}

/// The names of the corrected rules' alerts that fire.
async fn firing(client: &Client, url: &str) -> Option<Vec<String>> {
    let url = format!("{url}/api/v1/alerts");
    let answer = timeout(ASK_PATIENCE, client.send(Method::GET, &url, &[], Vec::new())).await.ok()?.ok()?;
    let alerts = answer.json["data"]["alerts"].as_array().filter(|_| answer.status.is_success())?.clone();
    let (label, edition) = EDITION;
    let is_ours = |alert: &&Value| alert["state"] == "firing" && alert["labels"][label] == edition;
    let firing = alerts.iter().filter(is_ours);
    Some(firing.filter_map(|alert| alert["labels"]["alertname"].as_str()).map(str::to_owned).collect())
}

/// Where incidents happen.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) shop: Arc<Shop>,
    pub(crate) provider: Arc<provider::Provider>,
    pub(crate) customers: Customers,
}

/// Who makes the incidents that run.
#[derive(Debug, Default)]
struct Actors {
    running: [Option<AbortHandle>; Incident::ALL.len()],
    tasks: JoinSet<()>,
}

impl Actors {
    /// Begins and ends so that what happens is what the states say.
    fn follow(&mut self, stage: &Stage, states: &[IncidentState]) {
        for (running, state) in self.running.iter_mut().zip(states) {
            match (running.take(), state.phase == Phase::Running) {
                (None, true) => {
                    stage.switch(state.incident, true);
                    *running = Some(self.tasks.spawn(stage.clone().act(state.incident)));
                }
                (Some(actor), false) => {
                    actor.abort();
                    stage.switch(state.incident, false);
                }
                (unchanged, _) => *running = unchanged,
            }
        }
        while self.tasks.try_join_next().is_some() {}
    }
}

impl Stage {
    fn switch(&self, incident: Incident, on: bool) {
        match incident {
            Incident::PaymentOutage => self.provider.set_out(on),
            Incident::SlowDatabase => {} // The reports are the actor itself.
            Incident::FailedGroup => self.provider.set_poor(on),
            Incident::StockRunDown => self.shop.switches.nobody_restocks.store(on, Ordering::Relaxed),
        }
    }

    async fn act(self, incident: Incident) {
        let dice = Dice::new(self.shop.seed, Purpose::Incidents, self.shop.clock.now().0 as u64);
        match incident {
            Incident::PaymentOutage => self.pay_in_vain(dice).await,
            Incident::SlowDatabase => self.read_slowly(dice).await,
            Incident::FailedGroup => self.open_a_late_group(dice).await,
            Incident::StockRunDown => self.buy_up(dice).await,
        }
    }

    /// A few customers who pay at once: without them it could take half a minute at night until so many have failed that
    /// the failures are a tenth of five minutes' payments. And, as long as it lasts, those whose orders have been open
    /// longest: whoever watches the orders asks the provider of what is to be cancelled, and of an order that nobody has
    /// tried to pay there is nothing to ask.
    async fn pay_in_vain(self, mut dice: Dice) {
        /// With three tries each, 18 failures: more than a tenth of what five minutes bring at the peak.
        const AT_ONCE: u32 = 6;
        /// Several minutes' worth of orders that run out of time, at night.
        const LAST_MINUTE: i64 = 12;
        let mut trying = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (user, product) = (user(&mut dice), catalogue::draw(&mut dice));
            let customers = self.customers.clone();
            trying.spawn(async move {
                let line = json!({ "product_id": product + 1, "quantity": 1 });
                customers.post(user, "/api/v1/cart", &line).await.ok()?;
                let order = customers.place(user, &json!({ "message": "着急" })).await.ok()?;
                customers.pay(user, order, Provider::Wechat).await.ok()
            });
        }
        let mut tried = HashSet::new();
        loop {
            let oldest = oldest_unpaid(&self.shop.database, LAST_MINUTE).await.unwrap_or_default();
            for (order, user) in oldest.into_iter().filter(|(order, _)| tried.insert(*order)) {
                let customers = self.customers.clone();
                trying.spawn(async move { customers.pay(user, order, Provider::Wechat).await.ok() });
            }
            sleep(Duration::from_secs(1)).await;
            while trying.try_join_next().is_some() {}
        }
    }

    /// Reports that hold every connection, five seconds at a time; and customers who press reload. Of all requests more
    /// than half then wait for over two seconds, and with those who reload they are a twentieth of five minutes' after
    /// eight seconds.
    async fn read_slowly(self, mut dice: Dice) {
        const HELD: Duration = Duration::from_secs(5);
        /// Between two rounds of reports the requests that waited are answered.
        const BREATH: Duration = Duration::from_millis(60);
        let mut tasks = JoinSet::new();
        let customers = self.customers.clone();
        let (clock, speed) = (self.shop.clock, self.shop.speed);
        tasks.spawn(async move {
            let mut reloading = JoinSet::new();
            loop {
                let extra = 9.0 * rhythm(clock.now()) * speed;
                sleep(Duration::from_secs_f64(1.0 / extra)).await;
                let (user, product) = (user(&mut dice), catalogue::draw(&mut dice));
                let customers = customers.clone();
                if reloading.len() < RELOADING_MAX {
                    reloading.spawn(async move { customers.look(user, product).await.is_ok() });
                }
                while reloading.try_join_next().is_some() {}
            }
        });
        loop {
            let until = Instant::now() + HELD;
            let mut reports = JoinSet::new();
            for _ in 0..POOL_SIZE {
                let pool = self.shop.database.pool.clone();
                reports.spawn(async move {
                    let Ok(mut connection) = pool.acquire().await else { return };
                    let statement = "SELECT product_id, sum(number) FROM litemall_order_goods GROUP BY product_id LIMIT 1";
                    let read = sqlx::query(statement).fetch_all(&mut *connection).await;
                    sleep_until(until).await; // It goes on reading, row by row.
                    drop((read, connection));
                });
            }
            while reports.join_next().await.is_some() {}
            sleep(BREATH).await;
        }
    }

    /// Somebody opens a group that ends in a moment, and the merchant's account is empty: the money cannot go back.
    async fn open_a_late_group(self, mut dice: Dice) {
        /// Long enough to order and to pay, also on a busy machine.
        const LIFE: Duration = Duration::from_secs(4);
        let product = GROUP_PRODUCTS[0];
        loop {
            let now = self.shop.clock.now();
            if let Some(rules_id) = self.late_rule(product, now.plus(LIFE)).await {
                let user = user(&mut dice);
                let group = json!({ "rules_id": rules_id, "groupon_id": 0, "is_shared": false });
                if let Ok(order) =
                    self.customers.place(user, &json!({ "message": "拼团", "group": group })).await
                {
                    // Paid or not: the next round opens another one if it was not.
                    let _ = self.customers.pay(user, order, Provider::Wechat).await;
                }
            }
            sleep(LIFE * 2).await;
            if self.shop.books.expired_unsettled() > 0 {
                return;
            }
        }
    }

    async fn late_rule(&self, product: usize, ends: Moment) -> Option<i64> {
        let mut connection = self.shop.database.desk.acquire().await.ok()?;
        let time = self.shop.clock.now().datetime();
        insert_rule(&mut connection, product as i64 + 1, ends, &time).await.ok()
    }

    /// Companies buy one product by the carton until fewer than ten are left, and nobody restocks.
    async fn buy_up(self, mut dice: Dice) {
        /// One of the twenty most wanted, so that its chart is always there.
        const PRODUCT: usize = 4;
        const LEFT: i64 = 6;
        const CARTON: i64 = 24;
        let mut paying = JoinSet::new();
        loop {
            sleep(Duration::from_millis(50)).await; // Also when the shop does not answer.
            let user = user(&mut dice);
            let left = self.customers.look(user, PRODUCT).await;
            let left = left.ok().and_then(|product| product["stock"].as_i64()).unwrap_or_default();
            let quantity = (left - LEFT).min(CARTON);
            if quantity <= 0 {
                sleep(Duration::from_secs(1)).await;
                continue;
            }
            let line = json!({ "product_id": PRODUCT + 1, "quantity": quantity });
            if self.customers.post(user, "/api/v1/cart", &line).await.is_err() {
                continue;
            }
            if let Ok(order) = self.customers.place(user, &json!({ "message": "企业采购" })).await {
                let customers = self.customers.clone();
                // Who cannot pay has the order closed in half an hour.
                paying.spawn(async move { customers.pay(user, order, Provider::Alipay).await.is_ok() });
            }
            while paying.try_join_next().is_some() {}
        }
    }
}

/// Most who press reload at a time: five seconds' worth at the peak of the highest speed would be more than sockets.
const RELOADING_MAX: usize = 400;

fn user(dice: &mut Dice) -> u32 {
    1 + dice.below(USERS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_ends_half_a_minute_after_its_alert_and_rests_when_it_resolves() {
        let desk = Desk::new();
        let begun = desk.begin(Incident::StockRunDown).expect("idle");
        assert_eq!(desk.begin(Incident::StockRunDown), Err(IncidentError::UnderWay(Incident::StockRunDown)));
        let at = |seconds| begun.started_at.expect("begun") + Duration::from_secs(seconds);
        let (fires, calm) = (["LowStock".to_owned()], ["HighResponseTime".to_owned()]);
        let mut state = begun.clone();
        let mut check = |seconds, firing: Option<&[String]>, phase| {
            advance(&mut state, firing, at(seconds));
            assert_eq!(state.phase, phase, "after {seconds} s");
        };
        check(10, Some(&calm), Phase::Running);
        check(25, Some(&fires), Phase::Running);
        check(54, Some(&fires), Phase::Running);
        check(55, None, Phase::Ending);
        check(60, None, Phase::Ending);
        check(61, Some(&fires), Phase::Ending);
        check(70, Some(&calm), Phase::Idle);
        assert_eq!((state.started_at, state.alert_fired_at, state.ends_at), (None, None, None));
    }

    #[test]
    fn an_incident_that_nobody_notices_ends_all_the_same() {
        let mut state = Desk::new().begin(Incident::StockRunDown).expect("idle");
        let at = |seconds| state.started_at.expect("begun") + Duration::from_secs(seconds);
        let (before, after, last) = (at(599), at(600), at(1_500));
        advance(&mut state, None, before);
        assert_eq!(state.phase, Phase::Running);
        advance(&mut state, None, after);
        assert_eq!(state.phase, Phase::Ending);
        advance(&mut state, None, last);
        assert_eq!(state.phase, Phase::Idle);
    }
}
