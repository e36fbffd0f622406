//! The same messages as JSON: names in camel case, 64-bit numbers as texts, ids in hexadecimal.

use lingshao_model::log::{LogBatch, LogValue, Number};

use super::{Head, OtlpError, REPEATED_TOO_MUCH, Sink, enter};
use crate::log_json::scan::{Fault, Scanner, each_item, each_member, plain_text};
use crate::log_json::{DEPTH_MAX, Draft, Reader, RecordContext};

type Result<T> = std::result::Result<T, Fault>;

/// Reads a request. After an error the batch means nothing.
pub fn read_json(
    body: &[u8],
    index: &str,
    reader: &mut Reader,
    batch: &mut LogBatch,
) -> std::result::Result<(), OtlpError> {
    let body = String::from_utf8_lossy(body);
    let mut scanner = Scanner::new(&body);
    scanner.skip_text()?;
    scanner.end()?;
    let mut sink = Sink::new(index, reader, batch);
    items(&body, "resourceLogs", &mut |resource_logs| {
        let resource = member(resource_logs, "resource")?;
        items(resource_logs, "scopeLogs", &mut |scope_logs| {
            let scope = member(scope_logs, "scope")?;
            items(scope_logs, "logRecords", &mut |record| self::record(record, resource, scope, &mut sink))
        })
    })?;
    Ok(())
}

/// A member of an object, the last one of its name; `null` is none.
fn member<'t>(object: &'t str, wanted: &str) -> Result<Option<&'t str>> {
    let mut found = None;
    each_member(object, &mut |name, value| {
        if name == wanted {
            found = Some(value).filter(|value| *value != "null");
        }
        Ok(())
    })?;
    Ok(found)
}

/// Visits the items of a member that is an array.
fn items<'t>(object: &'t str, name: &str, visit: &mut dyn FnMut(&'t str) -> Result<()>) -> Result<()> {
    member(object, name)?.map_or(Ok(()), |array| each_item(array, visit))
}

fn record(record: &str, resource: Option<&str>, scope: Option<&str>, sink: &mut Sink<'_>) -> Result<()> {
    if !sink.repeat(resource.map_or(0, str::len) + scope.map_or(0, str::len)) {
        return Err(Fault { at: 0, what: REPEATED_TOO_MUCH });
    }
    let context = RecordContext::new(sink.index);
    let mut draft = sink.reader.draft(&context, sink.batch);
    let mut texts = [const { String::new() }; 4];
    let mut numbers = [0_i64; 3];
    const TEXTS: [&str; 4] = ["severityText", "traceId", "spanId", "eventName"];
    const NUMBERS: [&str; 3] = ["timeUnixNano", "observedTimeUnixNano", "severityNumber"];
    if let Some(body) = member(record, "body")? {
        self::body(body, &mut draft)?;
    }
    each_member(record, &mut |name, value| {
        if let Some(place) = TEXTS.iter().position(|text| *text == name) {
            texts[place] = plain_text(value).unwrap_or_default().into_owned();
        } else if let Some(place) = NUMBERS.iter().position(|number| *number == name) {
            numbers[place] = plain_text(value).and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        Ok(())
    })?;
    attributes(record, "", &mut draft)?;
    let head = Head {
        time: numbers[0].max(0) as u64,
        observed: numbers[1].max(0) as u64,
        severity: numbers[2],
        severity_text: &texts[0],
        trace_id: &texts[1],
        span_id: &texts[2],
        event_name: &texts[3],
    };
    head.fill(&mut draft);
    if let Some(resource) = resource {
        service_name(resource, &mut draft)?;
        attributes(resource, "resource", &mut draft)?;
    }
    if let Some(scope) = scope {
        self::scope(scope, &mut draft)?;
    }
    draft.complete(None, &context);
    Ok(())
}

/// A key-value list is fields, everything else the message.
fn body(body: &str, draft: &mut Draft<'_>) -> Result<()> {
    match member(body, "kvlistValue")? {
        Some(list) => pairs(list, "values", &mut String::new(), false, 0, draft),
        None => any_value(body, &mut "message".to_owned(), false, 0, draft),
    }
}

fn attributes(object: &str, prefix: &str, draft: &mut Draft<'_>) -> Result<()> {
    pairs(object, "attributes", &mut prefix.to_owned(), false, 0, draft)
}

fn service_name(resource: &str, draft: &mut Draft<'_>) -> Result<()> {
    items(resource, "attributes", &mut |pair| {
        if member(pair, "key")?.and_then(plain_text).is_some_and(|key| key == "service.name") {
            key_value(pair, &mut String::new(), false, 0, draft)?;
        }
        Ok(())
    })
}

fn scope(scope: &str, draft: &mut Draft<'_>) -> Result<()> {
    for (name, field) in [("name", "scope.name"), ("version", "scope.version")] {
        if let Some(text) = member(scope, name)?.and_then(plain_text).filter(|text| !text.is_empty()) {
            draft.add(field, LogValue::Text(&text));
        }
    }
    attributes(scope, "scope", draft)
}

fn pairs(
    object: &str,
    name: &str,
    path: &mut String,
    listed: bool,
    depth: usize,
    draft: &mut Draft<'_>,
) -> Result<()> {
    items(object, name, &mut |pair| key_value(pair, path, listed, depth, draft))
}

fn key_value(pair: &str, path: &mut String, listed: bool, depth: usize, draft: &mut Draft<'_>) -> Result<()> {
    let key = member(pair, "key")?.and_then(plain_text).unwrap_or_default();
    let Some(value) = member(pair, "value")? else { return Ok(()) };
    let base = enter(path, &key);
    let outcome = any_value(value, path, listed, depth, draft);
    path.truncate(base);
    outcome
}

fn any_value(
    value: &str,
    path: &mut String,
    listed: bool,
    depth: usize,
    draft: &mut Draft<'_>,
) -> Result<()> {
    if depth >= DEPTH_MAX {
        draft.drop_field(path);
        return Ok(());
    }
    each_member(value, &mut |name, value| {
        match name {
            "arrayValue" => {
                return items(value, "values", &mut |item| any_value(item, path, true, depth + 1, draft));
            }
            "kvlistValue" => return pairs(value, "values", path, listed, depth + 1, draft),
            "boolValue" => draft.put(path, LogValue::Bool(value == "true"), listed),
            _ => {}
        }
        let Some(text) = plain_text(value) else { return Ok(()) };
        let number = Number::read(&text);
        match (name, number) {
            ("stringValue" | "bytesValue", _) => draft.put(path, LogValue::Text(&text), listed),
            ("intValue", Some(Number::Int(number))) => draft.put(path, LogValue::Int(number), listed),
            ("doubleValue", Some(number)) => draft.put(path, LogValue::Float(number.as_f64()), listed),
            ("intValue" | "doubleValue", _) => draft.put(path, LogValue::Text(&text), listed),
            _ => {}
        }
        Ok(())
    })
}
