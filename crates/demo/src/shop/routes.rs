//! The shop's addresses. Customers say who they are in `X-User-Id`, as behind a gateway that has checked their session.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row;
use tower_lingshao::{PAGE_CONTENT_TYPE, RequestLog, Telemetry};

use super::error::{ShopError, Words};
use super::payments::Outcome;
use super::{Shop, groups, orders, payments};
use crate::plan::{Provider, USERS};
use crate::provider::{Answer, Notice};
use crate::rhythm::Address;

/// Longest body: orders and notices have some 300 bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Most of one product that goes into a cart.
const QUANTITY_MAX: i64 = 50;

pub(super) fn router(shop: Arc<Shop>, telemetry: &Telemetry) -> Router {
    let path = |address: Address| address.route().endpoint;
    let page = telemetry.clone();
    Router::new()
        .route(path(Address::Products), get(products))
        .route(path(Address::Product), get(product))
        .route(path(Address::Cart), get(cart).post(into_cart))
        .route(path(Address::PlaceOrder), post(place_order))
        .route(path(Address::Order), get(order))
        .route(path(Address::CancelOrder), post(cancel_order))
        .route(path(Address::Pay), post(pay))
        .route(path(Address::Notify), post(notify))
        .route(path(Address::Groups), get(offer))
        .route("/metrics", get(async move || ([(CONTENT_TYPE, PAGE_CONTENT_TYPE)], page.render())))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(note_errors))
        .layer(telemetry.layer())
        .with_state(shop)
}

/// Puts the words of an error into the log record of its request.
async fn note_errors(log: Option<Extension<RequestLog>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let (Some(Extension(log)), Some(words)) = (log, response.extensions().get::<Words>()) {
        log.set_error(words.0.clone());
    }
    response
}

/// The customer who asks.
struct Customer(u32);

impl FromRequestParts<Arc<Shop>> for Customer {
    type Rejection = ShopError;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Customer, ShopError> {
        let id = parts.headers.get("x-user-id").and_then(|id| id.to_str().ok()?.parse::<u32>().ok());
        let id = id.filter(|id| (1..=USERS as u32).contains(id)).ok_or(ShopError::WhoAreYou)?;
        if let Some(log) = parts.extensions.get::<RequestLog>() {
            log.set_user_id(id.to_string());
        }
        shop.books.seen(id);
        Ok(Customer(id))
    }
}

type Answered = Result<Json<Value>, ShopError>;

async fn products(State(shop): State<Arc<Shop>>, Customer(_): Customer) -> Answered {
    shop.work(Address::Products).await;
    let statement = "SELECT p.id, g.name, CAST(ROUND(p.price * 100) AS INTEGER), p.number
        FROM litemall_goods_product p JOIN litemall_goods g ON g.id = p.goods_id
        WHERE g.is_on_sale = 1 AND g.deleted = 0 ORDER BY p.id LIMIT 20";
    let rows = sqlx::query(statement).fetch_all(&shop.database.pool).await?;
    let products = rows.iter().map(product_json).collect::<Result<Vec<Value>, _>>()?;
    Ok(Json(json!({ "products": products })))
}

fn product_json(row: &sqlx::sqlite::SqliteRow) -> Result<Value, sqlx::Error> {
    let (id, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
    let (price_fen, stock): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    Ok(json!({ "product_id": id, "name": name, "price_fen": price_fen, "stock": stock }))
}

async fn product(State(shop): State<Arc<Shop>>, Customer(_): Customer, Path(id): Path<i64>) -> Answered {
    shop.work(Address::Product).await;
    let statement = "SELECT p.id, g.name, CAST(ROUND(p.price * 100) AS INTEGER), p.number
        FROM litemall_goods_product p JOIN litemall_goods g ON g.id = p.goods_id WHERE p.id = ?1";
    let row = sqlx::query(statement).bind(id).fetch_optional(&shop.database.pool).await?;
    Ok(Json(product_json(&row.ok_or(ShopError::NotFound("product of this number"))?)?))
}

async fn cart(State(shop): State<Arc<Shop>>, Customer(user): Customer) -> Answered {
    shop.work(Address::Cart).await;
    let statement = "SELECT product_id, number FROM litemall_cart WHERE user_id = ?1 ORDER BY product_id";
    let rows = sqlx::query(statement).bind(user).fetch_all(&shop.database.pool).await?;
    let line = |row: &sqlx::sqlite::SqliteRow| -> Result<Value, sqlx::Error> {
        Ok(json!({ "product_id": row.try_get::<i64, _>(0)?, "quantity": row.try_get::<i64, _>(1)? }))
    };
    Ok(Json(json!({ "lines": rows.iter().map(line).collect::<Result<Vec<Value>, _>>()? })))
}

#[derive(Debug, Deserialize)]
struct CartLine {
    product_id: i64,
    quantity: i64,
}

async fn into_cart(
    State(shop): State<Arc<Shop>>,
    Customer(user): Customer,
    Json(line): Json<CartLine>,
) -> Result<StatusCode, ShopError> {
    shop.work(Address::IntoCart).await;
    if !(1..=QUANTITY_MAX).contains(&line.quantity) {
        return Err(ShopError::Unfit("a quantity is from 1 to 50"));
    }
    let statement = "INSERT INTO litemall_cart (user_id, goods_id, product_id, number, add_time, update_time)
        SELECT ?1, goods_id, id, ?2, ?3, ?3 FROM litemall_goods_product WHERE id = ?4
        ON CONFLICT (user_id, product_id) DO UPDATE SET number = excluded.number, update_time = excluded.update_time";
    let query = sqlx::query(statement).bind(user).bind(line.quantity).bind(shop.clock.now().datetime());
    match query.bind(line.product_id).execute(&shop.database.pool).await?.rows_affected() {
        1 => Ok(StatusCode::OK),
        _ => Err(ShopError::NotFound("product of this number")),
    }
}

#[derive(Debug, Deserialize)]
struct NewOrder {
    #[serde(default)]
    message: String,
    group: Option<NewGroup>,
}

#[derive(Debug, Deserialize)]
struct NewGroup {
    rules_id: i64,
    #[serde(default)]
    groupon_id: i64,
    #[serde(default)]
    is_shared: bool,
}

async fn place_order(
    State(shop): State<Arc<Shop>>,
    Customer(user): Customer,
    Json(new): Json<NewOrder>,
) -> Result<Response, ShopError> {
    shop.work(Address::PlaceOrder).await;
    let group = new.group.map(|group| orders::GroupWish {
        rules_id: group.rules_id,
        groupon_id: group.groupon_id,
        is_shared: group.is_shared,
    });
    let message = new.message.chars().take(200).collect();
    let wish = orders::Wish { user_id: i64::from(user), message, group };
    let now = shop.clock.now();
    let placed = orders::place(&shop.database, &wish, now).await?;
    shop.books.placed(now);
    let body =
        json!({ "order_id": placed.order_id, "order_sn": placed.order_sn, "amount_fen": placed.amount.0 });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn order(State(shop): State<Arc<Shop>>, Customer(user): Customer, Path(id): Path<i64>) -> Answered {
    shop.work(Address::Order).await;
    let statement =
        "SELECT order_sn, order_status, CAST(ROUND(actual_price * 100) AS INTEGER) FROM litemall_order
        WHERE id = ?1 AND user_id = ?2";
    let row = sqlx::query(statement).bind(id).bind(user).fetch_optional(&shop.database.pool).await?;
    let row = row.ok_or(ShopError::NotFound("order of this number"))?;
    let (sn, status, amount): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Json(json!({ "order_id": id, "order_sn": sn, "status": status, "amount_fen": amount })))
}

async fn cancel_order(
    State(shop): State<Arc<Shop>>,
    Customer(user): Customer,
    Path(id): Path<i64>,
) -> Answered {
    shop.work(Address::CancelOrder).await;
    match orders::cancel(&shop.database, id, i64::from(user), shop.clock.now()).await? {
        true => Ok(Json(json!({ "order_id": id }))),
        false => Err(ShopError::NotPayable),
    }
}

#[derive(Debug, Deserialize)]
struct NewPayment {
    provider: String,
}

async fn pay(
    State(shop): State<Arc<Shop>>,
    Customer(user): Customer,
    Path(order_id): Path<i64>,
    Json(new): Json<NewPayment>,
) -> Answered {
    shop.work(Address::Pay).await;
    let provider = Provider::of(&new.provider).ok_or(ShopError::Unfit("the provider is wechat or alipay"))?;
    let attempt =
        payments::begin(&shop.database, order_id, i64::from(user), provider, shop.clock.now()).await?;
    shop.books.tried(provider);
    let answer = shop.merchant.pay(&attempt.out_trade_no, attempt.amount.0, &shop.notify_url(provider)).await;
    let error = match answer {
        Answer::Done(_) => {
            let pay_url = shop.cashier(&attempt.out_trade_no);
            return Ok(Json(json!({ "out_trade_no": attempt.out_trade_no, "pay_url": pay_url })));
        }
        Answer::Refused(code) => ShopError::PaymentRefused(code),
        Answer::Unknown(code) => ShopError::ProviderFails(code),
    };
    if payments::refuse(&shop.database, &attempt.out_trade_no).await? {
        shop.books.refused(provider);
    }
    Err(error)
}

/// The provider tells what became of a payment.
async fn notify(
    State(shop): State<Arc<Shop>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let provider = Provider::of(&provider).ok_or(ShopError::NotFound("provider of this name"))?;
    let path = format!("/api/v1/payments/notify/{}", provider.as_str());
    let now = shop.clock.now();
    shop.provider_key.verify("POST", &path, &headers, &body, now).map_err(ShopError::Forged)?;
    shop.work(Address::Notify).await;
    let notice: Notice =
        serde_json::from_slice(&body).map_err(|_| ShopError::Unfit("the notice is no JSON of ours"))?;
    if notice.trade_state == "SUCCESS" {
        shop.take(&notice).await?;
    } else if payments::refuse(&shop.database, &notice.out_trade_no).await? {
        shop.books.refused(provider);
    }
    Ok(Json(json!({ "code": "SUCCESS" })))
}

impl Shop {
    /// Takes a payment that succeeded.
    pub(super) async fn take(&self, notice: &Notice) -> Result<(), ShopError> {
        let now = self.clock.now();
        if let Outcome::Paid { amount, group } =
            payments::succeed(&self.database, notice, self.is_looked_after, now).await?
        {
            self.books.paid(amount, now);
            if let Some(ended) = group {
                self.books.group_ended(ended);
            }
        }
        Ok(())
    }
}

async fn offer(State(shop): State<Arc<Shop>>, Customer(_): Customer, request: Request) -> Answered {
    shop.work(Address::Groups).await;
    let wanted = request.uri().query().and_then(|query| query.strip_prefix("product_id=")?.parse().ok());
    let product = wanted.ok_or(ShopError::Unfit("say which product: /api/v1/groups?product_id=3"))?;
    let offer = groups::offer(&shop.database, product, shop.clock.now()).await?;
    Ok(Json(json!({ "rules_id": offer.rules_id, "open": offer.open })))
}
