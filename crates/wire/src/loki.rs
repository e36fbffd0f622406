//! Loki's push: `POST /loki/api/v1/push`, JSON or protobuf (decompressed by [`snappy`](crate::snappy)).
//!
//! Contract: labels and structured metadata become fields; a line becomes a record as every line does: objects are
//! taken apart, texts are looked into. What the line itself says about its time wins over the entry's. A body that makes
//! no sense is refused as a whole, before anything of it is taken. Nothing of a body is copied but the labels at hand.

use lingshao_model::log::{LogBatch, LogTime};

use crate::log_json::scan::{Fault, Scanner, each_item, each_member, plain_text};
use crate::log_json::{Reader, RecordContext};
use crate::protobuf::{ProtobufError, Reader as Window, Wire};

/// Labels and metadata of one entry: Loki's own default is 15 labels (`max_label_names_per_series`) and 128 metadata.
const PAIRS_MAX: usize = 256;

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LokiError {
    /// It is no JSON, or not of this shape.
    #[error("malformed push request at byte {at}: {what}")]
    Json {
        /// Byte of the body, or of the value that is wrong.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// It is no protobuf of this shape.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
}

impl From<Fault> for LokiError {
    fn from(fault: Fault) -> LokiError {
        LokiError::Json { at: fault.at, what: fault.what }
    }
}

/// What labels may come to when they are repeated for each of their lines: a hundred thousand lines with 600 bytes. It
/// keeps a small body from becoming a large batch.
const REPEATED_BYTES_MAX: usize = 64 << 20;
/// What is said beyond.
const REPEATED_TOO_MUCH: &str = "labels, repeated for each of their lines, exceed 64 MiB; send fewer lines";

type Pairs = Vec<(String, String)>;

/// One line on its way into the batch.
struct Entry<'e> {
    time: Option<LogTime>,
    line: &'e str,
}

struct Sink<'s> {
    index: &'s str,
    reader: &'s mut Reader,
    batch: &'s mut LogBatch,
    /// Bytes of labels so far, as often as they were repeated.
    repeated: usize,
}

impl<'s> Sink<'s> {
    fn new(index: &'s str, reader: &'s mut Reader, batch: &'s mut LogBatch) -> Sink<'s> {
        Sink { index, reader, batch, repeated: 0 }
    }

    /// Adds a line; answers whether there was room for its labels.
    #[must_use]
    fn take(&mut self, labels: &Pairs, metadata: &Pairs, entry: &Entry<'_>) -> bool {
        self.repeated += labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.repeated > REPEATED_BYTES_MAX {
            return false;
        }
        let fields: Vec<(&str, &str)> = labels
            .iter()
            .chain(metadata)
            .take(PAIRS_MAX)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let context = RecordContext { time: entry.time, fields: &fields, ..RecordContext::new(self.index) };
        self.reader.line(entry.line, &context, self.batch);
        true
    }
}

/// `{"streams":[{"stream":{"app":"shop"},"values":[["1749947400000000000","line",{"trace_id":"x"}]]}]}`
///
/// After an error the batch means nothing.
pub fn read_json(
    body: &[u8],
    index: &str,
    reader: &mut Reader,
    batch: &mut LogBatch,
) -> Result<(), LokiError> {
    let body = String::from_utf8_lossy(body);
    let mut scanner = Scanner::new(&body);
    scanner.skip_text()?;
    scanner.end()?;
    let mut sink = Sink::new(index, reader, batch);
    each_member(&body, &mut |name, value| match name {
        "streams" => each_item(value, &mut |stream| json_stream(stream, &mut sink)),
        _ => Ok(()),
    })?;
    Ok(())
}

fn json_stream(stream: &str, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let mut labels = Pairs::new();
    let mut values = "[]";
    each_member(stream, &mut |name, value| {
        match name {
            "stream" => pairs(value, &mut labels)?,
            "values" => values = value,
            _ => {}
        }
        Ok(())
    })?;
    let mut metadata = Pairs::new();
    each_item(values, &mut |value| {
        let mut parts = [None; 3];
        let mut count = 0;
        each_item(value, &mut |part| {
            if let Some(slot) = parts.get_mut(count) {
                *slot = Some(part);
            }
            count += 1;
            Ok(())
        })?;
        let (Some(time), Some(line)) = (parts[0].and_then(plain_text), parts[1].and_then(plain_text)) else {
            return Err(Fault { at: 0, what: "a value is not [\"TIME\", \"LINE\"]" });
        };
        let time = time.parse().map_err(|_| Fault { at: 0, what: "a time is not in nanoseconds" })?;
        metadata.clear();
        if let Some(part) = parts[2] {
            pairs(part, &mut metadata)?;
        }
        if sink.take(&labels, &metadata, &Entry { time: Some(LogTime(time)), line: &line }) {
            Ok(())
        } else {
            Err(Fault { at: 0, what: REPEATED_TOO_MUCH })
        }
    })
}

fn pairs(object: &str, out: &mut Pairs) -> Result<(), Fault> {
    each_member(object, &mut |name, value| {
        if let Some(value) = plain_text(value)
            && out.len() < PAIRS_MAX
        {
            out.push((name.to_owned(), value.into_owned()));
        }
        Ok(())
    })
}

/// `logproto.PushRequest`. After an error the batch means nothing.
pub fn read_protobuf(
    body: &[u8],
    index: &str,
    reader: &mut Reader,
    batch: &mut LogBatch,
) -> Result<(), LokiError> {
    let mut sink = Sink::new(index, reader, batch);
    let mut request = Window::new(body);
    while let Some((number, wire)) = request.field()? {
        match number {
            1 => {
                request.expect(wire, Wire::Bytes)?;
                protobuf_stream(request.message()?, &mut sink)?;
            }
            _ => request.skip(wire)?,
        }
    }
    Ok(())
}

/// `StreamAdapter`: labels, which may stand behind the entries, and entries.
fn protobuf_stream(stream: Window<'_>, sink: &mut Sink<'_>) -> Result<(), LokiError> {
    let mut labels = Pairs::new();
    let mut fields = stream;
    while let Some((number, wire)) = fields.field()? {
        match number {
            1 => {
                fields.expect(wire, Wire::Bytes)?;
                let start = fields;
                let text = String::from_utf8_lossy(fields.bytes()?);
                label_text(&text, &mut labels)
                    .ok_or_else(|| start.error("labels that are not {NAME=\"VALUE\"}"))?;
            }
            _ => fields.skip(wire)?,
        }
    }
    let mut fields = stream;
    while let Some((number, wire)) = fields.field()? {
        match number {
            2 => {
                fields.expect(wire, Wire::Bytes)?;
                protobuf_entry(fields.message()?, &labels, sink)?;
            }
            _ => fields.skip(wire)?,
        }
    }
    Ok(())
}

fn protobuf_entry(mut entry: Window<'_>, labels: &Pairs, sink: &mut Sink<'_>) -> Result<(), LokiError> {
    let (mut time, mut line) = (None, &b""[..]);
    let mut metadata = Pairs::new();
    while let Some((number, wire)) = entry.field()? {
        match (number, wire) {
            (1, Wire::Bytes) => time = timestamp(entry.message()?)?,
            (2, Wire::Bytes) => line = entry.bytes()?,
            (3, Wire::Bytes) => {
                let pair = label_pair(entry.message()?)?;
                if metadata.len() < PAIRS_MAX {
                    metadata.push(pair);
                }
            }
            (1..=3, _) => return Err(entry.wrong_encoding().into()),
            _ => entry.skip(wire)?,
        }
    }
    if sink.take(labels, &metadata, &Entry { time, line: &String::from_utf8_lossy(line) }) {
        Ok(())
    } else {
        Err(entry.error(REPEATED_TOO_MUCH).into())
    }
}

/// `google.protobuf.Timestamp`
fn timestamp(mut message: Window<'_>) -> Result<Option<LogTime>, ProtobufError> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, wire)) = message.field()? {
        match (number, wire) {
            (1, Wire::Varint) => seconds = message.varint()? as i64,
            (2, Wire::Varint) => nanos = message.varint()? as i64,
            _ => message.skip(wire)?,
        }
    }
    Ok(seconds.checked_mul(1_000_000_000).and_then(|time: i64| time.checked_add(nanos)).map(LogTime))
}

/// `LabelPairAdapter`
fn label_pair(mut message: Window<'_>) -> Result<(String, String), ProtobufError> {
    let mut pair = (String::new(), String::new());
    while let Some((number, wire)) = message.field()? {
        match (number, wire) {
            (1, Wire::Bytes) => pair.0 = String::from_utf8_lossy(message.bytes()?).into_owned(),
            (2, Wire::Bytes) => pair.1 = String::from_utf8_lossy(message.bytes()?).into_owned(),
            _ => message.skip(wire)?,
        }
    }
    Ok(pair)
}

/// `{app="shop", env="prod"}`
fn label_text(text: &str, out: &mut Pairs) -> Option<()> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let mut scanner = Scanner::new(behind.trim_start());
        let mut value = String::new();
        scanner.string_onto(&mut value).ok()?;
        if out.len() < PAIRS_MAX {
            out.push((name.trim().to_owned(), value));
        }
        rest = scanner.rest().trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log_json::tests::show;
    use crate::protobuf::Writer;

    type Read = fn(&[u8], &str, &mut Reader, &mut LogBatch) -> Result<(), LokiError>;

    fn read(read: Read, body: &[u8]) -> Result<Vec<String>, String> {
        let mut batch = LogBatch::default();
        read(body, "logs", &mut Reader::new(Arc::default()), &mut batch)
            .map_err(|error| error.to_string())?;
        Ok(batch.records().map(show).collect())
    }

    #[track_caller]
    fn check(body: &str, expected: Result<&[&str], &str>) {
        let found = read(read_json, body.as_bytes());
        let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(found, expected.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn json_becomes_records() {
        check(
            r#"{"streams":[{"values":[["1749947400123456789","支付失败"],["1749947400000000000","{\"a\":1}",{"trace_id":"t"}]],"stream":{"app":"shop","level":"error"}}]}"#,
            Ok(&[
                r#"message="支付失败" app="shop" level="error" @2025-06-15T00:30:00.123456789Z !ERROR"#,
                r#"a=1 app="shop" level="error" trace_id="t" @2025-06-15T00:30:00.000Z !ERROR"#,
            ]),
        );
        check(r#"{"streams":[]}"#, Ok(&[]));
        check(
            r#"{"streams":[{"stream":{},"values":[["1","x",{}]]}]}"#,
            Ok(&[r#"message="x" @1970-01-01T00:00:00.000000001Z"#]),
        );
    }

    #[test]
    fn bodies_without_sense_are_refused() {
        check("", Err("malformed push request at byte 0: expected a value"));
        check(r#"{"streams":[}"#, Err("malformed push request at byte 12: expected a value"));
        check(r#"{"streams":7}"#, Err("malformed push request at byte 0: expected an array"));
        check(
            r#"{"streams":[{"values":[["x","y"]]}]}"#,
            Err("malformed push request at byte 0: a time is not in nanoseconds"),
        );
        check(
            r#"{"streams":[{"values":[["1"]]}]}"#,
            Err("malformed push request at byte 0: a value is not [\"TIME\", \"LINE\"]"),
        );
    }

    #[test]
    fn a_small_body_does_not_become_a_large_batch() {
        let (label, lines) = ("x".repeat(1 << 20), vec![r#"["1","a"]"#; 70].join(","));
        let body = format!(r#"{{"streams":[{{"stream":{{"a":"{label}"}},"values":[{lines}]}}]}}"#);
        let expected = format!("malformed push request at byte 0: {REPEATED_TOO_MUCH}");
        assert_eq!(read(read_json, body.as_bytes()), Err(expected));
    }

    fn message(fields: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        fields(&mut writer);
        writer.bytes
    }

    #[test]
    fn protobuf_becomes_records() {
        let body = |labels: &str| {
            let time = message(|time| {
                time.varint_field(1, 1_749_947_400);
                time.varint_field(2, 5);
            });
            let pair = message(|pair| {
                pair.bytes_field(1, b"trace_id");
                pair.bytes_field(2, b"t");
            });
            let entry = message(|entry| {
                entry.bytes_field(1, &time);
                entry.bytes_field(2, b"level=warn msg=slow");
                entry.bytes_field(3, &pair);
            });
            let stream = message(|stream| {
                stream.bytes_field(2, &entry);
                stream.bytes_field(1, labels.as_bytes());
                stream.varint_field(3, 7);
            });
            message(|request| request.bytes_field(1, &stream))
        };
        let expected = r#"message="level=warn msg=slow" level="warn" msg="slow" app="a \"b\"" env="x" trace_id="t" @2025-06-15T00:30:00.000000005Z !WARNING"#;
        assert_eq!(read(read_protobuf, &body(r#"{app="a \"b\"", env="x"}"#)), Ok(vec![expected.to_owned()]));
        assert_eq!(
            read(read_protobuf, &body("app")),
            Err("malformed protobuf at byte 51: labels that are not {NAME=\"VALUE\"}".to_owned())
        );
        assert_eq!(
            read(read_protobuf, b"\x0a\x05a"),
            Err("malformed protobuf at byte 1: a length that reaches beyond the end".to_owned())
        );
    }
}
