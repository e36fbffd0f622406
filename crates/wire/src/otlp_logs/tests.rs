use std::sync::Arc;

use super::*;
use crate::log_json::tests::show;

type Read = fn(&[u8], &str, &mut Reader, &mut LogBatch) -> Result<(), OtlpError>;

fn read(read: Read, body: &[u8]) -> Result<Vec<String>, String> {
    let mut batch = LogBatch::default();
    read(body, "logs", &mut Reader::new(Arc::default()), &mut batch).map_err(|error| error.to_string())?;
    Ok(batch.records().map(show).collect())
}

/// Both encodings of a request give the same records.
#[track_caller]
fn check(json: &str, protobuf: &[u8], expected: &[&str]) {
    assert_eq!(read(read_json, json.as_bytes()).unwrap(), expected, "{json}");
    assert_eq!(read(read_protobuf, protobuf).unwrap(), expected);
}

fn message(fields: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    fields(&mut writer);
    writer.bytes
}

fn text(text: &str) -> Vec<u8> {
    message(|value| value.bytes_field(1, text.as_bytes()))
}

fn pair(key: &str, value: &[u8]) -> Vec<u8> {
    message(|pair| {
        pair.bytes_field(1, key.as_bytes());
        pair.bytes_field(2, value);
    })
}

/// A request with one record and what it stands in.
fn request(resource: &[u8], scope: &[u8], record: &[u8]) -> Vec<u8> {
    let scope_logs = message(|logs| {
        logs.bytes_field(2, record);
        logs.bytes_field(1, scope);
    });
    let resource_logs = message(|logs| {
        logs.bytes_field(2, &scope_logs);
        logs.bytes_field(1, resource);
    });
    message(|request| request.bytes_field(1, &resource_logs))
}

fn fixed64(writer: &mut Writer, number: u32, value: u64) {
    writer.varint(u64::from(number) << 3 | 1);
    writer.bytes.extend_from_slice(&value.to_le_bytes());
}

#[test]
fn records_have_all_that_was_sent() {
    let items = message(|list| {
        list.bytes_field(1, &message(|value| value.varint_field(3, 1)));
        list.bytes_field(1, &text("b"));
    });
    let inner = message(|list| list.bytes_field(1, &pair("c", &message(|value| value.varint_field(2, 1)))));
    let record = message(|record| {
        fixed64(record, 1, 1_749_947_400_123_456_789);
        fixed64(record, 11, 1);
        record.varint_field(2, 17);
        record.bytes_field(3, b"Error");
        record.bytes_field(5, &text("支付失败"));
        record.bytes_field(6, &pair("http.route", &text("/pay")));
        record.bytes_field(6, &pair("took", &message(|value| value.double_field(4, 0.5))));
        record.bytes_field(6, &pair("list", &message(|value| value.bytes_field(5, &items))));
        record.bytes_field(6, &pair("map", &message(|value| value.bytes_field(6, &inner))));
        record.bytes_field(6, &pair("raw", &message(|value| value.bytes_field(7, b"\x01\x02"))));
        record.bytes_field(9, &[0x0f; 16]);
        record.bytes_field(10, &[0xa0; 8]);
    });
    let resource = message(|resource| {
        resource.bytes_field(1, &pair("service.name", &text("shop")));
        resource.bytes_field(1, &pair("host.name", &text("h1")));
    });
    let scope = message(|scope| {
        scope.bytes_field(1, b"lingxian");
        scope.bytes_field(2, b"1.0");
    });
    check(
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1749947400123456789","observedTimeUnixNano":"1","severityNumber":17,"severityText":"Error","body":{"stringValue":"支付失败"},"attributes":[{"key":"http.route","value":{"stringValue":"/pay"}},{"key":"took","value":{"doubleValue":0.5}},{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"b"}]}}},{"key":"map","value":{"kvlistValue":{"values":[{"key":"c","value":{"boolValue":true}}]}}},{"key":"raw","value":{"bytesValue":"AQI="}}],"traceId":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","spanId":"a0a0a0a0a0a0a0a0"}],"scope":{"name":"lingxian","version":"1.0"}}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"h1"}}]}}]}"#,
        &request(&resource, &scope, &record),
        &[
            r#"message="支付失败" http.route="/pay" took=0.5 list[]=1 list[]="b" map.c=true raw="AQI=" severity_text="Error" trace_id="0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f" span_id="a0a0a0a0a0a0a0a0" severity_number=17 service.name="shop" resource.service.name="shop" resource.host.name="h1" scope.name="lingxian" scope.version="1.0" @2025-06-15T00:30:00.123456789Z !ERROR"#,
        ],
    );
}

#[test]
fn bodies_may_be_lists_and_times_observed() {
    let list = message(|list| {
        list.bytes_field(1, &pair("msg", &text("x")));
        list.bytes_field(1, &pair("level", &text("warn")));
    });
    let record = message(|record| {
        record.bytes_field(5, &message(|value| value.bytes_field(6, &list)));
        fixed64(record, 11, 5);
    });
    check(
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"observedTimeUnixNano":5,"body":{"kvlistValue":{"values":[{"key":"msg","value":{"stringValue":"x"}},{"key":"level","value":{"stringValue":"warn"}}]}}}]}]}]}"#,
        &request(&[], &[], &record),
        &[r#"msg="x" level="warn" message="x" @1970-01-01T00:00:00.000000005Z !WARNING"#],
    );
    let nan = message(|value| value.double_field(4, f64::NAN));
    check(
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","value":{"doubleValue":"NaN"}}]}]}]}]}"#,
        &request(&[], &[], &message(|record| record.bytes_field(6, &pair("a", &nan)))),
        &[r#"a="NaN""#],
    );
    check("{}", b"", &[]);
    check(r#"{"resourceLogs":null}"#, b"", &[]);
}

#[test]
fn nesting_ends_somewhere() {
    let mut value = text("x");
    let mut json = r#"{"stringValue":"x"}"#.to_owned();
    for _ in 0..200 {
        let items = message(|list| list.bytes_field(1, &value));
        value = message(|value| value.bytes_field(5, &items));
        json = format!(r#"{{"arrayValue":{{"values":[{json}]}}}}"#);
    }
    check(
        &format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{{"key":"a","value":{json}}}]}}]}}]}}]}}"#
        ),
        &request(&[], &[], &message(|record| record.bytes_field(6, &pair("a", &value)))),
        &[r#"_ignored[]="a""#],
    );
}

#[test]
fn bodies_without_sense_are_refused() {
    let check =
        |json: &str, expected: &str| assert_eq!(read(read_json, json.as_bytes()), Err(expected.to_owned()));
    check("", "malformed OTLP logs at byte 0: expected a value");
    check("[]", "malformed OTLP logs at byte 0: expected an object");
    check(r#"{"resourceLogs":[7]}"#, "malformed OTLP logs at byte 0: expected an object");
    check(r#"{"resourceLogs":[}"#, "malformed OTLP logs at byte 17: expected a value");
    assert_eq!(
        read(read_protobuf, b"\x08\x01"),
        Err("malformed protobuf at byte 1: a known field in another encoding than its own".to_owned())
    );
}

#[test]
fn a_small_body_does_not_become_a_large_batch() {
    let large = "x".repeat(1 << 20);
    let records = vec!["{}"; 70].join(",");
    let json = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"a","value":{{"stringValue":"{large}"}}}}]}},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#
    );
    let expected =
        "resource and scope, repeated for each of their records, exceed 64 MiB; send fewer records";
    assert_eq!(read(read_json, json.as_bytes()), Err(format!("malformed OTLP logs at byte 0: {expected}")));
    let scope_logs = message(|logs| (0..70).for_each(|_| logs.bytes_field(2, b"")));
    let resource_logs = message(|logs| {
        logs.bytes_field(1, &message(|resource| resource.bytes_field(1, &pair("a", &text(&large)))));
        logs.bytes_field(2, &scope_logs);
    });
    let error = read(read_protobuf, &message(|request| request.bytes_field(1, &resource_logs))).unwrap_err();
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn answers_say_what_was_not_kept() {
    let all = Partial::default();
    assert_eq!((all.protobuf(), all.json()), (vec![], b"{}".to_vec()));
    let some = Partial { rejected: 3, reason: "too old".to_owned() };
    assert_eq!(some.protobuf(), b"\x0a\x0b\x08\x03\x12\x07too old");
    assert_eq!(some.json(), br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#);
}
