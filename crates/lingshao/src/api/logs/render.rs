//! Answers of the log page's questions.

use std::time::Duration;

use lingshao_model::log::{AggregationResult, Bucket, BucketKey, Level, LogFound, LogRecord, LogValue};
use lingshao_wire::log_json;
use serde_json::{Value, json};

use super::search::{Buckets, cursor};
use crate::logs::query::Notice;

/// Records, how many there are, and their columns.
pub(super) fn page(
    found: &LogFound,
    notices: &[Notice],
    buckets: Option<&Buckets>,
    size: usize,
    last_seq: u64,
    took: Duration,
) -> Vec<u8> {
    let last = found.hits.last().map(|hit| cursor(hit.record.time, hit.record.seq));
    let mut head = json!({
        "total": found.total,
        // A full page may be the last one; then the next is empty.
        "more": size > 0 && found.hits.len() == size,
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "last_seq": last_seq,
        "cursor": last,
        "damage": found.damage,
        "notices": notices.iter().map(Notice::to_json).collect::<Vec<_>>(),
    });
    if let (Some(buckets), Some(AggregationResult::Buckets(columns))) = (buckets, found.aggregations.first())
    {
        let levels: Vec<Value> =
            Level::ALL.iter().map(|level| json!(level.name())).chain([Value::Null]).collect();
        head["histogram"] = json!({
            "interval_ms": buckets.interval / 1_000_000,
            "levels": levels,
            "buckets": columns.buckets.iter().map(column).collect::<Vec<_>>(),
        });
    }
    let mut body = head.to_string().into_bytes();
    body.pop(); // The closing bracket comes behind the records.
    body.extend_from_slice(b",\"hits\":");
    records(&mut body, found.hits.iter().map(|hit| &hit.record));
    body.push(b'}');
    body
}

/// A list of records.
pub(super) fn records<'r>(body: &mut Vec<u8>, records: impl Iterator<Item = &'r LogRecord>) {
    body.push(b'[');
    for (place, record) in records.enumerate() {
        if place > 0 {
            body.push(b',');
        }
        one(body, record);
    }
    body.push(b']');
}

fn one(body: &mut Vec<u8>, record: &LogRecord) {
    let message = record.text("message");
    let head = json!({
        "index": &*record.index,
        "id": record.id,
        "seq": record.seq,
        "time_ms": record.time.as_millis(),
        "time": record.time.to_string(),
        "level": record.level.map(Level::name),
        "message": message,
    });
    body.extend_from_slice(head.to_string().as_bytes());
    body.pop();
    body.extend_from_slice(b",\"source\":");
    log_json::write(record, body);
    body.push(b'}');
}

fn column(bucket: &Bucket) -> Value {
    let time = match bucket.keys.first() {
        Some(BucketKey::Time(time)) => time.as_millis(),
        _ => 0,
    };
    let counts: Vec<u64> = match bucket.inner.first() {
        Some(AggregationResult::Buckets(levels)) => levels.buckets.iter().map(|level| level.count).collect(),
        _ => Vec::new(),
    };
    json!({ "t": time, "counts": counts })
}

/// A key as JSON.
pub(super) fn key(key: &BucketKey) -> Value {
    match key {
        BucketKey::Null => Value::Null,
        BucketKey::Text(text) => json!(text),
        BucketKey::Number(lingshao_model::log::Number::Int(number)) => json!(number),
        BucketKey::Number(lingshao_model::log::Number::Float(number)) => json!(number),
        BucketKey::Bool(value) => json!(value),
        BucketKey::Time(time) => json!(time.to_string()),
        BucketKey::Place(place) => json!(place),
    }
}

/// A value as one cell of a table.
pub(super) fn cell(value: &LogValue<String>) -> String {
    match value {
        LogValue::Null => String::new(),
        LogValue::Bool(value) => value.to_string(),
        LogValue::Int(number) => number.to_string(),
        LogValue::Float(number) => number.to_string(),
        LogValue::Text(text) => text.clone(),
    }
}
