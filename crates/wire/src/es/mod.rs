//! The Elasticsearch 8 API: bodies and parameters of requests to nouns, nouns to the bodies of its answers.
//!
//! Contract: what Elasticsearch's documentation describes and its clients send, without storage and without HTTP. What it
//! would refuse is refused with its words ([`EsError`]); what it knows and we do not is refused by name. A body has at
//! most [`BODY_BYTES_MAX`] bytes, a query [`QUERY_DEPTH_MAX`] levels and [`CLAUSES_MAX`] clauses.
//!
//! - [`search`]: `_search`; [`multi`]: `_msearch`; [`count`]: `_count`; [`cursor`]: searches that go on.
//! - [`indices`]: names of indices, what makes them, aliases; [`mapping`]: their fields; [`glob`]: names with `*`.
//! - [`info`], [`cat`]: what clients and people ask first.
//! - [`UrlParams`]: parameters in the URL.

mod aggs;
mod body;
pub mod cat;
pub mod count;
pub mod cursor;
mod dates;
pub(crate) mod duration;
mod error;
pub mod glob;
pub mod indices;
pub mod info;
mod json_filter;
pub mod mapping;
pub mod multi;
#[cfg(test)]
mod notation;
mod options;
mod params;
mod query;
pub mod search;

pub use body::{BODY_BYTES_MAX, CLAUSES_MAX, Context, QUERY_DEPTH_MAX};
pub use error::EsError;
pub use params::UrlParams;

/// The version that we answer to be: clients of 8.x accept it, and shippers refuse to send to an older one than theirs.
pub const VERSION: &str = "8.17.4";
/// Our only node.
pub(crate) const NODE_ID: &str = "bGluZ3NoYW8tbm9kZS0wMA";

/// Answers with only what `filter_path` asks for, indented where `pretty` does.
pub fn finish(json: Vec<u8>, params: &UrlParams) -> Vec<u8> {
    let mut json = json;
    if let Some(path) = params.get("filter_path").filter(|path| !path.is_empty()) {
        let mut filtered = Vec::with_capacity(json.len() / 2);
        json_filter::Filter::path(path).apply(&json, &mut filtered);
        json = filtered;
    }
    if params.is_pretty() {
        let mut indented = Vec::with_capacity(2 * json.len());
        json_filter::pretty(&json, &mut indented);
        json = indented;
    }
    json
}
