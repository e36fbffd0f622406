//! A decompressed body of remote write 2.0.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_wire::remote_write::{decode_v2, encode_v2};

#[path = "support/remote_write.rs"]
mod remote_write;

fuzz_target!(|bytes: &[u8]| remote_write::round_trip(bytes, decode_v2, encode_v2));
