//! A request with OpenTelemetry's logs, in both encodings: no panic, and records within their limits.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::LogBatch;
use lingshao_wire::log_json::{Reader, Settings, VALUES_MAX};
use lingshao_wire::mask::Masker;
use lingshao_wire::otlp_logs::{read_json, read_protobuf};

fuzz_target!(|body: &[u8]| {
    let settings = Settings { masker: Some(Masker::new(b"key")), ..Settings::default() };
    for read in [read_json, read_protobuf] {
        let mut batch = LogBatch::default();
        let mut reader = Reader::new(Arc::new(settings.clone()));
        if read(body, "logs", &mut reader, &mut batch).is_ok() {
            assert!(batch.records().all(|record| record.fields().len() <= 2 * VALUES_MAX));
        }
    }
});
