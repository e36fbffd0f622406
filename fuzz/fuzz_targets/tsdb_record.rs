//! A batch in the metrics log: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_tsdb::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::record(bytes);
});
