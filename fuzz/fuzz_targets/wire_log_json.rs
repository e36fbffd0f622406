//! A JSON object: what the reader takes, put together again, is what serde_json reads; and what serde_json takes, it
//! takes.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::LogBatch;
use lingshao_wire::log_json::{Reader, RecordContext, Settings};
use serde_json::Value;

#[path = "../../crates/wire/tests/support/rebuild.rs"]
mod rebuild;

fuzz_target!(|json: &str| {
    let settings = Settings { lift: false, recognise: false, ..Settings::default() };
    let mut batch = LogBatch::default();
    let read = Reader::new(Arc::new(settings)).record(json, &RecordContext::new("shop"), &mut batch);
    let Ok(expected @ Value::Object(_)) = serde_json::from_str(json) else { return };
    read.expect("serde_json takes it");
    let record = batch.record(0);
    // Fields that are derived would be members that the sender did not send.
    let derives = record.source().is_none() && expected.get("message").is_none();
    let mut found = rebuild::rebuild(record);
    if derives && let Some(object) = found.as_object_mut() {
        object.remove("message");
    }
    assert!(rebuild::same(&found, &expected), "{json} became {found}");
});
