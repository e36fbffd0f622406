use super::*;
use lingshao_model::log::BatchRecord;

/// A record as a person would write it down: fields, then what was found in them.
pub(crate) fn show(record: BatchRecord<'_>) -> String {
    let mut parts: Vec<String> = record
        .fields()
        .map(|field| {
            let listed = if field.listed { "[]" } else { "" };
            let value = match field.value {
                LogValue::Null => "null".to_owned(),
                LogValue::Bool(value) => value.to_string(),
                LogValue::Int(value) => value.to_string(),
                LogValue::Float(value) => format!("{value:?}"),
                LogValue::Text(text) => format!("{text:?}"),
            };
            format!("{}{listed}={value}", field.name)
        })
        .collect();
    parts.extend(record.time().map(|time| format!("@{time}")));
    parts.extend(record.level().map(|level| format!("!{}", level.name())));
    parts.extend(record.source().map(|source| format!("source {source}")));
    parts.join(" ")
}

fn read(json: &str) -> Result<String, RecordError> {
    let mut batch = LogBatch::default();
    let context = RecordContext::new("shop");
    Reader::new(Arc::default()).record(json, &context, &mut batch)?;
    Ok(show(batch.record(0)))
}

#[track_caller]
fn check(json: &str, expected: &str) {
    assert_eq!(read(json).unwrap(), expected, "{json}");
}

#[test]
fn values_keep_their_kinds() {
    check(
        r#" { "a" : 1 , "b":-2.5,"c":true,"d":false,"e":null,"f":"支付\n\u5931\ud83d\ude00" } "#,
        r#"a=1 b=-2.5 c=true d=false e=null f="支付\n失😀""#,
    );
    check(r#"{}"#, "");
    check(r#"{"a":0,"b":-0,"c":1e3,"d":1.0}"#, "a=0 b=-0.0 c=1000.0 d=1.0");
    check(
        r#"{"a":9223372036854775807,"b":-9223372036854775808}"#,
        "a=9223372036854775807 b=-9223372036854775808",
    );
    check(r#"{"a":1749947400.1234567,"b":0.1}"#, "a=1749947400.1234567 b=0.1");
}

#[test]
fn nested_names_are_joined_and_items_are_listed() {
    check(r#"{"a":{"b":{"c":1},"d":[1,"x",null]},"e":2}"#, r#"a.b.c=1 a.d[]=1 a.d[]="x" a.d[]=null e=2"#);
    check(r#"{"one":["a"]}"#, r#"one[]="a""#);
}

#[test]
fn what_columns_cannot_give_back_stays_as_it_was() {
    let with_source = |json: &str, fields: &str| check(json, format!("{fields} source {json}").trim_start());
    with_source(r#"{"c":[{"m":"a","n":1},{"m":"b"}]}"#, r#"c.m[]="a" c.n[]=1 c.m[]="b""#);
    with_source(r#"{"c":[[1,2],[3]]}"#, "c[]=1 c[]=2 c[]=3");
    with_source(r#"{"c":[1,{"m":2}]}"#, "c[]=1 c.m[]=2");
    with_source(r#"{"c":[{"m":[1]}]}"#, "c.m[]=1");
    with_source(r#"{"a":{}}"#, "");
    with_source(r#"{"a":[]}"#, "");
    with_source(r#"{"a.b":1}"#, "a.b=1");
    with_source(r#"{"a":{"b":1},"a.c":2}"#, "a.b=1 a.c=2");
    with_source(r#"{"a":{"b.c":1}}"#, "a.b.c=1");
    with_source(r#"{"":1}"#, "=1");
    with_source(r#"{"a":1,"b":2,"a":3}"#, "a=3 b=2");
    with_source(r#"{"a":{"b":1},"x":0,"a":{"c":2}}"#, "a.b=1 x=0 a.c=2");
    with_source(r#"{"a":1,"a":{"b":2}}"#, "a=1 a.b=2");
    with_source(r#"{"a":9223372036854775808}"#, "a=9.223372036854776e18");
    with_source(r#"{"a":0.12345678901234567891}"#, "a=0.12345678901234568");
    with_source(r#"{"a":1e999}"#, r#"a="1e999""#);
    with_source(r#"{"a":1e-999}"#, "a=0.0");
}

#[test]
fn limits_leave_out_what_exceeds_them_and_say_so() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(DEPTH_MAX + 1), "}".repeat(DEPTH_MAX + 1));
    let name = vec!["a"; DEPTH_MAX].join(".");
    check(&deep, &format!(r#"{name}="{{\"a\":1}}" source {deep}"#));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let shown = read(&deep).unwrap();
    assert!(shown.starts_with(r#"a[]="[[[["#) && shown.contains(" source {"));

    let wide: Vec<String> = (0..=FIELDS_MAX).map(|number| format!("\"f{number}\":1")).collect();
    let shown = read(&format!("{{{}}}", wide.join(","))).unwrap();
    assert!(shown.contains(" f999=1 _ignored[]=\"f1000\" source "));

    let long = "x".repeat(VALUE_BYTES_MAX - 1) + "支";
    let shown = read(&format!("{{\"a\":\"{long}\",\"b\":1}}")).unwrap();
    let cut = "x".repeat(VALUE_BYTES_MAX - 1);
    assert!(shown.starts_with(&format!("a=\"{cut}\" b=1 _ignored[]=\"a\" source ")));

    let long = "n".repeat(NAME_BYTES_MAX + 1);
    let shown = read(&format!("{{\"{long}\":{{\"a\":[1]}},\"b\":1}}")).unwrap();
    assert!(shown.starts_with(&format!("b=1 _ignored[]=\"{}\" source ", &long[..64])));

    let items = vec!["1"; VALUES_MAX + 5].join(",");
    let shown = read(&format!("{{\"a\":[{items}]}}")).unwrap();
    assert_eq!(shown.matches("a[]=1").count(), VALUES_MAX);
    assert!(shown.contains(" _ignored[]=\"a\" source "));

    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(RECORD_BYTES_MAX));
    assert_eq!(read(&large), Err(RecordError::TooLarge { bytes: large.len() }));
}

#[test]
fn what_is_no_object_is_said_with_its_place() {
    let check = |json, expected: &str| {
        assert_eq!(read(json).unwrap_err().to_string(), format!("no JSON object: {expected}"));
    };
    check("", "expected an object at byte 0");
    check("[1]", "expected an object at byte 0");
    check("{\"a\":1", "expected `,` or `}` at byte 6");
    check("{\"a\":1}}", "something stands behind the object at byte 7");
    check("{\"a\" 1}", "expected `:` behind a name at byte 5");
    check("{a:1}", "expected a string at byte 1");
    check("{\"a\":01}", "a number begins with a needless 0 at byte 5");
    check("{\"a\":-}", "expected a digit at byte 6");
    check("{\"a\":1.}", "expected a digit at byte 7");
    check("{\"a\":\"\\x\"}", "no such escape at byte 7");
    check("{\"a\":\"\\u12\"}", "expected four hexadecimal digits at byte 8");
    check("{\"a\":\"b}", "the string is never closed at byte 5");
    check("{\"a\":nul}", "expected a value at byte 5");
    check("{\"a\":[1 2]}", "expected `,` or `]` at byte 8");
}

/// A line of text, on clocks in China.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    let mut batch = LogBatch::default();
    Reader::new(Arc::default()).line(line, &RecordContext::new("shop"), &mut batch);
    let shown: Vec<String> = batch.records().map(show).collect();
    let message = format!("message={line:?}");
    let shown: Vec<&str> =
        shown.iter().map(|shown| shown.strip_prefix(&*message).unwrap_or(shown).trim_start()).collect();
    assert_eq!(shown.join("\n"), expected, "{line}");
}

#[test]
fn every_dialect_tells_time_level_and_message() {
    // The plan's contract.
    check_line(
        r#"{"timestamp":"2025-06-15T08:30:00.123Z","level":"ERROR","message":"x"}"#,
        r#"timestamp="2025-06-15T08:30:00.123Z" level="ERROR" message="x" @2025-06-15T08:30:00.123Z !ERROR"#,
    );
    // structlog
    check_line(
        r#"{"event":"pay","level":"warning","timestamp":"2025-06-15T08:30:00.123456Z"}"#,
        r#"event="pay" level="warning" timestamp="2025-06-15T08:30:00.123456Z" message="pay" @2025-06-15T08:30:00.123456Z !WARNING"#,
    );
    // python-json-logger
    check_line(
        r#"{"asctime":"2025-06-15 08:30:00,123","levelname":"CRITICAL","message":"x"}"#,
        r#"asctime="2025-06-15 08:30:00,123" levelname="CRITICAL" message="x" @2025-06-15T00:30:00.123Z !CRITICAL"#,
    );
    check_line(
        r#"{"levelno":40,"created":1749947400.5,"msg":"x"}"#,
        r#"levelno=40 created=1749947400.5 msg="x" message="x" @2025-06-15T00:30:00.500Z !ERROR"#,
    );
    // tracing-subscriber
    check_line(
        r#"{"timestamp":"2025-06-15T08:30:00.123456Z","level":"WARN","fields":{"message":"slow","n":1},"target":"shop","span":{"name":"pay"}}"#,
        r#"timestamp="2025-06-15T08:30:00.123456Z" level="WARN" fields.message="slow" fields.n=1 target="shop" span.name="pay" message="slow" @2025-06-15T08:30:00.123456Z !WARNING"#,
    );
    // logstash-logback-encoder
    check_line(
        r#"{"@timestamp":"2025-06-15T08:30:00.123+08:00","@version":"1","message":"x","logger_name":"a.B","level":"ERROR","level_value":40000,"stack_trace":"a\n\tat b"}"#,
        r#"@timestamp="2025-06-15T08:30:00.123+08:00" @version="1" message="x" logger_name="a.B" level="ERROR" level_value=40000 stack_trace="a\n\tat b" @2025-06-15T00:30:00.123Z !ERROR"#,
    );
    // slog
    check_line(
        r#"{"time":"2025-06-15T08:30:00.123456789+08:00","level":"ERROR+2","msg":"x"}"#,
        r#"time="2025-06-15T08:30:00.123456789+08:00" level="ERROR+2" msg="x" message="x" @2025-06-15T00:30:00.123456789Z !ERROR"#,
    );
    // pino, bunyan
    check_line(
        r#"{"level":30,"time":1749947400123,"msg":"x"}"#,
        r#"level=30 time=1749947400123 msg="x" message="x" @2025-06-15T00:30:00.123Z !INFO"#,
    );
    check_line(
        r#"{"level":60,"time":"2025-06-15T00:30:00.123Z","msg":"x","v":0}"#,
        r#"level=60 time="2025-06-15T00:30:00.123Z" msg="x" v=0 message="x" @2025-06-15T00:30:00.123Z !CRITICAL"#,
    );
    check_line(r#"{"level":10}"#, "level=10 !DEBUG");
    // zap
    check_line(
        r#"{"level":"dpanic","ts":1749947400.25,"caller":"a.go:1","msg":"x"}"#,
        r#"level="dpanic" ts=1749947400.25 caller="a.go:1" msg="x" message="x" @2025-06-15T00:30:00.250Z !CRITICAL"#,
    );
    // log4j2: its default layout, ECS
    check_line(
        r#"{"instant":{"epochSecond":1749947400,"nanoOfSecond":123456789},"level":"FATAL","message":"x"}"#,
        r#"instant.epochSecond=1749947400 instant.nanoOfSecond=123456789 level="FATAL" message="x" @2025-06-15T00:30:00.123456789Z !CRITICAL"#,
    );
    check_line(
        r#"{"@timestamp":"2025-06-15T00:30:00Z","log.level":"WARN","message":"x"}"#,
        r#"@timestamp="2025-06-15T00:30:00Z" log.level="WARN" message="x" @2025-06-15T00:30:00.000Z !WARNING source {"@timestamp":"2025-06-15T00:30:00Z","log.level":"WARN","message":"x"}"#,
    );
    check_line(r#"{"log":{"level":"error"},"message":"x"}"#, r#"log.level="error" message="x" !ERROR"#);
    // nginx, escape=json
    check_line(
        r#"{"time_local":"15/Jun/2025:08:30:00 +0800","msec":"1749947400.123","status":"502","request_time":"0.5"}"#,
        r#"time_local="15/Jun/2025:08:30:00 +0800" msec="1749947400.123" status="502" request_time="0.5" @2025-06-15T00:30:00.123Z"#,
    );
    check_line(
        r#"{"time_local":"15/Jun/2025:08:30:00 +0800"}"#,
        r#"time_local="15/Jun/2025:08:30:00 +0800" @2025-06-15T00:30:00.000Z"#,
    );
    // Docker's own, GELF
    check_line(
        r#"{"log":"started\n","stream":"stdout","time":"2025-06-15T00:30:00.123456789Z"}"#,
        r#"log="started\n" stream="stdout" time="2025-06-15T00:30:00.123456789Z" message="started\n" @2025-06-15T00:30:00.123456789Z"#,
    );
    check_line(
        r#"{"version":"1.1","host":"h","short_message":"x","timestamp":1749947400.5,"level":3}"#,
        r#"version="1.1" host="h" short_message="x" timestamp=1749947400.5 level=3 message="x" @2025-06-15T00:30:00.500Z !ERROR"#,
    );
    // journald, Serilog, Monolog, OpenTelemetry
    check_line(
        r#"{"MESSAGE":"x","PRIORITY":"4","__REALTIME_TIMESTAMP":"1749947400123456"}"#,
        r#"MESSAGE="x" PRIORITY="4" __REALTIME_TIMESTAMP="1749947400123456" message="x" @2025-06-15T00:30:00.123456Z !WARNING"#,
    );
    check_line(
        r#"{"@t":"2025-06-15T00:30:00Z","@mt":"x","@l":"Error"}"#,
        r#"@t="2025-06-15T00:30:00Z" @mt="x" @l="Error" message="x" @2025-06-15T00:30:00.000Z !ERROR"#,
    );
    check_line(
        r#"{"message":"x","level":400,"level_name":"ERROR","datetime":"2025-06-15T00:30:00.5+00:00"}"#,
        r#"message="x" level=400 level_name="ERROR" datetime="2025-06-15T00:30:00.5+00:00" @2025-06-15T00:30:00.500Z !ERROR"#,
    );
    check_line(
        r#"{"severity_text":"Warn","severity_number":17,"body":"x"}"#,
        r#"severity_text="Warn" severity_number=17 body="x" message="x" !WARNING"#,
    );
    check_line(r#"{"severity_number":17}"#, "severity_number=17 !ERROR");
    // What says nothing.
    check_line(
        r#"{"level":7000,"time":"yesterday","event":{"id":1},"msg":3}"#,
        r#"level=7000 time="yesterday" event.id=1 msg=3"#,
    );
    check_line(r#"{"message":{"a":1},"msg":"x"}"#, r#"message.a=1 msg="x""#);
}

#[test]
fn objects_in_texts_are_lifted() {
    check_line(
        r#"Response: {"method":"GET","path":"/x","status_code":200,"process_time":0.012}"#,
        r#"method="GET" path="/x" status_code=200 process_time=0.012"#,
    );
    check_line(
        r#"2025-06-15 08:30:00,123 - lingxian - INFO - Response: {"path":"/x"}"#,
        r#"path="/x" @2025-06-15T00:30:00.123Z !INFO"#,
    );
    check_line(
        r#"{"log":"{\"msg\":\"boom\",\"level\":\"error\",\"stream\":\"x\",\"a\":{\"b\":[1]}}\n","stream":"stderr"}"#,
        r#"log="{\"msg\":\"boom\",\"level\":\"error\",\"stream\":\"x\",\"a\":{\"b\":[1]}}\n" stream="stderr" msg="boom" level="error" a.b[]=1 message="boom" !ERROR"#,
    );
    check_line(
        r#"{"@timestamp":"2025-06-15T00:30:00Z","message":"{\"level\":\"WARN\",\"time\":\"2025-06-15T00:00:00Z\",\"message\":\"in\"}"}"#,
        r#"@timestamp="2025-06-15T00:30:00Z" message="{\"level\":\"WARN\",\"time\":\"2025-06-15T00:00:00Z\",\"message\":\"in\"}" level="WARN" time="2025-06-15T00:00:00Z" @2025-06-15T00:30:00.000Z !WARNING"#,
    );
    check_line(
        r#"{"a":{"b":1},"message":"x {\"a\":2,\"c\":{\"a.b\":3}}"}"#,
        r#"a.b=1 message="x {\"a\":2,\"c\":{\"a.b\":3}}" c.a.b=3"#,
    );
    check_line(r#"[job{7}] Response: {"a":1}"#, "a=1");
    check_line(r#"cache {miss}"#, "");
    check_line(r#"broken: {"a":1"#, "");
    check_line(r#"more: {"a":1} behind"#, "");
}

#[test]
fn lines_of_text_tell_what_they_say() {
    check_line("2025-06-15 08:30:00,123 - lingxian - ERROR - 支付失败", "@2025-06-15T00:30:00.123Z !ERROR");
    check_line(
        "2025-06-15 08:30:00.123  WARN 1 --- [main] c.e.Shop : slow",
        "@2025-06-15T00:30:00.123Z !WARNING",
    );
    check_line("2025-06-15T08:30:00.123456Z  INFO shop: started", "@2025-06-15T08:30:00.123456Z !INFO");
    check_line("2025-06-15T08:30:00.123+0800\tERROR\ta.go:1\tx", "@2025-06-15T00:30:00.123Z !ERROR");
    check_line("2025-06-15 08:30:00.123 CST [123] FATAL:  x", "@2025-06-15T00:30:00.123Z !CRITICAL");
    check_line(
        "2025-06-15T08:30:00.123456Z 0 [Warning] [MY-010068] x",
        "@2025-06-15T08:30:00.123456Z !WARNING",
    );
    check_line("[2025-06-15 08:30:00] [ERROR] x", "@2025-06-15T00:30:00.000Z !ERROR");
    check_line("[ERROR] x", "!ERROR");
    check_line("ERROR:root:x", "!ERROR");
    check_line("E0615 08:30:00.123456   1 a.go:12] x", "!ERROR");
    check_line("2025-06-15 08:30:00 started", "@2025-06-15T00:30:00.000Z");
    check_line(
        "2025-06-15 08:30:00,123 - lingxian - INFO - Request: GET /api/v1/orders",
        r#"method="GET" path="/api/v1/orders" @2025-06-15T00:30:00.123Z !INFO"#,
    );
    check_line("Request: GET /api/v1/orders", r#"method="GET" path="/api/v1/orders""#);
    check_line(
        r#"ts=2025-06-15T08:30:00Z level=error msg="payment \"failed\"" order_id=7 took=0.5 ok=true"#,
        r#"ts="2025-06-15T08:30:00Z" level="error" msg="payment \"failed\"" order_id=7 took=0.5 ok="true" @2025-06-15T08:30:00.000Z !ERROR"#,
    );
    check_line(
        r#"INFO:     127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK"#,
        r#"client_ip="127.0.0.1" method="GET" path="/" status_code=200 !INFO"#,
    );
    check_line(
        r#"1.2.3.4 - - [15/Jun/2025:08:30:00 +0800] "GET /a?b=c HTTP/1.1" 502 612 "-" "curl/8.5.0" 0.003"#,
        r#"client_ip="1.2.3.4" method="GET" path="/a" query="b=c" status_code=502 body_bytes=612 user_agent="curl/8.5.0" request_time=0.003 @2025-06-15T00:30:00.000Z"#,
    );
    check_line(
        r#"::1 - bob [15/Jun/2025:08:30:00 +0800] "-" 400 0"#,
        r#"client_ip="::1" status_code=400 body_bytes=0 @2025-06-15T00:30:00.000Z"#,
    );
    check_line(
        r#"2025/06/15 08:30:00 [error] 31#31: *7 connect() failed, client: 1.2.3.4, server: s, request: "GET /a HTTP/1.1", host: "h""#,
        r#"client_ip="1.2.3.4" method="GET" path="/a" @2025-06-15T00:30:00.000Z !ERROR"#,
    );
    for text in [
        "error while paying",
        "Order created with CRITICAL priority",
        "an INFOrmal text",
        "a=b",
        "=",
        "1.2.3.4 - - [",
        "支付失败",
        "2025-06-15",
        "20",
    ] {
        check_line(text, "");
    }
}

#[test]
fn objects_on_one_line_are_records_of_their_own() {
    check_line(r#"{"a":1}{"a":2} {"a":3}"#, "a=1\na=2\na=3");
    check_line(r#"{"a":1}{"a":"#, "a=1\nmessage=\"{\\\"a\\\":\"");
    check_line(r#"{"a":1} was sent"#, "");
    check_line("", "");
}

#[test]
fn what_is_known_beside_the_record_is_added() {
    let mut batch = LogBatch::default();
    let context = RecordContext {
        time: Some(LogTime(1)),
        fields: &[("host", "h1"), ("a", "x")],
        ..RecordContext::new("shop")
    };
    let mut reader = Reader::new(Arc::default());
    reader.line(r#"{"a":1}"#, &context, &mut batch);
    reader.line(r#"{"ts":1749947400}"#, &context, &mut batch);
    assert_eq!(show(batch.record(0)), r#"a=1 host="h1" @1970-01-01T00:00:00.000000001Z"#);
    assert_eq!(show(batch.record(1)), r#"ts=1749947400 host="h1" a="x" @2025-06-15T00:30:00.000Z"#);
}
