//! A `_bulk` body: every record belongs to one item, and the answer is JSON.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::LogBatch;
use lingshao_wire::es_bulk::{Answer, Outcome, Planned, parse, render};
use lingshao_wire::log_json::Reader;

fuzz_target!(|body: &[u8]| {
    let mut batch = LogBatch::default();
    let mut reader = Reader::new(Arc::default());
    let Ok(items) = parse(body, Some("shop"), &mut reader, &mut batch) else { return };
    let mut records = 0;
    let answers: Vec<Answer<'_>> = items
        .iter()
        .map(|item| match &item.planned {
            Planned::Record(number) => {
                assert_eq!(*number, records);
                records += 1;
                let record = batch.record(*number);
                let outcome = Outcome::Created { seq: *number as u64 };
                Answer { verb: item.verb, index: record.index(), id: record.id(), outcome }
            }
            Planned::Refused(refusal) => {
                let outcome =
                    Outcome::Refused { status: refusal.status, kind: refusal.kind, reason: &refusal.reason };
                Answer { verb: item.verb, index: &refusal.index, id: refusal.id.as_deref(), outcome }
            }
        })
        .collect();
    assert_eq!(records, batch.len());
    let answer = render(1, answers);
    let read: serde_json::Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    assert_eq!(read["items"].as_array().map(Vec::len), Some(items.len()));
    assert_eq!(read["errors"], records < items.len());
});
