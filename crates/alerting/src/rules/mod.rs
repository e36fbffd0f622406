//! Results of an alerting rule become states: pending, firing, resolved.

mod saved;

pub use saved::{AlertState, RuleKey, SavedAlert, SavedChange, SavedKey};
