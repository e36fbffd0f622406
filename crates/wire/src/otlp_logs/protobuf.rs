//! `opentelemetry/proto/logs/v1/logs.proto`, read in place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::log::{LogBatch, LogValue};

use super::{Head, OtlpError, REPEATED_TOO_MUCH, Sink, enter, push_hex};
use crate::log_json::{DEPTH_MAX, Draft, Reader, RecordContext};
use crate::protobuf::{ProtobufError, Reader as Window, Wire};

type Result<T> = std::result::Result<T, ProtobufError>;

/// Reads a request. After an error the batch means nothing.
pub fn read_protobuf(
    body: &[u8],
    index: &str,
    reader: &mut Reader,
    batch: &mut LogBatch,
) -> std::result::Result<(), OtlpError> {
    let mut sink = Sink::new(index, reader, batch);
    each(Window::new(body), 1, &mut |resource_logs| {
        let resource = first(resource_logs, 1)?;
        each(resource_logs, 2, &mut |scope_logs| {
            let scope = first(scope_logs, 1)?;
            each(scope_logs, 2, &mut |record| self::record(record, resource, scope, &mut sink))
        })
    })?;
    Ok(())
}

/// Visits the messages of one field.
fn each<'b>(
    mut message: Window<'b>,
    wanted: u32,
    visit: &mut dyn FnMut(Window<'b>) -> Result<()>,
) -> Result<()> {
    while let Some((number, wire)) = message.field()? {
        if number == wanted {
            message.expect(wire, Wire::Bytes)?;
            visit(message.message()?)?;
        } else {
            message.skip(wire)?;
        }
    }
    Ok(())
}

/// The message of a field; an empty one when it is not there.
fn first<'b>(message: Window<'b>, wanted: u32) -> Result<Window<'b>> {
    let mut found = Window::new(&[]);
    each(message, wanted, &mut |inner| {
        found = inner;
        Ok(())
    })?;
    Ok(found)
}

fn record(record: Window<'_>, resource: Window<'_>, scope: Window<'_>, sink: &mut Sink<'_>) -> Result<()> {
    if !sink.repeat(resource.rest().len() + scope.rest().len()) {
        return Err(record.error(REPEATED_TOO_MUCH));
    }
    let context = RecordContext::new(sink.index);
    let mut draft = sink.reader.draft(&context, sink.batch);
    let mut head = Head::default();
    let (mut severity_text, mut event_name) = (String::new(), String::new());
    let (mut trace_id, mut span_id) = (String::new(), String::new());
    let mut path = String::new();
    let mut fields = record;
    while let Some((number, wire)) = fields.field()? {
        match (number, wire) {
            (1, Wire::Fixed64) => head.time = fields.fixed64()?,
            (11, Wire::Fixed64) => head.observed = fields.fixed64()?,
            (2, Wire::Varint) => head.severity = fields.varint()? as i64,
            (3, Wire::Bytes) => severity_text = String::from_utf8_lossy(fields.bytes()?).into_owned(),
            (5, Wire::Bytes) => body(fields.message()?, &mut draft)?,
            (9, Wire::Bytes) => push_hex(&mut trace_id, fields.bytes()?),
            (10, Wire::Bytes) => push_hex(&mut span_id, fields.bytes()?),
            (12, Wire::Bytes) => event_name = String::from_utf8_lossy(fields.bytes()?).into_owned(),
            (1..=3 | 5 | 6 | 9..=12, _) if number != 6 || wire != Wire::Bytes => {
                return Err(fields.wrong_encoding());
            }
            _ => fields.skip(wire)?,
        }
    }
    each(record, 6, &mut |pair| key_value(pair, &mut path, false, 0, &mut draft))?;
    Head {
        severity_text: &severity_text,
        event_name: &event_name,
        trace_id: &trace_id,
        span_id: &span_id,
        ..head
    }
    .fill(&mut draft);
    self::resource(resource, &mut draft)?;
    self::scope(scope, &mut draft)?;
    draft.complete(None, &context);
    Ok(())
}

/// A key-value list is fields, everything else the message.
fn body(body: Window<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let list = first(body, 6)?;
    if list.is_done() {
        return any_value(body, &mut "message".to_owned(), false, 0, draft);
    }
    each(list, 1, &mut |pair| key_value(pair, &mut String::new(), false, 0, draft))
}

fn resource(resource: Window<'_>, draft: &mut Draft<'_>) -> Result<()> {
    each(resource, 1, &mut |pair| {
        if key(pair)? == b"service.name" {
            key_value(pair, &mut String::new(), false, 0, draft)?;
        }
        key_value(pair, &mut "resource".to_owned(), false, 0, draft)
    })
}

fn scope(mut scope: Window<'_>, draft: &mut Draft<'_>) -> Result<()> {
    while let Some((number, wire)) = scope.field()? {
        match (number, wire) {
            (1 | 2, Wire::Bytes) => {
                let text = String::from_utf8_lossy(scope.bytes()?);
                if !text.is_empty() {
                    draft
                        .add(if number == 1 { "scope.name" } else { "scope.version" }, LogValue::Text(&text));
                }
            }
            (3, Wire::Bytes) => key_value(scope.message()?, &mut "scope".to_owned(), false, 0, draft)?,
            _ => scope.skip(wire)?,
        }
    }
    Ok(())
}

fn key<'b>(pair: Window<'b>) -> Result<&'b [u8]> {
    Ok(first(pair, 1)?.rest())
}

fn key_value(
    pair: Window<'_>,
    path: &mut String,
    listed: bool,
    depth: usize,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let base = enter(path, &String::from_utf8_lossy(key(pair)?));
    let outcome = any_value(first(pair, 2)?, path, listed, depth, draft);
    path.truncate(base);
    outcome
}

fn any_value(
    mut value: Window<'_>,
    path: &mut String,
    listed: bool,
    depth: usize,
    draft: &mut Draft<'_>,
) -> Result<()> {
    if depth >= DEPTH_MAX {
        draft.drop_field(path);
        return Ok(());
    }
    while let Some((number, wire)) = value.field()? {
        match (number, wire) {
            (1, Wire::Bytes) => {
                let text = String::from_utf8_lossy(value.bytes()?);
                draft.put(path, LogValue::Text(&text), listed);
            }
            (2, Wire::Varint) => draft.put(path, LogValue::Bool(value.varint()? != 0), listed),
            (3, Wire::Varint) => draft.put(path, LogValue::Int(value.varint()? as i64), listed),
            (4, Wire::Fixed64) => {
                draft.put(path, LogValue::Float(f64::from_bits(value.fixed64()?)), listed);
            }
            (5, Wire::Bytes) => {
                let items = value.message()?;
                each(items, 1, &mut |item| any_value(item, path, true, depth + 1, draft))?;
            }
            (6, Wire::Bytes) => {
                let pairs = value.message()?;
                each(pairs, 1, &mut |pair| key_value(pair, path, listed, depth + 1, draft))?;
            }
            (7, Wire::Bytes) => draft.put(path, LogValue::Text(&STANDARD.encode(value.bytes()?)), listed),
            (1..=7, _) => return Err(value.wrong_encoding()),
            _ => value.skip(wire)?,
        }
    }
    Ok(())
}
