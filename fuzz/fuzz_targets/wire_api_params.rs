//! A parameter of the Prometheus API, and a text on its way back in a reply.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_model::Timestamp;
use lingshao_wire::{prometheus_api, rfc3339};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(t) = rfc3339::parse(text) {
        // Four-digit years only: an offset may move one over the edge.
        let year_0 = Timestamp(-62_167_219_200_000);
        let year_10000 = Timestamp(253_402_300_800_000);
        if (year_0..year_10000).contains(&t) {
            assert_eq!(rfc3339::parse(&rfc3339::format(t)), Some(t));
        }
    }
    let _ = prometheus_api::time("time", text);
    let _ = prometheus_api::duration("timeout", text);
    let _ = prometheus_api::limit("limit", text);
    let parts: Vec<&str> = text.splitn(3, ' ').collect();
    if let [start, end, step] = parts[..]
        && let Ok(range) = prometheus_api::range(start, end, step)
    {
        assert!(range.start <= range.end && range.step.0 > 0);
    }
    prometheus_api::unescape_name(text);
    let mut out = Vec::new();
    prometheus_api::error(&mut out, prometheus_api::ErrorKind::BadData, text);
    assert!(!out.iter().any(|byte| *byte < b' '));
});
