//! Grafana's boards: what is drawn, from which expressions, and where each stands in the file.
//!
//! Contract: a board stands bare or wrapped, as [`crate::board`] finds it.
//! Whatever a panel lacks is absent, not an error; only what is no board at all is refused. Limits are those of [`json`].
//! Variables in expressions are replaced by [`Filled`] so that the text parses and positions still lead back.
//!
//! [`json`]: crate::json

mod board;
mod variables;

pub use board::{Board, BoardError, BoardProblem, Datasource, Panel, Target, Threshold};
pub use variables::{Filled, INTERVAL, RANGE, RATE_INTERVAL};
