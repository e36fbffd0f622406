//! What appending, sealing and reading cost: prints figures, asserts nothing.
//!
//! `cargo bench -p lingshao-tsdb`: 50 instances × 1,000 series × 240 scrapes, as remote write sends them.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lingshao_disk::{Disk, RealDisk};
use lingshao_model::{
    Cancel, LabelsBuilder, Matcher, Selection, SeriesBatch, SeriesSource, TimeDelta, Timestamp,
};
use lingshao_tsdb::{Db, Options};

const INSTANCES: usize = 50;
const SERIES: usize = 1_000;
const STEPS: i64 = 240;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let (db, _) = Db::open(Arc::clone(&disk), folder.path(), Options::default(), NOW).unwrap();
    let before = resident_bytes();
    let (decoding, appending) = append_all(&db);
    let samples = (INSTANCES * SERIES) as f64 * STEPS as f64;
    let stats = db.stats();
    println!("building batches {:7.1} ns/sample", nanos(decoding) / samples);
    println!("append           {:7.1} ns/sample", nanos(appending) / samples);
    println!("head             {:7.2} bytes/sample by own account", stats.head_bytes as f64 / samples);
    println!(
        "resident         {:7.0} bytes/series",
        (resident_bytes() - before) as f64 / stats.head_series as f64
    );
    println!("log              {:7.2} bytes/sample", stats.wal_bytes as f64 / samples);
    read(&db, "head, one metric ", &[Matcher::equal("__name__", "metric_0007")]);
    read(&db, "head, everything ", &[Matcher::equal("job", "node")]);
    let begun = Instant::now();
    db.seal(NOW).unwrap();
    println!("seal             {:7.1} ns/sample", nanos(begun.elapsed()) / samples);
    println!("block            {:7.2} bytes/sample", db.stats().block_bytes as f64 / samples);
    read(&db, "block, one metric", &[Matcher::equal("__name__", "metric_0007")]);
    read(&db, "block, everything", &[Matcher::equal("job", "node")]);
    let begun = Instant::now();
    drop(db);
    Db::open(disk, folder.path(), Options::default(), NOW).unwrap();
    println!("open after seal  {:7.1} ms", nanos(begun.elapsed()) / 1e6);
}

fn append_all(db: &Db) -> (Duration, Duration) {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    let (mut decoding, mut appending) = (Duration::ZERO, Duration::ZERO);
    let names: Vec<String> = (0..SERIES).map(|n| format!("metric_{n:04}")).collect();
    for step in 0..STEPS {
        let t = NOW - TimeDelta((STEPS - step) * 15_000);
        for instance in 0..INSTANCES {
            let begun = Instant::now();
            let host = format!("host-{instance:05}:9100");
            batch.clear();
            for (n, name) in names.iter().enumerate() {
                labels.clear();
                for (label, value) in
                    [("__name__", name.as_str()), ("device", "eth0"), ("instance", &host), ("job", "node")]
                {
                    labels.push(label, value);
                }
                batch.push(t, None, value(n, instance, step));
                batch.finish_series(&mut labels).unwrap();
            }
            decoding += begun.elapsed();
            let begun = Instant::now();
            db.append(&batch, NOW).unwrap();
            appending += begun.elapsed();
        }
    }
    (decoding, appending)
}

/// The mix of `knowledge`-like shapes: mostly idle, some counters, some decimals, few floats.
fn value(n: usize, instance: usize, step: i64) -> f64 {
    let noise = (n * 31 + instance * 17) as i64 + step * step % 97;
    match n % 20 {
        0..=8 => 0.0,
        9..=12 => (step / 3 + noise % 2) as f64,
        13..=14 => (step * 300 + noise) as f64,
        15..=16 => (step * 1_480 + noise) as f64 / 100.0,
        17 => (noise as f64).sqrt() * step as f64,
        18 => ((step * 977 + noise * 31) % 5_000 * 4_096) as f64,
        _ => (noise % 7) as f64,
    }
}

fn read(db: &Db, what: &str, matchers: &[Matcher]) {
    let begun = Instant::now();
    let snapshot = db.snapshot();
    let selection = Selection { matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let (mut series, mut samples, mut sum) = (0, 0, 0.0);
    snapshot
        .select(&selection, &Cancel::default(), &mut |columns| {
            series += 1;
            samples += columns.times.len();
            sum += columns.values.iter().sum::<f64>();
            ControlFlow::Continue(())
        })
        .unwrap();
    black_box(sum);
    let elapsed = nanos(begun.elapsed());
    println!("{what} {:6.2} ns/sample, {series} series in {:.2} ms", elapsed / samples as f64, elapsed / 1e6);
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
