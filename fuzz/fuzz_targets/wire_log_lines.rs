//! A file of a container, whatever is in it: its lines become records in which nothing is left to be masked.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_model::log::{LogBatch, LogValue};
use lingshao_wire::log_json::{Reader, Settings};
use lingshao_wire::log_lines::{ContainerLine, ContainerLines, Framer, Joiner};
use lingshao_wire::mask::Masker;

fuzz_target!(|stream: &[u8]| {
    let masker = Masker::new(b"key");
    let settings = Settings { masker: Some(masker.clone()), ..Settings::default() };
    let (mut framer, mut container, mut joiner) =
        (Framer::lines(), ContainerLines::default(), Joiner::default());
    let mut lines: Vec<ContainerLine> = Vec::new();
    framer.push(stream, &mut |line| lines.extend(container.push(&String::from_utf8_lossy(line))));
    framer.finish(&mut |line| lines.extend(container.push(&String::from_utf8_lossy(line))));
    lines.extend(container.finish());
    let mut reader = Reader::new(Arc::new(settings));
    let mut batch = LogBatch::default();
    for line in &lines {
        if let Some(text) = joiner.push(&line.text) {
            reader.line(&text, &line.context("logs", &[]), &mut batch);
        }
    }
    for record in batch.records() {
        let message = record.fields().find(|field| field.name == "message");
        if let Some(LogValue::Text(text)) = message.map(|field| field.value) {
            let mut again = String::new();
            assert!(!masker.text(text, &mut again), "{text:?} became {again:?}");
        }
    }
});
