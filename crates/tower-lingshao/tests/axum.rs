//! The layer around a real axum on a real socket, with records going to a real receiver. Numbers of defects are those of
//! `python/tests/test_requests.py`: what hand-written request logging gets wrong.

#![cfg(feature = "axum")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::{Extension, Router};
use http_body::Frame;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tower_lingshao::{LogTo, MetricKind, Options, RequestLog, Telemetry};

/// A body that gives a piece, waits, and then ends, fails, or panics.
struct Slow {
    pieces: u32,
    last: Last,
    pause: Pin<Box<tokio::time::Sleep>>,
}

#[derive(Clone, Copy)]
enum Last {
    End,
    Error,
    Panic,
}

const PAUSE: Duration = Duration::from_millis(150);

impl Slow {
    fn body(pieces: u32, last: Last) -> Body {
        Body::new(Slow { pieces, last, pause: Box::pin(sleep(Duration::ZERO)) })
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if self.pieces == 0 {
            return Poll::Ready(match self.last {
                Last::End => None,
                Last::Error => Some(Err(std::io::Error::other("the file is gone"))),
                Last::Panic => panic!("no more pieces"),
            });
        }
        self.pieces -= 1;
        self.pause = Box::pin(sleep(PAUSE));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
    }
}

/// A shop, its telemetry, and what the receiver of its records has read.
struct Bench {
    shop: SocketAddr,
    telemetry: Telemetry,
    records: mpsc::Receiver<Value>,
}

async fn bench() -> Bench {
    let (address, records) = receiver(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let telemetry = Telemetry::start(options(address)).expect("a runtime");
    let shop = serve(&telemetry).await;
    Bench { shop, telemetry, records }
}

fn options(address: SocketAddr) -> Options {
    Options {
        service: "灵选".into(),
        log_to: LogTo::Tcp(address.to_string()),
        trusted_proxies: "127.0.0.1".parse().expect("a network"),
        ..Options::default()
    }
}

fn receiver(listener: TcpListener) -> (SocketAddr, mpsc::Receiver<Value>) {
    let (sender, records) = mpsc::channel(100);
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let record = serde_json::from_str(&line).expect("every line is JSON");
                    if sender.send(record).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, records)
}

async fn serve(telemetry: &Telemetry) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let service = shop(telemetry).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

fn shop(telemetry: &Telemetry) -> Router {
    Router::new()
        .route("/products/{id}", get(async || "大红袍"))
        .route("/any", any(async || "yes"))
        .route("/empty", get(async || StatusCode::NO_CONTENT))
        .route("/refused", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/stream", get(async || Slow::body(3, Last::End)))
        .route("/broken", get(async || Slow::body(2, Last::Error)))
        .route("/panics-late", get(async || Slow::body(1, Last::Panic)))
        .route("/panics", get(panics))
        .route("/never", get(std::future::pending::<&'static str>))
        .route("/me", get(me))
        .route("/upgrade", get(async || StatusCode::SWITCHING_PROTOCOLS))
        .route("/metrics", get(async || "page"))
        .route("/health/live", get(async || "yes"))
        .route("/health-food", get(async || "枸杞"))
        .nest("/v2", Router::new().route("/orders/{id}", get(async || "order")))
        .layer(telemetry.layer())
}

async fn panics() -> &'static str {
    panic!("库存为负: {}", -1)
}

async fn me(Extension(log): Extension<RequestLog>) -> String {
    log.set_user_id("12345\n\u{1b}[31m\"}");
    log.set_error("支付失败");
    log.request_id().to_owned()
}

impl Bench {
    /// Sends a request on a connection of its own and reads until the shop closes.
    async fn ask(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.shop).await.expect("the shop listens");
        let request = format!("{head}\r\nhost: shop\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("taken");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await; // A broken answer ends in a reset.
        String::from_utf8(answer).expect("text")
    }

    async fn record(&mut self) -> Value {
        timeout(Duration::from_secs(5), self.records.recv()).await.expect("a record comes").expect("open")
    }

    async fn ask_for_record(&mut self, head: &str) -> Value {
        self.ask(head).await;
        self.record().await
    }

    /// Value of the sample that begins with these words.
    fn sample(&self, beginning: &str) -> Option<f64> {
        sample(&self.telemetry, beginning)
    }
}

fn sample(telemetry: &Telemetry, beginning: &str) -> Option<f64> {
    let page = telemetry.render();
    let line = page.lines().find(|line| line.starts_with(beginning))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn defects_5_and_6_a_record_says_what_the_plan_asks_for() {
    let mut bench = bench().await;
    let head = "GET /products/7?token=secret HTTP/1.1\r\nx-request-id: abc-1\r\nx-forwarded-for: 6.6.6.6, 198.51.100.7\r\n\
        user-agent: 微信/8.0\r\ncookie: session=secret\r\nauthorization: Bearer secret\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut record = bench.ask_for_record(head).await;
    let fields = record.as_object_mut().expect("an object");
    assert!(fields.remove("host").is_some_and(|host| host.as_str().is_some_and(|name| !name.is_empty())));
    let timestamp = fields.remove("timestamp").expect("a time");
    assert_eq!(timestamp.as_str().map(str::len), Some("2026-01-02T03:04:05.000000Z".len()));
    let (took, ttfb) = (fields.remove("process_time"), fields.remove("ttfb"));
    let (took, ttfb) =
        (took.and_then(|t| t.as_f64()).expect("a number"), ttfb.and_then(|t| t.as_f64()).expect("a number"));
    assert!(0.0 < ttfb && ttfb <= took && took < 2.0, "{ttfb} {took}");
    let expected = serde_json::json!({
        "level": "INFO", "logger": "tower_lingshao", "message": "GET /products/7 200", "service": "灵选",
        "pid": std::process::id(), "method": "GET", "path": "/products/7", "route": "/products/{id}",
        "status_code": 200, "bytes_sent": "大红袍".len(), "client_ip": "198.51.100.7", "request_id": "abc-1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "user_agent": "微信/8.0",
        "aborted": false,
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn defect_15_labels_are_templates_and_known_methods_only() {
    let bench = bench().await;
    for head in [
        "GET /products/1",
        "GET /products/2",
        "GET /wp-login.php",
        "BREW /any",
        "GET /v2/orders/9",
        "GET /metrics",
        "GET /health/live",
        "GET /health-food",
    ] {
        bench.ask(&format!("{head} HTTP/1.1")).await;
    }
    let count = |labels: &str| bench.sample(&format!("http_requests_total{{{labels}}}"));
    assert_eq!(count(r#"method="GET",endpoint="/products/{id}",status="200""#), Some(2.0));
    assert_eq!(count(r#"method="GET",endpoint="none",status="404""#), Some(1.0));
    assert_eq!(count(r#"method="OTHER",endpoint="/any",status="200""#), Some(1.0));
    assert_eq!(count(r#"method="GET",endpoint="/v2/orders/{id}",status="200""#), Some(1.0));
    let page = bench.telemetry.render();
    for absent in ["/metrics", "wp-login", "/health/live"] {
        assert!(!page.contains(absent), "{page}"); // Defect 20 where it is noise.
    }
    assert_eq!(count(r#"method="GET",endpoint="/health-food",status="200""#), Some(1.0));
    let bucket = |le: &str| {
        let labels = format!(r#"method="GET",endpoint="/products/{{id}}",le="{le}""#);
        bench.sample(&format!("http_request_duration_seconds_bucket{{{labels}}}"))
    };
    for le in ["0.25", "1", "2", "2.5", "10", "+Inf"] {
        assert_eq!(bucket(le), Some(2.0), "{le}");
    }
    assert_eq!(bench.sample("http_requests_in_flight"), Some(0.0));
}

#[tokio::test]
async fn defect_10_a_stream_takes_until_its_last_byte() {
    let mut bench = bench().await;
    let record = bench.ask_for_record("GET /stream HTTP/1.1").await;
    let (took, ttfb) =
        (record["process_time"].as_f64().expect("a number"), record["ttfb"].as_f64().expect("a number"));
    assert!(ttfb + 0.4 < took && (0.45..5.0).contains(&took), "{record}");
    assert_eq!((&record["status_code"], &record["aborted"]), (&200.into(), &false.into()));
    let sum = bench.sample(r#"http_request_duration_seconds_sum{method="GET",endpoint="/stream"}"#);
    assert!(sum.is_some_and(|sum| (sum - took).abs() < 0.001), "{sum:?}");
}

#[tokio::test]
async fn defects_7_and_11_what_the_shop_breaks_counts_as_500_and_says_why() {
    let mut bench = bench().await;
    let rows = [
        ("/panics", Value::Null, false, "panic", "库存为负: -1"),
        ("/broken", 200.into(), true, "axum_core::error::Error", "the file is gone"),
        ("/panics-late", 200.into(), true, "panic", "no more pieces"),
    ];
    for (path, sent, aborted, kind, words) in rows {
        let record = bench.ask_for_record(&format!("GET {path} HTTP/1.1")).await;
        assert_eq!(record["status_code"], 500, "{record}");
        assert_eq!(record["status_sent"], sent, "{record}");
        assert_eq!(record["aborted"], aborted, "{record}");
        assert_eq!(record["error"], serde_json::json!({"type": kind, "message": words}), "{record}");
        assert_eq!(record["level"], "ERROR", "{record}");
        let count = format!(r#"http_requests_total{{method="GET",endpoint="{path}",status="500"}}"#);
        assert_eq!(bench.sample(&count), Some(1.0));
    }
    assert_eq!(bench.sample("http_requests_in_flight"), Some(0.0));
}

#[tokio::test]
async fn defect_12_a_client_who_leaves_is_no_error_of_the_shop() {
    let mut bench = bench().await;
    for (path, status, answer) in [("/never", 499, false), ("/stream", 200, true)] {
        let mut stream = TcpStream::connect(bench.shop).await.expect("the shop listens");
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes())
            .await
            .expect("taken");
        if answer {
            stream.read_u8().await.expect("the answer begins");
        } else {
            sleep(Duration::from_millis(50)).await;
            assert_eq!(bench.sample("http_requests_in_flight"), Some(1.0));
        }
        drop(stream);
        let record = bench.record().await;
        assert_eq!((&record["status_code"], &record["aborted"]), (&status.into(), &true.into()), "{record}");
        assert_eq!((&record["level"], &record["error"]), (&"WARNING".into(), &Value::Null), "{record}");
    }
}

#[tokio::test]
async fn answers_without_a_body_are_whole() {
    let mut bench = bench().await;
    for (head, status) in [
        ("GET /empty", 204),
        ("HEAD /products/1", 200),
        ("HEAD /stream", 200),
        ("GET /nothing-here", 404),
        ("POST /products/1", 405),
        ("GET /refused", 503),
    ] {
        let record = bench.ask_for_record(&format!("{head} HTTP/1.1")).await;
        assert_eq!(
            (&record["status_code"], &record["aborted"]),
            (&status.into(), &false.into()),
            "{head}: {record}"
        );
        let level = match status {
            503 => "ERROR",
            404 | 405 => "WARNING",
            _ => "INFO",
        };
        assert_eq!(record["level"], level);
    }
}

#[tokio::test]
async fn defects_6_and_16_what_a_handler_adds_cannot_break_the_line() {
    let mut bench = bench().await;
    let answer = bench.ask("GET /me HTTP/1.1\r\nx-request-id: \"},{\"level\":\"ERROR").await;
    let record = bench.record().await;
    let made = record["request_id"].as_str().expect("made").to_owned();
    assert_eq!(made.len(), 32);
    assert!(answer.contains(&format!("x-request-id: {made}")) && answer.ends_with(&made), "{answer}");
    assert_eq!(record["user_id"], "12345\n[31m\"}");
    assert_eq!(record["error"], serde_json::json!({"message": "支付失败"}));
    assert_eq!(record["level"], "INFO");
    let page = bench.telemetry.render();
    assert!(!page.contains("12345"), "a user is no label");
}

#[cfg(unix)]
#[tokio::test]
async fn defects_8_and_9_a_unix_socket_has_no_peer_and_perhaps_a_proxy() {
    let (address, mut records) = receiver(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    for (trusted, client) in [("127.0.0.1", Value::Null), ("unix", "198.51.100.7".into())] {
        let trusted_proxies = trusted.parse().expect("networks");
        let telemetry = Telemetry::start(Options { trusted_proxies, ..options(address) }).expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("shop.sock");
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        let service = shop(&telemetry).into_make_service();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let mut stream = tokio::net::UnixStream::connect(&socket).await.expect("the shop listens");
        let request =
            "GET /products/1 HTTP/1.1\r\nhost: shop\r\nx-forwarded-for: 6.6.6.6, 198.51.100.7\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("taken");
        let record =
            timeout(Duration::from_secs(5), records.recv()).await.expect("a record comes").expect("open");
        assert_eq!((&record["status_code"], &record["client_ip"]), (&200.into(), &client), "{record}");
    }
}

#[tokio::test]
async fn defect_13_an_upgrade_counts_as_a_handshake_and_no_more() {
    let mut bench = bench().await;
    let head = "GET /upgrade HTTP/1.1\r\nupgrade: websocket\r\nsec-websocket-version: 13";
    let record = bench.ask_for_record(head).await;
    assert_eq!(
        (&record["status_code"], &record["aborted"], &record["level"]),
        (&101.into(), &false.into(), &"INFO".into())
    );
    let count = r#"http_requests_total{method="GET",endpoint="/upgrade",status="101"}"#;
    assert_eq!(bench.sample(count), Some(1.0));
}

#[tokio::test]
async fn defects_16_and_17_paths_are_chinese_and_forge_nothing() {
    let mut bench = bench().await;
    let rows = [
        ("/%E5%A4%A7%E7%BA%A2%E8%A2%8D", "/大红袍", "GET /大红袍 404"),
        (
            "/x%0AResponse:%20%7B%22user_id%22:1%7D%1B%5B31m",
            "/xResponse: {\"user_id\":1}[31m",
            "GET /xResponse:%20%7B%22user_id%22:1%7D[31m 404",
        ),
    ];
    for (asked, path, message) in rows {
        let record = bench.ask_for_record(&format!("GET {asked} HTTP/1.1")).await;
        assert_eq!((&record["path"], &record["message"]), (&path.into(), &message.into()));
    }
}

#[tokio::test]
async fn defect_20_a_field_has_a_cap() {
    let mut bench = bench().await;
    let path = "%E5%A5%BD".repeat(3_000);
    let record = bench.ask_for_record(&format!("GET /{path} HTTP/1.1\r\nuser-agent: {path}")).await;
    assert_eq!(record["path"].as_str().map(str::len), Some(1 + 8_190));
    assert_eq!(record["user_agent"].as_str().map(str::len), Some(8_192));
}

#[tokio::test]
async fn a_shop_adds_metrics_of_its_own() {
    let bench = bench().await;
    bench.telemetry.collect(|page| {
        page.family("orders_today", MetricKind::Gauge, "Orders since midnight.")
            .sample(&[("shop", "灵选")], 12.0);
    });
    assert_eq!(bench.sample(r#"orders_today{shop="灵选"}"#), Some(12.0));
}

#[tokio::test]
async fn defect_18_a_receiver_that_comes_late_or_comes_back_gets_what_waited() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let telemetry = Telemetry::start(options(address)).expect("a runtime");
    let shop = serve(&telemetry).await;
    let (_, nobody) = mpsc::channel(1);
    let mut bench = Bench { shop, telemetry, records: nobody };
    bench.ask("GET /products/1 HTTP/1.1").await;
    sleep(Duration::from_millis(200)).await;

    let listener = TcpListener::bind(address).await.expect("the port is free again");
    let (mut stream, _) = listener.accept().await.expect("it connects again");
    let mut first = vec![0; 10];
    stream.read_exact(&mut first).await.expect("bytes");
    assert_eq!(first, br#"{"timestam"#);
    drop(stream); // The rest of the line is lost with the connection, later lines are not.
    sleep(Duration::from_millis(50)).await;
    let (_, records) = receiver(listener);
    bench.records = records;
    let record = bench.ask_for_record("GET /products/2 HTTP/1.1").await;
    assert_eq!(record["path"], "/products/2");
    assert_eq!(bench.sample("request_log_records_dropped_total"), Some(0.0));
}

#[tokio::test]
async fn defect_18_a_receiver_that_hangs_slows_nobody_and_costs_bounded_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let telemetry = Telemetry::start(options(listener.local_addr().expect("bound"))).expect("a runtime");
    let mut service = tower_layer::Layer::layer(&telemetry.layer(), Ok200);
    let path = format!("/{}", "x".repeat(7_000));
    let begun = Instant::now();
    for _ in 0..3_000 {
        let request = http::Request::get(&path).body(()).expect("a request");
        tower_service::Service::call(&mut service, request).await.expect("infallible");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(
        sample(&telemetry, r#"http_requests_total{method="GET",endpoint="none",status="200"}"#),
        Some(3_000.0)
    );
    let dropped = sample(&telemetry, "request_log_records_dropped_total").expect("counted");
    assert!((1_000.0..2_999.0).contains(&dropped), "{dropped}");
    let begun = Instant::now();
    telemetry.close().await; // Nobody reads: it gives up in time, and counts.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(sample(&telemetry, "request_log_records_dropped_total").expect("counted") > dropped);
}

/// A service of few words.
struct Ok200;

impl tower_service::Service<http::Request<()>> for Ok200 {
    type Response = http::Response<http_body_util::Empty<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        std::future::ready(Ok(http::Response::new(http_body_util::Empty::new())))
    }
}

/// A service that does not answer.
struct Fails;

impl tower_service::Service<http::Request<()>> for Fails {
    type Response = http::Response<http_body_util::Empty<Bytes>>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        std::future::ready(Err(std::io::Error::other("no database")))
    }
}

#[tokio::test]
async fn defect_7_a_service_that_fails_is_a_500_of_its_kind() {
    let mut bench = bench().await;
    let mut service = tower_layer::Layer::layer(&bench.telemetry.layer(), Fails);
    let request = http::Request::get("/x").body(()).expect("a request");
    let failed = tower_service::Service::call(&mut service, request).await;
    assert_eq!(failed.expect_err("it goes on").to_string(), "no database");
    let record = bench.record().await;
    assert_eq!(
        (&record["status_code"], &record["error"]),
        (&500.into(), &serde_json::json!({"type": "std::io::error::Error", "message": "no database"}))
    );
}

#[tokio::test]
async fn the_last_records_are_sent_before_the_end() {
    let mut bench = bench().await;
    bench.ask("GET /products/1 HTTP/1.1").await;
    bench.telemetry.close().await;
    assert_eq!(bench.records.try_recv().expect("sent before close came back")["path"], "/products/1");
    bench.ask("GET /products/2 HTTP/1.1").await;
    let count = r#"http_requests_total{method="GET",endpoint="/products/{id}",status="200"}"#;
    assert_eq!(bench.sample(count), Some(2.0));
    assert_eq!(bench.sample("request_log_records_dropped_total"), Some(1.0));
}

#[test]
fn without_a_runtime_there_is_a_clear_answer() {
    let error = Telemetry::start(Options::default()).expect_err("no runtime");
    assert!(error.to_string().contains("Telemetry::start"), "{error}");
    let nowhere = Options { log_to: LogTo::Nowhere, ..Options::default() };
    assert!(Telemetry::start(nowhere).is_ok());
}
