//! A target that sends a gigabyte takes no more memory than its limit. Alone in its program, since memory is the
//! whole process'.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "scrape/support.rs"]
mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use support::{Site, Watch, resident_bytes, wait_until};

#[test]
fn a_gigabyte_is_refused_at_the_limit() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = sent.clone();
    let site = Site::start(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let line = b"big_metric_name{label=\"some value\"} 12345.678\n".repeat(1400);
        for _ in 0..(1 << 30) / line.len() {
            if stream.write_all(&line).is_err() {
                return;
            }
            counter.fetch_add(line.len() as u64, Ordering::Relaxed);
        }
    });
    let before = resident_bytes();
    let config = format!(
        "global: {{scrape_interval: 2s}}\nscrape_configs: [{{job_name: big, static_configs: [{{targets: ['{}']}}]}}]\n",
        site.address
    );
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config);
    let mut peak = 0;
    wait_until("two refusals", || {
        peak = peak.max(resident_bytes());
        watch.scraper.telemetry().failures.load(Ordering::Relaxed) >= 2
    });
    let error = watch.scraped("big").last.error;
    assert_eq!(error, "body size limit of 67108864 bytes exceeded (body_size_limit)");
    let grown = peak.saturating_sub(before) >> 20;
    assert!(grown < 160, "{grown} MiB for a page of at most 64");
    let sent = sent.load(Ordering::Relaxed) >> 20;
    assert!(sent < 200, "two scrapes read {sent} MiB");
    println!("peak {grown} MiB above the start, {sent} MiB sent");
}
