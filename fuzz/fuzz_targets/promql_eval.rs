//! Any expression over a few series, with tight limits: a value or an error, soon.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_model::{Cancel, TimeDelta, Timestamp};
use lingshao_promql::{Limits, ParseOptions, eval_instant, eval_range, parse_with};

#[path = "support/memory.rs"]
mod memory;

fuzz_target!(|query: &str| {
    let Ok(expr) = parse_with(query, ParseOptions::all()) else { return };
    let source = memory::source();
    let limits = Limits { samples_max: 20_000, bytes_max: 4 << 20, ..Limits::experimental() };
    let cancel = Cancel::default();
    if let Ok(output) = eval_instant(&expr, source, Timestamp(300_000), &limits, &cancel) {
        output.warnings(query);
        output.infos(query);
    }
    let (start, end) = (Timestamp(-60_000), Timestamp(600_000));
    drop(eval_range(&expr, source, start, end, TimeDelta::from_secs(45), &limits, &cancel));
});
