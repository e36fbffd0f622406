//! Every way in for log records, on the real binary: what was sent is found with its fields, level and time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};

use serde_json::{Value, json};

use crate::harness::{Answer, PATIENCE, Server, eventually, folder};
use crate::logs::{ask, found, ship, start};

/// Protobuf, as far as the tests write it: fields that hold bytes, numbers and instants.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Message {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: u64) -> Message {
        self.varint(field << 3).varint(value)
    }

    fn fixed64(mut self, field: u64, value: u64) -> Message {
        self = self.varint(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Message {
        self = self.varint(field << 3 | 2).varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn message(self, field: u64, value: &Message) -> Message {
        self.bytes(field, &value.0)
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 2025-06-15T00:30:00.123456789Z
const NANOS: u64 = 1_749_947_400_123_456_789;

/// One record of a service, as an SDK's exporter writes it.
fn otlp_protobuf(text: &str) -> Vec<u8> {
    let string = |text: &str| Message::default().bytes(1, text.as_bytes());
    let pair = |name: &str, value: &Message| Message::default().bytes(1, name.as_bytes()).message(2, value);
    let record = Message::default()
        .fixed64(1, NANOS)
        .number(2, 17)
        .bytes(3, b"ERROR")
        .message(5, &string(text))
        .message(6, &pair("http.route", &string("/pay")))
        .message(6, &pair("order_id", &Message::default().number(3, 7)))
        .bytes(9, &[0x0f; 16])
        .bytes(10, &[0xa0; 8]);
    let resource = Message::default().message(1, &pair("service.name", &string("payments")));
    let resource_logs =
        Message::default().message(1, &resource).message(2, &Message::default().message(2, &record));
    Message::default().message(1, &resource_logs).0
}

fn otlp_json(text: &str) -> Vec<u8> {
    let string = |name: &str, value: &str| json!({ "key": name, "value": { "stringValue": value } });
    let record = json!({ "timeUnixNano": NANOS.to_string(), "severityNumber": 17, "severityText": "ERROR",
        "body": { "stringValue": text }, "traceId": "0f".repeat(16), "spanId": "a0".repeat(8),
        "attributes": [string("http.route", "/pay"), { "key": "order_id", "value": { "intValue": "7" } }] });
    let logs = json!({ "resource": { "attributes": [string("service.name", "payments")] },
        "scopeLogs": [{ "logRecords": [record] }] });
    json!({ "resourceLogs": [logs] }).to_string().into_bytes()
}

/// The one record with that text.
#[track_caller]
fn hit(server: &Server, text: &str) -> Value {
    let query = format!("message:\"{}\"", text.replace('"', "\\\""));
    let answer = ask(server, "search", &json!({ "query": query }));
    let hits = answer["hits"].as_array().unwrap().iter().filter(|hit| hit["message"] == text);
    let hits: Vec<_> = hits.collect();
    assert_eq!(hits.len(), 1, "{text}: {answer}");
    hits[0].clone()
}

/// Instant, level and fields of the one record with that text.
#[track_caller]
fn check(server: &Server, text: &str, time: &str, level: &str, fields: &Value) {
    let hit = hit(server, text);
    assert_eq!((instant(&hit).to_string().as_str(), &hit["level"]), (time, &json!(level)), "{hit}");
    for (name, value) in fields.as_object().unwrap() {
        // `a.b` is kept as `{"a":{"b":…}}`.
        let found = name.split('.').fold(&hit["source"], |object, part| &object[part]);
        assert_eq!(found, value, "{name} of {hit}");
    }
}

fn instant(hit: &Value) -> jiff::Timestamp {
    hit["time"].as_str().unwrap_or_else(|| panic!("{hit}")).parse().unwrap()
}

fn otlp_fields() -> Value {
    json!({ "http.route": "/pay", "order_id": 7, "service.name": "payments", "severity_text": "ERROR",
            "trace_id": "0f".repeat(16), "span_id": "a0".repeat(8) })
}

#[test]
fn opentelemetry_over_http_is_taken_in_both_encodings_and_compressed() {
    let folder = folder();
    let server = start(&folder, "");
    let send = |content_type: &str, body: &[u8], zipped: bool| -> Answer {
        let headers = [("Content-Type", content_type), ("Content-Encoding", "gzip")];
        server.request("POST", "/v1/logs", &headers[..if zipped { 2 } else { 1 }], body)
    };
    for (text, content_type, body, answer) in [
        ("支付失败 甲", "application/x-protobuf", otlp_protobuf("支付失败 甲"), ""),
        ("支付失败 乙", "application/json", otlp_json("支付失败 乙"), "{}"),
    ] {
        let plain = send(content_type, &body, false);
        assert_eq!((plain.status, plain.body.as_str()), (200, answer));
        assert_eq!(plain.header("Content-Type"), Some(content_type));
        check(&server, text, "2025-06-15T00:30:00.123456789Z", "ERROR", &otlp_fields());
    }
    for (text, content_type, body) in [
        ("zipped one", "application/x-protobuf", otlp_protobuf("zipped one")),
        ("zipped two", "application/json", otlp_json("zipped two")),
    ] {
        assert_eq!(send(content_type, &gzipped(&body), true).status, 200);
        check(&server, text, "2025-06-15T00:30:00.123456789Z", "ERROR", &otlp_fields());
    }
    assert_eq!(found(&server, "service.name:payments AND http.route:/pay AND order_id:7").len(), 4);

    let malformed = send("application/json", b"{\"resourceLogs\":[7]}", false);
    assert_eq!(malformed.status, 400);
    assert!(malformed.body.contains("malformed OTLP logs at byte 0"), "{}", malformed.body);
    let cut = otlp_protobuf("cut");
    assert_eq!(send("application/x-protobuf", &cut[..cut.len() - 3], false).status, 400);
    assert_eq!(send("application/x-protobuf", b"no gzip", true).status, 400);
    assert_eq!(send("text/plain", b"x", false).status, 415);
    let bomb = send("application/json", &gzipped(&vec![b' '; 101 << 20]), true);
    assert_eq!(bomb.status, 413, "{}", bomb.body);
    assert_eq!(found(&server, "*").len(), 4, "nothing of what was refused");
}

const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A unary call by hyper's client; the message, `grpc-status` and `grpc-message`.
fn call(server: &Server, path: &str, message: &[u8], zipped: bool) -> (Vec<u8>, String, String) {
    use http_body_util::{BodyExt, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let mut frame = vec![u8::from(zipped)];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    let address = server.door("otlp").to_owned();
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if zipped {
        request = request.header("grpc-encoding", "gzip");
    }
    let request = request.body(Full::new(bytes::Bytes::from(frame))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or(parts.headers);
        let text = |name: &str| {
            let value = trailers.get(name).map_or("", |value| value.to_str().unwrap());
            percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
        };
        let (status, why) = (text("grpc-status"), text("grpc-message"));
        (body.to_bytes().to_vec(), status, why)
    })
}

#[test]
fn opentelemetry_over_grpc_is_taken_and_answered_with_a_status() {
    let folder = folder();
    let server = start(&folder, "");
    let (message, status, why) = call(&server, EXPORT, &otlp_protobuf("by grpc"), false);
    assert_eq!(
        (message, status.as_str(), why.as_str()),
        (vec![0; 5], "0", ""),
        "an empty message in its frame"
    );
    check(&server, "by grpc", "2025-06-15T00:30:00.123456789Z", "ERROR", &otlp_fields());
    let (_, status, _) = call(&server, EXPORT, &gzipped(&otlp_protobuf("grpc zipped")), true);
    assert_eq!(status, "0");
    check(&server, "grpc zipped", "2025-06-15T00:30:00.123456789Z", "ERROR", &otlp_fields());

    let (_, status, why) = call(&server, EXPORT, b"\x0a\xff", false);
    assert_eq!(status, "3", "INVALID_ARGUMENT: {why}");
    let (_, status, why) =
        call(&server, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", b"", false);
    assert_eq!(status, "12", "UNIMPLEMENTED");
    assert!(why.contains("is not served; logs are, at"), "{why}");
    server.kill();
    let server = start(&folder, "");
    assert_eq!(found(&server, "*").len(), 2, "an answer means that it is on disk");
}

#[test]
fn lokis_push_is_taken_as_protobuf_and_as_json() {
    let folder = folder();
    let server = start(&folder, "");
    let line = "level=warn msg=\"库存不足\" left=3";
    let entry = Message::default()
        .message(1, &Message::default().number(1, NANOS / 1_000_000_000).number(2, NANOS % 1_000_000_000))
        .bytes(2, line.as_bytes())
        .message(3, &Message::default().bytes(1, b"trace_id").bytes(2, b"abc"));
    let stream = Message::default().bytes(1, b"{app=\"shop\", env=\"prod\"}").message(2, &entry);
    let body = lingshao_wire::snappy::compress(&Message::default().message(1, &stream).0);
    let push =
        |headers: &[(&str, &str)], body: &[u8]| server.request("POST", "/loki/api/v1/push", headers, body);
    let answer = push(&[("Content-Type", "application/x-protobuf")], &body);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let fields = json!({ "app": "shop", "env": "prod", "left": 3, "trace_id": "abc" });
    check(&server, line, "2025-06-15T00:30:00.123456789Z", "WARNING", &fields);

    let json = json!({ "streams": [{ "stream": { "app": "shop", "level": "error" },
        "values": [[NANOS.to_string(), "first line"], [NANOS.to_string(), "{\"message\":\"second line\",\"n\":2}", { "pod": "p1" }]] }] });
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let json = json.to_string();
    assert_eq!(push(&headers[..1], json.as_bytes()).status, 204);
    check(&server, "first line", "2025-06-15T00:30:00.123456789Z", "ERROR", &json!({ "app": "shop" }));
    let fields = json!({ "n": 2, "pod": "p1", "app": "shop" });
    check(&server, "second line", "2025-06-15T00:30:00.123456789Z", "ERROR", &fields);
    assert_eq!(push(&headers, &gzipped(json.as_bytes())).status, 204);
    assert_eq!(
        found(&server, "message:\"first line\"").len(),
        2,
        "Loki's push has no ids: sent twice is there twice"
    );

    let malformed = push(&headers[..1], b"{\"streams\":[{\"stream\":{},\"values\":[[1]]}]}");
    assert_eq!(malformed.status, 400);
    assert!(malformed.body.contains("malformed push request"), "{}", malformed.body);
    assert_eq!(push(&[("Content-Type", "application/x-protobuf")], b"no snappy").status, 400);
}

/// Sends bytes in two pieces, closes, and waits for the other side to close: then everything is durable.
#[track_caller]
fn stream(server: &Server, door: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.door(door)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    stream.write_all(first).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
    stream.write_all(second).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// What producers mean that name no zone; without it, the zone of the machine.
const SHANGHAI: &str = "alerting: {time_zone: Asia/Shanghai}\n";
const RFC_5424: &str =
    r#"<11>1 2025-06-15T08:30:00.5+08:00 web1 shop 31 ID47 [req@1 route="/pay" user="7"] "#;

#[test]
fn syslog_is_taken_in_both_forms_and_framings() {
    let folder = folder();
    let server = start(&folder, SHANGHAI);
    let new = |text: &str| format!("{RFC_5424}{text}");
    let old = |text: &str| format!("<12>Jun 15 08:30:00 web2 nginx[9]: {text}");
    let counted = |message: String| format!("{} {message}", message.len());
    // Octet counting lets a message be of several lines.
    stream(
        &server,
        "syslog",
        (counted(new("counted 支付失败\nsecond line")) + &counted(old("counted old"))).as_bytes(),
    );
    stream(
        &server,
        "syslog",
        format!("{}\n{}\n{}", new("by line"), old("old by line"), new("no end")).as_bytes(),
    );
    let new_fields = json!({ "hostname": "web1", "appname": "shop", "procid": "31", "msgid": "ID47",
        "facility": "user", "severity": "err" });
    for text in ["counted 支付失败 second line", "by line", "no end"] {
        check(&server, text, "2025-06-15T00:30:00.5Z", "ERROR", &new_fields);
    }
    assert_eq!(found(&server, "sd.req@1.route:/pay AND sd.req@1.user:7").len(), 3);
    for text in ["counted old", "old by line"] {
        let hit = hit(&server, text);
        assert_eq!((&hit["level"], &hit["source"]["hostname"]), (&json!("WARNING"), &json!("web2")), "{hit}");
        let at = instant(&hit);
        // The form names no year: it is the one that lies nearest before.
        assert!(at.to_string().ends_with("-06-15T00:30:00Z"), "{at}");
    }

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for message in [new("datagram one"), old("datagram two\n"), "<30>no header at all".to_owned()] {
        socket.send_to(message.as_bytes(), server.door("syslog")).unwrap();
    }
    eventually("datagrams are found", || found(&server, "message:datagram OR message:header").len() == 3);
    check(&server, "datagram one", "2025-06-15T00:30:00.5Z", "ERROR", &new_fields);
    assert_eq!(hit(&server, "datagram two")["source"]["appname"], "nginx");
    assert_eq!(hit(&server, "no header at all")["level"], "INFO");
}

#[test]
fn lines_may_come_in_pieces_be_too_long_or_lack_their_end() {
    let folder = folder();
    let server = start(&folder, "");
    let mut sender = TcpStream::connect(server.door("logstash")).unwrap();
    sender.write_all(b"{\"message\":\"in pie").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(found(&server, "*").is_empty(), "half a line is nothing");
    sender.write_all("ces 支".as_bytes()).unwrap();
    // A letter may be cut, too.
    let pay = "付".as_bytes();
    sender.write_all(&pay[..1]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    sender.write_all(&pay[1..]).unwrap();
    sender.write_all(b"\"}\n").unwrap();
    eventually("the line is whole", || found(&server, "*") == ["in pieces 支付"]);
    drop(sender);

    // Twice the largest size: its beginning is kept, and the next line is not part of it.
    let long = format!("begin {}\n{{\"message\":\"after it\"}}\nlast without end", "长".repeat(700_000));
    ship(&server, &long);
    assert_eq!(found(&server, "message:\"after it\"").len(), 1);
    assert_eq!(found(&server, "message:\"last without end\"").len(), 1);
    let cut = found(&server, "message:begin*");
    assert_eq!(cut.len(), 1, "one record, not two");
    assert!(cut[0].starts_with("begin 长") && cut[0].len() <= 1 << 20, "{} bytes", cut[0].len());

    ship(&server, "{\"message\":\"first\"}{\"message\":\"no newline between\"}\n{\"broken\": \nplain text\n");
    assert_eq!(found(&server, "message:\"no newline between\"").len(), 1);
    assert_eq!(found(&server, "\"plain text\"").len(), 1);
}

/// Those over HTTP are walked with all other routes.
#[test]
fn grpc_asks_for_the_right_to_send() {
    let folder = folder();
    let hash = crate::users::hash("viewer-password");
    let server = start(
        &folder,
        &format!("web: {{users: [{{name: viewer, password_hash: '{hash}', role: viewer}}]}}\n"),
    );
    let (_, status, why) = call(&server, EXPORT, &otlp_protobuf("x"), false);
    assert_eq!(status, "16", "UNAUTHENTICATED: {why}");
}
