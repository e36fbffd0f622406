//! The parts of a block behind their checksums: footer, page, posting lists. Read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_tsdb::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::footer(bytes);
    fuzzing::page(bytes);
    fuzzing::postings(bytes);
});
