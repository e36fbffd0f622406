//! A chunk of samples: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_tsdb::fuzzing;

fuzz_target!(|input: (u16, &[u8])| {
    fuzzing::chunk(input.1, input.0);
});
