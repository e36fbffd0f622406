//! What the layer adds to a request: `cargo bench -p tower-lingshao`. Prints the best of several rounds in nanoseconds
//! a request, over the bare service; a shared machine only ever adds time.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::io::Read;
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_layer::Layer;
use tower_lingshao::{LogTo, Options, Peer, RequestLog, Telemetry};
use tower_service::Service;

/// A round's requests, all within one gathering of the log's task: a shop with 8,000 requests a second.
const REQUESTS: u32 = 400;
const ROUNDS: u32 = 100;

#[derive(Clone)]
struct Shop;

impl Service<Request<()>> for Shop {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        if let Some(log) = request.extensions().get::<RequestLog>() {
            log.set_route("/api/v1/products/{id}");
            log.set_user_id("12345");
        }
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"{}")))))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    let bare = best(&mut Shop);
    println!("bare service          {bare:7.0} ns");
    for (name, log_to) in [("metrics only", LogTo::Nowhere), ("metrics and records", LogTo::Tcp(receiver()))]
    {
        let trusted_proxies = "127.0.0.1".parse().expect("a network");
        let options = Options { log_to, trusted_proxies, ..Options::default() };
        let telemetry = Telemetry::start(options).expect("a runtime");
        let measured = best(&mut telemetry.layer().layer(Shop));
        println!("{name:20} +{:7.0} ns a request", measured - bare);
        let page = telemetry.render();
        let counted = format!("status=\"200\"}} {}\n", REQUESTS * ROUNDS);
        assert!(page.contains(&counted) && page.contains("request_log_records_dropped_total 0"), "{page}");
    }
}

/// Nanoseconds a request, in the best round.
fn best<S, B>(service: &mut S) -> f64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let requests: Vec<Request<()>> = (0..REQUESTS).map(|_| request()).collect();
        let begun = Instant::now();
        for request in requests {
            let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else {
                unreachable!("the shop answers at once")
            };
            let mut body = pin!(response.into_body());
            while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
                black_box(frame.is_ok());
            }
        }
        best = best.min(begun.elapsed());
        std::thread::sleep(Duration::from_millis(60)); // The queue is emptied every 50 ms.
    }
    best.as_nanos() as f64 / f64::from(REQUESTS)
}

/// A request as it comes from a proxy.
fn request() -> Request<()> {
    let mut request = Request::get("/api/v1/products/7?page=2").body(()).expect("a request");
    let trace = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    request.headers_mut().insert("traceparent", trace);
    request.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("198.51.100.7"));
    request.extensions_mut().insert(Peer(([127, 0, 0, 1], 40_000).into()));
    request
}

/// Reads and forgets.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 65_536];
            while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        }
    });
    address
}
