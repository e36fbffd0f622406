//! A snappy block: never more bytes than allowed, and what is compressed comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_wire::snappy::{DecodeLimits, compress, decompress};

fuzz_target!(|bytes: &[u8]| {
    let limits = DecodeLimits { bytes_max: 1 << 20, ..DecodeLimits::default() };
    let mut out = Vec::new();
    if decompress(bytes, &limits, &mut out).is_ok() {
        assert!(out.len() <= limits.bytes_max && out.len() <= bytes.len() * limits.ratio_max);
    }
    decompress(&compress(bytes), &limits, &mut out).expect("our own block is valid");
    assert_eq!(out, bytes);
});
