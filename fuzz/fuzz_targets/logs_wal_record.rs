//! Records of the logs' write-ahead log and its list of indices: read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_logs::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::wal_record(bytes);
});
