//! A small HTTP client with connections that are kept open.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use axum::body::Bytes;

/// How long an answer may take; the slowest of the shop's take as long as its database makes them wait.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection is kept without use.
const IDLE: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Connections to whoever is asked.
#[derive(Clone, Debug)]
pub(crate) struct Client(Pooled<HttpConnector, Full<Bytes>>);

/// An answer; a body that is no JSON is null.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("`{0}` is no address")]
    Address(String),
    #[error("no answer within 30 s")]
    TooLate,
    #[error("no answer")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Client {
    pub(crate) fn new() -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Pooled::builder(TokioExecutor::new());
        builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Client(builder.build(connector))
    }

    /// Sends a request with a JSON body, which may be empty.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Vec<u8>,
    ) -> Result<Sent, SendError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body.into())).map_err(|_| SendError::Address(url.to_owned()))?;
        let exchange = async {
            let response =
                self.0.request(request).await.map_err(|error| SendError::Connection(error.into()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            let body = body.map_err(SendError::Connection)?.to_bytes();
            Ok(Sent { status, json: serde_json::from_slice(&body).unwrap_or_default() })
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| SendError::TooLate)?
    }
}
