//! Business monitors that act on a shop's own database, safe enough for real money.
//!
//! Contract: what decides is pure. [`act::step`] takes an event and `now`, and says which effects come next; the caller
//! carries them out one after the other and never holds two of them back. Nothing here opens a socket but to the shop's
//! database ([`sql`]), reads a clock, or keeps a thread. Money is whole fen. Every write to the shop is one short
//! transaction that begins with a compare-and-set on the order's state, and is off until a person switches it on.
//!
//! - [`act`]: the step machines *cancel* and *refund*, and how both go on after a crash.
//! - [`ledger`]: the rows that must be on disk before the effect behind them.
//! - [`provider`]: what a payment provider answers, whoever it is.
//! - [`day`]: the shop's days.
//! - [`group`]: what becomes of a group buy.
//! - [`safety`]: limits, halts, quarantine, and the detector of lost payment callbacks.
//! - [`mapping`]: what a shop's tables mean, presets, and what is wrong with a mapping.
//! - [`sql`]: finders, guarded transactions, and the check of a mapping against a database.

pub mod act;
pub mod day;
pub mod group;
mod key;
pub mod ledger;
pub mod mapping;
mod money;
pub mod provider;
pub mod safety;
pub mod sql;

pub use key::{GroupKey, KeyError, OrderKey, OrderNumber, RefundNumber, ShopName};
pub use money::{Fen, MoneyError};
