//! What a customer or a provider is told when something cannot be done.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShopError {
    #[error("the request carries no X-User-Id of a customer")]
    WhoAreYou,
    #[error("there is no {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Unfit(&'static str),
    #[error("product {0} is out of stock")]
    OutOfStock(i64),
    #[error("the order is not waiting for payment any more")]
    NotPayable,
    #[error("the provider refuses the payment: {0}")]
    PaymentRefused(String),
    #[error("支付失败: the provider answers with an error: {0}")]
    ProviderFails(String),
    #[error("the signature is wrong: {0}")]
    Forged(&'static str),
    #[error("the database fails: {0}")]
    Database(#[from] sqlx::Error),
}

/// The words of an error, for the log record of its request.
#[derive(Clone, Debug)]
pub(crate) struct Words(pub(crate) String);

impl ShopError {
    fn status(&self) -> StatusCode {
        match self {
            ShopError::WhoAreYou | ShopError::Forged(_) => StatusCode::UNAUTHORIZED,
            ShopError::NotFound(_) => StatusCode::NOT_FOUND,
            ShopError::Unfit(_) => StatusCode::BAD_REQUEST,
            ShopError::OutOfStock(_) | ShopError::NotPayable => StatusCode::CONFLICT,
            ShopError::PaymentRefused(_) => StatusCode::PAYMENT_REQUIRED,
            ShopError::ProviderFails(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ShopError::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let words = self.to_string();
        let mut response = (self.status(), Json(json!({ "error": words }))).into_response();
        response.extensions_mut().insert(Words(words));
        response
    }
}
