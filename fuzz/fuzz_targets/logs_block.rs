//! The sections of a part of logs behind their checksums: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_logs::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::block(bytes);
});
