//! A stream of syslog messages: the same messages however it is cut, and a record for each.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::{LogBatch, LogTime};
use lingshao_wire::log_json::{Reader, RecordContext};
use lingshao_wire::log_lines::Framer;
use lingshao_wire::syslog;

fn messages(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::syslog();
    let mut messages = Vec::new();
    for bytes in stream.chunks(piece) {
        framer.push(bytes, &mut |message| messages.push(message.to_vec()));
    }
    framer.finish(&mut |message| messages.push(message.to_vec()));
    messages
}

fuzz_target!(|stream: &[u8]| {
    let whole = messages(stream, stream.len().max(1));
    assert_eq!(whole, messages(stream, 1));
    assert_eq!(whole, messages(stream, 3));
    let mut batch = LogBatch::default();
    let mut reader = Reader::new(Arc::default());
    let now = LogTime(1_749_947_400_000_000_000);
    for message in &whole {
        syslog::read(message, now, &mut reader, &RecordContext::new("logs"), &mut batch);
    }
    assert_eq!(batch.len(), whole.len());
});
