//! A page of OpenMetrics: every sample it yields has readable labels, every error a short excerpt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_wire::exposition::Format;

#[path = "support/page.rs"]
mod page;

fuzz_target!(|bytes: &[u8]| page::read(bytes, Format::OpenMetrics));
