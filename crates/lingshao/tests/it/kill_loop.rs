//! `kill -9` again and again under concurrent remote write, with a client that remembers what was acknowledged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lingshao_model::SeriesBatch;
use lingshao_wire::{remote_write, snappy};

use crate::harness::{Server, WRITE_HEADERS, encoded, folder, now_millis, push};

const WRITERS: usize = 3;
const SERIES: usize = 20;

/// Sequence numbers of one writer; every number is one sample of each of its series.
#[derive(Default)]
struct Writer {
    /// The next number to send. A request that was cut off is never sent again: it may or may not be there.
    next: i64,
    acknowledged: Vec<i64>,
}

/// One instant a millisecond, so that thousands of requests lie within the last hour.
fn instant(base: i64, number: i64) -> i64 {
    base + number
}

/// Irregular values that depend on the number, so that a mix-up shows.
fn value(writer: usize, series: usize, number: i64) -> f64 {
    (number as f64 * 0.1 + series as f64).sin() * 1e6 + writer as f64
}

fn body(writer: usize, base: i64, number: i64) -> Vec<u8> {
    let mut batch = SeriesBatch::default();
    for series in 0..SERIES {
        let (writer_text, series_text) = (writer.to_string(), series.to_string());
        let labels = [("__name__", "killed"), ("series", &series_text), ("writer", &writer_text)];
        push(&mut batch, &labels, &[(instant(base, number), value(writer, series, number))]);
    }
    snappy::compress(&remote_write::encode_v1(&batch))
}

fn write_until(stop: &AtomicBool, server: &Server, index: usize, base: i64, writer: &Mutex<Writer>) {
    while !stop.load(Ordering::Relaxed) {
        let number = {
            let mut writer = writer.lock().unwrap();
            writer.next += 1;
            writer.next
        };
        let answer = server.try_request("POST", "/api/v1/write", WRITE_HEADERS, &body(index, base, number));
        match answer {
            Ok(answer) if answer.status == 204 => writer.lock().unwrap().acknowledged.push(number),
            Ok(answer) => panic!("refused with {}: {}", answer.status, answer.body),
            Err(_) => return, // Killed.
        }
    }
}

/// Every acknowledged sample is there with its value; what is there was sent.
fn verify(server: &Server, base: i64, writers: &[Mutex<Writer>]) -> usize {
    let mut checked = 0;
    for (index, writer) in writers.iter().enumerate() {
        let writer = writer.lock().unwrap();
        let query = encoded(&format!("killed{{writer=\"{index}\"}}[1h]"));
        let end = (instant(base, writer.next) + 1) as f64 / 1000.0;
        let data = server.data(&format!("/api/v1/query?query={query}&time={end}"));
        let found = data["result"].as_array().unwrap();
        assert!(
            writer.acknowledged.is_empty() || found.len() == SERIES,
            "{} series of writer {index}",
            found.len()
        );
        for one in found {
            let series: usize = one["metric"]["series"].as_str().unwrap().parse().unwrap();
            let mut points = std::collections::HashMap::new();
            for point in one["values"].as_array().unwrap() {
                let number = (point[0].as_f64().unwrap() * 1000.0).round() as i64 - base;
                let read: f64 = point[1].as_str().unwrap().parse().unwrap();
                assert_eq!(
                    read.to_bits(),
                    value(index, series, number).to_bits(),
                    "writer {index}, number {number}"
                );
                assert!(points.insert(number, ()).is_none(), "number {number} twice");
            }
            for number in &writer.acknowledged {
                assert!(
                    points.contains_key(number),
                    "writer {index}, series {series}: number {number} was acknowledged and is lost"
                );
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn kill_loop() {
    let kills: u32 = std::env::var("LINGSHAO_KILLS")
        .map_or(20, |kills| kills.parse().expect("LINGSHAO_KILLS is a number"));
    let folder = folder();
    let base = now_millis() - 3_000_000;
    let writers: Vec<Mutex<Writer>> = (0..WRITERS).map(|_| Mutex::default()).collect();
    for kill in 0..kills {
        let server = Server::start(&folder);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (index, writer) in writers.iter().enumerate() {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || write_until(stop, server, index, base, writer));
            }
            // Different moments: during the first requests, in the middle of many.
            std::thread::sleep(Duration::from_millis(30 + u64::from(kill * 37 % 400)));
            server.signal("-KILL");
            stop.store(true, Ordering::Relaxed);
        });
        drop(server);
    }
    let server = Server::start(&folder);
    let checked = verify(&server, base, &writers);
    println!("{kills} kills, {checked} acknowledged samples read back");
    assert!(
        checked > kills as usize * SERIES,
        "too few samples were acknowledged to prove anything: {checked}"
    );
}
