//! `lingshao demo`: the real binary with the demo shop, as a newcomer starts it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::type_complexity,
    reason = "all of this is test code; only functions marked as tests are known as such"
)]

#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "each test program uses its own part of this")]
mod harness;
mod incidents;
mod monitors;
mod start;
