//! Customers: they come when the plan says, and use the shop over HTTP as strangers do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::{Client, SendError, Sent};
use crate::plan::{self, GroupWish, OrderPlan, Provider, RETRY_AFTER, Step, Then, VisitPlan};
use crate::shop::{Books, remark};
use crate::time::{Clock, Moment};

/// Most customers who are about. At speed 1 some fifty are, most of them looking for their telephone.
const CUSTOMERS_MAX: usize = 5_000;
/// Time between two clicks.
const CLICK: Duration = Duration::from_millis(150);
/// How often somebody tries to pay who is refused, and how long between.
const TRIES: u32 = 3;
const TRY_AGAIN: Duration = Duration::from_millis(1_500);
/// How often somebody looks whether the payment has arrived, and how long between.
const LOOKS: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(400);

/// The group number by which somebody opens one.
const OPEN_A_GROUP: i64 = 0;

/// All customers.
#[derive(Clone, Debug)]
pub(crate) struct Customers {
    shop: SocketAddr,
    client: Client,
    seed: u64,
    speed: f64,
    clock: Clock,
    books: Arc<Books>,
    room: Arc<Semaphore>,
}

/// Why somebody leaves before the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Leave {
    #[error("the shop does not answer")]
    NoAnswer(#[from] SendError),
    #[error("the shop answers with {0}")]
    Refused(StatusCode),
    #[error("the answer has no {0}")]
    Unclear(&'static str),
}

impl Customers {
    pub(crate) fn new(shop: SocketAddr, seed: u64, speed: f64, clock: Clock, books: Arc<Books>) -> Customers {
        let room = Arc::new(Semaphore::new(CUSTOMERS_MAX));
        Customers { shop, client: Client::new(), seed, speed, clock, books, room }
    }

    /// Lets them come, for ever: those of `from` and after. `pending`: those who have ordered before.
    pub(crate) async fn come(self, mut from: Moment, pending: Vec<(i64, OrderPlan)>) {
        let mut about = JoinSet::new();
        for (order_id, plan) in pending {
            let customers = self.clone();
            self.admit(&mut about, async move { customers.then(&plan, order_id).await });
        }
        let mut step = Step::of(from);
        loop {
            for arrival in self.arrivals(step).into_iter().filter(|arrival| from <= arrival.at()) {
                self.wait_until(arrival.at()).await;
                let customers = self.clone();
                self.admit(&mut about, async move {
                    match arrival {
                        Arrival::Order(plan) => customers.order(&plan).await,
                        Arrival::Visit(plan) => customers.visit(&plan).await,
                    }
                });
                while about.try_join_next().is_some() {}
            }
            step = Step(step.0 + 1);
            self.wait_until(step.begin()).await;
            from = step.begin();
            // A machine that slept has missed these customers; they are not made up for all at once.
            let now = Step::of(self.clock.now());
            if step < Step(now.0 - 1) {
                step = now;
                from = self.clock.now();
            }
        }
    }

    fn arrivals(&self, step: Step) -> Vec<Arrival> {
        let orders = plan::orders(self.seed, step, self.speed).into_iter().map(Arrival::Order);
        let visits = plan::visits(self.seed, step, self.speed).into_iter().map(Arrival::Visit);
        let mut arrivals: Vec<Arrival> = orders.chain(visits).collect();
        arrivals.sort_by_key(Arrival::at);
        arrivals
    }

    async fn wait_until(&self, at: Moment) {
        let wait = at.0 - self.clock.now().0;
        if wait > 0 {
            sleep(Duration::from_millis(wait as u64)).await;
        }
    }

    /// Lets somebody in, if there is room. Why they leave is in the shop's own records.
    fn admit(
        &self,
        about: &mut JoinSet<()>,
        journey: impl Future<Output = Result<(), Leave>> + Send + 'static,
    ) {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(place) => {
                about.spawn(async move {
                    let _ = journey.await;
                    drop(place);
                });
            }
            Err(_) => self.books.turned_away(),
        }
    }

    async fn visit(&self, plan: &VisitPlan) -> Result<(), Leave> {
        let user = plan.user_id;
        self.get(user, "/api/v1/products").await?;
        for product in &plan.products {
            sleep(CLICK).await;
            self.look(user, *product).await?;
        }
        Ok(())
    }

    /// Orders, and does with the order what the plan says.
    pub(crate) async fn order(&self, plan: &OrderPlan) -> Result<(), Leave> {
        let user = plan.user_id;
        self.get(user, "/api/v1/products").await?;
        for (product, _) in &plan.lines {
            sleep(CLICK).await;
            self.look(user, *product).await?;
        }
        let order_id = match plan.group {
            None => self.order_cart(plan).await?,
            Some(wish) => self.order_in_group(plan, wish).await?,
        };
        self.then(plan, order_id).await
    }

    async fn order_cart(&self, plan: &OrderPlan) -> Result<i64, Leave> {
        for (product, quantity) in &plan.lines {
            sleep(CLICK).await;
            let line = json!({ "product_id": product + 1, "quantity": quantity });
            self.post(plan.user_id, "/api/v1/cart", &line).await?;
        }
        self.get(plan.user_id, "/api/v1/cart").await?;
        self.place(plan.user_id, &json!({ "message": remark(plan.number) })).await
    }

    async fn order_in_group(&self, plan: &OrderPlan, wish: GroupWish) -> Result<i64, Leave> {
        let product = plan.lines.first().map(|(product, _)| product + 1).ok_or(Leave::Unclear("product"))?;
        let offer = self.get(plan.user_id, &format!("/api/v1/groups?product_id={product}")).await?;
        let rules_id = offer["rules_id"].as_i64().ok_or(Leave::Unclear("rules_id"))?;
        let join = match wish {
            GroupWish::Shared => offer["open"][0].as_i64(),
            GroupWish::Unshared => None,
        };
        let order = |groupon_id: i64| {
            let is_shared = wish == GroupWish::Shared;
            let group = json!({ "rules_id": rules_id, "groupon_id": groupon_id, "is_shared": is_shared });
            json!({ "message": remark(plan.number), "group": group })
        };
        let placed = self.place(plan.user_id, &order(join.unwrap_or(OPEN_A_GROUP))).await;
        match (placed, join) {
            // Somebody else has just filled the group.
            (Err(Leave::Refused(StatusCode::NOT_FOUND)), Some(_)) => {
                self.place(plan.user_id, &order(OPEN_A_GROUP)).await
            }
            (placed, _) => placed,
        }
    }

    /// Places an order; answers its number.
    pub(crate) async fn place(&self, user: u32, order: &Value) -> Result<i64, Leave> {
        let placed = self.post(user, "/api/v1/orders", order).await?;
        placed["order_id"].as_i64().ok_or(Leave::Unclear("order_id"))
    }

    /// Pays, cancels or forgets an order.
    async fn then(&self, plan: &OrderPlan, order_id: i64) -> Result<(), Leave> {
        let scaled = |after: Duration| after.div_f64(self.speed);
        // From the moment of the order, which for a pending one lies back.
        let passed = Duration::from_millis((self.clock.now().0 - plan.at.0).max(0) as u64);
        match plan.then {
            Then::Forgotten => Ok(()),
            Then::Cancelled { after } => {
                sleep(scaled(after).saturating_sub(passed)).await;
                self.post(plan.user_id, &format!("/api/v1/orders/{order_id}/cancel"), &json!({}))
                    .await
                    .map(drop)
            }
            Then::Paid { after, refused } => {
                sleep(scaled(after).saturating_sub(passed)).await;
                if refused {
                    let refusal = self.try_to_pay(plan.user_id, order_id, plan.provider, true).await;
                    if matches!(refusal, Err(Leave::NoAnswer(_))) {
                        return refusal;
                    }
                    sleep(scaled(RETRY_AFTER)).await;
                }
                self.pay(plan.user_id, order_id, plan.provider).await
            }
        }
    }

    /// Pays, and tries again a few times when it is refused.
    pub(crate) async fn pay(&self, user: u32, order_id: i64, provider: Provider) -> Result<(), Leave> {
        let mut tried = self.try_to_pay(user, order_id, provider, false).await;
        for _ in 1..TRIES {
            match tried {
                Err(Leave::Refused(status)) if status != StatusCode::CONFLICT => sleep(TRY_AGAIN).await,
                _ => break,
            }
            tried = self.try_to_pay(user, order_id, provider, false).await;
        }
        tried?;
        self.wait_for_payment(user, order_id).await
    }

    async fn try_to_pay(
        &self,
        user: u32,
        order_id: i64,
        provider: Provider,
        is_empty: bool,
    ) -> Result<(), Leave> {
        let wish = json!({ "provider": provider.as_str() });
        let payment = self.post(user, &format!("/api/v1/payments/{order_id}"), &wish).await?;
        let pay_url = payment["pay_url"].as_str().ok_or(Leave::Unclear("pay_url"))?;
        let purse = json!({ "is_empty": is_empty }).to_string().into_bytes();
        accepted(self.client.send(Method::POST, pay_url, &[], purse).await?).map(drop)
    }

    async fn wait_for_payment(&self, user: u32, order_id: i64) -> Result<(), Leave> {
        for _ in 0..LOOKS {
            sleep(LOOK_AGAIN).await;
            let order = self.get(user, &format!("/api/v1/orders/{order_id}")).await?;
            if order["status"].as_i64().is_none_or(|status| status != 101) {
                return Ok(());
            }
        }
        Err(Leave::Unclear("payment"))
    }

    /// Looks at a product.
    pub(crate) async fn look(&self, user: u32, product: usize) -> Result<Value, Leave> {
        self.get(user, &format!("/api/v1/products/{}", product + 1)).await
    }

    pub(crate) async fn get(&self, user: u32, path: &str) -> Result<Value, Leave> {
        self.send(Method::GET, user, path, Vec::new()).await
    }

    pub(crate) async fn post(&self, user: u32, path: &str, body: &Value) -> Result<Value, Leave> {
        self.send(Method::POST, user, path, body.to_string().into_bytes()).await
    }

    async fn send(&self, method: Method, user: u32, path: &str, body: Vec<u8>) -> Result<Value, Leave> {
        let url = format!("http://{}{path}", self.shop);
        let headers = [("x-user-id", HeaderValue::from(user))];
        accepted(self.client.send(method, &url, &headers, body).await?)
    }
}

fn accepted(sent: Sent) -> Result<Value, Leave> {
    if sent.status.is_success() { Ok(sent.json) } else { Err(Leave::Refused(sent.status)) }
}

/// Somebody comes.
#[derive(Debug)]
enum Arrival {
    Order(OrderPlan),
    Visit(VisitPlan),
}

impl Arrival {
    fn at(&self) -> Moment {
        match self {
            Arrival::Order(plan) => plan.at,
            Arrival::Visit(plan) => plan.at,
        }
    }
}
