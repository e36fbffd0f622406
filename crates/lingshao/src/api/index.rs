//! The page that a person sees until there is a board.

use http::StatusCode;

use crate::server::reply::{self, Reply};

const PAGE: &str = include_str!("index.html");

pub(super) fn page() -> Reply {
    reply::body(StatusCode::OK, "text/html; charset=utf-8", PAGE)
}
