//! Evaluates rule groups: each at its own slot, its rules one after the other, and hands on what comes of them.
//!
//! Contract: [`Settings::new`] is where everything can fail; starting and replacing cannot. A group's rounds never
//! overlap, bear the instants of its slots, and are never caught up: those that passed are counted as missed. What a
//! round brings is told ([`Tell`]) after every round; who is told commits it. Evaluation runs on blocking threads of
//! its own number, so that queries cannot hold it up.
//!
//! A group's state lies behind a lock that is held while a result is judged, never while an expression is computed: the
//! API shows alerts also when a query takes its time, and a reload is in force when it returns.

mod cell;
mod generator;
mod group;
pub(crate) mod log_lines;
mod manager;
mod outlet;
mod settings;
mod store;
mod view;

pub(crate) use group::{Group, RoundFigures, run_round};
pub(crate) use manager::{EVALUATIONS_MAX, RuleManager, Tell};
pub(crate) use settings::{Options, Settings};
pub(crate) use store::Store;
pub(crate) use view::{GroupView, RuleView};
