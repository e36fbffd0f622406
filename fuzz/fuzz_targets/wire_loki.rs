//! A push of Loki's, in both encodings: no panic, and every record has a time.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::LogBatch;
use lingshao_wire::log_json::Reader;
use lingshao_wire::loki::{read_json, read_protobuf};

fuzz_target!(|body: &[u8]| {
    let mut batch = LogBatch::default();
    let mut reader = Reader::new(Arc::default());
    if read_json(body, "logs", &mut reader, &mut batch).is_ok() {
        assert!(batch.records().all(|record| record.time().is_some()));
    }
    batch.clear();
    if read_protobuf(body, "logs", &mut reader, &mut batch).is_ok() {
        assert!(batch.records().all(|record| record.index() == "logs"));
    }
});
