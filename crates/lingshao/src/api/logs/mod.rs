//! What the log page and `lingshao logs` ask. Other programs have the Elasticsearch API.
//!
//! Bodies are JSON objects. A refusal is `{"error": {code, message, start, end, arguments}}`, where start and end are
//! byte offsets into the query, if it is the query that is refused.

mod context;
mod export;
mod fields;
mod indices;
mod question;
mod render;
mod search;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::app::App;
use crate::logs::AskError;
use crate::logs::query::QueryFault;
use crate::server::reply::{self, Reply};
use crate::server::request::{BodyError, Call, Document};

pub(super) use context::context;
pub(super) use export::export;
pub(super) use fields::{fields, values};
pub(super) use indices::indices;
pub(super) use search::search;

/// A query has at most 16 KiB.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Query(QueryFault),
    #[error("{0}")]
    Parameter(String),
    #[error("no index matches `{0}`")]
    NoIndex(String),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Query(_) | Refusal::Parameter(_) => StatusCode::BAD_REQUEST,
            Refusal::NoIndex(_) => StatusCode::NOT_FOUND,
            Refusal::Body(error) => error.status(),
            Refusal::Ask(AskError::Overloaded) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Ask(AskError::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Refusal::Ask(AskError::Search(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Ask(AskError::Panicked) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &str {
        match self {
            Refusal::Query(fault) => fault.code,
            Refusal::Parameter(_) => "parameter",
            Refusal::NoIndex(_) => "no-index",
            Refusal::Body(_) => "body",
            Refusal::Ask(AskError::Overloaded) => "overloaded",
            Refusal::Ask(AskError::Timeout) => "timeout",
            Refusal::Ask(AskError::Search(_)) => "limit",
            Refusal::Ask(AskError::Panicked) => "internal",
        }
    }

    fn render(&self) -> Reply {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        if let Refusal::Query(fault) = self {
            error["start"] = json!(fault.start);
            error["end"] = json!(fault.end);
            error["arguments"] = fault.arguments.clone();
        }
        reply::value(self.status(), &json!({ "error": error }))
    }
}

/// Reads a body as one of our questions.
async fn body<T: DeserializeOwned>(app: &App, call: Call) -> Result<T, Refusal> {
    let document = Document::read(call, BODY_BYTES_MAX, &app.forms).await?;
    let text = if document.bytes.is_empty() { b"{}" } else { &document.bytes[..] };
    serde_json::from_slice(text)
        .map_err(|error| Refusal::Parameter(format!("the body is no question: {error}")))
}

/// `{kind: true, …}` as a list of names.
fn names(kinds: &[(&str, bool)]) -> Value {
    kinds.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| json!(name)).collect()
}
