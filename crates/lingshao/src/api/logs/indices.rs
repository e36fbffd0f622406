//! `indices`: which there are, and what other names stand for.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::elasticsearch::names::Known;
use crate::server::reply::{self, Reply};

/// `indices`
pub(in crate::api) fn indices(app: &App) -> Reply {
    let known = Known::now(app);
    let aliases: Vec<Value> =
        known.aliases().iter().map(|(name, indices)| json!({ "name": name, "indices": indices })).collect();
    reply::value(StatusCode::OK, &json!({ "indices": known.names(), "aliases": aliases }))
}
