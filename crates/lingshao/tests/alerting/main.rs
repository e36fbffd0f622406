//! From a sample to somebody's phone: the real binary, targets that go bad, and the services of `lingshao-demo` that
//! take the messages.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::type_complexity,
    reason = "all of this is test code; only functions marked as tests are known as such"
)]

mod clock;
mod faults;
#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "each test program uses its own part of this")]
mod harness;
mod journey;
mod kills;
mod outage;
mod secrets;
mod storm;
mod support;
