//! Bad input, each with one clear message, the right status, and a server that goes on.

use lingshao_model::SeriesBatch;
use lingshao_wire::{remote_write, snappy};
use serde_json::json;

use crate::harness::{Answer, Server, WRITE_HEADERS, batch, encoded, eventually, folder, now_millis, push};

/// A varint as protobuf and snappy write it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A length-delimited protobuf field.
fn field(number: u8, payload: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(payload.len() as u64), payload.to_vec()].concat()
}

/// A valid snappy block that is as dense as the format allows: zeroes, copied 64 at a time.
fn densest_block(bytes: usize) -> Vec<u8> {
    let mut block = varint(bytes as u64);
    block.extend([0, 0]); // A literal of one zero.
    let mut left = bytes - 1;
    while left > 0 {
        let length = left.min(64);
        block.extend([(length as u8 - 1) << 2 | 2, 1, 0]); // Copy from one byte back.
        left -= length;
    }
    block
}

#[track_caller]
fn check(answer: &Answer, status: u16, parts: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for part in parts {
        assert!(answer.body.contains(part), "`{part}` is not in: {}", answer.body);
    }
}

/// Metric names, without those that the server keeps about itself.
fn names(server: &Server) -> serde_json::Value {
    server.data(&format!("/api/v1/label/__name__/values?match[]={}", encoded("{__name__!=\"\",job=\"\"}")))
}

#[track_caller]
fn is_alive(server: &Server) {
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn bombs_and_lying_lengths_cost_nothing() {
    let folder = folder();
    let server = Server::start(&folder);
    assert_eq!(server.write(&batch(&[(&[("__name__", "warm")], &[(now_millis(), 1.0)])])).status, 204);
    let before = server.memory("VmHWM");
    let lying = [varint(30 << 20), vec![0; 100]].concat();
    check(&server.write_body(&lying), 400, &["declares 31457280 bytes", "the header lies"]);
    let bomb = densest_block(33 << 20);
    check(
        &server.write_body(&bomb),
        413,
        &["declares 34603008 bytes", "limit of 33554432", "send smaller requests"],
    );
    let dense = densest_block(31 << 20);
    check(&server.write_body(&dense), 400, &["cannot decode"]);
    check(&server.write_body(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 400, &["not a snappy block"]);
    let rise = server.memory("VmHWM").saturating_sub(before);
    assert!(rise < 64 << 20, "memory rose by {} MiB", rise >> 20);
    is_alive(&server);
}

#[test]
fn bodies_beyond_the_limit_are_refused_by_their_declared_length() {
    let folder = folder();
    let server = Server::start(&folder);
    let headers = [WRITE_HEADERS, &[("Expect", "100-continue")]].concat();
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let mut head =
        format!("POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", 17 << 20);
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    std::io::Write::write_all(&mut stream, format!("{head}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 64];
    let read = std::io::Read::read(&mut stream, &mut answer).unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413 "), "{answer:?}");
    is_alive(&server);
}

#[test]
fn other_content_is_named_and_refused_with_415() {
    let folder = folder();
    let server = Server::start(&folder);
    let write = |headers: &[(&str, &str)]| server.request("POST", "/api/v1/write", headers, b"x");
    check(
        &write(&[("Content-Type", "application/json")]),
        415,
        &["application/json", "application/x-protobuf"],
    );
    check(
        &write(&[("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v9.Request")]),
        415,
        &["unsupported content type"],
    );
    check(
        &write(&[("Content-Type", "application/x-protobuf"), ("Content-Encoding", "zstd")]),
        415,
        &["unsupported content encoding `zstd`", "snappy"],
    );
}

#[test]
fn invalid_utf8_is_refused_and_the_rest_is_stored() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let label = |name: &[u8], value: &[u8]| field(1, &[field(1, name), field(2, value)].concat());
    let sample = field(
        2,
        &[[vec![1 << 3 | 1], 1_f64.to_le_bytes().to_vec()].concat(), vec![2 << 3], varint(t as u64)].concat(),
    );
    let bad = field(1, &[label(b"__name__", b"broken\xff"), sample.clone()].concat());
    let good = field(1, &[label(b"__name__", b"whole"), sample].concat());
    let answer = server.write_body(&snappy::compress(&[bad, good].concat()));
    check(&answer, 400, &["1 samples refused: invalid labels", "UTF-8", "the rest was stored"]);
    assert_eq!(names(&server), json!(["whole"]));
}

#[test]
fn one_overlong_label_is_refused_by_name_and_the_rest_is_stored() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let long = "x".repeat(5000);
    let answer = server.write(&batch(&[
        (&[("__name__", "long"), ("user_agent", &long)], &[(t, 1.0)]),
        (&[("__name__", "short")], &[(t, 2.0)]),
    ]));
    check(
        &answer,
        400,
        &["1 samples refused: label over the limit", "user_agent", "4096", "the rest was stored"],
    );
    assert!(answer.body.len() < 1000, "the message quotes the label whole");
    assert_eq!(names(&server), json!(["short"]));
    assert_eq!(server.figure("lingshao_remote_write_refused_samples_total{reason=\"label_limit\"}"), 1.0);
}

#[test]
fn samples_a_year_ahead_or_behind_are_refused_by_reason() {
    let folder = folder();
    let server = Server::start(&folder);
    let (t, year) = (now_millis(), 365 * 86_400_000);
    let answer =
        server.write(&batch(&[(&[("__name__", "early")], &[(t - year, 1.0), (t, 2.0), (t + year, 3.0)])]));
    check(
        &answer,
        400,
        &["2 samples refused", "too far in the future; check the sender's clock", "out-of-order window"],
    );
    let data = server.data(&format!("/api/v1/query?query=early&time={}", t / 1000));
    assert_eq!(data["result"][0]["value"][1], "2");
}

#[test]
fn version_2_counts_what_was_written() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let mut sent = SeriesBatch::default();
    push(&mut sent, &[("__name__", "two")], &[(t - 1000, 1.0), (t, 2.0), (t + 86_400_000, 3.0)]);
    let headers = [
        ("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("Content-Encoding", "snappy"),
    ];
    let body = snappy::compress(&remote_write::encode_v2(&sent));
    let answer = server.request("POST", "/api/v1/write", &headers, &body);
    check(&answer, 400, &["1 samples refused", "the rest was stored"]);
    assert_eq!(answer.header("X-Prometheus-Remote-Write-Samples-Written"), Some("2"));
    assert_eq!(answer.header("X-Prometheus-Remote-Write-Histograms-Written"), Some("0"));
    assert_eq!(answer.header("X-Prometheus-Remote-Write-Exemplars-Written"), Some("0"));
}

#[test]
fn thousands_of_regular_expressions_or_parameters_cost_nothing() {
    let folder = folder();
    let server = Server::start(&folder);
    let before = server.memory("VmHWM");
    let pattern = |own: usize| format!("a{own}=~\"(a|b|c){{500}}.*\"");
    let query = format!("{{x=\"y\",{}}}", (0..5000).map(pattern).collect::<Vec<_>>().join(","));
    for path in ["query", "format_query", "parse_query", "query_exemplars"] {
        let answer = server.post_form(&format!("/api/v1/{path}"), &format!("query={}", encoded(&query)));
        check(&answer, 400, &["more than 100 regular expressions in one query"]);
    }
    let selectors: String = (0..9000)
        .map(|own| format!("&match[]={}", encoded(&format!("{{x=\"y\",{}}}", pattern(own)))))
        .collect();
    let answer = server.post_form("/api/v1/series", &selectors);
    check(&answer, 400, &["match[]", "more than 100 regular expressions in one request"]);
    let answer = server.post_form("/api/v1/query", &format!("query=1{}", "&a".repeat(500_000)));
    check(&answer, 400, &["more than 10000 parameters in one request"]);
    check(&server.post_form("/api/v1/query", &format!("query=1{}", "&a".repeat(9_000))), 200, &[]);
    let rise = server.memory("VmHWM").saturating_sub(before);
    assert!(rise < 128 << 20, "memory rose by {} MiB", rise >> 20);
}

#[test]
fn unparsable_promql_names_its_position() {
    let folder = folder();
    let server = Server::start(&folder);
    let ask = |query: &str| server.get(&format!("/api/v1/query?query={}", encoded(query)));
    let answer = ask("sum(rate(up[5m])");
    check(&answer, 400, &[r#""errorType":"bad_data""#]);
    assert_eq!(answer.error(), "invalid parameter \"query\": 1:17: parse error: unclosed left parenthesis");
    check(&ask(""), 400, &["no expression found in input"]);
    check(&ask("rate(up)"), 400, &["1:6: parse error: expected type range vector"]);
    check(&ask("up{job=~\"a(\"}"), 400, &["a("]);
    let deep = format!("{}up{}", "(".repeat(10_000), ")".repeat(10_000));
    check(&server.post_form("/api/v1/query", &format!("query={}", encoded(&deep))), 400, &["parse error"]);
    is_alive(&server);
}

#[test]
fn a_query_for_a_billion_samples_is_refused_and_named() {
    let folder = folder();
    let server = Server::start(&folder);
    let query = encoded("max_over_time(vector(1)[1000000000s:1s])");
    let before = server.memory("VmHWM");
    let subquery = server.get(&format!("/api/v1/query?query={query}"));
    check(&subquery, 422, &[r#""errorType":"execution""#, "too many samples"]);
    let rise = server.memory("VmHWM").saturating_sub(before);
    assert!(rise < 600 << 20, "memory rose by {} MiB", rise >> 20);
    let points = server.get("/api/v1/query_range?query=many&start=0&end=1000000000&step=1");
    check(&points, 400, &["exceeded maximum resolution of 11,000 points per timeseries"]);
    is_alive(&server);
}

/// Sorts 10,000 values a million times: minutes.
const ENDLESS: &str = "max_over_time(quantile_over_time(0.5, vector(1)[10000s:1s])[1000000s:1s])";

#[test]
fn a_query_over_its_time_is_ended() {
    let folder = folder();
    let server = Server::start(&folder);
    let endless = encoded(ENDLESS);
    let started = std::time::Instant::now();
    let answer = server.get(&format!("/api/v1/query?query={endless}&timeout=100ms"));
    check(&answer, 503, &[r#""errorType":"timeout""#, "query timed out"]);
    assert!(started.elapsed().as_secs() < 5);
    eventually("the evaluation notices", || server.figure("lingshao_queries_running") == 0.0);
    assert_eq!(server.figure("lingshao_query_timeouts_total"), 1.0);
}

#[test]
fn a_query_whose_client_went_is_ended() {
    let folder = folder();
    let server = Server::start(&folder);
    let endless = encoded(ENDLESS);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let request = format!("GET /api/v1/query?query={endless} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    eventually("it runs", || server.figure("lingshao_queries_running") == 1.0);
    drop(stream);
    let gone = std::time::Instant::now();
    eventually("it ends", || server.figure("lingshao_queries_running") == 0.0);
    assert!(gone.elapsed().as_secs() < 10, "{:?}", gone.elapsed());
}

#[test]
fn parameters_that_make_no_sense_are_named() {
    let folder = folder();
    let server = Server::start(&folder);
    for (path, message) in [
        (
            "/api/v1/query?query=up&time=soon",
            "invalid parameter \"time\": cannot parse \"soon\" to a valid timestamp",
        ),
        (
            "/api/v1/query?query=up&timeout=x",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        ("/api/v1/query?query=up&limit=-1", "invalid parameter \"limit\": limit must be non-negative"),
        (
            "/api/v1/query_range?query=up&start=2&end=1&step=1",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=2&step=0",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        ("/api/v1/series", "no match[] parameter provided"),
        ("/api/v1/series?match[]=%7Ba%3D%22%22%7D", "match[] must contain at least one non-empty matcher"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.error().as_str()), (400, message), "{path}");
    }
}

#[test]
fn http_that_is_too_long_is_refused() {
    let folder = folder();
    let server = Server::start(&folder);
    let long = format!("/api/v1/query?query={}", "a".repeat(17 << 10));
    check(&server.get(&long), 414, &["send the parameters as a form with POST"]);
    let header = "x".repeat(40 << 10);
    let answer = server.try_request("GET", "/-/healthy", &[("X-Long", &header)], b"");
    assert!(answer.is_ok_and(|answer| answer.status == 431));
    let form = format!("query={}", "a".repeat(2 << 20));
    check(&server.post_form("/api/v1/query", &form), 413, &["limit of 1048576 bytes"]);
    is_alive(&server);
}
