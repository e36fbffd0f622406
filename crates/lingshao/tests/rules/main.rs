//! Rules as a shop meets them: the real binary, its unit tests of rules beside promtool's, its API beside Prometheus'.

#![allow(clippy::unwrap_used)]

#[path = "../it/harness.rs"]
#[allow(
    dead_code,
    clippy::type_complexity,
    reason = "shared with the other integration tests; each uses a part of it"
)]
mod harness;
mod live;
mod unit_tests;
