//! Judges and decides whom to tell: rule results become alert states, alerts become grouped, inhibited, silenced
//! [deliveries](lingshao_model::Delivery).
//!
//! Contract: pure. No I/O, no thread, no clock: `now` is an argument; the `query` function of templates is a callback
//! that the caller passes. Whatever changes is handed to the caller, who writes it in one transaction before anything
//! is sent, and gives it back after a restart. Input of any kind gives a value or an error, never a panic.

pub mod router;
pub mod rules;
pub mod template;
