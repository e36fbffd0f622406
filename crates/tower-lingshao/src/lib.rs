//! RED metrics and one JSON record a request, for shops written with tower: axum, tonic, hyper.
//!
//! Contract: stands alone; never blocks a request, never fails one, and costs it less than 2 µs. Every label has few
//! values, every queue an end, and what is lost is counted.
//!
//! ```no_run
//! use axum::{Extension, Router, http::header::CONTENT_TYPE, routing::get};
//! use tower_lingshao::{LogTo, MetricKind, Options, RequestLog, Telemetry};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = Telemetry::start(Options {
//!     service: "shop".into(),
//!     log_to: LogTo::Tcp("127.0.0.1:5000".into()),
//!     trusted_proxies: "127.0.0.1, 10.0.0.0/8".parse()?,
//!     ..Options::default()
//! })?;
//! telemetry.collect(|page| {
//!     page.family("products_on_sale", MetricKind::Gauge, "Products that can be bought.").sample(&[], 200.0);
//! });
//!
//! let page = telemetry.clone();
//! let shop = Router::new()
//!     .route("/products/{id}", get(|Extension(log): Extension<RequestLog>| async move {
//!         log.set_user_id("12345"); // once the session is known
//!         "大红袍"
//!     }))
//!     .route("/metrics", get(move || async move {
//!         ([(CONTENT_TYPE, tower_lingshao::PAGE_CONTENT_TYPE)], page.render())
//!     }))
//!     .layer(telemetry.layer()); // after the routes: only then are they known to it
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! axum::serve(listener, shop.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?;
//! telemetry.close().await; // sends the last records
//! # Ok(())
//! # }
//! ```
//!
//! # What is measured
//!
//! `http_requests_total{method,endpoint,status}`, the histogram `http_request_duration_seconds{method,endpoint}` with
//! [`BUCKETS`], and `http_requests_in_flight`. `endpoint` is the route's *template* (`/products/{id}`); whatever has
//! none is `none`, so that a stranger who tries addresses makes no series. A method that HTTP does not define is
//! `OTHER`. Time runs from the request's head to the last byte of the answer's body.
//!
//! # What is recorded
//!
//! One JSON object a line when the request has ended: `timestamp`, `level`, `message`, `logger`, `service`, `host`, `pid`,
//! `method`, `path` (decoded, without the query, which often holds secrets), `route`, `status_code`, `process_time` and
//! `ttfb` in seconds, `bytes_sent`, `client_ip`, `user_id`, `request_id`, `trace_id` and `span_id`, `user_agent`, `aborted`,
//! `error` with `type` and `message`. Bodies, cookies and other headers never are. A line is one line of JSON whatever a
//! stranger sends: control characters go, a field ends at 8 KiB. `records_dropped` stands in the first record after some
//! were lost, and says how many.
//!
//! | what happened | status | `aborted` | level |
//! |---|---|---|---|
//! | answered, or upgraded to a websocket (101) | as answered | false | 5xx ERROR, 4xx WARNING, else INFO |
//! | the handler panicked or failed | 500 | false | ERROR |
//! | the body failed midway | 500, and `status_sent` | true | ERROR |
//! | the client left before an answer | 499 | true | WARNING |
//! | the client left during the body | as answered | true | WARNING |

mod body;
mod client;
mod exchange;
mod identity;
mod layer;
mod log;
mod metrics;
mod page;
mod record;
mod telemetry;

pub use body::{MeasuredBody, ResponseFuture};
pub use client::{NotANetwork, Peer, TrustedProxies};
pub use exchange::RequestLog;
pub use layer::{RequestLayer, RequestService};
pub use log::LogTo;
pub use metrics::BUCKETS;
pub use page::{Family, MetricKind, MetricsPage, PAGE_CONTENT_TYPE};
pub use telemetry::{NoRuntime, Options, Telemetry};

/// The code on the guide's pages compiles.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../docs/guide/logging-rust.md")]
#[doc = include_str!("../../../docs/guide/logging-rust.zh-CN.md")]
struct Guide;
