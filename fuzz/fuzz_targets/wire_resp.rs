//! Replies of Redis: never more bytes than are there, cut anywhere they are waited for, and a command is one of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_wire::resp::{Reply, command, reply};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((read, taken))) = reply(bytes, BYTES_MAX) {
        assert!(taken <= bytes.len());
        assert_eq!(reply(&bytes[..taken], BYTES_MAX), Ok(Some((read, taken))), "what follows does not matter");
        assert_eq!(reply(&bytes[..taken - 1], BYTES_MAX), Ok(None), "a reply that lacks a byte is waited for");
    }
    let sent = command(&[b"SET", bytes]);
    let expected = Reply::List(vec![Reply::Text(b"SET".to_vec()), Reply::Text(bytes.to_vec())]);
    assert_eq!(reply(&sent, BYTES_MAX), Ok(Some((expected, sent.len()))));
});
