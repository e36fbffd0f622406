//! What a million log records cost in each step on their way in: `cargo bench -p lingshao-wire --bench logs`, or
//! `… -- FILE` with bodies of `_bulk` as they were sent, each behind a line with its length. Prints the best of several
//! rounds in seconds of the processor per million records.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::sync::Arc;

use lingshao_model::log::LogBatch;
use lingshao_wire::es_bulk;
use lingshao_wire::log_json::{Reader, RecordContext, Settings};
use lingshao_wire::mask::Masker;

const ROUNDS: usize = 9;
const BODIES: usize = 10;
const ROWS_PER_BODY: usize = 2_000;

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let bodies = match file {
        Some(path) => framed(&std::fs::read(path).expect("the file can be read")),
        None => (0..BODIES).map(body).collect(),
    };
    let rows: usize = bodies.iter().map(|body| documents(body).count()).sum();
    let bytes: usize = bodies.iter().map(String::len).sum();
    println!("{rows} records, {bytes} bytes");

    let settings = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Arc::new(settings)
    };
    report("objects, no lifting", rows, || read(&bodies, &settings(|settings| settings.lift = false)));
    report("objects", rows, || read(&bodies, &settings(|_| {})));
    report("objects, masked", rows, || {
        read(&bodies, &settings(|settings| settings.masker = Some(Masker::new(b"a key"))));
    });
    let lines: Vec<String> = bodies.iter().flat_map(|body| documents(body)).map(plan_line).collect();
    report("the plan's lines of text, lifted", rows, || read_lines(&lines, &settings(|_| {})));
    report("_bulk", rows, || bulk(&bodies, &settings(|_| {})));
}

fn report(name: &str, rows: usize, mut round: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = processor_seconds();
        round();
        best = best.min((processor_seconds() - start) * 1e6 / rows as f64);
    }
    println!("{name:32} {best:8.3} s per million");
}

/// What this thread has had of a processor, so that a busy machine changes little.
fn processor_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("benches run on Linux");
    let nanos = times.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.expect("the first figure is nanoseconds on a processor") / 1e9
}

fn read(bodies: &[String], settings: &Arc<Settings>) {
    let mut reader = Reader::new(Arc::clone(settings));
    let mut batch = LogBatch::default();
    let context = RecordContext::new("shop");
    for body in bodies {
        batch.clear();
        for document in documents(black_box(body)) {
            reader.record(document, &context, &mut batch).expect("our own records are valid");
        }
        black_box(&batch);
    }
}

/// As the middleware of the shop's plan logs a request.
fn plan_line(document: &str) -> String {
    format!("2025-06-15 08:30:00,123 - lingxian - INFO - Response: {document}")
}

fn read_lines(lines: &[String], settings: &Arc<Settings>) {
    let mut reader = Reader::new(Arc::clone(settings));
    let mut batch = LogBatch::default();
    for lines in lines.chunks(ROWS_PER_BODY) {
        batch.clear();
        for line in lines {
            reader.line(black_box(line), &RecordContext::new("shop"), &mut batch);
        }
        black_box(&batch);
    }
}

fn bulk(bodies: &[String], settings: &Arc<Settings>) {
    let mut reader = Reader::new(Arc::clone(settings));
    let mut batch = LogBatch::default();
    for body in bodies {
        batch.clear();
        let items = es_bulk::parse(black_box(body.as_bytes()), None, &mut reader, &mut batch);
        black_box(items.expect("our own bodies are valid"));
    }
}

fn documents(body: &str) -> impl Iterator<Item = &str> {
    body.lines().skip(1).step_by(2)
}

fn framed(file: &[u8]) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut rest = file;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let length: usize = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|length| length.parse().ok())
            .expect("each body stands behind its length");
        rest = &rest[end + 1..];
        bodies.push(String::from_utf8(rest[..length].to_vec()).expect("bodies are UTF-8"));
        rest = &rest[length..];
    }
    bodies
}

/// Request logs as the shop's plan asks for them.
fn body(number: usize) -> String {
    let row = |row: usize| {
        let seed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (message, level) = match seed % 17 {
            0 => ("支付失败: 渠道返回超时", "ERROR"),
            1..4 => ("connection timed out after 3000 ms", "WARNING"),
            _ => ("request completed", "INFO"),
        };
        format!(
            "{{\"create\":{{\"_index\":\"shop\"}}}}\n{{\"timestamp\":\"2025-06-15T08:{:02}:{:02}.{:03}Z\",\
             \"level\":\"{level}\",\"logger\":\"lingxian.orders\",\"method\":\"GET\",\
             \"path\":\"/api/v1/products/{}\",\"status_code\":{},\"process_time\":0.{:03},\
             \"client_ip\":\"10.1.{}.{}\",\"user_id\":{},\"trace_id\":\"{seed:016x}{:016x}\",\
             \"user_agent\":\"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)\",\
             \"message\":\"{message} order_no={:09} cost=0.{:03}s\"}}\n",
            row / 60_000 % 60,
            row / 1000 % 60,
            row % 1000,
            seed % 20_000,
            200 + seed % 300,
            seed % 999,
            seed % 256,
            seed / 256 % 256,
            10_000 + seed % 200_000,
            seed.rotate_left(17),
            seed % 1_000_000_000,
            seed % 999,
        )
    };
    (number * ROWS_PER_BODY..(number + 1) * ROWS_PER_BODY).map(row).collect()
}
